# Writes an object where MLflow keeps artifacts, with the key and the client that
# MLflow has, reads it back, asks for it as a stranger, and removes it. Not by MLflow
# itself, which would take the memory of another worker.
import json
import os
import secrets

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

bucket, _, prefix = os.environ["MLFLOW_ARTIFACTS_DESTINATION"].removeprefix("s3://").partition("/")
key = "/".join(filter(None, [prefix, ".mlflow-sso-verify-" + secrets.token_hex(8)]))
content = secrets.token_bytes(32)


def client(**options):
    style = os.environ.get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "auto")
    return boto3.client(
        "s3",
        endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL"),
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": style}, **options),
    )


def gets(store):
    try:
        return store.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError:
        return None


store = client()
store.put_object(Bucket=bucket, Key=key, Body=content)
try:
    kept = gets(store) == content
    public = gets(client(signature_version=UNSIGNED)) is not None
finally:
    store.delete_object(Bucket=bucket, Key=key)
print(json.dumps({"kept": kept, "public": public, "gone": gets(store) is None}))
