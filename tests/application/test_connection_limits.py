"""A partial head ends its connection, a complete one is answered, and no query is logged."""

import asyncio
import logging
import unittest

import uvicorn
from mlflow_sso import connection_limits
from uvicorn.protocols.http.h11_impl import H11Protocol


async def hello(scope, receive, send):
    await asyncio.sleep(0.6 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Impatient(H11Protocol):
    """Uvicorn's protocol, patched for these tests only."""


connection_limits.limit_heads(Impatient, seconds=0.3)


class Served(unittest.IsolatedAsyncioTestCase):
    protocol = Impatient

    async def asyncSetUp(self):
        self.server = uvicorn.Server(uvicorn.Config(hello, port=0, http=self.protocol, lifespan="off", log_config=None, timeout_keep_alive=5))
        self.running = asyncio.create_task(self.server.serve())
        while not self.server.started:
            await asyncio.sleep(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    async def asyncTearDown(self):
        self.server.should_exit = True
        await self.running

    async def ends(self, *parts, within=1.5):
        """The server's response to these bytes, until it closes; None if it does not in time."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            said = b""
            for part in parts:
                writer.write(part)
                if part.endswith(b"\r\n\r\n"):
                    said += await asyncio.wait_for(reader.readuntil(b"ok"), within)
            return said + await asyncio.wait_for(reader.read(), within)
        except TimeoutError:
            return None
        finally:
            writer.close()


class Heads(Served):
    async def test_a_silent_connection_is_closed(self):
        self.assertEqual(b"", await self.ends())

    async def test_half_a_head_is_closed(self):
        self.assertEqual(b"", await self.ends(b"GET / HTTP/1.1\r\nHost: a\r\n"))

    async def test_half_a_head_after_an_answer_is_closed(self):
        said = await self.ends(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHo")
        self.assertIsNotNone(said)
        self.assertEqual(1, said.count(b"200 OK"))

    async def test_a_response_may_take_longer_than_a_head(self):
        said = await self.ends(b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertIn(b"200 OK", said)

    async def test_an_idle_connection_keeps_uvicorns_own_end(self):
        self.assertIsNone(await self.ends(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", within=1))


class WithoutTheLimit(Served):
    """The control: unpatched uvicorn waits."""

    protocol = H11Protocol

    async def test_half_a_head_stays(self):
        self.assertIsNone(await self.ends(b"GET / HTTP/1.1\r\nHost: a\r\n", within=1))


class Queries(unittest.TestCase):
    def test_no_query_is_logged_and_the_rest_is(self):
        connection_limits.log_no_query()
        connection_limits.log_no_query()
        logger = logging.getLogger("uvicorn.access")
        self.assertEqual(1, sum(isinstance(f, connection_limits.WithoutQuery) for f in logger.filters))
        record = logger.makeRecord(
            logger.name, logging.INFO, "h11_impl.py", 1, '%s - "%s %s HTTP/%s" %d', ("127.0.0.1:1", "GET", "/callback?state=a&code=SECRET", "1.1", 302), None
        )
        self.assertTrue(logger.filter(record))
        self.assertEqual('127.0.0.1:1 - "GET /callback HTTP/1.1" 302', record.getMessage())
