"""Returns a user to the requested page after the login.

MLflow 3.17.2's pages are behind a `#`, which a browser does not send. mlflow-oidc-auth 11.0.2 stores only the
path of a request that needs a login, so a link to a run or an experiment ends at MLflow's home page. Such a
navigation therefore gets a page of a few bytes that continues to the login with the full address. Only a path
of this server is ever stored (the plugin's _sanitize_next).

The plugin's own pages (Permissions, tokens) are public and first show a login button, which loses the page. A
navigation to one without a session goes to the login directly.

A login at another name or port of this machine than the public one fails: its cookie belongs to that name, and Keycloak goes
back to the public one. So it begins at the public one. Behind the edge there is no other name.
"""

import base64
import hashlib
from urllib.parse import quote, urlsplit

from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.middleware import AuthMiddleware
from mlflow_oidc_auth.routers import auth
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Match, Route, get_route_path

from mlflow_sso import browser_pages, login_attempts, upstream_guard

HOME, PLUGINS_PAGES = "/", "/oidc/ui"
# The browser reads the address and the server validates it.
SCRIPT = 'location.replace("login?next="+encodeURIComponent(location.pathname+location.search+location.hash))'
_DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
HEADERS = {**browser_pages.HEADERS, "content-security-policy": f"default-src 'none'; script-src 'sha256-{_DIGEST}'; base-uri 'none'; frame-ancestors 'none'"}
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>MLflow</title>'
    f'<noscript><meta http-equiv="refresh" content="0;url=login?next=%2F"></noscript></head><body><script>{SCRIPT}</script></body></html>'
)


# Names of the machine itself. Which other names are answered is not decided here.
OWN_NAMES = {"localhost", "127.0.0.1", "::1"}


def public_address(request):
    """The same page at the public address, where the request came to another name or port of this machine; a browser keeps the hash."""
    public, at = urlsplit(config.OIDC_REDIRECT_URI), urlsplit("//" + request.headers.get("host", ""))
    if at.netloc == public.netloc or at.hostname not in OWN_NAMES or public.hostname not in OWN_NAMES:
        return None
    return f"{public.scheme}://{public.netloc}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")


def _redirect(address):
    return RedirectResponse(address, 302, {"cache-control": "no-store"})


def _handle_auth_redirect(plugins_own):
    async def handle(self, request):
        if get_route_path(request.scope) == HOME and browser_pages.navigates(request.scope):
            public = public_address(request)
            return _redirect(public) if public else HTMLResponse(PAGE, headers=HEADERS)
        return await plugins_own(self, request)

    return handle


class SignedOut(Route):
    """Matches navigation to the plugin's pages, except for its login page, without a session."""

    def matches(self, scope):
        if scope["type"] != "http" or not (path := get_route_path(scope)).startswith(PLUGINS_PAGES) or not browser_pages.navigates(scope):
            return Match.NONE, {}
        if path.startswith(browser_pages.ERROR_PATH) or "." in path or login_attempts.signed_in(scope.get("session") or {}):
            return Match.NONE, {}
        return super().matches(scope)


async def to_login(request):
    """Redirects to the login, and from there back."""
    if public := public_address(request):
        return _redirect(public)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    root = request.scope.get("root_path", "")
    return _redirect(f"{root}{auth.LOGIN}?next={quote(target, safe='')}")


def keep_address(application):
    """Installs both before the plugin's own."""
    upstream_guard.takes(AuthMiddleware._handle_auth_redirect, "self", "request")
    upstream_guard.uses(AuthMiddleware._deny, "_handle_auth_redirect", "_is_document_request")
    upstream_guard.uses(auth._begin_login if auth._begin_login.__module__ == auth.__name__ else login_attempts._begin, "_sanitize_next")
    upstream_guard.needed("login_return", "hash" in AuthMiddleware._handle_auth_redirect.__code__.co_names, "the plugin keeps the address behind #")
    upstream_guard.same("addresses that leave this server", [auth._sanitize_next(evil) for evil in ("//evil", "/\\evil", "/\t/evil", "https://evil")], [None] * 4)
    AuthMiddleware._handle_auth_redirect = _handle_auth_redirect(AuthMiddleware._handle_auth_redirect)
    application.router.routes[1:1] = [SignedOut(PLUGINS_PAGES + "{rest:path}", to_login, methods=["GET"])]
