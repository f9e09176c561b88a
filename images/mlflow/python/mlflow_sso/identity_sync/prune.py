"""Removes what is over from the plugin's tables: it removes hardly anything by itself."""

# By what a person reads of it. Times are in UTC, without saying so.
OVER = {
    "login attempts": "DELETE FROM auth_state WHERE expires_at < now() AT TIME ZONE 'utc'",
    "sessions": "DELETE FROM auth_sessions WHERE expires_at < now() AT TIME ZONE 'utc' OR revoked_at < now() AT TIME ZONE 'utc' - interval '1 day'",
    "records of sessions": "DELETE FROM mlflow_sso_keycloak_sessions k WHERE NOT EXISTS (SELECT FROM auth_sessions s WHERE s.id = k.auth_session)",
    "personal tokens": "DELETE FROM user_tokens WHERE expires_at < now() AT TIME ZONE 'utc'",
    "used SAML answers": "DELETE FROM saml_assertions WHERE not_on_or_after < now() AT TIME ZONE 'utc'",
}


def prune(connection):
    """Removes what is over, and returns how much."""
    with connection.transaction():
        return ", ".join(f"{connection.execute(statement).rowcount} {what}" for what, statement in OVER.items()) + " removed"
