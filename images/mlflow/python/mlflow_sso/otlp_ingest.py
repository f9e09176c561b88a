"""Parses spans (`/v1/traces`) outside of the event loop, and limits how many at once.

MLflow 3.17.2 parses OTLP in the event loop: a long request blocks all others for seconds. An empty
span of two bytes becomes 177, plus a Python object for each. Here the messages of a long request
are counted before protobuf parses them, and everything that MLflow does with spans runs in a
thread with its own loop, one request at a time except while it waits for the database.
"""

import asyncio
import functools
import threading
from http import HTTPStatus

from fastapi import HTTPException
from mlflow.server import otel_api

from mlflow_sso.body_limits import SHAPED

# The OpenTelemetry collector's batches have 8192 spans by default.
SPANS = 10_000
# Attributes, events, links and their values; each takes 54 bytes or more.
MESSAGES = 500_000

# The nested messages of each message in ExportTraceServiceRequest, by field number.
_WITHIN = {
    "request": {1: "resource spans"},
    "resource spans": {1: "resource", 2: "scope spans"},
    "resource": {1: "attribute", 3: "entity"},
    "scope spans": {1: "scope", 2: "span"},
    "scope": {3: "attribute"},
    "span": {9: "attribute", 11: "event", 13: "link", 15: "status"},
    "event": {3: "attribute"},
    "link": {4: "attribute"},
    "attribute": {2: "value"},
    "value": {5: "list", 6: "object"},
    "list": {1: "value"},
    "object": {1: "attribute"},
    "entity": {},
    "status": {},
}


def bound(module=otel_api):
    """Replaces MLflow's endpoint by one that runs it outside of the loop."""
    router = module.otel_router
    found = [route for route in router.routes if getattr(route, "endpoint", None) is module.export_traces]
    if len(found) != 1 or not callable(getattr(module, "ParseJsonProto", None)):
        raise RuntimeError(f"mlflow-sso: got {len(found)} routes for mlflow.server.otel_api.export_traces, want the one of MLflow 3.17")
    module.ParseJsonProto = _counted(module.ParseJsonProto)
    router.routes.remove(found[0])
    router.add_api_route("", _beside(module.export_traces, _Loop()), methods=["POST"], status_code=200)


def _beside(export, loop):
    @functools.wraps(export)
    async def export_traces(*arguments, **named):
        body = await named["request"].body()  # MLflow reads it from there
        kind = (named.get("content_type") or "").split(";")[0].strip()
        return await loop.run(_export(export, arguments, named, body if kind == "application/x-protobuf" else b""))

    return export_traces


async def _export(export, arguments, named, protobuf):
    if len(protobuf) > SHAPED:
        count(protobuf)
    return await export(*arguments, **named)


class _Loop:
    """A thread with an event loop, started by the first request."""

    def __init__(self):
        self._lock, self._loop = threading.Lock(), None

    async def run(self, coroutine):
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="spans", daemon=True).start()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))


def _counted(parse):
    @functools.wraps(parse)
    def counted(body, message, **how):
        parse(body, message, **how)
        if sum(len(scope.spans) for resource in message.resource_spans for scope in resource.scope_spans) > SPANS:
            raise _too_many("spans", SPANS)
        return message

    return counted


def count(body):
    """Walks protobuf without creating objects; raises if it contains too many."""
    spans = messages = at = 0
    inside, within = [(len(body), "request")], _WITHIN["request"]
    end = len(body)
    try:
        while True:
            while at >= end:
                if at > end:
                    raise ValueError
                inside.pop()
                if not inside:
                    return spans, messages
                end, name = inside[-1]
                within = _WITHIN[name]
            tag, at = _number(body, at)
            kind = tag & 7
            if kind == 2:
                length, at = _number(body, at)
                name = within.get(tag >> 3)
                if name is None:
                    at += length
                    continue
                if at + length > end:
                    raise ValueError
                messages += 1
                spans += name == "span"
                if spans > SPANS:
                    raise _too_many("spans", SPANS)
                if messages > MESSAGES:
                    raise _too_many("attributes, events, links and values", MESSAGES)
                end, within = at + length, _WITHIN[name]
                inside.append((end, name))
            elif kind == 0:
                _, at = _number(body, at)
            elif kind in (1, 5):
                at += 8 if kind == 1 else 4
            else:
                raise ValueError
    except (ValueError, IndexError):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "Invalid OpenTelemetry format") from None


def _number(body, at):
    byte = body[at]
    at += 1
    if byte < 128:
        return byte, at
    value, shift = byte & 127, 7
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError


def _too_many(what, most):
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The request holds more than {most:,} {what}, which is the limit.")
