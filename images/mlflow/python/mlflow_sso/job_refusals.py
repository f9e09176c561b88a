"""Refuses what needs MLflow's job runner before anything is created, with the reason and an alternative.

The runner of MLflow 3.17.2 calls the server back without the credentials of the user who started a job, so
nothing that it starts works behind a login, and it takes 1.4 GiB. It is disabled (disabled_features).
MLflow's own responses without it are a 500 that asks the user to set a variable of the server, after a run
has been created; and for starting a scorer a 200, although nothing ever runs it.
"""

import mlflow.server.jobs
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import NOT_IMPLEMENTED
from mlflow.server import handlers, job_api

from mlflow_sso import upstream_guard

REASON = "MLflow's job runner is off on this server, because it works without its users' permissions."
# Prefixes of MLflow's API paths.
API = r"/(?:ajax-)?api/[23]\.0"
# What a route would do, and what works instead; methods; paths.
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
# The same in the form of disabled_features: full text of the response, methods, paths.
ROUTES = tuple((f"{what}: {REASON} {instead}", methods, paths) for what, instead, methods, paths in _REFUSED)
_ANY = f"A job does not run on this server: {REASON}"


def refuse_jobs():
    """Refuses jobs at the runner itself, too: the routes above cover known paths only."""
    if mlflow.server.jobs.submit_job is not _refuse:
        expect()
        mlflow.server.jobs.submit_job = _refuse


def expect(jobs=mlflow.server.jobs):
    """Raises unless MLflow's routes reach the runner as expected, and the runner does not refuse by
    itself."""
    upstream_guard.takes(jobs.submit_job, "function", "params", "timeout", "extra_envs", "creator")
    upstream_guard.uses(jobs.submit_job, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION")
    # A new caller is a new route, or a route that starts jobs now: check whether ROUTES covers
    # it.
    upstream_guard.count(handlers, "import submit_job", 4)
    upstream_guard.count(job_api, "import submit_job", 1)
    upstream_guard.count(handlers, ".upsert_online_scoring_config(", 1)
    upstream_guard.needed("job_refusals", upstream_guard.refers(jobs.submit_job, "NOT_IMPLEMENTED"), "MLflow answers 501 where its job runner is off")


def _refuse(*_, **__):
    raise MlflowException(_ANY, error_code=NOT_IMPLEMENTED)
