"""Sees that a logout reaches Keycloak from every server process.

The plugin reads about the issuer at a process's first login. Before that, a logout
ends MLflow's session and leaves Keycloak's, and the next click logs the same person
in again, without a password.
"""

import asyncio
import sys

PATH = "/logout"
# Seconds for that. Without an answer the logout goes on as it would have.
SECONDS = 5


def _plugins_own():
    from mlflow_oidc_auth.oauth import oauth  # what imports this first decides about the plugin's settings

    return oauth.oidc


class MetadataAwareLogout:
    """An ASGI application that knows where the issuer ends a session before it is asked to end one."""

    def __init__(self, application, client=_plugins_own):
        self._application, self._client = application, client

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == PATH:
            try:
                async with asyncio.timeout(SECONDS):
                    await self._client().load_server_metadata()  # remembers what it has read
            except Exception as problem:
                # Migrations in the same process switch loggers off.
                print(f"mlflow-sso: a logout may not reach the issuer, which says nothing about itself: {problem!r}", file=sys.stderr)
        await self._application(scope, receive, send)
