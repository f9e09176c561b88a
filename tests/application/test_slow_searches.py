"""Slow searches run one at a time, and fast ones never wait for them."""

import logging
import threading
import unittest
from types import SimpleNamespace
from unittest import mock

from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _get_managed_session_maker
from mlflow_sso import slow_searches
from sqlalchemy.exc import OperationalError
from tests.served import application


def setUpModule():
    application()


def database_error(state):
    """What a store raises on a database error."""
    cause = OperationalError("SELECT", {}, SimpleNamespace(sqlstate=state))
    error = MlflowException("of the database")
    error.__cause__ = cause
    return error


class Searches:
    """A store whose slow searches reach the limit of their first try, and block until `let_go`.
    """

    def __init__(self, places=5, wait=10):
        self.queue, self.let_go, self.calls = slow_searches.Queue(places, wait), threading.Event(), []
        self.running, self.most, self._lock = 0, 0, threading.Lock()
        self.search = slow_searches._queued(self._search, self.queue)

    def _search(self, slow=False):
        self.calls.append(slow_searches._impatient.get())
        if not slow:
            return "fast"
        if slow_searches._impatient.get():
            raise database_error(slow_searches.ENDED)
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        held = self.let_go.wait(10)
        with self._lock:
            self.running -= 1
        return "slow" if held else "never"

    def start(self, count):
        """Starts slow searches; returns their threads and what they return or raise."""
        got = []

        def one():
            try:
                got.append(self.search(slow=True))
            except MlflowException as error:
                got.append(error)

        threads = [threading.Thread(target=one) for _ in range(count)]
        for thread in threads:
            thread.start()
        while len(self.calls) < count + 1:  # each has had its first try, and one is running again
            threading.Event().wait(0.01)
        return threads, got


class TestSlowSearches(unittest.TestCase):
    def test_a_fast_search_runs_once_with_the_short_time(self):
        store = Searches()
        self.assertEqual(store.search(), "fast")
        self.assertEqual(store.calls, [True])
        self.assertFalse(slow_searches._impatient.get())

    def test_slow_searches_run_in_sequence_and_fast_ones_in_parallel(self):
        store = Searches()
        threads, got = store.start(4)
        self.assertEqual(store.search(), "fast")
        store.let_go.set()
        for thread in threads:
            thread.join(10)
        self.assertEqual((got, store.most), (["slow"] * 4, 1))

    def test_the_queue_is_first_in_first_out(self):
        queue, order, first, free = slow_searches.Queue(9), [], threading.Event(), threading.Event()
        threads = [threading.Thread(target=queue.run, args=(lambda: (first.set(), free.wait(10)),))]
        threads[0].start()
        first.wait(10)
        for number in range(5):
            threads.append(threading.Thread(target=queue.run, args=(lambda number=number: order.append(number),)))
            threads[-1].start()
            while len(queue._all) < number + 2:
                threading.Event().wait(0.01)
        free.set()
        for thread in threads:
            thread.join(10)
        self.assertEqual(order, list(range(5)))

    def test_one_too_many_is_refused_at_once_so_that_threads_are_left(self):
        store = Searches(places=2)
        threads, got = store.start(2)
        with self.assertRaisesRegex(MlflowException, "busy with other long searches") as refused:
            store.search(slow=True)
        self.assertEqual(refused.exception.get_http_status_code(), 503)
        store.let_go.set()
        for thread in threads:
            thread.join(10)
        self.assertEqual(got, ["slow"] * 2)
        self.assertEqual(store.search(slow=True), "slow", "its place is free again")

    def test_a_search_that_has_waited_too_long_is_refused_and_gives_its_place_back(self):
        store = Searches(places=2, wait=0.1)
        threads, got = store.start(1)
        for _ in range(3):
            with self.assertRaisesRegex(MlflowException, "busy"):
                store.search(slow=True)
        store.let_go.set()
        threads[0].join(10)
        self.assertEqual(got, ["slow"])

    def test_another_error_is_not_tried_again_and_leaves_the_queue_free(self):
        for state in ("57P01", "53200", None):
            search = mock.Mock(side_effect=database_error(state), __name__="search")
            with self.assertRaisesRegex(MlflowException, "of the database"):
                slow_searches._queued(search, slow_searches.Queue(1))()
            self.assertEqual(search.call_count, 1, state)

    def test_a_search_that_ends_at_the_longer_time_too_leaves_the_queue_free(self):
        search = mock.Mock(side_effect=database_error(slow_searches.ENDED), __name__="search")
        queued = slow_searches._queued(search, slow_searches.Queue(1))
        for _ in range(2):
            with self.assertRaisesRegex(MlflowException, "of the database"):
                queued()
        self.assertEqual(search.call_count, 4)

    def test_a_search_in_a_search_has_the_time_of_the_outer_one(self):
        inner = slow_searches._queued(lambda: slow_searches._impatient.get(), slow_searches.Queue(1))
        self.assertTrue(slow_searches._queued(lambda: (inner(), slow_searches._impatient.get())[1], slow_searches.Queue(1))())

    def test_only_a_first_try_in_postgres_has_the_short_time(self):
        sent = []
        postgres = SimpleNamespace(dialect=SimpleNamespace(name="postgresql"), exec_driver_sql=sent.append)
        sqlite = SimpleNamespace(dialect=SimpleNamespace(name="sqlite"), exec_driver_sql=sent.append)
        slow_searches.limit(None, None, postgres)
        token = slow_searches._impatient.set(True)
        self.addCleanup(slow_searches._impatient.reset, token)
        slow_searches.limit(None, None, sqlite)
        self.assertEqual(sent, [])
        slow_searches.limit(None, None, postgres)
        self.assertEqual(sent, ["SET LOCAL statement_timeout = 2000"])

    def test_only_the_timeout_of_a_first_attempt_is_not_logged_as_an_error(self):
        log = logging.getLogger(_get_managed_session_maker.__module__)
        ended, lost = (database_error(state).__cause__ for state in (slow_searches.ENDED, "57P01"))

        def written(error):
            return bool(log.filter(log.makeRecord("", logging.ERROR, "", 0, "", (), (type(error), error, None))))

        self.assertTrue(written(ended), "a second try that ends is an error")
        token = slow_searches._impatient.set(True)
        self.addCleanup(slow_searches._impatient.reset, token)
        self.assertEqual((written(ended), written(lost)), (False, True))

    def test_every_search_of_the_stores_is_queued_and_answers(self):
        from mlflow.server.handlers import _get_tracking_store

        for store, names in slow_searches.SEARCHES.items():
            for name in names:
                self.assertTrue(hasattr(getattr(store, name), "__wrapped__"), name)
        self.assertTrue(_get_tracking_store().search_experiments())
