"""A local server that stands in for a model provider or a webhook's target."""

import http.server
import json
import socket
import threading
import time

ANSWER = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
}  # fmt: skip


class StandIn:
    """Responds by the first part of the path: ok, hang, redirect, large, broken, stream."""

    def __init__(self, location=""):
        self.seen = []  # path, headers, body
        self.connections = 0
        self.let_go = threading.Event()
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stand_in.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                match self.path.split("/")[1]:
                    case "hang":
                        stand_in.let_go.wait(120)
                    case "redirect":
                        self._answer(302, b"{}", location)
                    case "large":
                        self._answer(200, b'{"x": "' + b"y" * (17 << 20) + b'"}')
                    case "broken":
                        self._answer(503, b"{}")
                    case "stream":
                        self._stream()
                    case _:
                        self._answer(200, json.dumps(ANSWER).encode())

            do_GET = do_POST

            def _answer(self, status, content, location=None):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(content)

            def _stream(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                for word in ("one", "two"):
                    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": word}}]}
                    self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                    self.wfile.flush()
                    time.sleep(0.3)
                self.wfile.write(b"data: [DONE]\n\n")

            def log_message(self, *_):
                pass

        class Counting(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def get_request(self):
                stand_in.connections += 1
                return super().get_request()

            def handle_error(self, request, client_address):
                pass  # a client that disconnected

        self._server = Counting(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()


def refused_port():
    """A port without a listener."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
