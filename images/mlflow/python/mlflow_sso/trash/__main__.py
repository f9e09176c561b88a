"""`python -m mlflow_sso.trash` reads a JSON request from standard input, and prints what it found or did as
JSON.

    {"delete": false, "trashSeconds": 2592000, "orphanSeconds": 86400, "foreign": false}

`foreign` includes files that are older than the database, or of an experiment with an ID that the database
never assigned.
"""

import contextlib
import json
import os
import sys

from mlflow_sso.trash.database import Busy, Database
from mlflow_sso.trash.files import store
from mlflow_sso.trash.places import References
from mlflow_sso.trash.removal import Removal

# A younger upload may still be in progress.
YOUNGEST_ORPHAN = 3600
# The exit code of a round that must be retried later: sysexits.h's EX_TEMPFAIL.
BUSY = 75


def remove(given, environment):
    """Runs one round with a server's environment variables."""
    if given["orphanSeconds"] < YOUNGEST_ORPHAN or given["trashSeconds"] < 0:
        raise ValueError(f"orphanSeconds is {given['orphanSeconds']} and trashSeconds {given['trashSeconds']}, want at least {YOUNGEST_ORPHAN} and 0")
    database, destination = Database(environment["MLFLOW_BACKEND_STORE_URI"]), environment["MLFLOW_ARTIFACTS_DESTINATION"]
    with database.deleting() if given["delete"] else contextlib.nullcontext():
        references = References(database.owners(), destination)
        return Removal(database, store(destination, environment), destination, references, given["delete"], given["trashSeconds"], given["orphanSeconds"], given["foreign"]).run()


def main(given, environment, output):
    """Runs a round, and returns its exit code."""
    try:
        json.dump(remove(json.load(given), environment), output)
    except Busy as busy:
        print(busy, file=sys.stderr)
        return BUSY
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin, os.environ, sys.stdout))
