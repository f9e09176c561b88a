"""Prints which accounts and rules have privileges inside MLflow: administrators, service accounts, their tokens,
SCIM tokens, webhooks, permission patterns, and the mode of the artifact folder.

It reads the databases and the folder, changes nothing, and prints no secrets, only the names of tokens.
"""

import contextlib
import json
import os
import stat
import sys

import sqlalchemy

NOW = "now() at time zone 'utc'"

BREAK_GLASS_TABLE = "mlflow_sso_break_glass"
BREAK_GLASS = f"EXISTS (SELECT 1 FROM {BREAK_GLASS_TABLE} b WHERE b.username = u.username AND b.ended IS NULL AND b.until > {NOW})"

SCIM_TOKENS = f"SELECT name FROM scim_tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {NOW}) ORDER BY name"

WEBHOOKS = "SELECT name, url, coalesce(status, '') AS status FROM webhooks WHERE deleted_timestamp IS NULL ORDER BY name"

# Kinds of objects whose names a pattern can match, as the plugin's tables call them.
KINDS = ("experiment", "registered_model", "scorer", "gateway_endpoint", "gateway_secret", "gateway_model_definition", "workspace")

# Subject of a pattern, the middle part of its table's name, the subject's name column and whether it is a
# service account, and the subject's table.
SUBJECTS = (
    ("group", "_group_regex", "s.group_name", "false", "JOIN groups s ON s.id = p.group_id"),
    ("user", "_regex", "s.username", "s.is_service_account", "JOIN users s ON s.id = p.user_id"),
)


def rows(connection, query):
    """The rows of a query as dictionaries."""
    return [dict(row) for row in connection.execute(sqlalchemy.text(query)).mappings()]


def users_query(has_break_glass):
    """The query for active users; the identity sync creates the break-glass table on its first run."""
    return f"""
SELECT u.username, u.is_admin, u.is_service_account, coalesce(u.service_account_source, '') AS source,
  (SELECT count(*) FROM user_tokens t WHERE t.user_id = u.id AND (t.expires_at IS NULL OR t.expires_at > {NOW})) AS tokens,
  {BREAK_GLASS if has_break_glass else "false"} AS break_glass
FROM users u WHERE u.active ORDER BY u.username"""


def pattern_query(kind, table, name, service, join):
    """The query for the patterns of one table."""
    prompt = "coalesce(p.prompt, false)" if kind == "registered_model" else "false"
    return f"SELECT {name} AS name, {service} AS service, p.regex, p.priority, p.permission, {prompt} AS prompt FROM {table} p {join} ORDER BY 1, 3"


def patterns(connection, tables):
    """Every permission that a name pattern grants."""
    for kind in KINDS:
        for subject, middle, name, service, join in SUBJECTS:
            table = f"{kind}{middle}_permissions"
            if table not in tables:
                continue
            for row in rows(connection, pattern_query(kind, table, name, service, join)):
                matched = "prompt" if row.pop("prompt") else kind.replace("_", "-")
                yield row | {"of": "serviceAccount" if row.pop("service") else subject, "kind": matched}


def artifact_folder(environment):
    """The artifact folder and its mode; None if artifacts are in an object store."""
    root = environment.get("MLFLOW_ARTIFACTS_DESTINATION", "").removeprefix("file://")
    return {"folder": root, "mode": stat.S_IMODE(os.stat(root).st_mode)} if root.startswith("/") else None


def connect(uri):
    """A separate connection, outside of the server's pools."""
    return sqlalchemy.create_engine(uri, connect_args={"connect_timeout": 4}, poolclass=sqlalchemy.pool.NullPool).connect()


def inventory(environment):
    """The whole inventory."""
    found = {}
    with connect(environment["OIDC_USERS_DB_URI"]) as connection:
        tables = set(sqlalchemy.inspect(connection).get_table_names())
        found["users"] = rows(connection, users_query(BREAK_GLASS_TABLE in tables))
        found["scimTokens"] = [row["name"] for row in rows(connection, SCIM_TOKENS)]
        found["patterns"] = list(patterns(connection, tables))
    with connect(environment["MLFLOW_BACKEND_STORE_URI"]) as connection:
        found["webhooks"] = rows(connection, WEBHOOKS)
    return found | {"artifacts": artifact_folder(environment)}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # keep the output of libraries out of the response
        found = inventory(os.environ)
    print(json.dumps(found))
