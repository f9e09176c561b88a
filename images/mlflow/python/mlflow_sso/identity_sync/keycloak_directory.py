"""Reads users and their groups from Keycloak."""

import time

import requests

# Seconds for one response, users per page, and seconds before its expiry in which a token is no
# longer used.
TIMEOUT = 10
PAGE = 500
MARGIN = 30


class Account:
    """A user's logins in Keycloak. Times are seconds since the epoch; 0 if there is none."""

    def __init__(self, not_before, password_changed, sessions):
        """sessions maps the IDs of Keycloak's sessions to their start."""
        self.not_before, self.password_changed, self.sessions = not_before, password_changed, sessions


class DirectoryUnavailable(Exception):
    """Keycloak gave no usable response, so the state of its users is unknown."""


class Directory:
    """Reads a realm's groups as a service account with the role to view users."""

    def __init__(self, realm_url, client, secret):
        """realm_url is such as http://keycloak:8080/realms/mlflow."""
        self._realm_url = realm_url
        self._admin_url = realm_url.replace("/realms/", "/admin/realms/", 1)
        self._client, self._secret = client, secret
        # Keycloak records each login as an event, among those of users.
        self._token, self._until = None, 0.0
        self._kept = requests.Session()

    def members(self, wanted, needed):
        """All users with their groups, by MLflow's user name, and the groups that exist.

        Raises if a required group is missing: without it, all of its members would look like
        removed users.
        """
        people, there = {}, set()
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer " + self._valid_token(session)
            for group in sorted(set(wanted) | set(needed)):
                identifier = self._identifier(session, group)
                if identifier is None:
                    continue
                there.add(group)
                for person in self._pages(session, f"/groups/{identifier}/members"):
                    if person.get("enabled"):
                        people.setdefault(known_as(person), set()).add(group)
        if missing := set(needed) - there:
            raise DirectoryUnavailable(f"the realm has no group {', '.join(sorted(missing))}, so no user is treated as removed")
        return people, there

    def realm_not_before(self):
        """When all of the realm's sessions were last revoked. The value is public."""
        with requests.Session() as session:
            return self._ask(session.get, self._realm_url).get("tokens-not-before", 0)

    def account(self, identifier, with_sessions):
        """A user's logins; None if the user does not exist. Reads sessions and passwords only on request."""
        session = self._admin_session()
        path = f"{self._admin_url}/users/{identifier}"
        user = self._ask(session.get, path, missing=None)
        if user is None:
            return None
        changed, sessions = 0.0, {}
        if with_sessions:
            passwords = [c for c in self._ask(session.get, path + "/credentials") if c.get("type") == "password"]
            changed = max((c.get("createdDate") or 0 for c in passwords), default=0) / 1000
            sessions = {s["id"]: s["start"] / 1000 for s in self._ask(session.get, path + "/sessions")}
        return Account(user.get("notBefore") or 0, changed, sessions)

    def _admin_session(self):
        """A persistent connection with a valid token."""
        self._kept.headers["Authorization"] = "Bearer " + self._valid_token(self._kept)
        return self._kept

    def _valid_token(self, session):
        if time.monotonic() < self._until:
            return self._token
        answer = self._ask(
            session.post,
            self._realm_url + "/protocol/openid-connect/token",
            data={"grant_type": "client_credentials"},
            auth=(self._client, self._secret),
        )
        self._token, self._until = answer["access_token"], time.monotonic() + answer["expires_in"] - MARGIN
        return self._token

    def _identifier(self, session, name):
        found = self._ask(session.get, self._admin_url + "/groups", params={"search": name, "exact": "true", "max": PAGE})
        while found:
            for group in found:
                if group["name"] == name:
                    return group["id"]
            found = [below for group in found for below in group.get("subGroups") or []]
        return None

    def _pages(self, session, path):
        first = 0
        while True:
            page = self._ask(session.get, self._admin_url + path, params={"first": first, "max": PAGE, "briefRepresentation": "true"})
            yield from page
            if len(page) < PAGE:
                return
            first += PAGE

    def _ask(self, method, url, missing=..., **more):
        """The response to one request; returns `missing` for a 404, where that is a valid result."""
        try:
            answer = method(url, timeout=TIMEOUT, allow_redirects=False, **more)
            if answer.status_code == 404 and missing is not ...:
                return missing
            if answer.status_code != 200:
                self._until = 0.0  # the token's key may have been removed
                raise DirectoryUnavailable(f"{url} answers {answer.status_code}, want 200")
            return answer.json()
        except (requests.RequestException, ValueError) as error:
            # Its text may contain what was sent.
            raise DirectoryUnavailable(f"{url}: {type(error).__name__}") from None


def known_as(person):
    """The user name in the plugin: see OIDC_USERNAME_FIELD."""
    return (person.get("email") or person["username"]).lower()
