"""Closes connections whose clients stop reading."""

import asyncio

from uvicorn.protocols.http.h11_impl import RequestResponseCycle

from mlflow_sso import upstream_guard


def expect(cycle=RequestResponseCycle):
    """Raises unless an application's send leads to uvicorn's transport, and waits for a slow client without a
    limit."""
    upstream_guard.uses(cycle.__init__, "transport")
    upstream_guard.takes(cycle.send, "self", "message")
    upstream_guard.uses(cycle.send, "write_paused", "drain")
    upstream_guard.needed("slow_client_timeout", upstream_guard.refers(cycle.send, "timeout"), "uvicorn ends a connection whose client does not read")


class SlowClientTimeout:
    """An ASGI application that requires clients to accept data within a time limit.

    Only that connection is lost: the application sees an ordinary disconnect.
    """

    def __init__(self, application, seconds):
        self._application, self._seconds = application, seconds

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def impatient(message):
            try:
                async with asyncio.timeout(self._seconds):
                    await send(message)
            except TimeoutError:
                # A plain close would wait until the client has read everything. ASGI has no way
                # to abort; uvicorn's send is a method of the object that holds the connection.
                send.__self__.transport.abort()

        await self._application(scope, receive, impatient)
