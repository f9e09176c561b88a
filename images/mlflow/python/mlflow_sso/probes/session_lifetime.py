"""Prints for how many seconds a user's sessions stay valid; reads the user name from standard input.

A session ends with its row or with Keycloak's token in it, whichever is first: the plugin checks both.
"renewable" says that a refresh token extends it. The argument `expire` sets the tokens' expiry to the past,
to show that the plugin checks it.
"""

import contextlib
import dataclasses
import json
import os
import sys
import time

from sqlalchemy import create_engine, text

SESSIONS = text(
    "select s.id, s.encrypted_tokens, extract(epoch from s.expires_at - (now() at time zone 'utc')) from auth_sessions s"
    " join users u on u.id = s.user_id where lower(u.username) = lower(:name) and s.revoked_at is null"
)
UPDATE = text("update auth_sessions set encrypted_tokens = :tokens where id = :key")


def expire(connection, vault, key, tokens):
    """Stores a session's tokens with an expiry in the past."""
    old = vault.encrypt(dataclasses.replace(tokens, expires_at=int(time.time()) - 60))
    connection.execute(UPDATE, {"tokens": old, "key": key})


def sessions(connection, vault, name, expires):
    """The remaining seconds of each session, and whether any is renewable."""
    left, renewable = [], False
    for key, sealed, seconds in connection.execute(SESSIONS, {"name": name}).all():
        tokens = vault.decrypt(sealed)
        if tokens is not None and tokens.expires_at is not None:
            seconds = min(float(seconds), tokens.expires_at - time.time())
            renewable = renewable or tokens.has_refresh_token
            if expires:
                expire(connection, vault, key, tokens)
        left.append(float(seconds))
    return {"left": left, "renewable": renewable}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        from mlflow_oidc_auth.session.token_vault import get_token_vault
    with create_engine(os.environ["OIDC_USERS_DB_URI"]).begin() as connection:
        print(json.dumps(sessions(connection, get_token_vault(), sys.stdin.read().strip(), sys.argv[1:] == ["expire"])))
