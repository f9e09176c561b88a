"""Makes outgoing calls: to checked addresses only, limited in time and size, outside of the server's event loop.

A host is resolved once, all of its addresses are checked, and the connection uses one of them, so that DNS
rebinding has no effect. Redirects are not followed, proxies of the environment are not used, and cookies are
not kept.
"""

import asyncio
import ipaddress
import socket
import threading
from contextlib import asynccontextmanager

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver

# Seconds to connect, including DNS and TLS, and between two parts of a response.
CONNECT, READ = 10, 120
# The maximum size of a response that is read as a whole, after decompression.
ANSWER = 16 << 20


class TooLong(aiohttp.ClientPayloadError):
    """A response exceeds its limit."""


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
    """Resolves a target's addresses; fails if one of them is not allowed."""

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
    """Posts to one of the targets. Raises Refused, TimeoutError or aiohttp's errors."""
    target = targets.find(url)
    try:
        ipaddress.ip_address(target.host)
    except ValueError:
        pass
    else:
        target.check(target.host)  # literal addresses do not reach the resolver
    connector = aiohttp.TCPConnector(resolver=_Resolver(target), use_dns_cache=False, limit=1, force_close=True)
    timeout = aiohttp.ClientTimeout(total=total, connect=connect, sock_connect=connect, sock_read=read)
    async with (
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), response_class=_Response, timeout=timeout, trust_env=False, read_bufsize=1 << 20) as session,
        session.post(yarl.URL(str(url)), headers=headers, allow_redirects=False, **content) as response,
    ):
        yield response


class SideLoop:
    """An event loop in its own thread, created at first use (a process may fork before)."""

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
        """Runs an ASGI application there. Its receive and send calls pass through the caller's loop.

        It ends when the client disconnects before the response is complete: what it waits for may take
        minutes.
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
