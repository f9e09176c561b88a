"""Manages MLflow's accounts and permissions for the stack: `python -m mlflow_sso.access_admin`, run inside the
container.

Reads a JSON request from standard input, including the client ID and secret of the access admin's Keycloak
client. Prints a JSON response.

The access admin is an MLflow administrator that is bound to the `sub` of its client's service account. On a
new database this program creates that binding with the plugin's own functions: a caller that can run it can
reach the database anyway. Everything else goes through the plugin's API, like an administrator's requests.
"""

import base64
import contextlib
import json
import os
import sys
import urllib.error
import urllib.request
from importlib.metadata import version

from mlflow_sso import break_glass
from mlflow_sso.access_report import LISTS, PATTERNS, Refused, effective, quoted

SERVER = "http://127.0.0.1:5000"
API = "/api/2.0/mlflow"
SOURCE = "default"  # the plugin's name for the single provider of the flat variables
SECONDS = 30
MINUTES = 30  # what the tool gives a report

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, url, body=None, headers=None):
    """Status and JSON of a response. The JSON is None if the body is not JSON."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with _opener.open(request, timeout=SECONDS) as answer:
            status, content = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    try:
        return status, json.loads(content)
    except ValueError:
        return status, None


class AccessAdmin:
    def __init__(self, client, secret):
        token = self._fetch(client, secret)
        self._authorization = "Bearer " + token
        claims = token.split(".")[1]
        # Keycloak issued the token over the private network for this client secret, so the caller's
        # identity is certain.
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        self.name, self.subject = said["preferred_username"].lower(), said["sub"]

    def _fetch(self, client, secret):
        status, about = ask("GET", os.environ["OIDC_DISCOVERY_URL"])
        if status != 200 or not about:
            raise Refused(f"Keycloak answers {status} where MLflow reads about it, want 200")
        login = base64.b64encode(f"{quoted(client)}:{quoted(secret)}".encode()).decode()
        headers = {"Authorization": "Basic " + login, "Content-Type": "application/x-www-form-urlencoded"}
        status, given = ask("POST", about["token_endpoint"], b"grant_type=client_credentials", headers)
        if status != 200:
            raise Refused(f"Keycloak answers {status} to client {client}, want a token: {(given or {}).get('error')}")
        return given["access_token"]

    def api(self, method, path, body=None, want=(200, 201)):
        """Calls MLflow's API. Without `want`, returns status and body; with it, raises unless the
        status matches."""
        status, answer = self._send(method, path, body)
        if status == 401:
            self.bind()
            status, answer = self._send(method, path, body)
        if want is None:
            return status, answer
        if status not in want:
            raise Refused(f"MLflow answers {status} to {method} {path}: {json.dumps(answer)[:300]}")
        return answer

    def _send(self, method, path, body):
        headers = {"Authorization": self._authorization, "Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        return ask(method, SERVER + API + path, data, headers)

    def bind(self):
        """Creates the access admin as an administrator, or restores its role."""
        from mlflow_oidc_auth.store import store
        from mlflow_oidc_auth.user import create_user

        try:
            from mlflow_oidc_auth.utils.service_accounts import apply_source
        except ModuleNotFoundError:
            installed = version("mlflow-oidc-auth")
            raise Refused(
                f"mlflow-oidc-auth {installed} has no service accounts of an identity provider, want 11 or later: leave serviceAccounts and access out of the stack file until MLflow is upgraded"
            ) from None

        for attempt in (1, 2):
            try:
                create_user(
                    username=self.name,
                    display_name="steward of the stack",
                    is_admin=True,
                    is_service_account=True,
                    written_by="manual",
                    service_account_source=SOURCE,
                )
                break
            except Exception:  # a concurrent run has created it
                if attempt == 2:
                    raise
        store.update_user(username=self.name, active=True, written_by="manual")
        apply_source(self.name, SOURCE, self.subject)


class Operator(AccessAdmin):
    """The operator on a stack without an access admin: an administrator for one report.

    The account is made and ended as in an emergency (break_glass), so identity sync ends one that was left behind.
    """

    def __init__(self):
        granted = break_glass.grant(MINUTES, "mlflow-sso access", "report of permissions")
        self.name = granted["username"]
        self._authorization = "Basic " + base64.b64encode(f"{self.name}:{granted['token']}".encode()).decode()

    def bind(self):
        raise Refused("MLflow does not accept the account that was made for this report")

    def close(self):
        from mlflow_oidc_auth.store import store

        break_glass.end(self.name)
        store.delete_user(self.name)


def report_of_operator():
    """The report, without the account that reads it."""
    with contextlib.closing(Operator()) as operator:
        found = effective(operator)
        others = [person for person in found["people"] if person["name"] != operator.name]
    return found | {"people": others}


def account(client, name):
    """MLflow's record of a user or service account; None if there is none."""
    for row in client.api("GET", "/users/details"):
        if row["username"] == name:
            bound = client.api("GET", f"/users/{quoted(name)}/identities")
            subjects = [one["subject"] for one in bound if one["provider_id"] == SOURCE]
            return {
                "username": name,
                "admin": row["is_admin"],
                "active": row["active"],
                "service": row["is_service_account"],
                "source": row["service_account_source"],
                "subject": subjects[0] if len(subjects) == 1 else "",
                "displayName": row["display_name"],
            }
    return None


def set_account(client, wanted):
    name, subject, admin = wanted["username"], wanted["subject"], wanted["admin"]
    found = account(client, name)
    new = {"username": name, "display_name": wanted.get("displayName") or name, "is_admin": admin, "is_service_account": True}
    if found is None:
        status, answer = client.api("POST", "/users", new | {"service_account_source": SOURCE, "subject": subject}, want=None)
        if status not in (201, 409):
            raise Refused(f"MLflow answers {status} to a new service account {name}: {json.dumps(answer)[:300]}")
        found = account(client, name)
        if found is None:
            raise Refused(f"MLflow answers {status} and does not have the service account {name}: {json.dumps(answer)[:300]}")
    if not found["service"]:
        raise Refused(f"{name} is a user in MLflow, want an unused name")
    if found["subject"] != subject or found["source"] != SOURCE:
        client.api("PUT", f"/users/{quoted(name)}/service-account-source", {"source": SOURCE, "subject": subject})
    if found["admin"] != admin:
        client.api("POST", "/users", new)
    if not found["active"]:
        client.api("PATCH", f"/users/{quoted(name)}/active", {"active": True})
    return account(client, name)


def remove_account(client, name):
    status, answer = client.api("DELETE", "/users", {"username": name}, want=None)
    if status == 409 and name == client.name:
        return {"kept": True}  # the last administrator; its client is deleted, so no one can use the account
    if status not in (200, 404):
        raise Refused(f"MLflow answers {status} to the removal of {name}: {json.dumps(answer)[:300]}")
    return {"kept": False}


def path_of(grant):
    whose = "groups" if grant["who"] == "group" else "users"
    return f"/permissions/{whose}/{quoted(grant['name'])}/{PATTERNS[grant['kind']]}"


def find_grant(client, grant):
    status, listed = client.api("GET", path_of(grant), want=None)
    if status == 404:
        return None  # the account does not exist yet
    if status != 200:
        raise Refused(f"MLflow answers {status} to a list of grants of {grant['name']}: {json.dumps(listed)[:300]}")
    for one in listed:
        if one["regex"] == grant["regex"]:
            return {"id": one["id"], "permission": one["permission"], "priority": one["priority"]}
    return None


def make_subject(client, grant):
    """Creates a group or user that MLflow does not know yet, without permissions beyond those granted
    here."""
    name = grant["name"]
    if grant["who"] == "group":
        client.api("POST", "/permissions/groups", {"group_name": name})
        return
    if account(client, name):
        return
    if grant["who"] != "user":
        raise Refused(f"MLflow does not know the service account {name}, want one that the stack file declares")
    client.api("POST", "/users", {"username": name, "display_name": name, "is_admin": False, "is_service_account": False})


def set_grant(client, grant):
    make_subject(client, grant)
    body = {key: grant[key] for key in ("regex", "priority", "permission")}
    for _ in (1, 2):
        found = find_grant(client, grant)
        if found is None:
            status, answer = client.api("POST", path_of(grant), body, want=None)
        elif {key: found[key] for key in ("priority", "permission")} == {key: grant[key] for key in ("priority", "permission")}:
            return found
        else:
            status, answer = client.api("PATCH", f"{path_of(grant)}/{found['id']}", body, want=None)
        if status in (404, 409):
            continue  # a concurrent request has removed or created it
        if status not in (200, 201):
            raise Refused(f"MLflow answers {status} to a grant of {grant['name']}: {json.dumps(answer)[:300]}")
    found = find_grant(client, grant)
    if found is None:
        raise Refused(f"MLflow does not have the grant that it was given for {grant['name']}")
    return found


def remove_grant(client, grant):
    found = find_grant(client, grant)
    if found is not None:
        client.api("DELETE", f"{path_of(grant)}/{found['id']}", want=(200, 204, 404))
    return {}


def names(client, kind):
    """All objects of a kind, as the plugin lists them for an administrator."""
    listed = client.api("GET", f"/permissions/users/{quoted(client.name)}/{LISTS[kind]}")
    return [one["name"] for one in listed]


def admin_state(client, what):
    """Reads, creates and removes the access admin's own account."""
    if what == "bind":
        client.bind()
    elif what == "remove":
        return remove_account(client, client.name)
    status, me = client._send("GET", "/users/current", None)
    return {"username": client.name, "subject": client.subject} if status == 200 and me["is_admin"] else None


# The names of commands and JSON keys are stable: the tool and the image may come from different
# releases.
DOES = {
    "steward": admin_state,
    "account": lambda client, it: account(client, it),
    "setAccount": set_account,
    "removeAccount": remove_account,
    "grant": find_grant,
    "setGrant": set_grant,
    "removeGrant": remove_grant,
    "names": names,
    "effective": lambda client, _: effective(client),
}


def answer_to_request(request):
    """What the command answers. Without a client there is only the report."""
    if not request["client"] and request["do"] == "effective":
        return report_of_operator()
    return DOES[request["do"]](AccessAdmin(request["client"], request["secret"]), request.get("with"))


def main():
    answer_to, sys.stdout = sys.stdout, sys.stderr  # keep the output of libraries out of the response
    request = json.load(sys.stdin)
    try:
        answer = answer_to_request(request)
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(3)
    except OSError as error:  # refused, or timed out
        print(f"a service does not answer: {error}", file=sys.stderr)
        sys.exit(4)
    json.dump(answer, answer_to)


if __name__ == "__main__":
    main()
