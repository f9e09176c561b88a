"""Lets administrators remove a group that has no members.

mlflow-oidc-auth 11.0.2 has *Create group* on its page *Groups* and no way to remove one. Members come from Keycloak alone, so a
group with members is Keycloak's and stays; one without is either made by an administrator, or no longer Keycloak's. Grants of
the group go with it. Where Keycloak has the group after all, the next login of a member makes it again, without grants.
"""

from fastapi import Depends, HTTPException, Response
from fastapi.routing import APIRoute
from mlflow_oidc_auth.audit import emit_audit_event
from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.dependencies import check_admin_permission
from mlflow_oidc_auth.ownership import MANUAL
from mlflow_oidc_auth.repository.group import GroupRepository
from mlflow_oidc_auth.routers._group_route import GroupNameRoute
from mlflow_oidc_auth.routers.group_permissions import group_permissions_router
from mlflow_oidc_auth.store import store

from mlflow_sso import upstream_guard

PATH = group_permissions_router.prefix + "/{group_name}"


def remove(group_name: str, administrator: str = Depends(check_admin_permission)) -> Response:
    """Removes a group and its grants."""
    if group_name in (*config.OIDC_GROUP_NAME, *config.OIDC_ADMIN_GROUP_NAME):
        raise HTTPException(409, f"Group {group_name} decides who may log in: it stays.")
    if group_name not in store.get_groups():
        raise HTTPException(404, f"There is no group {group_name}.")
    if members := len(store.get_group_users(group_name)):
        raise HTTPException(409, f"Group {group_name} has {members} member(s), and members come from Keycloak: remove them, or the group, there.")
    _, grants = store.delete_directory_group(group_name, written_by=MANUAL, actor=administrator)
    emit_audit_event("group.delete", actor=administrator, resource_type="group", resource_id=group_name, detail={"grants": grants})
    return Response(status_code=204)


def remove_empty(application):
    """Adds the route before Flask's mount."""
    upstream_guard.takes(GroupRepository.delete_directory_group, "self", "group_name", "written_by", "admin_override", "actor")
    upstream_guard.has(store, "get_groups", "get_group_users", "delete_directory_group")
    there = [route for route in application.routes if isinstance(route, APIRoute) and route.path == PATH and "DELETE" in route.methods]
    upstream_guard.needed("group_removal", there, "the plugin removes groups")
    application.router.routes.insert(1, GroupNameRoute(PATH, remove, methods=["DELETE"], status_code=204))
