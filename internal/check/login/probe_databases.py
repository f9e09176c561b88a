# Looks at the databases that are not the stack's, from where MLflow is and as its
# roles: are MLflow's own sessions encrypted, and what else do these roles reach?
import json
import os
from urllib.parse import urlsplit, urlunsplit

import psycopg

uris = [os.environ["MLFLOW_BACKEND_STORE_URI"], os.environ["OIDC_USERS_DB_URI"]]
names = [urlsplit(uri).path.strip("/") for uri in uris]
names.append(names[0].removesuffix("mlflow") + "keycloak")


def refused(uri):
    try:
        psycopg.connect(uri, connect_timeout=10).close()
    except psycopg.OperationalError:
        return True
    return False


seen = []
for uri, own in zip(uris, names, strict=False):
    at = urlsplit(uri)
    with psycopg.connect(uri, connect_timeout=10) as connection:
        sessions, encrypted = connection.execute(
            "select count(*), count(*) filter (where s.ssl) from pg_stat_activity a join pg_stat_ssl s using (pid)"
            " where a.usename = current_user and a.pid <> pg_backend_pid()"
        ).fetchone()
        superuser = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()[0]
    seen.append(
        {
            "name": own,
            "sessions": sessions,
            "encrypted": encrypted,
            "superuser": superuser,
            "guessed": not refused(urlunsplit(at._replace(netloc=f"{at.username}:password@{at.hostname}:{at.port}"))),
            "opens": [other for other in names if other != own and not refused(urlunsplit(at._replace(path="/" + other)))],
        }
    )
print(json.dumps(seen))
