"""Enabled webhooks: their targets, their content, and the cost of a target that hangs."""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import time
import unittest

from cryptography.fernet import Fernet
from tests.gateway_server import PEOPLE, Server
from tests.stand_in import StandIn

from tests import environment  # before what is imported now  # noqa: F401

ADMIN, MEMBER, _ = PEOPLE
KEY = base64.urlsafe_b64encode(os.urandom(32)).decode()
EVENTS = ["registered_model.created"]
CREATED = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]


class TestWebhooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.unlisted = StandIn()
        cls.target = StandIn(location=cls.unlisted.url + "/ok")
        port = cls.unlisted.url.rpartition(":")[2]
        cls.named = f"https://localhost:{port}"
        cls.server = Server(MLFLOW_SSO_WEBHOOK_HOSTS=f"hooks.example.com,localhost:{port}", MLFLOW_SSO_WEBHOOK_OWN_SERVERS=cls.target.url, MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY=KEY)

    @classmethod
    def tearDownClass(cls):
        cls.target.close()
        cls.unlisted.close()
        cls.server.close()

    def make(self, name, url, **more):
        # By MLflow's own route: the plugin's accepts https only.
        status, answer = self.server.ask(ADMIN, "POST", "/api/2.0/mlflow/webhooks", {"name": name, "url": url, "events": CREATED, **more})
        self.assertEqual(status, 200, answer)
        identifier = answer["webhook"]["webhook_id"]
        self.addCleanup(lambda: self.server.ask(ADMIN, "DELETE", "/oidc/webhook/" + identifier))
        time.sleep(5.1)  # as long as a process caches its list
        return identifier

    def cause(self, name):
        status, answer = self.server.ask(ADMIN, "POST", "/api/2.0/mlflow/registered-models/create", {"name": name})
        self.assertEqual(status, 200, answer)

    def delivered(self, to, path, seconds=15):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := [one for one in to.seen if one[0] == path]:
                return found
            time.sleep(0.05)
        return []

    def test_a_delivery_to_a_listed_server_is_signed_and_carries_nothing_of_the_caller(self):
        self.make("signed", self.target.url + "/ok/signed", secret="the secret")
        self.cause("signed")
        ((_, headers, body),) = self.delivered(self.target, "/ok/signed")
        self.assertEqual(json.loads(body)["data"]["name"], "signed")
        content = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.{body.decode()}"
        want = "v1," + base64.b64encode(hmac.new(b"the secret", content.encode(), hashlib.sha256).digest()).decode()
        self.assertEqual(headers["x-mlflow-signature"], want)
        self.assertFalse({"authorization", "cookie"} & set(headers))
        with sqlite3.connect(self.server._folder.name + "/mlflow.db") as database:
            (stored,) = database.execute("SELECT secret FROM webhooks WHERE name = 'signed'").fetchone()
        self.assertEqual(Fernet(KEY).decrypt(stored.encode()), b"the secret")

    def test_another_host_is_refused_where_it_is_written(self):
        for url in (self.unlisted.url, "https://evil.example/x", "http://hooks.example.com/x", "https://u:p@hooks.example.com/x", "https://hooks.example.com:444/x"):
            status, answer = self.server.ask(ADMIN, "POST", "/oidc/webhook", {"name": "other", "url": url, "events": EVENTS})
            self.assertGreaterEqual(status, 400, answer)
            status, answer = self.server.ask(ADMIN, "POST", "/api/2.0/mlflow/webhooks", {"name": "other", "url": url, "events": CREATED})
            self.assertEqual(status, 400, answer)
            self.assertRegex(answer["message"], "not among the hosts that mlflow.webhooks allows|user name or a password")
        self.assertEqual(self.unlisted.connections, 0)

    def test_members_make_none(self):
        self.assertEqual(self.server.ask(MEMBER, "POST", "/oidc/webhook", {"name": "m", "url": self.target.url, "events": EVENTS})[0], 403)
        self.assertEqual(self.server.ask(MEMBER, "POST", "/api/2.0/mlflow/webhooks", {"name": "m"})[0], 403)
        self.assertEqual(self.server.ask(None, "POST", "/oidc/webhook", {})[0], 401)

    def test_what_was_stored_before_and_what_resolves_to_a_private_address_get_no_connection(self):
        stored, before = self.make("stored", self.target.url + "/ok/stored"), self.unlisted.connections
        for url in (self.unlisted.url + "/x", self.named + "/x", "http://169.254.169.254/latest"):
            with sqlite3.connect(self.server._folder.name + "/mlflow.db") as database:
                self.assertEqual(database.execute("UPDATE webhooks SET url = ? WHERE webhook_id = ?", [url, stored]).rowcount, 1)
            status, answer = self.server.ask(ADMIN, "POST", f"/oidc/webhook/{stored}/test", {})
            self.assertEqual((status, answer["success"]), (200, False), answer)
            self.assertRegex(answer["error_message"], "not among the hosts|not public")
        time.sleep(5.1)
        self.cause("stored")
        time.sleep(1)
        self.assertEqual(self.unlisted.connections, before)

    def test_a_redirect_is_not_followed(self):
        identifier, before = self.make("redirect", self.target.url + "/redirect/x"), self.unlisted.connections
        answer = self.server.ask(ADMIN, "POST", f"/oidc/webhook/{identifier}/test", {})[1]
        self.assertEqual((answer["success"], answer["response_status"]), (False, 302), answer)
        self.cause("redirect")
        self.assertTrue(self.delivered(self.target, "/redirect/x"))
        self.assertEqual(self.unlisted.connections, before)

    def test_a_failure_is_tried_again_and_logged_without_secrets(self):
        self.make("fails", self.target.url + "/broken/token-in-the-path?key=hidden", secret="the other secret")
        self.cause("fails")
        until = time.monotonic() + 20
        while len(self.delivered(self.target, "/broken/token-in-the-path?key=hidden")) < 3 and time.monotonic() < until:
            time.sleep(0.2)
        self.assertGreaterEqual(len(self.target.seen), 3)
        for hidden in ("hidden", "token-in-the-path", "the other secret"):
            self.assertNotIn(hidden, self.server.said())

    def test_a_target_that_hangs_costs_others_nothing(self):
        self.target.let_go.clear()
        self.addCleanup(self.target.let_go.set)
        identifier = self.make("hangs", self.target.url + "/hang/x")
        took = []
        for n in range(20):
            begun = time.monotonic()
            self.cause(f"hangs-{n}")
            self.assertEqual(self.server.ask(None, "GET", "/health", timeout=5)[0], 200)
            took.append(time.monotonic() - begun)
        self.assertLess(sorted(took)[-2], 1)  # one may be slow because of other work on the machine
        begun = time.monotonic()
        answer = self.server.ask(ADMIN, "POST", f"/oidc/webhook/{identifier}/test", {})[1]
        self.assertFalse(answer["success"])
        self.assertLess(time.monotonic() - begun, 20)


if __name__ == "__main__":
    unittest.main()
