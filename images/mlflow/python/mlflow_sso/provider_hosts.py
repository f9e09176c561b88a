"""Names of hosts that members write down are not looked up.

MLflow 3.17.2 resolves the host of every icon's address, and says to what: `'keycloak' resolves to
172.19.0.2`. A member learns the private networks from it, and makes the server ask name servers for
names of that member's choice. The server itself fetches no icon; browsers do. What could call a
host, the AI gateway and webhooks, is off or calls listed hosts alone (outgoing_targets.py). So a name
is judged by its letters.
"""

import ipaddress

from mlflow.exceptions import MlflowException
from mlflow.utils import validation

LOCAL = ("localhost", "local", "internal", "lan", "home", "intranet", "test", "arpa")


def look_up_nothing(module=validation):
    """Replaces the check that asks for addresses; raises where MLflow is not as expected."""
    if not callable(getattr(module, "_validate_hostname_resolves_to_public_ips", None)):
        raise RuntimeError("mlflow-sso: got no _validate_hostname_resolves_to_public_ips in mlflow.utils.validation, want MLflow 3.17's")
    module._validate_hostname_resolves_to_public_ips = judge


def judge(hostname, field_name):
    """Raises for what is no public host by its letters."""
    host = hostname.strip("[]").rstrip(".").lower()
    try:
        public = ipaddress.ip_address(host).is_global
    except ValueError:
        labels = host.split(".")
        # Browsers read 127.1, 0x7f.1 and the like as addresses: a name's last label has no digit in front.
        public = len(labels) > 1 and labels[-1] not in LOCAL and not labels[-1][:1].isdigit()
    if not public:
        raise MlflowException.invalid_parameter_value(f"{field_name} names no public host.")
