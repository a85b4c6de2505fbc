-- +goose Up
CREATE TABLE items (
    tenant_id   uuid        NOT NULL,
    id          uuid        NOT NULL DEFAULT uuid_v7(),
    name        text        NOT NULL,
    description text,
    price_cents integer     NOT NULL,
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    name_key    text        NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
    CONSTRAINT items_pkey              PRIMARY KEY (tenant_id, id),
    CONSTRAINT items_tenant_id_fkey    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT items_name_check        CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT items_description_check CHECK (length(description) <= 500),
    CONSTRAINT items_price_cents_check CHECK (price_cents BETWEEN 1 AND 10000000)
);
COMMENT ON TABLE items IS 'What a tenant sells.';
COMMENT ON COLUMN items.name        IS 'Example: Oak table';
COMMENT ON COLUMN items.description IS 'Example: Seats six';
COMMENT ON COLUMN items.price_cents IS 'Cents of the tenant''s currency. Example: 24900';
COMMENT ON COLUMN items.name_key    IS 'The name as it is sorted and searched by.';
COMMENT ON CONSTRAINT items_name_check        ON items IS '1 to 100 characters.';
COMMENT ON CONSTRAINT items_description_check ON items IS 'At most 500 characters.';
COMMENT ON CONSTRAINT items_price_cents_check ON items IS 'From 1 to 10000000.';

CREATE INDEX items_created_at_idx  ON items (tenant_id, created_at, id);
CREATE INDEX items_name_key_idx    ON items (tenant_id, name_key, id);
CREATE INDEX items_price_cents_idx ON items (tenant_id, price_cents, id);

ALTER TABLE items ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE items FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON items
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON items TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION items_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.name, OLD.description, OLD.price_cents) IS DISTINCT FROM (NEW.name, NEW.description, NEW.price_cents) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION items_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION items_touch();

-- +goose StatementBegin
CREATE FUNCTION items_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'items.insert'), 'item', n.id, n.version,
               jsonb_build_object('name', n.name, 'description', n.description, 'price_cents', n.price_cents)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'items.update'), 'item', n.id, n.version,
               CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        o.name)        ELSE '{}' END
            || CASE WHEN o.description IS DISTINCT FROM n.description THEN jsonb_build_object('description', o.description) ELSE '{}' END
            || CASE WHEN o.price_cents IS DISTINCT FROM n.price_cents THEN jsonb_build_object('price_cents', o.price_cents) ELSE '{}' END,
               CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        n.name)        ELSE '{}' END
            || CASE WHEN o.description IS DISTINCT FROM n.description THEN jsonb_build_object('description', n.description) ELSE '{}' END
            || CASE WHEN o.price_cents IS DISTINCT FROM n.price_cents THEN jsonb_build_object('price_cents', n.price_cents) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.name, o.description, o.price_cents) IS DISTINCT FROM (n.name, n.description, n.price_cents)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'items.delete'), 'item', n.id, n.version + 1,
               jsonb_build_object('name', n.name, 'description', n.description, 'price_cents', n.price_cents)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'items.' || lower(TG_OP COLLATE "C")), 'item', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION items_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON items REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION items_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON items REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION items_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON items REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION items_audit();

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('items:read',  'any', 'any', 'any', 'any', 'any'),
       ('items:write', 'any', 'any', NULL,  NULL,  NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('items:read', 'items:write');
DROP TABLE items;
DROP FUNCTION items_audit();
DROP FUNCTION items_touch();
