"""A user's valid logins in MLflow: sessions and personal tokens, and when each started.

Times are seconds since the epoch. The plugin stores a session's start by the database's clock in the
connection's time zone, and all other times in UTC.
"""

import datetime

# A user who was recreated in Keycloak has two subjects; the last to log in counts. A subject that
# equals the name is a placeholder of the plugin.
SUBJECT = """(SELECT i.subject FROM user_identities i WHERE i.user_id = u.id AND i.provider_id = 'default' AND i.subject <> u.username
  ORDER BY i.last_login_at DESC NULLS LAST, i.id DESC LIMIT 1)"""
SESSIONS = f"""
SELECT u.id, u.username, {SUBJECT}, s.id, extract(epoch FROM s.created_at::timestamptz)::float, k.sid
FROM auth_sessions s JOIN users u ON u.id = s.user_id
LEFT JOIN mlflow_sso_keycloak_sessions k ON k.auth_session = s.id
WHERE NOT u.is_service_account AND s.revoked_at IS NULL AND s.expires_at > now() AT TIME ZONE 'utc' ORDER BY s.id
"""
TOKENS = f"""
SELECT u.id, u.username, {SUBJECT}, t.id, extract(epoch FROM t.created_at AT TIME ZONE 'utc')::float
FROM user_tokens t JOIN users u ON u.id = t.user_id
WHERE NOT u.is_service_account AND t.expires_at > now() AT TIME ZONE 'utc' ORDER BY t.id
"""


class Session:
    """One MLflow session. sid is the Keycloak session; None if it was not recorded."""

    def __init__(self, identifier, began, sid):
        self.identifier, self.began, self.sid = identifier, began, sid


class Token:
    """One personal token."""

    def __init__(self, identifier, began):
        self.identifier, self.began = identifier, began


class Holder:
    """A user with sessions or tokens. subject is the user's ID in Keycloak; None if the user has never logged
    in."""

    def __init__(self, connection, username, subject):
        self._db = connection
        self.username, self.subject, self.sessions, self.tokens = username, subject, [], []

    def end(self, sessions, tokens):
        """Revokes exactly these, in the plugin's own order: a concurrent login is kept."""
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        with self._db.transaction():
            if sessions:
                self._db.execute("UPDATE auth_sessions SET revoked_at = %s WHERE id = ANY(%s) AND revoked_at IS NULL", (now, [s.identifier for s in sessions]))
            if tokens:
                self._db.execute("DELETE FROM user_tokens WHERE id = ANY(%s)", ([t.identifier for t in tokens],))


def holders(connection):
    """Every user with a session or token."""
    found = {}
    for user, username, subject, identifier, began, sid in connection.execute(SESSIONS).fetchall():
        found.setdefault(user, Holder(connection, username, subject)).sessions.append(Session(identifier, began, sid))
    for user, username, subject, identifier, began in connection.execute(TOKENS).fetchall():
        found.setdefault(user, Holder(connection, username, subject)).tokens.append(Token(identifier, began))
    return list(found.values())
