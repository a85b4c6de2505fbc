-- +goose Up
-- The books. A row stays as it was written, but that it may be voided.
CREATE TABLE transactions (
    tenant_id        uuid        NOT NULL,
    id               uuid        NOT NULL DEFAULT uuid_v7(),
    appointment_id   uuid,
    artist_id        uuid        NOT NULL,
    amount_cents     integer     NOT NULL,
    method           text        NOT NULL,
    concept          text,
    paid_at          timestamptz NOT NULL DEFAULT now(),
    commission_cents integer     NOT NULL DEFAULT 0,
    completes        boolean     NOT NULL DEFAULT false,
    voided_at        timestamptz,
    version          bigint      NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT transactions_pkey                PRIMARY KEY (tenant_id, id),
    CONSTRAINT transactions_tenant_id_fkey      FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT transactions_appointment_id_fkey FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments (tenant_id, id),
    CONSTRAINT transactions_artist_id_fkey      FOREIGN KEY (tenant_id, artist_id) REFERENCES artists (tenant_id, id),
    CONSTRAINT transactions_completes_excl      EXCLUDE (tenant_id WITH =, appointment_id WITH =) WHERE (completes AND voided_at IS NULL),
    CONSTRAINT transactions_amount_cents_check  CHECK (amount_cents BETWEEN -10000000 AND 10000000 AND amount_cents <> 0),
    CONSTRAINT transactions_method_check        CHECK (method IN ('cash', 'card', 'transfer', 'other')),
    CONSTRAINT transactions_concept_check       CHECK (length(concept) <= 200),
    CONSTRAINT transactions_completes_check     CHECK (NOT completes OR appointment_id IS NOT NULL AND amount_cents > 0)
);
COMMENT ON TABLE transactions IS 'Payments, and, with amounts below zero, refunds.';
COMMENT ON COLUMN transactions.appointment_id   IS 'What was paid for, where it is an appointment.';
COMMENT ON COLUMN transactions.artist_id        IS 'Who earned it.';
COMMENT ON COLUMN transactions.amount_cents     IS 'Cents of the tenant''s currency; a refund is negative. Example: 24900';
COMMENT ON COLUMN transactions.method           IS 'How it was paid.';
COMMENT ON COLUMN transactions.concept          IS 'What it was for, in words. Example: Deposit';
COMMENT ON COLUMN transactions.paid_at          IS 'When it was paid; otherwise now. Example: 2026-03-01T12:30:00Z';
COMMENT ON COLUMN transactions.commission_cents IS 'Cents of the tenant''s currency: the artist''s part of the amount, half a cent rounded away from zero.';
COMMENT ON COLUMN transactions.completes        IS 'Whether it was made by completing the appointment, which is done once.';
COMMENT ON COLUMN transactions.voided_at        IS 'When it was taken out of the books; it counts no more.';
COMMENT ON CONSTRAINT transactions_appointment_id_fkey ON transactions IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT transactions_artist_id_fkey      ON transactions IS 'There is no such row that you can see.';
COMMENT ON CONSTRAINT transactions_completes_excl      ON transactions IS 'conflict: The appointment has been completed and paid.';
COMMENT ON CONSTRAINT transactions_amount_cents_check  ON transactions IS 'amount_cents range: From -10000000 to 10000000, and not 0.';
COMMENT ON CONSTRAINT transactions_method_check        ON transactions IS 'One of cash, card, transfer, other.';
COMMENT ON CONSTRAINT transactions_concept_check       ON transactions IS 'At most 200 characters.';
COMMENT ON CONSTRAINT transactions_completes_check     ON transactions IS 'internal: What completes an appointment is a payment for it.';

CREATE INDEX transactions_created_at_idx     ON transactions (tenant_id, created_at, id);
CREATE INDEX transactions_paid_at_idx        ON transactions (tenant_id, paid_at, id);
CREATE INDEX transactions_amount_cents_idx   ON transactions (tenant_id, amount_cents, id);
CREATE INDEX transactions_appointment_id_idx ON transactions (tenant_id, appointment_id, created_at, id);
CREATE INDEX transactions_artist_id_idx      ON transactions (tenant_id, artist_id, created_at, id);
CREATE INDEX transactions_method_idx         ON transactions (tenant_id, method, created_at, id);

ALTER TABLE transactions ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE transactions ENABLE ROW LEVEL SECURITY;
ALTER TABLE transactions FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON transactions
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
CREATE POLICY own_only ON transactions AS RESTRICTIVE
    USING      ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
    WITH CHECK ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()));
GRANT SELECT, INSERT, UPDATE (voided_at) ON transactions TO rowhouse_app;

CREATE TRIGGER own_row BEFORE INSERT OR UPDATE OF artist_id ON transactions FOR EACH ROW
    WHEN (me() IS NOT NULL AND NOT reaches_all() AND NEW.artist_id IS DISTINCT FROM my_artist())
    EXECUTE FUNCTION own_alone();

-- +goose StatementBegin
CREATE FUNCTION transactions_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.appointment_id, OLD.artist_id, OLD.amount_cents, OLD.method, OLD.concept, OLD.paid_at, OLD.commission_cents, OLD.completes,
        OLD.voided_at)
       IS DISTINCT FROM
       (NEW.appointment_id, NEW.artist_id, NEW.amount_cents, NEW.method, NEW.concept, NEW.paid_at, NEW.commission_cents, NEW.completes,
        NEW.voided_at) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION transactions_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON transactions FOR EACH ROW EXECUTE FUNCTION transactions_touch();

-- +goose StatementBegin
CREATE FUNCTION transactions_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'transactions.insert'), 'transaction', n.id, n.version,
               jsonb_build_object('appointment_id', n.appointment_id, 'artist_id', n.artist_id, 'amount_cents', n.amount_cents,
                                  'method', n.method, 'concept', n.concept, 'paid_at', n.paid_at, 'commission_cents', n.commission_cents,
                                  'completes', n.completes, 'voided_at', n.voided_at)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'transactions.update'), 'transaction', n.id, n.version,
               CASE WHEN o.appointment_id   IS DISTINCT FROM n.appointment_id   THEN jsonb_build_object('appointment_id',   o.appointment_id)   ELSE '{}' END
            || CASE WHEN o.artist_id        IS DISTINCT FROM n.artist_id        THEN jsonb_build_object('artist_id',        o.artist_id)        ELSE '{}' END
            || CASE WHEN o.amount_cents     IS DISTINCT FROM n.amount_cents     THEN jsonb_build_object('amount_cents',     o.amount_cents)     ELSE '{}' END
            || CASE WHEN o.method           IS DISTINCT FROM n.method           THEN jsonb_build_object('method',           o.method)           ELSE '{}' END
            || CASE WHEN o.concept          IS DISTINCT FROM n.concept          THEN jsonb_build_object('concept',          o.concept)          ELSE '{}' END
            || CASE WHEN o.paid_at          IS DISTINCT FROM n.paid_at          THEN jsonb_build_object('paid_at',          o.paid_at)          ELSE '{}' END
            || CASE WHEN o.commission_cents IS DISTINCT FROM n.commission_cents THEN jsonb_build_object('commission_cents', o.commission_cents) ELSE '{}' END
            || CASE WHEN o.completes        IS DISTINCT FROM n.completes        THEN jsonb_build_object('completes',        o.completes)        ELSE '{}' END
            || CASE WHEN o.voided_at        IS DISTINCT FROM n.voided_at        THEN jsonb_build_object('voided_at',        o.voided_at)        ELSE '{}' END,
               CASE WHEN o.appointment_id   IS DISTINCT FROM n.appointment_id   THEN jsonb_build_object('appointment_id',   n.appointment_id)   ELSE '{}' END
            || CASE WHEN o.artist_id        IS DISTINCT FROM n.artist_id        THEN jsonb_build_object('artist_id',        n.artist_id)        ELSE '{}' END
            || CASE WHEN o.amount_cents     IS DISTINCT FROM n.amount_cents     THEN jsonb_build_object('amount_cents',     n.amount_cents)     ELSE '{}' END
            || CASE WHEN o.method           IS DISTINCT FROM n.method           THEN jsonb_build_object('method',           n.method)           ELSE '{}' END
            || CASE WHEN o.concept          IS DISTINCT FROM n.concept          THEN jsonb_build_object('concept',          n.concept)          ELSE '{}' END
            || CASE WHEN o.paid_at          IS DISTINCT FROM n.paid_at          THEN jsonb_build_object('paid_at',          n.paid_at)          ELSE '{}' END
            || CASE WHEN o.commission_cents IS DISTINCT FROM n.commission_cents THEN jsonb_build_object('commission_cents', n.commission_cents) ELSE '{}' END
            || CASE WHEN o.completes        IS DISTINCT FROM n.completes        THEN jsonb_build_object('completes',        n.completes)        ELSE '{}' END
            || CASE WHEN o.voided_at        IS DISTINCT FROM n.voided_at        THEN jsonb_build_object('voided_at',        n.voided_at)        ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.appointment_id, o.artist_id, o.amount_cents, o.method, o.concept, o.paid_at, o.commission_cents, o.completes, o.voided_at)
               IS DISTINCT FROM
               (n.appointment_id, n.artist_id, n.amount_cents, n.method, n.concept, n.paid_at, n.commission_cents, n.completes, n.voided_at)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'transactions.delete'), 'transaction', n.id, n.version + 1,
               jsonb_build_object('appointment_id', n.appointment_id, 'artist_id', n.artist_id, 'amount_cents', n.amount_cents,
                                  'method', n.method, 'concept', n.concept, 'paid_at', n.paid_at, 'commission_cents', n.commission_cents,
                                  'completes', n.completes, 'voided_at', n.voided_at)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'transactions.' || lower(TG_OP COLLATE "C")), 'transaction', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION transactions_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON transactions REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION transactions_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON transactions REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION transactions_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON transactions REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION transactions_audit();

-- +goose StatementBegin
CREATE FUNCTION commission() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Before a transaction: what the artist gets of it, by the rate of the appointment with this artist, or else by the artist's own.
DECLARE
    rate numeric;
BEGIN
    SELECT p.commission_rate
      INTO rate
      FROM appointments p
     WHERE p.tenant_id = NEW.tenant_id
       AND p.id = NEW.appointment_id
       AND p.artist_id = NEW.artist_id;
    IF rate IS NULL THEN
        SELECT a.commission_rate
          INTO rate
          FROM artists a
         WHERE a.tenant_id = NEW.tenant_id
           AND a.id = NEW.artist_id;
    END IF;
    NEW.commission_cents := round(NEW.amount_cents * coalesce(rate, 0)); -- without an artist the reference is refused
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION commission() FROM PUBLIC;

CREATE TRIGGER commission BEFORE INSERT ON transactions FOR EACH ROW EXECUTE FUNCTION commission();

INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('transactions:read',   true, 'any', 'any', 'own', NULL, 'any'),
       ('transactions:create', true, 'any', 'any', NULL,  NULL, NULL),
       ('transactions:write',  true, 'any', NULL,  NULL,  NULL, NULL);

-- Reports are of transactions. limited is totals of days alone, and is asked for by all of them.
INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('reports:read',    true, 'any', NULL,  'own', NULL, NULL),
       ('reports:limited', true, 'any', 'any', 'own', NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('reports:read', 'reports:limited');
DELETE FROM permissions WHERE name IN ('transactions:read', 'transactions:create', 'transactions:write');
DROP TABLE transactions;
DROP FUNCTION transactions_audit();
DROP FUNCTION transactions_touch();
DROP FUNCTION commission();
