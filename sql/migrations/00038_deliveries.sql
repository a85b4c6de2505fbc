-- +goose Up
CREATE TABLE deliveries (
    tenant_id       uuid        NOT NULL,
    id              uuid        NOT NULL DEFAULT uuid_v7(),
    webhook_id      uuid        NOT NULL,
    event           text        NOT NULL,
    entity_type     text,
    entity_id       uuid,
    entity_version  bigint,
    row_count       bigint      NOT NULL DEFAULT 1,
    is_removal      boolean     NOT NULL DEFAULT false,
    occurred_at     timestamptz NOT NULL DEFAULT now(),
    payload         text,
    state           text        NOT NULL DEFAULT 'pending',
    tries           integer     NOT NULL DEFAULT 0,
    attempts        jsonb       NOT NULL DEFAULT '[]',
    next_attempt_at timestamptz          DEFAULT now(),
    last_status     integer,
    last_error      text,
    delivered_at    timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT deliveries_pkey            PRIMARY KEY (tenant_id, id),
    CONSTRAINT deliveries_tenant_id_fkey  FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT deliveries_webhook_id_fkey FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT deliveries_state_check     CHECK (state IN ('pending', 'delivered', 'failed')),
    CONSTRAINT deliveries_pending_check   CHECK (next_attempt_at IS NOT NULL OR state <> 'pending')
);
COMMENT ON TABLE deliveries IS 'Messages to endpoints, and what became of them.';
COMMENT ON COLUMN deliveries.id              IS 'Also the id of the message, which stays the same each time that it is sent.';
COMMENT ON COLUMN deliveries.event           IS 'The operation, as audit_events.action has it.';
COMMENT ON COLUMN deliveries.entity_id       IS 'What it is about; NULL for many, and for a test. No reference: a message outlives what it tells of.';
COMMENT ON COLUMN deliveries.entity_version  IS 'As audit_events.entity_version.';
COMMENT ON COLUMN deliveries.is_removal      IS 'Whether the row is gone that it is about.';
COMMENT ON COLUMN deliveries.payload         IS 'The message, from the first attempt on: each further one sends the same bytes. It goes with the row.';
COMMENT ON COLUMN deliveries.state           IS 'pending: it will be tried, at next_attempt_at. failed: it will not be tried again by itself.';
COMMENT ON COLUMN deliveries.tries           IS 'Attempts since it was made, or was last asked for again.';
COMMENT ON COLUMN deliveries.attempts        IS 'The last fifty attempts: when, with what status, what went wrong in words of our own, and how long it took.';
COMMENT ON CONSTRAINT deliveries_webhook_id_fkey ON deliveries IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT deliveries_state_check     ON deliveries IS 'internal: One of pending, delivered, failed.';
COMMENT ON CONSTRAINT deliveries_pending_check   ON deliveries IS 'internal: What is pending has a time.';

CREATE INDEX deliveries_webhook_id_idx ON deliveries (tenant_id, webhook_id, created_at, id);
CREATE INDEX deliveries_state_idx      ON deliveries (tenant_id, webhook_id, state, created_at, id);
CREATE INDEX deliveries_event_idx      ON deliveries (tenant_id, webhook_id, event, created_at, id);
CREATE INDEX deliveries_created_at_idx ON deliveries (tenant_id, created_at, id);

ALTER TABLE deliveries ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON deliveries
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE ON deliveries TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION seen(there boolean) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
-- For a list of what belongs to one row: RHNON where that row is not there for whoever asks, which is otherwise than that there is nothing in the list.
BEGIN
    IF there IS NOT TRUE THEN
        RAISE EXCEPTION 'no such row' USING ERRCODE = 'RHNON';
    END IF;
    RETURN true;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION seen(boolean) IS 'True, of a row that is there. RHNON: it is not.';
REVOKE EXECUTE ON FUNCTION seen(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seen(boolean) TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION note_delivery() RETURNS trigger
LANGUAGE plpgsql AS $$
-- After somebody has asked for a message: that is what the tenant's log shows of deliveries. All others follow from what stands there.
BEGIN
    INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id)
    VALUES (NEW.tenant_id, coalesce(public.caller_field(5), 'deliveries.' || lower(TG_OP COLLATE "C")), 'delivery', NEW.id);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION note_delivery() IS 'Writes an event of a delivery that somebody has asked for.';

-- +goose StatementBegin
CREATE FUNCTION deliver_events() RETURNS trigger
LANGUAGE plpgsql AS $$
-- After events of the bound tenant: a message to each endpoint that is told of them. Of what was asked for of deliveries there is none, which would be
-- told of again. It looks first: most tenants have no endpoint, and an INSERT of nothing costs twice as much.
BEGIN
    IF EXISTS (SELECT FROM public.webhooks w WHERE w.tenant_id = public.current_tenant() AND w.disabled_at IS NULL) THEN
        INSERT INTO public.deliveries (tenant_id, webhook_id, event, entity_type, entity_id, entity_version, row_count, is_removal, occurred_at)
        SELECT n.tenant_id,
               w.id,
               n.action,
               n.entity_type,
               n.entity_id,
               n.entity_version,
               n.row_count,
               n.entity_version IS NOT NULL AND n.before IS NOT NULL AND n.after IS NULL,
               n.created_at
          FROM made n
          JOIN public.webhooks w ON w.tenant_id = n.tenant_id AND w.disabled_at IS NULL AND (w.events IS NULL OR n.action = ANY (w.events))
         WHERE n.entity_type <> 'delivery';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION deliver_events() IS 'Makes the messages of what has changed, in the transaction that changed it.';

-- +goose StatementBegin
CREATE FUNCTION queue_delivery() RETURNS trigger
LANGUAGE plpgsql AS $$
-- After a message is made, or is to be sent again: plans the job that sends it.
BEGIN
    INSERT INTO public.jobs (tenant_id, kind, subject_type, subject_id, due_at)
    VALUES (NEW.tenant_id, 'webhook.deliver', 'delivery', NEW.id, NEW.next_attempt_at);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION queue_delivery() IS 'Plans the job that sends a message.';

-- +goose StatementBegin
CREATE FUNCTION queue_webhook_mail() RETURNS trigger
LANGUAGE plpgsql AS $$
-- After the server has disabled an endpoint for what its user can mend: plans the mail that says so.
BEGIN
    INSERT INTO public.jobs (tenant_id, kind, subject_type, subject_id)
    VALUES (NEW.tenant_id, 'webhook.mail', 'webhook', NEW.id);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION queue_webhook_mail() IS 'Plans the mail that tells of a disabled endpoint.';

-- +goose StatementBegin
CREATE FUNCTION expire_deliveries(most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Of the bound tenant: messages of 30 days ago that are pending no more. At most so many; true when any went.
BEGIN
    DELETE FROM deliveries d
     WHERE d.tenant_id = current_tenant()
       AND d.id = ANY (ARRAY(
           SELECT e.id
             FROM deliveries e
            WHERE e.tenant_id = current_tenant()
              AND e.created_at < now() - interval '30 days'
              AND e.state <> 'pending'
            ORDER BY e.created_at
            LIMIT most
              FOR UPDATE SKIP LOCKED));
    RETURN FOUND;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION expire_deliveries(integer) IS 'Deletes what is over of the bound tenant''s messages; whether there may be more.';

REVOKE EXECUTE ON FUNCTION note_delivery(), deliver_events(), queue_delivery(), queue_webhook_mail(), expire_deliveries(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION expire_deliveries(integer) TO rowhouse_app;

CREATE TRIGGER note_insert AFTER INSERT ON deliveries FOR EACH ROW
    WHEN (NEW.event = 'webhook.test')
    EXECUTE FUNCTION note_delivery();
CREATE TRIGGER note_update AFTER UPDATE OF state ON deliveries FOR EACH ROW
    WHEN (OLD.state <> 'pending' AND NEW.state = 'pending')
    EXECUTE FUNCTION note_delivery();
CREATE TRIGGER queue_insert AFTER INSERT ON deliveries FOR EACH ROW
    WHEN (NEW.state = 'pending')
    EXECUTE FUNCTION queue_delivery();
CREATE TRIGGER queue_update AFTER UPDATE OF state ON deliveries FOR EACH ROW
    WHEN (OLD.state <> 'pending' AND NEW.state = 'pending')
    EXECUTE FUNCTION queue_delivery();
CREATE TRIGGER queue_webhook_mail AFTER UPDATE OF disabled_at ON webhooks FOR EACH ROW
    WHEN (OLD.disabled_at IS NULL AND NEW.disabled_reason IN ('failing', 'gone', 'secret'))
    EXECUTE FUNCTION queue_webhook_mail();
CREATE TRIGGER deliver_events AFTER INSERT ON audit_events REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION deliver_events();

-- +goose Down
DROP TRIGGER deliver_events ON audit_events;
DROP TRIGGER queue_webhook_mail ON webhooks;
DROP TABLE deliveries;
DROP FUNCTION expire_deliveries(integer);
DROP FUNCTION queue_webhook_mail();
DROP FUNCTION queue_delivery();
DROP FUNCTION deliver_events();
DROP FUNCTION note_delivery();
DROP FUNCTION seen(boolean);
