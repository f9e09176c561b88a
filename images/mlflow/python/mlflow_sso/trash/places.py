"""Where MLflow stores files below its artifact root, and which rows name such locations.

    <experiment>/<run>/artifacts
    <experiment>/models/<logged model>/artifacts
    <experiment>/traces/<trace>/artifacts

The folder of a run, a logged model or a trace is called a unit here.
"""

import posixpath
import re
from collections import namedtuple
from urllib.parse import urlsplit

# Table, ID column, and the format of its IDs.
Kind = namedtuple("Kind", "name table column pattern")
RUN = Kind("run", "runs", "run_uuid", re.compile(r"[0-9a-f]{32}"))
MODEL = Kind("logged model", "logged_models", "model_id", re.compile(r"m-[0-9a-f]{32}"))
TRACE = Kind("trace", "trace_info", "request_id", re.compile(r"(tr-)?[0-9a-f]{32}"))
# By the name of the experiment's subfolder for them. Runs have none.
FOLDERS = {"models": MODEL, "traces": TRACE}

ROUTE = "/mlflow-artifacts/artifacts/"


def path_of(place, destination):
    """The path of a location below the artifact root; None if it is outside."""
    if place is None:
        return None
    address = urlsplit(place)
    root = destination.rstrip("/") + "/"
    if address.scheme == "mlflow-artifacts":
        path = address.path
    elif address.scheme in ("http", "https") and ROUTE in address.path:
        path = address.path.partition(ROUTE)[2]
    elif (place.rstrip("/") + "/").startswith(root):
        path = place[len(root) :]
    else:
        return None
    path = posixpath.normpath("/" + path).strip("/")
    return path


def unit_of(path):
    """The unit that contains a path; None for a path above all units."""
    segments = path.split("/")
    depth = 3 if segments[1:2] and segments[1] in FOLDERS else 2
    return "/".join(segments[:depth]) if len(segments) >= depth else None


def own_unit(place, identifier, destination):
    """The unit of a run or logged model, by its location; None if that is not a separate folder."""
    path = path_of(place, destination)
    folder, _, last = (path or "").rpartition("/")
    if last == "artifacts" and posixpath.basename(folder) == identifier and "/" in folder:
        return folder
    return None


class References:
    """Objects with a location of their own choice, in addition to the rows of runs, logged models
    and traces."""

    def __init__(self, owners, destination):
        """owners are pairs of a name to report and a location."""
        self._units, self._above, self._identifiers = {}, {}, {}
        for owner, place in owners:
            if named := re.match(r"runs:/([0-9a-f]{32})\b|models:/(m-[0-9a-f]{32})\b", place):
                self._identifiers[named[1] or named[2]] = owner
            elif (path := path_of(place, destination)) is not None:
                unit = unit_of(path)
                (self._above if unit is None else self._units)[unit or path] = owner

    def of(self, unit):
        """The owner that names a unit or something in it; None if there is none."""
        path = unit
        while path:
            if path in self._above:
                return self._above[path]
            path = path.rpartition("/")[0]
        return self._above.get("") or self._units.get(unit) or self._identifiers.get(posixpath.basename(unit))

    def inside(self, experiment):
        """The owner that names something in an experiment's folder, by its path."""
        for known in (self._units, self._above):
            for path, owner in known.items():
                if path == experiment or path.startswith(experiment + "/"):
                    return owner
        return self.of(experiment)
