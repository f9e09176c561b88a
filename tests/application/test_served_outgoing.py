"""The server makes no outgoing calls, and no secret is random in each process except the known ones."""

import json
import os
import re
import socket
import unittest
from pathlib import Path
from unittest import mock

import mlflow
import mlflow_oidc_auth
from mlflow.exceptions import MlflowException
from mlflow_sso import provider_hosts
from tests.served import admin_send, application  # before the imports below

HERE = {"127.0.0.1", "localhost", "::1", None, ""}
# Secrets that a process generates, the variable that sets one instead, and why it is harmless if
# that is not set. tests/outgoing_test.go compares the variables with the program's.
RANDOM = json.loads(Path(__file__).with_name("random_defaults.json").read_text())


class TestOutgoing(unittest.IsolatedAsyncioTestCase):
    async def test_no_route_looks_up_or_calls_another_host(self):
        asked, connect, look_up = [], socket.socket.connect, socket.getaddrinfo

        def getaddrinfo(host, *rest, **how):
            if (host.decode() if isinstance(host, bytes) else host) not in HERE:
                asked.append(host)
                raise socket.gaierror(socket.EAI_NONAME, "the network is forbidden in this test")
            return look_up(host, *rest, **how)

        def to(connection, address):
            if isinstance(address, tuple) and address[0] not in HERE:
                asked.append(address)
                raise OSError("the network is forbidden in this test")
            return connect(connection, address)

        application()
        from mlflow_sso.app import plugin

        flask = plugin.router.routes[-1].app.flask_app
        paths = {re.sub(r"<[^>]+>", "1", rule.rule) for rule in flask.url_map.iter_rules()} | {re.sub(r"{[^}]+}", "1", path) for path in plugin.openapi()["paths"]}
        span = {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": "x", "startTimeUnixNano": str(10**18), "endTimeUnixNano": str(10**18 + 1), "attributes": [
            {"key": "gen_ai.system", "value": {"stringValue": "an unknown provider"}}, {"key": "gen_ai.request.model", "value": {"stringValue": "a model"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "5"}}, {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "5"}}]}  # fmt: skip
        with mock.patch("socket.getaddrinfo", getaddrinfo), mock.patch("socket.socket.connect", to):
            with self.assertRaises(OSError):
                socket.create_connection(("host.example", 80))
            self.assertEqual(asked, ["host.example"], "want a test that sees calls")
            for path in sorted(paths - {"/logout"}):
                for method in ("GET", "POST"):
                    await admin_send(method, path, b'{"filter": "", "url": "https://host.example", "name": "1"}' if method == "POST" else b"")
            got = await admin_send("POST", "/v1/traces", json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode(), headers=[(b"x-mlflow-experiment-id", b"0")])
            self.assertEqual(got.status, 200, got.content)
            for host in "icons.example.org", "keycloak", "10.0.0.1":
                server = {"name": f"org.example/{host}", "icons": [{"src": f"https://{host}/a.png"}]}
                got = await admin_send("POST", "/api/3.0/mlflow/mcp-servers", json.dumps(server).encode())
                self.assertEqual(got.status, 200 if "." in host and host[0] == "i" else 400, got.content)
                self.assertNotRegex(got.content.decode(), r"\b(172|127)\.")
        self.assertEqual(asked[1:], [])

    def test_a_host_is_judged_by_its_letters(self):
        for host in "example.org", "a.b.example.org.", "8.8.8.8", "2001:4860:4860::8888", "xn--bcher-kva.example":
            provider_hosts.judge(host, "icon")
        for host in "localhost", "keycloak", "a.localhost", "10.0.0.1", "127.1", "0x7f.1", "1.2.3.0x4", "169.254.169.254", "::1", "[::1]", "::ffff:10.0.0.1", "db.internal":
            with self.assertRaisesRegex(MlflowException, "^icon names no public host.$"):
                provider_hosts.judge(host, "icon")
        with self.assertRaisesRegex(RuntimeError, "want MLflow 3.17"):
            provider_hosts.look_up_nothing(object())

    def test_no_secret_is_random_in_each_process_but_those_that_are_known(self):
        root = Path(mlflow.__file__).parent.parent
        made = re.compile(r"secrets\.token_\w+\(|Fernet\.generate_key\(|urandom\(32")
        # Not values that each call generates for a user: tokens, states, sessions, nonces.
        each = re.compile(r"/(repository|routers|migrations|tests)/")
        folders = [Path(mlflow.__file__).parent / folder for folder in ("server", "store", "utils", "webhooks", "gateway", "tracing")]
        texts = {
            str(path.relative_to(root)): path.read_text()
            for folder in (*folders, Path(mlflow_oidc_auth.__file__).parent)
            for path in folder.rglob("*.py")
            if not each.search(str(path))
        }
        found = {path: len(made.findall(text)) for path, text in texts.items() if made.search(text)}
        self.assertEqual(found, {path: known.get("count", 1) for path, known in RANDOM.items()})
        for path, known in RANDOM.items():
            self.assertIn(known.get("variable", ""), texts[path])
