"""Decides which hosts the server may call, and which of their addresses are permitted.

A stack's settings name each host (mlflow.gateway and mlflow.webhooks). A bare host means https and
public addresses only. A private server is named with scheme and port; its address may be private,
but never link-local (a cloud's metadata service), and loopback only if the setting itself names a
loopback address.
"""

import ipaddress
import os
from dataclasses import dataclass

import yarl
from mlflow.utils.validation import _is_public_ip

HTTPS = 443


class Refused(Exception):
    """The settings do not allow this call. The text names no resolved address."""


@dataclass(frozen=True)
class Target:
    """One allowed host."""

    scheme: str
    host: str
    port: int
    private: bool = False

    @property
    def loopback(self):
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check(self, text):
        """Raises if this host may not have the address."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise Refused(f"{self.host} resolves to what is no IP address.") from None
        address = getattr(address, "ipv4_mapped", None) or address
        # is_global alone includes multicast.
        if address.is_multicast or address.is_unspecified:
            raise Refused(f"The address of {self.host} is no address of a host.")
        if not self.private and not _is_public_ip(address):
            raise Refused(f"The address of {self.host} is not public, and the setting does not name it as an own server.")
        if address.is_link_local or (address.is_loopback and not self.loopback):
            raise Refused(f"The address of {self.host} is link-local or loopback.")


class Targets:
    """The allowed hosts of one feature."""

    def __init__(self, setting, targets):
        self.setting = setting
        self._targets = {(t.scheme, t.host, t.port): t for t in targets}

    @classmethod
    def read(cls, setting, prefix, variables=os.environ):
        """From the two variables of a feature; the stack has validated its settings."""
        hosts, own = (variables.get(f"{prefix}_{name}", "").split(",") for name in ("HOSTS", "OWN_SERVERS"))
        targets = [_target(f"https://{host}", private=False) for host in hosts if host]
        return cls(setting, targets + [_target(url, private=True) for url in own if url])

    def __bool__(self):
        return bool(self._targets)

    def find(self, url):
        """The target that a URL names; raises if there is none."""
        try:
            parsed = yarl.URL(str(url))
            key = (parsed.scheme, (parsed.host or "").rstrip(".").lower(), parsed.port)
        except ValueError:
            raise Refused("The URL cannot be read.") from None
        if parsed.user or parsed.password:
            raise Refused("The URL holds a user name or a password.")
        if key not in self._targets:
            scheme, host, port = key
            raise Refused(f"{scheme}://{host}:{port} is not among the hosts that {self.setting} allows.")
        return self._targets[key]


def _target(text, private):
    url = yarl.URL(text)
    if url.scheme not in ("http", "https") or not url.host or url.path not in ("", "/") or url.query_string:
        raise RuntimeError(f"mlflow-sso: got the host {text!r}, want https://host, or http://host:port for an own server")
    return Target(url.scheme, url.host.rstrip(".").lower(), url.port, private)
