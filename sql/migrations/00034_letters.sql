-- +goose Up
-- Mails to the owners of accounts that were promised and are not sent yet. A letter is made in the transaction of its cause and puts itself into the queue;
-- what is sent takes the row away.
CREATE TABLE letters (
    id         uuid        NOT NULL DEFAULT uuid_v7(),
    kind       text        NOT NULL,
    email      text        NOT NULL,
    account_id uuid,
    proofs     bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT letters_pkey            PRIMARY KEY (id),
    CONSTRAINT letters_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT letters_kind_check      CHECK (kind IN ('password', 'proof', 'change')),
    CONSTRAINT letters_email_check     CHECK (email = lower(email COLLATE "C") AND length(email) <= 254),
    CONSTRAINT letters_account_check   CHECK ((account_id IS NULL) = (kind = 'password') AND (account_id IS NULL) = (proofs IS NULL))
);
COMMENT ON TABLE letters IS 'Mails to the owners of accounts that are not sent yet.';
COMMENT ON COLUMN letters.kind       IS 'password: with a token that sets a new one. proof: with a token that confirms the address. change: the note to the old address that another is to become the account''s.';
COMMENT ON COLUMN letters.email      IS 'Whom it goes to.';
COMMENT ON COLUMN letters.account_id IS 'Whose it is. NULL for a new password: whether there is such an account is looked at when it is sent, so that asking takes as long for nobody''s address.';
COMMENT ON COLUMN letters.proofs     IS 'That of the account when it was promised: a letter is void once the proofs of its account are.';
COMMENT ON CONSTRAINT letters_account_id_fkey ON letters IS 'reference_not_found: A row that this one refers to does not exist.';
COMMENT ON CONSTRAINT letters_kind_check      ON letters IS 'internal: One of password, proof, change.';
COMMENT ON CONSTRAINT letters_email_check     ON letters IS 'email format: An e-mail address of up to 254 characters.';
COMMENT ON CONSTRAINT letters_account_check   ON letters IS 'internal: A letter is an account''s, except one that somebody unknown asked for.';

CREATE INDEX letters_account_id_idx ON letters (account_id);
CREATE INDEX letters_created_at_idx ON letters (created_at);

GRANT SELECT, INSERT, DELETE ON letters TO rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION queue_letter() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
-- After a letter is made: puts it into the queue, before what is done for tenants, since somebody waits for it.
BEGIN
    INSERT INTO river.river_job (kind, args, metadata, priority)
    VALUES ('letter.mail', jsonb_build_object('letter_id', NEW.id), queued_from(), 1);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION queue_letter() IS 'Puts a letter into the queue.';

REVOKE EXECUTE ON FUNCTION queue_letter() FROM PUBLIC;

CREATE TRIGGER queue_insert AFTER INSERT ON letters FOR EACH ROW EXECUTE FUNCTION queue_letter();

-- +goose Down
DROP TABLE letters;
DROP FUNCTION queue_letter();
