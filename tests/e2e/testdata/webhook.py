"""Stores a webhook with a secret in MLflow (store), or says whether that is opened by the current key (open)
and by another, given on standard input (other)."""

import os
import sys

if sys.argv[1] == "other":
    os.environ["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"] = sys.stdin.read().strip()

from mlflow.entities.webhook import WebhookEvent
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

store = SqlAlchemyStore(os.environ["MLFLOW_BACKEND_STORE_URI"])
if sys.argv[1] == "store":
    # A public address, so that no name has to be resolved; nothing is sent.
    store.create_webhook("kept", "https://93.184.216.34/x", [WebhookEvent("registered_model", "created")], secret="hook-stored-before")
    sys.exit()
try:
    print([(one.status.value, one.secret) for one in store.list_webhooks() if one.name == "kept"])
except Exception as error:
    print("refused", type(error).__name__)
