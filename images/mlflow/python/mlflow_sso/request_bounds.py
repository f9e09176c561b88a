"""What a request may be and do, put around the plugin's application in one place."""

from mlflow.server import app as flask_app
from mlflow_oidc_auth.config import config

from mlflow_sso import disabled_features, otlp_ingest, provider_hosts, query_limits, text_checks
from mlflow_sso.body_limits import Bodies
from mlflow_sso.loop_heartbeat import Beat
from mlflow_sso.origin_check import Origin


def change(application):
    """Changes the plugin's application in place."""
    disabled_features.close(application.router.routes)
    query_limits.bound(flask_app)
    otlp_ingest.bound()
    text_checks.show_no_sql()
    provider_hosts.look_up_nothing()


def around(application):
    """Wraps what is served: pages of other origins are refused first, then bodies that are too much."""
    return Beat(Origin(Bodies(application), config.OIDC_REDIRECT_URI, config.SESSION_COOKIE_NAME))
