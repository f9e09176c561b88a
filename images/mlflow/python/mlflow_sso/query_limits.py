"""Limits the size of a search before MLflow plans it.

In MLflow 3.17.2 each condition of a filter and each sort key is a join: Postgres takes 177 MB to
plan 70 of them and runs out of memory at 100, whatever the tables hold. mlflow-oidc-auth 11.0.2
checks a permission for each ID of a list before it counts them. Neither has a limit.

Requests are checked before the plugin's own hook: lists and texts by the name of their field, in
JSON, in the query string and in GraphQL's variables. Input that reaches a store in another way, such
as an argument written into a GraphQL query, is checked there, and conditions after parsing, which is
cheap, but before planning.
"""

import functools
import inspect
import json
from collections.abc import Sequence

from flask import Response, request
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Tracking
from mlflow.utils import search_logged_model_utils, search_utils
from mlflow_oidc_auth.hooks import before_request_hook

from mlflow_sso import body_limits, text_checks, upstream_guard

# 20 conditions and 5 keys are 25 joins, in addition to the searched table.
CONDITIONS, ORDER = 20, 5
FILTER = 64 << 10  # characters: 1000 ids in an IN (…)
IDS = 1000  # as many as MLflow accepts in any batch
EXPERIMENTS = 10_000  # a search in all experiments names each of them
QUERY = 32 << 10  # characters of a GraphQL query
DEPTH = 4  # objects of a request that are searched for such a field

_EVERYWHERE = {"experimentids", "locations"}
_PARTS = {"orderby": ORDER, "filters": CONDITIONS, "dimensions": CONDITIONS, "aggregations": CONDITIONS}
_SEARCHES = ("search", "_search", "query", "calculate", "find_completed", "batch_get", "get_metric_history_bulk")


def refuse(name, value):
    """Raises if the value of a field or parameter exceeds its limit."""
    plain = name.replace("_", "").lower()
    if isinstance(value, str):
        if "filter" in plain and len(value) > FILTER:
            raise _over(name, f"has {len(value):,} characters", f"{FILTER:,}")
    elif isinstance(value, Sequence):  # protobuf's field names, too
        most = _most(plain)
        if most is not None and len(value) > most:
            raise _over(name, f"has {len(value):,} entries", f"{most:,}")
        if plain in _PARTS and sum(len(part) for part in value if isinstance(part, str)) > FILTER:
            raise _over(name, "is too long", f"{FILTER:,} characters")


def _most(plain):
    if plain in _PARTS:
        return _PARTS[plain]
    if plain in _EVERYWHERE:
        return EXPERIMENTS
    return IDS if plain.endswith("ids") else None


def _over(name, has, most):
    return MlflowException.invalid_parameter_value(f"'{name}' {has}, and the limit is {most}.")


def fields(value, depth=DEPTH):
    """The fields of an object and of its nested objects. Lists contain no fields of a search."""
    if isinstance(value, dict) and depth:
        for name, inner in value.items():
            yield name, inner
            yield from fields(inner, depth - 1)


def _look():
    """Flask's hook: returns a response if the request exceeds a limit."""
    try:
        for name, values in request.args.lists():
            refuse(f"{name}s" if len(values) > 1 and name.endswith("_id") else name, values)
            for value in values:
                refuse(name, value)
        sent = None
        if body_limits.bound(request.method, request.path) is not None and request.content_length:
            sent = _sent()
            if request.path.endswith("/graphql") and isinstance(sent, dict) and len(str(sent.get("query", ""))) > QUERY:
                raise _over("query", f"has {len(str(sent['query'])):,} characters", f"{QUERY:,}")
            for name, value in fields(sent):
                refuse(name, value)
        text_checks.look(sent)
    except MlflowException as error:
        return Response(error.serialize_as_json(), error.get_http_status_code(), mimetype="application/json")
    return None


def _sent():
    """The body as JSON, regardless of its content type, which MLflow does not check either."""
    try:
        # The plugin and MLflow cache the parsed body; a body that is not declared as JSON is not
        # cached.
        sent = request.get_json(silent=True) if request.is_json else json.loads(request.get_data())
        return json.loads(sent) if isinstance(sent, str) else sent  # old clients encode it twice
    except RecursionError:
        raise MlflowException.invalid_parameter_value("The body nests lists or objects deeper than can be read.") from None
    except ValueError:
        return None


def bound(flask_app):
    """Installs the limits; raises if MLflow is not as expected."""
    hooks = flask_app.before_request_funcs.setdefault(None, [])
    upstream_guard.uses(type(flask_app).preprocess_request, "before_request_funcs")
    upstream_guard.same("the plugin's hook among Flask's before a request", before_request_hook in hooks, True)
    hooks.insert(0, _look)
    wrapped = [f"{store.__module__.split('.')[2]}.{name}" for store in (Tracking, Registry) for name in _wrap_searches(store)]
    missing = {"tracking._search_runs", "tracking.search_traces", "tracking.search_logged_models", "model_registry.search_model_versions"} - set(wrapped)
    if missing:
        raise RuntimeError(f"mlflow-sso: got no {sorted(missing)}, want the searches of MLflow 3.17")
    _wrap_parser(search_utils.SearchUtils, "parse_search_filter")
    _wrap_parser(search_utils.SearchModelVersionUtils, "parse_search_filter")
    _wrap_parser(search_logged_model_utils, "parse_filter_string")


def _wrap_searches(store):
    for name, function in inspect.getmembers(store, inspect.isfunction):
        parameters = list(inspect.signature(function).parameters)
        looked = {at: parameter for at, parameter in enumerate(parameters) if _most(parameter.replace("_", "")) is not None or "filter" in parameter}
        if looked and name.startswith(_SEARCHES):
            setattr(store, name, _looking(function, looked))
            yield name


def _looking(function, looked):
    names = set(looked.values())

    @functools.wraps(function)
    def look(*arguments, **named):
        for at, name in looked.items():
            if at < len(arguments):
                refuse(name, arguments[at])
        for name in names & named.keys():
            refuse(name, named[name])
        return function(*arguments, **named)

    return look


def _wrap_parser(owner, name):
    """The three functions that parse all of MLflow's filters."""
    found = vars(owner).get(name)
    if found is None:
        raise RuntimeError(f"mlflow-sso: got no {name} in {owner!r}, want MLflow 3.17's")
    function = found.__func__ if isinstance(found, classmethod) else found

    @functools.wraps(function)
    def parse(*arguments, **named):
        for given in (*arguments, *named.values()):
            refuse("filter", given)
        parsed = function(*arguments, **named)
        if len(parsed) > CONDITIONS:
            raise _over("filter", f"has {len(parsed):,} conditions", f"{CONDITIONS:,}")
        return parsed

    setattr(owner, name, classmethod(parse) if isinstance(found, classmethod) else parse)
