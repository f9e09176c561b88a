"""An administrator removes a group without members, and nothing else."""

import unittest

from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.store import store
from tests.asgi import Client
from tests.environment import ADMIN, MEMBER, OTHER, PROVIDER
from tests.served import application, ask, people
from tests.test_trace_locations import experiment

ADMINISTRATOR, OWNER = PROVIDER.bearer(ADMIN), PROVIDER.bearer(MEMBER)
GROUPS = "/api/2.0/mlflow/permissions/groups"


class TestGroups(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        people(ADMIN, MEMBER, OTHER)
        application()

    async def make(self, name):
        self.assertIn((await ask(GROUPS, ADMINISTRATOR, {"group_name": name}))[0], (200, 201))

    async def remove(self, name, caller=ADMINISTRATOR):
        return await ask(f"{GROUPS}/{name}", caller, None, "DELETE")

    async def test_an_empty_group_goes_with_its_grants(self):
        await self.make("mistyped")
        where = await experiment(OWNER, "of-a-mistyped-group")
        self.assertIn((await ask(f"{GROUPS}/mistyped/experiments/{where}", OWNER, {"permission": "READ"}))[0], (200, 201))
        self.assertEqual((await self.remove("mistyped"))[0], 204)
        self.assertNotIn("mistyped", store.get_groups())
        await self.make("mistyped")
        self.assertEqual(store.get_group_experiments("mistyped"), [])
        self.assertEqual((await self.remove("mistyped"))[0], 204)
        self.assertEqual((await self.remove("mistyped"))[0], 404)

    async def test_a_name_with_a_slash_is_one_group(self):
        await self.make("teams/vision")
        client = Client("DELETE", f"{GROUPS}/teams/vision", headers=ADMINISTRATOR)
        client.scope["raw_path"] = f"{GROUPS}/teams%2Fvision".encode()
        self.assertEqual((await client.ask(application())).status, 204)

    async def test_a_group_with_members_stays(self):
        await self.make("with-members")
        store.set_user_groups(OTHER, ["with-members"])
        status, said = await self.remove("with-members")
        self.assertEqual((status, "Keycloak" in str(said)), (409, True), said)
        self.assertIn("with-members", store.get_groups())
        store.set_user_groups(OTHER, [])
        self.assertEqual((await self.remove("with-members"))[0], 204)

    async def test_the_groups_of_the_login_stay(self):
        for name in (*config.OIDC_GROUP_NAME, *config.OIDC_ADMIN_GROUP_NAME):
            store.populate_groups([name])
            self.assertEqual((await self.remove(name))[0], 409, name)

    async def test_only_administrators_remove_groups(self):
        await self.make("not-yours")
        self.assertEqual((await self.remove("not-yours", OWNER))[0], 403)
        self.assertEqual((await self.remove("not-yours", []))[0], 401)
        self.assertIn("not-yours", store.get_groups())
        self.assertEqual((await self.remove("not-yours"))[0], 204)
