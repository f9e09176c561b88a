"""What a database cannot keep is refused with the name of its field, and nobody reads SQL.

MLflow 3.17.2 hands the text of a database's error to the client: the statement, and the parameters
of the whole batch. It does not look for NUL characters, which Postgres takes in no text, and not at
the length of every name. A batch with one bad value says then nothing of which one it is.

NUL characters are looked for in a request, before anything is done with it; a text that is longer
than its column when the database has refused the statement, which costs nothing where it does not.
"""

import json
import re

from flask import request
from mlflow.exceptions import MlflowException
from sqlalchemy import event, exc
from sqlalchemy.engine import Engine

from mlflow_sso import body_limits, upstream_guard

ESCAPED = b"\\u0000"
# What SQLAlchemy adds to the message of a driver.
_ADDED = "_sql_message"
_ROW = re.compile(r"_m\d+$")  # what SQLAlchemy adds where a statement has several rows
_VALUES = re.compile(r"=\(.*\)|\bDETAIL:.*|\bCONTEXT:.*|\bLINE \d+:.*", re.DOTALL)


def look(sent):
    """Raises where the request holds a NUL character; sent is what is known of its body."""
    if "\0" in request.path:
        raise _nul("path")
    for name, values in request.args.lists():
        if "\0" in name or any("\0" in value for value in values):
            raise _nul(name.replace("\0", "\\0"))
    if body_limits.bound(request.method, request.path) is not None and request.content_length and ESCAPED in request.get_data():
        where = next(_where(sent), None)  # an escaped backslash before it makes it a text of six letters
        if where:
            raise _nul(*where)


def _where(value, path="", key=None):
    """The fields with such a character: where, and the key of the entry that they are in."""
    if isinstance(value, str):
        if "\0" in value:
            yield path, key
    elif isinstance(value, dict):
        key = value["key"] if isinstance(value.get("key"), str) and "\0" not in value["key"] else key
        for name, inner in value.items():
            within = f"{path}.{name}".lstrip(".")
            if "\0" in name:
                yield within.replace("\0", "\\0"), key
            yield from _where(inner, within, key)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _where(inner, f"{path}[{at}]", key)


def _nul(name, key=None):
    return _refused(name, key, "holds a NUL character, which no text here can have")


def _refused(name, key, problem):
    of = f" of the key {json.dumps(key[:250], ensure_ascii=False)}" if key else ""
    return MlflowException.invalid_parameter_value(f"'{name}'{of} {problem}; nothing was stored.")


def show_no_sql():
    """Errors of databases say what the driver says, and name the field where a text was too long."""
    upstream_guard.has(exc.StatementError, _ADDED)
    upstream_guard.takes(exc.StatementError._sql_message, "self")
    exc.StatementError._sql_message = exc.StatementError.__str__ = _said
    event.listen(Engine, "handle_error", _name_the_field)


def _said(error):
    """The driver's first line, without values."""
    first = str(error.args[0] if error.args else error.orig).strip()
    return _VALUES.sub("", first).strip()


def _name_the_field(context):
    if not isinstance(context.sqlalchemy_exception, exc.DataError) or context.execution_context is None:
        return
    compiled = getattr(context.execution_context, "compiled", None)
    table = getattr(getattr(compiled, "statement", None), "table", None)
    if table is None:
        return
    lengths = {column.key: getattr(column.type, "length", None) for column in table.columns}
    for row in context.execution_context.compiled_parameters or ():
        for name, value in row.items():
            if not isinstance(value, str):
                continue
            key = row.get("key") if name != "key" and isinstance(row.get("key"), str) else None
            name = _ROW.sub("", name)
            if "\0" in value:
                raise _nul(name, key)
            if lengths.get(name) and len(value) > lengths[name]:
                raise _refused(name, key, f"has {len(value):,} characters, and the limit is {lengths[name]:,}")
