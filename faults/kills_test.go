//go:build faults && linux

package faults

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// awayLimit is how long a request may take to be refused while the database is away, and backLimit how long it may take until
	// requests are answered again once it is back.
	awayLimit = 300 * time.Millisecond
	backLimit = 2 * time.Second
	// busy is how many times longer a single request may take: another process may have the processors just then.
	busy = 4
)

// within reports the median and the longest of some times, and fails the test when the median is over the limit, or the longest far. The
// limit is that of a server that has a processor when it wants one: under a quota it is so many times longer.
func within(t *testing.T, name string, all []time.Duration, limit time.Duration) {
	t.Helper()
	limit *= time.Duration(100 / *quota)
	if len(all) == 0 {
		t.Errorf("%s: nothing was measured", name)
		return
	}
	slices.Sort(all)
	median, longest := all[len(all)/2], all[len(all)-1]
	t.Attr(name+"_ms_median", strconv.FormatInt(median.Milliseconds(), 10))
	t.Attr(name+"_ms_max", strconv.FormatInt(longest.Milliseconds(), 10))
	if median > limit || longest > busy*limit {
		t.Errorf("%s: median %v, longest %v, of %d; the limit is %v", name, median, longest, len(all), limit)
	}
}

// progress waits until the writers have been answered some more times.
func (l *ledger) progress(n int64) {
	l.t.Helper()
	until := l.acknowledged.Load() + n
	poll(l.t, "the writers", func() bool { return l.acknowledged.Load() >= until })
}

// untilServed is how long it takes until a read is answered.
func untilServed(t *testing.T, c *client) time.Duration {
	t.Helper()
	began := time.Now()
	poll(t, "an answer", func() bool {
		got, err := c.send("GET", "/items?page_size=1", "")
		return err == nil && got.status == http.StatusOK
	})
	return time.Since(began)
}

// Whatever was acknowledged is there, once and with its audit event, after kill -9 of the server and of the database in the middle
// of writes of all kinds. The server outlives its database and serves again once that is back.
func TestKills(t *testing.T) {
	d := newDatabase(t, nil)
	s := newService(t, d.url("rowhouse_server"))
	path := theProgram(t)
	p := s.start(path)
	who := newCaller(t, s, "kills")
	l := &ledger{t: t}
	stop := l.writing(who)
	defer stop()
	c := who.client()
	kills := 0
	var refused, back []time.Duration
	for range times(50, 2) {
		l.progress(40)
		p.kill()
		kills++
		p = s.start(path)

		l.progress(40)
		d.kill()
		kills++
		for _, method := range []string{"GET", "POST"} {
			began := time.Now()
			got, err := c.send(method, "/items", map[string]string{"POST": `{"name":"while away","price_cents":1}`}[method])
			refused = append(refused, time.Since(began))
			if err != nil || got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
				t.Errorf("%s without a database: got %v, %v", method, got, err)
			}
		}
		if got, err := c.send("GET", "//healthz", ""); err != nil || got.status != http.StatusOK {
			t.Errorf("healthz without a database: got %v, %v", got, err)
		}
		d.start()
		back = append(back, untilServed(t, c))
		if !p.alive() {
			t.Fatal("the server ended with its database")
		}
	}
	l.progress(40)
	stop()
	count(t, "kills", kills)
	within(t, "refused", refused, awayLimit)
	within(t, "back", back, backLimit)
	l.report(d)
}

// The same harness finds what is lost where the database acknowledges what it has yet to write down, and finds each kind of fault
// that is planted in the books.
func TestKillsControl(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, map[string]string{"synchronous_commit": "off"})
	s := newService(t, d.url("rowhouse_server"))
	s.start(theProgram(t))
	who := newCaller(t, s, "control")
	l := &ledger{t: t}
	stop := l.writing(who)
	l.progress(40)
	walwriter := 0
	for _, pid := range d.processes() {
		if line, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); strings.Contains(string(line), "walwriter") {
			walwriter = pid
		}
	}
	if err := syscall.Kill(walwriter, syscall.SIGSTOP); walwriter == 0 || err != nil {
		t.Fatalf("no walwriter to stop: pid %d, %v", walwriter, err)
	}
	l.progress(200)
	d.kill()
	stop()
	d.start()
	got := l.compare(d)
	count(t, "control_lost", got.lost)
	if got.lost == 0 {
		t.Error("nothing was lost, so the harness would not see a loss")
	}

	l = &ledger{t: t}
	d.exec(`DELETE FROM items; DELETE FROM audit_events`)
	stop = l.writing(who)
	l.progress(200)
	stop()
	if got := l.compare(d); got.lost+got.doubleEffects+got.unasked+got.unaudited > 0 {
		t.Fatalf("before anything is planted: %+v", got)
	}
	for _, c := range []struct {
		plant string
		found func(tally) int
	}{
		{`DELETE FROM items WHERE id IN (SELECT id FROM items WHERE version > 1 LIMIT 1)`, func(g tally) int { return g.lost }},
		{`UPDATE items SET price_cents = price_cents % 1000000 + 1 WHERE id IN (SELECT id FROM items WHERE version > 1 LIMIT 1)`,
			func(g tally) int { return g.doubleEffects }},
		{`INSERT INTO items (tenant_id, name, price_cents) SELECT tenant_id, name, price_cents FROM items WHERE version = 1 LIMIT 1`,
			func(g tally) int { return g.doubleEffects }},
		{`INSERT INTO items (tenant_id, name, price_cents) SELECT tenant_id, 'planted', 1 FROM items LIMIT 1`, func(g tally) int { return g.unasked }},
		{`DELETE FROM audit_events WHERE id IN (
		  SELECT e.id FROM audit_events e JOIN items i ON i.id = e.entity_id WHERE i.version = 1 AND e.action = 'item.create' LIMIT 1)`,
			func(g tally) int { return g.unaudited }},
		{`INSERT INTO audit_events (tenant_id, action, entity_type, entity_id)
		  SELECT tenant_id, 'item.create', 'item', gen_random_uuid() FROM audit_events LIMIT 1`, func(g tally) int { return g.unaudited }},
	} {
		before := c.found(l.compare(d))
		d.exec(c.plant)
		if after := c.found(l.compare(d)); after <= before {
			t.Errorf("%s: not found", c.plant)
		}
	}
}
