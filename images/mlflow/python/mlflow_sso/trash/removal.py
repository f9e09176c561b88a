"""Decides what to delete, deletes it, and counts it."""

import heapq
import time
from itertools import batched

from mlflow_sso.trash.database import BATCH
from mlflow_sso.trash.places import FOLDERS, RUN, own_unit, path_of

# The number of items listed by name: the largest, what is kept, and failures.
LISTED = 20


class Report:
    """What was found, and deleted if the request says so."""

    def __init__(self):
        self.rows = {"experiments": 0, "runs": 0, "loggedModels": 0, "traces": 0}
        self.files = {name: {"places": 0, "files": 0, "bytes": 0} for name in ("trash", "orphans", "uploads", "recent", "foreign")}
        self.unknown = 0
        self._kept, self._failures, self._largest = {}, {}, []
        self.kept_count = self.failure_count = 0

    def add(self, what, place, kind, files, size):
        """Counts files: trash, orphans and incomplete uploads, which are deleted, and recent or foreign files,
        which are kept."""
        of = self.files[what]
        of["places"], of["files"], of["bytes"] = of["places"] + 1, of["files"] + files, of["bytes"] + size
        if what in ("trash", "orphans") and size:
            heapq.heappush(self._largest, (size, place, kind, what))
            if len(self._largest) > LISTED:
                heapq.heappop(self._largest)

    def keep(self, what, why):
        """Counts what is kept although it is old enough."""
        self.kept_count += 1
        if len(self._kept) < LISTED:
            self._kept[what] = why

    def fail(self, what, error):
        self.failure_count += 1
        if len(self._failures) < LISTED:
            self._failures[what] = f"{type(error).__name__}: {error}"[:300]

    def result(self):
        largest = [{"bytes": size, "place": place, "kind": kind, "of": what} for size, place, kind, what in sorted(self._largest, reverse=True)]
        return {
            "rows": self.rows, "files": self.files, "unknown": self.unknown, "largest": largest,
            "keptCount": self.kept_count, "kept": [{"what": what, "why": why} for what, why in self._kept.items()],
            "failureCount": self.failure_count, "failures": [{"what": what, "error": error} for what, error in self._failures.items()],
        }  # fmt: skip


class Removal:
    """One round: the trash, then orphans, then incomplete uploads."""

    def __init__(self, database, files, destination, references, delete, trash_seconds, orphan_seconds, foreign, now=time.time):
        self._database, self._files, self._destination, self._references = database, files, destination, references
        self._delete, self._foreign = delete, foreign
        self._before = int((now() - trash_seconds) * 1000)
        self._oldest_recent = now() - orphan_seconds
        self._planned, self._origin = set(), (None, False)
        self.report = Report()

    def run(self):
        for rows in self._database.trash("experiments", self._before):
            for identifier, place, _ in rows:
                self._experiment(identifier, place)
        for table, kind in (("runs", "run"), ("logged_models", "logged model")):
            for rows in self._database.trash(table, self._before):
                self._rows(table, kind, [row for row in rows if row[2] not in self._planned])
        self._orphans()
        self._uploads()
        return self.report.result()

    def _experiment(self, experiment, place):
        """Deletes an experiment in the trash with its contents, unless another object names a part."""
        path = path_of(place, self._destination)
        whole = path == str(experiment)
        owner = self._references.inside(path) if whole else None
        for table in ("runs", "logged_models"):
            for rows in self._database.of_experiment(table, experiment):
                owner = owner or next(filter(None, (self._references.of(self._unit(row) or row[0]) for row in rows)), None)
        if owner or self._database.active_runs(experiment):
            self.report.keep(f"experiment {experiment}", f"named by {owner}" if owner else "it has runs that are not in the trash")
            return
        self._planned.add(experiment)
        measured = self._measure(str(experiment)) if whole else None
        units = [unit for table, name in (("runs", "runs"), ("logged_models", "loggedModels")) for unit in self._rows_of(experiment, table, name)]
        self.report.rows["traces"] += self._database.remove_traces(experiment, self._before) if self._delete else self._database.count_traces(experiment)
        gone = [experiment] if not self._delete else self._database.remove("experiments", [experiment], self._before)
        self.report.rows["experiments"] += len(gone)
        if whole and gone:
            self._take("trash", str(experiment), "experiment", measured)
            return
        for unit in units:  # all that is certain: a user restored the experiment, or it has a location of its own
            self._take("trash", unit, "part of an experiment", self._measure(unit))

    def _rows_of(self, experiment, table, name):
        """Deletes an experiment's runs or logged models, and returns their units."""
        units = []
        for rows in self._database.of_experiment(table, experiment):
            gone = {row[0] for row in rows}
            if self._delete:
                gone = set(self._database.remove_of_experiment(table, sorted(gone), experiment, self._before))
            self.report.rows[name] += len(gone)
            units += [unit for row in rows if row[0] in gone and (unit := self._unit(row))]
        return units

    def _rows(self, table, kind, rows):
        """Deletes runs or logged models in the trash, with their files."""
        free = []
        for row in rows:
            if owner := self._references.of(self._unit(row) or row[0]):
                self.report.keep(f"{kind} {row[0]}", f"named by {owner}")
            else:
                free.append(row)
        gone = {row[0] for row in free}
        if self._delete and gone:
            gone = set(self._database.remove(table, sorted(gone), self._before))
        self.report.rows["runs" if table == "runs" else "loggedModels"] += len(gone)
        for row in free:
            if row[0] in gone and (unit := self._unit(row)):
                self._take("trash", unit, kind, self._measure(unit))

    def _unit(self, row):
        return own_unit(row[1], row[0], self._destination)

    def _orphans(self):
        """Finds units that no row names. Reads names before rows, so that new units have their rows."""
        made, last = self._database.began()
        for name, folder in self._files.children(""):
            if not folder or not name.isdecimal() or str(int(name)) != name:
                self.report.unknown += 1
                continue
            there = self._database.has_experiment(int(name))
            self._origin = made, not there and last is not None and int(name) > last
            for folder, kind, some in self._groups(name):
                self._judge(folder, kind, some, there)
            if self._delete and not there:
                for folder in (*(f"{name}/{one}" for one in FOLDERS), name):
                    self._files.tidy(folder)

    def _groups(self, experiment):
        """The contents of an experiment's folder, by kind: the folder, the kind, and names with whether each is
        a folder."""
        runs = []
        for child, folder in self._files.children(experiment):
            if folder and child in FOLDERS:
                for some in batched(self._files.children(f"{experiment}/{child}"), BATCH, strict=False):
                    yield f"{experiment}/{child}", FOLDERS[child], some
                continue
            runs.append((child, folder))
            if len(runs) == BATCH:
                yield experiment, RUN, runs
                runs = []
        yield experiment, RUN, runs

    def _judge(self, folder, kind, some, there):
        """Removes an experiment's orphaned units; there says whether the experiment has a row."""
        units = {name for name, is_folder in some if is_folder and kind.pattern.fullmatch(name)}
        known = self._database.known(kind, sorted(units))
        for name, _ in some:
            unit = f"{folder}/{name}"
            if name in known:
                continue
            if there and name not in units:
                self.report.unknown += 1  # a user uploaded it next to MLflow's own folders
            elif owner := self._references.of(unit):
                self.report.keep(unit, f"named by {owner}")
            else:
                measured = self._measure(unit)
                self._take(self._orphan(measured[2]), unit, kind.name, measured)

    def _orphan(self, newest):
        """Classifies an orphan by the age of its newest file."""
        made, unknown_experiment = self._origin
        if newest > self._oldest_recent:
            return "recent"
        if not self._foreign and (unknown_experiment or (made is not None and newest < made)):
            return "foreign"
        return "orphans"

    def _uploads(self):
        for remove, size, at in self._files.partial():
            if at > self._oldest_recent:
                continue
            self.report.add("uploads", "", "upload", 1, size)
            if self._delete:
                try:
                    remove()
                except Exception as error:  # the next round retries
                    self.report.fail("an upload that never ended", error)

    def _measure(self, unit):
        """Number, total size and latest time of a unit's files."""
        count, total, newest = 0, 0, 0
        for _, size, at in self._files.files(unit):
            count, total, newest = count + 1, total + size, max(newest, at)
        return count, total, newest or self._files.changed(unit)

    def _take(self, what, unit, kind, measured):
        self.report.add(what, unit, kind, *measured[:2])
        if self._delete and what in ("trash", "orphans"):
            try:
                self._files.remove(unit)
            except Exception as error:  # its rows are deleted: the next round finds it as an orphan
                self.report.fail(unit, error)
