"""Connects to a stack's external services with the clients and from the network that MLflow will use.

Reads the services, including secrets, as JSON from standard input. Prints one result per service and
database. It changes no user data: it writes a key and an object under its own names and removes them.
"""

import json
import os
import secrets
import sys
import tempfile

DATABASE = (
    "select current_setting('server_encoding'), coalesce(has_schema_privilege(current_schema(), 'create'), false),"
    " (select rolsuper from pg_roles where rolname = current_user),"
    " to_regclass('realm') is not null"
)


def unique(name):
    """A name that does not exist."""
    return name + "mlflow-sso-check-" + secrets.token_hex(8)


def try_postgres(databases):
    """Logs in to each database; the result says what the role may do there."""
    import psycopg

    for name, uri in databases.items():
        try:
            with psycopg.connect(uri, connect_timeout=10) as connection:
                encoding, creates, superuser, keycloak = connection.execute(DATABASE).fetchone()
            yield {"service": "postgres", "name": name, "encoding": encoding, "creates": creates, "superuser": superuser, "keycloak": keycloak}
        except psycopg.Error as error:
            yield {"service": "postgres", "name": name, "said": str(error)}


def try_redis(url, prefix):
    """Writes, reads, finds and deletes a key."""
    import redis

    key = unique(prefix)
    try:
        client = redis.Redis.from_url(url)
        client.setex(key, 60, b"1")
        found = client.get(key)
        list(client.scan_iter(match=key))
        client.delete(key)
        yield {"service": "redis", "name": "", "kept": found == b"1"}
    except redis.RedisError as error:
        yield {"service": "redis", "name": "", "said": str(error)}


def s3_client(key_id, secret, settings):
    """A client with MLflow's settings that does not retry."""
    import boto3
    from botocore.config import Config

    os.environ.update(settings)
    return boto3.client(
        "s3",
        endpoint_url=settings.get("MLFLOW_S3_ENDPOINT_URL"),
        region_name=settings["AWS_DEFAULT_REGION"],
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(
            connect_timeout=10,
            read_timeout=20,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": settings.get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "auto")},
        ),
    )


def try_object(client, bucket, name):
    """Writes, reads, lists and deletes an object; returns whether it read the same content."""
    client.put_object(Bucket=bucket, Key=name, Body=b"1")
    try:
        found = client.get_object(Bucket=bucket, Key=name)["Body"].read()
        client.list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1)
    finally:
        client.delete_object(Bucket=bucket, Key=name)
    return found == b"1"


def try_s3(bucket, prefix, key_id, secret, settings):
    """The same with the client of the settings."""
    import botocore

    client = s3_client(key_id, secret, settings)
    try:
        yield {"service": "s3", "name": "", "kept": try_object(client, bucket, "/".join(filter(None, [prefix, unique(".")])))}
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        yield {"service": "s3", "name": "", "said": str(error)}


def try_all(wanted):
    """Runs the requested checks and returns all results."""
    seen = []
    if "postgres" in wanted:
        seen += try_postgres(wanted["postgres"])
    if "redis" in wanted:
        seen += try_redis(**wanted["redis"])
    if "s3" in wanted:
        seen += try_s3(**wanted["s3"])
    return seen


if __name__ == "__main__":
    os.environ["HOME"] = tempfile.gettempdir()  # do not read a user's client settings
    print(json.dumps(try_all(json.load(sys.stdin))))
