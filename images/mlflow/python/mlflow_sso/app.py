"""The application of this image, which `mlflow server --app-name mlflow-sso` loads.

It is the plugin's application with the patches of this package; docs/reference/mlflow-changes.md lists them
with their reasons. Each patch first checks that upstream is the code that it was written for
(upstream_guard).
"""

import os

from mlflow_sso import database_watch, process_limits

process_limits.set_pools()
database_watch.install()

from mlflow_oidc_auth.app import app as plugin
from mlflow_oidc_auth.middleware.auth_aware_wsgi_middleware import AuthAwareWSGIMiddleware, AuthInjectingWSGIApp
from starlette.routing import Mount

from mlflow_sso import (
    api_refusals,
    artifact_location_guard,
    asgi_wsgi_bridge,
    atomic_batches,
    auth_unavailable,
    authorization,
    browser_pages,
    connection_limits,
    database_indexes,
    default_experiment,
    fast_path,
    group_removal,
    jwks_cache,
    keycloak_sessions,
    login_attempts,
    login_return,
    logout_metadata,
    narrowed_searches,
    page_features,
    request_bounds,
    resilient_cache,
    run_search,
    slow_client_timeout,
    tcp_nodelay,
    whole_lists,
)
from mlflow_sso.api_refusals import Refusals
from mlflow_sso.asgi_wsgi_bridge import Bridge
from mlflow_sso.logout_metadata import MetadataAwareLogout
from mlflow_sso.slow_client_timeout import SlowClientTimeout
from mlflow_sso.tcp_nodelay import NoDelayProtocol


class Bridged(AuthAwareWSGIMiddleware):
    """Replaces the plugin's mount of Flask, which passes the caller on, by one with a bounded thread
    pool."""

    def __init__(self, flask_app, bridge):
        super().__init__(flask_app)
        self._bridge = bridge

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        await self._bridge.serve(AuthInjectingWSGIApp(self.flask_app, scope), scope, receive, send)


def change(application, workers):
    """Patches the plugin's application in place."""
    routes = application.router.routes
    mount = routes[-1]
    if not isinstance(mount, Mount) or type(mount.app) is not AuthAwareWSGIMiddleware:
        raise RuntimeError(f"mlflow-sso: got {mount!r} as the plugin's last route, want its mount of Flask: this is not the plugin of decision 13")
    asgi_wsgi_bridge.expect()
    slow_client_timeout.expect()
    tcp_nodelay.expect()
    logout_metadata.expect()
    fast_path.expect(application)
    bridge = Bridge(process_limits.threads(workers), process_limits.REQUESTS, process_limits.SEND, process_limits.spool())
    mount.app = Bridged(mount.app.flask_app, bridge)
    routes.insert(0, fast_path.FirstRoute(mount, routes[:-1]))
    application.user_middleware = fast_path.flatten_middleware(application.user_middleware)
    default_experiment.use_own(application)
    fast_path.cache_run_experiments()
    artifact_location_guard.refuse_given()
    authorization.complete()
    narrowed_searches.narrow_searches()
    whole_lists.page_through()
    atomic_batches.install_atomic_batches()
    run_search.sort_pages_only()
    auth_unavailable.install_auth_outage_503(application)
    resilient_cache.install_resilient_cache()
    jwks_cache.install_jwks_cache()
    keycloak_sessions.record_keycloak_sessions()
    login_attempts.keep_attempts()
    browser_pages.show_pages(application)
    login_return.keep_address(application)
    api_refusals.explain_refusals()
    page_features.change_pages()
    group_removal.remove_empty(application)
    request_bounds.change(application)
    connection_limits.limit_heads()
    connection_limits.log_no_query()


change(plugin, int(os.environ["MLFLOW_WORKERS"]))
database_indexes.create_in_background()
app = NoDelayProtocol(SlowClientTimeout(request_bounds.around(browser_pages.Pages(Refusals(MetadataAwareLogout(plugin)))), process_limits.TAKE))
