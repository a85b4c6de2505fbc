package main

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// The project's own files pass.
func TestProject(t *testing.T) {
	t.Parallel()
	findings, _ := prove(os.DirFS("../.."))
	for _, finding := range findings {
		t.Error(finding)
	}
}

// Each predicate that binds a query of the project is needed: without it, or against another parameter, prove objects.
func TestMutants(t *testing.T) {
	t.Parallel()
	project := os.DirFS("../..")
	binding := regexp.MustCompile(`(\w+\.)?\w*id\s+= @(tenant|account)_id\b|\bON \w+\.id = \w+\.(tenant|account)_id\b|@tenant_id,`)
	tables := &schema{tables: map[string]*table{}, report: func(_, _, _ string) {}}
	for _, migration := range glob(t, project, "sql/migrations/*.sql") {
		tables.migrate(migration, read(t, project, migration))
	}
	mutants := 0
	for _, file := range glob(t, project, "sql/queries/*.sql") {
		head, queries, _ := strings.Cut(read(t, project, file), "-- name: ")
		scope := scopeLine.FindStringSubmatch(head)[1]
		if scope == "unscoped" {
			continue
		}
		for _, text := range strings.Split(queries, "-- name: ") {
			name, _, _ := strings.Cut(text, " ")
			for _, at := range binding.FindAllStringIndex(text, -1) {
				found := text[at[0]:at[1]]
				if scope == "tenant" && strings.Contains(found, "@account_id") {
					continue // the tenant scope asks nothing of it
				}
				with := []string{strings.NewReplacer("@tenant_id", "@other_id", "@account_id", "@other_id", ".tenant_id", ".id").Replace(found)}
				switch {
				case strings.HasPrefix(found, "ON "):
					with = append(with, "ON true")
				case !strings.HasSuffix(found, ","):
					with = append(with, "true", "("+found+" OR @all::bool)", "NOT "+found)
				}
				for _, instead := range with {
					objected := false
					tables.report = func(_, _, fault string) {
						objected = objected || strings.Contains(fault, "held to") || strings.Contains(fault, "INSERT")
					}
					proveQueries(tables, file, "-- Scope: "+scope+".\n-- name: "+text[:at[0]]+instead+text[at[1]:])
					if mutants++; !objected {
						t.Errorf("%s: %s: %q instead of %q, and nothing is said", file, name, instead, found)
					}
				}
			}
		}
	}
	if mutants < 40 {
		t.Errorf("only %d mutants: the pattern no longer finds the predicates", mutants)
	}
}

// What is sound passes.
func TestGoodQueries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scope, sql string }{
		{"tenant", `SELECT * FROM items WHERE tenant_id = @tenant_id AND id = @id`},
		{"tenant", `SELECT * FROM items i WHERE sqlc.arg('tenant_id') = i.tenant_id AND (i.id = @id AND true)`},
		{"tenant", `SELECT i.id FROM items i JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.id WHERE i.tenant_id = @tenant_id`},
		{"tenant", `SELECT i.id FROM items i, users u WHERE i.tenant_id = u.tenant_id AND u.tenant_id = @tenant_id`},
		{"tenant", `SELECT i.id FROM items i JOIN users u ON u.tenant_id = @tenant_id AND i.tenant_id = @tenant_id`},
		{"tenant", `SELECT i.id, u.id FROM items i LEFT JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.id WHERE i.tenant_id = @tenant_id`},
		{"tenant", `SELECT i.id FROM items i LEFT JOIN (users u JOIN items j ON j.tenant_id = u.tenant_id) ON u.tenant_id = i.tenant_id WHERE i.tenant_id = @tenant_id`},
		{"tenant", `SELECT sqlc.embed(i), u.id FROM items i JOIN users u ON u.tenant_id = i.tenant_id WHERE i.tenant_id = @tenant_id`},
		{"tenant", `SELECT t.name FROM tenants t JOIN items i ON i.tenant_id = t.id WHERE t.id = @tenant_id`},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id UNION SELECT id FROM users WHERE tenant_id = @tenant_id ORDER BY id`},
		{"tenant", `SELECT id FROM items i WHERE tenant_id = @tenant_id AND EXISTS (SELECT 1 FROM users u WHERE u.tenant_id = i.tenant_id)`},
		{"tenant", `SELECT i.id, x.n FROM items i, LATERAL (SELECT count(*) AS n FROM users u WHERE u.tenant_id = i.tenant_id) x WHERE i.tenant_id = @tenant_id`},
		{"tenant", `WITH RECURSIVE r AS (SELECT id FROM items WHERE tenant_id = @tenant_id UNION SELECT i.id FROM r JOIN items i ON i.id = r.id AND i.tenant_id = @tenant_id) SELECT id FROM r`},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND CASE WHEN @after::uuid IS NULL THEN true ELSE (name, id) > (@name::text, @after) END ORDER BY CASE WHEN @sort::text = '' THEN name END`},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND (name = sqlc.narg('name') OR sqlc.narg('name') IS NULL) FOR UPDATE SKIP LOCKED`},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND (name >= lower(@q) AND name < lower(@q) || chr(1114111)) AND created_at > now() - interval '1 day'`},
		{"tenant", `SELECT i.id FROM items i JOIN unnest(@ids::uuid[]) AS wanted (id) ON wanted.id = i.id WHERE i.tenant_id = @tenant_id AND i.id = ANY(@ids::uuid[])`},
		{"tenant", `SELECT id, reaches_all() FROM items WHERE tenant_id = @tenant_id AND id = (SELECT me())`},
		{"tenant", `SELECT id, '@x $1 sqlc.arg(' AS text FROM items WHERE tenant_id = @tenant_id -- not @a parameter, nor $1`},
		{"tenant", `SELECT p.name FROM permissions p JOIN users u ON u.name = p.name WHERE u.tenant_id = @tenant_id`},
		{"tenant", `INSERT INTO items (tenant_id, name) VALUES (@tenant_id, @a), (@tenant_id, @b) RETURNING *`},
		{"tenant", `INSERT INTO items (tenant_id, name) SELECT @tenant_id, unnest(@names::text[])`},
		{"tenant", `INSERT INTO items (tenant_id, id) VALUES (@tenant_id, @id) ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name WHERE items.id = @id`},
		{"tenant", `INSERT INTO items (tenant_id, id) VALUES (@tenant_id, @id) ON CONFLICT (tenant_id, id) DO UPDATE SET name = (SELECT max(u.name) FROM users u WHERE u.tenant_id = items.tenant_id)`},
		{"tenant", `UPDATE items SET name = u.name FROM users u WHERE items.tenant_id = @tenant_id AND u.tenant_id = items.tenant_id RETURNING items.id`},
		{"tenant", `DELETE FROM items USING users u WHERE items.tenant_id = u.tenant_id AND u.tenant_id = @tenant_id`},
		{"account", `SELECT * FROM sessions WHERE account_id = @account_id`},
		{"account", `SELECT t.name FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.account_id = @account_id`},
		{"account", `SELECT u.id FROM accounts a JOIN users u ON u.account_id = a.id WHERE a.id = @account_id`},
		{"account", `DELETE FROM refresh_tokens r USING sessions s WHERE r.session_id = s.id AND s.account_id = @account_id`},
		{"unscoped", `SELECT * FROM accounts WHERE id = @login`},
		{"unscoped", `SELECT migration_version()`},
		{"unscoped", `SELECT 1 FROM catalogue_faults(), login_faults()`},
	} {
		if findings := proveOne(c.scope, c.sql); len(findings) > 0 {
			t.Errorf("%s\n%s", c.sql, strings.Join(findings, "\n"))
		}
	}
}

// What is not sound is one finding, the right one.
func TestBadQueries(t *testing.T) {
	t.Parallel()
	const (
		items    = "items is not held to the tenant: the WHERE of its own level"
		users    = "users u is not held to the tenant: the WHERE of its own level"
		optional = "users u is not held to the tenant: the ON of its LEFT JOIN must say u.tenant_id = @tenant_id"
	)
	for _, c := range []struct{ scope, sql, want string }{
		// Where the predicate is missing.
		{"tenant", `SELECT * FROM items WHERE id = @tenant_id`, items},
		{"tenant", `SELECT @tenant_id, id FROM items`, items},
		{"tenant", `SELECT i.id FROM items i JOIN users u ON u.id = i.id WHERE i.tenant_id = @tenant_id`, users},
		{"tenant", `SELECT i.id FROM items i CROSS JOIN users u WHERE i.tenant_id = @tenant_id`, users},
		{"tenant", `SELECT i.id FROM items i JOIN users u ON true WHERE i.tenant_id = @tenant_id AND u.id = @tenant_id`, users},
		{"tenant", `WITH c AS (SELECT id FROM items) SELECT c.id FROM c JOIN users u ON u.id = c.id WHERE u.tenant_id = @tenant_id`, items},
		{"tenant", `WITH c AS (SELECT * FROM items) SELECT * FROM c WHERE tenant_id = @tenant_id`, items},
		{"tenant", `SELECT * FROM (SELECT * FROM items) x WHERE x.tenant_id = @tenant_id`, items},
		{"tenant", `SELECT (SELECT count(*) FROM items) FROM users u WHERE u.tenant_id = @tenant_id`, items},
		{"tenant", `SELECT u.id FROM users u WHERE u.tenant_id = @tenant_id AND EXISTS (SELECT 1 FROM items WHERE items.id = u.id)`, items},
		{"tenant", `SELECT u.id FROM users u WHERE u.tenant_id = @tenant_id AND u.id IN (SELECT id FROM items)`, items},
		{"tenant", `SELECT u.id FROM users u, LATERAL (SELECT 1 FROM items WHERE items.id = u.id) x WHERE u.tenant_id = @tenant_id`, items},
		{"tenant", `SELECT i.id FROM items i, (SELECT 1 FROM users u WHERE u.tenant_id = i.tenant_id) x WHERE i.tenant_id = @tenant_id`, users},
		{"tenant", `SELECT id FROM users u WHERE tenant_id = @tenant_id UNION ALL SELECT id FROM items`, items},
		{"tenant", `SELECT id FROM items EXCEPT SELECT id FROM users u WHERE u.tenant_id = @tenant_id`, items},
		{"tenant", `SELECT id FROM users u WHERE tenant_id = @tenant_id ORDER BY (SELECT name FROM items LIMIT 1)`, items},
		{"tenant", `SELECT id FROM users u WHERE tenant_id = @tenant_id LIMIT (SELECT count(*) FROM items)`, items},
		{"tenant", `SELECT max(id) OVER (ORDER BY (SELECT name FROM items)) FROM users u WHERE tenant_id = @tenant_id`, items},
		{"tenant", `SELECT u.id FROM users u WHERE u.tenant_id = @tenant_id GROUP BY u.id HAVING count(*) > (SELECT count(*) FROM items)`, items},
		{"tenant", `UPDATE items SET name = @tenant_id WHERE id = @id`, items},
		{"tenant", `UPDATE items SET name = u.name FROM users u WHERE items.tenant_id = @tenant_id AND u.id = items.id`, users},
		{"tenant", `UPDATE items SET name = (SELECT name FROM users u LIMIT 1) WHERE tenant_id = @tenant_id`, users},
		{"tenant", `DELETE FROM items WHERE name = @tenant_id`, items},
		{"tenant", `DELETE FROM items USING users u WHERE items.tenant_id = @tenant_id AND u.id = items.id`, users},
		{"tenant", `DELETE FROM items WHERE tenant_id = @tenant_id RETURNING (SELECT u.id FROM users u)`, users},
		{"tenant", `WITH gone AS (DELETE FROM items RETURNING id) SELECT u.id FROM users u WHERE tenant_id = @tenant_id`, items},
		{"tenant", `INSERT INTO items (tenant_id, name) SELECT @tenant_id, u.name FROM users u`, users},
		{"tenant", `INSERT INTO items (tenant_id, id) VALUES (@tenant_id, @id) ON CONFLICT (tenant_id, id) DO UPDATE SET name = (SELECT u.name FROM users u)`, users},
		{"tenant", `SELECT * FROM tenants WHERE name = @tenant_id`, "tenants is not held to the tenant: the WHERE of its own level, or the ON of its inner join, must say tenants.id = @tenant_id"},

		// Where it is there and does not bind.
		{"tenant", `SELECT * FROM items WHERE tenant_id = @tenant_id OR id = @id`, items},
		{"tenant", `SELECT * FROM items WHERE tenant_id = @tenant_id AND id < @id OR name < @name`, items},
		{"tenant", `SELECT * FROM items WHERE NOT tenant_id = @tenant_id`, items},
		{"tenant", `SELECT * FROM items WHERE NOT (tenant_id = @tenant_id AND id = @id)`, items},
		{"tenant", `SELECT * FROM items WHERE CASE WHEN tenant_id = @tenant_id THEN true END`, items},
		{"tenant", `SELECT * FROM items WHERE coalesce(tenant_id = @tenant_id, true)`, items},
		{"tenant", `SELECT * FROM items WHERE (tenant_id = @tenant_id) IS NOT NULL`, items},
		{"tenant", `SELECT * FROM items WHERE tenant_id <> @tenant_id`, items},
		{"tenant", `SELECT * FROM items WHERE tenant_id >= @tenant_id`, items},
		{"tenant", `SELECT * FROM items WHERE tenant_id IS NOT DISTINCT FROM @tenant_id`, items},
		{"tenant", `SELECT * FROM items WHERE @tenant_id = @tenant_id AND tenant_id = tenant_id`, items},
		{"tenant", `SELECT * FROM items WHERE tenant_id = @other_id AND id = @tenant_id`, items},
		{"tenant", `SELECT * FROM items WHERE tenant_id = '018f0000-0000-7000-8000-000000000000'`, items},
		{"tenant", `SELECT * FROM items WHERE tenant_id = @tenant_id::uuid`, items},
		{"tenant", `SELECT * FROM items WHERE tenant_id = (SELECT current_tenant())`, items},
		{"tenant", `SELECT tenant_id = @tenant_id FROM items`, items},
		{"tenant", `SELECT tenant_id FROM items GROUP BY tenant_id HAVING tenant_id = @tenant_id`, items},
		{"tenant", `SELECT i.id FROM items i JOIN users u ON i.tenant_id = @tenant_id WHERE i.tenant_id = @tenant_id`, users},
		{"tenant", `SELECT u.id FROM users u WHERE u.tenant_id = @tenant_id AND EXISTS (SELECT 1 FROM items WHERE u.tenant_id = @tenant_id)`, items},
		{"tenant", `SELECT items.id FROM items WHERE EXISTS (SELECT 1 FROM users u WHERE u.tenant_id = @tenant_id AND items.tenant_id = u.tenant_id)`, items},
		{"tenant", `SELECT items.id FROM items WHERE EXISTS (SELECT 1 FROM items i WHERE items.tenant_id = @tenant_id AND i.tenant_id = @tenant_id)`, items},
		{"tenant", `SELECT items.id FROM items JOIN unnest(@ids::uuid[]) AS tenant_id ON tenant_id = @tenant_id`, items},
		{"tenant", `SELECT items.id FROM (SELECT 1) AS i (tenant_id), items WHERE i.tenant_id = @tenant_id`, items},
		{"tenant", `SELECT i.id FROM items i LEFT JOIN users u ON u.id = i.id WHERE i.tenant_id = @tenant_id`, optional},
		{"tenant", `SELECT i.id FROM items i LEFT JOIN users u ON u.id = i.id WHERE i.tenant_id = @tenant_id AND u.tenant_id = @tenant_id`, optional},
		{"tenant", `SELECT items.id FROM items LEFT JOIN users u ON u.tenant_id = @tenant_id AND items.tenant_id = @tenant_id`, items},
		{"tenant", `SELECT items.id FROM items LEFT JOIN users u ON u.tenant_id = @tenant_id AND items.tenant_id = u.tenant_id`, items},
		{"tenant", `SELECT i.id FROM (items i LEFT JOIN users u ON true) JOIN items j ON u.tenant_id = @tenant_id WHERE i.tenant_id = @tenant_id AND j.tenant_id = @tenant_id`, optional},

		// Writes that move or mislay.
		{"tenant", `INSERT INTO items (name) VALUES (@tenant_id)`, "an INSERT into items gives tenant_id = @tenant_id in its first column"},
		{"tenant", `INSERT INTO items (name, tenant_id) VALUES (@name, @tenant_id)`, "an INSERT into items gives"},
		{"tenant", `INSERT INTO items (tenant_id, name) VALUES (@tenant_id, @a), (@other_id, @b)`, "an INSERT into items gives"},
		{"tenant", `INSERT INTO items (tenant_id) SELECT u.tenant_id FROM users u WHERE u.tenant_id = @tenant_id`, "an INSERT into items gives"},
		{"tenant", `INSERT INTO items (tenant_id) SELECT @tenant_id UNION SELECT @other_id`, "an INSERT into items gives"},
		{"tenant", `INSERT INTO items VALUES (@tenant_id, @id)`, "an INSERT into items gives"},
		{"tenant", `INSERT INTO items DEFAULT VALUES`, "an INSERT into items gives"},
		{"tenant", `INSERT INTO tenants (slug, id) VALUES (@slug, @tenant_id)`, "an INSERT into tenants gives id = @tenant_id"},
		{"tenant", `INSERT INTO items (tenant_id, id) VALUES (@tenant_id, @id) ON CONFLICT (id) DO NOTHING`, "ON CONFLICT must name columns that begin with tenant_id"},
		{"tenant", `INSERT INTO items (tenant_id, id) VALUES (@tenant_id, @id) ON CONFLICT DO NOTHING`, "ON CONFLICT must name"},
		{"tenant", `INSERT INTO items (tenant_id, id) VALUES (@tenant_id, @id) ON CONFLICT ON CONSTRAINT items_pkey DO NOTHING`, "ON CONFLICT must name"},
		{"tenant", `INSERT INTO items (tenant_id, id) VALUES (@tenant_id, @id) ON CONFLICT (tenant_id, id) DO UPDATE SET tenant_id = @x`, "items.tenant_id is set"},
		{"tenant", `UPDATE items SET tenant_id = @other_id WHERE tenant_id = @tenant_id`, "items.tenant_id is set"},
		{"tenant", `UPDATE items SET (name, tenant_id) = (SELECT @a, @b) WHERE tenant_id = @tenant_id`, "items.tenant_id is set"},
		{"tenant", `UPDATE audit_events SET action = @action WHERE tenant_id = @tenant_id`, "UPDATE audit_events would leave no audit event"},
		{"tenant", `DELETE FROM audit_events WHERE tenant_id = @tenant_id`, "DELETE audit_events would leave no audit event"},

		// Tables of another scope.
		{"tenant", `SELECT u.id FROM users u JOIN accounts a ON a.id = u.account_id WHERE u.tenant_id = @tenant_id`, "SELECT accounts: not in a query of the scope tenant"},
		{"tenant", `DELETE FROM permissions WHERE name = @tenant_id`, "DELETE permissions: not in"},
		{"tenant", `SELECT * FROM idempotency_keys WHERE scope_id = @tenant_id`, "SELECT idempotency_keys: not in"},
		{"tenant", `SELECT * FROM pg_class WHERE relname = @tenant_id`, "pg_class is no table that the migrations make"},
		{"tenant", `SELECT * FROM public.items WHERE tenant_id = @tenant_id`, "RangeVar.schemaname is nothing that prove understands"},
		{"tenant", `SELECT c.id FROM (WITH c AS (SELECT 1 AS id) SELECT id FROM c) x, c WHERE x.id = @tenant_id`, "c is no table that the migrations make"},
		{"tenant", `WITH c AS (SELECT @tenant_id AS id) DELETE FROM c`, "c is no table"},
		{"account", `SELECT * FROM sessions WHERE id = @account_id`, "sessions is not held to the account"},
		{"account", `SELECT s.id FROM sessions s JOIN accounts a ON true WHERE s.account_id = @account_id`, "accounts a is not held to the account"},
		{"account", `DELETE FROM refresh_tokens WHERE hash = @account_id`, "must say refresh_tokens.session_id = sessions.id"},
		{"account", `SELECT id FROM users WHERE tenant_id = @account_id`, "must say users.account_id = @account_id"},
		{"account", `SELECT name FROM tenants WHERE id = @account_id`, "must say tenants.id = users.tenant_id"},
		{"account", `SELECT name FROM items WHERE tenant_id = @account_id`, "SELECT items: not in a query of the scope account"},
		{"account", `UPDATE users SET name = @name WHERE account_id = @account_id`, "UPDATE users: not in"},
		{"account", `INSERT INTO users (account_id) VALUES (@account_id)`, "INSERT users: not in"},
		{"account", `UPDATE sessions SET account_id = @other_id WHERE account_id = @account_id`, "sessions.account_id is set"},
		{"unscoped", `SELECT name FROM users WHERE id = @id`, "SELECT users: not in a query of the scope unscoped"},
		{"unscoped", `SELECT name FROM tenants WHERE id = @id`, "SELECT tenants: not in"},

		// Shapes, names and functions.
		{"tenant", `SELECT name FROM permissions`, "it has no @tenant_id, so its door would refuse every call"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND sqlc.narg('tenant_id') IS NULL`, "sqlc.narg makes tenant_id a pointer"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = $1`, "$1 has no name"},
		{"tenant", `SELECT sqlc.arg(a, b)`, "sqlc.arg( takes one name"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id; SELECT 1`, "2 statements under one name"},
		{"tenant", `SELECT id FROM`, "syntax error"},
		{"tenant", `SELECT * FROM items i JOIN users u ON u.tenant_id = i.tenant_id WHERE i.tenant_id = @tenant_id`, "a * over several tables"},
		{"tenant", `SELECT i.* FROM items i JOIN users u ON u.tenant_id = i.tenant_id WHERE i.tenant_id = @tenant_id`, "a * over several tables"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id ORDER BY @sort::text`, "it is ordered by what is the same for every row"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id ORDER BY CASE WHEN @up::bool THEN @sort END`, "it is ordered by what"},
		{"tenant", `SELECT id, set_config('app.tenant_id', @x, true) FROM items WHERE tenant_id = @tenant_id`, "the function set_config is not among"},
		{"tenant", `SELECT id, pg_catalog.set_config('app.tenant_id', @x, true) FROM items WHERE tenant_id = @tenant_id`, "the function set_config is not among"},
		{"tenant", `SELECT id, migration_version() FROM items WHERE tenant_id = @tenant_id`, "the function migration_version is not among"},
		{"tenant", `SELECT x FROM query_to_xml(@q, true, true, @tenant_id) AS x`, "the function query_to_xml is not among"},
		{"tenant", `SELECT id, @x::regclass FROM items WHERE tenant_id = @tenant_id`, "a cast to regclass is not among"},
		{"tenant", `SELECT x.id FROM items x, (SELECT 1) x WHERE x.tenant_id = @tenant_id`, "x names two entries of one FROM"},
		{"tenant", `SELECT i.id FROM items i NATURAL JOIN users u WHERE i.tenant_id = @tenant_id`, "JoinExpr.is_natural is nothing"},
		{"tenant", `SELECT i.id FROM items i JOIN users u USING (tenant_id) WHERE i.tenant_id = @tenant_id`, "JoinExpr.using_clause is nothing"},
		{"tenant", `SELECT 1 FROM permissions p RIGHT JOIN permissions q ON p.name = @tenant_id`, "only inner and LEFT joins are understood"},
		{"tenant", `SELECT id FROM items TABLESAMPLE system (1) WHERE tenant_id = @tenant_id`, "RangeTableSample is nothing"},
		{"tenant", `SELECT id FROM items AS i (id, tenant_id) WHERE i.tenant_id = @tenant_id`, "the alias of items renames its columns"},
		{"tenant", `WITH users AS (SELECT id FROM items WHERE tenant_id = @tenant_id) SELECT 1`, "the CTE users hides the table of that name"},
		{"tenant", `SELECT id INTO copy FROM items WHERE tenant_id = @tenant_id`, "SelectStmt.into_clause is nothing"},
		{"tenant", `MERGE INTO items USING users u ON u.tenant_id = @tenant_id WHEN MATCHED THEN DELETE`, "MergeStmt is nothing"},
		{"tenant", `SELECT id, current_user FROM items WHERE tenant_id = @tenant_id`, "SQLValueFunction is nothing"},
		{"tenant", `SET ROLE rowhouse_login`, "VariableSetStmt is nothing"},
		{"tenant", `COPY items TO STDOUT`, "CopyStmt is nothing"},
		{"tenant", `TRUNCATE items`, "TruncateStmt is nothing"},

		// What no index serves under row-level security.
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND lower(name) = @q`, "lower() over a column is not leakproof"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND name LIKE @q`, "~~ over a column is not leakproof"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND name ILIKE @q`, "~~* over a column"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND (@q IS NULL OR name ~ @q)`, "~ over a column"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND data ->> 'a' = @q`, "->> over a column"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND id::text = @q`, "a cast over a column"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND weight > @w`, "items.weight is numeric"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND weight IN (SELECT unnest(@w::numeric[]))`, "items.weight is numeric"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND mood IN ('glad', 'sad')`, "items.mood is mood"},
		{"tenant", `SELECT items.id FROM items JOIN unnest(@names::text[]) AS w ON lower(name) = w WHERE items.tenant_id = @tenant_id`, "lower() over a column"},
		{"tenant", `SELECT id FROM items WHERE tenant_id = @tenant_id AND name LIKE ANY (SELECT unnest(@q::text[]))`, "~~ over a column"},
		{"tenant", `SELECT i.id FROM items i JOIN users u ON u.tenant_id = i.tenant_id AND lower(u.name) = i.name WHERE i.tenant_id = @tenant_id`, "lower() over a column"},
	} {
		findings := proveOne(c.scope, c.sql)
		if len(findings) != 1 || !strings.Contains(findings[0], c.want) {
			t.Errorf("%s\n got %s\nwant %s", c.sql, strings.Join(findings, "\n    "), c.want)
		}
	}
}

// A file says its scope, and each query its form and its contract.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	const query = "SELECT id FROM items WHERE tenant_id = @tenant_id;\n"
	for _, c := range []struct{ text, want string }{
		{"-- Q reads.\n-- name: Q :many\n" + query, "its first line must be"},
		{"-- Scope: everything.\n\n-- Q reads.\n-- name: Q :many\n" + query, "its first line must be"},
		{"-- Scope: tenant.\n" + query + "-- Q reads.\n-- name: Q :many\n" + query, "there is SQL before"},
		{"-- Scope: tenant.\n\n-- Q reads.\n-- name: Q :batchmany\n" + query, "the form is"},
		{"-- Scope: tenant.\n\n-- name: Q :many\n" + query, "a comment that begins with its name"},
		{"-- Scope: unscoped.\n\n-- Q reads.\n-- name: Q :many\nSELECT name FROM permissions;", "its comment must say why it runs"},
		{"-- Scope: tenant.\n\n-- Q reads.\n-- name: Q :many\n" + query + "/* name: R :many */\n" + query, "2 statements"},
	} {
		findings, _ := prove(fstest.MapFS{"sql/migrations/1.sql": {Data: []byte(base)}, "sql/queries/q.sql": {Data: []byte(c.text)}})
		if len(findings) != 1 || !strings.Contains(findings[0], c.want) {
			t.Errorf("%s\n got %s\nwant %s", c.text, strings.Join(findings, "\n    "), c.want)
		}
	}
	if findings, _ := prove(fstest.MapFS{}); len(findings) != 2 {
		t.Errorf("nothing at all: got %q, want that nothing is proven", findings)
	}
}

// A schema that does not hold tenants apart by itself is one finding, the right one.
func TestBadSchemas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""}, // the base is sound, and stays so:
		{"+", "ALTER TABLE items DROP COLUMN user_id, ALTER weight TYPE bigint, ALTER name SET NOT NULL, ADD note text DEFAULT '', ADD tags text[];", ""},
		{"+", "CREATE POLICY own ON items AS RESTRICTIVE USING (id = (SELECT me())); REVOKE UPDATE ON items FROM rowhouse_app;", ""},
		{"+", "CREATE POLICY own ON users FOR SELECT TO rowhouse_login USING ((select current_tenant()) IS NULL AND account_id = (select my_account()));", ""},
		{"+", "UPDATE permissions SET name = 'a'; DELETE FROM permissions;", ""},
		{"+", "CREATE POLICY p ON items USING (true); DROP POLICY p ON items; CREATE TABLE t (id uuid); DROP TABLE t; DROP FUNCTION IF EXISTS f();", ""},
		{"-- +goose Up\n", "-- +goose Up\n-- +goose down\nDROP TABLE items;\n", "-- +goose down: goose may read it otherwise"},
		{"+", "DROP TABLE other.items;", "DROP: OBJECT_TABLE other.items is nothing"},
		{"+", "ALTER TABLE other.items FORCE ROW LEVEL SECURITY;", "items: a table outside of the schema public"},
		{"+", "CREATE TEMPORARY TABLE t (tenant_id uuid); DROP TABLE t;", "t: a table that is TEMPORARY or UNLOGGED is nothing"},
		{"PRIMARY KEY (tenant_id, id), CONSTRAINT items_u", "PRIMARY KEY (id, tenant_id), CONSTRAINT items_u", "items_pkey must begin with tenant_id"},
		{"CONSTRAINT items_pkey PRIMARY KEY (tenant_id, id), ", "", "items: it has no primary key"},
		{"CONSTRAINT items_pkey PRIMARY", "PRIMARY", "items: a constraint has no name"},
		{"price_cents integer", "price_cents integer CHECK (price_cents > 0)", "items: a constraint has no name"},
		{"ALTER TABLE items ENABLE ROW LEVEL SECURITY;", "", "items: row-level security must be both"},
		{"FORCE ROW", "NO FORCE ROW", "items: row-level security must be both"},
		{"CREATE POLICY tenant_only ON items USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));", "", "items: it has no policy"},
		{"ON items USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()))", "ON items AS RESTRICTIVE USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()))", "items: it has no policy"},
		{"+", "CREATE POLICY p ON items FOR SELECT USING (true);", "items: the policy p opens it"},
		{"+", "CREATE POLICY p ON items USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());", "items: the policy p opens it"},
		{"+", "CREATE POLICY p ON items USING (tenant_id = (SELECT current_tenant()) OR true) WITH CHECK (tenant_id = (SELECT current_tenant()));", "items: the policy p opens it"},
		{"+", "CREATE POLICY p ON items TO rowhouse_app USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));", "items: the policy p opens it"},
		{"+", "CREATE POLICY p ON users FOR SELECT TO rowhouse_login USING (account_id = (SELECT my_account()));", "users: the policy p opens it"},
		{"+", "CREATE POLICY p ON users TO rowhouse_login USING ((SELECT current_tenant()) IS NULL AND account_id = (SELECT my_account()));", "users: the policy p opens it"},
		{"+", "CREATE POLICY p ON items USING (true) WITH CHECK (tenant_id = (SELECT current_tenant()));", "items: the policy p opens it"},
		{"+", "CREATE POLICY p ON items USING (tenant_id = (SELECT current_tenant()));", "items: the policy p opens it"},
		{"+", "CREATE UNIQUE INDEX items_name_key ON items (name);", "items_name_key must begin with tenant_id"},
		{"+", "CREATE UNIQUE INDEX items_name_key ON items (lower(name), tenant_id);", "items_name_key must begin with tenant_id"},
		{"+", "ALTER TABLE items ADD CONSTRAINT items_x EXCLUDE USING gist (tenant_id WITH <>, name WITH =);", "items_x must begin with tenant_id"},
		{"+", "ALTER TABLE items ADD CONSTRAINT items_f FOREIGN KEY (tenant_id, user_id) REFERENCES users (id, tenant_id);", "items_f could point into another tenant"},
		{"+", "ALTER TABLE items ADD CONSTRAINT items_f FOREIGN KEY (id) REFERENCES users (id); CREATE INDEX items_i ON items (id);", "items_f could point into another tenant"},
		{"+", "ALTER TABLE items ADD CONSTRAINT items_f FOREIGN KEY (tenant_id, id) REFERENCES users;", "items_f must name the columns"},
		{"+", "ALTER TABLE items ADD COLUMN other_id uuid CONSTRAINT items_f REFERENCES tenants (id); CREATE INDEX items_i ON items (other_id);", "items_f could point to another tenant"},
		{"+", "ALTER TABLE items ADD CONSTRAINT items_f FOREIGN KEY (tenant_id) REFERENCES leases (id);", "items_f refers to leases, which no migration makes"},
		{"+", "ALTER TABLE sessions ADD COLUMN active_id uuid CONSTRAINT sessions_f REFERENCES users (id); CREATE INDEX i ON sessions (active_id);", "sessions_f could point into another tenant"},
		{"+", "ALTER TABLE items DROP CONSTRAINT items_pkey;", "items: it has no primary key"},
		{"+", "DROP INDEX items_user_id_idx;", "no index begins with (tenant_id, user_id)"},
		{"+", "DROP INDEX items_user_id_idx; CREATE INDEX i ON items (tenant_id, user_id) WHERE name > 'a';", "no index begins with (tenant_id, user_id)"},
		{"+", "DROP TRIGGER audit_delete ON items;", "items: no trigger AFTER DELETE"},
		{"+", "CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE OF name ON items FOR EACH STATEMENT EXECUTE FUNCTION audit('item');", "items: no trigger AFTER UPDATE"},
		{"+", "CREATE OR REPLACE TRIGGER audit_insert AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION audit('item');", "items: no trigger AFTER INSERT"},
		{"+", "CREATE OR REPLACE TRIGGER audit_insert AFTER INSERT ON items FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION audit('item');", "items: no trigger AFTER INSERT"},
		{"+", "CREATE OR REPLACE TRIGGER audit_insert BEFORE INSERT ON items FOR EACH STATEMENT EXECUTE FUNCTION audit('item');", "items: no trigger AFTER INSERT"},
		{"COMMENT ON COLUMN items.price_cents IS 'Cents.';", "", "items: the comment on price_cents must say"},
		{"+", "CREATE TABLE countries (id uuid);", "countries: it has no tenant_id; give it one, or list it"},
		{"+", "ALTER TABLE items DROP COLUMN tenant_id;", "items: it has no tenant_id"},
		{"+", "GRANT SELECT ON sessions TO rowhouse_app;", "sessions: rowhouse_app must not SELECT it"},
		{"+", "GRANT SELECT (id) ON sessions TO rowhouse_app;", "sessions: rowhouse_app must not SELECT it"},
		{"+", "GRANT SELECT ON items TO rowhouse_login;", "items: rowhouse_login must not SELECT it"},
		{"+", "GRANT UPDATE ON audit_events TO rowhouse_app;", "audit_events: rowhouse_app must not UPDATE it"},
		{"+", "GRANT TRUNCATE ON items TO rowhouse_app;", "items: rowhouse_app must not TRUNCATE it"},
		{"+", "GRANT ALL ON items TO rowhouse_app;", "items: GRANT ALL grants TRUNCATE"},
		{"+", "GRANT SELECT ON items TO PUBLIC;", "items: PUBLIC must not SELECT it"},
		{"+", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO rowhouse_app;", "GRANT: grant by name"},
		{"+", "GRANT CREATE ON SCHEMA public TO rowhouse_app;", "GRANT: a role needs no more"},
		{"+", "GRANT rowhouse_login TO rowhouse_app;", "grant_role_stmt is nothing that prove understands"},
		{"+", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO rowhouse_app;", "it grants what nobody sees"},
		{"+", "CREATE FUNCTION f() RETURNS void LANGUAGE sql SECURITY DEFINER AS '';", "f: SECURITY DEFINER without"},
		{"+", "CREATE FUNCTION f() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS '';", "f: SECURITY DEFINER without"},
		{"+", "CREATE FUNCTION f() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS '';", "f: SECURITY DEFINER without"},
		{"+", "CREATE FUNCTION length(items) RETURNS bigint LANGUAGE sql AS 'SELECT 1';", "length: it has the name of a built-in"},
		{"+", "CREATE VIEW all_items AS SELECT * FROM items;", "view_stmt is nothing that prove understands"},
		{"+", "CREATE TABLE parts (tenant_id uuid) PARTITION BY HASH (tenant_id); DROP TABLE parts;", "CreateStmt.partspec is nothing"},
		{"+", "CREATE TABLE parts (LIKE items); DROP TABLE parts;", "LIKE is nothing"},
		{"+", "ALTER TABLE items DISABLE TRIGGER ALL;", "AT_DisableTrigAll is nothing"},
		{"+", "ALTER TABLE itmes ENABLE ROW LEVEL SECURITY;", "itmes: no table of this name has been made"},
		{"+", "CREATE RULE r AS ON INSERT TO items DO INSTEAD NOTHING;", "rule_stmt is nothing"},
		{"+", "DO 'BEGIN EXECUTE $x$DROP POLICY tenant_only ON items$x$; END';", "DO: prove cannot see"},
		{"+", "INSERT INTO items (name) VALUES ('x');", "items: a migration writes rows of reference tables only"},
		{"+", "CREATE TABLE", "syntax error"},
	} {
		text := base
		switch {
		case c.old == "+":
			text += c.new
		case c.old != "":
			if text = strings.Replace(base, c.old, c.new, 1); text == base {
				t.Fatalf("the base does not say %q", c.old)
			}
		}
		tables, findings := &schema{tables: map[string]*table{}}, []string(nil)
		tables.report = func(file, subject, fault string) { findings = append(findings, subject+": "+fault) }
		tables.migrate("1.sql", text)
		tables.check()
		if c.want == "" && len(findings) == 0 {
			continue
		}
		if len(slices.Compact(findings)) != 1 || !strings.Contains(findings[0], c.want) {
			t.Errorf("%s\n got %s\nwant %s", c.new, strings.Join(findings, "\n    "), c.want)
		}
	}
}

// The smallest schema that has a table of each kind.
var base = `-- +goose Up
CREATE TABLE accounts (id uuid NOT NULL, name text, CONSTRAINT accounts_pkey PRIMARY KEY (id));
CREATE TABLE sessions (id uuid NOT NULL, account_id uuid);
CREATE TABLE refresh_tokens (hash bytea, session_id uuid);
CREATE TABLE permissions (name text);
CREATE TABLE tenants (id uuid, name text, slug text, CONSTRAINT tenants_pkey PRIMARY KEY (id), CONSTRAINT tenants_slug_key UNIQUE (slug));
CREATE TABLE users (tenant_id uuid, id uuid, account_id uuid, name text, CONSTRAINT users_pkey PRIMARY KEY (tenant_id, id));
CREATE TABLE audit_events (tenant_id uuid, id uuid, CONSTRAINT audit_events_pkey PRIMARY KEY (tenant_id, id));
CREATE TABLE idempotency_keys (scope_id uuid, key text, CONSTRAINT idempotency_keys_pkey PRIMARY KEY (scope_id, key));
CREATE TABLE items (tenant_id uuid, id uuid, name text, user_id uuid, price_cents integer, weight numeric, mood mood, data jsonb, created_at timestamptz,
	CONSTRAINT items_pkey PRIMARY KEY (tenant_id, id), CONSTRAINT items_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id));
CREATE INDEX items_user_id_idx ON items (tenant_id, user_id);
COMMENT ON COLUMN items.price_cents IS 'Cents.';
` + walls("items", "tenant_id = (SELECT current_tenant())", "rowhouse_app") +
	walls("users", "tenant_id = (SELECT current_tenant())", "rowhouse_app") +
	walls("tenants", "id = (SELECT current_tenant())", "rowhouse_app") +
	walls("audit_events", "tenant_id = (SELECT current_tenant())", "") +
	walls("idempotency_keys", "scope_id = (SELECT coalesce(current_tenant(), my_account()))", "rowhouse_app")

func walls(table, holds, role string) string {
	text := `ALTER TABLE T ENABLE ROW LEVEL SECURITY; ALTER TABLE T FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON T USING (HOLDS) WITH CHECK (HOLDS);
CREATE TRIGGER audit_insert AFTER INSERT ON T FOR EACH STATEMENT EXECUTE FUNCTION audit();
CREATE TRIGGER audit_update AFTER UPDATE ON T FOR EACH STATEMENT EXECUTE FUNCTION audit();
CREATE TRIGGER audit_delete AFTER DELETE ON T FOR EACH STATEMENT EXECUTE FUNCTION audit();
`
	if role != "" {
		text += "GRANT SELECT, UPDATE ON T TO " + role + ";\n"
	}
	return strings.NewReplacer("TABLE T ", "TABLE "+table+" ", "ON T ", "ON "+table+" ", "HOLDS", holds).Replace(text)
}

func proveOne(scope, sql string) []string {
	tables, findings := *baseSchema(), []string(nil)
	tables.report = func(_, _, fault string) { findings = append(findings, fault) }
	proveQueries(&tables, "q.sql", "-- Scope: "+scope+".\n\n-- Q does what it does, for login.\n-- name: Q :many\n"+sql)
	return slices.Compact(findings)
}

var baseSchema = sync.OnceValue(func() *schema {
	tables := &schema{tables: map[string]*table{}}
	tables.migrate("1.sql", base)
	return tables
})

func glob(t *testing.T, project fs.FS, pattern string) []string {
	files, err := fs.Glob(project, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, project fs.FS, file string) string {
	text, err := fs.ReadFile(project, file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
