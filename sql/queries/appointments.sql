-- Scope: tenant.

-- AppointmentList reads one page of a tenant's appointments: all, or the caller's own, as the permission reaches,
-- newest first where sort is ''; else it is starts_at or -starts_at. After… is the last row of the page before (AfterID
-- NULL: none), of which only the sorted column is looked at. Total is -1 unless asked for.
-- name: AppointmentList :many
SELECT sqlc.embed(appointments),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM appointments counted
             WHERE counted.tenant_id = @tenant_id
               AND ((SELECT reaches_all()) OR counted.artist_id = (SELECT my_artist()))
               AND (counted.client_id = @client_id OR NOT @of_client::bool)
               AND (counted.artist_id = @artist_id OR NOT @of_artist::bool)
               AND (counted.starts_at >= sqlc.narg('min_starts_at') OR sqlc.narg('min_starts_at') IS NULL)
               AND (counted.starts_at <= sqlc.narg('max_starts_at') OR sqlc.narg('max_starts_at') IS NULL)
               AND (counted.status = sqlc.narg('status') OR sqlc.narg('status') IS NULL)
            ) END, -1)::bigint AS total
  FROM appointments
 WHERE tenant_id = @tenant_id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
   AND (client_id = @client_id OR NOT @of_client::bool)
   AND (artist_id = @artist_id OR NOT @of_artist::bool)
   AND (starts_at >= sqlc.narg('min_starts_at') OR sqlc.narg('min_starts_at') IS NULL)
   AND (starts_at <= sqlc.narg('max_starts_at') OR sqlc.narg('max_starts_at') IS NULL)
   AND (status = sqlc.narg('status') OR sqlc.narg('status') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'starts_at'  THEN (starts_at, id)  > (sqlc.narg('after_starts_at')::timestamptz,  sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-starts_at' THEN (starts_at, id)  < (sqlc.narg('after_starts_at')::timestamptz,  sqlc.narg('after_id')::uuid)
            ELSE                                 (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'starts_at'  THEN starts_at  END,
          CASE WHEN @sort::text = '-starts_at' THEN starts_at  END DESC,
          CASE WHEN @sort::text = ''           THEN created_at END DESC,
          CASE WHEN @sort::text = 'starts_at'  THEN id END,
          CASE WHEN @sort::text <> 'starts_at' THEN id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- AppointmentGet reads one appointment; pgx.ErrNoRows when the caller sees none of that id.
-- name: AppointmentGet :one
SELECT *
  FROM appointments
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()));

-- AppointmentCreate makes an appointment; without status it has what the table says.
-- name: AppointmentCreate :one
INSERT INTO appointments (tenant_id, client_id, artist_id, starts_at, ends_at, price_cents, notes, commission_rate, status)
VALUES (@tenant_id, @client_id, @artist_id, @starts_at, @ends_at, @price_cents, @notes, @commission_rate,
        coalesce(sqlc.narg('status')::text, 'scheduled'))
RETURNING *;

-- AppointmentUpdate changes an appointment: NULL keeps starts_at, ends_at, price_cents and status, and client_id_set,
-- artist_id_set, notes_set and commission_rate_set say what is replaced. RHEND: it has ended, and keeps all but its
-- notes. pgx.ErrNoRows when the caller may change none of that id, or when if_match is given and holds not its version.
-- name: AppointmentUpdate :one
UPDATE appointments
   SET client_id       = CASE WHEN @client_id_set::bool THEN @client_id ELSE client_id END,
       artist_id       = CASE WHEN @artist_id_set::bool THEN @artist_id ELSE artist_id END,
       starts_at       = coalesce(sqlc.narg('starts_at'), starts_at),
       ends_at         = coalesce(sqlc.narg('ends_at'), ends_at),
       price_cents     = coalesce(sqlc.narg('price_cents'), price_cents),
       notes           = CASE WHEN @notes_set::bool THEN sqlc.narg('notes') ELSE notes END,
       commission_rate = CASE WHEN @commission_rate_set::bool THEN sqlc.narg('commission_rate') ELSE commission_rate END,
       status          = coalesce(sqlc.narg('status'), status)
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- AppointmentComplete ends an appointment as done and pays it, by one transaction of the given id; by none where it costs
-- nothing. RHEND: it has ended already. pgx.ErrNoRows when the caller may change none of that id.
-- name: AppointmentComplete :one
WITH booked AS (
    -- As it is once it is locked, whatever it was when the statement began: what is paid is its price.
    SELECT a.id, a.artist_id, a.price_cents, a.status
      FROM appointments a
     WHERE a.tenant_id = @tenant_id
       AND a.id = @id
       AND ((SELECT reaches_all()) OR a.artist_id = (SELECT my_artist()))
       FOR UPDATE
), paid AS (
    INSERT INTO transactions (tenant_id, id, appointment_id, artist_id, amount_cents, method, completes)
    SELECT @tenant_id, @transaction_id, booked.id, booked.artist_id, booked.price_cents, @method, true
      FROM booked
     WHERE booked.price_cents > 0
)
UPDATE appointments
   SET status = ending(booked.status, 'completed')
  FROM booked
 WHERE appointments.tenant_id = @tenant_id
   AND appointments.id = booked.id
   AND ((SELECT reaches_all()) OR appointments.artist_id = (SELECT my_artist()))
RETURNING sqlc.embed(appointments);

-- AppointmentCancel ends an appointment that takes no place. RHEND and pgx.ErrNoRows as in AppointmentComplete.
-- name: AppointmentCancel :one
UPDATE appointments
   SET status  = ending(status, 'cancelled'),
       no_show = @no_show
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
RETURNING *;

-- AppointmentDelete removes an appointment; pgx.ErrNoRows as in AppointmentUpdate.
-- name: AppointmentDelete :one
DELETE FROM appointments
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;

-- AppointmentReminder is what a client is reminded of. pgx.ErrNoRows: the appointment was moved or given up, has begun, or its client has no e-mail,
-- or the tenant reminds nobody.
-- name: AppointmentReminder :one
SELECT clients.email,
       clients.name AS client_name,
       artists.name AS artist_name,
       tenants.name AS tenant_name,
       appointments.starts_at,
       tenant_zone()::text AS zone
  FROM appointments
  JOIN clients ON clients.tenant_id = @tenant_id AND clients.id = appointments.client_id
  JOIN artists ON artists.tenant_id = @tenant_id AND artists.id = appointments.artist_id
  JOIN tenants ON tenants.id = @tenant_id
 WHERE appointments.tenant_id = @tenant_id
   AND appointments.id = @id
   AND appointments.status IN ('scheduled', 'on_hold')
   AND appointments.starts_at > now()
   AND reminder_at(appointments.starts_at) <= now()
   AND clients.email IS NOT NULL
   AND clients.is_active
   AND (SELECT reminds());
