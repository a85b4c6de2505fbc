-- +goose Up
-- The answers kept for Idempotency-Key. A record belongs to what is bound when it is made: the tenant, or else the account.
CREATE TABLE idempotency_keys (
    scope_id    uuid        NOT NULL,
    credential  uuid        NOT NULL,
    operation   text        NOT NULL,
    key         text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    fingerprint bytea       NOT NULL,
    answer      bytea       NOT NULL,
    CONSTRAINT idempotency_keys_pkey      PRIMARY KEY (scope_id, credential, operation, key),
    CONSTRAINT idempotency_keys_key_check CHECK (length(key) BETWEEN 1 AND 255)
);
COMMENT ON COLUMN idempotency_keys.scope_id    IS 'A tenant, or the account of an operation that has no tenant.';
COMMENT ON COLUMN idempotency_keys.credential  IS 'The account or API key that asked.';
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'Keyed hash of path, query and body, in which a password may stand: the same key with another request is a mistake.';
COMMENT ON COLUMN idempotency_keys.answer      IS 'Status, headers and body, as the server encodes them; never a secret.';
COMMENT ON CONSTRAINT idempotency_keys_key_check ON idempotency_keys IS 'invalid_idempotency_key: Idempotency-Key is 1 to 255 printable ASCII characters.';

CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (scope_id, created_at);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE  ROW LEVEL SECURITY;
CREATE POLICY bound_only ON idempotency_keys
    USING      (scope_id = (SELECT coalesce(current_tenant(), my_account())))
    WITH CHECK (scope_id = (SELECT coalesce(current_tenant(), my_account())));
GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO rowhouse_app, rowhouse_login;

-- +goose StatementBegin
CREATE FUNCTION idempotency_claim(credential uuid, operation text, key text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- Takes the key for the rest of this transaction. RHBUS: another transaction has it. RHFIN: it was answered within 24 hours.
-- The lock does not wait, unlike the insert of a row that another transaction is inserting too.
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', coalesce(current_tenant(), my_account()), credential, operation, key), 0)) THEN
        RAISE EXCEPTION 'this key is in flight' USING ERRCODE = 'RHBUS';
    END IF;
    PERFORM 1
       FROM idempotency_keys k
      WHERE k.scope_id   = coalesce(current_tenant(), my_account())
        AND k.credential = idempotency_claim.credential
        AND k.operation  = idempotency_claim.operation
        AND k.key        = idempotency_claim.key
        AND k.created_at > now() - interval '24 hours';
    IF FOUND THEN
        RAISE EXCEPTION 'this key has been answered' USING ERRCODE = 'RHFIN';
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION idempotency_store(credential uuid, operation text, key text, fingerprint bytea, answer bytea) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO idempotency_keys (scope_id, credential, operation, key, fingerprint, answer)
    VALUES (coalesce(current_tenant(), my_account()), $1, $2, $3, $4, $5)
    ON CONFLICT (scope_id, credential, operation, key) DO UPDATE -- only one that has expired: the claim looked
       SET created_at  = now(),
           fingerprint = excluded.fingerprint,
           answer      = excluded.answer;
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION idempotency_recall(credential uuid, operation text, key text, OUT fingerprint bytea, OUT answer bytea)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT k.fingerprint, k.answer
      FROM idempotency_keys k
     WHERE k.scope_id   = coalesce(current_tenant(), my_account())
       AND k.credential = $1
       AND k.operation  = $2
       AND k.key        = $3;
$$;
-- +goose StatementEnd

REVOKE EXECUTE ON FUNCTION idempotency_claim(uuid, text, text),
                           idempotency_store(uuid, text, text, bytea, bytea),
                           idempotency_recall(uuid, text, text)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION idempotency_claim(uuid, text, text),
                          idempotency_store(uuid, text, text, bytea, bytea),
                          idempotency_recall(uuid, text, text)
   TO rowhouse_app, rowhouse_login;

-- +goose Down
DROP FUNCTION idempotency_recall(uuid, text, text);
DROP FUNCTION idempotency_store(uuid, text, text, bytea, bytea);
DROP FUNCTION idempotency_claim(uuid, text, text);
DROP TABLE idempotency_keys;
