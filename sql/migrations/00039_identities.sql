-- +goose Up
-- Who people are at outside issuers. An access token of one stands for a session of the account: an ordinary one, but that it has no refresh
-- tokens, and that a later token begins the next when it is over.
CREATE TABLE identities (
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    account_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz,
    told_at    timestamptz,
    ended_at   timestamptz,
    CONSTRAINT identities_pkey            PRIMARY KEY (issuer, subject),
    CONSTRAINT identities_account_id_key  UNIQUE (account_id, issuer),
    CONSTRAINT identities_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT identities_issuer_check    CHECK (length(issuer) BETWEEN 1 AND 1000),
    CONSTRAINT identities_subject_check   CHECK (length(subject) BETWEEN 1 AND 255),
    CONSTRAINT identities_account_check   CHECK (account_id IS NOT NULL OR ended_at IS NOT NULL)
);
COMMENT ON TABLE  identities            IS 'Who people are at outside issuers, and the account that each is here.';
COMMENT ON COLUMN identities.issuer     IS 'The iss of its tokens; clerk for the issuer of CLERK_ISSUER.';
COMMENT ON COLUMN identities.subject    IS 'The sub of its tokens: whom the issuer means by it, for ever.';
COMMENT ON COLUMN identities.account_id IS 'NULL: the issuer told that it ended before it was linked to any.';
COMMENT ON COLUMN identities.not_before IS 'When its session was last ended; NULL: never. A token that was issued before is good no more.';
COMMENT ON COLUMN identities.told_at    IS 'The issuer''s own time of what it has told last; NULL: it has told nothing. What it told before that is out of date.';
COMMENT ON COLUMN identities.ended_at   IS 'When the issuer told that there is no such person any more; NULL: there is. What comes later was told before.';
COMMENT ON CONSTRAINT identities_account_id_key  ON identities IS 'already_exists: This account is linked to another person of this issuer.';
COMMENT ON CONSTRAINT identities_account_id_fkey ON identities IS 'reference_not_found: A row that this one refers to does not exist.';
COMMENT ON CONSTRAINT identities_issuer_check    ON identities IS 'internal: 1 to 1000 characters.';
COMMENT ON CONSTRAINT identities_subject_check   ON identities IS 'internal: 1 to 255 characters.';
COMMENT ON CONSTRAINT identities_account_check   ON identities IS 'internal: An identity is linked to an account, or has ended.';

GRANT SELECT, INSERT, UPDATE, DELETE ON identities TO rowhouse_login;

ALTER TABLE sessions ADD COLUMN issuer text;
ALTER TABLE sessions ADD COLUMN subject text;
ALTER TABLE sessions ADD CONSTRAINT sessions_identity_check CHECK ((issuer IS NULL) = (subject IS NULL));
ALTER TABLE sessions ADD CONSTRAINT sessions_identity_fkey FOREIGN KEY (issuer, subject) REFERENCES identities (issuer, subject) ON DELETE CASCADE;
COMMENT ON COLUMN sessions.issuer  IS 'The outside issuer whose tokens it stands for; NULL: it was begun here.';
COMMENT ON COLUMN sessions.subject IS 'Whom those tokens name.';
COMMENT ON CONSTRAINT sessions_identity_check ON sessions IS 'internal: An issuer and a subject, or neither.';
COMMENT ON CONSTRAINT sessions_identity_fkey  ON sessions IS 'reference_not_found: A row that this one refers to does not exist.';

CREATE INDEX sessions_identity_idx ON sessions (issuer, subject);

CREATE TABLE hook_messages (
    id          text        NOT NULL,
    sent_at     timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT hook_messages_pkey     PRIMARY KEY (id),
    CONSTRAINT hook_messages_id_check CHECK (length(id) BETWEEN 1 AND 255)
);
COMMENT ON TABLE  hook_messages         IS 'The messages of outside services that have been heeded, for longer than any of them could be repeated.';
COMMENT ON COLUMN hook_messages.id      IS 'The service''s, the same for each attempt to deliver it.';
COMMENT ON COLUMN hook_messages.sent_at IS 'The time that was signed with the last attempt.';
COMMENT ON CONSTRAINT hook_messages_id_check ON hook_messages IS 'internal: 1 to 255 characters.';

CREATE INDEX hook_messages_received_at_idx ON hook_messages (received_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON hook_messages TO rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION identity_hold(issuer text, subject text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Until this transaction ends nobody else links this identity, begins a session of it or heeds what is told of it. Whoever needs its account
-- too locks that afterwards, and the identity's row last.
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('identity ' || issuer || ' ' || subject, 0));
    RETURN true;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION identity_hold(text, text) IS 'True, once nobody else changes this identity.';

-- +goose StatementBegin
CREATE FUNCTION identity_enter(
    issuer      text,
    subject     text,
    issued_at   timestamptz,
    email       text,
    session     uuid,
    user_agent  text,
    address     text,
    expires_at  timestamptz
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Begins the session that a token of an outside issuer stands for, unless there is one. An identity that is linked to no account is linked,
-- once, to the one of the e-mail that the issuer has verified (NULL: none), if that account's is proven too. RHIDN: it is linked to none.
-- RHSES: the account is not active, the issuer has told that it ended, or the token was issued before its session was ended.
DECLARE
    known identities;
    held  accounts;
BEGIN
    PERFORM identity_hold(issuer, subject);
    SELECT *
      INTO known
      FROM identities i
     WHERE i.issuer  = identity_enter.issuer
       AND i.subject = identity_enter.subject;
    IF known.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'the issuer has ended this identity' USING ERRCODE = 'RHSES';
    END IF;
    -- Whoever voids the account's proofs has done so, or waits, and then sees the session.
    IF known.account_id IS NULL THEN
        SELECT *
          INTO held
          FROM accounts a
         WHERE a.email = identity_enter.email
           AND a.email_verified_at IS NOT NULL
           AND a.is_active
           FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'linked to no account' USING ERRCODE = 'RHIDN';
        END IF;
        INSERT INTO identities AS i (issuer, subject, account_id)
        VALUES (identity_enter.issuer, identity_enter.subject, held.id)
            ON CONFLICT ON CONSTRAINT identities_account_id_key DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the account is linked to another person of the issuer' USING ERRCODE = 'RHIDN';
        END IF;
    ELSE
        SELECT *
          INTO held
          FROM accounts a
         WHERE a.id = known.account_id
           FOR SHARE;
    END IF;
    -- Likewise whoever ends its session.
    SELECT *
      INTO known
      FROM identities i
     WHERE i.issuer  = identity_enter.issuer
       AND i.subject = identity_enter.subject
       FOR NO KEY UPDATE;
    IF known.account_id IS DISTINCT FROM held.id OR held.is_active IS NOT TRUE OR issued_at < greatest(held.not_before, known.not_before) THEN
        RAISE EXCEPTION 'the session is over' USING ERRCODE = 'RHSES';
    END IF;
    IF NOT EXISTS (
        SELECT 1
          FROM sessions s
         WHERE s.issuer  = identity_enter.issuer
           AND s.subject = identity_enter.subject
           AND s.revoked_at IS NULL
           AND s.expires_at > now()) THEN
        INSERT INTO sessions (id, account_id, proofs, issuer, subject, user_agent, address, expires_at)
        VALUES (session, held.id, held.proofs, known.issuer, known.subject, identity_enter.user_agent, identity_enter.address, identity_enter.expires_at);
    END IF;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION identity_enter(text, text, timestamptz, text, uuid, text, text, timestamptz) IS 'Begins the session that a token of an outside issuer stands for.';

-- +goose StatementBegin
CREATE FUNCTION proofs_voided() RETURNS trigger
LANGUAGE plpgsql AS $$
-- Before an account's proofs are counted up: no token that an issuer gave until now begins a session of it.
BEGIN
    NEW.not_before := clock_timestamp();
    RETURN NEW;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION proofs_voided() IS 'Keeps tokens that were issued before from beginning a session.';

-- +goose StatementBegin
CREATE FUNCTION identity_session_ended() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After the session of an identity was ended: no token that was issued until now begins another.
BEGIN
    UPDATE identities i
       SET not_before = clock_timestamp()
     WHERE i.issuer  = NEW.issuer
       AND i.subject = NEW.subject;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION identity_session_ended() IS 'Keeps tokens that were issued before from beginning another session.';

-- +goose StatementBegin
CREATE FUNCTION identity_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After an identity is linked to an account, or no more: an event of the account.
DECLARE
    was    CONSTANT uuid := CASE WHEN TG_OP <> 'INSERT' THEN OLD.account_id END;
    became CONSTANT uuid := CASE WHEN TG_OP <> 'DELETE' THEN NEW.account_id END;
BEGIN
    IF was IS NOT NULL AND was IS DISTINCT FROM became THEN
        INSERT INTO account_events (account_id, action, before, request_id, address)
        VALUES (was, 'identity.unlink', jsonb_build_object('issuer', OLD.issuer, 'subject', OLD.subject), caller_field(6), caller_field(4));
    END IF;
    IF became IS NOT NULL AND became IS DISTINCT FROM was THEN
        INSERT INTO account_events (account_id, action, after, request_id, address)
        VALUES (became, 'identity.link', jsonb_build_object('issuer', NEW.issuer, 'subject', NEW.subject), caller_field(6), caller_field(4));
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION identity_event() IS 'Notes which account an identity is linked to.';

REVOKE EXECUTE ON FUNCTION identity_hold(text, text), identity_enter(text, text, timestamptz, text, uuid, text, text, timestamptz),
                           proofs_voided(), identity_session_ended(), identity_event()
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity_hold(text, text), identity_enter(text, text, timestamptz, text, uuid, text, text, timestamptz)
   TO rowhouse_login;

CREATE TRIGGER proofs_voided BEFORE UPDATE OF proofs ON accounts FOR EACH ROW
    WHEN (NEW.proofs <> OLD.proofs)
    EXECUTE FUNCTION proofs_voided();
CREATE TRIGGER identity_session_ended AFTER UPDATE OF revoked_at ON sessions FOR EACH ROW
    WHEN (NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL AND NEW.issuer IS NOT NULL)
    EXECUTE FUNCTION identity_session_ended();
CREATE TRIGGER identity_event AFTER INSERT OR UPDATE OF account_id OR DELETE ON identities FOR EACH ROW EXECUTE FUNCTION identity_event();

-- +goose Down
DROP TRIGGER identity_event ON identities;
DROP TRIGGER identity_session_ended ON sessions;
DROP FUNCTION identity_event();
DROP TRIGGER proofs_voided ON accounts;
DROP FUNCTION proofs_voided();
DROP FUNCTION identity_session_ended();
DROP FUNCTION identity_enter(text, text, timestamptz, text, uuid, text, text, timestamptz);
DROP FUNCTION identity_hold(text, text);
DROP TABLE hook_messages;
ALTER TABLE sessions DROP CONSTRAINT sessions_identity_fkey;
ALTER TABLE sessions DROP CONSTRAINT sessions_identity_check;
ALTER TABLE sessions DROP COLUMN subject;
ALTER TABLE sessions DROP COLUMN issuer;
DROP TABLE identities;
