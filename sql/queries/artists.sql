-- Scope: tenant.

-- ArtistList reads one page of a tenant's artists, newest first where sort is ''; else it is name or -name. After… is
-- the last row of the page before (AfterID NULL: none), of which only the sorted column is looked at. Total is -1
-- unless asked for.
-- name: ArtistList :many
SELECT sqlc.embed(artists),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM artists counted
             WHERE counted.tenant_id = @tenant_id
               AND (counted.name_key >= fold(sqlc.narg('q')) AND counted.name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
               AND (counted.is_active = sqlc.narg('is_active') OR sqlc.narg('is_active') IS NULL)
            ) END, -1)::bigint AS total
  FROM artists
 WHERE tenant_id = @tenant_id
   AND (name_key >= fold(sqlc.narg('q')) AND name_key < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)
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

-- ArtistGet reads one artist; pgx.ErrNoRows when the tenant has none of that id.
-- name: ArtistGet :one
SELECT *
  FROM artists
 WHERE tenant_id = @tenant_id
   AND id = @id;

-- ArtistBookings reads when an artist is not free between two moments, as pairs of the beginnings and ends of what is
-- booked, and what the tenant has set; of one who works here no more, in which works is false. pgx.ErrNoRows when the
-- tenant has none of that id. What began earlier than a day before is over. What was cancelled is left out last: if it were
-- a condition of the rows, they would be met by the index that lets none overlap, which has an artist's in no order; and were they not
-- asked for in order, by that of when they were made wherever an artist is expected to have one.
-- name: ArtistBookings :one
SELECT artists.is_active AS works,
       coalesce((
            SELECT jsonb_object_agg(settings.key, settings.value)
              FROM settings
             WHERE settings.tenant_id = @tenant_id), '{}')::jsonb AS given,
       coalesce((
            SELECT jsonb_agg(jsonb_build_object('From', p.starts_at, 'To', p.ends_at))
                   FILTER (WHERE p.status <> 'cancelled' AND p.ends_at > @since::timestamptz)
              FROM (SELECT appointments.starts_at,
                           appointments.ends_at,
                           appointments.status
                      FROM appointments
                     WHERE appointments.tenant_id = @tenant_id
                       AND appointments.artist_id = @id
                       AND appointments.starts_at > sqlc.arg('since')::timestamptz - interval '24 hours'
                       AND appointments.starts_at < @until::timestamptz
                     ORDER BY appointments.starts_at
                   ) AS p), '[]')::jsonb AS booked
  FROM artists
 WHERE artists.tenant_id = @tenant_id
   AND artists.id = @id;

-- ArtistCalendar reads an artist's name, and the appointments from a moment on, up to so many, cancelled ones too, as far as the caller sees
-- them; a client's name is '' for whoever may not read clients. pgx.ErrNoRows when the tenant has no artist of that id.
-- name: ArtistCalendar :one
SELECT artists.name,
       coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                   'ID',        a.id,
                   'From',      a.starts_at,
                   'To',        a.ends_at,
                   'Title',     (SELECT clients.name
                                   FROM clients
                                  WHERE clients.tenant_id = @tenant_id
                                    AND clients.id = a.client_id
                                    AND (SELECT holds('clients:read'))),
                   'Notes',     a.notes,
                   'Status',    a.status,
                   'Version',   a.version,
                   'CreatedAt', a.created_at,
                   'UpdatedAt', a.updated_at) ORDER BY a.starts_at, a.id)
              FROM (SELECT appointments.*
                      FROM appointments
                     WHERE appointments.tenant_id = @tenant_id
                       AND appointments.artist_id = @artist_id
                       AND ((SELECT reaches_all()) OR appointments.artist_id = (SELECT my_artist()))
                       AND appointments.starts_at >= @since::timestamptz
                     ORDER BY appointments.starts_at, appointments.id
                     LIMIT @most::integer) AS a), '[]')::jsonb AS entries
  FROM artists
 WHERE artists.tenant_id = @tenant_id
   AND artists.id = @artist_id;

-- ArtistCreate makes an artist; without commission_rate or is_active it has what the table says.
-- name: ArtistCreate :one
INSERT INTO artists (tenant_id, name, bio, commission_rate, is_active)
VALUES (@tenant_id, @name, @bio, coalesce(sqlc.narg('commission_rate')::numeric, 0.5),
        coalesce(sqlc.narg('is_active')::bool, true))
RETURNING *;

-- ArtistUpdate changes an artist: NULL keeps name, commission_rate and is_active, and bio_set says what is replaced.
-- pgx.ErrNoRows when the caller may change none of that id, or when if_match is given and holds not its version.
-- name: ArtistUpdate :one
UPDATE artists
   SET name            = coalesce(sqlc.narg('name'), name),
       bio             = CASE WHEN @bio_set::bool THEN sqlc.narg('bio') ELSE bio END,
       commission_rate = coalesce(sqlc.narg('commission_rate'), commission_rate),
       is_active       = coalesce(sqlc.narg('is_active'), is_active)
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR id = (SELECT my_artist()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- ArtistDelete removes an artist; pgx.ErrNoRows as in ArtistUpdate.
-- name: ArtistDelete :one
DELETE FROM artists
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR id = (SELECT my_artist()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;
