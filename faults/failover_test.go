//go:build faults && linux

package faults

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rowhouse/mail/mailtest"
)

// newStandby is a standby of a database, which waits for it with each commit.
func newStandby(primary *database) *database {
	primary.t.Helper()
	dir, err := os.MkdirTemp(scratch, "pg-")
	if err != nil {
		primary.t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		primary.t.Fatal(err)
	}
	d := &database{t: primary.t, opts: primary.opts, name: primary.name}
	d.opts.Dir = dir
	primary.t.Cleanup(func() {
		if d.pg != nil {
			_ = d.pg.Stop() // a test may have left it dead
		}
		_ = os.RemoveAll(dir)
	})
	d.follow(primary)
	return d
}

// follow makes a database that does not run a standby of another, whatever it was.
func (d *database) follow(primary *database) {
	d.t.Helper()
	data := filepath.Join(d.opts.Dir, "data")
	if err := os.RemoveAll(data); err != nil {
		d.t.Fatal(err)
	}
	run := func(name string, args ...string) {
		d.t.Helper()
		if output, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			d.t.Fatalf("%s: %v\n%s", name, err, output)
		}
	}
	run(filepath.Join(primary.pg.Bin(), "pg_basebackup"), "--pgdata="+data, "--dbname="+primary.url("postgres"), "--checkpoint=fast", "--write-recovery-conf")
	run("chown", "--recursive", "--reference="+filepath.Join(primary.opts.Dir, "data"), data)
	d.start()
	d.exec(`ALTER SYSTEM RESET synchronous_standby_names`) // of its own, once it is promoted
	primary.exec(`ALTER SYSTEM SET synchronous_standby_names = '*'`)
	primary.exec(`SELECT pg_reload_conf()`)
	poll(d.t, "the standby", func() bool {
		return collect[struct{ N int }](primary, `SELECT count(*)::int FROM pg_stat_replication WHERE sync_state = 'sync'`)[0].N == 1
	})
}

// mailed says that all mails to the invited are sent. What was under way when the database went, is given up at once instead of after three minutes.
func mailed(d *database) bool {
	d.exec(`UPDATE river.river_job SET state = 'available', attempted_at = NULL WHERE state = 'running' AND attempted_at < now() - interval '20 seconds'`)
	return collect[struct{ N int }](d, `SELECT count(*)::int FROM jobs WHERE kind = 'invitation.mail' AND state <> 'completed'`)[0].N == 0
}

// mailsLimit is how long it may take until a worker works again: the queue notices after ten seconds that nobody answers, and then connects anew.
const mailsLimit = 30 * time.Second

// either is the way to whichever of two databases takes writes, as docs/operations.md has it.
func either(t *testing.T, one, other *wire) string {
	t.Helper()
	first, err := url.Parse(one.url)
	if err != nil {
		t.Fatal(err)
	}
	second, err := url.Parse(other.url)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(one.url, first.Host, first.Host+","+second.Host, 1) + "&target_session_attrs=read-write"
}

// When the primary is killed, or vanishes from the network, under load, and its standby is promoted, each write that was acknowledged is there, writes are
// done again within two seconds, and mails are sent, all by the same processes.
func TestFailover(t *testing.T) {
	for _, way := range []string{"killed", "vanished"} {
		t.Run(way, func(t *testing.T) {
			primary := newDatabase(t, nil)
			standby := newStandby(primary)
			nearby, other := newWire(t, primary.url("rowhouse_server")), newWire(t, standby.url("rowhouse_server"))
			post := mailtest.New(t)
			s := newService(t, either(t, nearby, other), "SMTP_URL="+post.URL(), "RATE_LIMIT_MAIL_TENANT=0", "RATE_LIMIT_MAIL=0")
			path := theProgram(t)
			p, worker := s.start(path), s.work(path)
			who := newCaller(t, s, "failover")
			c := who.client()
			l := &ledger{t: t}
			stop := l.writing(who)
			defer stop()
			failovers, promised := 0, 0
			promise := func() {
				t.Helper()
				poll(t, "a promise", func() bool {
					got, err := c.send("POST", "/invitations", fmt.Sprintf(`{"email":"guest-%d@example.com","role":"member"}`, promised))
					return err == nil && (got.status == http.StatusCreated || got.status == http.StatusConflict)
				})
				promised++
			}
			var back, mails []time.Duration
			for range times(10, 1) {
				l.progress(100)
				promise()
				if way == "vanished" {
					nearby.freeze()
					primary.signal(syscall.SIGSTOP)
				} else {
					primary.kill()
				}
				failovers++
				if got, err := c.send("POST", "/items", `{"name":"meanwhile","price_cents":1}`); err != nil || got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
					t.Errorf("a write without a primary: got %v, %v", got, err)
				}
				standby.exec(`SELECT pg_promote()`)
				back = append(back, untilWritten(t, l, who))
				promise()
				began := time.Now()
				poll(t, "the mails", func() bool { return mailed(standby) })
				mails = append(mails, time.Since(began))
				if !p.alive() || !worker.alive() {
					t.Fatal("a process ended with its database")
				}
				if way == "vanished" {
					primary.kill()
					nearby.thaw()
				}
				primary.follow(standby)
				primary, standby, nearby, other = standby, primary, other, nearby
			}
			l.progress(100)
			stop()
			for i := range promised {
				post.Wait(fmt.Sprintf("guest-%d@example.com", i))
			}
			count(t, "failovers", failovers)
			count(t, "promised", promised)
			within(t, "back", back, backLimit)
			within(t, "mails", mails, mailsLimit)
			l.report(primary)
		})
	}
}

// Where the primary does not wait for its standby, the same harness finds what is lost.
func TestFailoverControl(t *testing.T) {
	t.Parallel()
	primary := newDatabase(t, nil)
	standby := newStandby(primary)
	s := newService(t, either(t, newWire(t, primary.url("rowhouse_server")), newWire(t, standby.url("rowhouse_server"))))
	s.start(theProgram(t))
	l := &ledger{t: t}
	who := newCaller(t, s, "unwaited")
	primary.exec(`ALTER SYSTEM RESET synchronous_standby_names`)
	primary.exec(`SELECT pg_reload_conf()`)
	stop := l.writing(who)
	l.progress(40)
	standby.signal(syscall.SIGSTOP)
	l.progress(200)
	primary.kill()
	stop()
	standby.signal(syscall.SIGCONT)
	standby.exec(`SELECT pg_promote()`)
	got := l.compare(standby)
	count(t, "control_lost", got.lost)
	if got.lost == 0 {
		t.Error("nothing was lost, so the harness would not see a loss")
	}
}
