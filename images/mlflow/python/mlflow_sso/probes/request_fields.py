"""Prints every route of this container's application with every field in which a request can name an object.

The output is {"routes": [route, ...], "graphql": [field, ...]}. A route has a method, a path with its
parameters in braces, and its fields; a field is the list of names that leads to it, its type, and whether it
takes a list. Fields come from protobuf descriptors, from FastAPI's own schema, and, for a handler that has
neither, from the names that its source reads. GraphQL fields come from the schema, each with a selection of
everything that it returns.
"""

import contextlib
import inspect
import json
import re
import sys

DEPTH = 4
READS = re.compile(r"""(?:args|form|json|request_json|data|payload|body|headers)(?:\.get)?[\[(]\s*["']([A-Za-z_-]+)["']""")
PARAMETER = re.compile(r"<(?:[a-z_]+:)?([^>]+)>|\{([^}:]+)(?::[a-z]+)?\}")


class Routes:
    """The routes found so far; the first description of a field wins."""

    def __init__(self):
        self._found = {}

    def add(self, methods, path, fields):
        """Adds fields to a route with each of its methods."""
        path, fields = braces(path), list(fields)
        for method in methods or ["GET"]:
            if method in ("HEAD", "OPTIONS"):
                continue
            known = self._found.setdefault((method, path), {})
            for field in fields:
                known.setdefault(tuple(field["path"]), field)

    def listed(self):
        """All routes, sorted by method and path."""
        return [{"method": method, "path": path, "fields": list(fields.values())} for (method, path), fields in sorted(self._found.items())]


def braces(path):
    """A path of Flask or FastAPI with its parameters in braces."""
    return PARAMETER.sub(lambda found: "{" + (found[1] or found[2]) + "}", path)


def message_type(field):
    """The type of a protobuf field that is not a message."""
    if field.enum_type is not None:
        return "enum:" + field.enum_type.values[min(1, len(field.enum_type.values) - 1)].name
    if field.type in (field.TYPE_STRING, field.TYPE_BYTES):
        return "string"
    return "bool" if field.type == field.TYPE_BOOL else "number"


def message_fields(descriptor, prefix=(), depth=DEPTH):
    """Fields of a protobuf message and of the messages in it."""
    for field in descriptor.fields:
        path, many, message = [*prefix, field.name], field.is_repeated, field.message_type
        if message is None:
            yield {"path": path, "type": message_type(field), "many": many}
        elif message.GetOptions().map_entry or message.full_name.startswith("google.protobuf.") or depth == 0:
            yield {"path": path, "type": "object", "many": many and not message.GetOptions().map_entry}
        else:
            for inner in message_fields(message, path, depth - 1):
                lists = inner.get("lists", [])
                yield inner | {"lists": [len(path) - 1, *lists] if many else lists}


def add_services(routes):
    """Adds the routes that MLflow generates from its protobuf services."""
    from mlflow.protos.mlflow_artifacts_pb2 import MlflowArtifactsService
    from mlflow.protos.model_registry_pb2 import ModelRegistryService
    from mlflow.protos.service_pb2 import MlflowService
    from mlflow.protos.webhooks_pb2 import WebhookService
    from mlflow.server import handlers

    for service in (MlflowService, ModelRegistryService, MlflowArtifactsService, WebhookService):
        for path, request, methods in handlers.get_service_endpoints(service, lambda request: request):
            routes.add(methods, path, message_fields(request.DESCRIPTOR))


def source_fields(function):
    """Fields whose names a handler's source reads."""
    try:
        text = inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):
        return
    for name in sorted(set(READS.findall(text))):
        yield {"path": [name], "type": "string", "many": name.endswith("ids")}


def schema_fields(document, schema, prefix=(), depth=DEPTH):
    """Fields of a JSON schema in an OpenAPI document."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for choice in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(choice, []):
            yield from schema_fields(document, one, prefix, depth)
    kind = schema.get("type")
    if kind == "array":
        for one in schema_fields(document, schema.get("items", {}), prefix, depth):
            nested = len(one["path"]) > len(prefix)
            yield one | ({"lists": [len(prefix) - 1, *one.get("lists", [])]} if nested else {"many": True})
    elif kind == "object" and schema.get("properties") and depth:
        for name, inner in schema["properties"].items():
            yield from schema_fields(document, inner, [*prefix, name], depth - 1)
    elif kind and prefix:
        yield {"path": list(prefix), "type": {"integer": "number", "boolean": "bool"}.get(kind, kind), "many": False}


def operation_fields(document, operation):
    """Fields of the query and of the body of an OpenAPI operation."""
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            yield {"path": [parameter["name"]], "type": "string", "many": False, "query": True}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from schema_fields(document, content.get("schema", {}))


def add_openapi(routes, application):
    """Adds the routes that FastAPI describes."""
    document = application.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            routes.add([method.upper()], path, operation_fields(document, operation))


def add_flask(routes, flask, prefix):
    """Adds the routes of a mounted Flask application."""
    for rule in flask.url_map.iter_rules():
        routes.add(rule.methods, prefix + rule.rule, source_fields(flask.view_functions.get(rule.endpoint)))


def add_contexts(routes, contexts, prefix):
    """Adds the routes of an included router that FastAPI resolves late."""
    for inner in contexts:
        one = getattr(inner, "route", inner)
        methods = getattr(one, "methods", None) or getattr(inner, "methods", None)
        path = getattr(inner, "path", None) or prefix + one.path
        routes.add(methods, path, source_fields(getattr(one, "endpoint", None)))


def add_routes(routes, served, prefix=""):
    """Adds Starlette's routes, including mounted applications."""
    for route in served:
        contexts = getattr(route, "effective_route_contexts", None)
        if callable(contexts):
            add_contexts(routes, contexts(), prefix)
            continue
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        path = prefix + (getattr(route, "path", "") or "")
        flask = getattr(inner, "flask_app", None)
        if flask is not None:
            add_flask(routes, flask, path)
        elif hasattr(inner, "routes"):
            add_routes(routes, inner.routes, path)
        elif getattr(route, "endpoint", None) is not None:
            routes.add(getattr(route, "methods", None), path, source_fields(route.endpoint))


def selection(kind, depth=5):
    """A GraphQL selection of all fields of a type."""
    from graphql import get_named_type, is_leaf_type, is_object_type

    parts = []
    for name, field in getattr(get_named_type(kind), "fields", {}).items():
        inner = get_named_type(field.type)
        if is_leaf_type(inner):
            parts.append(name)
        elif is_object_type(inner) and depth and (below := selection(inner, depth - 1)):
            parts.append(name + below)
    return "{" + " ".join(parts) + "}" if parts else ""


def leaf_type(kind):
    """The type of a GraphQL input that is not an object."""
    from graphql import is_enum_type

    if is_enum_type(kind):
        return "enum:" + next(iter(kind.values))
    return {"Boolean": "bool", "Int": "number", "Float": "number", "LongString": "number"}.get(kind.name, "string")


def input_fields(kind, prefix=(), depth=DEPTH):
    """Fields of a GraphQL argument."""
    from graphql import GraphQLList, GraphQLNonNull, is_input_object_type

    many = False
    while isinstance(kind, (GraphQLList, GraphQLNonNull)):
        many = many or isinstance(kind, GraphQLList)
        kind = kind.of_type
    if not (is_input_object_type(kind) and depth):
        yield {"path": list(prefix), "type": leaf_type(kind), "many": many}
        return
    for name, field in kind.fields.items():
        for one in input_fields(field.type, [*prefix, name], depth - 1):
            yield one | ({"lists": [len(prefix) - 1, *one.get("lists", [])]} if many else {})


def graphql_fields():
    """Every field of GraphQL's query and mutation types."""
    from mlflow.server.graphql.graphql_schema_extensions import schema

    inner = schema.graphql_schema
    for operation, root in (("query", inner.query_type), ("mutation", inner.mutation_type)):
        for name, field in (root.fields if root else {}).items():
            yield {
                "operation": operation, "name": name, "selection": selection(field.type),
                "arguments": {argument: str(one.type) for argument, one in field.args.items()},
                "fields": [one for argument, value in field.args.items() for one in input_fields(value.type, [argument])],
            }  # fmt: skip


def catalogue(application):
    """All routes and GraphQL fields of the application."""
    routes = Routes()
    add_services(routes)
    add_openapi(routes, application)
    add_routes(routes, application.router.routes)
    return {"routes": routes.listed(), "graphql": list(graphql_fields())}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        from mlflow_sso.app import plugin

        everything = catalogue(plugin)
    print(json.dumps(everything))
