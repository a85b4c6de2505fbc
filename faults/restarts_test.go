//go:build faults && linux

package faults

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// load sends requests until stopped, without ever repeating one, over connections that are kept and over a new one for each.
type load struct {
	t                *testing.T
	requests, failed atomic.Int64
	stop             func()
}

// loaders is how many clients of each kind there are: together no more than the server has connections to its database.
const loaders = 4

// newLoad reads one item, makes others and changes them; an answer that is none of the expected is a failure.
func newLoad(t *testing.T, who caller) *load {
	t.Helper()
	c := who.client()
	made, err := c.send("POST", "/items", `{"name":"load","price_cents":1}`)
	if err != nil || made.status != http.StatusCreated {
		t.Fatalf("got %v, %v", made, err)
	}
	path := "/items/" + made.item()
	l := &load{t: t}
	end := make(chan struct{})
	var running sync.WaitGroup
	for n := range 2 * loaders {
		running.Go(func() {
			line := &line{caller: who}
			defer line.close()
			for i := 0; !closed(end); i++ {
				r := [][]string{
					{"GET", path, "", "200"},
					{"POST", "/items", `{"name":"loaded","price_cents":1}`, "201"},
					{"PATCH", path, fmt.Sprintf(`{"price_cents":%d}`, 1+i%1000), "200"},
					{"GET", "/items?page_size=5", "", "200"},
				}[i%4]
				got, err := line.send(r[0], r[1], r[2])
				l.requests.Add(1)
				if err != nil || fmt.Sprint(got.status) != r[3] {
					if l.failed.Add(1) <= 20 {
						t.Errorf("%s %s, after %d requests: got %v, %v", r[0], r[1], l.requests.Load(), got, err)
					}
				}
				if n%2 == 0 {
					_ = line.close()
				}
			}
		})
	}
	l.stop = sync.OnceFunc(func() {
		close(end)
		running.Wait()
	})
	t.Cleanup(l.stop)
	return l
}

// progress waits until some more requests have been answered.
func (l *load) progress(n int) {
	l.t.Helper()
	until := l.requests.Load() + int64(n)
	poll(l.t, "the load", func() bool { return l.requests.Load() >= until })
}

// Servers that take turns on one socket, side by side for a while or one after the other, fail no request, neither on connections that
// are kept nor on new ones, although no client asks twice. Each ends well.
func TestRollingRestarts(t *testing.T) {
	d := newDatabase(t, nil)
	s := newService(t, d.url("rowhouse_server"))
	path := theProgram(t)
	p := s.start(path)
	l := newLoad(t, newCaller(t, s, "restarts"))
	restarts := times(20, 2)
	for n := range restarts {
		l.progress(times(2500, 100)) // 100 000 requests in all
		old, code := p, 0
		if n%2 == 0 { // side by side
			p = s.start(path)
			l.progress(times(2500, 100))
			code = old.stop()
		} else { // one after the other: whoever comes between them waits at the socket
			code = old.stop()
			p = s.start(path)
			l.progress(times(2500, 100))
		}
		if code != 0 {
			t.Errorf("a server ended with %d", code)
		}
		if strings.Contains(old.said(), "cut off") {
			t.Errorf("a server cut requests off: %s", old.said())
		}
	}
	l.progress(100)
	l.stop()
	count(t, "restarts", restarts)
	count(t, "requests", int(l.requests.Load()))
	count(t, "failed_requests", int(l.failed.Load()))
}
