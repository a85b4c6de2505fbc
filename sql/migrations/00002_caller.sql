-- +goose Up
-- What a transaction is bound to: two settings, local to the transaction, written by the doors and read only through the functions below.
-- app.tenant_id is the tenant, or empty. app.caller is `user account reach address operation request artist key visit`, separated by
-- blanks, each possibly empty.

CREATE FUNCTION current_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.tenant_id', true), '')::uuid; -- once set locally it is '' afterwards, not NULL
COMMENT ON FUNCTION current_tenant() IS 'The tenant that this transaction is bound to; NULL when none.';

CREATE FUNCTION caller_field(place integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(split_part(current_setting('app.caller', true), ' ', place), '');
COMMENT ON FUNCTION caller_field(integer) IS 'One field of app.caller, counted from 1; NULL when empty.';

CREATE FUNCTION me() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN caller_field(1)::uuid;
COMMENT ON FUNCTION me() IS 'The user of the bound tenant who is asking; NULL outside a tenant and for system work.';

CREATE FUNCTION my_account() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN caller_field(2)::uuid;
COMMENT ON FUNCTION my_account() IS 'The account that is asking; NULL for system work and before anyone is known.';

CREATE FUNCTION reaches_all() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN caller_field(3) IS NOT DISTINCT FROM 'any';
COMMENT ON FUNCTION reaches_all() IS 'Whether the permission of this operation is held for every row of the tenant (any), not only for one''s own.';

CREATE FUNCTION my_artist() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN caller_field(7)::uuid;
COMMENT ON FUNCTION my_artist() IS 'The artist whom the user who is asking is; NULL when none.';

CREATE FUNCTION my_key() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN caller_field(8)::uuid;
COMMENT ON FUNCTION my_key() IS 'The API key that is asking; NULL when it is a session, or nobody.';

CREATE FUNCTION visit() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN caller_field(9);
COMMENT ON FUNCTION visit() IS 'superuser or staff: who is asking is no user of this tenant, but visits it; otherwise NULL.';

-- +goose StatementBegin
CREATE FUNCTION my_user() RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF me() IS NULL THEN
        RAISE EXCEPTION 'nobody here' USING ERRCODE = 'RHUSR';
    END IF;
    RETURN me();
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION my_user() IS 'me(), for what only a user of the tenant can do. RHUSR: there is none.';

-- +goose StatementBegin
CREATE FUNCTION reach_all() RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT reaches_all() THEN
        RAISE EXCEPTION 'reaches own rows alone' USING ERRCODE = 'RHPER';
    END IF;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION reach_all() IS 'Behind enter, for an operation that one''s own rows do not suffice for. RHPER: refused.';

-- +goose StatementBegin
CREATE FUNCTION own_alone() RETURNS trigger
LANGUAGE plpgsql AS $$
-- Before a row that is made or given away by one who reaches his own rows alone, and is not his: so say the conditions of the triggers. It
-- comes before the policies, which would call the same a fault of the server.
BEGIN
    RAISE EXCEPTION 'reaches own rows alone' USING ERRCODE = 'RHPER';
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION own_alone() IS 'Refuses a row that is somebody else''s. RHPER: refused.';

REVOKE EXECUTE ON FUNCTION current_tenant(), caller_field(integer), me(), my_account(), reaches_all(), my_artist(), my_key(), visit(),
                           my_user(), reach_all(), own_alone()
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION current_tenant(), caller_field(integer), me(), my_account(), reaches_all(), my_artist(), my_key(), visit(), my_user(), reach_all()
   TO rowhouse_app;
GRANT EXECUTE ON FUNCTION current_tenant(), caller_field(integer), my_account(), reach_all()
   TO rowhouse_login; -- reach_all: a transaction may still have this role when it comes to enter

-- +goose Down
DROP FUNCTION own_alone();
DROP FUNCTION reach_all();
DROP FUNCTION my_user();
DROP FUNCTION visit();
DROP FUNCTION my_key();
DROP FUNCTION my_artist();
DROP FUNCTION reaches_all();
DROP FUNCTION my_account();
DROP FUNCTION me();
DROP FUNCTION caller_field(integer);
DROP FUNCTION current_tenant();
