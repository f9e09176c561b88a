"""Checks that the upstream code that a patch replaces is still what the patch was written for.

A patch of a private function has no effect when a new version calls another one. Each patch therefore states
what it expects. The image's build (build_check) and every start run all checks; either fails if one check
does.
"""

import inspect
import sys
from types import CodeType

# The versions that the patches of this package were written for and tested with.
MLFLOW, PLUGIN = "3.17.2", "11.0.2"

# How many expectations each module has stated and verified in this process.
stated = {}


class Changed(RuntimeError):
    """Upstream's code is not what a patch expects."""

    def __init__(self, what, got, want):
        super().__init__(
            f"mlflow-sso: {what}: got {got}, want {want}. The patch was written for MLflow {MLFLOW} and mlflow-oidc-auth {PLUGIN}; check it against the new version before you change the requirements"
        )


class NotNeeded(RuntimeError):
    """Upstream no longer needs a patch."""

    def __init__(self, patch, reason):
        super().__init__(f"mlflow-sso: {patch} is no longer needed: {reason}. Remove the patch, its test and its row in docs/reference/mlflow-changes.md")


def uses(function, *names):
    """Raises unless a function refers to all these names, directly or in a nested function."""
    function = inspect.unwrap(function)
    found = _names(function.__code__)
    if missing := sorted(set(names) - found):
        raise Changed(f"{function.__module__}.{function.__qualname__}", "no use of " + ", ".join(missing), "it used")
    _count()


def takes(function, *parameters):
    """Raises unless these are a function's parameters."""
    function = inspect.unwrap(function)
    got = tuple(inspect.signature(function).parameters)
    if got != parameters:
        raise Changed(f"parameters of {function.__module__}.{function.__qualname__}", got, parameters)
    _count()


def has(owner, *names):
    """Raises unless a class or a module has all these names."""
    if missing := [name for name in names if not hasattr(owner, name)]:
        raise Changed(getattr(owner, "__name__", repr(owner)), "no " + ", ".join(missing), "these names")
    _count()


def count(module, text, want):
    """Raises unless a text occurs so many times in a module's source: a new place needs a review."""
    if (got := inspect.getsource(module).count(text)) != want:
        raise Changed(f"uses of {text!r} in {module.__name__}", got, want)
    _count()


def same(what, got, want):
    """Raises unless two values are equal."""
    if got != want:
        raise Changed(what, got, want)
    _count()


def needed(patch, by_itself, reason):
    """Raises if upstream no longer needs the patch."""
    if by_itself:
        raise NotNeeded(patch, reason)
    _count()


def refers(function, name):
    """Whether a function refers to a name, directly or in a nested function."""
    return name in _names(inspect.unwrap(function).__code__)


def _count():
    module = sys._getframe(2).f_globals["__name__"]
    stated[module] = stated.get(module, 0) + 1


def _names(code):
    names = {*code.co_names, *code.co_freevars, *code.co_varnames, *code.co_cellvars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
