"""Features of MLflow 3.17.2 that this stack does not offer answer one sentence, and nothing runs.

- The AI gateway, on by default: a member's credentials make the server call addresses of that
  member's choice, and the call to Google's blocks everything else in the process for minutes.
- Webhooks, MLflow's and those of mlflow-oidc-auth 11.0.2: the server calls addresses from inside
  the private networks, and every process keeps the secrets under a random key of its own.
- Jobs (judges, evaluations, prompt optimization): the runner takes 1.4 GiB and calls back without
  credentials, so that nothing it starts works. What only lists jobs answers as ever: there are none.
- The assistant runs commands on the server.

Whoever asks has been authenticated before: an anonymous client gets 401, as everywhere.
"""

import os
import re

from mlflow.webhooks import delivery
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match, get_route_path

_API = r"/(?:ajax-)?api/[23]\.0"
_JOBS = rf"{_API}/mlflow/(?:prompt-optimization/jobs(?:/[^/]+/cancel)?|scorers/online-config|scorer/invoke|genai/evaluate/invoke|issues/invoke)|{_API}/jobs/?"
# Subject of the sentence, methods (None: all), paths.
FEATURES = (
    ("The AI gateway is", None, rf"(?:{_API}/mlflow/gateway|/gateway)(?:/.*)?"),
    ("Webhooks are", None, rf"(?:{_API}/mlflow/webhooks|/oidc/webhook)(?:/.*)?"),
    ("Jobs are", {"POST", "PUT", "PATCH", "DELETE"}, _JOBS),
    ("The assistant is", None, rf"{_API}/mlflow/assistant(?:/.*)?"),
)
# What MLflow has to be set to so that its own code and pages know the same, and so that it fetches
# nothing: the default of MLFLOW_MODEL_CATALOG_URI is asked for each provider that a span names.
WANTED = {
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "OIDC_GEN_AI_GATEWAY_ENABLED": "false",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
# An address that members could make the server call.
UNWANTED = "MLFLOW_DEPLOYMENTS_TARGET"


class Closed(BaseRoute):
    """A first route for all that is closed."""

    def __init__(self):
        self._features = [(subject, methods, re.compile(paths)) for subject, methods, paths in FEATURES]
        self._any = re.compile("|".join(f"(?:{paths})" for _, _, paths in FEATURES))

    def matches(self, scope):
        # One match for each request; a second one for those few.
        if scope["type"] == "http" and self._any.fullmatch(get_route_path(scope)) and self._feature(scope):
            return Match.FULL, {}
        return Match.NONE, {}

    async def handle(self, scope, receive, send):
        said = {"error_code": "NOT_IMPLEMENTED", "message": f"{self._feature(scope)} switched off on this server."}
        await JSONResponse(said, 501)(scope, receive, send)

    def _feature(self, scope):
        path, method = get_route_path(scope), scope["method"]
        return next((subject for subject, methods, paths in self._features if (methods is None or method in methods) and paths.fullmatch(path)), None)


def close(routes, variables=os.environ, module=delivery):
    """Puts the route before all others; webhooks that were made before are not called either."""
    wrong = [f"{name}={variables.get(name)!r}, want {value!r}" for name, value in WANTED.items() if variables.get(name) != value]
    if variables.get(UNWANTED):
        wrong.append(f"{UNWANTED} is set, want none")
    if wrong:
        raise RuntimeError("mlflow-sso: " + "; ".join(wrong))
    for name in ("_deliver_webhook_impl", "_send_webhook_request"):
        if not callable(getattr(module, name, None)):
            raise RuntimeError(f"mlflow-sso: got no {name} in mlflow.webhooks.delivery, want MLflow 3.17's")
    module._deliver_webhook_impl = lambda **_: None
    module._send_webhook_request = _refuse
    routes.insert(0, Closed())


def _refuse(*_, **__):
    raise RuntimeError("webhooks are switched off on this server")
