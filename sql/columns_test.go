package schema

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
)

// Columns and Indexes are those of the database.
func TestColumnsOfTheDatabase(t *testing.T) {
	t.Parallel()
	conn := migrated(t, "columns")
	var columns, indexes []string
	for _, table := range slices.Sorted(slices.Values(Tables())) {
		for _, c := range Columns(table) {
			columns = append(columns, fmt.Sprintf("%s.%s %s %t %t %t %s", table, c.Name, c.Type, c.NotNull, c.HasDefault, c.Generated != "", c.RefersTo))
		}
		for _, i := range Indexes(table) {
			indexes = append(indexes, fmt.Sprintf("%s on %s %v %t", i.Name, table, i.Columns, i.Unique))
		}
	}
	tables := `t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND t.relname <> '` + goose.DefaultTablename + `'`
	if diff := cmp.Diff(column(t, conn, `
		SELECT format('%s.%s %s %s %s %s %s', t.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
		              (a.atthasdef AND a.attgenerated = '')::text, (a.attgenerated <> '')::text,
		              (SELECT o.confrelid::regclass
		                 FROM pg_constraint o
		                WHERE o.conrelid = t.oid AND o.contype = 'f' AND a.attnum = ANY (o.conkey) AND a.attname <> 'tenant_id'
		                  AND NOT EXISTS (SELECT FROM pg_attribute beside
		                                   WHERE beside.attrelid = t.oid AND beside.attnum = ANY (o.conkey) AND beside.attname NOT IN ('tenant_id', a.attname))))
		  FROM pg_class t
		  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
		 WHERE `+tables+`
		 ORDER BY t.relname COLLATE "C", a.attname COLLATE "C"`), columns); diff != "" {
		t.Errorf("(-database +Columns):\n%s", diff)
	}
	if diff := cmp.Diff(column(t, conn, `
		SELECT format('%s on %s [%s] %s', c.relname, t.relname,
		              (SELECT string_agg(a.attname, ' ' ORDER BY key.place, position(a.attname IN pg_get_indexdef(c.oid, key.place::integer, true)))
		                 FROM unnest(i.indkey) WITH ORDINALITY AS key (number, place)
		                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname <> 'tenant_id'
		                  AND (a.attnum = key.number OR key.number = 0 AND pg_get_indexdef(c.oid, key.place::integer, true) ~ ('\m' || a.attname || '\M'))),
		              i.indisunique::text)
		  FROM pg_class t
		  JOIN pg_index i ON i.indrelid = t.oid
		  JOIN pg_class c ON c.oid = i.indexrelid
		 WHERE `+tables+`
		 ORDER BY t.relname COLLATE "C", c.relname COLLATE "C"`), indexes); diff != "" {
		t.Errorf("(-database +Indexes):\n%s", diff)
	}
}

// A table comes behind those that it refers to.
func TestTablesInOrder(t *testing.T) {
	t.Parallel()
	tables := Tables()
	for _, c := range Constraints() {
		if to := referred.FindStringSubmatch(c.Definition); to != nil && slices.Index(tables, to[1]) > slices.Index(tables, c.Table) {
			t.Errorf("%s refers to %s, which comes behind it in %v", c.Table, to[1], tables)
		}
	}
}

// A column and an index are read as PostgreSQL writes them.
func TestColumnsAndIndexesAsWritten(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]Column{
		"timestamp with time zone":                         {Type: "timestamp with time zone"},
		"text COLLATE \"C\" NOT NULL GENERATED fold(name)": {Type: "text", NotNull: true, Generated: "fold(name)"},
		"numeric(10,2) NOT NULL DEFAULT 0":                 {Type: "numeric(10,2)", NotNull: true, HasDefault: true, Default: "0"},
		"text DEFAULT 'NOT NULL'::text":                    {Type: "text", HasDefault: true, Default: "'NOT NULL'::text"},
		"bigint NOT NULL d":                                {Type: "bigint", NotNull: true, HasDefault: true},
		"bigint NOT NULL a":                                {Type: "bigint", NotNull: true, Generated: "identity"},
	} {
		if got := newColumn("", words); got != want {
			t.Errorf("%s: got %+v, want %+v", words, got, want)
		}
	}
	columns := map[string]bool{"tenant_id": true, "a": true, "b": true, "c": true}
	for definition, want := range map[string]Index{
		"CREATE UNIQUE INDEX x ON y USING btree (tenant_id, lower(a), b DESC) INCLUDE (c) WHERE c IS NULL": {"x", []string{"a", "b"}, true},
		"CREATE INDEX x ON y USING btree (tenant_id, b, a) WITH (fillfactor='90')":                         {"x", []string{"b", "a"}, false},
	} {
		if diff := cmp.Diff(want, newIndex("x", definition, columns)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", definition, diff)
		}
	}
}
