"""Completes lists of permissions beyond a thousand experiments.

mlflow-oidc-auth 11.0.2 lists a user's permissions on experiments, and the experiments to manage, from the
first page of MLflow's search: 1,000. It omits the rest silently, in the plugin's pages and in `mlflow-sso
access`. Models and prompts are paginated correctly.
"""

from mlflow_oidc_auth.routers import experiment_permissions, user_permissions
from mlflow_oidc_auth.utils.data_fetching import fetch_all_experiments

from mlflow_sso import upstream_guard

_PAGE = "tracking_store.search_experiments()"


class _Whole:
    """MLflow's tracking store, whose search without arguments returns every page."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def search_experiments(self, *arguments, **options):
        return self._store.search_experiments(*arguments, **options) if arguments or options else fetch_all_experiments()


def page_through():
    """Patches both plugin modules in place."""
    expect()
    for module in experiment_permissions, user_permissions:
        module._get_tracking_store = _whole(module._get_tracking_store)


def expect(modules=(experiment_permissions, user_permissions)):
    """Raises unless each module searches without arguments once, and all of its lists of other kinds are
    complete."""
    for module in modules:
        upstream_guard.has(module, "_get_tracking_store")
        upstream_guard.needed("whole_lists", hasattr(module, "fetch_all_experiments"), f"{module.__name__} pages through")
        upstream_guard.count(module, _PAGE, 1)
        upstream_guard.count(module, ".search_", 1)
    upstream_guard.uses(fetch_all_experiments, "page_token")


def _whole(get):
    def whole(*arguments, **options):
        return _Whole(get(*arguments, **options))

    return whole
