//go:build faults && linux

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A write whose connection breaks at any one message, in either direction, is answered 2xx only if it is committed, and 503 as
// outcome_unknown where nobody can know; under an Idempotency-Key, sending it again then makes exactly one.
func TestCutAtEachMessage(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, nil)
	w := newWire(t, d.url("rowhouse_server"))
	var armed, seen atomic.Int64 // the message to break at, and how many there were
	var do atomic.Int64
	var server atomic.Bool
	w.fault = func(m message) action {
		how := action(do.Load())
		if m.fromServer != server.Load() || how == withhold && m.kind != 'S' || seen.Add(1) != armed.Load() {
			return pass
		}
		return how
	}
	s := newService(t, w.url+"&pool_max_conns=1")
	s.start(theProgram(t))
	l := &ledger{t: t}
	c := newCaller(t, s, "cuts").client()

	cuts, n := 0, 0
	item := func() *fate {
		n++
		f := l.add(fmt.Sprintf("cut-%d", n))
		f.possible = []state{absent, {true, 1, 1}}
		return f
	}
	create := func(f *fate, header ...string) (reply, error) {
		return c.send("POST", "/items", fmt.Sprintf(`{"name":%q,"price_cents":1}`, f.name), header...)
	}
	sure := func(f *fate) { // with nothing armed
		for {
			if got, err := create(f, "Idempotency-Key", f.name); l.told(got, err) == done {
				f.possible, f.id = []state{{true, 1, 1}}, got.item()
				return
			}
		}
	}
	writes := []struct {
		name string
		make func() (f *fate, wanted state)
		send func(f *fate) (reply, error)
	}{
		{"create", func() (*fate, state) { return item(), state{true, 1, 1} },
			func(f *fate) (reply, error) { return create(f) }},
		{"create with a key", func() (*fate, state) { return item(), state{true, 1, 1} },
			func(f *fate) (reply, error) { return create(f, "Idempotency-Key", f.name) }},
		{"change", func() (*fate, state) { f := item(); sure(f); return f, state{true, 2, 2} },
			func(f *fate) (reply, error) { return c.send("PATCH", "/items/"+f.id, `{"price_cents":2}`) }},
		{"delete", func() (*fate, state) { f := item(); sure(f); return f, absent },
			func(f *fate) (reply, error) { return c.send("DELETE", "/items/"+f.id, "") }},
		{"import", func() (*fate, state) { return item(), state{true, 1, 1} },
			func(f *fate) (reply, error) {
				return c.send("POST", "/items/import", fmt.Sprintf(`{"name":%q,"price_cents":1}`, f.name), "Content-Type", "application/x-ndjson")
			}},
	}
	for _, write := range writes[:times(len(writes), 2)] {
		for _, fromServer := range []bool{false, true} {
			ways := []action{cut, withhold, cutAfter, kill}
			for _, how := range ways[:times(len(ways), 2)] {
				if how == withhold && fromServer {
					continue // the sign is the client's
				}
				outcomes := map[outcome]int{}
				for at := int64(1); ; at++ {
					untilServed(t, c) // so that the one connection is there, with its statements prepared
					f, wanted := write.make()
					if !f.possible[0].present {
						f.possible = f.possible[:1]
					}
					server.Store(fromServer)
					do.Store(int64(how))
					seen.Store(0)
					armed.Store(at)
					got, err := write.send(f)
					armed.Store(0)
					if err != nil {
						t.Fatalf("%s, message %d: %v", write.name, at, err)
					}
					o := l.told(got, nil)
					f.settle(o, wanted)
					outcomes[o]++
					if seen.Load() < at { // it came to its end before
						if o != done {
							t.Errorf("%s without a fault: got %v", write.name, got)
						}
						break
					}
					cuts++
					if write.name == "create with a key" {
						sure(f)
					}
				}
				if outcomes[unknown] == 0 || outcomes[done] == 0 {
					t.Errorf("%s, from the server %v, action %d: outcomes %v: some are to be unknown, and the last done", write.name, fromServer, how, outcomes)
				}
			}
		}
	}
	count(t, "cuts", cuts)
	l.report(d)
}

// Requests under an Idempotency-Key, sent again until they are answered while the wire to the database breaks, dawdles and falls
// silent at random messages, have each exactly one effect, and always the same answer.
func TestRetries(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, nil)
	w := newWire(t, d.url("rowhouse_server"))
	var faults [withhold + 1]atomic.Int64
	var calm atomic.Bool
	w.fault = func(m message) (do action) {
		if calm.Load() {
			return pass
		}
		switch n := rand.N(20_000); {
		case n < 1:
			do = hang
		case n < 20:
			do = cut
		case n < 40:
			do = cutAfter
		case n < 50:
			do = kill
		case n < 100:
			do = wait
		case n < 110 && m.kind == 'S' && !m.fromServer:
			do = withhold
		}
		faults[do].Add(1)
		return do
	}
	s := newService(t, w.url)
	calm.Store(true)
	s.start(theProgram(t))
	who := newCaller(t, s, "retries")
	calm.Store(false)
	l := &ledger{t: t}
	var next, retried, afterFault, different atomic.Int64
	requests := int64(times(10_000, 200))
	var running sync.WaitGroup
	for range 16 {
		c := who.client()
		running.Go(func() {
			defer c.http.CloseIdleConnections()
			for n := next.Add(1); n <= requests; n = next.Add(1) {
				name := fmt.Sprintf("retry-%d", n)
				f := l.add(name)
				body := fmt.Sprintf(`{"name":%q,"price_cents":1}`, name)
				// The first is sent until it is answered, and then again, as by a client that the answer did not reach.
				var answers [2]string
				for i := range answers {
					for attempt := 1; answers[i] == ""; attempt++ {
						ctx, cancel := context.WithTimeout(context.Background(), hung)
						if rand.N(20) == 0 { // a client that hangs up in the middle
							cancel()
							ctx, cancel = context.WithTimeout(context.Background(), rand.N(10*time.Millisecond))
						}
						got, err := c.sendWithin(ctx, "POST", "/items", body, "Idempotency-Key", name)
						cancel()
						if l.told(got, err) == done {
							answers[i] = string(got.body)
						} else if attempt == 1 {
							afterFault.Add(1)
						}
						if i == 1 && answers[i] != "" && got.header.Get("Idempotent-Replayed") != "true" {
							t.Errorf("%s was done again: %v", name, got)
						}
					}
				}
				retried.Add(1)
				f.possible = []state{{true, 1, 1}}
				if answers[0] != answers[1] {
					different.Add(1)
					t.Errorf("got %s\nand then %s", answers[0], answers[1])
				}
			}
		})
	}
	running.Wait()
	count(t, "retried", int(retried.Load()))
	count(t, "retried_after_a_fault", int(afterFault.Load()))
	for do, name := range map[action]string{wait: "delays", hang: "freezes", cut: "cuts_before", cutAfter: "cuts_after", kill: "terminations", withhold: "withheld"} {
		count(t, name, int(faults[do].Load()))
	}
	count(t, "different_answers", int(different.Load()))
	if afterFault.Load() == 0 {
		t.Error("no request met a fault")
	}
	l.report(d)
}
