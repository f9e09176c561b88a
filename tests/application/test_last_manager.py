"""Only an administrator can leave an object without a user who can share it."""

import unittest
from unittest import mock

from mlflow_oidc_auth.bridge.user import clear_auth_context, set_auth_context
from mlflow_oidc_auth.entities.auth_context import AuthContext
from mlflow_oidc_auth.permission_kinds import table_owning_kinds
from mlflow_oidc_auth.store import store
from mlflow_sso import last_manager, upstream_guard
from tests.environment import ADMIN, MEMBER, OTHER, PROVIDER  # before the imports below
from tests.served import application, ask, people
from tests.test_trace_locations import experiment

ADMINISTRATOR, OWNER = PROVIDER.bearer(ADMIN), PROVIDER.bearer(MEMBER)
API = "/api/2.0/mlflow"
USERS, GROUPS = f"{API}/permissions/users", f"{API}/permissions/groups"
SENTENCE = "Give MANAGE to another user first, or ask an administrator."


def setUpModule():
    people(ADMIN, MEMBER, OTHER)
    application()
    if "last-team" not in store.get_groups():
        store.populate_groups(["last-team", "last-empty"])
    store.set_user_groups(OTHER, ["last-team"])


def tearDownModule():
    store.set_user_groups(OTHER, [])


def heir(thing):
    """The users who can share an object when its owner cannot."""
    return OWNER if thing.startswith("scorers/") else PROVIDER.bearer(OTHER)


class TestLastManager(unittest.IsolatedAsyncioTestCase):
    async def things(self):
        """The owner's object of each kind that a member can share: its path below a user or a group, and the
        request that creates a grant."""
        name = "last-" + self.id().rsplit(".", 1)[1]
        where = await experiment(OWNER, name)
        await ask(f"{API}/registered-models/create", OWNER, {"name": name})
        await ask(f"{API}/registered-models/create", OWNER, {"name": name + "-p", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
        store.create_scorer_permission(where, "judge", MEMBER, "MANAGE")
        store.create_mcp_server_permission(name, MEMBER, "MANAGE")
        # A user who manages a scorer's experiment can share the scorer, so that is the last one.
        return [f"registered-models/{name}", f"prompts/{name}-p", f"mcp-servers/{name}", f"scorers/{where}/judge", f"experiments/{where}"]

    async def test_an_owner_keeps_the_last_manage_of_every_kind(self):
        for thing in await self.things():
            mine = f"{USERS}/{MEMBER}/{thing}"
            with self.subTest(thing):
                for method, body in (("DELETE", None), ("PATCH", {"permission": "READ"})):
                    status, said = await ask(mine, OWNER, body, method)
                    self.assertEqual(status, 409, (method, said))
                    self.assertIn(SENTENCE, str(said))
                self.assertEqual((await ask(mine, OWNER, {"permission": "MANAGE"}, "PATCH"))[0], 200)
                self.assertEqual((await ask(mine, OWNER, None, "GET"))[0], 200)
                self.assertIn((await ask(f"{USERS}/{OTHER}/{thing}", OWNER, {"permission": "MANAGE"}, "POST"))[0], (200, 201))
                self.assertEqual((await ask(mine, OWNER, None, "DELETE"))[0], 200)
                status, said = await ask(f"{USERS}/{OTHER}/{thing}", heir(thing), None, "DELETE")
                self.assertEqual(status, 409, said)
                self.assertEqual((await ask(f"{USERS}/{OTHER}/{thing}", ADMINISTRATOR, None, "DELETE"))[0], 200)

    def test_what_the_gateway_has_is_protected_where_members_manage_it(self):
        for kind in ("endpoint", "secret", "model_definition"):
            for admin in (False, True):
                name = f"last-{kind}-{admin}"
                getattr(store, f"create_gateway_{kind}_permission")(name, MEMBER, "MANAGE")
                token = set_auth_context(AuthContext(username=MEMBER, is_admin=admin))
                try:
                    remove = getattr(store, f"delete_gateway_{kind}_permission")
                    if admin:
                        remove(name, MEMBER)
                    else:
                        self.assertRaisesRegex(last_manager.LastManager, SENTENCE, remove, name, MEMBER)
                finally:
                    clear_auth_context(token)

    async def test_a_group_counts_where_another_user_is_in_it(self):
        for thing in await self.things():
            with self.subTest(thing):
                mine = f"{USERS}/{MEMBER}/{thing}"
                self.assertIn((await ask(f"{GROUPS}/last-empty/{thing}", OWNER, {"permission": "MANAGE"}, "POST"))[0], (200, 201))
                self.assertEqual((await ask(mine, OWNER, None, "DELETE"))[0], 409)
                self.assertIn((await ask(f"{GROUPS}/last-team/{thing}", OWNER, {"permission": "MANAGE"}, "POST"))[0], (200, 201))
                self.assertEqual((await ask(mine, OWNER, None, "DELETE"))[0], 200)
                for method, body in (("DELETE", None), ("PATCH", {"permission": "EDIT"})):
                    self.assertEqual((await ask(f"{GROUPS}/last-team/{thing}", heir(thing), body, method))[0], 409)
                self.assertEqual((await ask(f"{GROUPS}/last-empty/{thing}", heir(thing), None, "DELETE"))[0], 200)

    async def test_a_deactivated_manager_does_not_count(self):
        where = await experiment(OWNER, "last-inactive")
        store.create_experiment_permission(where, OTHER, "MANAGE")
        store.update_user(username=OTHER, active=False)
        try:
            self.assertEqual((await ask(f"{USERS}/{MEMBER}/experiments/{where}", OWNER, None, "DELETE"))[0], 409)
        finally:
            store.update_user(username=OTHER, active=True)

    async def test_other_grants_are_removed_as_before(self):
        where = await experiment(OWNER, "last-others")
        store.create_experiment_permission(where, OTHER, "READ")
        self.assertEqual((await ask(f"{USERS}/{OTHER}/experiments/{where}", OWNER, {"permission": "EDIT"}, "PATCH"))[0], 200)
        self.assertEqual((await ask(f"{USERS}/{OTHER}/experiments/{where}", OWNER, None, "DELETE"))[0], 200)

    async def test_an_owner_deletes_and_renames_what_is_theirs(self):
        where = await experiment(OWNER, "last-deleted")
        self.assertEqual((await ask(f"{API}/experiments/delete", OWNER, {"experiment_id": where}))[0], 200)
        await ask(f"{API}/registered-models/create", OWNER, {"name": "last-rename"})
        self.assertEqual((await ask(f"{API}/registered-models/rename", OWNER, {"name": "last-rename", "new_name": "last-renamed"}))[0], 200)
        self.assertEqual((await ask(f"{API}/registered-models/delete", OWNER, {"name": "last-renamed"}, "DELETE"))[0], 200)

    def test_the_start_fails_where_the_plugin_has_another_kind(self):
        with mock.patch.object(last_manager, "table_owning_kinds", lambda: table_owning_kinds()[1:]), self.assertRaisesRegex(upstream_guard.Changed, "kinds of grants"):
            last_manager.protect_last_manager()
