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

CREATE TRIGGER touch BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touch('name_key');

CREATE TRIGGER audit_insert AFTER INSERT ON items REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('items', 'item', 'name_key');
CREATE TRIGGER audit_update AFTER UPDATE ON items REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('items', 'item', 'name_key');
CREATE TRIGGER audit_delete AFTER DELETE ON items REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('items', 'item', 'name_key');

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('items:read',  'any', 'any', 'any', 'any', 'any'),
       ('items:write', 'any', 'any', NULL,  NULL,  NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('items:read', 'items:write');
DROP TABLE items;
