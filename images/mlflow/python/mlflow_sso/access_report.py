"""Reports who may do what in MLflow, for `mlflow-sso access`. The report is complete, or the program
fails."""

import urllib.parse

PATTERNS = {"experiment": "experiment-patterns", "registered-model": "registered-models-patterns", "prompt": "prompts-patterns"}
LISTS = {"experiment": "experiments", "registered-model": "registered-models", "prompt": "prompts"}
# MLflow's search endpoint for each kind: path, response field, filter.
SEARCHES = {
    "experiment": ("experiments", "experiments", ""),
    "registered-model": ("registered-models", "registered_models", ""),
    "prompt": ("registered-models", "registered_models", "tags.`mlflow.prompt.is_prompt` = 'true'"),
}
PAGE = 1000


class Refused(Exception):
    """A failure with a message for the user."""


def quoted(name):
    return urllib.parse.quote(name, safe="")


def count(client, kind):
    """Counts the objects of a kind with MLflow's search, which returns everything to an administrator."""
    path, field, wanted = SEARCHES[kind]
    found, token = 0, ""
    while True:
        query = {"max_results": PAGE} | ({"filter": wanted} if wanted else {}) | ({"page_token": token} if token else {})
        page = client.api("GET", f"/{path}/search?{urllib.parse.urlencode(query)}")
        found, token = found + len(page.get(field, [])), page.get("next_page_token")
        if not token:
            return found


def effective(client):
    """All users, their grants, the plugin's decision for each user and object, and the number of objects.

    A reader takes an omission as "no access", so an incomplete report is an error.
    """
    before = {kind: count(client, kind) for kind in SEARCHES}
    found = all_users(client)
    after = {kind: count(client, kind) for kind in SEARCHES}
    for person in found["people"]:
        for kind in SEARCHES:
            listed, there = sum(one["kind"] == kind for one in person["may"]), min(before[kind], after[kind])
            if listed < there:
                raise Refused(f"MLflow lists {listed} of {there} {LISTS[kind]} for {person['name']}, want all: the report would not be complete")
    return found | {"looked": after}


def all_users(client):
    """Users and groups in `effective`."""
    people, groups = [], []
    for row in client.api("GET", "/users/details"):
        name = row["username"]
        about = client.api("GET", f"/users/{quoted(name)}")
        person = {
            "name": name,
            "admin": row["is_admin"],
            "active": row["active"],
            "service": row["is_service_account"],
            "steward": name == client.name,
            "groups": sorted(g["group_name"] for g in about["groups"]),
        }
        people.append(person | grants(client, f"/permissions/users/{quoted(name)}", lambda one: one["kind"]))
    for name in client.api("GET", "/permissions/groups"):
        groups.append({"name": name} | grants(client, f"/permissions/groups/{quoted(name)}", lambda _: "group"))
    return {"people": people, "groups": groups}


def grants(client, path, source):
    """The rules of a user or group and the resulting permissions; source says where each permission comes from."""
    rules, may = [], []
    for kind in PATTERNS:
        for one in client.api("GET", f"{path}/{PATTERNS[kind]}"):
            rules.append({"kind": kind, **{key: one[key] for key in ("regex", "priority", "permission")}})
        for one in client.api("GET", f"{path}/{LISTS[kind]}"):
            may.append({"kind": kind, "name": one["name"], "permission": one["permission"], "source": source(one)})
    return {"rules": rules, "may": may}
