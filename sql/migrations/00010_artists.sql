-- +goose Up
CREATE TABLE artists (
    tenant_id       uuid         NOT NULL,
    id              uuid         NOT NULL DEFAULT uuid_v7(),
    name            text         NOT NULL,
    bio             text,
    commission_rate numeric(5,4) NOT NULL DEFAULT 0.5,
    is_active       boolean      NOT NULL DEFAULT true,
    version         bigint       NOT NULL DEFAULT 1,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),
    name_key        text         NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
    CONSTRAINT artists_pkey                  PRIMARY KEY (tenant_id, id),
    CONSTRAINT artists_tenant_id_fkey        FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT artists_name_check            CHECK (length(name) BETWEEN 1 AND 120),
    CONSTRAINT artists_bio_check             CHECK (length(bio) <= 10000),
    CONSTRAINT artists_commission_rate_check CHECK (commission_rate BETWEEN 0 AND 1)
);
COMMENT ON TABLE artists IS 'Who works in a studio. A user whose role is artist is one of them.';
COMMENT ON COLUMN artists.name            IS 'Example: Mara Voss';
COMMENT ON COLUMN artists.bio             IS 'HTML, sanitised when it was written. Example: <p>Fine lines and botanicals.</p>';
COMMENT ON COLUMN artists.commission_rate IS 'The artist''s share of a payment, where the appointment says no other. Example: 0.6';
COMMENT ON COLUMN artists.is_active       IS 'Whether the artist works here now.';
COMMENT ON COLUMN artists.name_key        IS 'The name as it is sorted and searched by.';
COMMENT ON CONSTRAINT artists_name_check            ON artists IS '1 to 120 characters.';
COMMENT ON CONSTRAINT artists_bio_check             ON artists IS 'At most 10000 characters.';
COMMENT ON CONSTRAINT artists_commission_rate_check ON artists IS 'commission_rate range: From 0 to 1.';

CREATE INDEX artists_created_at_idx ON artists (tenant_id, created_at, id);
CREATE INDEX artists_name_key_idx   ON artists (tenant_id, name_key, id);
CREATE INDEX artists_is_active_idx  ON artists (tenant_id, is_active, created_at, id);

ALTER TABLE artists ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE artists ENABLE ROW LEVEL SECURITY;
ALTER TABLE artists FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON artists
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
-- Of writes alone: whoever works with his own rows of another table still sees whose the others are.
CREATE POLICY own_insert ON artists AS RESTRICTIVE FOR INSERT
    WITH CHECK ((SELECT reaches_all()));
CREATE POLICY own_update ON artists AS RESTRICTIVE FOR UPDATE
    USING      ((SELECT reaches_all()) OR id = (SELECT my_artist()))
    WITH CHECK ((SELECT reaches_all()) OR id = (SELECT my_artist()));
CREATE POLICY own_delete ON artists AS RESTRICTIVE FOR DELETE
    USING      ((SELECT reaches_all()));
GRANT SELECT, INSERT, UPDATE, DELETE ON artists TO rowhouse_app;

CREATE TRIGGER own_insert BEFORE INSERT ON artists FOR EACH ROW
    WHEN (me() IS NOT NULL AND NOT reaches_all())
    EXECUTE FUNCTION own_alone();

-- +goose StatementBegin
CREATE FUNCTION artists_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.name, OLD.bio, OLD.commission_rate, OLD.is_active) IS DISTINCT FROM (NEW.name, NEW.bio, NEW.commission_rate, NEW.is_active) THEN
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
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'artists.insert'), 'artist', n.id, n.version,
               jsonb_build_object('name', n.name, 'bio', n.bio, 'commission_rate', n.commission_rate, 'is_active', n.is_active)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'artists.update'), 'artist', n.id, n.version,
               CASE WHEN o.name            IS DISTINCT FROM n.name            THEN jsonb_build_object('name',            o.name)            ELSE '{}' END
            || CASE WHEN o.bio             IS DISTINCT FROM n.bio             THEN jsonb_build_object('bio',             o.bio)             ELSE '{}' END
            || CASE WHEN o.commission_rate IS DISTINCT FROM n.commission_rate THEN jsonb_build_object('commission_rate', o.commission_rate) ELSE '{}' END
            || CASE WHEN o.is_active       IS DISTINCT FROM n.is_active       THEN jsonb_build_object('is_active',       o.is_active)       ELSE '{}' END,
               CASE WHEN o.name            IS DISTINCT FROM n.name            THEN jsonb_build_object('name',            n.name)            ELSE '{}' END
            || CASE WHEN o.bio             IS DISTINCT FROM n.bio             THEN jsonb_build_object('bio',             n.bio)             ELSE '{}' END
            || CASE WHEN o.commission_rate IS DISTINCT FROM n.commission_rate THEN jsonb_build_object('commission_rate', n.commission_rate) ELSE '{}' END
            || CASE WHEN o.is_active       IS DISTINCT FROM n.is_active       THEN jsonb_build_object('is_active',       n.is_active)       ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.name, o.bio, o.commission_rate, o.is_active) IS DISTINCT FROM (n.name, n.bio, n.commission_rate, n.is_active)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'artists.delete'), 'artist', n.id, n.version + 1,
               jsonb_build_object('name', n.name, 'bio', n.bio, 'commission_rate', n.commission_rate, 'is_active', n.is_active)
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

INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('artists:read',  false, 'any', 'any', 'any', NULL, 'any'),
       ('artists:write', true,  'any', NULL,  'own', NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('artists:read', 'artists:write');
DROP TABLE artists;
DROP FUNCTION artists_audit();
DROP FUNCTION artists_touch();
