"""Limits of one server process."""

import os

# Requests that are running, queued or stuck. Each may hold a few hundred KiB.
REQUESTS = 256
# Seconds in which a client must accept data. The kernel requests more only when a good part of
# its buffer is free, up to a MiB or so: at 5 KiB a second that takes minutes.
TAKE = 300
# Seconds in which a client must continue to send a request that it has started.
SEND = 60

MOST_THREADS = 8  # Python runs one at a time; the others wait for the database or a disk
CONNECTIONS = 160  # of Postgres's 200; Keycloak has the others
POOLS = 3  # tracking, model registry, and the plugin


def threads(workers):
    """Threads for Flask. Each may hold a connection of each pool, and one more is for the rest of the process."""
    return max(1, min(MOST_THREADS, CONNECTIONS // (POOLS * workers) - 1))


def set_pools(environment=os.environ):
    """Sets the pool sizes of MLflow and the plugin to the number of threads; call it before importing them.

    Connections beyond a pool's size are opened and closed again for each use.
    """
    size = str(threads(int(environment["MLFLOW_WORKERS"])) + 1)
    environment.setdefault("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", size)
    environment.setdefault("OIDC_DB_POOL_SIZE", size)


def spool(environment=os.environ):
    """The folder for spooled bodies: on the artifacts' disk, since /tmp is memory; None if that is not a
    folder."""
    folder = environment.get("MLFLOW_ARTIFACTS_DESTINATION", "")
    return folder if os.path.isdir(folder) else None
