"""Prints for how many seconds the sessions of a person, who comes on standard input, still live.

What ends a session first counts: its row or the token of Keycloak in it, as the plugin looks at
both. "renewable" says that a refresh token would make it live on. With the argument "age" the
tokens are given an end that is past, so that one can see whether the plugin looks.
"""

import contextlib
import dataclasses
import json
import os
import sys
import time

with contextlib.redirect_stdout(sys.stderr):
    from mlflow_oidc_auth.session.token_vault import get_token_vault
from sqlalchemy import create_engine, text

rows = text(
    "select s.id, s.encrypted_tokens, extract(epoch from s.expires_at - (now() at time zone 'utc')) from auth_sessions s"
    " join users u on u.id = s.user_id where lower(u.username) = lower(:name) and s.revoked_at is null"
)
left, renewable = [], False
vault = get_token_vault()
with create_engine(os.environ["OIDC_USERS_DB_URI"]).begin() as connection:
    for key, sealed, seconds in connection.execute(rows, {"name": sys.stdin.read().strip()}).all():
        tokens = vault.decrypt(sealed)
        if tokens is not None and tokens.expires_at is not None:
            seconds = min(float(seconds), tokens.expires_at - time.time())
            renewable = renewable or tokens.has_refresh_token
            if sys.argv[1:] == ["age"]:
                old = vault.encrypt(dataclasses.replace(tokens, expires_at=int(time.time()) - 60))
                connection.execute(text("update auth_sessions set encrypted_tokens = :old where id = :key"), {"old": old, "key": key})
        left.append(float(seconds))
json.dump({"left": left, "renewable": renewable}, sys.stdout)
