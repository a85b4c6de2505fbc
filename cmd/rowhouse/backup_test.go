//go:build backup

// Not every PostgreSQL that localpg finds or fetches comes with pg_dump, pg_basebackup and psql, and no test is skipped: this one is for machines where a
// package has installed them all, and CI is one (make backup-check).

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowhouse/localpg"
	schema "rowhouse/sql"
)

// cluster is a PostgreSQL of its own, and a superuser in its database postgres.
func cluster(t *testing.T) (*localpg.Server, *pgx.Conn) {
	t.Helper()
	return clusterIn(t, "")
}

// clusterIn is one whose files stay in a directory.
func clusterIn(t *testing.T, dir string) (*localpg.Server, *pgx.Conn) {
	t.Helper()
	server, err := localpg.Start(t.Context(), localpg.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server, connectTo(t, server.URL("postgres", "postgres"))
}

func connectTo(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// documented is the block of docs/operations.md that begins with this comment.
func documented(t *testing.T, name string) string {
	t.Helper()
	match := regexp.MustCompile("(?s)```sh\n# " + name + "\n(.*?)```").FindStringSubmatch(read(t, "docs/operations.md"))
	if match == nil {
		t.Fatalf("docs/operations.md has no block %q", name)
	}
	return match[1]
}

// A desk is where an operator sits: at a directory, before a cluster, as a user of PostgreSQL and, where that is not empty, of the machine.
type desk struct {
	dir       string
	cluster   *localpg.Server
	user      string
	owner     string   // whoever this file or directory belongs to is the user of the machine
	variables []string // that the guide speaks of
}

// shell runs a script with the programs of the cluster's PostgreSQL first in the PATH, and the test itself as rowhouse.
func (d desk) shell(t *testing.T, script string) (string, error) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "set -e\nrowhouse() { "+asRowhouse+"=1 \""+program+"\" \"$@\"; }\n"+script)
	cmd.Dir = d.dir
	cmd.Env = append(os.Environ(), d.variables...)
	if d.cluster != nil {
		at, err := url.Parse(d.cluster.URL(d.user, "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, "PATH="+d.cluster.Bin()+":"+os.Getenv("PATH"), "PGHOST="+at.Query().Get("host"), "PGPORT="+at.Query().Get("port"), "PGUSER="+d.user,
			"DATABASE_MIGRATION_URL="+d.cluster.URL(schema.Owner, "rowhouse"))
	}
	if d.owner != "" {
		info, err := os.Stat(d.owner)
		if err != nil {
			t.Fatal(err)
		}
		if is := info.Sys().(*syscall.Stat_t); int(is.Uid) != os.Geteuid() {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: is.Uid, Gid: is.Gid}}
		}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// rows is all that is in the tables of the database, as a superuser sees it, but passes.
func rows(t *testing.T, server *localpg.Server) map[string][]string {
	t.Helper()
	superuser := connectTo(t, server.URL("postgres", "rowhouse"))
	texts := func(sql string) []string {
		found, err := superuser.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(found, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := map[string][]string{}
	for _, table := range texts(`SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'passes'`) {
		all[table] = texts(`SELECT r::text FROM ` + table + ` r ORDER BY 1`)
	}
	return all
}

// An exchange is a request of somebody, and what was answered.
type exchange struct {
	as, method, path, body, header, answer string
}

// conversation is what the demonstration's people ask: what there is, what they may not see, what they change, and what there is then. NEW is the last thing
// that was made.
var conversation = []exchange{
	{as: "ada", method: "GET", path: "/me"},
	{as: "ada", method: "GET", path: "/me/tenants"},
	{as: "ada", method: "GET", path: "/tenant"},
	{as: "ada", method: "GET", path: "/users"},
	{as: "ada", method: "GET", path: "/settings"},
	{as: "ada", method: "GET", path: "/items?count=true&sort=-price_cents"},
	{as: "ada", method: "GET", path: "/audit-events?page_size=100"},
	{as: "ada", method: "GET", path: "/invitations"},
	{as: "ada", method: "GET", path: "/webhooks"},
	{as: "ada", method: "GET", path: "/jobs?page_size=100"},
	{as: "dora", method: "GET", path: "/items?page_size=2"},
	{as: "dora", method: "GET", path: "/audit-events"},
	{as: "nobody", method: "GET", path: "/items"},
	{as: "nobody", method: "POST", path: "/auth/login", body: `{"login":"ada","password":"` + demoPassword + `?"}`},
	{as: "ada", method: "POST", path: "/items", body: `{"name":"Elm stool","price_cents":4900}`, header: "Idempotency-Key: stool"},
	{as: "ada", method: "POST", path: "/items", body: `{"name":"Elm stool","price_cents":4900}`, header: "Idempotency-Key: stool"},
	{as: "ada", method: "PATCH", path: "/items/NEW", body: `{"price_cents":5900}`},
	{as: "ada", method: "POST", path: "/items/import", body: `{"name":"Ash tray","price_cents":900}`, header: "Content-Type: application/x-ndjson"},
	{as: "dora", method: "DELETE", path: "/items/NEW"},
	{as: "ada", method: "DELETE", path: "/items/NEW"},
	{as: "ada", method: "GET", path: "/items/NEW"},
	{as: "ada", method: "POST", path: "/invitations", body: `{"email":"gus@example.com","role":"member"}`},
	{as: "ada", method: "GET", path: "/items?count=true"},
	{as: "ada", method: "GET", path: "/audit-events?page_size=100"},
	{as: "ada", method: "POST", path: "/auth/logout"},
	{as: "ada", method: "GET", path: "/items"},
}

// converse has the conversation with a server of the cluster, with tokens that its people already had. What it made may have other ids and times the next
// time: they are numbered as they came.
func converse(t *testing.T, cluster *localpg.Server, env vars, tokens map[string]string) (told []exchange) {
	t.Helper()
	p := start(t, env.with("DATABASE_URL", cluster.URL(schema.Server, "rowhouse")), "serve")
	address := "http://" + p.address()
	there := map[string]bool{}
	for _, texts := range rows(t, cluster) {
		for _, text := range texts {
			for _, id := range anyUUID.FindAllString(text, -1) {
				there[id] = true
			}
		}
	}
	began := time.Now()
	numbers := map[string]string{}
	made := ""
	for _, e := range conversation {
		request, err := http.NewRequestWithContext(t.Context(), e.method, address+"/api/v1"+strings.ReplaceAll(e.path, "NEW", made), strings.NewReader(e.body))
		if err != nil {
			t.Fatal(err)
		}
		if token := tokens[e.as]; token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
			request.Header.Set("X-Tenant-Id", "tenant-"+demoTenants[0].id)
		}
		if e.body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		if name, value, ok := strings.Cut(e.header, ": "); ok {
			request.Header.Set(name, value)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if location := answer.Header.Get("Location"); strings.Contains(location, "/items/") {
			made = location[strings.LastIndex(location, "/")+1:]
		}
		text := requestIDs.ReplaceAllString(string(body), `"request_id":"…"`)
		text = anyUUID.ReplaceAllStringFunc(text, func(id string) string {
			if !there[id] && numbers[id] == "" {
				numbers[id] = fmt.Sprintf("new-%d", len(numbers))
			}
			return cmp.Or(numbers[id], id)
		})
		text = anyTime.ReplaceAllStringFunc(text, func(at string) string {
			if when, err := time.Parse(time.RFC3339, at); err == nil && when.Before(began) {
				return at
			}
			return "now"
		})
		e.answer = fmt.Sprint(answer.StatusCode, " ", text)
		told = append(told, e)
	}
	return told
}

var (
	anyUUID    = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	anyTime    = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)`)
	requestIDs = regexp.MustCompile(`"request_id":"[^"]*"`)
)

// furnished gives a cluster the demonstration, and returns the settings of its servers and tokens of its people.
func furnished(t *testing.T, cluster *localpg.Server, superuser *pgx.Conn) (env vars, tokens map[string]string) {
	t.Helper()
	if err := schema.CreateDatabase(t.Context(), superuser, "rowhouse"); err != nil {
		t.Fatal(err)
	}
	if err := schema.Up(t.Context(), cluster.URL(schema.Owner, "rowhouse")); err != nil {
		t.Fatal(err)
	}
	if err := schema.GrantServer(t.Context(), superuser); err != nil {
		t.Fatal(err)
	}
	if err := seed(t.Context(), cluster.URL(schema.Server, "rowhouse")); err != nil {
		t.Fatal(err)
	}
	env = serving(cluster.URL(schema.Server, "rowhouse"))
	p := start(t, env, "serve")
	tokens = map[string]string{}
	for _, who := range []string{"ada", "dora"} {
		tokens[who] = tokenOf(t, "http://"+p.address(), who)
	}
	return env, tokens
}

// keepSettings writes the settings of the servers where an operator has them.
func keepSettings(t *testing.T, env vars) (name string) {
	t.Helper()
	var text strings.Builder
	for name, value := range env {
		fmt.Fprintf(&text, "%s=%s\n", name, value)
	}
	name = filepath.Join(t.TempDir(), "rowhouse.env")
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func keptSettings(t *testing.T, name string) vars {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	env := vars{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[name] = value
	}
	return env
}

// recorded is a conversation that is worth comparing.
func recorded(t *testing.T, told []exchange) []exchange {
	t.Helper()
	statuses := map[string]int{}
	for _, e := range told {
		statuses[e.answer[:3]]++
	}
	for _, status := range []string{"200", "201", "401", "403", "404"} {
		if statuses[status] == 0 {
			t.Fatalf("nothing was answered %s: %+v", status, told)
		}
	}
	return told
}

// What docs/operations.md says to back up with brings every row and every answer back in a new cluster. Without the roles, migrate up and
// serve say what is missing; and what the owner dumps is refused, or is as empty as the page warns.
func TestBackup(t *testing.T) {
	t.Parallel()
	old, superuser := cluster(t)
	env, tokens := furnished(t, old, superuser)
	settings := keepSettings(t, env)
	wantRows := rows(t, old)

	dir := t.TempDir()
	at := desk{dir: dir, cluster: old, user: "postgres"}
	if out, err := at.shell(t, strings.ReplaceAll(documented(t, "backup"), "/etc/rowhouse.env", settings)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	at.user = schema.Owner
	if out, err := at.shell(t, "pg_dump --format=custom --file=refused.dump rowhouse"); err == nil || !strings.Contains(out, "affected by row-level security policy") {
		t.Errorf("the owner's dump: %v\n%s", err, out)
	}
	if out, err := at.shell(t, "pg_dump --enable-row-security --data-only --table=items rowhouse"); err != nil || strings.Contains(out, "Oak table") {
		t.Errorf("the owner's dump with row-level security: %v\n%s", err, out)
	}
	want := recorded(t, converse(t, old, env, tokens)) // what it changes came after the backup

	restored, _ := cluster(t)
	at = desk{dir: dir, cluster: restored, user: "postgres"}
	if out, err := at.shell(t, documented(t, "restore")); err != nil || !strings.HasSuffix(out, "nothing to do\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	if diff := gocmp.Diff(wantRows, rows(t, restored)); diff != "" {
		t.Errorf("rows (-old +restored):\n%s", diff)
	}
	if diff := gocmp.Diff(want, converse(t, restored, keptSettings(t, filepath.Join(dir, "rowhouse.env")), tokens), gocmp.AllowUnexported(exchange{})); diff != "" {
		t.Errorf("the conversation (-old +restored):\n%s", diff)
	}

	bare, _ := cluster(t)
	at = desk{dir: dir, cluster: bare, user: "postgres"}
	if out, err := at.shell(t, "createuser --createrole --login "+schema.Owner+"; createuser --login "+schema.Server+
		"; pg_restore --create --dbname=postgres rowhouse.dump || true"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := refuses(t, vars{"DATABASE_MIGRATION_URL": bare.URL(schema.Owner, "rowhouse")}, "migrate", "up")
	for _, want := range []string{"role rowhouse_app is missing", "role rowhouse_login is missing", "docs/operations.md"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing of %q in\n%s", want, said)
		}
	}
	said = refuses(t, env.with("DATABASE_URL", bare.URL(schema.Server, "rowhouse")), "serve")
	if want := "the role rowhouse_app is missing"; !strings.Contains(said, want) {
		t.Errorf("got\n%s\nwant %s", said, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "roles.sql")); err != nil {
		t.Error(err)
	}
}

// tokenOf logs one of the demonstration's people in.
func tokenOf(t *testing.T, address, login string) string {
	t.Helper()
	answer, err := http.Post(address+"/api/v1/auth/login", "application/json", strings.NewReader(`{"login":"`+login+`","password":"`+demoPassword+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`"access_token":"([^"]+)"`).FindSubmatch(body)
	if match == nil {
		t.Fatalf("got %s", body)
	}
	return string(match[1])
}

// A moment is restored with what docs/operations.md says, from a base backup and the log that was kept since, into a cluster of its own: every row and every answer
// is what it was, and nothing is there of what came after. A moment of which the log has nothing is refused.
func TestBackupOfAMoment(t *testing.T) {
	t.Parallel()
	home := filepath.Dir(devDir(t)) // which PostgreSQL's user may enter
	dir := filepath.Join(home, "old")
	old, superuser := clusterIn(t, dir)
	env, tokens := furnished(t, old, superuser)
	backups := filepath.Join(home, "backups")
	at := desk{dir: home, cluster: old, user: "postgres", owner: filepath.Join(dir, "data"), variables: []string{"BACKUPS=" + backups}}
	mkdir := func(name string) {
		t.Helper()
		if err := os.MkdirAll(name, 0o700); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(at.owner)
		if err != nil {
			t.Fatal(err)
		}
		is := info.Sys().(*syscall.Stat_t)
		if err := os.Chown(name, int(is.Uid), int(is.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	follow := func(name string) {
		t.Helper()
		if out, err := at.shell(t, documented(t, name)); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	mkdir(backups)
	follow("keep the log")
	if err := old.Stop(); err != nil {
		t.Fatal(err)
	}
	old, superuser = clusterIn(t, dir)
	at.cluster = old
	follow("base backup")

	// What comes after the base backup is in the log alone.
	if _, err := superuser.Exec(t.Context(), `CREATE ROLE came_later`); err != nil {
		t.Fatal(err)
	}
	p := start(t, env.with("DATABASE_URL", old.URL(schema.Server, "rowhouse")), "serve")
	tokens["dora"] = tokenOf(t, "http://"+p.address(), "dora")
	wantRows := rows(t, old)
	var moment string
	if err := superuser.QueryRow(t.Context(), `SELECT clock_timestamp()::text`).Scan(&moment); err != nil {
		t.Fatal(err)
	}
	want := recorded(t, converse(t, old, env, tokens))
	// The last of it would be kept within a minute.
	if _, err := superuser.Exec(t.Context(), `SELECT pg_switch_wal()`); err != nil {
		t.Fatal(err)
	}
	var last string
	if err := superuser.QueryRow(t.Context(), `SELECT pg_walfile_name(pg_current_wal_lsn() - 1)`).Scan(&last); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(hung); ; <-time.After(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(backups, "log", last)); err == nil {
			break
		}
		if time.Now().After(deadline) {
			var failed string
			_ = superuser.QueryRow(t.Context(), `SELECT a::text FROM pg_stat_archiver a`).Scan(&failed)
			t.Fatalf("%s is not kept; %s", last, failed)
		}
	}
	at.variables = append(at.variables, "LAST="+last)
	if out, err := at.shell(t, `cd "$BACKUPS"; ./keep "log/$LAST" "$LAST"; echo another >another; ! ./keep another "$LAST" && ! cmp --silent another "log/$LAST"`); err != nil {
		t.Errorf("what is kept already: %v\n%s", err, out)
	}
	if err := old.Stop(); err != nil {
		t.Fatal(err)
	}
	bases, err := filepath.Glob(filepath.Join(backups, "base", "*"))
	if err != nil || len(bases) != 1 {
		t.Fatal(bases, err)
	}

	recover := func(name, moment string) string {
		t.Helper()
		dir := filepath.Join(home, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		mkdir(filepath.Join(dir, "data"))
		at.cluster, at.variables = nil, []string{"BACKUPS=" + backups, "BASE=" + bases[0], "PGDATA=" + filepath.Join(dir, "data"), "MOMENT=" + moment}
		follow("recover")
		return dir
	}
	if server, err := localpg.Start(t.Context(), localpg.Options{Dir: recover("future", "2999-01-01 00:00:00+00")}); err == nil || !strings.Contains(err.Error(), "before configured recovery target was reached") {
		if err == nil {
			_ = server.Stop()
		}
		t.Errorf("a moment that the log does not reach: %v", err)
	}
	recovered, superuser := clusterIn(t, recover("recovered", moment))
	at.cluster, at.owner = recovered, "" // whoever may run the test's own program
	if out, err := at.shell(t, documented(t, "recovered")); err != nil || !strings.HasSuffix(out, "nothing to do\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	var there bool
	if err := superuser.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'came_later') AND current_setting('archive_mode') = 'off'`).Scan(&there); err != nil || !there {
		t.Errorf("roles are not what they were, or it keeps its log among the real one's: %v", err)
	}
	if diff := gocmp.Diff(wantRows, rows(t, recovered)); diff != "" {
		t.Errorf("rows (-old +recovered):\n%s", diff)
	}
	if diff := gocmp.Diff(want, converse(t, recovered, env, tokens), gocmp.AllowUnexported(exchange{})); diff != "" {
		t.Errorf("the conversation (-old +recovered):\n%s", diff)
	}
}
