-- +goose Up
-- Access that is taken away stays away: whatever takes it voids, in the same transaction, what would give it back.

ALTER TABLE accounts ADD COLUMN proofs bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN accounts.proofs IS 'How often everything that proves its owner was voided: sessions and mailed tokens. What was begun under a smaller count is refused.';

ALTER TABLE sessions
  ADD COLUMN proofs     bigint NOT NULL DEFAULT 0,
  ADD COLUMN begun_from uuid,
  ADD CONSTRAINT sessions_begun_from_fkey FOREIGN KEY (begun_from) REFERENCES sessions (id) ON DELETE CASCADE;
COMMENT ON COLUMN sessions.proofs     IS 'That of the account when the session began, or when it was kept while all others ended.';
COMMENT ON COLUMN sessions.begun_from IS 'The session that a visit was begun from, and ends with; NULL: an ordinary session.';

CREATE INDEX sessions_begun_from_idx       ON sessions    (begun_from);
CREATE INDEX sessions_active_tenant_id_idx ON sessions    (account_id, active_tenant_id) WHERE active_tenant_id IS NOT NULL;
CREATE INDEX invitations_email_idx         ON invitations (tenant_id, email);

DROP TRIGGER touch ON accounts;
CREATE TRIGGER touch BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION touch('proofs');

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION account_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a row of accounts: an event with the fields that changed. A secret shows that it changed, and no more.
DECLARE
    hidden  CONSTANT text[] := ARRAY['id', 'version', 'created_at', 'updated_at', 'password_hash', 'proofs'];
    is_new  CONSTANT boolean := TG_OP = 'INSERT';
    old_row CONSTANT jsonb := CASE WHEN is_new THEN '{}' ELSE to_jsonb(OLD) END;
    was     jsonb;
    became  jsonb;
BEGIN
    SELECT jsonb_object_agg(key, old_row -> key) FILTER (WHERE NOT is_new), jsonb_object_agg(key, value)
      INTO was, became
      FROM jsonb_each(to_jsonb(NEW) - hidden)
     WHERE value IS DISTINCT FROM old_row -> key;
    IF NEW.password_hash IS DISTINCT FROM old_row ->> 'password_hash' THEN
        became := coalesce(became, '{}') || '{"password_hash": "changed"}';
    END IF;
    IF became IS NOT NULL THEN
        INSERT INTO account_events (account_id, action, before, after, request_id, address)
        VALUES (NEW.id, coalesce(caller_field(5), 'accounts.' || lower(TG_OP)), was, became, caller_field(6), caller_field(4));
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION void_proofs() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After an account's proofs were counted up: what was mailed for it is void, and of its sessions only those go on that were counted up
-- too. Statements of their own, which see what whoever held the account until now has made.
BEGIN
    DELETE FROM one_time_tokens t
     WHERE t.account_id = NEW.id;
    UPDATE sessions s
       SET revoked_at = now()
     WHERE s.account_id = NEW.id
       AND s.proofs < NEW.proofs
       AND s.revoked_at IS NULL;
    RETURN NULL;
END
$$;

CREATE FUNCTION end_visits() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a session was ended: the visits that were begun from it end too.
BEGIN
    UPDATE sessions s
       SET revoked_at = NEW.revoked_at
     WHERE s.begun_from = NEW.id
       AND s.revoked_at IS NULL;
    RETURN NULL;
END
$$;

CREATE FUNCTION hold_addresses(addresses text[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Until this transaction ends nobody else makes a user of the bound tenant with one of these addresses, or invites it. In an order that no
-- two reverse.
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_tenant()::text || ' ' || ordered.address, 0))
       FROM (SELECT DISTINCT address FROM unnest(addresses) AS address WHERE address IS NOT NULL ORDER BY address) AS ordered;
    RETURN true;
END
$$;

CREATE FUNCTION refuse_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- Before an invitation: RHINV when the address is one of a user's, active or not. His own would be a way back once he is shut out.
BEGIN
    PERFORM hold_addresses(ARRAY[NEW.email]);
    IF EXISTS (SELECT 1 FROM users u WHERE u.tenant_id = current_tenant() AND u.email = NEW.email)
       OR EXISTS (SELECT 1 FROM users u JOIN accounts a ON a.id = u.account_id WHERE u.tenant_id = current_tenant() AND a.email = NEW.email) THEN
        RAISE EXCEPTION 'a user of this tenant already' USING ERRCODE = 'RHINV';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION void_tickets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- After a user is made or gets another address, is shut out or is gone: nothing is pending for his addresses in this tenant. Once he is
-- shut out his keys are revoked, his sessions are bound to the tenant no more, and what was mailed for an account is void that was made for
-- this tenant and that nobody has proven; its sessions go on.
DECLARE
    account CONSTANT uuid := coalesce(NEW.account_id, OLD.account_id);
    login   text;
BEGIN
    SELECT a.email
      INTO login
      FROM accounts a
     WHERE a.id = account
       FOR KEY SHARE; -- it does not become another meanwhile; whoever holds the account for something else is not waited for
    PERFORM hold_addresses(ARRAY[login, OLD.email, NEW.email]);
    DELETE FROM invitations i
     WHERE i.tenant_id = current_tenant()
       AND i.email IN (login, OLD.email, NEW.email);
    IF TG_OP <> 'INSERT' AND NEW.is_active IS NOT TRUE THEN
        UPDATE api_keys k
           SET revoked_at = now()
         WHERE k.tenant_id = current_tenant()
           AND k.user_id = OLD.id
           AND k.revoked_at IS NULL;
        UPDATE sessions s
           SET active_tenant_id = NULL
         WHERE s.account_id = account
           AND s.active_tenant_id = current_tenant()
           AND s.visit_reason IS NULL;
        WITH voided AS (
             UPDATE accounts a
                SET proofs = a.proofs + 1
              WHERE a.id = account
                AND a.made_in = current_tenant()
                AND a.email_verified_at IS NULL
          RETURNING a.id,
                    a.proofs
        )
        UPDATE sessions s
           SET proofs = voided.proofs
          FROM voided
         WHERE s.account_id = voided.id;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION enter_account(
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
COMMENT ON FUNCTION void_proofs()          IS 'Ends what proved to be the owner of an account.';
COMMENT ON FUNCTION end_visits()           IS 'Ends the visits that were begun from a session.';
COMMENT ON FUNCTION hold_addresses(text[]) IS 'True, once nobody else invites these addresses or becomes a user with them.';
COMMENT ON FUNCTION refuse_users()         IS 'Keeps users of a tenant from being invited to it.';
COMMENT ON FUNCTION void_tickets()         IS 'Ends what would let a user in again who is shut out.';

GRANT EXECUTE ON FUNCTION hold_addresses(text[]) TO rowhouse_app;

CREATE TRIGGER void_proofs AFTER UPDATE OF proofs ON accounts FOR EACH ROW
    WHEN (NEW.proofs <> OLD.proofs)
    EXECUTE FUNCTION void_proofs();
CREATE TRIGGER end_visits AFTER UPDATE OF revoked_at ON sessions FOR EACH ROW
    WHEN (NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL)
    EXECUTE FUNCTION end_visits();
CREATE TRIGGER refuse_users_insert BEFORE INSERT ON invitations FOR EACH ROW EXECUTE FUNCTION refuse_users();
CREATE TRIGGER void_tickets_change AFTER INSERT OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION void_tickets();
CREATE TRIGGER void_tickets_update AFTER UPDATE OF is_active, email ON users FOR EACH ROW
    WHEN (OLD.is_active AND NOT NEW.is_active OR NEW.email IS DISTINCT FROM OLD.email)
    EXECUTE FUNCTION void_tickets();

-- +goose Down
DROP TRIGGER void_tickets_update ON users;
DROP TRIGGER void_tickets_change ON users;
DROP TRIGGER refuse_users_insert ON invitations;
DROP TRIGGER end_visits ON sessions;
DROP TRIGGER void_proofs ON accounts;
DROP FUNCTION void_tickets();
DROP FUNCTION refuse_users();
DROP FUNCTION hold_addresses(text[]);
DROP FUNCTION end_visits();
DROP FUNCTION void_proofs();
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION account_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a row of accounts: an event with the fields that changed. A secret shows that it changed, and no more.
DECLARE
    hidden  CONSTANT text[] := ARRAY['id', 'version', 'created_at', 'updated_at', 'password_hash'];
    is_new  CONSTANT boolean := TG_OP = 'INSERT';
    old_row CONSTANT jsonb := CASE WHEN is_new THEN '{}' ELSE to_jsonb(OLD) END;
    was     jsonb;
    became  jsonb;
BEGIN
    SELECT jsonb_object_agg(key, old_row -> key) FILTER (WHERE NOT is_new), jsonb_object_agg(key, value)
      INTO was, became
      FROM jsonb_each(to_jsonb(NEW) - hidden)
     WHERE value IS DISTINCT FROM old_row -> key;
    IF NEW.password_hash IS DISTINCT FROM old_row ->> 'password_hash' THEN
        became := coalesce(became, '{}') || '{"password_hash": "changed"}';
    END IF;
    IF became IS NOT NULL THEN
        INSERT INTO account_events (account_id, action, before, after, request_id, address)
        VALUES (NEW.id, coalesce(caller_field(5), 'accounts.' || lower(TG_OP)), was, became, caller_field(6), caller_field(4));
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION enter_account(
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
DROP TRIGGER touch ON accounts;
CREATE TRIGGER touch BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION touch();
DROP INDEX invitations_email_idx;
DROP INDEX sessions_active_tenant_id_idx;
ALTER TABLE sessions
 DROP COLUMN begun_from,
 DROP COLUMN proofs;
ALTER TABLE accounts DROP COLUMN proofs;
