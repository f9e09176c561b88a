"""Pages of other origins can neither command nor read, and all other clients notice no difference.
"""

import unittest

from mlflow_sso.origin_check import Origin
from tests.asgi import Client

PUBLIC = b"http://localhost:5000"
COOKIE = (b"cookie", b"theme=dark; mlflow=signed")
ALLOW = [(b"Access-Control-Allow-Origin", b"x"), (b"access-control-allow-credentials", b"true"), (b"vary", b"Origin")]


async def served(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": ALLOW})
    await send({"type": "http.response.body", "body": b"done"})


class TestOrigin(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.application = Origin(served, "http://localhost:5000/callback", "mlflow")

    async def ask(self, method, *headers, path="/oidc/trash/cleanup"):
        return await Client(method, path, [b""], headers).ask(self.application)

    async def test_an_unsafe_request_with_the_cookie_needs_our_own_origin(self):
        for method in ("POST", "PUT", "PATCH", "DELETE", "MADE-UP"):
            for origin in (b"http://localhost:9999", b"http://127.0.0.1:5000", b"https://localhost:5000", b"null", b"http://localhost:5000.evil.example", b""):
                for site in (b"same-site", b"same-origin", b"none"):
                    self.assertEqual((await self.ask(method, COOKIE, (b"origin", origin), (b"sec-fetch-site", site))).status, 403, f"{method} {origin}")
            for site in (b"same-site", b"cross-site"):
                self.assertEqual((await self.ask(method, COOKIE, (b"sec-fetch-site", site))).status, 403)
            self.assertEqual((await self.ask(method, COOKIE)).status, 403, "no browser of these years")
            for ours in ((b"origin", PUBLIC), (b"origin", b"HTTP://LOCALHOST:5000"), (b"sec-fetch-site", b"same-origin"), (b"sec-fetch-site", b"none")):
                self.assertEqual((await self.ask(method, COOKIE, ours)).status, 200)

    async def test_scripts_and_clients_without_a_session_are_unaffected(self):
        for headers in ((), ((b"authorization", b"Basic x"),), ((b"authorization", b"Basic x"), COOKIE), ((b"cookie", b"othermlflow=1; mlflow2=1"),)):
            self.assertEqual((await self.ask("POST", *headers)).status, 200)

    async def test_a_page_of_another_origin_cannot_use_credentials_that_a_browser_keeps(self):
        self.assertEqual((await self.ask("POST", (b"authorization", b"Basic x"), (b"origin", b"http://localhost:9999"))).status, 403)

    async def test_another_origin_is_allowed_nothing_by_an_answer(self):
        for method in ("GET", "OPTIONS", "HEAD"):
            other = await self.ask(method, COOKIE, (b"origin", b"http://localhost:9999"))
            self.assertEqual((other.status, other.headers), (200, [(b"vary", b"Origin")]))
            self.assertEqual((await self.ask(method, COOKIE, (b"origin", PUBLIC))).headers, sorted(ALLOW))

    async def test_a_link_on_another_site_ends_no_session_and_our_own_does(self):
        for site in (b"cross-site", b"same-site"):
            for path in ("/logout", "/logout/"):
                self.assertEqual((await self.ask("GET", COOKIE, (b"sec-fetch-site", site), path=path)).status, 403)
            for path in ("/login", "/callback", "/", "/oidc/ui/auth"):
                self.assertEqual((await self.ask("GET", COOKIE, (b"sec-fetch-site", site), path=path)).status, 200, "the redirect from Keycloak")
        for headers in ((), ((b"sec-fetch-site", b"same-origin"),), ((b"sec-fetch-site", b"none"),)):
            self.assertEqual((await self.ask("GET", COOKIE, *headers, path="/logout")).status, 200)

    def test_the_start_fails_without_a_public_address(self):
        for address in (None, "", "/callback"):
            with self.assertRaisesRegex(RuntimeError, "OIDC_REDIRECT_URI"):
                Origin(served, address or "", "mlflow")
