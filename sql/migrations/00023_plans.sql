-- +goose Up
-- What makes the plans of a large tenant, and of an account in many tenants, as short as those of a small one.

-- A filter that names one thing stands before the order of its list: a page of what it finds is read as it is shown.
DROP INDEX users_team_id_idx;
CREATE INDEX users_team_id_idx              ON users        (tenant_id, team_id, created_at, id);
CREATE INDEX users_role_idx                 ON users        (tenant_id, role, created_at, id);
CREATE INDEX audit_events_actor_user_id_idx ON audit_events (tenant_id, actor_user_id, created_at, id);
CREATE INDEX audit_events_entity_id_idx     ON audit_events (tenant_id, entity_id, created_at, id);

-- Where two columns together name a row, each index that begins with one of them goes on with the other: the planner, for which both
-- indexes are as good, takes either.
DROP INDEX users_account_id_idx;
CREATE INDEX users_account_id_idx   ON users      (account_id, tenant_id);
DROP INDEX user_roles_role_id_idx;
CREATE INDEX user_roles_role_id_idx ON user_roles (tenant_id, role_id, user_id);

-- A plan for any tenant is made for one of a hundredth of the table, not for the average: for a tenant of two rows every index that
-- begins with the tenant is as good as the one that has the row.
ALTER TABLE users        ALTER COLUMN tenant_id SET (n_distinct = 100);
ALTER TABLE items        ALTER COLUMN tenant_id SET (n_distinct = 100);
ALTER TABLE teams        ALTER COLUMN tenant_id SET (n_distinct = 100);
ALTER TABLE roles        ALTER COLUMN tenant_id SET (n_distinct = 100);
ALTER TABLE user_roles   ALTER COLUMN tenant_id SET (n_distinct = 100);
ALTER TABLE artists      ALTER COLUMN tenant_id SET (n_distinct = 100);
ALTER TABLE api_keys     ALTER COLUMN tenant_id SET (n_distinct = 100);
ALTER TABLE invitations  ALTER COLUMN tenant_id SET (n_distinct = 100);
ALTER TABLE audit_events ALTER COLUMN tenant_id SET (n_distinct = 100);
ANALYZE users, items, teams, roles, user_roles, artists, api_keys, invitations, audit_events; -- from when on it holds

-- +goose Down
ALTER TABLE audit_events ALTER COLUMN tenant_id RESET (n_distinct);
ALTER TABLE invitations  ALTER COLUMN tenant_id RESET (n_distinct);
ALTER TABLE api_keys     ALTER COLUMN tenant_id RESET (n_distinct);
ALTER TABLE artists      ALTER COLUMN tenant_id RESET (n_distinct);
ALTER TABLE user_roles   ALTER COLUMN tenant_id RESET (n_distinct);
ALTER TABLE roles        ALTER COLUMN tenant_id RESET (n_distinct);
ALTER TABLE teams        ALTER COLUMN tenant_id RESET (n_distinct);
ALTER TABLE items        ALTER COLUMN tenant_id RESET (n_distinct);
ALTER TABLE users        ALTER COLUMN tenant_id RESET (n_distinct);
DROP INDEX user_roles_role_id_idx;
CREATE INDEX user_roles_role_id_idx ON user_roles (tenant_id, role_id);
DROP INDEX users_account_id_idx;
CREATE INDEX users_account_id_idx   ON users      (account_id);
DROP INDEX audit_events_entity_id_idx;
DROP INDEX audit_events_actor_user_id_idx;
DROP INDEX users_role_idx;
DROP INDEX users_team_id_idx;
CREATE INDEX users_team_id_idx      ON users      (tenant_id, team_id);
