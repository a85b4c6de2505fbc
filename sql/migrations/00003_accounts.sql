-- +goose Up
-- Login identities. They have no tenant, so row-level security says nothing about them: their wall is that rowhouse_app
-- holds no privilege here at all.
CREATE TABLE accounts (
    id                uuid        NOT NULL DEFAULT uuid_v7(),
    username          text        NOT NULL,
    email             text        NOT NULL,
    name              text,
    password_hash     text,
    is_active         boolean     NOT NULL DEFAULT true,
    is_staff          boolean     NOT NULL DEFAULT false,
    is_superuser      boolean     NOT NULL DEFAULT false,
    email_verified_at timestamptz,
    version           bigint      NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT accounts_pkey           PRIMARY KEY (id),
    CONSTRAINT accounts_username_key   UNIQUE (username),
    CONSTRAINT accounts_email_key      UNIQUE (email),
    CONSTRAINT accounts_username_check CHECK (username ~ '^[a-z0-9._-]{3,64}$'),
    CONSTRAINT accounts_email_check    CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    CONSTRAINT accounts_name_check     CHECK (length(name) BETWEEN 1 AND 120)
);
COMMENT ON COLUMN accounts.email             IS 'The login e-mail in its canonical form: compared, and unique among all accounts.';
COMMENT ON COLUMN accounts.password_hash     IS 'argon2id in PHC form, parameters included; NULL: no login by password.';
COMMENT ON COLUMN accounts.email_verified_at IS 'When its owner proved the login e-mail; NULL: an unproven account.';

CREATE TRIGGER touch BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION touch();

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
    CONSTRAINT sessions_pkey             PRIMARY KEY (id),
    CONSTRAINT sessions_account_id_fkey  FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT sessions_user_agent_check CHECK (length(user_agent) <= 200)
);
COMMENT ON COLUMN sessions.active_tenant_id IS 'The tenant that the session''s tokens are bound to (derived mode); NULL: chosen by header. No reference: every request checks it anyway, and a session may outlive a tenant.';
COMMENT ON COLUMN sessions.last_used_at     IS 'The last login or refresh, not the last request.';
COMMENT ON COLUMN sessions.expires_at       IS 'Moves on with each refresh.';

CREATE INDEX sessions_account_id_idx ON sessions (account_id, created_at, id);

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

CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON accounts, sessions, refresh_tokens TO rowhouse_login;

-- +goose Down
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE accounts;
