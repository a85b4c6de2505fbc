-- +goose Up
-- Access that is taken away stays away: whatever takes it voids, in the same transaction, what would give it back.

-- +goose StatementBegin
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
-- +goose StatementEnd
COMMENT ON FUNCTION hold_addresses(text[]) IS 'True, once nobody else invites these addresses or becomes a user with them.';

-- +goose StatementBegin
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
-- +goose StatementEnd
COMMENT ON FUNCTION refuse_users() IS 'Keeps users of a tenant from being invited to it.';

-- +goose StatementBegin
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
-- +goose StatementEnd
COMMENT ON FUNCTION void_tickets() IS 'Ends what would let a user in again who is shut out.';

REVOKE EXECUTE ON FUNCTION hold_addresses(text[]), refuse_users(), void_tickets() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_addresses(text[]) TO rowhouse_app;

CREATE TRIGGER refuse_users_insert BEFORE INSERT ON invitations FOR EACH ROW EXECUTE FUNCTION refuse_users();
CREATE TRIGGER void_tickets_change AFTER INSERT OR DELETE ON users FOR EACH ROW EXECUTE FUNCTION void_tickets();
CREATE TRIGGER void_tickets_update AFTER UPDATE OF is_active, email ON users FOR EACH ROW
    WHEN (OLD.is_active AND NOT NEW.is_active OR NEW.email IS DISTINCT FROM OLD.email)
    EXECUTE FUNCTION void_tickets();

-- +goose Down
DROP TRIGGER void_tickets_update ON users;
DROP TRIGGER void_tickets_change ON users;
DROP TRIGGER refuse_users_insert ON invitations;
DROP FUNCTION void_tickets();
DROP FUNCTION refuse_users();
DROP FUNCTION hold_addresses(text[]);
