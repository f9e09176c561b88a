"""Prints for how many seconds the sessions of a person, who comes on standard input, still live."""

import json
import os
import sys

from sqlalchemy import create_engine, text

query = text(
    "select extract(epoch from s.expires_at - (now() at time zone 'utc')) from auth_sessions s"
    " join users u on u.id = s.user_id where lower(u.username) = lower(:name) and s.revoked_at is null"
)
with create_engine(os.environ["OIDC_USERS_DB_URI"]).connect() as connection:
    left = [float(row[0]) for row in connection.execute(query, {"name": sys.stdin.read().strip()})]
json.dump({"left": left}, sys.stdout)
