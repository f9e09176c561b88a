"""Refuses unsafe browser requests from other origins.

MLflow 3.17.2 treats `http://localhost:<any port>` as its own origin, with cookies, and lets such a
page read responses; mlflow-oidc-auth 11.0.2 checks no origin on its own routes, so a form on a
sibling subdomain empties the trash with an administrator's cookie. Ports and sibling subdomains
are same-site, so SameSite does not help.

A browser sends Origin with every cross-origin POST, and Sec-Fetch-Site since 2020 (Safari: 2023).
A request with the session cookie that has neither comes from a script, which should use a token.
Login and its callback are GET, and so is logout, which other sites may not trigger.
"""

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from mlflow_sso.body_limits import Refused, answer

SAFE = {"GET", "HEAD", "OPTIONS"}
OURS = {b"same-origin", b"none"}
LOGOUT = "/logout"


class Origin:
    """An ASGI application that accepts no commands from other origins, and lets them read nothing."""

    def __init__(self, application, redirect_uri, cookie):
        """The login's redirect address contains the public origin."""
        public = urlsplit(redirect_uri)
        if not public.scheme or not public.netloc:
            raise RuntimeError(f"mlflow-sso: OIDC_REDIRECT_URI is {redirect_uri!r}, want an address with scheme and host")
        self._application, self._cookie = application, re.compile(rb";\s*" + re.escape(cookie.encode()) + rb"=")
        self._public = f"{public.scheme}://{public.netloc}".lower().encode()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = _Headers(scope["headers"])
        problem = self._problem(scope, headers)
        if problem:
            await answer(send, Refused(HTTPStatus.FORBIDDEN, problem))
            return
        if headers.origin is None or headers.origin == self._public:
            await self._application(scope, receive, send)
            return

        async def unread(message):
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message.get("headers", ()) if not name.lower().startswith(b"access-control-")]
                message = {**message, "headers": kept}
            await send(message)

        await self._application(scope, receive, unread)

    def _problem(self, scope, headers):
        if scope["method"] in SAFE:
            if scope["path"].rstrip("/") == LOGOUT and headers.site is not None and headers.site not in OURS:
                return "A page of another site asked to end this session; open MLflow and log out there."
            return None
        if headers.origin is not None:
            return None if headers.origin == self._public else "A page of another origin sent this request; only MLflow's own pages may."
        if headers.site in OURS or headers.authorization or not self._cookie.search(headers.cookies):
            return None
        return "A request with a session's cookie needs Origin or Sec-Fetch-Site; a script uses a personal token instead."


class _Headers:
    """Headers that say where a request comes from."""

    def __init__(self, headers):
        self.origin = self.site = None
        self.authorization, self.cookies = False, b""
        for name, value in headers:
            if name == b"origin":
                self.origin = value.strip().lower()
            elif name == b"sec-fetch-site":
                self.site = value.strip().lower()
            elif name == b"authorization":
                self.authorization = True
            elif name == b"cookie":
                self.cookies += b";" + value
