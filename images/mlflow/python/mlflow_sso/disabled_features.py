"""Disables features of MLflow 3.17.2 with a clear response, so that none of their code runs.

- The AI gateway, which MLflow enables by default: a member's credentials make the server call
  addresses of that member's choice, and the call to Google's provider blocks the whole process for
  minutes. Setting mlflow.gateway enables it within bounds (ai_gateway.py), without guardrails and
  raw proxy.
- Webhooks, MLflow's and those of mlflow-oidc-auth 11.0.2: the server calls addresses from inside the
  private networks, and every process encrypts the secrets with a random key of its own. Setting
  mlflow.webhooks enables them within bounds (webhook_delivery.py).
- Jobs (judges, evaluations, prompt optimization): see job_refusals. Endpoints that only list jobs
  return an empty list.
- The assistant, which runs commands on the server.

Callers are authenticated first: an anonymous client gets 401, as everywhere.
"""

import os
import re

from mlflow.webhooks import delivery
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match, get_route_path

from mlflow_sso import ai_gateway, job_refusals, webhook_delivery

_API = job_refusals.API
# Response, methods (None: all), paths.
GATEWAY = ("The AI gateway is switched off on this server.", None, rf"(?:{_API}/mlflow/gateway|/gateway)(?:/.*)?")
WEBHOOKS = ("Webhooks are switched off on this server.", None, rf"(?:{_API}/mlflow/webhooks|/oidc/webhook)(?:/.*)?")
ALWAYS = (
    ("Guardrails of the AI gateway are switched off on this server.", None, rf"{_API}/mlflow/gateway/guardrails(?:/.*)?"),
    ("The raw proxy of the AI gateway is switched off on this server.", None, r"/gateway/proxy(?:/.*)?"),
    ("The assistant is switched off on this server.", None, rf"{_API}/mlflow/assistant(?:/.*)?"),
    *job_refusals.ROUTES,
)
# Requests that change something in the gateway.
GATEWAY_API = re.compile(rf"{_API}/mlflow/gateway/.*")
# MLflow's settings for the same, so that its own code and pages agree and it fetches nothing: it
# would request the default MLFLOW_MODEL_CATALOG_URI for each provider that a span names.
WANTED = {
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "OIDC_GEN_AI_GATEWAY_ENABLED": "false",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
GATEWAY_ON = {"MLFLOW_ENABLE_AI_GATEWAY": "true", "OIDC_GEN_AI_GATEWAY_ENABLED": "true"}
# Settings with addresses that members could make the server call.
UNWANTED = "MLFLOW_DEPLOYMENTS_TARGET"


def gateway_is_on(variables=os.environ):
    return bool(variables.get(ai_gateway.PROVIDERS))


def webhooks_are_on(variables=os.environ):
    return bool(variables.get("MLFLOW_SSO_WEBHOOK_HOSTS") or variables.get("MLFLOW_SSO_WEBHOOK_OWN_SERVERS"))


class Closed(BaseRoute):
    """A route for all disabled paths that precedes all others."""

    def __init__(self, features=(GATEWAY, WEBHOOKS, *ALWAYS)):
        self._features = [(answer, methods, re.compile(paths)) for answer, methods, paths in features]
        self._any = re.compile("|".join(f"(?:{paths})" for _, _, paths in features))

    def matches(self, scope):
        # One match for each request, and a second one for the few that match.
        if scope["type"] == "http" and self._any.fullmatch(get_route_path(scope)) and self._feature(scope):
            return Match.FULL, {}
        return Match.NONE, {}

    async def handle(self, scope, receive, send):
        said = {"error_code": "NOT_IMPLEMENTED", "message": self._feature(scope)}
        await JSONResponse(said, 501)(scope, receive, send)

    def _feature(self, scope):
        path, method = get_route_path(scope), scope["method"]
        return next((answer for answer, methods, paths in self._features if (methods is None or method in methods) and paths.fullmatch(path)), None)


def close(routes, variables=os.environ, module=delivery):
    """Enables what the settings enable, and puts the route for everything disabled before all
    others.

    Stored webhooks are not called while webhooks are disabled.
    """
    gateway, webhooks = gateway_is_on(variables), webhooks_are_on(variables)
    wanted = WANTED | (GATEWAY_ON if gateway else {})
    wrong = [f"{name}={variables.get(name)!r}, want {value!r}" for name, value in wanted.items() if variables.get(name) != value]
    if variables.get(UNWANTED):
        wrong.append(f"{UNWANTED} is set, want none")
    if wrong:
        raise RuntimeError("mlflow-sso: " + "; ".join(wrong))
    for name in ("_deliver_webhook_impl", "_send_webhook_request"):
        if not callable(getattr(module, name, None)):
            raise RuntimeError(f"mlflow-sso: got no {name} in mlflow.webhooks.delivery, want MLflow 3.17's")
    off = list(ALWAYS)
    if gateway:
        ai_gateway.open_(routes, GATEWAY_API, variables)
    else:
        off.insert(0, GATEWAY)
    if webhooks:
        webhook_delivery.open_(variables)
    else:
        off.insert(0, WEBHOOKS)
        module._deliver_webhook_impl = lambda **_: None
        module._send_webhook_request = _refuse
    job_refusals.refuse_jobs()
    routes.insert(0, Closed(off))


def _refuse(*_, **__):
    raise RuntimeError("webhooks are switched off on this server")
