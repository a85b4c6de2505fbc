-- +goose Up
-- Invitations that nobody has accepted yet: acceptance takes the row away.
CREATE TABLE invitations (
    tenant_id  uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT uuid_v7(),
    email      text        NOT NULL,
    role       text        NOT NULL,
    team_id    uuid,
    artist_id  uuid,
    invited_by uuid        NOT NULL,
    token_hash bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT invitations_pkey            PRIMARY KEY (tenant_id, id),
    CONSTRAINT invitations_tenant_id_fkey  FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT invitations_team_id_fkey    FOREIGN KEY (tenant_id, team_id) REFERENCES teams (tenant_id, id),
    CONSTRAINT invitations_artist_id_fkey  FOREIGN KEY (tenant_id, artist_id) REFERENCES artists (tenant_id, id),
    CONSTRAINT invitations_invited_by_fkey FOREIGN KEY (tenant_id, invited_by) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT invitations_token_hash_key  UNIQUE (tenant_id, token_hash),
    CONSTRAINT invitations_email_check     CHECK (email = lower(email COLLATE "C") AND length(email) <= 254),
    CONSTRAINT invitations_role_check      CHECK (role IN ('admin', 'assistant', 'artist', 'member')),
    CONSTRAINT invitations_artist_check    CHECK ((role = 'artist') = (artist_id IS NOT NULL))
);
COMMENT ON TABLE invitations IS 'Letters that make whoever accepts one a user of the tenant.';
COMMENT ON COLUMN invitations.email      IS 'Whom it was sent to, in canonical form: only an account with this login e-mail can accept it.';
COMMENT ON COLUMN invitations.invited_by IS 'The user who gives the role, and must still be able to when it is accepted.';
COMMENT ON COLUMN invitations.token_hash IS 'SHA-256 of the token that was mailed.';
COMMENT ON CONSTRAINT invitations_team_id_fkey    ON invitations IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT invitations_artist_id_fkey  ON invitations IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT invitations_invited_by_fkey ON invitations IS 'reference_not_found: A row that this one refers to does not exist.';
COMMENT ON CONSTRAINT invitations_token_hash_key  ON invitations IS 'conflict: The token that was drawn is taken; send the request again.';
COMMENT ON CONSTRAINT invitations_email_check     ON invitations IS 'email format: An e-mail address of up to 254 characters.';
COMMENT ON CONSTRAINT invitations_role_check      ON invitations IS 'One of admin, assistant, artist, member.';
COMMENT ON CONSTRAINT invitations_artist_check    ON invitations IS 'artist_id required_with_role: Given exactly when the role is artist.';

CREATE INDEX invitations_created_at_idx ON invitations (tenant_id, created_at, id);
CREATE INDEX invitations_email_idx      ON invitations (tenant_id, email);
CREATE INDEX invitations_team_id_idx    ON invitations (tenant_id, team_id);
CREATE INDEX invitations_artist_id_idx  ON invitations (tenant_id, artist_id);
CREATE INDEX invitations_invited_by_idx ON invitations (tenant_id, invited_by);

ALTER TABLE invitations ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON invitations
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, DELETE ON invitations TO rowhouse_app;

CREATE TRIGGER touch BEFORE UPDATE ON invitations FOR EACH ROW EXECUTE FUNCTION touch();

CREATE TRIGGER audit_insert AFTER INSERT ON invitations REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('invitations', 'invite', 'token_hash');
CREATE TRIGGER audit_update AFTER UPDATE ON invitations REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('invitations', 'invite', 'token_hash');
CREATE TRIGGER audit_delete AFTER DELETE ON invitations REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('invitations', 'invite', 'token_hash');

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('invitations:read',  'any', NULL, NULL, NULL, 'any'),
       ('invitations:write', 'any', NULL, NULL, NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('invitations:read', 'invitations:write');
DROP TABLE invitations;
