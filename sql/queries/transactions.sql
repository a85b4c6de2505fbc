-- Scope: tenant.

-- TransactionList reads one page of a tenant's transactions: all, or the caller's own, as the permission reaches,
-- newest first where sort is ''; else it is amount_cents, -amount_cents, paid_at or -paid_at. After… is the last row of
-- the page before (AfterID NULL: none), of which only the sorted column is looked at. Total is -1 unless asked for.
-- name: TransactionList :many
SELECT sqlc.embed(transactions),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM transactions counted
             WHERE counted.tenant_id = @tenant_id
               AND ((SELECT reaches_all()) OR counted.artist_id = (SELECT my_artist()))
               AND (counted.appointment_id = sqlc.narg('appointment_id') OR sqlc.narg('appointment_id') IS NULL)
               AND (counted.artist_id = @artist_id OR NOT @of_artist::bool)
               AND (counted.amount_cents >= sqlc.narg('min_amount_cents') OR sqlc.narg('min_amount_cents') IS NULL)
               AND (counted.amount_cents <= sqlc.narg('max_amount_cents') OR sqlc.narg('max_amount_cents') IS NULL)
               AND (counted.method = sqlc.narg('method') OR sqlc.narg('method') IS NULL)
               AND (counted.paid_at >= sqlc.narg('min_paid_at') OR sqlc.narg('min_paid_at') IS NULL)
               AND (counted.paid_at <= sqlc.narg('max_paid_at') OR sqlc.narg('max_paid_at') IS NULL)
            ) END, -1)::bigint AS total
  FROM transactions
 WHERE tenant_id = @tenant_id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
   AND (appointment_id = sqlc.narg('appointment_id') OR sqlc.narg('appointment_id') IS NULL)
   AND (artist_id = @artist_id OR NOT @of_artist::bool)
   AND (amount_cents >= sqlc.narg('min_amount_cents') OR sqlc.narg('min_amount_cents') IS NULL)
   AND (amount_cents <= sqlc.narg('max_amount_cents') OR sqlc.narg('max_amount_cents') IS NULL)
   AND (method = sqlc.narg('method') OR sqlc.narg('method') IS NULL)
   AND (paid_at >= sqlc.narg('min_paid_at') OR sqlc.narg('min_paid_at') IS NULL)
   AND (paid_at <= sqlc.narg('max_paid_at') OR sqlc.narg('max_paid_at') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            WHEN @sort::text = 'amount_cents'  THEN (amount_cents, id) > (sqlc.narg('after_amount_cents')::integer,   sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-amount_cents' THEN (amount_cents, id) < (sqlc.narg('after_amount_cents')::integer,   sqlc.narg('after_id')::uuid)
            WHEN @sort::text = 'paid_at'       THEN (paid_at, id)      > (sqlc.narg('after_paid_at')::timestamptz,    sqlc.narg('after_id')::uuid)
            WHEN @sort::text = '-paid_at'      THEN (paid_at, id)      < (sqlc.narg('after_paid_at')::timestamptz,    sqlc.narg('after_id')::uuid)
            ELSE                                    (created_at, id)   < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY CASE WHEN @sort::text = 'amount_cents'  THEN amount_cents END,
          CASE WHEN @sort::text = '-amount_cents' THEN amount_cents END DESC,
          CASE WHEN @sort::text = 'paid_at'       THEN paid_at      END,
          CASE WHEN @sort::text = '-paid_at'      THEN paid_at      END DESC,
          CASE WHEN @sort::text = ''              THEN created_at   END DESC,
          CASE WHEN @sort::text IN ('amount_cents', 'paid_at') THEN id END,
          CASE WHEN @sort::text NOT IN ('amount_cents', 'paid_at') THEN id END DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- TransactionGet reads one transaction; pgx.ErrNoRows when the caller sees none of that id.
-- name: TransactionGet :one
SELECT *
  FROM transactions
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()));

-- TransactionCreate makes a transaction; without paid_at it was paid now.
-- name: TransactionCreate :one
INSERT INTO transactions (tenant_id, appointment_id, artist_id, amount_cents, method, concept, paid_at)
VALUES (@tenant_id, @appointment_id, @artist_id, @amount_cents, @method, @concept,
        coalesce(sqlc.narg('paid_at')::timestamptz, now()))
RETURNING *;

-- TransactionVoid takes a transaction out of the books, or leaves one that was taken out as it is; pgx.ErrNoRows when
-- the caller may change none of that id.
-- name: TransactionVoid :one
UPDATE transactions
   SET voided_at = coalesce(voided_at, now())
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
RETURNING *;
