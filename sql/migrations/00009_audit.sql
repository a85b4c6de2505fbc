-- +goose Up
CREATE TABLE audit_events (
    tenant_id        uuid        NOT NULL,
    id               uuid        NOT NULL DEFAULT uuid_v7(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    actor_user_id    uuid                 DEFAULT me(),
    actor_account_id uuid                 DEFAULT my_account(),
    action           text        NOT NULL,
    entity_type      text        NOT NULL,
    entity_id        uuid,
    entity_version   bigint,
    row_count        bigint      NOT NULL DEFAULT 1,
    before           jsonb,
    after            jsonb,
    request_id       text                 DEFAULT caller_field(6),
    address          text                 DEFAULT caller_field(4),
    CONSTRAINT audit_events_pkey       PRIMARY KEY (tenant_id, id),
    CONSTRAINT audit_events_many_check CHECK (entity_id IS NOT NULL OR before IS NULL AND after IS NULL)
);
-- No foreign key to the tenant, which would look it up and lock it once more with each event: an event tells of a row that has one, and erase_rows looks for
-- events when all other rows are gone.
COMMENT ON TABLE  audit_events                IS 'One event for each row of an audited table that a request changes, written by the statement that changes it.';
COMMENT ON COLUMN audit_events.actor_user_id  IS 'NULL: system work. No reference: an event outlives its actor.';
COMMENT ON COLUMN audit_events.action         IS 'The operation of the route, such as item.update; for system work, its reason.';
COMMENT ON COLUMN audit_events.entity_version IS 'The version that the row has got, and of one that is gone the next; NULL for many rows, and for a row without versions.';
COMMENT ON COLUMN audit_events.row_count      IS 'Rows changed; over 100 by one statement stand in one event, without entity, before and after.';
COMMENT ON COLUMN audit_events.before         IS 'The changed fields as they were; NULL for a row that is new.';
COMMENT ON COLUMN audit_events.after          IS 'The changed fields as they became; NULL for a row that is gone.';
COMMENT ON CONSTRAINT audit_events_many_check ON audit_events IS 'internal: An event of many rows tells of none.';

-- Here and elsewhere: a filter that names one thing stands before the order of its list, so that a page of what it finds is read as it is shown.
CREATE INDEX audit_events_created_at_idx    ON audit_events (tenant_id, created_at, id);
CREATE INDEX audit_events_actor_user_id_idx ON audit_events (tenant_id, actor_user_id, created_at, id);
CREATE INDEX audit_events_entity_id_idx     ON audit_events (tenant_id, entity_id, created_at, id);

-- In each table of tenants: a plan for any tenant is made for one of a hundredth of the table, not for the average. For a tenant of two rows
-- every index that begins with the tenant is as good as the one that has the row.
ALTER TABLE audit_events ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON audit_events
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT ON audit_events TO rowhouse_app;

-- Of tenants, which the events refer to and so are made before them. A table that is audited has a function and triggers like these, as resource
-- writes them: who changed a row, from where and by which request is the default of the columns above.

-- +goose StatementBegin
CREATE FUNCTION tenants_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'tenants.insert'), 'tenant', n.id, n.version,
               jsonb_build_object('name', n.name, 'slug', n.slug, 'status', n.status, 'is_public', n.is_public, 'created_by', n.created_by)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'tenants.update'), 'tenant', n.id, n.version,
               CASE WHEN o.name       IS DISTINCT FROM n.name       THEN jsonb_build_object('name',       o.name)       ELSE '{}' END
            || CASE WHEN o.slug       IS DISTINCT FROM n.slug       THEN jsonb_build_object('slug',       o.slug)       ELSE '{}' END
            || CASE WHEN o.status     IS DISTINCT FROM n.status     THEN jsonb_build_object('status',     o.status)     ELSE '{}' END
            || CASE WHEN o.is_public  IS DISTINCT FROM n.is_public  THEN jsonb_build_object('is_public',  o.is_public)  ELSE '{}' END
            || CASE WHEN o.created_by IS DISTINCT FROM n.created_by THEN jsonb_build_object('created_by', o.created_by) ELSE '{}' END,
               CASE WHEN o.name       IS DISTINCT FROM n.name       THEN jsonb_build_object('name',       n.name)       ELSE '{}' END
            || CASE WHEN o.slug       IS DISTINCT FROM n.slug       THEN jsonb_build_object('slug',       n.slug)       ELSE '{}' END
            || CASE WHEN o.status     IS DISTINCT FROM n.status     THEN jsonb_build_object('status',     n.status)     ELSE '{}' END
            || CASE WHEN o.is_public  IS DISTINCT FROM n.is_public  THEN jsonb_build_object('is_public',  n.is_public)  ELSE '{}' END
            || CASE WHEN o.created_by IS DISTINCT FROM n.created_by THEN jsonb_build_object('created_by', n.created_by) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.name, o.slug, o.status, o.is_public, o.created_by) IS DISTINCT FROM (n.name, n.slug, n.status, n.is_public, n.created_by)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'tenants.delete'), 'tenant', n.id, n.version + 1,
               jsonb_build_object('name', n.name, 'slug', n.slug, 'status', n.status, 'is_public', n.is_public, 'created_by', n.created_by)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'tenants.' || lower(TG_OP COLLATE "C")), 'tenant', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION tenants_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON tenants REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON tenants REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON tenants REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit();

INSERT INTO permissions (name, admin, assistant, artist, member)
VALUES ('audit:read', 'any', NULL, NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name = 'audit:read';
DROP TRIGGER audit_delete ON tenants;
DROP TRIGGER audit_update ON tenants;
DROP TRIGGER audit_insert ON tenants;
DROP FUNCTION tenants_audit();
DROP TABLE audit_events;
