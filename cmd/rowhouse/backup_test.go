//go:build backup

// Not every PostgreSQL that localpg finds or fetches comes with pg_dump and psql, and no test is skipped: this one is for machines where a
// package has installed them all, and CI is one (make backup-check).

package main

import (
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
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowhouse/localpg"
	schema "rowhouse/sql"
)

// cluster is a PostgreSQL of its own, and a superuser in its database postgres.
func cluster(t *testing.T) (*localpg.Server, *pgx.Conn) {
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

// shell runs a script beside the dump, with the programs of the cluster's PostgreSQL first in the PATH, and the test itself as rowhouse.
func shell(t *testing.T, server *localpg.Server, user, dir, script string) (string, error) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(server.URL(user, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "set -e\nrowhouse() { "+asRowhouse+"=1 \""+program+"\" \"$@\"; }\n"+script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+server.Bin()+":"+os.Getenv("PATH"), "PGHOST="+at.Query().Get("host"), "PGPORT="+at.Query().Get("port"), "PGUSER="+user,
		"DATABASE_MIGRATION_URL="+server.URL(schema.Owner, "rowhouse"))
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

// answers is what the demonstration's people are answered by a server of the cluster, with tokens that they already had.
func answers(t *testing.T, server *localpg.Server, env vars, token string) map[string]string {
	t.Helper()
	p := start(t, env.with("DATABASE_URL", server.URL(schema.Server, "rowhouse")), "serve")
	address := "http://" + p.address()
	all := map[string]string{}
	for _, path := range []string{"/api/v1/items?count=true", "/api/v1/users", "/api/v1/audit-events", "/api/v1/tenant", "/api/v1/me/tenants"} {
		request, err := http.NewRequest(http.MethodGet, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("X-Tenant-Id", "tenant-"+demoTenants[0].id)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		all[path] = fmt.Sprint(answer.StatusCode, " ", strings.ReplaceAll(string(body), answer.Header.Get("X-Request-Id"), ""))
	}
	return all
}

// What docs/operations.md says to back up with brings every row and every answer back in a new cluster. Without the roles, migrate up and
// serve say what is missing; and what the owner dumps is refused, or is as empty as the page warns.
func TestBackup(t *testing.T) {
	t.Parallel()
	old, superuser := cluster(t)
	if err := schema.CreateDatabase(t.Context(), superuser, "rowhouse"); err != nil {
		t.Fatal(err)
	}
	if err := schema.Up(t.Context(), old.URL(schema.Owner, "rowhouse")); err != nil {
		t.Fatal(err)
	}
	if err := schema.GrantServer(t.Context(), superuser); err != nil {
		t.Fatal(err)
	}
	if err := seed(t.Context(), old.URL(schema.Server, "rowhouse")); err != nil {
		t.Fatal(err)
	}
	env := serving("")
	token := tokenOf(t, env.with("DATABASE_URL", old.URL(schema.Server, "rowhouse")))
	wantAnswers := answers(t, old, env, token) // which leaves a last_login
	wantRows := rows(t, old)
	if !strings.HasPrefix(wantAnswers["/api/v1/items?count=true"], "200 ") || !strings.Contains(wantAnswers["/api/v1/items?count=true"], "Oak table") {
		t.Fatalf("got %q", wantAnswers)
	}

	dir := t.TempDir()
	if out, err := shell(t, old, "postgres", dir, documented(t, "backup")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := shell(t, old, schema.Owner, dir, "pg_dump --format=custom --file=refused.dump rowhouse"); err == nil || !strings.Contains(out, "affected by row-level security policy") {
		t.Errorf("the owner's dump: %v\n%s", err, out)
	}
	if out, err := shell(t, old, schema.Owner, dir, "pg_dump --enable-row-security --data-only --table=items rowhouse"); err != nil || strings.Contains(out, "Oak table") {
		t.Errorf("the owner's dump with row-level security: %v\n%s", err, out)
	}

	restored, _ := cluster(t)
	if out, err := shell(t, restored, "postgres", dir, documented(t, "restore")); err != nil || !strings.HasSuffix(out, "nothing to do\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	if diff := cmp.Diff(wantRows, rows(t, restored)); diff != "" {
		t.Errorf("rows (-old +restored):\n%s", diff)
	}
	if diff := cmp.Diff(wantAnswers, answers(t, restored, env, token)); diff != "" {
		t.Errorf("answers (-old +restored):\n%s", diff)
	}

	bare, _ := cluster(t)
	if out, err := shell(t, bare, "postgres", dir, "createuser --createrole --login "+schema.Owner+"; createuser --login "+schema.Server+
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

// tokenOf logs the demonstration's first admin in.
func tokenOf(t *testing.T, env vars) string {
	t.Helper()
	p := start(t, env, "serve")
	answer, err := http.Post("http://"+p.address()+"/api/v1/auth/login", "application/json", strings.NewReader(`{"login":"ada","password":"`+demoPassword+`"}`))
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
