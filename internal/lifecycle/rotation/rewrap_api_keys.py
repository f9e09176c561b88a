# Wraps what encrypts the API keys that people have stored in MLflow with the key of now,
# all of it or nothing, and says how many there were. The keys of now and before come as
# JSON on standard input, each with the number that MLflow writes beside what it encrypts.
import json
import os
import sys

import psycopg

given = json.load(sys.stdin)
now, before = given["now"], {key["Number"]: key["Value"] for key in given["before"] or []}
with psycopg.connect(os.environ["MLFLOW_BACKEND_STORE_URI"], connect_timeout=20) as database:
    rows = []
    if database.execute("SELECT to_regclass('secrets')").fetchone()[0]:
        rows = database.execute("SELECT secret_id, wrapped_dek, kek_version FROM secrets WHERE kek_version <> %s FOR UPDATE", [now["Number"]]).fetchall()
    if rows:
        from mlflow.utils.crypto import KEKManager, unwrap_dek, wrap_dek

        unknown = sorted({number for _, _, number in rows} - before.keys())
        if unknown:
            sys.exit(f"stored API keys are encrypted with keys that this stack does not know, of numbers {unknown}: remove them in MLflow and store them again")
        new = KEKManager(now["Value"], now["Number"]).get_kek()
        old = {number: KEKManager(before[number], number).get_kek() for number in {number for _, _, number in rows}}
        for identity, wrapped, number in rows:
            try:
                plain = unwrap_dek(bytes(wrapped), old[number])
            except Exception:
                sys.exit(f"the stored API key {identity} is not encrypted with the key of number {number}, as MLflow says it is: remove it in MLflow and store it again")
            database.execute("UPDATE secrets SET wrapped_dek = %s, kek_version = %s WHERE secret_id = %s", [wrap_dek(plain, new), now["Number"], identity])
print(len(rows))
