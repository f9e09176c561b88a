"""Refuses places for files that are on the server's own disk or where it keeps everybody's files.

Anybody who may create an experiment may say where its files lie, and the plugin asks for no
permission on that place. A local path, or a path below the store that all share, lets a member
leave files in the folder of somebody else's run (found by `mlflow-sso attack`).
"""

import os
import posixpath
from urllib.parse import unquote, urlsplit

from mlflow.exceptions import MlflowException
from mlflow.server import handlers
from mlflow.utils.uri import is_local_uri


def refuse_shared(environment=os.environ, module=handlers):
    """Puts this before MLflow's own look at such a place."""
    look = module._validate_storage_location_uri
    store = environment.get("MLFLOW_ARTIFACTS_DESTINATION", "")

    def stricter(value, field_name):
        if is_local_uri(value, is_tracking_or_registry_uri=False) or _below(value, store):
            raise MlflowException.invalid_parameter_value(
                f"'{field_name}' is a place on the server or in the store that all share; leave it out, and MLflow chooses one"
            )
        return look(value, field_name)

    module._validate_storage_location_uri = stricter


def _below(value, store):
    """Whether a place is in the store, however it is written."""
    place, root = urlsplit(value.strip()), urlsplit(store)
    if not root.scheme or (place.scheme, place.netloc.lower()) != (root.scheme, root.netloc.lower()):
        return False
    path, top = posixpath.normpath("/" + unquote(place.path)), posixpath.normpath("/" + root.path)
    return top == "/" or path == top or path.startswith(top + "/")
