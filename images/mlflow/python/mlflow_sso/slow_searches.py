"""Runs slow searches one at a time in each server process, alongside all fast ones.

Upstream defect (MLflow 3.17.2): as many searches run at once as there are threads. Each that sorts hundreds
of thousands of matches reads them from disk and writes temporary files; together they evict the tables from
memory, and all of them reach the database's time limit.

Here every search first gets a short time limit. One that exceeds it runs again with the database's usual
limit, when no other slow search of this process is running. Fast searches never wait. The queue is short
enough to leave threads for other requests; beyond it, a search gets 503, which MLflow's client retries.
"""

import functools
import logging
import threading
import time
from collections import deque
from contextvars import ContextVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from mlflow.store.db.utils import _get_managed_session_maker
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Tracking
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from mlflow_sso import process_limits, upstream_guard

FIRST = 2000  # milliseconds of a statement, before the search counts as slow
WAIT = 25  # seconds: with the 60 of a statement less than the 120 that MLflow's client waits
ENDED = "57014"  # Postgres's code for a statement that reached its time limit

# Methods that only read, in a session of their own.
SEARCHES = {
    Tracking: ("_search_runs", "_search_experiments", "search_traces", "search_logged_models", "search_datasets", "query_trace_metrics", "find_completed_sessions"),
    Registry: ("search_registered_models", "search_model_versions"),
}

_impatient = ContextVar("mlflow-sso: a search that has a short time", default=False)
_logger = logging.getLogger(__name__)


class Queue:
    """The queue of slow searches in one process: the first runs, the others wait in order of arrival."""

    def __init__(self, places, wait=WAIT):
        self._places, self._wait, self._all, self._changed = places, wait, deque(), threading.Condition()

    def run(self, search):
        """Runs a search when it is first in the queue; raises if the queue is full or the wait times
        out."""
        me = object()
        with self._changed:
            if len(self._all) >= self._places:
                raise busy()
            self._all.append(me)
            first = self._changed.wait_for(lambda: self._all[0] is me, self._wait)
        try:
            if not first:
                raise busy()
            return search()
        finally:
            with self._changed:
                self._all.remove(me)
                self._changed.notify_all()


def busy():
    """The response when the queue is full. MLflow's client retries by itself."""
    return MlflowException(
        "The server is busy with other long searches. Try again in a minute, or narrow the search, for example to one experiment, or sort by start time instead of a metric.",
        error_code=TEMPORARILY_UNAVAILABLE,
    )


def queue_slow(workers, searches=SEARCHES):
    """Lets each search try with the short limit first, and queues slow ones."""
    queue = Queue(max(1, process_limits.threads(workers) - 3))
    for store, names in searches.items():
        upstream_guard.has(store, *names)
        for name in names:
            search = getattr(store, name)
            upstream_guard.uses(search, "ManagedSessionMaker")
            setattr(store, name, _queued(search, queue))
    if not event.contains(Session, "after_begin", limit):
        event.listen(Session, "after_begin", limit)
        logging.getLogger(_get_managed_session_maker.__module__).addFilter(expected)


def _queued(search, queue):
    @functools.wraps(search)
    def searched(*arguments, **named):
        if _impatient.get():  # a nested search
            return search(*arguments, **named)
        began = time.monotonic()
        token = _impatient.set(True)
        try:
            return search(*arguments, **named)
        except MlflowException as error:
            if not reached_limit(error.__cause__):
                raise
        finally:
            _impatient.reset(token)
        found = queue.run(functools.partial(search, *arguments, **named))
        _logger.warning("%s: a slow search, answered after %.1f s", search.__name__, time.monotonic() - began)
        return found

    return searched


def reached_limit(error):
    """Whether the database has cancelled a statement at its time limit."""
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) == ENDED


def expected(record):
    """A filter for MLflow's log: a first attempt that times out is not an error."""
    return not (_impatient.get() and record.exc_info and reached_limit(record.exc_info[1]))


def limit(session, transaction, connection):
    """SQLAlchemy's hook: sets the short time limit for a search's transaction. It ends with the
    transaction."""
    if _impatient.get() and connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {FIRST}")
