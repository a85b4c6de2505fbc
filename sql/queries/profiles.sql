-- Scope: tenant. A profile is a user who is active, has one, and lets himself be found.

-- ProfileList reads one page of a tenant's profiles. Sort is '', name, -name, username or -username; the rest is as in ItemList. email_shown is
-- false where a user's e-mail is not the reader's to see: published, where everybody reads; else the caller, who is in the tenant.
-- name: ProfileList :many
SELECT sqlc.embed(users),
       (users.email_privacy = 'public'
        OR NOT @published::bool AND (users.email_privacy = 'private' OR coalesce(users.id = (SELECT me()), false) OR (SELECT holds('users:write'))))::bool AS email_shown,
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM users counted
             WHERE counted.tenant_id = @tenant_id
               AND counted.is_active
               AND counted.public_profile
               AND counted.search_visibility = 'public'
               AND (counted.name_key >= fold(sqlc.narg('q')) AND counted.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
            ) END, -1)::bigint AS total
  FROM users
 WHERE users.tenant_id = @tenant_id
   AND users.is_active
   AND users.public_profile
   AND users.search_visibility = 'public'
   AND (users.name_key >= fold(sqlc.narg('q')) AND users.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'name'      THEN (users.name_key, users.id)   > (sqlc.narg('after_name_key')::text, sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-name'     THEN (users.name_key, users.id)   < (sqlc.narg('after_name_key')::text, sqlc.narg('after_id')::uuid)
            WHEN @sort::text = 'username'  THEN (users.username, users.id)   > (sqlc.narg('after_username')::text, sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-username' THEN (users.username, users.id)   < (sqlc.narg('after_username')::text, sqlc.narg('after_id')::uuid)
            ELSE                                (users.created_at, users.id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'name'      THEN users.name_key   END,
          CASE WHEN @sort::text = '-name'     THEN users.name_key   END DESC,
          CASE WHEN @sort::text = 'username'  THEN users.username   END,
          CASE WHEN @sort::text = '-username' THEN users.username   END DESC,
          CASE WHEN @sort::text = ''          THEN users.created_at END DESC,
          CASE WHEN @sort::text IN ('name', 'username') THEN users.id END,
          CASE WHEN @sort::text NOT IN ('name', 'username') THEN users.id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- ProfileGet reads the profile of a username; pgx.ErrNoRows when the tenant has none. email_shown is as in ProfileList.
-- name: ProfileGet :one
SELECT sqlc.embed(users),
       (users.email_privacy <> 'never' OR coalesce(users.id = (SELECT me()), false) OR (SELECT holds('users:write')))::bool AS email_shown
  FROM users
 WHERE users.tenant_id = @tenant_id
   AND users.username = @username
   AND users.is_active
   AND users.public_profile
   AND users.search_visibility = 'public';
