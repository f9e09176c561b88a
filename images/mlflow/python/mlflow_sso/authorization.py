"""Closes what MLflow and the plugin leave open to a member who may sign in and nothing more.

Each module names the versions, the fault and its cause; docs/reference/upstream-faults.md describes them for
their authors.
"""

from mlflow_sso import artifact_location_guard, graphql_authorization, last_manager, model_version_files, reference_checks, stale_grants, trace_locations


def complete():
    """Puts all of it in place, or raises where upstream is not what it was written for."""
    graphql_authorization.authorize()
    artifact_location_guard.remove_own_files_only()
    model_version_files.readable()
    trace_locations.protect()
    reference_checks.check()
    last_manager.protect_last_manager()
    stale_grants.belong_to_creators()
    stale_grants.keep_swept()
