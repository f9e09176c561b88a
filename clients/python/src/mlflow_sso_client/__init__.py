"""Tokens of a Keycloak service account for MLflow's own Python client.

MLflow asks the provider named by `MLFLOW_TRACKING_AUTH` how to sign each request. This
one is called `mlflow-sso`. It gets a token by the account's secret when the first request
needs one, and another before that ends, so a job may take as long as it likes. All
threads of a process share one token. No error holds the secret or a token.

    MLFLOW_TRACKING_AUTH       mlflow-sso
    MLFLOW_SSO_TOKEN_URL       where Keycloak gives tokens
    MLFLOW_SSO_CLIENT_ID       the account
    MLFLOW_SSO_CLIENT_SECRET   its secret, or:
    MLFLOW_SSO_CLIENT_SECRET_FILE   a file that holds it, read again for each token
    MLFLOW_SSO_CA_FILE         certificates to trust for Keycloak, in PEM, in place of the usual ones
"""

from ._auth import Auth
from ._provider import Provider
from ._tokens import Settings, TokenError, Tokens

__all__ = ["Auth", "Provider", "Settings", "TokenError", "Tokens"]
