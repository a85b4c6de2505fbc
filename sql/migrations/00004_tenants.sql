-- +goose Up
CREATE TABLE tenants (
    id         uuid        NOT NULL,
    name       text        NOT NULL,
    slug       text        NOT NULL,
    status     text        NOT NULL DEFAULT 'active',
    is_public  boolean     NOT NULL DEFAULT false,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_pkey         PRIMARY KEY (id),
    CONSTRAINT tenants_slug_key     UNIQUE (slug),
    CONSTRAINT tenants_name_check   CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT tenants_slug_check   CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 63),
    CONSTRAINT tenants_status_check CHECK (status IN ('active', 'suspended', 'deleting'))
);
COMMENT ON COLUMN tenants.slug   IS 'The name in public addresses. It ends in random characters, so that making one never tells whether a name is taken.';
COMMENT ON COLUMN tenants.status IS 'Only an active tenant can be entered.';

CREATE TRIGGER touch BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION touch();

CREATE TABLE users (
    tenant_id  uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT uuid_v7(),
    account_id uuid        NOT NULL,
    username   text        NOT NULL,
    email      text,
    name       text,
    role       text        NOT NULL DEFAULT 'member',
    is_active  boolean     NOT NULL DEFAULT true,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey            PRIMARY KEY (tenant_id, id),
    CONSTRAINT users_tenant_id_fkey  FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT users_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id),
    CONSTRAINT users_account_id_key  UNIQUE (tenant_id, account_id),
    CONSTRAINT users_email_check     CHECK (length(email) <= 254),
    CONSTRAINT users_name_check      CHECK (length(name) BETWEEN 1 AND 120),
    CONSTRAINT users_role_check      CHECK (role IN ('admin', 'assistant', 'artist', 'member'))
);
COMMENT ON COLUMN users.username IS 'The account''s username, copied when the user is made; read-only.';
COMMENT ON COLUMN users.email    IS 'The contact e-mail in this tenant; it logs nobody in.';
COMMENT ON COLUMN users.role     IS 'The primary role: a column of the table permissions.';

CREATE INDEX users_account_id_idx ON users (account_id);

CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();

-- +goose StatementBegin
CREATE FUNCTION keep_an_admin() RETURNS trigger
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
CREATE TRIGGER keep_an_admin_update BEFORE UPDATE ON users FOR EACH ROW
    WHEN (OLD.role = 'admin' AND OLD.is_active AND NOT (NEW.role = 'admin' AND NEW.is_active))
    EXECUTE FUNCTION keep_an_admin();
CREATE TRIGGER keep_an_admin_delete BEFORE DELETE ON users FOR EACH ROW
    WHEN (OLD.role = 'admin' AND OLD.is_active)
    EXECUTE FUNCTION keep_an_admin();

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE  ROW LEVEL SECURITY;
ALTER TABLE users   ENABLE ROW LEVEL SECURITY;
ALTER TABLE users   FORCE  ROW LEVEL SECURITY;

CREATE POLICY tenant_only ON tenants
    USING      (id = (SELECT current_tenant()))
    WITH CHECK (id = (SELECT current_tenant()));
CREATE POLICY tenant_only ON users
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

-- An account sees where it belongs, and that alone, while no tenant is bound.
CREATE POLICY account_own ON users FOR SELECT TO rowhouse_login
    USING ((SELECT current_tenant()) IS NULL AND account_id = (SELECT my_account()));
CREATE POLICY account_own ON tenants FOR SELECT TO rowhouse_login
    USING ((SELECT current_tenant()) IS NULL AND id IN (SELECT tenant_id FROM users WHERE account_id = (SELECT my_account())));

GRANT SELECT, INSERT, UPDATE ON tenants TO rowhouse_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO rowhouse_app;
GRANT SELECT ON tenants, users TO rowhouse_login;

-- +goose Down
DROP POLICY account_own ON tenants; -- it reads users
DROP TABLE users;
DROP FUNCTION keep_an_admin();
DROP TABLE tenants;
