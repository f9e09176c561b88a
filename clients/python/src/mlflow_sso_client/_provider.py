"""The entry point for MLflow."""

import threading

from mlflow.tracking.request_auth.abstract_request_auth_provider import RequestAuthProvider

from ._auth import Auth
from ._tokens import Settings, Tokens

NAME = "mlflow-sso"


class Provider(RequestAuthProvider):
    # MLflow creates one at import, even if another provider is used: do not require environment
    # variables before get_auth.
    def __init__(self):
        self._lock = threading.Lock()
        self._settings, self._tokens = None, None

    def get_name(self):
        return NAME

    def get_auth(self):
        settings = Settings.from_environment()
        with self._lock:
            if self._settings != settings:  # a notebook may have set another account
                self._settings, self._tokens = settings, Tokens(settings)
            return Auth(self._tokens)
