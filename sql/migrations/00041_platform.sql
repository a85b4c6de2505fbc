-- +goose Up
-- What superusers do with tenants from outside of them, and what an account may read of its own log.

-- +goose StatementBegin
CREATE FUNCTION enter_platform(
    tenant    uuid,
    account   uuid,
    session   uuid,
    address   text,
    operation text,
    request   text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Binds this transaction to a superuser, if the session and the account live: to one tenant, whatever its status and without being a user of it; or,
-- without a tenant, to the sight of them all, for which the caller takes the role rowhouse_login. RHSES, RHVIS: refused, as in enter_account. RHSUP: the
-- account is no superuser's.
DECLARE
    visits    boolean;
    superuser boolean;
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT s.visit_reason IS NOT NULL,
           a.is_superuser
      INTO visits,
           superuser
      FROM sessions s
      JOIN accounts a ON a.id = s.account_id
     WHERE s.id = session
       AND s.account_id = account
       AND s.revoked_at IS NULL
       AND s.expires_at > now()
       AND a.is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session is over' USING ERRCODE = 'RHSES';
    ELSIF visits THEN
        RAISE EXCEPTION 'a visit stays in its tenant' USING ERRCODE = 'RHVIS';
    ELSIF NOT superuser THEN
        RAISE EXCEPTION 'no superuser' USING ERRCODE = 'RHSUP';
    END IF;
    PERFORM set_config('app.caller', concat(' ', account, ' ', CASE WHEN tenant IS NULL THEN 'platform' ELSE 'any' END, ' ', address, ' ', operation, ' ', request), true);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION enter_platform(uuid, uuid, uuid, text, text, text) IS 'The door of superusers.';
REVOKE EXECUTE ON FUNCTION enter_platform(uuid, uuid, uuid, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enter_platform(uuid, uuid, uuid, text, text, text) TO rowhouse_app, rowhouse_login;

GRANT EXECUTE ON FUNCTION fold(text), fold_unicode(text) TO rowhouse_login; -- for q of their list

CREATE POLICY platform ON tenants FOR SELECT TO rowhouse_login
    USING ((SELECT current_tenant()) IS NULL AND (SELECT caller_field(3)) = 'platform');

-- The orders of their list.
CREATE INDEX tenants_created_at_idx ON tenants (created_at, id);
CREATE INDEX tenants_name_key_idx   ON tenants (name_key, id);

GRANT SELECT ON account_events TO rowhouse_login;

-- +goose Down
REVOKE SELECT ON account_events FROM rowhouse_login;
DROP INDEX tenants_name_key_idx;
DROP INDEX tenants_created_at_idx;
DROP POLICY platform ON tenants;
REVOKE EXECUTE ON FUNCTION fold(text), fold_unicode(text) FROM rowhouse_login;
DROP FUNCTION enter_platform(uuid, uuid, uuid, text, text, text);
