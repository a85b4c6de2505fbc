package schema

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"rowhouse/localpg"
)

// shared is a server for the tests that do not care who else has a database on it.
var shared *localpg.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	var err error
	if shared, err = localpg.Start(context.Background(), localpg.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

// ownServer is a server on which no role has been made yet.
func ownServer(t *testing.T) *localpg.Server {
	t.Helper()
	server, err := localpg.Start(t.Context(), localpg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// emptyDatabase makes a database with its logins and nothing in it, and is its owner's URL.
func emptyDatabase(t *testing.T, server *localpg.Server, name string) string {
	t.Helper()
	if err := CreateDatabase(t.Context(), connect(t, server.URL("postgres", "postgres")), name); err != nil {
		t.Fatal(err)
	}
	return server.URL(Owner, name)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func migrator(t *testing.T, url string) *goose.Provider {
	t.Helper()
	provider, db, err := Migrator(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return provider
}

// atOnce runs n functions, which start together.
func atOnce(n int, do func(i int) error) error {
	errs := make([]error, n)
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	running.Wait()
	return errors.Join(errs...)
}

// Down undoes all of what up did, one migration at a time, and up then does it again. A column that has to be made anew stands last, which
// nothing depends on.
func TestDownUndoesUp(t *testing.T) {
	t.Parallel()
	url := emptyDatabase(t, shared, "down_undoes_up")
	conn, m := connect(t, url), migrator(t, url)
	if _, err := m.GetDBVersion(t.Context()); err != nil { // makes goose's own table
		t.Fatal(err)
	}
	before := []string{describe(t, conn)} // by number of migrations
	for range m.ListSources() {
		if _, err := m.UpByOne(t.Context()); err != nil {
			t.Fatal(err)
		}
		before = append(before, describe(t, conn))
	}
	for n := len(before) - 2; n >= 0; n-- {
		done, err := m.Down(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ordered := func(line string) bool { return strings.HasPrefix(line, "order of columns ") }
		want, got := slices.DeleteFunc(lines(before[n]), ordered), slices.DeleteFunc(lines(describe(t, conn)), ordered)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("down of %s (-before its up +after its down):\n%s", done.Source.Path, diff)
		}
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines(before[len(before)-1]), lines(describe(t, conn))); diff != "" {
		t.Errorf("up, down and up again (-once +again):\n%s", diff)
	}
}

func lines(s string) []string { return strings.Split(s, "\n") }

// Each migration changes what describe sees; otherwise comparing descriptions says nothing about it.
func TestDescribeSeesEachMigration(t *testing.T) {
	t.Parallel()
	url := emptyDatabase(t, shared, "describe_sees")
	conn, m := connect(t, url), migrator(t, url)
	before := describe(t, conn)
	for range m.ListSources() {
		done, err := m.UpByOne(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		after := describe(t, conn)
		if after == before {
			t.Errorf("%s changes nothing that describe knows of", done.Source.Path)
		}
		before = after
	}
}

// Each function is taken from everybody by name. The default that does it too does not reach every node of a database that is spread over
// several.
func TestFunctionsRevoked(t *testing.T) {
	t.Parallel()
	url := emptyDatabase(t, shared, "functions_revoked")
	conn, m := settled(t, url), migrator(t, url)
	if _, err := m.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	execute(t, conn, `ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC`)
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	faults, err := Missing(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
	for _, name := range column(t, conn, `
		SELECT p.oid::regprocedure
		  FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
		 WHERE p.pronamespace NOT IN ('public'::regnamespace, 'pg_catalog'::regnamespace, 'information_schema'::regnamespace)
		   AND x.grantee = 0`) {
		t.Errorf("%s: everybody may execute it", name)
	}
}

// A trigger whose function goes by the table's name is given it: no function asks PostgreSQL, which may say another where a table is spread
// over several nodes.
func TestTriggersNameTheirTable(t *testing.T) {
	t.Parallel()
	conn := migrated(t, "triggers_name_their_table")
	for _, name := range column(t, conn, `SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc ~* '\mTG_(TABLE_NAME|RELNAME|RELID)\M'`) {
		t.Errorf("%s() asks for TG_TABLE_NAME, TG_RELNAME or TG_RELID", name)
	}
	triggers := column(t, conn, `
		SELECT format('%s on %s is given %s', tgname, tgrelid::regclass, encode(tgargs, 'escape'))
		  FROM pg_trigger
		 WHERE tgfoid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc ~* '\mTG_ARGV\M')
		   AND split_part(encode(tgargs, 'escape'), '\000', 1) <> tgrelid::regclass::text`)
	for _, trigger := range triggers {
		t.Error(trigger)
	}
}

// Down leaves the roles, which belong to the whole server.
func TestDownKeepsRoles(t *testing.T) {
	t.Parallel()
	url := emptyDatabase(t, shared, "down_keeps_roles")
	m := migrator(t, url)
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantRoles, roles(t, connect(t, url))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The roles that the migrations make: a name, whether it inherits, and what it is a member of.
var wantRoles = []string{"rowhouse_app t {}", "rowhouse_gate f {rowhouse_login,rowhouse_worker}", "rowhouse_login t {}", "rowhouse_worker t {}"}

func roles(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return column(t, conn, `
		SELECT concat_ws(' ', r.rolname, r.rolinherit::text::"char",
		                 ARRAY(SELECT m.roleid::regrole::text FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1)::text)
		  FROM pg_roles r
		 WHERE r.rolname IN ('rowhouse_app', 'rowhouse_gate', 'rowhouse_login', 'rowhouse_worker')
		   AND NOT r.rolcanlogin AND NOT r.rolsuper AND NOT r.rolbypassrls AND NOT r.rolcreaterole
		 ORDER BY 1`)
}

// Of several migrators at once each succeeds, and together they apply each migration once.
func TestMigratorsAtOnce(t *testing.T) {
	t.Parallel()
	const migrators = 8
	url := emptyDatabase(t, shared, "migrators_at_once")
	all := make([]*goose.Provider, migrators)
	for i := range all {
		all[i] = migrator(t, url)
	}
	applied := make([][]*goose.MigrationResult, migrators)
	if err := atOnce(migrators, func(i int) (err error) {
		applied[i], err = all[i].Up(t.Context())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var got, want []int64
	for _, result := range slices.Concat(applied...) {
		got = append(got, result.Source.Version)
	}
	slices.Sort(got)
	for _, source := range all[0].ListSources() {
		want = append(want, source.Version)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions applied (-want +got):\n%s", diff)
	}
}

// Databases of one server are made and migrated at once, whoever makes their common roles first.
func TestRolesMadeAtOnce(t *testing.T) {
	t.Parallel()
	const databases = 8
	server := ownServer(t)
	superusers, urls := make([]*pgx.Conn, databases), make([]string, databases)
	name := func(i int) string { return fmt.Sprintf("at_once_%d", i) }
	for i := range databases {
		superusers[i] = connect(t, server.URL("postgres", "postgres"))
		urls[i] = server.URL(Owner, name(i))
	}
	if err := atOnce(databases, func(i int) error { return CreateDatabase(t.Context(), superusers[i], name(i)) }); err != nil {
		t.Fatal(err)
	}
	if err := atOnce(databases, func(i int) error { return Up(t.Context(), urls[i]) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantRoles, roles(t, connect(t, urls[0]))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Roles that are there already are taken as they are, with or without the membership between them; databases that find them
// so at once get along as well.
func TestRolesExist(t *testing.T) {
	t.Parallel()
	const databases = 8
	server := ownServer(t)
	urls := make([]string, databases)
	for i := range urls {
		urls[i] = emptyDatabase(t, server, fmt.Sprintf("exist_%d", i))
	}
	owner := connect(t, urls[0])
	if _, err := owner.Exec(t.Context(), `CREATE ROLE rowhouse_app; CREATE ROLE rowhouse_login; CREATE ROLE rowhouse_worker; CREATE ROLE rowhouse_gate NOINHERIT`); err != nil {
		t.Fatal(err)
	}
	if err := atOnce(databases-1, func(i int) error { return Up(t.Context(), urls[i]) }); err != nil {
		t.Fatal(err)
	}
	if err := Up(t.Context(), urls[databases-1]); err != nil {
		t.Errorf("when everything is there: %v", err)
	}
	if diff := cmp.Diff(wantRoles, roles(t, owner)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Latest is the last migration of the folder, and they are numbered from one without a gap, so that two branches that add
// one each are in conflict.
func TestLatest(t *testing.T) {
	t.Parallel()
	latest, err := Latest()
	if err != nil {
		t.Fatal(err)
	}
	sources := migrator(t, shared.URL("postgres", "postgres")).ListSources()
	for i, source := range sources {
		if source.Version != int64(i+1) {
			t.Errorf("%s is number %d of the folder", source.Path, i+1)
		}
	}
	if want := int64(len(sources)); latest != want {
		t.Errorf("got %d, want %d", latest, want)
	}
}

// Making a database that exists changes nothing, and the owner alone can let the server's login in.
func TestLogins(t *testing.T) {
	t.Parallel()
	url := emptyDatabase(t, shared, "logins")
	if again := emptyDatabase(t, shared, "logins"); again != url {
		t.Errorf("got %s, want %s", again, url)
	}
	if err := Up(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if err := Grant(t.Context(), connect(t, url), Server); err != nil {
		t.Fatal(err)
	}
	if faults := column(t, connect(t, shared.URL(Server, "logins")), `SELECT fault FROM login_faults() AS fault`); len(faults) > 0 {
		t.Errorf("login_faults() says %q", faults)
	}
}

// logins.sql makes the logins that CreateDatabase and GrantServer make, with passwords.
func TestLoginsFile(t *testing.T) {
	t.Parallel()
	made, scripted := ownServer(t), ownServer(t)
	if err := Up(t.Context(), emptyDatabase(t, made, "rowhouse")); err != nil {
		t.Fatal(err)
	}
	if err := GrantServer(t.Context(), connect(t, made.URL("postgres", "postgres"))); err != nil {
		t.Fatal(err)
	}
	superuser := connect(t, scripted.URL("postgres", "postgres"))
	file, err := os.ReadFile("logins.sql")
	if err != nil {
		t.Fatal(err)
	}
	for statement := range strings.SplitSeq(plainSQL(string(file)), ";") {
		if _, err := superuser.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := Up(t.Context(), scripted.URL(Owner, "rowhouse")); err != nil {
		t.Fatal(err)
	}
	if err := Grant(t.Context(), connect(t, scripted.URL(Owner, "rowhouse")), Server); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(logins(t, connect(t, made.URL("postgres", "postgres"))), logins(t, superuser)); diff != "" {
		t.Errorf("(-logins.go +logins.sql):\n%s", diff)
	}
	if got := column(t, superuser, `SELECT rolname FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256$%' ORDER BY 1`); !slices.Equal(got, []string{Owner, Server}) {
		t.Errorf("with a password: %q", got)
	}
}

// logins is what the two logins may do and what their sessions are set to.
func logins(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return column(t, conn, `
		SELECT concat_ws(' ', r.rolname, 'login', r.rolcanlogin, 'createrole', r.rolcreaterole, 'inherit', r.rolinherit, 'super', r.rolsuper,
		                 'bypassrls', r.rolbypassrls, 'createdb', r.rolcreatedb, r.rolconfig::text,
		                 ARRAY(SELECT m.roleid::regrole::text FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1)::text)
		  FROM pg_roles r
		 WHERE r.rolname IN ($1, $2)
		 ORDER BY 1`, Owner, Server)
}

// plainSQL is a script of psql without what only psql understands.
func plainSQL(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(line, `\`) && !strings.HasPrefix(line, "--") {
			b.WriteString(line)
		}
	}
	return strings.NewReplacer(":'owner_password'", "'o'", ":'server_password'", "'s'").Replace(b.String())
}
