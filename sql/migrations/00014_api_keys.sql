-- +goose Up
CREATE TABLE api_keys (
    tenant_id    uuid        NOT NULL,
    id           uuid        NOT NULL DEFAULT uuid_v7(),
    user_id      uuid        NOT NULL,
    name         text        NOT NULL,
    description  text,
    key_prefix   text        NOT NULL,
    hash         bytea       NOT NULL,
    scopes       text[],
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT api_keys_pkey              PRIMARY KEY (tenant_id, id),
    CONSTRAINT api_keys_tenant_id_fkey    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT api_keys_user_id_fkey      FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT api_keys_key_prefix_key    UNIQUE (tenant_id, key_prefix),
    CONSTRAINT api_keys_key_prefix_check  CHECK (key_prefix ~ '^rh_[0-9A-Za-z]{9}$'),
    CONSTRAINT api_keys_hash_check        CHECK (octet_length(hash) = 32),
    CONSTRAINT api_keys_name_check        CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT api_keys_description_check CHECK (length(description) <= 500),
    CONSTRAINT api_keys_scopes_check      CHECK (cardinality(scopes) <= 100)
);
COMMENT ON TABLE api_keys IS 'Credentials of programs, each of one user of one tenant.';
COMMENT ON COLUMN api_keys.key_prefix   IS 'The beginning of the key: how it is found, and recognised by people.';
COMMENT ON COLUMN api_keys.hash         IS 'SHA-256 of the whole key, which is shown once and never stored.';
COMMENT ON COLUMN api_keys.scopes       IS 'Permissions as in roles.permissions, of which the key has those that its owner holds; NULL: all of the owner''s.';
COMMENT ON COLUMN api_keys.last_used_at IS 'Exact to a minute.';
COMMENT ON CONSTRAINT api_keys_user_id_fkey      ON api_keys IS 'reference_not_found: A row that this one refers to does not exist.';
COMMENT ON CONSTRAINT api_keys_key_prefix_key    ON api_keys IS 'conflict: The key that was drawn is taken; send the request again.';
COMMENT ON CONSTRAINT api_keys_key_prefix_check  ON api_keys IS 'internal: rh_ and nine letters or digits.';
COMMENT ON CONSTRAINT api_keys_hash_check        ON api_keys IS 'internal: 32 bytes.';
COMMENT ON CONSTRAINT api_keys_name_check        ON api_keys IS '1 to 100 characters.';
COMMENT ON CONSTRAINT api_keys_description_check ON api_keys IS 'At most 500 characters.';
COMMENT ON CONSTRAINT api_keys_scopes_check      ON api_keys IS 'At most 100 permissions.';

CREATE INDEX api_keys_created_at_idx ON api_keys (tenant_id, created_at, id);
CREATE INDEX api_keys_user_id_idx    ON api_keys (tenant_id, user_id, created_at, id);

ALTER TABLE api_keys ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON api_keys
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON api_keys TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION api_keys_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.user_id, OLD.name, OLD.description, OLD.key_prefix, OLD.scopes, OLD.expires_at, OLD.revoked_at)
       IS DISTINCT FROM
       (NEW.user_id, NEW.name, NEW.description, NEW.key_prefix, NEW.scopes, NEW.expires_at, NEW.revoked_at) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION api_keys_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION api_keys_touch();

-- +goose StatementBegin
CREATE FUNCTION api_keys_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'api_keys.insert'), 'apikey', n.id, n.version,
               jsonb_build_object('user_id', n.user_id, 'name', n.name, 'description', n.description, 'key_prefix', n.key_prefix,
                                  'scopes', n.scopes, 'expires_at', n.expires_at, 'revoked_at', n.revoked_at)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'api_keys.update'), 'apikey', n.id, n.version,
               CASE WHEN o.user_id     IS DISTINCT FROM n.user_id     THEN jsonb_build_object('user_id',     o.user_id)     ELSE '{}' END
            || CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        o.name)        ELSE '{}' END
            || CASE WHEN o.description IS DISTINCT FROM n.description THEN jsonb_build_object('description', o.description) ELSE '{}' END
            || CASE WHEN o.key_prefix  IS DISTINCT FROM n.key_prefix  THEN jsonb_build_object('key_prefix',  o.key_prefix)  ELSE '{}' END
            || CASE WHEN o.scopes      IS DISTINCT FROM n.scopes      THEN jsonb_build_object('scopes',      o.scopes)      ELSE '{}' END
            || CASE WHEN o.expires_at  IS DISTINCT FROM n.expires_at  THEN jsonb_build_object('expires_at',  o.expires_at)  ELSE '{}' END
            || CASE WHEN o.revoked_at  IS DISTINCT FROM n.revoked_at  THEN jsonb_build_object('revoked_at',  o.revoked_at)  ELSE '{}' END,
               CASE WHEN o.user_id     IS DISTINCT FROM n.user_id     THEN jsonb_build_object('user_id',     n.user_id)     ELSE '{}' END
            || CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        n.name)        ELSE '{}' END
            || CASE WHEN o.description IS DISTINCT FROM n.description THEN jsonb_build_object('description', n.description) ELSE '{}' END
            || CASE WHEN o.key_prefix  IS DISTINCT FROM n.key_prefix  THEN jsonb_build_object('key_prefix',  n.key_prefix)  ELSE '{}' END
            || CASE WHEN o.scopes      IS DISTINCT FROM n.scopes      THEN jsonb_build_object('scopes',      n.scopes)      ELSE '{}' END
            || CASE WHEN o.expires_at  IS DISTINCT FROM n.expires_at  THEN jsonb_build_object('expires_at',  n.expires_at)  ELSE '{}' END
            || CASE WHEN o.revoked_at  IS DISTINCT FROM n.revoked_at  THEN jsonb_build_object('revoked_at',  n.revoked_at)  ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.user_id, o.name, o.description, o.key_prefix, o.scopes, o.expires_at, o.revoked_at)
               IS DISTINCT FROM
               (n.user_id, n.name, n.description, n.key_prefix, n.scopes, n.expires_at, n.revoked_at)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'api_keys.delete'), 'apikey', n.id, n.version + 1,
               jsonb_build_object('user_id', n.user_id, 'name', n.name, 'description', n.description, 'key_prefix', n.key_prefix,
                                  'scopes', n.scopes, 'expires_at', n.expires_at, 'revoked_at', n.revoked_at)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'api_keys.' || lower(TG_OP COLLATE "C")), 'apikey', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION api_keys_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON api_keys REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION api_keys_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON api_keys REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION api_keys_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON api_keys REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION api_keys_audit();

INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('keys:read',       true,  'own', 'own', 'own', 'own', 'any'),
       ('keys:write',      true,  'own', 'own', 'own', 'own', NULL),
       ('keys:revoke_any', false, 'any', NULL,  NULL,  NULL,  NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('keys:read', 'keys:write', 'keys:revoke_any');
DROP TABLE api_keys;
DROP FUNCTION api_keys_audit();
DROP FUNCTION api_keys_touch();
