"""The issuer's keys while the issuer stops and starts."""

import asyncio
import threading
import time
import unittest
from unittest import mock

from mlflow_sso.jwks_cache import ANSWERED, MEMORY, Keys
from tests.environment import MEMBER, PROVIDER  # before the imports below
from tests.served import application, ask, people

OLD, NEW = {"keys": [{"kid": "old"}]}, {"keys": [{"kid": "new"}]}


class Issuer:
    """The plugin's loader, with a result: keys, or an error."""

    def __init__(self, finds):
        self.finds, self.asked, self.goes = finds, 0, threading.Event()
        self.goes.set()
        self.answered = threading.Semaphore(0)

    def __call__(self, url, *, cache_key, force_refresh, **_):
        self.asked += 1
        self.goes.wait(10)
        try:
            if isinstance(self.finds, Exception):
                raise self.finds
            return self.finds
        finally:
            self.answered.release()


def setUpModule():
    application()


class TestRotation(unittest.IsolatedAsyncioTestCase):
    async def test_no_token_is_refused_after_the_issuer_has_rotated_its_key(self):
        people(MEMBER)
        # A busy machine may not answer within the second that a request waits.
        with mock.patch.object(MEMORY, "_wait", 30):
            for _ in range(3):
                await asyncio.sleep(ANSWERED + 0.1)  # other tests have looked keys up, too
                PROVIDER.rotate()
                status, said = await ask("/api/2.0/mlflow/users/current", PROVIDER.bearer(MEMBER), None, "GET")
                self.assertEqual(status, 200, said)


class TestKeys(unittest.TestCase):
    def keys(self, issuer, fresh=300, again=0, max_age=86_400, wait=1):
        keys = Keys(issuer, lambda: fresh, again, max_age, wait)
        return lambda force=False: keys("url", cache_key="k", force_refresh=force)

    def test_fresh_keys_are_loaded_once(self):
        issuer = Issuer(OLD)
        keys = self.keys(issuer)
        self.assertEqual([keys(), keys()], [OLD, OLD])
        self.assertEqual(issuer.asked, 1)

    def test_old_ones_are_new_at_once_where_the_issuer_answers(self):
        issuer = Issuer(OLD)
        keys = Keys(issuer, lambda: -1, again=0, wait=10)
        keys("url", cache_key="k")
        issuer.finds = NEW
        self.assertEqual(keys("url", cache_key="k"), NEW)

    def test_the_first_request_waits_briefly_and_later_ones_do_not(self):
        issuer = Issuer(OLD)
        keys = Keys(issuer, lambda: -1, again=0, wait=0.2)
        keys("url", cache_key="k")
        issuer.finds = ConnectionError("away")
        issuer.goes.clear()
        self.assertEqual(keys("url", cache_key="k"), OLD)
        issuer.goes.set()
        while "k" not in keys._silent:
            time.sleep(0.01)
        issuer.goes.clear()
        began = time.monotonic()
        for _ in range(20):
            self.assertEqual(keys("url", cache_key="k"), OLD)
        self.assertLess(time.monotonic() - began, 2)  # each would wait 0.2 s
        issuer.goes.set()

    def test_keys_outlive_a_down_issuer_and_its_error_page(self):
        issuer = Issuer(OLD)
        keys = self.keys(issuer, fresh=-1)
        keys()
        issuer.answered.acquire()
        for finds in (ConnectionError("away"), {"error": "starting"}, {"keys": []}):
            issuer.finds = finds
            self.assertEqual(keys(), OLD)
            self.assertTrue(issuer.answered.acquire(timeout=10))
            self.assertEqual(keys(), OLD)

    def test_a_forged_token_neither_ends_them_nor_waits_for_a_slow_issuer_twice(self):
        issuer = Issuer(OLD)
        keys = self.keys(issuer, wait=0.5)
        keys()
        issuer.finds = ConnectionError("away")
        issuer.goes.clear()
        began = time.monotonic()
        for _ in range(10):
            self.assertEqual(keys(force=True), OLD)
        self.assertLess(time.monotonic() - began, 1)
        issuer.goes.set()
        self.assertEqual(keys(), OLD)

    def test_a_new_key_is_looked_up_at_once_and_not_for_each_token(self):
        issuer = Issuer(OLD)
        keys = self.keys(issuer)
        keys()
        issuer.finds = NEW
        self.assertEqual(keys(force=True), NEW)
        issuer, most = Issuer(OLD), 3
        keys = self.keys(issuer, again=3600)
        for _ in range(100):
            keys(force=True)
        self.assertLessEqual(issuer.asked, most)

    def test_an_issuer_that_is_down_is_not_requested_every_time(self):
        for known in (True, False):
            issuer = Issuer(OLD if known else ConnectionError("away"))
            keys = self.keys(issuer, fresh=-1, again=3600)
            for _ in range(5):
                try:
                    keys()
                except (ConnectionError, ValueError):
                    pass
            self.assertLessEqual(issuer.asked, 2)

    def test_without_keys_every_token_is_refused(self):
        for finds in (ConnectionError("away"), {"error": "starting"}):
            with self.assertRaises((ConnectionError, ValueError)):
                self.keys(Issuer(finds))()

    def test_a_server_that_starts_while_the_issuer_is_up_loads_keys_before_the_first_request(self):
        issuer = Issuer(OLD)
        keys = Keys(issuer, lambda: 300)
        for _ in range(5):
            keys.warm(lambda: keys("url", cache_key="k"))
        self.assertTrue(issuer.answered.acquire(timeout=10))
        while not keys.known:
            time.sleep(0.01)
        issuer.finds = ConnectionError("away")
        self.assertEqual(keys("url", cache_key="k"), OLD)
        self.assertEqual(issuer.asked, 1)

    def test_an_issuer_that_is_down_at_startup_is_retried(self):
        issuer = Issuer(ConnectionError("away"))
        keys = Keys(issuer, lambda: 300, again=0)
        keys.warm(lambda: keys("url", cache_key="k"))
        self.assertTrue(issuer.answered.acquire(timeout=10))
        self.assertFalse(keys.known)
        issuer.finds = OLD
        keys.warm(lambda: keys("url", cache_key="k"))
        self.assertTrue(issuer.answered.acquire(timeout=10))
        for _ in range(1000):
            if keys.known:
                break
            time.sleep(0.01)
        self.assertTrue(keys.known)

    def test_unconfirmed_keys_expire(self):
        issuer = Issuer(OLD)
        keys = self.keys(issuer, max_age=-1)
        keys()
        issuer.finds = ConnectionError("away")
        with self.assertRaises(ConnectionError):
            keys()
