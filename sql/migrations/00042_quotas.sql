-- +goose Up
-- How much a tenant may have, as the operator has set it; what has no row is not limited. A subject is a table of the tenant's, whose rows are counted
-- as they are made and go, or one of jobs, audit_events, requests_per_minute and requests_per_day.
CREATE TABLE quotas (
    tenant_id  uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT uuid_v7(),
    subject    text        NOT NULL COLLATE "C",
    maximum    bigint      NOT NULL,
    used       bigint      NOT NULL DEFAULT 0,
    resets_at  timestamptz,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT quotas_pkey           PRIMARY KEY (tenant_id, id),
    CONSTRAINT quotas_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT quotas_subject_key    UNIQUE (tenant_id, subject),
    CONSTRAINT quotas_maximum_check  CHECK (maximum >= 0),
    CONSTRAINT quotas_used_check     CHECK (used >= 0)
);
COMMENT ON TABLE  quotas           IS 'How much a tenant may have, where the operator has set a limit.';
COMMENT ON COLUMN quotas.subject   IS 'Of what: a table''s name, jobs, audit_events, requests_per_minute or requests_per_day.';
COMMENT ON COLUMN quotas.maximum   IS 'Rows, or requests a window. Below what there is already nothing goes, and nothing more is made.';
COMMENT ON COLUMN quotas.used      IS 'Rows that there are, of a table that is counted; requests since the window began; otherwise 0.';
COMMENT ON COLUMN quotas.resets_at IS 'When the window of requests ends; NULL: none has begun, or the subject has none.';
COMMENT ON CONSTRAINT quotas_subject_key   ON quotas IS 'internal: One quota of each subject.';
COMMENT ON CONSTRAINT quotas_maximum_check ON quotas IS 'internal: 0 or more.';
COMMENT ON CONSTRAINT quotas_used_check    ON quotas IS 'internal: 0 or more.';

ALTER TABLE quotas ALTER COLUMN tenant_id SET (n_distinct = 100);

ALTER TABLE quotas ENABLE ROW LEVEL SECURITY;
ALTER TABLE quotas FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON quotas
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, UPDATE ON quotas TO rowhouse_app;

-- +goose StatementBegin
CREATE FUNCTION quotas_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.subject, OLD.maximum) IS DISTINCT FROM (NEW.subject, NEW.maximum) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION quotas_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON quotas FOR EACH ROW EXECUTE FUNCTION quotas_touch();

-- +goose StatementBegin
CREATE FUNCTION quotas_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- What audit_events is told of a statement.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'quotas.insert'), 'quota', n.id, n.version,
               jsonb_build_object('subject', n.subject, 'maximum', n.maximum)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'quotas.update'), 'quota', n.id, n.version,
               CASE WHEN o.subject IS DISTINCT FROM n.subject THEN jsonb_build_object('subject', o.subject) ELSE '{}' END
            || CASE WHEN o.maximum IS DISTINCT FROM n.maximum THEN jsonb_build_object('maximum', o.maximum) ELSE '{}' END,
               CASE WHEN o.subject IS DISTINCT FROM n.subject THEN jsonb_build_object('subject', n.subject) ELSE '{}' END
            || CASE WHEN o.maximum IS DISTINCT FROM n.maximum THEN jsonb_build_object('maximum', n.maximum) ELSE '{}' END
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE (o.subject, o.maximum) IS DISTINCT FROM (n.subject, n.maximum)
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id, entity_version, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'quotas.delete'), 'quota', n.id, n.version + 1,
               jsonb_build_object('subject', n.subject, 'maximum', n.maximum)
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), 'quotas.' || lower(TG_OP COLLATE "C")), 'quota', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION quotas_audit() FROM PUBLIC;

CREATE TRIGGER audit_insert AFTER INSERT ON quotas REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION quotas_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON quotas REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION quotas_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON quotas REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION quotas_audit();

-- +goose StatementBegin
CREATE FUNCTION within_quota(subject text, maximum bigint, used bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF used > maximum THEN
        RAISE EXCEPTION 'the quota of % is used up', subject USING ERRCODE = 'RHQUO', DETAIL = subject || ' ' || maximum;
    END IF;
    RETURN used;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION within_quota(text, bigint, bigint) IS 'What is used of a quota. RHQUO: it is more than the maximum; the subject and that are in DETAIL.';

-- +goose StatementBegin
CREATE FUNCTION hold_quota() RETURNS trigger
LANGUAGE plpgsql AS $$
-- After rows of the bound tenant are made or gone: counts them where there is a quota, whose row is locked until the transaction ends, so that of rivals
-- the last that has no room waits and is refused. It looks first: an UPDATE of no row would still fire what audits quotas. Argument: the table's name.
-- set_quota, which counts what there is, does not miss a row: the tenant is locked before this looks, of a row that is made by its foreign key.
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM FROM public.tenants t WHERE t.id = public.current_tenant() FOR KEY SHARE;
    END IF;
    IF EXISTS (SELECT FROM public.quotas q WHERE q.tenant_id = public.current_tenant() AND q.subject = TG_ARGV[0]) THEN
        UPDATE public.quotas q
           SET used = CASE TG_OP WHEN 'DELETE' THEN greatest(q.used - (SELECT count(*) FROM changed), 0)
                                 ELSE public.within_quota(q.subject, q.maximum, q.used + (SELECT count(*) FROM changed))
                      END
         WHERE q.tenant_id = public.current_tenant()
           AND q.subject = TG_ARGV[0];
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION hold_quota() IS 'Counts rows where a quota is set, and refuses those beyond it.';

-- +goose StatementBegin
CREATE FUNCTION hold_jobs() RETURNS trigger
LANGUAGE plpgsql AS $$
-- After a job is made or is to be done again because a user of the tenant asks for it: refuses it where more wait than the quota allows. They are looked
-- through, not kept count of, so that no worker waits for the quota. What the system does of itself, and what a tenant's own life asks for, is not
-- refused.
DECLARE
    most bigint;
BEGIN
    SELECT q.maximum
      INTO most
      FROM public.quotas q
     WHERE q.tenant_id = NEW.tenant_id
       AND q.subject = 'jobs'
       AND NEW.kind NOT LIKE 'tenant.%'
       AND public.me() IS NOT NULL
       FOR NO KEY UPDATE;
    IF FOUND THEN
        PERFORM public.within_quota('jobs', most, (
            SELECT count(*)
              FROM (SELECT FROM public.jobs j
                     WHERE j.tenant_id = NEW.tenant_id
                       AND j.finished_at IS NULL
                       AND j.kind NOT LIKE 'tenant.%'
                     LIMIT most + 1) AS waiting));
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION hold_jobs() IS 'Refuses jobs beyond the quota.';

-- +goose StatementBegin
CREATE FUNCTION quota_subjects() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.relname::text
      FROM pg_trigger g
      JOIN pg_class c ON c.oid = g.tgrelid
     WHERE g.tgname = 'quota_insert'
       AND c.relnamespace = 'public'::regnamespace
     UNION ALL
    SELECT unnest(ARRAY['audit_events', 'jobs', 'requests_per_day', 'requests_per_minute']);
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION quota_subjects() IS 'Of what there may be quotas: the tables whose rows are counted where one is set, and four more.';

-- +goose StatementBegin
CREATE FUNCTION quota_used(name text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
-- How much the bound tenant has of a subject of quota_subjects. Of a table with a quota it is known, of others it is counted; requests are 0 where no
-- quota of them is set.
DECLARE
    quota quotas;
BEGIN
    SELECT *
      INTO quota
      FROM quotas q
     WHERE q.tenant_id = current_tenant()
       AND q.subject = name;
    RETURN CASE WHEN name LIKE 'requests\_%' THEN CASE WHEN quota.resets_at > now() THEN quota.used ELSE 0 END
                WHEN name = 'jobs'           THEN (SELECT count(*)
                                                     FROM jobs j
                                                    WHERE j.tenant_id = current_tenant()
                                                      AND j.finished_at IS NULL
                                                      AND j.kind NOT LIKE 'tenant.%')
                WHEN name = 'audit_events'   THEN count_rows(name)
                ELSE coalesce(quota.used, count_rows(name))
           END;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION quota_used(text) IS 'How much the bound tenant has of a subject of quotas.';

-- +goose StatementBegin
CREATE FUNCTION refuse_exhausted() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a change of the quotas of requests, in a transaction that has locked the tenant: says in its row until when it is refused. The doors read that
-- row, and no pass outlives a change of it.
BEGIN
    UPDATE tenants t
       SET held_until = u.until
      FROM (SELECT max(q.resets_at) AS until
              FROM quotas q
             WHERE q.tenant_id = current_tenant()
               AND q.subject IN ('requests_per_minute', 'requests_per_day')
               AND q.used >= q.maximum
               AND q.resets_at > now()) AS u
     WHERE t.id = current_tenant()
       AND t.held_until IS DISTINCT FROM u.until;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION refuse_exhausted() IS 'Says of the bound tenant until when its requests are refused.';

-- +goose StatementBegin
CREATE FUNCTION refuse_requests() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
-- At a door of the bound tenant, whose row says that it is refused. RHQUO: a quota of requests is used up; its DETAIL is
-- `<subject> <maximum> <seconds until it is full again>`.
DECLARE
    said text;
BEGIN
    SELECT concat_ws(' ', q.subject, q.maximum, ceil(extract(epoch FROM q.resets_at - now())))
      INTO said
      FROM quotas q
     WHERE q.tenant_id = current_tenant()
       AND q.subject IN ('requests_per_minute', 'requests_per_day')
       AND q.used >= q.maximum
       AND q.resets_at > now()
     ORDER BY q.resets_at DESC
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'too many requests' USING ERRCODE = 'RHQUO', DETAIL = said;
    END IF;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION refuse_requests() IS 'Refuses a request of a tenant that has made as many as it may.';

-- +goose StatementBegin
CREATE FUNCTION set_quota(name text, most bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Sets how much the bound tenant may have of a subject; NULL: as much as it likes. RHSUB: there is no such subject. Rows are counted while nobody makes
-- or removes any of this tenant's: who does so has locked its row, which is waited for, or waits.
BEGIN
    IF name NOT IN (SELECT quota_subjects()) THEN
        RAISE EXCEPTION 'no subject of quotas' USING ERRCODE = 'RHSUB';
    END IF;
    PERFORM FROM tenants t WHERE t.id = current_tenant() FOR UPDATE;
    IF most IS NULL THEN
        DELETE FROM quotas q
         WHERE q.tenant_id = current_tenant()
           AND q.subject = name;
    ELSE
        INSERT INTO quotas AS q (tenant_id, subject, maximum)
        VALUES (current_tenant(), name, most)
            ON CONFLICT (tenant_id, subject)
            DO UPDATE
                  SET maximum = excluded.maximum;
        UPDATE quotas q
           SET used = count_rows(name)
         WHERE q.tenant_id = current_tenant()
           AND q.subject = name
           AND name NOT IN ('audit_events', 'jobs', 'requests_per_day', 'requests_per_minute');
    END IF;
    PERFORM refuse_exhausted();
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION set_quota(text, bigint) IS 'Sets how much the bound tenant may have of a subject.';

-- +goose StatementBegin
CREATE FUNCTION count_requests(n bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Counts requests of the bound tenant that have been answered, where it has a quota of them. How many more it may make, by the tighter one; -1: it
-- has none. A crash may forget the last of them; nobody waits for a disk.
BEGIN
    PERFORM FROM quotas q WHERE q.tenant_id = current_tenant() AND q.subject IN ('requests_per_minute', 'requests_per_day');
    IF NOT FOUND THEN
        RETURN -1;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM FROM tenants t WHERE t.id = current_tenant() FOR NO KEY UPDATE;
    UPDATE quotas q
       SET used      = CASE WHEN q.resets_at > now() THEN q.used ELSE 0 END + n,
           resets_at = CASE WHEN q.resets_at > now()                THEN q.resets_at
                            WHEN q.subject = 'requests_per_minute' THEN date_trunc('minute', now()) + interval '1 minute'
                            ELSE date_trunc('day', now(), 'UTC') + interval '24 hours'
                       END
     WHERE q.tenant_id = current_tenant()
       AND q.subject IN ('requests_per_minute', 'requests_per_day');
    PERFORM refuse_exhausted();
    RETURN (SELECT greatest(min(q.maximum - q.used), 0)
              FROM quotas q
             WHERE q.tenant_id = current_tenant()
               AND q.subject IN ('requests_per_minute', 'requests_per_day'));
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION count_requests(bigint) IS 'Counts requests of the bound tenant, where it has a quota of them.';

-- +goose StatementBegin
CREATE FUNCTION expire_events(most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Of the bound tenant: the oldest events beyond its quota of them, at most so many; true when any went. What happened in the last 30 days stays: who
-- does much cannot thereby hide what he did.
DECLARE
    surplus bigint;
BEGIN
    SELECT count_rows('audit_events') - q.maximum
      INTO surplus
      FROM quotas q
     WHERE q.tenant_id = current_tenant()
       AND q.subject = 'audit_events';
    IF surplus > 0 THEN
        DELETE FROM audit_events a
         WHERE a.tenant_id = current_tenant()
           AND a.id = ANY (ARRAY(
               SELECT e.id
                 FROM audit_events e
                WHERE e.tenant_id = current_tenant()
                  AND e.created_at < now() - interval '30 days'
                ORDER BY e.created_at
                LIMIT least(most, surplus)
                  FOR UPDATE SKIP LOCKED));
        RETURN FOUND;
    END IF;
    RETURN false;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION expire_events(integer) IS 'Deletes events beyond the quota of the bound tenant; whether there may be more.';

REVOKE EXECUTE ON FUNCTION within_quota(text, bigint, bigint), hold_quota(), hold_jobs(), quota_subjects(), quota_used(text), refuse_exhausted(),
                           refuse_requests(), set_quota(text, bigint), count_requests(bigint), expire_events(integer)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION within_quota(text, bigint, bigint), quota_subjects(), quota_used(text), refuse_exhausted(), set_quota(text, bigint),
                          count_requests(bigint), expire_events(integer)
   TO rowhouse_app;

-- Each table whose rows somebody makes one by one; cmd/resource writes the same for those that come later. Not those of which there is one for each name
-- or pair, which other tables limit: settings and user_roles.
CREATE TRIGGER quota_insert AFTER INSERT ON api_keys REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('api_keys');
CREATE TRIGGER quota_delete AFTER DELETE ON api_keys REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('api_keys');
CREATE TRIGGER quota_insert AFTER INSERT ON appointments REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('appointments');
CREATE TRIGGER quota_delete AFTER DELETE ON appointments REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('appointments');
CREATE TRIGGER quota_insert AFTER INSERT ON artists REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('artists');
CREATE TRIGGER quota_delete AFTER DELETE ON artists REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('artists');
CREATE TRIGGER quota_insert AFTER INSERT ON clients REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('clients');
CREATE TRIGGER quota_delete AFTER DELETE ON clients REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('clients');
CREATE TRIGGER quota_insert AFTER INSERT ON invitations REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('invitations');
CREATE TRIGGER quota_delete AFTER DELETE ON invitations REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('invitations');
CREATE TRIGGER quota_insert AFTER INSERT ON items REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('items');
CREATE TRIGGER quota_delete AFTER DELETE ON items REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('items');
CREATE TRIGGER quota_insert AFTER INSERT ON memberships REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('memberships');
CREATE TRIGGER quota_delete AFTER DELETE ON memberships REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('memberships');
CREATE TRIGGER quota_insert AFTER INSERT ON portfolio_items REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('portfolio_items');
CREATE TRIGGER quota_delete AFTER DELETE ON portfolio_items REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('portfolio_items');
CREATE TRIGGER quota_insert AFTER INSERT ON roles REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('roles');
CREATE TRIGGER quota_delete AFTER DELETE ON roles REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('roles');
CREATE TRIGGER quota_insert AFTER INSERT ON teams REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('teams');
CREATE TRIGGER quota_delete AFTER DELETE ON teams REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('teams');
CREATE TRIGGER quota_insert AFTER INSERT ON transactions REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('transactions');
CREATE TRIGGER quota_delete AFTER DELETE ON transactions REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('transactions');
CREATE TRIGGER quota_insert AFTER INSERT ON user_groups REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('user_groups');
CREATE TRIGGER quota_delete AFTER DELETE ON user_groups REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('user_groups');
CREATE TRIGGER quota_insert AFTER INSERT ON users REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('users');
CREATE TRIGGER quota_delete AFTER DELETE ON users REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('users');
CREATE TRIGGER quota_insert AFTER INSERT ON webhooks REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('webhooks');
CREATE TRIGGER quota_delete AFTER DELETE ON webhooks REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('webhooks');

CREATE TRIGGER quota_jobs_insert AFTER INSERT ON jobs FOR EACH ROW
    WHEN (NEW.finished_at IS NULL)
    EXECUTE FUNCTION hold_jobs();
CREATE TRIGGER quota_jobs_update AFTER UPDATE OF state ON jobs FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND NEW.state = 'waiting')
    EXECUTE FUNCTION hold_jobs();

-- +goose Down
DROP TRIGGER quota_jobs_update ON jobs;
DROP TRIGGER quota_jobs_insert ON jobs;
DROP TRIGGER quota_delete ON webhooks;
DROP TRIGGER quota_insert ON webhooks;
DROP TRIGGER quota_delete ON users;
DROP TRIGGER quota_insert ON users;
DROP TRIGGER quota_delete ON user_groups;
DROP TRIGGER quota_insert ON user_groups;
DROP TRIGGER quota_delete ON transactions;
DROP TRIGGER quota_insert ON transactions;
DROP TRIGGER quota_delete ON teams;
DROP TRIGGER quota_insert ON teams;
DROP TRIGGER quota_delete ON roles;
DROP TRIGGER quota_insert ON roles;
DROP TRIGGER quota_delete ON portfolio_items;
DROP TRIGGER quota_insert ON portfolio_items;
DROP TRIGGER quota_delete ON memberships;
DROP TRIGGER quota_insert ON memberships;
DROP TRIGGER quota_delete ON items;
DROP TRIGGER quota_insert ON items;
DROP TRIGGER quota_delete ON invitations;
DROP TRIGGER quota_insert ON invitations;
DROP TRIGGER quota_delete ON clients;
DROP TRIGGER quota_insert ON clients;
DROP TRIGGER quota_delete ON artists;
DROP TRIGGER quota_insert ON artists;
DROP TRIGGER quota_delete ON appointments;
DROP TRIGGER quota_insert ON appointments;
DROP TRIGGER quota_delete ON api_keys;
DROP TRIGGER quota_insert ON api_keys;
DROP FUNCTION expire_events(integer);
DROP FUNCTION count_requests(bigint);
DROP FUNCTION set_quota(text, bigint);
DROP FUNCTION refuse_requests();
DROP FUNCTION refuse_exhausted();
DROP FUNCTION quota_used(text);
DROP FUNCTION quota_subjects();
DROP FUNCTION hold_jobs();
DROP FUNCTION hold_quota();
DROP FUNCTION within_quota(text, bigint, bigint);
DROP TABLE quotas;
DROP FUNCTION quotas_audit();
DROP FUNCTION quotas_touch();
