"""Rewraps the API keys that users stored in MLflow with the current key, in one transaction.

Reads the current and the previous keys as JSON from standard input, each with the version number that MLflow
stores next to the encrypted value. The argument `report` changes nothing. Prints how many rows it rewrapped,
the key versions of the other rows, and the names of rows that no key of this stack decrypts; those stay
unchanged.
"""

import json
import os
import sys

import psycopg

CONNECT = 20
STORED = "SELECT secret_id, secret_name, wrapped_dek, kek_version FROM secrets ORDER BY secret_name FOR UPDATE"
UPDATE = "UPDATE secrets SET wrapped_dek = %s, kek_version = %s WHERE secret_id = %s"


def stored(database):
    """Reads the stored keys, locked until the transaction ends."""
    if not database.execute("SELECT to_regclass('secrets')").fetchone()[0]:
        return []
    return database.execute(STORED).fetchall()


def opened(wrapped, kek):
    """The data key; None if this key did not wrap it."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.crypto import unwrap_dek

    try:
        return unwrap_dek(bytes(wrapped), kek)
    except (MlflowException, ValueError):
        return None


def rewrap(database, now, values, report=False):
    """Rewraps with the current key what a previous one wrapped, and returns the result."""
    found = {"rewrapped": 0, "pending": [], "lost": []}
    rows = stored(database)
    if not rows:
        return found
    from mlflow.utils.crypto import KEKManager, wrap_dek

    values = {**values, now["Number"]: now["Value"]}
    # Deriving each key takes a noticeable time.
    keks = {number: KEKManager(values[number], number).get_kek() for number in {row[3] for row in rows} & values.keys() | {now["Number"]}}
    for identity, name, wrapped, number in rows:
        plain = opened(wrapped, keks[number]) if number in keks else None
        if plain is None:
            found["lost"].append(name)
        elif number != now["Number"]:
            found["pending"].append(number)
            if not report:
                database.execute(UPDATE, [wrap_dek(plain, keks[now["Number"]]), now["Number"], identity])
                found["rewrapped"] += 1
    return found


if __name__ == "__main__":
    given = json.load(sys.stdin)
    with psycopg.connect(os.environ["MLFLOW_BACKEND_STORE_URI"], connect_timeout=CONNECT) as connection:
        print(json.dumps(rewrap(connection, given["now"], {key["Number"]: key["Value"] for key in given["before"] or []}, "report" in sys.argv[1:])))
