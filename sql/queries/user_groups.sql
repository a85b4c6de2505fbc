-- Scope: tenant.

-- UserGroupList reads one page of a tenant's user groups: all, or the caller's own, as the permission reaches, newest
-- first where sort is ''; else it is name or -name. After… is the last row of the page before (AfterID NULL: none), of which only the sorted
-- column is looked at. Total is -1 unless asked for.
-- name: UserGroupList :many
SELECT sqlc.embed(user_groups),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM user_groups counted
             WHERE counted.tenant_id = @tenant_id
               AND ((SELECT reaches_all()) OR counted.owner_id = (SELECT me()))
               AND (counted.name_key >= fold(sqlc.narg('q')) AND counted.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
               AND (counted.owner_id = sqlc.narg('owner_id') OR sqlc.narg('owner_id') IS NULL)
               AND (counted.approved = sqlc.narg('approved') OR sqlc.narg('approved') IS NULL)
               AND (counted.trusted = sqlc.narg('trusted') OR sqlc.narg('trusted') IS NULL)
            ) END, -1)::bigint AS total
  FROM user_groups
 WHERE tenant_id = @tenant_id
   AND ((SELECT reaches_all()) OR owner_id = (SELECT me()))
   AND (name_key >= fold(sqlc.narg('q')) AND name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
   AND (owner_id = sqlc.narg('owner_id') OR sqlc.narg('owner_id') IS NULL)
   AND (approved = sqlc.narg('approved') OR sqlc.narg('approved') IS NULL)
   AND (trusted = sqlc.narg('trusted') OR sqlc.narg('trusted') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'name'  THEN (name_key, id)   > (sqlc.narg('after_name_key')::text,         sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-name' THEN (name_key, id)   < (sqlc.narg('after_name_key')::text,         sqlc.narg('after_id')::uuid)
            ELSE                            (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'name'  THEN name_key   END,
          CASE WHEN @sort::text = '-name' THEN name_key   END DESC,
          CASE WHEN @sort::text = ''      THEN created_at END DESC,
          CASE WHEN @sort::text = 'name'  THEN id END,
          CASE WHEN @sort::text <> 'name' THEN id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- UserGroupGet reads one user group; pgx.ErrNoRows when the caller sees none of that id.
-- name: UserGroupGet :one
SELECT *
  FROM user_groups
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR owner_id = (SELECT me()));

-- UserGroupCreate makes a user group, which is the caller's; of a visitor, who is no user of the tenant, it is nobody's. Without url_type it has
-- what the table says.
-- name: UserGroupCreate :one
INSERT INTO user_groups (tenant_id, name, location, url, url_type, start_date)
VALUES (@tenant_id, @name, @location, @url, coalesce(sqlc.narg('url_type')::text, 'other'), @start_date)
RETURNING *;

-- UserGroupUpdate changes a user group: NULL keeps name and url_type, and location_set, url_set and start_date_set say what is replaced. A change
-- of name, url or location by one who does not moderate takes what moderators gave. pgx.ErrNoRows when the caller may change none of that id, or
-- when if_match is given and holds not its version.
-- name: UserGroupUpdate :one
UPDATE user_groups
   SET name       = coalesce(sqlc.narg('name'), name),
       location   = CASE WHEN @location_set::bool THEN sqlc.narg('location') ELSE location END,
       url        = CASE WHEN @url_set::bool THEN sqlc.narg('url') ELSE url END,
       url_type   = coalesce(sqlc.narg('url_type'), url_type),
       start_date = CASE WHEN @start_date_set::bool THEN sqlc.narg('start_date') ELSE start_date END
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR owner_id = (SELECT me()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- UserGroupApprove lets a group into the public directory; one that is there stays as it was. pgx.ErrNoRows when the tenant has none of that id.
-- name: UserGroupApprove :one
UPDATE user_groups
   SET approved_at = coalesce(approved_at, now())
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING *;

-- UserGroupRevokeApproval takes a group out of the public directory. pgx.ErrNoRows as in UserGroupApprove.
-- name: UserGroupRevokeApproval :one
UPDATE user_groups
   SET approved_at = NULL
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING *;

-- UserGroupMarkTrusted says that a group is known to be good, in the public directory or not; as UserGroupApprove otherwise.
-- name: UserGroupMarkTrusted :one
UPDATE user_groups
   SET trusted_at = coalesce(trusted_at, now())
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING *;

-- UserGroupRevokeTrust takes that back. pgx.ErrNoRows as in UserGroupApprove.
-- name: UserGroupRevokeTrust :one
UPDATE user_groups
   SET trusted_at = NULL
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING *;

-- UserGroupDelete removes a user group; pgx.ErrNoRows as in UserGroupUpdate.
-- name: UserGroupDelete :one
DELETE FROM user_groups
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR owner_id = (SELECT me()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;
