"""Shows pages to users where mlflow-oidc-auth 11.0.2 and MLflow 3.17.2 show a bare sentence or JSON.

A refused login shows the Keycloak account, the groups that have access, the contact
(MLFLOW_SSO_CONTACT) and how to log in as another user. A 403, 404 or 503 for a browser navigation is a
page, too; programs get MLflow's own response. All external input is escaped, only known texts from
the URL are shown, and the pages load no resources.
"""

import base64
import contextvars
import hashlib
import html
import os
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.entities.auth_context import AUTH_CONTEXT_KEY
from mlflow_oidc_auth.middleware import auth_middleware
from mlflow_oidc_auth.oauth import oauth
from mlflow_oidc_auth.routers import auth
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Match, Route, get_route_path

from mlflow_sso import upstream_guard
from mlflow_sso.login_attempts import NO_COOKIE

CONTACT = "MLFLOW_SSO_CONTACT"
# Where the plugin redirects a browser after a failed login, and where a login as another user
# starts.
ERROR_PATH, ANOTHER_USER_PATH = "/oidc/ui/auth", "/login/another-user"
REFUSED, DEACTIVATED = "User is not allowed to login", "This account cannot be used to sign in here"
# The plugin's messages for a failed login, and what they mean to a user.
KNOWN = {
    DEACTIVATED: "MLflow has deactivated this account, or it is a service account.",
    NO_COOKIE: "Allow cookies for this site, and log in again.",
    "session_error": "MLflow could not start a session. Log in again; if that does not help, ask the administrators.",
    "OIDC provider error": "Keycloak ended the login. Log in again.",
    "Failed to process authentication response": "MLflow could not complete the login with Keycloak. Log in again.",
    "Failed to update user/groups": "MLflow could not store the account. Try again in a minute.",
}
OTHERWISE = "Log in again. If that does not help, ask the administrators."
# The key of the signed cookie that stores a refused user until the next login.
REMEMBERED = "refused"

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f5f6f8;color:#1f272d}
main{max-width:34rem;margin:12vh auto 0;padding:2rem;background:#fff;border:1px solid #d9dde1;border-radius:8px}
h1{font-size:1.35rem;margin:0 0 1rem}dt{font-weight:600}dd{margin:0 0 .75rem;overflow-wrap:anywhere}
a.button{display:inline-block;margin:1rem .75rem 0 0;padding:.5rem 1rem;border-radius:4px;border:1px solid #0b6cb5;color:#0b6cb5;text-decoration:none}
a.first{background:#0b6cb5;color:#fff}
@media(prefers-color-scheme:dark){body{background:#14181c;color:#e6e9ec}main{background:#1f252b;border-color:#39424b}a,a.button{color:#6cb8f5}a.first{color:#fff}}
"""
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

_denied = contextvars.ContextVar("denied", default=None)


def page(status, title, facts=(), links=()):
    """Renders a page. facts are pairs of heading and HTML, links are pairs of text and address."""
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{value}</dd>" for name, value in facts)
    buttons = "".join(f'<a class="button{" first" if n == 0 else ""}" href="{html.escape(to, quote=True)}">{html.escape(text)}</a>' for n, (text, to) in enumerate(links))
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)} - MLflow</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{html.escape(title)}</h1><dl>{rows}</dl>{buttons}</main></body></html>",
        status,
        HEADERS,
    )


def contact(value=None):
    """The contact as HTML."""
    value = os.environ.get(CONTACT, "") if value is None else value
    if not value:
        return "The administrators of this MLflow."
    to = value if urlsplit(value).scheme == "https" else "mailto:" + value
    return f'<a href="{html.escape(to, quote=True)}">{html.escape(value)}</a>'


def refused(who, root=""):
    """The page for a user whom Keycloak authenticates and MLflow refuses."""
    wanted = " or ".join(f"<strong>{html.escape(group)}</strong>" for group in (*config.OIDC_GROUP_NAME, *config.OIDC_ADMIN_GROUP_NAME))
    facts = [("You are", html.escape(who) if who else "a user of Keycloak")]
    facts += [("What is missing", f"Membership in the group {wanted}."), ("Whom to ask", contact())]
    return page(HTTPStatus.FORBIDDEN, REFUSED, facts, [("Log in as another user", root + ANOTHER_USER_PATH), ("Try again", root + auth.LOGIN)])


async def login_error(request):
    """The page for a failed login."""
    errors, root = request.query_params.getlist("error"), request.scope.get("root_path", "")
    who = request.session.get(REMEMBERED)
    if REFUSED in errors:
        return refused(who, root)
    text = next((KNOWN[error] for error in errors if error in KNOWN), OTHERWISE)
    status = HTTPStatus.FORBIDDEN if DEACTIVATED in errors else HTTPStatus.BAD_REQUEST
    facts = [("You are", html.escape(who))] if who and DEACTIVATED in errors else []
    facts += [("What happened", html.escape(text)), ("Whom to ask", contact())]
    return page(status, "The login did not complete", facts, [("Log in again", root + auth.LOGIN), ("Log in as another user", root + ANOTHER_USER_PATH)])


async def another_user(request):
    """Ends the Keycloak session, which asks for confirmation first, and returns to the login."""
    metadata = await auth._provider_metadata(oauth.oidc)
    back = auth._build_ui_url(request, "/auth")
    end = metadata.get("end_session_endpoint")
    query = urlencode({"client_id": config.OIDC_CLIENT_ID, "post_logout_redirect_uri": back})
    return RedirectResponse(f"{end}?{query}" if end else back, 302, {"cache-control": "no-store"})


class ErrorRoute(Route):
    """The plugin's login page when it reports a failed login."""

    def matches(self, scope):
        if scope["type"] == "http" and get_route_path(scope) == ERROR_PATH and b"error=" in scope["query_string"]:
            return super().matches(scope)
        return Match.NONE, {}


def _remember(plugins_own):
    """Records which user the plugin refuses, for the page at the end of the login."""

    def provision(provider, *, username, **more):
        name, errors = plugins_own(provider, username=username, **more)
        _denied.set(username if errors else None)
        return name, errors

    return provision


def _complete(plugins_own):
    async def complete(request, provider_id):
        _denied.set(None)
        answer = await plugins_own(request, provider_id)
        if who := _denied.get():
            request.session[REMEMBERED] = who[:255]
        else:
            request.session.pop(REMEMBERED, None)
        return answer

    return complete


class Pages:
    """An ASGI application whose 403, 404 and 503 are pages for browser navigation."""

    def __init__(self, application):
        self._application = application

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or not navigates(scope):
            await self._application(scope, receive, send)
            return
        replaced = False

        async def send_page(message):
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] in TEXTS and _bare(message):
                replaced = True
                await _explain(message["status"], scope)(scope, receive, send)
            elif not replaced:
                await send(message)

        await self._application(scope, receive, send_page)


TEXTS = {
    HTTPStatus.FORBIDDEN: ("You may not see this", "Your account has no permission for this page or file. Its owner or an administrator can share it with you."),
    HTTPStatus.NOT_FOUND: ("There is nothing here", "MLflow has no page at this address. It may have been deleted or mistyped."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("MLflow is not available", "A service that MLflow needs does not answer. What is stored is safe; try again in a minute."),
}


def _explain(status, scope):
    title, text = TEXTS[status]
    root, caller = scope.get("root_path", ""), scope.get(AUTH_CONTEXT_KEY)
    facts = [("You are", html.escape(caller.username))] if caller else []
    facts += [("What happened", html.escape(text)), ("Whom to ask", contact())]
    return page(status, title, facts, [("Try again", "")] if status == HTTPStatus.SERVICE_UNAVAILABLE else [("Go to MLflow", root + "/"), ("Log out", root + "/logout")])


def navigates(scope):
    """Whether a browser navigates to an address."""
    headers = dict(scope["headers"])
    return scope["method"] == "GET" and headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"


def _bare(message):
    """Whether the body is not already one of these pages."""
    return not any(name.lower() == b"content-security-policy" and value == POLICY.encode() for name, value in message.get("headers", ()))


def show_pages(application):
    """Installs the pages before the plugin's own, and after the fast path, which serves most requests."""
    upstream_guard.uses(auth._process_oidc_callback_fastapi, "_provision_login")
    upstream_guard.takes(auth._provision_login, "provider", "username", "display_name", "userinfo", "user_groups", "access_token", "method")
    upstream_guard.count(auth_middleware, "[AUTH_CONTEXT_KEY] = ", 1)
    upstream_guard.count(auth, f'"{REFUSED}"', 1)
    upstream_guard.count(auth, f'"{DEACTIVATED}"', 4)
    auth._provision_login = _remember(auth._provision_login)
    auth._complete_login = _complete(auth._complete_login)
    application.router.routes[1:1] = [ErrorRoute(ERROR_PATH, login_error, methods=["GET"]), Route(ANOTHER_USER_PATH, another_user, methods=["GET"])]
