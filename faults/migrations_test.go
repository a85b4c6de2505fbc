//go:build faults && linux

package faults

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	schema "rowhouse/sql"
)

// addition is a migration such as the next release may bring: a column, a table with its walls, an index and a permission.
const addition = `-- +goose Up
ALTER TABLE items ADD COLUMN colour text DEFAULT 'plain';
CREATE TABLE scratch_crates (
    tenant_id uuid NOT NULL,
    id        uuid NOT NULL DEFAULT uuid_v7(),
    name      text NOT NULL,
    CONSTRAINT scratch_crates_pkey           PRIMARY KEY (tenant_id, id),
    CONSTRAINT scratch_crates_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
ALTER TABLE scratch_crates ENABLE ROW LEVEL SECURITY;
ALTER TABLE scratch_crates FORCE  ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON scratch_crates
    USING      (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON scratch_crates TO rowhouse_app;
INSERT INTO permissions (name, admin) VALUES ('scratch_crates:read', 'any');

-- +goose Down
DELETE FROM permissions WHERE name = 'scratch_crates:read';
ALTER TABLE items DROP COLUMN colour;
DROP TABLE scratch_crates; -- which locks tenants too
`

// previous is the source of the release before this one: its tag, or the last commit but one where there is none. Where git has no such commit, in a shallow clone or
// in a copy without history, or where its migrations were written anew since, as they may be until they are released, it is this one, which
// then has only the addition before it.
func previous(t *testing.T) (dir, name string) {
	t.Helper()
	commit, err := exec.Command("git", "describe", "--tags", "--abbrev=0", "--match=v*.*.*", "--exclude=*-*", "HEAD~1").Output()
	if err != nil {
		commit, err = exec.Command("git", "rev-parse", "HEAD~1").Output()
	}
	if err != nil {
		t.Logf("there is no commit before this one, so this one is the old: %v", err)
		return "..", "this"
	}
	dir, name = t.TempDir(), strings.TrimSpace(string(commit))
	unpack := exec.Command("sh", "-c", `git -C "$(git rev-parse --show-toplevel)" archive "$0" | tar -x -C "$1"`, name, dir)
	if output, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("git archive %s: %v\n%s", name, err, output)
	}
	migrations, err := filepath.Glob(filepath.Join(dir, "sql/migrations/*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range migrations {
		then, err := os.ReadFile(file)
		now, nowErr := os.ReadFile(filepath.Join("../sql/migrations", filepath.Base(file)))
		if err != nil || nowErr != nil || string(then) != string(now) {
			t.Logf("%s has another %s, so this one is the old", name, filepath.Base(file))
			return "..", "this"
		}
	}
	return dir, name
}

// next is this source with the addition.
func next(t *testing.T) (dir string, latest int64) {
	t.Helper()
	dir = t.TempDir()
	if output, err := exec.Command("sh", "-c", `cd .. && tar -c --exclude=./.git . | tar -x -C "$0"`, dir).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, output)
	}
	latest, err := schema.Latest()
	if err != nil {
		t.Fatal(err)
	}
	latest++
	if err := os.WriteFile(filepath.Join(dir, "sql/migrations", fmt.Sprintf("%05d_addition.sql", latest)), []byte(addition), 0o644); err != nil {
		t.Fatal(err)
	}
	catalogue, err := os.OpenFile(filepath.Join(dir, "sql/catalogue.txt"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer catalogue.Close()
	if _, err := catalogue.WriteString("permission scratch_crates:read: of rows that have none\n"); err != nil {
		t.Fatal(err)
	}
	return dir, latest
}

// From one release to the next, and back, and there again, under load: the release before this one serves while the migrations of the next one run, beside the next
// one, and on its schema when that is gone again, and while its migrations are undone. No request fails, nothing that was acknowledged is lost, and the next one
// refuses to serve where its migrations are not.
func TestRollingMigrations(t *testing.T) {
	before, name := previous(t)
	after, latest := next(t)
	oldProgram, newProgram := filepath.Join(scratch, "rowhouse-old"), filepath.Join(scratch, "rowhouse-new")
	for program, from := range map[string]string{oldProgram: before, newProgram: after} {
		if err := build(from, program); err != nil {
			t.Fatal(err)
		}
	}
	t.Attr("previous", name)

	d := newDatabase(t, nil)
	superuser := d.connect()
	if err := schema.CreateDatabase(t.Context(), superuser, "rolling"); err != nil {
		t.Fatal(err)
	}
	d.name = "rolling"
	owner := d.url(schema.Owner)
	if output, err := migrate(oldProgram, owner); err != nil {
		t.Fatalf("the old migrations: %v\n%s", err, output)
	}
	if err := schema.GrantServer(t.Context(), superuser); err != nil {
		t.Fatal(err)
	}
	s := newService(t, d.url(schema.Server))
	oldServer := s.start(oldProgram)
	refuses := func() {
		t.Helper()
		p := s.launch(newProgram)
		<-p.ended
		want := fmt.Sprintf("and this program needs %d: run rowhouse migrate up", latest)
		if code := p.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(p.said(), "not serving: the database is at migration ") || !strings.Contains(p.said(), want) {
			t.Errorf("the next release, without its migrations: got exit code %d and\n%s\nwant 1 and %s", code, p.said(), want)
		}
	}
	refuses()

	who := newCaller(t, s, "rolling")
	writer := newCaller(t, s, "books")
	books := &ledger{t: t, tenant: writer.uuid()}
	l := newLoad(t, who)
	stopWriting := books.writingBy(writer, 2)
	defer stopWriting()
	l.progress(200)
	ended := func(p *server) {
		t.Helper()
		if code := p.stop(); code != 0 || strings.Contains(p.said(), "cut off") {
			t.Errorf("a server ended with %d, and said\n%s", code, p.said())
		}
	}
	ready := func(what string) {
		t.Helper()
		l.progress(times(10_000, 200))
		if got, err := who.client().send("GET", "//readyz", ""); err != nil || got.status != http.StatusOK {
			t.Errorf("readyz of %s: got %v, %v", what, got, err)
		}
	}
	held := watchLocks(t, d.url("postgres"))
	up := func() (migrations int) {
		t.Helper()
		output, err := migrate(newProgram, owner)
		if err != nil || !strings.Contains(string(output), "addition.sql") {
			t.Fatalf("the new migrations: %v\n%s", err, output)
		}
		ready("the old release on the new schema")
		return strings.Count(string(output), ".sql")
	}
	migrations := up()
	newServer := s.start(newProgram)
	ready("either release on the new schema")
	ended(oldServer)
	ready("the new release")

	oldServer = s.start(oldProgram)
	ended(newServer)
	ready("the old release, back on the new schema")
	for range migrations {
		if output, err := migrating(newProgram, owner, "down"); err != nil {
			t.Fatalf("undoing the new migrations: %v\n%s", err, output)
		}
	}
	ready("the old release on the old schema again")
	refuses()

	up()
	newServer = s.start(newProgram)
	ended(oldServer)
	ready("the new release, at last")
	stopWriting()
	l.stop()
	ended(newServer)
	t.Attr("access_exclusive_ms_max", strconv.FormatInt(held().Milliseconds(), 10))
	count(t, "migrations", migrations)
	count(t, "requests", int(l.requests.Load()))
	count(t, "failed_requests", int(l.failed.Load()))
	books.report(d)
	if n := books.unknown.Load(); n > 0 { // one that waits too long for a migration's lock may be refused, as the guide says
		t.Errorf("of %d writes nobody knows", n)
	}
}

// watchLocks looks every 10 ms for locks that keep everybody else from a table, and returns what says how long the longest was seen to
// be held while others waited for it.
func watchLocks(t *testing.T, url string) (longest func() time.Duration) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	end, result := make(chan struct{}), make(chan time.Duration)
	go func() {
		defer conn.Close(context.Background())
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		since := map[string]time.Time{}
		var most time.Duration
		for !closed(end) {
			rows, err := conn.Query(context.Background(), `
				SELECT h.pid || ' ' || h.relation
				  FROM pg_locks h
				 WHERE h.granted AND h.mode = 'AccessExclusiveLock' AND h.locktype = 'relation'
				   AND EXISTS (SELECT 1 FROM pg_locks w WHERE NOT w.granted AND w.database = h.database AND w.relation = h.relation)`)
			if err != nil {
				t.Error(err)
				break
			}
			held, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Error(err)
				break
			}
			seen := map[string]time.Time{}
			for _, lock := range held {
				if seen[lock] = since[lock]; seen[lock].IsZero() {
					seen[lock] = time.Now()
				}
				most = max(most, time.Since(seen[lock]))
			}
			since = seen
			<-tick.C
		}
		result <- most
	}()
	return func() time.Duration {
		close(end)
		return <-result
	}
}
