"""Answers 503 where it cannot be known who asks.

The plugin answers 401 while its database is away, or while it has no keys to look at
Keycloak's tokens with, as to somebody who may not come in. A script takes that for the
last word, and a training of hours ends; MLflow's own client asks again after 503. Nobody
is let in for it.
"""

import asyncio

from mlflow_oidc_auth.logger import get_logger
from mlflow_oidc_auth.middleware import AuthMiddleware
from mlflow_oidc_auth.middleware.auth_middleware import DENIAL_LOOKUP_ERROR
from mlflow_oidc_auth.store import store
from mlflow_oidc_auth.validators import experiment
from starlette.responses import JSONResponse

from mlflow_sso import jwks_cache

# What the plugin says of a login that it could not look at, and of one that is written wrongly.
UNSEEN = {"Invalid basic auth format", "Session access failed", "Session error"}
UNREAD = "Invalid token"
# Seconds after which a client shall ask again.
AGAIN = 2

logger = get_logger()


class Unknown(Exception):
    """It could not be looked up who asks."""


class AuthUnavailableMiddleware(AuthMiddleware):
    """The plugin's decision who asks, or none."""

    async def dispatch(self, request, call_next):
        try:
            return await super().dispatch(request, call_next)
        except Unknown:
            logger.warning("It cannot be looked up who asks for %s", request.url.path)
            said = {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "It cannot be looked up who you are. Try again in a moment."}
            return JSONResponse(said, 503, {"retry-after": str(AGAIN)})

    async def _authenticate_user(self, request):
        found = await super()._authenticate_user(request)
        if found[0]:
            jwks_cache.warm()
        elif found[2] == UNREAD and not jwks_cache.MEMORY.known:
            raise Unknown
        elif found[2] in UNSEEN:
            if not await asyncio.to_thread(answers):
                raise Unknown
            found = await super()._authenticate_user(request)  # it may have come back just now
        return found

    def _get_user_auth_facts(self, username):
        facts = super()._get_user_auth_facts(username)
        if facts[2] == DENIAL_LOOKUP_ERROR:
            raise Unknown
        return facts


def install_auth_outage_503():
    """Makes an artifact's experiment that could not be looked up an error, and not one that nobody may see."""
    warn = experiment._warn_store_lookup_failure

    def fail(error):
        warn(error)
        raise error

    experiment._warn_store_lookup_failure = fail


def answers():
    """Whether the plugin's database does."""
    try:
        return bool(store.ping())
    except Exception:  # whatever it is, it is no answer
        return False
