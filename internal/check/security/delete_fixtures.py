"""Deletes experiments, models, datasets and all else that a run of attacks made, with their runs and files, for good.

Names of this run come on standard input; what begins with the prefix and was made longer ago
than a run takes was left behind by one that was killed.
"""

import json
import os
import sys
import time

import sqlalchemy
from mlflow.entities import ViewType
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Models
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Runs

given = json.load(sys.stdin)
prefix, names = given["prefix"], set(given["names"] or [])


def ours(name):
    made = name.removeprefix(prefix).partition("-")[0]
    return name.startswith(prefix) and (name in names or (made.isdigit() and time.time() - int(made) > given["stale"]))


uri, root = os.environ["MLFLOW_BACKEND_STORE_URI"], os.environ["MLFLOW_ARTIFACTS_DESTINATION"]
gone = 0
models = Models(uri)
# A search leaves prompts out unless it asks for them.
for kind in ("", " AND tags.`mlflow.prompt.is_prompt` = 'true'"):
    for model in models.search_registered_models(f"name LIKE '{prefix}%'{kind}", max_results=1000):
        if ours(model.name):
            models.delete_registered_model(model.name)
            gone += 1
runs = Runs(uri, "mlflow-artifacts:/")
for experiment in runs.search_experiments(view_type=ViewType.ALL, filter_string=f"name LIKE '{prefix}%'", max_results=1000):
    if not ours(experiment.name):
        continue
    for run in runs.search_runs([experiment.experiment_id], "", ViewType.ALL, max_results=1000):
        runs._hard_delete_run(run.info.run_id)
    if experiment.lifecycle_stage != "deleted":
        runs.delete_experiment(experiment.experiment_id)
    runs._hard_delete_experiment(experiment.experiment_id)
    # What passes through MLflow lies there, whatever the experiment says about its place.
    get_artifact_repository(f"{root.rstrip('/')}/{experiment.experiment_id}").delete_artifacts("")
    if os.path.isdir(f"{root}/{experiment.experiment_id}"):
        os.rmdir(f"{root}/{experiment.experiment_id}")
    gone += 1
# What no store can delete by name, and grants on names that are gone. Nested names end in ours.
TABLES = {
    "MLFLOW_BACKEND_STORE_URI": (
        ("evaluation_datasets", "name"), ("mcp_servers", "name"), ("webhooks", "name"), ("endpoints", "name"), ("model_definitions", "name"), ("secrets", "secret_name"),
    ),
    "OIDC_USERS_DB_URI": (("registered_model_permissions", "name"), ("registered_model_group_permissions", "name"), ("mcp_server_permissions", "name")),
}
for variable, tables in TABLES.items():
    engine = sqlalchemy.create_engine(os.environ[variable], poolclass=sqlalchemy.pool.NullPool)
    there = set(sqlalchemy.inspect(engine).get_table_names())
    for table, column in tables:
        if table not in there:
            continue
        with engine.begin() as connection:
            found = connection.execute(sqlalchemy.text(f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE :like"), {"like": f"%{prefix}%"}).scalars().all()
            for name in found:
                if ours(name[name.index(prefix):]):
                    connection.execute(sqlalchemy.text(f"DELETE FROM {table} WHERE {column} = :name"), {"name": name})
                    gone += 1
json.dump({"gone": gone}, sys.stdout)
