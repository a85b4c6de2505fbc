-- +goose Up
CREATE TABLE teams (
    tenant_id   uuid        NOT NULL,
    id          uuid        NOT NULL DEFAULT uuid_v7(),
    name        text        NOT NULL,
    description text,
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    name_key    text        NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
    CONSTRAINT teams_pkey              PRIMARY KEY (tenant_id, id),
    CONSTRAINT teams_tenant_id_fkey    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT teams_name_check        CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT teams_description_check CHECK (length(description) <= 500)
);
COMMENT ON TABLE teams IS 'Groups of a tenant''s users.';
COMMENT ON COLUMN teams.name_key IS 'The name as it is sorted and searched by.';
COMMENT ON CONSTRAINT teams_name_check        ON teams IS '1 to 100 characters.';
COMMENT ON CONSTRAINT teams_description_check ON teams IS 'At most 500 characters.';

CREATE INDEX teams_created_at_idx ON teams (tenant_id, created_at, id);
CREATE INDEX teams_name_key_idx   ON teams (tenant_id, name_key, id);

ALTER TABLE teams ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE teams FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON teams
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON teams TO rowhouse_app;

CREATE TRIGGER touch BEFORE UPDATE ON teams FOR EACH ROW EXECUTE FUNCTION touch('name_key');

CREATE TRIGGER audit_insert AFTER INSERT ON teams REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('teams', 'team', 'name_key');
CREATE TRIGGER audit_update AFTER UPDATE ON teams REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('teams', 'team', 'name_key');
CREATE TRIGGER audit_delete AFTER DELETE ON teams REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('teams', 'team', 'name_key');

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('teams:read',  'any', 'any', 'any', 'any', 'any'),
       ('teams:write', 'any', NULL,  NULL,  NULL,  NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('teams:read', 'teams:write');
DROP TABLE teams;
