"""Spans are parsed outside of the event loop, and limited by memory."""

import asyncio
import gzip
import json
import os
import threading
import time
import unittest
from types import SimpleNamespace
from unittest import mock

from fastapi import HTTPException
from mlflow.server import otel_api
from mlflow_sso import otlp_ingest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.served import admin_send  # before the imports below


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def request(count, attributes=3):
    made = ExportTraceServiceRequest()
    made.resource_spans.add().resource.attributes.add(key="service.name").value.string_value = "test"
    scope = made.resource_spans[0].scope_spans.add()
    for _ in range(count):
        span = scope.spans.add(trace_id=os.urandom(16), span_id=os.urandom(8), name="x", start_time_unix_nano=10**18, end_time_unix_nano=10**18 + 1)
        for n in range(attributes):
            span.attributes.add(key=f"k{n}").value.array_value.values.add().string_value = "v"
    return made


def spans_of(body, kind=b"application/x-protobuf", coding=None):
    return admin_send("POST", "/v1/traces", body, kind=kind, headers=[(b"x-mlflow-experiment-id", b"0"), *([(b"content-encoding", coding)] if coding else [])])


class TestSpans(unittest.IsolatedAsyncioTestCase):
    def test_what_is_counted_is_what_protobuf_finds(self):
        made = request(50)
        made.resource_spans[0].scope_spans[0].spans[0].events.add(name="e").attributes.add(key="a").value.kvlist_value.values.add(key="b").value.int_value = -5
        made.resource_spans[0].scope_spans[0].spans[0].links.add(trace_id=b"x").attributes.add(key="a").value.double_value = 1.5
        counted, messages = otlp_ingest.count(made.SerializeToString())
        # Resource spans, resource, its attribute and value, scope; a span and three times attribute, value, list's value in a list.
        self.assertEqual(counted, 50)
        self.assertEqual(messages, 5 + 50 * (1 + 3 * 4) + 6 + 3)

    def test_more_than_memory_can_take_is_refused_before_it_is_parsed(self):
        for body, says in (
            (field(1, field(2, b"\x12\x00" * (otlp_ingest.SPANS + 1))), "10,000 spans"),
            (field(1, field(2, field(2, b"\x4a\x00" * (otlp_ingest.MESSAGES + 1)))), "500,000 attributes"),
            (b"\x0a\x00" * (otlp_ingest.MESSAGES + 1), "500,000"),
            (field(1, field(2, field(2, field(9, field(2, field(5, b"\x0a\x00" * (otlp_ingest.MESSAGES + 1))))))), "500,000"),
        ):
            with self.assertRaises(HTTPException) as refused:
                otlp_ingest.count(body)
            self.assertEqual(refused.exception.status_code, 413)
            self.assertIn(says, refused.exception.detail)

    def test_invalid_protobuf_is_refused(self):
        for body in (b"\x0a\x05ab", b"\x0b", b"\xff" * 20, field(1, b"\x12\xff\xff\x7f"), b"\x0a"):
            with self.assertRaises(HTTPException) as refused:
                otlp_ingest.count(body)
            self.assertEqual(refused.exception.status_code, 400)

    async def test_spans_arrive_in_every_form(self):
        hexed = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": "x",
                                                               "startTimeUnixNano": str(10**18), "endTimeUnixNano": str(10**18 + 1)}]}]}]}  # fmt: skip
        binary, text = request(2).SerializeToString(), json.dumps(hexed).encode()
        for body, kind, coding in ((binary, b"application/x-protobuf", None), (text, b"application/json", None), (gzip.compress(binary), b"application/x-protobuf", b"gzip")):
            got = await spans_of(body, kind, coding)
            self.assertEqual(got.status, 200, got.content)
        many = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{}] * (otlp_ingest.SPANS + 1)}]}]}).encode()
        self.assertEqual((await spans_of(many, b"application/json")).status, 413)

    async def test_parsing_spans_does_not_block_the_event_loop(self):
        where, longest = [], 0.0
        loop = asyncio.get_running_loop()

        def slow(*_):
            where.append(threading.current_thread().name)
            time.sleep(0.5)
            raise ValueError("in the middle")

        with mock.patch.object(otel_api, "_convert_otlp_json_ids_to_base64", slow):
            task = asyncio.create_task(spans_of(b"{}", b"application/json"))
            while not task.done():
                before = loop.time()
                await asyncio.sleep(0.01)
                longest = max(longest, loop.time() - before)
        self.assertEqual(((await task).status, where), (400, ["spans"]))
        self.assertLess(longest, 0.4)

    def test_another_mlflow_is_refused(self):
        with self.assertRaisesRegex(RuntimeError, "want the one of MLflow 3.17"):
            otlp_ingest.bound(SimpleNamespace(otel_router=SimpleNamespace(routes=[]), export_traces=None))
