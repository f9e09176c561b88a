"""Ask for many logins at once, and then for something else.

Standard input is one JSON object: url is MLflow's public address, authority the
certificate to trust, edge and port where the edge is on this network, and logins
how many. Standard output is one JSON object: how many answers of each status there
were, and the status of an answer of the API.
"""

import collections
import http.client
import json
import socket
import ssl
import sys
import urllib.parse

given = json.load(sys.stdin)
name = urllib.parse.urlsplit(given["url"])
trust = ssl.create_default_context(cadata=given["authority"])


class Connection(http.client.HTTPSConnection):
    """Goes to the edge on this network, whatever the name leads to."""

    def connect(self):
        plain = socket.create_connection((given["edge"], given["port"]), 30)
        self.sock = trust.wrap_socket(plain, server_hostname=self.host)


connection = Connection(name.hostname, name.port)


def status(path):
    """The status of the answer to a GET."""
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


logins = collections.Counter(str(status("/login")) for _ in range(given["logins"]))
api = status("/api/2.0/mlflow/experiments/search?max_results=1")
print(json.dumps({"logins": logins, "api": api}))
