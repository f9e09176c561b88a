"""Runs the AI gateway of MLflow 3.17.2 within bounds, where mlflow.gateway enables it.

Upstream defects, and what this module does about each:

- Handlers read the database in the server's event loop, and a blocking provider client would block
  it, too. Here all of `/gateway` runs in an event loop of its own.
- Upstream calls any `api_base` that a secret names, and validates addresses for such secrets only.
  Here every call goes to a listed host and a checked address (outgoing.py), including for secrets
  stored earlier.
- Upstream checks its list of providers when a definition is used, but not when it is created.
- Upstream forwards a client's headers: credentials of some user agents, and headers that control a
  provider's routing. Here an allowlist of headers passes, plus the provider's own few.
- Any client may send the header that skips guardrails, and guardrails call models and the server
  itself with the caller's token. They are judges, so they are disabled like jobs.
- The raw proxy gives anyone with access to one model everything that the stored key permits. It is
  disabled.

Only administrators create and change secrets, models and endpoints: a key costs money, and a host
sees what is sent to it. A member needs USE or more on an endpoint to call it.
"""

import os
from collections import Counter
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from fastapi import HTTPException
from mlflow.environment_variables import (
    MLFLOW_ENABLE_UC_FUNCTIONS,
    MLFLOW_GATEWAY_ALLOWED_PROVIDERS,
    MLFLOW_GATEWAY_RESOLVE_API_KEY_FROM_ENV,
    MLFLOW_GATEWAY_RESOLVE_API_KEY_FROM_FILE,
)
from mlflow.exceptions import MlflowException
from mlflow.gateway.providers import base as providers_base
from mlflow.gateway.providers import utils as providers_utils
from mlflow.server import gateway_api
from mlflow.store.tracking.gateway.sqlalchemy_mixin import SqlAlchemyGatewayStoreMixin
from mlflow.utils import validation
from mlflow.utils.uri import append_to_uri_path
from mlflow_oidc_auth.entities.auth_context import AUTH_CONTEXT_KEY
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match, Router, get_route_path

from mlflow_sso import outgoing, upstream_guard
from mlflow_sso.outgoing_targets import Refused, Targets

PROVIDERS = "MLFLOW_SSO_GATEWAY_PROVIDERS"
# Providers whose calls all use the one function that this module replaces. The others need
# packages that the image lacks, block the loop, or use the server's credentials.
SUPPORTED = {"openai", "azure", "anthropic", "mistral", "gemini", "groq", "deepseek", "xai", "openrouter", "ollama", "portkey", "typesafe"}
# Concurrent calls per process, and per user.
AT_ONCE, EACH = 32, 8
# Time limit of one call in seconds, including a stream.
TOTAL = 300

# Request headers that are forwarded.
_FROM_CLIENT = {
    b"host", b"content-type", b"content-length", b"transfer-encoding", b"accept", b"user-agent", b"idempotency-key",
    b"anthropic-version", b"anthropic-beta", b"traceparent", b"tracestate",
}  # fmt: skip
# Headers that a provider receives.
_TO_PROVIDER = {"content-type", "accept", "user-agent", "idempotency-key", "authorization", "api-key", "x-api-key", "x-goog-api-key", "http-referer", "x-title"}
_TO_PROVIDER_PREFIXES = ("anthropic-", "openai-", "x-portkey-")


class Gateway:
    """The allowed providers and hosts, and the calls in flight."""

    def __init__(self, variables=os.environ, total=TOTAL):
        self.targets = Targets.read("mlflow.gateway", "MLFLOW_SSO_GATEWAY", variables)
        self.providers = {name for name in variables.get(PROVIDERS, "").split(",") if name}
        self.total = total
        self.side = outgoing.SideLoop("ai-gateway")
        self._all, self._each = 0, Counter()
        if unknown := sorted(self.providers - SUPPORTED):
            raise RuntimeError(f"mlflow-sso: {PROVIDERS} has {', '.join(unknown)}, want some of {', '.join(sorted(SUPPORTED))}")
        if not self.providers or not self.targets:
            raise RuntimeError(f"mlflow-sso: the AI gateway is on without {PROVIDERS} or without hosts, want both")

    def allow(self, provider):
        """Raises if the provider is not listed."""
        if provider and provider not in self.providers:
            raise MlflowException.invalid_parameter_value(f"Provider {provider!r} is not among those that mlflow.gateway allows: {', '.join(sorted(self.providers))}.")

    def allow_url(self, url):
        """Raises if an api_base is not a listed host. Does not resolve names."""
        try:
            self.targets.find(url)
        except Refused as refused:
            raise MlflowException.invalid_parameter_value(str(refused)) from None

    @contextmanager
    def place(self, person):
        """Reserves a slot for a call; raises if all are taken."""
        if self._all >= AT_ONCE or self._each[person] >= EACH:
            raise Refused(f"{EACH if self._each[person] >= EACH else AT_ONCE} calls of the AI gateway are on their way in this process, which is the limit.")
        self._all += 1
        self._each[person] += 1
        try:
            yield
        finally:
            self._all -= 1
            self._each[person] -= 1
            if not self._each[person]:
                del self._each[person]

    @asynccontextmanager
    async def post(self, headers, base_url, path, payload, *, ssrf_protect=True):
        """Replaces mlflow.gateway.providers.utils._aiohttp_post, so that every call is checked."""
        sent = {name: value for name, value in headers.items() if name.lower() in _TO_PROVIDER or name.lower().startswith(_TO_PROVIDER_PREFIXES)}
        sent["Accept-Encoding"] = providers_utils.SUPPORTED_ACCEPT_ENCODING
        try:
            async with outgoing.post(self.targets, append_to_uri_path(base_url, path), headers=sent, total=self.total, json=payload) as response:
                if 300 <= response.status < 400:
                    raise HTTPException(502, "The provider answered with a redirect, which is not followed.")
                yield response
        except Refused as refused:
            raise HTTPException(403, str(refused)) from None
        except TimeoutError:
            raise HTTPException(504, "The provider did not answer in time.") from None
        except outgoing.TooLong as error:
            raise HTTPException(502, str(error)) from None
        except aiohttp.ClientResponseError as error:
            raise HTTPException(502, f"The provider's answer cannot be read: {error.message}") from None
        except (aiohttp.ClientError, OSError):
            # The text of these errors contains addresses.
            raise HTTPException(502, "The provider cannot be reached.") from None


class Calls(BaseRoute):
    """A route for the gateway's paths that precedes all others."""

    def __init__(self, gateway, routes):
        self._gateway, self._router = gateway, Router(routes=routes, redirect_slashes=False)

    def matches(self, scope):
        if scope["type"] == "http" and get_route_path(scope).startswith("/gateway/"):
            return Match.FULL, {}
        return Match.NONE, {}

    async def handle(self, scope, receive, send):
        try:
            with self._gateway.place(scope[AUTH_CONTEXT_KEY].username):
                headers = [(name, value) for name, value in scope["headers"] if name.lower() in _FROM_CLIENT]
                await self._gateway.side.serve(self._router, {**scope, "headers": headers}, receive, send)
        except Refused as refused:
            await _say(429, "RESOURCE_EXHAUSTED", str(refused), {"retry-after": "5"})(scope, receive, send)


class Managed(BaseRoute):
    """A route that refuses changes of secrets, models and endpoints to non-administrators."""

    def __init__(self, paths):
        self._paths = paths

    def matches(self, scope):
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS") or not self._paths.fullmatch(get_route_path(scope)):
            return Match.NONE, {}
        return (Match.NONE, {}) if scope[AUTH_CONTEXT_KEY].is_admin else (Match.FULL, {})

    async def handle(self, scope, receive, send):
        await _say(403, "PERMISSION_DENIED", "Only administrators change secrets, models and endpoints of the AI gateway.")(scope, receive, send)


def _say(status, code, message, headers=None):
    return JSONResponse({"error_code": code, "message": message}, status, headers)


def open_(routes, paths, variables=os.environ):
    """Installs the patches; raises if upstream is not as expected."""
    _expect(variables)
    gateway = Gateway(variables)
    # MLflow's own list, which its pages show, maps azure to an openai provider.
    os.environ[MLFLOW_GATEWAY_ALLOWED_PROVIDERS.name] = ",".join(sorted(gateway.providers | ({"openai"} if "azure" in gateway.providers else set())))
    providers_utils._aiohttp_post = gateway.post
    providers_base._USER_CREDENTIAL_AGENTS = ()
    validation._validate_gateway_api_base = gateway.allow_url
    gateway_api.load_guardrails = _no_guardrails
    _check_providers(gateway)
    calls = [route for route in gateway_api.gateway_router.routes if not route.path.startswith("/gateway/proxy/")]
    routes[:0] = [Calls(gateway, calls), Managed(paths)]
    return gateway


def _expect(variables):
    """Checks what the patches rely on."""
    for variable in (MLFLOW_ENABLE_UC_FUNCTIONS, MLFLOW_GATEWAY_RESOLVE_API_KEY_FROM_ENV, MLFLOW_GATEWAY_RESOLVE_API_KEY_FROM_FILE):
        if variables.get(variable.name, "false") != "false":
            raise RuntimeError(f"mlflow-sso: {variable.name} is set, want false")
    upstream_guard.takes(providers_utils._aiohttp_post, "headers", "base_url", "path", "payload", "ssrf_protect")
    for sender in ("send_request", "send_stream_request", "send_proxy_request"):
        upstream_guard.uses(getattr(providers_utils, sender), "_aiohttp_post")
    upstream_guard.uses(validation._validate_gateway_secret_auth_config, "_validate_gateway_api_base")
    upstream_guard.uses(gateway_api._get_guardrails_and_auth, "load_guardrails")
    upstream_guard.uses(providers_base._client_provides_auth, "_USER_CREDENTIAL_AGENTS")
    upstream_guard.count(gateway_api, "load_guardrails(", 1)


def _check_providers(gateway):
    """Checks providers when they are stored and when they are used."""
    for name in ("create_gateway_secret", "create_gateway_model_definition", "update_gateway_model_definition"):
        _check_argument(gateway, name)
    build = gateway_api._build_endpoint_config
    upstream_guard.takes(build, "endpoint_name", "model_config", "endpoint_type")
    upstream_guard.count(gateway_api, "_build_endpoint_config(", 4)

    def checked(endpoint_name, model_config, endpoint_type):
        gateway.allow(model_config.provider)
        return build(endpoint_name, model_config, endpoint_type)

    gateway_api._build_endpoint_config = checked


def _check_argument(gateway, name):
    function = getattr(SqlAlchemyGatewayStoreMixin, name)
    upstream_guard.uses(function, "provider")

    def checked(self, *arguments, provider=None, **named):
        gateway.allow(provider)
        return function(self, *arguments, provider=provider, **named)

    setattr(SqlAlchemyGatewayStoreMixin, name, checked)


def _no_guardrails(store, endpoint_config, request):
    if store.list_endpoint_guardrail_configs(endpoint_config.endpoint_id):
        raise HTTPException(501, "This endpoint has guardrails. They run judges on the server, which is switched off.")
    return []
