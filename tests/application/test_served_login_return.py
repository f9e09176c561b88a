"""A login ends at the requested page, and never on another server."""

import unittest
from urllib.parse import parse_qs, quote, urlsplit

from mlflow_sso import login_return
from tests.asgi import Client
from tests.environment import MEMBER, PROVIDER
from tests.login import Browser, location
from tests.served import application, people

NAVIGATION = ((b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document"))


def setUpModule():
    people(MEMBER)
    application()


class TestReturn(unittest.IsolatedAsyncioTestCase):
    async def lands(self, browser, target):
        form = await browser.begin("?next=" + quote(target, safe=""))
        return location(await browser.come_back(PROVIDER.log_in(form, MEMBER)))

    async def test_the_address_behind_the_hash_is_kept_in_every_tab(self):
        browser = Browser()
        targets = ["/#/experiments/49/runs/0123", "/#/models/a%20b?x=1&y=2", "/?a=b#/experiments/7"]
        forms = [await browser.begin("?next=" + quote(target, safe="")) for target in targets]
        for form, target in reversed(list(zip(forms, targets, strict=True))):
            self.assertEqual(location(await browser.come_back(PROVIDER.log_in(form, MEMBER))), target)

    async def test_navigation_without_a_session_gets_the_page_that_reads_the_hash(self):
        got = await Browser().get("/", NAVIGATION)
        headers = dict(got.headers)
        self.assertEqual(got.status, 200)
        self.assertIn(login_return.SCRIPT.encode(), got.content)
        self.assertIn(login_return._DIGEST.encode(), headers[b"content-security-policy"])
        self.assertEqual(headers[b"cache-control"], b"no-store")
        self.assertIn("location.hash", login_return.SCRIPT)

    async def test_other_clients_are_redirected_as_before(self):
        self.assertEqual((await Browser().get("/")).status, 302)

    async def at(self, host, path):
        """Where a browser without a session is led that opens a path at a host."""
        client = Client("GET", path, headers=[(b"accept", b"text/html"), *NAVIGATION], query=b"a=b")
        client.scope["headers"][0] = (b"host", host)
        answer = await client.ask(application())
        return dict(answer.headers).get(b"location", b"").decode()

    async def test_a_login_begins_at_the_public_address(self):
        for host in (b"127.0.0.1:5000", b"localhost:15000", b"[::1]:5000", b"127.0.0.1"):
            for path in ("/", "/oidc/ui/user/tokens"):
                self.assertEqual(await self.at(host, path), f"http://localhost:5000{path}?a=b", host)
        self.assertEqual(await self.at(b"localhost:5000", "/"), "")
        self.assertTrue((await self.at(b"localhost:5000", "/oidc/ui/user/tokens")).startswith("/login?"))

    async def test_another_name_leads_nowhere(self):
        for host in (b"evil.example", b"mlflow:5000", b"localhost.evil.example:5000", b"localhost:5000@evil.example", b""):
            self.assertEqual(await self.at(host, "/"), "", host)

    async def test_a_signed_in_browser_gets_mlflow(self):
        browser = Browser()
        await self.lands(browser, "/")
        self.assertIn(b'id="root"', (await browser.get("/", NAVIGATION)).content)
        self.assertEqual((await browser.get("/oidc/ui/user/tokens", NAVIGATION)).status, 200)

    async def test_the_plugins_pages_lead_to_the_login_and_back(self):
        browser = Browser()
        to = location(await browser.get("/oidc/ui/user/tokens?a=b", NAVIGATION))
        self.assertEqual((urlsplit(to).path, parse_qs(urlsplit(to).query)["next"]), ("/login", ["/oidc/ui/user/tokens?a=b"]))
        form = location(await browser.get(to))
        self.assertEqual(location(await browser.come_back(PROVIDER.log_in(form, MEMBER))), "/oidc/ui/user/tokens?a=b")

    async def test_the_page_for_logins_and_files_stay(self):
        for path in ("/oidc/ui/auth", "/oidc/ui/favicon.ico", "/oidc/ui/config.json"):
            self.assertEqual((await Browser().get(path, NAVIGATION)).status, 200, path)

    async def test_no_address_leads_to_another_server(self):
        for target in ("//evil", "/\\evil", "\\\\evil", "/\t/evil", "https://evil/", "javascript:alert(1)", "///evil", "/%09/evil\n"):
            with self.subTest(target):
                self.assertEqual(urlsplit(await self.lands(Browser(), target)).hostname or "mlflow", "mlflow")
        for path in ("//evil", "/oidc/ui//evil"):
            to = urlsplit((dict((await Browser().get("http://mlflow:5000" + path, NAVIGATION)).headers).get(b"location") or b"/").decode())
            self.assertEqual((to.hostname, to.path[:2] != "//"), (None, True))
