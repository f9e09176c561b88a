"""Validates host names from members without DNS.

MLflow 3.17.2 resolves the host of every icon's URL and returns the address: `'keycloak' resolves to
172.19.0.2`. A member can map the private networks that way, and make the server query DNS for names
of that member's choice. The server never fetches an icon; browsers do. Features that could call a
host, the AI gateway and webhooks, are disabled or call listed hosts only (outgoing_targets.py). So
this check uses the name alone.
"""

import ipaddress

from mlflow.exceptions import MlflowException
from mlflow.utils import validation

LOCAL = ("localhost", "local", "internal", "lan", "home", "intranet", "test", "arpa")


def look_up_nothing(module=validation):
    """Replaces the check that resolves names; raises if MLflow is not as expected."""
    if not callable(getattr(module, "_validate_hostname_resolves_to_public_ips", None)):
        raise RuntimeError("mlflow-sso: got no _validate_hostname_resolves_to_public_ips in mlflow.utils.validation, want MLflow 3.17's")
    module._validate_hostname_resolves_to_public_ips = judge


def judge(hostname, field_name):
    """Raises if the name is not that of a public host."""
    host = hostname.strip("[]").rstrip(".").lower()
    try:
        public = ipaddress.ip_address(host).is_global
    except ValueError:
        labels = host.split(".")
        # Browsers read 127.1, 0x7f.1 and the like as addresses: require a last label that does not start
        # with a digit.
        public = len(labels) > 1 and labels[-1] not in LOCAL and not labels[-1][:1].isdigit()
    if not public:
        raise MlflowException.invalid_parameter_value(f"{field_name} names no public host.")
