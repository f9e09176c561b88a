"""Lets MLflow alone choose where an experiment's files are.

Whoever may create an experiment may say where its files are, and the plugin asks for no permission
on that place. A path on the server or below the shared store leaves files in the folder of another user
else's run; `mlflow-artifacts:/team-a` is taken and every upload to it is 403, because the plugin
reads the experiment's ID from the path; `s3://…`, `gs://…`, `dbfs:/…` and `models:/…` are taken, the
server has no credentials for them, runs answer 500 and the trash cannot remove them; and a colleague's
client with credentials of its own uploads to the bucket of whoever made the experiment. (MLflow
3.17.2, handlers._create_experiment, and mlflow-oidc-auth 11.0.2, validators/experiment.py.)

Experiments with such a place from before are removed for good without it: the server removes files
in its own store alone.

A bucket of the stack is behind the server (decision 13): nobody needs to name it.
"""

from urllib.parse import urlsplit

from mlflow.exceptions import InvalidUrlException, MlflowException
from mlflow.server import handlers
from mlflow.utils.uri import is_local_uri
from mlflow_oidc_auth.routers import trash

from mlflow_sso import upstream_guard

FIELD = "artifact_location"


def refuse_given(module=handlers):
    """Puts this before MLflow's own check of such a place."""
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
    """Puts this before the plugin removes a run's files for good; it goes on where a place is none of its own."""
    upstream_guard.takes(module._resolve_run_artifact_repository, "artifact_uri")
    upstream_guard.count(module, "except InvalidUrlException", 1)
    upstream_guard.count(module, "get_artifact_repository(", 2)  # both in the function that is replaced
    resolve = module._resolve_run_artifact_repository

    def resolved(artifact_uri):
        place = urlsplit(artifact_uri or "")
        if place.scheme != "mlflow-artifacts" or place.netloc:
            raise InvalidUrlException(f"{place.scheme or 'a path'} is not this server's own store; what is there stays")
        return resolve(artifact_uri)

    module._resolve_run_artifact_repository = resolved
