package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/testdb"
)

// platformOf are the requests of the routes for superusers, of a tenant whose name is its canary.
func platformOf(h house) map[string]request {
	all := map[string]request{}
	for i := range routes {
		if r := &routes[i]; r.Scope == rest.PlatformScope {
			method, path, _ := strings.Cut(r.Pattern, " ")
			all[r.Pattern] = call(method, strings.ReplaceAll(path, ":tenant_id", h.id.String()))
		}
	}
	erase := "POST /platform/tenants/:tenant_id/erase"
	all[erase] = all[erase].json(`{"confirm":"` + h.canary + `"}`)
	quota := "PATCH /platform/tenants/:tenant_id/quotas/:subject"
	all[quota] = call("PATCH", "/platform/tenants/"+h.id.String()+"/quotas/items").json(`{"maximum":1}`)
	bring := "POST /platform/tenants/import"
	all[bring] = with(all[bring], "no archive", "application/zstd")
	return all
}

// superuser is an account of the operator's people that is no user anywhere.
func (w *world) superuser() person {
	p := w.account("root")
	w.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, p.account)
	return p
}

// What is for superusers is refused to everybody else, in the same words whether or not there is such a tenant, and changes nothing: to admins, to staff, to
// API keys, to a superuser's own visit, and to one who is none any more.
func TestPlatformIsForSuperusers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.superuser()
	visit := w.visit(root, w.A)
	clerk := w.account("clerk")
	w.db.Exec(`UPDATE accounts SET is_staff = true WHERE id = $1`, clerk.account)
	admin := w.A.people["admin"]
	key := w.key(w.A, admin, "").Key
	before := snapshot(w, w.A)
	refused := func(who string, code string, ask func(request) request) {
		t.Helper()
		for pattern, r := range platformOf(w.A) {
			if got := w.send(ask(r)); got.status != 403 || got.code() != code {
				t.Errorf("%s as %s: got %v, want 403 %s", pattern, who, got, code)
			}
		}
	}
	refused("an admin", "superuser_required", func(r request) request { return w.as(admin, r) })
	refused("staff", "superuser_required", func(r request) request { return w.as(clerk, r) })
	refused("an API key", "token_required", func(r request) request { return byKey(key, r) })
	refused("a visit", "visiting", func(r request) request { return bearer(visit, r) })
	for pattern, r := range platformOf(w.A) {
		if got := w.send(r); got.status != 401 {
			t.Errorf("%s of nobody: got %v, want 401", pattern, got)
		}
	}
	w.want(w.as(root, call("GET", "/platform/tenants")), 200)
	w.db.Exec(`UPDATE accounts SET is_superuser = false WHERE id = $1`, root.account)
	refused("a superuser who is none any more", "superuser_required", func(r request) request { return w.as(root, r) })
	w.db.Exec(`UPDATE accounts SET is_superuser = true, is_active = false WHERE id = $1`, root.account)
	if got := w.send(w.as(root, call("GET", "/platform/tenants"))); got.status != 401 {
		t.Errorf("a deactivated superuser: got %v, want 401", got)
	}
	if diff := cmp.Diff(before, snapshot(w, w.A)); diff != "" {
		t.Errorf("the tenant has changed:\n%s", diff)
	}
}

// A superuser finds each tenant by name and status, page by page, and sees its rows' numbers and nothing else of it.
func TestPlatformTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.superuser()
	names := func(query string) (all []string) {
		for path := "/platform/tenants?page_size=1" + query; path != ""; {
			page := w.want(w.as(root, call("GET", path)), 200)
			for _, row := range content[[]PlatformTenant](t, page) {
				all = append(all, row.Name)
			}
			_, path, _ = strings.Cut(page.header.Get("Link"), rest.Base)
			path, _, _ = strings.Cut(path, ">")
		}
		return all
	}
	every := testdb.Value[[]string](w.db, `SELECT array_agg(name ORDER BY name_key, id) FROM tenants`)
	if diff := cmp.Diff(every, names("&sort=name")); diff != "" || len(every) < 2 {
		t.Errorf("by name: %s", diff)
	}
	newest := testdb.Value[[]string](w.db, `SELECT array_agg(name ORDER BY created_at DESC, id DESC) FROM tenants`)
	if diff := cmp.Diff(newest, names("")); diff != "" {
		t.Errorf("the newest first: %s", diff)
	}
	if got := names("&q=" + url.QueryEscape(strings.ToUpper(w.B.canary))); len(got) != 1 || got[0] != w.B.canary {
		t.Errorf("q: got %q", got)
	}
	w.want(w.as(root, call("POST", "/platform/tenants/"+w.B.id.String()+"/suspend")), 200)
	if got := names("&status=suspended"); len(got) != 1 || got[0] != w.B.canary {
		t.Errorf("status: got %q", got)
	}
	stats := content[tenantStatsOutput](t, w.want(w.as(root, call("GET", "/platform/tenants/"+w.A.id.String()+"/stats")), 200))
	counted := map[string]int64{}
	for _, table := range stats.Tables {
		counted[table.Name] = table.Rows
	}
	if want := testdb.Value[int64](w.db, `SELECT count(*) FROM items WHERE tenant_id = $1`, w.A.id); counted["items"] != want || counted["tenants"] != 1 {
		t.Errorf("got %v, want %d items and 1 tenant", counted, want)
	}
	for _, nobodys := range []ids.TenantID{ids.New[ids.TenantID](), {}} { // the nil UUID is no tenant's, and does not mean all of them
		for pattern, r := range platformOf(house{id: nobodys, canary: "x"}) {
			if strings.Contains(pattern, ":tenant_id") {
				w.want(w.as(root, r), 404, "not_found")
			}
		}
	}
	w.want(w.as(root, with(call("POST", "/platform/tenants/import?as="+ids.TenantID{}.String()), "", "application/zstd")), 422, "validation_failed", "as:format")
}

// What a superuser does with a tenant is in its log, with his account and no user; nobody enters it while it is suspended.
func TestPlatformSuspends(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root, admin := w.superuser(), w.A.people["admin"]
	of := "/platform/tenants/" + w.A.id.String()
	w.want(w.as(root, call("POST", of+"/resume")), 409, "state_conflict")
	w.want(w.as(root, call("POST", of+"/suspend")), 200)
	w.want(w.as(root, call("POST", of+"/suspend")), 409, "state_conflict")
	w.want(w.as(admin, call("GET", "/items"), w.A), 403, "tenant_forbidden")
	if got := content[map[string]PlatformTenant](t, w.want(w.as(root, call("GET", of)), 200))["tenant"]; got.Status != "suspended" {
		t.Errorf("got %v, want suspended", got)
	}
	w.want(w.as(root, call("POST", of+"/resume")), 200)
	w.want(w.as(admin, call("GET", "/items"), w.A), 200)
	said := testdb.Value[[]string](w.db, `
		SELECT array_agg(concat_ws(' ', action, actor_account_id = $2, actor_user_id) ORDER BY id)
		  FROM audit_events WHERE tenant_id = $1 AND action LIKE 'tenant.%'`, w.A.id, root.account)
	if diff := cmp.Diff([]string{"tenant.suspend t", "tenant.resume t"}, said); diff != "" {
		t.Error(diff)
	}
	w.want(w.as(root, call("POST", of+"/erase").json(`{"confirm":"another"}`)), 422, "validation_failed")
	w.want(w.as(root, call("POST", of+"/erase").json(`{"confirm":"`+w.A.canary+`"}`)), 200)
	if due := testdb.Value[bool](w.db, `SELECT bool_and(due_at <= now()) FROM jobs WHERE tenant_id = $1 AND kind = 'tenant.erase'`, w.A.id); !due {
		t.Error("no job is due that erases it")
	}
	w.want(w.as(root, call("POST", of+"/resume")), 409, "state_conflict")
}

// A superuser sets how much a tenant may have, and takes the limit away again; the tenant's log says so.
func TestPlatformQuotas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root, admin := w.superuser(), w.A.people["admin"]
	of := "/platform/tenants/" + w.A.id.String()
	maximum := func(r request) *int64 {
		for _, u := range content[usageOutput](t, w.want(w.as(root, r), 200)).Usage {
			if u.Subject == "items" {
				return u.Maximum
			}
		}
		return nil
	}
	create := w.as(admin, call("POST", "/items").json(`{"name":"one more","price_cents":1}`), w.A)
	if got := maximum(call("PATCH", of+"/quotas/items").json(`{"maximum":0}`)); got == nil || *got != 0 {
		t.Errorf("got %v, want 0", got)
	}
	w.want(create, 402, "quota_exceeded")
	if got := maximum(call("GET", of+"/usage")); got == nil || *got != 0 {
		t.Errorf("got %v, want 0", got)
	}
	if got := maximum(call("PATCH", of+"/quotas/items").json(`{"maximum":null}`)); got != nil {
		t.Errorf("got %v, want none", *got)
	}
	w.want(create, 201)
	w.want(w.as(root, call("PATCH", of+"/quotas/chairs").json(`{"maximum":1}`)), 404, "not_found")
	never := ids.New[ids.TenantID]().String()
	w.want(w.as(root, call("PATCH", "/platform/tenants/"+never+"/quotas/items").json(`{"maximum":1}`)), 404, "not_found")
	w.want(w.as(root, call("GET", "/platform/tenants/"+never+"/usage")), 404, "not_found")
	if logged := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events WHERE tenant_id = $1 AND action = 'tenant.quota' AND actor_account_id = $2`, w.A.id, root.account); logged != 2 {
		t.Errorf("%d events, want 2", logged)
	}
}

// An archive that a superuser takes over HTTP is the same as the command's, and makes the tenant again; the account's log tells of both. One that was
// changed is refused before anything is written, and so is one of a tenant that is there.
func TestPlatformArchives(t *testing.T) {
	t.Parallel()
	v := newVault(t, newWorld(t))
	root := v.superuser()
	of := "/platform/tenants/" + v.A.id.String()
	taken := v.want(v.as(root, call("GET", of+"/export")), 200)
	if got := taken.header.Get("Content-Type"); got != "application/zstd" {
		t.Errorf("Content-Type: %s", got)
	}
	v.want(v.as(root, call(http.MethodHead, of+"/export")), 200)
	bring := func(query, archive string) request {
		return v.as(root, with(call("POST", "/platform/tenants/import"+query), archive, "application/zstd"))
	}
	taking := testdb.Value[int](v.db, `SELECT count(*) FROM account_events WHERE account_id = $1 AND about_tenant = $2 AND action = 'tenant.export'`, root.account, v.A.id)
	if taking != 2 {
		t.Errorf("the account's log tells of %d exports, want 2", taking)
	}
	others := snapshot(v.world, v.B)
	v.want(bring("", taken.body), 409)
	v.want(bring("", taken.body[:len(taken.body)/2]), 422, "validation_failed")
	v.want(bring("?as=x", taken.body), 422, "validation_failed")
	v.erase(v.A)
	made := content[tenantImportOutput](t, v.want(bring("", taken.body), 200))
	if made.TenantID != v.A.id || made.AccountsMatched == 0 {
		t.Errorf("got %+v", made)
	}
	if diff := cmp.Diff(rowsOf(unpacked(t, []byte(taken.body))), rowsOf(unpacked(t, v.export(v.A)))); diff != "" {
		t.Errorf("what was made again differs:\n%s", diff)
	}
	twin := content[tenantImportOutput](t, v.want(bring("?as=new", taken.body), 200))
	if twin.TenantID == v.A.id {
		t.Error("as=new made the same tenant")
	}
	if diff := cmp.Diff(others, snapshot(v.world, v.B)); diff != "" {
		t.Errorf("another tenant has changed:\n%s", diff)
	}
	said := testdb.Value[[]string](v.db, `
		SELECT array_agg(action ORDER BY id) FROM account_events WHERE account_id = $1 AND about_tenant IS NOT NULL`, root.account)
	if diff := cmp.Diff([]string{"tenant.import", "tenant.import"}, said); diff != "" { // what pointed at the tenant was erased with it
		t.Error(diff)
	}
}

// rowsOf are the files of rows of an archive.
func rowsOf(files map[string]string) map[string]string {
	rows := map[string]string{}
	for name, text := range files {
		if strings.HasSuffix(name, ".ndjson") {
			rows[name] = text
		}
	}
	return rows
}
