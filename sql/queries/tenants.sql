-- Scope: tenant.

-- TenantCreate makes the tenant that the transaction is bound to.
-- name: TenantCreate :one
INSERT INTO tenants (id, name, slug)
VALUES (@tenant_id, @name, @slug)
RETURNING *;

-- TenantGet reads the tenant.
-- name: TenantGet :one
SELECT *
  FROM tenants
 WHERE id = @tenant_id;
