package handlers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowhouse/testdb"
)

// An account gets all that is stored of whoever has it: what each of its tenants says of it as a user, its own log, and nothing of anybody else; no secret is
// in it.
func TestAccountExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`UPDATE users SET phone = '+49 30 ' || right(tenant_id::text, 4), bio = '<p>mine</p>' WHERE account_id = $1`, w.both.account)
	w.db.Exec(`UPDATE accounts SET name = 'Renamed', password_hash = 'a hash' WHERE id = $1`, w.both.account)
	w.db.Exec(`INSERT INTO identities (issuer, subject, account_id) VALUES ('https://id.example.com', 'both-abroad', $1)`, w.both.account)
	got := w.want(w.as(w.both, call("GET", "/me/export")), 200)
	out := content[accountExportOutput](t, got)
	phones := map[string]bool{}
	for _, u := range out.Users {
		phones[u.TenantName+" "+*u.Phone+" "+*u.Bio] = true
	}
	want := map[string]bool{}
	for _, h := range []house{w.A, w.B} {
		id := h.id.UUID()
		want[h.canary+" +49 30 "+id[len(id)-4:]+" <p>mine</p>"] = true
	}
	if diff := cmp.Diff(want, phones); diff != "" {
		t.Errorf("users: %s", diff)
	}
	if out.Account.ID != w.both.account || len(out.Identities) != 1 || out.Identities[0].Subject != "both-abroad" || len(out.Sessions) != 1 || !out.Sessions[0].Current {
		t.Errorf("got %v", got)
	}
	if logged := testdb.Value[int](w.db, `SELECT count(*) FROM account_events WHERE account_id = $1`, w.both.account); len(out.Events) != logged || logged == 0 {
		t.Errorf("%d events, want %d", len(out.Events), logged)
	}
	if strings.Contains(got.body, "a hash") {
		t.Errorf("it has the password's hash: %v", got)
	}
	others := testdb.Value[[]string](w.db, `SELECT array_agg(username::text) FROM accounts WHERE id <> $1`, w.both.account)
	for _, name := range others {
		if strings.Contains(got.body, `"`+name+`"`) {
			t.Errorf("it tells of %s", name)
		}
	}
	w.want(byKey(w.key(w.A, w.A.people["admin"], "").Key, call("GET", "/me/export")), 403, "token_required")
}
