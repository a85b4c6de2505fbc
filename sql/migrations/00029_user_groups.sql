-- +goose Up
CREATE TABLE user_groups (
    tenant_id   uuid        NOT NULL,
    id          uuid        NOT NULL DEFAULT uuid_v7(),
    owner_id    uuid        DEFAULT me(),
    name        text        NOT NULL,
    location    text,
    url         text,
    url_type    text        NOT NULL DEFAULT 'other',
    start_date  date,
    approved_at timestamptz,
    trusted_at  timestamptz,
    version     bigint      NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    name_key    text        NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
    approved    boolean     NOT NULL GENERATED ALWAYS AS (approved_at IS NOT NULL) STORED,
    trusted     boolean     NOT NULL GENERATED ALWAYS AS (trusted_at IS NOT NULL) STORED,
    CONSTRAINT user_groups_pkey           PRIMARY KEY (tenant_id, id),
    CONSTRAINT user_groups_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT user_groups_owner_id_fkey  FOREIGN KEY (tenant_id, owner_id) REFERENCES users (tenant_id, id) ON DELETE SET NULL (owner_id),
    CONSTRAINT user_groups_name_key       UNIQUE (tenant_id, name_key),
    CONSTRAINT user_groups_name_check     CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT user_groups_location_check CHECK (length(location) <= 255),
    CONSTRAINT user_groups_url_check      CHECK (url ~ '^https?://[^[:space:]]+$' AND length(url) <= 500),
    CONSTRAINT user_groups_url_type_check CHECK (url_type IN ('meetup', 'distribution_list', 'other'))
);
COMMENT ON TABLE user_groups IS 'A directory of the community''s groups; being in it grants no access.';
COMMENT ON COLUMN user_groups.owner_id    IS 'Who made it and looks after it; null: only those who reach any do.';
COMMENT ON COLUMN user_groups.name        IS 'Example: Rust Madrid';
COMMENT ON COLUMN user_groups.location    IS 'Example: Madrid';
COMMENT ON COLUMN user_groups.url         IS 'Example: https://groups.example.com/rust-madrid';
COMMENT ON COLUMN user_groups.url_type    IS 'What is found there.';
COMMENT ON COLUMN user_groups.start_date  IS 'Since when there is the group. Example: 2019-09-12';
COMMENT ON COLUMN user_groups.approved_at IS 'When a moderator let it into the public directory.';
COMMENT ON COLUMN user_groups.trusted_at  IS 'When a moderator said that it is known to be good.';
COMMENT ON COLUMN user_groups.name_key    IS 'The name as it is compared, sorted and searched by.';
COMMENT ON COLUMN user_groups.approved    IS 'Whether it is approved.';
COMMENT ON COLUMN user_groups.trusted     IS 'Whether it is trusted.';
COMMENT ON CONSTRAINT user_groups_owner_id_fkey  ON user_groups IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT user_groups_name_key       ON user_groups IS 'There is a group of this name.';
COMMENT ON CONSTRAINT user_groups_name_check     ON user_groups IS '1 to 255 characters.';
COMMENT ON CONSTRAINT user_groups_location_check ON user_groups IS 'At most 255 characters.';
COMMENT ON CONSTRAINT user_groups_url_check      ON user_groups IS 'url format: An address that begins with http:// or https://, of up to 500 characters.';
COMMENT ON CONSTRAINT user_groups_url_type_check ON user_groups IS 'One of meetup, distribution_list, other.';

CREATE INDEX user_groups_created_at_idx ON user_groups (tenant_id, created_at, id);
CREATE INDEX user_groups_owner_id_idx   ON user_groups (tenant_id, owner_id, created_at, id);
CREATE INDEX user_groups_start_date_idx ON user_groups (tenant_id, start_date, id);
CREATE INDEX user_groups_approved_idx   ON user_groups (tenant_id, approved, created_at, id);
CREATE INDEX user_groups_trusted_idx    ON user_groups (tenant_id, trusted, created_at, id);

ALTER TABLE user_groups ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE user_groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_groups FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON user_groups
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
CREATE POLICY own_only ON user_groups AS RESTRICTIVE
    USING      ((SELECT reaches_all()) OR owner_id = (SELECT me()))
    WITH CHECK ((SELECT reaches_all()) OR owner_id = (SELECT me()));
GRANT SELECT, INSERT, UPDATE, DELETE ON user_groups TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION unmoderated() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Before another name, address or place of a group than was approved: it is to be looked at again, unless who changes it is whom it would be
-- shown to.
BEGIN
    IF NOT holds('groups:moderate') THEN
        NEW.approved_at := NULL;
        NEW.trusted_at  := NULL;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION unmoderated() FROM PUBLIC;

CREATE TRIGGER unmoderated BEFORE UPDATE ON user_groups FOR EACH ROW
    WHEN ((OLD.approved_at IS NOT NULL OR OLD.trusted_at IS NOT NULL)
      AND (OLD.name, OLD.url, OLD.location) IS DISTINCT FROM (NEW.name, NEW.url, NEW.location))
    EXECUTE FUNCTION unmoderated();
-- What nobody owns any more, since its owner has left, is nobody's to refuse; the policy lets nobody make it so by hand.
CREATE TRIGGER own_row BEFORE INSERT OR UPDATE OF owner_id ON user_groups FOR EACH ROW
    WHEN (me() IS NOT NULL AND NOT reaches_all() AND NEW.owner_id <> me())
    EXECUTE FUNCTION own_alone();

-- +goose StatementBegin
CREATE FUNCTION user_groups_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.owner_id, OLD.name, OLD.location, OLD.url, OLD.url_type, OLD.start_date, OLD.approved_at, OLD.trusted_at)
       IS DISTINCT FROM
       (NEW.owner_id, NEW.name, NEW.location, NEW.url, NEW.url_type, NEW.start_date, NEW.approved_at, NEW.trusted_at) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION user_groups_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON user_groups FOR EACH ROW EXECUTE FUNCTION user_groups_touch();

-- +goose StatementBegin
CREATE FUNCTION user_groups_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'user_groups.insert'), 'group', n.id, n.version,
               jsonb_build_object('owner_id', n.owner_id, 'name', n.name, 'location', n.location, 'url', n.url, 'url_type', n.url_type,
                                  'start_date', n.start_date, 'approved_at', n.approved_at, 'trusted_at', n.trusted_at)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'user_groups.update'), 'group', n.id, n.version,
               CASE WHEN o.owner_id    IS DISTINCT FROM n.owner_id    THEN jsonb_build_object('owner_id',    o.owner_id)    ELSE '{}' END
            || CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        o.name)        ELSE '{}' END
            || CASE WHEN o.location    IS DISTINCT FROM n.location    THEN jsonb_build_object('location',    o.location)    ELSE '{}' END
            || CASE WHEN o.url         IS DISTINCT FROM n.url         THEN jsonb_build_object('url',         o.url)         ELSE '{}' END
            || CASE WHEN o.url_type    IS DISTINCT FROM n.url_type    THEN jsonb_build_object('url_type',    o.url_type)    ELSE '{}' END
            || CASE WHEN o.start_date  IS DISTINCT FROM n.start_date  THEN jsonb_build_object('start_date',  o.start_date)  ELSE '{}' END
            || CASE WHEN o.approved_at IS DISTINCT FROM n.approved_at THEN jsonb_build_object('approved_at', o.approved_at) ELSE '{}' END
            || CASE WHEN o.trusted_at  IS DISTINCT FROM n.trusted_at  THEN jsonb_build_object('trusted_at',  o.trusted_at)  ELSE '{}' END,
               CASE WHEN o.owner_id    IS DISTINCT FROM n.owner_id    THEN jsonb_build_object('owner_id',    n.owner_id)    ELSE '{}' END
            || CASE WHEN o.name        IS DISTINCT FROM n.name        THEN jsonb_build_object('name',        n.name)        ELSE '{}' END
            || CASE WHEN o.location    IS DISTINCT FROM n.location    THEN jsonb_build_object('location',    n.location)    ELSE '{}' END
            || CASE WHEN o.url         IS DISTINCT FROM n.url         THEN jsonb_build_object('url',         n.url)         ELSE '{}' END
            || CASE WHEN o.url_type    IS DISTINCT FROM n.url_type    THEN jsonb_build_object('url_type',    n.url_type)    ELSE '{}' END
            || CASE WHEN o.start_date  IS DISTINCT FROM n.start_date  THEN jsonb_build_object('start_date',  n.start_date)  ELSE '{}' END
            || CASE WHEN o.approved_at IS DISTINCT FROM n.approved_at THEN jsonb_build_object('approved_at', n.approved_at) ELSE '{}' END
            || CASE WHEN o.trusted_at  IS DISTINCT FROM n.trusted_at  THEN jsonb_build_object('trusted_at',  n.trusted_at)  ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.owner_id, o.name, o.location, o.url, o.url_type, o.start_date, o.approved_at, o.trusted_at)
               IS DISTINCT FROM
               (n.owner_id, n.name, n.location, n.url, n.url_type, n.start_date, n.approved_at, n.trusted_at)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'user_groups.delete'), 'group', n.id, n.version + 1,
               jsonb_build_object('owner_id', n.owner_id, 'name', n.name, 'location', n.location, 'url', n.url, 'url_type', n.url_type,
                                  'start_date', n.start_date, 'approved_at', n.approved_at, 'trusted_at', n.trusted_at)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'user_groups.' || lower(TG_OP COLLATE "C")), 'group', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION user_groups_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON user_groups REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION user_groups_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON user_groups REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION user_groups_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON user_groups REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION user_groups_audit();

INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('groups:read',     true,  'any', 'any', 'any', 'any', 'any'),
       ('groups:write',    true,  'any', 'own', 'own', 'own', NULL),
       ('groups:moderate', false, 'any', NULL,  NULL,  NULL,  'any');

-- +goose Down
DELETE FROM permissions WHERE name IN ('groups:read', 'groups:write', 'groups:moderate');
DROP TABLE user_groups;
DROP FUNCTION user_groups_audit();
DROP FUNCTION user_groups_touch();
DROP FUNCTION unmoderated();
