"""READ on a registered model extends to the files of its versions, and to nothing else."""

import os
import unittest

from mlflow_oidc_auth.store import store
from mlflow_sso import model_version_files
from tests.environment import FOLDER, MEMBER, OTHER, PROVIDER  # before the imports below
from tests.served import application, ask, people
from tests.test_reference_checks import model_in, run_in
from tests.test_trace_locations import experiment

OWNER, READER = PROVIDER.bearer(MEMBER), PROVIDER.bearer(OTHER)
API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


def setUpModule():
    people(MEMBER, OTHER)
    application()


def file(path):
    os.makedirs(os.path.dirname(f"{FOLDER.name}/artifacts/{path}"), exist_ok=True)
    with open(f"{FOLDER.name}/artifacts/{path}", "w") as written:
        written.write('"content"')


async def get(caller, path):
    return (await ask(f"{FILES}/{path}", caller, None, "GET"))[0]


async def listed(caller, *paths):
    return (await ask(FILES, caller, None, "GET", b"&".join(b"path=" + path.encode() for path in paths)))[0]


class TestVersions(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.where = await experiment(OWNER, self.id())
        _, self.run = await run_in(OWNER, self.where)
        _, self.model = await model_in(OWNER, self.where, source_run_id=self.run)
        self.of_model, self.of_run = f"{self.where}/models/{self.model}/artifacts", f"{self.where}/{self.run}/artifacts"
        for name in ("MLmodel", "a/b"):
            file(f"{self.of_model}/{name}")
        for name in ("model/MLmodel", "model2/MLmodel", "secret"):
            file(f"{self.of_run}/{name}")
        self.name = self.id().rsplit(".", 1)[1]
        await ask(f"{API}/registered-models/create", OWNER, {"name": self.name})

    async def version(self, source, **more):
        status, said = await ask(f"{API}/model-versions/create", OWNER, {"name": self.name, "source": source, **more})
        self.assertEqual(status, 200, said)

    async def test_read_on_a_model_reaches_its_versions_and_nothing_else(self):
        await self.version(f"mlflow-artifacts:/{self.of_model}", model_id=self.model)
        await self.version(f"mlflow-artifacts:/{self.of_run}/model", run_id=self.run)
        mine = [f"{self.of_model}/MLmodel", f"{self.of_model}/a/b", f"{self.of_run}/model/MLmodel"]
        for path in mine:
            self.assertEqual(await get(READER, path), 403)
        store.create_registered_model_permission(self.name, OTHER, "READ")
        for path in mine:
            self.assertEqual(await get(READER, path), 200, path)
        for folder in (self.of_model, self.of_model + "/a", self.of_run + "/model", f"./{self.of_model}"):
            self.assertEqual(await listed(READER, folder), 200, folder)
        for path in (f"{self.of_run}/secret", f"{self.of_run}/model2/MLmodel", f"{self.of_model}/../../x", f"{self.where}/models/other/artifacts/a"):
            self.assertIn(await get(READER, path), (400, 403), path)
        for folders in ((self.of_run,), (self.where,), (f"{self.where}/models",), (self.of_model, self.of_run), (self.of_model, ".")):
            self.assertEqual(await listed(READER, *folders), 403, folders)
        for method in ("PUT", "DELETE"):
            self.assertEqual((await ask(f"{FILES}/{mine[0]}", READER, None if method == "DELETE" else {}, method))[0], 403)
        self.assertEqual((await ask(f"{API}/runs/get", READER, None, "GET", b"run_id=" + self.run.encode()))[0], 403)
        store.delete_registered_model_permission(self.name, OTHER)
        for path in mine:
            self.assertEqual(await get(READER, path), 403)

    async def test_a_deleted_version_gives_no_access(self):
        await self.version(f"mlflow-artifacts:/{self.of_model}", model_id=self.model)
        store.create_registered_model_permission(self.name, OTHER, "READ")
        self.assertEqual(await get(READER, f"{self.of_model}/MLmodel"), 200)
        await ask(f"{API}/model-versions/delete", OWNER, {"name": self.name, "version": "1"}, "DELETE")
        self.assertEqual(await get(READER, f"{self.of_model}/MLmodel"), 403)

    async def test_a_version_of_a_run_is_answered_as_its_place(self):
        await self.version(f"runs:/{self.run}/model", run_id=self.run)
        store.create_registered_model_permission(self.name, OTHER, "READ")
        query = b"name=" + self.name.encode() + b"&version=1"
        _, said = await ask(f"{API}/model-versions/get-download-uri", READER, None, "GET", query)
        self.assertEqual(said["artifact_uri"], f"mlflow-artifacts:/{self.of_run}/model")
        self.assertEqual(await get(READER, f"{self.of_run}/model/MLmodel"), 200)
        self.assertEqual(await get(READER, f"{self.of_run}/secret"), 403)

    async def test_no_version_opens_an_experiment_or_all_runs(self):
        from mlflow.server.handlers import _get_model_registry_store
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersion

        await self.version(f"mlflow-artifacts:/{self.of_model}", model_id=self.model)
        store.create_registered_model_permission(self.name, OTHER, "READ")
        for place in (f"mlflow-artifacts:/{self.where}", f"mlflow-artifacts:/{self.where}/models", "mlflow-artifacts:/", ""):
            with _get_model_registry_store().ManagedSessionMaker(read_only=False) as session:
                session.query(SqlModelVersion).filter(SqlModelVersion.name == self.name).update({"source": place, "storage_location": place})
            self.assertEqual(await get(READER, f"{self.of_run}/secret"), 403, place)
            self.assertEqual(await get(READER, f"{self.of_model}/MLmodel"), 403, place)

    def test_a_path_is_at_or_below_whole_names(self):
        got = model_version_files.locations(["1", "run", "artifacts", "model", "a"])
        self.assertIn("mlflow-artifacts:/1/run/artifacts/model", got)
        self.assertIn("runs:/run/model", got)
        self.assertNotIn("mlflow-artifacts:/1/run", got)
        self.assertNotIn("runs:/run/", got)
