"""Checks external databases with MLflow's roles and from its container: whether MLflow's sessions are encrypted,
and what else the roles can open."""

import json
import os
from urllib.parse import urlsplit, urlunsplit

import psycopg

CONNECT = 10

SESSIONS = "select count(*), count(*) filter (where s.ssl) from pg_stat_activity a join pg_stat_ssl s using (pid) where a.usename = current_user and a.pid <> pg_backend_pid()"
SUPERUSER = "select rolsuper from pg_roles where rolname = current_user"


def refused(uri):
    """Whether the server refuses a login."""
    try:
        psycopg.connect(uri, connect_timeout=CONNECT).close()
    except psycopg.OperationalError:
        return True
    return False


def with_password(uri, password):
    """The same login with a different password."""
    at = urlsplit(uri)
    return urlunsplit(at._replace(netloc=f"{at.username}:{password}@{at.hostname}:{at.port}"))


def database_names(uris):
    """The names of MLflow's databases, and of Keycloak's next to them."""
    names = [urlsplit(uri).path.strip("/") for uri in uris]
    return [*names, names[0].removesuffix("mlflow") + "keycloak"]


def probe(uri, own, names):
    """What one role sees and can open."""
    with psycopg.connect(uri, connect_timeout=CONNECT) as connection:
        sessions, encrypted = connection.execute(SESSIONS).fetchone()
        superuser = connection.execute(SUPERUSER).fetchone()[0]
    return {
        "name": own,
        "sessions": sessions,
        "encrypted": encrypted,
        "superuser": superuser,
        "guessed": not refused(with_password(uri, "password")),
        "opens": [other for other in names if other != own and not refused(urlunsplit(urlsplit(uri)._replace(path="/" + other)))],
    }


def probe_all(uris):
    """The same for each of MLflow's roles."""
    names = database_names(uris)
    return [probe(uri, own, names) for uri, own in zip(uris, names, strict=False)]


if __name__ == "__main__":
    print(json.dumps(probe_all([os.environ["MLFLOW_BACKEND_STORE_URI"], os.environ["OIDC_USERS_DB_URI"]])))
