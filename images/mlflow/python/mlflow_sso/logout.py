"""Sees that a logout reaches Keycloak from every server process.

The plugin reads about the issuer at a process's first login. Before that, a logout
ends MLflow's session and leaves Keycloak's, and the next click logs the same person
in again, without a password.
"""

import asyncio
import logging

from mlflow_oidc_auth.oauth import oauth

PATH = "/logout"
# Seconds for that. Without an answer the logout goes on as it would have.
SECONDS = 5

_log = logging.getLogger("uvicorn")


class Informed:
    """An ASGI application that knows where the issuer ends a session before it is asked to end one."""

    def __init__(self, application, client=lambda: oauth.oidc):
        self._application, self._client = application, client

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == PATH:
            try:
                async with asyncio.timeout(SECONDS):
                    await self._client().load_server_metadata()  # remembers what it has read
            except Exception as problem:  # noqa: BLE001
                _log.warning("a logout may not reach the issuer, which says nothing about itself: %r", problem)
        await self._application(scope, receive, send)
