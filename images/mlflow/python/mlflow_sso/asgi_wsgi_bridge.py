"""Runs a WSGI application for ASGI requests so that no client blocks a thread.

A thread serves a request only while the application runs: it produces the head and one part of
the body. The part then goes to the client at the client's pace while the thread serves another
request; when the client has taken the part, a thread produces the next one. A client that stops
reading therefore costs a little memory and an open file, and a client that stops sending costs
even less.

All steps of one request run in one context, one after the other, but not always in the same
thread.
"""

import asyncio
import contextvars
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from tempfile import TemporaryFile

from asgiref.wsgi import WsgiToAsgiInstance
from werkzeug.wsgi import FileWrapper

from mlflow_sso import upstream_guard

# Bytes of a file that are read at once, which is also the size of one part.
PART = 64 << 10
# Bytes of a request body that are kept in memory; longer bodies are spooled to disk.
IN_MEMORY = 256 << 10
# The part of that disk that all spooled bodies together leave free, and its maximum in bytes: the databases may
# share the disk, but five percent of terabytes would refuse uploads that fit many times.
RESERVE = 0.05
RESERVE_BYTES = 2 << 30


def expect():
    """Raises unless asgiref's adapter, which the plugin uses too, builds a WSGI environment in one step."""
    upstream_guard.takes(WsgiToAsgiInstance.build_environ, "self", "scope", "body")
    upstream_guard.takes(FileWrapper.__init__, "self", "file", "buffer_size")


class Full(Exception):
    """The spool has no room for another long body."""


class Bridge:
    """The thread pool of one process, with a limit on the requests that use it."""

    def __init__(self, threads, requests, patience, spool=None):
        """Spools long bodies in the folder `spool`; a client that sends nothing for `patience` seconds gets
        408."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="wsgi")
        self._room = requests
        self._patience = patience
        self._spool = spool

    async def serve(self, application, scope, receive, send):
        """Serves one request."""
        if not self._room:
            await _plain(send, 503, b"Too many requests at once.", (b"retry-after", b"5"))
            return
        self._room -= 1
        try:
            try:
                body = await self._read(receive)
            except TimeoutError:
                await _plain(send, 408, b"The rest of the request did not come.")
            except Full:
                # Not 503: MLflow's client would repeat the request for ten minutes before it shows the reason.
                await _plain(send, 507, b"The disk of the MLflow server is almost full. Its operator must free space.")
            except ConnectionError:
                await _plain(send, 400, b"")  # the client has disconnected
            else:
                with body:
                    await self._answer(application, scope, body, receive, send)
        finally:
            self._room += 1

    async def _read(self, receive):
        """Receives the whole body before it takes a thread."""
        kept, size, file = [], 0, None
        try:
            while True:
                async with asyncio.timeout(self._patience):
                    message = await receive()
                if message["type"] != "http.request":
                    raise ConnectionError
                kept.append(message.get("body", b""))
                size += len(kept[-1])
                more = message.get("more_body", False)
                if size > IN_MEMORY or (file and not more):
                    file = await asyncio.to_thread(_append, file, kept, self._spool)
                    kept, size = [], 0
                if not more:
                    break
        except BaseException:
            if file:
                file.close()
            raise
        return file or BytesIO(b"".join(kept))

    async def _answer(self, application, scope, body, receive, send):
        environ = _environ(scope, body)
        if environ is None:
            await _plain(send, 400, b"Bad Request: Too many duplicate headers")
            return
        answer = _Answer(application, environ)
        gone = None
        try:
            part = await self._step(answer, answer.begin)
            await send(answer.head)
            while not answer.complete:
                gone = gone or asyncio.create_task(_disconnect(receive))
                await send({"type": "http.response.body", "body": part, "more_body": True})
                if gone.done():
                    return
                part = await self._step(answer, answer.next)
            await send({"type": "http.response.body", "body": part})
        finally:
            if gone:
                gone.cancel()
            if not answer.closed:
                await asyncio.shield(self._step(answer, answer.close))

    def _step(self, answer, what):
        return asyncio.get_running_loop().run_in_executor(self._pool, answer.run, what)


class _Answer:
    """One call of the application. `run` executes the other methods on a thread."""

    def __init__(self, application, environ):
        self._application, self._environ = application, environ
        self._context, self._one = contextvars.copy_context(), threading.Lock()
        self._made, self._parts = None, iter(())
        self._promised = None  # remaining bytes of the body; None if the head does not give a length
        self.head = None
        self.complete = self.closed = False

    def run(self, what):
        # Runs one step at a time, even if no one waits for the previous one any more.
        with self._one:
            return self._context.run(what)

    def begin(self):
        """Calls the application; returns the first part of the body."""
        self._made = self._application(self._environ, self._start_response)
        self._parts = iter(self._made)
        return self.next()

    def next(self):
        """Returns the next part. The declared length or the end of the iterator marks the last one."""
        part = next(self._parts, None)
        if self.head is None:
            raise RuntimeError("the application has made a body without a head")
        if part is None:
            self.complete, part = True, b""
        elif self._promised is not None:
            part = part[: self._promised]  # a file may have grown since
            self._promised -= len(part)
            self.complete = self._promised == 0
        if self.complete:
            self.close()
        return part

    def close(self):
        """Closes the application's response, once."""
        if not self.closed:
            self.closed = True
            getattr(self._made, "close", lambda: None)()

    def _start_response(self, status, headers, exc_info=None):
        if self.head is not None and exc_info is None:
            raise RuntimeError("start_response was called twice")
        self._promised = next((int(value) for name, value in headers if name.lower() == "content-length"), None)
        self.head = {
            "type": "http.response.start",
            "status": int(status.split(" ", 1)[0]),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
        return _no_write


def _environ(scope, body):
    """The WSGI environment of a request, as the plugin's own adapter builds it; None if a header is repeated
    too often."""
    writer = WsgiToAsgiInstance(None)
    writer.scope = scope
    try:
        environ = writer.build_environ(scope, body)
    except ValueError:
        return None
    length = body.seek(0, 2)
    body.seek(0)
    # A chunked body is complete here. With that header Flask would treat it as endless and read
    # nothing.
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    if length:
        environ["CONTENT_LENGTH"] = str(length)
    environ["wsgi.file_wrapper"] = lambda file, _size=None: FileWrapper(file, PART)
    return environ


def _append(file, parts, folder):
    """Writes to an unnamed file, which disappears with the process at the latest."""
    file = file or TemporaryFile(dir=folder)  # noqa: SIM115 (the caller closes it)
    try:
        disk = os.fstatvfs(file.fileno())
        reserve = min(RESERVE * disk.f_blocks * disk.f_frsize, RESERVE_BYTES)
        if disk.f_bavail * disk.f_frsize - sum(map(len, parts)) < reserve:
            raise Full
        file.writelines(parts)
    except BaseException:
        file.close()
        raise
    return file


async def _disconnect(receive):
    """Returns when the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _plain(send, status, text, *headers):
    length = (b"content-length", str(len(text)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain"), length, *headers]})
    await send({"type": "http.response.body", "body": text})


def _no_write(_):
    raise NotImplementedError("write() of WSGI, which nothing in this image uses")
