-- skew.tenants tenants: the first has a size of skew.giant, the next skew.middlings of skew.middling each, all others of three. A tenant has
-- as many audit events, a user to ten of them, a role to a hundred; and of every table of tenants that is not named here as many rows, made
-- from the catalogue (skew_test.go). Ids are md5 of a kind and numbers, as 'item 1 2'. In every tenant user 1 is ada, users 1 and 2 are admins,
-- team 1 is empty, nobody has role 1, and every other user has role 2.
SET session_replication_role = replica;

CREATE TEMP TABLE houses AS
SELECT n,
       md5('tenant ' || n)::uuid AS tenant_id,
       size,
       greatest(4, size / 10)    AS users,
       greatest(2, size / 100)   AS teams -- that have users
  FROM generate_series(1, current_setting('skew.tenants')::integer) AS n
 CROSS JOIN LATERAL (
       SELECT CASE WHEN n = 1                                               THEN current_setting('skew.giant')::integer
                   WHEN n <= 1 + current_setting('skew.middlings')::integer THEN current_setting('skew.middling')::integer
                   ELSE 3
              END
       ) AS sized (size);

CREATE TEMP TABLE people AS
SELECT houses.*,
       i,
       CASE WHEN i = 1 THEN md5('account ada')::uuid ELSE md5('account ' || n || ' ' || i)::uuid END AS account_id,
       CASE WHEN i = 1 THEN 'ada' ELSE 'user-' || n || '-' || i END AS username,
       CASE WHEN i <= 2 THEN 'admin' WHEN i % 100 = 3 THEN 'artist' WHEN i % 50 = 7 THEN 'assistant' ELSE 'member' END AS role,
       timestamptz '2026-01-01' + i * interval '1 second' AS created_at
  FROM houses
 CROSS JOIN generate_series(1, users) AS i;

ANALYZE houses;
ANALYZE people;

INSERT INTO tenants (id, name, slug, created_at)
SELECT tenant_id, 'Tenant ' || n, 'tenant-' || n, timestamptz '2026-01-01' + n * interval '1 second'
  FROM houses;

INSERT INTO accounts (id, username, email, password_hash, email_verified_at, is_superuser)
SELECT md5('account ' || username)::uuid, username, username || '@example.com', 'hash', now(), username = 'ada'
  FROM unnest(ARRAY['ada', 'nobody']) AS username
 UNION ALL
SELECT account_id, username, username || '@example.com', 'hash', now(), false
  FROM people
 WHERE i > 1;

INSERT INTO account_events (account_id, action)
SELECT account_id, 'session.login'
  FROM people;

INSERT INTO identities (issuer, subject, account_id)
SELECT 'https://id.example.com', username, account_id
  FROM people
 WHERE i > 1;

INSERT INTO sessions (id, account_id, issuer, subject, created_at, expires_at)
SELECT md5('session ada ' || k)::uuid, md5('account ada')::uuid, NULL, NULL, timestamptz '2026-01-01' + k * interval '1 second', now() + interval '1 day'
  FROM generate_series(1, 1000) AS k
 UNION ALL
SELECT md5('session ' || n || ' ' || i)::uuid, account_id, 'https://id.example.com', username, created_at, now() + interval '1 day'
  FROM people
 WHERE i > 1;

INSERT INTO passes (session_id, active_tenant_id, account_id, user_id, permissions, expires_at)
SELECT md5('session ' || n || ' ' || i)::uuid, tenant_id, account_id, md5('user ' || n || ' ' || i)::uuid, '{items:read}', now() + interval '1 day'
  FROM people
 WHERE i > 1;

INSERT INTO refresh_tokens (hash, session_id, used_at, successor)
SELECT sha256(convert_to(concat_ws(' ', CASE WHEN spent THEN 'spent' ELSE 'live' END, n, i), 'UTF8')), md5('session ' || n || ' ' || i)::uuid,
       CASE WHEN spent THEN now() END, CASE WHEN spent THEN '\x00'::bytea END
  FROM people
 CROSS JOIN unnest(ARRAY[true, false]) AS spent
 WHERE i > 1;

INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at)
SELECT sha256(convert_to('token ' || n || ' ' || i, 'UTF8')), account_id, 'password', username || '@example.com', now() + interval '1 day'
  FROM people
 WHERE i > 1;

INSERT INTO letters (id, kind, email, account_id, proofs)
SELECT md5('letter ' || n || ' ' || i)::uuid, 'proof', username || '@example.com', account_id, 0
  FROM people
 WHERE i > 1;

INSERT INTO hook_messages (id, sent_at)
SELECT 'msg_' || k, now()
  FROM generate_series(1, 10000) AS k;

INSERT INTO rate_limits (key, taken, resets_at)
SELECT sha256(convert_to('limit ' || k, 'UTF8')), 1, now() + interval '1 hour'
  FROM generate_series(1, 10000) AS k;

INSERT INTO idempotency_keys (scope_id, credential, operation, key, fingerprint, answer)
SELECT tenant_id, account_id, 'item.create', 'key ' || i, '\x00', '\x00'
  FROM people;

INSERT INTO roles (tenant_id, id, name, permissions, created_at)
SELECT tenant_id, md5('role ' || n || ' ' || i)::uuid, CASE WHEN i % 100 = 0 THEN 'Rare ' ELSE 'Common ' END || md5(i::text), '{items:read}',
       timestamptz '2026-01-01' + i * interval '1 second'
  FROM houses
 CROSS JOIN generate_series(1, teams) AS i;

-- Two artists work by turns, an hour each. Artist 2 is no user.
INSERT INTO appointments (tenant_id, id, client_id, artist_id, starts_at, ends_at, price_cents, status, created_at)
SELECT tenant_id, md5('appointment ' || n || ' ' || i)::uuid, md5('client ' || n || ' ' || 2 + i % 2)::uuid, md5('artist ' || n || ' ' || 2 + i % 2)::uuid,
       timestamptz '2026-01-01' + i * interval '1 hour', timestamptz '2026-01-01' + (i + 1) * interval '1 hour', i,
       (ARRAY['on_hold','cancelled','scheduled','completed'])[1 + i % 4], timestamptz '2026-01-01' + i * interval '1 second'
  FROM houses
 CROSS JOIN generate_series(1, size) AS i;

-- One of the two is paid each twenty minutes.
INSERT INTO transactions (tenant_id, id, appointment_id, artist_id, amount_cents, method, paid_at, created_at)
SELECT tenant_id, md5('transaction ' || n || ' ' || i)::uuid, md5('appointment ' || n || ' ' || 2 + i % 2)::uuid, md5('artist ' || n || ' ' || 2 + i % 2)::uuid,
       1 + i * 7919::bigint % 100000, (ARRAY['cash','card','transfer','other'])[1 + i % 4],
       timestamptz '2026-01-01' + i * interval '20 minutes', timestamptz '2026-01-01' + i * interval '1 second'
  FROM houses
 CROSS JOIN generate_series(1, size) AS i;

INSERT INTO settings (tenant_id, id, key, value, created_at)
SELECT tenant_id, md5('setting ' || n || ' ' || i)::uuid, 'key_' || i, to_jsonb(i), timestamptz '2026-01-01' + i * interval '1 second'
  FROM houses
 CROSS JOIN generate_series(1, 4) AS i;

-- A moderator has approved and trusts each second.
INSERT INTO user_groups (tenant_id, id, name, approved_at, trusted_at, created_at)
SELECT tenant_id, md5('user_group ' || n || ' ' || i)::uuid, CASE WHEN i % 1000 = 0 THEN 'Rare ' ELSE 'Common ' END || md5(i::text),
       CASE WHEN i % 2 = 0 THEN now() END, CASE WHEN i % 2 = 1 THEN now() END, timestamptz '2026-01-01' + i * interval '1 second'
  FROM houses
 CROSS JOIN generate_series(1, size) AS i;

INSERT INTO users (tenant_id, id, account_id, username, email, name, role, artist_id, team_id, is_active, created_at, last_login)
SELECT tenant_id, md5('user ' || n || ' ' || i)::uuid, account_id, username, username || '@example.com',
       CASE WHEN i % 1000 = 0 THEN 'Rare ' ELSE 'Common ' END || md5(i::text), role,
       CASE WHEN role = 'artist' THEN md5('artist ' || n || ' ' || i)::uuid END, md5('team ' || n || ' ' || 2 + i % (teams - 1))::uuid,
       i % 20 <> 5, created_at, now() + interval '1 day'
  FROM people;

INSERT INTO user_roles (tenant_id, user_id, role_id)
SELECT tenant_id, md5('user ' || n || ' ' || i)::uuid, md5('role ' || n || ' 2')::uuid
  FROM people
 WHERE i % 2 = 0;

-- A hundred users of the giant have many keys each, all others one.
INSERT INTO api_keys (tenant_id, id, user_id, name, key_prefix, hash, created_at, revoked_at)
SELECT tenant_id, md5('apikey ' || n || ' ' || i)::uuid, md5('user ' || n || ' ' || CASE WHEN i % 10 = 9 THEN 100 + i % 100 ELSE i END)::uuid, 'Key',
       'rh_' || left(md5('apikey ' || n || ' ' || i), 9), sha256(convert_to('apikey ' || n || ' ' || i, 'UTF8')), created_at,
       CASE WHEN i % 20 = 5 THEN now() END
  FROM people;

-- Most tenants have one: so few that by the average any index of the tenant finds a row as well as the one that names it.
INSERT INTO invitations (tenant_id, id, email, role, team_id, invited_by, token_hash, expires_at, created_at)
SELECT tenant_id, md5('invite ' || n || ' ' || i)::uuid, 'guest-' || i || '@example.com', 'member', md5('team ' || n || ' ' || 2 + i % (teams - 1))::uuid,
       md5('user ' || n || ' 2')::uuid, sha256(convert_to('invite ' || n || ' ' || i, 'UTF8')), now() + interval '1 day',
       timestamptz '2026-01-01' + i * interval '1 second'
  FROM houses
 CROSS JOIN generate_series(1, least(greatest(1, size / 100), 2000)) AS i;

-- User 2 and item 2 have some tenth of the giant's events.
INSERT INTO audit_events (tenant_id, id, created_at, actor_user_id, actor_account_id, action, entity_type, entity_id, after)
SELECT tenant_id, md5('audit ' || n || ' ' || i)::uuid, timestamptz '2026-01-01' + i * interval '1 second',
       md5('user ' || n || ' ' || CASE WHEN i % 10 = 0 THEN 2 ELSE 1 + i % users END)::uuid, md5('account ada')::uuid,
       CASE WHEN i % 1000 = 0 THEN 'user.update' ELSE 'item.update' END, CASE WHEN i % 1000 = 0 THEN 'user' ELSE 'item' END,
       md5('item ' || n || ' ' || CASE WHEN i % 10 = 1 THEN 2 ELSE 3 + i % greatest(1, size / 4) END)::uuid, '{}'
  FROM houses
 CROSS JOIN generate_series(1, size) AS i;

-- Jobs: most are done, some wait in the queue.
INSERT INTO jobs (tenant_id, id, kind, subject_type, subject_id, state, finished_at, queued_as, due_at, created_at)
SELECT tenant_id, md5('job ' || n || ' ' || i)::uuid, CASE WHEN i % 1000 = 0 THEN 'rare.job' WHEN i % 10 = 3 THEN 'tenth.job' ELSE 'common.job' END, 'item',
       md5('item ' || n || ' ' || CASE WHEN i % 10 = 1 THEN 2 ELSE i END)::uuid,
       CASE WHEN i % 1000 = 1 THEN 'failed' WHEN i % 10 = 4 THEN 'cancelled' WHEN i % 3 = 2 THEN 'waiting' ELSE 'completed' END,
       CASE WHEN i % 1000 = 1 OR i % 10 = 4 OR i % 3 <> 2 THEN timestamptz '2026-01-01' + i * interval '1 second' END,
       n * 10000000::bigint + i, timestamptz '2026-01-01' + i * interval '1 second', timestamptz '2026-01-01' + i * interval '1 second'
  FROM houses
 CROSS JOIN generate_series(1, size) AS i;

INSERT INTO webhooks (tenant_id, id, url, secret, disabled_at, disabled_reason, created_at)
SELECT tenant_id, md5('webhook ' || n || ' ' || i)::uuid, 'https://hooks.example.com/' || i, sha256('secret'), timestamptz '2026-01-01', 'asked',
       timestamptz '2026-01-01' + i * interval '1 second'
  FROM houses
 CROSS JOIN generate_series(1, size) AS i;

-- Half of them to webhook 2, the others to webhook 3.
INSERT INTO deliveries (tenant_id, id, webhook_id, event, state, created_at)
SELECT tenant_id, md5('delivery ' || n || ' ' || i)::uuid, md5('webhook ' || n || ' ' || 2 + i % 2)::uuid,
       CASE WHEN i % 1000 = 0 THEN 'rare.event' WHEN i % 10 = 4 THEN 'tenth.event' ELSE 'common.event' END,
       CASE WHEN i % 1000 = 500 THEN 'failed' WHEN i % 10 = 6 THEN 'pending' ELSE 'delivered' END, timestamptz '2026-01-01' + i * interval '1 second'
  FROM houses
 CROSS JOIN generate_series(1, size) AS i;

INSERT INTO river.river_job (id, kind, args)
SELECT queued_as, kind, jsonb_build_object('tenant_id', tenant_id, 'job_id', id, 'subject_id', subject_id)
  FROM jobs
 WHERE state = 'waiting';
