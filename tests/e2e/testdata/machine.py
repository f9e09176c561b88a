"""A job that outlives its tokens: the stock client in four threads. What it needs comes on standard input."""

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

given = json.load(sys.stdin)
os.environ.update(given["environment"])
if given["authority"]:
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(given["authority"])
    os.environ["MLFLOW_TRACKING_SERVER_CERT_PATH"] = os.environ["MLFLOW_SSO_CA_FILE"] = file.name
sys.path.insert(0, given["packages"])

import mlflow

client = mlflow.MlflowClient()
experiment = client.create_experiment(given["experiment"])
run = client.create_run(experiment).info.run_id
began, threads = time.monotonic(), 4


def work(thread):
    steps = 0
    while time.monotonic() - began < given["seconds"]:
        client.log_metric(run, f"loss-{thread}", 1 / (1 + steps), step=steps)
        steps += 1
        time.sleep(0.2)
    return steps


with ThreadPoolExecutor(threads) as pool:
    written = list(pool.map(work, range(threads)))
client.log_text(run, "done", "note.txt")
read = [len(client.get_metric_history(run, f"loss-{thread}")) for thread in range(threads)]
note = mlflow.artifacts.load_text(client.get_run(run).info.artifact_uri + "/note.txt")
client.delete_experiment(experiment)
json.dump({"version": mlflow.__version__, "written": written, "read": read, "note": note, "seconds": time.monotonic() - began}, sys.stdout)
