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
DROP TABLE scratch_crates;
ALTER TABLE items DROP COLUMN colour;
`

// previous is the source of the release before this one: the last commit but one. Where git has no such commit, in a shallow clone or
// in a copy without history, or where its migrations were written anew since, as they may be until they are released, it is this one, which
// then has only the addition before it.
func previous(t *testing.T) (dir, name string) {
	t.Helper()
	commit, err := exec.Command("git", "rev-parse", "HEAD~1").Output()
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

// The release before this one serves without an error while the migrations of the next one run and after, beside the next one and
// alone; and the next one refuses to serve before them.
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
	owner := d.pg.URL(schema.Owner, "rolling")
	if output, err := migrate(oldProgram, owner); err != nil {
		t.Fatalf("the old migrations: %v\n%s", err, output)
	}
	if err := schema.GrantServer(t.Context(), superuser); err != nil {
		t.Fatal(err)
	}
	s := newService(t, d.pg.URL(schema.Server, "rolling"))
	s.apart() // the old release may know no other way
	oldServer := s.start(oldProgram)

	refusing := s.launch(newProgram)
	<-refusing.ended
	want := fmt.Sprintf("and this program needs %d: run rowhouse migrate up", latest)
	if code := refusing.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(refusing.said(), "not serving: the database is at migration ") || !strings.Contains(refusing.said(), want) {
		t.Errorf("the next release, before its migrations: got exit code %d and\n%s\nwant 1 and %s", code, refusing.said(), want)
	}

	s.base = oldServer.base
	who := newCaller(t, s, "rolling")
	l := newLoad(t, who)
	l.progress(200)
	held := watchLocks(t, d.pg.URL("postgres", "rolling"))
	migrated, err := migrate(newProgram, owner)
	t.Attr("access_exclusive_ms_max", strconv.FormatInt(held().Milliseconds(), 10))
	if err != nil || !strings.Contains(string(migrated), "addition.sql") {
		t.Fatalf("the new migrations: %v\n%s", err, migrated)
	}
	count(t, "migrations", strings.Count(string(migrated), ".sql"))
	l.progress(times(20_000, 400))
	if got, err := who.client().send("GET", "//readyz", ""); err != nil || got.status != http.StatusOK {
		t.Errorf("readyz of the old release on the new schema: got %v, %v", got, err)
	}
	newServer := s.start(newProgram)
	who.base = newServer.base
	beside := newLoad(t, who)
	for _, both := range []*load{l, beside} {
		both.progress(times(5000, 200))
	}
	beside.stop()
	l.stop()
	count(t, "requests", int(l.requests.Load()+beside.requests.Load()))
	count(t, "failed_requests", int(l.failed.Load()+beside.failed.Load()))
	for _, p := range []*server{oldServer, newServer} {
		if code := p.stop(); code != 0 {
			t.Errorf("a server ended with %d", code)
		}
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
