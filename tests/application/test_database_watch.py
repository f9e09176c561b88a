"""psycopg and a Postgres server that stops answering, on the loopback interface."""

import contextlib
import inspect
import socketserver
import struct
import threading
import time
import types
import unittest

import psycopg
from mlflow_sso import database_watch

SECONDS = 2  # the least that psycopg allows for a connection
WITHIN, LONG = 4.5, 3.5  # what a statement may take to end, and what one takes that is slow


def message(kind, body=b""):
    return kind + struct.pack("!I", len(body) + 4) + body


READY = message(b"Z", b"I")
FULL = message(b"E", b"SFATAL\0VFATAL\0C53300\0Mtoo many connections\0\0")


class Server(socketserver.ThreadingTCPServer):
    """As much of Postgres as a statement without parameters and rows takes. It says nothing while `answers` is not set."""

    allow_reuse_address = daemon_threads = True

    def __init__(self):
        self.answers, self.slow, self.full = threading.Event(), 0, False
        self.answers.set()
        super().__init__(("127.0.0.1", 0), Conversation)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def conninfo(self):
        return f"host=127.0.0.1 port={self.server_address[1]} user=u dbname=d sslmode=disable gssencmode=disable"


class Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError, struct.error):
            self.rfile.read(struct.unpack("!I", self.rfile.read(4))[0] - 4)
            self.server.answers.wait()
            if self.server.full:
                self.wfile.write(FULL)
                return
            self.wfile.write(message(b"R", struct.pack("!I", 0)) + message(b"K", struct.pack("!II", 1, 1)) + READY)
            while kind := self.rfile.read(1):
                self.rfile.read(struct.unpack("!I", self.rfile.read(4))[0] - 4)
                self.server.answers.wait()
                if kind == b"Q":
                    time.sleep(self.server.slow)
                    self.wfile.write(message(b"C", b"SELECT 0\0") + READY)


def own():
    """What psycopg has by itself; the application may have been imported before."""
    return {"wait": inspect.unwrap(psycopg.Connection.wait), "connect": classmethod(inspect.unwrap(psycopg.Connection.connect.__func__))}


def changed():
    """psycopg of its own for one test, with a connection class that is changed."""
    connection = type("Connection", (psycopg.Connection,), own())
    module = types.SimpleNamespace(Connection=connection, connect=connection.connect)
    database_watch.install(module, {}, SECONDS, slow=0.2, again=0.1, tick=0.05)
    return module


def simple(connection):
    """One statement by the protocol of one message."""
    connection.wait(connection._exec_command(b"SELECT"))


class TestWatch(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.addCleanup(self.server.answers.set)
        self.psycopg = changed()

    def connect(self):
        connection = self.psycopg.connect(self.server.conninfo, autocommit=True, connect_timeout=SECONDS)
        self.addCleanup(connection.close)
        return connection

    def fails(self, action, within):
        began = time.monotonic()
        with self.assertRaises(psycopg.OperationalError) as caught:
            action()
        self.assertLess(time.monotonic() - began, within)
        return str(caught.exception)

    def wait_until_it_answers(self):
        for _ in range(100):
            with contextlib.suppress(psycopg.OperationalError):
                self.connect()
                return
            time.sleep(0.1)
        self.fail("the server is not used again")

    def test_a_statement_ends_where_the_server_no_longer_answers(self):
        connection = self.connect()
        simple(connection)
        self.server.answers.clear()
        self.assertIn(database_watch.MESSAGE, self.fails(lambda: simple(connection), WITHIN))
        self.assertTrue(connection.closed)

    def test_all_threads_are_free_again(self):
        connections = [self.connect() for _ in range(8)]
        self.server.answers.clear()
        failed = []

        def work(connection):
            failed.append(self.fails(lambda: simple(connection), WITHIN))

        threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WITHIN)
        self.assertEqual(len(failed), len(connections))

    def test_then_statements_and_connections_fail_at_once_until_it_answers(self):
        used, idle = self.connect(), self.connect()
        self.server.answers.clear()
        self.fails(lambda: simple(used), WITHIN)
        for action in (lambda: simple(idle), self.connect):
            self.assertEqual(self.fails(action, 0.2), database_watch.MESSAGE)
        self.server.answers.set()
        self.wait_until_it_answers()
        simple(idle)  # a connection that no thread used stays

    def test_a_connection_that_is_not_completed_is_known_to_the_next(self):
        self.server.answers.clear()
        self.fails(self.connect, WITHIN)
        self.assertEqual(self.fails(self.connect, 0.2), database_watch.MESSAGE)
        self.server.answers.set()
        self.wait_until_it_answers()

    def test_a_slow_statement_of_a_server_that_answers_goes_on(self):
        connection = self.connect()
        self.server.slow = LONG
        simple(connection)

    def test_a_server_that_refuses_connections_answers(self):
        connection = self.connect()
        self.server.slow, self.server.full = LONG, True
        simple(connection)

    def test_another_server_is_not_concerned(self):
        other = Server()
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        connection = self.connect()
        self.server.answers.clear()
        self.fails(lambda: simple(connection), WITHIN)
        with self.psycopg.connect(other.conninfo, autocommit=True) as works:
            simple(works)

    def test_without_the_watch_a_statement_waits(self):
        with type("Own", (psycopg.Connection,), own()).connect(self.server.conninfo, autocommit=True) as connection:
            self.server.answers.clear()
            thread = threading.Thread(target=simple, args=(connection,), daemon=True)
            thread.start()
            thread.join(WITHIN)
            self.assertTrue(thread.is_alive())
            self.server.answers.set()
            thread.join(WITHIN)


class TestTries(unittest.TestCase):
    def test_a_try_that_fails_in_another_way_does_not_end_the_watch(self):
        tried = []

        def connect(how):
            tried.append(how)
            raise ValueError

        watch = database_watch.Watch(connect, slow=0, again=0.01, tick=0.01)
        for server in ("a", "b"):
            watch._mark(server, server, time.monotonic())
            for _ in range(200):
                if server not in watch._silent:
                    break
                time.sleep(0.01)
            self.assertNotIn(server, watch._silent)
        self.assertEqual(tried, ["a", "b"])
        self.assertTrue(watch._thread.is_alive())


class TestInstalled(unittest.TestCase):
    def test_the_application_uses_it(self):
        from tests import served

        served.application()
        for function in (psycopg.connect.__func__, psycopg.Connection.wait):
            self.assertEqual(function.__code__.co_filename, database_watch.__file__)
