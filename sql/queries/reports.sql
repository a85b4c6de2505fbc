-- Scope: tenant.

-- ReportFinancial adds up the transactions that are not void and were paid from the one day to the other, both included, as the days of the
-- tenant's time zone are: a line for each day, artist or method, as group_by says, that there is any of. An artist's are its own. limited says that it
-- is of days alone. RHPER: it is not, and the caller is only to see such.
-- name: ReportFinancial :many
SELECT (CASE @group_by::text
             WHEN 'day'    THEN (paid_at AT TIME ZONE (SELECT tenant_zone()))::date::text
             WHEN 'artist' THEN artist_id::text
             ELSE method
        END)::text AS of_what,
       count(*) AS transactions,
       coalesce(sum(amount_cents) FILTER (WHERE amount_cents > 0), 0)::bigint AS income_cents,
       coalesce(sum(amount_cents) FILTER (WHERE amount_cents < 0), 0)::bigint AS refund_cents,
       sum(amount_cents)::bigint AS total_cents,
       sum(commission_cents)::bigint AS commission_cents
  FROM transactions
 WHERE tenant_id = @tenant_id
   AND ((SELECT reaches_all()) OR artist_id = (SELECT my_artist()))
   AND (SELECT report_within(@limited::bool))
   AND paid_at >= (SELECT day_begins(@from_day::date))
   AND paid_at < (SELECT day_begins(sqlc.arg('to_day')::date + 1))
   AND voided_at IS NULL
   AND (artist_id = @artist_id OR NOT @of_artist::bool)
   AND (method = sqlc.narg('method') OR sqlc.narg('method') IS NULL)
 GROUP BY of_what
 ORDER BY of_what;
