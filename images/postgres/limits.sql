-- Bounds what a session of each role in :databases may take, at every start, so that it
-- holds for a cluster made by an older image too. Run by the superuser, before the server
-- listens on the network.
--
-- A migration may take longer than a statement of the application: who runs one says
-- PGOPTIONS='-c statement_timeout=0'. Restores are made by the superuser, and dumps by the role
-- backup: neither has a limit.
SET client_min_messages = warning;

-- Searches become one join for each condition, and the planner tries their orders. With 4 the
-- memory for 10 conditions is 1.6 MB and not 8.9, for 30 it is 13 MB and not 43, and the plans of
-- usual searches are the same.
SELECT format('ALTER ROLE %I CONNECTION LIMIT %s', role, connections),
       format('ALTER ROLE %I SET temp_file_limit = %L', role, files),
       format('ALTER ROLE %I SET statement_timeout = %L', role, statement),
       format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', role, idle),
       format('ALTER ROLE %I SET join_collapse_limit = %L', role, joins),
       format('ALTER ROLE %I SET from_collapse_limit = %L', role, joins)
  FROM (VALUES
    -- Two pools for MLflow, one for the plugin and the identity sync; see limits.py in its image.
    ('mlflow',      110, '1GB', '60s', '5min',  4),
    ('mlflow_auth',  60, '1GB', '60s', '5min',  8),
    -- Keycloak migrates its tables with the role that it works with, and its pool has 20.
    ('keycloak',     24, '1GB', '0',   '30min', 8)
  ) AS limits (role, connections, files, statement, idle, joins)
 WHERE role = ANY (string_to_array(:'databases', ' ')) \gexec
