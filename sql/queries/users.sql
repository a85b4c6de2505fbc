-- Scope: tenant.

-- UserCreate makes an account a user of a tenant.
-- name: UserCreate :one
INSERT INTO users (tenant_id, account_id, username, email, name, role)
VALUES (@tenant_id, @account_id, @username, @email, @name, @role)
RETURNING *;

-- UserDeactivateOwn takes an account's user out of a tenant; RHADM when it is the last active admin.
-- name: UserDeactivateOwn :execrows
UPDATE users
   SET is_active = false,
       name      = NULL,
       email     = NULL,
       username  = @username
 WHERE tenant_id = @tenant_id
   AND account_id = @account_id;
