//go:build faults && linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// state is an item as it may be: absent, or with a price and as many versions as it had changes.
type state struct {
	present bool
	price   int
	version int
}

var absent state

// fate is what a writer was told about one item. Only its writer sends anything about it, and nothing more once an outcome is
// unknown: what was cut off may still happen.
type fate struct {
	name     string
	id       string
	possible []state // one, or two after an unknown outcome: as before, and as wanted
}

// ledger is what all writers were told, to be compared with what is there.
type ledger struct {
	t      *testing.T
	tenant string // whose items alone they write, by its UUID; empty: nobody else has any

	mu    sync.Mutex
	fates []*fate

	acknowledged, refused, unknown atomic.Int64
}

type outcome int

const (
	done outcome = iota
	undone
	unknown
)

// told is what an answer, or none, says about a write.
func (l *ledger) told(got reply, err error) outcome {
	switch {
	case err != nil, got.status == http.StatusServiceUnavailable && got.code() == "outcome_unknown":
		l.unknown.Add(1)
		<-time.After(pause)
		return unknown
	case got.status/100 == 2:
		l.acknowledged.Add(1)
		return done
	case got.status == http.StatusServiceUnavailable, got.status == http.StatusConflict:
		if got.header.Get("Retry-After") == "" {
			l.t.Errorf("a refusal without Retry-After: %v", got)
		}
	default:
		l.t.Errorf("got %v", got)
	}
	l.refused.Add(1)
	<-time.After(pause)
	return undone
}

// settle writes down what became of a wish for the item.
func (f *fate) settle(o outcome, wanted state) {
	switch o {
	case done:
		f.possible = []state{wanted}
	case unknown:
		f.possible = append(f.possible, wanted)
	}
}

// add writes a new item down, before anybody is asked for it.
func (l *ledger) add(name string) *fate {
	f := &fate{name: name, possible: []state{absent}}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fates = append(l.fates, f)
	return f
}

// pause is how long a writer that got nothing done waits.
const pause = 10 * time.Millisecond

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// write sends writes of all kinds until stop is closed.
func (l *ledger) write(c *client, writer string, stop <-chan struct{}) {
	var mine []*fate // that exist for certain
	for n := 0; !closed(stop); n++ {
		name := fmt.Sprintf("%s-%d", writer, n)
		price := 1 + rand.N(1_000_000)
		body := fmt.Sprintf(`{"name":%q,"price_cents":%d}`, name, price)
		made := state{true, price, 1}
		kind := rand.N(10)
		switch {
		case kind < 3: // create
			f := l.add(name)
			got, err := c.send("POST", "/items", body)
			f.settle(l.told(got, err), made)
			if f.id = got.item(); f.id != "" {
				mine = append(mine, f)
			}
		case kind < 5: // create, with a key: sent until there is an answer, or nobody waits for it any more
			f := l.add(name)
			f.possible = []state{absent, made}
			for len(f.possible) > 1 {
				got, err := c.send("POST", "/items", body, "Idempotency-Key", name)
				if l.told(got, err) == done {
					f.possible, f.id = []state{made}, got.item()
					mine = append(mine, f)
				}
				if closed(stop) {
					return
				}
			}
		case kind < 6: // import
			lines := make([]string, 3)
			fates := make([]*fate, len(lines))
			for i := range lines {
				part := fmt.Sprintf("%s-%d", name, i)
				fates[i] = l.add(part)
				lines[i] = fmt.Sprintf(`{"name":%q,"price_cents":%d}`, part, price)
			}
			o := l.told(c.send("POST", "/items/import", strings.Join(lines, "\n"), "Content-Type", "application/x-ndjson"))
			for _, f := range fates {
				f.settle(o, made)
			}
		case len(mine) == 0:
		default:
			i := rand.N(len(mine))
			f := mine[i]
			is, wanted := f.possible[0], absent
			var o outcome
			if kind < 9 { // change
				wanted = state{true, is.price%1_000_000 + 1, is.version + 1}
				o = l.told(c.send("PATCH", "/items/"+f.id, fmt.Sprintf(`{"price_cents":%d}`, wanted.price)))
			} else {
				o = l.told(c.send("DELETE", "/items/"+f.id, ""))
			}
			f.settle(o, wanted)
			if !f.possible[0].present || len(f.possible) > 1 {
				mine = slices.Delete(mine, i, i+1)
			}
		}
	}
}

// tally is what the comparison found.
type tally struct {
	lost          int // acknowledged and not there
	doubleEffects int // there once too often
	unasked       int // refused, or never asked for, and there
	unaudited     int // an effect without exactly one event, or an event without its effect
	details       []string
}

// compare reads all that is there. Nobody may be writing.
func (l *ledger) compare(d *database) tally {
	l.t.Helper()
	var got tally
	found := func(n *int, format string, args ...any) {
		*n++
		if len(got.details) < 20 {
			got.details = append(got.details, fmt.Sprintf(format, args...))
		}
	}
	type row struct {
		ID, Name string
		Price    int
		Version  int
	}
	byName := map[string][]row{}
	versions := map[string]int{}
	of := ""
	if l.tenant != "" {
		of = ` AND tenant_id = '` + l.tenant + `'`
	}
	for _, r := range collect[row](d, `SELECT id::text, name, price_cents, version FROM items WHERE true`+of) {
		byName[r.Name] = append(byName[r.Name], r)
		versions[r.ID] = r.Version
	}
	for _, f := range l.fates {
		rows := byName[f.name]
		delete(byName, f.name)
		if len(rows) > 1 {
			found(&got.doubleEffects, "%s is there %d times", f.name, len(rows))
			continue
		}
		is := absent
		if len(rows) == 1 {
			is = state{true, rows[0].Price, rows[0].Version}
		}
		if slices.Contains(f.possible, is) {
			continue
		}
		known := f.possible[0]
		switch {
		case known.present && (!is.present || is.version < known.version), !known.present && f.id != "" && is.present:
			found(&got.lost, "%s is %v, and was acknowledged as %v", f.name, is, f.possible)
		case known.present && is.version > known.version:
			found(&got.doubleEffects, "%s is %v, and was acknowledged as %v", f.name, is, f.possible)
		default:
			found(&got.unasked, "%s is %v, and nobody was told more than %v", f.name, is, f.possible)
		}
	}
	for name := range byName {
		found(&got.unasked, "%s is there, and nobody asked for it", name)
	}

	type events struct {
		ID                     string
		Made, Changed, Deleted int
	}
	audited := map[string]bool{}
	for _, e := range collect[events](d, `
		SELECT coalesce(entity_id::text, 'none'),
		       count(*) FILTER (WHERE action IN ('item.create', 'item.import'))::int,
		       count(*) FILTER (WHERE action = 'item.update')::int,
		       count(*) FILTER (WHERE action = 'item.delete')::int
		  FROM audit_events WHERE entity_type = 'item'`+of+`
		 GROUP BY 1`) {
		audited[e.ID] = true
		version, present := versions[e.ID]
		if e.Made != 1 || present && (e.Changed != version-1 || e.Deleted != 0) || !present && e.Deleted != 1 {
			found(&got.unaudited, "item %s: %d times made, %d changed and %d deleted by the events; there: %v, in version %d",
				e.ID, e.Made, e.Changed, e.Deleted, present, version)
		}
	}
	for id := range versions {
		if !audited[id] {
			found(&got.unaudited, "item %s has no event", id)
		}
	}
	return got
}

// report counts, and fails the test for whatever should not be.
func (l *ledger) report(d *database) {
	l.t.Helper()
	got := l.compare(d)
	count(l.t, "acknowledged", int(l.acknowledged.Load()))
	count(l.t, "refused", int(l.refused.Load()))
	count(l.t, "unknown", int(l.unknown.Load()))
	count(l.t, "lost", got.lost)
	count(l.t, "double_effects", got.doubleEffects)
	count(l.t, "unasked", got.unasked)
	count(l.t, "unaudited", got.unaudited)
	if got.lost+got.doubleEffects+got.unasked+got.unaudited > 0 {
		l.t.Errorf("lost %d, double %d, unasked %d, unaudited %d:\n%s",
			got.lost, got.doubleEffects, got.unasked, got.unaudited, strings.Join(got.details, "\n"))
	}
	if l.acknowledged.Load() == 0 {
		l.t.Error("nothing was acknowledged, so nothing could be lost")
	}
}

// writers is how many clients write at a time.
const writers = 8

// crews is how often writing was called: each writer's names are its own.
var crews atomic.Int64

// writing starts the writers, which stop when the returned function is called.
func (l *ledger) writing(who caller) (stop func()) { return l.writingBy(who, writers) }

// writingBy starts so many.
func (l *ledger) writingBy(who caller, writers int) (stop func()) {
	crew := crews.Add(1)
	end := make(chan struct{})
	var running sync.WaitGroup
	for n := range writers {
		c := who.client()
		running.Go(func() {
			defer c.http.CloseIdleConnections()
			l.write(c, fmt.Sprintf("w%d-%d", crew, n), end)
		})
	}
	return sync.OnceFunc(func() {
		close(end)
		running.Wait()
	})
}
