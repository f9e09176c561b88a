"""The environment for the plugin's first import: every test that imports the plugin imports this
module first.

Databases are in a temporary folder.
"""

import logging
import os
import tempfile

from mlflow_sso import process_limits
from tests.provider import AUDIENCE, Provider

FOLDER = tempfile.TemporaryDirectory()
PROVIDER = Provider()
ADMIN, MEMBER, OTHER = (f"{name}@example.com" for name in ("admin", "member", "other"))

os.makedirs(FOLDER.name + "/artifacts")
os.environ |= {
    "MLFLOW_WORKERS": "2",
    "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{FOLDER.name}/mlflow.db",
    "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{FOLDER.name}/mlflow.db",
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    "_MLFLOW_SERVER_ARTIFACT_DESTINATION": FOLDER.name + "/artifacts",
    "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "OIDC_GEN_AI_GATEWAY_ENABLED": "false",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OIDC_USERS_DB_URI": f"sqlite:///{FOLDER.name}/auth.db",
    "OIDC_DISCOVERY_URL": PROVIDER.discovery,
    "OIDC_ISSUER": PROVIDER.issuer,
    "OIDC_AUDIENCE": AUDIENCE,
    "OIDC_CLIENT_ID": AUDIENCE,
    "OIDC_CLIENT_SECRET": "none",
    "OIDC_REDIRECT_URI": "http://localhost:5000/callback",
    "SECRET_KEY": "for tests alone",
    "AUTOMATIC_LOGIN_REDIRECT": "true",
    "MLFLOW_SERVER_ALLOWED_HOSTS": "mlflow:5000",
}
logging.disable(logging.CRITICAL)
process_limits.set_pools()  # as in the application
