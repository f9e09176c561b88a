"""A sign of life of each process's event loop, for the health check.

A connection that nobody accepts goes to another process of the same server, so a check from outside
does not find the one whose loop is blocked. Each touches a file of its own.
"""

import asyncio
import contextlib
import os
from pathlib import Path

FOLDER = Path("/tmp/loops")
SECONDS = 2


class Beat:
    """An ASGI application whose loop shows that it runs, from start to end."""

    def __init__(self, application, folder=FOLDER, seconds=SECONDS):
        self._application, self._folder, self._seconds = application, folder, seconds

    async def __call__(self, scope, receive, send):
        if scope["type"] != "lifespan":
            await self._application(scope, receive, send)
            return
        task = asyncio.create_task(self._beat())
        try:
            await self._application(scope, receive, send)
        finally:
            task.cancel()

    async def _beat(self):
        self._folder.mkdir(exist_ok=True)
        file = self._folder / str(os.getpid())
        try:
            while True:
                with contextlib.suppress(OSError):  # a full disk is not what this is about
                    file.touch()
                await asyncio.sleep(self._seconds)
        finally:
            file.unlink(missing_ok=True)
