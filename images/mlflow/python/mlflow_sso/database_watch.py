"""Ends what waits for a Postgres server that no longer answers, and fails fast until it answers again.

psycopg 3.3 waits indefinitely for the answer to a statement. A server that hangs (a paused container, a stuck disk, a lost network)
keeps its connections open, so every thread waits, and the event loop too, which looks up each caller.

A statement may take a minute, so its age alone proves nothing. When one is older than SLOW seconds, a new connection is tried:
a server that hangs does not complete it within CONNECT seconds. Then every earlier statement ends with an error, and new ones
fail at once; MLflow and the plugin answer 503 to both. The server is tried again until it answers. Connections that no thread used
in the meantime are used again.
"""

import functools
import logging
import os
import socket
import threading
import time

import psycopg

from mlflow_sso import upstream_guard

# Seconds after which a statement is a reason to try a connection, and that a connection may take.
SLOW, CONNECT = 1, 4
# Seconds between two tries, and between two checks of the statements in progress.
AGAIN, TICK = 1, 0.5
PORT = "5432"
_logger = logging.getLogger(__name__)
# libpq's variable; a connection string may say another time.
CONNECT_TIMEOUT = "PGCONNECT_TIMEOUT"
# What psycopg's connect takes that is no parameter of a connection string.
OPTIONS = ("autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory")
MESSAGE = "the database server does not answer; try again in a moment"


class Watch:
    """The statements in progress in one process, and the servers that do not answer."""

    def __init__(self, connect, slow=SLOW, again=AGAIN, tick=TICK):
        """`connect` opens a connection within a time of its own, or raises psycopg.Error."""
        self._connect, self._slow, self._again, self._tick = connect, slow, again, tick
        self._lock, self._needed, self._thread = threading.Lock(), threading.Event(), None
        self._started = {}  # connection: its server, and when its statement was sent
        self._ended = set()  # connections whose statement this watch has ended
        self._silent = {}  # server: how to connect to it

    def run(self, connection, statement):
        """Waits for a statement of a connection."""
        server = server_of(connection)
        if server in self._silent:
            raise psycopg.OperationalError(MESSAGE)
        with self._lock:
            self._started[connection] = server, time.monotonic()
        self._wake()
        try:
            return statement()
        except psycopg.Error as error:
            if connection in self._ended:
                raise psycopg.OperationalError(MESSAGE) from error
            raise
        finally:
            with self._lock:
                self._started.pop(connection, None)
                self._ended.discard(connection)

    def open(self, server, how, connect):
        """Opens a connection as `connect` does, and learns from one that is not completed."""
        if server in self._silent:
            raise psycopg.OperationalError(MESSAGE)
        began = time.monotonic()
        try:
            return connect()
        except psycopg.errors.ConnectionTimeout:
            self._mark(server, how, began)
            raise

    def _wake(self):
        if not self._needed.is_set():
            self._needed.set()
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._watch, name="database-watch", daemon=True)
                    self._thread.start()

    def _watch(self):
        tried = {}  # server: when it was tried last
        while True:
            self._needed.wait()
            time.sleep(self._tick)
            now = time.monotonic()
            for server, how in self._suspects(now).items():
                if now - tried.get(server, -self._again) >= self._again:
                    self._try(server, how)
                    tried[server] = time.monotonic()
            with self._lock:
                if not self._started and not self._silent:
                    self._needed.clear()

    def _suspects(self, now):
        """The servers to try, and how."""
        with self._lock:
            found = {}
            for connection, (server, started) in self._started.items():
                if now - started > self._slow and server not in found:
                    found[server] = _how(connection)
            return {server: how for server, how in found.items() if how} | self._silent

    def _try(self, server, how):
        began = time.monotonic()
        try:
            self._connect(how).close()
        except psycopg.errors.ConnectionTimeout:
            self._mark(server, how, began)
            return
        except psycopg.Error:
            pass  # a refusal is an answer, and the statements end by themselves
        except Exception as error:  # this thread must go on: nothing else makes a silent server be used again
            _logger.warning("The database server could not be tried: %s", type(error).__name__)
        with self._lock:
            self._silent.pop(server, None)

    def _mark(self, server, how, began):
        """Notes that a server has been silent since `began`, and ends the earlier statements."""
        with self._lock:
            self._silent[server] = how
            for connection, (its_server, started) in self._started.items():
                if started < began and its_server == server:
                    self._ended.add(connection)
                    _cut(connection)
        self._wake()


def server_of(connection):
    """Which server a connection is to."""
    return connection.pgconn.host, connection.pgconn.port


def _how(connection):
    """How to open another connection like this one; None where it has just broken."""
    try:
        return {"conninfo": connection.info.dsn, "password": connection.info.password}
    except psycopg.Error:
        return None


def _cut(connection):
    """Ends a connection in the kernel, which the thread that waits for it sees as its end."""
    try:
        with socket.socket(fileno=os.dup(connection.pgconn.socket)) as same:
            same.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error):
        pass  # it has just ended


def _server(given):
    """Which server a connection with these parameters will be to."""
    return str(given.get("host") or "").encode(), str(given.get("port") or PORT).encode()


def install(module=psycopg, environment=os.environ, seconds=CONNECT, **times):
    """Changes psycopg in place, before MLflow and the plugin open their first connection."""
    connection = module.Connection
    upstream_guard.takes(connection.wait, "self", "gen", "interval", "timeout")
    upstream_guard.uses(connection.wait, "waiting", "wait", "socket")
    upstream_guard.takes(connection.connect.__func__, "cls", "conninfo", *OPTIONS, "kwargs")
    upstream_guard.uses(connection.connect.__func__, "_get_connection_params", "ConnectionTimeout", "wait_conn")
    environment.setdefault(CONNECT_TIMEOUT, str(seconds))
    own_wait, own_connect = connection.wait, connection.connect.__func__
    watch = Watch(lambda how: own_connect(connection, **how | {"connect_timeout": seconds}), **times)

    @functools.wraps(own_wait)
    def wait(self, *arguments, **named):
        return watch.run(self, lambda: own_wait(self, *arguments, **named))

    @functools.wraps(own_connect)
    def connect(cls, conninfo="", **named):
        given = cls._get_connection_params(conninfo, **{name: value for name, value in named.items() if name not in OPTIONS})
        return watch.open(_server(given), {"conninfo": conninfo, **named}, lambda: own_connect(cls, conninfo, **named))

    connection.wait, connection.connect = wait, classmethod(connect)
    module.connect = connection.connect
    return watch
