-- +goose Up
-- To look at a session, its account, a tenant, the user there and the grid costs as much as most requests do otherwise, and what is
-- found rarely changes. A pass keeps it. Whatever changes any of it takes the pass away in the same transaction, so that a pass that
-- is there is true: the request after a change looks at everything again.
CREATE TABLE passes (
    session_id       uuid        NOT NULL,
    active_tenant_id uuid        NOT NULL,
    account_id       uuid        NOT NULL,
    user_id          uuid        NOT NULL,
    artist_id        uuid,
    permissions      text[]      NOT NULL,
    expires_at       timestamptz NOT NULL,
    CONSTRAINT passes_pkey            PRIMARY KEY (session_id, active_tenant_id),
    CONSTRAINT passes_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
);
COMMENT ON TABLE  passes             IS 'Which sessions may enter which tenants, by what all of it is now: made by enter, and ended by whatever changes what it looked at.';
COMMENT ON COLUMN passes.permissions IS 'Those that the user''s primary role holds for every row of the tenant; for any other, enter looks at everything.';
COMMENT ON COLUMN passes.expires_at  IS 'When the session ended as it was then.';

CREATE INDEX passes_account_id_idx       ON passes (account_id, user_id);
CREATE INDEX passes_active_tenant_id_idx ON passes (active_tenant_id);

-- +goose StatementBegin
CREATE FUNCTION make_pass(session uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Makes the pass of a session that has entered the bound tenant as its user. What it stands on is locked until this transaction ends: who
-- would change it waits, and then finds the pass and ends it. What is being changed now, or is being looked at by another who makes the
-- pass, is not waited for: then there is none yet. Only a transaction that reads makes one, for it changes nothing that it has locked;
-- nor does it wait for the disk, since a pass that a crash takes away is made again, or fail with a disk that is full.
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    IF pg_try_advisory_xact_lock_shared(hashtextextended('permissions', 0))
       AND pg_try_advisory_xact_lock(hashtextextended(session::text || current_tenant()::text, 0)) THEN
        INSERT INTO passes (session_id, active_tenant_id, account_id, user_id, artist_id, expires_at, permissions)
        SELECT s.id,
               t.id,
               a.id,
               u.id,
               u.artist_id,
               s.expires_at,
               ARRAY (
                    SELECT p.name
                      FROM permissions p
                     WHERE 'any' = CASE u.role WHEN 'admin'     THEN p.admin
                                               WHEN 'assistant' THEN p.assistant
                                               WHEN 'artist'    THEN p.artist
                                               WHEN 'member'    THEN p.member
                                   END
                     ORDER BY p.name
               )
          FROM sessions s
          JOIN accounts a ON a.id = s.account_id
          JOIN tenants t  ON t.id = current_tenant()
          JOIN users u    ON u.tenant_id = current_tenant() AND u.account_id = a.id
         WHERE s.id = session
           AND s.revoked_at IS NULL
           AND a.is_active
           AND (a.email_verified_at IS NOT NULL OR t.created_by IS NULL OR t.created_by = a.id OR t.id = a.made_in)
           AND t.status = 'active'
           AND (t.held_until <= now() OR t.held_until IS NULL)
           AND u.is_active
           AND u.last_login >= s.created_at
           FOR SHARE SKIP LOCKED
            ON CONFLICT ON CONSTRAINT passes_pkey
            DO UPDATE
                  SET account_id  = excluded.account_id,
                      user_id     = excluded.user_id,
                      artist_id   = excluded.artist_id,
                      expires_at  = excluded.expires_at,
                      permissions = excluded.permissions;
    END IF;
EXCEPTION WHEN insufficient_resources THEN
    NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION make_pass(uuid) IS 'Makes a pass, where nothing is about to change.';

-- +goose StatementBegin
CREATE FUNCTION end_passes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- After a change of what passes stand on: ends those that stand on it. A snapshot from before the change would not show a pass that was
-- made meanwhile. Argument: the table's name.
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'rows of % are changed in transactions that are READ COMMITTED', TG_ARGV[0] USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF TG_ARGV[0] = 'sessions' THEN
        DELETE FROM passes WHERE session_id = OLD.id;
    ELSIF TG_ARGV[0] = 'accounts' THEN
        DELETE FROM passes WHERE account_id = OLD.id;
    ELSIF TG_ARGV[0] = 'tenants' THEN
        DELETE FROM passes WHERE active_tenant_id = OLD.id;
    ELSIF TG_ARGV[0] = 'users' THEN
        DELETE FROM passes WHERE account_id = OLD.account_id AND user_id = OLD.id;
    ELSIF TG_ARGV[0] = 'permissions' THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('permissions', 0)); -- whoever makes a pass now has seen them as they were
        DELETE FROM passes;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION end_passes() IS 'Ends the passes that stand on what was changed.';

REVOKE EXECUTE ON FUNCTION make_pass(uuid), end_passes() FROM PUBLIC;

CREATE TRIGGER end_passes AFTER UPDATE OF account_id, created_at, expires_at, revoked_at ON sessions
    FOR EACH ROW EXECUTE FUNCTION end_passes('sessions');
CREATE TRIGGER end_passes AFTER UPDATE OF id, is_active, email_verified_at, made_in ON accounts
    FOR EACH ROW EXECUTE FUNCTION end_passes('accounts');
CREATE TRIGGER end_passes AFTER UPDATE OF id, status, created_by, held_until OR DELETE ON tenants
    FOR EACH ROW EXECUTE FUNCTION end_passes('tenants');
CREATE TRIGGER end_passes AFTER UPDATE OF tenant_id, id, account_id, role, is_active, artist_id OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION end_passes('users');
CREATE TRIGGER end_passes AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON permissions
    FOR EACH STATEMENT EXECUTE FUNCTION end_passes('permissions');

-- +goose Down
DROP TRIGGER end_passes ON permissions;
DROP TRIGGER end_passes ON users;
DROP TRIGGER end_passes ON tenants;
DROP TRIGGER end_passes ON accounts;
DROP TRIGGER end_passes ON sessions;
DROP FUNCTION end_passes();
DROP FUNCTION make_pass(uuid);
DROP TABLE passes;
