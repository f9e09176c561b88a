"""Prints what MLflow's container observes of the services that it needs, and of its own processes.

Arguments are the packages whose versions are wanted. Errors may repeat what a service answered: the caller removes secrets.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import socket
import sys
import urllib.request

# Seconds for a connection.
CONNECT, READ = 4, 6


def version(package):
    """The version of an installed package, or nothing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def connect(variable):
    """A connection to a database of MLflow's, outside the server's pools."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(os.environ[variable], connect_args={"connect_timeout": CONNECT}, poolclass=sqlalchemy.pool.NullPool)
    return engine.connect()


def runs():
    """Whether the database of runs accepts a connection."""
    with connect("MLFLOW_BACKEND_STORE_URI"):
        return True


def migration_head():
    """The newest migration of the plugin's database that the image has."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    folder = pathlib.Path(importlib.util.find_spec("mlflow_oidc_auth").submodule_search_locations[0], "db", "migrations")
    config = Config()
    config.set_main_option("script_location", str(folder))
    return ScriptDirectory.from_config(config).get_current_head()


def permissions():
    """The migration at which the plugin's database is, and the newest one."""
    import sqlalchemy

    with connect("OIDC_USERS_DB_URI") as connection:
        table = os.environ.get("OIDC_ALEMBIC_VERSION_TABLE") or "alembic_version"
        if not sqlalchemy.inspect(connection).has_table(table):
            return {"at": "", "head": migration_head()}
        at = connection.execute(sqlalchemy.text(f"SELECT version_num FROM {table}")).scalars().all()
        return {"at": ",".join(at), "head": migration_head()}


def cache():
    """Whether Redis answers."""
    import redis

    return redis.Redis.from_url(os.environ["CACHE_REDIS_URL"]).ping()


def discovery():
    """The issuer in Keycloak's discovery document. Proxies do not apply to the private network."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(os.environ["OIDC_DISCOVERY_URL"], timeout=READ) as answer:
        return json.load(answer).get("issuer", "")


def session_keys(processes=pathlib.Path("/proc")):
    """Fingerprints of the session key in each process of the server; this process was started by Docker."""
    found = []
    for environ in processes.glob("[0-9]*/environ"):
        try:
            if "uvicorn" not in environ.with_name("cmdline").read_text(errors="replace"):
                continue
            pairs = environ.read_bytes().split(b"\0")
        except OSError:
            continue  # the process has ended
        key = next((pair for pair in pairs if pair.startswith(b"SECRET_KEY=")), b"")
        found.append(hashlib.sha256(key).hexdigest()[:12])
    return found


CHECKS = {"runs": runs, "permissions": permissions, "cache": cache, "discovery": discovery, "keys": session_keys}


def health(packages, checks=None):
    """The results of all checks; one that fails leaves its error and does not stop the others."""
    seen = {"versions": {package: version(package) for package in packages}, "errors": {}, "keys": []}
    for name, check in (CHECKS if checks is None else checks).items():
        try:
            seen[name] = check()
        except Exception as error:
            seen["errors"][name] = f"{type(error).__name__}: {error}"[:600]
    return seen | {"processes": len(seen["keys"])}


if __name__ == "__main__":
    socket.setdefaulttimeout(READ)
    with contextlib.redirect_stdout(sys.stderr):  # what a library prints is no part of the answer
        found = health(sys.argv[1:])
    print(json.dumps(found))
