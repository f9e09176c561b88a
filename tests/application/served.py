"""The application as it is served, for tests that ask it over its own interface.

Made at the first question: tests of the plugin alone have to run before it is changed.
"""

import json

from tests.asgi import Client
from tests.environment import ADMIN


def application():
    import mlflow_sso.app

    return mlflow_sso.app.app


def people(*names):
    """Accounts, one of them an administrator; those that are there stay."""
    from mlflow_oidc_auth import user
    from mlflow_oidc_auth.store import store

    for name in names:
        if not store.has_user(name):
            user.create_user(username=name, display_name=name, is_admin=name == ADMIN)


async def ask(path, caller, body=None, method="POST", query=b"", headers=()):
    """A request with JSON and its answer."""
    content = b"" if body is None else json.dumps(body).encode()
    sent = [*caller, *headers]
    if content:
        sent += [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    got = await Client(method, path, [content], sent, query).ask(application())
    try:
        return got.status, json.loads(got.content or b"null")
    except ValueError:
        return got.status, got.content
