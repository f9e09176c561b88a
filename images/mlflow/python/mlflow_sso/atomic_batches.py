"""Writes what one request tells of a run in one transaction.

MLflow writes params, metrics and tags of a batch in a transaction each: whoever looks in
between sees a part of it, a server that is killed leaves a part, and a snapshot may hold one.
"""

import copy
from functools import partial

from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import POSTGRES
from mlflow.store.db.utils import _get_managed_session_maker
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

# How often a batch is tried that another one of the same run has met.
TRIES = 3


def install_atomic_batches():
    """Changes MLflow's way to write a batch into Postgres."""
    write = SqlAlchemyStore.log_batch

    def whole(self, *batch):
        with self.ManagedSessionMaker(read_only=False) as session:
            # Each of MLflow's own transactions becomes a part of this one, which it can still take back.
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
                # The same key was written by somebody else in the meantime: now it can be seen.
                if not (left and isinstance(error.__cause__, IntegrityError)):
                    raise

    SqlAlchemyStore.log_batch = log_batch
