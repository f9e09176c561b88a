"""Tests of the tokens against a server in this process. tests/e2e uses the real Keycloak."""

import base64
import json
import os
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from mlflow_sso_client import Auth, Provider, Settings, TokenError, Tokens

SECRET = "the-secret/with+signs"


class Giver(ThreadingHTTPServer):
    """Issues token-1, token-2 and so on; at any other path it accepts only the last one."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.given, self.status, self.seconds, self.logins = 0, 200, 60, []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.logins.append(self.headers["Authorization"])
            if self.server.status == 200:
                self.server.given += 1
            body = {"access_token": f"token-{self.server.given}", "expires_in": self.server.seconds}
        if self.server.status != 200:
            body = {"error": "unauthorized_client", "error_description": "Invalid client credentials"}
        self.answer(self.server.status, body)

    def do_GET(self):
        good = self.headers["Authorization"] == f"Bearer token-{self.server.given}"
        self.answer(200 if good else 401, {})

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class TestTokens(unittest.TestCase):
    def setUp(self):
        self.giver = Giver()
        self.addCleanup(self.giver.server_close)
        self.addCleanup(self.giver.shutdown)
        self.now = 1000.0
        self.tokens = Tokens(Settings(self.giver.url, "ci", SECRET), clock=lambda: self.now)

    def test_a_token_is_renewed_before_it_ends_and_not_earlier(self):
        self.assertEqual(self.tokens.get(), "token-1")
        self.now += 39  # of 60, the last third begins at 40
        self.assertEqual(self.tokens.get(), "token-1")
        self.now += 2
        self.assertEqual(self.tokens.get(), "token-2")

    def test_a_long_token_is_renewed_in_its_last_minute(self):
        self.giver.seconds = 36000
        self.tokens.get()
        self.now += 36000 - 61
        self.assertEqual(self.tokens.get(), "token-1")
        self.now += 2
        self.assertEqual(self.tokens.get(), "token-2")

    def test_many_threads_ask_once(self):
        with ThreadPoolExecutor(16) as pool:
            self.assertEqual(set(pool.map(lambda _: self.tokens.get(), range(200))), {"token-1"})
        self.assertEqual(self.giver.given, 1)

    def test_a_failure_is_harmless_while_a_token_is_valid(self):
        self.tokens.get()
        self.giver.status = 401
        self.now += 50
        self.assertEqual(self.tokens.get(), "token-1")
        self.now += 11
        with self.assertRaises(TokenError):
            self.tokens.get()

    def test_a_refusal_gives_the_reason_and_repeats_no_secret(self):
        self.giver.status = 401
        with self.assertRaises(TokenError) as caught:
            self.tokens.get()
        self.assertEqual(str(caught.exception), f"no token of ci: {self.giver.url} answers 401 unauthorized_client Invalid client credentials")
        self.assertNotIn(SECRET, repr(caught.exception) + repr(self.tokens._settings))

    def test_the_secret_is_sent_as_a_password(self):
        self.tokens.get()
        login = base64.b64decode(self.giver.logins[0].removeprefix("Basic ")).decode()
        self.assertEqual(login, "ci:" + SECRET)

    def test_a_refused_request_makes_the_next_one_ask_again(self):
        auth = Auth(self.tokens)
        self.assertEqual(requests.get(self.giver.url + "/x", auth=auth, timeout=10).status_code, 200)
        self.giver.given = 7  # the server that verifies tokens has new keys
        self.assertEqual(requests.get(self.giver.url + "/x", auth=auth, timeout=10).status_code, 401)
        self.assertEqual(requests.get(self.giver.url + "/x", auth=auth, timeout=10).status_code, 200)

    def test_a_child_of_a_fork_does_not_wait_for_its_parents_threads(self):
        self.tokens.get()
        with self.tokens._lock:
            child = os.fork()
            if child == 0:
                os._exit(0 if self.tokens._lock.acquire(timeout=5) else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_the_secret_may_be_in_a_file_that_changes(self):
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write("one\n")
        self.addCleanup(os.unlink, file.name)
        tokens = Tokens(Settings(self.giver.url, "ci", secret_file=file.name), clock=lambda: self.now)
        tokens.get()
        with open(file.name, "w", encoding="utf-8") as again:
            again.write("two\n")
        self.now += 50
        tokens.get()
        said = [base64.b64decode(login.removeprefix("Basic ")).decode() for login in self.giver.logins]
        self.assertEqual(said, ["ci:one", "ci:two"])
        with self.assertRaisesRegex(TokenError, "MLFLOW_SSO_CLIENT_SECRET_FILE: No such file or directory: /nowhere"):
            Settings(self.giver.url, "ci", secret_file="/nowhere").read_secret()

    def test_a_missing_authority_is_named(self):
        tokens = Tokens(Settings("https://127.0.0.1:1", "ci", SECRET, authority="/nowhere.pem"))
        with self.assertRaisesRegex(TokenError, "/nowhere.pem"):
            tokens.get()


class TestProvider(unittest.TestCase):
    def test_mlflow_finds_it_by_its_name(self):
        from mlflow.tracking.request_auth.registry import _request_auth_provider_registry as registry

        self.assertIn("mlflow-sso", [provider.get_name() for provider in registry])

    def test_what_is_not_set_is_named_and_nothing_is_wanted_before(self):
        provider = Provider()
        saved = {key: os.environ.pop(key) for key in list(os.environ) if key.startswith("MLFLOW_SSO_")}
        self.addCleanup(os.environ.update, saved)
        with self.assertRaisesRegex(TokenError, "MLFLOW_SSO_TOKEN_URL, MLFLOW_SSO_CLIENT_ID, MLFLOW_SSO_CLIENT_SECRET or"):
            provider.get_auth()

    def test_requests_share_the_tokens_of_an_account(self):
        provider = Provider()
        self.addCleanup(lambda: [os.environ.pop(key, None) for key in list(os.environ) if key.startswith("MLFLOW_SSO_")])
        os.environ.update(MLFLOW_SSO_TOKEN_URL="http://x", MLFLOW_SSO_CLIENT_ID="a", MLFLOW_SSO_CLIENT_SECRET="s")
        first = provider.get_auth()._tokens
        self.assertIs(provider.get_auth()._tokens, first)
        os.environ["MLFLOW_SSO_CLIENT_ID"] = "b"
        self.assertIsNot(provider.get_auth()._tokens, first)


if __name__ == "__main__":
    unittest.main()
