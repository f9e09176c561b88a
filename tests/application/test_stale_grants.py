"""No grant on a name outlives its object: a new object belongs to its creator only."""

import json
import unittest
from unittest import mock

from mlflow_oidc_auth import permission_kinds
from mlflow_oidc_auth.hooks import after_request
from mlflow_oidc_auth.store import store
from mlflow_sso import stale_grants, upstream_guard
from tests.environment import MEMBER, OTHER, PROVIDER  # before the imports below
from tests.served import application, ask, people
from tests.test_trace_locations import experiment

OWNER, THIEF = PROVIDER.bearer(MEMBER), PROVIDER.bearer(OTHER)
API = "/api/2.0/mlflow"
GROUP = "all-members"


def setUpModule():
    people(MEMBER, OTHER)
    application()
    store.populate_groups([GROUP])
    store.add_user_to_group(OTHER, GROUP)


class TestGrants(unittest.IsolatedAsyncioTestCase):
    async def test_a_new_model_or_prompt_has_no_grant_of_an_earlier_one(self):
        for name, tags in (("churn", []), ("a-prompt", [{"key": "mlflow.prompt.is_prompt", "value": "true"}])):
            made = {"name": name, "tags": tags}
            self.assertEqual((await ask(f"{API}/registered-models/create", THIEF, made))[0], 200)
            self.assertEqual((await ask(f"{API}/registered-models/delete", THIEF, {"name": name}, "DELETE"))[0], 200)
            # The result of the race: checked while the model existed, written after its deletion.
            store.create_group_model_permission(GROUP, name, "MANAGE")
            store.create_registered_model_permission(name, OTHER, "MANAGE")
            self.assertEqual((await ask(f"{API}/registered-models/create", OWNER, made))[0], 200)
            for path, body, method in (
                ("registered-models/get", None, "GET"),
                ("registered-models/update", {"name": name, "description": "mine now"}, "PATCH"),
                ("registered-models/alias", {"name": name, "alias": "production", "version": "1"}, "POST"),
                ("registered-models/delete", {"name": name}, "DELETE"),
            ):
                status, said = await ask(f"{API}/{path}", THIEF, body, method, b"name=" + name.encode() if method == "GET" else b"")
                self.assertEqual(status, 403, (name, path, said))
            self.assertEqual((await ask(f"{API}/registered-models/get", OWNER, None, "GET", b"name=" + name.encode()))[0], 200)

    async def test_a_creator_has_manage_despite_an_earlier_lower_grant(self):
        store.create_registered_model_permission("fewer", MEMBER, "NO_PERMISSIONS")
        self.assertEqual((await ask(f"{API}/registered-models/create", OWNER, {"name": "fewer"}))[0], 200)
        self.assertEqual(store.get_registered_model_permission("fewer", MEMBER).permission, "MANAGE")

    async def test_a_new_scorer_has_no_grant_of_an_earlier_one_and_a_new_version_keeps_them(self):
        identifier = await experiment(OWNER, self.id())
        store.create_group_scorer_permission(GROUP, identifier, "judge", "MANAGE")
        store.create_scorer_permission(identifier, "judge", OTHER, "MANAGE")
        judge = {"name": "judge", "mlflow_version": "3.17.2", "instructions_judge_pydantic_data": {"model": "openai:/x", "instructions": "{{ outputs }}"}}
        body = {"experiment_id": identifier, "name": "judge", "serialized_scorer": json.dumps(judge)}
        status, said = await ask("/api/3.0/mlflow/scorers/register", OWNER, body)
        self.assertEqual(status, 200, said)
        query = b"experiment_id=" + identifier.encode() + b"&name=judge"
        self.assertEqual((await ask("/api/3.0/mlflow/scorers/get", THIEF, None, "GET", query))[0], 403)
        self.assertEqual(store.list_group_scorer_permissions(GROUP), [])
        store.create_scorer_permission(identifier, "judge", OTHER, "READ")
        status, said = await ask("/api/3.0/mlflow/scorers/register", OWNER, body)
        self.assertEqual((status, said.get("version")), (200, 2), said)
        self.assertEqual(store.get_scorer_permission(identifier, "judge", OTHER).permission, "READ")

    async def test_a_new_experiment_has_no_grant_that_was_there_before(self):
        following = str(int(await experiment(OWNER, self.id())) + 1)
        store.create_group_experiment_permission(GROUP, following, "MANAGE")
        self.assertEqual(await experiment(OWNER, self.id() + "2"), following)
        self.assertEqual((await ask(f"{API}/experiments/get", THIEF, None, "GET", b"experiment_id=" + following.encode()))[0], 403)
        self.assertEqual((await ask(f"{API}/experiments/get", OWNER, None, "GET", b"experiment_id=" + following.encode()))[0], 200)

    async def test_a_new_mcp_server_has_no_grant_of_an_earlier_one(self):
        name = "io.example/server"
        store.create_group_mcp_server_permission(GROUP, name, "MANAGE")
        store.create_mcp_server_permission(name, OTHER, "MANAGE")
        from mlflow_oidc_auth.middleware import mcp_server_registry

        mcp_server_registry._grant_creator_manage(name, MEMBER)
        self.assertEqual([row[0] for row in store.list_mcp_server_users(name)], [MEMBER])
        self.assertEqual(store.list_group_mcp_server_permissions(GROUP), [])

    async def test_grants_on_names_that_nothing_has_are_swept_and_no_others(self):
        identifier = await experiment(OWNER, self.id())
        await ask(f"{API}/registered-models/create", OWNER, {"name": "stays"})
        store.create_group_model_permission(GROUP, "stays", "READ")
        store.create_group_experiment_permission(GROUP, identifier, "READ")
        store.create_group_model_permission(GROUP, "gone", "MANAGE")
        store.create_registered_model_permission("gone", OTHER, "MANAGE")
        store.create_experiment_permission("987654321", OTHER, "MANAGE")
        store.create_scorer_permission(identifier, "gone", OTHER, "MANAGE")
        store.create_group_registered_model_regex_permission(group_name=GROUP, regex="^to-come", priority=1, permission="READ")
        self.assertGreaterEqual(stale_grants.sweep(), 4)
        self.assertEqual(stale_grants.sweep(), 0)
        self.assertEqual([row.name for row in store.get_group_models(GROUP)], ["stays"])
        self.assertIn(identifier, [row.experiment_id for row in store.get_group_experiments(GROUP)])
        self.assertEqual(store.get_registered_model_permission("stays", MEMBER).permission, "MANAGE")
        self.assertEqual(store.get_experiment_permission(identifier, MEMBER).permission, "MANAGE")
        self.assertEqual(len(store.list_group_registered_model_regex_permissions(GROUP)), 1)

    async def test_an_object_created_during_a_sweep_keeps_its_grants(self):
        made = []
        look = stale_grants._all

        def while_it_is_made(at, *columns):
            names = look(at, *columns)  # read before the new one exists
            if not made:
                made.append(store.create_registered_model_permission("made-meanwhile", MEMBER, "MANAGE"))
            return names

        with mock.patch.object(stale_grants, "_all", while_it_is_made):
            store.create_registered_model_permission("old", MEMBER, "MANAGE")
            stale_grants.sweep()
        self.assertEqual(store.get_registered_model_permission("made-meanwhile", MEMBER).permission, "MANAGE")
        stale_grants.sweep()

    def test_a_sweep_that_fails_is_tried_again(self):
        keep_swept = stale_grants.keep_swept
        with mock.patch.object(stale_grants, "sweep", side_effect=OSError("away")) as swept, mock.patch.object(stale_grants, "keep_swept") as following:
            keep_swept(0.05).join()
            self.assertTrue(swept.called)
            following.assert_called_once_with(0.05)

    def test_every_kind_of_grant_is_cleared_by_one_of_both(self):
        self.assertEqual({kind.name for kind in permission_kinds.GRANT_KINDS}, set(stale_grants.CLEARED))
        bound = set(after_request.AFTER_REQUEST_HANDLERS.values())
        self.assertLessEqual(set(stale_grants.REPLACED.values()), bound)
        self.assertFalse({getattr(after_request, name) for name in stale_grants.REPLACED} & bound)

    def test_a_plugin_that_grants_in_another_place_stops_the_start(self):
        with self.assertRaises(upstream_guard.Changed):
            stale_grants.belong_to_creators()  # its handlers were removed
