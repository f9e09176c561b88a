"""Requests every route without credentials, from inside a network, and prints [method, path, status, location]
for each.

Reads address, port, host name, routes, control and the control's token as JSON from standard input. The first
result is the control's.
"""

import http.client
import json
import sys

TIMEOUT = 30


class Scanner:
    """A connection that reopens when the server closes it."""

    def __init__(self, address, port, host):
        self._at, self._host = (address, port), host
        self._connection = None

    def ask(self, method, path, headers=None, body=None):
        """Sends one request; retries once if the connection was closed before the response."""
        try:
            return self._ask(method, path, headers or {}, body)
        except (http.client.HTTPException, OSError):
            self.close()
            return self._ask(method, path, headers or {}, body)

    def close(self):
        """Closes the connection; the next request opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method, path, headers, body):
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._at, timeout=TIMEOUT)
        self._connection.request(method, path, body=body, headers={"Host": self._host, "Accept": "application/json", **headers})
        answer = self._connection.getresponse()
        answer.read()
        return [method, path, answer.status, answer.getheader("Location") or ""]


def scan(given):
    """The response to the control, and one for each route."""
    scanner = Scanner(given["address"], given["port"], given["host"])
    credentials = {"Authorization": "Bearer " + given["token"], "Content-Type": "application/json"}
    control = scanner.ask("POST", given["control"], credentials, b'{"max_results": 1}')
    answers = [control, *(scanner.ask(method, path) for method, path in given["routes"])]
    scanner.close()
    return answers


if __name__ == "__main__":
    print(json.dumps(scan(json.load(sys.stdin))))
