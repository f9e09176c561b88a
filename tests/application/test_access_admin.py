"""The report of access is complete, or an error."""

import asyncio
import json
import os
import unittest
from unittest import mock
from urllib.parse import unquote

from mlflow_oidc_auth.routers import experiment_permissions, user_permissions
from mlflow_sso import access_admin, access_report
from sqlalchemy import create_engine, text
from tests.environment import ADMIN, MEMBER, PROVIDER
from tests.served import admin_ask, admin_send, people  # before the imports below

MANY = 1_005


class Admin(access_admin.AccessAdmin):
    """The access admin as an administrator of the application under test, without Keycloak."""

    def __init__(self):
        self.name = ADMIN

    def _send(self, method, path, body):
        path, _, query = path.partition("?")
        got = asyncio.run(admin_send(method, access_admin.API + unquote(path), b"" if body is None else json.dumps(body).encode(), query=query.encode()))
        return got.status, json.loads(got.content or b"null")


def insert(kind, count):
    """Creates experiments, models or prompts by SQL, which is fast; their names contain their kind.
    """
    statements = {
        "experiment": "insert into experiments (experiment_id, name, artifact_location, lifecycle_stage, workspace) values (:id, :name, 'mlflow-artifacts:/x', 'active', 'default')",
        "registered-model": "insert into registered_models (name, creation_time, last_updated_time, workspace) values (:name, 1, 1, 'default')",
    }
    rows = [{"id": 500_000 + n, "name": f"access-{kind}-{n}"} for n in range(count)]
    engine = create_engine(os.environ["MLFLOW_BACKEND_STORE_URI"])
    with engine.begin() as connection:
        connection.execute(text(statements["experiment" if kind == "experiment" else "registered-model"]), rows)
        if kind == "prompt":
            connection.execute(text("insert into registered_model_tags (name, key, value, workspace) values (:name, 'mlflow.prompt.is_prompt', 'true', 'default')"), rows)
    engine.dispose()


class TestEffective(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        people(ADMIN, MEMBER)
        asyncio.run(admin_ask("/api/2.0/mlflow/registered-models/search", method="GET"))  # creates the tables
        for kind in access_report.SEARCHES:
            insert(kind, MANY)

    def test_everything_beyond_a_thousand_of_each_kind_is_in_it_and_counted(self):
        found = access_report.effective(Admin())
        member = next(one for one in found["people"] if one["name"] == MEMBER)
        for kind in access_report.SEARCHES:
            listed = {one["name"] for one in member["may"] if one["kind"] == kind}
            self.assertEqual(len([name for name in listed if name.startswith(f"access-{kind}-")]), MANY, kind)
            self.assertEqual(found["looked"][kind], len(listed), kind)

    def test_an_incomplete_list_is_an_error_that_says_how_much_is_missing(self):
        whole = user_permissions._get_tracking_store
        with mock.patch.object(user_permissions, "_get_tracking_store", lambda: whole()._store), self.assertRaises(access_report.Refused) as refused:
            access_report.effective(Admin())
        self.assertRegex(str(refused.exception), r"^MLflow lists 1000 of 1\d{3} experiments for .+, want all")

    def test_the_pages_lists_are_whole_too(self):
        status, said = asyncio.run(admin_ask("/api/2.0/mlflow/permissions/experiments", method="GET"))
        self.assertEqual(status, 200, said)
        self.assertEqual(len([one for one in json.loads(said) if one["name"].startswith("access-experiment-")]), MANY)
        self.assertTrue(experiment_permissions._get_tracking_store()._store)

    def test_a_member_reads_no_more_than_before(self):
        status, said = asyncio.run(self.member("/api/2.0/mlflow/permissions/experiments"))
        self.assertEqual((status, [one for one in said if one["name"].startswith("access-")]), (200, []))

    async def member(self, path):
        from tests.served import ask

        return await ask(path, PROVIDER.bearer(MEMBER), method="GET")


class TestOperator(unittest.TestCase):
    """A stack without an access admin."""

    def report(self, effective):
        from mlflow_oidc_auth.store import store

        made, ended = [], []

        def grant(minutes, person, reason):
            name = f"break-glass-report-{len(made)}"
            store.create_user(username=name, display_name=f"{person}: {reason}", is_admin=True, is_service_account=True, service_account_source="internal")
            made.append(name)
            return {"username": name, "token": "t"}

        with mock.patch.object(access_admin.break_glass, "grant", grant), mock.patch.object(access_admin.break_glass, "end", ended.append):
            try:
                with mock.patch.object(access_admin, "effective", effective):
                    return access_admin.report_of_operator()
            finally:
                self.assertEqual(ended, made)
                self.assertEqual([name for name in made if store.has_user(name)], [])

    def test_the_account_of_the_report_is_not_in_it_and_is_deleted(self):
        def effective(client):
            self.assertTrue(client._authorization.startswith("Basic "))
            return {"people": [{"name": client.name}, {"name": MEMBER}], "groups": []}

        self.assertEqual([person["name"] for person in self.report(effective)["people"]], [MEMBER])

    def test_the_account_is_deleted_where_the_report_fails(self):
        def effective(_):
            raise access_report.Refused("not whole")

        with self.assertRaises(access_report.Refused):
            self.report(effective)
