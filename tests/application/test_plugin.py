"""Compares the plugin's own responses with this image's: they must be equal.

Real MLflow and plugin, with databases in a temporary folder. The requests are sent before the
plugin's application is patched, and again after that.
"""

import asyncio
import base64
import json
import os
import re
import sys
import unittest
from unittest import mock

from mlflow.server import _find_app, _is_factory
from mlflow.server.handlers import _get_tracking_store
from mlflow_oidc_auth import user
from mlflow_oidc_auth.app import app as plugin
from mlflow_oidc_auth.middleware.auth_aware_wsgi_middleware import AuthAwareWSGIMiddleware
from mlflow_oidc_auth.store import store
from mlflow_sso import page_features, process_limits
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Match, Mount
from tests.asgi import Client
from tests.environment import ADMIN, MEMBER, OTHER, PROVIDER  # before the imports below

FLASK = plugin.router.routes[-1].app.flask_app
PATHS = sorted(
    {re.sub(r"<[^>]+>", "1", rule.rule) for rule in FLASK.url_map.iter_rules()}
    | {re.sub(r"{[^}]+}", "1", path) for path in plugin.openapi()["paths"]}
)
CALLERS = {
    "anonymous": [],
    "a member": PROVIDER.bearer(MEMBER),
    "an administrator": PROVIDER.bearer(ADMIN),
    "an unknown user": PROVIDER.bearer("unknown@example.com"),
    "an expired token": PROVIDER.bearer(MEMBER, exp=1),
    "another audience": PROVIDER.bearer(MEMBER, aud="other"),
    "a wrong password": [(b"authorization", b"Basic bWVtYmVyQGV4YW1wbGUuY29tOng=")],
    "a browser": [(b"accept", b"text/html"), (b"sec-fetch-dest", b"document")],
    "an untrusted proxy": [(b"x-forwarded-host", b"evil.example"), (b"x-forwarded-prefix", b"/health")],
}
SEARCH = "/api/2.0/mlflow/experiments/search"
SOME = ["/", SEARCH, "/api/2.0/mlflow/users/current", "/oidc/ui/", "/version", "/nowhere"]
BEFORE = {}


def requests():
    """Every way in without a login, some with one, and the ways to be refused."""
    for path in PATHS:
        for method in ("GET", "POST", "DELETE"):
            if (method, path) != ("GET", "/callback"):  # a response without a login starts one: test_served_login_attempts
                yield "anonymous", method, path
    # Not requests that end a session or contact the internet. Taking every nth, n prime, covers
    # some of every kind.
    quick = [path for path in PATHS if path != "/logout" and "assistant" not in path]
    for path in quick[::7]:
        yield "a member", "GET", path
        yield "an administrator", "GET", path
    for caller in CALLERS:
        for path in SOME:
            for method in ("GET", "POST"):
                yield caller, method, path


async def seen(application, caller, method, path):
    """What must be equal. A login's address contains random values."""
    body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
    headers = [*CALLERS[caller], (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    client = await asyncio.wait_for(Client(method, path, [body], headers if body else headers[:-2]).ask(application), 30)
    kept = [(name, value.split(b"?")[0]) for name, value in client.headers if name not in (b"set-cookie", b"date", b"content-length")]
    # What page_features adds, test_page_features reads.
    content = re.sub(re.escape(page_features.SCRIPT.encode()) + b"<style>.*?</style>", b"", client.content)
    content = content.replace(page_features.TOKENS.encode() + page_features.account(PROVIDER.issuer).encode(), b"")
    if client.status in (401, 403):  # api_refusals words them, and test_api_refusals reads them
        return client.status, [(name, value) for name, value in kept if name != b"content-type"], b""
    return client.status, kept, re.sub(rb"[0-9a-f-]{32,36}|[0-9]{10,13}", b"#", content)


def setUpModule():
    if "mlflow_sso.app" in sys.modules:
        raise RuntimeError("mlflow_sso.app was imported before this: there is nothing to compare with")
    for name in (ADMIN, MEMBER, OTHER):
        user.create_user(username=name, display_name=name, is_admin=name == ADMIN)

    async def before():
        for request in requests():
            BEFORE[request] = await seen(plugin, *request)
        BEFORE["routes"] = {(m, p): leads_to(plugin.router.routes, m, p) for p in PATHS for m in ("GET", "POST", "PATCH")}

    asyncio.run(before())
    plugin.middleware_stack = None  # it is built at the first request
    import mlflow_sso.app

    global served, doubt
    served, doubt = mlflow_sso.app, mlflow_sso.auth_unavailable


def leads_to(routes, method, path):
    """Whether a request ends in Flask."""
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    first = next(route for route in routes if route.matches(scope)[0] is Match.FULL)
    return isinstance(first, Mount) and isinstance(first.app, AuthAwareWSGIMiddleware)


async def ask(path, caller, body, method="POST"):
    body = json.dumps(body).encode()
    headers = [*caller, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    got = await Client(method, path, [body], headers).ask(served.app)
    return got.status, json.loads(got.content or b"null")


class TestPlugin(unittest.IsolatedAsyncioTestCase):
    async def test_responses_are_unchanged(self):
        statuses, closed = set(), 0
        for request in requests():
            got = await seen(served.app, *request)
            statuses.add(got[0])
            if got[0] == 501 and b"switched off" in got[2]:
                closed += 1
                continue
            with self.subTest(" ".join(request)):
                self.assertEqual(got, BEFORE[request])
        self.assertLess(closed, len(BEFORE) / 50, "want few requests that are closed")
        self.assertLessEqual({200, 302, 401, 403, 404, 405}, statuses, "want requests that end in every way")

    def test_requests_reach_the_same_routes(self):
        self.assertEqual([type(route).__name__ for route in plugin.router.routes[:2]], ["Closed", "FirstRoute"])
        for (method, path), flask in BEFORE["routes"].items():
            for _ in range(2):  # it is cached
                self.assertEqual(leads_to(plugin.router.routes[1:], method, path), flask, f"{method} {path}")
        self.assertIn(True, BEFORE["routes"].values())
        self.assertIn(False, BEFORE["routes"].values())

    def test_all_of_the_plugins_middleware_is_as_expected(self):
        self.assertEqual(
            [m.cls.__name__ for m in plugin.user_middleware], ["_Proxy", "SessionMiddleware", "_Workspace", "_Auth", "OwnDefault", "_Permission"]
        )

    def test_middleware_that_is_not_known_stays_as_it_is(self):
        async def dispatch(request, call_next):
            return await call_next(request)

        unknown = Middleware(BaseHTTPMiddleware, dispatch=dispatch)
        self.assertIs(served.fast_path.flatten_middleware([unknown])[0].cls, BaseHTTPMiddleware)

    def test_mlflow_finds_this_application(self):
        self.assertEqual(_find_app("mlflow-sso"), "mlflow_sso.app:app")
        self.assertFalse(_is_factory("mlflow_sso.app:app"))

    def test_another_plugin_is_refused(self):
        with self.assertRaisesRegex(RuntimeError, "want its mount of Flask"):
            served.change(plugin, 1)

    async def test_a_new_account_has_access_at_once(self):
        new = PROVIDER.bearer("new@example.com")
        self.assertEqual((await ask(SEARCH, new, {"max_results": 1}))[0], 401)
        user.create_user(username="new@example.com", display_name="new", is_admin=False)
        self.assertEqual((await ask(SEARCH, new, {"max_results": 1}))[0], 200)

    async def test_a_deactivated_user_loses_access_in_two_seconds_and_an_administrator_at_once(self):
        for name, wait in (("leaver@example.com", served.fast_path.ACCOUNT_SECONDS), ("chief@example.com", 0)):
            user.create_user(username=name, display_name=name, is_admin=wait == 0)
            self.assertEqual((await ask(SEARCH, PROVIDER.bearer(name), {"max_results": 1}))[0], 200)
            store.update_user(username=name, active=False)
            await asyncio.sleep(wait)
            self.assertEqual((await ask(SEARCH, PROVIDER.bearer(name), {"max_results": 1}))[0], 401, name)

    async def test_the_cache_of_a_runs_experiment_is_not_a_permission(self):
        owner, other = PROVIDER.bearer(MEMBER), PROVIDER.bearer(OTHER)
        _, experiment = await ask("/api/2.0/mlflow/experiments/create", owner, {"name": "one"})
        _, run = await ask("/api/2.0/mlflow/runs/create", owner, {"experiment_id": experiment["experiment_id"], "start_time": 1})
        tag = {"run_id": run["run"]["info"]["run_id"], "key": "a", "value": "b"}
        for caller, status in ((owner, 200), (other, 403), (owner, 200), (other, 403)):
            self.assertEqual((await ask("/api/2.0/mlflow/runs/set-tag", caller, tag))[0], status)
        unknown = {**tag, "run_id": "0" * 32}
        self.assertEqual([(await ask("/api/2.0/mlflow/runs/set-tag", owner, unknown))[0] for _ in range(2)], [404, 404])

    async def test_a_failed_lookup_of_the_caller_gets_503_and_no_access(self):
        malformed = [(b"authorization", b"Basic nothing")]
        self.assertEqual((await ask(SEARCH, malformed, {"max_results": 1}))[0], 401)
        away = mock.Mock(get_user_profile=mock.Mock(side_effect=OSError("away")))
        with mock.patch.object(served.fast_path, "ACCOUNT_SECONDS", 0), mock.patch.object(doubt, "answers", return_value=False):
            with mock.patch("mlflow_oidc_auth.middleware.auth_middleware.store", away):
                for caller in (PROVIDER.bearer("again@example.com"), malformed):
                    status, said = await ask(SEARCH, caller, {"max_results": 1})
                    self.assertEqual((status, said["error_code"]), (503, "TEMPORARILY_UNAVAILABLE"))
                self.assertEqual((await ask(SEARCH, [], {"max_results": 1}))[0], 401, "anonymous")

    async def test_without_keys_a_token_gets_503_and_not_401(self):
        token = PROVIDER.bearer("unheard-of@example.com")
        self.assertEqual((await ask(SEARCH, token, {"max_results": 1}))[0], 401)
        known = doubt.jwks_cache.MEMORY._known
        with mock.patch.object(doubt.jwks_cache.MEMORY, "_known", {}), mock.patch.object(doubt.jwks_cache.MEMORY, "_load", side_effect=OSError("away")):
            self.assertEqual((await ask(SEARCH, token, {"max_results": 1}))[0], 503)
        self.assertTrue(known)
        doubt.jwks_cache.MEMORY._asked.clear()
        doubt.jwks_cache.MEMORY._silent.clear()  # the next request waits for the issuer again

    async def test_a_failed_lookup_of_an_artifact_is_not_a_refusal(self):
        caller = PROVIDER.bearer(MEMBER)
        path = "/api/2.0/mlflow-artifacts/artifacts/0/1/artifacts/a"
        self.assertEqual((await Client("GET", path, [b""], caller).ask(served.app)).status, 403)
        with mock.patch("mlflow_oidc_auth.validators.experiment._get_tracking_store", side_effect=OSError("away")):
            got = await Client("GET", path, [b""], caller).ask(served.app)
        self.assertEqual(got.status, 500)

    async def test_a_request_during_the_databases_recovery_succeeds(self):
        basic = [(b"authorization", b"Basic " + base64.b64encode(MEMBER.encode() + b":a token"))]
        looked = mock.Mock(side_effect=[OSError("away"), True])
        with mock.patch("mlflow_oidc_auth.middleware.auth_middleware._authenticate_basic_auth_sync", looked):
            self.assertEqual((await ask(SEARCH, basic, {"max_results": 1}))[0], 200)

    def test_the_database_answers(self):
        self.assertTrue(doubt.answers())
        with mock.patch.object(doubt, "store", mock.Mock(ping=mock.Mock(side_effect=OSError("away")))):
            self.assertFalse(doubt.answers())

    def test_pools_have_room_for_every_thread(self):
        size = process_limits.threads(2) + 1
        self.assertEqual(os.environ["OIDC_DB_POOL_SIZE"], str(size))
        self.assertEqual(os.environ["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"], str(size))
        self.assertEqual(_get_tracking_store().engine.pool.size(), size)
