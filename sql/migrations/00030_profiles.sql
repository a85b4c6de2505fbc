-- +goose Up
-- Profiles are those users who let themselves be found: of a tenant's users, and where the tenant is public, of everybody.
INSERT INTO permissions (name, ownable, admin, assistant, artist, member, staff)
VALUES ('profiles:read', false, 'any', 'any', 'any', 'any', 'any');

-- Each has the rows of one order: users who are in no directory are not met on the way.
CREATE INDEX profiles_created_at_idx ON users (tenant_id, created_at, id) WHERE is_active AND public_profile AND search_visibility = 'public';
CREATE INDEX profiles_name_key_idx   ON users (tenant_id, name_key, id)   WHERE is_active AND public_profile AND search_visibility = 'public';
CREATE INDEX profiles_username_idx   ON users (tenant_id, username, id)   WHERE is_active AND public_profile AND search_visibility = 'public';

-- Whoever is nobody yet finds a public tenant by its slug.
CREATE POLICY public_page ON tenants FOR SELECT TO rowhouse_login
    USING ((SELECT current_tenant()) IS NULL AND (SELECT my_account()) IS NULL AND is_public AND status = 'active');

-- +goose Down
DROP POLICY public_page ON tenants;
DROP INDEX profiles_username_idx;
DROP INDEX profiles_name_key_idx;
DROP INDEX profiles_created_at_idx;
DELETE FROM permissions WHERE name = 'profiles:read';
