"""What each level of a permission allows: share_levels.json, from which the table in docs/how-to/share-your-work.md is made."""

import json
import pathlib
import unittest

from mlflow_oidc_auth.store import store
from tests.environment import ADMIN, MEMBER, OTHER, PROVIDER  # before what is imported now
from tests.served import application, ask, people, send
from tests.test_trace_locations import experiment

OWNER, CALLER = PROVIDER.bearer(MEMBER), PROVIDER.bearer(OTHER)
API, FILES = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"
LEVELS = ("NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE")
WANTED = json.loads(pathlib.Path(__file__).with_name("share_levels.json").read_text())
THIRD = "third@example.com"


def setUpModule():
    people(ADMIN, MEMBER, OTHER, THIRD)
    application()


def post(path, body):
    return "POST", f"{API}/{path}", body, b""


class Experiment:
    """An experiment with a run that has a file."""

    kind = "experiment"

    async def make(self, name, owner=OWNER):
        self.id = await experiment(owner, name)
        self.run = (await ask(f"{API}/runs/create", owner, {"experiment_id": self.id, "start_time": 1}))[1]["run"]["info"]["run_id"]
        self.file, self.source = f"{FILES}/{self.id}/{self.run}/artifacts/a.txt", f"mlflow-artifacts:/{self.id}/{self.run}/artifacts"
        assert (await send("PUT", self.file, owner, b"x", b"text/plain")).status == 200

    def grant(self, level):
        store.create_experiment_permission(self.id, OTHER, level)

    def actions(self):
        trace = {"trace_id": "tr-" + self.run, "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.id}}, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
        return {
            "see the experiment": ("GET", f"{API}/experiments/get", None, b"experiment_id=" + self.id.encode()),
            "see and search runs": post("runs/search", {"experiment_ids": [self.id]}),
            "download files": ("GET", self.file, None, b""),
            "search traces": ("POST", "/api/3.0/mlflow/traces/search", {"locations": [trace["trace_location"]]}, b""),
            "create runs": post("runs/create", {"experiment_id": self.id, "start_time": 1}),
            "log params, metrics and tags": post("runs/log-batch", {"run_id": self.run, "params": [{"key": "k", "value": "v"}]}),
            "upload files": ("PUT", self.file, "x", b""),
            "log traces": ("POST", "/api/3.0/mlflow/traces", {"trace": {"trace_info": trace}}, b""),
            "rename runs": post("runs/update", {"run_id": self.run, "run_name": "other"}),
            "delete and restore runs": post("runs/delete", {"run_id": self.run}),
            "rename the experiment": post("experiments/update", {"experiment_id": self.id, "new_name": "renamed-" + self.id}),
            "share": ("POST", f"{API}/permissions/users/{THIRD}/experiments/{self.id}", {"permission": "READ"}, b""),
            "delete the experiment": post("experiments/delete", {"experiment_id": self.id}),
        }


class Model:
    """A registered model with a version."""

    kind = "model"

    async def make(self, name):
        self.name, self.first, self.callers = name, Experiment(), Experiment()
        await self.first.make(name + "-source")
        await self.callers.make(name + "-callers", CALLER)
        await ask(f"{API}/registered-models/create", OWNER, {"name": name})
        made = await ask(f"{API}/model-versions/create", OWNER, {"name": name, "source": self.first.source, "run_id": self.first.run})
        assert made[0] == 200, made

    def grant(self, level):
        store.create_registered_model_permission(self.name, OTHER, level)

    def actions(self):
        name, version = self.name, {"name": self.name, "version": "1"}
        return {
            "see the model": ("GET", f"{API}/registered-models/get", None, f"name={name}".encode()),
            "load a version": ("GET", self.first.file, None, b""),
            "register a version": post("model-versions/create", {"name": name, "source": self.callers.source, "run_id": self.callers.run}),
            "set tags and aliases": post("registered-models/alias", {**version, "alias": "champion"}),
            "change a description": ("PATCH", f"{API}/registered-models/update", {"name": name, "description": "d"}, b""),
            "rename the model": post("registered-models/rename", {"name": name, "new_name": name + "-renamed"}),
            "share": ("POST", f"{API}/permissions/users/{THIRD}/registered-models/{name}", {"permission": "READ"}, b""),
            "delete a version": ("DELETE", f"{API}/model-versions/delete", version, b""),
            "delete the model": ("DELETE", f"{API}/registered-models/delete", {"name": name}, b""),
        }


class TestLevels(unittest.IsolatedAsyncioTestCase):
    async def allowed(self, thing, level, action):
        """Whether a user with a level on a thing of its own may do something."""
        one = thing()
        await one.make(f"share-{thing.kind}-{level}-{action}".lower().replace(" ", "-").replace(",", ""))
        one.grant(level)
        method, path, body, query = one.actions()[action]
        if method == "PUT":
            status, said = (await send(method, path, CALLER, body.encode(), b"text/plain")).status, b""
        else:
            status, said = await ask(path, CALLER, body, method, query)
        self.assertIn(status, (200, 201, 204, 403), (thing.kind, level, action, said))
        return status != 403

    async def table(self, thing):
        probe = thing()
        await probe.make("share-actions-" + thing.kind)
        return {action: [level for level in LEVELS if await self.allowed(thing, level, action)] for action in probe.actions()}

    async def test_each_level_allows_what_the_page_says(self):
        for thing in (Experiment, Model):
            with self.subTest(thing.kind):
                self.maxDiff = None
                self.assertEqual(WANTED[thing.kind], await self.table(thing))
