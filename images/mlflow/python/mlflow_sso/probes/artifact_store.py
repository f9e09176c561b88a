"""Writes an object to MLflow's external object store, reads it back, requests it anonymously, and removes it.

It uses MLflow's key and client, but does not import MLflow itself, which would need the memory of another
worker.
"""

import json
import os
import secrets

from botocore.exceptions import ClientError


def client(environment, **options):
    """MLflow's client of the object store."""
    import boto3
    from botocore.config import Config

    style = environment.get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "auto")
    return boto3.client(
        "s3",
        endpoint_url=environment.get("MLFLOW_S3_ENDPOINT_URL"),
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": style}, **options),
    )


def anonymous(environment):
    """The same without a key."""
    from botocore import UNSIGNED

    return client(environment, signature_version=UNSIGNED)


def read(store, bucket, key):
    """An object's content; None if the store refuses."""
    try:
        return store.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError:
        return None


def probe(store, public_store, destination):
    """The state of the object: kept, public, gone."""
    bucket, _, prefix = destination.removeprefix("s3://").partition("/")
    key = "/".join(filter(None, [prefix, ".mlflow-sso-verify-" + secrets.token_hex(8)]))
    content = secrets.token_bytes(32)
    store.put_object(Bucket=bucket, Key=key, Body=content)
    try:
        kept = read(store, bucket, key) == content
        public = read(public_store, bucket, key) is not None
    finally:
        store.delete_object(Bucket=bucket, Key=key)
    return {"kept": kept, "public": public, "gone": read(store, bucket, key) is None}


if __name__ == "__main__":
    print(json.dumps(probe(client(os.environ), anonymous(os.environ), os.environ["MLFLOW_ARTIFACTS_DESTINATION"])))
