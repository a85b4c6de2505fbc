-- +goose Up
ALTER TABLE accounts ADD COLUMN made_in uuid;
COMMENT ON COLUMN accounts.made_in IS 'The tenant whose user it was made to be; NULL: its owner, or the operator, made it. No reference: the tenant may be erased.';

ALTER TABLE sessions
  ADD COLUMN visit_reason text,
  ADD CONSTRAINT sessions_visit_check CHECK (visit_reason IS NULL OR active_tenant_id IS NOT NULL AND length(visit_reason) BETWEEN 1 AND 500);
COMMENT ON COLUMN sessions.visit_reason IS 'Why a superuser or staff entered the active tenant without being its user; NULL: an ordinary session.';

CREATE TABLE one_time_tokens (
    hash       bytea       NOT NULL,
    account_id uuid        NOT NULL,
    purpose    text        NOT NULL,
    email      text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT one_time_tokens_pkey            PRIMARY KEY (hash),
    CONSTRAINT one_time_tokens_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT one_time_tokens_purpose_check   CHECK (purpose IN ('password', 'email'))
);
COMMENT ON TABLE  one_time_tokens         IS 'What was mailed to prove a mailbox; a use takes the row away.';
COMMENT ON COLUMN one_time_tokens.hash    IS 'SHA-256 of the token, which is 256 random bits.';
COMMENT ON COLUMN one_time_tokens.purpose IS 'password: sets a new one. email: confirms an address, which becomes the account''s if it is another.';
COMMENT ON COLUMN one_time_tokens.email   IS 'Where it was sent, and so what it proves.';

CREATE INDEX one_time_tokens_account_id_idx ON one_time_tokens (account_id, purpose);

GRANT SELECT, INSERT, UPDATE, DELETE ON one_time_tokens TO rowhouse_login;

CREATE TABLE account_events (
    id           uuid        NOT NULL DEFAULT uuid_v7(),
    created_at   timestamptz NOT NULL DEFAULT now(),
    account_id   uuid,
    action       text        NOT NULL,
    about_tenant uuid,
    reason       text,
    before       jsonb,
    after        jsonb,
    request_id   text,
    address      text,
    CONSTRAINT account_events_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE  account_events              IS 'Logins, changes of accounts, visits of superusers and staff, and refusals worth keeping.';
COMMENT ON COLUMN account_events.account_id   IS 'Whom it is about. No reference: an event outlives its account.';
COMMENT ON COLUMN account_events.action       IS 'The operation of the route; with .refused for a refusal.';
COMMENT ON COLUMN account_events.about_tenant IS 'The tenant that was entered, or asked for whether or not it exists.';
COMMENT ON COLUMN account_events.before       IS 'The changed fields as they were; of a secret only that it changed.';

CREATE INDEX account_events_account_id_idx ON account_events (account_id, created_at);

GRANT SELECT, INSERT ON account_events TO rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION account_event() RETURNS trigger
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

CREATE FUNCTION session_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a new session: a login, or a visit.
BEGIN
    INSERT INTO account_events (account_id, action, about_tenant, reason, request_id, address)
    VALUES (NEW.account_id, coalesce(caller_field(5), 'sessions.insert'), NEW.active_tenant_id, NEW.visit_reason, caller_field(6), caller_field(4));
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER account_event AFTER INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION account_event();
CREATE TRIGGER session_event AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION session_event();

CREATE TABLE rate_limits (
    key       bytea       NOT NULL,
    taken     integer     NOT NULL,
    resets_at timestamptz NOT NULL,
    CONSTRAINT rate_limits_pkey PRIMARY KEY (key)
);
COMMENT ON TABLE  rate_limits           IS 'Attempts at what must not be guessed or flooded, counted for all processes.';
COMMENT ON COLUMN rate_limits.key       IS 'A keyed hash of what is limited, such as logins from one address: it names nobody.';
COMMENT ON COLUMN rate_limits.taken     IS 'Attempts since the window began.';
COMMENT ON COLUMN rate_limits.resets_at IS 'When the window ends.';

CREATE INDEX rate_limits_resets_at_idx ON rate_limits (resets_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limits TO rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION rate_limit_take(keys bytea[], most integer[], seconds integer[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Counts one attempt against each key, in an order that no two callers reverse. RHLIM: one of them is used up, and nothing
-- was counted; its DETAIL is `<attempts a window> <seconds until the window ends>`. For a transaction of its own.
DECLARE
    wanted record;
    used   integer;
    ends   timestamptz;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true); -- a crash may forget the last attempts; no login waits for a disk
    FOR wanted IN SELECT * FROM unnest(keys, most, seconds) AS w (key, most, seconds) ORDER BY w.key LOOP
        INSERT INTO rate_limits AS r (key, taken, resets_at)
        VALUES (wanted.key, 1, now() + wanted.seconds * interval '1 second')
        ON CONFLICT (key) DO UPDATE
           SET taken     = CASE WHEN r.resets_at > now() THEN r.taken + 1 ELSE 1 END,
               resets_at = CASE WHEN r.resets_at > now() THEN r.resets_at ELSE excluded.resets_at END
        RETURNING r.taken, r.resets_at INTO used, ends;
        IF used > wanted.most THEN
            RAISE EXCEPTION 'too many attempts'
                USING ERRCODE = 'RHLIM', DETAIL = wanted.most || ' ' || ceil(extract(epoch FROM ends - now()));
        END IF;
    END LOOP;
    DELETE FROM rate_limits r -- a few of those that count no more
     WHERE r.key IN (SELECT o.key FROM rate_limits o WHERE o.resets_at < now() - interval '1 minute' ORDER BY o.resets_at LIMIT 4 FOR UPDATE SKIP LOCKED);
END
$$;

CREATE FUNCTION rate_limit_give(keys bytea[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Takes one attempt back from each key. For a transaction of its own too: whoever attempts next waits for it.
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE rate_limits r
       SET taken = greatest(r.taken - 1, 0)
      FROM (SELECT l.key FROM rate_limits l WHERE l.key = ANY (keys) ORDER BY l.key FOR NO KEY UPDATE) AS locked
     WHERE r.key = locked.key;
END
$$;
-- +goose StatementEnd
GRANT EXECUTE ON FUNCTION rate_limit_take(bytea[], integer[], integer[]), rate_limit_give(bytea[]) TO rowhouse_login;

COMMENT ON COLUMN idempotency_keys.fingerprint IS 'Keyed hash of path, query and body, in which a password may stand: the same key with another request is a mistake.';

-- +goose Down
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of path, query and body: the same key with another request is a mistake.';
DROP FUNCTION rate_limit_give(bytea[]);
DROP FUNCTION rate_limit_take(bytea[], integer[], integer[]);
DROP TABLE rate_limits;
DROP TRIGGER session_event ON sessions;
DROP TRIGGER account_event ON accounts;
DROP FUNCTION session_event();
DROP FUNCTION account_event();
DROP TABLE account_events;
DROP TABLE one_time_tokens;
ALTER TABLE sessions DROP COLUMN visit_reason;
ALTER TABLE accounts DROP COLUMN made_in;
