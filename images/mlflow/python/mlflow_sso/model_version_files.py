"""Extends READ on a registered model to the files of its versions, and nothing else.

Upstream defect (mlflow-oidc-auth 11.0.2, validators/experiment.py): the artifact routes require a
permission on the experiment in the path. A user who may read a registered model, but not the experiment
of its versions, gets the version's location, and then 403 from
`mlflow.pyfunc.load_model("models:/churn/1")` for every file; `/model-versions/get-artifact` returns the
same files for the same permission.

Here a read that the plugin refuses gets a second check: whether the path is at or below the location of a
version of a model that the caller may read. Requests that the plugin permits skip it. The location of a
version that names a run by `runs:/` is returned as the run's own location, which its reader could not
look up.
"""

from flask import request
from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
from mlflow.exceptions import MlflowException
from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store
from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository
from mlflow.store.model_registry import sqlalchemy_store as registry
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.utils.uri import append_to_uri_path
from mlflow_oidc_auth.hooks import before_request as hooks
from mlflow_oidc_auth.utils.prompt_kind import effective_registry_permission
from mlflow_oidc_auth.validators import experiment
from sqlalchemy import func, select

from mlflow_sso import upstream_guard

# A version's files are in a folder of a run or a logged model: never in an experiment's, or the folder
# of all its runs.
SHALLOWEST = 3
# No model is at deeper paths, and a longer query costs more.
DEEPEST = 64


def locations(segments):
    """Every location at or above a path, in each form that a version may use."""
    found = []
    for end in range(SHALLOWEST, len(segments) + 1):
        found.append("mlflow-artifacts:/" + "/".join(segments[:end]))
        if segments[2] == "artifacts" and end > SHALLOWEST:
            found.append(f"runs:/{segments[1]}/" + "/".join(segments[3:end]))
    return [*found, *(place + "/" for place in found)]


def of_readable_version(path, username):
    """Whether a path is in the files of a version of a model that the caller may read."""
    segments = experiment._artifact_path_segments(path)
    if not SHALLOWEST <= len(segments) <= DEEPEST or not experiment.is_experiment_id_segment(segments[0]):
        return False
    place = func.coalesce(func.nullif(SqlModelVersion.storage_location, ""), SqlModelVersion.source)
    with _get_model_registry_store().ManagedSessionMaker() as session:
        # A deleted version keeps its row.
        there = SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL
        names = session.execute(select(SqlModelVersion.name).where(place.in_(locations(segments)), there).distinct()).scalars().all()
    return any(effective_registry_permission(name, username).permission.can_read for name in names)


def _paths():
    """The paths that a request reads: a list may name several, and all of them count."""
    if experiment._is_artifact_list_request():
        listed = experiment._artifact_listed_path()
        return [listed, *experiment._artifact_list_paths()]
    return [(request.view_args or {}).get("artifact_path")]


def readable():
    """Runs this after the plugin's refusal of an artifact."""
    upstream_guard.uses(hooks._get_proxy_artifact_validator, "validate_can_read_experiment_artifact_proxy", "validate_can_update_experiment_artifact_proxy")
    upstream_guard.takes(experiment._artifact_path_segments, "artifact_path")
    upstream_guard.takes(experiment._artifact_experiment_permission, "experiment_id", "username")
    upstream_guard.uses(registry.SqlAlchemyStore.get_model_version_download_uri, "storage_location", "source")
    validate, uri = hooks.validate_can_read_experiment_artifact_proxy, registry.SqlAlchemyStore.get_model_version_download_uri

    def validated(username):
        if validate(username):
            return True
        return all(path and _may_read(path, username) for path in _paths())

    def get_model_version_download_uri(self, name, version):
        return of_run(uri(self, name, version))

    hooks.validate_can_read_experiment_artifact_proxy = validated
    registry.SqlAlchemyStore.get_model_version_download_uri = get_model_version_download_uri


def _may_read(path, username):
    identifier = experiment._experiment_id_from_artifact_path(path)
    return experiment._artifact_experiment_permission(identifier, username).can_read or of_readable_version(path, username)


def of_run(location):
    """The location of the run that a `runs:/` location names, if the run exists."""
    if not location or not location.startswith("runs:/"):
        return location
    try:
        identifier, path = RunsArtifactRepository.parse_runs_uri(location)
        return append_to_uri_path(_get_tracking_store().get_run(identifier).info.artifact_uri, path or "")
    except MlflowException:
        return location
