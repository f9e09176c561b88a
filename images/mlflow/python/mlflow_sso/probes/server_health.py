"""Prints how MLflow's container sees the services that it depends on, and its own processes.

The arguments are the packages whose versions to print. Errors may repeat what a service answered: the caller
redacts secrets.
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

# Connection timeout in seconds.
CONNECT, READ = 4, 6


def version(package):
    """The version of an installed package, or nothing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def connect(variable):
    """A connection to one of MLflow's databases, outside of the server's pools."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(os.environ[variable], connect_args={"connect_timeout": CONNECT}, poolclass=sqlalchemy.pool.NullPool)
    return engine.connect()


def runs():
    """Whether the tracking database accepts a connection."""
    with connect("MLFLOW_BACKEND_STORE_URI"):
        return True


def migration_head():
    """The latest migration of the plugin's database in the image."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    folder = pathlib.Path(importlib.util.find_spec("mlflow_oidc_auth").submodule_search_locations[0], "db", "migrations")
    config = Config()
    config.set_main_option("script_location", str(folder))
    return ScriptDirectory.from_config(config).get_current_head()


def permissions():
    """The current migration of the plugin's database, and the latest one."""
    import sqlalchemy

    with connect("OIDC_USERS_DB_URI") as connection:
        table = os.environ.get("OIDC_ALEMBIC_VERSION_TABLE") or "alembic_version"
        if not sqlalchemy.inspect(connection).has_table(table):
            return {"at": "", "head": migration_head()}
        at = connection.execute(sqlalchemy.text(f"SELECT version_num FROM {table}")).scalars().all()
        return {"at": ",".join(at), "head": migration_head()}


def cache():
    """Whether Redis responds."""
    import redis

    return redis.Redis.from_url(os.environ["CACHE_REDIS_URL"]).ping()


def discovery():
    """The issuer in Keycloak's discovery document. Proxies do not apply to the private network."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(os.environ["OIDC_DISCOVERY_URL"], timeout=READ) as answer:
        return json.load(answer).get("issuer", "")


def session_keys(processes=pathlib.Path("/proc")):
    """Fingerprints of the session key in each server process; Docker started this process separately."""
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
    """The results of all checks; a failed one reports its error and does not stop the others."""
    seen = {"versions": {package: version(package) for package in packages}, "errors": {}, "keys": []}
    for name, check in (CHECKS if checks is None else checks).items():
        try:
            seen[name] = check()
        except Exception as error:
            seen["errors"][name] = f"{type(error).__name__}: {error}"[:600]
    return seen | {"processes": len(seen["keys"])}


if __name__ == "__main__":
    socket.setdefaulttimeout(READ)
    with contextlib.redirect_stdout(sys.stderr):  # keep the output of libraries out of the response
        found = health(sys.argv[1:])
    print(json.dumps(found))
