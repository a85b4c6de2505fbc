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
