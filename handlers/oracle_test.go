package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// told are the columns by which one account learns that another has a value, and why it may: by constraint.
var told = map[string]string{
	"accounts.username accounts_username_key": "names are one for the whole installation: whoever registers must be told to choose another",
	"accounts.email accounts_email_key":       "the e-mail logs in, without a tenant; over HTTP nobody is told, for the mail says it",
	"accounts.id accounts_pkey":               "the server makes it at random, and takes none",
	"tenants.slug tenants_slug_key":           "the server makes it, with random characters at its end, and takes none",
	"users.account_id users_account_id_fkey":  "the server finds or makes the account by e-mail, and takes none",
}

// toldOverHTTP are the fields by which an admin learns over HTTP that an account has a value, and why: by route, field and form.
var toldOverHTTP = map[string]string{
	"POST /users email @example.com": "an admin who makes a user is told to invite instead who has an account: a login e-mail is one for the whole installation",
	"POST /users username":           "it becomes the account's, and is one for the whole installation",
}

// given makes a text that of everything of B's that may have it, and of an account.
func (w *world) given(text string) {
	for _, of := range []string{"tenants SET name = $1 WHERE id = $2", "teams SET name = $1 WHERE tenant_id = $2", "items SET name = $1 WHERE tenant_id = $2", "users SET name = $1 WHERE tenant_id = $2"} {
		w.db.Exec(`UPDATE `+of, text, w.B.id)
	}
	w.db.Exec(`UPDATE roles SET name = $1 WHERE tenant_id = $2 AND id = $3`, text, w.B.id, w.B.own.UUID())
	w.db.Exec(`UPDATE accounts SET name = $1 WHERE id = $2`, text, w.B.own.UUID())
	if strings.Contains(text, "@") {
		w.db.Exec(`UPDATE accounts SET email = $1 WHERE id = $2`, text, w.B.own.UUID())
		w.db.Exec(`UPDATE users SET email = $1 WHERE tenant_id = $2 AND id = $3`, text, w.B.id, w.B.own.UUID())
		w.db.Exec(`UPDATE invitations SET email = $1 WHERE tenant_id = $2 AND id = $3`, text, w.B.id, w.B.own.UUID())
	} else {
		w.db.Exec(`UPDATE accounts SET username = $1 WHERE id = $2`, text, w.B.own.UUID())
	}
}

// A column is one that a row of the tenant, or of the account, has.
type column struct{ table, name, typ string }

// columnsOf are the columns of all tables that are divided by tenant, and of accounts, but for those that are computed.
func columnsOf(w *world) (all []column) {
	for _, line := range testdb.Value[[]string](w.db, `
		SELECT array_agg(c.relname || ' ' || a.attname || ' ' || format_type(a.atttypid, NULL) ORDER BY c.relname, a.attnum)
		  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		 WHERE c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''`,
		append(tenantTables(w), "accounts")) {
		part := strings.SplitN(line, " ", 3)
		all = append(all, column{part[0], part[1], part[2]})
	}
	return all
}

// secrets are values that another may have, by type, as SQL: the first of a pair is the other's, the second, where there is one, nobody's.
// Where there is none, the first is given to the other, and then not.
func (w *world) secrets() map[string][][2]string {
	stranger := w.B.people["member"]
	nobodys := "'00000000-0000-7000-8000-000000004711'"
	id := func(of string) [2]string { return [2]string{"'" + of + "'", nobodys} }
	return map[string][][2]string{
		"text":                     {{`'what-b-has'`}, {`'what-b@example.com'`}, {`'rh_whatbhas1'`}, {`'assistant'`}},
		"uuid":                     {id(w.B.own.UUID()), id(w.B.id.UUID()), id(stranger.account.UUID()), id(stranger.session.UUID()), id(w.userID(w.B, w.B.people["root"]).UUID())},
		"bytea":                    {{`sha256('what b has')`}},
		"integer":                  {{`4711`}},
		"bigint":                   {{`4711`}},
		"numeric":                  {{`0.4711`}},
		"boolean":                  {{`true`}, {`false`}},
		"date":                     {{`'2031-04-07'`}},
		"timestamp with time zone": {{`'2031-04-07 04:07:11+00'`}},
		"text[]":                   {{`'{items:write}'`}},
		"jsonb":                    {{`'{"what": "b has"}'`}},
	}
}

// oracles are the columns of which a write is answered otherwise when another tenant, or another account, has the value: with who learns
// what. Each write is made as the server's login, bound to tenant A, with all privileges there are, and undone.
func oracles(t *testing.T, w *world) (found []string, tried int) {
	t.Helper()
	ctx := context.Background()
	conn := w.db.Connect(w.db.Superuser())
	exec := func(tx pgx.Tx, sql string) string {
		nested, err := tx.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, err = nested.Exec(ctx, sql)
		var said *pgconn.PgError
		if errors.As(err, &said) {
			if err := nested.Rollback(ctx); err != nil {
				t.Fatal(err)
			}
			return said.Code + " " + said.ConstraintName
		}
		if err == nil {
			err = nested.Commit(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		return "done"
	}
	// whose is the condition that finds a row, or rows, of a house.
	whose := func(table string, h house) string {
		switch table {
		case "tenants":
			return fmt.Sprintf(`id = '%s'`, h.id.UUID())
		case "accounts":
			return fmt.Sprintf(`id = '%s'`, h.own.UUID())
		}
		return fmt.Sprintf(`ctid = (SELECT ctid FROM %s WHERE tenant_id = '%s' ORDER BY ctid LIMIT 1)`, table, h.id.UUID())
	}
	columns, secrets := columnsOf(w), w.secrets()
	for _, c := range columns {
		if secrets[c.typ] == nil {
			t.Errorf("%s.%s is of the type %s, of which nobody has tried a value: add one to secrets", c.table, c.name, c.typ)
		}
	}
	// outcomes are what each write of a value by A comes to; where given, others have it everywhere they can.
	outcomes := func(typ, value string, given bool) map[column]string {
		tx, err := conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(ctx) }()
		exec(tx, `SET CONSTRAINTS ALL IMMEDIATE`)
		for _, c := range columns {
			if given && c.typ == typ {
				exec(tx, fmt.Sprintf(`UPDATE %s SET %s = %s WHERE id = '%s'`, c.table, c.name, value, w.nobody.account.UUID()))
				exec(tx, fmt.Sprintf(`UPDATE %s SET %s = %s WHERE %s`, c.table, c.name, value, whose(c.table, w.B)))
			}
		}
		exec(tx, fmt.Sprintf(`SELECT set_config('app.tenant_id', '%s', true), set_config('app.caller', ' %s any 127.0.0.1 test req', true), set_config('role', '%s', true)`,
			w.A.id.UUID(), w.A.people["admin"].account.UUID(), schema.Server))
		all := map[column]string{}
		for _, c := range columns {
			if c.typ != typ {
				continue
			}
			nested, err := tx.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			all[c] = exec(nested, fmt.Sprintf(`UPDATE %s SET %s = %s WHERE %s`, c.table, c.name, value, whose(c.table, w.A)))
			if err := nested.Rollback(ctx); err != nil {
				t.Fatal(err)
			}
		}
		return all
	}
	for typ, values := range secrets {
		for _, pair := range values {
			theirs := outcomes(typ, pair[0], pair[1] == "")
			nobodys := pair[1]
			if nobodys == "" {
				nobodys = pair[0]
			}
			control := outcomes(typ, nobodys, false)
			for c, got := range theirs {
				tried++
				name := c.table + "." + c.name
				_, constraint, _ := strings.Cut(strings.TrimPrefix(got, "done"), " ")
				if constraint == "" {
					_, constraint, _ = strings.Cut(strings.TrimPrefix(control[c], "done"), " ")
				}
				if got != control[c] && told[name+" "+constraint] == "" {
					found = append(found, fmt.Sprintf("%s: tenant A, which writes %s there, is answered %q when another has it, and %q when nobody has: so it learns what others have; "+
						"hold the constraint or trigger to the tenant", name, pair[0], got, control[c]))
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), tried
}

// oracleWorld has rows of both tenants in every table, which the server may write as it likes, and nobody is connected to it.
func oracleWorld(t *testing.T) *world {
	t.Helper()
	w := newRows(t)
	w.B.people["root"] = w.account("root")
	w.user(w.B, w.B.people["root"], "member") // whose id is of B alone
	for _, h := range []house{w.A, w.B} {
		w.event(h)
	}
	for _, table := range tenantTables(w) {
		of := "tenant_id"
		if table == "tenants" {
			of = "id"
		}
		for _, h := range []house{w.A, w.B} {
			if testdb.Value[int](w.db, `SELECT count(*) FROM `+table+` WHERE `+of+` = $1`, h.id) == 0 {
				t.Errorf("%s: %s has no row, so nothing is tried there: add one to rows in handlers/world_test.go", table, h.canary)
			}
		}
	}
	w.db.Exec(`GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO rowhouse_app`)
	return w
}

// No write of one tenant is answered otherwise because another tenant, or another account, has the value, whatever the column; but for the
// names by which accounts log in.
func TestOracles(t *testing.T) {
	t.Parallel()
	base := oracleWorld(t)
	found, tried := oracles(t, base.copy(t))
	for _, oracle := range found {
		t.Error(oracle)
	}
	t.Attr("oracle_writes", strconv.Itoa(tried))
	if t.Failed() {
		return
	}
	faults := []struct{ subject, sql string }{
		{"tenants.name", `ALTER TABLE tenants ADD CONSTRAINT tenants_name_key UNIQUE (name)`},
		{"tenants.name", `CREATE UNIQUE INDEX tenants_lower_name_key ON tenants (lower(name))`},
		{"tenants.name", `CREATE UNIQUE INDEX tenants_name_key ON tenants (name) WHERE status = 'active'`},
		{"users.username", `ALTER TABLE users ADD CONSTRAINT users_username_fkey FOREIGN KEY (username) REFERENCES accounts (username)`},
		{"users.phone", `ALTER TABLE users ADD CONSTRAINT users_phone_key UNIQUE (phone)`},
		{"teams.name", `ALTER TABLE teams ADD CONSTRAINT teams_x EXCLUDE USING btree (name WITH =)`},
		{"accounts.name", `ALTER TABLE accounts ADD CONSTRAINT accounts_name_key UNIQUE (name)`},
		{"items.name", `
			CREATE FUNCTION item_refused() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
			BEGIN IF EXISTS (SELECT 1 FROM accounts WHERE name = NEW.name) THEN RAISE EXCEPTION 'taken'; END IF; RETURN NEW; END $$;
			CREATE TRIGGER refused BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION item_refused()`},
	}
	for _, fault := range faults {
		t.Run(fault.sql, func(t *testing.T) {
			t.Parallel()
			w := base.copy(t)
			w.db.Exec(`UPDATE users SET phone = NULL; UPDATE teams SET name = id::text || tenant_id::text`) // so that the fault can be made
			w.db.Exec(fault.sql)
			found, _ := oracles(t, w)
			if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, fault.subject+": tenant A") }) {
				t.Errorf("nothing says that %s tells what others have, but:\n%s", fault.subject, strings.Join(found, "\n"))
			}
		})
	}
	t.Attr("oracle_faults", strconv.Itoa(len(faults)))
}

// Over HTTP too: whatever text of another tenant, or of another account, a request carries in whatever field, it is answered as with a text
// that nobody has.
func TestOraclesOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.odd = true
	admin := w.A.people["admin"]
	asked, n := 0, 0
	bodies := samples(w.A)
	bodies["POST /tenants"] = call("POST", "/tenants").json(`{"name":"New"}`)
	bodies["PATCH /me"] = call("PATCH", "/me").json(`{"name":"New"}`)
	for i := range routes {
		route := &routes[i]
		sample, ok := bodies[route.Pattern]
		method, _, _ := strings.Cut(route.Pattern, " ")
		if !ok || route.Accepts != nil || method != http.MethodPost && method != http.MethodPatch {
			continue
		}
		for _, f := range rest.FieldsOf(route.Input) {
			if f.Source != "json" || f.Type.Kind() != reflect.String || strings.Contains(f.Rules, "oneof") {
				continue
			}
			for _, form := range []string{"b-has-%04d", "b-has-%04d@example.com"} {
				if toldOverHTTP[strings.TrimSpace(fmt.Sprint(route.Pattern, " ", f.Name, " ", form[len("b-has-%04d"):]))] != "" {
					continue
				}
				n += 2
				pair := [2]string{fmt.Sprintf(form, n), fmt.Sprintf(form, n+1)}
				w.given(pair[0])
				var said [2]string
				for which, value := range pair {
					body := map[string]any{}
					text := strings.ReplaceAll(sample.body, "-of-", fmt.Sprintf("-%d-of-", n+which))
					if err := json.Unmarshal([]byte(text), &body); err != nil {
						t.Fatal(err)
					}
					for _, column := range uniqueColumns(sample.path) {
						if text, ok := body[column].(string); ok && !strings.Contains(text, "@") {
							body[column] = fmt.Sprint(text, " ", n+which)
						}
					}
					for name, value := range body { // each at a time of its own
						if text, ok := value.(string); ok {
							if at, err := time.Parse(time.RFC3339, text); err == nil {
								body[name] = at.AddDate(0, 0, n+which)
							}
						}
					}
					w.db.Exec(`DELETE FROM memberships WHERE user_id = $1`, w.userID(w.A, admin).UUID()) // of which a user has one
					body[f.Name] = value
					made, err := json.Marshal(body)
					if err != nil {
						t.Fatal(err)
					}
					got := w.send(w.as(admin, call(sample.method, sample.path).json(string(made)), w.A))
					said[which] = fmt.Sprint(got.status, " ", got.code(), " ", got.fields())
					asked++
				}
				if said[0] != said[1] {
					t.Errorf("%s, %s: tenant A, which sends %q, is answered %s where another has it; with %q, which nobody has, %s", route.Pattern, f.Name, pair[0], said[0], pair[1], said[1])
				}
			}
		}
	}
	t.Attr("oracle_requests", strconv.Itoa(asked))
}
