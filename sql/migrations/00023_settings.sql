-- +goose Up
CREATE TABLE settings (
    tenant_id  uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT uuid_v7(),
    key        text        NOT NULL COLLATE "C",
    value      jsonb       NOT NULL,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT settings_pkey           PRIMARY KEY (tenant_id, id),
    CONSTRAINT settings_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT settings_key_key        UNIQUE (tenant_id, key),
    CONSTRAINT settings_key_check      CHECK (key ~ '^[a-z][a-z0-9_]{0,62}$'),
    CONSTRAINT settings_value_check    CHECK (octet_length(value::text) <= 10000)
);
COMMENT ON TABLE settings IS 'What a tenant has set for itself.';
COMMENT ON COLUMN settings.key   IS 'The name of the setting. Example: slot_minutes';
COMMENT ON COLUMN settings.value IS 'Its value, as the server knows this setting: opening_hours, slot_minutes, currency, timezone, reminders, audit_retention_days. Example: 30';
COMMENT ON CONSTRAINT settings_key_key     ON settings IS 'conflict: Somebody else has set this at the same moment; send the request again.';
COMMENT ON CONSTRAINT settings_key_check   ON settings IS 'key format: a–z, 0–9 and underscores, from a letter on, up to 63 characters.';
COMMENT ON CONSTRAINT settings_value_check ON settings IS 'value max_length: At most 10000 bytes.';

CREATE INDEX settings_created_at_idx ON settings (tenant_id, created_at, id);

ALTER TABLE settings ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE settings FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON settings
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE ON settings TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION settings_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.key, OLD.value) IS DISTINCT FROM (NEW.key, NEW.value) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION settings_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION settings_touch();

-- +goose StatementBegin
CREATE FUNCTION settings_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'settings.insert'), 'setting', n.id, n.version,
               jsonb_build_object('key', n.key, 'value', n.value)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'settings.update'), 'setting', n.id, n.version,
               CASE WHEN o.key   IS DISTINCT FROM n.key   THEN jsonb_build_object('key',   o.key)   ELSE '{}' END
            || CASE WHEN o.value IS DISTINCT FROM n.value THEN jsonb_build_object('value', o.value) ELSE '{}' END,
               CASE WHEN o.key   IS DISTINCT FROM n.key   THEN jsonb_build_object('key',   n.key)   ELSE '{}' END
            || CASE WHEN o.value IS DISTINCT FROM n.value THEN jsonb_build_object('value', n.value) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.key, o.value) IS DISTINCT FROM (n.key, n.value)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'settings.delete'), 'setting', n.id, n.version + 1,
               jsonb_build_object('key', n.key, 'value', n.value)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'settings.' || lower(TG_OP COLLATE "C")), 'setting', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION settings_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON settings REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION settings_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON settings REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION settings_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON settings REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION settings_audit();

-- +goose StatementBegin
CREATE FUNCTION tenant_zone() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce((SELECT s.value #>> '{}'
                       FROM settings s
                      WHERE s.tenant_id = current_tenant()
                        AND s.key = 'timezone'), 'UTC');
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION tenant_zone() IS 'The time zone in which the days of the bound tenant begin and end.';

-- +goose StatementBegin
CREATE FUNCTION known_zone() RETURNS trigger
LANGUAGE plpgsql AS $$
-- Before a time zone is set: fails of one that PostgreSQL does not know, of which each statement that asks for a day would fail.
BEGIN
    PERFORM now() AT TIME ZONE (NEW.value #>> '{}');
    RETURN NEW;
END
$$;
-- +goose StatementEnd

REVOKE EXECUTE ON FUNCTION tenant_zone(), known_zone() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant_zone() TO rowhouse_app;

CREATE TRIGGER known_zone BEFORE INSERT OR UPDATE OF key, value ON settings FOR EACH ROW
    WHEN (NEW.key = 'timezone')
    EXECUTE FUNCTION known_zone();

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('settings:read',  'any', 'any', 'any', 'any', 'any'),
       ('settings:write', 'any', NULL,  NULL,  NULL,  NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('settings:read', 'settings:write');
DROP TABLE settings;
DROP FUNCTION settings_audit();
DROP FUNCTION settings_touch();
DROP FUNCTION known_zone();
DROP FUNCTION tenant_zone();
