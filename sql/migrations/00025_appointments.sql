-- +goose Up
-- Without it a GiST index compares ranges, and no uuid. PostgreSQL trusts the owner of a database with it; an operator may have made it before.
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE appointments (
    tenant_id       uuid         NOT NULL,
    id              uuid         NOT NULL DEFAULT uuid_v7(),
    client_id       uuid         NOT NULL,
    artist_id       uuid         NOT NULL,
    starts_at       timestamptz  NOT NULL,
    ends_at         timestamptz  NOT NULL,
    price_cents     integer      NOT NULL,
    notes           text,
    commission_rate numeric(5,4),
    status          text         NOT NULL DEFAULT 'scheduled',
    no_show         boolean      NOT NULL DEFAULT false,
    version         bigint       NOT NULL DEFAULT 1,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT appointments_pkey                  PRIMARY KEY (tenant_id, id),
    CONSTRAINT appointments_tenant_id_fkey        FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT appointments_client_id_fkey        FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id),
    CONSTRAINT appointments_artist_id_fkey        FOREIGN KEY (tenant_id, artist_id) REFERENCES artists (tenant_id, id),
    CONSTRAINT appointments_starts_at_excl        EXCLUDE USING gist (tenant_id WITH =, artist_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (status <> 'cancelled'),
    CONSTRAINT appointments_ends_at_check         CHECK (ends_at > starts_at AND ends_at - starts_at <= interval '24 hours'),
    CONSTRAINT appointments_price_cents_check     CHECK (price_cents BETWEEN 0 AND 10000000),
    CONSTRAINT appointments_notes_check           CHECK (length(notes) <= 5000),
    CONSTRAINT appointments_commission_rate_check CHECK (commission_rate BETWEEN 0 AND 1),
    CONSTRAINT appointments_status_check          CHECK (status IN ('scheduled', 'on_hold', 'completed', 'cancelled')),
    CONSTRAINT appointments_no_show_check         CHECK (NOT no_show OR status = 'cancelled')
);
COMMENT ON TABLE appointments IS 'Booked sessions of clients with artists.';
COMMENT ON COLUMN appointments.client_id       IS 'Who comes.';
COMMENT ON COLUMN appointments.artist_id       IS 'Who works. Of one artist no two overlap, but for those that are cancelled.';
COMMENT ON COLUMN appointments.starts_at       IS 'Example: 2027-03-01T10:00:00Z';
COMMENT ON COLUMN appointments.ends_at         IS 'The first moment that is free again. Example: 2027-03-01T12:30:00Z';
COMMENT ON COLUMN appointments.price_cents     IS 'Cents of the tenant''s currency. Example: 24900';
COMMENT ON COLUMN appointments.notes           IS 'What the artist should know. Example: Left forearm, second session.';
COMMENT ON COLUMN appointments.commission_rate IS 'The artist''s share of the payment; null: as the artist''s own rate says when it is paid. Example: 0.65';
COMMENT ON COLUMN appointments.status          IS 'scheduled or on_hold, until it is completed or cancelled, which is the end of it.';
COMMENT ON COLUMN appointments.no_show         IS 'Whether it was cancelled because nobody came.';
COMMENT ON CONSTRAINT appointments_client_id_fkey        ON appointments IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT appointments_artist_id_fkey        ON appointments IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT appointments_starts_at_excl        ON appointments IS 'The artist has another appointment at this time.';
COMMENT ON CONSTRAINT appointments_ends_at_check         ON appointments IS 'ends_at range: After starts_at, by up to 24 hours.';
COMMENT ON CONSTRAINT appointments_price_cents_check     ON appointments IS 'From 0 to 10000000.';
COMMENT ON CONSTRAINT appointments_notes_check           ON appointments IS 'At most 5000 characters.';
COMMENT ON CONSTRAINT appointments_commission_rate_check ON appointments IS 'commission_rate range: From 0 to 1.';
COMMENT ON CONSTRAINT appointments_status_check          ON appointments IS 'One of scheduled, on_hold, completed, cancelled.';
COMMENT ON CONSTRAINT appointments_no_show_check         ON appointments IS 'no_show unwanted: Only of an appointment that is cancelled.';

CREATE INDEX appointments_created_at_idx ON appointments (tenant_id, created_at, id);
CREATE INDEX appointments_starts_at_idx  ON appointments (tenant_id, starts_at, id);
CREATE INDEX appointments_client_id_idx  ON appointments (tenant_id, client_id, created_at, id);
CREATE INDEX appointments_artist_id_idx  ON appointments (tenant_id, artist_id, created_at, id);
CREATE INDEX appointments_status_idx     ON appointments (tenant_id, status, created_at, id);
-- An artist's appointments within a time. The index of the exclusion is of no use to a query: && is not leakproof.
CREATE INDEX appointments_calendar_idx   ON appointments (tenant_id, artist_id, starts_at, id);

ALTER TABLE appointments ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE appointments ENABLE ROW LEVEL SECURITY;
ALTER TABLE appointments FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON appointments
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
CREATE POLICY own_only ON appointments AS RESTRICTIVE
    USING      ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
    WITH CHECK ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()));
GRANT SELECT, INSERT, UPDATE, DELETE ON appointments TO rowhouse_app;

CREATE TRIGGER own_row BEFORE INSERT OR UPDATE OF artist_id ON appointments FOR EACH ROW
    WHEN (me() IS NOT NULL AND NOT reaches_all() AND NEW.artist_id IS DISTINCT FROM my_artist())
    EXECUTE FUNCTION own_alone();

-- +goose StatementBegin
CREATE FUNCTION appointments_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.client_id, OLD.artist_id, OLD.starts_at, OLD.ends_at, OLD.price_cents, OLD.notes, OLD.commission_rate, OLD.status, OLD.no_show)
       IS DISTINCT FROM
       (NEW.client_id, NEW.artist_id, NEW.starts_at, NEW.ends_at, NEW.price_cents, NEW.notes, NEW.commission_rate, NEW.status, NEW.no_show) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION appointments_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON appointments FOR EACH ROW EXECUTE FUNCTION appointments_touch();

-- +goose StatementBegin
CREATE FUNCTION appointments_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'appointments.insert'), 'appointment', n.id, n.version,
               jsonb_build_object('client_id', n.client_id, 'artist_id', n.artist_id, 'starts_at', n.starts_at, 'ends_at', n.ends_at,
                                  'price_cents', n.price_cents, 'notes', n.notes, 'commission_rate', n.commission_rate, 'status', n.status,
                                  'no_show', n.no_show)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'appointments.update'), 'appointment', n.id, n.version,
               CASE WHEN o.client_id       IS DISTINCT FROM n.client_id       THEN jsonb_build_object('client_id',       o.client_id)       ELSE '{}' END
            || CASE WHEN o.artist_id       IS DISTINCT FROM n.artist_id       THEN jsonb_build_object('artist_id',       o.artist_id)       ELSE '{}' END
            || CASE WHEN o.starts_at       IS DISTINCT FROM n.starts_at       THEN jsonb_build_object('starts_at',       o.starts_at)       ELSE '{}' END
            || CASE WHEN o.ends_at         IS DISTINCT FROM n.ends_at         THEN jsonb_build_object('ends_at',         o.ends_at)         ELSE '{}' END
            || CASE WHEN o.price_cents     IS DISTINCT FROM n.price_cents     THEN jsonb_build_object('price_cents',     o.price_cents)     ELSE '{}' END
            || CASE WHEN o.notes           IS DISTINCT FROM n.notes           THEN jsonb_build_object('notes',           o.notes)           ELSE '{}' END
            || CASE WHEN o.commission_rate IS DISTINCT FROM n.commission_rate THEN jsonb_build_object('commission_rate', o.commission_rate) ELSE '{}' END
            || CASE WHEN o.status          IS DISTINCT FROM n.status          THEN jsonb_build_object('status',          o.status)          ELSE '{}' END
            || CASE WHEN o.no_show         IS DISTINCT FROM n.no_show         THEN jsonb_build_object('no_show',         o.no_show)         ELSE '{}' END,
               CASE WHEN o.client_id       IS DISTINCT FROM n.client_id       THEN jsonb_build_object('client_id',       n.client_id)       ELSE '{}' END
            || CASE WHEN o.artist_id       IS DISTINCT FROM n.artist_id       THEN jsonb_build_object('artist_id',       n.artist_id)       ELSE '{}' END
            || CASE WHEN o.starts_at       IS DISTINCT FROM n.starts_at       THEN jsonb_build_object('starts_at',       n.starts_at)       ELSE '{}' END
            || CASE WHEN o.ends_at         IS DISTINCT FROM n.ends_at         THEN jsonb_build_object('ends_at',         n.ends_at)         ELSE '{}' END
            || CASE WHEN o.price_cents     IS DISTINCT FROM n.price_cents     THEN jsonb_build_object('price_cents',     n.price_cents)     ELSE '{}' END
            || CASE WHEN o.notes           IS DISTINCT FROM n.notes           THEN jsonb_build_object('notes',           n.notes)           ELSE '{}' END
            || CASE WHEN o.commission_rate IS DISTINCT FROM n.commission_rate THEN jsonb_build_object('commission_rate', n.commission_rate) ELSE '{}' END
            || CASE WHEN o.status          IS DISTINCT FROM n.status          THEN jsonb_build_object('status',          n.status)          ELSE '{}' END
            || CASE WHEN o.no_show         IS DISTINCT FROM n.no_show         THEN jsonb_build_object('no_show',         n.no_show)         ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.client_id, o.artist_id, o.starts_at, o.ends_at, o.price_cents, o.notes, o.commission_rate, o.status, o.no_show)
               IS DISTINCT FROM
               (n.client_id, n.artist_id, n.starts_at, n.ends_at, n.price_cents, n.notes, n.commission_rate, n.status, n.no_show)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'appointments.delete'), 'appointment', n.id, n.version + 1,
               jsonb_build_object('client_id', n.client_id, 'artist_id', n.artist_id, 'starts_at', n.starts_at, 'ends_at', n.ends_at,
                                  'price_cents', n.price_cents, 'notes', n.notes, 'commission_rate', n.commission_rate, 'status', n.status,
                                  'no_show', n.no_show)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'appointments.' || lower(TG_OP COLLATE "C")), 'appointment', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION appointments_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON appointments REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION appointments_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON appointments REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION appointments_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON appointments REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION appointments_audit();

-- +goose StatementBegin
CREATE FUNCTION appointment_ended() RETURNS trigger
LANGUAGE plpgsql AS $$
-- Before a change of what has been completed or cancelled, and so is in the books or in nobody's way. RHEND: refused.
BEGIN
    RAISE EXCEPTION 'the appointment is over' USING ERRCODE = 'RHEND';
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION appointment_ended() FROM PUBLIC;

CREATE TRIGGER appointment_ended BEFORE UPDATE ON appointments FOR EACH ROW
    WHEN (OLD.status IN ('completed', 'cancelled')
      AND (OLD.client_id, OLD.artist_id, OLD.starts_at, OLD.ends_at, OLD.price_cents, OLD.commission_rate, OLD.status, OLD.no_show)
          IS DISTINCT FROM
          (NEW.client_id, NEW.artist_id, NEW.starts_at, NEW.ends_at, NEW.price_cents, NEW.commission_rate, NEW.status, NEW.no_show))
    EXECUTE FUNCTION appointment_ended();

-- +goose StatementBegin
CREATE FUNCTION ending(status text, how text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF status IN ('completed', 'cancelled') THEN
        RAISE EXCEPTION 'the appointment is over' USING ERRCODE = 'RHEND';
    END IF;
    RETURN how;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION ending(text, text) IS 'How an appointment ends, of its status before. RHEND: it has ended already, be it in the same way.';

REVOKE EXECUTE ON FUNCTION ending(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ending(text, text) TO rowhouse_app;

INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('appointments:read',  true, 'any', 'any', 'any', NULL, 'any'),
       ('appointments:write', true, 'any', 'any', 'own', NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('appointments:read', 'appointments:write');
DROP TABLE appointments;
DROP FUNCTION appointments_audit();
DROP FUNCTION appointments_touch();
DROP FUNCTION appointment_ended();
DROP FUNCTION ending(text, text);
