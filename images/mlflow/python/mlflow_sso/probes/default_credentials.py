"""Tries well-known passwords for Redis or Postgres from MLflow's container, and prints the result of each
attempt.

The argument is `redis` or `postgres`. An attempt has `who` and `answer`: "in", or the beginning of the error.
The correct credentials come from the environment and are not printed.
"""

import json
import os
import sys

import psycopg
import redis
from sqlalchemy.engine import make_url

TIMEOUT = 10
IN = "in"


def refusal(problem, secret):
    """The last line of an error, or a placeholder if it contains the password."""
    text = str(problem).strip().splitlines()[-1][:200] if str(problem).strip() else type(problem).__name__
    return "a text that holds the password" if secret and secret in text else text


def redis_attempts(parsed):
    """Attempts by name, with user and password."""
    return (
        ("anonymous", None, None),
        ("default with an empty password", "default", ""),
        ("the password redis", None, "redis"),
        ("the password password", None, "password"),
        ("proper", parsed.username or None, parsed.password),
    )


def try_redis(environment):
    """Runs every attempt at Redis over the same kind of connection as MLflow's."""
    url = environment["CACHE_REDIS_URL"]
    parsed = make_url(url)
    pool = redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT).connection_pool
    answers = []
    for who, user, password in redis_attempts(parsed):
        options = {**pool.connection_kwargs, "username": user, "password": password}
        try:
            redis.Redis(connection_pool=redis.ConnectionPool(connection_class=pool.connection_class, **options)).ping()
            answer = IN
        except redis.exceptions.RedisError as problem:
            answer = refusal(problem, parsed.password)
        answers.append({"who": who, "answer": answer})
    return answers


def postgres_attempts(proper, other):
    """Attempts by name, with role, password and database."""
    for role in (proper.username, other.username, "postgres"):
        database = proper.database if role == "postgres" else role
        for password in ("", role, "postgres", "password"):
            yield f"{role} with {'the password ' + password if password else 'no password'}", role, password, database
    yield "proper", proper.username, proper.password, proper.database


def try_postgres(environment):
    """Runs every attempt at Postgres."""
    proper = make_url(environment["MLFLOW_BACKEND_STORE_URI"])
    answers = []
    for who, role, password, database in postgres_attempts(proper, make_url(environment["OIDC_USERS_DB_URI"])):
        options = {"host": proper.host, "port": proper.port or 5432, "dbname": database, "user": role, "password": password, **proper.query}
        try:
            psycopg.connect(connect_timeout=TIMEOUT, **options).close()
            answer = IN
        except psycopg.OperationalError as problem:
            answer = refusal(problem, proper.password)
        answers.append({"who": who, "answer": answer})
    return answers


if __name__ == "__main__":
    print(json.dumps({"redis": try_redis, "postgres": try_postgres}[sys.argv[1]](os.environ)))
