"""Prunes expired rows from the plugin's tables; the plugin itself removes few of them."""

# By the expression that gives a row's end. Times are UTC without a time zone.
OVER = {
    "login attempts": "DELETE FROM auth_state WHERE expires_at < now() AT TIME ZONE 'utc'",
    "sessions": "DELETE FROM auth_sessions WHERE expires_at < now() AT TIME ZONE 'utc' OR revoked_at < now() AT TIME ZONE 'utc' - interval '1 day'",
    "records of sessions": "DELETE FROM mlflow_sso_keycloak_sessions k WHERE NOT EXISTS (SELECT FROM auth_sessions s WHERE s.id = k.auth_session)",
    "personal tokens": "DELETE FROM user_tokens WHERE expires_at < now() AT TIME ZONE 'utc'",
    "used SAML answers": "DELETE FROM saml_assertions WHERE not_on_or_after < now() AT TIME ZONE 'utc'",
}


def prune(connection):
    """Prunes expired rows, and returns how many."""
    with connection.transaction():
        return ", ".join(f"{connection.execute(statement).rowcount} {what}" for what, statement in OVER.items()) + " removed"
