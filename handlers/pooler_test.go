package handlers

import (
	"fmt"
	"testing"

	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// pools are the ways through PgBouncer that docs/operations.md has: its mode, how many sessions it has, and what DATABASE_URL then ends with.
var pools = []struct {
	mode  string
	size  int
	query string
}{
	{"session", 1, ""},
	{"session", 3, "&default_query_exec_mode=cache_describe"},
	{"transaction", 1, "&default_query_exec_mode=cache_describe"},
	{"transaction", 3, "&default_query_exec_mode=cache_describe"},
	{"transaction", 3, ""}, // where it keeps prepared statements apart
}

// pooled is a pooler before the world's database, whose login begins its sessions as docs/operations.md says.
func (w *world) pooled(t *testing.T, mode string, size int) *testdb.Pooler {
	t.Helper()
	for _, set := range []string{"search_path = public, pg_temp", "TimeZone = 'UTC'", "jit = 'off'"} {
		w.db.Exec(fmt.Sprintf(`ALTER ROLE %s IN DATABASE %s SET %s`, schema.Server, testdb.Value[string](w.db, `SELECT current_database()`), set))
	}
	return testdb.NewPooler(t, w.db.Server(), mode, size)
}

// Through PgBouncer, whether its sessions are one's own or shared, with one of them or with several that each transaction finds in turn, two tenants that ask
// for everything there is are answered as by a process that has served nobody else.
func TestAlternatingThroughPgBouncer(t *testing.T) {
	t.Parallel()
	base := newAlternation(t)
	for _, pool := range pools {
		t.Run(fmt.Sprint(pool.mode, " ", pool.size, pool.query), func(t *testing.T) {
			t.Parallel()
			w := base.world.copy(t)
			through := w.pooled(t, pool.mode, pool.size)
			if pool.mode == "transaction" && pool.query == "" && !through.KeepsNames() {
				return // a server refuses it then, as cmd/rowhouse tests
			}
			base.converse(t, "header", base.processOf(w, through.Through(w.db, schema.Server)+pool.query, nil))
		})
	}
}

// Connections that are made while others have served are right too, behind sessions that are shared: they prepare nothing under a name that another has
// given the session already.
func TestLaterThroughPgBouncer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	through := w.pooled(t, "transaction", 1)
	url := through.Through(w.db, schema.Server) + "&pool_max_conns=1&default_query_exec_mode=cache_describe"
	_, one := w.serve(url, worldConfig(nil))
	_, two := w.serve(url, worldConfig(nil))
	get := w.as(w.A.people["admin"], call("GET", "/items"), w.A)
	for range 2 {
		if got := w.atOnce([]request{get, get}, one, two); got[0] != "200" || got[1] != "200" {
			t.Fatalf("got %q", got)
		}
		through.Kill()
		through.Start()
	}
}
