"""Keeps concurrent logins of one browser apart, and restarts a login that cannot be completed.

mlflow-oidc-auth 11.0.2 with authlib 1.x keeps only the latest attempt's secrets: the form in an
older tab ends at "Failed to process authentication response", after the browser's working session
was revoked. An attempt of more than 15 minutes ends at "Invalid state parameter", and so does going
back to an earlier callback, although the browser is signed in.

Here the latest few attempts are kept. A session is revoked only when its successor exists. A
response from Keycloak that belongs to no attempt of this browser is never exchanged: a signed-in
user continues, any other restarts the login, which Keycloak completes without a form if the password
was right. A browser without cookies gets an error after a few rounds.
"""

import datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from authlib.integrations.starlette_client.integration import StarletteIntegration
from mlflow_oidc_auth.db.models import SqlAuthState
from mlflow_oidc_auth.logger import get_logger
from mlflow_oidc_auth.routers import auth
from mlflow_oidc_auth.store import store
from starlette.responses import RedirectResponse

from mlflow_sso import upstream_guard

# Attempts of one browser: five take 2 of a cookie's 4 KiB.
KEPT = 5
# Restarts before a login fails. Tabs that start at once overwrite each other's cookie, so one
# round may not be enough.
ROUNDS = 3
# The query of a restarted login, and the mark in its row; the plugin uses that column for SAML.
ROUND = "round"
# Keycloak's response when its form expired, or another tab was faster.
OVER = ("temporarily_unavailable", "authentication_expired")
NO_COOKIE = "This browser keeps no cookies of MLflow"

logger = get_logger()


async def _keep(self, session, state, data):
    """Stores an attempt next to the latest others, without the address, which is not used again."""
    self._clear_session_state(session)
    others = sorted((key for key in session if key.startswith(f"_state_{self.name}_")), key=lambda key: session[key]["exp"])
    for old in others[: max(0, len(others) - KEPT + 1)]:
        session.pop(old)
    alone = {}  # authlib drops other values in a session
    await _authlibs_own(self, alone, state, {name: value for name, value in data.items() if name != "url"})
    session.update(alone)


_authlibs_own = StarletteIntegration.set_state_data


class Attempt:
    """Reads a row of auth_state without removing it."""

    def __init__(self, row):
        self.target, self.rounds = row.relay_state, int((row.binding_hash or "").removeprefix(ROUND) or 0)
        self.live = row.expires_at > datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def _attempt(state):
    with store.ManagedSessionMaker(read_only=True) as database:
        row = database.query(SqlAuthState).filter(SqlAuthState.state == state).one_or_none()
        return Attempt(row) if row is not None and (row.binding_hash or ROUND).startswith(ROUND) else None


def _count(state, rounds):
    with store.ManagedSessionMaker(read_only=False) as database:
        database.query(SqlAuthState).filter(SqlAuthState.state == state).update({"binding_hash": f"{ROUND}{rounds}"}, synchronize_session=False)


def signed_in(session):
    """Whether a plugin session is valid."""
    resolved = store.resolve_auth_session(session.get("session_id") or "")
    return resolved is not None and resolved.is_active


async def begin(request, provider_id):
    """The plugin's start of a login; marks a restarted one in its row."""
    answer = await _begin(request, provider_id)
    rounds = request.query_params.get(ROUND, "")
    if rounds in {str(n) for n in range(1, ROUNDS + 1)}:
        _count(parse_qs(urlsplit(answer.headers["location"]).query)["state"][0], rounds)
    return answer


async def complete(request, provider_id):
    """The plugin's end of a login, if the response belongs to an attempt of this browser."""
    query, session = request.query_params, request.session
    over = (query.get("error"), query.get("error_description")) == OVER
    if query.get("error") and not over:
        return await _finish(request, provider_id)
    state = query.get("state") or ""
    attempt = _attempt(state)
    client = provider_id or auth.DEFAULT_PROVIDER_ID
    ours = f"_state_{auth._client_for_exchange(provider_id).name}_{state}" in session
    if attempt and attempt.live and ours and not over:
        return await _finish(request, provider_id)
    store.consume_auth_state(state)
    target = attempt.target if attempt else None
    if signed_in(session):
        return RedirectResponse(target or str(request.base_url).rstrip("/"), 302)
    rounds = attempt.rounds if attempt and attempt.live else 0
    if rounds >= ROUNDS:
        return RedirectResponse(auth._build_ui_url(request, "/auth", {"error": [NO_COOKIE]}), 302)
    path = auth.LOGIN if client == auth.DEFAULT_PROVIDER_ID else f"{auth.LOGIN}/{client}"
    again = {ROUND: rounds + 1} | ({"next": target} if target else {})
    return RedirectResponse(f"{auth._login_path(request, path)}?{urlencode(again)}", 302)


async def _finish(request, provider_id):
    """Runs the plugin's handler. Revokes the browser's previous session when the new one exists, and keeps it
    otherwise."""
    session = request.session
    before = {key: session[key] for key in auth._LOGIN_SESSION_KEYS if key in session}
    old = before.get("session_id")
    answer = await _complete(request, provider_id)
    new = session.get("session_id")
    if new is None or new == old:
        session.update(before)
        return answer
    for key in set(before) - {"session_id", "authenticated"}:
        session.pop(key, None)
    if old:
        try:
            store.revoke_auth_session(old)
        except Exception as error:  # the cookie no longer names it, and it expires by itself
            logger.warning("Could not revoke the previous session at a new login: %s", type(error).__name__)
    return answer


_begin, _complete = auth._begin_login, auth._complete_login


def keep_attempts():
    """Patches the plugin's login."""
    upstream_guard.takes(StarletteIntegration.set_state_data, "self", "session", "state", "data")
    upstream_guard.takes(auth._retire_previous_login, "session")
    upstream_guard.uses(auth._process_oidc_callback_fastapi, "_retire_previous_login", "consume_auth_state")
    upstream_guard.count(auth, "_retire_previous_login(", 2)
    upstream_guard.count(auth, "await _begin_login(", 2)
    upstream_guard.count(auth, "await _complete_login(", 2)
    StarletteIntegration.set_state_data = _keep
    auth._begin_login, auth._complete_login = begin, complete
    auth._retire_previous_login = lambda session: None
