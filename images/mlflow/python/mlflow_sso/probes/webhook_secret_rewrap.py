"""Encrypts the secrets of MLflow's webhooks with the current key, all of them or none.

Prints how many it encrypted again, and the names of webhooks whose secret no key of this stack decrypts: those are disabled,
without their secret. The current and the previous keys come as JSON on standard input.
"""

import json
import os
import sys

import psycopg
from cryptography.fernet import Fernet, InvalidToken

CONNECT = 20
STORED = "SELECT webhook_id, name, secret FROM webhooks WHERE secret IS NOT NULL FOR UPDATE"


def decrypted(secret, ciphers):
    """The secret by the first cipher that decrypts it; None if none does."""
    for cipher in ciphers:
        try:
            return cipher.decrypt(secret.encode())
        except InvalidToken:
            pass
    return None


def rewrap(database, current, previous):
    """Returns how many secrets were encrypted again, and the names of webhooks that lost theirs."""
    rewrapped, lost = 0, []
    if not database.execute("SELECT to_regclass('webhooks')").fetchone()[0]:
        return rewrapped, lost
    for identity, name, secret in database.execute(STORED).fetchall():
        if decrypted(secret, [current]) is not None:
            continue
        plain = decrypted(secret, previous)
        if plain is None:
            database.execute("UPDATE webhooks SET secret = NULL, status = 'DISABLED' WHERE webhook_id = %s", [identity])
            lost.append(name)
        else:
            database.execute("UPDATE webhooks SET secret = %s WHERE webhook_id = %s", [current.encrypt(plain).decode(), identity])
            rewrapped += 1
    return rewrapped, lost


if __name__ == "__main__":
    given = json.load(sys.stdin)
    ciphers = [Fernet(key["Value"] + "=") for key in (given["now"], *(given["before"] or []))]
    with psycopg.connect(os.environ["MLFLOW_BACKEND_STORE_URI"], connect_timeout=CONNECT) as connection:
        rewrapped, lost = rewrap(connection, ciphers[0], ciphers[1:])
    print(json.dumps({"rewrapped": rewrapped, "lost": lost}))
