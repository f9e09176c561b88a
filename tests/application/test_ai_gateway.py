"""The enabled AI gateway: what it calls, for whom, and what it costs other users."""

import concurrent.futures
import json
import sqlite3
import time
import unittest

from tests.gateway_server import PEOPLE, Server
from tests.stand_in import StandIn

from tests import environment  # before what is imported now  # noqa: F401

ADMIN, MEMBER, OTHER = PEOPLE
API = "/api/3.0/mlflow/gateway/"
CHAT = {"messages": [{"role": "user", "content": "x"}]}


class TestAIGateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.unlisted = StandIn()
        cls.provider = StandIn(location=cls.unlisted.url + "/ok")
        port = cls.unlisted.url.rpartition(":")[2]
        cls.named = f"http://localhost:{port}"  # a name that resolves to a private address
        cls.server = Server(
            MLFLOW_ENABLE_AI_GATEWAY="true", OIDC_GEN_AI_GATEWAY_ENABLED="true", MLFLOW_SSO_GATEWAY_PROVIDERS="openai,anthropic,azure",
            MLFLOW_SSO_GATEWAY_HOSTS=f"api.openai.com,localhost:{port}", MLFLOW_SSO_GATEWAY_OWN_SERVERS=f"{cls.provider.url},{cls.named}",
        )  # fmt: skip
        cls.made = {}
        for name, base in {
            "ok": cls.provider.url + "/ok/v1", "hang": cls.provider.url + "/hang/v1", "redirect": cls.provider.url + "/redirect/v1",
            "large": cls.provider.url + "/large/v1", "broken": cls.provider.url + "/broken/v1", "stream": cls.provider.url + "/stream/v1",
            "named-own": cls.named + "/v1", "named-public": f"https://localhost:{port}/v1",
        }.items():  # fmt: skip
            cls.made[name] = cls.make(name, base)

    @classmethod
    def tearDownClass(cls):
        cls.provider.close()
        cls.unlisted.close()
        cls.server.close()

    @classmethod
    def make(cls, name, base, provider="openai", usage_tracking=False):
        """Creates a secret, a model and an endpoint as the administrator."""
        secret = cls.done("secrets/create", {"secret_name": name, "provider": provider, "secret_value": {"api_key": "the-key"}, "auth_config": {"api_base": base}})
        model = cls.done("model-definitions/create", {"name": name, "secret_id": secret["secret"]["secret_id"], "provider": provider, "model_name": "m"})
        endpoint = {"name": name, "usage_tracking": usage_tracking, "model_configs": [
            {"model_definition_id": model["model_definition"]["model_definition_id"], "linkage_type": "PRIMARY", "weight": 1.0}]}  # fmt: skip
        return secret["secret"]["secret_id"], model["model_definition"]["model_definition_id"], cls.done("endpoints/create", endpoint)["endpoint"]["endpoint_id"]

    @classmethod
    def done(cls, path, body):
        status, answer = cls.server.ask(ADMIN, "POST", API + path, body)
        if status != 200:
            raise AssertionError(f"{path}: {status} {answer}")
        return answer

    def call(self, name, person=ADMIN, body=CHAT, **how):
        return self.server.ask(person, "POST", f"/gateway/{name}/mlflow/invocations", body, **how)

    def grant(self, name, person, permission):
        status, answer = self.server.ask(ADMIN, "POST", f"/api/2.0/mlflow/permissions/users/{person}/gateways/endpoints/{name}", {"permission": permission})
        self.assertIn(status, (200, 201), answer)

    def test_an_own_server_that_is_listed_is_called_with_its_key_and_nothing_of_the_caller(self):
        headers = {"Cookie": "mlflow=session", "X-Forwarded-For": "1.2.3.4", "X-MLflow-Authorization": "Basic z", "X-Portkey-Custom-Host": "https://x.example", "User-Agent": "claude-cli"}
        openai = {"model": "ok", "messages": CHAT["messages"]}
        for path, body in (("/gateway/ok/mlflow/invocations", CHAT), ("/gateway/mlflow/v1/chat/completions", openai), ("/gateway/openai/v1/chat/completions", openai)):
            self.provider.seen.clear()
            status, answer = self.server.ask(ADMIN, "POST", path, body, headers)
            self.assertEqual(status, 200, answer)
            self.assertEqual(answer["choices"][0]["message"]["content"], "hello")
            ((at, sent, content),) = self.provider.seen
            self.assertEqual(at, "/ok/v1/chat/completions")
            self.assertEqual(json.loads(content)["model"], "m")
            self.assertEqual(sent["authorization"], "Bearer the-key", path)
            self.assertLessEqual(set(sent), {"host", "authorization", "accept", "accept-encoding", "content-type", "content-length", "user-agent", "connection"}, path)

    def test_a_stream_arrives_in_parts(self):
        status, text = self.call("stream", body=CHAT | {"stream": True})
        self.assertEqual(status, 200, text)
        self.assertIn('"one"', text)
        self.assertIn('"two"', text)

    def test_a_host_that_is_not_listed_is_refused_where_it_is_written(self):
        for base in (self.unlisted.url, "https://evil.example/v1", "http://api.openai.com", "https://api.openai.com:8443", "https://api.openai.com.evil.example",
                     "https://user:word@api.openai.com/v1", "https://api.openai.com@evil.example/", "ftp://api.openai.com", "http://127.1:80", "https://[::1]/"):  # fmt: skip
            for path, body in (("secrets/create", {"secret_name": "new", "provider": "openai", "secret_value": {"api_key": "k"}}), ("secrets/update", {"secret_id": self.made["ok"][0]})):
                status, answer = self.server.ask(ADMIN, "POST", API + path, body | {"auth_config": {"api_base": base}})
                self.assertEqual(status, 400, (base, answer))
                self.assertRegex(answer["message"], "not among the hosts that mlflow.gateway allows|user name or a password|cannot be read")
        status, answer = self.server.ask(ADMIN, "POST", API + "secrets/create", {"secret_name": "at-openai", "provider": "openai", "secret_value": {"api_key": "k"},
                                                                                 "auth_config": {"api_base": "https://api.openai.com/v1"}})  # fmt: skip
        self.assertEqual(status, 200, answer)

    def test_what_was_stored_before_is_checked_when_it_is_used(self):
        before = self.unlisted.connections
        self.make("stored-host", self.provider.url + "/ok/v1")
        self.make("stored-provider", self.provider.url + "/ok/v1")
        with sqlite3.connect(self.server._folder.name + "/mlflow.db") as database:
            changed = database.execute("UPDATE secrets SET auth_config = ? WHERE secret_name = 'stored-host'", [json.dumps({"api_base": self.unlisted.url + "/v1"})]).rowcount
            self.assertEqual(changed, 1)
            for provider in ("vertex_ai", "bedrock", "mistral", "OpenAI", "cohere"):
                changed = database.execute("UPDATE model_definitions SET provider = ? WHERE name = 'stored-provider'", [provider]).rowcount
                self.assertEqual(changed, 1)
                database.commit()
                status, answer = self.call("stored-provider")
                self.assertEqual(status, 400, (provider, answer))
                self.assertIn("not among those that mlflow.gateway allows", json.dumps(answer))
        status, answer = self.call("stored-host")
        self.assertEqual((status, "not among the hosts" in json.dumps(answer)), (403, True), answer)
        self.assertEqual(self.unlisted.connections, before)

    def test_a_name_that_resolves_to_a_private_address_gets_no_connection(self):
        before = self.unlisted.connections
        for name in ("named-own", "named-public"):
            status, answer = self.call(name)
            self.assertEqual(status, 403, answer)
            self.assertRegex(json.dumps(answer), "link-local or loopback|not public")
            self.assertNotIn("127.0.0.1", json.dumps(answer))
        self.assertEqual(self.unlisted.connections, before)

    def test_a_redirect_is_not_followed(self):
        before = self.unlisted.connections
        status, answer = self.call("redirect")
        self.assertEqual((status, "redirect" in json.dumps(answer)), (502, True), answer)
        self.assertEqual(self.unlisted.connections, before)

    def test_an_answer_has_a_bound_and_an_error_says_nothing_of_addresses(self):
        status, answer = self.call("large")
        self.assertEqual((status, "16 MiB" in json.dumps(answer)), (502, True), answer)
        status, answer = self.call("broken")
        self.assertEqual(status, 503, answer)

    def test_a_provider_that_is_not_listed_is_refused_where_it_is_written(self):
        for provider in ("vertex_ai", "bedrock", "amazon-bedrock", "databricks", "mistral", "cohere", "litellm", "OpenAI", "x"):
            status, answer = self.server.ask(ADMIN, "POST", API + "secrets/create", {"secret_name": provider, "provider": provider, "secret_value": {"api_key": "k"}})
            self.assertEqual(status, 400, (provider, answer))
            for path, named in (("create", {"name": provider, "secret_id": self.made["ok"][0], "model_name": "m"}), ("update", {"model_definition_id": self.made["ok"][1]})):
                status, answer = self.server.ask(ADMIN, "POST", API + f"model-definitions/{path}", named | {"provider": provider})
                self.assertEqual(status, 400, (provider, path, answer))
                self.assertIn("not among those that mlflow.gateway allows", answer["message"])

    def test_members_change_nothing_and_call_what_they_may_use(self):
        for path, body in (
            ("secrets/create", {"secret_name": "of-member", "provider": "openai", "secret_value": {"api_key": "k"}}),
            ("model-definitions/create", {"name": "of-member", "secret_id": self.made["ok"][0], "provider": "openai", "model_name": "m"}),
            ("endpoints/create", {"name": "of-member"}), ("endpoints/update", {"endpoint_id": self.made["ok"][2], "name": "y"}),
            ("secrets/update", {"secret_id": self.made["ok"][0]}),
        ):  # fmt: skip
            self.assertEqual(self.server.ask(MEMBER, "POST", API + path, body)[0], 403, path)
        self.assertEqual(self.server.ask(MEMBER, "DELETE", API + "endpoints/delete", {"endpoint_id": self.made["ok"][2]})[0], 403)
        self.assertEqual(self.call("ok", MEMBER)[0], 403)
        for permission, want in (("READ", 403), ("USE", 200)):
            name = f"for-{permission.lower()}"
            self.make(name, self.provider.url + "/ok/v1")
            self.grant(name, MEMBER, permission)
            self.assertEqual(self.call(name, MEMBER)[0], want, permission)
            self.assertEqual(self.call(name, OTHER)[0], 403)
        self.assertEqual(self.call("ok", None)[0], 401)

    def test_a_definition_that_a_member_may_manage_is_still_not_theirs_to_change(self):
        self.make("managed", self.provider.url + "/ok/v1")
        self.grant("managed", OTHER, "MANAGE")
        status, answer = self.server.ask(OTHER, "POST", API + "endpoints/tags/set", {"endpoint_id": self.made["ok"][2], "key": "a", "value": "b"})
        self.assertEqual(status, 403, answer)

    def test_guardrails_and_the_raw_proxy_stay_off(self):
        for method, path in (("POST", API + "guardrails/create"), ("POST", "/gateway/proxy/ok/v1/files"), ("POST", "/api/3.0/mlflow/scorer/invoke")):
            status, answer = self.server.ask(ADMIN, method, path, {})
            self.assertEqual((status, answer["error_code"]), (501, "NOT_IMPLEMENTED"), path)

    def test_what_the_pages_ask_for_is_answered_at_once_and_lists_allowed_providers_alone(self):
        begun = time.monotonic()
        status, answer = self.server.ask(ADMIN, "GET", "/ajax-api/3.0/mlflow/gateway/supported-models", timeout=10)
        self.assertEqual(status, 200, answer)
        status, answer = self.server.ask(ADMIN, "GET", "/ajax-api/3.0/mlflow/gateway/supported-providers", timeout=10)
        self.assertLessEqual(set(answer["providers"]), {"openai", "anthropic", "azure"})
        self.assertLess(time.monotonic() - begun, 5)

    def test_calls_that_hang_cost_others_nothing(self):
        """20 calls of two users to a provider that never responds: the loop's heartbeat and all other requests
        continue."""
        self.grant("hang", MEMBER, "USE")
        self.grant("ok", OTHER, "USE")
        self.provider.let_go.clear()
        self.addCleanup(self.provider.let_go.set)
        with concurrent.futures.ThreadPoolExecutor(20) as threads:
            calls = [threads.submit(self.call, "hang", person, timeout=90) for person in [ADMIN] * 10 + [MEMBER] * 10]
            until = time.monotonic() + 20
            while sum(call.done() for call in calls) < 4 and time.monotonic() < until:
                time.sleep(0.1)
            over = [call.result() for call in calls if call.done()]
            self.assertEqual([status for status, _ in over], [429] * 4, over)  # 8 of each user are in progress
            took = []
            for _ in range(20):
                begun = time.monotonic()
                self.assertEqual(self.server.ask(None, "GET", "/health", timeout=5)[0], 200)
                self.assertEqual(self.server.ask(MEMBER, "POST", "/api/2.0/mlflow/experiments/search", {"max_results": 1}, timeout=5)[0], 200)
                took.append(time.monotonic() - begun)
            self.assertLess(max(took), 1)
            begun = time.monotonic()
            self.assertEqual(self.call("ok", OTHER)[0], 200)  # the gateway itself continues for others
            self.assertLess(time.monotonic() - begun, 5)
            self.assertEqual(sum(call.done() for call in calls), 4, "want 16 calls that still hang")
            self.provider.let_go.set()
            for call in calls:
                call.result()
        self.assertEqual(self.call("ok")[0], 200)

    def test_a_client_that_leaves_gives_its_place_back(self):
        self.make("left", self.provider.url + "/hang/v1")
        self.provider.let_go.clear()
        self.addCleanup(self.provider.let_go.set)
        for _ in range(3):
            with concurrent.futures.ThreadPoolExecutor(8) as threads:
                for call in [threads.submit(self.call, "left", timeout=2) for _ in range(8)]:
                    self.assertRaises(TimeoutError, call.result)
            time.sleep(1)  # until the server has noticed the disconnects
        self.assertEqual(self.call("ok")[0], 200)


if __name__ == "__main__":
    unittest.main()
