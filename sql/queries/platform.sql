-- Scope: platform.

-- PlatformTenantList reads a page of all tenants, for a superuser, newest first where sort is ''; else it is name or -name. After… is the last row of the
-- page before (AfterID NULL: none). Total is -1 unless asked for.
-- name: PlatformTenantList :many
SELECT sqlc.embed(tenants),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM tenants counted
             WHERE (counted.status = sqlc.narg('status') OR sqlc.narg('status') IS NULL)
               AND (counted.name_key >= fold(sqlc.narg('q')) AND counted.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
            ) END, -1)::bigint AS total
  FROM tenants
 WHERE EXISTS (SELECT FROM accounts WHERE accounts.id = @account_id AND accounts.is_superuser)
   AND (tenants.status = sqlc.narg('status') OR sqlc.narg('status') IS NULL)
   AND (tenants.name_key >= fold(sqlc.narg('q')) AND tenants.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
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

-- PlatformTenants reads so many tenants, for the operator, from behind the one after on, in the order in which their ids were made.
-- name: PlatformTenants :many
SELECT *
  FROM tenants
 WHERE id > @after_id
 ORDER BY id
 LIMIT @size::integer;
