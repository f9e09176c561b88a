"""Refuses to remove the last MANAGE grant of an object, unless an administrator does it.

With mlflow-oidc-auth 11.0.2 one click on the bin in one's own row removes one's own MANAGE grant without
confirmation. Only an administrator can restore it, and the name stays taken.

The check is on the grants before a change is written, so it covers every route that changes one: experiments,
models, prompts, scorers, the gateway and MCP servers; users and groups. Only administrators create patterns,
so they do not count. It does not apply to the deletion or renaming of objects, which runs inside Flask, or to
this package's programs, which have no caller.
"""

from fastapi import HTTPException
from flask import has_request_context
from mlflow.exceptions import MlflowException
from mlflow_oidc_auth.bridge.user import get_auth_context
from mlflow_oidc_auth.db.models import SqlUser, SqlUserGroup
from mlflow_oidc_auth.permission_kinds import table_owning_kinds
from mlflow_oidc_auth.permissions import MANAGE
from mlflow_oidc_auth.routers import _permission_routes, mcp_server_permissions
from sqlalchemy import event, inspect, select

from mlflow_sso import upstream_guard

STATUS = 409


class LastManager(MlflowException):
    """The change would leave no user who can share the object."""

    def __init__(self, kind, name):
        super().__init__(f"This is the last MANAGE on {kind.replace('_', ' ')} {name}: without it no member could change or share it. Give MANAGE to another user first, or ask an administrator.")


def protect_last_manager():
    """Checks every change of a user's or group's grant."""
    upstream_guard.same("the kinds of grants", {kind.name for kind in table_owning_kinds()}, {
        "experiment", "registered_model", "scorer", "gateway_endpoint", "gateway_model_definition", "gateway_secret", "mcp_server", "workspace",
    })  # fmt: skip
    upstream_guard.takes(_permission_routes.Failure.translate, "self", "error")
    upstream_guard.uses(_permission_routes._execute, "translate")
    upstream_guard.takes(mcp_server_permissions._http_error, "e", "action")
    for kind in table_owning_kinds():
        for model in (kind.user_model, kind.group_model):
            upstream_guard.has(model, "permission", *kind.key_columns)
            event.listen(model, "before_update", _updated(kind))
            event.listen(model, "before_delete", _deleted(kind))
    _permission_routes.Failure.translate = _translated(_permission_routes.Failure.translate)
    mcp_server_permissions._http_error = _translated(mcp_server_permissions._http_error)


def _translated(plugins_own):
    """The plugin's response to an error, with this error's message."""

    def translate(*arguments):
        refused = next((one for one in arguments if isinstance(one, LastManager)), None)
        return HTTPException(STATUS, refused.message) if refused else plugins_own(*arguments)

    return translate


def _updated(kind):
    def before_update(_, connection, grant):
        changed = inspect(grant).attrs.permission.history
        if MANAGE.name in (changed.deleted or ()) and grant.permission != MANAGE.name:
            _check(kind, connection, grant)

    return before_update


def _deleted(kind):
    def before_delete(_, connection, grant):
        if grant.permission == MANAGE.name:
            _check(kind, connection, grant)

    return before_delete


def _check(kind, connection, grant):
    if _by_a_member() and not _others(kind, connection, grant):
        raise LastManager(kind.name, getattr(grant, kind.key_columns[-1]))


def _by_a_member():
    """Whether a non-administrator changes grants through the plugin's routes."""
    if has_request_context():
        return False
    try:
        return not get_auth_context().is_admin
    except Exception:  # no caller: one of this package's programs
        return False


def _others(kind, connection, grant):
    """Whether an active user keeps MANAGE on the same object by another grant, or by a group."""
    users, groups = kind.user_model, kind.group_model
    by_user = select(users.id).join(SqlUser, SqlUser.id == users.user_id)
    by_group = select(groups.id).join(SqlUserGroup, SqlUserGroup.group_id == groups.group_id).join(SqlUser, SqlUser.id == SqlUserGroup.user_id)
    if isinstance(grant, users):
        by_user = by_user.where(users.user_id != grant.user_id)
    else:
        by_group = by_group.where(groups.group_id != grant.group_id)
    for query, model in ((by_user, users), (by_group, groups)):
        same = [getattr(model, column) == getattr(grant, column) for column in kind.key_columns]
        if connection.execute(query.where(*same, model.permission == MANAGE.name, SqlUser.active.is_(True)).limit(1)).first():
            return True
    return False
