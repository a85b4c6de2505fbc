package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"rowhouse/ids"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Every role may do on every route just what the golden grid shows, and the grid is what the table permissions says.
func TestPermissionGridGolden(t *testing.T) {
	t.Parallel()
	var grid strings.Builder
	fmt.Fprintf(&grid, "%-36s", "")
	for _, role := range append(roles, "stranger") {
		fmt.Fprintf(&grid, " %-10s", role)
	}
	grid.WriteString("\n")
	worlds := map[string]*world{}
	begin := func(role string) { // each role finds every row untouched
		worlds[role] = newWorld(t)
		worlds[role].deputy(worlds[role].A)
	}
	for _, role := range append(roles, "stranger") {
		begin(role)
	}
	for i := range routes {
		r := &routes[i]
		if r.Scope != rest.TenantScope {
			continue
		}
		fmt.Fprintf(&grid, "%-36s", r.Pattern)
		for _, role := range append(roles, "stranger") {
			w := worlds[role]
			who, ok := w.A.people[role]
			if !ok {
				who = w.nobody
			}
			sample := samples(w.A)[r.Pattern]
			if role == "artist" { // who makes what is his own
				sample.body = strings.ReplaceAll(sample.body, `"artist_id":"`+w.A.own.UUID()+`"`, `"artist_id":"`+who.account.UUID()+`"`)
			}
			got := w.send(w.as(who, sample, w.A))
			word := fmt.Sprint(got.status)
			switch {
			case got.status < 300:
				word = "yes"
			case got.code() == "permission_denied":
				word = "no"
			case got.code() == "not_found" || got.code() == "forbidden": // of a row that is not the caller's
				word = "own"
			case got.code() == "tenant_forbidden":
				word = "outside"
			}
			fmt.Fprintf(&grid, " %-10s", word)
			if role == "stranger" {
				continue
			}
			permission, everything := r.Permission.Split()
			reach := testdb.Value[string](w.db, `SELECT coalesce(`+role+`, 'none') FROM permissions WHERE name = $1`, permission)
			allowed := map[string]string{"none": "no", "own": "yes own", "any": "yes own"}[reach]
			if reach == "own" && everything {
				allowed = "no"
			}
			if reach == "any" && role == "admin" || reach == "any" && !strings.HasPrefix(permission, "keys:") {
				allowed = "yes"
			}
			if !slices.Contains(strings.Fields(allowed), word) {
				t.Errorf("%s as %s: %s, but the table permissions says %v", r.Pattern, role, got, reach)
			}
			if method, _, _ := strings.Cut(r.Pattern, " "); got.status < 300 && (method == http.MethodDelete || ending[r.Pattern] || final[r.Pattern]) {
				begin(role) // without the row, or the caller, the next cells would say nothing
			}
		}
		grid.WriteString("\n")
	}
	golden(t, "permissions.txt", strings.ReplaceAll(grid.String(), " \n", "\n"))
}

// Each permission that the migrations make is one that a route asks for, or a query, or a function.
func TestPermissionsAreAsked(t *testing.T) {
	t.Parallel()
	var queries strings.Builder
	files, err := filepath.Glob("../sql/*/*.sql")
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		err = errors.Join(err, readErr)
		queries.Write(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, permission := range tenancy.Permissions() {
		asked := slices.ContainsFunc(routes, func(r rest.Route) bool {
			name, _ := r.Permission.Split()
			return name == permission.Name
		})
		if !asked && !strings.Contains(queries.String(), "holds('"+permission.Name+"')") {
			t.Errorf("nothing asks for %s", permission.Name)
		}
	}
}

// The grid in docs/roles.md is the table permissions.
func TestRolesPageGolden(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	var grid strings.Builder
	grid.WriteString("| | admin | assistant | artist | member | staff |\n|---|---|---|---|---|---|\n")
	for _, permission := range tenancy.Permissions() {
		grid.WriteString(testdb.Value[string](d, `
			SELECT concat('| `+"`' || name || '`"+` | ', coalesce(admin, '–'), ' | ', coalesce(assistant, '–'), ' | ', coalesce(artist, '–'), ' | ',
			              coalesce(member, '–'), ' | ', coalesce(staff, '–'), ' |', chr(10))
			  FROM permissions
			 WHERE name = $1`, permission.Name))
	}
	const path, begin, end = "../docs/roles.md", "## The grid\n\n", "\nStaff are "
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	said, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("docs/roles.md has no grid between %q and %q", begin, end)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+grid.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		said = grid.String()
	}
	if diff := cmp.Diff(said, grid.String()); diff != "" {
		t.Errorf("the grid in docs/roles.md is not the table permissions; make golden writes it (-want +got):\n%s", diff)
	}
}

// accepting is said last of what has changed: a leak changes answers and descriptions too, and other tests say whose rows it shows.
const accepting = "where every other test is green, and it is meant, make golden accepts it"

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(got) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	got = strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("testdata/%s has changed (-want +got):\n%s\n%s", name, diff, accepting)
	}
}

// All that a tenant's users read and write, they read and write without meeting another tenant's rows, also where both have one id. It
// holds with the queries and row-level security, and with the queries alone.
func TestIsolation(t *testing.T) {
	t.Parallel()
	for _, login := range []string{schema.Server, testdb.Unbound} {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			w := newWorldAs(t, login, nil)
			before := snapshot(w, w.A)
			for route, sample := range tenantRoutes(t, w.B) {
				if ending[route.Pattern] {
					continue
				}
				for _, who := range []person{w.B.people["admin"], w.B.people["member"], w.both} {
					got := w.send(w.as(who, sample, w.B))
					if strings.Contains(got.body, w.A.canary) {
						t.Errorf("%s shows A's rows: %v", route.Pattern, got)
					}
				}
			}
			got := w.want(w.as(w.B.people["admin"], call("GET", "/items/"+w.B.item.String()), w.B), 200)
			if !strings.Contains(got.body, w.B.canary) {
				t.Errorf("the twin: got %v, want B's", got)
			}
			w.want(w.as(w.B.people["admin"], call("PATCH", "/items/"+w.B.item.String()).json(`{"name":"changed"}`), w.B), 200)
			w.want(w.as(w.B.people["admin"], call("DELETE", "/items/"+w.B.item.String()), w.B), 200)
			if diff := cmp.Diff(before, snapshot(w, w.A)); diff != "" {
				t.Errorf("A has changed:\n%s", diff)
			}
		})
	}
}

// snapshot is everything that a tenant has, as text.
func snapshot(w *world, h house) string {
	var all strings.Builder
	for _, table := range tenantTables(w) {
		column := "tenant_id"
		if table == "tenants" {
			column = "id"
		}
		all.WriteString(testdb.Value[string](w.db, fmt.Sprintf(
			`SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM %s t WHERE %s = $1`, table, column), h.id))
		all.WriteString("\n")
	}
	return all.String()
}

func tenantTables(w *world) []string {
	return testdb.Value[[]string](w.db, `
		SELECT array_agg(c.relname::text ORDER BY c.relname)
		  FROM pg_class c
		 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
		   AND (c.relname = 'tenants' OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'))`)
}

// A tenant that is not yours, one that is suspended and one that never was give one answer.
func TestForeignTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	suspended := w.makeHouse("C", "canary-of-c")
	w.db.Exec(`UPDATE tenants SET status = 'suspended' WHERE id = $1`, suspended.id)
	never := house{id: ids.New[ids.TenantID]()}
	for route, sample := range tenantRoutes(t, w.A) {
		want := w.send(w.as(w.B.people["admin"], sample, never))
		if want.status != 403 || want.code() != "tenant_forbidden" {
			t.Errorf("%s: a tenant that never was: got %v", route.Pattern, want)
		}
		for _, got := range []response{
			w.send(w.as(w.B.people["admin"], sample, w.A)),
			w.send(w.as(suspended.people["admin"], sample, suspended)),
			w.send(sample.with("Authorization", "Bearer "+w.token(w.B.people["admin"], w.A.id))),
		} {
			if got.status != want.status || got.anonymous() != want.anonymous() {
				t.Errorf("%s: got %v, want %v", route.Pattern, got, want)
			}
		}
	}
}

// The events of a route that changes more than one row.
var eventsOf = map[string]int{
	"POST /api-keys/revoke-all": 2,
	"DELETE /users/:user_id":    2, // and its role
	"PATCH /settings":           6, // each key is a row
	"POST /users/me/leave":      9, // and its keys, whom it invited, and the webhooks that see with his eyes
}

// What must be so that an operation changes something, of the row that it is asked to change.
var before = map[string]string{
	"userDelete": `INSERT INTO user_roles (tenant_id, user_id, role_id)
	               SELECT tenant_id, id, $1::uuid FROM users WHERE left(id::text, -1) = left(($1::uuid)::text, -1) AND id <> $1::uuid`,
	"userReactivate":          `UPDATE users SET is_active = false WHERE id = $1`,
	"userGroupRevokeApproval": `UPDATE user_groups SET approved_at = now() WHERE id = $1`,
	"userGroupRevokeTrust":    `UPDATE user_groups SET trusted_at = now() WHERE id = $1`,
	"webhookDisable":          `UPDATE webhooks SET disabled_at = NULL, disabled_reason = NULL WHERE id = $1`,
}

// changed are the fields of a PATCH that the row has otherwise, in alphabetic order.
func (w *world) changed(patch request) string {
	get := patch
	get.method, get.body = http.MethodGet, ""
	var fields map[string]any
	if err := json.Unmarshal([]byte(patch.body), &fields); err != nil {
		w.t.Fatal(err)
	}
	for name, row := range content[map[string]map[string]any](w.t, w.want(get, 200)) { // there is one
		if name != "settings" { // which are shown before they are set
			maps.DeleteFunc(fields, func(name string, value any) bool { return reflect.DeepEqual(value, row[name]) })
		}
	}
	if len(fields) == 0 {
		w.t.Errorf("%s %s: the sample changes nothing", patch.method, patch.path)
	}
	return strings.Join(slices.Sorted(maps.Keys(fields)), " ")
}

// A change writes one event, by the route's operation, with its actor and request; one that changes nothing writes none.
func TestAudit(t *testing.T) {
	t.Parallel()
	read := newWorld(t) // by requests that change nothing
	for i := range routes {
		route := &routes[i]
		method, _, _ := strings.Cut(route.Pattern, " ")
		if route.Scope != rest.TenantScope {
			continue
		}
		w := read
		if method != http.MethodGet {
			w = newWorld(t)
			w.deputy(w.A)
		}
		if statement := before[route.Name]; statement != "" {
			w.db.Exec(statement, w.A.own.UUID())
		}
		if table, ok := strings.CutSuffix(strings.TrimPrefix(colons.ReplaceAllString(route.Pattern, ""), "POST /"), "//restore"); ok {
			w.db.Exec(`UPDATE `+tableOf(table)+` SET archived_at = now() WHERE id = $1`, w.A.own.UUID())
		}
		w.db.Exec(`DELETE FROM audit_events`)
		r := w.as(w.A.people["admin"], samples(w.A)[route.Pattern], w.A).with("X-Request-Id", "req-1")
		sent := ""
		if method == http.MethodPatch {
			sent = w.changed(r)
		}
		w.want(r, route.Status)
		type event struct {
			Action, Request string
			Actor           ids.AccountID
			Tenant          ids.TenantID
		}
		rows, err := w.db.Connect(w.db.Superuser()).Query(context.Background(),
			`SELECT action, request_id, actor_account_id, tenant_id FROM audit_events`)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[event])
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Repeat([]event{{route.Operation(), "req-1", w.A.people["admin"].account, w.A.id}}, max(1, eventsOf[route.Pattern]))
		if method == http.MethodGet {
			want = nil
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", route.Pattern, diff)
		}
		for _, action := range testdb.Value[[]string](w.db, `SELECT array_agg(action) FROM audit_events WHERE entity_type <> 'delivery'`) { // of which nobody is told
			if !eventNames()[action] {
				t.Errorf("%s: webhooks are told of %s, which GET /webhook-events does not list", route.Pattern, action)
			}
		}
		if n := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events WHERE concat(before, after) ~ 'hash"'`); n > 0 {
			t.Errorf("%s: a secret's hash stands in its event", route.Pattern)
		}
		if method == http.MethodPatch {
			w.want(r, route.Status)
			all := max(1, eventsOf[route.Pattern])
			r.body = `{}`
			w.want(r, route.Status)
			if n := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events`); n != all {
				t.Errorf("%s again and with {}: got %d events, want still %d", route.Pattern, n, all)
			}
			if route.Name == "settingsUpdate" {
				if keys := testdb.Value[string](w.db, `SELECT string_agg(after->>'key', ' ' ORDER BY after->>'key') FROM audit_events`); keys != sent {
					t.Errorf("%s: of the change of %s its events show %s", route.Pattern, sent, keys)
				}
				continue
			}
			changed := testdb.Value[string](w.db, `SELECT coalesce(string_agg(key, ' ' ORDER BY key), '') FROM audit_events, jsonb_each(after) WHERE NOT key ^@ 'name_key'`)
			if shown := testdb.Value[string](w.db, `SELECT after::text FROM audit_events`); changed != sent || strings.Contains(shown, w.A.canary) {
				t.Errorf("%s: of the change of %s its event shows %s: %s", route.Pattern, sent, changed, shown)
			}
			was := testdb.Value[string](w.db, `SELECT coalesce(string_agg(key, ' ' ORDER BY key), '') FROM audit_events, jsonb_each(before) WHERE NOT key ^@ 'name_key'`)
			if was != sent {
				t.Errorf("%s: of what was before the change of %s its event shows %s", route.Pattern, sent, was)
			}
		}
	}
}

// A statement over a hundred rows writes one event with their count.
func TestAuditOfMany(t *testing.T) {
	t.Parallel()
	for _, lines := range []int{100, 101} {
		w := newWorld(t)
		r := w.as(w.A.people["admin"], call("POST", "/items/import").with("Content-Type", rest.NDJSON), w.A)
		r.body = strings.Repeat("{\"name\":\"x\",\"price_cents\":1}\n", lines)
		w.want(r, 200)
		got := testdb.Value[string](w.db, `SELECT count(*) || ' events, ' || sum(row_count) || ' rows' FROM audit_events`)
		want := "100 events, 100 rows"
		if lines > 100 {
			want = "1 events, 101 rows"
		}
		if got != want {
			t.Errorf("%d lines: got %s, want %s", lines, got, want)
		}
	}
}

// No output type is one of the database's, and no input or output field lacks its name on the wire.
func TestShapes(t *testing.T) {
	t.Parallel()
	var walk func(route string, typ reflect.Type)
	seen := map[reflect.Type]bool{}
	walk = func(route string, typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(route, typ.Elem())
		case reflect.Struct:
			if strings.HasPrefix(typ.PkgPath(), "rowhouse/db") {
				t.Errorf("%s answers with %v", route, typ)
			}
			if typ.PkgPath() != "rowhouse/handlers" {
				return
			}
			for f := range typ.Fields() {
				if _, named := f.Tag.Lookup("json"); f.IsExported() && !f.Anonymous && !named {
					t.Errorf("%s: %v.%s has no json tag", route, typ, f.Name)
				}
				walk(route, f.Type)
			}
		}
	}
	for i := range routes {
		walk(routes[i].Pattern, routes[i].Output)
		if routes[i].Name == "" || strings.Contains(routes[i].Name, "func") {
			t.Errorf("%s: its handler has no name", routes[i].Pattern)
		}
	}
}

// The catalogue's own check finds each wall that is taken down, and so the server is not ready.
func TestCatalogueFaults(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		`ALTER TABLE items NO FORCE ROW LEVEL SECURITY`:                             "table items: row-level security is not forced on its owner",
		`ALTER TABLE items DISABLE ROW LEVEL SECURITY`:                              "table items: row-level security is not enabled",
		`DROP POLICY tenant_only ON items`:                                          "table items: no policy for every role and command with USING and WITH CHECK",
		`CREATE POLICY wide ON items USING (true)`:                                  "table items: policy wide opens it beyond the bound tenant",
		`CREATE UNIQUE INDEX wide ON items (name, id)`:                              "table items: wide does not begin with tenant_id",
		`CREATE TABLE scratch_bare (tenant_id uuid NOT NULL)`:                       "table scratch_bare: row-level security is not enabled",
		`CREATE VIEW peek AS SELECT * FROM items`:                                   "view peek: not security_invoker, so it shows every tenant",
		`CREATE MATERIALIZED VIEW peek AS SELECT * FROM items`:                      "view peek: not security_invoker, so it shows every tenant",
		`CREATE FUNCTION peek() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1`: "function peek: SECURITY DEFINER without a pinned search_path",
		`GRANT SELECT ON accounts TO rowhouse_app`:                                  "table accounts: rowhouse_app may select it",
		`GRANT UPDATE ON audit_events TO rowhouse_app`:                              "table audit_events: rowhouse_app may update it",
		`GRANT INSERT ON items TO rowhouse_login`:                                   "table items: rowhouse_login may insert it",
		`CREATE TABLE scratch_keyed (tenant_id uuid, id uuid UNIQUE);
		 ALTER TABLE items ADD scratch uuid CONSTRAINT loose REFERENCES scratch_keyed (id)`: "table items: loose could point into another tenant",
		`ALTER TABLE items OWNER TO rowhouse_server`:                       "the login rowhouse_server, through rowhouse_server: owns items",
		`INSERT INTO permissions (name) VALUES ('x:read')`:                 "permission x:read is unknown to this program",
		`DELETE FROM permissions WHERE name = 'items:read'`:                "permission items:read is missing",
		`UPDATE permissions SET ownable = true WHERE name = 'items:write'`: "permission items:write is not as the migrations left it: of rows that have owners",
		`DELETE FROM goose_db_version WHERE version_id > 3`:                "run rowhouse migrate up",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			latest, err := schema.Latest()
			if err != nil {
				t.Fatal(err)
			}
			w := newWorldAs(t, schema.Server, func(c *Config) { c.Migration = latest })
			if err := w.server.Check(context.Background()); err != nil {
				t.Fatalf("a sound database: %v", err)
			}
			w.db.Exec(statement)
			if err := w.server.Check(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			w.want(call("GET", "//readyz"), 503, "not_ready")
		})
	}
}

// The views of an extension that an operator has put beside the tables are no fault, and one of ours beside them still is.
func TestViewsOfExtensions(t *testing.T) {
	t.Parallel()
	latest, err := schema.Latest()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldAs(t, schema.Server, func(c *Config) { c.Migration = latest })
	w.db.Exec(`CREATE EXTENSION pg_stat_statements SCHEMA public`)
	if views := testdb.Value[int64](w.db, `SELECT count(*) FROM pg_views WHERE schemaname = 'public'`); views == 0 {
		t.Fatal("the extension has no views")
	}
	if err := w.server.Check(context.Background()); err != nil {
		t.Error(err)
	}
	w.want(call("GET", "//readyz"), 200)
	w.db.Exec(`CREATE VIEW peek AS SELECT * FROM items`)
	if err := w.server.Check(context.Background()); err == nil || err.Error() != "view peek: not security_invoker, so it shows every tenant" {
		t.Errorf("got %v", err)
	}
}

// Where a table is kept in parts, and the names of a part's constraints end in its number, what is broken is answered as ever.
func TestConstraintsOfParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	requests := []struct {
		request request
		want    string
	}{
		{call("POST", "/auth/register").json(`{"username":"ADMIN-A","email":"new@example.com","password":"` + password + `"}`), "409 username_taken []"},
		{call("POST", "/auth/register").json(`{"email":"Admin-A@Example.com","password":"` + password + `"}`), "409 account_exists []"},
		{w.as(admin, call("POST", "/users").json(`{"email":"vera@example.com","name":"Vera","team_id":"`+ids.New[ids.TeamID]().String()+`"}`), w.A), "422 reference_not_found [team_id:reference_not_found]"},
	}
	for _, parts := range []bool{false, true} {
		if parts {
			w.db.Exec(testdb.Value[string](w.db, `
				SELECT string_agg(format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', conrelid::regclass, conname, conname || '_102043'), ';')
				  FROM pg_constraint
				 WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype IN ('u', 'f', 'c', 'x')`))
		}
		for _, c := range requests {
			got := w.send(c.request)
			if said := fmt.Sprint(got.status, " ", got.code(), " ", got.fields()); said != c.want {
				t.Errorf("in parts %t: %s %s: got %s, want %s", parts, c.request.method, c.request.path, said, c.want)
			}
		}
	}
}

// A database that is ahead of the program, as in the middle of a deployment, may have permissions that the program does not know.
func TestDatabaseAhead(t *testing.T) {
	t.Parallel()
	latest, err := schema.Latest()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldAs(t, schema.Server, func(c *Config) { c.Migration = latest })
	w.db.Exec(`INSERT INTO permissions (name, admin) VALUES ('x:read', 'any')`)
	w.db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, latest+1)
	w.want(call("GET", "//readyz"), 200)
}

// A door is for one call of its own scope: a second call, another tenant's id, or none at all is refused before it is sent.
func TestDoorsRefuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	admin := w.A.people["admin"]
	who := rest.Caller{AccountID: admin.account, SessionID: admin.session, TenantID: w.A.id, Operation: "test"}
	q := w.server.doors.Enter(who, "items:read")
	if _, err := itemGet(ctx, q, who, itemGetInput{w.A.own}); err != nil {
		t.Fatal(err)
	}
	if _, err := itemGet(ctx, q, who, itemGetInput{w.A.own}); !errors.Is(err, tenancy.ErrSecondCall) {
		t.Errorf("a second call: got %v", err)
	}
	other := who
	other.TenantID = w.B.id
	if _, err := itemGet(ctx, w.server.doors.Enter(who, "items:read"), other, itemGetInput{w.A.own}); !errors.Is(err, tenancy.ErrUnbound) {
		t.Errorf("another tenant: got %v", err)
	}
	if _, err := w.server.doors.Enter(who, "items:read").MigrationVersion(ctx); !errors.Is(err, tenancy.ErrUnbound) {
		t.Errorf("no tenant: got %v", err)
	}
	if _, err := w.server.doors.Account(who).AccountGet(ctx, w.nobody.account); !errors.Is(err, tenancy.ErrUnbound) {
		t.Errorf("another account: got %v", err)
	}
}

// Every id that comes out of the database has its own type; only a cursor's, which is of many kinds, goes in without.
func TestTypedIDs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../db/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "pgtype.") && !strings.HasPrefix(strings.TrimSpace(line), "AfterID ") {
				t.Errorf("%s: %s: give the column its type in sqlc.yaml", file, strings.TrimSpace(line))
			}
		}
	}
}
