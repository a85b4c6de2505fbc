-- +goose Up
-- A tenant's end, and its archive. What a tenant owns is found in the catalogue: the tables that have a tenant_id.

ALTER TABLE tenants ADD COLUMN erase_at timestamptz;
COMMENT ON COLUMN tenants.erase_at IS 'When what it owns is erased, if it is given up by then; NULL: never.';

-- +goose StatementBegin
CREATE FUNCTION plan_erasure() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a tenant is given up: plans what erases it, which finds nothing to do where it has been taken back by then.
BEGIN
    INSERT INTO jobs (tenant_id, kind, subject_type, subject_id, due_at)
    VALUES (NEW.tenant_id, 'tenant.erase', 'tenant', NEW.id, NEW.erase_at);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION plan_erasure() IS 'Plans what erases a tenant that is given up.';

DROP TRIGGER audit_delete ON tenants; -- with a tenant goes all that could tell of it

CREATE TRIGGER plan_erasure AFTER UPDATE OF erase_at ON tenants FOR EACH ROW
    WHEN (NEW.erase_at IS NOT NULL)
    EXECUTE FUNCTION plan_erasure();

-- +goose StatementBegin
CREATE FUNCTION tenant_tables() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- The tables whose rows belong to tenants, each before those that it refers to: so they are emptied. First come webhooks, which are told of what goes;
-- last what is written by that, and the tenant itself.
    WITH RECURSIVE owned AS (
        SELECT c.oid, c.relname::text AS name
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace
           AND c.relkind IN ('r', 'p')
           AND NOT c.relispartition
    ), referred (oid, depth) AS (
        SELECT oid, 0 FROM owned
         UNION
        SELECT f.confrelid, r.depth + 1
          FROM referred r
          JOIN pg_constraint f ON f.conrelid = r.oid AND f.contype = 'f' AND f.confrelid <> f.conrelid
          JOIN owned o         ON o.oid = f.confrelid
    )
    SELECT o.name
      FROM owned o
      JOIN referred r ON r.oid = o.oid
     GROUP BY o.name
     ORDER BY o.name <> 'webhooks', o.name IN ('deliveries', 'jobs', 'audit_events', 'tenants'), max(r.depth), o.name;
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION tenant_tables() IS 'The tables whose rows belong to tenants.';

-- +goose StatementBegin
CREATE FUNCTION export_rows(table_name text, after jsonb, most integer) RETURNS SETOF jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- So many rows of the bound tenant in a table of tenant_tables, by its primary key, from behind the row after on; NULL: from the first. What the database
-- makes of other columns is left out, and the number in the queue, which is a worker's.
DECLARE
    keys   text;
    behind text;
    left_out text[];
BEGIN
    IF table_name NOT IN (SELECT tenant_tables()) THEN
        RAISE EXCEPTION 'no table of tenants' USING ERRCODE = 'RHARC';
    END IF;
    PERFORM set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true), set_config('intervalstyle', 'iso_8601', true),
            set_config('bytea_output', 'hex', true), set_config('extra_float_digits', '1', true);
    SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY k.place),
           string_agg(format('($1 ->> %L)::%s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY k.place)
      INTO keys, behind
      FROM pg_constraint c
     CROSS JOIN unnest(c.conkey) WITH ORDINALITY AS k (number, place)
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number AND a.attname <> 'tenant_id'
     WHERE c.conrelid = format('public.%I', table_name)::regclass
       AND c.contype = 'p';
    SELECT array_agg(a.attname)
      INTO left_out
      FROM pg_attribute a
     WHERE a.attrelid = format('public.%I', table_name)::regclass
       AND (a.attgenerated <> '' OR a.attname = 'queued_as');
    RETURN QUERY EXECUTE format('
        SELECT to_jsonb(t) - coalesce($2, ''{}'')
          FROM public.%I t
         WHERE t.tenant_id = current_tenant()
           AND ($1 IS NULL OR (%s) > (%s))
         ORDER BY %s
         LIMIT $3', table_name, keys, behind, keys)
        USING after, left_out, most;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION export_rows(text, jsonb, integer) IS 'Rows of the bound tenant as they stand in an archive.';

-- +goose StatementBegin
CREATE FUNCTION count_rows(table_name text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- How many rows the bound tenant has in a table of tenant_tables.
DECLARE
    n bigint;
BEGIN
    IF table_name NOT IN (SELECT tenant_tables()) THEN
        RAISE EXCEPTION 'no table of tenants' USING ERRCODE = 'RHARC';
    END IF;
    EXECUTE format('SELECT count(*) FROM public.%I t WHERE t.tenant_id = current_tenant()', table_name) INTO n;
    RETURN n;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION count_rows(text) IS 'How many rows the bound tenant has in a table.';

-- +goose StatementBegin
CREATE FUNCTION restore_rows(table_name text, lines text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Puts rows of an archive back as they were, history included: no trigger runs, but for jobs, which enter the queue. How many. It is for the tenant that
-- this very transaction makes, whose own row comes first: RHARC otherwise, and where a row is another's or has more columns than the table; what it does
-- not have gets its default. RHPRM: the owner of the tables may not keep triggers from running.
DECLARE
    columns text;
    n       bigint;
BEGIN
    PERFORM set_config('statement_timeout', '0', true); -- restored, at the end of this transaction, looks at all of them at once
    IF current_tenant() IS NULL
       OR table_name NOT IN (SELECT tenant_tables())
       OR table_name <> 'tenants' AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = current_tenant() AND t.xmin = pg_current_xact_id()::xid) THEN
        RAISE EXCEPTION 'no tenant that is being made' USING ERRCODE = 'RHARC';
    END IF;
    IF EXISTS (
        SELECT FROM unnest(lines) AS line
         WHERE (line::jsonb ->> CASE table_name WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END)::uuid IS DISTINCT FROM current_tenant()) THEN
        RAISE EXCEPTION 'a row of another tenant' USING ERRCODE = 'RHARC';
    END IF;
    IF NOT has_parameter_privilege(current_user, 'session_replication_role', 'SET') THEN
        RAISE EXCEPTION 'GRANT SET ON PARAMETER session_replication_role TO %', quote_ident(current_user) USING ERRCODE = 'RHPRM';
    END IF;
    SELECT string_agg(format('%I', given.name), ', ')
      INTO columns
      FROM jsonb_object_keys('{"queued_as": 0}' || lines[1]::jsonb) AS given (name)
      JOIN pg_attribute a ON a.attrelid = format('public.%I', table_name)::regclass AND a.attname = given.name AND a.attnum > 0;
    IF EXISTS (
        SELECT FROM jsonb_object_keys(lines[1]::jsonb) AS given (name)
         WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = format('public.%I', table_name)::regclass AND a.attname = given.name AND a.attnum > 0)) THEN
        RAISE EXCEPTION 'a column of the archive is none of the table %', table_name USING ERRCODE = 'RHARC';
    END IF;
    IF table_name <> 'jobs' THEN
        PERFORM set_config('session_replication_role', 'replica', true);
    END IF;
    EXECUTE format('
        INSERT INTO public.%I (%s) OVERRIDING SYSTEM VALUE
        SELECT %2$s
          FROM unnest($1) AS line
         CROSS JOIN jsonb_populate_record(NULL::public.%1$I, ''{"queued_as": 0}'' || line::jsonb)', table_name, columns)
        USING lines;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM set_config('session_replication_role', 'origin', true);
    RETURN n;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION restore_rows(text, text[]) IS 'Puts rows of an archive back.';

-- +goose StatementBegin
CREATE FUNCTION restored() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- After the last of the rows: 23503 where one refers to what is not there, as its foreign key would have said.
DECLARE
    key   record;
    there boolean;
BEGIN
    FOR key IN
        SELECT f.conname,
               f.conrelid::regclass  AS child,
               f.confrelid::regclass AS parent,
               string_agg(format('p.%I = c.%I', parent.attname, child.attname), ' AND ') AS equal,
               string_agg(format('c.%I IS NOT NULL', child.attname), ' AND ')            AS given
          FROM pg_constraint f
         CROSS JOIN unnest(f.conkey, f.confkey) AS k (child, parent)
          JOIN pg_attribute child  ON child.attrelid  = f.conrelid  AND child.attnum  = k.child
          JOIN pg_attribute parent ON parent.attrelid = f.confrelid AND parent.attnum = k.parent
         WHERE f.contype = 'f'
           AND f.conrelid IN (SELECT format('public.%I', t.name)::regclass FROM tenant_tables() AS t (name))
         GROUP BY f.oid, f.conname, f.conrelid, f.confrelid
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s c WHERE c.tenant_id = current_tenant() AND %s AND NOT EXISTS (SELECT FROM %s p WHERE %s))',
                       key.child, key.given, key.parent, key.equal)
           INTO there;
        IF there THEN
            RAISE EXCEPTION 'a row of % refers to what is not in the archive', key.child USING ERRCODE = '23503', CONSTRAINT = key.conname;
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION restored() IS 'Whether all that restored rows refer to is there.';

-- +goose StatementBegin
CREATE FUNCTION erase_rows(most integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Deletes so many rows of the bound tenant, which has been given up and whose time has come: of the first table that has any, and when none has, what
-- only points at the tenant, and it. The table and how many, with a blank between them, which may be 0: a row that was changed while this waited for it is
-- left to the next call. NULL: there is no such tenant, or it is not to be erased.
DECLARE
    name    text;
    filled  boolean;
    account uuid;
    n       bigint;
BEGIN
    PERFORM FROM tenants t WHERE t.id = current_tenant() AND t.status = 'deleting' AND t.erase_at <= now() FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    FOR name IN SELECT tenant_tables() LOOP
        CONTINUE WHEN name = 'tenants';
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I t WHERE t.tenant_id = current_tenant())', name) INTO filled;
        CONTINUE WHEN NOT filled;
        EXECUTE format('
            DELETE FROM public.%I t
             WHERE t.tenant_id = current_tenant()
               AND t.ctid = ANY (ARRAY(SELECT e.ctid FROM public.%1$I e WHERE e.tenant_id = current_tenant() LIMIT $1))', name)
            USING most;
        GET DIAGNOSTICS n = ROW_COUNT;
        RETURN name || ' ' || n;
    END LOOP;
    FOR account IN SELECT a.id FROM accounts a WHERE a.made_in = current_tenant() LOOP
        BEGIN -- one that nobody has proven, and that belongs nowhere else, is known from this tenant alone
            DELETE FROM accounts a WHERE a.id = account AND a.email_verified_at IS NULL;
        EXCEPTION WHEN foreign_key_violation THEN
        END;
        UPDATE accounts a SET made_in = NULL WHERE a.id = account;
        UPDATE account_events e
           SET before = e.before - 'made_in',
               after  = e.after  - 'made_in'
         WHERE e.account_id = account
           AND EXISTS (SELECT FROM accounts a WHERE a.id = account);
        DELETE FROM account_events e
         WHERE e.account_id = account
           AND NOT EXISTS (SELECT FROM accounts a WHERE a.id = account);
    END LOOP;
    UPDATE account_events e SET about_tenant = NULL, reason = NULL WHERE e.about_tenant = current_tenant();
    DELETE FROM idempotency_keys k WHERE k.scope_id = current_tenant();
    DELETE FROM sessions s WHERE s.active_tenant_id = current_tenant();
    DELETE FROM passes p WHERE p.active_tenant_id = current_tenant();
    DELETE FROM river.river_job q
     WHERE q.args @> jsonb_build_object('tenant_id', current_tenant())
       AND q.state <> 'running';
    UPDATE river.river_job q
       SET args = '{}'
     WHERE q.args @> jsonb_build_object('tenant_id', current_tenant());
    DELETE FROM tenants t WHERE t.id = current_tenant();
    RETURN 'tenants 1';
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION erase_rows(integer) IS 'Deletes what a tenant owns that is given up, some rows at a time.';

CREATE INDEX accounts_made_in_idx            ON accounts       (made_in)          WHERE made_in IS NOT NULL;
CREATE INDEX account_events_about_tenant_idx ON account_events (about_tenant)     WHERE about_tenant IS NOT NULL;
CREATE INDEX sessions_tenant_idx             ON sessions       (active_tenant_id) WHERE active_tenant_id IS NOT NULL;

REVOKE EXECUTE ON FUNCTION plan_erasure(), tenant_tables(), export_rows(text, jsonb, integer), count_rows(text), restore_rows(text, text[]), restored(), erase_rows(integer)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant_tables(), export_rows(text, jsonb, integer), count_rows(text), restore_rows(text, text[]), restored(), erase_rows(integer) TO rowhouse_app;

-- +goose Down
DROP INDEX sessions_tenant_idx;
DROP INDEX account_events_about_tenant_idx;
DROP INDEX accounts_made_in_idx;
DROP FUNCTION erase_rows(integer);
DROP FUNCTION restored();
DROP FUNCTION restore_rows(text, text[]);
DROP FUNCTION count_rows(text);
DROP FUNCTION export_rows(text, jsonb, integer);
DROP FUNCTION tenant_tables();
DROP TRIGGER plan_erasure ON tenants;
CREATE TRIGGER audit_delete AFTER DELETE ON tenants REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_audit();
DROP FUNCTION plan_erasure();
ALTER TABLE tenants DROP COLUMN erase_at;
