-- Scope: tenant.

-- JobList reads one page of a tenant's jobs, newest first, of one kind, state or subject if asked for. AfterID NULL: the first page. Total is -1
-- unless asked for.
-- name: JobList :many
SELECT sqlc.embed(jobs),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM jobs counted
             WHERE counted.tenant_id = @tenant_id
               AND (counted.kind = sqlc.narg('kind') OR sqlc.narg('kind') IS NULL)
               AND (counted.state = sqlc.narg('state') OR sqlc.narg('state') IS NULL)
               AND (counted.subject_id = @subject_id OR NOT @of_subject::bool)
            ) END, -1)::bigint AS total
  FROM jobs
 WHERE tenant_id = @tenant_id
   AND (kind = sqlc.narg('kind') OR sqlc.narg('kind') IS NULL)
   AND (state = sqlc.narg('state') OR sqlc.narg('state') IS NULL)
   AND (subject_id = @subject_id OR NOT @of_subject::bool)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            ELSE (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY created_at DESC, id DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- JobGet reads one job; pgx.ErrNoRows when the tenant has none of that id.
-- name: JobGet :one
SELECT *
  FROM jobs
 WHERE tenant_id = @tenant_id
   AND id = @id;

-- JobRetry has a job done again, at once. RHJOB: it is done, or being done. pgx.ErrNoRows as in JobGet.
-- name: JobRetry :one
UPDATE jobs
   SET state       = 'waiting',
       due_at      = now(),
       finished_at = NULL
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING *;

-- JobCancel takes a job back that waits. RHJOB: it is past that. pgx.ErrNoRows as in JobGet.
-- name: JobCancel :one
UPDATE jobs
   SET state       = 'cancelled',
       finished_at = now()
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING *;

-- TenantExpire deletes what is over of the tenant, at most so many rows of each kind; whether there may be more.
-- name: TenantExpire :one
SELECT (expire_rows(@most::integer) OR expire_deliveries(@most::integer) OR expire_events(@most::integer))::boolean AS more
  FROM tenants
 WHERE id = @tenant_id;
