-- +goose Up
-- What proves to be the owner of an account: sessions, the tokens that renew them, and tokens that were mailed.
CREATE TABLE sessions (
    id               uuid        NOT NULL,
    account_id       uuid        NOT NULL,
    active_tenant_id uuid,
    user_agent       text,
    address          text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    last_used_at     timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    revoked_at       timestamptz,
    visit_reason     text,
    proofs           bigint      NOT NULL DEFAULT 0,
    begun_from       uuid,
    CONSTRAINT sessions_pkey             PRIMARY KEY (id),
    CONSTRAINT sessions_account_id_fkey  FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT sessions_begun_from_fkey  FOREIGN KEY (begun_from) REFERENCES sessions (id) ON DELETE CASCADE,
    CONSTRAINT sessions_user_agent_check CHECK (length(user_agent) <= 200),
    CONSTRAINT sessions_visit_check      CHECK (visit_reason IS NULL OR active_tenant_id IS NOT NULL AND length(visit_reason) BETWEEN 1 AND 500)
);
COMMENT ON COLUMN sessions.active_tenant_id IS 'The tenant that the session''s tokens are bound to (derived mode); NULL: chosen by header. No reference: every request checks it anyway, and a session may outlive a tenant.';
COMMENT ON COLUMN sessions.last_used_at     IS 'The last login or refresh, not the last request.';
COMMENT ON COLUMN sessions.expires_at       IS 'Moves on with each refresh.';
COMMENT ON COLUMN sessions.visit_reason     IS 'Why a superuser or staff entered the active tenant without being its user; NULL: an ordinary session.';
COMMENT ON COLUMN sessions.proofs           IS 'That of the account when the session began, or when it was kept while all others ended.';
COMMENT ON COLUMN sessions.begun_from       IS 'The session that a visit was begun from, and ends with; NULL: an ordinary session.';
COMMENT ON CONSTRAINT sessions_begun_from_fkey  ON sessions IS 'reference_not_found: A row that this one refers to does not exist.';
COMMENT ON CONSTRAINT sessions_user_agent_check ON sessions IS 'User-Agent max_length: At most 200 characters.';
COMMENT ON CONSTRAINT sessions_visit_check      ON sessions IS 'reason length: 1 to 500 characters.';

CREATE INDEX sessions_account_id_idx       ON sessions (account_id, created_at, id);
CREATE INDEX sessions_begun_from_idx       ON sessions (begun_from);
CREATE INDEX sessions_expires_at_idx       ON sessions (expires_at);
CREATE INDEX sessions_revoked_at_idx       ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX sessions_active_tenant_id_idx ON sessions (account_id, active_tenant_id) WHERE active_tenant_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO rowhouse_login;

CREATE TABLE refresh_tokens (
    hash       bytea       NOT NULL,
    session_id uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz,
    successor  bytea,
    CONSTRAINT refresh_tokens_pkey            PRIMARY KEY (hash),
    CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE,
    CONSTRAINT refresh_tokens_used_check      CHECK ((used_at IS NULL) = (successor IS NULL))
);
COMMENT ON COLUMN refresh_tokens.hash      IS 'SHA-256 of the token, which is 256 random bits.';
COMMENT ON COLUMN refresh_tokens.successor IS 'The token that replaced this one, sealed under a key that only the holder of this one can derive.';
COMMENT ON CONSTRAINT refresh_tokens_session_id_fkey ON refresh_tokens IS 'reference_not_found: A row that this one refers to does not exist.';
COMMENT ON CONSTRAINT refresh_tokens_used_check      ON refresh_tokens IS 'internal: A token that was used has a successor.';

CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_used_at_idx    ON refresh_tokens (used_at) WHERE used_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE ON refresh_tokens TO rowhouse_login;

CREATE TABLE one_time_tokens (
    hash       bytea       NOT NULL,
    account_id uuid        NOT NULL,
    purpose    text        NOT NULL,
    email      text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT one_time_tokens_pkey            PRIMARY KEY (hash),
    CONSTRAINT one_time_tokens_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT one_time_tokens_purpose_check   CHECK (purpose IN ('password', 'email'))
);
COMMENT ON TABLE  one_time_tokens         IS 'What was mailed to prove a mailbox; a use takes the row away.';
COMMENT ON COLUMN one_time_tokens.hash    IS 'SHA-256 of the token, which is 256 random bits.';
COMMENT ON COLUMN one_time_tokens.purpose IS 'password: sets a new one. email: confirms an address, which becomes the account''s if it is another.';
COMMENT ON COLUMN one_time_tokens.email   IS 'Where it was sent, and so what it proves.';
COMMENT ON CONSTRAINT one_time_tokens_purpose_check ON one_time_tokens IS 'internal: One of password, email.';

CREATE INDEX one_time_tokens_account_id_idx ON one_time_tokens (account_id, purpose);
CREATE INDEX one_time_tokens_expires_at_idx ON one_time_tokens (expires_at);

GRANT SELECT, INSERT, DELETE ON one_time_tokens TO rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION session_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a new session: a login, or a visit.
BEGIN
    INSERT INTO account_events (account_id, action, about_tenant, reason, request_id, address)
    VALUES (NEW.account_id, coalesce(caller_field(5), 'sessions.insert'), NEW.active_tenant_id, NEW.visit_reason, caller_field(6), caller_field(4));
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION end_visits() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a session was ended: the visits that were begun from it end too.
BEGIN
    UPDATE sessions s
       SET revoked_at = NEW.revoked_at
     WHERE s.begun_from = NEW.id
       AND s.revoked_at IS NULL;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION end_visits() IS 'Ends the visits that were begun from a session.';

-- +goose StatementBegin
CREATE FUNCTION void_proofs() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After an account's proofs were counted up: what was mailed for it is void, and of its sessions only those go on that were counted up
-- too. Statements of their own, which see what whoever held the account until now has made.
BEGIN
    DELETE FROM one_time_tokens t
     WHERE t.account_id = NEW.id;
    UPDATE sessions s
       SET revoked_at = now()
     WHERE s.account_id = NEW.id
       AND s.proofs < NEW.proofs
       AND s.revoked_at IS NULL;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION void_proofs() IS 'Ends what proved to be the owner of an account.';

REVOKE EXECUTE ON FUNCTION session_event(), end_visits(), void_proofs() FROM PUBLIC;

CREATE TRIGGER session_event AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION session_event();
CREATE TRIGGER end_visits AFTER UPDATE OF revoked_at ON sessions FOR EACH ROW
    WHEN (NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL)
    EXECUTE FUNCTION end_visits();
CREATE TRIGGER void_proofs AFTER UPDATE OF proofs ON accounts FOR EACH ROW
    WHEN (NEW.proofs <> OLD.proofs)
    EXECUTE FUNCTION void_proofs();

-- +goose Down
DROP TRIGGER void_proofs ON accounts;
DROP TRIGGER end_visits ON sessions;
DROP TRIGGER session_event ON sessions;
DROP FUNCTION void_proofs();
DROP FUNCTION end_visits();
DROP FUNCTION session_event();
DROP TABLE one_time_tokens;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
