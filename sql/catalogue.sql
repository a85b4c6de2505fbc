-- What the migrations have left in the schema public: a name and words for each thing, the same on PostgreSQL 15 to 18, and the same when
-- it has been dumped and restored, which takes parentheses out of expressions: so they are asked for as they are shown to people, with
-- few. Of privileges only those of the roles that the migrations make, and of everybody's. Goose's own table is left out. It is asked in a
-- session that has been settled, whose settings decide how expressions are written.
WITH tables AS (
     SELECT c.oid, c.relname, c.relkind, c.relpersistence, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.reloptions
       FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace
        AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
        AND c.relname NOT LIKE 'goose\_db\_version%'
), roles AS (
     SELECT r.oid, r.rolname AS name, r.rolinherit, r.rolcanlogin
       FROM pg_roles r
      WHERE r.rolname IN ('rowhouse_app', 'rowhouse_gate', 'rowhouse_login', 'rowhouse_worker')
), grantees (oid, name) AS (
     SELECT oid, name FROM roles
      UNION ALL
     SELECT 0, 'everybody'
), granted (grantee, on_what, privilege) AS (
     SELECT x.grantee, format('table %s', t.relname), x.privilege_type
       FROM tables t, aclexplode(coalesce(t.relacl, acldefault('r', t.relowner))) x
      UNION ALL
     SELECT x.grantee, format('table %s', t.relname), format('%s (%s)', x.privilege_type, a.attname)
       FROM tables t
       JOIN pg_attribute a ON a.attrelid = t.oid AND NOT a.attisdropped, aclexplode(a.attacl) x
      UNION ALL
     SELECT x.grantee, format('function %s', p.oid::regprocedure), x.privilege_type
       FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
      WHERE p.pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
      UNION ALL
     SELECT x.grantee, 'schema public', x.privilege_type
       FROM pg_namespace n, aclexplode(n.nspacl) x
      WHERE n.nspname = 'public'
        AND x.grantee <> 0 -- everybody's is PostgreSQL's own
)
SELECT format('role %s', name),
       concat_ws(' ', CASE WHEN rolcanlogin THEN 'logs in' END, CASE WHEN NOT rolinherit THEN 'does not inherit' END,
                 CASE WHEN name = 'rowhouse_gate' THEN CASE WHEN pg_has_role(r.oid, l.oid, 'MEMBER') THEN 'may become rowhouse_login' ELSE 'may not become rowhouse_login' END END,
                 CASE WHEN name = 'rowhouse_gate' AND pg_has_role(r.oid, l.oid, 'USAGE') THEN 'is rowhouse_login' END)
  FROM roles r
  LEFT JOIN (SELECT oid FROM roles WHERE name = 'rowhouse_login') l ON true
 UNION ALL
SELECT format('table %s', relname),
       concat_ws(', ', CASE relkind WHEN 'r' THEN 'rows' WHEN 'p' THEN 'partitions' WHEN 'S' THEN 'a sequence' ELSE 'a view' END,
                 CASE relpersistence WHEN 'u' THEN 'unlogged' END,
                 CASE WHEN relrowsecurity THEN 'row-level security' END, CASE WHEN relforcerowsecurity THEN 'forced' END,
                 nullif(array_to_string(reloptions, ', '), ''),
                 CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid, true) END)
  FROM tables
 UNION ALL
SELECT format('column %s.%s', t.relname, a.attname),
       concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                 CASE WHEN a.attcollation NOT IN (0, 'pg_catalog."default"'::regcollation) THEN 'COLLATE ' || a.attcollation::regcollation END,
                 CASE WHEN a.attnotnull THEN 'NOT NULL' END, nullif(a.attidentity, ''),
                 CASE a.attgenerated WHEN '' THEN 'DEFAULT ' ELSE 'GENERATED ' END || pg_get_expr(d.adbin, d.adrelid, true))
  FROM tables t
  JOIN pg_attribute a     ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d  ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE t.relkind IN ('r', 'p')
 UNION ALL
SELECT format('constraint %s on %s', o.conname, t.relname),
       concat_ws(', ', pg_get_constraintdef(o.oid, true),
                 CASE WHEN EXISTS (SELECT FROM pg_trigger g WHERE g.tgconstraint = o.oid AND g.tgenabled NOT IN ('O', 'A')) THEN 'disabled' END)
  FROM tables t
  JOIN pg_constraint o ON o.conrelid = t.oid
 WHERE o.contype NOT IN ('n', 't') -- NOT NULL is the column's, and named since 18; a constraint trigger is a trigger
 UNION ALL
SELECT format('meaning of table %s', relname), obj_description(oid, 'pg_class')
  FROM tables
 WHERE obj_description(oid, 'pg_class') IS NOT NULL
 UNION ALL
SELECT format('meaning of %s on %s', o.conname, t.relname), obj_description(o.oid, 'pg_constraint')
  FROM tables t
  JOIN pg_constraint o ON o.conrelid = t.oid
 WHERE obj_description(o.oid, 'pg_constraint') IS NOT NULL
 UNION ALL
SELECT format('index %s on %s', c.relname, t.relname), pg_get_indexdef(c.oid, 0, true)
  FROM tables t
  JOIN pg_index i ON i.indrelid = t.oid AND i.indisvalid AND i.indisready AND i.indislive
  JOIN pg_class c ON c.oid = i.indexrelid
 UNION ALL
SELECT format('trigger %s on %s', g.tgname, t.relname),
       concat_ws(', ', pg_get_triggerdef(g.oid, true),
                 CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'disabled but on a replica' WHEN 'A' THEN 'always' END)
  FROM tables t
  JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
 UNION ALL
SELECT format('policy %s on %s', p.polname, t.relname),
       concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd,
                 'TO ' || array_to_string(ARRAY(SELECT CASE x WHEN 0 THEN 'everybody' ELSE x::regrole::text END FROM unnest(p.polroles) AS x ORDER BY 1), ', '),
                 'USING ' || pg_get_expr(p.polqual, p.polrelid, true), 'CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid, true))
  FROM tables t
  JOIN pg_policy p ON p.polrelid = t.oid
 UNION ALL
SELECT format('function %s', p.oid::regprocedure),
       concat_ws(' ', 'RETURNS', pg_get_function_result(p.oid), l.lanname, p.provolatile, p.proparallel, CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' END,
                 array_to_string(p.proconfig, '; '),
                 encode(sha256(convert_to(coalesce(translate(pg_get_function_sqlbody(p.oid), '()', ''), p.prosrc), 'UTF8')), 'hex'))
  FROM pg_proc p
  JOIN pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
 UNION ALL
SELECT format('what %s may do with %s', e.name, g.on_what), string_agg(DISTINCT g.privilege, ', ' ORDER BY g.privilege)
  FROM granted g
  JOIN grantees e ON e.oid = g.grantee
 GROUP BY e.name, g.on_what
