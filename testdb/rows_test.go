package testdb

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	schema "rowhouse/sql"
)

func TestMain(m *testing.M) { Main(m) }

const text = "canary"

// Two rows of every table of tenants, and their twins in another tenant, are made from the catalogue, with all but a few values.
func TestInsertIntoEveryTable(t *testing.T) {
	t.Parallel()
	d := New(t)
	for _, tenant := range []string{"aaaaaaaa-0000-4000-8000-000000000000", "bbbbbbbb-0000-4000-8000-000000000000"} {
		d.Exec(Insert("tenants", "$1", map[string]string{"id": "$2", "slug": "$2"}), text, tenant)
		for _, id := range []string{"11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"} {
			d.Exec(`INSERT INTO accounts (id, username, email) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, id, id, id+"@example.com")
			for _, table := range schema.Tables() {
				if table == "tenants" || !slices.ContainsFunc(schema.Columns(table), func(c schema.Column) bool { return c.Name == "tenant_id" }) {
					continue
				}
				given := map[string]string{"tenant_id": "'" + tenant + "'", "id": "'" + id + "'"}
				maps.Copy(given, map[string]map[string]string{
					"api_keys":     {"key_prefix": "'rh_" + id[:8] + "0'"},
					"appointments": {"ends_at": "'2026-01-01 01:00:00Z'"},
					"jobs":         {"kind": "'test.test'"},
					"webhooks":     {"url": "'https://" + id[:8] + ".example.com'", "disabled_at": "now()", "disabled_reason": "'asked'"},
					"settings":     {"key": "'k" + id[:8] + "'", "value": "'[\"" + text + "\"]'"},
				}[table])
				d.Exec(Insert(table, "'"+text+"'", given))
				if n := Value[int](d, `SELECT count(*) FROM `+table+` WHERE tenant_id = $1 AND to_jsonb(`+table+`)::text LIKE '%' || $2 || '%'`, tenant, text); n == 0 && table != "user_roles" {
					t.Errorf("%s: no row has the text", table)
				}
			}
		}
	}
}

// What stands in a column is what its type and its constraints ask for.
func TestInsertedValues(t *testing.T) {
	t.Parallel()
	d := New(t)
	const id, byHand = "11111111-0000-4000-8000-000000000000", " follows from the catalogue: give it by hand"
	for _, c := range []struct {
		column string
		check  schema.Constraint
		want   string
	}{
		{"text", rule(""), "canary"},
		{"text DEFAULT", rule(""), "canary"},
		{"text", rule("length(c) <= 4", 0, 4), "cana"},
		{"text", rule("length(c) >= 8 AND length(c) <= 9", 8, 9), "canary..."},
		{"text UNIQUE", rule(""), "canary01c83099y885c454ey9cf2xc22e0486d"},
		{"text UNIQUE", rule("length(c) <= 8", 0, 8), "cana01c8"},
		{"text", rule("c ~ '^[a-z]$'::text"), ""},
		{"text", rule("c = lower(c)"), ""},
		{"text NOT NULL", rule("c = lower(c)"), "canary"},
		{"text NOT NULL", listed("b", "it's"), "it's"},
		{"text NOT NULL DEFAULT", listed("a", ""), ""},
		{"integer", rule(""), ""},
		{"integer NOT NULL", rule(""), "1"},
		{"integer NOT NULL", rule("c >= 5 AND c <= 7", 5, 7), "5"},
		{"numeric(10,2) NOT NULL", rule("c <= 0", 0, 0), "0.00"},
		{"boolean NOT NULL", rule(""), "false"},
		{"boolean NOT NULL", rule("c"), "true"},
		{"date NOT NULL", rule(""), "2026-01-01"},
		{"timestamp(0) with time zone NOT NULL", rule(""), "2026-01-01 00:00:00+00"},
		{"interval NOT NULL", rule(""), "01:00:00"},
		{"text[] NOT NULL", rule("cardinality(c) <= 3", 0, 3), "{}"},
		{"text[] NOT NULL", rule("cardinality(c) >= 2", 2, 3), "{canary,canary}"},
		{"integer[] NOT NULL", rule(""), "{}"},
		{"jsonb NOT NULL", rule(""), "{}"},
		{"json NOT NULL", rule(""), `{"a": {"b": 1}}`}, // of the comment below
		{"uuid NOT NULL", rule(""), id},

		{"text NOT NULL", rule("c ~ '^[a-z]$'::text"), "no value of scratch.c (text)" + byHand},
		{"text NOT NULL", rule("c ~~ 'x%'::text"), "no value of scratch.c (text)" + byHand},
		{"int4range NOT NULL", rule(""), "no value of scratch.c (int4range)" + byHand},
	} {
		kind, _, _ := strings.Cut(c.column, " NOT NULL")
		kind, unique := strings.CutSuffix(kind, " UNIQUE")
		kind = strings.TrimSuffix(kind, " DEFAULT")
		m := maker{
			columns:     []schema.Column{{Name: "c", Type: kind, NotNull: strings.Contains(c.column, "NOT NULL"), HasDefault: strings.HasSuffix(c.column, "DEFAULT")}},
			constraints: []schema.Constraint{c.check},
			indexes:     []schema.Index{{Name: "scratch_c_key", Columns: []string{"c"}, Unique: unique}},
			table:       "scratch", text: "'" + text + "'", given: map[string]string{"id": "'" + id + "'"},
		}
		d.Exec(`DROP TABLE IF EXISTS scratch`)
		d.Exec(`CREATE TABLE scratch (n integer DEFAULT 0, c ` + strings.ReplaceAll(c.column, "DEFAULT", "DEFAULT ''") + `, ` + c.check.Definition + `)`)
		if kind == "json" {
			d.Exec(`COMMENT ON COLUMN scratch.c IS 'What it is. Example: {"a": {"b": 1}} Fields: a:text(..9)'`)
		}
		got := func() (got string) {
			defer func() {
				if fault := recover(); fault != nil {
					got = fmt.Sprint(fault)
				}
			}()
			if insert := m.insert(); insert != "INSERT INTO scratch () SELECT " {
				d.Exec(insert)
			}
			return Value[string](d, `SELECT coalesce((SELECT c::text FROM scratch), '')`)
		}()
		if got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.column, c.check.Definition, got, c.want)
		}
	}
}

// rule is a CHECK of scratch.c, with its limits where it has any.
func rule(definition string, limits ...int64) schema.Constraint {
	c := schema.Constraint{Table: "scratch", Kind: "check", Columns: []string{"c"}, Definition: "CHECK (" + definition + ")"}
	if definition == "" {
		c.Definition, c.Columns = "CHECK (true)", nil
	}
	if len(limits) == 2 {
		c.Min, c.Max = &limits[0], &limits[1]
	}
	return c
}

func listed(values ...string) schema.Constraint {
	c := rule("c = ANY (ARRAY['" + strings.ReplaceAll(strings.Join(values, "|"), "'", "''") + "'::text])")
	c.Definition, c.Values = strings.ReplaceAll(c.Definition, "|", "'::text, '"), values
	return c
}

// What must be later than another column is a little later than whatever that has.
func TestInsertedInOrder(t *testing.T) {
	t.Parallel()
	d := New(t)
	for _, c := range []struct{ kind, check, given, want string }{
		{"date", "a < b", "", "2026-01-02"},
		{"date", "b > a", "'2027-12-31'", "2028-01-01"},
		{"timestamp with time zone", "a < b", "", "2026-01-01 01:00:00+00"},
		{"integer", "a < b", "", "2"},
	} {
		m := maker{
			columns:     []schema.Column{{Name: "a", Type: c.kind, NotNull: true}, {Name: "b", Type: c.kind, NotNull: true}},
			constraints: []schema.Constraint{{Table: "scratch", Kind: "check", Columns: []string{"a", "b"}, Definition: "CHECK (" + c.check + ")"}},
			table:       "scratch", given: map[string]string{"a": c.given},
		}
		d.Exec(`DROP TABLE IF EXISTS scratch`)
		d.Exec(`CREATE TABLE scratch (a ` + c.kind + ` NOT NULL, b ` + c.kind + ` NOT NULL, CHECK (` + c.check + `))`)
		d.Exec(m.insert())
		if got := Value[string](d, `SELECT b::text FROM scratch`); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.kind, c.check, got, c.want)
		}
	}
}
