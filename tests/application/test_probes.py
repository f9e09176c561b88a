"""The programs that the tool runs in this container, against fake servers."""

import ast
import contextlib
import hashlib
import http.server
import io
import json
import os
import pathlib
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from types import SimpleNamespace
from unittest import mock

import botocore.exceptions
import psycopg
from mlflow.utils.crypto import KEKManager, unwrap_dek, wrap_dek
from mlflow_sso import probes
from mlflow_sso.probes import (
    api_key_rewrap,
    artifact_store,
    code_exchange,
    database_roles,
    default_credentials,
    discovery_document,
    external_services,
    privilege_inventory,
    redis_access,
    route_scan,
    server_health,
    session_lifetime,
    spooled_bytes,
    stolen_token,
    temporary_users,
    webhook_secret_rewrap,
)
from sqlalchemy import create_engine, text
from tests.test_resilient_cache import Server as Redis

from tests import environment

FOLDER = pathlib.Path(probes.__path__[0])
MODULES = sorted(file.stem for file in FOLDER.glob("[a-z]*.py"))


def run(*argv, given=""):
    return subprocess.run([sys.executable, *argv], input=given, capture_output=True, text=True, timeout=600)


def digest(name):
    return hashlib.sha256((FOLDER / f"{name}.py").read_bytes()).hexdigest()


@contextlib.contextmanager
def served(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class TestRunner(unittest.TestCase):
    def test_a_probe_of_the_expected_version_runs_with_its_arguments(self):
        ran = run("-m", "mlflow_sso.probes", "package_versions", digest("package_versions"), "mlflow", "mlflow-oidc-auth")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertRegex(json.loads(ran.stdout)[0], r"^3\.")

    def test_another_version_or_name_is_unavailable_and_does_not_run(self):
        for name, expected in (("package_versions", "0" * 64), ("no_such_probe", "0" * 64), ("../app", digest("package_versions")), ("__main__", "0" * 64)):
            ran = run("-m", "mlflow_sso.probes", name, expected, "mlflow")
            self.assertEqual((ran.returncode, ran.stdout), (69, ""), name)

    def test_a_response_without_a_name_says_what_is_wanted(self):
        ran = run("-m", "mlflow_sso.probes")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("got 0 arguments, want NAME DIGEST", ran.stderr)

    def test_a_probe_runs_as_text_too_and_imports_no_other_one(self):
        self.assertGreater(len(MODULES), 15)
        for name in MODULES:
            source = (FOLDER / f"{name}.py").read_text()
            for node in ast.walk(ast.parse(source)):
                imported = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in getattr(node, "names", ())] if isinstance(node, ast.Import) else []
                self.assertFalse([module for module in imported if "probes" in module], name)
            self.assertIn('if __name__ == "__main__":', source, name)
            self.assertNotIn("__file__", source, name)
        ran = run("-c", (FOLDER / "package_versions.py").read_text(), "mlflow")
        self.assertRegex(json.loads(ran.stdout)[0], r"^3\.")


class TestServerHealth(unittest.TestCase):
    def test_a_check_that_fails_leaves_its_error_and_the_others_their_result(self):
        def refused():
            raise OSError("x" * 1000)

        seen = server_health.health(["mlflow", "not-installed"], {"runs": refused, "cache": lambda: True, "keys": lambda: ["a", "b"]})
        self.assertEqual((seen["cache"], seen["keys"], seen["processes"], seen["versions"]["not-installed"]), (True, ["a", "b"], 2, ""))
        self.assertRegex(seen["errors"]["runs"], "^OSError: x+$")
        self.assertEqual(len(seen["errors"]["runs"]), 600)
        self.assertRegex(seen["versions"]["mlflow"], r"^3\.")

    def test_only_processes_of_the_server_have_a_session_key(self):
        with tempfile.TemporaryDirectory() as folder:
            for pid, command, key in (("1", "uvicorn", b"one"), ("2", "uvicorn", b"two"), ("3", "bash", b"three"), ("4", None, b"")):
                process = pathlib.Path(folder, pid)
                process.mkdir()
                if command:
                    (process / "cmdline").write_text(command)
                (process / "environ").write_bytes(b"A=b\0SECRET_KEY=" + key + b"\0")
            found = server_health.session_keys(pathlib.Path(folder))
        self.assertCountEqual(found, [hashlib.sha256(b"SECRET_KEY=" + key).hexdigest()[:12] for key in (b"one", b"two")])
        self.assertNotIn("one", str(found))

    def test_the_databases_migration_is_compared_with_the_plugins(self):
        database = create_engine("sqlite://")
        with mock.patch.object(server_health, "connect", lambda _: database.connect()):
            self.assertEqual(server_health.permissions()["at"], "")
            with database.begin() as connection:
                connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
                connection.execute(text("INSERT INTO alembic_version VALUES ('abc')"))
            self.assertEqual(server_health.permissions(), {"at": "abc", "head": server_health.migration_head()})
        self.assertTrue(server_health.migration_head())

    def test_redis_and_discovery_are_requested_at_their_addresses(self):
        redis = Redis()
        self.addCleanup(redis.end)
        with mock.patch.dict(os.environ, {"CACHE_REDIS_URL": redis.url, "OIDC_DISCOVERY_URL": environment.PROVIDER.discovery}):
            self.assertTrue(server_health.cache())
            self.assertEqual(server_health.discovery(), environment.PROVIDER.issuer)


class TestPrivilegeInventory(unittest.TestCase):
    def setUp(self):
        self.database = create_engine("sqlite://")
        self.connection = self.database.connect()
        self.addCleanup(self.connection.close)
        for statement in (
            "CREATE TABLE groups (id int, group_name text)", "CREATE TABLE users (id int, username text, is_service_account boolean)",
            "INSERT INTO groups VALUES (1, 'team')", "INSERT INTO users VALUES (1, 'ada', false), (2, 'ci', true)",
            "CREATE TABLE registered_model_group_regex_permissions (group_id int, regex text, priority int, permission text, prompt boolean)",
            "CREATE TABLE experiment_regex_permissions (user_id int, regex text, priority int, permission text)",
            "INSERT INTO registered_model_group_regex_permissions VALUES (1, 'm.*', 1, 'READ', false), (1, 'p.*', 2, 'EDIT', true)",
            "INSERT INTO experiment_regex_permissions VALUES (1, 'a', 1, 'READ'), (2, 'b', 1, 'MANAGE')",
        ):  # fmt: skip
            self.connection.execute(text(statement))

    def test_a_pattern_names_its_subject_and_the_kind_that_it_matches(self):
        tables = {"registered_model_group_regex_permissions", "experiment_regex_permissions"}
        found = [(one["of"], one["name"], one["kind"], one["regex"], one["permission"]) for one in privilege_inventory.patterns(self.connection, tables)]
        self.assertCountEqual(found, [
            ("group", "team", "registered-model", "m.*", "READ"), ("group", "team", "prompt", "p.*", "EDIT"),
            ("user", "ada", "experiment", "a", "READ"), ("serviceAccount", "ci", "experiment", "b", "MANAGE"),
        ])  # fmt: skip
        self.assertEqual(list(privilege_inventory.patterns(self.connection, set())), [])

    def test_break_glass_is_queried_if_its_table_exists(self):
        self.assertIn("mlflow_sso_break_glass", privilege_inventory.users_query(True))
        self.assertNotIn("mlflow_sso_break_glass", privilege_inventory.users_query(False))

    def test_the_mode_of_the_artifact_folder_is_given_and_none_for_a_bucket(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o750)
            self.assertEqual(privilege_inventory.artifact_folder({"MLFLOW_ARTIFACTS_DESTINATION": "file://" + folder}), {"folder": folder, "mode": 0o750})
        self.assertIsNone(privilege_inventory.artifact_folder({"MLFLOW_ARTIFACTS_DESTINATION": "s3://bucket/x"}))


class Protected(socketserver.ThreadingTCPServer):
    """The part of a Redis with a password that PING needs."""

    allow_reuse_address = daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            known = False
            while line := self.rfile.readline():
                words = [self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]
                if words[0] == b"AUTH":
                    known = words[-1] == b"p@ss"
                    answer = b"+OK" if known else b"-WRONGPASS invalid username-password pair"
                else:
                    answer = b"+PONG" if known else b"-NOAUTH Authentication required."
                self.wfile.write(answer + b"\r\n")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class TestRedis(unittest.TestCase):
    def test_a_server_answers_its_own_password_alone(self):
        with Protected() as server:
            url = f"redis://:p%40ss@127.0.0.1:{server.server_address[1]}/0"
            self.assertEqual(redis_access.ping(url, "ping"), ["+OK", "+PONG"])
            self.assertEqual(redis_access.ping(url, "wrong"), ["-WRONGPASS invalid username-password pair", "-NOAUTH Authentication required."])
            self.assertEqual(redis_access.ping(url, "anonymous"), ["-NOAUTH Authentication required."])
            answers = {one["who"]: one["answer"] for one in default_credentials.try_redis({"CACHE_REDIS_URL": url})}
            server.shutdown()
        self.assertEqual([who for who, answer in answers.items() if answer == "in"], ["proper"])
        self.assertEqual(len(answers), 5)

    def test_a_scan_finds_decisions_of_the_prefix(self):
        # This server treats a pattern as a prefix with a star after it.
        server = Redis(keeps={b"p:*permissions_v2:ada": b"1", b"q:*permissions_v2:ada": b"1", b"p:other": b"1"})
        self.addCleanup(server.end)
        self.assertEqual(redis_access.scan(server.url, "p:"), ["p:*permissions_v2:ada"])

    def test_an_external_redis_keeps_what_is_written_and_nothing_stays(self):
        server = Redis()
        self.addCleanup(server.end)
        self.assertEqual(external_services.try_all({"redis": {"url": server.url, "prefix": "p:"}}), [{"service": "redis", "name": "", "kept": True}])
        self.assertEqual(server.keeps, {})
        self.assertRegex(server.done[0][1], "^p:mlflow-sso-check-")
        server.end()
        self.assertIn("said", external_services.try_all({"redis": {"url": server.url, "prefix": "p:"}})[0])


class Store:
    """A bucket."""

    def __init__(self, objects, allowed=True, error=None):
        self.objects, self.allowed, self.error = objects, allowed, error

    def put_object(self, Bucket, Key, Body):
        if self.error:
            raise self.error
        self.objects[Bucket, Key] = Body

    def get_object(self, Bucket, Key):
        if not self.allowed or (Bucket, Key) not in self.objects:
            raise botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def delete_object(self, Bucket, Key):
        self.objects.pop((Bucket, Key), None)

    def list_objects_v2(self, **_):
        return {}


class TestObjectStore(unittest.TestCase):
    def test_an_object_is_kept_private_and_removed(self):
        objects = {}
        store = Store(objects)
        self.assertEqual(artifact_store.probe(store, Store(objects, allowed=False), "s3://bucket/prefix"), {"kept": True, "public": False, "gone": True})
        self.assertEqual(objects, {})

    def test_a_public_bucket_and_one_that_keeps_what_is_deleted_are_seen(self):
        objects = {}
        store = Store(objects)
        store.delete_object = lambda **_: None
        self.assertEqual(artifact_store.probe(store, Store(objects), "s3://bucket"), {"kept": True, "public": True, "gone": False})
        (bucket, key), *_ = objects
        self.assertEqual(bucket, "bucket")
        self.assertRegex(key, r"^\.mlflow-sso-verify-")

    def test_an_external_bucket_is_tried_under_a_name_of_its_own(self):
        objects = {}
        given = {"bucket": "b", "prefix": "p", "key_id": "k", "secret": "s", "settings": {"AWS_DEFAULT_REGION": "r"}}
        with mock.patch.object(external_services, "s3_client", lambda *_: Store(objects)):
            self.assertEqual(external_services.try_all({"s3": given}), [{"service": "s3", "name": "", "kept": True}])
        self.assertEqual(objects, {})
        refused = Store({}, error=botocore.exceptions.ClientError({"Error": {"Code": "NoSuchBucket"}}, "PutObject"))
        with mock.patch.object(external_services, "s3_client", lambda *_: refused):
            self.assertIn("NoSuchBucket", external_services.try_all({"s3": given})[0]["said"])


class Database:
    """A psycopg connection with prepared results."""

    def __init__(self, *answers):
        self.answers, self.statements = list(answers), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def close(self):
        pass

    def execute(self, statement, parameters=None):
        self.statements.append((statement, parameters))
        rows = self.answers.pop(0) if not statement.startswith("UPDATE") else []
        return mock.Mock(fetchone=lambda: rows[0], fetchall=lambda: rows)


class TestDatabases(unittest.TestCase):
    def test_roles_report_what_they_see_and_open(self):
        uris = ["postgresql://mlflow:secret@db:5432/x_mlflow", "postgresql://auth:other@db:5432/x_auth"]

        def connect(uri, **_):
            if uri in uris:
                return Database([(4, 3)], [(False,)])
            if uri == "postgresql://mlflow:secret@db:5432/x_keycloak":
                return Database()
            raise psycopg.OperationalError("refused")

        with mock.patch.object(psycopg, "connect", connect):
            first, second = database_roles.probe_all(uris)
        self.assertEqual(first, {"name": "x_mlflow", "sessions": 4, "encrypted": 3, "superuser": False, "guessed": False, "opens": ["x_keycloak"]})
        self.assertEqual((second["name"], second["opens"]), ("x_auth", []))
        with mock.patch.object(psycopg, "connect", lambda *_, **__: Database([(1, 1)], [(True,)])):
            self.assertTrue(database_roles.probe(uris[0], "x_mlflow", [])["guessed"])

    def test_every_role_is_tried_and_no_answer_repeats_the_password(self):
        variables = {"MLFLOW_BACKEND_STORE_URI": "postgresql://mlflow:s3cret@db/mlflow", "OIDC_USERS_DB_URI": "postgresql://auth:x@db/auth"}

        def connect(password, user, **_):
            if password == "s3cret":
                return Database()
            raise psycopg.OperationalError("no pg_hba.conf entry" if user == "postgres" else "failed, want s3cret")

        with mock.patch.object(psycopg, "connect", connect):
            answers = default_credentials.try_postgres(variables)
        self.assertEqual(len(answers), 13)
        self.assertEqual([one["who"] for one in answers if one["answer"] == "in"], ["proper"])
        self.assertNotIn("s3cret", json.dumps(answers))
        self.assertIn({"who": "postgres with no password", "answer": "no pg_hba.conf entry"}, answers)

    def test_an_external_database_reports_what_its_role_may(self):
        with mock.patch.object(psycopg, "connect", lambda *_, **__: Database([("UTF8", True, False, True)])):
            seen = external_services.try_all({"postgres": {"mlflow": "uri"}})
        self.assertEqual(seen, [{"service": "postgres", "name": "mlflow", "encoding": "UTF8", "creates": True, "superuser": False, "keycloak": True}])
        with mock.patch.object(psycopg, "connect", side_effect=psycopg.OperationalError("away")):
            self.assertEqual(external_services.try_all({"postgres": {"mlflow": "uri"}})[0]["said"], "away")


class TestAPIKeyRewrap(unittest.TestCase):
    old, new = "an old passphrase that is long enough", "a new passphrase that is long enough"

    def setUp(self):
        self.now = {"Number": 2, "Value": self.new}

    def wrapped(self, value, number):
        return wrap_dek(b"k" * 32, KEKManager(value, number).get_kek())

    def changes(self, database):
        return [values for statement, values in database.statements if statement.startswith("UPDATE")]

    def test_stored_keys_are_wrapped_with_the_current_key(self):
        database = Database([("secrets",)], [("a", "name of a", self.wrapped(self.old, 1), 1), ("b", "name of b", self.wrapped(self.new, 2), 2)])
        self.assertEqual(api_key_rewrap.rewrap(database, self.now, {1: self.old}), {"rewrapped": 1, "pending": [1], "lost": []})
        [(wrapped, number, identity)] = self.changes(database)
        self.assertEqual((number, identity), (2, "a"))
        self.assertEqual(unwrap_dek(wrapped, KEKManager(self.new, 2).get_kek()), b"k" * 32)

    def test_without_a_table_or_rows_nothing_is_written(self):
        for answers in ([(None,)],), ([("secrets",)], []):
            database = Database(*answers)
            self.assertEqual(api_key_rewrap.rewrap(database, self.now, {}), {"rewrapped": 0, "pending": [], "lost": []})
            self.assertFalse(self.changes(database))

    def test_a_report_has_the_same_result_and_changes_nothing(self):
        database = Database([("secrets",)], [("a", "name of a", self.wrapped(self.old, 1), 1)])
        self.assertEqual(api_key_rewrap.rewrap(database, self.now, {1: self.old}, report=True), {"rewrapped": 0, "pending": [1], "lost": []})
        self.assertFalse(self.changes(database))

    def test_a_row_that_no_key_opens_is_named_and_stays_and_the_others_are_wrapped(self):
        rows = [
            ("a", "of an unknown number", self.wrapped(self.old, 7), 7), ("b", "of a known one", self.wrapped(self.old, 1), 1),
            ("c", "of another key", self.wrapped("another passphrase that is long", 1), 1), ("d", "damaged", b"short", 2),
        ]  # fmt: skip
        database = Database([("secrets",)], rows)
        found = api_key_rewrap.rewrap(database, self.now, {1: self.old})
        self.assertEqual(found, {"rewrapped": 1, "pending": [1], "lost": ["of an unknown number", "of another key", "damaged"]})
        self.assertEqual([identity for _, _, identity in self.changes(database)], ["b"])
        self.assertNotIn(self.old, str(found))


class TestKeycloak(unittest.TestCase):
    def test_the_discovery_document_is_printed_as_it_is(self):
        self.assertEqual(discovery_document.fetch(environment.PROVIDER.discovery)["issuer"], environment.PROVIDER.issuer)

    def test_a_code_is_exchanged_with_the_containers_secret(self):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(200, {"token_endpoint": f"http://127.0.0.1:{self.server.server_port}/token"})

            def do_POST(self):
                asked.append(self.rfile.read(int(self.headers["content-length"])).decode())
                good = "code=good" in asked[-1]
                self.answer(200 if good else 400, {"access_token": "t"} if good else {"error": "invalid_grant"})

            def answer(self, status, document):
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        with served(Handler) as site:
            variables = {"OIDC_DISCOVERY_URL": site, "OIDC_CLIENT_ID": "mlflow", "OIDC_CLIENT_SECRET": "hidden"}
            grant = {"code": "good", "verifier": "v", "redirect_uri": "http://x/callback"}
            self.assertEqual(code_exchange.exchange(grant, variables), {"access_token": "t"})
            with self.assertRaises(SystemExit) as ended:
                code_exchange.exchange(grant | {"code": "bad"}, variables)
        self.assertIn("client_secret=hidden", asked[0])
        self.assertIn("the token endpoint answers 400", ended.exception.code)
        self.assertNotIn("hidden", ended.exception.code)


class TestSecurityTests(unittest.TestCase):
    def test_bytes_in_files_without_a_name_are_counted_once(self):
        before = spooled_bytes.spooled()
        with tempfile.TemporaryFile() as file, tempfile.NamedTemporaryFile() as named:
            file.write(b"x" * 100_000)
            named.write(b"x" * 100_000)
            file.flush(), named.flush()
            again = os.dup(file.fileno())
            self.assertEqual(spooled_bytes.spooled() - before, 100_000)
            os.close(again)

    def test_routes_are_requested_without_credentials_after_the_control(self):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                asked.append((self.command, self.path, self.headers.get("Authorization"), self.headers["Host"]))
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(302 if self.path == "/a" else 200)
                self.send_header("Location", "/login") if self.path == "/a" else None
                self.send_header("content-length", "0")
                self.end_headers()
                self.close_connection = True  # the next request needs another one

            do_POST = do_DELETE = do_GET

            def log_message(self, *_):
                pass

        with served(Handler) as site:
            port = int(site.rsplit(":", 1)[1])
            given = {"address": "127.0.0.1", "port": port, "host": "mlflow.example", "token": "t", "control": "/c", "routes": [["GET", "/a"], ["DELETE", "/b"]]}
            answers = route_scan.scan(given)
        self.assertEqual(answers, [["POST", "/c", 200, ""], ["GET", "/a", 302, "/login"], ["DELETE", "/b", 200, ""]])
        self.assertEqual([who for _, _, who, _ in asked], ["Bearer t", None, None])
        self.assertEqual({host for *_, host in asked}, {"mlflow.example"})

    def test_a_listener_counts_the_control_and_what_carries_the_token(self):
        import urllib.error
        import urllib.request

        listener = stolen_token.Listener(0)
        self.addCleanup(listener.server_close)
        self.addCleanup(listener.shutdown)
        listener.control()
        for headers in ({}, {"Authorization": "Bearer t"}):
            with self.assertRaises(urllib.error.HTTPError):
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(urllib.request.Request(f"http://127.0.0.1:{listener.server_port}/x", headers=headers))
        self.assertEqual((listener.heard, listener.stolen), (1, 1))

    def test_a_readers_client_has_nothing_of_the_servers_settings(self):
        made = stolen_token.client_environment({"MLFLOW_BACKEND_STORE_URI": "x", "OIDC_CLIENT_SECRET": "y", "PATH": "z"}, "t")
        self.assertEqual(made["MLFLOW_TRACKING_TOKEN"], "t")
        self.assertEqual(made["PATH"], "z")
        self.assertFalse({"MLFLOW_BACKEND_STORE_URI", "OIDC_CLIENT_SECRET"} & made.keys())

    def test_sessions_end_with_their_row_or_their_token(self):
        from mlflow_oidc_auth.session.token_vault import SessionTokens, get_token_vault

        vault = get_token_vault()
        sealed = vault.encrypt(SessionTokens(provider_id="a", expires_at=int(time.time()) + 100))
        connection = mock.Mock()
        connection.execute.return_value.all.return_value = [(1, sealed, 300), (2, vault.encrypt(SessionTokens(provider_id="b")), 40)]
        got = session_lifetime.sessions(connection, vault, "ada", False)
        self.assertAlmostEqual(got["left"][0], 100, delta=5)
        self.assertEqual((got["left"][1], got["renewable"]), (40, False))
        self.assertEqual(connection.execute.call_count, 1)
        session_lifetime.sessions(connection, vault, "ada", True)
        statement, given = connection.execute.call_args[0]
        self.assertIs(statement, session_lifetime.UPDATE)
        self.assertLess(vault.decrypt(given["tokens"]).expires_at, time.time())

    def test_only_temporary_users_are_deleted(self):
        deleted = []
        store = SimpleNamespace(get_user_detail=lambda name: name != "tmp-gone", delete_user=deleted.append)
        repository = type("Repository", (), {"_assert_not_last_active_admin": staticmethod(lambda *_: None)})
        self.assertEqual(temporary_users.delete(["tmp-a", "tmp-gone"], "tmp-", repository, store), {"deleted": 1})
        self.assertEqual(deleted, ["tmp-a"])
        for prefix in ("tmp-", ""):
            with self.assertRaisesRegex(SystemExit, "'ada' was not created by this tool"):
                temporary_users.delete(["tmp-b", "ada"] if prefix else ["ada"], prefix, repository, store)
        with self.assertRaisesRegex(SystemExit, "_assert_not_last_active_admin"):
            temporary_users.delete(["tmp-b"], "tmp-", object(), store)
        self.assertEqual(deleted, ["tmp-a"])


class TestWebhookSecrets(unittest.TestCase):
    def test_each_secret_is_kept_or_its_webhook_is_disabled(self):
        from cryptography.fernet import Fernet

        current, previous, unknown = (Fernet(Fernet.generate_key()) for _ in range(3))
        rows = [(name, name, cipher.encrypt(name.encode()).decode()) for name, cipher in (("new", current), ("old", previous), ("lost", unknown))]
        changed = {}

        class Database:
            def execute(self, query, values=()):
                if query.startswith("UPDATE"):
                    changed[values[-1]] = values[0] if "secret = %s" in query else None
                self._found = rows if query == webhook_secret_rewrap.STORED else [["webhooks"]]
                return self

            def fetchall(self):
                return self._found

            def fetchone(self):
                return self._found[0]

        reported = webhook_secret_rewrap.rewrap(Database(), 1002, current, {1: previous}, report=True)
        self.assertEqual((reported, changed), ({"rewrapped": 0, "pending": [1, 0], "lost": ["lost"]}, {}))
        self.assertEqual(webhook_secret_rewrap.rewrap(Database(), 1002, current, {1: previous}), {"rewrapped": 1, "pending": [1, 0], "lost": ["lost"]})
        self.assertEqual(current.decrypt(changed.pop("old")), b"old")
        self.assertEqual(changed, {"lost": None})
