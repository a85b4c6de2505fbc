-- +goose Up
-- The checks at the doors. They read accounts and sessions for a role that may not, so they are SECURITY DEFINER with a pinned search_path; on
-- a refusal they raise, and the pipeline that they stand at the head of goes no further.

-- +goose StatementBegin
CREATE FUNCTION enter(
    tenant     uuid,
    account    uuid,
    session    uuid,
    permission text,
    address    text,
    operation  text,
    request    text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Binds this transaction to a tenant and to the user whom the account is there, if the session and the account live, the
-- tenant is active, the user is active in it and its roles hold the permission; or to a visitor, if the session is a visit to
-- this tenant. RHSES, RHTEN, RHEML (nobody has proven the account's e-mail, and it was not made for this tenant), RHQUO (a
-- quota of requests is used up, and this does not ask what is; visitors are let in), RHPER: refused. A pass says all of that at
-- once; a read by one whose primary role suffices leaves one for the requests that follow. What is returned is whether there was
-- one, for whoever counts.
DECLARE
    user_id  uuid;
    artist   uuid;
    visitor  text;
    reach    text;
    staff    text;
    unproven boolean;
    held     boolean;
    login_at timestamptz; -- to be noted; NULL: it has been
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT p.user_id,
           p.artist_id
      INTO user_id, artist
      FROM passes p
     WHERE p.session_id = session
       AND p.active_tenant_id = tenant
       AND p.account_id = account
       AND p.expires_at > now()
       AND permission = ANY (p.permissions);
    IF FOUND THEN
        PERFORM set_config('app.caller', concat(user_id, ' ', account, ' any ', address, ' ', operation, ' ', request, ' ', artist, '  '), true);
        RETURN true;
    END IF;
    SELECT u.id,
           u.artist_id,
           CASE WHEN u.id IS NOT NULL OR s.visit_reason IS NULL OR s.active_tenant_id IS DISTINCT FROM t.id THEN NULL
                WHEN a.is_superuser THEN 'superuser'
                WHEN a.is_staff     THEN 'staff'
           END,
           CASE u.role WHEN 'admin'     THEN p.admin
                       WHEN 'assistant' THEN p.assistant
                       WHEN 'artist'    THEN p.artist
                       WHEN 'member'    THEN p.member
           END,
           p.staff,
           a.email_verified_at IS NULL AND t.created_by IS NOT NULL AND t.created_by <> a.id AND t.id IS DISTINCT FROM a.made_in,
           t.held_until > now() AND operation <> 'tenant.usage',
           CASE WHEN u.last_login IS NULL OR u.last_login < s.created_at THEN s.created_at END
      INTO user_id, artist, visitor, reach, staff, unproven, held, login_at
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
    ELSIF user_id IS NULL OR reach IS DISTINCT FROM 'any' OR unproven OR held OR login_at IS NOT NULL THEN -- one look for most requests
        IF user_id IS NULL AND visitor IS NULL THEN
            RAISE EXCEPTION 'not a user of this tenant' USING ERRCODE = 'RHTEN';
        ELSIF unproven AND user_id IS NOT NULL THEN
            RAISE EXCEPTION 'nobody has proven this e-mail' USING ERRCODE = 'RHEML';
        ELSIF held AND visitor IS NULL THEN
            PERFORM refuse_requests();
        END IF;
        reach := CASE visitor WHEN 'superuser' THEN 'any'
                              WHEN 'staff'     THEN staff
                              ELSE least(reach, custom_reach(user_id, permission)) -- the wider; NULL is none
                 END;
        IF reach IS NULL THEN
            RAISE EXCEPTION 'lacks %', permission USING ERRCODE = 'RHPER';
        END IF;
        -- Not where users are changed: two who entered at the same moment and changed each other would lock each other out.
        IF login_at IS NOT NULL AND user_id IS NOT NULL AND permission <> 'users:write' AND NOT current_setting('transaction_read_only')::boolean THEN
            UPDATE users u
               SET last_login = login_at
             WHERE u.tenant_id = tenant
               AND u.id = (SELECT l.id FROM users l WHERE l.tenant_id = tenant AND l.id = user_id FOR NO KEY UPDATE SKIP LOCKED);
        END IF;
    END IF;
    IF visitor IS NULL AND permission LIKE '%:read' AND NOT current_setting('transaction_read_only')::boolean THEN
        PERFORM make_pass(session);
    END IF;
    PERFORM set_config('app.caller', concat(user_id, ' ', account, ' ', reach, ' ', address, ' ', operation, ' ', request, ' ', artist, '  ', visitor), true);
    RETURN false;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION enter(uuid, uuid, uuid, text, text, text, text) IS 'The door of the tenant scope.';

-- +goose StatementBegin
CREATE FUNCTION enter_key(
    tenant     uuid,
    prefix     text,
    key_hash   bytea,
    permission text,
    address    text,
    operation  text,
    request    text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Binds this transaction to the tenant and the user of an API key, if the key lives, the account and the user are active, and
-- both the user's roles and the key's scopes hold the permission. RHSES, RHTEN, RHEML, RHQUO, RHPER: refused, as in enter.
DECLARE
    key_id   uuid;
    user_id  uuid;
    account  uuid;
    artist   uuid;
    scope    text;
    reach    text;
    alive    boolean;
    unproven boolean;
    held     boolean;
    idle     boolean;
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT k.id,
           u.id,
           u.account_id,
           u.artist_id,
           CASE WHEN k.scopes IS NULL OR permission = ANY (k.scopes) THEN 'any'
                WHEN permission || ':own' = ANY (k.scopes) AND p.ownable THEN 'own'
           END,
           CASE u.role WHEN 'admin'     THEN p.admin
                       WHEN 'assistant' THEN p.assistant
                       WHEN 'artist'    THEN p.artist
                       WHEN 'member'    THEN p.member
           END,
           t.status = 'active' AND u.is_active,
           a.email_verified_at IS NULL AND t.created_by IS NOT NULL AND t.created_by <> a.id AND t.id IS DISTINCT FROM a.made_in,
           t.held_until > now() AND operation <> 'tenant.usage',
           k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute'
      INTO key_id, user_id, account, artist, scope, reach, alive, unproven, held, idle
      FROM api_keys k
      JOIN users u            ON u.tenant_id = k.tenant_id AND u.id = k.user_id
      JOIN accounts a         ON a.id = u.account_id
      JOIN tenants t          ON t.id = k.tenant_id
      LEFT JOIN permissions p ON p.name = permission
     WHERE k.tenant_id = tenant
       AND k.key_prefix = prefix
       AND k.hash = key_hash
       AND k.revoked_at IS NULL
       AND (k.expires_at > now() OR k.expires_at IS NULL)
       AND a.is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such key' USING ERRCODE = 'RHSES';
    ELSIF NOT alive THEN
        RAISE EXCEPTION 'not a user of this tenant' USING ERRCODE = 'RHTEN';
    ELSIF unproven THEN
        RAISE EXCEPTION 'nobody has proven this e-mail' USING ERRCODE = 'RHEML';
    ELSIF held THEN
        PERFORM refuse_requests();
    END IF;
    IF reach IS DISTINCT FROM 'any' THEN
        reach := least(reach, custom_reach(user_id, permission));
    END IF;
    IF reach IS NULL OR scope IS NULL THEN
        RAISE EXCEPTION 'lacks %', permission USING ERRCODE = 'RHPER';
    END IF;
    IF idle AND NOT current_setting('transaction_read_only')::boolean THEN
        UPDATE api_keys k
           SET last_used_at = now()
         WHERE k.tenant_id = tenant
           AND k.id = (SELECT l.id FROM api_keys l WHERE l.tenant_id = tenant AND l.id = key_id FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    PERFORM set_config('app.caller', concat(user_id, ' ', account, ' ', greatest(reach, scope), ' ', address, ' ', operation, ' ', request, ' ', artist, ' ', key_id), true);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION enter_key(uuid, text, bytea, text, text, text, text) IS 'The door of the tenant scope for an API key.';

-- +goose StatementBegin
CREATE FUNCTION enter_account(
    account   uuid,
    session   uuid,
    address   text,
    operation text,
    request   text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Binds this transaction to an account, and to no tenant, if the session and the account live. RHSES: refused. RHVIS: the session is a
-- visit, which may log out and do nothing else with the account. The caller then takes the role rowhouse_login, which a SECURITY DEFINER
-- function may not do.
DECLARE
    visits boolean;
BEGIN
    SELECT s.visit_reason IS NOT NULL
      INTO visits
      FROM sessions s
      JOIN accounts a ON a.id = s.account_id
     WHERE s.id = session
       AND s.account_id = account
       AND s.revoked_at IS NULL
       AND s.expires_at > now()
       AND a.is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session is over' USING ERRCODE = 'RHSES';
    ELSIF visits AND operation <> 'session.logout' THEN
        RAISE EXCEPTION 'a visit stays in its tenant' USING ERRCODE = 'RHVIS';
    END IF;
    PERFORM set_config('app.tenant_id', '', true);
    PERFORM set_config('app.caller', ' ' || account || '  ' || address || ' ' || operation || ' ' || request, true);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION enter_account(uuid, uuid, text, text, text) IS 'The door of the account scope.';

-- +goose StatementBegin
CREATE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- The account of a live API key. RHSES: there is no such key. RHTEN: its user or its tenant is not active.
DECLARE
    account  uuid;
    admitted boolean;
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT u.account_id,
           u.is_active AND t.status = 'active'
      INTO account,
           admitted
      FROM api_keys k
      JOIN users u    ON u.tenant_id = k.tenant_id AND u.id = k.user_id
      JOIN accounts a ON a.id = u.account_id AND a.is_active
      JOIN tenants t  ON t.id = k.tenant_id
     WHERE k.tenant_id = tenant
       AND k.key_prefix = prefix
       AND k.hash = key_hash
       AND k.revoked_at IS NULL
       AND (k.expires_at > now() OR k.expires_at IS NULL);
    PERFORM set_config('app.tenant_id', '', true);
    IF account IS NULL THEN
        RAISE EXCEPTION 'no such key' USING ERRCODE = 'RHSES';
    END IF;
    IF NOT admitted THEN
        RAISE EXCEPTION 'not an active user of an active tenant' USING ERRCODE = 'RHTEN';
    END IF;
    RETURN account;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION key_account(uuid, text, bytea) IS 'The account of an API key.';

REVOKE EXECUTE ON FUNCTION enter(uuid, uuid, uuid, text, text, text, text), enter_key(uuid, text, bytea, text, text, text, text),
                           enter_account(uuid, uuid, text, text, text), key_account(uuid, text, bytea)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enter(uuid, uuid, uuid, text, text, text, text), enter_key(uuid, text, bytea, text, text, text, text),
                          enter_account(uuid, uuid, text, text, text)
   TO rowhouse_app, rowhouse_login;
GRANT EXECUTE ON FUNCTION key_account(uuid, text, bytea) TO rowhouse_login;

-- +goose Down
DROP FUNCTION key_account(uuid, text, bytea);
DROP FUNCTION enter_account(uuid, uuid, text, text, text);
DROP FUNCTION enter_key(uuid, text, bytea, text, text, text, text);
DROP FUNCTION enter(uuid, uuid, uuid, text, text, text, text);
