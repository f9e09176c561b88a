"""MLflow's tables: what is in the trash, which IDs exist, and the deletion of rows."""

import contextlib
import re
from itertools import batched

import sqlalchemy
from sqlalchemy import text

# Tables with a column experiment_id and no foreign key: the database does not cascade to them.
ROLLUPS = ("sql_trace_metric_daily_rollups", "sql_span_cost_daily_rollups", "sql_assessment_daily_rollups", "sql_trace_rollup_rebuild_queue")
# Rows in one transaction, and IDs in one query.
BATCH = 200

# What is in the trash: its table, the columns of ID and location, and the deletion time in milliseconds.
TRASH = {
    "runs": ("run_uuid", "artifact_uri", "deleted_time"), "logged_models": ("model_id", "artifact_location", "last_updated_timestamp_ms"),
    "experiments": ("experiment_id", "artifact_location", "last_update_time"),
}  # fmt: skip
IN_TRASH = "lifecycle_stage = 'deleted'"
# MLflow itself needs the experiment Default.
DEFAULT_EXPERIMENT = 0

# The lock that a snapshot shares for as long as it runs (images/backup: snapshot).
TOGETHER = "mlflow-sso rows and files"


class Busy(Exception):
    """A snapshot or another round of deletion is in progress."""


class Database:
    """The tracking server's database."""

    def __init__(self, uri):
        sqlite = uri.startswith("sqlite")
        # A run may have more metrics than the role's statement limit allows to delete.
        self._engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool, connect_args={} if sqlite else {"options": "-c statement_timeout=0"})
        if sqlite:
            sqlalchemy.event.listen(self._engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON"))
        self._inspector = sqlalchemy.inspect(self._engine)
        self._tables = set(self._inspector.get_table_names())
        if "runs" not in self._tables:
            raise LookupError("the database has no table of runs: the server has not started yet")
        self._columns = {table: {column["name"] for column in self._inspector.get_columns(table)} for table in ("experiments", "model_versions")}
        self._dependents = {}

    @contextlib.contextmanager
    def deleting(self):
        """Blocks new snapshots, which would contain rows without their files. SQLite has no such lock."""
        if self._engine.dialect.name != "postgresql":
            yield
            return
        with self._engine.begin() as connection:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            if not connection.execute(text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": TOGETHER}).scalar():
                raise Busy("a snapshot of this stack is being taken, or another command is deleting")
            yield

    def _all(self, query, **values):
        with self._engine.connect() as connection:
            return connection.execute(_statement(query, values), values).all()

    def _paged(self, table, condition, **values):
        """ID, location and experiment of rows, in lists of BATCH. Rows may be deleted between two of them."""
        if table not in self._tables:
            return
        column, place, _ = TRASH[table]
        query = f"SELECT {column}, {place}, experiment_id FROM {table} WHERE {condition}"
        rows = self._all(f"{query} ORDER BY {column} LIMIT {BATCH}", **values)
        while rows:
            yield rows
            rows = self._all(f"{query} AND {column} > :after ORDER BY {column} LIMIT {BATCH}", **values, after=rows[-1][0])

    def known(self, kind, identifiers):
        """Which of these IDs have a row."""
        found = set()
        if kind.table in self._tables:
            for some in batched(identifiers, BATCH, strict=False):
                found |= {row[0] for row in self._all(f"SELECT {kind.column} FROM {kind.table} WHERE {kind.column} IN :some", some=some)}
        return found

    def has_experiment(self, identifier):
        return bool(self._all("SELECT 1 FROM experiments WHERE experiment_id = :id", id=identifier))

    def owners(self):
        """Rows with a location of their own choice: pairs of a name to report and the location."""
        stored = "storage_location" if "storage_location" in self._columns["model_versions"] else "NULL"
        # A deleted version keeps its row.
        versions = f"SELECT name, version, source, {stored} FROM model_versions WHERE current_stage IS NULL OR current_stage <> 'Deleted_Internal'"
        for name, version, *places in self._all(versions):
            yield from ((f"version {version} of model {name}", place) for place in places if place)
        for identifier, place in self._all("SELECT experiment_id, artifact_location FROM experiments"):
            if place and place.rstrip("/") != f"mlflow-artifacts:/{identifier}":
                yield f"the location of experiment {identifier}", place
        datasets = "SELECT name, dataset_source FROM datasets WHERE dataset_source LIKE '%:/%'"
        for name, source in self._all(datasets) if "datasets" in self._tables else ():
            yield from ((f"dataset {name}", place) for place in re.findall(r"(?:mlflow-artifacts|runs|models):/[^\"'\\\s]*", source))

    def began(self):
        """When this database was created, in seconds, and the last experiment ID that it assigned; None if
        unknown."""
        made = self._all("SELECT min(creation_time) FROM experiments")[0][0] if "creation_time" in self._columns["experiments"] else None
        last = None
        if self._engine.dialect.name == "postgresql":
            sequence = self._all("SELECT pg_get_serial_sequence('experiments', 'experiment_id')")[0][0]
            last = self._all(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")[0][0] if sequence else None
        return made / 1000 if made else None, last

    def trash(self, table, before):
        """What has been in the trash since before a time in milliseconds: lists of ID, location and experiment."""
        return self._paged(table, f"{_in_trash(table)} AND experiment_id <> {DEFAULT_EXPERIMENT}" if table == "experiments" else _in_trash(table), before=before)

    def of_experiment(self, table, experiment):
        """The same for everything in an experiment."""
        return self._paged(table, "experiment_id = :id", id=experiment)

    def active_runs(self, experiment):
        return self._all(f"SELECT count(*) FROM runs WHERE experiment_id = :id AND NOT {IN_TRASH}", id=experiment)[0][0]

    def count_traces(self, experiment):
        return self._all("SELECT count(*) FROM trace_info WHERE experiment_id = :id", id=experiment)[0][0] if "trace_info" in self._tables else 0

    def remove(self, table, identifiers, before):
        """Deletes rows that are still in the trash since then, and returns their IDs: a user may have restored
        one."""
        condition = _in_trash(table)
        if table == "experiments":
            condition += " AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.experiment_id = experiments.experiment_id)"
        return self._remove(table, TRASH[table][0], identifiers, condition, before=before)

    def remove_of_experiment(self, table, identifiers, experiment, before):
        """The same for rows that are deleted with their experiment; a run must be in the trash itself."""
        own = IN_TRASH if table == "runs" else "1 = 1"
        condition = f"{own} AND experiment_id = :id AND EXISTS (SELECT 1 FROM experiments e WHERE e.experiment_id = :id AND e.{IN_TRASH} AND e.last_update_time <= :before)"
        column = TRASH[table][0] if table in TRASH else "request_id"
        return self._remove(table, column, identifiers, condition, id=experiment, before=before)

    def remove_traces(self, experiment, before):
        """Deletes an experiment's traces, and returns their number."""
        removed = 0
        while "trace_info" in self._tables:
            found = [row[0] for row in self._all(f"SELECT request_id FROM trace_info WHERE experiment_id = :id LIMIT {BATCH}", id=experiment)]
            done = self.remove_of_experiment("trace_info", found, experiment, before) if found else []
            removed += len(done)
            if not done:
                break
        return removed

    def _remove(self, table, column, identifiers, condition, **values):
        some = list(identifiers)
        lock = "" if self._engine.dialect.name == "sqlite" else " FOR UPDATE"
        with self._engine.begin() as connection:

            def execute(statement, **values):
                return connection.execute(_statement(statement, values), values)

            found = [row[0] for row in execute(f"SELECT {column} FROM {table} WHERE {column} IN :some AND {condition} ORDER BY {column}{lock}", some=some, **values)]
            if found:
                for child, child_column in self._children(table, column):
                    execute(f"DELETE FROM {child} WHERE {child_column} IN :some", some=found)
                execute(f"DELETE FROM {table} WHERE {column} IN :some", some=found)
        return found

    def _children(self, table, column):
        """Tables whose rows the database does not delete by cascade."""
        if table not in self._dependents:
            rollups = [(one, "experiment_id") for one in ROLLUPS if table == "experiments" and one in self._tables]
            self._dependents[table] = rollups + [
                (child, key["constrained_columns"][0])
                for child in sorted(self._tables - {"runs"})
                for key in self._inspector.get_foreign_keys(child)
                if key["referred_table"] == table and key["referred_columns"] == [column] and not key.get("options", {}).get("ondelete")
            ]
        return self._dependents[table]


def _in_trash(table):
    return f"{IN_TRASH} AND {TRASH[table][2]} <= :before"


def _statement(query, values):
    """A statement whose lists are expanded."""
    lists = [name for name, value in values.items() if isinstance(value, (list, tuple))]
    return text(query).bindparams(*(sqlalchemy.bindparam(name, expanding=True) for name in lists))
