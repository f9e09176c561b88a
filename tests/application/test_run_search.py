"""A search of runs returns the same runs in the same order, without sorting all of them by every column.
"""

import unittest
import uuid
from types import SimpleNamespace
from unittest import mock

import sqlalchemy
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_sso import database_indexes, run_search, upstream_guard
from sqlalchemy import event
from tests.served import application

from tests import environment  # before the imports below

FILTERS = (
    ("", None), ("metrics.a > 0 and tags.t = 'x'", ["metrics.a DESC", "params.b"]), ("params.b = '1' and params.c LIKE '%2%'", ["tags.t", "attributes.end_time DESC"]),
    ("attributes.status = 'RUNNING' and attributes.run_name = 'r1'", []), ("tags.t IS NULL", ["metrics.missing"]), ("tags.t = 'a dataset of mine'", []),
)  # fmt: skip
BY_DATASET = "dataset.name LIKE 'd%'"


def setUpModule():
    application()


class Statements:
    """The statements that the database receives."""

    def __init__(self, store):
        self._engine, self.searches = store.engine, []

    def __enter__(self):
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_):
        event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, connection, cursor, statement, *_):
        if "FROM runs" in statement and "LIMIT" in statement:
            self.searches.append(statement)


class TestRunSearch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        from mlflow.server.handlers import _get_tracking_store

        cls.store = _get_tracking_store()
        cls.experiment = cls.store.create_experiment(f"search-{uuid.uuid4().hex}")
        for number in range(12):
            run = cls.store.create_run(cls.experiment, "ada", number // 3, [], f"r{number % 4}").info.run_id
            cls.store.log_param(run, SimpleNamespace(key="b", value=str(number % 3)))
            cls.store.log_param(run, SimpleNamespace(key="c", value=f"{number}2"))
            if number % 2:
                cls.store.log_metric(run, Metric("a", number - 3.0, 1, 0))
                cls.store.set_tag(run, SimpleNamespace(key="t", value="x"))
            inputs = [DatasetInput(Dataset(f"d{one}", "1", "local", "{}"), [InputTag("k", "v")]) for one in range(2)]
            cls.store.log_inputs(run, inputs)

    def found(self, text, order, search=None):
        runs, token = (search or SqlAlchemyStore._search_runs)(self.store, [self.experiment], text, ViewType.ACTIVE_ONLY, 5, order, None)
        rest, _ = (search or SqlAlchemyStore._search_runs)(self.store, [self.experiment], text, ViewType.ACTIVE_ONLY, 50, order, token)
        return [run.info.run_id for run in [*runs, *(rest if token else [])]]

    def test_the_same_runs_are_found_in_the_same_order(self):
        original = SqlAlchemyStore._search_runs.__wrapped__
        counts = []
        for text, order in (*FILTERS, (BY_DATASET, ["params.b"])):
            found = self.found(text, order)
            self.assertEqual(found, self.found(text, order, original), text)
            self.assertEqual(len(found), len(set(found)), text)
            counts.append(len(found))
        self.assertEqual(counts[0], 12)
        self.assertEqual(counts[-1], 12, "each once, although each has two datasets that match")
        self.assertGreater(counts[1], 0)

    def test_only_a_search_by_dataset_compares_whole_rows(self):
        for text, order in FILTERS[:5]:
            with Statements(self.store) as sent:
                self.found(text, order)
            self.assertTrue(sent.searches, text)
            self.assertFalse([statement for statement in sent.searches if "DISTINCT" in statement], text)
        with Statements(self.store) as sent:
            self.found(BY_DATASET, [])
        self.assertTrue(all("SELECT DISTINCT" in statement for statement in sent.searches) and sent.searches)

    def test_no_other_statement_loses_its_distinct(self):
        with self.store.ManagedSessionMaker() as session:
            from mlflow.store.tracking.dbmodels.models import SqlParam

            values = session.execute(sqlalchemy.select(SqlParam.value).where(SqlParam.key == "b").distinct()).scalars().all()
        self.assertEqual(len(values), len(set(values)))
        self.assertFalse(run_search._unique.get())

    def test_a_search_that_fails_leaves_nothing_behind(self):
        with self.assertRaises(Exception):  # noqa: B017
            self.found("no filter", None)
        self.assertFalse(run_search._unique.get())

    def test_a_store_that_needs_no_change_is_refused(self):
        class Store:
            def _search_runs(self, experiment_ids, filter_string, run_view_type, max_results, order_by, page_token):
                return None

        with self.assertRaisesRegex(upstream_guard.NotNeeded, "no SELECT DISTINCT"):
            run_search.sort_pages_only(Store)


class Connection:
    """A database that returns results in order, and records its queries."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute(self, statement, *_):
        self.asked.append(statement)
        answer = self.answers.pop(0) if statement.startswith("SELECT") else None
        return SimpleNamespace(fetchone=lambda: answer)


class TestDatabaseIndexes(unittest.TestCase):
    def create(self, *answers):
        connection = Connection(*answers)
        with mock.patch.object(database_indexes.psycopg, "connect", lambda *_, **__: connection):
            made = database_indexes.create("postgresql://x")
        return made, [statement for statement in connection.asked if not statement.startswith("SELECT")]

    def test_an_index_is_created_once_without_blocking_users(self):
        name = database_indexes.INDEXES[0][0]
        made, changed = self.create((True,), None, (True,))
        self.assertEqual((made, len(changed)), ([name], 1))
        self.assertTrue(changed[0].startswith(f"CREATE INDEX CONCURRENTLY {name} ON runs"))
        self.assertEqual(self.create((True,), None, (False,)), ([], []), "it is there, or the table is not")
        self.assertEqual(self.create((False,)), ([], []), "another process makes it")

    def test_an_interrupted_index_is_recreated(self):
        made, changed = self.create((True,), (1,), (True,))
        self.assertEqual([statement.split()[0] for statement in changed], ["DROP", "CREATE"])
        self.assertEqual(len(made), 1)

    def test_another_database_is_left_alone_and_a_failure_stops_nothing(self):
        self.assertIsNone(database_indexes.create_in_background({"MLFLOW_BACKEND_STORE_URI": "sqlite:///x"}))
        seen = []

        def refuse(uri, **_):
            seen.append(uri)
            raise database_indexes.psycopg.OperationalError("refused")

        with mock.patch.object(database_indexes.psycopg, "connect", refuse):
            database_indexes.create_in_background({"MLFLOW_BACKEND_STORE_URI": "postgresql+psycopg://u:p@h/d"}).join(10)
        self.assertEqual(seen, ["postgresql://u:p@h/d"])

    def test_its_names_are_this_projects(self):
        self.assertTrue(all(name.startswith("mlflow_sso_") for name, _, _ in database_indexes.INDEXES))
        self.assertTrue(environment.FOLDER)


if __name__ == "__main__":
    unittest.main()
