-- +goose Up
-- What a transaction is bound to: two settings, local to the transaction, written by the doors and read only through the
-- functions below. app.tenant_id is the tenant, or empty. app.caller is `user account reach address operation request`,
-- separated by blanks, each possibly empty.

-- +goose StatementBegin
CREATE FUNCTION current_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.tenant_id', true), '')::uuid; -- once set locally it is '' afterwards, not NULL
-- +goose StatementEnd
COMMENT ON FUNCTION current_tenant() IS 'The tenant that this transaction is bound to; NULL when none.';

-- +goose StatementBegin
CREATE FUNCTION caller_field(place integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(split_part(current_setting('app.caller', true), ' ', place), '');
-- +goose StatementEnd
COMMENT ON FUNCTION caller_field(integer) IS 'One field of app.caller, counted from 1; NULL when empty.';

-- +goose StatementBegin
CREATE FUNCTION me() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN caller_field(1)::uuid;
-- +goose StatementEnd
COMMENT ON FUNCTION me() IS 'The user of the bound tenant who is asking; NULL outside a tenant and for system work.';

-- +goose StatementBegin
CREATE FUNCTION my_account() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN caller_field(2)::uuid;
-- +goose StatementEnd
COMMENT ON FUNCTION my_account() IS 'The account that is asking; NULL for system work and before anyone is known.';

-- +goose StatementBegin
CREATE FUNCTION reaches_all() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN caller_field(3) IS NOT DISTINCT FROM 'any';
-- +goose StatementEnd
COMMENT ON FUNCTION reaches_all() IS 'Whether the permission of this operation is held for every row of the tenant (any), not only for one''s own.';

-- +goose StatementBegin
CREATE FUNCTION uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN encode(
    set_bit(
        set_bit(
            overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6
            ),
            52, 1
        ),
        53, 1
    ),
    'hex'
)::uuid;
-- +goose StatementEnd
COMMENT ON FUNCTION uuid_v7() IS 'A UUID version 7 (RFC 9562): milliseconds since 1970, then random bits. PostgreSQL 18 has its own.';

-- +goose StatementBegin
CREATE FUNCTION touch() RETURNS trigger
LANGUAGE plpgsql AS $$
-- Before an update: a row that really changes gets the next version and the time. Arguments: generated columns, which are
-- not computed yet at this point and so cannot be compared.
DECLARE
    generated CONSTANT text[] := coalesce(TG_ARGV, '{}');
BEGIN
    IF to_jsonb(NEW) - generated IS DISTINCT FROM to_jsonb(OLD) - generated THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

GRANT EXECUTE ON FUNCTION current_tenant(), caller_field(integer), me(), my_account(), reaches_all(), uuid_v7()
   TO rowhouse_app, rowhouse_login;

-- +goose Down
DROP FUNCTION touch();
DROP FUNCTION uuid_v7();
DROP FUNCTION reaches_all();
DROP FUNCTION my_account();
DROP FUNCTION me();
DROP FUNCTION caller_field(integer);
DROP FUNCTION current_tenant();
