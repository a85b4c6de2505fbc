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

-- TenantDelete gives the tenant up: nobody enters it any more. RHCNF: confirm is not its name. pgx.ErrNoRows when if_match is given
-- and holds not its version.
-- name: TenantDelete :one
UPDATE tenants
   SET status = 'deleting'
 WHERE id = @tenant_id
   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)
   AND confirmed(name, @confirm)
RETURNING id;
