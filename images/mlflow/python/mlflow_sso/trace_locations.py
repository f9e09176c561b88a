"""Keeps clients and the server from following a location that a member wrote.

Upstream defect (MLflow 3.17.2): three tags of a trace contain the location of its data, and any
user who may edit the trace may write them: `mlflow.artifactLocation` by every route that sets tags,
all three as span attributes `mlflow.traceTag.<tag>` over OTLP and in the tags of a trace that is
started or ended. Nothing validates the value. The stock client opens it with its own credentials,
so a user who reads the trace sends their token to a host of the writer's choice; the server opens
it without any permission check.

Here a request that sets only such a tag is refused, and other requests lose it: the server writes
its own. Stored rows are not trusted either: a trace is returned with the location that the server
would give it. The location of an experiment, a run, a logged model or a model version that
addresses a host is withheld.
"""

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.host_policy import rejected_host_addressed_scheme
from mlflow.store.model_registry import sqlalchemy_store as registry
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.store.tracking import sqlalchemy_store as tracking
from mlflow.store.tracking.dbmodels import models
from mlflow.tracing.constant import SpansLocation, TraceTagKey
from mlflow.tracing.trace_archival_config import get_trace_archival_server_config
from mlflow.utils.mlflow_tags import MLFLOW_ARTIFACT_LOCATION
from mlflow.utils.uri import append_to_uri_path
from sqlalchemy import select
from sqlalchemy.orm import object_session

from mlflow_sso import upstream_guard

ARTIFACTS, SPANS, ARCHIVE = MLFLOW_ARTIFACT_LOCATION, TraceTagKey.SPANS_LOCATION, TraceTagKey.ARCHIVE_LOCATION
TAGS = frozenset({ARTIFACTS, SPANS, ARCHIVE})
# Replaces a location that must not be followed. No client knows this scheme.
WITHHELD = "withheld:/"
# The usual location: on this server, with no host in the address.
OWN = "mlflow-artifacts:/"
# Experiments whose location is cached; it never changes.
EXPERIMENTS = 10_000

_locations = {}


def followable(location):
    """A location, or the placeholder if it addresses a host that is not this server's store."""
    if location and not (location.startswith(OWN) and location[len(OWN) : len(OWN) + 1] != "/") and rejected_host_addressed_scheme(location):
        return WITHHELD
    return location


def without_locations(tags):
    """A client's tags of a trace, without those that only the server sets."""
    return {key: value for key, value in tags.items() if key not in TAGS}


def corrected(tags, trace_id, location):
    """Stored tags of a trace, with no location but the server's own.

    location is that of its experiment; None if unknown.
    """
    if tags.keys().isdisjoint(TAGS):
        return tags
    tags = dict(tags)
    if ARTIFACTS in tags:
        own = append_to_uri_path(followable(location), "traces", trace_id, "artifacts") if location else WITHHELD
        if tags[ARTIFACTS] != own:
            tags[ARTIFACTS] = own
    if tags.get(SPANS) == SpansLocation.ARCHIVE_REPO.value and _archived(tags.get(ARCHIVE)):
        return tags
    tags.pop(ARCHIVE, None)
    if tags.get(SPANS) not in (None, SpansLocation.TRACKING_STORE.value, SpansLocation.ARTIFACT_REPO.value):
        del tags[SPANS]
    return tags


def _archived(location):
    """Whether a location is below the one that this server archives traces to."""
    settings = get_trace_archival_server_config()
    if settings is None or not settings.enabled or not settings.location or not location or ".." in location:
        return False
    return location.startswith(settings.location.rstrip("/") + "/")


def protect():
    """Installs this where tags are written and where stored rows become responses."""
    _guard()
    _refuse_tags()
    _correct_traces()
    for model, attribute in ((models.SqlExperiment, "artifact_location"), (models.SqlLoggedModel, "artifact_location"), (SqlModelVersion, "source")):
        _withhold(model, lambda entity: entity, "_" + attribute, attribute)
    _withhold(models.SqlRun, lambda run: run.info, "_artifact_uri", "artifact_uri")
    uri = registry.SqlAlchemyStore.get_model_version_download_uri
    registry.SqlAlchemyStore.get_model_version_download_uri = lambda self, name, version: followable(uri(self, name, version))


def _guard():
    store = tracking.SqlAlchemyStore
    for function in (store.set_trace_tag, store._log_spans_once):
        upstream_guard.uses(function, "_validate_trace_tag")
    # Each of these writes a trace's tag. Those of the archive and the server's own do not come from a client.
    upstream_guard.count(tracking, "SqlTraceTag(", 12)
    upstream_guard.count(tracking, "_build_trace_infos_from_rows(", 3)
    upstream_guard.takes(tracking._build_trace_infos_from_rows, "session", "trace_rows")
    upstream_guard.takes(store.start_trace, "self", "trace_info")
    upstream_guard.takes(store.deprecated_start_trace_v2, "self", "experiment_id", "timestamp_ms", "request_metadata", "tags")
    upstream_guard.takes(store.deprecated_end_trace_v2, "self", "request_id", "timestamp_ms", "status", "request_metadata", "tags")
    upstream_guard.takes(store.delete_trace_tag, "self", "trace_id", "key")
    upstream_guard.takes(store._select_archived_traces_for_delete, "self", "session", "trace_ids")
    upstream_guard.takes(registry.SqlAlchemyStore.get_model_version_download_uri, "self", "name", "version")
    constants = {value for name, value in vars(TraceTagKey).items() if name.isupper() and name.endswith("LOCATION")}
    upstream_guard.same("tags of a trace that name a location", constants | {ARTIFACTS}, TAGS)


def _refuse(key):
    if key in TAGS:
        raise MlflowException.invalid_parameter_value(f"Tag '{key}' says where a trace's data is; only the server sets it")


def _refuse_tags():
    validate, store = tracking._validate_trace_tag, tracking.SqlAlchemyStore
    start, start_v2, end_v2, delete = store.start_trace, store.deprecated_start_trace_v2, store.deprecated_end_trace_v2, store.delete_trace_tag

    def validated(key, value):
        key, value = validate(key, value)
        _refuse(key)  # log_spans omits what this refuses
        return key, value

    def start_trace(self, trace_info):
        trace_info.tags = without_locations(trace_info.tags)
        return start(self, trace_info)

    def start_trace_v2(self, experiment_id, timestamp_ms, request_metadata, tags):
        return start_v2(self, experiment_id, timestamp_ms, request_metadata, without_locations(tags))

    def end_trace_v2(self, request_id, timestamp_ms, status, request_metadata, tags):
        return end_v2(self, request_id, timestamp_ms, status, request_metadata, without_locations(tags))

    def delete_trace_tag(self, trace_id, key):
        _refuse(key)
        return delete(self, trace_id, key)

    tracking._validate_trace_tag = validated
    store.start_trace, store.deprecated_start_trace_v2, store.deprecated_end_trace_v2 = start_trace, start_trace_v2, end_trace_v2
    store.delete_trace_tag = delete_trace_tag


def _correct_traces():
    build, entity = tracking._build_trace_infos_from_rows, models.SqlTraceInfo.to_mlflow_entity
    archived = tracking.SqlAlchemyStore._select_archived_traces_for_delete

    def built(session, trace_rows):
        infos = build(session, trace_rows)
        known = _of_experiments(session, {info.experiment_id for info in infos if ARTIFACTS in info.tags})
        for info in infos:
            info.tags = corrected(info.tags, info.trace_id, known.get(info.experiment_id))
        return infos

    def to_mlflow_entity(self):
        info = entity(self)
        if ARTIFACTS in info.tags:
            session = object_session(self)
            known = _of_experiments(session, {info.experiment_id}) if session else {}
            info.tags = corrected(info.tags, info.trace_id, known.get(info.experiment_id))
        else:
            info.tags = corrected(info.tags, info.trace_id, None)
        return info

    def of_this_archive(self, *, session, trace_ids):
        # A location that this server never archived to names another owner's files: delete the row, keep the
        # files.
        return [
            one if one.archived_artifact_uri is None or _archived(one.archived_artifact_uri) else tracking._TraceDeleteSelection(one.trace_id, None)
            for one in archived(self, session=session, trace_ids=trace_ids)
        ]

    tracking._build_trace_infos_from_rows, models.SqlTraceInfo.to_mlflow_entity = built, to_mlflow_entity
    tracking.SqlAlchemyStore._select_archived_traces_for_delete = of_this_archive


def _of_experiments(session, identifiers):
    """The locations of experiments, cached by ID."""
    if missing := [int(one) for one in identifiers if one not in _locations]:
        if len(_locations) > EXPERIMENTS:
            _locations.clear()
        row = models.SqlExperiment
        rows = session.execute(select(row.experiment_id, row.artifact_location).where(row.experiment_id.in_(missing)))
        _locations.update({str(identifier): location for identifier, location in rows})
    return {one: _locations[one] for one in identifiers if one in _locations}


def _withhold(model, holder, attribute, column):
    """Withholds a location with a host when a row becomes an entity."""
    upstream_guard.uses(model.to_mlflow_entity, column)
    convert = model.to_mlflow_entity

    def to_mlflow_entity(self, *arguments, **options):
        entity = convert(self, *arguments, **options)
        found = getattr(self, column)
        if (safe := followable(found)) is not found:
            target = holder(entity)
            if not hasattr(target, attribute):
                raise upstream_guard.Changed(f"{type(target).__name__}.{attribute}", "none", "where its location is kept")
            setattr(target, attribute, safe)
        return entity

    model.to_mlflow_entity = to_mlflow_entity
