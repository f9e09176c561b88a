"""Prints every route of this container's application with every place where a request can name a thing.

The answer is JSON: {"routes": [route, ...], "graphql": [field, ...]}. A route has a method, a path
with its parameters in braces, where its fields go (body or query), and its fields; a field is the
list of names that leads to it, its type, and whether it takes a list. Fields come from protobuf
descriptors, from FastAPI's own description, and, for a handler that has neither, from the names
that its source reads. GraphQL's come from the schema, each with a selection of all it returns.
"""

import contextlib
import inspect
import json
import re
import sys

with contextlib.redirect_stdout(sys.stderr):
    from mlflow.server import handlers
    from mlflow_sso.app import plugin

DEPTH = 4
found = {}


def braces(path):
    return re.sub(r"<(?:[a-z_]+:)?([^>]+)>|\{([^}:]+)(?::[a-z]+)?\}", lambda m: "{" + (m[1] or m[2]) + "}", path)


def add(methods, path, fields):
    path = braces(path)
    for method in methods or ["GET"]:
        if method in ("HEAD", "OPTIONS"):
            continue
        known = found.setdefault((method, path), {})
        for field in fields:
            known.setdefault(tuple(field["path"]), field)


def of_message(descriptor, prefix=(), depth=DEPTH):
    for field in descriptor.fields:
        path = [*prefix, field.name]
        many = field.is_repeated
        message = field.message_type
        if message is None:
            kind = "string" if field.type in (field.TYPE_STRING, field.TYPE_BYTES) else "bool" if field.type == field.TYPE_BOOL else "number"
            if field.enum_type is not None:
                kind = "enum:" + field.enum_type.values[min(1, len(field.enum_type.values) - 1)].name
            yield {"path": path, "type": kind, "many": many}
        elif message.GetOptions().map_entry or message.full_name.startswith("google.protobuf.") or depth == 0:
            yield {"path": path, "type": "object", "many": many and not message.GetOptions().map_entry}
        else:
            inner = list(of_message(message, path, depth - 1))
            for one in inner:
                yield one | {"lists": [len(path) - 1, *one.get("lists", [])] if many else one.get("lists", [])}


def of_services():
    from mlflow.protos.mlflow_artifacts_pb2 import MlflowArtifactsService
    from mlflow.protos.model_registry_pb2 import ModelRegistryService
    from mlflow.protos.service_pb2 import MlflowService
    from mlflow.protos.webhooks_pb2 import WebhookService

    for service in (MlflowService, ModelRegistryService, MlflowArtifactsService, WebhookService):
        for path, request, methods in handlers.get_service_endpoints(service, lambda request: request):
            add(methods, path, of_message(request.DESCRIPTOR))


READS = re.compile(r"""(?:args|form|json|request_json|data|payload|body|headers)(?:\.get)?[\[(]\s*["']([A-Za-z_-]+)["']""")


def of_source(function):
    try:
        text = inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):
        return
    for name in sorted(set(READS.findall(text))):
        yield {"path": [name], "type": "string", "many": name.endswith("ids")}


def of_schema(document, schema, prefix=(), depth=DEPTH):
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for choice in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(choice, []):
            yield from of_schema(document, one, prefix, depth)
    kind = schema.get("type")
    if kind == "array":
        for one in of_schema(document, schema.get("items", {}), prefix, depth):
            nested = len(one["path"]) > len(prefix)
            yield one | ({"lists": [len(prefix) - 1, *one.get("lists", [])]} if nested else {"many": True})
    elif kind == "object" and schema.get("properties") and depth:
        for name, inner in schema["properties"].items():
            yield from of_schema(document, inner, [*prefix, name], depth - 1)
    elif kind and prefix:
        yield {"path": list(prefix), "type": "number" if kind == "integer" else "bool" if kind == "boolean" else kind, "many": False}


def of_plugin():
    document = plugin.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            fields = [
                {"path": [p["name"]], "type": "string", "many": False, "query": True}
                for p in operation.get("parameters", []) if p["in"] == "query"
            ]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                fields += of_schema(document, content.get("schema", {}))
            add([method.upper()], path, fields)


def walk(routes, prefix=""):
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if callable(contexts):
            for inner in contexts():
                one = getattr(inner, "route", inner)
                add(getattr(one, "methods", None) or getattr(inner, "methods", None),
                    getattr(inner, "path", None) or prefix + one.path, of_source(getattr(one, "endpoint", None)))
            continue
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        path = prefix + (getattr(route, "path", "") or "")
        flask = getattr(inner, "flask_app", None)
        if flask is not None:
            for rule in flask.url_map.iter_rules():
                add(rule.methods, path + rule.rule, of_source(flask.view_functions.get(rule.endpoint)))
        elif hasattr(inner, "routes"):
            walk(inner.routes, path)
        elif getattr(route, "endpoint", None) is not None:
            add(getattr(route, "methods", None), path, of_source(route.endpoint))


def selection(kind, depth=5):
    from graphql import get_named_type, is_leaf_type, is_object_type

    kind = get_named_type(kind)
    parts = []
    for name, field in getattr(kind, "fields", {}).items():
        inner = get_named_type(field.type)
        if is_leaf_type(inner):
            parts.append(name)
        elif is_object_type(inner) and depth:
            below = selection(inner, depth - 1)
            if below:
                parts.append(name + below)
    return "{" + " ".join(parts) + "}" if parts else ""


def of_input(kind, prefix=(), depth=DEPTH):
    from graphql import GraphQLList, GraphQLNonNull, is_enum_type, is_input_object_type

    many = False
    while isinstance(kind, (GraphQLList, GraphQLNonNull)):
        many = many or isinstance(kind, GraphQLList)
        kind = kind.of_type
    if is_input_object_type(kind) and depth:
        for name, field in kind.fields.items():
            for one in of_input(field.type, [*prefix, name], depth - 1):
                yield one | ({"lists": [len(prefix) - 1, *one.get("lists", [])]} if many else {})
    else:
        name = kind.name
        word = "bool" if name == "Boolean" else "number" if name in ("Int", "Float", "LongString") else "string"
        yield {"path": list(prefix), "type": "enum:" + next(iter(kind.values)) if is_enum_type(kind) else word, "many": many}


def of_graphql():
    from mlflow.server.graphql.graphql_schema_extensions import schema

    inner = schema.graphql_schema
    for operation, root in (("query", inner.query_type), ("mutation", inner.mutation_type)):
        for name, field in (root.fields if root else {}).items():
            yield {
                "operation": operation, "name": name, "selection": selection(field.type),
                "arguments": {argument: str(one.type) for argument, one in field.args.items()},
                "fields": [one for argument, value in field.args.items() for one in of_input(value.type, [argument])],
            }


of_services()
of_plugin()
walk(plugin.router.routes)
json.dump({
    "routes": [{"method": method, "path": path, "fields": list(fields.values())} for (method, path), fields in sorted(found.items())],
    "graphql": list(of_graphql()),
}, sys.stdout)
