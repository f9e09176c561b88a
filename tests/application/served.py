"""The application as this image serves it, for tests that send it requests.

It patches the plugin's application in place, so it is imported at the first request: by then test_plugin,
which compares both, has seen the unpatched one.
"""

import json

from tests.asgi import Client
from tests.environment import ADMIN, PROVIDER


def application():
    import mlflow_sso.app

    return mlflow_sso.app.app


def people(*names):
    """Creates accounts, one of them an administrator; existing ones stay."""
    from mlflow_oidc_auth import user
    from mlflow_oidc_auth.store import store

    for name in names:
        if not store.has_user(name):
            user.create_user(username=name, display_name=name, is_admin=name == ADMIN)


async def send(method, path, caller, content=b"", kind=b"application/json", headers=(), query=b""):
    """Sends a caller's request; the credentials are headers."""
    sent = [*caller, *headers]
    if content:
        sent += [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
    return await Client(method, path, [content], sent, query).ask(application())


async def ask(path, caller, body=None, method="POST", query=b"", headers=()):
    """The same with JSON; returns status and body."""
    got = await send(method, path, caller, b"" if body is None else json.dumps(body).encode(), headers=headers, query=query)
    try:
        return got.status, json.loads(got.content or b"null")
    except ValueError:
        return got.status, got.content


async def admin_send(method, path, content=b"", **options):
    """Sends an administrator's request."""
    people(ADMIN)
    return await send(method, path, PROVIDER.bearer(ADMIN), content, **options)


async def admin_ask(path, body=None, query=b"", method="POST"):
    """The same with JSON; returns status and text."""
    got = await admin_send(method, path, b"" if body is None else json.dumps(body).encode(), query=query)
    return got.status, got.content.decode()
