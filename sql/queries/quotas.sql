-- Scope: tenant. How much a tenant may have, for the operator, and what it has.

-- TenantUsage says how much the tenant has of each subject of quotas, and may have.
-- name: TenantUsage :many
SELECT subjects.name::text               AS subject,
       quota_used(subjects.name)::bigint AS used,
       quotas.maximum,
       windows.resets_at
  FROM tenants
 CROSS JOIN LATERAL (SELECT quota_subjects()) AS subjects (name)
  LEFT JOIN quotas            ON quotas.tenant_id  = @tenant_id AND quotas.subject  = subjects.name
  LEFT JOIN quotas AS windows ON windows.tenant_id = @tenant_id AND windows.subject = subjects.name AND windows.resets_at > now()
 WHERE tenants.id = @tenant_id
 ORDER BY 1;

-- QuotaSet sets how much the tenant may have of each subject that the object names, for the operator; null: as much as it likes. How many subjects those
-- are; 0: there is no such tenant. RHSUB: there is no such subject.
-- name: QuotaSet :execrows
SELECT set_quota(wanted.key, (wanted.value #>> '{}')::bigint)
  FROM tenants
 CROSS JOIN LATERAL jsonb_each(@quotas::jsonb) AS wanted (key, value)
 WHERE tenants.id = @tenant_id;

-- RequestsCount counts requests of the tenant that were answered: how many more it may make; -1: no quota of them is set.
-- name: RequestsCount :one
SELECT count_requests(@requests)::bigint AS remaining
  FROM tenants
 WHERE id = @tenant_id;
