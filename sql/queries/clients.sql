-- Scope: tenant.

-- ClientList reads one page of a tenant's clients, newest first where sort is ''; else it is name or -name. After… is
-- the last row of the page before (AfterID NULL: none), of which only the sorted column is looked at. Total is -1
-- unless asked for.
-- name: ClientList :many
SELECT sqlc.embed(clients),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM clients counted
             WHERE counted.tenant_id = @tenant_id
               AND (counted.name_key >= fold(sqlc.narg('q')) AND counted.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
               AND (counted.email = sqlc.narg('email') OR sqlc.narg('email') IS NULL)
               AND (counted.preferred_artist_id = sqlc.narg('preferred_artist_id') OR sqlc.narg('preferred_artist_id') IS NULL)
               AND (counted.is_active = sqlc.narg('is_active') OR sqlc.narg('is_active') IS NULL)
            ) END, -1)::bigint AS total
  FROM clients
 WHERE tenant_id = @tenant_id
   AND (name_key >= fold(sqlc.narg('q')) AND name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
   AND (email = sqlc.narg('email') OR sqlc.narg('email') IS NULL)
   AND (preferred_artist_id = sqlc.narg('preferred_artist_id') OR sqlc.narg('preferred_artist_id') IS NULL)
   AND (is_active = sqlc.narg('is_active') OR sqlc.narg('is_active') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'name'  THEN (name_key, id)   > (sqlc.narg('after_name_key')::text,          sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-name' THEN (name_key, id)   < (sqlc.narg('after_name_key')::text,          sqlc.narg('after_id')::uuid)
            ELSE                            (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'name'  THEN name_key   END,
          CASE WHEN @sort::text = '-name' THEN name_key   END DESC,
          CASE WHEN @sort::text = ''      THEN created_at END DESC,
          CASE WHEN @sort::text = 'name'  THEN id END,
          CASE WHEN @sort::text <> 'name' THEN id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- ClientGet reads one client; pgx.ErrNoRows when the tenant has none of that id.
-- name: ClientGet :one
SELECT *
  FROM clients
 WHERE tenant_id = @tenant_id
   AND id = @id;

-- ClientCreate makes a client; without is_active it has what the table says.
-- name: ClientCreate :one
INSERT INTO clients (tenant_id, name, phone, email, instagram, birthdate, notes, preferred_artist_id, consented_at,
             guardian_name, is_active)
VALUES (@tenant_id, @name, @phone, @email, @instagram, @birthdate, @notes, @preferred_artist_id, @consented_at,
        @guardian_name, coalesce(sqlc.narg('is_active')::bool, true))
RETURNING *;

-- ClientUpdate changes a client: NULL keeps name and is_active, and phone_set, email_set, instagram_set, birthdate_set,
-- notes_set, preferred_artist_id_set, consented_at_set and guardian_name_set say what is replaced. pgx.ErrNoRows when
-- there is no such client, or when if_match is given and holds not its version.
-- name: ClientUpdate :one
UPDATE clients
   SET name                = coalesce(sqlc.narg('name'), name),
       phone               = CASE WHEN @phone_set::bool THEN sqlc.narg('phone') ELSE phone END,
       email               = CASE WHEN @email_set::bool THEN sqlc.narg('email') ELSE email END,
       instagram           = CASE WHEN @instagram_set::bool THEN sqlc.narg('instagram') ELSE instagram END,
       birthdate           = CASE WHEN @birthdate_set::bool THEN sqlc.narg('birthdate') ELSE birthdate END,
       notes               = CASE WHEN @notes_set::bool THEN sqlc.narg('notes') ELSE notes END,
       preferred_artist_id = CASE WHEN @preferred_artist_id_set::bool THEN sqlc.narg('preferred_artist_id') ELSE preferred_artist_id END,
       consented_at        = CASE WHEN @consented_at_set::bool THEN sqlc.narg('consented_at') ELSE consented_at END,
       guardian_name       = CASE WHEN @guardian_name_set::bool THEN sqlc.narg('guardian_name') ELSE guardian_name END,
       is_active           = coalesce(sqlc.narg('is_active'), is_active)
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- ClientDelete removes a client; pgx.ErrNoRows as in ClientUpdate.
-- name: ClientDelete :one
DELETE FROM clients
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;
