-- Scope: tenant.

-- TenantCreate makes the tenant that the transaction is bound to.
-- name: TenantCreate :one
INSERT INTO tenants (id, name, slug, created_by)
VALUES (@tenant_id, @name, @slug, @created_by)
RETURNING *;

-- TenantGet reads the tenant.
-- name: TenantGet :one
SELECT *
  FROM tenants
 WHERE id = @tenant_id;

-- TenantUpdate changes the tenant: NULL keeps a field. pgx.ErrNoRows when if_match is given and holds not its version.
-- name: TenantUpdate :one
UPDATE tenants
   SET name      = coalesce(sqlc.narg('name'), name),
       is_public = coalesce(sqlc.narg('is_public'), is_public)
 WHERE id = @tenant_id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
RETURNING *;

-- TenantDelete gives the tenant up: nobody enters it any more, and after the grace, in seconds, it is erased. RHCNF: confirm is not its name.
-- pgx.ErrNoRows when if_match is given and holds not its version.
-- name: TenantDelete :one
UPDATE tenants
   SET status   = 'deleting',
       erase_at = now() + sqlc.arg('grace_seconds')::bigint * interval '1 second'
 WHERE id = @tenant_id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
   AND confirmed(name, @confirm)
RETURNING id;

-- TenantSuspend has nobody enter the tenant, for the operator. pgx.ErrNoRows: it is not active.
-- name: TenantSuspend :one
UPDATE tenants
   SET status = 'suspended'
 WHERE id = @tenant_id
   AND status = 'active'
RETURNING *;

-- TenantResume opens the tenant again, also one that is given up and yet to be erased. pgx.ErrNoRows: it is active, or its time has come.
-- name: TenantResume :one
UPDATE tenants
   SET status   = 'active',
       erase_at = NULL
 WHERE id = @tenant_id
   AND status <> 'active'
   AND (erase_at > now() OR erase_at IS NULL)
RETURNING *;

-- TenantEraseNow gives the tenant up without a grace, for the operator, whatever has become of it. RHCNF: confirm is not its name.
-- name: TenantEraseNow :one
UPDATE tenants
   SET status   = 'deleting',
       erase_at = now()
 WHERE id = @tenant_id
   AND confirmed(name, @confirm)
RETURNING *;
