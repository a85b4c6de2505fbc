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

const (
	// starving is the quota of a server that has next to no processor: percent of one.
	starving = 10
	// crowd is how many clients ask at once: far more than there are connections to the database.
	crowd = 24
)

// lines are those of a large import.
func lines() int { return times(60_000, 10_000) }

// A server without processors, over a database that has what it needs, is late and never wrong: each start serves, each request has the
// answer that it would have had, the first ones after a long rest too, and each large import is acknowledged. No answer is 503.
func TestStarved(t *testing.T) {
	d := newDatabase(t, nil)
	// The pool forgets its connections soon, so that a rest leaves none.
	s := newService(t, d.url("rowhouse_server")+"&pool_max_conn_idle_time=1s&pool_health_check_period=500ms")
	s.quota = starving
	path := theProgram(t)

	starts, refused := times(20, 2), 0
	var p *server
	for range starts {
		p = s.launch(path)
		poll(t, "the server to serve or to end", func() bool { return !p.alive() || serving.MatchString(p.said()) })
		if !p.alive() {
			refused++
			t.Errorf("a start was refused: %s", p.said())
		}
		p.kill()
	}
	count(t, "starts", starts)
	count(t, "refused_starts", refused)

	p = s.start(path)
	who := newCaller(t, s, "starved")
	c := &crowded{t: t, who: who}
	for range times(2, 1) {
		c.ask(crowd, times(400, 100), 1)
		poll(t, "the server to rest", func() bool {
			return collect[struct{ N int }](d, `SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'rowhouse_server'`)[0].N == 0
		})
		c.ask(crowd, crowd, 0) // all at once, over no connection
	}
	if !p.alive() {
		t.Error("the server ended")
	}
	count(t, "requests", int(c.requests.Load()))
	count(t, "imports", int(c.imports.Load()))
	count(t, "unavailable", int(c.unavailable.Load()))
	made := collect[struct{ N int }](d, `SELECT count(*)::int FROM items WHERE name LIKE 'line %'`)[0].N
	if want := lines() * int(c.imports.Load()); made != want {
		t.Errorf("got %d imported items, want the %d that were acknowledged", made, want)
	}
}

// crowded are many clients at once.
type crowded struct {
	t                              *testing.T
	who                            caller
	requests, imports, unavailable atomic.Int64
}

// ask sends so many requests of all kinds, by so many clients, and beside them some large imports.
func (c *crowded) ask(clients, requests, imports int) {
	kinds := [][]string{
		{"GET", "/items?page_size=20", "", "200"},
		{"POST", "/items", `{"name":"made","price_cents":1}`, "201"},
		{"GET", "/me/tenants", "", "200"},
		{"GET", "/items?count=true&sort=name", "", "200"},
		{"GET", "//readyz", "", "200"},
		{"POST", "/auth/login", `{"login":"starved","password":"` + password + `"}`, "200"},
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			one := c.who.client()
			defer one.http.CloseIdleConnections()
			for n := next.Add(1); n <= int64(requests); n = next.Add(1) {
				k := kinds[n%int64(len(kinds))]
				got, err := one.send(k[0], k[1], k[2])
				c.look(k[0]+" "+k[1], k[3], got, err)
			}
		})
	}
	for n := range imports {
		all.Go(func() {
			one := c.who.client()
			defer one.http.CloseIdleConnections()
			var body strings.Builder
			for i := range lines() {
				fmt.Fprintf(&body, "{\"name\":\"line %d of %d\",\"price_cents\":1}\n", i, n)
			}
			got, err := one.send("POST", "/items/import", body.String(), "Content-Type", "application/x-ndjson")
			if c.look("POST /items/import", "200", got, err) {
				c.imports.Add(1)
			}
		})
	}
	all.Wait()
}

// look counts an answer, and says whether it is the one that is wanted.
func (c *crowded) look(what, want string, got reply, err error) bool {
	c.requests.Add(1)
	if err == nil && fmt.Sprint(got.status) == want {
		return true
	}
	if got.status == http.StatusServiceUnavailable {
		c.unavailable.Add(1)
	}
	c.t.Errorf("%s, after %d requests: got %v, %v", what, c.requests.Load(), got, err)
	return false
}
