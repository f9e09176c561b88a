"""The caller must have access to everything that a request references."""

import unittest
from unittest import mock

from mlflow.server.handlers import _get_tracking_store
from mlflow.store.tracking.dbmodels.models import SqlSpan
from mlflow_oidc_auth.hooks import before_request as hooks
from mlflow_oidc_auth.store import store
from tests.environment import ADMIN, MEMBER, OTHER, PROVIDER  # before the imports below
from tests.served import application, ask, people
from tests.test_trace_locations import experiment, export, span, started, stored, tags

OWNER, THIEF = PROVIDER.bearer(MEMBER), PROVIDER.bearer(OTHER)
API = "/api/2.0/mlflow"


def setUpModule():
    people(ADMIN, MEMBER, OTHER)
    application()


async def run_in(caller, experiment_id, **more):
    status, made = await ask(f"{API}/runs/create", caller, {"experiment_id": experiment_id, "start_time": 1, **more})
    return status, made["run"]["info"]["run_id"] if status == 200 else made


async def model_in(caller, experiment_id, **more):
    status, made = await ask(f"{API}/logged-models", caller, {"experiment_id": experiment_id, "name": "m", **more})
    return status, made["model"]["info"]["model_id"] if status == 200 else made


def spans(trace):
    with _get_tracking_store().ManagedSessionMaker() as session:
        return {row.span_id: row.name for row in session.query(SqlSpan).filter(SqlSpan.trace_id == trace)}


class TestReferences(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.mine, self.theirs = await experiment(THIEF, self.id() + "1"), await experiment(OWNER, self.id() + "2")

    async def test_spans_go_into_no_foreign_trace(self):
        identifier = "a" * 32
        trace = "tr-" + identifier
        self.assertEqual((await export(OWNER, self.theirs, span(identifier, {"mlflow.traceTag.mine": "1"}, name="original")))[0], 200)
        before = (await tags(OWNER, trace), spans(trace))
        for injected in (
            span(identifier, {"mlflow.traceTag.mlflow.traceName": "PWNED", "mlflow.traceTag.mine": "2"}, "f" * 16, "INJECTED"),
            span(identifier, {}, name="REPLACED"),
        ):
            for among in ((), (span("b" * 32, {}, "1" * 16),)):
                status, said = await export(THIEF, self.mine, *among, injected)
                self.assertEqual((status, said["error_code"]), (403, "PERMISSION_DENIED"), said)
        self.assertEqual((await tags(OWNER, trace), spans(trace)), before)
        self.assertEqual(spans("tr-" + "b" * 32), {}, "all or nothing")
        self.assertEqual((await export(OWNER, self.theirs, span(identifier, {}, "e" * 16, "more")))[0], 200)
        self.assertEqual(len(spans(trace)), 2)

    async def test_an_editor_of_both_experiments_may_add_spans_across_them(self):
        other = await experiment(OWNER, self.id() + "3")
        identifier = "c" * 32
        self.assertEqual((await export(OWNER, self.theirs, span(identifier, {})))[0], 200)
        self.assertEqual((await export(OWNER, other, span(identifier, {}, "2" * 16)))[0], 200)
        store.create_experiment_permission(self.theirs, OTHER, "READ")
        self.assertEqual((await export(THIEF, self.mine, span(identifier, {}, "3" * 16)))[0], 403, "READ is not enough")

    async def test_spans_are_linked_to_no_foreign_run(self):
        (_, mine), (_, theirs) = await run_in(THIEF, self.mine), await run_in(OWNER, self.theirs)
        for run, status in ((mine, 200), (theirs, 403)):
            got, _ = await export(THIEF, self.mine, span("d" * 32, {}), headers=[(b"x-mlflow-run-id", run.encode())])
            self.assertEqual(got, status)

    async def test_foreign_traces_are_linked_to_no_run(self):
        _, run = await run_in(THIEF, self.mine)
        await started(OWNER, self.theirs, "tr-foreign")
        await started(THIEF, self.mine, "tr-mine")
        for ids, status in ((["tr-mine"], 200), (["tr-not-yet"], 200), (["tr-foreign"], 403), (["tr-mine", "tr-foreign"], 403)):
            got, said = await ask(f"{API}/traces/link-to-run", THIEF, {"run_id": run, "trace_ids": ids})
            self.assertEqual(got, status, said)

    async def test_foreign_prompts_are_linked_to_no_trace(self):
        tag = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
        for caller, name in ((OWNER, "their-prompt"), (THIEF, "my-prompt")):
            self.assertEqual((await ask(f"{API}/registered-models/create", caller, {"name": name, "tags": tag}))[0], 200)
        await started(THIEF, self.mine, "tr-prompts")
        for names, status in ((["my-prompt"], 200), (["their-prompt"], 403), (["my-prompt", "their-prompt"], 403)):
            body = {"trace_id": "tr-prompts", "prompt_versions": [{"name": name, "version": "1"} for name in names]}
            got, said = await ask(f"{API}/traces/link-prompts", THIEF, body)
            self.assertEqual(got, status, said)

    async def test_foreign_logged_models_are_no_inputs_or_outputs(self):
        (_, run), (_, mine), (_, theirs) = await run_in(THIEF, self.mine), await model_in(THIEF, self.mine), await model_in(OWNER, self.theirs)
        for route in ("log-inputs", "outputs"):
            for ids, status in (([mine], 200), ([theirs], 403), ([mine, theirs], 403)):
                for spelled in ("model_id", "modelId"):
                    more = {"step": 1} if route == "outputs" else {}
                    got, said = await ask(f"{API}/runs/{route}", THIEF, {"run_id": run, "models": [{spelled: one, **more} for one in ids]})
                    self.assertEqual(got, status, (route, said))
                    if status == 200:
                        break

    async def test_a_logged_model_comes_from_no_foreign_run(self):
        (_, mine), (_, theirs) = await run_in(THIEF, self.mine), await run_in(OWNER, self.theirs)
        self.assertEqual((await model_in(THIEF, self.mine, source_run_id=mine))[0], 200)
        self.assertEqual((await model_in(THIEF, self.mine, source_run_id=theirs))[0], 403)

    async def test_a_run_of_another_experiment_cannot_be_a_parent(self):
        (_, mine), (_, theirs) = await run_in(THIEF, self.mine), await run_in(OWNER, self.theirs)
        for parent, status in ((mine, 200), ("0" * 32, 200), (theirs, 403)):
            tag = {"key": "mlflow.parentRunId", "value": parent}
            self.assertEqual((await run_in(THIEF, self.mine, tags=[{"key": "a", "value": "b"}, tag]))[0], status)
            self.assertEqual((await ask(f"{API}/runs/set-tag", THIEF, {"run_id": mine, **tag}))[0], status)
            self.assertEqual((await ask(f"{API}/runs/log-batch", THIEF, {"run_id": mine, "tags": [tag]}))[0], status)

    async def test_foreign_traces_come_into_no_queue(self):
        await started(OWNER, self.theirs, "tr-queue-foreign")
        await started(THIEF, self.mine, "tr-queue-mine")
        queue = {"experiment_id": self.mine, "name": "q", "queue_type": "CUSTOM"}
        status, made = await ask("/api/3.0/mlflow/review-queues/create", THIEF, queue)
        self.assertEqual(status, 200, made)
        identifier = made["review_queue"]["queue_id"]
        for ids, status in ((["tr-queue-mine"], 200), (["tr-queue-foreign"], 403), (["tr-queue-mine", "tr-queue-foreign"], 403)):
            got, said = await ask("/api/3.0/mlflow/review-queues/items/add", THIEF, {"queue_id": identifier, "item_ids": ids, "item_type": "TRACE"})
            self.assertEqual(got, status, said)

    async def test_an_administrator_needs_no_check(self):
        _, theirs = await run_in(OWNER, self.theirs)
        self.assertEqual((await run_in(PROVIDER.bearer(ADMIN), self.mine, tags=[{"key": "mlflow.parentRunId", "value": theirs}]))[0], 200)

    async def test_a_batch_costs_no_query_more(self):
        from sqlalchemy import event

        _, run = await run_in(THIEF, self.mine)
        body = {"run_id": run, "metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": 1}], "tags": [{"key": "a", "value": "b"}]}
        await ask(f"{API}/runs/log-batch", THIEF, body)
        counted = []
        engines = (_get_tracking_store().engine, store.engine)
        for engine in engines:
            event.listen(engine, "before_cursor_execute", lambda *arguments: counted.append(arguments[2]))
        await ask(f"{API}/runs/log-batch", THIEF, body)
        with_checks, _ = len(counted), counted.clear()
        first = {key: value for key, value in hooks.BEFORE_REQUEST_VALIDATORS.items() if key[0].endswith("/runs/log-batch")}
        plain = {key: value.__closure__[0].cell_contents for key, value in first.items()}
        with mock.patch.dict(hooks.BEFORE_REQUEST_VALIDATORS, plain):
            await ask(f"{API}/runs/log-batch", THIEF, body)
        self.assertEqual(with_checks, len(counted))
        self.assertTrue(counted)
        self.assertNotIn("mlflow.parentRunId", stored("tr-none"))
