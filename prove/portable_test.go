package prove

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// What one PostgreSQL takes, one that is spread over several nodes would take too.
func TestPortable(t *testing.T) {
	t.Parallel()
	for _, finding := range Portable(project()) {
		t.Error(finding)
	}
}

// What such a database refuses is found, in a query, a migration up or down, and a function, at its line; what it takes is not.
func TestPlantedPortable(t *testing.T) {
	t.Parallel()
	const query = "-- Scope: tenant.\n\n-- Planted is planted.\n-- name: Planted :one\n"
	inFunction := func(language, body string) string {
		return "-- +goose Up\n\n-- +goose StatementBegin\nCREATE FUNCTION planted(given text) RETURNS trigger LANGUAGE " + language + " AS $$\n" + body + "\n$$;\n-- +goose StatementEnd\n"
	}
	plpgsql := func(statement string) string { return inFunction("plpgsql", "BEGIN\n"+statement+"\nEND") }
	for _, c := range []struct{ file, text, want string }{
		{"queries", query + "INSERT INTO items (tenant_id, name)\nVALUES (@tenant_id, (SELECT me()))", "queries/planted.sql:6: Planted: an INSERT whose values"},
		{"queries", query + "INSERT INTO items (tenant_id, name)\nVALUES (@tenant_id, CASE WHEN EXISTS (SELECT FROM items) THEN @name ELSE sqlc.narg('other') END)", "queries/planted.sql:6: Planted: an INSERT"},
		{"queries", query + "INSERT INTO items (tenant_id, name)\nVALUES (@tenant_id, @name)\nRETURNING sqlc.embed(items),\n  (SELECT me())", "queries/planted.sql:8: Planted: an INSERT"},
		{"queries", query + "INSERT INTO items (tenant_id, name)\nSELECT @tenant_id, @name\nRETURNING (SELECT me())", "queries/planted.sql:7: Planted: an INSERT"},
		{"queries", query + "INSERT INTO items (tenant_id, name)\nVALUES (@tenant_id, @name)\nON CONFLICT (tenant_id, id) DO UPDATE SET name = (SELECT me())", "queries/planted.sql:7: Planted: an INSERT"},
		{"queries", query + "WITH made AS (\n INSERT INTO items (tenant_id, name)\n VALUES (@tenant_id, (SELECT me()))\n RETURNING *)\nSELECT * FROM made", "queries/planted.sql:7: Planted: an INSERT"},
		{"queries", query + "WITH made AS (INSERT INTO items (tenant_id, name) VALUES (@tenant_id, (SELECT me())))\nINSERT INTO items (tenant_id, name) VALUES (@tenant_id, @name)", "queries/planted.sql:5: Planted: an INSERT"},
		{"queries", query + "INSERT INTO items (tenant_id, name)\nSELECT @tenant_id, (SELECT me()) WHERE EXISTS (SELECT FROM items)", ""},
		{"queries", query + "WITH made AS (INSERT INTO items (tenant_id, name) VALUES (@tenant_id, me()) RETURNING *)\nSELECT id, (SELECT me()) FROM made", ""},
		{"queries", query + "WITH who AS (SELECT id FROM items WHERE name = (SELECT me()))\nINSERT INTO items (tenant_id, name) VALUES (@tenant_id, @name)", ""},
		{"queries", query + "UPDATE items SET name = (SELECT me()) RETURNING (SELECT me())", ""},

		{"migrations", "-- +goose Up\nALTER TABLE items ADD COLUMN a text, ADD COLUMN b text;\n", "migrations/planted.sql:2: items: 2 commands in one ALTER TABLE"},
		{"migrations", "-- +goose Up\nALTER TABLE items ADD COLUMN a text;\n-- +goose Down\nALTER TABLE items\n DROP COLUMN a, DROP COLUMN b;\n", "migrations/planted.sql:4: items: 2 commands"},
		{"migrations", "-- +goose Up\nALTER TABLE items ADD COLUMN a text;\nALTER TABLE items ADD COLUMN b numeric(9, 2);\n", ""},
		{"migrations", "-- +goose Up\nINSERT INTO permissions (name)\nVALUES ((SELECT 'x'));\n", "migrations/planted.sql:3: INSERT: an INSERT"},

		{"migrations", plpgsql("INSERT INTO items (name) VALUES ((SELECT me()));"), "migrations/planted.sql:4: planted: an INSERT"},
		{"migrations", plpgsql("IF given THEN INSERT INTO items (name) VALUES (given) RETURNING (SELECT me()) INTO given; END IF;"), "migrations/planted.sql:4: planted: an INSERT"},
		{"migrations", inFunction("sql", "INSERT INTO items (name) VALUES ((SELECT me()))"), "migrations/planted.sql:4: planted: an INSERT"},
		{"migrations", plpgsql("INSERT INTO items (name) SELECT (SELECT me()) FROM changed;"), ""},
		{"migrations", "-- +goose Up\nCREATE FUNCTION planted() RETURNS uuid LANGUAGE sql RETURN (SELECT me());\n", ""},
		{"migrations", plpgsql("given := (SELECT me()); INSERT INTO items (name) VALUES (given);"), ""},
	} {
		planted := fstest.MapFS{
			"sql/queries/none.sql":                {Data: []byte("-- Scope: tenant.\n")},
			"sql/migrations/none.sql":             {Data: []byte("-- +goose Up\n")},
			"sql/" + c.file + "/" + "planted.sql": {Data: []byte(c.text)},
		}
		got := Portable(planted)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], "sql/"+c.want)) {
			t.Errorf("%s\n got %q\nwant %q", c.text, got, c.want)
		}
	}
	if got := Portable(fstest.MapFS{"sql/queries/x.sql": {Data: []byte("SELECT FROM;;(")}}); !slices.ContainsFunc(got, func(finding string) bool { return strings.Contains(finding, "syntax error") }) || len(got) != 2 {
		t.Errorf("of what it cannot read: %q", got)
	}
}
