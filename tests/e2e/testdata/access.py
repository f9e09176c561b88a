"""What each token's owner may do, tried with the stock client: tokens as JSON on standard input."""

import json
import os
import sys

answer_to, sys.stdout = sys.stdout, sys.stderr

from mlflow import MlflowClient
from mlflow.exceptions import RestException

URL = "http://127.0.0.1:5000"


def log(client, experiment):
    run = client.create_run(experiment)
    client.log_metric(run.info.run_id, "m", 1.0)
    client.set_terminated(run.info.run_id)


def remove(client, experiment):
    client.delete_experiment(experiment)
    client.restore_experiment(experiment)


def tries(client, ids):
    for name in ("fraud-1", "sales-1"):
        it = ids[name]
        yield f"read {name}", lambda it=it: client.get_experiment(it)
        yield f"log to {name}", lambda it=it: log(client, it)
        yield f"remove {name}", lambda it=it: remove(client, it)
    yield "read model fraud-m", lambda: client.get_registered_model("fraud-m")
    yield "describe model fraud-m", lambda: client.update_registered_model("fraud-m", description="x")


def may(attempt):
    try:
        attempt()
        return True
    except RestException as error:
        if error.get_http_status_code() != 403 and "403" not in str(error) and "Permission denied" not in str(error):
            raise
        return False


def client_of(token):
    os.environ["MLFLOW_TRACKING_TOKEN"] = token
    return MlflowClient(URL, registry_uri=URL)


asked = json.load(sys.stdin)
owner = client_of(asked["owner"])
ids = {}
for name in ("fraud-1", "sales-1"):
    there = owner.get_experiment_by_name(name)
    ids[name] = there.experiment_id if there else owner.create_experiment(name)
if not [m for m in owner.search_registered_models() if m.name == "fraud-m"]:
    owner.create_registered_model("fraud-m")
done = {}
for who, token in asked["tokens"].items():
    client = client_of(token)
    done[who] = {what: may(attempt) for what, attempt in tries(client, ids)}
json.dump(done, answer_to)
