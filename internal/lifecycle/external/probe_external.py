# Tries the services that are not the stack's, with the clients and from the place
# with which MLflow will use them. What to try, secrets included, comes as JSON on
# standard input; what was seen goes as JSON to standard output. Nobody's data is
# changed: a key and an object are written under a name of their own and removed.
import json
import os
import secrets
import sys
import tempfile

os.environ["HOME"] = tempfile.gettempdir()  # no client reads anybody's settings
wanted = json.load(sys.stdin)
seen = []


def note(service, name, **what):
    seen.append({"service": service, "name": name, **what})


def try_postgres(databases):
    import psycopg

    for name, uri in databases.items():
        try:
            with psycopg.connect(uri, connect_timeout=10) as connection:
                row = connection.execute(
                    "select current_setting('server_encoding'), coalesce(has_schema_privilege(current_schema(), 'create'), false),"
                    " (select rolsuper from pg_roles where rolname = current_user),"
                    " to_regclass('realm') is not null"
                ).fetchone()
            note("postgres", name, encoding=row[0], creates=row[1], superuser=row[2], keycloak=row[3])
        except psycopg.Error as error:
            note("postgres", name, said=str(error))


def try_redis(url, prefix):
    import redis

    key = prefix + "mlflow-sso-check-" + secrets.token_hex(8)
    try:
        client = redis.Redis.from_url(url)
        client.setex(key, 60, b"1")
        found = client.get(key)
        list(client.scan_iter(match=key))
        client.delete(key)
        note("redis", "", kept=found == b"1")
    except redis.RedisError as error:
        note("redis", "", said=str(error))


def try_s3(bucket, prefix, key_id, secret, settings):
    import boto3
    import botocore
    from botocore.config import Config

    os.environ.update(settings)
    name = "/".join(filter(None, [prefix, ".mlflow-sso-check-" + secrets.token_hex(8)]))
    client = boto3.client(
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
    try:
        client.put_object(Bucket=bucket, Key=name, Body=b"1")
        try:
            found = client.get_object(Bucket=bucket, Key=name)["Body"].read()
            client.list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1)
        finally:
            client.delete_object(Bucket=bucket, Key=name)
        note("s3", "", kept=found == b"1")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        note("s3", "", said=str(error))


if "postgres" in wanted:
    try_postgres(wanted["postgres"])
if "redis" in wanted:
    try_redis(**wanted["redis"])
if "s3" in wanted:
    try_s3(**wanted["s3"])
json.dump(seen, sys.stdout)
