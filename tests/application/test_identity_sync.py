import http.server
import json
import threading
import unittest

from mlflow_sso.identity_sync import jobs, keycloak_directory
from mlflow_sso.identity_sync.keycloak_directory import DirectoryUnavailable, known_as
from mlflow_sso.identity_sync.live_logins import Session, Token
from mlflow_sso.identity_sync.sign_out import sign_out
from mlflow_sso.identity_sync.sync import follow


class Account:
    def __init__(self, username, groups, active=True, admin=False, mine=True):
        self.username, self.groups, self.active, self.is_admin = username, set(groups), active, admin
        self.mine, self.became = mine, []

    def end(self, reason):
        self.became.append("ended")
        return 1, 2

    def resume(self):
        self.became.append("resumed" if self.mine else "left alone")
        return self.mine

    def join(self, groups, admin):
        self.became.append((sorted(groups), admin))


class Accounts:
    def __init__(self, people, groups):
        self._people, self._groups = people, set(groups)

    def people(self):
        return self._people

    def groups(self):
        return self._groups


class Directory:
    def __init__(self, members, there):
        self._members, self._there = members, there

    def members(self, wanted, needed):
        if self._there is None:
            raise DirectoryUnavailable("away")
        return {name: set(groups) for name, groups in self._members.items()}, set(self._there)


class TestFollow(unittest.TestCase):
    def round(self, account, members, there=("admins", "users", "team"), known=("admins", "users", "team", "manual")):
        follow(Accounts([account], known), Directory(members, there), ["admins", "users"], "admins", lambda *_, **__: None)
        return account.became

    def test_a_user_equal_in_keycloak_is_unchanged(self):
        self.assertEqual(self.round(Account("a@x", ["users"]), {"a@x": ["users"]}), [])

    def test_a_user_without_a_group_with_access_is_deactivated_once(self):
        self.assertEqual(self.round(Account("a@x", ["users"]), {"a@x": ["team"]}), ["ended"])
        self.assertEqual(self.round(Account("a@x", ["users"], active=False), {}), [])

    def test_a_returning_user_is_reactivated_unless_an_administrator_deactivated_them(self):
        self.assertEqual(self.round(Account("a@x", ["users"], active=False), {"a@x": ["users"]}), ["resumed"])
        self.assertEqual(self.round(Account("a@x", ["users"], active=False, mine=False), {"a@x": ["admins"]}), ["left alone"])

    def test_groups_and_the_administrators_right_follow(self):
        self.assertEqual(self.round(Account("a@x", ["users"]), {"a@x": ["users", "admins"]}), [(["admins", "users"], True)])
        self.assertEqual(self.round(Account("a@x", ["admins"], admin=True), {"a@x": ["users"]}), [(["users"], False)])
        self.assertEqual(self.round(Account("a@x", ["users", "team"]), {"a@x": ["users"]}), [(["users"], False)])

    def test_groups_that_keycloak_does_not_have_are_kept(self):
        self.assertEqual(self.round(Account("a@x", ["users", "manual"]), {"a@x": ["users"]}), [])

    def test_groups_that_mlflow_does_not_know_are_of_no_interest(self):
        self.assertEqual(self.round(Account("a@x", ["users"]), {"a@x": ["users", "team"]}, known=("admins", "users")), [])

    def test_an_unavailable_keycloak_ends_no_session(self):
        account = Account("a@x", ["users"])
        with self.assertRaises(DirectoryUnavailable):
            self.round(account, {}, there=None)
        self.assertEqual(account.became, [])


class TestNames(unittest.TestCase):
    def test_a_person_is_known_as_the_plugin_knows_them(self):
        self.assertEqual(known_as({"username": "ada", "email": "Ada@Example.com"}), "ada@example.com")
        self.assertEqual(known_as({"username": "Ada"}), "ada")
        self.assertEqual(known_as({"username": "ada", "email": ""}), "ada")


class Connection:
    def __init__(self, written):
        self._written = written

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def execute(self, _, values):
        self._written.append(values)


class TestJob(unittest.TestCase):
    def test_a_failure_is_written_down_and_tried_again_soon(self):
        written, said = [], []

        def fails(_):
            raise ValueError("no")

        job = jobs.Job("follow", 3600, fails)
        job.run(lambda: Connection(written), lambda *event, **_: said.append(event))
        self.assertEqual(written, [{"job": "follow", "detail": "", "error": "ValueError: no"}])
        self.assertEqual(said, [], "a failure that may be over at once is no news")
        self.assertFalse(job.due())
        job._failing -= jobs.PATIENCE
        job.run(lambda: Connection(written), lambda *event, **_: said.append(event))
        job.run(lambda: Connection(written), lambda *event, **_: said.append(event))
        self.assertEqual(said, [("job.failed", "follow")], "one that lasts is logged once")

    def test_a_job_that_ended_well_waits_for_its_time(self):
        written = []
        job = jobs.Job("prune", 3600, lambda _: "done")
        self.assertTrue(job.due())
        job.run(lambda: Connection(written), None)
        self.assertEqual(written, [{"job": "prune", "detail": "done", "error": ""}])
        self.assertFalse(job.due())


class Holder:
    def __init__(self, sessions=(), tokens=(), subject="id"):
        self.username, self.subject = "a@x", subject
        self.sessions, self.tokens, self.ended = list(sessions), list(tokens), []

    def end(self, sessions, tokens):
        self.ended.append(([s.identifier for s in sessions], [t.identifier for t in tokens]))


class Keycloak:
    """realm and user are values of "not before", sessions those of Keycloak."""

    def __init__(self, realm=0, user=0, password=0, sessions=None, deleted=False):
        self._realm, self._account = realm, None if deleted else keycloak_directory.Account(user, password, sessions or {})

    def realm_not_before(self):
        if self._realm is None:
            raise DirectoryUnavailable("away")
        return self._realm

    def account(self, identifier, with_sessions):
        return self._account


class TestSignOut(unittest.TestCase):
    def round(self, keycloak, sid="s", began=1000.5, token=900.0, subject="id"):
        holder, said = Holder([Session(1, began, sid)], [Token(2, token)], subject), []
        sign_out([holder], keycloak, lambda event, about, **detail: said.append((event, about, detail["reasons"])))
        self.assertEqual(len(said), len(holder.ended), "each end is logged")
        return holder.ended[0] if holder.ended else None

    def test_what_keycloak_has_not_ended_stays(self):
        self.assertIsNone(self.round(Keycloak(realm=500, user=600, password=990.0, sessions={"s": 999.0})))

    def test_not_before_ends_earlier_sessions_and_tokens(self):
        for keycloak in (Keycloak(user=1000, sessions={"s": 999.0}), Keycloak(realm=1000, sessions={"s": 999.0})):
            self.assertEqual(self.round(keycloak), ([1], [2]))
        self.assertEqual(self.round(Keycloak(user=950, sessions={"s": 999.0})), ([], [2]), "a login after it stays")
        self.assertIsNone(self.round(Keycloak(user=850, sessions={"s": 999.0})), "so does a token")

    def test_a_new_password_ends_earlier_sessions_and_no_token(self):
        self.assertEqual(self.round(Keycloak(password=1000.6, sessions={"s": 999.0})), ([1], []))
        self.assertIsNone(self.round(Keycloak(password=1000.4, sessions={"s": 999.0})))

    def test_the_end_of_keycloaks_session_ends_its_session_alone_and_no_token(self):
        self.assertEqual(self.round(Keycloak(sessions={"another": 999.0})), ([1], []))

    def test_a_login_without_a_record_is_compared_by_time(self):
        self.assertIsNone(self.round(Keycloak(sessions={"any": 1000.0}), sid=None))
        self.assertEqual(self.round(Keycloak(sessions={"later": 1001.0}), sid=None), ([1], []))
        self.assertEqual(self.round(Keycloak(), sid=None), ([1], []))

    def test_a_user_missing_in_keycloak_is_left_to_the_user_sync(self):
        self.assertIsNone(self.round(Keycloak(deleted=True)))
        self.assertIsNone(self.round(Keycloak(realm=9999), subject=None))

    def test_silence_ends_nothing(self):
        with self.assertRaises(DirectoryUnavailable):
            self.round(Keycloak(realm=None))


class TestDirectory(unittest.TestCase):
    """Responses of Keycloak's admin API in its own format."""

    REALM = "/realms/mlflow"
    USER = "/admin/realms/mlflow/users/1"

    def account(self, answers, with_sessions=True):
        asked = []

        class Keycloak(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers["Authorization"]))
                status, document = answers.get(self.path, (404, {}))
                self._write(status, document)

            def do_POST(self):
                self._write(200, {"access_token": "t", "expires_in": 3600})

            def _write(self, status, document):
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keycloak)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            directory = keycloak_directory.Directory(f"http://127.0.0.1:{server.server_port}{self.REALM}", "sync", "secret")
            return directory.account("1", with_sessions), directory.realm_not_before(), asked
        finally:
            server.shutdown()
            server.server_close()

    def answers(self, **more):
        return {
            self.REALM: (200, {"realm": "mlflow", "tokens-not-before": 1700000000}),
            self.USER: (200, {"id": "1", "notBefore": 1700000001}),
            self.USER + "/credentials": (200, [{"type": "otp", "createdDate": 1700000009000}, {"type": "password", "createdDate": 1700000002500}]),
            self.USER + "/sessions": (200, [{"id": "s", "start": 1700000003000, "lastAccess": 1700000004000}]),
        } | more

    def test_moments_are_seconds_and_only_a_password_counts(self):
        account, realm, asked = self.account(self.answers())
        self.assertEqual((realm, account.not_before, account.password_changed, account.sessions), (1700000000, 1700000001, 1700000002.5, {"s": 1700000003.0}))
        self.assertEqual({header for path, header in asked if path.startswith("/admin")}, {"Bearer t"})

    def test_a_user_with_tokens_only_costs_one_request(self):
        account, _, asked = self.account(self.answers(), with_sessions=False)
        self.assertEqual([path for path, _ in asked], [self.USER, self.REALM])
        self.assertEqual((account.password_changed, account.sessions), (0, {}))

    def test_a_user_without_password_or_sign_out_has_no_such_moment(self):
        account, _, _ = self.account(self.answers(**{self.USER: (200, {"id": "1"}), self.USER + "/credentials": (200, []), self.USER + "/sessions": (200, [])}))
        self.assertEqual((account.not_before, account.password_changed, account.sessions), (0, 0, {}))

    def test_only_a_missing_user_is_a_valid_404(self):
        self.assertIsNone(self.account({self.REALM: (200, {})})[0])
        for path in (self.USER, self.USER + "/credentials", self.USER + "/sessions"):
            for status in (403, 500):
                with self.assertRaises(DirectoryUnavailable):
                    self.account(self.answers(**{path: (status, {})}))
        with self.assertRaises(DirectoryUnavailable):
            self.account({self.USER: (200, {}), self.USER + "/credentials": (404, {})})
