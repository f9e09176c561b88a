"""What a request may be and do, put around the plugin's application in one place."""

from mlflow.server import app as flask_app
from mlflow_oidc_auth.config import config

from mlflow_sso import closed, names, queries, spans, texts
from mlflow_sso.beat import Beat
from mlflow_sso.bodies import Bodies
from mlflow_sso.origin import Origin


def change(application):
    """Changes the plugin's application in place."""
    closed.close(application.router.routes)
    queries.bound(flask_app)
    spans.bound()
    texts.show_no_sql()
    names.look_up_nothing()


def around(application):
    """Wraps what is served: pages of other origins are refused first, then bodies that are too much."""
    return Beat(Origin(Bodies(application), config.OIDC_REDIRECT_URI, config.SESSION_COOKIE_NAME))
