"""Lets answers leave as soon as they are written.

uvicorn writes head and body one after the other, over a socket that it makes in a
way in which asyncio does not see that it is TCP. So Nagle's algorithm stays on: the
body waits until the client has acknowledged the head, which clients put off for 40 ms.
"""

import socket


class NoDelayProtocol:
    """An ASGI application whose connections do not wait for acknowledgements."""

    def __init__(self, application):
        self._application = application

    async def __call__(self, scope, receive, send):
        # uvicorn's send is a method of what holds the connection.
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if scope["type"] == "http" and transport:
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self._application(scope, receive, send)
