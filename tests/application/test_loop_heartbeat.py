"""Each process shows whether its event loop is running."""

import asyncio
import os
import tempfile
import time
import unittest
from pathlib import Path

from mlflow_sso.loop_heartbeat import Beat


class TestBeat(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = Path(made.name) / "loops"
        self.file = self.folder / str(os.getpid())
        self.end = asyncio.Event()

    async def application(self, scope, receive, send):
        await self.end.wait()

    def touched(self):
        return self.file.stat().st_mtime_ns

    async def test_a_loop_that_runs_touches_its_file_and_a_blocked_one_does_not(self):
        task = asyncio.create_task(Beat(self.application, self.folder, 0.02)({"type": "lifespan"}, None, None))
        await asyncio.sleep(0.1)
        before = self.touched()
        await asyncio.sleep(0.1)
        self.assertGreater(self.touched(), before)
        before = self.touched()
        time.sleep(0.1)
        self.assertEqual(self.touched(), before)
        self.end.set()
        await task
        await asyncio.sleep(0)
        self.assertFalse(self.file.exists())

    async def test_requests_pass(self):
        self.end.set()
        await Beat(self.application, self.folder)({"type": "http"}, None, None)
        self.assertFalse(self.folder.exists())
