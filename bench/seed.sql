-- What is measured: tenants 0 to 999 of 1 000 items each, whose items were made in turns; tenant 1000 of a million; and of ten
-- thousand tenants the rest, of ten items each. Each tenant has one user, its admin, and their session. $TENANTS, $ITEMS, $GIANT,
-- $ALL, the giant's $EVENTS, whether the floor has the items too, $BARE, and $HASH, of the password of everybody, are replaced.
SET session_replication_role = replica; -- no triggers: nobody did this

-- A later item's id sorts after an earlier one's, as UUIDs of version 7 do.
CREATE FUNCTION pg_temp.uuid_of(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN (lpad(to_hex(1767225600000 + n), 12, '0') || '7' || substr(md5(kind || n), 1, 3) || 'a' || substr(md5(kind || n), 4, 15))::uuid;

INSERT INTO tenants (id, name, slug)
SELECT pg_temp.uuid_of('tenant', n), 'Tenant ' || n, 'tenant-' || n FROM generate_series(0, $ALL - 1) n;
INSERT INTO accounts (id, username, email, email_verified_at, password_hash)
SELECT pg_temp.uuid_of('account', n), 'user' || n, 'user' || n || '@example.com', now(), '$HASH' FROM generate_series(0, $ALL - 1) n;
INSERT INTO users (tenant_id, id, account_id, username, role, last_login)
SELECT pg_temp.uuid_of('tenant', n), pg_temp.uuid_of('user', n), pg_temp.uuid_of('account', n), 'user' || n, 'admin', now() FROM generate_series(0, $ALL - 1) n;
INSERT INTO sessions (id, account_id, created_at, expires_at)
SELECT pg_temp.uuid_of('session', n), pg_temp.uuid_of('account', n), now(), now() + interval '1 day' FROM generate_series(0, $ALL - 1) n;

CREATE TEMP TABLE seeds AS
SELECT n, n % $TENANTS AS tenant FROM generate_series(0::bigint, $TENANTS * $ITEMS - 1) n
UNION ALL
SELECT n, $TENANTS FROM generate_series($TENANTS * $ITEMS::bigint, $TENANTS * $ITEMS + $GIANT - 1) n
UNION ALL
SELECT n, $TENANTS + 1 + n % ($ALL - $TENANTS - 1) FROM generate_series($TENANTS * $ITEMS::bigint + $GIANT, $TENANTS * $ITEMS + $GIANT + 10 * ($ALL - $TENANTS - 1) - 1) n;

-- Indexes are built once the rows are there.
CREATE TEMP TABLE later AS
SELECT indexname, indexdef
  FROM pg_indexes
 WHERE schemaname = 'public'
   AND tablename IN ('items', 'audit_events')
   AND indexname NOT LIKE '%\_pkey';
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT indexname FROM later LOOP
        EXECUTE 'DROP INDEX ' || name;
    END LOOP;
END
$$;

INSERT INTO items (tenant_id, id, name, description, price_cents, created_at, updated_at)
SELECT pg_temp.uuid_of('tenant', tenant), pg_temp.uuid_of('item', n), 'Item name ' || n,
       CASE WHEN n % 5 > 0 THEN 'A description of item number ' || n || ' with some words in it' END,
       1 + n * 7919 % 10000, timestamptz '2026-01-01Z' + n * interval '10 s', timestamptz '2026-01-01Z' + n * interval '10 s'
  FROM seeds;
INSERT INTO audit_events (tenant_id, id, created_at, actor_user_id, actor_account_id, action, entity_type, entity_id, entity_version, before, after, request_id, address)
SELECT pg_temp.uuid_of('tenant', $TENANTS), pg_temp.uuid_of('event', n), timestamptz '2026-01-01Z' + n * interval '1 s',
       pg_temp.uuid_of('user', $TENANTS), pg_temp.uuid_of('account', $TENANTS), 'item.update', 'item', pg_temp.uuid_of('item', $TENANTS * $ITEMS + n % $GIANT), 2,
       jsonb_build_object('price_cents', n % 10000), jsonb_build_object('price_cents', 1 + n % 10000), md5(n::text), '192.0.2.1'
  FROM generate_series(0::bigint, $EVENTS - 1) n;

-- The floor's tables: the same columns, constraints and indexes, and no walls and triggers.
CREATE SCHEMA bare;
CREATE TABLE bare.items        (LIKE items        INCLUDING ALL);
CREATE TABLE bare.audit_events (LIKE audit_events INCLUDING ALL);
INSERT INTO bare.items (tenant_id, id, name, description, price_cents, created_at, updated_at)
SELECT tenant_id, id, name, description, price_cents, created_at, updated_at
  FROM items
 WHERE $BARE;
ALTER TABLE bare.items ADD FOREIGN KEY (tenant_id) REFERENCES tenants (id);
DO $$
DECLARE
    definition text;
BEGIN
    FOR definition IN SELECT indexdef FROM later LOOP
        EXECUTE definition;
        EXECUTE replace(definition, ' ON public.', ' ON bare.');
    END LOOP;
END
$$;

-- What may be asked for: a fiftieth of the items of the large tenants, and every item of the small ones.
CREATE TABLE bare.asked AS
SELECT tenant, pg_temp.uuid_of('tenant', tenant) AS tenant_id, pg_temp.uuid_of('item', n) AS item_id,
       pg_temp.uuid_of('account', tenant) AS account_id, pg_temp.uuid_of('session', tenant) AS session_id, 'user' || tenant AS username
  FROM seeds
 WHERE hashint8(n) % 50 = 0 OR tenant > $TENANTS;
