"""Every logout runs in a process that has the issuer's metadata."""

import asyncio
import contextlib
import io
import unittest

from mlflow_sso import logout_metadata
from mlflow_sso.logout_metadata import MetadataAwareLogout


class Issuer:
    def __init__(self, wait=0, problem=None):
        self.asked, self._wait, self._problem = 0, wait, problem

    async def load_server_metadata(self):
        self.asked += 1
        await asyncio.sleep(self._wait)
        if self._problem:
            raise self._problem


class TestLogout(unittest.IsolatedAsyncioTestCase):
    async def ask(self, issuer, path, kind="http"):
        seen = []

        async def application(scope, receive, send):
            seen.append((scope["path"], issuer.asked))

        await MetadataAwareLogout(application, lambda: issuer)({"type": kind, "path": path}, None, None)
        return seen

    async def test_the_issuer_is_requested_only_before_a_logout(self):
        self.assertEqual(await self.ask(Issuer(), "/logout"), [("/logout", 1)])
        self.assertEqual(await self.ask(Issuer(), "/login"), [("/login", 0)])
        self.assertEqual(await self.ask(Issuer(), "/logout", "websocket"), [("/logout", 0)])

    async def test_a_logout_continues_without_a_response(self):
        before, logout_metadata.SECONDS = logout_metadata.SECONDS, 0.05
        self.addCleanup(setattr, logout_metadata, "SECONDS", before)
        for issuer in Issuer(wait=30), Issuer(problem=OSError("away")):
            with contextlib.redirect_stderr(io.StringIO()) as said:
                self.assertEqual(await self.ask(issuer, "/logout"), [("/logout", 1)])
            self.assertIn("may not reach the issuer", said.getvalue())
