"""Changes upstream as a new version might, and prints the result of each patch's guard as JSON.

A separate process: patches may already be applied in that of the tests. test_upstream_guard runs it.
"""

import inspect
import json
from unittest import mock

import tests.environment  # noqa: F401 (before the plugin, which reads it)
from mlflow.server import handlers, jobs
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_oidc_auth import auth
from mlflow_oidc_auth.app import app
from mlflow_oidc_auth.cache import factory, redis_backend
from mlflow_oidc_auth.hooks import after_request
from mlflow_oidc_auth.middleware import AuthMiddleware, auth_middleware, workspace_context_middleware
from mlflow_oidc_auth.routers import auth as routes
from mlflow_oidc_auth.routers import user_permissions
from mlflow_oidc_auth.validators import experiment
from mlflow_sso import (
    atomic_batches,
    auth_unavailable,
    connection_limits,
    fast_path,
    job_refusals,
    jwks_cache,
    logout_metadata,
    narrowed_searches,
    resilient_cache,
    slow_client_timeout,
    tcp_nodelay,
    whole_lists,
)
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from uvicorn import config
from uvicorn.protocols.http import h11_impl


def nothing(self):
    """A function with changed behaviour."""


def source(module, old, new):
    """A module with changed source."""
    original = inspect.getsource
    assert old in original(module), (module, old)
    return mock.patch.object(inspect, "getsource", lambda of: original(of).replace(old, new) if of is module else original(of))


class Forgiving(redis_backend.RedisCacheBackend):
    def get(self, key):
        return None


def keeping(url, cache, lock, cache_key, force_refresh, label, direct=False, verify=None, auth_token=None):
    return cache[cache_key]


def refusing(function, params, timeout=None, extra_envs=None, creator=None):
    if not jobs.MLFLOW_SERVER_ENABLE_JOB_EXECUTION.get():
        raise jobs.MlflowException("off", error_code=jobs.NOT_IMPLEMENTED)


async def loading(request):
    return await routes._provider_metadata(routes.oauth.oidc)


async def direct_call(self, scope, receive, send):
    await self.app(scope, receive, send)


class Timed:
    def __init__(self, transport):
        self.transport = transport

    async def send(self, message):
        self.flow.write_paused = await self.flow.drain(self.timeout)


def in_one_transaction(self, run_id, rows):
    self.session.add_all(rows)


STACK = [Middleware(BaseHTTPMiddleware, dispatch=nothing), *app.user_middleware]
# Patch, what its guard's sentence must contain, the change, and the guard.
CASES = [
    ("nothing", "", [], lambda: [module.expect() for module in (atomic_batches, auth_unavailable, jwks_cache, logout_metadata, resilient_cache, slow_client_timeout, tcp_nodelay)]),
    ("nothing of the middleware", "", [], lambda: fast_path.expect(app)),
    ("atomic_batches", "parameters of", [mock.patch.object(SqlAlchemyStore, "log_batch", nothing)], atomic_batches.expect),
    ("atomic_batches, two transactions", "with a transaction of their own", [mock.patch.object(SqlAlchemyStore, "_set_tags", in_one_transaction)], atomic_batches.expect),
    ("atomic_batches, one transaction", "is no longer needed", [mock.patch.object(SqlAlchemyStore, name, in_one_transaction) for name in ("_log_params", "_log_metrics_once", "_set_tags")],
     atomic_batches.expect),
    ("auth_unavailable", "parameters of", [mock.patch.object(AuthMiddleware, "_get_user_auth_facts", nothing)], auth_unavailable.expect),
    ("auth_unavailable, words", "Invalid basic auth format", [source(auth_middleware, "Invalid basic auth format", "Bad basic auth")], auth_unavailable.expect),
    ("auth_unavailable, artifacts", "_warn_store_lookup_failure", [source(experiment, "_warn_store_lookup_failure(exc)", "_deny(exc)")], auth_unavailable.expect),
    ("auth_unavailable, by itself", "is no longer needed", [source(auth_middleware, "status_code=403", "status_code=503")], auth_unavailable.expect),
    ("job_refusals", "parameters of", [mock.patch.object(jobs, "submit_job", nothing)], job_refusals.expect),
    ("job_refusals, a new route", "import submit_job", [source(handlers, "import get_job", "import submit_job")], job_refusals.expect),
    ("job_refusals, by itself", "is no longer needed", [mock.patch.object(jobs, "submit_job", refusing)], job_refusals.expect),
    ("jwks_cache", "parameters of", [mock.patch.object(auth, "_load_jwks", nothing)], jwks_cache.expect),
    ("jwks_cache, another caller", "return _load_jwks(", [source(auth, "return _load_jwks(", "return _read_jwks(")], jwks_cache.expect),
    ("jwks_cache, by itself", "is no longer needed", [mock.patch.object(auth, "_load_jwks", keeping)], jwks_cache.expect),
    ("logout_metadata", "address of the logout", [mock.patch.object(routes, "LOGOUT", "/sign-out")], logout_metadata.expect),
    ("logout_metadata, another reading", "server_metadata", [source(routes, 'getattr(oauth.oidc, "server_metadata", {})', "oauth.metadata()")], logout_metadata.expect),
    ("logout_metadata, by itself", "is no longer needed", [mock.patch.object(routes, "logout", loading)], logout_metadata.expect),
    ("narrowed_searches, another condition", "_experiment_where_clauses", [mock.patch.object(SqlAlchemyStore, "_search_experiments", nothing)], narrowed_searches.expect),
    ("narrowed_searches, another filter", "_top_up_page", [mock.patch.object(after_request, "_filter_search_logged_models", nothing)], narrowed_searches.expect),
    ("narrowed_searches, by itself", "is no longer needed", [mock.patch.object(after_request, "_top_up_page", nothing)], narrowed_searches.expect),
    ("whole_lists, a new list", "search_experiments()", [source(user_permissions, "all_experiments = tracking_store.search_experiments()", "pass")], whole_lists.expect),
    ("whole_lists, by itself", "is no longer needed", [mock.patch.object(user_permissions, "fetch_all_experiments", nothing, create=True)], whole_lists.expect),
    ("resilient_cache, a method", "methods of", [mock.patch.object(redis_backend.RedisCacheBackend, "get_many", nothing, create=True)], resilient_cache.expect),
    ("resilient_cache, parameters", "parameters of", [mock.patch.object(redis_backend.RedisCacheBackend, "set", nothing)], resilient_cache.expect),
    ("resilient_cache, made otherwise", "get_cache_backend", [], lambda: resilient_cache.expect(made=mock.create_autospec(factory.get_cache_backend))),
    ("resilient_cache, by itself", "is no longer needed", [mock.patch.object(redis_backend.RedisCacheBackend, "get", Forgiving.get)], resilient_cache.expect),
    ("tcp_nodelay, another socket", "socket.socket(family=family)", [source(config, "socket.socket(family=family)", "create_server(family)")], tcp_nodelay.expect),
    ("tcp_nodelay, by itself", "is no longer needed", [source(h11_impl, "import h11", "import h11  # TCP_NODELAY")], tcp_nodelay.expect),
    ("tcp_nodelay, send", "parameters of", [mock.patch.object(h11_impl.RequestResponseCycle, "send", nothing)], tcp_nodelay.expect),
    ("slow_client_timeout", "parameters of", [mock.patch.object(h11_impl.RequestResponseCycle, "send", nothing)], slow_client_timeout.expect),
    ("slow_client_timeout, by itself", "is no longer needed", [], lambda: slow_client_timeout.expect(Timed)),
    ("fast_path, another middleware", "the plugin's middleware", [mock.patch.object(app, "user_middleware", STACK)], lambda: fast_path.expect(app)),
    ("fast_path, an answer is changed", "await call_next(request)",
     [source(workspace_context_middleware, "response = await call_next(request)", "response = changed(await call_next(request))\n        again = await call_next(request)")],
     lambda: fast_path.expect(app)),
    ("fast_path, by itself", "is no longer needed", [mock.patch.object(BaseHTTPMiddleware, "__call__", direct_call)], lambda: fast_path.expect(app)),
    ("connection_limits", "parameters of", [mock.patch.object(h11_impl.H11Protocol, "data_received", nothing)], connection_limits.limit_heads),
]  # fmt: skip


def said(changes, guard):
    """The guard's result while upstream is changed."""
    for change in changes:
        change.start()
    try:
        guard()
    except Exception as problem:
        return str(problem)
    finally:
        mock.patch.stopall()
    return ""


if __name__ == "__main__":
    print(json.dumps([[name, want, said(changes, guard)] for name, want, changes, guard in CASES]))
