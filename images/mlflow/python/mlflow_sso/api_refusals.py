"""Adds an error_code and a message with the next step to every 401 and 403 of the API.

mlflow-oidc-auth 11.0.2 answers `{"detail": …}`, `{"message": "Permission denied"}` or plain text. MLflow
3.17.2's client shows the first as "INTERNAL_ERROR: Response: {…}", and its pages treat all of them as a
server error and stay blank.

A message contains only what the request itself contains, and the caller's own permission if the caller may
read the object. A missing object and an object without a grant therefore get the same message.
"""

import base64
import binascii
import json

import mlflow_oidc_auth.responses as plugins_responses
from flask import jsonify, make_response, request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.server import handlers
from mlflow.server.handlers import _get_tracking_store, catch_mlflow_exception
from mlflow_oidc_auth.bridge import get_fastapi_username
from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.hooks import before_request as hooks
from mlflow_oidc_auth.middleware import auth_middleware
from mlflow_oidc_auth.utils import effective_experiment_permission, request_body_dict
from mlflow_oidc_auth.utils.prompt_kind import effective_registry_permission
from mlflow_oidc_auth.validators import run as run_validators
from starlette.datastructures import Headers, MutableHeaders

from mlflow_sso import upstream_guard

UNAUTHENTICATED, PERMISSION_DENIED = "UNAUTHENTICATED", "PERMISSION_DENIED"
DENIED, ASK = "Permission denied", "Ask its owner or an administrator to share it"
# The refusals that the plugin or Starlette sends.
REWRITTEN = ("application/json", "text/plain")
# Bytes of a response that are buffered for rewriting; refusals are far shorter.
LONGEST = 64 * 1024
SHOWN = 100
# Request fields that name an object, and the word for its kind.
NAMED = (
    ("experiment_id", "experiment"), ("experiment_ids", "experiment"), ("run_id", "run"), ("run_uuid", "run"), ("run_ids", "run"),
    ("model_id", "logged model"), ("trace_id", "trace"), ("request_id", "trace"), ("dataset_id", "dataset"),
)  # fmt: skip
DEFAULT_EXPERIMENT = "0"
REGISTERED = "registered model or prompt"
# Permissions on a registered model that do not suffice to create a version; None is no permission.
TOO_LITTLE = (None, "READ", "USE")
EXPERIMENT_HEADER = "x-mlflow-experiment-id"
FILES, GATEWAY_PROXY = "/mlflow-artifacts/artifacts", "/mlflow/gateway-proxy"


def tokens_page():
    """The page on which a user creates a token."""
    return config.OIDC_REDIRECT_URI.removesuffix("/callback") + "/oidc/ui/user/tokens"


def unauthenticated(headers):
    """Why a request with these headers is refused, and the next step."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    make = f"Make a token at {tokens_page()}"
    if scheme.lower() == "basic":
        name, _, token = _decoded(value).partition(":")
        if not token:
            return f"No token was sent. {make} and set MLFLOW_TRACKING_PASSWORD to it."
        if "@" not in name:
            return (
                f"Unknown user name or token. The user name of a person is the e-mail address, got {name[:SHOWN]!r}: set MLFLOW_TRACKING_USERNAME to it. "
                f"{make}, and set MLFLOW_TRACKING_PASSWORD to it."
            )
        return f"Unknown user name or token. The token may be mistyped, expired or deleted. {make}, and set MLFLOW_TRACKING_PASSWORD to it."
    if scheme:
        return (
            f"This token is not valid here. A token of MLflow's own belongs in MLFLOW_TRACKING_PASSWORD, with your e-mail address in "
            f"MLFLOW_TRACKING_USERNAME, and not in MLFLOW_TRACKING_TOKEN. {make}."
        )
    if "cookie" in headers:
        return "You are not logged in, or your session has ended. Reload the page to log in."
    return f"The request has no credentials. {make}, and set MLFLOW_TRACKING_USERNAME to your e-mail address and MLFLOW_TRACKING_PASSWORD to the token."


def _decoded(value):
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def forbidden():
    """Why Flask's current request is refused, and the next step."""
    given, username = _given(), get_fastapi_username()
    if (name := given.get("experiment_name")) and request.path.endswith("/experiments/get-by-name"):
        return f"The experiment name {_short(name)} is in use by an experiment that is not shared with you. Choose another name. {ASK}."
    if FILES in request.path and (path := request.view_args and request.view_args.get("artifact_path")):
        given = {"experiment_id": str(path).lstrip("./").partition("/")[0]}
    name = given.get("name")
    if name and request.path.endswith("/model-versions/create") and _level(REGISTERED, name, username) in TOO_LITTLE:
        # The run or logged model that the version is made from is usually the caller's own.
        return _about(REGISTERED, name, username)
    for field, kind in NAMED:
        if value := given.get(field):
            return _about(kind, value, username)
    if value := _location(given) or request.headers.get(EXPERIMENT_HEADER):
        return _about("experiment", value, username)
    if name and ("/registered-models/" in request.path or "/model-versions/" in request.path):
        return _about(REGISTERED, name, username)
    return "Your account may not do this. Ask an administrator."


def _about(kind, value, username):
    values = [str(one) for one in (value if isinstance(value, list) else [value])]
    if kind == "experiment" and values == [DEFAULT_EXPERIMENT] and not _level(kind, DEFAULT_EXPERIMENT, username):
        return "Experiment 0 'Default' is not shared with you. Call mlflow.set_experiment('a name of your own') before you log."
    if len(values) == 1 and (level := _level(kind, values[0], username)):
        return f"You have {level} on {kind} {_short(values[0])}, which is not enough for this. Ask its owner or an administrator for more."
    return not_shared(kind, values)


def not_shared(kind, values):
    """The message for an object that is missing or not shared: the same for both."""
    shown = ", ".join(map(_short, values[:5])) + (", …" if len(values) > 5 else "")
    if len(values) > 1:
        return f"Not all of these are shared with you, or one does not exist: {kind}s {shown}. Ask the owner or an administrator to share them."
    other = " To register a model of your own, choose another name." if kind.startswith("registered") else ""
    return f"{kind[0].upper()}{kind[1:]} {shown} is not shared with you, or does not exist. {ASK}.{other}"


def _level(kind, value, username):
    """The caller's own permission by name, if it includes reading the object."""
    try:
        if kind == "run":
            value, kind = run_validators.get_run_experiment_id(_get_tracking_store(), value), "experiment"
        if kind == "experiment":
            permission = effective_experiment_permission(value, username).permission
        elif kind.startswith("registered"):
            permission = effective_registry_permission(value, username).permission
        else:
            return None
        return permission.name if permission.can_read else None
    except MlflowException:  # it does not exist
        return None


def _given():
    """The object that a request names in its path, query or body."""
    body = request_body_dict()
    return {**(body if isinstance(body, dict) else {}), **request.args.to_dict(), **(request.view_args or {})}


def _location(given):
    """The experiment of a trace or of a search for traces, which the body names in a location."""
    info = given.get("trace") or {}
    info = info.get("trace_info") or {} if isinstance(info, dict) else {}
    places = given.get("locations") or [info.get("trace_location") if isinstance(info, dict) else None]
    found = []
    for place in places if isinstance(places, list) else []:
        where = place.get("mlflow_experiment") if isinstance(place, dict) else None
        if isinstance(where, dict) and isinstance(where.get("experiment_id"), str):
            found.append(where["experiment_id"])
    return found


def _short(value):
    text = str(value)
    return text[:SHOWN] if text.isalnum() and text.isascii() else repr(text[:SHOWN])


def _make_forbidden(msg=None):
    """Replaces the plugin's refusal inside Flask."""
    if request.path.startswith("/ajax-api/") and request.path.endswith("/experiments/get-by-name"):
        # MLflow's form shows "Could not validate experiment name. Please try again." for any other response.
        # For MLflow's own response to a free name it asks the server to create the experiment, which gets
        # "already exists".
        return catch_mlflow_exception(_free)()
    if request.method == "GET" and request.path.endswith(GATEWAY_PROXY):
        # MLflow's pages ask at each experiment and show a refusal as an error. There is no proxy here (disabled_features), and
        # to administrators MLflow says so with an empty list.
        return jsonify(handlers.gateway_proxy_handler())
    said = {**(msg if isinstance(msg, dict) else {}), "error_code": PERMISSION_DENIED, "message": f"{DENIED}: {forbidden()}"}
    answer = make_response(jsonify(said))
    answer.status_code = 403
    return answer


def _free():
    raise MlflowException(f"Could not find experiment with name '{_given().get('experiment_name')}'", error_code=RESOURCE_DOES_NOT_EXIST)


class Refusals:
    """An ASGI application whose 401 and 403 have error_code and message. Pages, and responses that have both
    already, pass unchanged."""

    def __init__(self, application):
        self._application = application

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        start, parts = None, []

        async def rewrite(message):
            nonlocal start
            if message["type"] == "http.response.start" and message["status"] in (401, 403) and _rewritten(message):
                start = message
            elif start is None:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    await _send(send, start, b"".join(parts), scope)

        await self._application(scope, receive, rewrite)


def _rewritten(start):
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0].strip()
    return kind in REWRITTEN and int(headers.get("content-length") or LONGEST + 1) <= LONGEST


async def _send(send, start, body, scope):
    if body and (better := explained(start["status"], body, Headers(scope=scope))) is not None:
        body = better
        start = {**start, "headers": list(start["headers"])}
        headers = MutableHeaders(raw=start["headers"])
        headers["content-type"], headers["content-length"] = "application/json", str(len(body))
    await send(start)
    await send({"type": "http.response.body", "body": body})


def explained(status, body, headers):
    """A response with error_code and message; None if it has them already or uses another protocol."""
    try:
        said = json.loads(body)
    except ValueError:
        said = {"message": body.decode(errors="replace").strip()}
    if not isinstance(said, dict) or "error_code" in said or "schemas" in said:
        return None
    if status == 401:
        code, message = UNAUTHENTICATED, unauthenticated(headers)
    else:
        reason = next((said[key] for key in ("message", "detail") if isinstance(said.get(key), str)), DENIED).rstrip(".")
        code, message = PERMISSION_DENIED, f"{reason}. Ask {'' if 'dministrator' in reason else 'its owner or '}an administrator."
    return json.dumps({**said, "error_code": code, "message": message}).encode()


def explain_refusals():
    """Replaces the plugin's refusals by those that describe the request."""
    upstream_guard.count(hooks, "responses.make_forbidden_response()", 8)
    upstream_guard.same("the responses of the plugin's hook", hooks.responses, plugins_responses)
    upstream_guard.count(handlers, "f\"Could not find experiment with name '{request_message.experiment_name}'\"", 1)
    upstream_guard.takes(plugins_responses.make_forbidden_response, "msg")
    upstream_guard.uses(handlers.gateway_proxy_handler, "MLFLOW_DEPLOYMENTS_TARGET")
    upstream_guard.needed("api_refusals", "error_code" in plugins_responses.make_forbidden_response.__code__.co_consts, "the plugin's refusals have an error_code")
    upstream_guard.count(auth_middleware, 'content={"detail": "Authentication required"}', 2)
    plugins_responses.make_forbidden_response = _make_forbidden
