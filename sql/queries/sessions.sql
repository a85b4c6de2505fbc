-- Scope: account.

-- SessionList reads a page of the account's live sessions, newest first.
-- name: SessionList :many
SELECT sqlc.embed(sessions),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM sessions counted
             WHERE counted.account_id = @account_id
               AND counted.revoked_at IS NULL
               AND counted.expires_at > now()
            ) END, -1)::bigint AS total
  FROM sessions
 WHERE account_id = @account_id
   AND revoked_at IS NULL
   AND expires_at > now()
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            ELSE (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY created_at DESC, id DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- SessionRevoke ends one live session; pgx.ErrNoRows when the account has none of that id.
-- name: SessionRevoke :one
UPDATE sessions
   SET revoked_at = now()
 WHERE account_id = @account_id
   AND id = @id
   AND revoked_at IS NULL
   AND expires_at > now()
RETURNING id;

-- SessionRevokeAll voids all proofs of the account, and so ends its sessions; it returns how many were live.
-- name: SessionRevokeAll :one
WITH voided AS (
     UPDATE accounts
        SET proofs = accounts.proofs + 1
      WHERE accounts.id = @account_id
)
SELECT count(*)
  FROM sessions
 WHERE sessions.account_id = @account_id
   AND sessions.revoked_at IS NULL
   AND sessions.expires_at > now();

-- SessionBind binds a session to a tenant in which the account is an active user, or unbinds it (NULL); pgx.ErrNoRows when
-- it is not such a user.
-- name: SessionBind :one
UPDATE sessions
   SET active_tenant_id = sqlc.narg('active_tenant_id')
 WHERE sessions.account_id = @account_id
   AND sessions.id = @id
   AND (EXISTS (
        SELECT 1
          FROM users
          JOIN tenants ON tenants.id = users.tenant_id
         WHERE users.tenant_id = sqlc.narg('active_tenant_id')
           AND users.account_id = @account_id
           AND users.is_active
           AND tenants.status = 'active')
        OR sqlc.narg('active_tenant_id') IS NULL)
RETURNING sessions.id;

-- SessionVisit starts a session of an active superuser or staff that is bound to a tenant whose user it is not, and returns when it ends: as
-- it is told, or with the session that it is begun from. It has no refresh token. pgx.ErrNoRows for any other account.
-- name: SessionVisit :one
INSERT INTO sessions (account_id, id, proofs, begun_from, active_tenant_id, visit_reason, user_agent, address, expires_at)
SELECT @account_id, @id, accounts.proofs, base.id, @active_tenant_id, @visit_reason, @user_agent, @address, least(@expires_at::timestamptz, base.expires_at)
  FROM accounts
  JOIN sessions base ON base.account_id = accounts.id
 WHERE accounts.id = @account_id
   AND accounts.is_active
   AND (accounts.is_superuser OR accounts.is_staff)
   AND base.id = @begun_from
   AND base.revoked_at IS NULL
   FOR SHARE OF base -- who ends it sees the visit
RETURNING expires_at;
