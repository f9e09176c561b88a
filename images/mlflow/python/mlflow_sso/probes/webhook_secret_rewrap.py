"""Encrypts the secrets of MLflow's webhooks with the current key, in one transaction.

Reads the current and the previous keys as JSON from standard input. The argument `report` changes nothing.
Prints how many secrets it encrypted again, the key versions of the other secrets (0 if no key decrypts one),
and the names of webhooks whose secret no key of this stack decrypts: those are disabled and lose their
secret, since MLflow would not list any webhooks otherwise.
"""

import json
import os
import sys

import psycopg
from cryptography.fernet import Fernet, InvalidToken

CONNECT = 20
STORED = "SELECT webhook_id, name, secret FROM webhooks WHERE secret IS NOT NULL ORDER BY name FOR UPDATE"
UNKNOWN = 0


def decrypted(secret, ciphers):
    """The secret and the number of the first cipher that decrypts it; None and 0 if none does."""
    for number, cipher in ciphers.items():
        try:
            return cipher.decrypt(secret.encode()), number
        except InvalidToken:
            pass
    return None, UNKNOWN


def rewrap(database, number, current, previous, report=False):
    """Encrypts with the current cipher what a previous one encrypted, and returns the result."""
    found = {"rewrapped": 0, "pending": [], "lost": []}
    if not database.execute("SELECT to_regclass('webhooks')").fetchone()[0]:
        return found
    for identity, name, secret in database.execute(STORED).fetchall():
        plain, of = decrypted(secret, {number: current, **previous})
        if of == number:
            continue
        found["pending"].append(of)
        if plain is None:
            found["lost"].append(name)
        if report:
            continue
        if plain is None:
            database.execute("UPDATE webhooks SET secret = NULL, status = 'DISABLED' WHERE webhook_id = %s", [identity])
        else:
            database.execute("UPDATE webhooks SET secret = %s WHERE webhook_id = %s", [current.encrypt(plain).decode(), identity])
            found["rewrapped"] += 1
    return found


if __name__ == "__main__":
    given = json.load(sys.stdin)
    ciphers = {key["Number"]: Fernet(key["Value"] + "=") for key in (given["now"], *(given["before"] or []))}
    with psycopg.connect(os.environ["MLFLOW_BACKEND_STORE_URI"], connect_timeout=CONNECT) as connection:
        now = given["now"]["Number"]
        print(json.dumps(rewrap(connection, now, ciphers.pop(now), ciphers, "report" in sys.argv[1:])))
