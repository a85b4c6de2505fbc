-- Scope: tenant.

-- WebhookList reads one page of a tenant's endpoints, newest first. After… is the last row of the page before (AfterID NULL: none). Total is -1 unless
-- asked for.
-- name: WebhookList :many
SELECT sqlc.embed(webhooks),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM webhooks counted
             WHERE counted.tenant_id = @tenant_id
            ) END, -1)::bigint AS total
  FROM webhooks
 WHERE tenant_id = @tenant_id
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            ELSE (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY created_at DESC, id DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- WebhookGet reads one endpoint; pgx.ErrNoRows when the tenant has none of that id.
-- name: WebhookGet :one
SELECT *
  FROM webhooks
 WHERE tenant_id = @tenant_id
   AND id = @id;

-- WebhookCreate makes an endpoint that sees with the eyes of the user who asks; RHUSR when nobody of the tenant does, RHGRT when the caller sees
-- less than that user, RHMNY when there are as many as there may be.
-- name: WebhookCreate :one
INSERT INTO webhooks (tenant_id, user_id, url, description, events, secret)
VALUES (@tenant_id, my_user(), @url, @description, @events, @secret)
RETURNING *;

-- WebhookUpdate changes an endpoint: NULL keeps url, and …_set says what is replaced. pgx.ErrNoRows when there is no such endpoint, or when if_match is
-- given and holds not its version. RHGRT as in WebhookCreate.
-- name: WebhookUpdate :one
UPDATE webhooks
   SET url         = coalesce(sqlc.narg('url'), url),
       description = CASE WHEN @description_set::bool THEN sqlc.narg('description') ELSE description END,
       events      = CASE WHEN @events_set::bool THEN @events::text[] ELSE events END
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- WebhookDelete removes an endpoint, and its messages; pgx.ErrNoRows as in WebhookUpdate.
-- name: WebhookDelete :one
DELETE FROM webhooks
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING id;

-- WebhookRotateSecret gives an endpoint another secret; the one that it had signs too until a time. pgx.ErrNoRows as in WebhookGet, RHGRT as in
-- WebhookCreate.
-- name: WebhookRotateSecret :one
UPDATE webhooks
   SET secret                = @secret,
       previous_secret       = secret,
       previous_secret_until = @until
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING *;

-- WebhookDisable ends that an endpoint is told anything, or leaves one that was disabled as it is; pgx.ErrNoRows as in WebhookGet.
-- name: WebhookDisable :one
UPDATE webhooks
   SET disabled_at     = coalesce(disabled_at, now()),
       disabled_reason = coalesce(disabled_reason, 'asked')
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING *;

-- WebhookEnable has an endpoint told again, seen with the eyes of the user who asks, or leaves one that is as it is; pgx.ErrNoRows as in WebhookGet,
-- RHUSR and RHGRT as in WebhookCreate.
-- name: WebhookEnable :one
UPDATE webhooks
   SET user_id         = CASE WHEN disabled_at IS NULL THEN user_id ELSE my_user() END,
       failing_since   = CASE WHEN disabled_at IS NULL THEN failing_since END,
       disabled_at     = NULL,
       disabled_reason = NULL
 WHERE tenant_id = @tenant_id
   AND id = @id
RETURNING *;

-- WebhookEnd disables an endpoint that is told, for a reason of the server's, and returns it. pgx.ErrNoRows when it was disabled before, or is gone.
-- name: WebhookEnd :one
UPDATE webhooks
   SET disabled_at     = now(),
       disabled_reason = @reason::text
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND disabled_at IS NULL
RETURNING *;

-- WebhookMail is what a mail tells of an endpoint that the server has disabled, and to whom. pgx.ErrNoRows: it is gone or told again, or its user is out or
-- has no e-mail.
-- name: WebhookMail :one
SELECT webhooks.url,
       coalesce(webhooks.disabled_reason, '')::text AS disabled_reason,
       users.email,
       tenants.name AS tenant_name
  FROM webhooks
  JOIN users   ON users.tenant_id = @tenant_id AND users.id = webhooks.user_id AND users.is_active AND users.email IS NOT NULL
  JOIN tenants ON tenants.id = @tenant_id
 WHERE webhooks.tenant_id = @tenant_id
   AND webhooks.id = @id
   AND webhooks.disabled_at IS NOT NULL
   AND webhooks.disabled_reason IN ('failing', 'gone', 'secret');

-- WebhookEndOfAccount disables the endpoints that see with the eyes of an account's user, for an account that changes hands.
-- name: WebhookEndOfAccount :exec
UPDATE webhooks
   SET disabled_at     = now(),
       disabled_reason = 'user'
 WHERE webhooks.tenant_id = @tenant_id
   AND webhooks.user_id IN (SELECT u.id FROM users u WHERE u.tenant_id = @tenant_id AND u.account_id = @account_id)
   AND webhooks.disabled_at IS NULL;

-- WebhookSealed lists some endpoints of a tenant behind the one of an id, for their secrets to be sealed anew.
-- name: WebhookSealed :many
SELECT id,
       secret,
       previous_secret,
       previous_secret_until
  FROM webhooks
 WHERE tenant_id = @tenant_id
   AND id > @after
 ORDER BY id
 LIMIT 50;

-- WebhookSeal replaces the seals of an endpoint's secrets, unless the secret has become another meanwhile.
-- name: WebhookSeal :exec
UPDATE webhooks
   SET secret          = @secret,
       previous_secret = @previous_secret
 WHERE tenant_id = @tenant_id
   AND id = @id
   AND secret = @sealed;
