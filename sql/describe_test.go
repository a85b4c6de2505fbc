package schema

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// describe is what `pg_dump --schema-only` would say of the schema public, and the rows that migrations put into tables,
// in an order that does not depend on history. Goose's own table is left out, and extensions, which stay when they have been made. It asks the catalogue because not every
// PostgreSQL that localpg finds or fetches comes with pg_dump.
func describe(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	text := strings.Join(column(t, conn, description), "\n")
	for _, table := range column(t, conn, `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`) {
		if table != goose.DefaultTablename {
			text += "\nrows of " + table + "\n" + strings.Join(column(t, conn, "SELECT r::text FROM "+pgx.Identifier{table}.Sanitize()+" r ORDER BY 1"), "\n")
		}
	}
	return text
}

func column(t *testing.T, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return values
}

const description = `
WITH relations AS (
     SELECT c.*
       FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace
        AND c.relname NOT LIKE 'goose\_db\_version%'
), extended AS ( -- what an extension owns
     SELECT d.objid
       FROM pg_depend d
      WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
), described (kind, name, words) AS (
     SELECT 'schema', n.nspname, concat_ws(' ', n.nspowner::regrole, n.nspacl::text)
       FROM pg_namespace n
      WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      UNION ALL
     SELECT 'default privileges', concat_ws(' ', d.defaclrole::regrole, d.defaclobjtype), d.defaclacl::text
       FROM pg_default_acl d
      UNION ALL
     SELECT 'event trigger', e.evtname, concat_ws(' ', e.evtevent, e.evtfoid::regproc, e.evtenabled)
       FROM pg_event_trigger e
      UNION ALL
     SELECT 'relation', c.relname,
            concat_ws(' ', c.relkind, c.relpersistence, c.relowner::regrole, c.relacl::text, c.relrowsecurity, c.relforcerowsecurity, c.reloptions::text,
                      CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
                      CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
                      pg_get_expr(c.relpartbound, c.oid))
       FROM relations c
      UNION ALL
     SELECT 'column', c.relname || '.' || a.attname,
            concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation,
                      pg_get_expr(d.adbin, d.adrelid), a.attacl::text,
                      -- among the options, minor releases of late 2026 keep a number of their own, which pg_dump leaves out as well
                      ARRAY(SELECT o FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg\_attver=%' ORDER BY 1)::text)
       FROM relations c
       JOIN pg_attribute a    ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      UNION ALL
     SELECT 'order of columns', c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum)
       FROM relations c
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      GROUP BY c.relname
      UNION ALL
     SELECT 'index', c.relname, concat_ws(' ', pg_get_indexdef(c.oid), i.indisvalid, i.indisreplident, i.indisclustered)
       FROM relations c
       JOIN pg_index i ON i.indexrelid = c.oid
      UNION ALL
     SELECT 'constraint', concat_ws('.', c.relname, o.conname), concat_ws(' ', pg_get_constraintdef(o.oid), o.convalidated)
       FROM pg_constraint o
       LEFT JOIN relations c ON c.oid = o.conrelid
      WHERE o.connamespace = 'public'::regnamespace
        AND (o.conrelid = 0 OR c.oid IS NOT NULL)
      UNION ALL
     SELECT 'trigger', c.relname || '.' || g.tgname, concat_ws(' ', pg_get_triggerdef(g.oid), g.tgenabled)
       FROM relations c
       JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal
      UNION ALL
     SELECT 'rule', c.relname || '.' || r.rulename, pg_get_ruledef(r.oid)
       FROM relations c
       JOIN pg_rewrite r ON r.ev_class = c.oid
      UNION ALL
     SELECT 'policy', c.relname || '.' || p.polname,
            concat_ws(' ', p.polcmd, p.polpermissive, ARRAY(SELECT x::regrole::text FROM unnest(p.polroles) AS x ORDER BY 1)::text,
                      'USING', pg_get_expr(p.polqual, p.polrelid), 'CHECK', pg_get_expr(p.polwithcheck, p.polrelid))
       FROM relations c
       JOIN pg_policy p ON p.polrelid = c.oid
      UNION ALL
     SELECT 'function', p.oid::regprocedure::text,
            concat_ws(' ', p.proowner::regrole, p.proacl::text, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END)
       FROM pg_proc p
      WHERE p.pronamespace = 'public'::regnamespace
        AND p.oid NOT IN (SELECT objid FROM extended)
      UNION ALL
     SELECT 'type', y.typname,
            concat_ws(' ', y.typtype, y.typowner::regrole, y.typacl::text, y.typnotnull, y.typdefault, format_type(y.typbasetype, y.typtypmod),
                      ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = y.oid ORDER BY e.enumsortorder)::text)
       FROM pg_type y
      WHERE y.typnamespace = 'public'::regnamespace
        AND y.typname NOT LIKE '%goose\_db\_version%'
        AND y.oid     NOT IN (SELECT objid FROM extended)
        AND y.typelem NOT IN (SELECT objid FROM extended)
      UNION ALL
     SELECT 'sequence', c.relname, concat_ws(' ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcycle)
       FROM relations c
       JOIN pg_sequence s ON s.seqrelid = c.oid
      UNION ALL
     SELECT 'statistics', x.stxname, pg_get_statisticsobjdef(x.oid)
       FROM pg_statistic_ext x
      UNION ALL
     SELECT 'comment', pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description
       FROM pg_description d
      WHERE d.objoid >= 16384 -- those below are PostgreSQL's own
        AND d.classoid <> 'pg_extension'::regclass
)
SELECT concat_ws(' ', kind, name, words)
  FROM described
 ORDER BY 1`
