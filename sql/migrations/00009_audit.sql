-- +goose Up
CREATE TABLE audit_events (
    tenant_id        uuid        NOT NULL,
    id               uuid        NOT NULL DEFAULT uuid_v7(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    actor_user_id    uuid,
    actor_account_id uuid,
    action           text        NOT NULL,
    entity_type      text        NOT NULL,
    entity_id        uuid,
    row_count        bigint      NOT NULL DEFAULT 1,
    before           jsonb,
    after            jsonb,
    request_id       text,
    address          text,
    CONSTRAINT audit_events_pkey           PRIMARY KEY (tenant_id, id),
    CONSTRAINT audit_events_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT audit_events_many_check     CHECK (entity_id IS NOT NULL OR before IS NULL AND after IS NULL)
);
COMMENT ON TABLE  audit_events               IS 'One event for each row of an audited table that a request changes, written by the statement that changes it.';
COMMENT ON COLUMN audit_events.actor_user_id IS 'NULL: system work. No reference: an event outlives its actor.';
COMMENT ON COLUMN audit_events.action        IS 'The operation of the route, such as item.update; for system work, its reason.';
COMMENT ON COLUMN audit_events.row_count     IS 'Rows changed; over 100 by one statement stand in one event, without entity, before and after.';
COMMENT ON COLUMN audit_events.before        IS 'The changed fields as they were; NULL for a row that is new.';
COMMENT ON COLUMN audit_events.after         IS 'The changed fields as they became; NULL for a row that is gone.';
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

-- +goose StatementBegin
CREATE FUNCTION audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- After a statement: one event a row that it changed, or one a tenant for all of them when they are over a hundred.
-- Arguments: the table's name, the entity type, then the columns that never stand in an event. Its transition tables are old_rows and
-- new_rows. The name is an argument, here and in other triggers, because PostgreSQL names a part of a table that is spread over several nodes.
-- One statement a case, without variables: PL/pgSQL prepares each expression anew in each transaction. Names are qualified
-- because a search_path of its own would cost as much as a case.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, after, request_id, address)
        SELECT n.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_ARGV[0] || '.insert'), TG_ARGV[1], n.id,
               to_jsonb(n) - (ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[2:]),
               public.caller_field(6), public.caller_field(4)
          FROM new_rows n
         WHERE (SELECT count(*) FROM new_rows) <= 100;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, before, request_id, address)
        SELECT o.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_ARGV[0] || '.delete'), TG_ARGV[1], o.id,
               to_jsonb(o) - (ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[2:]),
               public.caller_field(6), public.caller_field(4)
          FROM old_rows o
         WHERE (SELECT count(*) FROM old_rows) <= 100;
    ELSE
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, before, after, request_id, address)
        SELECT n.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_ARGV[0] || '.update'), TG_ARGV[1], n.id,
               changed.before, changed.after, public.caller_field(6), public.caller_field(4)
          FROM new_rows n
          JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.id = n.id
         CROSS JOIN LATERAL (
               SELECT jsonb_object_agg(key, was.fields -> key) AS before,
                      jsonb_object_agg(key, value)             AS after
                 FROM (SELECT to_jsonb(o) AS fields OFFSET 0) was, -- OFFSET: made once, not for each key
                      jsonb_each(to_jsonb(n) - (ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[2:]))
                WHERE value <> was.fields -> key
               ) changed
         WHERE changed.after IS NOT NULL
           AND (SELECT count(*) FROM new_rows) <= 100;
    END IF;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, row_count, request_id, address)
        SELECT o.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_ARGV[0] || '.delete'), TG_ARGV[1], count(*),
               public.caller_field(6), public.caller_field(4)
          FROM old_rows o
         GROUP BY o.tenant_id
        HAVING (SELECT count(*) FROM old_rows) > 100;
    ELSE
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, row_count, request_id, address)
        SELECT n.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_ARGV[0] || '.' || lower(TG_OP COLLATE "C")), TG_ARGV[1], count(*),
               public.caller_field(6), public.caller_field(4)
          FROM new_rows n
         GROUP BY n.tenant_id
        HAVING (SELECT count(*) FROM new_rows) > 100;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION audit() FROM PUBLIC;

-- Of tenants, which the events refer to and so are made before them.
CREATE TRIGGER audit_insert AFTER INSERT ON tenants REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenants', 'tenant', 'name_key');
CREATE TRIGGER audit_update AFTER UPDATE ON tenants REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenants', 'tenant', 'name_key');
CREATE TRIGGER audit_delete AFTER DELETE ON tenants REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenants', 'tenant', 'name_key');

INSERT INTO permissions (name, admin, assistant, artist, member)
VALUES ('audit:read', 'any', NULL, NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name = 'audit:read';
DROP TRIGGER audit_delete ON tenants;
DROP TRIGGER audit_update ON tenants;
DROP TRIGGER audit_insert ON tenants;
DROP FUNCTION audit();
DROP TABLE audit_events;
