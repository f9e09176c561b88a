"""Ends break-glass accounts: see mlflow_sso.break_glass."""

import datetime


def end(connection, username):
    """Revokes an account's permissions and tokens, and records the time. Returns whether there was anything to
    revoke."""
    with connection.transaction():
        ended = connection.execute("UPDATE mlflow_sso_break_glass SET ended = now() WHERE username = %s AND ended IS NULL", (username,)).rowcount
        # Keep the account itself: its objects need an owner, and the audit log a name.
        connection.execute("UPDATE users SET active = false, is_admin = false WHERE username = %s AND is_service_account", (username,))
        connection.execute("DELETE FROM user_tokens USING users WHERE users.id = user_id AND username = %s AND is_service_account", (username,))
    return ended > 0


def revoke_expired(connection, log):
    """Ends every expired account."""
    now = datetime.datetime.now(datetime.UTC)
    names = [name for (name,) in connection.execute("SELECT username FROM mlflow_sso_break_glass WHERE ended IS NULL AND until <= %s", (now,)).fetchall()]
    for name in names:
        if end(connection, name):
            log("break_glass.ended", name)
    left = connection.execute("SELECT count(*) FROM mlflow_sso_break_glass WHERE ended IS NULL").fetchone()[0]
    return f"{left} open, {len(names)} ended"
