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
    tenant_id  uuid        NOT NULL GENERATED ALWAYS AS (id) STORED,
    created_by uuid,
    held_until timestamptz,
    name_key   text        NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
    CONSTRAINT tenants_pkey         PRIMARY KEY (id),
    CONSTRAINT tenants_slug_key     UNIQUE (slug),
    CONSTRAINT tenants_name_check   CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT tenants_slug_check   CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 63),
    CONSTRAINT tenants_status_check CHECK (status IN ('active', 'suspended', 'deleting'))
);
COMMENT ON TABLE tenants IS 'Customers, each with rows of its own.';
COMMENT ON COLUMN tenants.slug       IS 'The name in public addresses. It ends in random characters, so that making one never tells whether a name is taken.';
COMMENT ON COLUMN tenants.status     IS 'Only an active tenant can be entered.';
COMMENT ON COLUMN tenants.tenant_id  IS 'The id again, under the name that it has everywhere else.';
COMMENT ON COLUMN tenants.created_by IS 'The account that made it; NULL: the operator. No reference: an account may be closed.';
COMMENT ON COLUMN tenants.held_until IS 'Its requests are refused until then, a quota of them being used up; NULL or over: they are not.';
COMMENT ON COLUMN tenants.name_key   IS 'The name as it is sorted by.';
COMMENT ON CONSTRAINT tenants_slug_key     ON tenants IS 'conflict: The slug that was drawn is taken; send the request again.';
COMMENT ON CONSTRAINT tenants_name_check   ON tenants IS '1 to 100 characters.';
COMMENT ON CONSTRAINT tenants_slug_check   ON tenants IS 'slug format: a–z, 0–9 and single hyphens, up to 63 characters.';
COMMENT ON CONSTRAINT tenants_status_check ON tenants IS 'One of active, suspended, deleting.';

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON tenants
    USING      (id = (SELECT current_tenant()))
    WITH CHECK (id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE ON tenants TO rowhouse_app;
GRANT SELECT ON tenants TO rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION tenants_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.name, OLD.slug, OLD.status, OLD.is_public, OLD.created_by)
       IS DISTINCT FROM
       (NEW.name, NEW.slug, NEW.status, NEW.is_public, NEW.created_by) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION tenants_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION tenants_touch();

-- +goose StatementBegin
CREATE FUNCTION confirmed(name text, given text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF given IS DISTINCT FROM name THEN
        RAISE EXCEPTION 'not the name' USING ERRCODE = 'RHCNF';
    END IF;
    RETURN true;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION confirmed(text, text) IS 'True, of a row''s name and that which was given to confirm its removal. RHCNF: they differ.';

REVOKE EXECUTE ON FUNCTION confirmed(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION confirmed(text, text) TO rowhouse_app;

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('tenant:read',  'any', 'any', 'any', 'any', 'any'),
       ('tenant:write', 'any', NULL,  NULL,  NULL,  NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('tenant:read', 'tenant:write');
DROP FUNCTION confirmed(text, text);
DROP TABLE tenants;
DROP FUNCTION tenants_touch();
