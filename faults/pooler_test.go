//go:build faults && linux

package faults

import (
	"net/http"
	"testing"
	"time"

	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// Through PgBouncer, which shares one session or some between all connections, nothing is lost, done twice or done for another while it is killed and started,
// or pauses and resumes, under load; the same process is answered again afterwards.
func TestPooler(t *testing.T) {
	for _, size := range []int{1, 4} {
		d := newDatabase(t, nil)
		for _, set := range []string{"search_path = public, pg_temp", "TimeZone = 'UTC'", "jit = 'off'"} {
			d.exec("ALTER ROLE " + schema.Server + " SET " + set)
		}
		pool := testdb.NewPooler(t, d.url(schema.Server), "transaction", size)
		s := newService(t, pool.URL(schema.Server, databaseName)+"&default_query_exec_mode=cache_describe")
		p := s.start(theProgram(t))
		who := newCaller(t, s, "pooled")
		c := who.client()
		l := &ledger{t: t}
		stop := l.writing(who)
		defer stop()
		var back []time.Duration
		for range times(10, 1) {
			l.progress(100)
			pool.Kill()
			if got, err := c.send("GET", "/items", ""); err != nil || got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
				t.Errorf("without a pooler: got %v, %v", got, err)
			}
			pool.Start()
			back = append(back, untilServed(t, c))
			l.progress(100)
			pool.Tell("PAUSE")
			if got, err := c.send("GET", "/items", ""); err != nil || got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
				t.Errorf("while the pooler pauses: got %v, %v", got, err)
			}
			pool.Tell("RESUME")
			back = append(back, untilServed(t, c))
			if !p.alive() {
				t.Fatal("the server ended with the pooler")
			}
		}
		refused := l.refused.Load() + l.unknown.Load()
		l.progress(100)
		if now := l.refused.Load() + l.unknown.Load(); now > refused+writers {
			t.Errorf("%d writes were not done after the pooler was back", now-refused)
		}
		stop()
		count(t, "outages", len(back))
		within(t, "back", back, backLimit)
		l.report(d)
	}
}
