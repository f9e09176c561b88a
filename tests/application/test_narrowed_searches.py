"""A member's search returns the same rows as before, with only a few more statements than an administrator's.
"""

import contextlib
import os
import random
import unittest
from unittest import mock
from urllib.parse import urlencode

from mlflow_oidc_auth.store import store
from mlflow_sso import narrowed_searches
from sqlalchemy import Engine, create_engine, event, text
from tests.environment import ADMIN, PROVIDER
from tests.served import admin_ask, ask, people  # before the imports below

API = "/api/2.0/mlflow"
FIRST, MANY = 700_000, 300
PROMPT = "tags.`mlflow.prompt.is_prompt` = 'true'"
# Name, path, field of the response; the name of each row, and a filter that excludes other tests' rows.
SEARCHES = (
    ("experiments", "experiments", "experiments", lambda row: row["name"], "name LIKE 'narrow-%'"),
    ("models", "registered-models", "registered_models", lambda row: row["name"], "name LIKE 'narrow-%'"),
    ("prompts", "registered-models", "registered_models", lambda row: row["name"], f"name LIKE 'narrow-%' AND {PROMPT}"),
    ("versions", "model-versions", "model_versions", lambda row: row["name"], "name LIKE 'narrow-%'"),
    ("logged models", "logged-models", "models", lambda row: row["info"]["model_id"], ""),
)
UNGRANTED, OWNER, READER, TEAM, MIXED = (f"narrow-{name}@example.com" for name in ("ungranted", "owner", "reader", "team", "mixed"))


def fill():
    """Creates rows by SQL, which is fast. Every third model is a prompt, some of them only by the plugin's
    definition."""
    rows = [{"id": FIRST + n, "name": f"narrow-{n % 10}-{n}", "time": n} for n in range(MANY)]
    engine = create_engine(os.environ["MLFLOW_BACKEND_STORE_URI"])
    with engine.begin() as connection:
        for statement, some in (
            ("insert into experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time, workspace) "
             "values (:id, :name, 'mlflow-artifacts:/x', 'active', :time, :time, 'default')", rows),
            ("insert into registered_models (name, creation_time, last_updated_time, workspace) values (:name, :time, :time, 'default')", rows),
            ("insert into registered_model_tags (name, key, value, workspace) values (:name, 'mlflow.prompt.is_prompt', :prompt, 'default')",
             [row | {"prompt": "True" if row["id"] % 4 == 0 else "true"} for row in rows[::3]]),
            ("insert into model_versions (name, version, creation_time, last_updated_time, current_stage, status, workspace) "
             "values (:name, 1, :time, :time, 'None', 'READY', 'default')", rows),
            ("insert into logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage) "
             "values (:name, :id, :name, 'x', :time, :time, 2, 'active')", rows),
        ):  # fmt: skip
            connection.execute(text(statement), some)
    engine.dispose()


def grant():
    """Users: one with grants on single objects, one with a pattern that matches all, one of a team, and one with
    some of each and denials."""
    chance = random.Random(15)
    for n in chance.sample(range(MANY), 20):
        store.create_experiment_permission(str(FIRST + n), OWNER, "READ")
        store.create_registered_model_permission(f"narrow-{n % 10}-{n}", OWNER, "READ")
    for user, regex, priority, permission in (
        (READER, ".*", 1, "READ"), (TEAM, "narrow-7-", 1, "READ"),
        (MIXED, "narrow-[0-7]-", 5, "READ"), (MIXED, "narrow-3-", 1, "NO_PERMISSIONS"), (MIXED, ".*-1$", 9, "EDIT"),
    ):  # fmt: skip
        store.create_experiment_regex_permission(regex=regex, priority=priority, permission=permission, username=user)
        store.create_registered_model_regex_permission(regex=regex, priority=priority, permission=permission, username=user)
        regex = regex.replace("7-", "5-")  # a prompt's own patterns decide
        store.create_prompt_regex_permission(regex=regex, priority=priority, permission=permission, username=user)
    for n, permission in ((4, "NO_PERMISSIONS"), (13, "READ"), (8, "READ"), (14, "NO_PERMISSIONS")):
        store.create_experiment_permission(str(FIRST + n), MIXED, permission)
        store.create_registered_model_permission(f"narrow-{n % 10}-{n}", MIXED, permission)


class TestSearches(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        people(ADMIN, UNGRANTED, OWNER, READER, TEAM, MIXED)

    async def asyncSetUp(self):
        if not getattr(TestSearches, "filled", False):
            TestSearches.filled = True
            await admin_ask(f"{API}/registered-models/search", method="GET")  # creates the tables
            fill()
            grant()

    async def page(self, user, search, size, token):
        _, path, field, name, wanted = search
        if path == "logged-models":
            body = {"experiment_ids": [str(FIRST + n) for n in range(MANY)], "max_results": size} | ({"page_token": token} if token else {})
            status, said = await ask(f"{API}/{path}/search", PROVIDER.bearer(user), body)
        else:
            query = {"max_results": size, "filter": wanted} | ({"page_token": token} if token else {})
            status, said = await ask(f"{API}/{path}/search", PROVIDER.bearer(user), method="GET", query=urlencode(query).encode())
        self.assertEqual(status, 200, said)
        return [name(row) for row in said.get(field, [])], said.get("next_page_token")

    async def names(self, user, search, size):
        """All rows in the order of the pages, which are full except the last."""
        found, token = [], None
        while True:
            rows, token = await self.page(user, search, size, token)
            found += rows
            if not token:
                return found
            self.assertEqual(len(rows), size, search[0])

    @contextlib.contextmanager
    def as_upstream(self):
        with mock.patch.object(narrowed_searches, "_of_request", lambda *_: None):
            yield

    async def test_everyone_finds_what_the_plugin_alone_finds_in_the_same_order(self):
        for search in SEARCHES:
            for user in UNGRANTED, OWNER, READER, TEAM, MIXED, ADMIN:
                with self.subTest(f"{search[0]} {user}"):
                    got = await self.names(user, search, 13)
                    with self.as_upstream():
                        want = await self.names(user, search, 200)
                    self.assertEqual(got, want)
                    self.assertEqual(len(set(got)), len(got))
                    if user in (OWNER, TEAM, MIXED):
                        self.assertTrue(0 < len(got) < MANY, len(got))

    async def test_a_members_page_costs_no_more_statements_than_an_administrators_and_a_few(self):
        counted = 0

        def count(*_):
            nonlocal counted
            counted += 1

        event.listen(Engine, "before_cursor_execute", count)
        self.addCleanup(event.remove, Engine, "before_cursor_execute", count)
        for search in SEARCHES:
            statements = {}
            for user in ADMIN, UNGRANTED, OWNER, READER, TEAM, MIXED:
                for _ in range(2):  # the first fills the plugin's caches
                    counted = 0
                    await self.page(user, search, 25, None)
                statements[user] = counted
            for number in statements.values():
                self.assertLessEqual(number, statements[ADMIN] + 5, f"{search[0]}: {statements}")

    async def test_a_revoked_grant_does_not_apply_to_the_next_search(self):
        search = SEARCHES[0]
        store.create_experiment_permission(str(FIRST), UNGRANTED, "READ")
        self.assertEqual(await self.names(UNGRANTED, search, 10), ["narrow-0-0"])
        store.delete_experiment_permission(str(FIRST), UNGRANTED)
        self.assertEqual(await self.names(UNGRANTED, search, 10), [])

    async def test_a_condition_that_is_too_long_is_left_out_and_the_answer_is_the_same(self):
        search = SEARCHES[0]
        want = await self.names(MIXED, search, 200)
        with mock.patch.object(narrowed_searches, "MOST", 5):
            self.assertEqual(await self.names(MIXED, search, 200), want)

    async def test_a_bad_filter_is_the_clients_mistake(self):
        query = urlencode({"filter": "name ~ 'x'"}).encode()
        for path in "registered-models", "model-versions", "experiments":
            self.assertEqual((await ask(f"{API}/{path}/search", PROVIDER.bearer(TEAM), method="GET", query=query))[0], 400)

    async def test_the_plugin_still_judges_each_row(self):
        with mock.patch.object(narrowed_searches, "_may_read", lambda *_: True):
            for search in SEARCHES:
                self.assertEqual(await self.names(UNGRANTED, search, 50), [], search[0])
                self.assertEqual(len(await self.names(TEAM, search, 50)), len([n for n in await self.names(TEAM, search, 50) if n.startswith(("narrow-7-", "narrow-5-"))]))
