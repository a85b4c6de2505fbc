-- Scope: tenant. A tenant as a whole, for its archive and its end.

-- TenantTableList lists the tables whose rows belong to tenants, in the order in which they are emptied.
-- name: TenantTableList :many
SELECT table_name::text
  FROM tenants
 CROSS JOIN LATERAL (SELECT tenant_tables()) AS tables (table_name)
 WHERE tenants.id = @tenant_id;

-- ArchiveRowList reads rows of a table as JSON, by its primary key, from behind the one after on; NULL: from the first.
-- name: ArchiveRowList :many
SELECT line::jsonb
  FROM tenants
 CROSS JOIN LATERAL (SELECT export_rows(@table_name, sqlc.narg('after'), @most)) AS lines (line)
 WHERE tenants.id = @tenant_id;

-- TenantCount says how many rows the tenant has in each of the tables.
-- name: TenantCount :many
SELECT table_name::text,
       count_rows(table_name)::bigint AS row_count
  FROM tenants
 CROSS JOIN LATERAL (SELECT tenant_tables()) AS tables (table_name)
 WHERE tenants.id = @tenant_id;

-- ArchiveRestore puts rows of a table back, those of the tenant that this transaction makes; how many. Its own row is the first. RHARC: it was there before.
-- name: ArchiveRestore :one
SELECT restore_rows(@table_name, @lines::text[])::bigint
  FROM (SELECT 1) AS once
  LEFT JOIN tenants ON tenants.id = @tenant_id;

-- ArchiveRestored fails as the foreign keys do of which a restored row names what is not there.
-- name: ArchiveRestored :exec
SELECT restored()
  FROM tenants
 WHERE id = @tenant_id;

-- TenantErase deletes rows of a tenant that is given up, at most so many: the table and how many, with a blank between them. "tenants 1" is the last;
-- pgx.ErrNoRows: there is none, or none that is to be erased by now.
-- name: TenantErase :one
SELECT erase_rows(@most)::text
  FROM tenants
 WHERE id = @tenant_id
   AND status = 'deleting'
   AND erase_at <= now();
