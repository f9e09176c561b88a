import unittest

from mlflow_sso.identity_sync import jobs
from mlflow_sso.identity_sync.keycloak_directory import DirectoryUnavailable, known_as
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

    def test_who_is_as_in_keycloak_stays_as_they_are(self):
        self.assertEqual(self.round(Account("a@x", ["users"]), {"a@x": ["users"]}), [])

    def test_who_is_in_no_group_that_lets_in_is_ended_once(self):
        self.assertEqual(self.round(Account("a@x", ["users"]), {"a@x": ["team"]}), ["ended"])
        self.assertEqual(self.round(Account("a@x", ["users"], active=False), {}), [])

    def test_who_comes_back_is_let_in_unless_an_administrator_deactivated_them(self):
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

    def test_silence_ends_nobody(self):
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
