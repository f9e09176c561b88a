# Encrypts the secrets of MLflow's webhooks with the current key, all of it or nothing. Prints how
# many it encrypted again, and the names of webhooks whose secret no key of this stack opens: those are
# disabled, without their secret. The keys come as JSON on standard input.
import json
import os
import sys

import psycopg
from cryptography.fernet import Fernet, InvalidToken

given = json.load(sys.stdin)
current = Fernet(given["now"]["Value"] + "=")
previous = [Fernet(key["Value"] + "=") for key in given["before"] or []]


def opened(secret, ciphers):
    for cipher in ciphers:
        try:
            return cipher.decrypt(secret.encode())
        except InvalidToken:
            pass
    return None


rewrapped, lost = 0, []
with psycopg.connect(os.environ["MLFLOW_BACKEND_STORE_URI"], connect_timeout=20) as database:
    rows = []
    if database.execute("SELECT to_regclass('webhooks')").fetchone()[0]:
        rows = database.execute("SELECT webhook_id, name, secret FROM webhooks WHERE secret IS NOT NULL FOR UPDATE").fetchall()
    for identity, name, secret in rows:
        if opened(secret, [current]) is not None:
            continue
        plain = opened(secret, previous)
        if plain is None:
            database.execute("UPDATE webhooks SET secret = NULL, status = 'DISABLED' WHERE webhook_id = %s", [identity])
            lost.append(name)
        else:
            database.execute("UPDATE webhooks SET secret = %s WHERE webhook_id = %s", [current.encrypt(plain).decode(), identity])
            rewrapped += 1
print(json.dumps({"rewrapped": rewrapped, "lost": lost}))
