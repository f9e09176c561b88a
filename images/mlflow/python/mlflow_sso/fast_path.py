"""Shortens the path of requests through the plugin.

Each shortcut ends in the plugin's own decision, or in its decision of a moment ago, never in
another one. If the plugin is not as expected, it runs unchanged and slower.
"""

import functools
import time

from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.middleware import AuthMiddleware, ProxyHeadersMiddleware, WorkspaceContextMiddleware, auth_middleware, proxy_headers_middleware
from mlflow_oidc_auth.middleware import fastapi_permission_middleware as permission
from mlflow_oidc_auth.middleware import workspace_context_middleware as workspace_middleware
from mlflow_oidc_auth.validators import run as run_validators
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.routing import Match, Mount, get_route_path

from mlflow_sso import upstream_guard
from mlflow_sso.auth_unavailable import AuthUnavailableMiddleware

# Seconds for which an account that may log in is cached.
ACCOUNT_SECONDS = 2
ACCOUNTS = RUNS = 10_000

_HANDED_ON = object()


class _Direct:
    """Runs a dispatch() that streams the response, without the task and the queue that
    BaseHTTPMiddleware adds to every one."""

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def call_next(_):
            await self.app(scope, receive, send)
            return _HANDED_ON

        answer = await self.dispatch_func(Request(scope, receive), call_next)
        if answer is not _HANDED_ON:
            await answer(scope, receive, send)


class _Proxy(_Direct, ProxyHeadersMiddleware):
    pass


class _Workspace(_Direct, WorkspaceContextMiddleware):
    pass


class _Auth(_Direct, AuthUnavailableMiddleware):
    """Caches for two seconds that an account exists and is active.

    The plugin looks that up in the database for every request, and blocks the whole process
    meanwhile. Administrators and refused users are looked up every time.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._known = {}

    def _get_user_auth_facts(self, username):
        now = time.monotonic()
        until, facts = self._known.get(username, (0, None))
        if now < until:
            return facts
        facts = super()._get_user_auth_facts(username)
        is_admin, is_active, *_ = facts
        if is_active and not is_admin:
            if len(self._known) >= ACCOUNTS:
                self._known.clear()
            self._known[username] = (now + ACCOUNT_SECONDS, facts)
        return facts


class _Permission(BaseHTTPMiddleware):
    """Direct for paths without a validator: only validators read responses."""

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and permission._find_fastapi_validator(permission.routed_path(scope)) is None:
            await _Direct.__call__(self, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


# The plugin's middleware modules, and how often each calls the next application.
HANDED_ON = {auth_middleware: 2, proxy_headers_middleware: 2, workspace_middleware: 2, permission: 3}


def expect(application):
    """Raises unless the plugin's middleware calls the next application as this module does."""
    upstream_guard.needed("fast_path", not upstream_guard.refers(BaseHTTPMiddleware.__call__, "create_task_group"), "BaseHTTPMiddleware hands on answers without a task of its own")
    upstream_guard.takes(BaseHTTPMiddleware.__init__, "self", "app", "dispatch")
    upstream_guard.uses(BaseHTTPMiddleware.__init__, "dispatch_func")
    changed = [_direct(m).__name__ for m in application.user_middleware]
    upstream_guard.same("the plugin's middleware", changed, ["_Proxy", "SessionMiddleware", "_Workspace", "_Auth", "_Permission"])
    for module, times in HANDED_ON.items():
        upstream_guard.count(module, "await call_next(request)", times)
    upstream_guard.takes(permission._find_fastapi_validator, "path")
    upstream_guard.takes(AuthMiddleware._get_user_auth_facts, "self", "username")
    upstream_guard.takes(run_validators.get_run_experiment_id, "tracking_store", "run_id")
    upstream_guard.count(run_validators, "get_run_experiment_id(_get_tracking_store(), run_id)", 2)


def flatten_middleware(middleware):
    """The plugin's middleware, with direct calls where it does not modify responses."""
    return [Middleware(_direct(m), *m.args, **m.kwargs) for m in middleware]


def _direct(m):
    if m.cls is BaseHTTPMiddleware:
        function = m.kwargs.get("dispatch")
        ours = getattr(function, "__module__", None) == permission.__name__ and function.__name__ == "fastapi_permission_middleware"
        return _Permission if ours else m.cls
    return {AuthMiddleware: _Auth, ProxyHeadersMiddleware: _Proxy, WorkspaceContextMiddleware: _Workspace}.get(m.cls, m.cls)


class FirstRoute(Mount):
    """A route for paths that reach Flask in the end: the other routes are many, and Flask's mount is
    the last. It matches paths without variables only."""

    def __init__(self, mount, others):
        super().__init__(mount.path, app=mount.app, name=mount.name)
        self._others = others
        self._paths = {rule.rule for rule in mount.app.flask_app.url_map.iter_rules() if not rule.arguments}
        self._leads_here = {}

    def matches(self, scope):
        if scope["type"] != "http" or (path := get_route_path(scope)) not in self._paths:
            return Match.NONE, {}
        key = (scope["method"], path)
        if key not in self._leads_here:
            # No other route matches it, not even with another method.
            self._leads_here[key] = all(route.matches(scope)[0] is Match.NONE for route in self._others)
        return super().matches(scope) if self._leads_here[key] else (Match.NONE, {})


def cache_run_experiments():
    """Caches a run's experiment, which never changes.

    Not with workspaces, where the result depends on the request's workspace.
    """
    if not config.MLFLOW_ENABLE_WORKSPACES:
        run_validators.get_run_experiment_id = functools.lru_cache(RUNS)(run_validators.get_run_experiment_id)
