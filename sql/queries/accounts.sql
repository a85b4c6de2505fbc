-- Scope: account.

-- AccountGet reads the account that is asking.
-- name: AccountGet :one
SELECT *
  FROM accounts
 WHERE id = @account_id;

-- AccountUpdate changes the account's own fields.
-- name: AccountUpdate :one
UPDATE accounts
   SET name = CASE WHEN @name_set::bool THEN sqlc.narg('name') ELSE name END
 WHERE id = @account_id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- AccountPasswordSet replaces the password's hash and voids all proofs of the account but the session that asked. It changes nothing, and
-- returns 0 instead of 1, when they were voided since the current password was checked.
-- name: AccountPasswordSet :one
WITH changed AS (
     UPDATE accounts
        SET password_hash = @password_hash,
            proofs        = accounts.proofs + 1
      WHERE accounts.id = @account_id
        AND accounts.proofs = @proofs
  RETURNING accounts.proofs
), kept AS (
     UPDATE sessions
        SET proofs = changed.proofs
       FROM changed
      WHERE sessions.account_id = @account_id
        AND sessions.id = @kept_session_id
)
SELECT count(*)
  FROM changed;

-- AccountHold keeps the account from getting users, sessions and tokens until the transaction ends: those that a later statement sees are
-- all.
-- name: AccountHold :one
SELECT id
  FROM accounts
 WHERE id = @account_id
   FOR NO KEY UPDATE;

-- AccountClose clears what is personal and makes the account unusable; its sessions, what was mailed for it, and whom outside issuers mean by
-- it end with it.
-- name: AccountClose :exec
WITH ended AS (
     DELETE FROM sessions
      WHERE sessions.account_id = @account_id
), unlinked AS (
     DELETE FROM identities
      WHERE identities.account_id = @account_id
)
UPDATE accounts
   SET proofs            = proofs + 1,
       username          = @username,
       email             = @email,
       name              = NULL,
       password_hash     = NULL,
       email_verified_at = NULL,
       is_staff          = false,
       is_superuser      = false,
       is_active         = false
 WHERE accounts.id = @account_id;

-- AccountTenantList reads a page of the active tenants in which the account is an active user. Sort is '', name or -name.
-- name: AccountTenantList :many
SELECT sqlc.embed(tenants),
       users.id AS user_id,
       users.role,
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM users counted
              JOIN tenants of_counted ON of_counted.id = counted.tenant_id
             WHERE counted.account_id = @account_id
               AND counted.is_active
               AND of_counted.status = 'active'
            ) END, -1)::bigint AS total
  FROM users
  JOIN tenants ON tenants.id = users.tenant_id
 WHERE users.account_id = @account_id
   AND users.is_active
   AND tenants.status = 'active'
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'name'  THEN (tenants.name_key, tenants.id)   > (sqlc.narg('after_name_key')::text, sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-name' THEN (tenants.name_key, tenants.id)   < (sqlc.narg('after_name_key')::text, sqlc.narg('after_id')::uuid)
            ELSE                            (tenants.created_at, tenants.id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'name'  THEN tenants.name_key END,
          CASE WHEN @sort::text = '-name' THEN tenants.name_key END DESC,
          CASE WHEN @sort::text = ''      THEN tenants.created_at END DESC,
          CASE WHEN @sort::text = 'name'  THEN tenants.id END,
          CASE WHEN @sort::text <> 'name' THEN tenants.id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- AccountUsers reads what each tenant says of the account as a user of it, the oldest first, active or not.
-- name: AccountUsers :many
SELECT sqlc.embed(users),
       tenants.name AS tenant_name
  FROM users
  JOIN tenants ON tenants.id = users.tenant_id
 WHERE users.account_id = @account_id
 ORDER BY users.created_at, users.id;

-- AccountIdentities reads who the account is at outside issuers.
-- name: AccountIdentities :many
SELECT sqlc.embed(identities)
  FROM accounts
  JOIN identities ON identities.account_id = accounts.id
 WHERE accounts.id = @account_id
 ORDER BY identities.issuer;

-- AccountEvents reads the newest events of the account, so many.
-- name: AccountEvents :many
SELECT account_events.created_at,
       account_events.action,
       account_events.about_tenant,
       account_events.reason,
       account_events.before,
       account_events.after,
       account_events.address
  FROM accounts
  JOIN account_events ON account_events.account_id = accounts.id
 WHERE accounts.id = @account_id
 ORDER BY account_events.created_at DESC, account_events.id DESC
 LIMIT @most::integer;

-- AccountUserTenants names every tenant where the account is a user, active or not, always in the same order.
-- name: AccountUserTenants :many
SELECT users.tenant_id
  FROM users
 WHERE users.account_id = @account_id
 ORDER BY users.tenant_id;

-- AccountProve makes an address the account's proven login e-mail, for whoever read the mail that was sent there; what else was mailed is
-- void. Wipe: nothing shows that it is also who knows the password, so password and sessions go, and a given hash is the new password's;
-- where the address was not proven before, so do the outside identities of whoever had the account until now. pgx.ErrNoRows: the account is
-- closed.
-- name: AccountProve :one
WITH void AS (
     DELETE FROM one_time_tokens
      WHERE one_time_tokens.account_id = @account_id
), unlinked AS (
     DELETE FROM identities
      USING accounts before
      WHERE identities.account_id = @account_id
        AND before.id = @account_id
        AND (before.email_verified_at IS NULL OR before.email <> @email)
        AND @wipe::bool
)
UPDATE accounts
   SET email             = @email,
       email_verified_at = now(),
       password_hash     = CASE WHEN @wipe::bool THEN sqlc.narg('password_hash') ELSE password_hash END,
       proofs            = CASE WHEN @wipe::bool THEN proofs + 1 ELSE proofs END
 WHERE accounts.id = @account_id
   AND accounts.is_active
RETURNING *;

-- TokenSpend takes a live token of the account away, for the one who came with it first; pgx.ErrNoRows for everybody else.
-- name: TokenSpend :one
DELETE FROM one_time_tokens
 WHERE account_id = @account_id
   AND hash = @hash
   AND expires_at > now()
RETURNING account_id;
