"""Only MLflow chooses where the files of an experiment are."""

import unittest
from types import SimpleNamespace

from mlflow.exceptions import MlflowException
from mlflow_sso import artifact_location_guard, upstream_guard
from tests.environment import ADMIN, MEMBER, PROVIDER  # before the imports below
from tests.served import application, ask, people

PLACES = (
    "mlflow-artifacts:/team-a", "mlflow-artifacts:/1", "MLFLOW-ARTIFACTS:/1", "mlflow-artifacts:///1", "mlflow-artifacts:1", "mlflow-artifacts:/./1",
    "mlflow-artifacts:/%31", "mlflow-artifacts:/2/../1", "mlflow-artifacts:/", "mlflow-artifacts://host/1", "s3://bucket/x", "S3://bucket/x",
    "gs://bucket/x", "dbfs:/x", "wasbs://c@a.blob.core.windows.net/x", "hdfs://h/x", "models:/churn/1", "runs:/1/x", "gopher://h/x", "c:/etc", "c:\\etc",
    "/mlflow/artifacts/1", "/etc", "etc", "file:///etc", "FILE:/etc", "file://localhost/etc", "//etc", " /etc", " s3://bucket/x", "http://h/x", "\t",
)  # fmt: skip


def setUpModule():
    people(ADMIN, MEMBER)
    application()


class TestLocations(unittest.IsolatedAsyncioTestCase):
    async def test_no_client_sets_an_artifact_location(self):
        for caller in (PROVIDER.bearer(MEMBER), PROVIDER.bearer(ADMIN)):
            for number, place in enumerate(PLACES):
                for field in ("artifact_location", "artifactLocation"):
                    with self.subTest(place):
                        status, said = await ask("/api/2.0/mlflow/experiments/create", caller, {"name": f"located-{number}", field: place})
                        self.assertEqual((status, said["error_code"]), (400, "INVALID_PARAMETER_VALUE"))
                        self.assertIn("Leave out 'artifact_location'", said["message"])

    async def test_without_a_place_mlflow_chooses_one(self):
        for number, given in enumerate(({}, {"artifact_location": ""}, {"artifact_location": None})):
            status, made = await ask("/api/2.0/mlflow/experiments/create", PROVIDER.bearer(MEMBER), {"name": f"chosen-{number}", **given})
            self.assertEqual(status, 200)
            identifier = made["experiment_id"]
            _, said = await ask("/api/2.0/mlflow/experiments/get", PROVIDER.bearer(MEMBER), None, "GET", b"experiment_id=" + identifier.encode())
            self.assertEqual(said["experiment"]["artifact_location"], f"mlflow-artifacts:/{identifier}")

    async def test_runs_of_an_external_location_are_deleted_and_its_files_stay(self):
        import os

        from mlflow.server.handlers import _get_tracking_store
        from mlflow.store.tracking.dbmodels.models import SqlRun
        from tests.environment import FOLDER
        from tests.test_reference_checks import run_in
        from tests.test_trace_locations import experiment

        member, admin = PROVIDER.bearer(MEMBER), PROVIDER.bearer(ADMIN)
        where = await experiment(member, self.id())
        folder = f"{FOLDER.name}/artifacts/of-another-user"
        os.makedirs(folder)
        for place in ("s3://bucket/x", "dbfs:/x", "models:/m/1", "http://192.0.2.1/x", "mlflow-artifacts://192.0.2.1/x", folder, "file://" + folder):
            _, run = await run_in(member, where)
            with _get_tracking_store().ManagedSessionMaker(read_only=False) as session:
                session.query(SqlRun).filter(SqlRun.run_uuid == run).update({"artifact_uri": place})
            self.assertEqual((await ask("/api/2.0/mlflow/runs/delete", member, {"run_id": run}))[0], 200)
            status, said = await ask("/oidc/trash/cleanup", admin, None, "POST", b"run_ids=" + run.encode())
            self.assertEqual(status, 200, said)
            self.assertEqual((await ask("/api/2.0/mlflow/runs/get", admin, None, "GET", b"run_id=" + run.encode()))[0], 404, (place, said))
            self.assertTrue(os.path.isdir(folder))

    def test_places_of_other_settings_are_checked_by_mlflow(self):
        module = SimpleNamespace(_validate_storage_location_uri=lambda value, field_name: value)
        with self.assertRaises(upstream_guard.Changed):
            artifact_location_guard.refuse_given(SimpleNamespace(**vars(module), _create_experiment=lambda: None))

        def _create_experiment(message):
            return _validate_storage_location_uri(message.artifact_location, "artifact_location")  # noqa: F821

        module._create_experiment = _create_experiment
        artifact_location_guard.refuse_given(module)
        self.assertEqual(module._validate_storage_location_uri("s3://bucket/x", "trace_archival_config.location"), "s3://bucket/x")
        for place, field in (("/etc", "trace_archival_config.location"), ("s3://bucket/x", "artifact_location")):
            with self.assertRaises(MlflowException):
                module._validate_storage_location_uri(place, field)


if __name__ == "__main__":
    unittest.main()
