"""Adds indexes to MLflow's tables that its searches need and its migrations do not create.

MLflow finds the runs of an experiment by reading all runs of the server: 0.7 s for a list of 200 among a
million, 0.4 ms with the index. One server process creates the indexes once, concurrently, after its start:
MLflow has migrated its tables by then, and its migrations do not touch other indexes. Values of params and
tags have up to 8000 characters, more than a Postgres index allows.
"""

import os
import threading

import psycopg
from mlflow_oidc_auth.logger import get_logger

logger = get_logger()

# Name, table and columns. The prefix of the names keeps them apart from MLflow's.
INDEXES = (("mlflow_sso_runs_experiment", "runs", "experiment_id, lifecycle_stage"),)
# An advisory lock of this module: only one process creates indexes.
LOCK = 5_917_312_774_401
WITHOUT_LIMIT = "-c statement_timeout=0"

INVALID = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid"


def create(uri):
    """Creates the missing indexes and returns their names. Recreates an index whose creation was interrupted."""
    made = []
    with psycopg.connect(uri, autocommit=True, options=WITHOUT_LIMIT) as connection:
        if not connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()[0]:
            return made
        for name, table, columns in INDEXES:
            if connection.execute(INVALID, (name,)).fetchone():
                connection.execute(f"DROP INDEX CONCURRENTLY {name}")
            if connection.execute("SELECT to_regclass(%s) IS NULL AND to_regclass(%s) IS NOT NULL", (name, table)).fetchone()[0]:
                connection.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} ({columns})")
                made.append(name)
    return made


def create_in_background(environment=os.environ):
    """Starts that in a thread, on Postgres only; the server does not depend on it."""
    uri = environment["MLFLOW_BACKEND_STORE_URI"]
    if not uri.startswith("postgresql"):
        return None
    # SQLAlchemy's URLs may name a driver.
    scheme, _, rest = uri.partition("://")
    thread = threading.Thread(target=_logged, args=(f"{scheme.partition('+')[0]}://{rest}",), name="indexes", daemon=True)
    thread.start()
    return thread


def _logged(uri):
    try:
        made = create(uri)
    except psycopg.Error as error:
        # Its text contains neither a password nor a statement's values.
        logger.warning("Indexes of MLflow's tables could not be created; the next start retries: %s", type(error).__name__)
        return
    if made:
        logger.info("Created indexes of MLflow's tables: %s", ", ".join(made))
