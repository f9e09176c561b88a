"""Adds indexes to MLflow's tables that its searches need and its migrations do not make.

MLflow finds the runs of an experiment by reading all runs of the server: 0.7 s for a list of 200 among a million, 0.4 ms with the
index. They are made once, beside the work of users, by one server process after its start: MLflow has migrated its tables by then,
and its migrations leave other indexes alone. Values of params and tags have up to 8000 characters, for which Postgres has no index.
"""

import os
import threading

import psycopg
from mlflow_oidc_auth.logger import get_logger

logger = get_logger()

# Name, table and columns. Names begin with this project's, so that none is MLflow's.
INDEXES = (("mlflow_sso_runs_experiment", "runs", "experiment_id, lifecycle_stage"),)
# Of this module alone: one process makes them.
LOCK = 5_917_312_774_401
WITHOUT_LIMIT = "-c statement_timeout=0"

INVALID = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid"


def create(uri):
    """Makes those that are not there, and returns their names. One whose making was cut off is made again."""
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
    """Begins that in a thread, for Postgres; the server works without it."""
    uri = environment["MLFLOW_BACKEND_STORE_URI"]
    if not uri.startswith("postgresql"):
        return None
    # SQLAlchemy's addresses may name a driver.
    scheme, _, rest = uri.partition("://")
    thread = threading.Thread(target=_logged, args=(f"{scheme.partition('+')[0]}://{rest}",), name="indexes", daemon=True)
    thread.start()
    return thread


def _logged(uri):
    try:
        made = create(uri)
    except psycopg.Error as error:
        # Its text names neither a password nor a statement's values.
        logger.warning("Indexes of MLflow's tables were not made; the next start tries again: %s", type(error).__name__)
        return
    if made:
        logger.info("Made indexes of MLflow's tables: %s", ", ".join(made))
