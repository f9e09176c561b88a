"""A real server with a socket as for several workers: is output sent immediately?"""

import asyncio
import contextlib
import socket
import unittest

import uvicorn
from mlflow_sso.tcp_nodelay import NoDelayProtocol


async def nodelay(scope, receive, send):
    """Returns 1 if this connection does not wait for acknowledgements, else 0."""
    connection = send.__self__.transport.get_extra_info("socket")
    said = b"1" if connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) else b"0"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": said})


@contextlib.asynccontextmanager
async def served(application):
    config = uvicorn.Config(application, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    listener = config.bind_socket()
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 10)


async def ask(address):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer[-1:]


class TestPrompt(unittest.IsolatedAsyncioTestCase):
    async def test_a_connection_does_not_wait_for_acknowledgements(self):
        async with served(NoDelayProtocol(nodelay)) as address:
            self.assertEqual(await ask(address), b"1")

    async def test_without_it_one_would(self):
        async with served(nodelay) as address:
            self.assertEqual(await ask(address), b"0")

    async def test_other_scopes_pass(self):
        seen = []

        async def application(scope, receive, send):
            seen.append(scope["type"])

        await NoDelayProtocol(application)({"type": "lifespan"}, None, None)
        self.assertEqual(seen, ["lifespan"])
