"""Reads and updates the plugin's user accounts.

It writes to the plugin's tables directly, in the plugin's own order (users, then sessions, then
tokens), so that it misses no token that is issued meanwhile. The plugin's API would refuse to
deactivate its last administrator; here Keycloak decides who is an administrator.
"""

import datetime

PEOPLE = """
SELECT u.id, u.username, u.is_admin, u.active, array_remove(array_agg(g.group_name), NULL)
FROM users u LEFT JOIN user_groups ug ON ug.user_id = u.id LEFT JOIN groups g ON g.id = ug.group_id
WHERE NOT u.is_service_account GROUP BY u.id ORDER BY u.id
"""


class Accounts:
    """The plugin's user accounts."""

    def __init__(self, connection):
        self._db = connection

    def groups(self):
        """The names of all groups in MLflow: only those can have grants."""
        return {name for (name,) in self._db.execute("SELECT group_name FROM groups")}

    def people(self):
        """All users in MLflow."""
        return [Account(self._db, *row) for row in self._db.execute(PEOPLE).fetchall()]


class Account:
    """One user's account."""

    def __init__(self, connection, identifier, username, is_admin, active, groups):
        self._db = connection
        self._id, self.username, self.is_admin, self.active, self.groups = identifier, username, is_admin, active, set(groups)

    def end(self, reason):
        """Revokes sessions and tokens, and refuses new ones. Returns the number of each."""
        with self._db.transaction():
            self._db.execute("UPDATE users SET active = false WHERE id = %s", (self._id,))
            # The plugin stores UTC without a time zone.
            now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
            sessions = self._db.execute("UPDATE auth_sessions SET revoked_at = %s WHERE user_id = %s AND revoked_at IS NULL AND expires_at > %s", (now, self._id, now)).rowcount
            tokens = self._db.execute("DELETE FROM user_tokens WHERE user_id = %s", (self._id,)).rowcount
            self._db.execute(
                "INSERT INTO mlflow_sso_departures (username, reason) VALUES (%s, %s) ON CONFLICT (username) DO UPDATE SET at = now(), reason = excluded.reason",
                (self.username, reason),
            )
        return sessions, tokens

    def resume(self):
        """Reactivates a user whom this program has deactivated, and no other."""
        with self._db.transaction():
            mine = self._db.execute("DELETE FROM mlflow_sso_departures WHERE username = %s", (self.username,)).rowcount
            if mine:
                self._db.execute("UPDATE users SET active = true WHERE id = %s", (self._id,))
        return mine > 0

    def join(self, groups, admin):
        """Sets the groups and the administrator flag, as a login does."""
        with self._db.transaction():
            self._db.execute("UPDATE users SET is_admin = %s WHERE id = %s AND is_admin <> %s", (admin, self._id, admin))
            self._db.execute(
                "DELETE FROM user_groups ug USING groups g WHERE g.id = ug.group_id AND ug.user_id = %s AND g.group_name = ANY(%s)",
                (self._id, sorted(self.groups - groups)),
            )
            self._db.execute(
                "INSERT INTO user_groups (user_id, group_id, managed_by) SELECT %s, id, 'oidc:default' FROM groups WHERE group_name = ANY(%s) ON CONFLICT DO NOTHING",
                (self._id, sorted(groups - self.groups)),
            )
