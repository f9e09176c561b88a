"""Wraps the plugin's application in the limits on requests, in one place."""

from mlflow.server import app as flask_app
from mlflow_oidc_auth.config import config

from mlflow_sso import disabled_features, otlp_ingest, provider_hosts, query_limits, text_checks
from mlflow_sso.body_limits import Bodies
from mlflow_sso.loop_heartbeat import Beat
from mlflow_sso.origin_check import Origin


def change(application):
    """Patches the plugin's application in place."""
    disabled_features.close(application.router.routes)
    query_limits.bound(flask_app)
    otlp_ingest.bound()
    text_checks.show_no_sql()
    provider_hosts.look_up_nothing()


def around(application):
    """Wraps the outermost application: refuses other origins first, then oversized bodies."""
    return Beat(Origin(Bodies(application), config.OIDC_REDIRECT_URI, config.SESSION_COOKIE_NAME))
