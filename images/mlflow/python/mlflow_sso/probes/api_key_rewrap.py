"""Wraps the keys of the API keys that users stored in MLflow with the current key, all of them or none, and prints how many.

The current and the previous keys come as JSON on standard input, each with the number that MLflow stores beside what it
encrypts. A failure is one sentence on the last line of standard error, without a secret.
"""

import json
import os
import sys

import psycopg

CONNECT = 20
UPDATE = "UPDATE secrets SET wrapped_dek = %s, kek_version = %s WHERE secret_id = %s"


def stored(database, current):
    """The stored keys that another number than the current one encrypts, locked until the transaction ends."""
    if not database.execute("SELECT to_regclass('secrets')").fetchone()[0]:
        return []
    return database.execute("SELECT secret_id, wrapped_dek, kek_version FROM secrets WHERE kek_version <> %s FOR UPDATE", [current]).fetchall()


def previous_keys(rows, values):
    """MLflow's managers of the keys that the rows need; the program ends where one is unknown."""
    from mlflow.utils.crypto import KEKManager

    numbers = {number for _, _, number in rows}
    if unknown := sorted(numbers - values.keys()):
        sys.exit(f"stored API keys are encrypted with keys that this stack does not know, of numbers {unknown}: remove them in MLflow and store them again")
    return {number: KEKManager(values[number], number).get_kek() for number in numbers}


def rewrap(database, now, values):
    """Encrypts with the current key what a previous one encrypts, and returns how many."""
    rows = stored(database, now["Number"])
    if not rows:
        return 0
    from mlflow.utils.crypto import KEKManager, unwrap_dek, wrap_dek

    old, new = previous_keys(rows, values), KEKManager(now["Value"], now["Number"]).get_kek()
    for identity, wrapped, number in rows:
        try:
            plain = unwrap_dek(bytes(wrapped), old[number])
        except Exception:
            sys.exit(f"the stored API key {identity} is not encrypted with the key of number {number}, as MLflow says it is: remove it in MLflow and store it again")
        database.execute(UPDATE, [wrap_dek(plain, new), now["Number"], identity])
    return len(rows)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    with psycopg.connect(os.environ["MLFLOW_BACKEND_STORE_URI"], connect_timeout=CONNECT) as connection:
        print(json.dumps(rewrap(connection, given["now"], {key["Number"]: key["Value"] for key in given["before"] or []})))
