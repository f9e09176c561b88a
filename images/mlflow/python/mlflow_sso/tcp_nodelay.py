"""Sends responses as soon as they are written.

uvicorn writes head and body separately, over a socket that it creates so that asyncio does not
recognize it as TCP. Nagle's algorithm therefore stays enabled: the body waits until the client
has acknowledged the head, which clients delay by 40 ms.
"""

import inspect
import socket

from uvicorn import config
from uvicorn.protocols.http import h11_impl

from mlflow_sso import upstream_guard


def expect(module=h11_impl, settings=config):
    """Raises unless uvicorn's send is a method of the object that holds the connection, over a socket that
    asyncio does not recognize as TCP."""
    upstream_guard.needed("tcp_nodelay", "TCP_NODELAY" in inspect.getsource(module), "uvicorn sets TCP_NODELAY itself")
    upstream_guard.count(settings, "socket.socket(family=family)", 1)
    expect_connection(module.RequestResponseCycle)


def expect_connection(cycle):
    """Raises unless an application's send leads to uvicorn's transport."""
    upstream_guard.uses(cycle.__init__, "transport")
    upstream_guard.takes(cycle.send, "self", "message")
    upstream_guard.uses(cycle.run_asgi, "send")


class NoDelayProtocol:
    """An ASGI application whose connections do not wait for acknowledgements."""

    def __init__(self, application):
        self._application = application

    async def __call__(self, scope, receive, send):
        # uvicorn's send is a method of the object that holds the connection.
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if scope["type"] == "http" and transport:
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self._application(scope, receive, send)
