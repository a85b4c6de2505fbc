-- Scope: tenant.

-- DeliveryList reads one page of the messages to an endpoint, newest first.
-- name: DeliveryList :many
SELECT sqlc.embed(deliveries),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM deliveries counted
             WHERE counted.tenant_id = @tenant_id
               AND counted.webhook_id = @webhook_id
               AND (counted.state = sqlc.narg('state') OR sqlc.narg('state') IS NULL)
               AND (counted.event = sqlc.narg('event') OR sqlc.narg('event') IS NULL)
            ) END, -1)::bigint AS total
  FROM deliveries
 WHERE tenant_id = @tenant_id
   AND webhook_id = @webhook_id
   AND (SELECT seen(EXISTS (
            SELECT 1
              FROM webhooks
             WHERE webhooks.tenant_id = @tenant_id
               AND webhooks.id = @webhook_id)))
   AND (state = sqlc.narg('state') OR sqlc.narg('state') IS NULL)
   AND (event = sqlc.narg('event') OR sqlc.narg('event') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            ELSE (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY created_at DESC, id DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- DeliveryGet reads one message to an endpoint; pgx.ErrNoRows when the endpoint has none of that id.
-- name: DeliveryGet :one
SELECT *
  FROM deliveries
 WHERE tenant_id = @tenant_id
   AND webhook_id = @webhook_id
   AND id = @id;

-- DeliveryTest makes a message that tells of nothing, also for an endpoint that is disabled; pgx.ErrNoRows when there is no such endpoint.
-- name: DeliveryTest :one
INSERT INTO deliveries (tenant_id, webhook_id, event)
SELECT @tenant_id, webhooks.id, 'webhook.test'
  FROM webhooks
 WHERE webhooks.tenant_id = @tenant_id
   AND webhooks.id = @webhook_id
RETURNING *;

-- DeliveryRedeliver has a message sent again, from now on as if it were new, or leaves one that is pending as it is; pgx.ErrNoRows as in DeliveryGet.
-- name: DeliveryRedeliver :one
UPDATE deliveries
   SET state           = 'pending',
       tries           = CASE WHEN state = 'pending' THEN tries ELSE 0 END,
       next_attempt_at = CASE WHEN state = 'pending' THEN next_attempt_at ELSE now() END,
       updated_at      = now()
 WHERE tenant_id = @tenant_id
   AND webhook_id = @webhook_id
   AND id = @id
RETURNING *;

-- DeliveryPending reads a message that is to be sent, its endpoint, and the status of the tenant; pgx.ErrNoRows when nothing is to be done: it was
-- delivered or given up, or its endpoint is gone.
-- name: DeliveryPending :one
SELECT sqlc.embed(deliveries),
       sqlc.embed(webhooks),
       tenants.status
  FROM deliveries
  JOIN webhooks ON webhooks.tenant_id = @tenant_id AND webhooks.id = deliveries.webhook_id
  JOIN tenants  ON tenants.id = @tenant_id
 WHERE deliveries.tenant_id = @tenant_id
   AND deliveries.id = @id
   AND deliveries.state = 'pending';

-- DeliveryRender keeps the text of a message, unless it has one, and returns the one that it has.
-- name: DeliveryRender :one
UPDATE deliveries
   SET payload = coalesce(payload, @payload)
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING coalesce(payload, '')::text AS payload;

-- DeliveryAttempted notes an attempt, after which the message is in a state, and what it says of the endpoint: since when that has been failing, which
-- is returned; NULL once it succeeds. pgx.ErrNoRows when the message is pending no more.
-- name: DeliveryAttempted :one
WITH attempted AS (
     UPDATE deliveries
        SET state           = @state::text,
            tries           = deliveries.tries + 1,
            attempts        = (@attempt::jsonb || deliveries.attempts) - 50,
            next_attempt_at = sqlc.narg('next_attempt_at'),
            last_status     = sqlc.narg('status'),
            last_error      = sqlc.narg('error'),
            delivered_at    = CASE WHEN @state::text = 'delivered' THEN now() ELSE deliveries.delivered_at END,
            updated_at      = now()
      WHERE deliveries.tenant_id = @tenant_id
        AND deliveries.id = @id
        AND deliveries.state = 'pending'
  RETURNING deliveries.webhook_id
)
UPDATE webhooks
   SET failing_since = CASE WHEN @state::text = 'delivered' THEN NULL ELSE coalesce(webhooks.failing_since, now()) END
  FROM attempted
 WHERE webhooks.tenant_id = @tenant_id
   AND webhooks.id = attempted.webhook_id
RETURNING webhooks.failing_since;

-- DeliveryGiveUp ends a message that is pending, without an attempt.
-- name: DeliveryGiveUp :exec
UPDATE deliveries
   SET state           = 'failed',
       next_attempt_at = NULL,
       last_error      = @error::text,
       updated_at      = now()
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND state = 'pending';
