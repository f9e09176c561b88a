"""Prints who and what has power inside MLflow, as one line of JSON: administrators, service accounts,
their tokens, SCIM tokens, webhooks, permission patterns, and the mode of the folder of artifacts.

It reads the databases and the folder, changes nothing, and prints no secret: of tokens their names.
"""

import json
import os
import stat

import sqlalchemy

NOW = "now() at time zone 'utc'"

USERS = f"""
SELECT u.username, u.is_admin, u.is_service_account, coalesce(u.service_account_source, '') AS source,
  (SELECT count(*) FROM user_tokens t WHERE t.user_id = u.id AND (t.expires_at IS NULL OR t.expires_at > {NOW})) AS tokens,
  EXISTS (SELECT 1 FROM mlflow_sso_break_glass b WHERE b.username = u.username AND b.ended IS NULL AND b.until > {NOW}) AS break_glass
FROM users u WHERE u.active ORDER BY u.username"""

SCIM = f"SELECT name FROM scim_tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {NOW}) ORDER BY name"

WEBHOOKS = "SELECT name, url, coalesce(status, '') AS status FROM webhooks WHERE deleted_timestamp IS NULL ORDER BY name"

# Kinds of things whose names a pattern can match, as the plugin's tables call them.
KINDS = ("experiment", "registered_model", "scorer", "gateway_endpoint", "gateway_secret", "gateway_model_definition", "workspace")


def rows(connection, query):
    return [dict(row) for row in connection.execute(sqlalchemy.text(query)).mappings()]


def patterns(connection):
    tables = set(sqlalchemy.inspect(connection).get_table_names())
    for kind in KINDS:
        for of, middle, join in (
            ("group", "_group_regex", "JOIN groups s ON s.id = p.group_id"), ("user", "_regex", "JOIN users s ON s.id = p.user_id"),
        ):
            table = f"{kind}{middle}_permissions"
            if table not in tables:
                continue
            prompt = "coalesce(p.prompt, false)" if kind == "registered_model" else "false"
            name = "s.group_name" if of == "group" else "s.username"
            service = "false" if of == "group" else "s.is_service_account"
            for row in rows(connection, f"SELECT {name} AS name, {service} AS service, p.regex, p.priority, p.permission, {prompt} AS prompt FROM {table} p {join} ORDER BY 1, 3"):
                word = "prompt" if row.pop("prompt") else kind.replace("_", "-")
                subject = "serviceAccount" if row.pop("service") else of
                yield row | {"of": subject, "kind": word}


def engine(variable):
    return sqlalchemy.create_engine(os.environ[variable], connect_args={"connect_timeout": 4}, poolclass=sqlalchemy.pool.NullPool)


found = {}
with engine("OIDC_USERS_DB_URI").connect() as connection:
    if not sqlalchemy.inspect(connection).has_table("mlflow_sso_break_glass"):
        USERS = USERS.replace(USERS[USERS.index("EXISTS"):USERS.index(" AS break_glass")], "false")
    found["users"] = rows(connection, USERS)
    found["scimTokens"] = [row["name"] for row in rows(connection, SCIM)]
    found["patterns"] = list(patterns(connection))
with engine("MLFLOW_BACKEND_STORE_URI").connect() as connection:
    found["webhooks"] = rows(connection, WEBHOOKS)
root = os.environ.get("MLFLOW_ARTIFACTS_DESTINATION", "").removeprefix("file://")
found["artifacts"] = {"folder": root, "mode": stat.S_IMODE(os.stat(root).st_mode)} if root.startswith("/") else None
print(json.dumps(found))
