"""Deletes temporary users of a verification from the plugin's database, and prints how many there were.

The argument is the prefix of their names; the names come as a JSON list from standard input. The plugin
refuses to delete the last administrator, which a temporary user is before an administrator has logged in:
this program bypasses that check.
"""

import contextlib
import json
import sys


def delete(names, prefix, repository, store):
    """Deletes the users that exist; exits before any deletion if a name is not temporary."""
    if foreign := [name for name in names if not prefix or not name.startswith(prefix)]:
        sys.exit(f"{foreign[0]!r} was not created by this tool")
    if not hasattr(repository, "_assert_not_last_active_admin"):
        sys.exit("got no _assert_not_last_active_admin in the plugin's UserRepository, want mlflow-oidc-auth 11")
    repository._assert_not_last_active_admin = staticmethod(lambda *_: None)
    deleted = [store.delete_user(name) for name in names if store.get_user_detail(name)]
    return {"deleted": len(deleted)}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        from mlflow_oidc_auth.repository.user import UserRepository
        from mlflow_oidc_auth.store import store

        done = delete(json.load(sys.stdin), sys.argv[1], UserRepository, store)
    print(json.dumps(done))
