"""Keeps MLflow's people as Keycloak has them, and its tables small.

The plugin learns at a login who a person is, and never again: a user who is disabled
in Keycloak, deleted there or no longer in a group keeps session and personal tokens. So
this runs beside the server, in a container of its own, asks Keycloak again and again,
and writes what has changed where the plugin reads it at every request. Accounts that are
no person's are left alone. While Keycloak does not answer, nothing changes.
"""
