"""For a server without the plugin: no response waits for the client's acknowledgement of its head,
as in this project's image. asyncio checks whether a socket was created as TCP, and uvicorn's was
not declared so."""

import asyncio.base_events
import socket


def _set_nodelay(sock):
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


asyncio.base_events._set_nodelay = _set_nodelay
