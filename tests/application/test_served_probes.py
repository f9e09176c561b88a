"""The programs that the tool runs in this container, with the application's own routes, users and stores."""

import os
import time
import unittest

from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModel
from mlflow.store.tracking.dbmodels.models import SqlExperiment
from mlflow_oidc_auth.repository.user import UserRepository
from mlflow_oidc_auth.store import store
from mlflow_sso.probes import fixture_removal, request_fields, temporary_users
from tests.environment import ADMIN, FOLDER, MEMBER, PROVIDER  # before the imports below
from tests.served import application, ask, people

API = "/api/2.0/mlflow"
PREFIX = "mlflow-sso-attack-"


def setUpModule():
    people(ADMIN, MEMBER)
    application()


class TestRequestFields(unittest.TestCase):
    def test_every_route_is_listed_with_the_fields_that_name_objects(self):
        from mlflow_sso.app import plugin

        found = request_fields.catalogue(plugin)
        routes = {(route["method"], route["path"]): {".".join(field["path"]): field for field in route["fields"]} for route in found["routes"]}
        self.assertGreater(len(routes), 500)
        self.assertGreater(sum(bool(fields) for fields in routes.values()), 250)
        search = routes["POST", f"{API}/runs/search"]
        self.assertEqual((search["experiment_ids"]["type"], search["experiment_ids"]["many"]), ("string", True))
        batch = routes["POST", f"{API}/runs/log-batch"]
        self.assertEqual(batch["params.key"]["lists"], [0])
        self.assertIn(("GET", "/api/2.0/mlflow-artifacts/artifacts/{artifact_path}"), routes)
        self.assertFalse([path for _, path in routes if "<" in path])
        graph = {field["name"]: field for field in found["graphql"]}
        self.assertIn("experimentIds", {field["path"][-1] for field in graph["mlflowSearchRuns"]["fields"]})
        self.assertIn("runId", graph["mlflowGetRun"]["selection"])


class TestFixtureRemoval(unittest.IsolatedAsyncioTestCase):
    async def made(self, name):
        caller = PROVIDER.bearer(MEMBER)
        _, experiment = await ask(f"{API}/experiments/create", caller, {"name": name})
        await ask(f"{API}/runs/create", caller, {"experiment_id": experiment["experiment_id"], "start_time": 1})
        await ask(f"{API}/registered-models/create", caller, {"name": name})
        os.makedirs(f"{FOLDER.name}/artifacts/{experiment['experiment_id']}/x", exist_ok=True)
        return experiment["experiment_id"]

    def names(self):
        with _get_tracking_store().ManagedSessionMaker() as session:
            experiments = {name for (name,) in session.query(SqlExperiment.name)}
        with _get_model_registry_store().ManagedSessionMaker() as session:
            return experiments, {name for (name,) in session.query(SqlRegisteredModel.name)}

    async def test_fixtures_of_this_run_and_stale_ones_are_deleted_and_nothing_else(self):
        now = int(time.time())
        own, stale, other, users = f"{PREFIX}{now}-own", f"{PREFIX}{now - 9000}-stale", f"{PREFIX}{now}-other", "a-users-" + PREFIX
        identifiers = {name: await self.made(name) for name in (own, stale, other, users)}
        variables = {"MLFLOW_BACKEND_STORE_URI": os.environ["MLFLOW_BACKEND_STORE_URI"], "OIDC_USERS_DB_URI": os.environ["OIDC_USERS_DB_URI"],
                     "MLFLOW_ARTIFACTS_DESTINATION": FOLDER.name + "/artifacts"}  # fmt: skip
        gone = fixture_removal.delete_all({"prefix": PREFIX, "names": [own], "stale": 3600}, variables)["gone"]
        self.assertGreaterEqual(gone, 4)
        for listed in self.names():
            self.assertFalse({own, stale} & listed)
            self.assertLessEqual({other, users}, listed)
        self.assertEqual([os.path.isdir(f"{FOLDER.name}/artifacts/{identifiers[name]}") for name in (own, stale, other)], [False, False, True])

    def test_a_name_is_a_fixture_of_this_run_or_stale(self):
        fixtures = fixture_removal.Fixtures("p-", ["p-100-a"], 60, now=lambda: 161)
        self.assertTrue(fixtures.include("p-100-a"))
        self.assertTrue(fixtures.include("p-100-b"), "61 s old")
        self.assertFalse(fixtures.include("p-101-b"))
        self.assertFalse(fixtures.include("p-x"))
        self.assertTrue(fixtures.include_nested("org/p-100-a"))
        self.assertFalse(fixtures.include_nested("org/other"))
        self.assertFalse(fixture_removal.Fixtures("p-", None, 60, now=lambda: 0).include("p-100-a"))


class TestTemporaryUsers(unittest.TestCase):
    def test_the_last_administrator_may_be_temporary(self):
        from mlflow_oidc_auth import user

        kept = UserRepository._assert_not_last_active_admin
        self.addCleanup(setattr, UserRepository, "_assert_not_last_active_admin", staticmethod(kept))
        name = "mlflow-sso-verify-1@example.com"
        user.create_user(username=name, display_name=name, is_admin=True)
        self.assertEqual(temporary_users.delete([name], "mlflow-sso-verify-", UserRepository, store), {"deleted": 1})
        self.assertFalse(store.has_user(name))
