-- Scope: tenant.

-- RoleList reads one page of a tenant's roles. Sort is '', name or -name; the rest is as in ItemList.
-- name: RoleList :many
SELECT sqlc.embed(roles),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM roles counted
             WHERE counted.tenant_id = @tenant_id
               AND (counted.name_key >= fold(sqlc.narg('q')) AND counted.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
            ) END, -1)::bigint AS total
  FROM roles
 WHERE tenant_id = @tenant_id
   AND (name_key >= fold(sqlc.narg('q')) AND name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'name'  THEN (name_key, id)   > (sqlc.narg('after_name_key')::text, sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-name' THEN (name_key, id)   < (sqlc.narg('after_name_key')::text, sqlc.narg('after_id')::uuid)
            ELSE                            (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'name'  THEN name_key   END,
          CASE WHEN @sort::text = '-name' THEN name_key   END DESC,
          CASE WHEN @sort::text = ''      THEN created_at END DESC,
          CASE WHEN @sort::text = 'name'  THEN id END,
          CASE WHEN @sort::text <> 'name' THEN id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- RoleGet reads one role; pgx.ErrNoRows when the tenant has none of that id.
-- name: RoleGet :one
SELECT *
  FROM roles
 WHERE tenant_id = @tenant_id
   AND id = @id;

-- RoleCreate makes a role; RHGRT when it would hold what the caller does not.
-- name: RoleCreate :one
INSERT INTO roles (tenant_id, name, description, permissions)
VALUES (@tenant_id, @name, @description, @permissions)
RETURNING *;

-- RoleUpdate changes a role: NULL keeps the name and the permissions, and description_set says whether the description is replaced.
-- pgx.ErrNoRows when there is no such role, or when if_match is given and holds not its version; RHGRT
-- as in RoleCreate.
-- name: RoleUpdate :one
UPDATE roles
   SET name        = coalesce(sqlc.narg('name'), name),
       description = CASE WHEN @description_set::bool THEN sqlc.narg('description') ELSE description END,
       permissions = coalesce(sqlc.narg('permissions'), permissions)
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- RoleDelete removes a role that nobody has; pgx.ErrNoRows as in RoleUpdate.
-- name: RoleDelete :one
DELETE FROM roles
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;
