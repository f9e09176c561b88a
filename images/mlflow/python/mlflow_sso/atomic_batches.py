"""Writes a batch of one run in one transaction.

MLflow writes the params, metrics and tags of a batch in a transaction each: a concurrent reader
sees a partial batch, a server that is killed leaves one behind, and a snapshot may contain one.
"""

import copy
from functools import partial

from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import POSTGRES
from mlflow.store.db.utils import _get_managed_session_maker
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mlflow_sso import upstream_guard

# Attempts to write a batch that conflicts with another batch of the same run.
TRIES = 3


def expect(store=SqlAlchemyStore):
    """Raises unless MLflow writes the parts of a batch as this patch expects."""
    upstream_guard.takes(store.log_batch, "self", "run_id", "metrics", "params", "tags")
    upstream_guard.uses(store.log_batch, "_log_params", "_log_metrics", "_log_model_metrics", "_set_tags")
    upstream_guard.takes(_get_managed_session_maker, "SessionMaker", "db_type")
    parts = store._log_params, store._log_metrics_once, store._set_tags
    alone = [part for part in parts if upstream_guard.refers(part, "ManagedSessionMaker")]
    upstream_guard.needed("atomic_batches", not alone, "no part of SqlAlchemyStore.log_batch opens a transaction of its own")
    upstream_guard.same("parts of a batch with a transaction of their own", alone, list(parts))


def install_atomic_batches():
    """Patches how MLflow writes a batch to Postgres."""
    expect()
    write = SqlAlchemyStore.log_batch

    def whole(self, *batch):
        with self.ManagedSessionMaker(read_only=False) as session:
            # Turns each of MLflow's own transactions into a savepoint of this one.
            part = partial(Session, bind=session.connection(), join_transaction_mode="create_savepoint")
            one = copy.copy(self)
            one.ManagedSessionMaker = _get_managed_session_maker(part, self.db_type)
            write(one, *batch)

    def log_batch(self, run_id, metrics, params, tags):
        if self.db_type != POSTGRES:
            return write(self, run_id, metrics, params, tags)
        for left in reversed(range(TRIES)):
            try:
                return whole(self, run_id, metrics, params, tags)
            except MlflowException as error:
                # A concurrent request has written the same key; the retry can see it.
                if not (left and isinstance(error.__cause__, IntegrityError)):
                    raise

    SqlAlchemyStore.log_batch = log_batch
