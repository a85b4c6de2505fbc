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

-- +goose StatementBegin
CREATE FUNCTION artists_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.name, OLD.is_active) IS DISTINCT FROM (NEW.name, NEW.is_active) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION artists_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON artists FOR EACH ROW EXECUTE FUNCTION artists_touch();

-- +goose StatementBegin
CREATE FUNCTION artists_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'artists.insert'), 'artist', n.id,
               jsonb_build_object('name', n.name, 'is_active', n.is_active)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'artists.update'), 'artist', n.id,
               CASE WHEN o.name      IS DISTINCT FROM n.name      THEN jsonb_build_object('name',      o.name)      ELSE '{}' END
            || CASE WHEN o.is_active IS DISTINCT FROM n.is_active THEN jsonb_build_object('is_active', o.is_active) ELSE '{}' END,
               CASE WHEN o.name      IS DISTINCT FROM n.name      THEN jsonb_build_object('name',      n.name)      ELSE '{}' END
            || CASE WHEN o.is_active IS DISTINCT FROM n.is_active THEN jsonb_build_object('is_active', n.is_active) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.name, o.is_active) IS DISTINCT FROM (n.name, n.is_active)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'artists.delete'), 'artist', n.id,
               jsonb_build_object('name', n.name, 'is_active', n.is_active)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'artists.' || lower(TG_OP COLLATE "C")), 'artist', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION artists_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON artists REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION artists_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON artists REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION artists_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON artists REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION artists_audit();

-- +goose Down
DROP TABLE artists;
DROP FUNCTION artists_audit();
DROP FUNCTION artists_touch();
