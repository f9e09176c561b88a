"""Records the Keycloak session of each MLflow session.

The plugin encrypts the ID token, and the identity sync lacks the key, so it could not detect that
a session was signed out in Keycloak. Only the session's ID is stored here, which is useless for a
login. If it is missing, the sync compares times (identity_sync.live_logins).
"""

import base64
import json

from mlflow_oidc_auth.logger import get_logger
from mlflow_oidc_auth.routers import auth
from mlflow_oidc_auth.store import store
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from mlflow_sso import upstream_guard
from mlflow_sso.identity_sync.schema import KEYCLOAK_SESSIONS

_INSERT = text("INSERT INTO mlflow_sso_keycloak_sessions (auth_session, sid) SELECT id, :sid FROM auth_sessions WHERE session_id = :session")

logger = get_logger()


def keycloak_session(id_token):
    """The Keycloak session ID of an ID token that is already verified; None if it has none."""
    try:
        payload = id_token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("sid")
    except (AttributeError, IndexError, ValueError):
        return None


def record(session_id, sid):
    """Stores the pair. The identity sync creates the same table; either program may be first."""
    for table_exists in (False, True):
        try:
            with store.engine.begin() as connection:
                connection.execute(_INSERT, {"sid": sid, "session": session_id})
            return
        except (OperationalError, ProgrammingError):
            if table_exists:
                raise
            with store.engine.begin() as connection:
                connection.execute(text(KEYCLOAK_SESSIONS))


def record_keycloak_sessions():
    """Records the session at every login through Keycloak."""
    upstream_guard.takes(auth._open_server_session, "username", "provider_id", "tokens")
    upstream_guard.uses(auth._complete_login, "_open_server_session")
    plugins_own = auth._open_server_session

    def open_server_session(username, provider_id=None, tokens=None):
        session_id = plugins_own(username, provider_id=provider_id, tokens=tokens)
        if sid := keycloak_session(getattr(tokens, "id_token", None)):
            try:
                record(session_id, sid)
            except Exception as error:  # do not fail the login; the sync compares times instead
                logger.warning("Could not record the Keycloak session of a login: %s", type(error).__name__)
        return session_id

    auth._open_server_session = open_server_session
