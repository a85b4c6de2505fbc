//go:build faults && linux

package faults

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// small is a file system of so many bytes, gone when the test ends.
func small(t *testing.T, bytes string) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "disk-")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes+",mode=755"); err != nil {
		t.Fatalf("a full disk needs a small one, and mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill takes all the room that is left, and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	ballast, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if _, err := ballast.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2 // what is left is smaller
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := ballast.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// While the disk of the database and the server is full, a write that needs room is refused with 503 and reads are answered; once there is room again,
// writes are answered too, and nothing that was acknowledged is lost, also not to a kill -9 after it.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := small(t, "256m")
	d := newDatabaseIn(t, filepath.Join(dir, "pg"), map[string]string{"max_wal_size": "64MB", "shared_buffers": "16MB"})
	s := newService(t, d.url("rowhouse_server"), "TMPDIR="+dir) // where imports are spooled
	p := s.start(theProgram(t))
	who := newCaller(t, s, "disk")
	l := &ledger{t: t}
	c := who.client()
	var back []time.Duration
	fills := times(5, 1)
	for range fills {
		stop := l.writing(who)
		defer stop()
		l.progress(50)
		free := fill(t, dir)
		refused := l.refused.Load() + l.unknown.Load()
		poll(t, "a write to be refused", func() bool { return l.refused.Load()+l.unknown.Load() > refused+100 })
		got, err := c.send("GET", "/items?page_size=5", "")
		if alive := serves(d); err != nil || alive && got.status != http.StatusOK {
			t.Errorf("a read while the disk is full: got %v, %v", got, err)
		} else if !alive && got.status != http.StatusServiceUnavailable {
			t.Errorf("a read while the database is down, its disk full: got %v, %v", got, err)
		}
		stop()
		free()
		if !serves(d) { // it needs room for its own log too, and ends without: an operator starts it again
			d.kill()
			d.start()
		}
		back = append(back, untilWritten(t, l, who))
	}
	count(t, "fills", fills)
	within(t, "back", back, backLimit)
	if !p.alive() {
		t.Error("the server ended")
	}
	d.kill()
	d.start()
	l.report(d)
}

// serves says that the database takes connections.
func serves(d *database) bool {
	conn, err := pgx.Connect(d.t.Context(), d.url("postgres"))
	if err != nil {
		return false
	}
	_ = conn.Close(d.t.Context())
	return true
}

// A database that allows no writes refuses them with 503 and Retry-After, and answers reads; it needs no restart when it allows them
// again.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, nil)
	s := newService(t, d.url("rowhouse_server"))
	s.start(theProgram(t))
	who := newCaller(t, s, "reader")
	l := &ledger{t: t}
	c := who.client()
	made, err := c.send("POST", "/items", `{"name":"kept","price_cents":1}`)
	if err != nil || made.status != http.StatusCreated {
		t.Fatalf("got %v, %v", made, err)
	}
	f := l.add("kept")
	f.id, f.possible = made.item(), []state{{true, 1, 1}}
	l.told(made, nil)
	item := "/items/" + made.item()
	d.exec(`ALTER SYSTEM SET default_transaction_read_only = on`)
	d.exec(`SELECT pg_reload_conf()`)
	poll(t, "the server's connections to know", func() bool {
		got, err := c.send("POST", "/items/import", "", "Content-Type", "application/x-ndjson")
		return err != nil || got.status != http.StatusOK
	})
	for _, r := range [][]string{
		{"POST", "/items", `{"name":"refused","price_cents":1}`}, {"PATCH", item, `{"price_cents":2}`}, {"DELETE", item, ""},
		{"POST", "/tenants", `{"name":"refused"}`}, {"PATCH", "/me", `{"name":"refused"}`},
	} {
		for _, header := range [][]string{nil, {"Idempotency-Key", "k"}} {
			if r[0] != "POST" && header != nil {
				continue
			}
			got, err := c.send(r[0], r[1], r[2], header...)
			if err != nil || got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.code() != "unavailable" {
				t.Errorf("%s %s: got %v, %v; want 503 with Retry-After", r[0], r[1], got, err)
			}
		}
	}
	for _, path := range []string{item, "/items", "/items/export", "/me", "/me/tenants", "/users", "//readyz", "//healthz"} {
		if got, err := c.send("GET", path, ""); err != nil || got.status != http.StatusOK {
			t.Errorf("GET %s: got %v, %v", path, got, err)
		}
	}
	d.exec(`ALTER SYSTEM RESET default_transaction_read_only`)
	d.exec(`SELECT pg_reload_conf()`)
	untilWritten(t, l, who)
	l.report(d)
}

// untilWritten is how long it takes until a write is answered.
func untilWritten(t *testing.T, l *ledger, who caller) time.Duration {
	t.Helper()
	began := time.Now()
	stop := l.writing(who)
	l.progress(1)
	took := time.Since(began)
	stop()
	return took
}
