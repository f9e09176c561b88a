"""Gives the creator of an object the only grants on its name.

Upstream defect (mlflow-oidc-auth 11.0.2, hooks/after_request.py and middleware/mcp_server_registry.py):
grants are stored by name. A grant that is checked before a model is deleted and written after that leaves a
row without a model, which applies to the next model of that name: its files, aliases and versions. The plugin
removes such rows for a new prompt and for the gateway's kinds, but not for a registered model, a scorer, an
MCP server or an experiment.

Here they are removed for each kind before the creator's grant is written, for a model in the same
transaction. An hourly sweep removes grants on names that do not exist. Patterns are not grants on a name and
stay. A grant on the name of an object that does not exist yet is removed, too: declare a rule instead.
"""

import random
import threading

from mlflow.protos.model_registry_pb2 import CreateRegisteredModel
from mlflow.protos.service_pb2 import CreateExperiment, RegisterScorer
from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModel
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlScorer
from mlflow.utils.proto_json_utils import parse_dict
from mlflow_oidc_auth import permission_kinds
from mlflow_oidc_auth.bridge import get_fastapi_username
from mlflow_oidc_auth.hooks import after_request as hooks
from mlflow_oidc_auth.logger import get_logger
from mlflow_oidc_auth.middleware import mcp_server_registry as mcp
from mlflow_oidc_auth.permissions import MANAGE
from mlflow_oidc_auth.sqlalchemy_store import SqlAlchemyStore
from mlflow_oidc_auth.store import store
from mlflow_oidc_auth.utils.permissions import flush_permission_cache
from sqlalchemy import delete, select

from mlflow_sso import upstream_guard

logger = get_logger()

# Every kind of grant, and the function that clears a name for a new object. Workspaces are not enabled
# here.
CLEARED = {
    "experiment": "here", "registered_model": "here", "prompt": "here", "scorer": "here", "mcp_server": "here",
    "gateway_endpoint": "plugin", "gateway_model_definition": "plugin", "gateway_secret": "plugin", "workspace": "off",
}  # fmt: skip


def _answer(kind, response):
    message = kind.Response()
    parse_dict(response.json, message)
    return message


def own_model(response):
    """A registered model or a prompt: they share their names and their tables."""
    store.grant_creator_prompt_permission(_answer(CreateRegisteredModel, response).registered_model.name, get_fastapi_username())


def own_experiment(response):
    identifier = _answer(CreateExperiment, response).experiment_id
    # IDs are never reused, but a grant on a future ID may have been written by mistake.
    with store.ManagedSessionMaker(read_only=False) as session:
        cleared = sum(repository._wipe_in(session, identifier) for repository in (store.experiment_repo, store.experiment_group_repo))
    if cleared:
        flush_permission_cache()
    store.create_experiment_permission(identifier, get_fastapi_username(), MANAGE.name)


def own_scorer(response):
    made = _answer(RegisterScorer, response)
    if made.version != 1:
        return  # another version of an existing scorer
    store.delete_scorer_permissions_for_scorer(made.experiment_id, made.name)
    store.create_scorer_permission(made.experiment_id, made.name, get_fastapi_username(), MANAGE.name)


REPLACED = {
    "_set_can_manage_registered_model_permission": own_model,
    "_set_can_manage_experiment_permission": own_experiment,
    "_set_can_manage_scorer_permission": own_scorer,
}


def belong_to_creators():
    """Runs this where the plugin grants a creator's permissions."""
    upstream_guard.same("kinds of grants", {kind.name for kind in permission_kinds.GRANT_KINDS}, set(CLEARED))
    upstream_guard.uses(SqlAlchemyStore.grant_creator_prompt_permission, "_grant_creator_of_new_resource", "registered_model_repo", "registered_model_group_repo")
    upstream_guard.uses(SqlAlchemyStore._grant_creator_of_new_resource, "_wipe_in", "_grant_in")
    for kind in ("endpoint", "secret", "model_definition"):
        upstream_guard.uses(getattr(hooks, f"_set_can_manage_gateway_{kind}_permission"), f"grant_creator_gateway_{kind}_permission")
        upstream_guard.uses(getattr(SqlAlchemyStore, f"grant_creator_gateway_{kind}_permission"), "_grant_creator_of_new_resource")
    upstream_guard.uses(mcp.finalize_mcp_response, "_grant_creator_manage", "_grant_parent_creator")
    upstream_guard.takes(mcp._grant_creator_manage, "name", "username")
    originals = {getattr(hooks, name): ours for name, ours in REPLACED.items()}
    routes = [key for key, handler in hooks.AFTER_REQUEST_HANDLERS.items() if handler in originals]
    upstream_guard.same("routes that make a thing with an owner", {originals[hooks.AFTER_REQUEST_HANDLERS[key]] for key in routes}, set(REPLACED.values()))
    for key in routes:
        hooks.AFTER_REQUEST_HANDLERS[key] = originals[hooks.AFTER_REQUEST_HANDLERS[key]]
    grant = mcp._grant_creator_manage

    def own_mcp_server(name, username):
        store.wipe_mcp_server_permissions(name)
        grant(name, username)

    mcp._grant_creator_manage = own_mcp_server


# Seconds between two sweeps of one server process; the first is after a deployment has
# stabilized.
SWEEP = 3600


def sweep():
    """Removes grants on names that do not exist, and returns their number.

    Reads grants first and names after that: a grant without a name then belongs to a deleted object,
    and grants of objects created meanwhile are not in the list. Covers only what MLflow stores by name
    or ID; the plugin removes the gateway's own.
    """
    removed = 0
    for kind, there in (
        (permission_kinds.REGISTERED_MODEL, lambda: _all(_get_model_registry_store(), SqlRegisteredModel.name)),
        (permission_kinds.EXPERIMENT, lambda: _all(_get_tracking_store(), SqlExperiment.experiment_id)),
        (permission_kinds.SCORER, lambda: _all(_get_tracking_store(), SqlScorer.experiment_id, SqlScorer.scorer_name)),
    ):
        for model in (kind.user_model, kind.group_model):
            with store.ManagedSessionMaker() as session:
                rows = session.execute(select(model.id, *(getattr(model, name) for name in kind.key_columns))).all()
            names = there() if rows else set()
            gone = [identifier for identifier, *key in rows if tuple(map(str, key)) not in names]
            if gone:
                with store.ManagedSessionMaker(read_only=False) as session:
                    removed += session.execute(delete(model).where(model.id.in_(gone))).rowcount
    if removed:
        flush_permission_cache()
        logger.warning("Removed %d grants on names that nothing has", removed)
    return removed


def _all(at, *columns):
    with at.ManagedSessionMaker() as session:
        return {tuple(map(str, row)) for row in session.execute(select(*columns))}


def keep_swept(every=SWEEP):
    """Sweeps periodically in the background, for the lifetime of the process."""

    def again():
        try:
            sweep()
        except Exception as error:  # a database is down; the next sweep is soon enough
            logger.warning("Grants on names that nothing has could not be removed: %s", type(error).__name__)
        keep_swept(every)

    timer = threading.Timer(every * random.uniform(0.2, 1), again)
    timer.daemon = True
    timer.start()
    return timer
