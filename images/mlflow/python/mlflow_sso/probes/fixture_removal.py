"""Permanently deletes the fixtures of a security test: experiments with their runs and files, models, datasets
and the rest.

Reads prefix, names and the age in seconds of stale fixtures as JSON from standard input. A name consists of
the prefix, the second of its creation and a random part. Deletes the fixtures of this run, and stale ones
that a killed run left.
"""

import contextlib
import json
import os
import sys
import time

import sqlalchemy

# Tables whose rows no store can delete by name, and grants on names that no longer exist, with the column of
# the name.
RUN_TABLES = (
    ("evaluation_datasets", "name"), ("mcp_servers", "name"), ("webhooks", "name"), ("endpoints", "name"), ("model_definitions", "name"),
    ("secrets", "secret_name"),
)  # fmt: skip
PERMISSION_TABLES = (("registered_model_permissions", "name"), ("registered_model_group_permissions", "name"), ("mcp_server_permissions", "name"))


class Fixtures:
    """Knows which names are fixtures of this run or stale ones."""

    def __init__(self, prefix, names, stale, now=time.time):
        self.prefix, self._names, self._stale, self._now = prefix, set(names or []), stale, now

    def include(self, name):
        """Whether to delete the object with this name."""
        made = name.removeprefix(self.prefix).partition("-")[0]
        stale = made.isdigit() and self._now() - int(made) > self._stale
        return name.startswith(self.prefix) and (name in self._names or stale)

    def include_nested(self, name):
        """The same for a name that ends in a fixture's."""
        return self.prefix in name and self.include(name[name.index(self.prefix) :])


def delete_models(models, fixtures):
    """Deletes registered models and prompts; a search omits prompts unless it asks for them."""
    deleted = 0
    for kind in ("", " AND tags.`mlflow.prompt.is_prompt` = 'true'"):
        for model in models.search_registered_models(f"name LIKE '{fixtures.prefix}%'{kind}", max_results=1000):
            if fixtures.include(model.name):
                models.delete_registered_model(model.name)
                deleted += 1
    return deleted


def delete_experiments(runs, root, fixtures):
    """Deletes experiments, their runs and their files."""
    from mlflow.entities import ViewType

    found = runs.search_experiments(view_type=ViewType.ALL, filter_string=f"name LIKE '{fixtures.prefix}%'", max_results=1000)
    ours = [experiment for experiment in found if fixtures.include(experiment.name)]
    for experiment in ours:
        for run in runs.search_runs([experiment.experiment_id], "", ViewType.ALL, max_results=1000):
            runs._hard_delete_run(run.info.run_id)
        if experiment.lifecycle_stage != "deleted":
            runs.delete_experiment(experiment.experiment_id)
        runs._hard_delete_experiment(experiment.experiment_id)
        delete_files(root, experiment.experiment_id)
    return len(ours)


def delete_files(root, experiment):
    """Deletes an experiment's artifacts. Artifacts that MLflow proxies are in this place, whatever the
    experiment's location is."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    get_artifact_repository(f"{root.rstrip('/')}/{experiment}").delete_artifacts("")
    if os.path.isdir(f"{root}/{experiment}"):
        os.rmdir(f"{root}/{experiment}")


def delete_rows(uri, tables, fixtures):
    """Deletes rows by name from the tables that exist."""
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool)
    existing, deleted = set(sqlalchemy.inspect(engine).get_table_names()), 0
    for table, column in tables:
        if table not in existing:
            continue
        with engine.begin() as connection:
            query = sqlalchemy.text(f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE :like")
            for name in connection.execute(query, {"like": f"%{fixtures.prefix}%"}).scalars().all():
                if fixtures.include_nested(name):
                    connection.execute(sqlalchemy.text(f"DELETE FROM {table} WHERE {column} = :name"), {"name": name})
                    deleted += 1
    return deleted


def delete_all(given, environment):
    """Deletes everything and returns the number of objects."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Models
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Runs

    fixtures = Fixtures(given["prefix"], given["names"], given["stale"])
    uri = environment["MLFLOW_BACKEND_STORE_URI"]
    deleted = delete_models(Models(uri), fixtures)
    deleted += delete_experiments(Runs(uri, "mlflow-artifacts:/"), environment["MLFLOW_ARTIFACTS_DESTINATION"], fixtures)
    deleted += delete_rows(uri, RUN_TABLES, fixtures)
    return {"gone": deleted + delete_rows(environment["OIDC_USERS_DB_URI"], PERMISSION_TABLES, fixtures)}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        done = delete_all(json.load(sys.stdin), os.environ)
    print(json.dumps(done))
