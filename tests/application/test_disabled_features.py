"""A disabled feature returns one sentence on each of its addresses."""

import json
import re
import types
import unittest

from mlflow.server import app as flask
from mlflow_sso import disabled_features
from tests.asgi import Client

from tests import environment  # before what is imported now  # noqa: F401


async def asked(method, path):
    route = disabled_features.Closed()
    client = Client(method, path)
    found, _ = route.matches(client.scope)
    if found.value:
        await client.ask(route.handle)
    return client


class TestClosed(unittest.IsolatedAsyncioTestCase):
    async def test_every_address_of_the_gateway_and_of_webhooks_is_closed(self):
        of_flask = [re.sub(r"<[^>]+>", "x", rule.rule) for rule in flask.url_map.iter_rules() if re.search(r"mlflow/gateway/|/webhooks", rule.rule)]
        self.assertGreater(len(of_flask), 50)
        for path in (*of_flask, "/gateway/n/mlflow/invocations", "/gateway/proxy/n/x", "/oidc/webhook", "/oidc/webhook/x/test"):
            for method in ("GET", "POST", "DELETE"):
                client = await asked(method, path)
                self.assertTrue(client.messages, f"{method} {path}")
                self.assertEqual(client.status, 501)
                self.assertRegex(json.loads(client.content)["message"], r"^(The AI gateway is|Webhooks are) switched off on this server\.$")

    async def test_what_only_lists_is_not_closed(self):
        for method, path in (("GET", "/api/3.0/mlflow/prompt-optimization/jobs/1"), ("POST", "/api/3.0/mlflow/prompt-optimization/jobs/search"),
                             ("POST", "/ajax-api/3.0/jobs/search"), ("GET", "/api/2.0/mlflow/experiments/search"), ("GET", "/gatewayx")):  # fmt: skip
            self.assertEqual((await asked(method, path)).messages, [], path)

    def test_no_stored_webhook_is_called(self):
        called = []
        module = types.SimpleNamespace(_deliver_webhook_impl=lambda **_: called.append(1), _send_webhook_request=lambda **_: called.append(1))
        disabled_features.close([], disabled_features.WANTED, module)
        self.assertIsNone(module._deliver_webhook_impl(event=1, payload={}, store=None))
        with self.assertRaises(RuntimeError):
            module._send_webhook_request(webhook=1)
        self.assertEqual(called, [])

    def test_the_start_fails_where_mlflow_was_set_otherwise_or_is_another(self):
        for name in disabled_features.WANTED:
            with self.assertRaisesRegex(RuntimeError, name):
                disabled_features.close([], {**disabled_features.WANTED, name: "other"})
        with self.assertRaisesRegex(RuntimeError, "MLFLOW_DEPLOYMENTS_TARGET"):
            disabled_features.close([], {**disabled_features.WANTED, "MLFLOW_DEPLOYMENTS_TARGET": "http://x"})
        with self.assertRaisesRegex(RuntimeError, "want MLflow 3.17"):
            disabled_features.close([], disabled_features.WANTED, types.SimpleNamespace())
