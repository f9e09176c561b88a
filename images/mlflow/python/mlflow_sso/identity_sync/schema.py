"""This program's own tables, next to the plugin's."""

# The Keycloak session of each MLflow session; MLflow writes it at login.
KEYCLOAK_SESSIONS = """
CREATE TABLE IF NOT EXISTS mlflow_sso_keycloak_sessions (auth_session integer PRIMARY KEY, sid varchar(255) NOT NULL)
"""

# Users whom the sync has deactivated and reactivates with their Keycloak account; when each job
# last ran; break-glass accounts and their expiry.
OWN = f"""
{KEYCLOAK_SESSIONS};
CREATE TABLE IF NOT EXISTS mlflow_sso_departures (
  username varchar(255) PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), reason text NOT NULL);
CREATE TABLE IF NOT EXISTS mlflow_sso_jobs (
  job varchar(64) PRIMARY KEY, succeeded timestamptz, tried timestamptz NOT NULL, detail text NOT NULL DEFAULT '', error text NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS mlflow_sso_break_glass (
  username varchar(255) PRIMARY KEY, granted timestamptz NOT NULL DEFAULT now(), until timestamptz NOT NULL, ended timestamptz,
  person text NOT NULL, reason text NOT NULL);
"""


def prepare(connection):
    """Creates missing tables."""
    there = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'mlflow\\_sso\\_%'").fetchone()[0]
    if there < OWN.count("CREATE TABLE"):
        with connection.transaction():
            connection.execute(OWN)
