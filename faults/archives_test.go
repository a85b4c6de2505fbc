//go:build faults && linux

package faults

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"rowhouse/mail/mailtest"
	schema "rowhouse/sql"
)

// vault is three tenants over one database: one that is archived, erased and made again, one that must not notice, and one whose writers keep their books. The
// operator's commands, and the workers, reach the database over a wire that can be held at a message.
type vault struct {
	t                     *testing.T
	d                     *database
	s                     *service
	api                   *server
	program, dir          string
	wire                  *wire
	armed                 atomic.Pointer[moment]
	archived, other, busy caller
}

func newVault(t *testing.T, items int) *vault {
	t.Helper()
	v := &vault{t: t, d: newDatabase(t, nil), program: theProgram(t), dir: t.TempDir()}
	v.wire = newWire(t, v.d.url(schema.Server))
	v.wire.fault = func(message) action {
		m := v.armed.Load()
		if m == nil || m.seen.Add(1) != m.at {
			return pass
		}
		close(m.reached)
		return <-m.then
	}
	post := mailtest.New(t)
	v.s = newService(t, v.d.url(schema.Server), "SMTP_URL="+post.URL(), "RATE_LIMIT_MAIL_TENANT=0", "RATE_LIMIT_MAIL=0")
	v.api = v.s.start(v.program)
	v.archived, v.other, v.busy = newCaller(t, v.s, "archived"), newCaller(t, v.s, "other"), newCaller(t, v.s, "busy")
	for _, who := range []caller{v.archived, v.other} {
		c := who.client()
		var lines strings.Builder
		for i := range items {
			fmt.Fprintf(&lines, "{\"name\":\"item %d\",\"price_cents\":%d}\n", i, 1+i)
		}
		for _, r := range []struct{ path, body, kind string }{
			{"/items/import", lines.String(), "application/x-ndjson"},
			{"/artists", `{"name":"Ines"}`, "application/json"},
			{"/clients", `{"name":"Cleo","email":"cleo@example.com"}`, "application/json"},
			{"/invitations", `{"email":"guest@example.com","role":"member"}`, "application/json"},
		} {
			if got, err := c.send("POST", r.path, r.body, "Content-Type", r.kind); err != nil || got.status/100 != 2 {
				t.Fatalf("POST %s: got %v, %v", r.path, got, err)
			}
		}
	}
	return v
}

// tenant is whose a caller is.
func (w caller) tenant() string { return w.header.Get("X-Tenant-Id") }

// uuid is a tenant's id as the database writes it.
func (w caller) uuid() string { return strings.TrimPrefix(w.tenant(), "tenant-") }

// moment is a message at which the wire holds everything, until it is told what becomes of that.
type moment struct {
	at      int64
	seen    atomic.Int64
	reached chan struct{}
	then    chan action
}

func (v *vault) arm(at int64) *moment {
	m := &moment{at: at, reached: make(chan struct{}), then: make(chan action, 1)}
	v.armed.Store(m)
	return m
}

// process is a command of the operator.
type process struct {
	cmd   *exec.Cmd
	said  bytes.Buffer
	ended chan struct{}
}

func (v *vault) begin(url string, args ...string) *process {
	v.t.Helper()
	p := &process{cmd: exec.Command(v.program, append([]string{"tenant"}, args...)...), ended: make(chan struct{})}
	p.cmd.Env = append(slices.Clone(v.s.env), "DATABASE_URL="+url)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state says how
		close(p.ended)
	}()
	return p
}

func (p *process) wait(t *testing.T) (said string, ok bool) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(hung):
		_ = p.cmd.Process.Kill()
		t.Fatalf("%v did not end in %v", p.cmd.Args, hung)
	}
	return p.said.String(), p.cmd.ProcessState.Success()
}

// run is a command that nothing happens to.
func (v *vault) run(args ...string) string {
	v.t.Helper()
	said, ok := v.begin(v.d.url(schema.Server), args...).wait(v.t)
	if !ok {
		v.t.Fatalf("rowhouse tenant %s: %s", strings.Join(args, " "), said)
	}
	return said
}

func (v *vault) export(name string) { v.run("export", v.archived.tenant(), "-o", name) }
func (v *vault) erase()             { v.run("erase", v.archived.tenant(), "--confirm", "archived") }

// A breach is what happens to a command in the middle; it says what becomes of the message that the command waits for.
type breach struct {
	name string
	do   func(v *vault, p *process) action
}

var breaches = []breach{
	{"the command is killed, and PostgreSQL hears its last word", func(_ *vault, p *process) action {
		_ = p.cmd.Process.Kill()
		return cutAfter
	}},
	{"PostgreSQL is killed", func(v *vault, _ *process) action {
		v.d.kill()
		v.d.start()
		return cut
	}},
	{"the command is killed", func(_ *vault, p *process) action {
		_ = p.cmd.Process.Kill()
		<-p.ended
		return cut
	}},
	{"PostgreSQL ends its connection", func(*vault, *process) action { return kill }},
	{"the server is killed", func(v *vault, _ *process) action {
		v.api.kill()
		v.api = v.s.start(v.program)
		return pass
	}},
}

// breaking runs a command again and again, and has something happen to it each time, at moments that are spread over all its messages; some more are at the very
// end, where it may be done and not know it yet. After each, look is told what the command has said, and whether it did well.
func (v *vault) breaking(args []string, rounds int, before func(), look func(what, said string, ok bool)) {
	v.t.Helper()
	before()
	free := v.arm(math.MaxInt64)
	said, ok := v.begin(v.wire.url, args...).wait(v.t)
	total := free.seen.Load()
	look("nothing happens", said, ok)
	if !ok || total < int64(len(breaches)) {
		v.t.Fatalf("%v, of %d messages: %s", args, total, said)
	}
	done, spread := 0, rounds-rounds/5
	for n := range rounds {
		b := breaches[n%len(breaches)]
		at := total - rand.Int64N(min(total, 40))
		if n < spread {
			at = 1 + (int64(n)*total+rand.Int64N(total))/int64(spread)
		}
		before()
		m := v.arm(at)
		p := v.begin(v.wire.url, args...)
		select {
		case <-m.reached:
			done++
			m.then <- b.do(v, p)
		case <-p.ended: // it needed fewer messages than before
		}
		said, ok := p.wait(v.t)
		if b.name == "the server is killed" && !ok {
			v.t.Errorf("%v, while %s: %s", args, b.name, said)
		}
		look(fmt.Sprintf("%s, at message %d of %d", b.name, at, total), said, ok)
		if v.t.Failed() {
			return
		}
	}
	v.armed.Store(nil)
	count(v.t, "breaches", done)
}

// owned are the tables whose rows belong to tenants.
func owned() (all []string) {
	for _, table := range schema.Tables() {
		if slices.ContainsFunc(schema.Columns(table), func(c schema.Column) bool { return c.Name == "tenant_id" }) {
			all = append(all, table)
		}
	}
	return all
}

// each asks the same of some tables, in one statement; a query has their name where it has %[1]s.
func each[Found any](v *vault, tables []string, query string) map[string]Found {
	v.t.Helper()
	var parts []string
	for _, table := range tables {
		parts = append(parts, fmt.Sprintf(`SELECT '%[1]s', (`+query+`)`, table))
	}
	all := map[string]Found{}
	for _, row := range collect[struct {
		Table string
		Found Found
	}](v.d, strings.Join(parts, " UNION ALL ")) {
		all[row.Table] = row.Found
	}
	return all
}

// rows is all that the tables of a tenant hold, to the byte.
func (v *vault) rows(of caller) map[string]string {
	v.t.Helper()
	return each[string](v, owned(), `SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM %[1]s t WHERE tenant_id = '`+of.uuid()+`'`)
}

// size is how many rows the archived tenant has.
func (v *vault) size() (sum int) {
	v.t.Helper()
	for _, n := range each[int](v, owned(), `SELECT count(*)::int FROM %[1]s t WHERE tenant_id = '`+v.archived.uuid()+`'`) {
		sum += n
	}
	return sum
}

// traces is how many rows of which tables name the archived tenant, of whatever schema.
func (v *vault) traces() map[string]int {
	v.t.Helper()
	var tables []string
	for _, table := range collect[struct{ Name string }](v.d, `SELECT oid::regclass::text FROM pg_class
		WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace::regnamespace::text IN ('public', 'river')`) {
		tables = append(tables, table.Name)
	}
	found := each[int](v, tables, `SELECT count(*)::int FROM %[1]s t WHERE strpos(t::text, '`+v.archived.uuid()+`') > 0`)
	maps.DeleteFunc(found, func(_ string, n int) bool { return n == 0 })
	return found
}

// events is how often the log of accounts tells that the archived tenant was imported.
func (v *vault) events() int {
	v.t.Helper()
	return collect[struct{ N int }](v.d, `SELECT count(*)::int FROM account_events WHERE action = 'tenant.import' AND about_tenant = '`+v.archived.uuid()+`'`)[0].N
}

// unpacked are the files of an archive, by their names, but for what says when it was made.
func unpacked(t *testing.T, name string) map[string]string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := zstd.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	files := map[string]string{}
	for r := tar.NewReader(plain); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			delete(files, "manifest.json")
			delete(files, "manifest.sig")
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
	}
}

// same compares what the archived tenant has now with an archive of it.
func (v *vault) same(what string, was map[string]string) {
	v.t.Helper()
	name := filepath.Join(v.dir, "now")
	v.export(name)
	if diff := cmp.Diff(was, unpacked(v.t, name)); diff != "" {
		v.t.Errorf("%s: (-exported +exported again):\n%s", what, diff)
	}
}

// enters is what the archived tenant's admin is answered, when it is answered.
func (v *vault) enters() (status int) {
	v.t.Helper()
	c := v.archived.client()
	poll(v.t, "an answer", func() bool {
		got, err := c.send("GET", "/items?page_size=1", "")
		status = got.status
		return err == nil && status != http.StatusServiceUnavailable
	})
	return status
}

// watched reads the other tenant, again and again, until the returned function is called, which fails the test unless each answer was the same, and each of its
// rows is what it was.
func (v *vault) watched() (stop func()) {
	v.t.Helper()
	paths := []string{"/items?page_size=100", "/audit-events?page_size=100", "/users", "/tenant", "/invitations"}
	ask := func(c *client, path string) (string, bool) {
		got, err := c.send("GET", path, "")
		if err != nil || got.status == http.StatusServiceUnavailable { // while it is away
			<-time.After(pause)
			return "", false
		}
		return fmt.Sprint(got.status, " ", strings.ReplaceAll(string(got.body), got.header.Get("X-Request-Id"), "")), true
	}
	first := map[string]string{}
	for _, path := range paths {
		first[path], _ = ask(v.other.client(), path)
		if !strings.HasPrefix(first[path], "200 ") {
			v.t.Fatalf("GET %s: got %s", path, first[path])
		}
	}
	rows := v.rows(v.other)
	end := make(chan struct{})
	var answered atomic.Int64
	var running sync.WaitGroup
	running.Go(func() {
		c := v.other.client()
		defer c.http.CloseIdleConnections()
		for i := 0; !closed(end); i++ {
			path := paths[i%len(paths)]
			if now, ok := ask(c, path); ok && now != first[path] {
				v.t.Errorf("another tenant, GET %s: got %s\nand before %s", path, now, first[path])
				return
			} else if ok {
				answered.Add(1)
			}
		}
	})
	return func() {
		v.t.Helper()
		close(end)
		running.Wait()
		if diff := cmp.Diff(rows, v.rows(v.other)); diff != "" {
			v.t.Errorf("rows of another tenant (-before +after):\n%s", diff)
		}
		count(v.t, "others_reads", int(answered.Load()))
		if answered.Load() == 0 {
			v.t.Error("the other tenant was not read meanwhile")
		}
	}
}

// An export, an import and an erasure are broken off at any of their messages, by the death of the command, of PostgreSQL or of a connection, while others write
// and read. A file that has its name is whole, and what is left of another is refused; a tenant is imported as a whole, and its event with it, or not at all; what is
// erased in part is entered by nobody and taken back by nobody, and goes when the command is run again. Each can be run again at once, as it was. That the server is
// killed meanwhile is nothing to them. Another tenant never notices, and whoever writes loses nothing.
func TestArchivesBrokenOff(t *testing.T) {
	t.Parallel()
	v := newVault(t, 700)
	books := &ledger{t: t, tenant: v.busy.uuid()}
	stopWriting := books.writingBy(v.busy, 2) // who leave something of the processors to the rest
	defer stopWriting()
	stopWatching := v.watched()
	rounds := times(60, 6)

	file := filepath.Join(v.dir, "archive")
	part := file + ".part"
	v.export(file)
	was := unpacked(t, file)
	truncated := 0
	whole := 0
	v.breaking([]string{"export", v.archived.tenant(), "-o", file}, rounds, func() { _ = os.Remove(file) }, func(what, said string, ok bool) {
		if left, err := os.ReadFile(part); err == nil {
			truncated++
			if err := os.WriteFile(file+".left", left, 0o600); err != nil {
				t.Fatal(err)
			}
			said, ok := v.begin(v.d.url(schema.Server), "import", "--as", "new", file+".left").wait(t)
			if ok || !strings.Contains(said, "the archive is refused") {
				t.Errorf("export, %s: of what was left: %s", what, said)
			}
		}
		if _, err := os.Stat(file); err == nil {
			whole++
			if diff := cmp.Diff(was, unpacked(t, file)); diff != "" {
				t.Errorf("export, %s: the file has its name, and not all (-want +got):\n%s", what, diff)
			}
		} else if ok {
			t.Errorf("export, %s: it ended well, and there is no file: %s", what, said)
		}
		v.export(file)
		if _, err := os.Stat(part); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("export, %s: after another, that is still there: %v", what, err)
		}
	})
	count(t, "exports_cut", truncated)

	v.erase()
	imported, absent := 0, 0
	v.breaking([]string{"import", file}, rounds, func() {
		if len(v.traces()) > 0 {
			v.erase()
		}
	}, func(what, said string, ok bool) {
		traces := v.traces()
		if len(traces) == 0 {
			absent++
			if ok {
				t.Errorf("import, %s: it ended well, and there is nothing: %s", what, said)
			}
			v.run("import", file)
		} else {
			imported++
		}
		v.same("import, "+what, was)
		if n := v.events(); n != 1 {
			t.Errorf("import, %s: %d events tell of it, beside %v", what, n, traces)
		}
		if status := v.enters(); status != http.StatusOK {
			t.Errorf("import, %s: its admin gets %d", what, status)
		}
	})
	count(t, "imports_undone", absent)

	halves := 0
	all := v.size()
	v.breaking([]string{"erase", v.archived.tenant(), "--confirm", "archived"}, rounds, func() {
		if len(v.traces()) == 0 {
			v.run("import", file)
		}
	}, func(what, said string, ok bool) {
		if left := v.size(); left > 0 { // or nobody is to ask for it, which would be noted
			switch status := v.enters(); {
			case ok:
				t.Errorf("erase, %s: it ended well, and %d rows are left: %s", what, left, said)
			case status == http.StatusOK:
				v.same("erase, not begun, "+what, was)
			case status != http.StatusForbidden:
				t.Errorf("erase, %s: its admin gets %d", what, status)
			default:
				if left < all {
					halves++
				}
				if said, ok := v.begin(v.d.url(schema.Server), "resume", v.archived.tenant()).wait(t); ok {
					t.Errorf("erase, %s: with %d of %d rows it was taken back: %s", what, left, all, said)
				}
			}
			v.erase()
		}
		if traces := v.traces(); len(traces) > 0 {
			t.Errorf("erase, %s: it is left in %v", what, traces)
		}
	})
	count(t, "erasures_half_done", halves)

	stopWatching()
	stopWriting()
	books.report(v.d)
	if truncated == 0 || whole == 0 || imported == 0 || absent == 0 || halves == 0 {
		t.Errorf("%d exports were cut and %d were whole, %d imports were done and %d undone, %d erasures were half done: something was not tried", truncated, whole, imported, absent, halves)
	}
}

// A worker that erases a tenant is killed in the middle, again and again; another goes on where it was, and nothing is left in the end. Another tenant does not notice.
func TestErasingWorkersAreKilled(t *testing.T) {
	t.Parallel()
	v := newVault(t, 700)
	file := filepath.Join(v.dir, "archive")
	v.export(file)
	working := *v.s
	working.env = append(slices.Clone(v.s.env), "DATABASE_URL="+v.wire.url)
	var stopWatching func()
	// What a dead worker had is done by another after three minutes, which is not what is shown here: it is given up at once.
	giveUp := func() {
		v.d.exec(`UPDATE river.river_job SET state = 'available', attempted_at = NULL, scheduled_at = now() WHERE kind = 'tenant.erase' AND state IN ('running', 'scheduled')`)
	}
	gone := func() bool {
		return collect[struct{ N int }](v.d, `SELECT count(*)::int FROM tenants WHERE id = '`+v.archived.uuid()+`'`)[0].N == 0
	}
	deleted := func() {
		v.d.exec(`BEGIN; SELECT set_config('app.tenant_id', '` + v.archived.uuid() + `', true);
			UPDATE tenants SET status = 'deleting', erase_at = now() - interval '1 hour' WHERE id = '` + v.archived.uuid() + `'; COMMIT`)
	}

	// All that is to be done for the others is done first, so that their rows rest.
	first := working.work(v.program)
	poll(t, "the jobs", func() bool {
		return collect[struct{ N int }](v.d, `SELECT count(*)::int FROM river.river_job WHERE state IN ('available', 'running', 'retryable')`)[0].N == 0
	})
	stopWatching = v.watched()
	free := v.arm(math.MaxInt64)
	deleted()
	giveUp()
	poll(t, "the tenant to be erased", gone)
	total := free.seen.Load()
	first.kill()

	kills, halves := times(60, 6), 0
	next := func() *server {
		worker := working.work(v.program)
		poll(t, "a worker", func() bool { return strings.Contains(worker.said(), `"msg":"working"`) })
		return worker
	}
	for n := range kills {
		worker := next()
		again := gone()
		if again {
			v.run("import", file)
		}
		all := v.size()
		m := v.arm(1 + (int64(n)*total+rand.Int64N(total))/int64(kills))
		if again {
			deleted()
		}
		giveUp()
		poll(t, "the moment", func() bool { return closed(m.reached) || gone() })
		v.armed.Store(nil)
		worker.kill()
		m.then <- cutAfter // if anybody waits
		if left := v.size(); 0 < left && left < all {
			halves++
			if status := v.enters(); status != http.StatusForbidden {
				t.Errorf("with %d of %d rows its admin gets %d", left, all, status)
			}
		}
	}
	last := next()
	giveUp()
	poll(t, "the tenant to be erased", gone)
	poll(t, "the job to end", func() bool {
		return collect[struct{ N int }](v.d, `SELECT count(*)::int FROM river.river_job WHERE kind = 'tenant.erase' AND state = 'running' AND attempted_at > now() - interval '10 seconds'`)[0].N == 0
	})
	if code := last.stop(); code != 0 {
		t.Errorf("the worker ended with %d", code)
	}
	if traces := v.traces(); len(traces) > 0 {
		t.Errorf("it is left in %v", traces)
	}
	stopWatching()
	count(t, "worker_kills", kills)
	count(t, "erasures_half_done", halves)
	if halves == 0 {
		t.Error("no worker was killed in the middle")
	}
	v.run("import", file)
	v.same("after all", unpacked(t, file))
}

// A tenant is exported while its people write, and the archive has what one moment had: of each item as many events as it has had changes. Then it is exported,
// erased and imported, while a worker works and the people of others write and read, and is what it was to the byte; no request of the others fails.
func TestArchiveRoundTrip(t *testing.T) {
	t.Parallel()
	v := newVault(t, 300)
	v.s.work(v.program)
	settled := func() {
		poll(t, "the jobs", func() bool {
			return collect[struct{ N int }](v.d, `SELECT count(*)::int FROM river.river_job WHERE state IN ('available', 'running', 'retryable')`)[0].N == 0
		})
	}
	settled()
	file := filepath.Join(v.dir, "archive")
	busy := newLoad(t, v.busy)
	stopWatching := v.watched()

	writing := newLoad(t, v.archived)
	exports, items := times(30, 3), 0
	for range exports {
		writing.progress(40)
		v.export(file)
		n := agrees(t, unpacked(t, file))
		if n <= items {
			t.Errorf("%d items, and %d in the archive before: nobody wrote meanwhile", n, items)
		}
		items = n
	}
	writing.stop()
	count(t, "exports", exports)

	rounds := times(20, 2)
	for range rounds {
		v.export(file)
		was := unpacked(t, file)
		pages := map[string]string{}
		for _, path := range []string{"/items?page_size=100&count=true", "/audit-events?page_size=100", "/users", "/tenant", "/clients", "/invitations"} {
			got, err := v.archived.client().send("GET", path, "")
			if err != nil || got.status != http.StatusOK {
				t.Fatalf("GET %s: got %v, %v", path, got, err)
			}
			pages[path] = strings.ReplaceAll(string(got.body), got.header.Get("X-Request-Id"), "")
		}
		var signed struct {
			Certificate struct{ Rows map[string]int }
			Signature   string
		}
		if said := v.run("erase", v.archived.tenant(), "--confirm", "archived"); json.Unmarshal([]byte(said[strings.Index(said, "{"):]), &signed) != nil || signed.Signature == "" {
			t.Fatalf("the certificate: %s", said)
		}
		rows := map[string]int{}
		for name, text := range was {
			if of, ok := strings.CutPrefix(name, "tables/"); ok {
				table, _, _ := strings.Cut(of, "/") // which has more files than one when it is large
				rows[table] += strings.Count(text, "\n")
			}
		}
		for table, n := range rows {
			// Those of what the erasure itself has written are among its rows of events and of jobs.
			if table != "audit_events" && table != "jobs" && signed.Certificate.Rows[table] != n {
				t.Errorf("of %d %s the certificate has %d", n, table, signed.Certificate.Rows[table])
			}
		}
		if traces := v.traces(); len(traces) > 0 {
			t.Errorf("it is left in %v", traces)
		}
		v.run("import", file)
		settled()
		v.same("the round", was)
		for path, page := range pages {
			got, err := v.archived.client().send("GET", path, "")
			if now := strings.ReplaceAll(string(got.body), got.header.Get("X-Request-Id"), ""); err != nil || now != page {
				t.Errorf("GET %s: got %s, %v\nand before %s", path, now, err, page)
			}
		}
	}
	count(t, "rounds", rounds)
	busy.progress(100)
	busy.stop()
	stopWatching()
	count(t, "requests", int(busy.requests.Load()+writing.requests.Load()))
	count(t, "failed_requests", int(busy.failed.Load()+writing.failed.Load()))
}

// agrees counts the items of an archive, and fails the test unless each has as many events as it has had changes.
func agrees(t *testing.T, files map[string]string) int {
	t.Helper()
	changes := map[string]int{}
	lines := func(table string, take func(line []byte)) {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if strings.HasPrefix(name, "tables/"+table+"/") {
				for line := range strings.Lines(files[name]) {
					take([]byte(line))
				}
			}
		}
	}
	lines("audit_events", func(line []byte) {
		var event struct {
			EntityType string `json:"entity_type"`
			EntityID   string `json:"entity_id"`
		}
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatal(err)
		}
		if event.EntityType == "item" && event.EntityID != "" {
			changes[event.EntityID]++
		}
	})
	items := 0
	lines("items", func(line []byte) {
		var item struct {
			ID      string
			Name    string
			Version int
		}
		if err := json.Unmarshal(line, &item); err != nil {
			t.Fatal(err)
		}
		items++
		told := changes[item.ID]
		if strings.HasPrefix(item.Name, "item ") { // it came with others, of which one event tells
			told++
		}
		if told != item.Version {
			t.Errorf("item %s is in version %d, and %d events tell of it", item.ID, item.Version, told)
		}
		delete(changes, item.ID)
	})
	if len(changes) > 0 {
		t.Errorf("events tell of %d items that are not there", len(changes))
	}
	return items
}

// peak is the most memory that a process has had, in KiB, as Linux tells it. What wait tells would have that of the test in it, from before the program began.
var peak = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// An export and an import of a tenant that has very many times the rows take as much memory.
func TestArchiveMemory(t *testing.T) {
	t.Parallel()
	v := newVault(t, 10)
	small, big := filepath.Join(v.dir, "small"), filepath.Join(v.dir, "big")
	kilobytes := func(args ...string) int {
		t.Helper()
		p := v.begin(v.d.url(schema.Server), args...)
		most := 0
		poll(t, "the command", func() bool {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)) // it may have ended
			if found := peak.FindSubmatch(status); found != nil {
				most, _ = strconv.Atoi(string(found[1]))
			}
			return closed(p.ended)
		})
		if said, ok := p.wait(t); !ok {
			t.Fatalf("rowhouse tenant %s: %s", strings.Join(args, " "), said)
		}
		return most
	}
	exported := kilobytes("export", v.archived.tenant(), "-o", small)
	imported := kilobytes("import", "--as", "new", small)
	rows := times(1_000_000, 100_000)
	v.d.exec(`BEGIN; SELECT set_config('app.tenant_id', '` + v.archived.uuid() + `', true);
		INSERT INTO items (tenant_id, name, description, price_cents)
		SELECT '` + v.archived.uuid() + `', 'item ' || n, repeat(md5(n::text), 10), n FROM generate_series(1, ` + strconv.Itoa(rows) + `) AS n; COMMIT`)
	for _, c := range []struct {
		what   string
		before int
		args   []string
	}{
		{"export", exported, []string{"export", v.archived.tenant(), "-o", big}},
		{"import", imported, []string{"import", "--as", "new", big}},
	} {
		after := kilobytes(c.args...)
		count(t, c.what+"_megabytes", after>>10)
		count(t, c.what+"_megabytes_of_a_few_rows", c.before>>10)
		if after > 2*c.before+16<<10 { // the collector may let a heap double, and a page of rows is decoded
			t.Errorf("an %s of %d rows took %d KiB, and of a few %d", c.what, rows, after, c.before)
		}
	}
	count(t, "rows", rows)
	v.erase()
	if traces := v.traces(); len(traces) > 0 {
		t.Errorf("it is left in %v", traces)
	}
}
