"""Closes what MLflow and the plugin leave open to a member who may sign in and nothing more.

Each module names the versions, the fault and its cause; docs/reference/upstream-faults.md describes them for
their authors.
"""

from mlflow_sso import grants, graph, locations, places, references, versions


def complete():
    """Puts all of it in place, or raises where upstream is not what it was written for."""
    graph.authorize()
    locations.remove_own_files_only()
    versions.readable()
    places.protect()
    references.check()
    grants.belong_to_creators()
    grants.keep_swept()
