"""Limits request bodies before they are parsed as JSON, a form or protobuf.

MLflow 3.17.2 and mlflow-oidc-auth 11.0.2 read and parse every body in full before they refuse it:
45 MB of `[[],[],…]` takes 1.2 GB and kills the process, and `/v1/traces` decompresses 200 KB of
gzip to 200 MB. Here each body has a limit by the kind of its route, on the compressed and the
decompressed bytes, and a long body may not contain more lists, objects and values than fit in a
bounded amount of memory. Files have no limit here: they are streamed to disk.

Only a few long bodies are processed at once, which bounds their total cost.
"""

import asyncio
import json
import re
import zlib
from http import HTTPStatus

from mlflow_oidc_auth.middleware.route_path import is_unprotected_route, routed_path

from mlflow_sso import asgi_wsgi_bridge, process_limits

MIB = 1 << 20
# The limit for an unauthenticated request: it stays in memory.
PUBLIC = asgi_wsgi_bridge.IN_MEMORY
USUAL = 4 * MIB
# The limit for a batch of a run, records of a dataset, spans, or a model's description.
LARGE = 16 * MIB
# From this size on the shape of a body matters: a shorter one takes at most 11 MB, whatever it
# contains.
SHAPED = 256 << 10
# Each list or object of a body takes up to 230 bytes, each other value up to 50.
CONTAINERS, VALUES = 250_000, 1_000_000
# The same for the AI gateway, which keeps many bodies until their providers answer.
CALL_CONTAINERS, CALL_VALUES = 20_000, 100_000
# Long bodies that one process handles at once; the others wait. The gateway has its own limit.
LONG, AT_ONCE = MIB, 2

_FILES = re.compile(r"/(?:ajax-)?api/2\.0/mlflow-artifacts/artifacts/.")
_UPLOAD = re.compile(r"/(?:ajax-)?api/2\.0/mlflow/upload-artifact")
_LARGE = re.compile(r"/v1/traces|/(?:ajax-)?api/[23]\.0/mlflow/(?:runs/log-batch|runs/log-inputs|traces(?:/.*)?|datasets/[^/]+/records|logged-models(?:/.*)?)")
# Matches a string, or an unterminated one to the end of the text: each byte is read once.
_INSIDE = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING = re.compile(rb'"' + _INSIDE + rb'"|(".*)', re.DOTALL)
_OPEN = re.compile(rb'"' + _INSIDE, re.DOTALL)
_DECODED = {b"gzip": 16 + zlib.MAX_WBITS, b"x-gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class Refused(Exception):
    """A request exceeds a limit; the text says which, in one sentence."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


def bound(method, path):
    """The size limit of a request in bytes; None for a file."""
    if is_unprotected_route(path):
        return PUBLIC
    if (method == "PUT" and _FILES.match(path)) or (method == "POST" and _UPLOAD.fullmatch(path)):
        return None
    return LARGE if _LARGE.fullmatch(path) else USUAL


class Bodies:
    """An ASGI application that enforces the limits."""

    def __init__(self, application, patience=process_limits.SEND, at_once=AT_ONCE):
        self._application, self._patience = application, patience
        self._room = asyncio.Semaphore(at_once)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        path = routed_path(scope)
        most = bound(scope["method"], path)
        if most is None:
            await self._application(scope, receive, send)
            return
        call = path.startswith("/gateway/")
        shape = _Shape(CALL_CONTAINERS, CALL_VALUES) if call else _Shape(CONTAINERS, VALUES)
        exchange = _Exchange(receive, send, most, self._patience, None if call else self._room, shape)
        try:
            exchange.begin(scope)
        except Refused as refused:
            await answer(send, refused)
            return
        try:
            await self._application(scope, exchange.receive, exchange.send)
        except Exception:
            if not exchange.refused:  # otherwise it is a consequence of that
                raise
        finally:
            exchange.leave()


class _Exchange:
    """One request: what it has received, and whether it has been refused."""

    def __init__(self, receive, send, most, patience, room, shape):
        self._receive, self._send, self._most, self._patience, self._room = receive, send, most, patience, room
        self._sent = self._size = 0
        self._complete = self._inside = self._started = self.refused = False
        self._inflate = None
        self._shape = shape

    def begin(self, scope):
        """Reads the head, and removes headers that no longer apply for the application."""
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._most:
            raise _too_long(self._most)
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind == b"application/x-protobuf" and self._room:
            self._shape = None  # MLflow checks spans itself; the gateway parses every body as JSON
        coding = headers.get(b"content-encoding", b"identity").strip().lower()
        if coding == b"identity":
            return
        if coding not in _DECODED:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body has a content encoding that is not accepted; send it uncompressed, or as gzip or deflate.")
        self._inflate = _Inflate(coding)
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in (b"content-encoding", b"content-length")]

    async def receive(self):
        if self.refused:
            return {"type": "http.disconnect"}
        if self._complete:
            return await self._receive()
        try:
            return await self._next()
        except Refused as refused:
            self.refused = True
            if not self._started:
                await answer(self._send, refused)
            return {"type": "http.disconnect"}

    async def _next(self):
        try:
            async with asyncio.timeout(self._patience):
                message = await self._receive()
        except TimeoutError:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "The rest of the request did not come.") from None
        if message["type"] != "http.request":
            return message
        part, more = message.get("body", b""), message.get("more_body", False)
        self._sent += len(part)
        if self._sent > self._most:
            raise _too_long(self._most)
        if self._inflate:
            part = self._inflate.feed(part, self._most - self._size, more)
        self._size += len(part)
        if self._size > self._most:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body unpacks to more than {_mib(self._most)}, which is the limit here.")
        if self._shape:
            self._shape.feed(part)
        if not more:
            self._complete = True
            if self._room and self._size > LONG and not self._started:
                await self._room.acquire()
                self._inside = True
        return {"type": "http.request", "body": part, "more_body": more}

    async def send(self, message):
        if self.refused:
            return
        if message["type"] == "http.response.start":
            self._started = True
            self.leave()  # no time limit for the client from here on
        await self._send(message)

    def leave(self):
        if self._inside:
            self._inside = False
            self._room.release()


class _Inflate:
    """Decompresses a body up to its limit."""

    def __init__(self, coding):
        self._bits = _DECODED[coding]
        self._head = b"" if coding == b"deflate" else None  # until the compression is known
        self._made = zlib.decompressobj(self._bits)

    def feed(self, part, left, more):
        out = []
        if self._head is not None:
            self._head += part
            part = self._look(more)
        while part:
            if self._made.eof:
                if self._bits <= zlib.MAX_WBITS:
                    raise _malformed()  # a single stream; gzip may have several members
                self._made = zlib.decompressobj(self._bits)
            out.append(self._unpack(part, left + 1))
            left -= len(out[-1])
            part = self._made.unused_data if self._made.eof else self._made.unconsumed_tail
            if left < 0:
                break  # over the limit
        if not more and left >= 0 and not self._made.eof:
            raise _malformed()
        return b"".join(out)

    def _look(self, more):
        """Some clients send deflate without its two-byte header."""
        if len(self._head) < 2 and more:
            return b""
        part, self._head = self._head, None
        try:
            zlib.decompressobj(self._bits).decompress(part[:2])
        except zlib.error:
            self._made = zlib.decompressobj(-self._bits)
        return part

    def _unpack(self, part, most):
        try:
            return self._made.decompress(part, most)
        except zlib.error:
            raise _malformed() from None


class _Shape:
    """Counts the lists, objects and values of a body as its parts arrive."""

    def __init__(self, most_containers, most_values):
        self._most_containers, self._most_values = most_containers, most_values
        self._early, self._size = [], 0
        self._string = b""  # the start of one that continues in the next part
        self._containers = self._values = 0

    def feed(self, part):
        self._size += len(part)
        if self._early is not None:
            self._early.append(part)
            if self._size <= SHAPED:
                return
            part, self._early = b"".join(self._early), None
            if part.lstrip()[:1] == b'"':  # MLflow would parse the content of the string as JSON again
                raise Refused(HTTPStatus.BAD_REQUEST, "The body is one long string, and a JSON object is wanted.")
        self._look(part)

    def _look(self, part):
        if b"\0" in part:
            raise Refused(HTTPStatus.BAD_REQUEST, "The body holds a NUL byte; JSON must be UTF-8.")
        rest = _STRING.sub(rb"\1", self._string + part)
        begin = rest.find(b'"')
        self._string = b""
        if begin >= 0:
            # For an unterminated string, keeps only whether it ends inside an escape.
            tail = rest[begin:]
            self._string = b'"\\' if _OPEN.match(tail).end() < len(tail) else b'"'
            rest = rest[:begin]
        self._containers += rest.count(b"[") + rest.count(b"{")
        self._values += rest.count(b",") + rest.count(b":")
        if self._containers > self._most_containers:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body holds more than {self._most_containers:,} lists and objects, which is the limit.")
        if self._values > self._most_values:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body holds more than {self._most_values:,} values, which is the limit.")


async def answer(send, refused):
    """Sends the reason in the format of MLflow's own errors."""
    content = json.dumps({"error_code": "BAD_REQUEST", "message": refused.message}).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": int(refused.status), "headers": head})
    await send({"type": "http.response.body", "body": content})


def _mib(size):
    return f"{size // MIB} MiB" if size >= MIB else f"{size >> 10} KiB"


def _too_long(most):
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is longer than {_mib(most)}, which is the limit here.")


def _malformed():
    return Refused(HTTPStatus.BAD_REQUEST, "The body is not what its content encoding says.")
