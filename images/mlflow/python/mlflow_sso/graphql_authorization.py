"""Authorizes every field of MLflow's GraphQL endpoint for members.

Upstream defect (mlflow-oidc-auth 11.0.2, graphql/middleware.py, with MLflow 3.17.2): for a field that takes a
list of experiment IDs the plugin removes those that the caller may not read, and stores the rest with
`input["experiment_ids"] = …`. Graphene's input object is a dict with attributes, and MLflow's resolvers read
the attributes, which still hold the whole list. One readable ID therefore opens every experiment. For model
versions it searches the filter's text for a name: the first name of an IN list, or the inside of a quoted
string, opens all others.

Here unknown fields are refused. For a known field the caller must be able to read every ID in its input, as
attribute and as item; otherwise the response is an error that MLflow's pages show: `apiError` with
PERMISSION_DENIED if the field has one, and otherwise an error and null, which leaves a page blank. Model
versions are filtered by their model, as REST does. A field with arguments, an input field, or a resolver that
a new MLflow version adds is refused to everyone but administrators until it is added here.
"""

from graphql import GraphQLError, GraphQLInputObjectType, GraphQLObjectType, get_named_type
from mlflow.server import handlers
from mlflow.server.graphql.graphql_errors import ApiError
from mlflow_oidc_auth.graphql import middleware as plugin
from mlflow_oidc_auth.logger import get_logger

from mlflow_sso import api_refusals, upstream_guard

REFUSED = "Permission denied"
EXPERIMENT, RUN = "an experiment's ID", "a run's ID"
FREE = "no ID"

_SEARCH_RUNS = {
    "experiment_ids": EXPERIMENT, "filter": FREE, "run_view_type": FREE, "max_results": FREE, "order_by": FREE, "page_token": FREE,
}  # fmt: skip
_SEARCH_VERSIONS = {"filter": FREE, "max_results": FREE, "order_by": FREE, "page_token": FREE}
# What each field takes. A field whose input names no ID is refused, unless it is in FREE_FIELDS.
KNOWN = {
    ("Query", "mlflowGetExperiment"): {"experiment_id": EXPERIMENT},
    ("Query", "mlflowGetRun"): {"run_id": RUN, "run_uuid": RUN},
    ("Query", "mlflowListArtifacts"): {"run_id": RUN, "run_uuid": RUN, "path": FREE, "page_token": FREE},
    ("Query", "mlflowGetMetricHistoryBulkInterval"): {
        "run_ids": RUN, "metric_key": FREE, "start_step": FREE, "end_step": FREE, "max_results": FREE,
    },
    ("Query", "mlflowSearchRuns"): _SEARCH_RUNS,
    ("Mutation", "mlflowSearchRuns"): _SEARCH_RUNS,
    ("Mutation", "mlflowSearchDatasets"): {"experiment_ids": EXPERIMENT},
    ("Query", "mlflowSearchModelVersions"): _SEARCH_VERSIONS,
}  # fmt: skip
# Fields that echo their input, or compute something from objects that are already authorized.
FREE_FIELDS = {
    ("Query", "test"), ("Mutation", "testMutation"), ("MlflowRunExtension", "experiment"), ("MlflowMetricExtension", "value"),
}  # fmt: skip
VERSIONS = {("Query", "mlflowSearchModelVersions"), ("MlflowRunExtension", "modelVersions")}

logger = get_logger()


class Unreadable(Exception):
    """The caller may not read something that the field's input names."""


class Authorization(plugin.GraphQLAuthorizationMiddleware):
    """The decisions of one request; graphene calls `resolve` for each of its fields."""

    def __init__(self, unknown):
        super().__init__()
        self._unknown = unknown
        self._readable = {}

    def resolve(self, next_, root, info, **arguments):
        place = (info.parent_type.name, info.field_name)
        if place not in self._unknown and place not in KNOWN and place not in VERSIONS:
            return next_(root, info, **arguments)
        caller = plugin._get_auth_context()
        if caller.username and caller.is_admin:
            return next_(root, info, **arguments)
        try:
            self._check(place, arguments, caller.username)
        except Exception as refused:  # also if the lookup fails: deny when in doubt
            logger.debug("GraphQL: %s.%s is refused to %s: %s", *place, caller.username, refused)
            if place not in self._unknown and (answer := _api_error(place, info.return_type, arguments)) is not None:
                return answer
            raise GraphQLError(REFUSED) from None
        if place == ("MlflowRunExtension", "modelVersions"):
            return self._resolve_model_versions(next_, root, info, caller.username, **arguments)
        answer = next_(root, info, **arguments)
        return self._of_readable_models(answer, caller.username) if place in VERSIONS else answer

    def _check(self, place, arguments, username):
        if not username or place in self._unknown:
            raise Unreadable("there is no caller, or the field is unknown")
        if place not in KNOWN:
            return
        kinds = KNOWN[place]
        given = [(kinds[name], one) for name, value in _fields(arguments.get("input")) for one in _ids(kinds[name], value)]
        if not given and FREE in set(kinds.values()) and len(set(kinds.values())) == 1:
            return
        if not given:
            raise Unreadable("no ID is given")
        for kind, identifier in given:
            if not self._may_read(kind, identifier, username):
                raise Unreadable(f"{kind} may not be read")

    def _may_read(self, kind, identifier, username):
        key = (kind, identifier)
        if key not in self._readable:
            look = plugin._can_read_run if kind is RUN else plugin._can_read_experiment
            self._readable[key] = bool(look(identifier, username))
        return self._readable[key]

    def _of_readable_models(self, answer, username):
        versions = [v for v in answer.model_versions if self._cached_can_read_model(v.name, username)]
        kept = [type(version).FromString(version.SerializeToString()) for version in versions]
        del answer.model_versions[:]
        answer.model_versions.extend(kept)
        return answer


def _api_error(place, type_, arguments):
    """The PERMISSION_DENIED response, if the field's type has one. It repeats only what the request names."""
    graphene = getattr(get_named_type(type_), "graphene_type", None)
    if graphene is None or "apiError" not in graphene._meta.fields:
        return None
    given = {str(one): kind for name, value in _fields(arguments.get("input")) for kind in [KNOWN.get(place, {}).get(name, FREE)] for one in _ids(kind, value)}
    if not given:
        return None
    message = api_refusals.not_shared("run" if RUN in given.values() else "experiment", list(given))
    return graphene(apiError=ApiError(code=api_refusals.PERMISSION_DENIED, message=message))


def _fields(given):
    """Every field of an input object, as attribute and as item: a resolver may read either."""
    if given is None:
        return
    for names in (vars(given) if hasattr(given, "__dict__") else {}), (given if isinstance(given, dict) else {}):
        yield from names.items()


def _ids(kind, value):
    """The IDs in a value: the value itself, or the items of a list."""
    if kind is FREE or value is None:
        return
    for one in value if isinstance(value, (list, tuple)) else [value]:
        yield str(one)


def unknown_fields(schema):
    """Fields with arguments or a resolver that this module does not know."""
    found = set()
    for name, kind in schema.graphql_schema.type_map.items():
        if not isinstance(kind, GraphQLObjectType) or name.startswith("__"):
            continue
        for field_name, field in kind.fields.items():
            place = (name, field_name)
            if place in KNOWN:
                if not _as_known(field, KNOWN[place]):
                    found.add(place)
            elif place not in FREE_FIELDS | VERSIONS and (field.args or _resolves(kind, field_name, field)):
                found.add(place)
    return found


def _as_known(field, kinds):
    """Whether a field takes one input object that has only known, flat fields."""
    if set(field.args) != {"input"}:
        return False
    given = get_named_type(field.args["input"].type)
    return isinstance(given, GraphQLInputObjectType) and all(
        (inside.out_name or name) in kinds and not isinstance(get_named_type(inside.type), GraphQLInputObjectType) for name, inside in given.fields.items()
    )


def _resolves(kind, field_name, field):
    """Whether a field has a resolver of its own, and does not just read an attribute of its parent."""
    graphene = getattr(kind, "graphene_type", None)
    snake = "".join("_" + letter.lower() if letter.isupper() else letter for letter in field_name)
    return graphene is None or any(hasattr(graphene, f"resolve_{name}") for name in (snake, field_name))


def authorize():
    """Replaces the plugin's decision."""
    from mlflow.server.graphql.graphql_schema_extensions import schema

    upstream_guard.uses(handlers._graphql, "_get_graphql_auth_middleware", "middleware", "schema")
    upstream_guard.same("handlers._get_graphql_auth_middleware", handlers._get_graphql_auth_middleware.__module__, "mlflow_oidc_auth.graphql.patch")
    upstream_guard.takes(plugin.GraphQLAuthorizationMiddleware._resolve_model_versions, "self", "next_", "root", "info", "username", "args")
    upstream_guard.takes(plugin._can_read_run, "run_id", "username")
    upstream_guard.takes(plugin._can_read_experiment, "experiment_id", "username")
    upstream_guard.has(ApiError, "code", "message")
    fields = {(name, field) for name, kind in schema.graphql_schema.type_map.items() if isinstance(kind, GraphQLObjectType) for field in kind.fields}
    if gone := sorted((set(KNOWN) | VERSIONS | FREE_FIELDS) - fields):
        raise upstream_guard.Changed("fields of MLflow's GraphQL schema", f"no {gone}", "those that are known here")
    unknown = unknown_fields(schema)
    if unknown:
        logger.warning("GraphQL: unknown fields are refused to all but administrators: %s", sorted(unknown))
    handlers._get_graphql_auth_middleware = lambda: [Authorization(unknown)]
    return unknown
