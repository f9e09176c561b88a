"""Lets only MLflow choose an experiment's artifact location.

Any user who may create an experiment may set its artifact location, and the plugin checks no permission
for that location. A path on the server or below the shared store writes into the folder of another
user's run. MLflow accepts `mlflow-artifacts:/team-a`, but every upload to it gets 403, because the
plugin reads the experiment's ID from the path. It accepts `s3://…`, `gs://…`, `dbfs:/…` and
`models:/…`, for which the server has no credentials: runs answer 500, the trash cannot remove them, and
another user's client with credentials of its own uploads to the experiment creator's bucket. (MLflow
3.17.2, handlers._create_experiment, and mlflow-oidc-auth 11.0.2, validators/experiment.py.)

Experiments that already have such a location are deleted without their files: the server deletes files
only in its own store.

A stack's bucket is behind the server (decision 13), so no client needs to name it.
"""

from urllib.parse import urlsplit

from mlflow.exceptions import InvalidUrlException, MlflowException
from mlflow.server import handlers
from mlflow.utils.uri import is_local_uri
from mlflow_oidc_auth.routers import trash

from mlflow_sso import upstream_guard

FIELD = "artifact_location"


def refuse_given(module=handlers):
    """Runs this before MLflow's own check of a location."""
    upstream_guard.uses(module._create_experiment, "_validate_storage_location_uri", FIELD)
    upstream_guard.takes(module._validate_storage_location_uri, "value", "field_name")
    look = module._validate_storage_location_uri

    def stricter(value, field_name):
        if field_name == FIELD:
            raise MlflowException.invalid_parameter_value(f"Leave out '{FIELD}': this server chooses where an experiment's files are, got {value[:100]!r}")
        if is_local_uri(value, is_tracking_or_registry_uri=False):
            raise MlflowException.invalid_parameter_value(f"'{field_name}' is a place on the server")
        return look(value, field_name)

    module._validate_storage_location_uri = stricter


def remove_own_files_only(module=trash):
    """Runs this before the plugin permanently deletes a run's files; skips a location outside of the server's
    store."""
    upstream_guard.takes(module._resolve_run_artifact_repository, "artifact_uri")
    upstream_guard.count(module, "except InvalidUrlException", 1)
    upstream_guard.count(module, "get_artifact_repository(", 2)  # both are in the replaced function
    resolve = module._resolve_run_artifact_repository

    def resolved(artifact_uri):
        place = urlsplit(artifact_uri or "")
        if place.scheme != "mlflow-artifacts" or place.netloc:
            raise InvalidUrlException(f"{place.scheme or 'a path'} is not this server's own store; its files stay")
        return resolve(artifact_uri)

    module._resolve_run_artifact_repository = resolved
