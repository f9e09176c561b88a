"""Queries an external Redis from MLflow's container, and prints the lines of its responses.

The argument is `scan` for the keys of permission decisions, or the authentication before a PING: `ping` with
the password of MLflow's environment, `wrong` with a wrong one, `anonymous` with none.
"""

import json
import os
import socket
import ssl
import sys
from urllib.parse import unquote, urlsplit

CONNECT = 10


def scan(url, prefix):
    """The keys of permission decisions."""
    import redis

    return [key.decode() for key in redis.Redis.from_url(url).scan_iter(match=prefix + "*permissions_v2*")]


def connect(at):
    """A socket to Redis, with TLS if the URL says so."""
    connection = socket.create_connection((at.hostname, at.port), CONNECT)
    if at.scheme == "rediss":
        return ssl.create_default_context().wrap_socket(connection, server_hostname=at.hostname)
    return connection


def command(connection, answers, *words):
    """Sends a command and returns the first line of the raw response."""
    connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
    return answers.readline().decode().strip()


def ping(url, authentication):
    """The responses to AUTH, if one is sent, and to PING."""
    at = urlsplit(url)
    passwords = {"wrong": b"password", "ping": unquote(at.password or "").encode()}
    with connect(at) as connection, connection.makefile("rb") as answers:
        said = [command(connection, answers, b"AUTH", passwords[authentication])] if authentication in passwords else []
        return [*said, command(connection, answers, b"PING")]


if __name__ == "__main__":
    what, url = sys.argv[1], os.environ["CACHE_REDIS_URL"]
    print(json.dumps(scan(url, os.environ["CACHE_KEY_PREFIX"]) if what == "scan" else ping(url, what)))
