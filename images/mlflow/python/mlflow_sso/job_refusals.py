"""What needs MLflow's job runner is refused before anything is made, with the reason and what works instead.

The runner of MLflow 3.17.2 calls the server back without the credentials of the user who started a job, so that nothing it
starts works behind a login, and takes 1.4 GiB. It is off (disabled_features). MLflow's own answers to that are a 500 that asks
the user to set a variable of the server, after a run has been made; and for a scorer that is started, a 200, although nothing
ever judges.
"""

import mlflow.server.jobs
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import NOT_IMPLEMENTED
from mlflow.server import handlers, job_api

from mlflow_sso import upstream_guard

REASON = "MLflow's job runner is off on this server, because it works without its users' permissions."
# How the paths of MLflow's API begin.
API = r"/(?:ajax-)?api/[23]\.0"
# What a route would do, and what works in its place; methods; paths.
_REFUSED = (
    ("A judge does not run on this server", "Run it in a client: mlflow.genai.evaluate(data=traces, scorers=[judge]).", {"POST"}, rf"{API}/mlflow/scorer/invoke"),
    ("An evaluation does not run on this server", "Run it in a client: mlflow.genai.evaluate(data=traces, scorers=[…]).", {"POST"}, rf"{API}/mlflow/genai/evaluate/invoke"),
    (
        "A scorer does not judge new traces by itself on this server",
        "It stays registered: run it in a client, with mlflow.genai.evaluate(data=mlflow.search_traces(), scorers=[scorer]).",
        {"PUT", "POST", "PATCH"},
        rf"{API}/mlflow/scorers/online-config",
    ),
    ("Issues are not detected on this server", "Run it in a client: mlflow.genai.discovery.pipeline.discover_issues().", {"POST"}, rf"{API}/mlflow/issues/invoke"),
    ("A prompt is not optimized on this server", "Run it in a client: mlflow.genai.optimize_prompts().", {"POST"}, rf"{API}/mlflow/prompt-optimization/jobs(?:/[^/]+/cancel)?"),
    ("A job does not run on this server", "Run its work in a client.", {"POST", "PUT", "PATCH", "DELETE"}, rf"{API}/(?:mlflow/)?jobs/?(?:cancel/[^/]+)?"),
)
# The same as disabled_features takes it: the whole text of the answer, methods, paths.
ROUTES = tuple((f"{what}: {REASON} {instead}", methods, paths) for what, instead, methods, paths in _REFUSED)
_ANY = f"A job does not run on this server: {REASON}"


def refuse_jobs():
    """Refuses a job on every other way to the runner, too: the routes above are known by their paths."""
    if mlflow.server.jobs.submit_job is not _refuse:
        expect()
        mlflow.server.jobs.submit_job = _refuse


def expect(jobs=mlflow.server.jobs):
    """Raises unless MLflow's routes reach the runner as they did, and it does not refuse by itself."""
    upstream_guard.takes(jobs.submit_job, "function", "params", "timeout", "extra_envs", "creator")
    upstream_guard.uses(jobs.submit_job, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION")
    # A new one is a new route, or one that starts jobs now: see whether ROUTES has it.
    upstream_guard.count(handlers, "import submit_job", 4)
    upstream_guard.count(job_api, "import submit_job", 1)
    upstream_guard.count(handlers, ".upsert_online_scoring_config(", 1)
    upstream_guard.needed("job_refusals", upstream_guard.refers(jobs.submit_job, "NOT_IMPLEMENTED"), "MLflow answers 501 where its job runner is off")


def _refuse(*_, **__):
    raise MlflowException(_ANY, error_code=NOT_IMPLEMENTED)
