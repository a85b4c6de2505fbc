-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION refuse_closed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- A user whose account was closed is nobody: let in it could be the last admin of a tenant that nobody can then enter. Whoever closes the
-- account at the same time is waited for, or waits.
DECLARE
    active boolean;
BEGIN
    SELECT is_active INTO active FROM accounts WHERE id = NEW.account_id FOR SHARE;
    IF NOT active THEN
        RAISE EXCEPTION 'the account was closed' USING ERRCODE = 'RHCLO';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid
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
COMMENT ON FUNCTION refuse_closed() IS 'Keeps the users of closed accounts inactive.';

CREATE TRIGGER refuse_closed_insert BEFORE INSERT ON users FOR EACH ROW
    WHEN (NEW.is_active)
    EXECUTE FUNCTION refuse_closed();
CREATE TRIGGER refuse_closed_update BEFORE UPDATE OF is_active ON users FOR EACH ROW
    WHEN (NEW.is_active AND NOT OLD.is_active)
    EXECUTE FUNCTION refuse_closed();

-- +goose Down
DROP TRIGGER refuse_closed_update ON users;
DROP TRIGGER refuse_closed_insert ON users;
DROP FUNCTION refuse_closed();
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- The account of a live API key of an active user; RHSES when there is none. The key is all the proof that there is.
DECLARE
    account uuid;
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT u.account_id
      INTO account
      FROM api_keys k
      JOIN users u    ON u.tenant_id = k.tenant_id AND u.id = k.user_id AND u.is_active
      JOIN accounts a ON a.id = u.account_id AND a.is_active
      JOIN tenants t  ON t.id = k.tenant_id AND t.status = 'active'
     WHERE k.tenant_id = tenant
       AND k.key_prefix = prefix
       AND k.hash = key_hash
       AND k.revoked_at IS NULL
       AND (k.expires_at > now() OR k.expires_at IS NULL);
    PERFORM set_config('app.tenant_id', '', true);
    IF account IS NULL THEN
        RAISE EXCEPTION 'no such key' USING ERRCODE = 'RHSES';
    END IF;
    RETURN account;
END
$$;
-- +goose StatementEnd
