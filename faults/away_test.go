//go:build faults && linux

package faults

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// While the database is away, in whatever way, each request is refused within 300 ms, also those that find a connection which was good
// a moment ago; once it is back, requests are answered within 2 s, by the same process. Nothing that was acknowledged is lost.
func TestAway(t *testing.T) {
	for _, way := range []struct {
		name        string
		leave, back func(*database, *wire)
	}{
		{"killed", func(d *database, _ *wire) { d.kill() }, func(d *database, _ *wire) { d.start() }},
		{"refusing", func(_ *database, w *wire) { w.refuse(true) }, func(_ *database, w *wire) { w.refuse(false) }},
		{"swallowed", func(_ *database, w *wire) { w.freeze() }, func(_ *database, w *wire) { w.thaw() }},
		{"stopped", func(d *database, _ *wire) { d.signal(syscall.SIGSTOP) }, func(d *database, _ *wire) { d.signal(syscall.SIGCONT) }},
	} {
		t.Run(way.name, func(t *testing.T) {
			d := newDatabase(t, nil)
			w := newWire(t, d.url("rowhouse_server"))
			url := w.url
			if way.name == "stopped" {
				url = d.url("rowhouse_server") // the wire's connections would be taken by the wire
			}
			s := newService(t, url)
			p := s.start(theProgram(t))
			who := newCaller(t, s, "away")
			l := &ledger{t: t}
			stop := l.writing(who)
			defer stop()
			var refused, back []time.Duration
			for range times(10, 1) {
				l.progress(100) // now there are connections, and all of them are busy
				way.leave(d, w)
				refused = append(refused, refusals(l, who)...)
				if !p.alive() {
					t.Fatal("the server ended with its database")
				}
				way.back(d, w)
				back = append(back, untilServed(t, who.client()))
			}
			l.progress(100)
			stop()
			within(t, "refused", refused, awayLimit)
			within(t, "back", back, backLimit)
			l.report(d)
		})
	}
}

// refusals are how long a few clients at once, one request after another, wait to be refused.
func refusals(l *ledger, who caller) []time.Duration {
	l.t.Helper()
	const clients, each = 4, 8
	took := make([][]time.Duration, clients)
	var running sync.WaitGroup
	for i := range clients {
		c := who.client()
		running.Go(func() {
			defer c.http.CloseIdleConnections()
			for n := range each {
				f := l.add(fmt.Sprintf("away-%d", crews.Add(1)))
				f.possible = []state{absent, {true, 1, 1}} // for one that was sent may still happen
				r := [][]string{
					{"GET", "/items", ""},
					{"POST", "/items", fmt.Sprintf(`{"name":%q,"price_cents":1}`, f.name)},
					{"GET", "/me/tenants", ""},
					{"GET", "//readyz", ""},
				}[n%4]
				began := time.Now()
				got, err := c.send(r[0], r[1], r[2])
				took[i] = append(took[i], time.Since(began))
				if err != nil || got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
					l.t.Errorf("%s %s without a database: got %v, %v; want 503 with Retry-After", r[0], r[1], got, err)
				}
			}
			if got, err := c.send("GET", "//healthz", ""); err != nil || got.status != http.StatusOK {
				l.t.Errorf("healthz without a database: got %v, %v", got, err)
			}
		})
	}
	running.Wait()
	return slices.Concat(took...)
}
