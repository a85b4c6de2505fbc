-- Scope: tenant.

-- ApiKeyList reads one page of the keys that the caller sees: its own, or all where it holds keys:revoke_any; with of_user
-- those of one user; newest first.
-- name: ApiKeyList :many
SELECT sqlc.embed(api_keys),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM api_keys counted
             WHERE counted.tenant_id = @tenant_id
               AND (counted.user_id = (SELECT me()) OR (SELECT holds('keys:revoke_any')))
               AND (counted.user_id = @user_id OR NOT @of_user::bool)
               AND ((counted.revoked_at IS NULL AND (counted.expires_at > now() OR counted.expires_at IS NULL)) = sqlc.narg('active')::bool
                    OR sqlc.narg('active')::bool IS NULL)
            ) END, -1)::bigint AS total
  FROM api_keys
 WHERE tenant_id = @tenant_id
   AND (user_id = (SELECT me()) OR (SELECT holds('keys:revoke_any')))
   AND (user_id = @user_id OR NOT @of_user::bool)
   AND ((revoked_at IS NULL AND (expires_at > now() OR expires_at IS NULL)) = sqlc.narg('active')::bool OR sqlc.narg('active')::bool IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            ELSE (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY created_at DESC, id DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- ApiKeyGet reads one key; pgx.ErrNoRows when the caller sees none of that id.
-- name: ApiKeyGet :one
SELECT *
  FROM api_keys
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (user_id = (SELECT me()) OR (SELECT holds('keys:revoke_any')));

-- ApiKeyCreate makes a key of the user who asks; RHGRT when its scopes hold what the caller does not, RHUSR when nobody of the
-- tenant asks. pgx.ErrNoRows: the user is active no more. Whoever shuts the user out waits, and then sees the key.
-- name: ApiKeyCreate :one
INSERT INTO api_keys (tenant_id, user_id, name, description, key_prefix, hash, scopes, expires_at)
SELECT @tenant_id, users.id, @name, @description, @key_prefix, @hash, @scopes, now() + sqlc.narg('days')::integer * interval '1 day'
  FROM users
 WHERE users.tenant_id = @tenant_id
   AND users.id = (SELECT my_user())
   AND users.is_active
   FOR SHARE
RETURNING *;

-- ApiKeyRevoke ends a key, or leaves one that was ended as it is; pgx.ErrNoRows as in ApiKeyGet.
-- name: ApiKeyRevoke :one
UPDATE api_keys
   SET revoked_at = coalesce(revoked_at, now())
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (user_id = (SELECT me()) OR (SELECT holds('keys:revoke_any')))
RETURNING *;

-- ApiKeyRevokeAll ends the live keys of one user, the caller unless of_user says that another is named, and returns how many. Another's are ended only
-- where the caller holds keys:revoke_any. RHUSR: the caller is no user and names none, even where there is no key.
-- name: ApiKeyRevokeAll :execrows
UPDATE api_keys
   SET revoked_at = now()
 WHERE tenant_id = @tenant_id
   AND (@of_user::bool OR (SELECT my_user()) IS NOT NULL)
   AND user_id = CASE WHEN @of_user::bool THEN @user_id ELSE (SELECT my_user()) END
   AND (user_id = (SELECT me()) OR (SELECT holds('keys:revoke_any')))
   AND revoked_at IS NULL;

-- ApiKeyRevokeOfAccount ends the live keys of an account's user, for an account that changes hands or is shut.
-- name: ApiKeyRevokeOfAccount :exec
UPDATE api_keys
   SET revoked_at = now()
 WHERE api_keys.tenant_id = @tenant_id
   AND api_keys.user_id IN (SELECT u.id FROM users u WHERE u.tenant_id = @tenant_id AND u.account_id = @account_id)
   AND api_keys.revoked_at IS NULL;

-- ApiKeyDelete removes a key; pgx.ErrNoRows as in ApiKeyGet, or when if_match is given and holds not its version.
-- name: ApiKeyDelete :one
DELETE FROM api_keys
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (user_id = (SELECT me()) OR (SELECT holds('keys:revoke_any')))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;
