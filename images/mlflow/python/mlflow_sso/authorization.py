"""Closes authorization gaps that MLflow and the plugin leave open to members.

Each module names the versions, the defect and its cause; docs/reference/upstream-faults.md describes them
for the authors of MLflow and the plugin.
"""

from mlflow_sso import artifact_location_guard, graphql_authorization, last_manager, model_version_files, reference_checks, stale_grants, trace_locations


def complete():
    """Installs all of these patches; raises if upstream is not as expected."""
    graphql_authorization.authorize()
    artifact_location_guard.remove_own_files_only()
    model_version_files.readable()
    trace_locations.protect()
    reference_checks.check()
    last_manager.protect_last_manager()
    stale_grants.belong_to_creators()
    stale_grants.keep_swept()
