"""Runs the jobs when it is their time, and remembers how each ended."""

import json
import time

# Seconds after which a job that failed is tried again, if its own time is not sooner.
AGAIN = 3

# Seconds that it may fail before that is logged: Keycloak starts more slowly than this.
PATIENCE = 60

STATUS = """
SELECT job, extract(epoch FROM now() - succeeded)::bigint, extract(epoch FROM now() - tried)::bigint, detail, error FROM mlflow_sso_jobs ORDER BY job
"""


class Job:
    """Something that is done again and again."""

    def __init__(self, name, every, run):
        """every is in seconds; run takes a connection and returns what it did, as a text."""
        self.name, self.every, self._run = name, every, run
        self._next = 0.0
        # Since when it fails, and what was logged of that.
        self._failing, self._reported = None, None

    def due(self):
        """Whether it is time."""
        return time.monotonic() >= self._next

    def run(self, connect, log):
        """Runs it, whatever happens, and writes down how it ended. A failure that lasts is logged once."""
        try:
            with connect() as connection:
                detail = self._run(connection)
                remember(connection, self.name, detail)
        except Exception as error:  # whatever it is, the next round may be better
            # A driver's text names the server and the role, never the password; others are ours.
            failure = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            self._failing = self._failing or time.monotonic()
            if failure != self._reported and time.monotonic() - self._failing >= PATIENCE:
                log("job.failed", self.name, error=failure)
                self._reported = failure
            self._next = time.monotonic() + min(self.every, AGAIN)
            self._note(connect, failure)
            return
        if self._reported:
            log("job.recovered", self.name, detail=detail)
        self._failing, self._reported = None, None
        self._next = time.monotonic() + self.every

    def _note(self, connect, failure):
        try:
            with connect() as connection:
                remember(connection, self.name, "", failure)
        except Exception:  # the database is away; logged already
            pass


def remember(connection, job, detail, error=""):
    """Writes down how a job ended, for whoever asks for its status."""
    connection.execute(
        "INSERT INTO mlflow_sso_jobs (job, succeeded, tried, detail, error) VALUES (%(job)s, CASE WHEN %(error)s = '' THEN now() END, now(), %(detail)s, %(error)s) "
        "ON CONFLICT (job) DO UPDATE SET succeeded = coalesce(excluded.succeeded, mlflow_sso_jobs.succeeded), tried = excluded.tried, error = excluded.error, "
        "detail = CASE WHEN excluded.error = '' THEN excluded.detail ELSE mlflow_sso_jobs.detail END",
        {"job": job, "detail": detail, "error": error},
    )


def status(connection):
    """Each job's end as JSON: seconds since it last succeeded and since it last ran."""
    rows = connection.execute(STATUS).fetchall()
    return json.dumps([{"job": job, "succeeded": succeeded, "tried": tried, "detail": detail, "error": error} for job, succeeded, tried, detail, error in rows])
