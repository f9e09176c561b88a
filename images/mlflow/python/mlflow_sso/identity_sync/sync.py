"""Updates MLflow's users to match Keycloak."""


def follow(accounts, directory, allowed, administrators, log):
    """One round. Returns a summary; log receives each change.

    allowed are the groups with access, administrators is the one among them whose members are
    administrators.
    """
    # Read MLflow first: a user who logs in meanwhile is already in Keycloak.
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
                continue  # an administrator deactivated them on purpose
            resumed += 1
            log("person.resumed", person.username)
        # Memberships in groups that Keycloak does not know are managed by administrators.
        now = (groups & known) | (person.groups - there)
        admin = administrators in groups
        if (now, admin) != (person.groups, person.is_admin):
            person.join(now, admin)
            changed += 1
            log("person.groups", person.username, was=sorted(person.groups), now=sorted(now), admin=admin)
    return f"{len(people)} people: {ended} ended, {resumed} reactivated, {changed} in other groups"
