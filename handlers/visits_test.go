package handlers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/testdb"
)

// visit enters a house with a reason, and returns the token.
func (w *world) visit(p person, h house) string {
	w.t.Helper()
	got := w.want(w.as(p, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+h.id.String()+`","reason":"Ticket 4711"}`)), 200)
	in := content[loginAnswer](w.t, got)
	if in.RefreshToken != "" || in.ExpiresIn != 900 {
		w.t.Errorf("got %v, want 15 minutes and no refresh", got)
	}
	return in.AccessToken
}

// A superuser enters a tenant that it is no user of only with a reason, into a bound token; there it may do everything but what
// takes a user; and both logs say so.
func TestSuperuser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.nobody
	w.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, root.account)
	stranger := w.account("stranger")
	enter := func(p person, body string) request {
		return w.as(p, call("POST", "/auth/switch-tenant").json(body))
	}
	reason := `"reason":"Ticket 4711"`
	// With the header alone, or without a reason, a superuser is as anybody; and with one, anybody is as without.
	never := ids.New[ids.TenantID]().String()
	want := w.want(enter(stranger, `{"tenant_id":"`+never+`"}`), 403, "tenant_forbidden")
	for _, r := range []request{
		enter(root, `{"tenant_id":"`+w.A.id.String()+`"}`),
		enter(root, `{"tenant_id":"`+never+`",`+reason+`}`),
		enter(stranger, `{"tenant_id":"`+w.A.id.String()+`",`+reason+`}`),
		w.as(root, call("GET", "/items"), w.A),
		w.as(stranger, call("GET", "/items"), w.A),
		call("GET", "/items").with("Authorization", "Bearer "+w.token(root, w.A.id)),
	} {
		if got := w.send(r); got.status != 403 || got.anonymous() != want.anonymous() {
			t.Errorf("%s %s: got %v, want %v", r.path, r.body, got, want)
		}
	}
	token := w.visit(root, w.A)
	w.want(w.as(root, call("GET", "/items"), w.A), 403, "tenant_forbidden") // by header it is still nobody's
	for i := range routes {                                                 // in order: rows are changed before they are gone
		r := &routes[i]
		if r.Scope != rest.TenantScope || r.Pattern == "DELETE /tenant" {
			continue
		}
		got := w.send(bearer(token, samples(w.A)[r.Pattern]))
		forUsers := slices.Contains(r.Refuses, errNoUser)
		if forUsers != (got.code() == "no_user_here") || !forUsers && got.status >= 300 {
			t.Errorf("%s: got %v", r.Pattern, got)
		}
	}
	// It is a visit to no other tenant.
	session := testdb.Value[ids.SessionID](w.db, `SELECT id FROM sessions WHERE visit_reason IS NOT NULL`)
	w.want(bearer(w.token(person{account: root.account, session: session}, w.B.id), call("GET", "/items")), 403, "tenant_forbidden")
	w.db.Exec(`DELETE FROM api_keys`)
	w.want(bearer(token, call("POST", "/api-keys/revoke-all")), 403, "no_user_here")
	w.want(bearer(token, call("GET", "/items")), 200)

	type event struct{ Action, Account, Reason string }
	said := func(sql string, args ...any) (e event) {
		text := strings.Split(testdb.Value[string](w.db, sql, args...), "|")
		return event{text[0], text[1], text[2]}
	}
	expect := event{"tenant.visit", root.account.UUID(), "Ticket 4711"}
	if diff := cmp.Diff(expect, said(`SELECT concat_ws('|', action, actor_account_id, after ->> 'reason') FROM audit_events WHERE tenant_id = $1 AND action = 'tenant.visit'`, w.A.id)); diff != "" {
		t.Error(diff)
	}
	expect.Action = "session.switch_tenant"
	if diff := cmp.Diff(expect, said(`SELECT concat_ws('|', action, account_id, reason) FROM account_events WHERE about_tenant = $1 AND reason IS NOT NULL`, w.A.id)); diff != "" {
		t.Error(diff)
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events WHERE tenant_id = $1 AND actor_user_id IS NULL AND actor_account_id = $2 AND action = 'item.update'`, w.A.id, root.account); n != 1 {
		t.Errorf("got %d events of the visitor, want 1", n)
	}
	// It ends by itself, with the account's power, and by logging out.
	for _, end := range []string{
		`UPDATE sessions SET expires_at = now() WHERE visit_reason IS NOT NULL`,
		`UPDATE sessions SET revoked_at = now() WHERE visit_reason IS NOT NULL`,
		`UPDATE accounts SET is_superuser = false WHERE is_superuser`,
	} {
		token := w.visit(root, w.A)
		w.want(bearer(token, call("GET", "/tenant")), 200)
		w.db.Exec(end)
		if got := w.send(bearer(token, call("GET", "/tenant"))); got.status != 401 && got.status != 403 {
			t.Errorf("after %s: got %v", end, got)
		}
	}
	w.want(enter(root, `{"tenant_id":"`+w.A.id.String()+`",`+reason+`}`), 403, "tenant_forbidden")
}

// Staff enter likewise, read, and moderate, but neither write nor read what is not theirs to see.
func TestStaff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`UPDATE accounts SET is_staff = true WHERE id = $1`, w.nobody.account)
	token := w.visit(w.nobody, w.A)
	hidden := map[string]bool{"audit:read": true, "clients:read": true, "reports:limited": true}
	for route, sample := range tenantRoutes(t, w.A) {
		got := w.send(bearer(token, sample))
		may := strings.HasPrefix(route.Pattern, "GET ") && !hidden[string(route.Permission)] || route.Permission == "groups:moderate"
		if may && got.code() == "not_found" && route.Permission == "keys:read" {
			continue // a visitor has no keys
		}
		if may != (got.status < 300) || !may && got.code() != "permission_denied" {
			t.Errorf("%s: got %v", route.Pattern, got)
		}
	}
	// Whoever is a user enters as that user, and gives no reason.
	w.user(w.B, w.nobody, "member")
	w.want(w.as(w.nobody, call("GET", "/items"), w.B), 200)
	w.want(w.as(w.nobody, call("GET", "/audit-events"), w.B), 403, "permission_denied")
}

// Logins, changes of an account and refusals worth keeping are noted, without a secret; the server can add to them and no more.
func TestAccountEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.A.people["member"]
	actions := func() (actions []string) {
		return testdb.Value[[]string](w.db, `SELECT coalesce(array_agg(action ORDER BY created_at, id), '{}') FROM account_events WHERE account_id = $1 AND action NOT IN ('accounts.insert', 'sessions.insert', 'session.rehash')`, who.account)
	}
	in := w.login("member-a")
	w.want(w.as(who, call("PATCH", "/me").json(`{"name":"Mia"}`)), 200)
	w.want(w.as(who, call("PATCH", "/me").json(`{"name":"Mia"}`)), 200)
	w.want(w.as(who, call("POST", "/auth/password").json(`{"current_password":"`+password+`","new_password":"a new harbour"}`)), 200)
	for range 5 { // one a minute is kept, whether or not there is such a tenant
		w.want(w.as(who, call("GET", "/items"), w.B), 403)
		w.want(w.as(who, call("GET", "/items"), house{id: ids.New[ids.TenantID]()}), 403)
	}
	w.server.Noted()
	if diff := cmp.Diff([]string{"session.login", "account.update", "account.password_change", "tenant.refused"}, actions()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := testdb.Value[string](w.db, `SELECT string_agg(concat_ws(' ', before, after), E'\n' ORDER BY created_at, id) FROM account_events WHERE account_id = $1 AND action LIKE 'account.%'`, who.account)
	if want := `{"name": null} {"name": "Mia"}` + "\n" + `{"password_hash": "changed"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// A refresh token that comes twice.
	w.db.Exec(`UPDATE sessions SET revoked_at = NULL`)
	for range 2 {
		w.send(call("POST", "/auth/refresh").json(`{"refresh_token":"` + in.RefreshToken + `"}`))
		w.db.Exec(`UPDATE refresh_tokens SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL`)
	}
	w.server.Noted()
	if all := actions(); all[len(all)-1] != "refresh.reused" {
		t.Errorf("got %v", all)
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM account_events WHERE concat(before, after) LIKE '%argon2%'`); n != 0 {
		t.Error("a hash stands in an event")
	}
	conn := w.db.Connect(w.db.Server())
	for _, statement := range []string{`DELETE FROM account_events`, `UPDATE account_events SET action = ''`, `TRUNCATE account_events`} {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), `SELECT set_config('role', 'rowhouse_login', true)`); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: got %v, want 42501", statement, err)
		}
		_ = tx.Rollback(t.Context())
	}
}

// The audit log is read by filters and cursors, newest first, by those who may, of their own tenant.
func TestAuditEventList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, assistant := w.A.people["admin"], w.A.people["assistant"]
	began := time.Now().UTC().Format(time.RFC3339Nano)
	for _, who := range []person{admin, assistant} {
		w.want(w.as(who, call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A), 201)
	}
	w.want(w.as(admin, call("PATCH", "/items/"+w.A.own.UUID()).json(`{"price_cents":2}`), w.A).with("X-Request-Id", "req-7"), 200)
	w.want(w.as(w.B.people["admin"], call("POST", "/items").json(`{"name":"canary","price_cents":1}`), w.B), 201)
	count := func(query string) int {
		got := w.want(w.as(admin, call("GET", "/audit-events?page_size=1&count=true"+query), w.A), 200)
		n := *page[struct{ Page struct{ Total *int } }](t, got).Page.Total
		walked, path := 0, "/audit-events?page_size=1"+query
		for path != "" {
			p := page[struct {
				Content []struct{ ID string }
				Page    struct{ Next *string }
			}](t, w.want(w.as(admin, call("GET", path), w.A), 200))
			walked += len(p.Content)
			path = ""
			if p.Page.Next != nil {
				path = "/audit-events?page_size=1" + query + "&cursor=" + *p.Page.Next
			}
		}
		if walked != n {
			t.Errorf("%s: walked %d of %d", query, walked, n)
		}
		return n
	}
	for query, want := range map[string]int{
		"":                                  3,
		"&action=item.create":               2,
		"&action=item.fly":                  0,
		"&entity_type=item":                 3,
		"&entity_type=user":                 0,
		"&entity_id=item-" + w.A.own.UUID(): 1,
		"&entity_id=" + w.A.own.UUID():      1,
		"&actor_id=" + w.userID(w.A, assistant).String(): 1,
		"&since=" + began: 3,
		"&until=" + began: 0,
		"&action=item.create&actor_id=" + w.userID(w.A, admin).String(): 1,
	} {
		if got := count(query); got != want {
			t.Errorf("%s: got %d, want %d", query, got, want)
		}
	}
	got := w.want(w.as(admin, call("GET", "/audit-events?page_size=1"), w.A), 200)
	for _, part := range []string{`"action":"item.update"`, `"entity_id":"item-` + w.A.own.UUID() + `"`, `"before":{"price_cents":100}`, `"after":{"price_cents":2}`,
		`"request_id":"req-7"`, `"actor_id":"` + w.userID(w.A, admin).String() + `"`, `"address":"127.0.0.1"`, `"actor_account_id":"` + admin.account.String() + `"`} {
		if !strings.Contains(strings.ReplaceAll(got.body, `": `, `":`), part) {
			t.Errorf("%s is not in %v", part, got)
		}
	}
	for _, bad := range []string{"?entity_id=x", "?since=yesterday", "?actor_id=item-" + w.A.own.UUID(), "?sort=action"} {
		if got := w.send(w.as(admin, call("GET", "/audit-events"+bad), w.A)); got.status != 422 && got.status != 400 {
			t.Errorf("%s: got %v", bad, got)
		}
	}
}
