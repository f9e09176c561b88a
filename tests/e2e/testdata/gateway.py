"""Stores an API key in MLflow (store), or says whether what is stored is opened by the
current key (open) and by another, given with its number on standard input (other)."""

import os
import sys

from mlflow.store.tracking.dbmodels.models import SqlGatewaySecret
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.crypto import KEKManager, _decrypt_secret

store = SqlAlchemyStore(os.environ["MLFLOW_BACKEND_STORE_URI"], "/tmp")
if sys.argv[1] == "store":
    store.create_gateway_secret(secret_name="kept", secret_value={"api_key": "stored-before"}, provider="openai")
    sys.exit()
with store.ManagedSessionMaker() as session:
    one = session.query(SqlGatewaySecret).filter(SqlGatewaySecret.secret_name == "kept").one()
    manager = KEKManager()
    if sys.argv[1] == "other":
        number, passphrase = sys.stdin.read().split()
        manager = KEKManager(passphrase, int(number))
    try:
        print(_decrypt_secret(one.encrypted_value, one.wrapped_dek, manager, one.secret_id, one.secret_name))
    except Exception as error:
        print("refused", type(error).__name__)
