"""Knocks at Redis and Postgres from where MLflow stands, and says in JSON what each answered.

A line is who asked, and "in" or the refusal's beginning. Proper credentials come from the
environment and are not printed.
"""

import json
import os
import sys

import psycopg
import redis
from sqlalchemy.engine import make_url

said = []


def refusal(problem, secret):
    """The first line of a refusal, which is never shown if the password is in it."""
    text = str(problem).strip().splitlines()[-1][:200] if str(problem).strip() else type(problem).__name__
    return "a text that holds the password" if secret and secret in text else text


def knock_redis():
    url = os.environ["CACHE_REDIS_URL"]
    parsed = make_url(url)
    plain = redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=10)
    options = dict(plain.connection_pool.connection_kwargs)
    for who, user, password in (
        ("nobody", None, None),
        ("default with an empty password", "default", ""),
        ("the password redis", None, "redis"),
        ("the password password", None, "password"),
        ("proper", parsed.username or None, parsed.password),
    ):
        changed = {**options, "username": user, "password": password}
        try:
            client = redis.Redis(connection_pool=redis.ConnectionPool(connection_class=plain.connection_pool.connection_class, **changed))
            client.ping()
            answer = "in"
        except redis.exceptions.RedisError as problem:
            answer = refusal(problem, parsed.password)
        said.append({"who": who, "answer": answer})


def knock_postgres():
    proper = make_url(os.environ["MLFLOW_BACKEND_STORE_URI"])
    roles = [proper.username, make_url(os.environ["OIDC_USERS_DB_URI"]).username, "postgres"]
    attempts = [(role, password) for role in roles for password in ("", role, "postgres", "password")]
    base = dict(proper.query.items())
    for role, password in [*attempts, ("proper", proper.password)]:
        user = proper.username if role == "proper" else role
        database = proper.database if role in ("proper", "postgres") else user
        try:
            psycopg.connect(host=proper.host, port=proper.port or 5432, dbname=database, user=user, password=password, connect_timeout=10, **base).close()
            answer = "in"
        except psycopg.OperationalError as problem:
            answer = refusal(problem, proper.password)
        who = role if role == "proper" else f"{role} with {'no password' if not password else 'the password ' + password}"
        said.append({"who": who, "answer": answer})


{"redis": knock_redis, "postgres": knock_postgres}[sys.argv[1]]()
json.dump(said, sys.stdout)
