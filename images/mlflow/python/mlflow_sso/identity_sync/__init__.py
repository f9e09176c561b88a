"""Mirrors Keycloak's users and groups into MLflow, and prunes expired rows.

The plugin reads a user's groups at login and never again: a user who is disabled or deleted in
Keycloak, or leaves a group, keeps session and personal tokens. This program therefore runs in its
own container, polls Keycloak, and writes changes to the tables that the plugin reads for every
request. It does not touch service accounts. While Keycloak is down, nothing changes.
"""
