"""Tokens of a Keycloak service account for MLflow's own Python client.

MLflow asks the provider named by `MLFLOW_TRACKING_AUTH` how to sign each request. This one is called
`mlflow-sso`. It requests a token with the account's secret for the first request, and another one
before that expires, so a job may run for any time. All threads of a process share one token. No
error contains the secret or a token.

    MLFLOW_TRACKING_AUTH       mlflow-sso
    MLFLOW_SSO_TOKEN_URL       Keycloak's token endpoint
    MLFLOW_SSO_CLIENT_ID       the account
    MLFLOW_SSO_CLIENT_SECRET   its secret, or:
    MLFLOW_SSO_CLIENT_SECRET_FILE   a file with the secret, read again for each token
    MLFLOW_SSO_CA_FILE         CA certificates for Keycloak, in PEM, that replace the default ones
"""

from ._auth import Auth
from ._provider import Provider
from ._tokens import Settings, TokenError, Tokens

__all__ = ["Auth", "Provider", "Settings", "TokenError", "Tokens"]
