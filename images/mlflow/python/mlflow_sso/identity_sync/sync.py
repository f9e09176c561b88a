"""Brings MLflow's people to what Keycloak says of them."""


def follow(accounts, directory, allowed, administrators, log):
    """One round. What it did is the returned text; log gets each change.

    allowed are the groups that let a person in, administrators the one among them that
    makes an administrator.
    """
    # MLflow first: who logs in meanwhile is in Keycloak already.
    people, known = accounts.people(), accounts.groups()
    present, there = directory.members(known, allowed)
    ended = resumed = changed = 0
    for person in people:
        groups = present.get(person.username, set())
        if not groups & set(allowed):
            if person.active:
                sessions, tokens = person.end("not enabled in Keycloak, or in none of " + ", ".join(allowed))
                ended += 1
                log("person.ended", person.username, sessions=sessions, tokens=tokens)
            continue
        if not person.active:
            if not person.resume():
                continue  # an administrator deactivated them, and will know why
            resumed += 1
            log("person.resumed", person.username)
        # Memberships in groups that Keycloak does not know are an administrator's.
        now = (groups & known) | (person.groups - there)
        admin = administrators in groups
        if (now, admin) != (person.groups, person.is_admin):
            person.join(now, admin)
            changed += 1
            log("person.groups", person.username, was=sorted(person.groups), now=sorted(now), admin=admin)
    return f"{len(people)} people: {ended} ended, {resumed} let in again, {changed} in other groups"
