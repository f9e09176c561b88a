"""Accounts that were let in past Keycloak, and their end: see mlflow_sso.break_glass."""

import datetime


def end(connection, username):
    """Takes an account's rights and tokens, and remembers when. It says whether there was anything to take."""
    with connection.transaction():
        ended = connection.execute("UPDATE mlflow_sso_break_glass SET ended = now() WHERE username = %s AND ended IS NULL", (username,)).rowcount
        # The account itself stays: what it made has an owner, and the audit log a name.
        connection.execute("UPDATE users SET active = false, is_admin = false WHERE username = %s AND is_service_account", (username,))
        connection.execute("DELETE FROM user_tokens USING users WHERE users.id = user_id AND username = %s AND is_service_account", (username,))
    return ended > 0


def revoke_expired(connection, log):
    """Ends every account whose time is over."""
    now = datetime.datetime.now(datetime.UTC)
    names = [name for (name,) in connection.execute("SELECT username FROM mlflow_sso_break_glass WHERE ended IS NULL AND until <= %s", (now,)).fetchall()]
    for name in names:
        if end(connection, name):
            log("break_glass.ended", name)
    left = connection.execute("SELECT count(*) FROM mlflow_sso_break_glass WHERE ended IS NULL").fetchone()[0]
    return f"{left} open, {len(names)} ended"
