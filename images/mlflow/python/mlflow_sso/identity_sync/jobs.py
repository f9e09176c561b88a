"""Runs jobs when they are due, and records how each ended."""

import json
import time

# Seconds until a failed job is retried, unless its own interval is shorter.
AGAIN = 3

# Seconds of failure before it is logged: Keycloak starts more slowly than the sync.
PATIENCE = 60

STATUS = """
SELECT job, extract(epoch FROM now() - succeeded)::bigint, extract(epoch FROM now() - tried)::bigint, detail, error FROM mlflow_sso_jobs ORDER BY job
"""


class Job:
    """A periodic job."""

    def __init__(self, name, every, run):
        """every is in seconds; run takes a connection and returns a summary of what it did."""
        self.name, self.every, self._run = name, every, run
        self._next = 0.0
        # When the current failure began, and what of it is logged.
        self._failing, self._reported = None, None

    def due(self):
        """Whether the job is due."""
        return time.monotonic() >= self._next

    def run(self, connect, log):
        """Runs the job, catches every exception, and records the result. Logs a lasting failure once."""
        try:
            with connect() as connection:
                detail = self._run(connection)
                remember(connection, self.name, detail)
        except Exception as error:  # any failure: the next round may succeed
            # A driver's text names the server and the role, never the password; the other texts
            # are this package's.
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
        except Exception:  # the database is down; already logged
            pass


def remember(connection, job, detail, error=""):
    """Records how a job ended, for the status command."""
    connection.execute(
        "INSERT INTO mlflow_sso_jobs (job, succeeded, tried, detail, error) VALUES (%(job)s, CASE WHEN %(error)s = '' THEN now() END, now(), %(detail)s, %(error)s) "
        "ON CONFLICT (job) DO UPDATE SET succeeded = coalesce(excluded.succeeded, mlflow_sso_jobs.succeeded), tried = excluded.tried, error = excluded.error, "
        "detail = CASE WHEN excluded.error = '' THEN excluded.detail ELSE mlflow_sso_jobs.detail END",
        {"job": job, "detail": detail, "error": error},
    )


def status(connection):
    """The status of each job as JSON: seconds since it last succeeded and since it last ran."""
    rows = connection.execute(STATUS).fetchall()
    return json.dumps([{"job": job, "succeeded": succeeded, "tried": tried, "detail": detail, "error": error} for job, succeeded, tried, detail, error in rows])
