"""A browser for the application's own logins, for tests: it keeps cookies and follows no redirects."""

from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from tests.asgi import Client
from tests.served import application


class Browser:
    def __init__(self):
        self.cookies = {}

    async def get(self, address, headers=()):
        """Requests an address of the application, or its path and query."""
        parts = urlsplit(address if isinstance(address, str) else address.decode())
        sent = [(b"accept", b"text/html"), *headers]
        if self.cookies:
            sent.append((b"cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()).encode()))
        got = await Client("GET", parts.path, [b""], sent, parts.query.encode()).ask(application())
        for name, value in got.headers:
            if name == b"set-cookie":
                self._keep(SimpleCookie(value.decode()))
        return got

    def _keep(self, cookies):
        for name, morsel in cookies.items():
            if morsel.value == "null":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value

    async def begin(self, query=""):
        """The address of Keycloak's form."""
        return location(await self.get("/login" + query))

    async def come_back(self, query):
        """Returns from Keycloak's form with its response."""
        return await self.get(b"/callback?" + query)

    async def who(self):
        """The status of a request that only users may send."""
        return (await self.get("/api/2.0/mlflow/users/current", [(b"accept", b"application/json")])).status


def location(answer):
    return dict(answer.headers)[b"location"].decode()
