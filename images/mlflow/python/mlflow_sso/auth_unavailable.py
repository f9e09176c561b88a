"""Answers 503 when the server cannot determine the caller's identity.

The plugin answers 401 while its database is down, or while it has no keys to verify Keycloak's
tokens, as it does for a user without access. A script treats 401 as final, so a training job of
hours ends; MLflow's own client retries after a 503. No request gains access this way.
"""

import asyncio
import inspect

from mlflow.exceptions import MlflowException
from mlflow_oidc_auth.logger import get_logger
from mlflow_oidc_auth.middleware import AuthMiddleware, auth_middleware
from mlflow_oidc_auth.middleware.auth_middleware import DENIAL_LOOKUP_ERROR
from mlflow_oidc_auth.store import store
from mlflow_oidc_auth.validators import experiment
from starlette.responses import JSONResponse

from mlflow_sso import jwks_cache, upstream_guard

# The plugin's messages for a login that it could not check, and for a malformed one.
UNSEEN = {"Invalid basic auth format", "Session access failed", "Session error"}
UNREAD = "Invalid token"
# Seconds for the Retry-After header.
AGAIN = 2
OUTAGE = "TEMPORARILY_UNAVAILABLE"

logger = get_logger()


class Unknown(Exception):
    """The caller's identity could not be looked up."""


class AuthUnavailableMiddleware(AuthMiddleware):
    """The plugin's decision about the caller, or an error if it could not decide."""

    async def dispatch(self, request, call_next):
        try:
            return await super().dispatch(request, call_next)
        except Unknown:
            logger.warning("The caller of %s could not be looked up", request.url.path)
            return unavailable("Your identity cannot be verified right now.")

    async def _authenticate_user(self, request):
        found = await super()._authenticate_user(request)
        if found[0]:
            jwks_cache.warm()
        elif found[2] == UNREAD and not jwks_cache.MEMORY.known:
            raise Unknown
        elif found[2] in UNSEEN:
            if not await asyncio.to_thread(answers):
                raise Unknown
            found = await super()._authenticate_user(request)  # it may have just recovered
        return found

    def _get_user_auth_facts(self, username):
        facts = super()._get_user_auth_facts(username)
        if facts[2] == DENIAL_LOOKUP_ERROR:
            raise Unknown
        return facts


def expect(module=auth_middleware, artifacts=experiment):
    """Raises unless the plugin denies a request in the places, and with the messages, that this patch knows."""
    middleware = module.AuthMiddleware
    upstream_guard.needed("auth_unavailable", "503" in inspect.getsource(module), "the plugin's AuthMiddleware answers 503 itself")
    upstream_guard.takes(middleware._authenticate_user, "self", "request")
    upstream_guard.takes(middleware._get_user_auth_facts, "self", "username")
    upstream_guard.uses(middleware.dispatch, "_authenticate_user", "_get_user_auth_facts")
    upstream_guard.uses(middleware._get_user_auth_facts, "DENIAL_LOOKUP_ERROR")
    for text in sorted(UNSEEN | {UNREAD}):
        upstream_guard.count(module, f'return False, None, "{text}"', 1)
    upstream_guard.takes(artifacts._warn_store_lookup_failure, "exc")
    upstream_guard.count(artifacts, "_warn_store_lookup_failure(exc)", 2)
    upstream_guard.uses(artifacts.get_artifact_experiment, "_warn_store_lookup_failure")


def unavailable(what):
    """The answer where a service does not answer. MLflow's client asks again by itself."""
    return JSONResponse({"error_code": OUTAGE, "message": f"{what} Try again in a moment."}, 503, {"retry-after": str(AGAIN)})


def _answer_outages(application):
    """The plugin's own routes answer 500 to an outage, with the statement that failed; Flask's answer 503."""
    plugins_own = application.exception_handlers[MlflowException]
    upstream_guard.takes(plugins_own, "request", "exc")
    upstream_guard.needed("auth_unavailable", OUTAGE in plugins_own.__code__.co_consts, "the plugin's handler of exceptions knows an outage")

    async def handle(request, error):
        return unavailable("The database does not answer.") if error.error_code == OUTAGE else await plugins_own(request, error)

    application.exception_handlers[MlflowException] = handle


def install_auth_outage_503(application):
    """Raises when an artifact's experiment cannot be looked up; the plugin would treat it as unreadable."""
    expect()
    _answer_outages(application)
    warn = experiment._warn_store_lookup_failure

    def fail(error):
        warn(error)
        raise error

    experiment._warn_store_lookup_failure = fail


def answers():
    """Whether the plugin's database responds."""
    try:
        return bool(store.ping())
    except Exception:  # any exception means that it does not
        return False
