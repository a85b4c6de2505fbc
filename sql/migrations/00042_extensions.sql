-- +goose Up
-- Views that an extension has made are its own: pg_stat_statements, which an operator may want, and Citus put theirs into public, and show no
-- table of ours.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION catalogue_faults() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    WITH tenant_tables AS (
         SELECT c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity
           FROM pg_class c
          WHERE c.relnamespace = 'public'::regnamespace
            AND c.relkind IN ('r', 'p')
            AND (c.relname IN ('tenants', 'idempotency_keys')
                 OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped))
    )
    SELECT format('table %s: row-level security is not enabled', relname)
      FROM tenant_tables WHERE NOT relrowsecurity
    UNION ALL
    SELECT format('table %s: row-level security is not forced on its owner', relname)
      FROM tenant_tables WHERE NOT relforcerowsecurity
    UNION ALL
    SELECT format('table %s: no policy for every role and command with USING and WITH CHECK', t.relname)
      FROM tenant_tables t
     WHERE NOT EXISTS (
           SELECT 1 FROM pg_policy p
            WHERE p.polrelid = t.oid AND p.polcmd = '*' AND p.polroles = '{0}'
              AND pg_get_expr(p.polqual, p.polrelid)      LIKE '%current_tenant()%'
              AND pg_get_expr(p.polwithcheck, p.polrelid) LIKE '%current_tenant()%')
    UNION ALL
    SELECT format('table %s: policy %s opens it beyond the bound tenant', t.relname, p.polname)
      FROM tenant_tables t
      JOIN pg_policy p ON p.polrelid = t.oid
     WHERE p.polpermissive
       AND (coalesce(pg_get_expr(p.polqual, p.polrelid), 'current_tenant()')      NOT LIKE '%current_tenant()%'
         OR coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'current_tenant()') NOT LIKE '%current_tenant()%')
    UNION ALL
    SELECT format('table %s: %s does not begin with tenant_id', t.relname, x.relname)
      FROM tenant_tables t
      JOIN pg_index i     ON i.indrelid = t.oid AND i.indisunique
      JOIN pg_class x     ON x.oid = i.indexrelid
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
     WHERE t.relname <> 'tenants'
       AND a.attname NOT IN ('tenant_id', 'scope_id')
    UNION ALL
    SELECT format('table %s: %s could point into another tenant', t.relname, f.conname)
      FROM pg_constraint f
      JOIN tenant_tables t ON t.oid = f.conrelid
      JOIN tenant_tables o ON o.oid = f.confrelid AND o.relname <> 'tenants'
     WHERE f.contype = 'f'
       AND NOT EXISTS (
           SELECT 1
             FROM unnest(f.conkey, f.confkey) AS pair (here, there)
             JOIN pg_attribute a ON a.attrelid = f.conrelid  AND a.attnum = pair.here  AND a.attname = 'tenant_id'
             JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = pair.there AND b.attname = 'tenant_id')
    UNION ALL
    SELECT format('view %s: not security_invoker, so it shows every tenant', c.relname)
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace
       AND (c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false))
       AND NOT EXISTS (
           SELECT 1 FROM pg_depend d
             JOIN pg_class k ON k.oid = d.classid AND k.relname = 'pg_class'
            WHERE d.objid = c.oid AND d.deptype = 'e')
    UNION ALL
    SELECT format('function %s: SECURITY DEFINER without a pinned search_path', p.proname)
      FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace
       AND p.prosecdef
       AND NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')
    UNION ALL
    SELECT format('table %s: rowhouse_app may %s it', c.relname, lower(privilege))
      FROM pg_class c
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
     WHERE c.relnamespace = 'public'::regnamespace
       AND c.relkind IN ('r', 'p')
       AND CASE WHEN privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                THEN has_any_column_privilege('rowhouse_app', c.oid, privilege)
                ELSE has_table_privilege('rowhouse_app', c.oid, privilege)
           END
       AND (c.oid NOT IN (SELECT oid FROM tenant_tables) AND c.relname NOT IN ('permissions', 'goose_db_version')
         OR c.relname = 'permissions'  AND privilege <> 'SELECT'
         OR c.relname = 'audit_events' AND privilege NOT IN ('SELECT', 'INSERT')
         OR privilege IN ('TRUNCATE', 'REFERENCES', 'TRIGGER'))
    UNION ALL
    SELECT format('table account_events: rowhouse_login may %s it', lower(privilege))
      FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
     WHERE has_table_privilege('rowhouse_login', 'account_events', privilege)
    UNION ALL
    SELECT format('table %s: rowhouse_login may %s it', t.relname, lower(privilege))
      FROM tenant_tables t
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
     WHERE has_table_privilege('rowhouse_login', t.oid, privilege)
       AND t.relname <> 'idempotency_keys'
       AND NOT (t.relname IN ('tenants', 'users') AND privilege = 'SELECT');
$$;
-- +goose StatementEnd

-- As every function: by name, and not by default alone.
REVOKE EXECUTE ON FUNCTION river.river_job_state_in_bitmask(bit, river.river_job_state) FROM PUBLIC;

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION catalogue_faults() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    WITH tenant_tables AS (
         SELECT c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity
           FROM pg_class c
          WHERE c.relnamespace = 'public'::regnamespace
            AND c.relkind IN ('r', 'p')
            AND (c.relname IN ('tenants', 'idempotency_keys')
                 OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped))
    )
    SELECT format('table %s: row-level security is not enabled', relname)
      FROM tenant_tables WHERE NOT relrowsecurity
    UNION ALL
    SELECT format('table %s: row-level security is not forced on its owner', relname)
      FROM tenant_tables WHERE NOT relforcerowsecurity
    UNION ALL
    SELECT format('table %s: no policy for every role and command with USING and WITH CHECK', t.relname)
      FROM tenant_tables t
     WHERE NOT EXISTS (
           SELECT 1 FROM pg_policy p
            WHERE p.polrelid = t.oid AND p.polcmd = '*' AND p.polroles = '{0}'
              AND pg_get_expr(p.polqual, p.polrelid)      LIKE '%current_tenant()%'
              AND pg_get_expr(p.polwithcheck, p.polrelid) LIKE '%current_tenant()%')
    UNION ALL
    SELECT format('table %s: policy %s opens it beyond the bound tenant', t.relname, p.polname)
      FROM tenant_tables t
      JOIN pg_policy p ON p.polrelid = t.oid
     WHERE p.polpermissive
       AND (coalesce(pg_get_expr(p.polqual, p.polrelid), 'current_tenant()')      NOT LIKE '%current_tenant()%'
         OR coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'current_tenant()') NOT LIKE '%current_tenant()%')
    UNION ALL
    SELECT format('table %s: %s does not begin with tenant_id', t.relname, x.relname)
      FROM tenant_tables t
      JOIN pg_index i     ON i.indrelid = t.oid AND i.indisunique
      JOIN pg_class x     ON x.oid = i.indexrelid
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
     WHERE t.relname <> 'tenants'
       AND a.attname NOT IN ('tenant_id', 'scope_id')
    UNION ALL
    SELECT format('table %s: %s could point into another tenant', t.relname, f.conname)
      FROM pg_constraint f
      JOIN tenant_tables t ON t.oid = f.conrelid
      JOIN tenant_tables o ON o.oid = f.confrelid AND o.relname <> 'tenants'
     WHERE f.contype = 'f'
       AND NOT EXISTS (
           SELECT 1
             FROM unnest(f.conkey, f.confkey) AS pair (here, there)
             JOIN pg_attribute a ON a.attrelid = f.conrelid  AND a.attnum = pair.here  AND a.attname = 'tenant_id'
             JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = pair.there AND b.attname = 'tenant_id')
    UNION ALL
    SELECT format('view %s: not security_invoker, so it shows every tenant', c.relname)
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace
       AND (c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false))
    UNION ALL
    SELECT format('function %s: SECURITY DEFINER without a pinned search_path', p.proname)
      FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace
       AND p.prosecdef
       AND NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%')
    UNION ALL
    SELECT format('table %s: rowhouse_app may %s it', c.relname, lower(privilege))
      FROM pg_class c
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
     WHERE c.relnamespace = 'public'::regnamespace
       AND c.relkind IN ('r', 'p')
       AND CASE WHEN privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                THEN has_any_column_privilege('rowhouse_app', c.oid, privilege)
                ELSE has_table_privilege('rowhouse_app', c.oid, privilege)
           END
       AND (c.oid NOT IN (SELECT oid FROM tenant_tables) AND c.relname NOT IN ('permissions', 'goose_db_version')
         OR c.relname = 'permissions'  AND privilege <> 'SELECT'
         OR c.relname = 'audit_events' AND privilege NOT IN ('SELECT', 'INSERT')
         OR privilege IN ('TRUNCATE', 'REFERENCES', 'TRIGGER'))
    UNION ALL
    SELECT format('table account_events: rowhouse_login may %s it', lower(privilege))
      FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
     WHERE has_table_privilege('rowhouse_login', 'account_events', privilege)
    UNION ALL
    SELECT format('table %s: rowhouse_login may %s it', t.relname, lower(privilege))
      FROM tenant_tables t
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
     WHERE has_table_privilege('rowhouse_login', t.oid, privilege)
       AND t.relname <> 'idempotency_keys'
       AND NOT (t.relname IN ('tenants', 'users') AND privilege = 'SELECT');
$$;
-- +goose StatementEnd
