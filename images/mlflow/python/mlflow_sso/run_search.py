"""Lets the database return the first page of a search of runs without sorting all matches by every column.

Upstream defect (MLflow 3.17.2, SqlAlchemyStore._search_runs): each search is a `SELECT DISTINCT` of all
columns of a run. The database sorts every match by all of them, on disk, before it takes the first hundred:
174 MB for the list of an experiment with a million runs. Only a filter on datasets can find a run twice. All
other joins are with one key of metrics, params or tags, of which a run has one.

Here DISTINCT is left out of searches that filter by no dataset. The rows and their order are the same.
"""

import functools
from contextvars import ContextVar

from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlParam, SqlTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import event
from sqlalchemy.orm import Session

from mlflow_sso import upstream_guard

# A filter on datasets contains this word; a quoted text that contains it only loses the
# optimization.
DATASET = "dataset"

_unique = ContextVar("mlflow-sso: a search that finds each run once", default=False)


def sort_pages_only(store=SqlAlchemyStore):
    """Removes DISTINCT where it changes nothing."""
    search = store._search_runs
    upstream_guard.takes(search, "self", "experiment_ids", "filter_string", "run_view_type", "max_results", "order_by", "page_token")
    upstream_guard.needed("run_search", not upstream_guard.refers(search, "distinct"), "a search of runs is no SELECT DISTINCT")
    upstream_guard.uses(search, "non_attribute_filters", "dataset_filters", "sorting_joins", "outerjoin", "execute")
    for model in (SqlLatestMetric, SqlParam, SqlTag):
        upstream_guard.same(f"primary key of {model.__tablename__}", {column.name for column in model.__table__.primary_key}, {"key", "run_uuid"})

    @functools.wraps(search)
    def searched(self, experiment_ids, filter_string, *arguments, **named):
        token = _unique.set(DATASET not in (filter_string or "").lower())
        try:
            return search(self, experiment_ids, filter_string, *arguments, **named)
        finally:
            _unique.reset(token)

    store._search_runs = searched
    event.listen(Session, "do_orm_execute", leave_out)


def leave_out(state):
    """Removes DISTINCT from the statement of a search that does not need it."""
    if _unique.get() and state.is_select and getattr(state.statement, "_distinct", False):
        statement = state.statement._clone()
        statement._distinct = False
        state.statement = statement
