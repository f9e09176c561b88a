"""The application of this image, which `mlflow server --app-name mlflow-sso` finds.

It is the plugin's, with eleven changes: the way to Flask (bridge), the end of clients
that stand still (patience), answers that leave at once (prompt), a logout that
reaches Keycloak from every process (logout), the same decisions in less time
(shortcuts), no locations of a client's own (locations), permissions that upstream does
not ask for (authorization), batches that are there as a whole (batches), and a cache, an
issuer and a database that may be away (cache, keys, doubt). What a request may be and do is
in bounds. See decisions 13, 25, 27 and 28.
"""

import os

from mlflow_sso import limits

limits.set_pools()

from mlflow_oidc_auth.app import app as plugin  # noqa: E402
from mlflow_oidc_auth.middleware.auth_aware_wsgi_middleware import AuthAwareWSGIMiddleware, AuthInjectingWSGIApp  # noqa: E402
from starlette.routing import Mount  # noqa: E402

from mlflow_sso import authorization, batches, bounds, cache, connections, doubt, keys, locations, shortcuts  # noqa: E402
from mlflow_sso.bridge import Bridge  # noqa: E402
from mlflow_sso.logout import Informed  # noqa: E402
from mlflow_sso.patience import Patience  # noqa: E402
from mlflow_sso.prompt import Prompt  # noqa: E402


class Bridged(AuthAwareWSGIMiddleware):
    """The plugin's mount of Flask, which tells it who asks, with threads of our own."""

    def __init__(self, flask_app, bridge):
        super().__init__(flask_app)
        self._bridge = bridge

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        await self._bridge.serve(AuthInjectingWSGIApp(self.flask_app, scope), scope, receive, send)


def change(application, workers):
    """Changes the plugin's application in place."""
    routes = application.router.routes
    mount = routes[-1]
    if not isinstance(mount, Mount) or type(mount.app) is not AuthAwareWSGIMiddleware:
        raise RuntimeError(f"mlflow-sso: got {mount!r} as the plugin's last route, want its mount of Flask: this is not the plugin of decision 13")
    bridge = Bridge(limits.threads(workers), limits.REQUESTS, limits.SEND, limits.spool())
    mount.app = Bridged(mount.app.flask_app, bridge)
    routes.insert(0, shortcuts.FirstRoute(mount, routes[:-1]))
    application.user_middleware = shortcuts.straighten(application.user_middleware)
    shortcuts.remember_experiments()
    locations.refuse_given()
    authorization.complete()
    batches.keep_whole()
    doubt.refuse_nothing_unseen()
    cache.forgive()
    keys.remember()
    bounds.change(application)
    connections.limit_heads()
    connections.log_no_query()


change(plugin, int(os.environ["MLFLOW_WORKERS"]))
app = Prompt(Patience(bounds.around(Informed(plugin)), limits.TAKE))
