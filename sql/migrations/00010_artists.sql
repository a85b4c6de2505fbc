-- +goose Up
-- Who works in a studio. A user whose role is artist is one of them.
CREATE TABLE artists (
    tenant_id  uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT uuid_v7(),
    name       text        NOT NULL,
    is_active  boolean     NOT NULL DEFAULT true,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT artists_pkey           PRIMARY KEY (tenant_id, id),
    CONSTRAINT artists_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT artists_name_check     CHECK (length(name) BETWEEN 1 AND 120)
);
COMMENT ON CONSTRAINT artists_name_check ON artists IS '1 to 120 characters.';

ALTER TABLE artists ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE artists ENABLE ROW LEVEL SECURITY;
ALTER TABLE artists FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON artists
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT ON artists TO rowhouse_app;

CREATE TRIGGER touch BEFORE UPDATE ON artists FOR EACH ROW EXECUTE FUNCTION touch();

CREATE TRIGGER audit_insert AFTER INSERT ON artists REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('artists', 'artist');
CREATE TRIGGER audit_update AFTER UPDATE ON artists REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('artists', 'artist');
CREATE TRIGGER audit_delete AFTER DELETE ON artists REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('artists', 'artist');

-- +goose Down
DROP TABLE artists;
