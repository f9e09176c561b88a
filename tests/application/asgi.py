"""A client of ASGI applications, for tests."""

import asyncio


class Client:
    """One request. It stores what it receives in `messages`; while `takes` is not set it accepts nothing more.
    """

    def __init__(self, method="GET", path="/", body=(b"",), headers=(), query=b""):
        self.scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": method,
            "path": path, "raw_path": path.encode(), "query_string": query, "root_path": "", "state": {},
            "headers": [(b"host", b"mlflow:5000"), *headers], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 5000),
        }  # fmt: skip
        self._body = list(body)
        self.takes = asyncio.Event()
        self.takes.set()
        self.left = asyncio.Event()
        self.messages = []

    async def receive(self):
        if self._body:
            part = self._body.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self._body)}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.messages.append(message)
        await self.takes.wait()
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.left.set()

    async def ask(self, application):
        await application(self.scope, self.receive, self.send)
        return self

    @property
    def status(self):
        return self.messages[0]["status"]

    @property
    def headers(self):
        return sorted(self.messages[0]["headers"])

    @property
    def content(self):
        return b"".join(m.get("body", b"") for m in self.messages[1:])
