package handlers

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"rowhouse/rest"
	"rowhouse/testdb"
)

// A tenant is given up by its name, in the version that was read; then nobody enters it, and it keeps nobody: its last admin may
// close the account. A suspended one keeps its own.
func TestTenantGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	give := w.as(admin, call("DELETE", "/tenant?confirm="+w.A.canary), w.A)
	if got := w.want(w.as(admin, call("DELETE", "/tenant?confirm=another"), w.A), 422).fields(); len(got) != 1 || got[0] != "confirm:mismatch" {
		t.Errorf("got %v", got)
	}
	w.want(give.with("If-Match", `"999.x"`), 412)
	w.want(w.as(admin, call("DELETE", "/me")), 409, "last_admin")
	w.want(give.with("If-Match", `"1.x"`), 200)
	w.want(w.as(admin, call("GET", "/tenant"), w.A), 403, "tenant_forbidden")
	w.want(w.as(admin, call("DELETE", "/me")), 200)

	w.db.Exec(`UPDATE tenants SET status = 'suspended' WHERE id = $1`, w.B.id)
	w.want(w.as(w.B.people["admin"], call("DELETE", "/me")), 409, "last_admin")
}

// A password in the body of an idempotent request is kept under no hash that could be tried offline.
func TestFingerprintIsKeyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"email":"kay@example.com","name":"Kay","password":"harbour-masters"}`
	w.want(w.as(w.A.people["admin"], call("POST", "/users").json(body), w.A).with("Idempotency-Key", "k"), 201)
	plain := sha256.Sum256([]byte(rest.Base + "/users\x00\x00" + body))
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM idempotency_keys WHERE fingerprint = $1`, plain[:]); n != 0 {
		t.Error("the fingerprint is a plain hash of the body")
	}
}

// A request that changes users does not note its own login, so that two at once do not lock each other out; the next one does.
func TestLastLoginOfAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	noted := func() bool {
		return testdb.Value[bool](w.db, `SELECT last_login IS NOT NULL FROM users WHERE tenant_id = $1 AND account_id = $2`, w.A.id, admin.account)
	}
	w.want(w.as(admin, call("PATCH", "/users/"+w.A.own.UUID()).json(`{"phone":"1"}`), w.A), 200)
	if noted() {
		t.Error("noted by a change of users")
	}
	w.want(w.as(admin, call("GET", "/items"), w.A), 200)
	if !noted() {
		t.Error("not noted by the next request")
	}
}

// Tenants are listed by name regardless of case, in one order for pages and cursors.
func TestTenantsByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"beta", "Alpha", "alpine", "Écluse", "BETA 2"} {
		w.want(w.as(w.nobody, call("POST", "/tenants").json(`{"name":"`+name+`"}`)), 201)
	}
	var got []string
	for next := "/tenants?sort=name&page_size=2"; next != ""; {
		page := w.want(w.as(w.nobody, call("GET", next)), 200)
		for _, tenant := range content[[]Tenant](t, page) {
			got = append(got, tenant.Name)
		}
		next = ""
		if link := page.header.Get("Link"); link != "" {
			next = strings.TrimPrefix(link[1:strings.Index(link, ">")], rest.Base)
		}
	}
	if want := []string{"Alpha", "alpine", "beta", "BETA 2", "Écluse"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
