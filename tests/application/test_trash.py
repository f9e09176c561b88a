"""What is deleted permanently, and what never is: with MLflow's own store, and files in a folder or a bucket.
"""

import contextlib
import datetime
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from types import SimpleNamespace
from unittest import mock

import mlflow
import sqlalchemy
from mlflow.entities import LoggedModelStatus, TraceInfo, TraceLocation, TraceState, ViewType
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_sso.trash import __main__ as trash
from mlflow_sso.trash.database import TOGETHER, Busy, Database
from mlflow_sso.trash.files import Bucket, Folder
from mlflow_sso.trash.places import References, own_unit, path_of, unit_of
from mlflow_sso.trash.removal import Removal

DAY = 86400
TRASH, ORPHANS = 30 * DAY, DAY
LATER = 40 * DAY  # everything that a test creates is older than either by then
CONTENT = b"0123456789"


def put(root, place, name="artifacts/file.txt", content=CONTENT):
    file = root / place / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


# An empty MLflow database, which takes seconds to create. Another one can be used: a Postgres, which loses
# all its data.
OTHER = os.environ.get("TRASH_TEST_URI")
EMPTY = tempfile.TemporaryDirectory()


def setUpModule():
    if OTHER:
        engine = sqlalchemy.create_engine(OTHER)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("DROP SCHEMA public CASCADE"))
            connection.execute(sqlalchemy.text("CREATE SCHEMA public"))
        engine.dispose()
    SqlAlchemyStore(OTHER or f"sqlite:///{EMPTY.name}/mlflow.db", "mlflow-artifacts:/").engine.dispose()


class Case(unittest.TestCase):
    """A server's database and its files."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name, "artifacts")
        self.root.mkdir()
        if not OTHER:
            shutil.copy(f"{EMPTY.name}/mlflow.db", folder.name)
        self.uri = OTHER or f"sqlite:///{folder.name}/mlflow.db"
        mlflow.set_tracking_uri(self.uri)
        self.addCleanup(mlflow.set_tracking_uri, None)
        self.store, self.registry = SqlAlchemyStore(self.uri, "mlflow-artifacts:/"), Registry(self.uri)
        self.addCleanup(self.store.engine.dispose)
        self.addCleanup(self.registry.engine.dispose)

    def experiment(self):
        return self.store.create_experiment(f"e-{uuid.uuid4().hex}")

    def run_in(self, experiment):
        run = self.store.create_run(experiment, "ada", int(time.time() * 1000), [], "r").info.run_id
        put(self.root, f"{experiment}/{run}")
        return run

    def model_in(self, experiment, run=None):
        model = self.store.create_logged_model(experiment, "m", source_run_id=run)
        self.store.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        put(self.root, f"{experiment}/models/{model.model_id}")
        return model.model_id

    def trace_in(self, experiment):
        trace = f"tr-{uuid.uuid4().hex}"
        self.store.start_trace(TraceInfo(trace, TraceLocation.from_experiment_id(experiment), int(time.time() * 1000), TraceState.OK))
        put(self.root, f"{experiment}/traces/{trace}")
        return trace

    def version(self, source):
        name = f"churn-{uuid.uuid4().hex}"
        self.registry.create_registered_model(name)
        return self.registry.create_model_version(name, source)

    def clean(self, delete=True, later=LATER, files=None, trash_seconds=TRASH, foreign=False):
        database, destination = Database(self.uri), str(self.root)
        removal = Removal(
            database, files or Folder(destination), destination, References(database.owners(), destination), delete, trash_seconds, ORPHANS, foreign,
            now=lambda: time.time() + later,
        )  # fmt: skip
        return removal.run()

    def there(self, place):
        return (self.root / place).exists()

    def runs(self, experiment):
        return {run.info.run_id for run in self.store.search_runs([experiment], "", ViewType.ALL)}


class TestTrash(Case):
    def test_only_an_expired_run_in_the_trash_is_deleted_with_its_files(self):
        experiment = self.experiment()
        gone, kept = self.run_in(experiment), self.run_in(experiment)
        self.store.log_param(gone, SimpleNamespace(key="a", value="1"))
        self.store.set_tag(gone, SimpleNamespace(key="a", value="1"))
        self.store.delete_run(gone)
        young = self.clean(later=10 * DAY)
        self.assertEqual((young["rows"]["runs"], self.runs(experiment)), (0, {gone, kept}))
        done = self.clean()
        self.assertEqual((done["rows"]["runs"], done["files"]["trash"]), (1, {"places": 1, "files": 1, "bytes": len(CONTENT)}))
        self.assertEqual((self.runs(experiment), self.there(f"{experiment}/{gone}"), self.there(f"{experiment}/{kept}")), ({kept}, False, True))
        with sqlalchemy.create_engine(self.uri).connect() as connection:
            for table in ("params", "tags"):
                self.assertEqual(connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table} WHERE run_uuid = :run"), {"run": gone}).scalar(), 0)

    def test_nothing_changes_without_the_order_to_delete_and_the_counts_are_the_same(self):
        experiment, other = self.experiment(), self.experiment()
        run, model = self.run_in(experiment), self.model_in(experiment)
        for _ in range(3):
            self.trace_in(other)
        self.store.delete_run(run)
        self.store.delete_logged_model(model)
        self.store.delete_experiment(other)
        put(self.root, f"{experiment}/{uuid.uuid4().hex}")
        found = self.clean(delete=False)
        self.assertEqual(self.runs(experiment), {run})
        for place in (f"{experiment}/{run}", f"{experiment}/models/{model}", f"{other}/traces"):
            self.assertTrue(self.there(place), place)
        done = self.clean()
        self.assertEqual(done, found)
        self.assertEqual(done["rows"], {"experiments": 1, "runs": 1, "loggedModels": 1, "traces": 3})
        self.assertEqual([done["files"][of]["bytes"] for of in ("trash", "orphans")], [50, 10])
        again = self.clean()
        self.assertEqual((sum(again["rows"].values()), sum(of["places"] for of in again["files"].values())), (0, 0))

    def test_an_experiment_is_deleted_with_its_contents(self):
        experiment, kept = self.experiment(), self.experiment()
        run, model, trace = self.run_in(experiment), self.model_in(experiment), self.trace_in(experiment)
        stays = self.run_in(kept), self.model_in(kept), self.trace_in(kept)
        self.store.set_experiment_tag(experiment, SimpleNamespace(key="a", value="1"))
        put(self.root, experiment, "notes.txt")
        self.store.delete_experiment(experiment)
        done = self.clean()
        self.assertEqual(done["rows"], {"experiments": 1, "runs": 1, "loggedModels": 1, "traces": 1})
        self.assertFalse(self.there(experiment))
        for table, column, identifier in (("runs", "run_uuid", run), ("logged_models", "model_id", model), ("trace_info", "request_id", trace)):
            self.assertFalse(Database(self.uri).known(SimpleNamespace(table=table, column=column), [identifier]))
        for place in (f"{kept}/{stays[0]}", f"{kept}/models/{stays[1]}", f"{kept}/traces/{stays[2]}"):
            self.assertTrue(self.there(place))

    def test_a_concurrently_restored_object_stays(self):
        experiment, second = self.experiment(), self.experiment()
        run = self.run_in(experiment)
        inside, model, trace = self.run_in(second), self.model_in(second), self.trace_in(second)
        self.store.delete_run(run)
        self.store.delete_experiment(second)
        database, before = Database(self.uri), int((time.time() + LATER) * 1000)
        self.store.restore_run(run)
        self.store.restore_experiment(second)
        self.assertEqual(database.remove("runs", [run], before), [])
        self.assertEqual(database.remove_of_experiment("runs", [inside], second, before), [])
        self.assertEqual(database.remove_of_experiment("logged_models", [model], second, before), [])
        self.assertEqual(database.remove_traces(second, before), 0)
        self.assertEqual(database.remove("experiments", [second], before), [])
        self.assertEqual(database.count_traces(second), 1, trace)

    def test_an_experiment_with_a_run_is_never_deleted_alone(self):
        experiment = self.experiment()
        run = self.run_in(experiment)
        self.store.delete_experiment(experiment)
        self.assertEqual(Database(self.uri).remove("experiments", [experiment], int((time.time() + LATER) * 1000)), [])
        self.store.restore_run(run)
        done = self.clean()
        self.assertEqual(done["kept"], [{"what": f"experiment {experiment}", "why": "it has runs that are not in the trash"}])
        self.assertTrue(self.there(f"{experiment}/{run}"))

    def test_what_a_registered_model_names_stays_until_that_version_is_deleted(self):
        experiment, whole = self.experiment(), self.experiment()
        by_run, by_place, model, in_whole = self.run_in(experiment), self.run_in(experiment), self.model_in(experiment), self.model_in(whole)
        versions = [
            self.version(source)
            for source in (f"runs:/{by_run}/model", f"mlflow-artifacts:/{experiment}/{by_place}/artifacts/model", f"models:/{model}", f"mlflow-artifacts:/{whole}/models/{in_whole}/artifacts")
        ]
        for run in (by_run, by_place):
            self.store.delete_run(run)
        self.store.delete_logged_model(model)
        self.store.delete_experiment(whole)
        done = self.clean()
        named = [kept for kept in done["kept"] if "of model churn-" in kept["why"]]
        self.assertEqual((sum(done["rows"].values()), len(named), done["files"]["trash"]["places"]), (0, 4, 0))
        self.assertIn(f"named by version 1 of model {versions[0].name}", {kept["why"] for kept in done["kept"]})
        for place in (f"{experiment}/{by_run}", f"{experiment}/{by_place}", f"{experiment}/models/{model}", f"{whole}/models/{in_whole}"):
            self.assertTrue(self.there(place), place)
        for version in versions:
            self.registry.delete_model_version(version.name, version.version)
        done = self.clean()
        self.assertEqual(done["rows"], {"experiments": 1, "runs": 2, "loggedModels": 2, "traces": 0})

    def test_a_run_with_files_at_another_location_is_deleted_and_the_files_stay(self):
        experiment = self.experiment()
        run = self.run_in(experiment)
        with self.store.ManagedSessionMaker(read_only=False) as session:
            session.execute(sqlalchemy.text("UPDATE runs SET artifact_uri = :place WHERE run_uuid = :run"), {"place": "s3://external/x", "run": run})
        put(self.root, "team-a")
        self.store.delete_run(run)
        self.assertEqual(self.clean()["rows"]["runs"], 1)
        self.assertTrue(self.there("team-a"))

    def test_more_than_one_batch_is_deleted(self):
        experiment = self.experiment()
        columns = "run_uuid, experiment_id, lifecycle_stage, deleted_time, artifact_uri, source_type, status"
        insert = sqlalchemy.text(f"INSERT INTO runs ({columns}) VALUES (:run, :e, 'deleted', 1, :place, 'LOCAL', 'FINISHED')")
        names = [uuid.uuid4().hex for _ in range(450)]
        with self.store.ManagedSessionMaker(read_only=False) as session:
            session.execute(insert, [{"run": name, "e": int(experiment), "place": f"mlflow-artifacts:/{experiment}/{name}/artifacts"} for name in names])
        self.assertEqual(self.clean()["rows"]["runs"], 450)
        self.assertEqual(self.clean()["rows"]["runs"], 0)


class TestOrphans(Case):
    def test_files_that_trash_cleanup_leaves_are_found_and_those_with_a_row_never_are(self):
        experiment, kept = self.experiment(), self.experiment()
        run, model, trace = self.run_in(experiment), self.model_in(experiment), self.trace_in(experiment)
        stays = [f"{kept}/{self.run_in(kept)}", f"{kept}/models/{self.model_in(kept)}", f"{kept}/traces/{self.trace_in(kept)}"]
        in_trash = self.run_in(kept)
        deleted = self.trace_in(kept)
        self.store.delete_run(in_trash)
        self.store.delete_traces(kept, trace_ids=[deleted])
        self.store.delete_experiment(experiment)
        self.store._hard_delete_run(run)
        self.store._hard_delete_experiment(experiment)
        done = self.clean(later=10 * DAY)
        self.assertEqual(done["files"]["orphans"], {"places": 4, "files": 4, "bytes": 40}, (model, trace))
        self.assertFalse(self.there(experiment))
        self.assertFalse(self.there(f"{kept}/traces/{deleted}"))
        for place in [*stays, f"{kept}/{in_trash}"]:
            self.assertTrue(self.there(place), place)

    def test_a_file_that_may_still_be_uploaded_stays(self):
        experiment = self.experiment()
        orphan = put(self.root, f"{experiment}/{uuid.uuid4().hex}")
        empty = self.root / experiment / uuid.uuid4().hex
        empty.mkdir()
        done = self.clean(later=DAY / 2)
        self.assertEqual((done["files"]["recent"]["places"], done["files"]["orphans"]["places"]), (2, 0))
        self.assertTrue(orphan.exists() and empty.exists())
        put(self.root, "unused", "x")
        os.utime(orphan, (time.time() - 2 * DAY,) * 2)
        put(orphan.parent.parent, "artifacts", "second.txt")  # one file of it is new
        self.assertEqual(self.clean(later=DAY / 2)["files"]["recent"]["places"], 2)

    def test_what_is_not_of_mlflows_layout_stays(self):
        experiment = self.experiment()
        places = [put(self.root, place, name) for place, name in (
            (experiment, "notes.txt"), (experiment, "shared/x"), (f"{experiment}/models", "notes/x"), (f"{experiment}/traces", "x"), ("team-a", "x"), ("007", "x"), ("..x", "y"),
        )]  # fmt: skip
        done = self.clean()
        self.assertEqual((done["unknown"], done["files"]["orphans"]["places"]), (7, 0))
        self.assertTrue(all(place.exists() for place in places))

    def test_files_older_than_the_database_stay_unless_requested(self):
        file = put(self.root, f"77/{uuid.uuid4().hex}")
        os.utime(file, (time.time() - 3 * 365 * DAY,) * 2)
        done = self.clean()
        self.assertEqual((done["files"]["foreign"]["places"], done["files"]["orphans"]["places"], file.exists()), (1, 0, True))
        self.assertEqual(self.clean(foreign=True)["files"]["orphans"]["places"], 1)
        self.assertFalse(self.there("77"))

    def test_what_a_version_names_by_a_path_stays_without_its_run(self):
        experiment = self.experiment()
        run = self.run_in(experiment)
        self.version(f"mlflow-artifacts:/{experiment}/{run}/artifacts")
        self.store.delete_run(run)
        self.store._hard_delete_run(run)
        self.assertEqual(self.clean()["keptCount"], 1)
        self.assertTrue(self.there(f"{experiment}/{run}"))

    def test_old_incomplete_uploads_are_deleted(self):
        experiment = self.experiment()
        run = self.run_in(experiment)
        put(self.root, f"{experiment}/{run}", "artifacts/.artifact.uploading.x1")
        self.assertEqual(self.clean(later=DAY / 2)["files"]["uploads"]["places"], 0)
        self.assertEqual(self.clean()["files"]["uploads"], {"places": 1, "files": 1, "bytes": 10})
        self.assertEqual(sorted(os.listdir(self.root / experiment / run / "artifacts")), ["file.txt"])

    def test_a_link_is_removed_and_not_followed(self):
        experiment = self.experiment()
        outside = put(self.root.parent, "outside")
        orphan = put(self.root, f"{experiment}/{uuid.uuid4().hex}")
        orphan.parent.joinpath("link").symlink_to(outside.parent)
        (self.root / experiment / uuid.uuid4().hex).symlink_to(outside.parent)
        self.clean()
        self.assertTrue(outside.exists())
        self.assertFalse(orphan.exists())

    def test_a_file_that_cannot_be_removed_is_named_and_the_next_round_removes_it(self):
        class Full(Folder):
            def remove(self, path):
                raise OSError("read-only file system")

        experiment = self.experiment()
        run, other = self.run_in(experiment), self.run_in(experiment)
        for one in (run, other):
            self.store.delete_run(one)
        done = self.clean(files=Full(self.root))
        self.assertEqual((done["failureCount"], done["rows"]["runs"]), (4, 2), "as trash, and then as orphans")
        self.assertEqual(done["failures"][0]["error"], "OSError: read-only file system")
        done = self.clean()
        self.assertEqual((done["failureCount"], done["files"]["orphans"]["places"]), (0, 2))
        self.assertFalse(self.there(f"{experiment}/{run}"))


class Client:
    """The part of boto3's client that is used, with a dictionary."""

    def __init__(self, objects, uploads=(), refuses=()):
        self.objects, self.uploads, self.refuses = objects, list(uploads), refuses
        self.at = datetime.datetime.now(datetime.UTC)

    def get_paginator(self, operation):
        return SimpleNamespace(paginate=getattr(self, operation))

    def list_objects_v2(self, Bucket, Prefix, Delimiter=None):
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        seen = set()
        for key in keys:  # one page each
            folder, below, _ = key.removeprefix(Prefix).partition(Delimiter or "\0")
            if below:
                if folder not in seen:
                    yield {"CommonPrefixes": [{"Prefix": Prefix + folder + "/"}]}
                seen.add(folder)
            else:
                yield {"Contents": [{"Key": key, "Size": self.objects[key], "LastModified": self.at}]}

    def delete_objects(self, Bucket, Delete):
        for one in Delete["Objects"]:
            if one["Key"] in self.refuses:
                return {"Errors": [{"Key": one["Key"], "Code": "AccessDenied"}]}
            self.objects.pop(one["Key"], None)
        return {}

    def list_multipart_uploads(self, Bucket, Prefix):
        yield {"Uploads": [{"Key": key, "UploadId": key, "Initiated": self.at} for key in self.uploads if key.startswith(Prefix)]}

    def list_parts(self, Bucket, Key, UploadId):
        yield {"Parts": [{"Size": 5}, {"Size": 6}]}

    def abort_multipart_upload(self, Bucket, Key, UploadId):
        self.uploads.remove(Key)


class TestBucket(Case):
    def objects_of(self, prefix):
        return {prefix + str(file.relative_to(self.root)): file.stat().st_size for file in self.root.rglob("*") if file.is_file()}

    def test_the_same_is_deleted_from_a_bucket_with_and_without_a_prefix(self):
        for prefix in ("", "ml/flow/"):
            experiment, kept = self.experiment(), self.experiment()
            self.run_in(experiment), self.model_in(experiment), self.trace_in(experiment)
            stays, trash = self.run_in(kept), self.run_in(kept)
            put(self.root, experiment + "0", f"{uuid.uuid4().hex}/x")  # its number starts like the other's
            self.store.delete_experiment(experiment)
            self.store.delete_run(trash)
            objects = self.objects_of(prefix)
            client = Client(objects | {"external/x": 1, "other/5/x": 1}, uploads=[f"{prefix}{kept}/{stays}/artifacts/big", "external/y"] if prefix else [f"{kept}/x"])
            client.at = datetime.datetime.now(datetime.UTC)
            bucket = Bucket(f"s3://b/{prefix}", client)
            found = self.clean(delete=False, files=bucket, foreign=True)
            self.assertEqual(len(client.objects), len(objects) + 2)
            done = self.clean(files=bucket, foreign=True)
            self.assertEqual(done, found)
            self.assertEqual(done["files"]["uploads"], {"places": 1, "files": 1, "bytes": 11})
            left = {key for key in client.objects if key.startswith(prefix + experiment + "/")}
            self.assertEqual(left, set())
            self.assertIn(f"{prefix}{kept}/{stays}/artifacts/file.txt", client.objects)
            self.assertNotIn(f"{prefix}{kept}/{trash}/artifacts/file.txt", client.objects)
            self.assertLessEqual({"external/x", "other/5/x"}, client.objects.keys())
            self.assertEqual(client.uploads, ["external/y"] if prefix else [])

    def test_an_object_that_the_store_keeps_is_named(self):
        experiment = self.experiment()
        key = f"{experiment}/{uuid.uuid4().hex}/artifacts/x"
        done = self.clean(files=Bucket("s3://b", Client({key: 1}, refuses={key})))
        self.assertEqual(done["failureCount"], 1)
        self.assertIn(f"the first is {key}: AccessDenied", done["failures"][0]["error"])

    def test_more_objects_than_one_request_may_name_are_removed(self):
        client = Client({f"1/x/{number}": 1 for number in range(2500)} | {"1/xy": 1})
        Bucket("s3://b", client).remove("1/x")
        self.assertEqual(set(client.objects), {"1/xy"})


class TestPlaces(unittest.TestCase):
    def test_a_place_is_read_in_each_form_that_mlflow_writes(self):
        for place, path in (
            ("mlflow-artifacts:/1/a/artifacts", "1/a/artifacts"), ("mlflow-artifacts://host/1/a", "1/a"), ("mlflow-artifacts:/1/../2", "2"), ("mlflow-artifacts:/../2", "2"),
            ("mlflow-artifacts:/", ""), ("https://h/api/2.0/mlflow-artifacts/artifacts/1/a", "1/a"), ("/mlflow/artifacts/1/a/", "1/a"), ("/mlflow/artifacts", ""),
            ("/mlflow/artifacts2/1", None), ("s3://b/1", None), ("https://h/1", None), (None, None),
        ):  # fmt: skip
            self.assertEqual(path_of(place, "/mlflow/artifacts"), path, place)
        self.assertEqual(path_of("s3://b/ml/1/a", "s3://b/ml/"), "1/a")

    def test_a_unit_is_a_folder_of_a_run_a_model_or_a_trace(self):
        for path, unit in (("1/a/artifacts/x", "1/a"), ("1/models/m/x/y", "1/models/m"), ("1/models", None), ("1", None), ("", None), ("1/a", "1/a")):
            self.assertEqual(unit_of(path), unit, path)
        for place, unit in (("mlflow-artifacts:/1/a/artifacts", "1/a"), ("mlflow-artifacts:/1/b/artifacts", None), ("mlflow-artifacts:/a/artifacts", None), ("mlflow-artifacts:/1/a", None)):
            self.assertEqual(own_unit(place, "a", "/r"), unit, place)

    def test_a_reference_holds_what_is_below_it_and_the_unit_that_it_is_in(self):
        run, model = "a" * 32, "m-" + "b" * 32
        held = References(
            [("deep", f"mlflow-artifacts:/1/{run}/artifacts/x/y"), ("above", "mlflow-artifacts:/7"), ("run", "runs:/" + "c" * 32), ("model", f"models:/{model}"), ("no", "models:/churn/1")], "/r"
        )
        self.assertEqual([held.of(unit) for unit in (f"1/{run}", f"7/{run}", "9/" + "c" * 32, f"2/models/{model}", f"2/{run}", "70/x")], ["deep", "above", "run", "model", None, None])
        self.assertEqual([held.inside(one) for one in ("1", "7", "2", "70")], ["deep", "above", None, None])
        self.assertEqual(References([("all", "mlflow-artifacts:/")], "/r").of(f"1/{run}"), "all")


class TestProgram(Case):
    def test_it_reads_what_to_do_and_prints_what_it_did(self):
        experiment = self.experiment()
        run = self.run_in(experiment)
        self.store.delete_run(run)
        time.sleep(0.01)
        given = {"delete": True, "trashSeconds": 0, "orphanSeconds": 3600, "foreign": False}
        variables = os.environ | {"MLFLOW_BACKEND_STORE_URI": self.uri, "MLFLOW_ARTIFACTS_DESTINATION": str(self.root)}
        ran = subprocess.run([sys.executable, "-m", "mlflow_sso.trash"], input=json.dumps(given), capture_output=True, text=True, timeout=120, env=variables)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertEqual(json.loads(ran.stdout)["rows"]["runs"], 1)
        self.assertFalse(self.there(f"{experiment}/{run}"))

    def refused_round(self):
        """What a round that must be retried leaves of a run in the trash."""
        experiment = self.experiment()
        run = self.run_in(experiment)
        self.store.delete_run(run)
        time.sleep(0.01)
        given = io.StringIO(json.dumps({"delete": True, "trashSeconds": 0, "orphanSeconds": 3600, "foreign": False}))
        variables, output, said = {"MLFLOW_BACKEND_STORE_URI": self.uri, "MLFLOW_ARTIFACTS_DESTINATION": str(self.root)}, io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(said):
            code = trash.main(given, variables, output)
        self.assertEqual((code, output.getvalue()), (trash.BUSY, ""))
        self.assertIn("snapshot of this stack is being taken", said.getvalue())
        self.assertTrue(self.there(f"{experiment}/{run}"))
        self.assertEqual(self.store.get_run(run).info.lifecycle_stage, "deleted")
        return variables

    def test_while_a_snapshot_is_taken_nothing_is_deleted(self):
        with mock.patch.object(Database, "deleting", side_effect=Busy("a snapshot of this stack is being taken")):
            self.refused_round()

    @unittest.skipUnless(OTHER, "SQLite has no lock to share: TRASH_TEST_URI names a Postgres")
    def test_a_lock_that_a_snapshot_shares_is_refused_and_a_report_needs_none(self):
        engine = sqlalchemy.create_engine(self.uri)
        self.addCleanup(engine.dispose)
        with engine.begin() as snapshot:
            snapshot.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))"), {"name": TOGETHER})
            variables = self.refused_round()
            report = {"delete": False, "trashSeconds": 0, "orphanSeconds": 3600, "foreign": False}
            self.assertEqual(trash.remove(report, variables)["rows"]["runs"], 1)
        self.assertEqual(trash.remove(report | {"delete": True}, variables)["rows"]["runs"], 1)

    def test_an_age_that_an_upload_may_have_is_refused(self):
        for given in ({"orphanSeconds": 60, "trashSeconds": 0}, {"orphanSeconds": 3600, "trashSeconds": -1}):
            with self.assertRaisesRegex(ValueError, "want at least 3600 and 0"):
                trash.remove(given, {})

    def test_a_database_without_mlflows_tables_is_refused(self):
        with self.assertRaisesRegex(LookupError, "no table of runs"):
            Database("sqlite://")

    def test_mlflows_own_command_names_the_one_that_works_and_is_otherwise_itself(self):
        refused = subprocess.run(["mlflow", "gc", "--older-than", "1d"], capture_output=True, text=True, timeout=60)
        self.assertEqual((refused.returncode, refused.stdout), (64, ""))
        self.assertIn("run 'mlflow-sso clean' on the Docker host instead", refused.stderr)
        version = subprocess.run(["mlflow", "--version"], capture_output=True, text=True, timeout=120)
        self.assertRegex(version.stdout, r"version 3\.")

    def test_it_needs_nothing_of_mlflow(self):
        code = "import sys, mlflow_sso.trash.__main__; sys.exit('mlflow' in sys.modules)"
        self.assertEqual(subprocess.run([sys.executable, "-c", code], timeout=60).returncode, 0)


if __name__ == "__main__":
    unittest.main()
