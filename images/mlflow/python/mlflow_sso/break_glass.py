"""Gives an operator temporary administrator access while Keycloak is down.

`python -m mlflow_sso.break_glass` runs inside the server's container and reads one JSON object
from standard input: {"minutes": 30, "person": "who", "reason": "why"} creates an account with a
token, {"end": "break-glass-..."} revokes its permissions. It prints JSON. Both actions are
recorded in the plugin's audit log and in the table mlflow_sso_break_glass. The identity sync ends
expired accounts.
"""

import datetime
import json
import logging
import os
import secrets
import sys

PREFIX = "break-glass-"
LONGEST_MINUTES = 8 * 60


def main():
    asked = json.load(sys.stdin)
    if "end" in asked:
        print(json.dumps({"ended": end(asked["end"])}))
    else:
        print(json.dumps(grant(asked["minutes"], asked["person"], asked["reason"])))


def grant(minutes, person, reason):
    """Creates an account and its token; the token expires by itself."""
    if not (0 < minutes <= LONGEST_MINUTES and person and reason):
        sys.exit(f"break-glass: got {minutes} minutes, person {person!r}, reason {reason!r}; want 1 to {LONGEST_MINUTES} minutes and both texts")
    from mlflow_oidc_auth.store import store

    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    username = PREFIX + secrets.token_hex(5)
    with database() as connection:
        # Store the expiry first, so that a kill in between leaves no permanent account.
        connection.execute("INSERT INTO mlflow_sso_break_glass (username, until, person, reason) VALUES (%s, %s, %s, %s)", (username, until, person, reason))
        # A service account of the plugin: it has no password, and its token is the only way to
        # log in.
        store.create_user(username=username, display_name=f"{person}: {reason}"[:255], is_admin=True, is_service_account=True, service_account_source="internal")
        _, token = store.create_user_token(username, "break-glass", until, created_by=person[:255])
    audit("break_glass.granted", username, {"person": person, "reason": reason, "until": until.isoformat(timespec="seconds")})
    return {"username": username, "token": token, "until": until.isoformat(timespec="seconds")}


def end(username):
    """Revokes the account's permissions; returns whether it had any."""
    if not username.startswith(PREFIX):
        sys.exit(f"break-glass: got {username!r}, want a name that begins with {PREFIX}")
    from mlflow_sso.identity_sync.expire_break_glass import end as take

    with database() as connection:
        ended = take(connection, username)
    audit("break_glass.ended", username, {})
    return ended


def database():
    import psycopg

    from mlflow_sso.identity_sync.schema import prepare

    connection = psycopg.connect(os.environ["OIDC_USERS_DB_URI"], connect_timeout=5, autocommit=True)
    prepare(connection)
    return connection


def audit(event, username, detail):
    """Writes to the container's log, which is the output of its first process."""
    from mlflow_oidc_auth.audit import emit_audit_event

    logger = logging.getLogger("mlflow_oidc_auth.audit")
    with open("/proc/1/fd/2", "w", encoding="utf-8") as log:
        logger.addHandler(handler := logging.StreamHandler(log))
        try:
            emit_audit_event(event, actor="operator", resource_type="user", resource_id=username, detail=detail)
        finally:
            logger.removeHandler(handler)


if __name__ == "__main__":
    main()
