-- +goose Up
-- The checks at the doors. They read accounts and sessions for a role that may not, so they are SECURITY DEFINER with a
-- pinned search_path; on a refusal they raise, and the pipeline that they stand at the head of goes no further.

-- +goose StatementBegin
CREATE FUNCTION enter(
    tenant     uuid,
    account    uuid,
    session    uuid,
    permission text,
    address    text,
    operation  text,
    request    text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Binds this transaction to a tenant and to the user whom the account is there, if the session and the account live, the
-- tenant is active, the user is active in it and its role holds the permission. RHSES, RHTEN, RHPER: refused.
DECLARE
    user_id uuid;
    reach   text;
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT u.id,
           CASE u.role WHEN 'admin'     THEN p.admin
                       WHEN 'assistant' THEN p.assistant
                       WHEN 'artist'    THEN p.artist
                       WHEN 'member'    THEN p.member
           END
      INTO user_id, reach
      FROM sessions s
      JOIN accounts a         ON a.id = s.account_id
      LEFT JOIN tenants t     ON t.id = tenant AND t.status = 'active'
      LEFT JOIN users u       ON u.tenant_id = t.id AND u.account_id = a.id AND u.is_active
      LEFT JOIN permissions p ON p.name = permission
     WHERE s.id = session
       AND s.account_id = account
       AND s.revoked_at IS NULL
       AND s.expires_at > now()
       AND a.is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session is over' USING ERRCODE = 'RHSES';
    ELSIF user_id IS NULL THEN
        RAISE EXCEPTION 'not a user of this tenant' USING ERRCODE = 'RHTEN';
    ELSIF reach IS NULL THEN
        RAISE EXCEPTION 'lacks %', permission USING ERRCODE = 'RHPER';
    END IF;
    PERFORM set_config('app.caller', user_id || ' ' || account || ' ' || reach || ' ' || address || ' ' || operation || ' ' || request, true);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION enter(uuid, uuid, uuid, text, text, text, text) IS 'The door of the tenant scope.';

-- +goose StatementBegin
CREATE FUNCTION enter_account(
    account   uuid,
    session   uuid,
    address   text,
    operation text,
    request   text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Binds this transaction to an account, and to no tenant, if the session and the account live. RHSES: refused. The caller
-- then takes the role rowhouse_login, which a SECURITY DEFINER function may not do.
BEGIN
    PERFORM 1
       FROM sessions s
       JOIN accounts a ON a.id = s.account_id
      WHERE s.id = session
        AND s.account_id = account
        AND s.revoked_at IS NULL
        AND s.expires_at > now()
        AND a.is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session is over' USING ERRCODE = 'RHSES';
    END IF;
    PERFORM set_config('app.tenant_id', '', true);
    PERFORM set_config('app.caller', ' ' || account || '  ' || address || ' ' || operation || ' ' || request, true);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION enter_account(uuid, uuid, text, text, text) IS 'The door of the account scope.';

GRANT EXECUTE ON FUNCTION enter(uuid, uuid, uuid, text, text, text, text), enter_account(uuid, uuid, text, text, text)
   TO rowhouse_app, rowhouse_login;

-- +goose Down
DROP FUNCTION enter_account(uuid, uuid, text, text, text);
DROP FUNCTION enter(uuid, uuid, uuid, text, text, text, text);
