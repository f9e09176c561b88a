"""Prints every route that the application of this container has, as JSON: [[method, path], ...].

FastAPI's are taken from the routers themselves, since its own description leaves out those that
hide; Flask's from its map. A parameter is a name that nothing has.
"""

import contextlib
import json
import re
import sys

with contextlib.redirect_stdout(sys.stderr):
    from mlflow_sso.app import plugin

NOTHING = "mlflow-sso-attack-nothing"
found = set()


def add(methods, path):
    for method in methods or ["GET"]:
        if method not in ("HEAD", "OPTIONS"):
            found.add((method, re.sub(r"<[^>]*>|\{[^}]*\}", NOTHING, path)))


def walk(routes, prefix=""):
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if callable(contexts):
            for inner in contexts():
                one = getattr(inner, "route", inner)
                add(getattr(one, "methods", None) or getattr(inner, "methods", None), getattr(inner, "path", None) or prefix + one.path)
            continue
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        path = prefix + (getattr(route, "path", "") or "")
        flask = getattr(inner, "flask_app", None)
        if flask is not None:
            for rule in flask.url_map.iter_rules():
                add(rule.methods, path + rule.rule)
        elif hasattr(inner, "routes"):
            walk(inner.routes, path)
        elif getattr(route, "endpoint", None) is not None:
            add(getattr(route, "methods", None), path)
        elif path:
            add(None, path)


walk(plugin.router.routes)
described = 0
for path, operations in plugin.openapi()["paths"].items():
    described += 1
    add([method.upper() for method in operations], path)
json.dump({"routes": sorted(found), "described": described}, sys.stdout)
