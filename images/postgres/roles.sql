-- Makes the role :role have the password in ROLE_PASSWORD, and own a database of
-- its own name. Run by the superuser, at every start; changes nothing that is so
-- already, but the password.
\getenv password ROLE_PASSWORD

-- A statement that fails is logged; one with a password must not be.
SET log_min_error_statement = panic;
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN PASSWORD :'password';

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8''', :'role', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
-- Every role may connect to every database unless that is taken away.
REVOKE CONNECT, TEMPORARY ON DATABASE :"role" FROM PUBLIC;
