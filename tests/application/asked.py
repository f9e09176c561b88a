"""The application as it is served, for tests that ask it.

It changes the plugin's in place, so it is imported when the first test asks: test_plugin, which
compares both, has seen the plugin's own by then. Modules of such tests are named test_served_….
"""

import json

from tests.asgi import Client
from tests.environment import ADMIN, PROVIDER

_made = []


def application():
    """mlflow_sso.app, with an administrator in its database."""
    if not _made:
        import mlflow_sso.app
        from mlflow_oidc_auth import user
        from mlflow_oidc_auth.store import store

        if not store.has_user(ADMIN):  # another module's tests may have made it
            user.create_user(username=ADMIN, display_name=ADMIN, is_admin=True)
        _made.append(mlflow_sso.app)
    return _made[0]


async def send(method, path, content=b"", kind=b"application/json", headers=(), query=b""):
    """A request of the administrator's."""
    headers = [*PROVIDER.bearer(ADMIN), *headers]
    if content:
        headers += [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
    return await Client(method, path, [content], headers, query).ask(application().app)


async def ask(path, body=None, query=b"", method="POST"):
    """The same with JSON; returns status and text."""
    got = await send(method, path, b"" if body is None else json.dumps(body).encode(), query=query)
    return got.status, got.content.decode()
