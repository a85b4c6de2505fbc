-- Scope: tenant.

-- AuditEventList reads one page of a tenant's events, newest first, from since on and before until.
-- name: AuditEventList :many
SELECT sqlc.embed(audit_events),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM audit_events counted
             WHERE counted.tenant_id = @tenant_id
               AND (counted.actor_user_id = sqlc.narg('actor_user_id') OR sqlc.narg('actor_user_id') IS NULL)
               AND (counted.action = sqlc.narg('action') OR sqlc.narg('action') IS NULL)
               AND (counted.entity_type = sqlc.narg('entity_type') OR sqlc.narg('entity_type') IS NULL)
               AND (counted.entity_id = sqlc.narg('entity_id') OR sqlc.narg('entity_id') IS NULL)
               AND (counted.created_at >= sqlc.narg('since') OR sqlc.narg('since') IS NULL)
               AND (counted.created_at < sqlc.narg('until') OR sqlc.narg('until') IS NULL)
            ) END, -1)::bigint AS total
  FROM audit_events
 WHERE tenant_id = @tenant_id
   AND (actor_user_id = sqlc.narg('actor_user_id') OR sqlc.narg('actor_user_id') IS NULL)
   AND (action = sqlc.narg('action') OR sqlc.narg('action') IS NULL)
   AND (entity_type = sqlc.narg('entity_type') OR sqlc.narg('entity_type') IS NULL)
   AND (entity_id = sqlc.narg('entity_id') OR sqlc.narg('entity_id') IS NULL)
   AND (created_at >= sqlc.narg('since') OR sqlc.narg('since') IS NULL)
   AND (created_at < sqlc.narg('until') OR sqlc.narg('until') IS NULL)
   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true
            ELSE (created_at, id) < (sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)
       END
 ORDER BY created_at DESC, id DESC
 LIMIT @size::integer
OFFSET @skip::integer;

-- AuditEventVisit notes in the tenant's log that a superuser or staff enters it; pgx.ErrNoRows when there is no such active tenant. The tenant is locked,
-- since no change of a row of its has done that.
-- name: AuditEventVisit :one
INSERT INTO audit_events (tenant_id, actor_account_id, action, entity_type, entity_id, after, request_id, address)
SELECT @tenant_id, @account_id, 'tenant.visit', 'tenant', tenants.id, jsonb_build_object('reason', @reason::text), @request_id, @address
  FROM tenants
 WHERE tenants.id = @tenant_id
   AND tenants.status = 'active'
   FOR KEY SHARE
RETURNING id;
