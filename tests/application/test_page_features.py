"""MLflow's start page offers what works for the caller."""

import os
import unittest
from unittest import mock

from mlflow_oidc_auth import hack
from mlflow_sso import page_features, upstream_guard
from tests.environment import ADMIN, MEMBER, PROVIDER
from tests.login import Browser
from tests.served import application, people

DEMO, WEBHOOKS, CONNECTIONS = page_features.DEMO, "#/settings/webhooks", "#/settings/llm-connections"


async def page(who):
    people(ADMIN, MEMBER)
    application()
    return (await Browser().get("/", PROVIDER.bearer(who))).content.decode()


class TestPage(unittest.IsolatedAsyncioTestCase):
    async def test_what_the_browser_stores_is_stored_before_the_page_starts(self):
        text = await page(MEMBER)
        for key, value in page_features.STORED.items():
            self.assertIn(f'localStorage.setItem("{key}_v1","{value}")', text)
        self.assertLess(text.index("localStorage"), text.index("main."))
        self.assertLess(text.index("<style>"), text.index("main."))

    async def test_a_member_is_not_offered_what_only_administrators_may_do(self):
        for who, hides in ((MEMBER, True), (ADMIN, False)):
            text = await page(who)
            for what in (DEMO, page_features.CLEAR):
                self.assertEqual(what in text, hides, (who, what))
            self.assertIn('[data-assistant-ui="true"]{display:none!important}', text)

    async def test_tokens_and_the_account_page_are_in_the_menu(self):
        text = await page(MEMBER)
        self.assertEqual(text.count("MENU_ITEMS = ["), 1)
        menu = text[text.index("MENU_ITEMS = [") : text.index("];", text.index("MENU_ITEMS = ["))]
        for want in ('BASE_PATH + "/oidc/ui/user/tokens"', f'"{PROVIDER.issuer}/account"', '"/logout"'):
            self.assertIn(want, menu)


class TestHidden(unittest.TestCase):
    def test_what_is_switched_off_is_hidden_from_administrators_too(self):
        for is_admin in (True, False):
            for gateway in (True, False):
                for webhooks in (True, False):
                    found = "".join(page_features.hidden(is_admin, gateway, webhooks))
                    self.assertEqual(WEBHOOKS in found, not (is_admin and webhooks))
                    self.assertEqual(CONNECTIONS in found, not (is_admin and gateway))

    def test_each_selector_has_a_rule_of_its_own(self):
        self.assertEqual(page_features.style(["a", "b"]), "<style>a{display:none!important}b{display:none!important}</style>")

    def test_an_address_cannot_end_the_script(self):
        self.assertNotIn("</script>", page_features.account('https://x/</script>"'))

    def test_pages_that_have_changed_are_refused(self):
        folder = os.path.join(os.path.dirname(hack.__file__), "hack")  # it has no scripts of MLflow's
        with self.assertRaises(upstream_guard.Changed):
            page_features._expect(folder)
        with mock.patch.object(hack, "_read_snippet", return_value=""), self.assertRaises(upstream_guard.Changed):
            page_features._expect(os.path.join(page_features.flask_app.static_folder, "static", "js"))
