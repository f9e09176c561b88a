"""A real server with a client that stops reading."""

import asyncio
import contextlib
import socket
import unittest

import uvicorn
from mlflow_sso.slow_client_timeout import SlowClientTimeout

PATIENCE = 2
SIZE = 64 << 20  # more than the kernel buffers


async def download(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(SIZE).encode())]})
    part = bytes(64 << 10)
    for sent in range(0, SIZE, len(part)):
        await send({"type": "http.response.body", "body": part, "more_body": sent + len(part) < SIZE})


@contextlib.asynccontextmanager
async def served(application):
    """A server on a port of the loopback interface, and its address."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield server, server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 10)


async def ask(address):
    """A connection that has sent a request."""
    connection = socket.socket()
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, address)
    await loop.sock_sendall(connection, b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    return connection


async def rest(connection, pause=0):
    """Reads with a pause after every eighth; returns how much arrived."""
    taken = 0
    while part := await asyncio.get_running_loop().sock_recv(connection, 1 << 20):
        eighths, taken = taken // (SIZE // 8), taken + len(part)
        if taken // (SIZE // 8) > eighths:
            await asyncio.sleep(pause)
    return taken


class TestPatience(unittest.IsolatedAsyncioTestCase):
    async def test_the_connection_of_a_client_that_stops_reading_is_closed(self):
        async with served(SlowClientTimeout(download, PATIENCE)) as (server, address):
            with await ask(address) as connection:
                async with asyncio.timeout(20):
                    while not server.server_state.connections:
                        await asyncio.sleep(0.01)
                    while server.server_state.connections or server.server_state.tasks:
                        await asyncio.sleep(0.01)
                # Only what the kernel has buffered arrives.
                self.assertLess(await rest(connection), SIZE)

    async def test_a_client_that_pauses_gets_everything(self):
        async with served(SlowClientTimeout(download, PATIENCE)) as (_, address):
            with await ask(address) as connection:
                self.assertGreater(await rest(connection, pause=PATIENCE / 2), SIZE)

    async def test_other_scopes_are_passed_on(self):
        seen = []

        async def application(scope, receive, send):
            seen.append((scope["type"], receive, send))

        receive, send = object(), object()
        await SlowClientTimeout(application, PATIENCE)({"type": "lifespan"}, receive, send)
        self.assertEqual(seen, [("lifespan", receive, send)])
