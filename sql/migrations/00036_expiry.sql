-- +goose Up
-- What is kept for a time goes when that is over. A worker calls these until they return false; each call is short, whatever there is to do. What goes is
-- chosen once, in an array: in place of one, PostgreSQL may choose anew for each row that it looks at.

-- +goose StatementBegin
CREATE FUNCTION expire_logins(most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Of accounts: tokens that were mailed and have expired, sessions that have been over and refresh tokens that have been spent for 30 days,
-- letters that nobody has sent in 7 days, and events of more than 400 days ago. At most so many rows of each; true when any went.
DECLARE
    more boolean := false;
BEGIN
    DELETE FROM one_time_tokens t
     WHERE t.hash = ANY (ARRAY(SELECT e.hash FROM one_time_tokens e WHERE e.expires_at < now() ORDER BY e.expires_at LIMIT most FOR UPDATE SKIP LOCKED));
    more := more OR FOUND;
    DELETE FROM refresh_tokens t
     WHERE t.hash = ANY (ARRAY(SELECT e.hash FROM refresh_tokens e WHERE e.used_at < now() - interval '30 days' ORDER BY e.used_at LIMIT most FOR UPDATE SKIP LOCKED));
    more := more OR FOUND;
    DELETE FROM sessions s
     WHERE s.id = ANY (ARRAY(SELECT e.id FROM sessions e WHERE e.revoked_at < now() - interval '30 days' ORDER BY e.revoked_at LIMIT most FOR UPDATE SKIP LOCKED));
    more := more OR FOUND;
    DELETE FROM sessions s
     WHERE s.id = ANY (ARRAY(SELECT e.id FROM sessions e WHERE e.expires_at < now() - interval '30 days' ORDER BY e.expires_at LIMIT most FOR UPDATE SKIP LOCKED));
    more := more OR FOUND;
    DELETE FROM letters l
     WHERE l.id = ANY (ARRAY(SELECT e.id FROM letters e WHERE e.created_at < now() - interval '7 days' ORDER BY e.created_at LIMIT most FOR UPDATE SKIP LOCKED));
    more := more OR FOUND;
    DELETE FROM account_events a
     WHERE a.id = ANY (ARRAY(SELECT e.id FROM account_events e WHERE e.created_at < now() - interval '400 days' ORDER BY e.created_at LIMIT most FOR UPDATE SKIP LOCKED));
    RETURN more OR FOUND;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION expire_logins(integer) IS 'Deletes what is over of accounts; whether there may be more.';

-- +goose StatementBegin
CREATE FUNCTION expire_rows(most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Of the bound tenant: answers kept for Idempotency-Keys of a day ago, jobs that have been finished for 30 days, and events that are older than the
-- tenant wants them kept. At most so many rows of each, and those answers of the same moment; true when any went.
DECLARE
    more boolean := false;
    days integer;
BEGIN
    DELETE FROM idempotency_keys k
     WHERE k.scope_id = coalesce(current_tenant(), my_account())
       AND k.created_at < now() - interval '24 hours'
       AND k.created_at <= (
           SELECT max(oldest.created_at)
             FROM (SELECT e.created_at
                     FROM idempotency_keys e
                    WHERE e.scope_id = coalesce(current_tenant(), my_account())
                    ORDER BY e.created_at
                    LIMIT most) AS oldest);
    more := more OR FOUND;
    DELETE FROM jobs j
     WHERE j.tenant_id = current_tenant()
       AND j.id = ANY (ARRAY(
           SELECT e.id
             FROM jobs e
            WHERE e.tenant_id = current_tenant()
              AND e.finished_at < now() - interval '30 days'
            ORDER BY e.finished_at
            LIMIT most
              FOR UPDATE SKIP LOCKED));
    more := more OR FOUND;
    SELECT (s.value #>> '{}')::integer
      INTO days
      FROM settings s
     WHERE s.tenant_id = current_tenant()
       AND s.key = 'audit_retention_days';
    IF days >= 30 THEN
        DELETE FROM audit_events a
         WHERE a.tenant_id = current_tenant()
           AND a.id = ANY (ARRAY(
               SELECT e.id
                 FROM audit_events e
                WHERE e.tenant_id = current_tenant()
                  AND e.created_at < now() - days * interval '1 day'
                ORDER BY e.created_at
                LIMIT most
                  FOR UPDATE SKIP LOCKED));
        more := more OR FOUND;
    END IF;
    RETURN more;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION expire_rows(integer) IS 'Deletes what is over of the bound tenant; whether there may be more.';

REVOKE EXECUTE ON FUNCTION expire_logins(integer), expire_rows(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION expire_logins(integer) TO rowhouse_login;
GRANT EXECUTE ON FUNCTION expire_rows(integer) TO rowhouse_app;

-- +goose Down
DROP FUNCTION expire_rows(integer);
DROP FUNCTION expire_logins(integer);
