-- +goose Up
-- What the server asks of its database before it serves, and operators may ask in psql: SELECT * FROM catalogue_faults().

-- What is walled off from rowhouse_app is every table that is neither a tenant's nor the grid, also one that comes later. Columns count too.
-- +goose StatementBegin
CREATE FUNCTION catalogue_faults() RETURNS SETOF text
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
       AND NOT EXISTS ( -- an extension's own, such as pg_stat_statements, shows no table of ours
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
COMMENT ON FUNCTION catalogue_faults() IS 'One sentence for each way in which this schema lets tenants apart less than it should; no row when it is sound.';

-- A login may use what rowhouse_app may, and nothing more before it goes through the gate: neither it nor a role that it is or can become,
-- whether by a grant to it, to everybody, on a column, or by a membership.
-- +goose StatementBegin
CREATE FUNCTION login_faults() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    WITH login AS (
         SELECT * FROM pg_roles WHERE rolname = session_user
    ), wanted AS (
         SELECT w.name, r.oid
           FROM unnest(ARRAY['rowhouse_app', 'rowhouse_gate', 'rowhouse_login', 'rowhouse_worker']) AS w (name)
           LEFT JOIN pg_roles r ON r.rolname = w.name
    ), powers AS (
         SELECT format('the login %s, through %s: %s', session_user, r.rolname, fault) AS fault
           FROM login
           JOIN pg_roles r ON r.oid = login.oid OR NOT login.rolsuper AND pg_has_role(login.oid, r.oid, 'MEMBER')
          CROSS JOIN LATERAL (
                SELECT 'is a superuser'              WHERE r.rolsuper
                 UNION ALL
                SELECT 'bypasses row-level security' WHERE r.rolbypassrls AND NOT r.rolsuper
                 UNION ALL
                SELECT 'may make roles'              WHERE r.rolcreaterole AND NOT r.rolsuper
                 UNION ALL
                SELECT 'has powers of PostgreSQL''s own' WHERE r.rolname LIKE 'pg\_%'
                 UNION ALL
                SELECT format('owns %s', string_agg(c.relname, ', ' ORDER BY c.relname))
                  FROM pg_class c
                 WHERE c.relowner = r.oid AND c.relnamespace IN ('public'::regnamespace, to_regnamespace('river')) AND c.relkind IN ('r', 'p', 'v', 'm')
                   AND NOT r.rolsuper
                HAVING count(*) > 0
                 UNION ALL
                SELECT format('has privileges that rowhouse_app has not, on %s', string_agg(used.name, ', ' ORDER BY used.name))
                  FROM (SELECT c.relname::text AS name
                          FROM pg_class c
                          JOIN wanted app ON app.name = 'rowhouse_app'
                         CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
                         WHERE c.relnamespace IN ('public'::regnamespace, to_regnamespace('river')) AND c.relkind IN ('r', 'p', 'v', 'm')
                           AND NOT pg_has_role(r.oid, c.relowner, 'USAGE')
                           AND CASE WHEN privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                                    THEN has_any_column_privilege(r.oid, c.oid, privilege) AND has_any_column_privilege(app.oid, c.oid, privilege) IS NOT TRUE
                                    ELSE has_table_privilege(r.oid, c.oid, privilege) AND has_table_privilege(app.oid, c.oid, privilege) IS NOT TRUE
                               END
                         GROUP BY c.relname
                         UNION ALL
                        SELECT p.proname || '()'
                          FROM pg_proc p
                          JOIN wanted app ON app.name = 'rowhouse_app'
                         WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
                           AND NOT pg_has_role(r.oid, p.proowner, 'USAGE')
                           AND has_function_privilege(r.oid, p.oid, 'EXECUTE') AND has_function_privilege(app.oid, p.oid, 'EXECUTE') IS NOT TRUE
                       ) AS used
                 WHERE NOT r.rolsuper
                   AND r.rolname NOT IN ('rowhouse_login', 'rowhouse_worker') -- what the gate leads to
                HAVING count(*) > 0
                ) AS f (fault)
    )
    SELECT fault FROM powers
    UNION ALL
    SELECT format('the role %s is missing: it is made before a dump is restored', w.name)
      FROM wanted w
     WHERE w.oid IS NULL
    UNION ALL
    SELECT format('the login %s is not a member of %s: GRANT %2$s TO %1$I', session_user, w.name)
      FROM wanted w
     WHERE w.name NOT IN ('rowhouse_login', 'rowhouse_worker')
       AND NOT pg_has_role(session_user, w.oid, 'MEMBER')
       AND NOT EXISTS (SELECT 1 FROM powers) -- such a login is to be replaced, not to be given more
    UNION ALL
    SELECT format('the login %s does not inherit what %s may: ALTER ROLE %1$I INHERIT, and GRANT %2$s TO %1$I anew', session_user, w.name)
      FROM wanted w
     WHERE w.name = 'rowhouse_app'
       AND pg_has_role(session_user, w.oid, 'MEMBER')
       AND NOT pg_has_role(session_user, w.oid, 'USAGE')
    UNION ALL
    SELECT format('the login %s may not become %s: GRANT rowhouse_gate TO %1$I WITH SET TRUE', session_user, w.name)
      FROM wanted w
     WHERE w.name IN ('rowhouse_login', 'rowhouse_worker')
       AND CASE WHEN current_setting('server_version_num')::integer >= 160000 -- older ones know no such option
                THEN pg_has_role(session_user, w.oid, 'MEMBER') AND NOT pg_has_role(session_user, w.oid, 'SET')
                ELSE false
           END;
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION login_faults() IS 'One sentence for each power that the login of this connection should not have, or each role that it lacks.';

-- +goose StatementBegin
CREATE FUNCTION migration_version() RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied);
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION migration_version() IS 'The newest migration that has been applied.';

GRANT EXECUTE ON FUNCTION catalogue_faults(), login_faults(), migration_version() TO PUBLIC;

-- +goose Down
DROP FUNCTION migration_version();
DROP FUNCTION login_faults();
DROP FUNCTION catalogue_faults();
