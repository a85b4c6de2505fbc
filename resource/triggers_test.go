package resource

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowhouse/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// triggers is what a table has of functions and triggers that audit it or count its versions, as PostgreSQL writes it.
func triggers(t *testing.T, conn *pgx.Conn, table string) (all []string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT pg_get_functiondef(oid) || coalesce(proacl::text, 'everybody') FROM pg_proc WHERE proname IN ($1 || '_audit', $1 || '_touch')
		 UNION ALL
		SELECT pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE tgrelid = $1::regclass AND (tgname ^@ 'audit' OR tgname = 'touch')`, table)
	if err != nil {
		t.Fatal(err)
	}
	all, err = pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// Each audited table has the functions and triggers that are written for its columns, to the letter, and so has each table with a version.
// A column that neither stands in them nor in unaudited is missed.
func TestTriggers(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	conn := d.Connect(d.Owner())
	entities, err := entitiesOf(filepath.Join("..", markersFile))
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{"user_roles": "user"} // which has no ids of its own
	for _, e := range entities {
		of[e.table] = e.prefix
	}
	left := map[string]bool{}
	for column := range unaudited {
		left[column] = true
	}
	rows, err := conn.Query(t.Context(), `
		SELECT c.relname,
		       EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname ^@ 'audit') AS audited,
		       bool_or(a.attname = 'version') AS versioned,
		       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') AS columns
		  FROM pg_class c
		  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		 WHERE c.relnamespace = 'public'::regnamespace
		   AND c.relkind IN ('r', 'p')
		   AND NOT c.relispartition
		 GROUP BY c.oid, c.relname`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		Relname            string
		Audited, Versioned bool
		Columns            []string
	}])
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, table := range tables {
		name, columns := table.Relname, Audited(table.Relname, table.Columns)
		var text string
		switch {
		case table.Audited && table.Versioned:
			text = Triggers(name, of[name], columns)
		case table.Audited:
			text = Audit(name, of[name], columns, false)
		case table.Versioned:
			text = Touch(name, columns)
		default:
			continue
		}
		held++
		for _, column := range table.Columns {
			delete(left, name+"."+column)
		}
		want := func() []string {
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(context.Background()) }()
			var drop strings.Builder
			for _, trigger := range []string{"touch", "audit_insert", "audit_update", "audit_delete"} {
				drop.WriteString("DROP TRIGGER IF EXISTS " + trigger + " ON " + name + ";")
			}
			drop.WriteString(strings.ReplaceAll(TriggersDown(name), "FUNCTION", "FUNCTION IF EXISTS"))
			if name == "tenants" { // with one goes all that could tell of it
				text += "DROP TRIGGER audit_delete ON tenants;"
			}
			if _, err := tx.Exec(t.Context(), drop.String()+text); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, text)
			}
			return triggers(t, conn, name)
		}
		got := triggers(t, conn, name)
		if diff := cmp.Diff(want(), got); diff != "" {
			t.Errorf("%s: its triggers are not those that are written for its columns: put this into a migration, or the column into unaudited (-want +got):\n%s\n%s", name, diff, text)
		}
	}
	if held < 10 {
		t.Errorf("only %d tables are audited or have a version", held)
	}
	for column := range left {
		t.Errorf("%s is listed in unaudited, and there is no such column", column)
	}
}

// Each audited table of a tenant's rows has the triggers that count them for its quota, but for those of which there is one for each name, or pair, or which
// the tenant's own life makes.
func TestHeld(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	conn := d.Connect(d.Owner())
	unheld := []string{"quotas", "settings", "tenants", "user_roles"}
	audited := testdb.Value[[]string](d, `SELECT array_agg(tgrelid::regclass::text) FROM pg_trigger WHERE tgname = 'audit_insert'`)
	held := func(table string) string {
		return testdb.Value[string](d, `SELECT coalesce(string_agg(pg_get_triggerdef(oid), ';' ORDER BY tgname), '') FROM pg_trigger WHERE tgrelid = CAST($1 AS text)::regclass AND tgname ^@ 'quota'`, table)
	}
	for _, table := range audited {
		got := held(table)
		if slices.Contains(unheld, table) {
			if got != "" {
				t.Errorf("%s is held: %s", table, got)
			}
			continue
		}
		if got == "" {
			t.Errorf("%s: put this into a migration:\n%s", table, Held(table))
			continue
		}
		if _, err := conn.Exec(t.Context(), "DROP TRIGGER quota_insert ON "+table+"; DROP TRIGGER quota_delete ON "+table+";"+Held(table)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(held(table), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", table, diff)
		}
	}
}

// A table may have more columns than a function of PostgreSQL takes arguments. No line is wider than a screen, and an equal number in another
// spelling is no change.
func TestTriggersOfManyColumns(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	var columns, made []string
	for n := range 60 {
		columns = append(columns, fmt.Sprintf("column_%d", n))
		made = append(made, fmt.Sprintf("column_%d numeric", n))
	}
	text := Triggers("wide_things", "thing", columns)
	for line := range strings.Lines(text) {
		if len(line) > width+1 {
			t.Errorf("%d bytes: %s", len(line), line)
		}
	}
	conn := d.Connect(d.Owner())
	if _, err := conn.Exec(t.Context(), `
		CREATE TABLE wide_things (
		  tenant_id uuid, id uuid, version bigint DEFAULT 1, created_at timestamptz DEFAULT now(), updated_at timestamptz, `+strings.Join(made, ", ")+`);
		`+text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	const tenant = `md5('tenant')::uuid`
	d.Exec(`INSERT INTO tenants (id, name, slug) VALUES (` + tenant + `, 'Tenant', 'tenant'); DELETE FROM audit_events`)
	d.Exec(`INSERT INTO wide_things (tenant_id, id, column_7) VALUES (` + tenant + `, md5('thing')::uuid, 0.5)`)
	d.Exec(`UPDATE wide_things SET column_7 = 0.50`) // the same number
	d.Exec(`UPDATE wide_things SET column_7 = NULL, column_59 = 2`)
	if version := testdb.Value[int](d, `SELECT version FROM wide_things`); version != 2 {
		t.Errorf("version %d after one change", version)
	}
	d.Exec(`DELETE FROM wide_things`)
	got := testdb.Value[[]string](d, `
		SELECT array_agg(concat_ws(' ', action, entity_type, (SELECT count(*) FROM jsonb_object_keys(before)), before -> 'column_7',
		                           (SELECT count(*) FROM jsonb_object_keys(after)), after -> 'column_7') ORDER BY id)
		  FROM audit_events`)
	want := []string{"wide_things.insert thing 0 60 0.5", "wide_things.update thing 2 0.50 2 null", "wide_things.delete thing 60 null 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
