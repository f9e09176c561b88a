"""Ensures that a logout reaches Keycloak from every server process.

The plugin loads the issuer's metadata at a process's first login. Before that, a logout ends
MLflow's session and leaves Keycloak's, and the next click logs the same user in again without a
password.
"""

import asyncio
import sys

from mlflow_sso import upstream_guard

PATH = "/logout"
# Seconds to load it. On a timeout the logout continues as upstream's.
SECONDS = 5


def _plugins_own():
    from mlflow_oidc_auth.oauth import oauth  # the first import of this module determines the plugin's settings

    return oauth.oidc


def expect(module=None):
    """Raises unless the plugin's logout reads metadata that something else must have loaded."""
    if module is None:
        from mlflow_oidc_auth.routers import auth as module
    upstream_guard.same("the plugin's address of the logout", module.LOGOUT, PATH)
    upstream_guard.count(module, 'getattr(oauth.oidc, "server_metadata", {})', 1)
    loads = any(upstream_guard.refers(module.logout, name) for name in ("load_server_metadata", "_provider_metadata"))
    upstream_guard.needed("logout_metadata", loads, "the plugin's logout loads the issuer's metadata itself")
    from mlflow_oidc_auth import oauth  # its clients are created later

    upstream_guard.same("the plugin's name for its client", oauth.LEGACY_CLIENT_NAME, "oidc")
    upstream_guard.has(type(oauth.oauth).oauth2_client_cls, "load_server_metadata")


class MetadataAwareLogout:
    """An ASGI application that loads the issuer's logout endpoint before a logout."""

    def __init__(self, application, client=_plugins_own):
        self._application, self._client = application, client

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == PATH:
            try:
                async with asyncio.timeout(SECONDS):
                    await self._client().load_server_metadata()  # caches what it has read
            except Exception as problem:
                # Migrations in the same process disable loggers.
                print(f"mlflow-sso: a logout may not reach the issuer, which says nothing about itself: {problem!r}", file=sys.stderr)
        await self._application(scope, receive, send)
