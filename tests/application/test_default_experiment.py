"""A program that names no experiment logs to its user's own."""

import asyncio
import json
import unittest

from mlflow.server.handlers import _get_tracking_store
from mlflow_oidc_auth.store import store
from mlflow_sso import default_experiment
from tests.environment import ADMIN, MEMBER, OTHER, PROVIDER  # before what is imported now
from tests.served import application, ask, people, send

API, AJAX = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"
V3 = "/api/3.0/mlflow"


def setUpModule():
    people(ADMIN, MEMBER, OTHER)
    application()


class TestDefault(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.name = f"newcomer-{self.id().rsplit('.', 1)[1]}@example.com"[:60].replace("_", "-")
        people(self.name)
        self.caller = PROVIDER.bearer(self.name)

    async def run_of(self, caller, experiment=default_experiment.DEFAULT):
        return await ask(f"{API}/runs/create", caller, {"experiment_id": experiment, "start_time": 1})

    async def own(self):
        status, said = await self.run_of(self.caller)
        self.assertEqual(status, 200, said)
        return said["run"]["info"]["experiment_id"]

    async def test_the_first_run_makes_an_experiment_that_belongs_to_its_user(self):
        own = await self.own()
        self.assertNotEqual(own, "0")
        self.assertEqual(await self.own(), own)
        self.assertEqual(_get_tracking_store().get_experiment(own).name, f"Default ({self.name})")
        self.assertEqual(store.get_experiment_permission(own, self.name).permission, "MANAGE")
        self.assertEqual((await self.run_of(PROVIDER.bearer(OTHER), own))[0], 403)

    async def test_parallel_first_runs_share_one(self):
        answers = await asyncio.gather(*(self.run_of(self.caller) for _ in range(6)))
        self.assertEqual([status for status, _ in answers], [200] * 6, answers)
        self.assertEqual(len({said["run"]["info"]["experiment_id"] for _, said in answers}), 1)

    async def test_every_route_that_names_an_experiment_first_is_about_it(self):
        own = await self.own()
        status, said = await ask(f"{API}/experiments/get", self.caller, None, "GET", b"experiment_id=0")
        self.assertEqual((status, said["experiment"]["experiment_id"]), (200, own))
        status, said = await ask(f"{API}/runs/search", self.caller, {"experiment_ids": ["0"]})
        self.assertEqual((status, len(said["runs"])), (200, 1))
        status, said = await ask(f"{API}/logged-models", self.caller, {"experiment_id": "0", "name": "m"})
        self.assertEqual((status, said["model"]["info"]["experiment_id"]), (200, own))
        info = {"trace_id": "tr-" + own, "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
        status, said = await ask(f"{V3}/traces", self.caller, {"trace": {"trace_info": info}})
        self.assertEqual(status, 200, said)
        self.assertEqual(said["trace"]["trace_info"]["trace_location"]["mlflow_experiment"]["experiment_id"], own)

    async def test_spans_without_an_experiment_of_their_own_are_taken(self):
        got = await send("POST", "/v1/traces", self.caller, b"\x0a\x00", b"application/x-protobuf", [(b"x-mlflow-experiment-id", b"0")])
        self.assertNotIn(got.status, (401, 403), got.content)
        refused = await send("POST", "/v1/traces", self.caller, b"\x0a\x00", b"application/x-protobuf", [(b"x-mlflow-experiment-id", b"00")])
        self.assertIn(refused.status, (400, 403, 404))

    async def test_a_user_who_may_read_experiment_0_uses_it(self):
        self.assertEqual((await self.run_of(PROVIDER.bearer(ADMIN)))[1]["run"]["info"]["experiment_id"], "0")
        store.create_experiment_permission("0", self.name, "EDIT")
        self.assertEqual(await self.own(), "0")
        store.update_experiment_permission("0", self.name, "READ")
        status, said = await self.run_of(self.caller)
        self.assertEqual((status, "You have READ on experiment 0" in said["message"]), (403, True), said)
        store.delete_experiment_permission("0", self.name)

    async def test_an_experiment_of_that_name_that_is_anothers_is_not_used(self):
        status, said = await ask(f"{API}/experiments/create", PROVIDER.bearer(OTHER), {"name": f"Default ({self.name})"})
        self.assertEqual(status, 200, said)
        status, said = await self.run_of(self.caller)
        self.assertEqual((status, "mlflow.set_experiment(" in said["message"]), (403, True), said)

    async def test_a_deleted_one_is_not_written_to(self):
        own = await self.own()
        self.assertEqual((await ask(f"{API}/experiments/delete", self.caller, {"experiment_id": own}))[0], 200)
        self.assertEqual((await self.run_of(self.caller))[0], 403)

    async def test_reading_makes_none(self):
        self.assertEqual((await ask(f"{API}/experiments/get", self.caller, None, "GET", b"experiment_id=0"))[0], 403)
        self.assertEqual((await ask(f"{API}/runs/search", self.caller, {"experiment_ids": ["0"]}))[0], 403)
        self.assertIsNone(_get_tracking_store().get_experiment_by_name(f"Default ({self.name})"))

    async def test_pages_see_experiment_0_as_it_is(self):
        self.assertEqual((await ask(f"{AJAX}/experiments/get", self.caller, None, "GET", b"experiment_id=0"))[0], 403)

    async def test_without_a_caller_nothing_is_made(self):
        self.assertEqual((await self.run_of([]))[0], 401)
        self.assertEqual((await ask(f"{API}/experiments/get", [], None, "GET", b"experiment_id=0"))[0], 401)


class TestReplaced(unittest.TestCase):
    def test_only_fields_of_an_experiment_are_replaced(self):
        given = {"experiment_id": 0, "experiment_ids": ["0", "1"], "run_id": "0", "a": [{"experiment_id": "0"}], "tags": [{"key": "experiment", "value": "0"}], "x": False}
        want = {"experiment_id": "9", "experiment_ids": ["9", "1"], "run_id": "0", "a": [{"experiment_id": "9"}], "tags": [{"key": "experiment", "value": "0"}], "x": False}
        self.assertEqual(default_experiment.replaced(given, "9"), want)

    def test_a_body_is_read_again_only_where_it_names_experiment_0(self):
        for named, body in (
            (True, {"experiment_id": "0"}), (True, {"experiment_id": 0, "a": 1}), (True, {"experiment_ids": ["1", "0"]}),
            (False, {"experiment_id": "10"}), (False, {"experiment_ids": ["1", "20"]}), (False, {"run_id": "0"}),
        ):  # fmt: skip
            for text in (json.dumps(body), json.dumps(body, separators=(",", ":")), json.dumps(body, indent=2)):
                self.assertEqual(bool(default_experiment.NAMED.search(text.encode())), named, text)
