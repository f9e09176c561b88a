"""Checks permissions on every object that a request references, not only on the one it changes.

Upstream defect (mlflow-oidc-auth 11.0.2, hooks/before_request.py and
middleware/fastapi_permission_middleware.py, with MLflow 3.17.2): the plugin checks the run, trace or
experiment that a request writes to, but not the objects that the request links to it: the traces that
are linked to a run, the prompts that are linked to a trace, logged models as inputs and outputs of a
run, the source run of a logged model, a run's parent, traces in a review queue, and over OTLP the run
in a header and the traces of the spans. A member can write spans, names and tags into another user's
trace, and link other users' objects to their own.

Missing objects are left to MLflow: a client may link a trace before it arrives. A request without
such references costs no query: `mlflow.parentRunId` is looked up in tags that the plugin has already
parsed, and spans are checked with the rows that log_spans loads anyway.
"""

from contextvars import ContextVar

from mlflow.exceptions import MlflowException
from mlflow.protos import service_pb2
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.protos.review_queues_pb2 import AddItemsToReviewQueue
from mlflow.server.handlers import _get_tracking_store, get_endpoints
from mlflow.store.tracking import sqlalchemy_store as tracking
from mlflow.store.tracking.dbmodels.models import SqlSpan
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from mlflow_oidc_auth.hooks import before_request as hooks
from mlflow_oidc_auth.middleware import fastapi_permission_middleware as permission
from mlflow_oidc_auth.utils import all_source_values, effective_experiment_permission, request_body_dict
from mlflow_oidc_auth.utils.prompt_kind import effective_registry_permission
from mlflow_oidc_auth.validators import run as run_validators
from mlflow_oidc_auth.validators._referenced import nested_body_values

from mlflow_sso import upstream_guard

RUN_HEADER = "x-mlflow-run-id"

# The sender of spans and the experiment that the request names, for the duration of the request.
_sender, _destination = ContextVar("sender", default=None), ContextVar("destination", default=None)


def _of_run(identifier):
    return run_validators.get_run_experiment_id(_get_tracking_store(), identifier)


def _of_trace(identifier):
    return _get_tracking_store().get_trace_info(identifier).experiment_id


def _of_model(identifier):
    return _get_tracking_store().get_logged_model(identifier).experiment_id


def may(username, right, find, identifiers):
    """Whether a user has a permission on the experiments of all named objects that exist."""
    for identifier in dict.fromkeys(str(one) for one in identifiers):
        try:
            experiment = find(identifier)
        except MlflowException as error:
            if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                continue
            raise
        if not getattr(effective_experiment_permission(experiment, username).permission, right):
            return False
    return True


def parents(body):
    """The parent runs that tags in a body name, in a single tag or a list of tags."""
    tags = body.get("tags")
    listed = [*tags, body] if isinstance(tags, list) else [body]
    return [tag["value"] for tag in listed if isinstance(tag, dict) and tag.get("key") == MLFLOW_PARENT_RUN_ID and tag.get("value")]


def _parent(username):
    return may(username, "can_update", _of_run, parents(request_body_dict()))


def _linked_traces(username):
    return may(username, "can_read", _of_trace, all_source_values("trace_ids"))


def _queued_traces(username):
    return may(username, "can_read", _of_trace, all_source_values("item_ids"))


def _linked_prompts(username):
    return all(effective_registry_permission(str(name), username).permission.can_read for name in nested_body_values("prompt_versions", "name"))


def _inputs(username):
    return may(username, "can_read", _of_model, nested_body_values("models", "model_id"))


def _outputs(username):
    return may(username, "can_update", _of_model, nested_body_values("models", "model_id"))


def _source_run(username):
    return may(username, "can_update", _of_run, all_source_values("source_run_id"))


MORE = {
    service_pb2.CreateRun: _parent,
    service_pb2.SetTag: _parent,
    service_pb2.LogBatch: _parent,
    service_pb2.LinkTracesToRun: _linked_traces,
    service_pb2.LinkPromptsToTrace: _linked_prompts,
    service_pb2.LogInputs: _inputs,
    service_pb2.LogOutputs: _outputs,
    service_pb2.CreateLoggedModel: _source_run,
    AddItemsToReviewQueue: _queued_traces,
}


def check():
    """Runs this after the plugin's own checks."""
    places = 0
    for table, find in ((hooks.BEFORE_REQUEST_VALIDATORS, lambda path: path), (hooks.LOGGED_MODEL_BEFORE_REQUEST_VALIDATORS, hooks._re_compile_path)):
        for path, more, methods in get_endpoints(MORE.get):
            for method in methods:
                if more in MORE.values() and (key := (find(path), method)) in table:
                    table[key] = _both(table[key], more)
                    places += 1
    upstream_guard.same("routes that are checked further", {request.__name__ for request in MORE} - _bound(), set())
    _check_spans()
    return places


def _both(first, more):
    return lambda username: first(username) and more(username)


def _bound():
    """The requests whose route has a check of this module."""
    found = set()
    for request in MORE:
        for path, handler, methods in get_endpoints(lambda one, wanted=request: one if one is wanted else None):
            if handler is not request:
                continue
            tables = ((hooks.BEFORE_REQUEST_VALIDATORS, path), (hooks.LOGGED_MODEL_BEFORE_REQUEST_VALIDATORS, hooks._re_compile_path(path)))
            if all(any(getattr(table.get((key, method)), "__module__", "") == __name__ for table, key in tables) for method in methods):
                found.add(request.__name__)
    return found


def _check_spans():
    store = tracking.SqlAlchemyStore
    upstream_guard.takes(permission._get_otel_validator, "path")
    upstream_guard.uses(permission._find_fastapi_validator, "_get_otel_validator")
    upstream_guard.takes(store.log_spans, "self", "location", "spans", "tracking_uri")
    upstream_guard.takes(tracking._bulk_upsert, "session", "model_class", "rows")
    upstream_guard.uses(store._log_spans_once, "_bulk_upsert", "existing_traces")
    upstream_guard.count(tracking, "_bulk_upsert(session, SqlSpan, ", 1)
    otel, log, upsert = permission._get_otel_validator, store.log_spans, tracking._bulk_upsert

    def validator_of(path):
        first = otel(path)

        async def validator(username, request):
            if not await first(username, request):
                return False
            if (run := request.headers.get(RUN_HEADER)) and not may(username, "can_update", _of_run, [run]):
                return False
            _sender.set(username)
            return True

        return validator

    def log_spans(self, location, spans, tracking_uri=None):
        token = _destination.set(str(location))
        try:
            return log(self, location, spans, tracking_uri=tracking_uri)
        finally:
            _destination.reset(token)

    def bulk_upsert(session, model_class, rows):
        if model_class is SqlSpan:
            _refuse_foreign(rows)
        return upsert(session, model_class, rows)

    permission._get_otel_validator, store.log_spans, tracking._bulk_upsert = validator_of, log_spans, bulk_upsert


def _refuse_foreign(rows):
    """Refuses spans of traces in other experiments than the request's, unless the sender may write there.

    The rows contain the experiment of their trace, which is locked by now; nothing is written yet.
    """
    destination, sender = _destination.get(), _sender.get()
    if destination is None:
        return
    for experiment in {str(row["experiment_id"]) for row in rows} - {destination}:
        if sender is None or not effective_experiment_permission(experiment, sender).permission.can_update:
            raise MlflowException(
                f"A span belongs to a trace that is not in experiment {destination}; only users who may edit the trace's experiment add spans",
                error_code=PERMISSION_DENIED,
            )
