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

-- +goose StatementBegin
CREATE FUNCTION teams_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.name, OLD.description) IS DISTINCT FROM (NEW.name, NEW.description) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION teams_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON teams FOR EACH ROW EXECUTE FUNCTION teams_touch();

-- +goose StatementBegin
CREATE FUNCTION teams_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'teams.insert'), 'team', n.id, n.version,
               jsonb_build_object('name', n.name, 'description', n.description)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'teams.update'), 'team', n.id, n.version,
               CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        o.name)        ELSE '{}' END
            || CASE WHEN o.description IS DISTINCT FROM n.description THEN jsonb_build_object('description', o.description) ELSE '{}' END,
               CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        n.name)        ELSE '{}' END
            || CASE WHEN o.description IS DISTINCT FROM n.description THEN jsonb_build_object('description', n.description) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.name, o.description) IS DISTINCT FROM (n.name, n.description)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'teams.delete'), 'team', n.id, n.version + 1,
               jsonb_build_object('name', n.name, 'description', n.description)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'teams.' || lower(TG_OP COLLATE "C")), 'team', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION teams_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON teams REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION teams_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON teams REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION teams_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON teams REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION teams_audit();

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('teams:read',  'any', 'any', 'any', 'any', 'any'),
       ('teams:write', 'any', NULL,  NULL,  NULL,  NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('teams:read', 'teams:write');
DROP TABLE teams;
DROP FUNCTION teams_audit();
DROP FUNCTION teams_touch();
