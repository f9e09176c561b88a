"""Revokes MLflow's sessions and personal tokens that Keycloak has ended: see decision 29."""

# Compare Keycloak's "not before" and MLflow's times in whole seconds: a session that began in the
# same second ends, too. A new login may have to wait for a second.
SECOND = 1.0


def sign_out(holders, directory, log):
    """One round. Read holders before asking Keycloak, so that a concurrent login is not judged by an older
    response."""
    realm = directory.realm_not_before() if holders else 0
    sessions_ended = tokens_ended = unknown = 0
    for holder in holders:
        if holder.subject is None:
            unknown += 1
            continue
        account = directory.account(holder.subject, with_sessions=bool(holder.sessions))
        if account is None:
            continue  # deleted in Keycloak: the sync of users ends all of it
        not_before = max(realm, account.not_before)
        tokens = [token for token in holder.tokens if token.began < not_before + SECOND]
        sessions = [session for session in holder.sessions if reason(session, account, not_before)]
        if not sessions and not tokens:
            continue
        holder.end(sessions, tokens)
        reasons = sorted({reason(session, account, not_before) for session in sessions} | ({"not before"} if tokens else set()))
        log("person.signed_out", holder.username, sessions=len(sessions), tokens=len(tokens), reasons=reasons)
        sessions_ended, tokens_ended = sessions_ended + len(sessions), tokens_ended + len(tokens)
    return f"{len(holders)} people with sessions or tokens: {sessions_ended} sessions and {tokens_ended} tokens ended, {unknown} unknown to Keycloak"


def reason(session, account, not_before):
    """Why a session is over; empty if it is not."""
    if session.began < not_before + SECOND:
        return "not before"
    if session.began < account.password_changed:
        return "password changed"
    if session.sid is not None:
        return "" if session.sid in account.sessions else "signed out"
    # The login was not recorded: any Keycloak session of the same age may belong to it.
    return "" if any(start <= session.began for start in account.sessions.values()) else "signed out"
