"""Caches one token and renews it before it expires."""

import os
import threading
import time
from dataclasses import dataclass, field

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

# A token is renewed when a third of its lifetime is left, or a minute, whichever is less: it must
# not expire during a long request.
RENEW_AT = 1 / 3
RENEW_BEFORE = 60.0
TIMEOUT = (10, 30)  # seconds, to connect and to read
# Keycloak may be restarting: retry for about half a minute.
RETRIES = 6


class TokenError(Exception):
    """No token could be requested; the text is for the user."""


@dataclass(frozen=True)
class Settings:
    url: str
    client: str
    secret: str = field(default="", repr=False)
    secret_file: str = ""
    authority: str = ""

    @classmethod
    def from_environment(cls, environment=os.environ):
        got = {
            "url": environment.get("MLFLOW_SSO_TOKEN_URL", ""),
            "client": environment.get("MLFLOW_SSO_CLIENT_ID", ""),
            "secret": environment.get("MLFLOW_SSO_CLIENT_SECRET", ""),
            "secret_file": environment.get("MLFLOW_SSO_CLIENT_SECRET_FILE", ""),
            "authority": environment.get("MLFLOW_SSO_CA_FILE", ""),
        }
        missing = [name for name, key in (("MLFLOW_SSO_TOKEN_URL", "url"), ("MLFLOW_SSO_CLIENT_ID", "client")) if not got[key]]
        if not got["secret"] and not got["secret_file"]:
            missing.append("MLFLOW_SSO_CLIENT_SECRET or MLFLOW_SSO_CLIENT_SECRET_FILE")
        if missing:
            raise TokenError(f"not set: {', '.join(missing)}; `mlflow-sso token ACCOUNT --output env` prints what a job needs")
        return cls(**got)

    def read_secret(self):
        if not self.secret_file:
            return self.secret
        try:
            with open(self.secret_file, encoding="utf-8") as file:
                secret = file.read().strip()
        except OSError as error:
            raise TokenError(f"MLFLOW_SSO_CLIENT_SECRET_FILE: {error.strerror}: {self.secret_file}") from None
        if not secret:
            raise TokenError(f"MLFLOW_SSO_CLIENT_SECRET_FILE: {self.secret_file} is empty, want the secret")
        return secret


class Tokens:
    """The tokens of an account. Safe for threads and forked processes."""

    def __init__(self, settings, clock=time.monotonic):
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._token, self._renew, self._end = None, 0.0, 0.0
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self):
        # The parent may have held the lock at that moment.
        self._lock = threading.Lock()

    def get(self):
        """A token that has not expired."""
        with self._lock:
            now = self._clock()
            if self._token is not None and now < self._renew:
                return self._token
            try:
                token, seconds = self._fetch()
            except TokenError:
                if self._token is not None and now < self._end:
                    return self._token  # it is valid for a while; the next request tries again
                raise
            self._token, self._end = token, now + seconds
            self._renew = self._end - min(seconds * RENEW_AT, RENEW_BEFORE)
            return token

    def forget(self, token):
        """Keycloak may have new keys, or the server another clock: the next request gets a new token.
        """
        with self._lock:
            if self._token == token:
                self._token = None

    def _fetch(self):
        settings = self._settings
        login = (settings.client, settings.read_secret())
        with requests.Session() as session:
            retry = Retry(total=RETRIES, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None, raise_on_status=False)
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            try:
                answer = session.post(
                    settings.url, data={"grant_type": "client_credentials"}, auth=login, timeout=TIMEOUT,
                    verify=settings.authority or None, allow_redirects=False,
                )
            except (requests.RequestException, OSError) as error:
                raise TokenError(f"no token of {settings.client}: {settings.url} cannot be asked: {_cause(error)}") from None
        try:
            given = answer.json()
        except ValueError:
            given = {}
        given = given if isinstance(given, dict) else {}
        if answer.status_code != 200:
            why = " ".join(str(given[key]) for key in ("error", "error_description") if key in given)
            raise TokenError(f"no token of {settings.client}: {settings.url} answers {answer.status_code} {why}".rstrip())
        token, seconds = given.get("access_token"), given.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, (int, float)) or seconds <= 0:
            raise TokenError(f"no token of {settings.client}: the answer of {settings.url} holds none, want access_token and expires_in")
        return token, float(seconds)


def _cause(error):
    """The innermost cause: its wrappers repeat the address many times."""
    while isinstance(getattr(error, "reason", None), Exception) or (error.args and isinstance(error.args[0], Exception)):
        error = error.reason if isinstance(getattr(error, "reason", None), Exception) else error.args[0]
    return f"{type(error).__name__}: {error}"
