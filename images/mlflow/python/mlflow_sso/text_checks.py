"""Reports text that a database cannot store by the name of its field, without SQL.

MLflow 3.17.2 returns a database error's text to the client: the statement, and the parameters of
the whole batch. It does not check for NUL characters, which Postgres does not accept in text, or
the length of every name. For a batch with one bad value the error does not say which one it is.

A request is checked for NUL characters before it is processed; for a text that exceeds its column
only after the database has refused the statement, which costs nothing in the usual case.
"""

import json
import re

from flask import request
from mlflow.exceptions import MlflowException
from sqlalchemy import event, exc
from sqlalchemy.engine import Engine

from mlflow_sso import body_limits, upstream_guard

ESCAPED = b"\\u0000"
# What SQLAlchemy appends to a driver's message.
_ADDED = "_sql_message"
_ROW = re.compile(r"_m\d+$")  # what SQLAlchemy appends if a statement has several rows
_VALUES = re.compile(r"=\(.*\)|\bDETAIL:.*|\bCONTEXT:.*|\bLINE \d+:.*", re.DOTALL)


def look(sent):
    """Raises if the request contains a NUL character; sent is the known part of its body."""
    if "\0" in request.path:
        raise _nul("path")
    for name, values in request.args.lists():
        if "\0" in name or any("\0" in value for value in values):
            raise _nul(name.replace("\0", "\\0"))
    if body_limits.bound(request.method, request.path) is not None and request.content_length and ESCAPED in request.get_data():
        where = next(_where(sent), None)  # after an escaped backslash it is a text of six letters
        if where:
            raise _nul(*where)


def _where(value, path="", key=None):
    """The fields with such a character: their path, and the key of the entry that contains them."""
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
    """Reports database errors with the driver's message, and names the field if a text was too long."""
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
