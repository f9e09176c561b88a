"""Limits of a request, tested with the served application and with a small one."""

import asyncio
import gzip
import json
import unittest
import zlib
from unittest import mock

from mlflow_sso import body_limits
from mlflow_sso.body_limits import LARGE, MIB, PUBLIC, USUAL, Bodies, bound
from tests.asgi import Client

from tests import environment  # before what is imported now  # noqa: F401

API = "/api/2.0/mlflow"
SET_TAG = f"{API}/experiments/set-experiment-tag"
JSON = [(b"content-type", b"application/json")]


class Reader:
    """Reads bodies in full, as the plugin and MLflow do, and records what arrived."""

    def __init__(self):
        self.bodies, self.headers, self.running, self.most = [], None, 0, 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def __call__(self, scope, receive, send):
        self.headers = scope["headers"]
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RuntimeError("the client has gone")
            body, more = body + message["body"], message["more_body"]
        self.bodies.append(body)
        self.running += 1
        self.most = max(self.most, self.running)
        await self.goes_on.wait()
        self.running -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(body)).encode()})


def parts(body, size=64 << 10):
    return [body[at : at + size] for at in range(0, len(body), size)] or [b""]


class TestBodies(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.reader = Reader()
        self.application = Bodies(self.reader)

    async def ask(self, path, body, headers=(), method="POST", declared=True):
        length = [(b"content-length", str(len(body)).encode())] if declared else [(b"transfer-encoding", b"chunked")]
        client = Client(method, path, parts(body), [*headers, *length])
        return await asyncio.wait_for(client.ask(self.application), 60)

    async def refused(self, *request, says, status=413, **how):
        got = await self.ask(*request, **how)
        self.assertEqual((got.status, self.reader.bodies), (status, []))
        message = json.loads(got.content)["message"]
        self.assertIn(says, message)
        self.assertRegex(message, r"^[A-Z][^.]*\.$", "want one sentence")

    async def test_a_body_over_the_bound_of_its_route_is_refused_declared_or_not(self):
        for path, most, says in ((SET_TAG, USUAL, "4 MiB"), (f"{API}/runs/log-batch", LARGE, "16 MiB"), ("/v1/traces", LARGE, "16 MiB"), ("/health", PUBLIC, "256 KiB")):
            for declared in True, False:
                with self.subTest(f"{path} {declared}"):
                    await self.refused(path, b'["' + b"x" * most, says=says, declared=declared)

    async def test_a_body_at_the_bound_goes_through_whole(self):
        for path, most in ((SET_TAG, USUAL), (f"/ajax{API}/runs/log-batch".replace("ajax/", "ajax-"), LARGE), ("/login", PUBLIC)):
            self.reader.bodies.clear()
            body = b'["' + b"x" * (most - 4) + b'"]'
            self.assertEqual((await self.ask(path, body)).status, 200)
            self.assertEqual(self.reader.bodies, [body])

    async def test_files_have_no_bound_here_and_nothing_else_at_their_address_is_a_file(self):
        for method, path in (("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/a"), ("PUT", "/ajax-api/2.0/mlflow-artifacts/artifacts/1/a"), ("POST", "/ajax-api/2.0/mlflow/upload-artifact")):
            self.assertIsNone(bound(method, path))
        for method, path in (
            ("POST", "/api/2.0/mlflow-artifacts/artifacts/1/a"), ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/1/a"), ("PUT", "/api/2.0/mlflow-artifacts/artifacts/"),
            ("POST", "/api/2.0/mlflow-artifacts/mpu/create/1/a"), ("PUT", "/ajax-api/2.0/mlflow/upload-artifact"), ("POST", "/ajax-api/2.0/mlflow/upload-artifact/x"),
            ("PUT", "/oidc/trash"), ("POST", "/graphql"),
        ):  # fmt: skip
            self.assertEqual(bound(method, path), USUAL, f"{method} {path}")

    async def test_a_decompressed_body_has_the_same_limit(self):
        zeros = bytes(LARGE * 3)
        raw = zlib.compressobj(wbits=-15)
        for coding, packed in ((b"gzip", gzip.compress(zeros)), (b"deflate", zlib.compress(zeros)), (b"Deflate", raw.compress(zeros) + raw.flush()),
                               (b"gzip", gzip.compress(zeros[:LARGE]) + gzip.compress(zeros[: LARGE // 2]))):  # fmt: skip
            with self.subTest(coding):
                await self.refused("/v1/traces", packed, [(b"content-encoding", coding), (b"content-type", b"application/x-protobuf")], says="unpacks to more than 16 MiB")

    async def test_a_packed_body_within_the_bound_arrives_plain(self):
        body = json.dumps({"key": ["value"] * 9000}).encode()
        raw = zlib.compressobj(wbits=-15)
        members = gzip.compress(body[:100]) + gzip.compress(body[100:])
        for coding, packed in ((b"gzip", gzip.compress(body)), (b"x-gzip", members), (b"deflate", zlib.compress(body)), (b"deflate", raw.compress(body) + raw.flush())):
            for size in (1, 7, 64 << 10):
                self.reader.bodies.clear()
                client = Client("POST", "/v1/traces", parts(packed, size), [(b"content-encoding", coding), (b"content-length", str(len(packed)).encode())])
                self.assertEqual((await client.ask(self.application)).status, 200)
                self.assertEqual(self.reader.bodies, [body])
                self.assertEqual([name for name, _ in self.reader.headers if name in (b"content-encoding", b"content-length")], [])

    async def test_a_body_that_is_not_what_its_encoding_says_is_refused(self):
        whole = gzip.compress(b"{}" * 99)
        for coding, packed in ((b"gzip", b"{}"), (b"gzip", whole[:-9]), (b"gzip", whole + b"{}"), (b"deflate", b"\xff{}"), (b"deflate", zlib.compress(b"{}") + b"more")):
            await self.refused("/v1/traces", packed, [(b"content-encoding", coding)], says="not what its content encoding says", status=400)
        for coding in (b"br", b"zstd", b"gzip, gzip"):
            await self.refused("/v1/traces", b"{}", [(b"content-encoding", coding)], says="content encoding", status=415)

    async def test_more_lists_objects_or_values_than_memory_can_take_are_refused(self):
        path = f"{API}/runs/log-batch"
        for body, says in ((b"[" + b"[]," * 300_000 + b"1]", "250,000 lists and objects"), (b"[" * 300_000, "lists and objects"),
                           (b'{"a":[' + b"{}," * 300_000 + b"1]}", "lists and objects"), (b"[" + b"1.5," * 1_100_000 + b"1]", "1,000,000 values")):  # fmt: skip
            with self.subTest(body[:9]):
                await self.refused(path, body, JSON, says=says)

    async def test_text_may_contain_brackets_and_commas(self):
        body = json.dumps({"value": '[{"a": [1, 2]}, "\\\\"]' * 60_000, "other": "\\" * 99_999}).encode()
        self.assertGreater(body.count(b"["), body_limits.CONTAINERS / 3)
        with mock.patch.object(body_limits, "CONTAINERS", 10), mock.patch.object(body_limits, "VALUES", 10):
            for size in (1000, 4097, 64 << 10):
                self.assertEqual((await Client("POST", SET_TAG, parts(body, size), JSON).ask(self.application)).status, 200)

    async def test_a_long_body_in_another_alphabet_is_refused(self):
        await self.refused(SET_TAG, json.dumps(["x" * body_limits.SHAPED]).encode("utf-16"), JSON, says="UTF-8", status=400)

    async def test_a_long_string_that_would_be_read_as_json_again_is_refused(self):
        await self.refused(SET_TAG, b' "' + b"[]," * 100_000 + b'1"', JSON, says="object", status=400)

    async def test_few_long_bodies_run_at_once_and_short_ones_in_parallel(self):
        self.reader.goes_on.clear()
        long = [asyncio.create_task(self.ask(SET_TAG, b'["' + b"x" * 2 * MIB)) for _ in range(5)]
        await asyncio.sleep(0.2)
        self.assertEqual(self.reader.running, body_limits.AT_ONCE)
        short = asyncio.create_task(self.ask(SET_TAG, b"{}"))
        await asyncio.sleep(0.1)
        self.assertEqual(self.reader.running, body_limits.AT_ONCE + 1)
        self.reader.goes_on.set()
        self.assertEqual({(await task).status for task in (*long, short)}, {200})
        self.assertLessEqual(self.reader.most, body_limits.AT_ONCE + 1)

    async def test_a_failed_request_releases_its_slot(self):
        async def fails(scope, receive, send):
            while (await receive())["more_body"]:
                pass
            raise RuntimeError("in the middle")

        self.application = Bodies(fails, at_once=1)
        for _ in range(3):
            with self.assertRaisesRegex(RuntimeError, "in the middle"):
                await self.ask(SET_TAG, b'["' + b"x" * 2 * MIB)

    async def test_a_silent_client_gets_408(self):
        got = await Client("POST", SET_TAG, []).ask(Bodies(self.reader, patience=0.05))
        self.assertEqual(got.status, 408)


if __name__ == "__main__":
    unittest.main()
