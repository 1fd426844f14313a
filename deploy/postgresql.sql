-- Three roles: who owns the tables and cannot sign in, who migrates in its name, and who the application is.
-- Once, as the administrator of the database server, before the first `dragonfly-med migrate`:
--
--   psql -v database=dragonfly -f deploy/postgresql.sql postgres
--
-- Passwords (\password dragonfly) and pg_hba.conf are the administrator's. Run again it changes nothing. An
-- installation whose application owned everything until now is taken over: stop it, run this, then `migrate`.
-- Other names: -v app=... -v migrator=... -v owner=...
\set ON_ERROR_STOP on
\if :{?app} \else \set app dragonfly \endif
\if :{?migrator} \else \set migrator dragonfly_migrate \endif
\if :{?owner} \else \set owner dragonfly_owner \endif

SELECT format('CREATE ROLE %I NOLOGIN', :'owner') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'owner') \gexec
SELECT format('CREATE ROLE %I LOGIN', :'migrator') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'migrator') \gexec
SELECT format('CREATE ROLE %I LOGIN', :'app') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'app') \gexec
SELECT format('CREATE DATABASE %I ENCODING UTF8 TEMPLATE template0', :'database') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

ALTER ROLE :"app" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER DATABASE :"database" OWNER TO :"owner";
-- What the migrating login makes belongs to the role that nobody signs in as.
GRANT :"owner" TO :"migrator";
ALTER ROLE :"migrator" IN DATABASE :"database" SET role TO :"owner";
-- One table is the application's own: the patients' keys, which it rewrites after an erasure.
GRANT :"app" TO :"owner";
-- A temporary table of the same name would stand before the real one.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"app", :"migrator";

\connect :"database"
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SELECT format('REASSIGN OWNED BY %I TO %I', :'app', :'owner') \gexec
