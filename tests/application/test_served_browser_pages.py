"""The page for a user without access."""

import base64
import hashlib
import json
import os
import re
import unittest
from unittest import mock

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from mlflow_sso import auth_unavailable, browser_pages
from tests.environment import ADMIN, MEMBER, OTHER, PROVIDER
from tests.login import Browser, location
from tests.served import application, people

NAVIGATION = [(b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document")]


class TestPages(unittest.IsolatedAsyncioTestCase):
    def page(self, answer, status):
        text, headers = answer.content.decode(), dict(answer.headers)
        self.assertEqual(answer.status, status)
        style = re.search("<style>(.*?)</style>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self.assertIn(f"style-src 'sha256-{digest}'", headers[b"content-security-policy"].decode())
        self.assertIn("default-src 'none'", headers[b"content-security-policy"].decode())
        self.assertNotRegex(text, r"<script|<img|<link|@import|url\(|style=|\son[a-z]+=")
        self.assertEqual(headers[b"cache-control"], b"no-store")
        return text

    async def test_a_refused_user_sees_the_account_the_missing_group_and_the_contact(self):
        browser = Browser()
        with mock.patch.dict(os.environ, {browser_pages.CONTACT: "ml-platform@example.com"}):
            answer = await browser.come_back(PROVIDER.log_in(await browser.begin(), "outsider@example.com", groups=[]))
            text = self.page(await browser.get(location(answer)), 403)
        for want in ("User is not allowed to login", "outsider@example.com", ">mlflow<", ">mlflow-admin<", 'href="mailto:ml-platform@example.com"', "/login/another-user"):
            self.assertIn(want, text)
        end = location(await browser.get("/login/another-user"))
        self.assertTrue(end.startswith(PROVIDER.issuer + "/end_session?client_id=mlflow&post_logout_redirect_uri=http%3A%2F%2Fmlflow%3A5000%2Foidc%2Fui%2Fauth"), end)
        await browser.come_back(PROVIDER.log_in(await browser.begin(), MEMBER))
        self.assertNotIn("outsider", self.page(await browser.get(location(answer)), 403))

    async def test_nothing_from_outside_becomes_markup(self):
        browser = Browser()
        evil = "<img/src=x>&\"'@example.com"
        answer = await browser.come_back(PROVIDER.log_in(await browser.begin(), evil, groups=[]))
        text = self.page(await browser.get(location(answer)), 403)
        self.assertIn("&lt;img/src=x&gt;&amp;&quot;&#x27;@example.com", text)
        self.assertNotIn("Call", self.page(await Browser().get("/oidc/ui/auth?error=Call+0800+123&error=%3Cb%3E"), 400))
        with mock.patch.dict(os.environ, {browser_pages.CONTACT: 'https://x.example/"><b>'}):
            self.assertNotIn("<b>", browser_pages.contact())

    async def test_the_pages_of_the_login_itself_are_the_plugins(self):
        self.assertIn(b"MLflow Access Control", (await Browser().get("/oidc/ui/auth")).content)

    async def test_where_a_person_navigates_a_refusal_is_a_page_and_a_program_gets_json(self):
        people(MEMBER, OTHER, ADMIN)
        caller = PROVIDER.bearer(MEMBER)
        for path, status in (("/api/2.0/mlflow/users/details", 403), ("/get-artifact?run_uuid=none&path=x", 404), ("/nowhere", 404)):
            with self.subTest(path):
                plain = await Browser().get(path, caller)
                self.assertEqual(plain.status, status, plain.content)
                self.assertNotIn(b"Whom to ask", plain.content)
                page = self.page(await Browser().get(path, [*caller, *NAVIGATION]), status)
                self.assertIn("Whom to ask", page)
                self.assertIn(MEMBER, page)

    async def test_an_outage_is_a_page_to_a_person_and_503_to_a_program(self):
        people(OTHER)
        application()
        caller = PROVIDER.bearer("outage@example.com")
        with mock.patch.object(auth_unavailable.AuthUnavailableMiddleware, "_get_user_auth_facts", side_effect=auth_unavailable.Unknown):
            plain = await Browser().get("/", caller)
            page = self.page(await Browser().get("/", [*caller, *NAVIGATION]), 503)
        self.assertEqual((plain.status, json.loads(plain.content)["error_code"]), (503, "TEMPORARILY_UNAVAILABLE"))
        self.assertIn("try again in a minute", page)

    async def test_an_outage_in_a_route_of_the_plugin_is_503_without_the_statement(self):
        people(MEMBER)
        application()
        outage = MlflowException("(psycopg.OperationalError) [SQL: SELECT secret]", error_code=TEMPORARILY_UNAVAILABLE)
        from mlflow_oidc_auth.app import app as plugin

        @plugin.get("/tests/outage")
        async def _():
            raise outage

        plugin.router.routes.insert(0, plugin.router.routes.pop())
        self.addCleanup(plugin.router.routes.pop, 0)
        answer = await Browser().get("/tests/outage", PROVIDER.bearer(MEMBER))
        self.assertEqual((answer.status, json.loads(answer.content)["error_code"]), (503, "TEMPORARILY_UNAVAILABLE"))
        self.assertNotIn(b"SELECT", answer.content)
