"""Log a run with MLflow's own client, as a data scientist does, and read it back.

Standard input is one JSON object:

  environment  variables that the person would have exported; among them the token,
               which therefore is in no command and in no inspection of the container
  authority    a certificate in PEM, if there is one; it is written to a file
  trust        the variable that shall name this file, if any
  experiment   the name of the experiment
  megabytes    the size of the large artifact, 0 for none
  model        whether a model is registered too
  keep         whether the experiment stays, for a user who wants to inspect it

The last line of standard output is one JSON object with what was written and what
was read back; the caller compares.
"""

import hashlib
import json
import os
import pathlib
import resource
import sys
import tempfile
import time

given = json.load(sys.stdin)
folder = pathlib.Path(tempfile.mkdtemp())
os.environ.update(given["environment"])
if given.get("trust"):
    (folder / "authority.pem").write_text(given["authority"])
    os.environ[given["trust"]] = str(folder / "authority.pem")

import mlflow
from mlflow import MlflowClient


def digest(path):
    """The SHA-256 of a file, read piece by piece."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fill(path, size):
    """Write what cannot be compressed, and return its digest."""
    with open(path, "wb") as file:
        for _ in range(0, size, 1 << 20):
            file.write(os.urandom(min(size, 1 << 20)))
    return digest(path)


def timed(what, action):
    """Do something and keep the seconds that it took."""
    began = time.monotonic()
    result = action()
    seconds[what] = round(time.monotonic() - began, 2)
    return result


seconds, written = {}, {}
sizes = {"small.bin": 12345}
if given["megabytes"]:
    sizes["large.bin"] = given["megabytes"] << 20
for name, size in sizes.items():
    written[name] = fill(folder / name, size)

# Only what a person writes, from here to the end of the run.
mlflow.set_experiment(given["experiment"])
with mlflow.start_run() as run:
    mlflow.log_params({"rate": 0.1, "kind": "größer als"})
    for step, loss in enumerate((0.5, 0.25, 0.125)):
        mlflow.log_metric("loss", loss, step=step)
    mlflow.log_text("hello", "note.txt")
    mlflow.log_text("<p id='p'>plain</p><script>p.innerText = 'alive'</script>", "page.html")
    for name in sizes:
        timed("upload " + name, lambda: mlflow.log_artifact(folder / name, "data"))  # noqa: B023
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

client = MlflowClient()
found = client.get_run(run.info.run_id)
read = {}
for name in sizes:
    path = timed("download " + name, lambda: client.download_artifacts(run.info.run_id, "data/" + name, str(folder)))  # noqa: B023
    read[name] = digest(path)
answer = {
    "version": mlflow.__version__,
    "experiment": given["experiment"],
    "page": f"/#/experiments/{found.info.experiment_id}/runs/{found.info.run_id}",
    "params": found.data.params,
    "loss": [m.value for m in client.get_metric_history(run.info.run_id, "loss")],
    "note": mlflow.artifacts.load_text(run.info.artifact_uri + "/note.txt"),
    "user": found.info.user_id,
    "written": written,
    "read": read,
    "seconds": seconds,
    "peak_mib": peak,
}
if given.get("model"):
    name = given["experiment"] + "-model"
    client.create_registered_model(name)
    version = client.create_model_version(name, found.info.artifact_uri + "/data", run.info.run_id)
    client.set_registered_model_alias(name, "champion", version.version)
    answer["model"] = client.get_model_version_by_alias(name, "champion").source
    client.delete_registered_model(name)
if not given.get("keep"):
    client.delete_experiment(found.info.experiment_id)
print("\n" + json.dumps(answer))
