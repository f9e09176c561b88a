"""Checks that what a patch replaces in MLflow or the plugin is still what it was written for.

A patch of a private function protects nothing when a new version calls another one. Each patch
therefore states what it expects, and the server does not start where that is not so.
"""

import inspect
from types import CodeType

# The versions that the patches of this package were written for and tested with.
MLFLOW, PLUGIN = "3.17.2", "11.0.2"


class Changed(RuntimeError):
    """Upstream's code is not what a patch expects."""

    def __init__(self, what, got, want):
        super().__init__(
            f"mlflow-sso: {what}: got {got}, want {want}. The patch was written for MLflow {MLFLOW} and mlflow-oidc-auth {PLUGIN}; "
            "check it against the new version before you change the requirements"
        )


def uses(function, *names):
    """Raises unless a function refers to all these names, itself or in a function inside of it."""
    function = inspect.unwrap(function)
    found = _names(function.__code__)
    if missing := sorted(set(names) - found):
        raise Changed(f"{function.__module__}.{function.__qualname__}", "no use of " + ", ".join(missing), "it used")


def takes(function, *parameters):
    """Raises unless these are a function's parameters."""
    function = inspect.unwrap(function)
    got = tuple(inspect.signature(function).parameters)
    if got != parameters:
        raise Changed(f"parameters of {function.__module__}.{function.__qualname__}", got, parameters)


def count(module, text, want):
    """Raises unless a text is in a module's source so many times: a new place needs a new look."""
    if (got := inspect.getsource(module).count(text)) != want:
        raise Changed(f"uses of {text!r} in {module.__name__}", got, want)


def same(what, got, want):
    """Raises unless two things are equal."""
    if got != want:
        raise Changed(what, got, want)


def _names(code):
    names = {*code.co_names, *code.co_freevars, *code.co_varnames, *code.co_cellvars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
