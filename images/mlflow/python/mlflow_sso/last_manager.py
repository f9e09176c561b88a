"""Refuses to take the last MANAGE from a thing, unless an administrator does it.

With mlflow-oidc-auth 11.0.2 one click on the bin in one's own row removes one's own MANAGE, without a question. Nobody but an
administrator can give it back, and the name stays taken.

The check is on the grants themselves, before one is written, so that it holds for every route that changes one: experiments,
models, prompts, scorers, the gateway's and MCP servers; users and groups. Patterns are the administrators' alone, so they do
not count. What MLflow does when a thing is deleted or renamed runs inside Flask and is not concerned; the programs of this
package have no caller and are not either.
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
    """The change would leave no user who may share a thing."""

    def __init__(self, kind, name):
        super().__init__(f"This is the last MANAGE on {kind.replace('_', ' ')} {name}: without it no member could change or share it. Give MANAGE to another user first, or ask an administrator.")


def protect_last_manager():
    """Watches every grant of a user and of a group."""
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
    """The plugin's answer to an error, which for this one has its sentence."""

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
    """Whether a user who is no administrator changes grants by the plugin's routes."""
    if has_request_context():
        return False
    try:
        return not get_auth_context().is_admin
    except Exception:  # nobody asks: a program of ours
        return False


def _others(kind, connection, grant):
    """Whether a user who is let in has MANAGE on the same thing by another grant, or by a group."""
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
