"""Every login of a browser with several tabs completes, or restarts."""

import datetime
import unittest
from urllib.parse import parse_qs, urlsplit

from mlflow_oidc_auth.db.models import SqlAuthSession, SqlAuthState
from mlflow_oidc_auth.store import store
from mlflow_sso import keycloak_sessions
from sqlalchemy import text
from tests.environment import MEMBER, OTHER, PROVIDER
from tests.login import Browser, location

HOME = "http://mlflow:5000"


def age(**by):
    """Makes every attempt older."""
    with store.ManagedSessionMaker(read_only=False) as database:
        for row in database.query(SqlAuthState):
            row.expires_at -= datetime.timedelta(**by)


def live_sessions(username=MEMBER):
    with store.ManagedSessionMaker(read_only=True) as database:
        rows = database.query(SqlAuthSession).filter(SqlAuthSession.revoked_at.is_(None))
        return sum(store.resolve_auth_session(row.session_id).username == username for row in rows)


class TestLogins(unittest.IsolatedAsyncioTestCase):
    async def signed_in(self):
        browser = Browser()
        answer = await browser.come_back(PROVIDER.log_in(await browser.begin(), MEMBER))
        self.assertTrue(location(answer).startswith(HOME))
        self.assertEqual(await browser.who(), 200)
        return browser

    async def test_the_form_of_an_older_tab_logs_in(self):
        browser = Browser()
        first, second = await browser.begin("?next=/first"), await browser.begin("?next=/second")
        self.assertEqual(location(await browser.come_back(PROVIDER.log_in(first, MEMBER))), "/first")
        self.assertEqual(await browser.who(), 200)
        self.assertEqual(location(await browser.come_back(PROVIDER.log_in(second, MEMBER))), "/second")
        self.assertEqual(await browser.who(), 200)

    async def test_the_cookie_of_many_tabs_stays_within_what_a_browser_keeps(self):
        browser = Browser()
        forms = [await browser.begin(f"?next=/{n}") for n in range(12)]
        self.assertLess(max(map(len, browser.cookies.values())), 3500)
        self.assertEqual(location(await browser.come_back(PROVIDER.log_in(forms[-5], MEMBER))), "/7")

    async def test_a_login_whose_cookie_was_overwritten_starts_again_and_its_code_is_never_used(self):
        browser = Browser()
        form = await browser.begin("?next=/there")
        browser.cookies.clear()
        answer = await browser.come_back(PROVIDER.log_in(form, OTHER))
        self.assertEqual(urlsplit(location(answer)).path, "/login")
        self.assertEqual(await browser.who(), 401)
        again = location(await browser.get(location(answer)))
        self.assertEqual(location(await browser.come_back(PROVIDER.log_in(again, MEMBER))), "/there")

    async def test_a_form_that_was_open_for_too_long_starts_the_login_again(self):
        for over in (True, False):
            browser = Browser()
            form = await browser.begin("?next=/there")
            age(minutes=31)
            query = PROVIDER.log_in(form, MEMBER)
            if over:
                state = parse_qs(urlsplit(form).query)["state"][0].encode()
                query = b"error=temporarily_unavailable&error_description=authentication_expired&state=" + state
            answer = await browser.come_back(query)
            self.assertEqual(parse_qs(urlsplit(location(answer)).query)["next"], ["/there"])
            again = location(await browser.get(location(answer)))
            self.assertEqual(location(await browser.come_back(PROVIDER.log_in(again, MEMBER))), "/there")

    async def test_a_browser_that_keeps_no_cookies_gets_an_error_after_a_few_rounds(self):
        browser, at, rounds = Browser(), "/login", 0
        while "error" not in at:
            rounds += 1
            self.assertLess(rounds, 10)
            form = location(await browser.get(at))
            browser.cookies.clear()
            at = location(await browser.come_back(PROVIDER.log_in(form, MEMBER)))
        self.assertIn("keeps+no+cookies", at)
        self.assertEqual(rounds, 4)

    async def test_a_signed_in_user_continues_after_a_useless_response(self):
        browser = await self.signed_in()
        for query in (b"code=x&state=used", b"error=temporarily_unavailable&error_description=authentication_expired&state=used", b""):
            self.assertEqual(location(await browser.come_back(query)), HOME)
        self.assertEqual(await browser.who(), 200)

    async def test_a_login_that_fails_leaves_the_session_and_one_that_succeeds_replaces_it(self):
        browser = await self.signed_in()
        before = live_sessions()
        answer = await browser.come_back(PROVIDER.log_in(await browser.begin(), OTHER, groups=["none"]))
        self.assertIn("error=User+is+not+allowed", location(answer))
        form = await browser.begin()
        answer = await browser.come_back(b"code=wrong&state=" + parse_qs(urlsplit(form).query)["state"][0].encode())
        self.assertIn("error=Failed", location(answer))
        self.assertEqual((await browser.who(), live_sessions()), (200, before))
        await browser.come_back(PROVIDER.log_in(await browser.begin(), MEMBER))
        self.assertEqual((await browser.who(), live_sessions()), (200, before))


class TestKeycloakSessions(unittest.IsolatedAsyncioTestCase):
    async def test_a_login_records_which_session_of_keycloak_it_came_from(self):
        browser = Browser()
        await browser.come_back(PROVIDER.log_in(await browser.begin(), MEMBER, sid="the-session"))
        with store.engine.begin() as connection:
            rows = connection.execute(
                text("SELECT k.sid FROM mlflow_sso_keycloak_sessions k JOIN auth_sessions s ON s.id = k.auth_session WHERE k.sid = 'the-session'")
            ).fetchall()
        self.assertEqual(len(rows), 1)

    def test_an_invalid_token_has_no_session(self):
        for token in (None, "", "a.b", "a.!.c", "a.e30.c"):
            self.assertIsNone(keycloak_sessions.keycloak_session(token))
