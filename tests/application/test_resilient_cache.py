"""The plugin's Redis client and a server that stops and starts, on the loopback interface."""

import contextlib
import socketserver
import threading
import time
import unittest

import redis
from mlflow_oidc_auth.cache.generation import _GENERATION_KEY
from mlflow_sso import resilient_cache

from tests import environment  # noqa: F401, before the plugin

AGAIN = 0.05


class Server(socketserver.ThreadingTCPServer):
    """The part of Redis that the plugin uses. It loses its data on a restart."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port=0, keeps=None):
        self.keeps, self.done, self.connections = {} if keeps is None else keeps, [], []
        super().__init__(("127.0.0.1", port), Conversation)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.server_address[1]}/0?socket_timeout=1&socket_connect_timeout=1"

    def end(self):
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(2)


class Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections.append(self.request)
        while line := self.rfile.readline():
            words = [self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]
            self.wfile.write(self.answer(words[0].upper(), *words[1:]))

    def answer(self, command, *words):
        keeps = self.server.keeps
        if command in (b"SETEX", b"DEL", b"SCAN"):
            self.server.done.append((command.decode(), words[0].decode()))
        if command == b"GET":
            value = keeps.get(words[0])
            return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
        if command == b"SETEX":
            keeps[words[0]] = words[2]
        if command == b"DEL":
            return b":%d\r\n" % sum(keeps.pop(word, None) is not None for word in words)
        if command == b"SCAN":
            found = [key for key in keeps if key.startswith(words[2][:-1])]
            return b"*2\r\n$1\r\n0\r\n*%d\r\n" % len(found) + b"".join(b"$%d\r\n%s\r\n" % (len(key), key) for key in found)
        return b"+PONG\r\n" if command == b"PING" else b"+OK\r\n"


class TestCache(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(lambda: self.server.end())

        class Own(resilient_cache.ResilientRedisCache):
            link = resilient_cache.RedisConnection(AGAIN)

        self.backend, self.link = Own, Own.link

    def restart(self, keeps=None):
        self.server = Server(self.server.server_address[1], keeps)
        deadline = time.monotonic() + 10
        while self.link.away and time.monotonic() < deadline:
            time.sleep(AGAIN / 5)
        self.assertFalse(self.link.away)

    def test_it_is_used_while_it_answers(self):
        backend = self.backend(self.server.url, "p:", 30)
        backend.set("a", {"any": 1})
        self.assertEqual(backend.get("a"), {"any": 1})
        backend.delete("a")
        self.assertIsNone(backend.get("a"))
        self.assertFalse(self.link.away)

    def test_without_it_nothing_is_there_and_nothing_fails(self):
        backend = self.backend(self.server.url, "p:", 30)
        backend.set("a", 1)
        self.server.end()
        for use in (lambda: backend.get("a"), lambda: backend.set("a", 2), lambda: backend.delete("a"), lambda: backend.delete_prefix("a"), backend.clear):
            self.assertIsNone(use())
        self.assertTrue(self.link.away)
        self.restart()
        backend.set("a", 3)
        self.assertEqual(backend.get("a"), 3)

    def test_a_process_starts_without_it_and_uses_it_later(self):
        url = self.server.url
        self.server.end()
        backend = self.backend(url, "p:", 30)
        self.assertIsNone(backend.get("a"))
        self.restart()
        backend.set("a", 1)
        self.assertEqual(backend.get("a"), 1)

    def test_a_request_waits_only_once(self):
        backend = self.backend(self.server.url, "p:", 30)
        self.server.end()
        backend.get("a")
        asked = []
        backend._client.get = lambda key: asked.append(key)
        backend.get("a")
        self.assertEqual(asked, [])

    def test_deferred_invalidations_run_before_the_cache_is_used_again(self):
        backend, other = self.backend(self.server.url, "p:", 30), self.backend(self.server.url, "q:", 30)
        backend.set("ada:1", "EDIT")
        other.set("x", 1)
        keeps = self.server.keeps  # it was interrupted, not stopped
        self.server.end()
        backend.set(_GENERATION_KEY, 1)
        backend.delete_prefix("ada:")
        backend.set(_GENERATION_KEY, 2)
        other.clear()
        self.restart(keeps)
        self.assertIsNone(backend.get("ada:1"))
        self.assertIsNone(other.get("x"))
        # Incremented before and after, as in the plugin.
        done = [f"{command} {key}" for command, key in self.server.done]
        self.assertEqual(done[:4], ["SETEX p:" + _GENERATION_KEY, "SCAN 0", "DEL p:ada:1", "SETEX p:" + _GENERATION_KEY])
        self.assertEqual(backend.get(_GENERATION_KEY), 2)

    def test_expired_invalidations_are_dropped(self):
        self.link.away = True
        for _ in range(10):
            self.link.owe(-1, lambda: None)
        self.assertLessEqual(len(self.link._owed), 2)

    def test_a_call_after_the_recovery_is_not_deferred(self):
        self.assertFalse(self.link.owe(30, lambda: None))
        self.assertEqual(self.link._owed, [])

    def test_it_is_what_the_plugin_makes(self):
        from mlflow_oidc_auth.cache import redis_backend

        was = redis_backend.RedisCacheBackend
        self.addCleanup(setattr, redis_backend, "RedisCacheBackend", was)
        resilient_cache.install_resilient_cache()
        self.assertIs(redis_backend.RedisCacheBackend, resilient_cache.ResilientRedisCache)
        self.assertTrue(issubclass(resilient_cache.ResilientRedisCache, was) or was is resilient_cache.ResilientRedisCache)
        self.assertTrue(issubclass(redis.exceptions.ConnectionError, redis.RedisError))
