-- +goose Up
-- What is to be done for a tenant in the background. A row of it is made in the transaction of its cause, and puts itself into the queue; what becomes
-- of it there, the queue writes back here.
CREATE TABLE jobs (
    tenant_id    uuid        NOT NULL,
    id           uuid        NOT NULL DEFAULT uuid_v7(),
    kind         text        NOT NULL,
    subject_type text        NOT NULL,
    subject_id   uuid        NOT NULL,
    state        text        NOT NULL DEFAULT 'waiting',
    attempts     integer     NOT NULL DEFAULT 0,
    last_error   text,
    due_at       timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    queued_as    bigint      NOT NULL,
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT jobs_pkey           PRIMARY KEY (tenant_id, id),
    CONSTRAINT jobs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT jobs_kind_check     CHECK (kind ~ '^[a-z_]+\.[a-z_]+$' AND length(kind) <= 63),
    CONSTRAINT jobs_state_check    CHECK (state IN ('waiting', 'running', 'retrying', 'completed', 'cancelled', 'failed')),
    CONSTRAINT jobs_finished_check CHECK ((finished_at IS NOT NULL) = (state IN ('completed', 'cancelled', 'failed')))
);
COMMENT ON TABLE jobs IS 'What is done for the tenant in the background: mails, reminders, deliveries.';
COMMENT ON COLUMN jobs.kind         IS 'What is done, such as invitation.mail.';
COMMENT ON COLUMN jobs.subject_type IS 'What the id of its subject begins with.';
COMMENT ON COLUMN jobs.subject_id   IS 'What it is done with, such as the invitation. No reference: a job outlives it, and then finds nothing to do.';
COMMENT ON COLUMN jobs.state        IS 'waiting: for its time, or its turn. retrying: failed, and will be tried again. cancelled: there was no reason left to do it, or an admin has said so. failed: for good.';
COMMENT ON COLUMN jobs.attempts     IS 'How often it was begun.';
COMMENT ON COLUMN jobs.last_error   IS 'Why the last attempt came to nothing, in words that hold no contents.';
COMMENT ON COLUMN jobs.due_at       IS 'When it is, or was, to be begun, the next time.';
COMMENT ON COLUMN jobs.queued_as    IS 'Its id in the queue.';
COMMENT ON CONSTRAINT jobs_kind_check     ON jobs IS 'internal: A kind is two words.';
COMMENT ON CONSTRAINT jobs_state_check    ON jobs IS 'internal: One of waiting, running, retrying, completed, cancelled, failed.';
COMMENT ON CONSTRAINT jobs_finished_check ON jobs IS 'internal: What is finished has a time at which it was.';

CREATE INDEX jobs_created_at_idx  ON jobs (tenant_id, created_at, id);
CREATE INDEX jobs_state_idx       ON jobs (tenant_id, state, created_at, id);
CREATE INDEX jobs_kind_idx        ON jobs (tenant_id, kind, created_at, id);
CREATE INDEX jobs_subject_id_idx  ON jobs (tenant_id, subject_id, created_at, id);
CREATE INDEX jobs_due_at_idx      ON jobs (tenant_id, due_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_finished_at_idx ON jobs (tenant_id, finished_at) WHERE finished_at IS NOT NULL;

ALTER TABLE jobs ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON jobs
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE ON jobs TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION jobs_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.kind, OLD.subject_type, OLD.subject_id, OLD.state, OLD.attempts, OLD.last_error, OLD.due_at, OLD.finished_at)
       IS DISTINCT FROM
       (NEW.kind, NEW.subject_type, NEW.subject_id, NEW.state, NEW.attempts, NEW.last_error, NEW.due_at, NEW.finished_at) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION jobs_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION jobs_touch();

CREATE FUNCTION queued_from() RETURNS jsonb
LANGUAGE sql STABLE
RETURN CASE WHEN current_setting('app.trace', true) <> '' THEN jsonb_build_object('traceparent', current_setting('app.trace', true)) ELSE '{}' END;
COMMENT ON FUNCTION queued_from() IS 'What the queue keeps of whoever makes a job: the trace of the request, if that is kept, in the form of W3C Trace Context.';
REVOKE EXECUTE ON FUNCTION queued_from() FROM PUBLIC;

-- +goose StatementBegin
CREATE FUNCTION queue_job() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Before a job is made, or is to be done again: puts it into the queue, with nothing but ids. Fair to other tenants: only the first hundred of those
-- of a tenant that are due go first, and what is beyond waits until nobody has one that does.
DECLARE
    ahead integer;
BEGIN
    SELECT count(*)
      INTO ahead
      FROM (SELECT FROM jobs j
             WHERE j.tenant_id = NEW.tenant_id
               AND j.due_at <= NEW.due_at
               AND j.finished_at IS NULL
             LIMIT 100) AS first;
    IF NEW.due_at <= now() THEN
        INSERT INTO river.river_job (kind, args, metadata, priority, scheduled_at, state)
        VALUES (NEW.kind,
                jsonb_build_object('tenant_id', NEW.tenant_id, 'job_id', NEW.id, 'subject_id', NEW.subject_id),
                queued_from(),
                CASE WHEN ahead < 100 THEN 2 ELSE 4 END,
                NEW.due_at,
                'available')
        RETURNING id INTO NEW.queued_as;
    ELSE
        INSERT INTO river.river_job (kind, args, metadata, priority, scheduled_at, state)
        VALUES (NEW.kind,
                jsonb_build_object('tenant_id', NEW.tenant_id, 'job_id', NEW.id, 'subject_id', NEW.subject_id),
                queued_from(),
                CASE WHEN ahead < 100 THEN 2 ELSE 4 END,
                NEW.due_at,
                'scheduled')
        RETURNING id INTO NEW.queued_as;
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION queue_job() IS 'Puts a job into the queue.';

-- +goose StatementBegin
CREATE FUNCTION plan_expiry() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a tenant is made: what it keeps for a time is looked through tomorrow, and from then on each day.
BEGIN
    INSERT INTO jobs (tenant_id, kind, subject_type, subject_id, due_at)
    VALUES (NEW.tenant_id, 'tenant.expire', 'tenant', NEW.id, now() + interval '1 day');
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION plan_expiry() IS 'Plans what is done for each tenant once a day.';

-- +goose StatementBegin
CREATE FUNCTION note_job(tenant uuid, job uuid, queued bigint, became text, tries integer, said text, due timestamptz, finished timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Says in a job's row what has become of it in the queue, whose transaction is bound to no tenant otherwise.
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    UPDATE jobs j
       SET state       = became,
           attempts    = tries,
           last_error  = left(said, 500),
           due_at      = due,
           finished_at = finished
     WHERE j.tenant_id = current_tenant()
       AND j.id = job
       AND j.queued_as = queued;
    PERFORM set_config('app.tenant_id', '', true);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION note_job(uuid, uuid, bigint, text, integer, text, timestamptz, timestamptz) IS 'Says in a job''s row what has become of it.';

-- +goose StatementBegin
CREATE FUNCTION note_queued() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- After a job of a tenant has got on in the queue.
BEGIN
    PERFORM note_job((NEW.args ->> 'tenant_id')::uuid,
                     (NEW.args ->> 'job_id')::uuid,
                     NEW.id,
                     CASE NEW.state::text WHEN 'running'   THEN 'running'
                                          WHEN 'retryable' THEN 'retrying'
                                          WHEN 'completed' THEN 'completed'
                                          WHEN 'cancelled' THEN 'cancelled'
                                          WHEN 'discarded' THEN 'failed'
                                          ELSE CASE WHEN cardinality(NEW.errors) > 0 THEN 'retrying' ELSE 'waiting' END
                     END,
                     NEW.attempt,
                     NEW.errors[cardinality(NEW.errors)] ->> 'error',
                     NEW.scheduled_at,
                     NEW.finalized_at);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION note_queued() IS 'Writes what became of a job in the queue back to its row.';

-- +goose StatementBegin
CREATE FUNCTION ask_job() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Before an admin has a job done again, or not done. RHJOB: it is past that, or under way. It leaves the queue; when it is to be done again it then
-- enters anew.
BEGIN
    IF OLD.state NOT IN ('waiting', 'retrying', 'failed', 'cancelled')
       OR NEW.state = 'cancelled' AND OLD.state NOT IN ('waiting', 'retrying') THEN
        RAISE EXCEPTION 'the job is %', OLD.state USING ERRCODE = 'RHJOB';
    END IF;
    DELETE FROM river.river_job q
     WHERE q.id = (SELECT l.id FROM river.river_job l WHERE l.id = OLD.queued_as AND l.state <> 'running' FOR UPDATE SKIP LOCKED);
    IF NOT FOUND AND OLD.finished_at IS NULL THEN -- a worker has just taken it, and waits for this row
        RAISE EXCEPTION 'the job is running' USING ERRCODE = 'RHJOB';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION ask_job() IS 'Takes a job out of the queue that an admin has something to say about.';

-- +goose StatementBegin
CREATE FUNCTION asked_event() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of what somebody had to say about a job; what becomes of it in the queue stands in its row.
BEGIN
    INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, before, after)
    VALUES (NEW.tenant_id, coalesce(public.caller_field(5), 'jobs.update'), 'job', NEW.id,
            jsonb_build_object('state', OLD.state), jsonb_build_object('state', NEW.state));
    RETURN NULL;
END
$$;
-- +goose StatementEnd

REVOKE EXECUTE ON FUNCTION queue_job(), plan_expiry(), note_queued(), ask_job(), asked_event(),
                           note_job(uuid, uuid, bigint, text, integer, text, timestamptz, timestamptz)
  FROM PUBLIC;

CREATE TRIGGER queue_insert BEFORE INSERT ON jobs FOR EACH ROW
    WHEN (NEW.finished_at IS NULL)
    EXECUTE FUNCTION queue_job();
CREATE TRIGGER ask_job BEFORE UPDATE OF state ON jobs FOR EACH ROW
    WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION ask_job();
CREATE TRIGGER asked_event AFTER UPDATE OF state ON jobs FOR EACH ROW
    WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION asked_event();
CREATE TRIGGER queue_update BEFORE UPDATE OF state ON jobs FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND NEW.state = 'waiting')
    EXECUTE FUNCTION queue_job();
CREATE TRIGGER plan_expiry AFTER INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION plan_expiry();
CREATE TRIGGER note_queued AFTER UPDATE OF state ON river.river_job FOR EACH ROW
    WHEN (NEW.args ? 'job_id')
    EXECUTE FUNCTION note_queued();

INSERT INTO permissions (name, admin, assistant, artist, member, staff)
VALUES ('jobs:read',  'any', NULL, NULL, NULL, 'any'),
       ('jobs:write', 'any', NULL, NULL, NULL, NULL);

-- +goose Down
DELETE FROM permissions WHERE name IN ('jobs:read', 'jobs:write');
DROP TRIGGER note_queued ON river.river_job;
DROP TRIGGER plan_expiry ON tenants;
DROP TABLE jobs;
DROP FUNCTION asked_event();
DROP FUNCTION ask_job();
DROP FUNCTION note_queued();
DROP FUNCTION note_job(uuid, uuid, bigint, text, integer, text, timestamptz, timestamptz);
DROP FUNCTION plan_expiry();
DROP FUNCTION queue_job();
DROP FUNCTION queued_from();
DROP FUNCTION jobs_touch();
