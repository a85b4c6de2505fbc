-- +goose Up
-- A tenant is its own: with a tenant_id like every other table, its changes are audited like those of every other.
ALTER TABLE tenants
  ADD COLUMN tenant_id  uuid NOT NULL GENERATED ALWAYS AS (id) STORED,
  ADD COLUMN created_by uuid;
COMMENT ON COLUMN tenants.tenant_id  IS 'The id again, under the name that it has everywhere else.';
COMMENT ON COLUMN tenants.created_by IS 'The account that made it; NULL: the operator. No reference: an account may be closed.';

DROP TRIGGER touch ON tenants;
CREATE TRIGGER touch BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION touch('tenant_id');

CREATE TRIGGER audit_insert AFTER INSERT ON tenants REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenant');
CREATE TRIGGER audit_update AFTER UPDATE ON tenants REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenant');
CREATE TRIGGER audit_delete AFTER DELETE ON tenants REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenant');

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_an_admin() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- The last active admin of a tenant stays. Locking the tenant first makes the look that follows see what a rival has
-- committed; no single statement can do this, its snapshot being older than its lock. NO KEY: inserts elsewhere that
-- refer to the tenant do not wait. A tenant that was given up keeps nobody.
DECLARE
    state text;
BEGIN
    SELECT status INTO state FROM tenants WHERE id = OLD.tenant_id FOR NO KEY UPDATE;
    IF state = 'deleting' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    PERFORM 1 FROM users
      WHERE tenant_id = OLD.tenant_id
        AND id <> OLD.id
        AND role = 'admin'
        AND is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the last admin of a tenant stays' USING ERRCODE = 'RHADM';
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;
-- +goose StatementEnd

INSERT INTO permissions (name, admin, assistant, artist, member)
VALUES ('tenant:write', 'any', NULL, NULL, NULL),
       ('audit:read',   'any', NULL, NULL, NULL);

ALTER TABLE permissions
  ADD COLUMN staff   text,
  ADD COLUMN ownable boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT permissions_staff_check   CHECK (staff = 'any'),
  ADD CONSTRAINT permissions_ownable_check CHECK (ownable OR 'own' NOT IN (coalesce(admin, ''), coalesce(assistant, ''), coalesce(artist, ''), coalesce(member, '')));
COMMENT ON COLUMN permissions.staff   IS 'What a visitor of the operator''s staff may do in a tenant whose user it is not; a superuser may do everything.';
COMMENT ON COLUMN permissions.ownable IS 'Whether its rows have owners, so that reach own means something: its queries then look at reaches_all(). Elsewhere own is nothing.';

UPDATE permissions
   SET staff = 'any'
 WHERE name IN ('tenant:read', 'items:read');

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_an_admin() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- The last active admin of a tenant stays. Locking the tenant first makes the look that follows see what a rival has
-- committed; no single statement can do this, its snapshot being older than its lock. NO KEY: inserts elsewhere that
-- refer to the tenant do not wait.
BEGIN
    PERFORM 1 FROM tenants WHERE id = OLD.tenant_id FOR NO KEY UPDATE;
    PERFORM 1 FROM users
      WHERE tenant_id = OLD.tenant_id
        AND id <> OLD.id
        AND role = 'admin'
        AND is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the last admin of a tenant stays' USING ERRCODE = 'RHADM';
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;
-- +goose StatementEnd

ALTER TABLE permissions
 DROP COLUMN ownable,
 DROP COLUMN staff;
DELETE FROM permissions WHERE name IN ('tenant:write', 'audit:read');
DROP TRIGGER audit_insert ON tenants;
DROP TRIGGER audit_update ON tenants;
DROP TRIGGER audit_delete ON tenants;
DROP TRIGGER touch ON tenants;
ALTER TABLE tenants
 DROP COLUMN created_by,
 DROP COLUMN tenant_id;
CREATE TRIGGER touch BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION touch();
