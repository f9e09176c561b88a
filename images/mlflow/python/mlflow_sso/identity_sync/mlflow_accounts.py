"""The plugin's people, and what becomes of them when Keycloak says something else.

Written straight into the plugin's tables, in the order in which the plugin writes them
(users, then sessions, then tokens) so that no token that is issued meanwhile is missed.
The plugin's own way would refuse to end its last administrator; here Keycloak decides
who that is.
"""

import datetime

PEOPLE = """
SELECT u.id, u.username, u.is_admin, u.active, array_remove(array_agg(g.group_name), NULL)
FROM users u LEFT JOIN user_groups ug ON ug.user_id = u.id LEFT JOIN groups g ON g.id = ug.group_id
WHERE NOT u.is_service_account GROUP BY u.id ORDER BY u.id
"""


class Accounts:
    """The plugin's accounts of people."""

    def __init__(self, connection):
        self._db = connection

    def groups(self):
        """The names of all groups that MLflow knows: only those can have been granted anything."""
        return {name for (name,) in self._db.execute("SELECT group_name FROM groups")}

    def people(self):
        """Everybody, as MLflow knows them."""
        return [Account(self._db, *row) for row in self._db.execute(PEOPLE).fetchall()]


class Account:
    """One person's account."""

    def __init__(self, connection, identifier, username, is_admin, active, groups):
        self._db = connection
        self._id, self.username, self.is_admin, self.active, self.groups = identifier, username, is_admin, active, set(groups)

    def end(self, reason):
        """Ends sessions and tokens, and takes no new ones. Returns how many of each."""
        with self._db.transaction():
            self._db.execute("UPDATE users SET active = false WHERE id = %s", (self._id,))
            # The plugin's times are in UTC, without saying so.
            now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
            sessions = self._db.execute(
                "UPDATE auth_sessions SET revoked_at = %s WHERE user_id = %s AND revoked_at IS NULL AND expires_at > %s", (now, self._id, now)
            ).rowcount
            tokens = self._db.execute("DELETE FROM user_tokens WHERE user_id = %s", (self._id,)).rowcount
            self._db.execute(
                "INSERT INTO mlflow_sso_departures (username, reason) VALUES (%s, %s) ON CONFLICT (username) DO UPDATE SET at = now(), reason = excluded.reason",
                (self.username, reason),
            )
        return sessions, tokens

    def resume(self):
        """Activates a user again whom this program had deactivated, and nobody else."""
        with self._db.transaction():
            mine = self._db.execute("DELETE FROM mlflow_sso_departures WHERE username = %s", (self.username,)).rowcount
            if mine:
                self._db.execute("UPDATE users SET active = true WHERE id = %s", (self._id,))
        return mine > 0

    def join(self, groups, admin):
        """Sets the groups and the administrator's right, as a login would."""
        with self._db.transaction():
            self._db.execute("UPDATE users SET is_admin = %s WHERE id = %s AND is_admin <> %s", (admin, self._id, admin))
            self._db.execute(
                "DELETE FROM user_groups ug USING groups g WHERE g.id = ug.group_id AND ug.user_id = %s AND g.group_name = ANY(%s)",
                (self._id, sorted(self.groups - groups)),
            )
            self._db.execute(
                "INSERT INTO user_groups (user_id, group_id, managed_by) SELECT %s, id, 'oidc:default' FROM groups WHERE group_name = ANY(%s) "
                "ON CONFLICT DO NOTHING",
                (self._id, sorted(groups - self.groups)),
            )
