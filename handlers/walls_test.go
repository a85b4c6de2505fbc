package handlers

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

// A walled table is one that row-level security divides, by a column.
type walled struct{ table, column string }

func walledTables(w *world) (all []walled) {
	for _, line := range testdb.Value[[]string](w.db, `
		SELECT array_agg(c.relname || ' ' || CASE WHEN c.relname = 'tenants' THEN 'id' ELSE a.attname END ORDER BY c.relname)
		  FROM pg_class c
		  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('tenant_id', 'scope_id')
		 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`) {
		table, column, _ := strings.Cut(line, " ")
		all = append(all, walled{table, column})
	}
	return all
}

// reachesAll is app.caller of whoever reaches every row of a tenant.
const reachesAll = "  any"

// gaps are what row-level security lets through with no WHERE at all: bound to a tenant, both the server's login and the owner of the
// tables see that tenant's rows and can make none another's; bound to nothing they see none; an account sees its own users and
// tenants; and who reaches his own rows alone can write no others. None, when it holds.
func gaps(t *testing.T, w *world, owned []ownedTable) (found []string) {
	t.Helper()
	ctx := context.Background()
	for _, login := range []string{schema.Server, schema.Owner} {
		conn := w.db.Connect(w.db.URL(login))
		// run is a statement within what is bound, undone.
		run := func(role, tenant, caller, sql string, into ...any) error {
			tx, err := conn.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(ctx) }()
			const bind = `SELECT set_config('role', $1, true), set_config('app.tenant_id', $2, true), set_config('app.caller', $3, true)`
			if _, err := tx.Exec(ctx, bind, role, tenant, caller); err != nil {
				t.Fatal(err)
			}
			if into == nil {
				_, err = tx.Exec(ctx, sql)
				return err
			}
			return tx.QueryRow(ctx, sql).Scan(into...)
		}
		count := func(role, tenant, caller string, of walled, want int) {
			var got int
			if err := run(role, tenant, caller, `SELECT count(*) FROM `+of.table, &got); err != nil || got != want {
				found = append(found, fmt.Sprintf("%s as %s, bound to %q: %d rows and %v, want %d", of.table, login, tenant+caller, got, err, want))
			}
		}
		if login == schema.Server {
			count("rowhouse_login", "", "  platform  test ", walled{table: "tenants"}, testdb.Value[int](w.db, `SELECT count(*) FROM tenants`)) // the operator's sight
		}
		for _, of := range walledTables(w) {
			if login == schema.Server && !testdb.Value[bool](w.db, `SELECT has_table_privilege('rowhouse_app', $1, 'SELECT')`, of.table) {
				continue // not even that
			}
			total := testdb.Value[int](w.db, `SELECT count(*) FROM `+of.table)
			ours := testdb.Value[int](w.db, `SELECT count(*) FROM `+of.table+` WHERE `+of.column+` = $1`, w.A.id)
			if ours == 0 || ours == total {
				t.Fatalf("%s: the world has no rows of both tenants", of.table)
			}
			count("none", w.A.id.UUID(), reachesAll, of, ours)
			count("none", "", reachesAll, of, 0)
			if login == schema.Owner {
				err := run("none", w.A.id.UUID(), reachesAll, fmt.Sprintf(`UPDATE %s SET %s = '%s'`, of.table, of.column, w.B.id.UUID()))
				if err == nil || !strings.Contains(err.Error(), "42501") {
					found = append(found, fmt.Sprintf("%s: rows made another tenant's: %v", of.table, err))
				}
			}
		}
		for _, of := range owned {
			if login != schema.Owner { // who may do all that no policy forbids
				continue
			}
			own := w.A.own.UUID()
			caller := own + "  own    " + own // both the user and the artist have the id of the row
			nobody := "  own    " + own       // is no user: so no trigger comes before the policy
			attempt := func(caller, sql string) string {
				var rows int
				if err := run("none", w.A.id.UUID(), caller, sql, &rows); err != nil {
					var said *pgconn.PgError
					errors.As(err, &said)
					return said.Code
				}
				return fmt.Sprint(rows)
			}
			given := map[string]string{"tenant_id": "'" + w.A.id.UUID() + "'", "id": "gen_random_uuid()",
				"starts_at": "timestamptz '2030-01-01 00:00:00Z'", "ends_at": "timestamptz '2030-01-01 01:00:00Z'"}
			for _, c := range []struct{ caller, sql, want string }{
				{caller, `SELECT count(*) FROM ` + of.table, of.seen},
				{w.A.id.UUID() + "  own     ", `SELECT count(*) FROM ` + of.table, of.others},
				{caller, `WITH changed AS (UPDATE ` + of.table + ` SET updated_at = updated_at RETURNING 1) SELECT count(*) FROM changed`, "1"},
				{caller, `WITH gone AS (DELETE FROM ` + of.table + ` WHERE id <> '` + own + `' RETURNING 1) SELECT count(*) FROM gone`, "0"},
				{nobody, `WITH made AS (` + testdb.Insert(of.table, "'x'", given) + ` RETURNING 1) SELECT count(*) FROM made`, "42501"},
				{nobody, `WITH moved AS (UPDATE ` + of.table + ` SET ` + of.column + ` = gen_random_uuid() RETURNING 1) SELECT count(*) FROM moved`, of.moved},
			} {
				if got := attempt(c.caller, c.sql); got != c.want {
					found = append(found, fmt.Sprintf("%s, bound to %q: %s: got %s, want %s", of.table, c.caller, c.sql, got, c.want))
				}
			}
		}
		if login == schema.Server {
			caller := " " + w.both.account.UUID()
			count("rowhouse_login", "", caller, walled{table: "users"}, 2)
			count("rowhouse_login", "", caller, walled{table: "tenants"}, 2)
			count("rowhouse_login", w.A.id.UUID(), caller, walled{table: "tenants"}, 1)
			count("rowhouse_login", "", "", walled{table: "tenants"}, testdb.Value[int](w.db, `SELECT count(*) FROM tenants WHERE is_public AND status = 'active'`))
		}
	}
	return found
}

// An owned table is one whose rows are a user's or an artist's, as a column says, and that policies hold to who reaches his own alone: what he
// sees of two rows of which one is his, what somebody sees who has none, and what becomes of it when an artist who is no user gives his away.
type ownedTable struct{ table, column, seen, others, moved string }

func ownedTables(w *world) (all []ownedTable) {
	for _, line := range testdb.Value[[]string](w.db, `
		SELECT array_agg(concat_ws(' ', p.tablename, substring(p.with_check FROM '(\w+) = \( SELECT m'), p.with_check LIKE '%my\_artist%', coalesce(s.qual, 'any')))
		  FROM pg_policies p
		  LEFT JOIN pg_policies s ON s.tablename = p.tablename AND s.permissive = 'RESTRICTIVE' AND s.cmd IN ('ALL', 'SELECT')
		 WHERE p.permissive = 'RESTRICTIVE' AND p.cmd IN ('ALL', 'UPDATE')`) {
		is := strings.Fields(line)
		of := ownedTable{table: is[0], column: is[1], seen: "1", others: "0", moved: "42501"}
		if is[2] == "f" {
			of.moved = "0"
		}
		if strings.Contains(line, "is_public") { // of which one is
			of.seen, of.others = "2", "1"
		} else if is[3] == "any" {
			of.seen = testdb.Value[string](w.db, `SELECT count(*)::text FROM `+of.table+` WHERE tenant_id = $1`, w.A.id)
			of.others = of.seen
		}
		all = append(all, of)
	}
	return all
}

// event makes an audit event.
func (w *world) event(h house) {
	w.db.Exec(`INSERT INTO audit_events (tenant_id, action, entity_type, entity_id, after) VALUES ($1, 'item.create', 'item', $2, '{}')`, h.id, h.own)
}

// walledWorld has rows of both tenants in every table that is divided, and nobody is connected to it.
func walledWorld(t *testing.T) *world {
	t.Helper()
	w := newRows(t)
	for _, h := range []house{w.A, w.B} {
		w.db.Exec(`INSERT INTO idempotency_keys (scope_id, credential, operation, key, fingerprint, answer) VALUES ($1, $2, 'item.create', 'k', '', '')`, h.id, w.both.account)
		w.event(h)
	}
	w.db.Exec(`UPDATE tenants SET is_public = true WHERE id = $1`, w.B.id)
	w.db.Exec(`UPDATE portfolio_items SET is_public = true WHERE id <> $1`, w.A.own)
	w.db.Exec(`UPDATE user_groups SET owner_id = id`)
	for _, id := range []ids.ItemID{w.A.own, w.B.own, w.A.item} { // so that there is one of each
		w.db.Exec(`DELETE FROM appointments WHERE id = $1`, second(id).UUID())
	}
	return w
}

// Row-level security holds with no WHERE at all, and the server's login has no way around it.
func TestRowLevelSecurityAlone(t *testing.T) {
	t.Parallel()
	w := walledWorld(t)
	for _, gap := range gaps(t, w, ownedTables(w)) {
		t.Error(gap)
	}
	t.Attr("walled_tables", strconv.Itoa(len(walledTables(w))))
	ctx := context.Background()
	conn := w.db.Connect(w.db.Server())
	for _, statement := range []string{
		fmt.Sprintf(`INSERT INTO items (tenant_id, name, price_cents) VALUES ('%s', 'x', 1)`, w.B.id.UUID()),
		`TRUNCATE items`,
		`ALTER TABLE items DISABLE ROW LEVEL SECURITY`,
		`DELETE FROM audit_events`,
		`UPDATE audit_events SET action = ''`,
		`UPDATE permissions SET member = 'any'`,
		`SELECT * FROM accounts`,
		`SELECT * FROM sessions`,
		`SELECT * FROM refresh_tokens`,
		`SET LOCAL ROLE rowhouse_owner`,
		`SET LOCAL row_security = off; SELECT * FROM items`,
		`CREATE TABLE scratch_stolen ()`,
	} {
		tx, err := conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL app.tenant_id = '%s'`, w.A.id.UUID())); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, statement); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: got %v, want 42501", statement, err)
		}
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// Each policy is needed, and so is that it is in force, for the owner too: with any one dropped or widened, row-level security alone
// lets something through, and the server is not ready.
func TestPolicyMutants(t *testing.T) {
	t.Parallel()
	base := walledWorld(t)
	owned := ownedTables(base)
	var mutants []string
	for _, of := range walledTables(base) {
		mutants = append(mutants, `ALTER TABLE `+of.table+` DISABLE ROW LEVEL SECURITY`, `ALTER TABLE `+of.table+` NO FORCE ROW LEVEL SECURITY`)
	}
	mutants = append(mutants, testdb.Value[[]string](base.db,
		`SELECT array_agg(format('DROP POLICY %s ON %s', policyname, tablename) ORDER BY tablename, policyname) FROM pg_policies`)...)
	mutants = append(mutants, testdb.Value[[]string](base.db,
		`SELECT array_agg(format('ALTER POLICY %s ON %s USING (true)', policyname, tablename) ORDER BY tablename, policyname) FROM pg_policies WHERE qual IS NOT NULL`)...)
	mutants = append(mutants, testdb.Value[[]string](base.db,
		`SELECT array_agg(format('ALTER POLICY %s ON %s WITH CHECK (true)', policyname, tablename) ORDER BY tablename, policyname) FROM pg_policies WHERE with_check IS NOT NULL`)...)
	step := 1
	if !*whole {
		step = 9
	}
	for mutant := range slices.Chunk(mutants, step) {
		t.Run(mutant[0], func(t *testing.T) {
			t.Parallel()
			w := base.copy(t)
			w.db.Exec(mutant[0])
			if len(gaps(t, w, owned)) == 0 {
				t.Error("row-level security alone lets nothing more through")
			}
			if strings.HasPrefix(mutant[0], "DROP POLICY account_own") || mutant[0] == "DROP POLICY platform ON tenants" {
				return // it takes away what was seen, so that it is no fault of the catalogue
			}
			server, _ := w.serve(w.db.Server(), worldConfig(nil))
			if err := server.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "table ") && !strings.Contains(err.Error(), "policy ") {
				t.Errorf("the server is ready all the same: %v", err)
			}
		})
	}
	t.Attr("policy_mutants", strconv.Itoa((len(mutants)+step-1)/step))
}

// A route's permission is needed: where it is not asked for, those who lack it, and it alone, are let through.
func TestPermissionMutants(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, testdb.Unbound, nil)
	w.db.Exec(`INSERT INTO permissions (name, admin, assistant, artist, member, ownable) VALUES ('all:do', 'any', 'any', 'any', 'any', true)`)
	self := person{account: ids.AccountID(w.A.own), session: ids.New[ids.SessionID](), name: "self"} // whose everything has one id
	w.db.Exec(`INSERT INTO sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 day')`, self.session, self.account)
	w.db.Exec(`UPDATE api_keys SET user_id = id WHERE tenant_id = $1 AND id = $2`, w.A.id, w.A.own)
	mutants := 0
	for route, sample := range tenantRoutes(t, w.A) {
		lacking, _ := route.Permission.Split()
		w.db.Exec(`UPDATE tenants SET status = 'active'`) // which the route before may have ended, and so on
		w.db.Exec(`UPDATE roles SET permissions = '{}' WHERE tenant_id = $1`, w.A.id)
		w.db.Exec(`INSERT INTO users (tenant_id, id, account_id, username) VALUES ($1, $2, $2, 'back') ON CONFLICT (tenant_id, id) DO UPDATE SET is_active = true`, w.A.id, self.account)
		w.db.Exec(`UPDATE permissions SET member = CASE WHEN name = $1 THEN NULL ELSE 'any' END`, lacking)
		w.want(w.as(self, sample, w.A), 403, "permission_denied")
		proxy := w.db.NewProxy(testdb.Unbound)
		proxy.Rewrite = func(sql string) string {
			return strings.Replace(sql, "enter($1, $2, $3, $4,", "enter($1, $2, $3, CASE WHEN $6 = '"+route.Operation()+"' THEN 'all:do' ELSE $4 END,", 1)
		}
		_, url := w.serve(proxy.URL(), worldConfig(nil))
		got, err := w.try(w.as(self, sample, w.A), url)
		if err != nil || got.code() == "permission_denied" {
			t.Errorf("%s without its permission: got %v, %v, want another answer", route.Pattern, got, err)
		}
		mutants++
	}
	t.Attr("permission_mutants", strconv.Itoa(mutants))
}

// A door refuses every accessor that is handed another tenant's id, or another account's, or none, and sends nothing; with row-level
// security binding nobody, so that nothing else refuses it.
func TestEveryAccessorIsBound(t *testing.T) {
	t.Parallel()
	w := newRows(t)
	proxy := w.db.NewProxy(testdb.Unbound)
	doors, err := tenancy.Open(context.Background(), proxy.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(doors.Close)
	admin := w.A.people["admin"]
	who := rest.Caller{AccountID: admin.account, SessionID: admin.session, TenantID: w.A.id, Operation: "test"}
	foreign := reflect.ValueOf(w.B.id)
	stranger := reflect.ValueOf(w.B.people["admin"].account)
	calls := 0
	for door, q := range map[string]func() *db.Queries{
		"tenant":  func() *db.Queries { return doors.Enter(who, "items:read") },
		"system":  func() *db.Queries { return doors.System(w.A.id, "test") },
		"account": func() *db.Queries { return doors.Account(who) },
	} {
		for method := range reflect.TypeFor[*db.Queries]().Methods() {
			if method.Name == "WithTx" {
				continue
			}
			call := reflect.ValueOf(q()).MethodByName(method.Name)
			in := []reflect.Value{reflect.ValueOf(context.Background())}
			for i := 1; i < call.Type().NumIn(); i++ {
				argument := reflect.New(call.Type().In(i)).Elem()
				for _, other := range []reflect.Value{foreign, stranger} {
					switch {
					case argument.Type() == other.Type():
						argument.Set(other)
					case argument.Kind() == reflect.Struct:
						for field := range argument.Fields() {
							if field.Type == other.Type() {
								argument.FieldByIndex(field.Index).Set(other)
							}
						}
					}
				}
				in = append(in, argument)
			}
			out := call.Call(in)
			if err, _ := out[len(out)-1].Interface().(error); !errors.Is(err, tenancy.ErrUnbound) {
				t.Errorf("%s by the %s door: got %v, want ErrUnbound", method.Name, door, err)
			}
			calls++
		}
	}
	if n := proxy.Trips(); n != 0 {
		t.Errorf("%d statements were sent", n)
	}
	t.Attr("accessors_refused", strconv.Itoa(calls))
}
