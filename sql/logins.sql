-- The database and its two logins on a server of one's own, for psql as a superuser, once:
--
--     OWNER_PASSWORD=… SERVER_PASSWORD=… psql -v ON_ERROR_STOP=1 -f sql/logins.sql
--
-- Then `rowhouse migrate up --grant rowhouse_server`, as the owner.
\getenv owner_password OWNER_PASSWORD
\getenv server_password SERVER_PASSWORD

-- Runs the migrations, which make roles, and owns the tables.
CREATE ROLE rowhouse_owner LOGIN CREATEROLE PASSWORD :'owner_password';
GRANT SET ON PARAMETER session_replication_role TO rowhouse_owner; -- an import keeps triggers from running

-- DATABASE_URL names this one: it owns nothing and cannot bypass a wall, and holds up nobody for long.
CREATE ROLE rowhouse_server LOGIN PASSWORD :'server_password';
ALTER ROLE rowhouse_server SET statement_timeout = '3s';
ALTER ROLE rowhouse_server SET lock_timeout = '2s'; -- longer than deadlock_timeout: a deadlock is told as one, and tried again
ALTER ROLE rowhouse_server SET idle_in_transaction_session_timeout = '10s';

CREATE DATABASE rowhouse OWNER rowhouse_owner;
REVOKE CONNECT ON DATABASE rowhouse FROM PUBLIC;
GRANT CONNECT ON DATABASE rowhouse TO rowhouse_server;
