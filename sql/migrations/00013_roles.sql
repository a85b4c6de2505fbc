-- +goose Up
-- Roles that a tenant makes for itself; they add to the primary role of a user, whose grid is the table permissions.
CREATE TABLE roles (
    tenant_id   uuid        NOT NULL,
    id          uuid        NOT NULL DEFAULT uuid_v7(),
    name        text        NOT NULL,
    description text,
    permissions text[]      NOT NULL,
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    name_key    text        NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
    CONSTRAINT roles_pkey              PRIMARY KEY (tenant_id, id),
    CONSTRAINT roles_tenant_id_fkey    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT roles_name_key          UNIQUE (tenant_id, name_key),
    CONSTRAINT roles_name_check        CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT roles_primary_check     CHECK (fold(name) NOT IN ('admin', 'assistant', 'artist', 'member')),
    CONSTRAINT roles_description_check CHECK (length(description) <= 500),
    CONSTRAINT roles_permissions_check CHECK (cardinality(permissions) <= 100)
);
COMMENT ON TABLE roles IS 'Permissions under a name, given to users beside their primary role.';
COMMENT ON COLUMN roles.permissions IS 'Names of the table permissions: alone with reach any, followed by :own with reach own.';
COMMENT ON COLUMN roles.name_key    IS 'The name as it is compared, sorted and searched by.';
COMMENT ON CONSTRAINT roles_name_key          ON roles IS 'There is a role of this name.';
COMMENT ON CONSTRAINT roles_name_check        ON roles IS '1 to 100 characters.';
COMMENT ON CONSTRAINT roles_primary_check     ON roles IS 'already_exists: admin, assistant, artist and member are the roles that every tenant has.';
COMMENT ON CONSTRAINT roles_description_check ON roles IS 'At most 500 characters.';
COMMENT ON CONSTRAINT roles_permissions_check ON roles IS 'At most 100 permissions.';

CREATE INDEX roles_created_at_idx ON roles (tenant_id, created_at, id);

ALTER TABLE roles ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE roles FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON roles
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON roles TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION roles_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.name, OLD.description, OLD.permissions) IS DISTINCT FROM (NEW.name, NEW.description, NEW.permissions) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION roles_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON roles FOR EACH ROW EXECUTE FUNCTION roles_touch();

-- +goose StatementBegin
CREATE FUNCTION roles_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'roles.insert'), 'role', n.id, n.version,
               jsonb_build_object('name', n.name, 'description', n.description, 'permissions', n.permissions)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'roles.update'), 'role', n.id, n.version,
               CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        o.name)        ELSE '{}' END
            || CASE WHEN o.description IS DISTINCT FROM n.description THEN jsonb_build_object('description', o.description) ELSE '{}' END
            || CASE WHEN o.permissions IS DISTINCT FROM n.permissions THEN jsonb_build_object('permissions', o.permissions) ELSE '{}' END,
               CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        n.name)        ELSE '{}' END
            || CASE WHEN o.description IS DISTINCT FROM n.description THEN jsonb_build_object('description', n.description) ELSE '{}' END
            || CASE WHEN o.permissions IS DISTINCT FROM n.permissions THEN jsonb_build_object('permissions', n.permissions) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.name, o.description, o.permissions) IS DISTINCT FROM (n.name, n.description, n.permissions)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'roles.delete'), 'role', n.id, n.version + 1,
               jsonb_build_object('name', n.name, 'description', n.description, 'permissions', n.permissions)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'roles.' || lower(TG_OP COLLATE "C")), 'role', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION roles_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON roles REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION roles_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON roles REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION roles_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON roles REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION roles_audit();

CREATE TABLE user_roles (
    tenant_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    role_id    uuid        NOT NULL,
    id         uuid        NOT NULL GENERATED ALWAYS AS (user_id) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_roles_pkey           PRIMARY KEY (tenant_id, user_id, role_id),
    CONSTRAINT user_roles_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT user_roles_user_id_fkey   FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT user_roles_role_id_fkey   FOREIGN KEY (tenant_id, role_id) REFERENCES roles (tenant_id, id)
);
COMMENT ON COLUMN user_roles.id IS 'What its audit events are about: the user.';
COMMENT ON CONSTRAINT user_roles_user_id_fkey ON user_roles IS 'not_found: There is no such row that you can see.';
COMMENT ON CONSTRAINT user_roles_role_id_fkey ON user_roles IS 'There is no such row that you can see.';

CREATE INDEX user_roles_role_id_idx ON user_roles (tenant_id, role_id, user_id);

ALTER TABLE user_roles ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE user_roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_roles FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON user_roles
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, DELETE ON user_roles TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION user_roles_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'user_roles.insert'), 'user', n.id,
               jsonb_build_object('role_id', n.role_id)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'user_roles.update'), 'user', n.id,
               CASE WHEN o.role_id IS DISTINCT FROM n.role_id THEN jsonb_build_object('role_id', o.role_id) ELSE '{}' END,
               CASE WHEN o.role_id IS DISTINCT FROM n.role_id THEN jsonb_build_object('role_id', n.role_id) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE o.role_id IS DISTINCT FROM n.role_id
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'user_roles.delete'), 'user', n.id,
               jsonb_build_object('role_id', n.role_id)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'user_roles.' || lower(TG_OP COLLATE "C")), 'user', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION user_roles_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON user_roles REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION user_roles_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON user_roles REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION user_roles_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON user_roles REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION user_roles_audit();

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('roles:read',  'any', 'any', 'any', 'any', 'any'),
       ('roles:write', 'any', NULL,  NULL,  NULL,  NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('roles:read', 'roles:write');
DROP TABLE user_roles;
DROP FUNCTION user_roles_audit();
DROP TABLE roles;
DROP FUNCTION roles_audit();
DROP FUNCTION roles_touch();
