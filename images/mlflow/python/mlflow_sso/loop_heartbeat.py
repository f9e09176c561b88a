"""Touches a file per event loop, for the health check.

A connection that a blocked process does not accept goes to another process of the same server, so
an external check cannot find the blocked one. Each process touches a file of its own.
"""

import asyncio
import contextlib
import os
from pathlib import Path

FOLDER = Path("/tmp/loops")
SECONDS = 2


class Beat:
    """An ASGI application whose loop touches the file from startup to shutdown."""

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
                with contextlib.suppress(OSError):  # a full disk is not what this check is for
                    file.touch()
                await asyncio.sleep(self._seconds)
        finally:
            file.unlink(missing_ok=True)
