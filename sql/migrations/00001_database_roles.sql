-- +goose Up
-- Roles belong to the cluster, not to this database: made where they are missing, never dropped. None holds a privilege that no query needs;
-- what a resource needs, its own migration grants.
-- +goose StatementBegin
DO $$
DECLARE
    made text;
BEGIN
    FOREACH made IN ARRAY ARRAY[
        'CREATE ROLE rowhouse_app    NOLOGIN',
        'CREATE ROLE rowhouse_login  NOLOGIN',
        'CREATE ROLE rowhouse_worker NOLOGIN',
        'CREATE ROLE rowhouse_gate   NOLOGIN NOINHERIT'
    ] LOOP
        BEGIN
            EXECUTE made;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
    -- Through the gate, which does not inherit, a server may become rowhouse_login for one transaction, and a worker's connections to its
    -- queue rowhouse_worker; otherwise the login is neither.
    FOREACH made IN ARRAY ARRAY['rowhouse_login', 'rowhouse_worker'] LOOP
        IF NOT pg_has_role('rowhouse_gate', made, 'MEMBER') THEN
            BEGIN
                EXECUTE format('GRANT %I TO rowhouse_gate', made);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL; -- a migrator of another database of this cluster was quicker
            END;
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- Nothing is executable by everybody: each function is granted by name. It is taken from everybody by name as well, since a default does not
-- reach the other nodes of a database that is spread over several.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO rowhouse_app, rowhouse_login;

-- +goose Down
REVOKE USAGE ON SCHEMA public FROM rowhouse_app, rowhouse_login;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
