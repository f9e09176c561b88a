"""A location that a member wrote is neither stored, nor returned, nor followed."""

import unittest

from mlflow.exceptions import MlflowException
from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store
from mlflow.store.db.utils import _get_managed_session_maker  # noqa: F401
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.store.tracking import sqlalchemy_store
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel, SqlRun, SqlTraceTag
from mlflow_sso import trace_locations, upstream_guard
from tests.environment import FOLDER, MEMBER, OTHER, PROVIDER  # before the imports below
from tests.served import application, ask, people

OWNER, THIEF = PROVIDER.bearer(MEMBER), PROVIDER.bearer(OTHER)
EVIL = "http://192.0.2.1:7777/api/2.0/mlflow-artifacts/artifacts/x"
HOSTS = [EVIL, "mlflow-artifacts://192.0.2.1:7777/x", "HTTPS://192.0.2.1/x", "ftp://192.0.2.1/x"]
API = "/api/2.0/mlflow"


def setUpModule():
    people(MEMBER, OTHER)
    application()


async def experiment(caller, name):
    _, made = await ask(f"{API}/experiments/create", caller, {"name": name})
    return made["experiment_id"]


def span(trace, attributes, span_id="0123456789abcdef", name="x"):
    at = {"startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000"}
    listed = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    return {"traceId": trace, "spanId": span_id, "name": name, **at, "attributes": listed}


async def export(caller, experiment_id, *spans, headers=()):
    body = {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}
    return await ask("/v1/traces", caller, body, headers=[(b"x-mlflow-experiment-id", experiment_id.encode()), *headers])


async def tags(caller, trace):
    status, said = await ask(f"/api/3.0/mlflow/traces/{trace}", caller, method="GET")
    assert status == 200, said
    return said["trace"]["trace_info"]["tags"]


async def started(caller, experiment_id, trace, **given):
    info = {
        "trace_id": trace, "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}},
        "request_time": "2026-01-01T00:00:00Z", "state": "OK", "tags": given,
    }  # fmt: skip
    return await ask("/api/3.0/mlflow/traces", caller, {"trace": {"trace_info": info}})


def stored(trace):
    with _get_tracking_store().ManagedSessionMaker() as session:
        return {tag.key: tag.value for tag in session.query(SqlTraceTag).filter(SqlTraceTag.request_id == trace)}


def write(trace, **values):
    """What a row of an older version, or from an unknown route, may contain."""
    with _get_tracking_store().ManagedSessionMaker(read_only=False) as session:
        for key, value in values.items():
            session.merge(SqlTraceTag(request_id=trace, key=key.replace("__", "."), value=value))


class TestTraces(unittest.IsolatedAsyncioTestCase):
    async def test_no_route_stores_a_location_that_a_client_sends(self):
        mine = await experiment(OWNER, "places-write")
        bad = dict.fromkeys(trace_locations.TAGS, EVIL)
        own = f"mlflow-artifacts:/{mine}/traces/{{}}/artifacts"
        trace = "tr-" + "1" * 32
        status, said = await started(OWNER, mine, trace, **bad, kept="yes")
        self.assertEqual(status, 200, said)
        self.assertEqual(stored(trace), {"mlflow.artifactLocation": own.format(trace), "kept": "yes"})
        status, _ = await started(OWNER, mine, trace, **bad)  # merged into the existing tags
        self.assertEqual(status, 200)
        self.assertEqual(stored(trace)["mlflow.artifactLocation"], own.format(trace))
        for key in trace_locations.TAGS:
            for version in ("2.0", "3.0"):
                status, said = await ask(f"/api/{version}/mlflow/traces/{trace}/tags", OWNER, {"key": key, "value": EVIL}, "PATCH")
                self.assertEqual((status, said["error_code"]), (400, "INVALID_PARAMETER_VALUE"), key)
                status, said = await ask(f"/api/{version}/mlflow/traces/{trace}/tags", OWNER, {"key": key}, "DELETE")
                self.assertEqual(status, 400, key)
        self.assertEqual(stored(trace), {"mlflow.artifactLocation": own.format(trace), "kept": "yes"})

        old = {"experiment_id": mine, "timestamp_ms": 1, "tags": [{"key": key, "value": EVIL} for key in (*trace_locations.TAGS, "kept")]}
        status, said = await ask(f"{API}/traces", OWNER, old)
        self.assertEqual(status, 200, said)
        request = said["trace_info"]["request_id"]
        status, _ = await ask(f"{API}/traces/{request}", OWNER, {**old, "status": "OK", "timestamp_ms": 2}, "PATCH")
        self.assertEqual(status, 200)
        self.assertEqual(stored(request), {"mlflow.artifactLocation": own.format(request), "kept": EVIL})

        status, _ = await export(OWNER, mine, span("2" * 32, {f"mlflow.traceTag.{key}": EVIL for key in (*trace_locations.TAGS, "kept")}))
        self.assertEqual(status, 200)
        trace = "tr-" + "2" * 32
        want = {"mlflow.artifactLocation": own.format(trace), "mlflow.trace.spansLocation": "TRACKING_STORE", "kept": EVIL}
        self.assertEqual(stored(trace), want)

    async def test_a_location_that_is_there_already_is_not_answered(self):
        mine = await experiment(OWNER, "places-read")
        trace = "tr-" + "3" * 32
        await started(OWNER, mine, trace)
        foreign = f"mlflow-artifacts:/{await experiment(THIEF, 'places-foreign')}/traces/tr-1/artifacts"
        for place in (*HOSTS, foreign, "/etc", "file:///mlflow/artifacts", "s3://bucket/x", f"mlflow-artifacts:/{mine}/traces/other/artifacts"):
            for spans in ("ARTIFACT_REPO", "ARCHIVE_REPO", EVIL):
                write(trace, mlflow__artifactLocation=place, mlflow__trace__spansLocation=spans, mlflow__trace__archiveLocation=place)
                got = await tags(OWNER, trace)
                self.assertEqual(got["mlflow.artifactLocation"], f"mlflow-artifacts:/{mine}/traces/{trace}/artifacts", place)
                self.assertNotIn("mlflow.trace.archiveLocation", got)
                self.assertIn(got.get("mlflow.trace.spansLocation"), (None, "ARTIFACT_REPO"))
                for path, body in (
                    ("/api/3.0/mlflow/traces/search", {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": mine}}]}),
                    ("/ajax-api/3.0/mlflow/traces/search", {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": mine}}]}),
                ):
                    status, said = await ask(path, OWNER, body)
                    self.assertEqual(status, 200, said)
                    self.assertIn(trace, str(said))
                    self.assertNotIn("192.0.2.1", str(said))
                status, said = await ask(f"{API}/traces/{trace}/info", OWNER, method="GET")
                self.assertEqual(status, 200, said)
                self.assertNotIn("192.0.2.1", str(said))

    async def test_the_server_reads_no_files_that_a_tag_names(self):
        import os

        mine, victim = await experiment(THIEF, "places-thief"), await experiment(OWNER, "places-victim")
        trace = "tr-" + "4" * 32
        await started(THIEF, mine, trace)
        folder = f"{FOLDER.name}/artifacts/{victim}/traces/tr-secret/artifacts"
        os.makedirs(folder)
        with open(folder + "/traces.json", "w") as file:
            file.write('{"spans": [], "mark": "secret-of-the-owner"}')
        for place in (f"mlflow-artifacts:/{victim}/traces/tr-secret/artifacts", folder, "file://" + folder):
            write(trace, mlflow__artifactLocation=place, mlflow__trace__spansLocation="ARTIFACT_REPO")
            status, said = await ask("/ajax-api/2.0/mlflow/get-trace-artifact", THIEF, None, "GET", b"request_id=" + trace.encode())
            self.assertNotEqual(status, 200, said)
            self.assertNotIn("secret-of-the-owner", str(said))
        # The control: the content of the trace's own location can be read.
        own = f"{FOLDER.name}/artifacts/{mine}/traces/{trace}/artifacts"
        os.makedirs(own)
        with open(own + "/traces.json", "w") as file:
            file.write('{"spans": [], "mark": "mine"}')
        status, said = await ask("/ajax-api/2.0/mlflow/get-trace-artifact", THIEF, None, "GET", b"request_id=" + trace.encode())
        self.assertEqual((status, said["mark"]), (200, "mine"))

    async def test_a_trace_that_claims_an_archive_takes_no_files_with_it(self):
        import os

        mine = await experiment(THIEF, "places-archive")
        trace = "tr-" + "5" * 32
        await started(THIEF, mine, trace)
        folder = f"{FOLDER.name}/artifacts/archive"
        os.makedirs(folder)
        file = f"{folder}/{sqlalchemy_store.TRACE_ARCHIVAL_FILENAME}"
        with open(file, "w"):
            pass
        write(trace, mlflow__trace__spansLocation="ARCHIVE_REPO", mlflow__trace__archiveLocation=folder)
        status, said = await ask("/api/3.0/mlflow/traces/delete-traces", THIEF, {"experiment_id": mine, "request_ids": [trace]})
        self.assertEqual((status, said.get("traces_deleted")), (200, 1))
        self.assertTrue(os.path.exists(file))

    def test_only_this_servers_archive_is_trusted(self):
        from types import SimpleNamespace
        from unittest import mock

        settings = SimpleNamespace(enabled=True, location="s3://archive/traces")
        with mock.patch.object(trace_locations, "get_trace_archival_server_config", lambda: settings):
            for location, kept in (("s3://archive/traces/1", True), ("s3://archive/traces2/1", False), ("s3://archive/traces/../x", False)):
                got = trace_locations.corrected({trace_locations.SPANS: "ARCHIVE_REPO", trace_locations.ARCHIVE: location}, "tr", "mlflow-artifacts:/1")
                self.assertEqual(trace_locations.ARCHIVE in got, kept, location)


class TestStoredLocations(unittest.IsolatedAsyncioTestCase):
    async def test_a_host_in_any_stored_location_is_withheld(self):
        mine = await experiment(OWNER, "places-rows")
        _, run = await ask(f"{API}/runs/create", OWNER, {"experiment_id": mine, "start_time": 1})
        run = run["run"]["info"]["run_id"]
        _, model = await ask(f"{API}/logged-models", OWNER, {"experiment_id": mine, "name": "m"})
        model = model["model"]["info"]["model_id"]
        await ask(f"{API}/registered-models/create", OWNER, {"name": "places"})
        status, said = await ask(f"{API}/model-versions/create", OWNER, {"name": "places", "source": f"runs:/{run}/m", "run_id": run})
        self.assertEqual(status, 200, said)
        query = {
            "experiments/get": b"experiment_id=" + mine.encode(), "runs/get": b"run_id=" + run.encode(), f"logged-models/{model}": b"",
            "model-versions/get": b"name=places&version=1", "model-versions/get-download-uri": b"name=places&version=1",
            "registered-models/get": b"name=places",
        }  # fmt: skip
        for place in HOSTS:
            with _get_tracking_store().ManagedSessionMaker(read_only=False) as session:
                session.query(SqlExperiment).filter(SqlExperiment.experiment_id == int(mine)).update({"artifact_location": place})
                session.query(SqlRun).filter(SqlRun.run_uuid == run).update({"artifact_uri": place})
                session.query(SqlLoggedModel).filter(SqlLoggedModel.model_id == model).update({"artifact_location": place})
            with _get_model_registry_store().ManagedSessionMaker(read_only=False) as session:
                session.query(SqlModelVersion).filter(SqlModelVersion.name == "places").update({"source": place, "storage_location": place})
            for path, question in query.items():
                status, said = await ask(f"{API}/{path}", OWNER, None, "GET", question)
                self.assertEqual(status, 200, (path, said))
                self.assertNotIn("192.0.2.1", str(said), path)
                self.assertIn("withheld:/", str(said), path)

    def test_other_locations_are_unchanged(self):
        for place in (None, "", "mlflow-artifacts:/1/2", "s3://bucket/x", "runs:/1/m", "models:/m-1", "dummy-source", "/local"):
            self.assertEqual(trace_locations.followable(place), place)
        for place in HOSTS:
            self.assertEqual(trace_locations.followable(place), trace_locations.WITHHELD, place)


class TestGuard(unittest.TestCase):
    def test_another_place_that_writes_tags_stops_the_start(self):
        from unittest import mock

        with mock.patch.object(upstream_guard.inspect, "getsource", lambda _: "SqlTraceTag(" * 13), self.assertRaises(upstream_guard.Changed):
            trace_locations._guard()

    def test_another_location_tag_stops_the_start(self):
        from unittest import mock

        with mock.patch.object(trace_locations.TraceTagKey, "NEW_LOCATION", "mlflow.trace.newLocation", create=True), self.assertRaises(upstream_guard.Changed):
            upstream_guard.same("tags", {v for n, v in vars(trace_locations.TraceTagKey).items() if n.isupper() and n.endswith("LOCATION")} | {trace_locations.ARTIFACTS}, trace_locations.TAGS)

    def test_a_function_that_no_longer_validates_stops_the_start(self):
        def set_trace_tag(self, trace_id, key, value):
            return key, value

        with self.assertRaisesRegex(RuntimeError, "set_trace_tag"):
            upstream_guard.uses(set_trace_tag, "_validate_trace_tag")
        with self.assertRaises(MlflowException):
            trace_locations._refuse(trace_locations.SPANS)
