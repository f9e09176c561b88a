-- Makes the role backup, which reads every database in :databases and changes nothing, have
-- the password in BACKUP_PASSWORD; without one the role cannot log in. Run by the superuser, at every
-- start, after the databases were made.
\getenv password BACKUP_PASSWORD

-- A statement that fails is logged; one with a password must not be.
SET log_min_error_statement = panic;
SET client_min_messages = warning;

SELECT :'password' <> '' AS wanted, EXISTS (SELECT FROM pg_roles WHERE rolname = 'backup') AS there \gset
\if :wanted
  \if :there
  \else
    CREATE ROLE backup;
  \endif
  ALTER ROLE backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS CONNECTION LIMIT 4 PASSWORD :'password';
  ALTER ROLE backup SET default_transaction_read_only = on;
  GRANT pg_read_all_data TO backup;
  SELECT format('GRANT CONNECT ON DATABASE %I TO backup', name) FROM unnest(string_to_array(:'databases', ' ')) AS name \gexec
\elif :there
  ALTER ROLE backup NOLOGIN PASSWORD NULL;
\endif
