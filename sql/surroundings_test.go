package schema

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

var update = flag.Bool("update", false, "write the golden files anew")

// migrated is a settled connection to a new database that has all migrations, as its owner.
func migrated(t *testing.T, name string) *pgx.Conn {
	t.Helper()
	url := emptyDatabase(t, shared, name)
	if err := Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	return settled(t, url)
}

func settled(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn := connect(t, url)
	if err := Settle(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// catalogue.txt is what the migrations leave, on each PostgreSQL that rowhouse runs on.
func TestCatalogueGolden(t *testing.T) {
	t.Parallel()
	there, err := CatalogueOf(t.Context(), migrated(t, "catalogue_golden"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(there)) {
		fmt.Fprintf(&b, "%s: %s\n", name, there[name])
	}
	if *update {
		if err := os.WriteFile("catalogue.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(lines(catalogueText), lines(b.String())); diff != "" {
		t.Errorf("the migrations leave something else; make golden writes it anew (-catalogue.txt +migrated):\n%s", diff)
	}
}

// Whatever is lost or changed of what the migrations left is named.
func TestMissing(t *testing.T) {
	t.Parallel()
	url := emptyDatabase(t, shared, "missing")
	if err := Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	superuser := settled(t, shared.URL("postgres", "missing"))
	for _, c := range []struct{ change, want string }{
		{`DROP INDEX items_created_at_idx`, "index items_created_at_idx on items is missing"},
		{`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'items_created_at_idx'::regclass`, "index items_created_at_idx on items is missing"},
		{`ALTER TABLE roles DROP CONSTRAINT roles_name_key`, "constraint roles_name_key on roles is missing|index roles_name_key on roles is missing"},
		{`ALTER TABLE items DROP CONSTRAINT items_price_cents_check`, "constraint items_price_cents_check on items is missing"},
		{`COMMENT ON CONSTRAINT items_name_check ON items IS 'Any.'`, "meaning of items_name_check on items is not as the migrations left it: Any., and it must be 1 to 100 characters."},
		{`ALTER TABLE users DROP CONSTRAINT users_team_id_fkey`, "constraint users_team_id_fkey on users is missing"},
		{`ALTER TABLE users DISABLE TRIGGER ALL`, "constraint users_team_id_fkey on users is disabled"},
		{`ALTER TABLE items DISABLE TRIGGER audit_update`, "trigger audit_update on items is disabled"},
		{`ALTER TABLE items ENABLE REPLICA TRIGGER audit_update`, "trigger audit_update on items is disabled but on a replica"},
		{`DROP TRIGGER audit_update ON items`, "trigger audit_update on items is missing"},
		{`DROP POLICY tenant_only ON items`, "policy tenant_only on items is missing"},
		{`ALTER TABLE items NO FORCE ROW LEVEL SECURITY`, "table items is not as the migrations left it: rows, row-level security, and it must be rows, row-level security, forced"},
		{`ALTER TABLE items ALTER name DROP NOT NULL`, "column items.name is not as the migrations left it: text, and it must be text NOT NULL"},
		{`ALTER TABLE items ALTER description TYPE varchar(500)`, "column items.description is not as the migrations left it: character varying(500), and it must be text"},
		{`ALTER FUNCTION items_audit() SECURITY DEFINER`, "function items_audit() is not as the migrations left it: "},
		{`CREATE OR REPLACE FUNCTION me() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE RETURN gen_random_uuid()`, "function me() is not as the migrations left it: "},
		{`DROP TABLE rate_limits`, "table rate_limits is missing"},
		{`REVOKE SELECT ON items FROM rowhouse_app`, "what rowhouse_app may do with table items is not as the migrations left it: DELETE, INSERT, UPDATE, and it must be DELETE, INSERT, SELECT, UPDATE"},
		{`REVOKE ALL ON items FROM rowhouse_app`, "what rowhouse_app may do with table items: nothing, and it must be DELETE, INSERT, SELECT, UPDATE"},
		{`GRANT SELECT (email) ON accounts TO rowhouse_app`, "what rowhouse_app may do with table accounts: SELECT (email), and it must be nothing"},
		{`GRANT EXECUTE ON FUNCTION make_pass(uuid) TO PUBLIC`, "what everybody may do with function make_pass(uuid): EXECUTE, and it must be nothing"},
	} {
		execute(t, superuser, "BEGIN")
		execute(t, superuser, "SET LOCAL allow_system_table_mods = on")
		execute(t, superuser, c.change)
		faults, err := Missing(t.Context(), superuser)
		if err != nil {
			t.Fatal(err)
		}
		for want := range strings.SplitSeq(c.want, "|") {
			if !slices.ContainsFunc(faults, func(fault string) bool { return strings.HasPrefix(fault, want) }) {
				t.Errorf("%s: got\n%s\nwant %s", c.change, strings.Join(faults, "\n"), want)
			}
		}
		execute(t, superuser, "ROLLBACK")
	}
	execute(t, superuser, "BEGIN; DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE FUNCTION migration_version() RETURNS bigint LANGUAGE sql RETURN "+fmt.Sprint(len(migrator(t, url).ListSources())))
	faults, err := Missing(t.Context(), superuser)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(faults); got != maxNamed+1 {
		t.Errorf("of a schema that is all lost it names %d things, want %d", got, maxNamed+1)
	}
	execute(t, superuser, "ROLLBACK")
}

// What an operator adds is his own: an index, a column, a table, a trigger, a right of somebody else.
func TestMissingLeavesAdditions(t *testing.T) {
	t.Parallel()
	owner := migrated(t, "additions")
	execute(t, owner, `
		CREATE INDEX items_price_idx ON items (tenant_id, price_cents);
		ALTER TABLE items ADD colour text;
		CREATE TABLE notes (id int);
		GRANT SELECT ON notes TO PUBLIC;
		CREATE ROLE additions_reader;
		GRANT SELECT ON items TO additions_reader;
		CREATE TRIGGER more BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`)
	if faults, err := Missing(t.Context(), owner); err != nil || len(faults) > 0 {
		t.Errorf("got %q, %v", faults, err)
	}
	execute(t, owner, `REVOKE SELECT ON items FROM additions_reader; DROP ROLE additions_reader`)
}

// A database that has newer migrations is not compared with what this program knows.
func TestMissingAhead(t *testing.T) {
	t.Parallel()
	owner := migrated(t, "ahead")
	latest, err := Latest()
	if err != nil {
		t.Fatal(err)
	}
	execute(t, owner, fmt.Sprintf(`DROP INDEX items_created_at_idx; INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)`, latest+1))
	if faults, err := Missing(t.Context(), owner); err != nil || len(faults) > 0 {
		t.Errorf("got %q, %v", faults, err)
	}
}

// A login that may use more than rowhouse_app is faulty, in whichever way it came to it.
func TestLoginFaults(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	if err := Up(t.Context(), emptyDatabase(t, server, "rowhouse")); err != nil {
		t.Fatal(err)
	}
	superuser := connect(t, server.URL("postgres", "rowhouse"))
	if err := GrantServer(t.Context(), superuser); err != nil {
		t.Fatal(err)
	}
	faults := func() string {
		t.Helper()
		return strings.Join(column(t, connect(t, server.URL(Server, "rowhouse")), `SELECT fault FROM login_faults() AS fault`), "\n")
	}
	if got := faults(); got != "" {
		t.Fatalf("a sound login: %s", got)
	}
	const direct, through = "the login rowhouse_server, through rowhouse_server: has privileges that rowhouse_app has not, on ", "the login rowhouse_server, through %s: has privileges that rowhouse_app has not, on "
	type way struct{ give, take, want string }
	ways := []way{
		{`GRANT rowhouse_login TO rowhouse_server`, `REVOKE rowhouse_login FROM rowhouse_server`, direct + "account_events, accounts, "},
		{`GRANT SELECT ON passes TO rowhouse_server`, `REVOKE SELECT ON passes FROM rowhouse_server`, direct + "passes"},
		{`GRANT SELECT (email) ON accounts TO rowhouse_server`, `REVOKE SELECT (email) ON accounts FROM rowhouse_server`, direct + "accounts"},
		{`CREATE TABLE later (id int); GRANT INSERT ON later TO rowhouse_server`, `DROP TABLE later`, direct + "later"},
		{`CREATE TABLE later (id int); CREATE VIEW seen AS SELECT * FROM later; GRANT SELECT ON seen TO rowhouse_server`, `DROP TABLE later CASCADE`, direct + "seen"},
		{`GRANT TRUNCATE ON items TO rowhouse_server`, `REVOKE TRUNCATE ON items FROM rowhouse_server`, direct + "items"},
		{`GRANT DELETE ON audit_events TO rowhouse_server`, `REVOKE DELETE ON audit_events FROM rowhouse_server`, direct + "audit_events"},
		{`GRANT UPDATE ON permissions TO rowhouse_server`, `REVOKE UPDATE ON permissions FROM rowhouse_server`, direct + "permissions"},
		{`GRANT EXECUTE ON FUNCTION key_account(uuid, text, bytea) TO rowhouse_server`, `REVOKE EXECUTE ON FUNCTION key_account(uuid, text, bytea) FROM rowhouse_server`, direct + "key_account()"},
		{`CREATE ROLE readers; GRANT SELECT ON sessions TO readers; GRANT readers TO rowhouse_server`, `DROP OWNED BY readers; DROP ROLE readers`, fmt.Sprintf(through, "readers") + "sessions"},
		{`ALTER ROLE rowhouse_server NOINHERIT; CREATE ROLE readers; GRANT SELECT ON sessions TO readers; GRANT readers TO rowhouse_server`,
			`DROP OWNED BY readers; DROP ROLE readers; ALTER ROLE rowhouse_server INHERIT`, fmt.Sprintf(through, "readers") + "sessions"},
		{`GRANT pg_read_all_data TO rowhouse_server`, `REVOKE pg_read_all_data FROM rowhouse_server`, direct + "account_events, accounts, "},
		{`GRANT pg_execute_server_program TO rowhouse_server`, `REVOKE pg_execute_server_program FROM rowhouse_server`, "the login rowhouse_server, through pg_execute_server_program: has powers of PostgreSQL's own"},
	}
	const heirless = "the login rowhouse_server does not inherit what rowhouse_app may: "
	if superuser.PgConn().ParameterStatus("server_version") >= "16" {
		ways = append(ways,
			way{`GRANT rowhouse_login TO rowhouse_gate WITH INHERIT TRUE`, `GRANT rowhouse_login TO rowhouse_gate WITH INHERIT FALSE`, direct + "account_events, accounts, "},
			way{`GRANT rowhouse_app TO rowhouse_server WITH INHERIT FALSE`, `GRANT rowhouse_app TO rowhouse_server WITH INHERIT TRUE`, heirless},
			way{`GRANT rowhouse_gate TO rowhouse_server WITH SET FALSE`, `GRANT rowhouse_gate TO rowhouse_server WITH SET TRUE`, "the login rowhouse_server may not become rowhouse_login: "})
	} else {
		ways = append(ways,
			way{`ALTER ROLE rowhouse_gate INHERIT`, `ALTER ROLE rowhouse_gate NOINHERIT`, direct + "account_events, accounts, "},
			way{`ALTER ROLE rowhouse_server NOINHERIT`, `ALTER ROLE rowhouse_server INHERIT`, heirless})
	}
	for _, c := range ways {
		execute(t, superuser, c.give)
		if got := faults(); !strings.Contains("\n"+got, "\n"+c.want) {
			t.Errorf("%s: got\n%s\nwant %s", c.give, got, c.want)
		}
		execute(t, superuser, c.take)
		if got := faults(); got != "" {
			t.Errorf("%s: got\n%s", c.take, got)
		}
	}
	for give, take := range map[string]string{ // what everybody may, rowhouse_app may too, and the catalogue tells of it
		`GRANT SELECT (email) ON accounts TO PUBLIC`: `REVOKE SELECT (email) ON accounts FROM PUBLIC`,
		`GRANT SELECT ON passes TO rowhouse_app`:     `REVOKE SELECT ON passes FROM rowhouse_app`,
	} {
		execute(t, superuser, give)
		if got := column(t, superuser, `SELECT fault FROM catalogue_faults() AS fault`); len(got) != 1 || !strings.HasSuffix(got[0], ": rowhouse_app may select it") {
			t.Errorf("%s: got %q", give, got)
		}
		execute(t, superuser, take)
	}
}

// Each host of a URL has its share of the time, and one that is asked with TLS and without has no less.
func TestPatience(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]time.Duration{
		"postgres://db1/x?sslmode=prefer":          Patience,
		"postgres://db1/x?sslmode=disable":         Patience,
		"postgres://db1,db2/x?sslmode=prefer":      Patience / 2,
		"postgres://db1:1,db1:2/x?sslmode=disable": Patience / 2,
	} {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		if got := patience(config); got != want {
			t.Errorf("%s: got %v, want %v", url, got, want)
		}
	}
}
