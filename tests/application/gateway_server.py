"""The application as a separate server with the AI gateway and webhooks enabled: a process creates
its routes once, and the other tests disable them.

Run as a program with a port it is the server; Server starts it and sends requests.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

PEOPLE = ("admin@example.com", "member@example.com", "other@example.com")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """One server process on 127.0.0.1."""

    def __init__(self, **variables):
        from tests import environment

        self._provider, self._folder, self.port = environment.PROVIDER, tempfile.TemporaryDirectory(), free_port()
        os.makedirs(self._folder.name + "/artifacts")
        store = f"sqlite:///{self._folder.name}/mlflow.db"
        self.log = open(self._folder.name + "/log", "w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self.port)],  # not imported by tests, since it sets the environment
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env=os.environ
            | {
                "MLFLOW_BACKEND_STORE_URI": store, "_MLFLOW_SERVER_FILE_STORE": store, "_MLFLOW_SERVER_REGISTRY_STORE": store,
                "_MLFLOW_SERVER_ARTIFACT_DESTINATION": self._folder.name + "/artifacts", "OIDC_USERS_DB_URI": f"sqlite:///{self._folder.name}/auth.db",
                "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{self.port}", "DEFAULT_MLFLOW_PERMISSION": "NO_PERMISSIONS",
                "MLFLOW_CRYPTO_KEK_PASSPHRASE": "for tests alone",
            }
            | variables,
        )  # fmt: skip
        until = time.monotonic() + 300
        while True:
            try:
                if self.ask(None, "GET", "/health")[0] == 200:
                    return
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the server did not start: " + self.said()[-3000:])
            time.sleep(0.2)

    def said(self):
        self.log.flush()
        with open(self.log.name) as log:
            return log.read()

    def ask(self, person, method, path, body=None, headers=None, timeout=60):
        """Sends a request; returns the response, parsed if it is JSON."""
        sent = dict(headers or {})
        if person:
            sent |= {name.decode(): value.decode() for name, value in self._provider.bearer(person)}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json", **sent})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def close(self):
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.log.close()
        self._folder.cleanup()


def main(port):
    import mlflow_sso.app
    import uvicorn
    from mlflow_oidc_auth import user
    from mlflow_oidc_auth.store import store

    for name in PEOPLE:
        if not store.has_user(name):
            user.create_user(username=name, display_name=name, is_admin=name == PEOPLE[0])
    uvicorn.run(mlflow_sso.app.app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]))
