package handlers

import (
	"context"
	"testing"

	"rowhouse/testdb"
)

// When an administrator ends its connection in the middle, a write is answered that its outcome is unknown, whatever the database said
// last; a read is done once more, and then refused as one that changed nothing.
func TestConnectionEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Whoever comes to the rows of items waits for the lock: not before, when the statement is prepared.
	w.db.Exec(`CREATE POLICY waiting ON items AS RESTRICTIVE USING ((SELECT pg_advisory_xact_lock_shared(1)) IS NOT NULL)`)
	lock := w.db.Connect(w.db.Superuser())
	if _, err := lock.Exec(context.Background(), `SELECT pg_advisory_lock(1)`); err != nil {
		t.Fatal(err)
	}
	admin := w.A.people["admin"]
	for _, c := range []struct {
		request request
		code    string
		ended   int
	}{
		{w.as(admin, call("GET", "/items"), w.A), "unavailable", 2},
		{w.as(admin, call("GET", "/items/export"), w.A), "unavailable", 2},
		{w.as(admin, call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A), "outcome_unknown", 1},
		{w.as(admin, call("POST", "/items").json(`{"name":"x","price_cents":1}`).with("Idempotency-Key", "k"), w.A), "outcome_unknown", 1},
		{w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(`{"price_cents":2}`), w.A), "outcome_unknown", 1},
	} {
		answered := make(chan response)
		go func() {
			got, _ := w.try(c.request, w.URL)
			answered <- got
		}()
		ended := 0
		for waiting := true; waiting; {
			select {
			case got := <-answered:
				waiting = false
				if got.status != 503 || got.code() != c.code || ended != c.ended {
					t.Errorf("%s %s: got %v after %d connections; want %s after %d", c.request.method, c.request.path, got, ended, c.code, c.ended)
				}
			default:
				ended += testdb.Value[int](w.db, `
					SELECT count(pg_terminate_backend(pid, 60000))::int
					  FROM pg_stat_activity
					 WHERE datname = current_database() AND application_name = 'rowhouse' AND wait_event_type = 'Lock'`)
			}
		}
	}
}
