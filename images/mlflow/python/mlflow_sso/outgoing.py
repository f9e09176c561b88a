"""Calls to other hosts: each checked at its connection, bounded in time and size, beside the server's event loop.

A host is resolved once, every address that it has is checked, and the connection goes to one of
those: a name that has another address a moment later gains nothing. Redirects are not followed, no
proxy of the environment is used, no cookie is kept.
"""

import asyncio
import ipaddress
import socket
import threading
from contextlib import asynccontextmanager

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver

# Seconds to connect, name and TLS included, and between two parts of an answer.
CONNECT, READ = 10, 120
# The most bytes of an answer that is read as a whole, unpacked.
ANSWER = 16 << 20


class TooLong(aiohttp.ClientPayloadError):
    """An answer that is longer than its bound."""


class _Response(aiohttp.ClientResponse):
    async def read(self):
        if self._body is not None:
            return await super().read()
        parts, size = [], 0
        async for part in self.content.iter_any():
            size += len(part)
            if size > ANSWER:
                self.close()
                raise TooLong(f"The answer is longer than {ANSWER >> 20} MiB.")
            parts.append(part)
        self._body = b"".join(parts)
        return self._body


class _Resolver(AbstractResolver):
    """Hands out the addresses of one target, or none if one of them is not allowed."""

    def __init__(self, target):
        self._target = target

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        addresses = list(dict.fromkeys((kind, at[0]) for kind, _, _, _, at in found))
        for _, address in addresses:
            self._target.check(address)
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [{"hostname": host, "host": address, "port": port, "family": kind, "proto": 0, "flags": flags} for kind, address in addresses]

    async def close(self):
        pass


@asynccontextmanager
async def post(targets, url, *, headers, total, connect=CONNECT, read=READ, **content):
    """A POST to one of the targets. Raises Refused, TimeoutError or aiohttp's errors."""
    target = targets.find(url)
    try:
        ipaddress.ip_address(target.host)
    except ValueError:
        pass
    else:
        target.check(target.host)  # the resolver is not asked for it
    connector = aiohttp.TCPConnector(resolver=_Resolver(target), use_dns_cache=False, limit=1, force_close=True)
    timeout = aiohttp.ClientTimeout(total=total, connect=connect, sock_connect=connect, sock_read=read)
    async with (
        aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), response_class=_Response, timeout=timeout, trust_env=False, read_bufsize=1 << 20
        ) as session,
        session.post(yarl.URL(str(url)), headers=headers, allow_redirects=False, **content) as response,
    ):
        yield response


class SideLoop:
    """An event loop in a thread of its own, made at its first use (a process may be forked before)."""

    def __init__(self, name):
        self._name, self._lock, self._loop = name, threading.Lock(), None

    @property
    def loop(self):
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True).start()
        return self._loop

    def submit(self, coroutine):
        """Starts a coroutine there."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    async def serve(self, application, scope, receive, send):
        """Runs an ASGI application there. What it receives and sends passes through the caller's loop.

        It ends when the client leaves before the answer is complete: what it waits for may take minutes.
        """
        here, messages, complete = asyncio.get_running_loop(), asyncio.Queue(), asyncio.Event()

        async def pump():
            message = {"type": ""}
            while message["type"] != "http.disconnect":
                message = await receive()
                messages.put_nowait(message)

        async def following():
            message = await messages.get()
            if message["type"] == "http.disconnect":
                messages.put_nowait(message)  # as often as it is asked for
            return message

        async def passed_on(message):
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                complete.set()

        def received():
            return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(following(), here))

        def sent(message):
            return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(passed_on(message), here))

        call, pumped = asyncio.wrap_future(self.submit(application(scope, received, sent))), asyncio.create_task(pump())
        try:
            await asyncio.wait({call, pumped}, return_when=asyncio.FIRST_COMPLETED)
            if call.done() or complete.is_set():
                await call
        finally:
            call.cancel()
            pumped.cancel()
