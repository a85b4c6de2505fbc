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

CREATE INDEX audit_events_created_at_idx ON audit_events (tenant_id, created_at, id);

ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON audit_events
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT ON audit_events TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION audit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a statement: one event a row that it changed, or one for all of them when they are over a hundred. Arguments: the
-- entity type, then the columns that never stand in an event. Its transition tables are old_rows and new_rows.
DECLARE
    entity  CONSTANT text   := TG_ARGV[0];
    hidden  CONSTANT text[] := ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[1:];
    action  CONSTANT text   := coalesce(caller_field(5), TG_TABLE_NAME || '.' || lower(TG_OP));
    changed bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        SELECT count(*) INTO changed FROM old_rows;
    ELSE
        SELECT count(*) INTO changed FROM new_rows;
    END IF;
    IF changed > 100 AND TG_OP = 'DELETE' THEN
        INSERT INTO audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, row_count, request_id, address)
        SELECT o.tenant_id, me(), my_account(), action, entity, count(*), caller_field(6), caller_field(4)
          FROM old_rows o
         GROUP BY o.tenant_id;
    ELSIF changed > 100 THEN
        INSERT INTO audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, row_count, request_id, address)
        SELECT n.tenant_id, me(), my_account(), action, entity, count(*), caller_field(6), caller_field(4)
          FROM new_rows n
         GROUP BY n.tenant_id;
    ELSIF changed = 0 THEN
        NULL;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, after, request_id, address)
        SELECT n.tenant_id, me(), my_account(), action, entity, n.id, to_jsonb(n) - hidden, caller_field(6), caller_field(4)
          FROM new_rows n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, before, request_id, address)
        SELECT o.tenant_id, me(), my_account(), action, entity, o.id, to_jsonb(o) - hidden, caller_field(6), caller_field(4)
          FROM old_rows o;
    ELSE
        INSERT INTO audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, before, after, request_id, address)
        SELECT n.tenant_id, me(), my_account(), action, entity, n.id, c.before, c.after, caller_field(6), caller_field(4)
          FROM new_rows n
          JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.id = n.id
         CROSS JOIN LATERAL (
               SELECT jsonb_object_agg(key, b.value) AS before,
                      jsonb_object_agg(key, a.value) AS after
                 FROM jsonb_each(to_jsonb(o) - hidden) b
                 JOIN jsonb_each(to_jsonb(n) - hidden) a USING (key)
                WHERE a.value <> b.value
               ) c
         WHERE c.after IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_insert AFTER INSERT ON users REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('user');
CREATE TRIGGER audit_update AFTER UPDATE ON users REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('user');
CREATE TRIGGER audit_delete AFTER DELETE ON users REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('user');

-- +goose Down
DROP TRIGGER audit_insert ON users;
DROP TRIGGER audit_update ON users;
DROP TRIGGER audit_delete ON users;
DROP FUNCTION audit();
DROP TABLE audit_events;
