"""Gives each user an experiment of their own in place of experiment 0.

MLflow's client logs to experiment 0, "Default", until a program calls `set_experiment`; the first program of every tutorial does
not. With mlflow-oidc-auth 11.0.2 that experiment belongs to no user, so the program fails, and `autolog` logs nothing but a
warning. Sharing it would show all users' first steps to all users.

Here a request of a program that names experiment 0, from a user who may not read it, is about the user's own experiment
`Default (<user name>)`. It is made when something is first logged, and belongs to the user like any other. A user who has a permission on
experiment 0 uses that, and so do administrators. MLflow's pages ask by other addresses and are not concerned.
"""

import asyncio
import json
import re
import threading
import time
from urllib.parse import parse_qsl, urlencode

from mlflow.entities import ExperimentTag
from mlflow.exceptions import MlflowException
from mlflow.server.handlers import _get_tracking_store
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking.default_experiment import DEFAULT_EXPERIMENT_ID
from mlflow_oidc_auth.entities.auth_context import AUTH_CONTEXT_KEY
from mlflow_oidc_auth.permissions import MANAGE
from mlflow_oidc_auth.sqlalchemy_store import SqlAlchemyStore as PluginStore
from mlflow_oidc_auth.store import store
from mlflow_oidc_auth.utils import effective_experiment_permission
from starlette.middleware import Middleware
from starlette.routing import get_route_path

from mlflow_sso import upstream_guard

DEFAULT = "0"
FIELDS = ("experiment_id", "experiment_ids")
HEADER = b"x-mlflow-experiment-id"
# Where programs name an experiment before they have a run or a trace.
PATHS = re.compile(
    r"/v1/traces|/api/[23]\.0/mlflow/(?:runs/(?:create|search)|experiments/(?:get|set-experiment-tag)|logged-models(?:/search)?"
    r"|traces(?:/search)?|datasets/(?:create|search)|scorers/(?:register|list))"
)
NAMED = re.compile(rb'"experiment_ids?"\s*:\s*(?:\[(?:[^\]]*[\s,])?)?"?0"?\s*[,\]}]')
# Bytes of a body that is searched; what names an experiment is far shorter.
LONGEST = 256 * 1024
# Seconds after which an experiment that was made has been granted.
SECONDS = 1
_making = threading.Lock()
NOTE = "Runs and traces that you log without mlflow.set_experiment()."


def name_of(username):
    """What a user's own default experiment is called."""
    return f"Default ({username})"


def own(username, logs):
    """The ID of a user's own default experiment; None where the user is to be answered about experiment 0.

    Where the user only reads, none is made.
    """
    if effective_experiment_permission(DEFAULT, username).permission.can_read:
        return None
    found = _usable(_get_tracking_store().get_experiment_by_name(name_of(username)), username)
    if found is None and logs:
        with _making:
            found = _made(username)
    return found


def _usable(experiment, username):
    """The ID of an experiment that its user may log to: any user may have made one of that name."""
    usable = experiment is not None and experiment.lifecycle_stage == "active" and effective_experiment_permission(experiment.experiment_id, username).permission.can_update
    return experiment.experiment_id if usable else None


def _made(username):
    """Makes a user's own default experiment, unless there is one of that name."""
    experiments, name = _get_tracking_store(), name_of(username)
    try:
        if (found := experiments.get_experiment_by_name(name)) is None:
            made = experiments.create_experiment(name, tags=[ExperimentTag("mlflow.note.content", NOTE)])
            store.create_experiment_permission(made, username, MANAGE.name)
            return made
    except MlflowException:  # another process has just made it
        found = experiments.get_experiment_by_name(name)
    # Another process may be about to grant it.
    while (usable := _usable(found, username)) is None and found is not None and time.time() - found.creation_time / 1000 < SECONDS:
        time.sleep(SECONDS / 10)
    return usable


def replaced(value, new):
    """What came as JSON, about another experiment."""
    if isinstance(value, list):
        return [replaced(one, new) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: _other(one, new) if key in FIELDS else replaced(one, new) for key, one in value.items()}


def _other(value, new):
    if isinstance(value, list):
        return [_other(one, new) for one in value]
    return new if str(value) == DEFAULT and not isinstance(value, bool) else value


class OwnDefault:
    """An ASGI application around the plugin's permissions, which see the other experiment."""

    def __init__(self, app):
        self._application = app

    async def __call__(self, scope, receive, send):
        caller = scope.get(AUTH_CONTEXT_KEY) if scope["type"] == "http" else None
        if caller is not None and not caller.is_admin and PATHS.fullmatch(get_route_path(scope)):
            scope, receive = await self._about_own(scope, receive, caller.username)
        await self._application(scope, receive, send)

    async def _about_own(self, scope, receive, username):
        headers = dict(scope["headers"])
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        named = headers.get(HEADER) == DEFAULT.encode() or any(pair in query for pair in ((field, DEFAULT) for field in FIELDS))
        body = None
        if headers.get(b"content-type", b"").startswith(b"application/json") and int(headers.get(b"content-length") or LONGEST + 1) <= LONGEST:
            body, receive = await _read(receive)
            named = named or bool(NAMED.search(body))
        if not named or (new := await asyncio.to_thread(own, username, scope["method"] == "POST" and not get_route_path(scope).endswith("/search"))) is None:
            return scope, receive
        if body and NAMED.search(body):
            try:
                body = json.dumps(replaced(json.loads(body), new)).encode()
            except ValueError:
                return scope, receive  # MLflow says what is wrong with it
            receive = _again(body, receive)
        return _with(scope, query, len(body) if body is not None else None, new), receive


async def _read(receive):
    """The whole body, and how it is received again."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts), _first(message, receive)
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            body = b"".join(parts)
            return body, _again(body, receive)


def _again(body, receive):
    return _first({"type": "http.request", "body": body, "more_body": False}, receive)


def _first(message, receive):
    waiting = [message]

    async def receive_again():
        return waiting.pop() if waiting else await receive()

    return receive_again


def _with(scope, query, length, new):
    """The same request about another experiment."""
    headers = []
    for name, value in scope["headers"]:
        if name == HEADER and value == DEFAULT.encode():
            value = new.encode()
        if name == b"content-length" and length is not None:
            value = str(length).encode()
        headers.append((name, value))
    query = [(name, new if name in FIELDS and value == DEFAULT else value) for name, value in query]
    return {**scope, "headers": headers, "query_string": urlencode(query).encode()}


def use_own(application):
    """Puts it between the plugin's decision who asks and what they may do."""
    upstream_guard.same("the ID of MLflow's default experiment", DEFAULT_EXPERIMENT_ID, DEFAULT)
    upstream_guard.takes(SqlAlchemyStore.create_experiment, "self", "name", "artifact_location", "tags")
    upstream_guard.takes(PluginStore.create_experiment_permission, "self", "experiment_id", "username", "permission")
    upstream_guard.takes(SqlAlchemyStore.get_experiment_by_name, "self", "experiment_name")
    upstream_guard.same("the innermost middleware", application.user_middleware[-1].cls.__name__, "_Permission")
    application.user_middleware.insert(-1, Middleware(OwnDefault))
