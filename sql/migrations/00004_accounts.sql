-- +goose Up
-- Login identities, and what becomes of them. They have no tenant, so row-level security says nothing about them: their wall is that
-- rowhouse_app holds no privilege here at all.
CREATE TABLE accounts (
    id                uuid        NOT NULL DEFAULT uuid_v7(),
    username          text        NOT NULL,
    email             text        NOT NULL,
    name              text,
    password_hash     text,
    is_active         boolean     NOT NULL DEFAULT true,
    is_staff          boolean     NOT NULL DEFAULT false,
    is_superuser      boolean     NOT NULL DEFAULT false,
    email_verified_at timestamptz,
    version           bigint      NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    made_in           uuid,
    proofs            bigint      NOT NULL DEFAULT 0,
    not_before        timestamptz,
    CONSTRAINT accounts_pkey           PRIMARY KEY (id),
    CONSTRAINT accounts_username_key   UNIQUE (username),
    CONSTRAINT accounts_email_key      UNIQUE (email),
    CONSTRAINT accounts_username_check CHECK (username ~ '^[a-z0-9._-]{3,64}$'),
    -- What an e-mail's canonical form is, the server decides; here, as in other tables, only that it has no capitals, in whatever locale.
    CONSTRAINT accounts_email_check    CHECK (email = lower(email COLLATE "C") AND length(email) <= 254),
    CONSTRAINT accounts_name_check     CHECK (length(name) BETWEEN 1 AND 120)
);
COMMENT ON COLUMN accounts.email             IS 'The login e-mail in its canonical form: compared, and unique among all accounts.';
COMMENT ON COLUMN accounts.password_hash     IS 'argon2id in PHC form, parameters included; NULL: no login by password.';
COMMENT ON COLUMN accounts.email_verified_at IS 'When its owner proved the login e-mail; NULL: an unproven account.';
COMMENT ON COLUMN accounts.made_in           IS 'The tenant whose user it was made to be; NULL: its owner, or the operator, made it. No reference: the tenant may be erased.';
COMMENT ON COLUMN accounts.proofs            IS 'How often everything that proves its owner was voided: sessions and mailed tokens. What was begun under a smaller count is refused.';
COMMENT ON COLUMN accounts.not_before        IS 'When its proofs were last voided; NULL: never. A token of an outside issuer that was issued before is good no more.';
COMMENT ON CONSTRAINT accounts_username_key   ON accounts IS 'username_taken: This username is taken; choose another.';
COMMENT ON CONSTRAINT accounts_email_key      ON accounts IS 'account_exists: There is an account with this e-mail. Log in, or invite it to the tenant: POST /api/v1/invitations.';
COMMENT ON CONSTRAINT accounts_username_check ON accounts IS '3 to 64 of a–z, 0–9, dot, underscore and hyphen.';
COMMENT ON CONSTRAINT accounts_email_check    ON accounts IS 'email format: An e-mail address of up to 254 characters.';
COMMENT ON CONSTRAINT accounts_name_check     ON accounts IS '1 to 120 characters.';

GRANT SELECT, INSERT, UPDATE ON accounts TO rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION accounts_touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.username, OLD.email, OLD.name, OLD.password_hash, OLD.is_active, OLD.is_staff, OLD.is_superuser, OLD.email_verified_at,
        OLD.made_in)
       IS DISTINCT FROM
       (NEW.username, NEW.email, NEW.name, NEW.password_hash, NEW.is_active, NEW.is_staff, NEW.is_superuser, NEW.email_verified_at,
        NEW.made_in) THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION accounts_touch() FROM PUBLIC;

CREATE TRIGGER touch BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION accounts_touch();

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
CREATE INDEX account_events_created_at_idx ON account_events (created_at);

GRANT INSERT ON account_events TO rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION account_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a row of accounts: an event with the fields that changed. A secret shows that it changed, and no more.
DECLARE
    hidden  CONSTANT text[] := ARRAY['id', 'version', 'created_at', 'updated_at', 'password_hash', 'proofs', 'not_before'];
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
        VALUES (NEW.id, coalesce(caller_field(5), 'accounts.' || lower(TG_OP COLLATE "C")), was, became, caller_field(6), caller_field(4));
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION account_event() FROM PUBLIC;

CREATE TRIGGER account_event AFTER INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION account_event();

-- +goose Down
DROP TRIGGER account_event ON accounts;
DROP FUNCTION account_event();
DROP TABLE account_events;
DROP TABLE accounts;
DROP FUNCTION accounts_touch();
