-- Scope: tenant.

-- TeamList reads one page of a tenant's teams. Sort is '', name or -name; the rest is as in ItemList.
-- name: TeamList :many
SELECT sqlc.embed(teams),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM teams counted
             WHERE counted.tenant_id = @tenant_id
               AND (counted.name_key >= fold(sqlc.narg('q')) AND counted.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
            ) END, -1)::bigint AS total
  FROM teams
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

-- TeamGet reads one team; pgx.ErrNoRows when the tenant has none of that id.
-- name: TeamGet :one
SELECT *
  FROM teams
 WHERE tenant_id = @tenant_id
   AND id = @id;

-- TeamCreate makes a team.
-- name: TeamCreate :one
INSERT INTO teams (tenant_id, name, description)
VALUES (@tenant_id, @name, @description)
RETURNING *;

-- TeamUpdate changes a team: NULL keeps the name, and description_set says whether the description is replaced.
-- pgx.ErrNoRows when there is no such team, or when if_match is given and holds not its version.
-- name: TeamUpdate :one
UPDATE teams
   SET name        = coalesce(sqlc.narg('name'), name),
       description = CASE WHEN @description_set::bool THEN sqlc.narg('description') ELSE description END
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- TeamDelete removes a team that nobody is in; pgx.ErrNoRows as in TeamUpdate.
-- name: TeamDelete :one
DELETE FROM teams
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;
