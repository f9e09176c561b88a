"""`python -m mlflow_sso.identity_sync` runs until it is stopped; with `status` it prints the result of each job."""

import datetime
import json
import os
import pathlib
import signal
import sys
import threading

import psycopg

from mlflow_sso.identity_sync.expire_break_glass import revoke_expired
from mlflow_sso.identity_sync.jobs import Job, status
from mlflow_sso.identity_sync.keycloak_directory import Directory
from mlflow_sso.identity_sync.live_logins import holders
from mlflow_sso.identity_sync.mlflow_accounts import Accounts
from mlflow_sso.identity_sync.prune import prune
from mlflow_sso.identity_sync.schema import prepare
from mlflow_sso.identity_sync.sign_out import sign_out
from mlflow_sso.identity_sync.sync import follow

# Seconds between two checks for due jobs, for a connection, and for one statement.
TICK = 1
CONNECT = 5
STATEMENT = 30

# The health check reads the age of this file.
ALIVE = pathlib.Path("/tmp/identity-sync")


def log(event, about, **detail):
    """Writes one line of JSON to standard error, in the format of the plugin's audit log."""
    # The actor's name in existing audit logs.
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    print(json.dumps({"timestamp": now, "event": event, "actor": "keeper", "resource_id": about, "detail": detail}), file=sys.stderr, flush=True)


def connect():
    """A connection to the plugin's database with a statement timeout."""
    connection = psycopg.connect(os.environ["OIDC_USERS_DB_URI"], connect_timeout=CONNECT, options=f"-c statement_timeout={STATEMENT}s", autocommit=True)
    prepare(connection)
    return connection


def jobs(environment):
    """The jobs, in their order."""
    directory = Directory(environment["KEEPER_REALM_URL"], environment["KEEPER_CLIENT_ID"], environment["KEEPER_CLIENT_SECRET"])
    administrators = environment["OIDC_ADMIN_GROUP_NAME"]
    allowed = [administrators, *environment["OIDC_GROUP_NAME"].split(",")]
    follow_every, prune_every = int(environment["KEEPER_FOLLOW_SECONDS"]), int(environment["KEEPER_PRUNE_SECONDS"])

    def follow_once(connection):
        return follow(Accounts(connection), directory, allowed, administrators, log)

    return [
        Job("break-glass", follow_every, lambda connection: revoke_expired(connection, log)),
        Job("follow", follow_every, follow_once),
        Job("sign-out", follow_every, lambda connection: sign_out(holders(connection), directory, log)),
        Job("prune", prune_every, prune),
    ]


def main(arguments):
    if arguments == ["status"]:
        with connect() as connection:
            print(status(connection))
        return
    if arguments:
        sys.exit(f"identity-sync: got {arguments}, want nothing or status")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    all_jobs = jobs(os.environ)
    while not stop.is_set():
        for job in all_jobs:
            if job.due():
                job.run(connect, log)
        ALIVE.touch()
        stop.wait(TICK)


main(sys.argv[1:])
