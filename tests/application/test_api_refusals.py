"""Every 401 and 403 of the API names the problem and the next step, and nothing that the caller may not know.
"""

import base64
import json
import unittest

from mlflow.exceptions import RestException
from mlflow_oidc_auth.store import store
from mlflow_sso import api_refusals
from starlette.datastructures import Headers
from tests.environment import ADMIN, MEMBER, OTHER, PROVIDER  # before the imports below
from tests.served import application, ask, people, send
from tests.test_trace_locations import experiment

OWNER, ANOTHER = PROVIDER.bearer(MEMBER), PROVIDER.bearer(OTHER)
API, AJAX = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"
TOKENS = "http://localhost:5000/oidc/ui/user/tokens"


def setUpModule():
    people(ADMIN, MEMBER, OTHER)
    application()


def basic(name, token):
    return [(b"authorization", b"Basic " + base64.b64encode(f"{name}:{token}".encode()))]


class TestWhoIsNotLetIn(unittest.IsolatedAsyncioTestCase):
    async def test_each_reason_has_a_next_step(self):
        for caller, want in (
            (basic("demo-member", "x" * 40), "user name of a person is the e-mail address, got 'demo-member'"),
            (basic(MEMBER, "x" * 40), "mistyped, expired or deleted"),
            (basic(MEMBER, ""), "No token was sent"),
            ([(b"authorization", b"Bearer x")], "MLFLOW_TRACKING_PASSWORD"),
            ([], "The request has no credentials"),
        ):
            for path in (f"{API}/experiments/get", f"{AJAX}/experiments/get", "/graphql", "/get-artifact", f"{API}/permissions/x", "/api/2.0/mlflow/users/current"):
                with self.subTest(path, want=want):
                    status, said = await ask(path, caller, None, "GET")
                    self.assertEqual((status, said["error_code"]), (401, "UNAUTHENTICATED"))
                    self.assertIn(want, said["message"])
                    self.assertIn(TOKENS, said["message"])
                    self.assertNotIn("INTERNAL_ERROR", str(RestException(said)))

    async def test_a_known_and_an_unknown_user_name_read_the_same(self):
        answers = {str((await ask(f"{API}/experiments/get", basic(name, "no"), None, "GET"))[1]) for name in (MEMBER, "missing@example.com")}
        self.assertEqual(len(answers), 1)

    async def test_an_ended_session_is_reported_to_the_page(self):
        _, said = await ask(f"{AJAX}/experiments/get", [(b"cookie", b"session=x")], None, "GET")
        self.assertIn("Reload the page", said["message"])


class TestWhatIsNotShared(unittest.IsolatedAsyncioTestCase):
    async def refused(self, path, body=None, method="POST", query=b"", caller=ANOTHER):
        status, said = await ask(path, caller, body, method, query)
        self.assertEqual((status, said.get("error_code")), (403, "PERMISSION_DENIED"), said)
        self.assertEqual(str(RestException(said)), "PERMISSION_DENIED: " + said["message"])
        return said["message"]

    async def test_the_experiment_is_named_by_its_id_alone(self):
        where = await experiment(OWNER, "refusals-secret-name")
        run = (await ask(f"{API}/runs/create", OWNER, {"experiment_id": where, "start_time": 1}))[1]["run"]["info"]["run_id"]
        for path, body, method, query, names in (
            (f"{API}/experiments/get", None, "GET", b"experiment_id=" + where.encode(), f"Experiment {where} "),
            (f"{API}/runs/create", {"experiment_id": where}, "POST", b"", f"Experiment {where} "),
            (f"{API}/runs/get", None, "GET", b"run_id=" + run.encode(), f"Run {run} "),
            (f"{API}/runs/log-metric", {"run_id": run, "key": "k", "value": 1, "timestamp": 1}, "POST", b"", f"Run {run} "),
            (f"/api/2.0/mlflow-artifacts/artifacts/{where}/{run}/artifacts/x", None, "GET", b"", f"Experiment {where} "),
        ):
            with self.subTest(path):
                message = await self.refused(path, body, method, query)
                self.assertIn(names + "is not shared with you, or does not exist", message)
                self.assertIn("Ask its owner", message)
                self.assertNotIn("secret-name", message)
        message = await self.refused(f"{API}/permissions/users/{OTHER}/experiments/{where}", None, "DELETE")
        self.assertIn(f"experiment {where}", message)
        self.assertNotIn("secret-name", message)

    async def test_what_does_not_exist_reads_like_what_is_not_shared(self):
        await ask(f"{API}/registered-models/create", OWNER, {"name": "refusals-model"})
        there = await self.refused(f"{API}/registered-models/get", None, "GET", b"name=refusals-model")
        gone = await self.refused(f"{API}/registered-models/get", None, "GET", b"name=refusals-other")
        self.assertEqual(there.replace("refusals-model", "?"), gone.replace("refusals-other", "?"))

    async def test_the_default_experiment_names_the_call_that_is_missing(self):
        message = await self.refused(f"{AJAX}/runs/create", {"experiment_id": "0", "start_time": 1})
        self.assertIn("mlflow.set_experiment(", message)

    async def test_a_page_that_asks_for_a_proxy_is_answered_and_not_refused(self):
        for caller in (ANOTHER, PROVIDER.bearer(ADMIN)):
            self.assertEqual(await ask(f"{AJAX}/gateway-proxy", caller, None, "GET"), (200, {"endpoints": []}))
        await self.refused(f"{AJAX}/gateway-proxy", {"gateway_path": "x"})

    async def test_a_name_in_use_is_reported(self):
        await experiment(OWNER, "refusals-taken")
        await ask(f"{API}/registered-models/create", OWNER, {"name": "refusals-taken"})
        self.assertIn("is in use", await self.refused(f"{API}/experiments/get-by-name", None, "GET", b"experiment_name=refusals-taken"))
        self.assertIn("choose another name", await self.refused(f"{API}/model-versions/create", {"name": "refusals-taken", "source": "s"}))

    async def test_the_pages_form_gets_as_far_as_already_exists(self):
        await experiment(OWNER, "refusals-form")
        answers = {}
        for name in ("refusals-form", "refusals-none"):
            status, said = await ask(f"{AJAX}/experiments/get-by-name", ANOTHER, None, "GET", b"experiment_name=" + name.encode())
            answers[name] = status, {key: value.replace(name, "?") for key, value in said.items()}
        self.assertEqual(answers["refusals-form"], answers["refusals-none"])
        self.assertEqual(answers["refusals-none"][1]["error_code"], "RESOURCE_DOES_NOT_EXIST")
        _, said = await ask(f"{AJAX}/experiments/create", ANOTHER, {"name": "refusals-form"})
        self.assertEqual(said["error_code"], "RESOURCE_ALREADY_EXISTS")

    async def test_a_reader_learns_their_own_permission(self):
        where = await experiment(OWNER, "refusals-read")
        store.create_experiment_permission(where, OTHER, "READ")
        self.assertIn(f"You have READ on experiment {where}", await self.refused(f"{API}/experiments/delete", {"experiment_id": where}))

    async def test_a_trace_names_its_experiment(self):
        where = await experiment(OWNER, "refusals-traces")
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": where}}
        info = {"trace_id": "tr-1", "request_time": "2026-01-01T00:00:00Z", "state": "OK", "trace_location": place}
        for path, body in (("/api/3.0/mlflow/traces", {"trace": {"trace_info": info}}), ("/api/3.0/mlflow/traces/search", {"locations": [place]})):
            self.assertIn(f"Experiment {where} is not shared", await self.refused(path, body))
        store.create_experiment_permission(where, OTHER, "READ")
        self.assertIn(f"You have READ on experiment {where}", await self.refused("/api/3.0/mlflow/traces", {"trace": {"trace_info": info}}))
        for odd in ({"trace": []}, {"trace": {"trace_info": 1}}, {"locations": {}}, {"locations": [1, {"mlflow_experiment": 2}]}):
            self.assertEqual(api_refusals._location(odd), [])

    async def test_a_version_of_a_shared_model_names_the_model_and_not_the_callers_run(self):
        await ask(f"{API}/registered-models/create", OWNER, {"name": "refusals-versions"})
        store.create_registered_model_permission("refusals-versions", OTHER, "READ")
        own = await experiment(ANOTHER, "refusals-own")
        run = (await ask(f"{API}/runs/create", ANOTHER, {"experiment_id": own, "start_time": 1}))[1]["run"]["info"]["run_id"]
        body = {"name": "refusals-versions", "source": f"runs:/{run}/model", "run_id": run}
        self.assertIn("You have READ on registered model or prompt 'refusals-versions'", await self.refused(f"{API}/model-versions/create", body))

    async def test_routes_for_administrators_say_so(self):
        self.assertIn("dministrator", await self.refused("/api/2.0/mlflow/users/details", None, "GET"))
        self.assertIn("administrator", await self.refused("/ajax-api/3.0/mlflow/demo/generate", {}))


class TestAnswers(unittest.TestCase):
    def test_what_has_a_code_or_another_protocol_stays(self):
        for body in ({"error_code": "X", "message": "m"}, {"schemas": ["urn:ietf:params:scim"], "detail": "d"}, []):
            self.assertIsNone(api_refusals.explained(403, json.dumps(body).encode(), Headers()))

    def test_text_and_detail_become_a_message(self):
        for body in (b"Permission denied", b'{"detail":"Permission denied"}', b'{"message":"Permission denied"}'):
            said = json.loads(api_refusals.explained(403, body, Headers()))
            self.assertEqual((said["error_code"], said["message"]), ("PERMISSION_DENIED", "Permission denied. Ask its owner or an administrator."))


class TestTransport(unittest.IsolatedAsyncioTestCase):
    async def test_head_and_length_are_right(self):
        got = await send("GET", f"{API}/experiments/get", [])
        self.assertEqual(int(dict(got.headers)[b"content-length"]), len(got.content))
        self.assertEqual((await send("HEAD", f"{API}/experiments/get", [])).status, 401)
