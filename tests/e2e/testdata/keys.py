"""Says of each key, given as JSON on standard input, whether its service takes it."""

import base64
import json
import os
import sys
import urllib.error
import urllib.request

import psycopg
import redis

REALM = os.environ["OIDC_DISCOVERY_URL"].removesuffix("/.well-known/openid-configuration")


def database(uri):
    try:
        psycopg.connect(uri, connect_timeout=5).close()
        return True
    except psycopg.OperationalError as error:
        assert "password authentication failed" in str(error), "another refusal"
        return False


def cache(url):
    try:
        return redis.from_url(url).ping()
    except redis.exceptions.AuthenticationError:
        return False


def client(name, secret, grant, realm=REALM):
    basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
    request = urllib.request.Request(
        realm + "/protocol/openid-connect/token", grant.encode(), {"Authorization": "Basic " + basic, "Content-Type": "application/x-www-form-urlencoded"}
    )
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()
        return True
    except urllib.error.HTTPError as error:
        said = json.loads(error.read())["error"]
        assert said in ("invalid_grant", "unauthorized_client", "invalid_client"), said
        if grant.startswith("grant_type=password"):
            return False
        return said == "invalid_grant"  # the secret is right, the code is not


MACHINE = "grant_type=client_credentials"
MASTER = REALM.rpartition("/")[0] + "/master"
TRIES = {
    "MLFLOW_BACKEND_STORE_URI": database,
    "OIDC_USERS_DB_URI": database,
    "KC_DB_PASSWORD": lambda key: database(f"postgresql://keycloak:{key}@postgres:5432/keycloak"),
    "BACKUP_PASSWORD_MLFLOW": lambda key: database(f"postgresql://backup:{key}@postgres:5432/mlflow"),
    "CACHE_REDIS_URL": cache,
    "provider": lambda key: client("mlflow-sso", key, MACHINE, MASTER),
    "admin": lambda key: client("admin-cli", "", "grant_type=password&client_id=admin-cli&username=admin&password=" + key, MASTER),
    "OIDC_CLIENT_SECRET": lambda key: client("mlflow", key, "grant_type=authorization_code&code=none&redirect_uri=" + os.environ["OIDC_REDIRECT_URI"]),
    "KEEPER_CLIENT_SECRET": lambda key: client("mlflow-keeper", key, MACHINE),
    "access admin": lambda key: client("mlflow-steward", key, MACHINE),
    "account ci": lambda key: client("ci", key, MACHINE),
}

given = json.load(sys.stdin)
print(json.dumps({name: TRIES[name](key) for name, key in given.items() if name in TRIES}))
