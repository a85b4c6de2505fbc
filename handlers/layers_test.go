package handlers

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

// entries are permissions as a role or a key lists them: all but one, with no more reach than :own where own is given.
func entries(without auth.Permission, own bool) string {
	var list []string
	for _, p := range tenancy.Permissions() {
		name := p.Name
		if name == string(without) {
			continue
		}
		if own && p.Ownable {
			name += ":own"
		}
		list = append(list, strconv.Quote(name))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// With every permission but that to others' keys, for own rows where rows have owners, and with row-level security binding nobody,
// the queries alone keep a user to his own rows: others' are not there, in no list and by no filter, and are not changed. It holds
// for a role, and for a key whose scopes reach no more.
func TestScopeAlone(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"role", "key"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			w := newWorldAs(t, testdb.Unbound, nil)
			who := w.A.people["member"]
			w.db.Exec(`UPDATE permissions SET member = 'any'`)
			credential := w.key(w.A, who, `,"scopes":`+entries("keys:revoke_any", true))
			ask := func(r request) request { return byKey(credential.Key, r) }
			if by == "role" {
				w.db.Exec(`UPDATE permissions SET member = CASE WHEN ownable THEN 'own' WHEN name <> 'keys:revoke_any' THEN 'any' END`)
				ask = func(r request) request { return w.as(who, r, w.A) }
			}
			spare := w.key(w.A, w.A.people["member"], `,"scopes":[]`)
			me, other, unknown := w.userID(w.A, who).UUID(), w.A.own.UUID(), ids.New[ids.ItemID]().UUID()
			w.db.Exec(`UPDATE users SET team_id = $2, email_privacy = 'public' WHERE tenant_id = $1 AND id = $2`, w.A.id, other)
			w.db.Exec(`UPDATE api_keys SET user_id = id WHERE tenant_id = $1 AND id = $2`, w.A.id, other)
			w.want(ask(call("GET", "/me")), 200)
			w.want(ask(call("GET", "/tenant")), 200) // notes that they are used
			before := snapshot(w, w.A)

			for _, c := range []struct {
				method, path, body string
				status             int
				code               string
			}{
				{"GET", "/users/%s", ``, 404, "not_found"},
				{"PATCH", "/users/%s", `{}`, 404, "not_found"},
				{"PATCH", "/users/%s", `{"phone":"7"}`, 404, "not_found"},
				{"PATCH", "/users/%s", `{"role":"admin"}`, 404, "not_found"},
				{"PATCH", "/users/%s", `{"email":null,"team_id":null,"artist_id":null}`, 404, "not_found"},
				{"DELETE", "/users/%s", ``, 403, "permission_denied"},
				{"POST", "/users/%s/deactivate", ``, 403, "permission_denied"},
				{"POST", "/users/%s/reactivate", ``, 403, "permission_denied"},
				{"POST", "/users/%s/roles/" + other, ``, 403, "permission_denied"},
				{"DELETE", "/users/%s/roles/" + second(w.A.own).UUID(), ``, 403, "permission_denied"},
				{"GET", "/api-keys/%s", ``, 404, "not_found"},
				{"POST", "/api-keys/%s/revoke", ``, 404, "not_found"},
				{"DELETE", "/api-keys/%s", ``, 404, "not_found"},
				{"POST", "/api-keys/revoke-all", `{"user_id":"%s"}`, 200, ""},
			} {
				of := func(id string) request {
					r := call(c.method, strings.ReplaceAll(c.path, "%s", id))
					if c.body != "" {
						r = r.json(strings.ReplaceAll(c.body, "%s", id))
					}
					return ask(r)
				}
				got, want := w.want(of(other), c.status, c.code), w.send(of(unknown))
				if got.anonymous() != want.anonymous() {
					t.Errorf("%s %s: got %v, want as of nobody's %v", c.method, c.path, got, want)
				}
				if c.method == "PATCH" || c.method == "DELETE" {
					w.want(of(other).with("If-Match", "*"), c.status, c.code)
				}
			}
			w.want(ask(call("POST", "/users").json(`{"email":"new@example.com","name":"New"}`)), 403, "permission_denied")
			w.want(ask(call("DELETE", "/users/"+me)), 403, "permission_denied")
			w.want(ask(call("POST", "/users/"+me+"/deactivate")), 403, "permission_denied")
			w.want(ask(call("POST", "/users/"+me+"/roles/"+other)), 403, "permission_denied")
			for field, value := range map[string]string{"email": `"x@example.com"`, "role": `"admin"`, "team_id": `null`, "artist_id": `null`} {
				w.want(ask(call("PATCH", "/users/"+me).json(`{"`+field+`":`+value+`}`)), 403, "forbidden_field")
			}

			// lists shows how many rows a list has with each filter, and by its own count.
			lists := func(filters map[string]string) map[string]string {
				got := map[string]string{}
				for filter := range filters {
					r := w.want(ask(call("GET", filter)), 200)
					shown := page[struct {
						Content []struct{ ID string }
						Page    struct{ Total int }
					}](t, r)
					got[filter] = fmt.Sprint(len(shown.Content), " of ", shown.Page.Total)
				}
				return got
			}
			ours := map[string]string{
				"/users?count=true":                                           "1 of 1",
				"/users?count=true&sort=name":                                 "1 of 1",
				"/users?count=true&sort=-username":                            "1 of 1",
				"/users?count=true&is_active=true":                            "1 of 1",
				"/users?count=true&role=member":                               "1 of 1",
				"/users?count=true&role=admin":                                "0 of 0",
				"/users?count=true&q=row":                                     "0 of 0",
				"/users?count=true&team_id=" + other:                          "0 of 0",
				"/users?count=true&username=row-" + other:                     "0 of 0",
				"/users?count=true&email=row-" + other + "@example.com":       "0 of 0",
				"/users?count=true&email=member-a@" + w.A.canary + ".example": "1 of 1",
				"/api-keys?count=true":                                        "2 of 2",
				"/api-keys?count=true&active=true":                            "2 of 2",
				"/api-keys?count=true&active=false":                           "0 of 0",
				"/api-keys?count=true&user_id=" + me:                          "2 of 2",
				"/api-keys?count=true&user_id=" + other:                       "0 of 0",
			}
			if diff := cmp.Diff(ours, lists(ours)); diff != "" {
				t.Errorf("lists (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, snapshot(w, w.A)); diff != "" {
				t.Errorf("the tenant has changed:\n%s", diff)
			}

			// What is seen and not one's own is refused as such.
			if by == "role" {
				w.db.Exec(`UPDATE permissions SET member = 'any' WHERE name = 'users:read'`)
				w.want(ask(call("GET", "/users/"+other)), 200)
				w.want(ask(call("PATCH", "/users/"+other).json(`{"phone":"7"}`)), 403, "forbidden")
				w.want(ask(call("PATCH", "/users/"+other).json(`{"role":"admin"}`)), 403, "forbidden")
				w.db.Exec(`UPDATE permissions SET member = 'own' WHERE name = 'users:read'`)
			}
			// And all of one's own is there.
			w.want(ask(call("GET", "/users/"+me)), 200)
			w.want(ask(call("PATCH", "/users/"+me).json(`{"phone":"7"}`)), 200)
			w.want(ask(call("GET", "/api-keys/"+spare.APIKey.ID)), 200)
			w.want(ask(call("POST", "/api-keys/"+spare.APIKey.ID+"/revoke")), 200)
			w.want(ask(call("DELETE", "/api-keys/"+spare.APIKey.ID)), 200)
			if got := w.want(ask(call("POST", "/api-keys/revoke-all")), 200); !strings.Contains(got.body, `"revoked":1`) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A role that lacks one permission, though it holds every other for any row, is refused by each route that asks for it, also for
// what is its own; and so is a key without the scope.
func TestPermissionAlone(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, testdb.Unbound, nil)
	self := person{account: ids.AccountID(w.A.own), session: ids.New[ids.SessionID]()} // whose everything has one id
	w.db.Exec(`INSERT INTO sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 day')`, self.session, self.account)
	w.db.Exec(`UPDATE api_keys SET user_id = id WHERE tenant_id = $1 AND id = $2`, w.A.id, w.A.own)
	w.db.Exec(`UPDATE roles SET permissions = '{}' WHERE tenant_id = $1`, w.A.id)
	w.db.Exec(`UPDATE permissions SET member = 'any'`)
	keys := map[string]string{}
	for _, p := range tenancy.Permissions() {
		keys[p.Name] = w.key(w.A, self, `,"scopes":`+entries(auth.Permission(p.Name), false)).Key
		w.want(byKey(keys[p.Name], call("GET", "/me")), 200)
	}
	before := snapshot(w, w.A)
	for route, sample := range tenantRoutes(t, w.A) {
		lacking, _ := route.Permission.Split()
		w.want(byKey(keys[lacking], sample), 403, "permission_denied")
		w.db.Exec(`UPDATE permissions SET member = CASE WHEN name = $1 THEN NULL ELSE 'any' END`, lacking)
		w.want(w.as(self, sample, w.A), 403, "permission_denied")
		w.db.Exec(`UPDATE permissions SET member = 'any'`)
	}
	if diff := cmp.Diff(before, snapshot(w, w.A)); diff != "" {
		t.Errorf("the tenant has changed:\n%s", diff)
	}
}

// Nobody gives what he lacks, by whatever path, to others or to himself, and then nothing is changed; what he holds, he gives.
func TestConferring(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, who := w.A.people["admin"], w.A.people["assistant"]
	me, other, idle := w.userID(w.A, who).UUID(), w.userID(w.A, w.A.people["member"]).UUID(), w.A.own.UUID()
	role := func(name string, permissions ...string) string {
		r := w.as(admin, call("POST", "/roles").json(`{"name":"`+name+`","permissions":["`+strings.Join(permissions, `","`)+`"]}`), w.A)
		return content[struct{ Role struct{ ID ids.RoleID } }](t, w.want(r, 201)).Role.ID.UUID()
	}
	giver := role("Giver", "users:write", "invitations:write", "roles:write", "memberships:write:own") // a member has that
	auditor, seller := role("Auditor", "audit:read"), role("Seller", "items:write")
	w.want(w.as(admin, call("POST", "/users/"+me+"/roles/"+giver), w.A), 200)
	w.db.Exec(`UPDATE users SET is_active = false, role = 'admin' WHERE tenant_id = $1 AND id = $2`, w.A.id, idle)
	shut := w.account("shut") // a member, were it not for his role
	w.user(w.A, shut, "member")
	auditing := w.userID(w.A, shut).UUID()
	w.want(w.as(admin, call("POST", "/users/"+auditing+"/roles/"+auditor), w.A), 200)
	w.want(w.as(admin, call("POST", "/users/"+auditing+"/deactivate"), w.A), 200)
	wide := w.account("wide")
	w.user(w.A, wide, "assistant")
	w.want(w.as(admin, call("POST", "/users/"+w.userID(w.A, wide).UUID()+"/roles/"+auditor), w.A), 200)
	key := w.key(w.A, who, "").Key
	narrow := w.key(w.A, admin, `,"scopes":["users:write","roles:write","invitations:write","keys:write:own","items:read"]`).Key
	for _, warm := range []request{w.as(who, call("GET", "/tenant"), w.A), byKey(key, call("GET", "/tenant")), byKey(narrow, call("GET", "/items"))} {
		w.want(warm, 200)
	}

	type path struct {
		name string
		r    request
	}
	paths := []path{
		{"an admin is made", call("POST", "/users").json(`{"email":"new@example.com","name":"New","role":"admin"}`)},
		{"another becomes admin", call("PATCH", "/users/"+other).json(`{"role":"admin"}`)},
		{"an admin is let in again", call("POST", "/users/"+idle+"/reactivate")},
		{"one with a wide role is let in again", call("POST", "/users/"+auditing+"/reactivate")},
		{"oneself gets a wide role", call("POST", "/users/"+me+"/roles/"+auditor)},
		{"another gets a wide role", call("POST", "/users/"+other+"/roles/"+auditor)},
		{"a role is made", call("POST", "/roles").json(`{"name":"Wide","permissions":["items:read","audit:read"]}`)},
		{"a role is made that reaches wider", call("POST", "/roles").json(`{"name":"Wide","permissions":["keys:read"]}`)},
		{"a role is widened", call("PATCH", "/roles/"+seller).json(`{"permissions":["items:write","audit:read"]}`)},
		{"one's own role is widened", call("PATCH", "/roles/"+giver).json(`{"permissions":["users:write","roles:write","tenant:write"]}`)},
		{"an admin is invited", call("POST", "/invitations").json(`{"email":"new@example.com","role":"admin"}`)},
		{"a key is made", call("POST", "/api-keys").json(`{"name":"Wide","scopes":["audit:read"]}`)},
		{"a key is made that reaches wider", call("POST", "/api-keys").json(`{"name":"Wide","scopes":["keys:write"]}`)},
	}
	beyond := []path{
		{"another becomes what the key is not", call("PATCH", "/users/"+other).json(`{"role":"assistant"}`)},
		{"a key without scopes is made", call("POST", "/api-keys").json(`{"name":"Wide"}`)},
		{"a key with null scopes is made", call("POST", "/api-keys").json(`{"name":"Wide","scopes":null}`)},
		{"a role is made for own rows", call("POST", "/roles").json(`{"name":"Wide","permissions":["keys:read:own"]}`)},
		{"a role is made of what the key has not", call("POST", "/roles").json(`{"name":"Wide","permissions":["items:write"]}`)},
	}
	before, accounts := snapshot(w, w.A), testdb.Value[int](w.db, `SELECT count(*) FROM accounts`)
	for _, by := range []struct {
		name  string
		as    func(request) request
		paths []path
	}{
		{"a token", func(r request) request { return w.as(who, r, w.A) }, paths},
		{"a key", func(r request) request { return byKey(key, r) }, paths},
		{"a narrow key", func(r request) request { return byKey(narrow, r) }, slices.Concat(paths, beyond)},
	} {
		for _, path := range by.paths {
			got := w.send(by.as(path.r))
			if got.status != 403 || got.code() != "cannot_grant" || len(got.fields()) == 0 {
				t.Errorf("%s by %s: got %v, want 403 cannot_grant", path.name, by.name, got)
			}
			if diff := cmp.Diff(before, snapshot(w, w.A)); diff != "" {
				t.Fatalf("%s by %s: the tenant has changed:\n%s", path.name, by.name, diff)
			}
		}
	}
	w.want(w.as(who, call("PATCH", "/users/"+me).json(`{"role":"admin"}`), w.A), 403, "forbidden_field")
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM accounts`); n != accounts || w.post.Count() != 0 {
		t.Errorf("got %d accounts more, and %d mails", n-accounts, w.post.Count())
	}
	for _, entry := range []string{"items:fly", "items", "", "*", "items:read:any", "items:read:own", "users:read:own:own", "ITEMS:READ", ":own"} {
		w.want(w.as(who, call("POST", "/roles").json(`{"name":"Odd","permissions":["`+entry+`"]}`), w.A), 422, "validation_failed")
		w.want(w.as(who, call("PATCH", "/roles/"+seller).json(`{"permissions":["`+entry+`"]}`), w.A), 422, "validation_failed")
		w.want(w.as(who, call("POST", "/api-keys").json(`{"name":"Odd","scopes":["`+entry+`"]}`), w.A), 422, "validation_failed")
	}
	if diff := cmp.Diff(before, snapshot(w, w.A)); diff != "" {
		t.Errorf("the tenant has changed:\n%s", diff)
	}

	for _, c := range []struct {
		r      request
		status int
	}{
		{call("POST", "/users").json(`{"email":"new@example.com","name":"New","role":"assistant"}`), 201},
		{call("PATCH", "/users/"+other).json(`{"role":"assistant"}`), 200},
		{call("PATCH", "/users/"+w.userID(w.A, wide).UUID()).json(`{"role":"member"}`), 200}, // who keeps a role that the giver lacks
		{call("POST", "/users/"+other+"/deactivate"), 200},
		{call("POST", "/users/"+other+"/reactivate"), 200},
		{call("POST", "/users/"+me+"/roles/"+seller), 200},
		{call("POST", "/users/"+other+"/roles/"+giver), 200},
		{call("DELETE", "/users/"+auditing+"/roles/"+auditor), 200}, // taking is not giving
		{call("POST", "/users/"+auditing+"/reactivate"), 200},
		{call("POST", "/roles").json(`{"name":"Reader","permissions":["items:read","keys:read:own","users:write:own"]}`), 201},
		{call("PATCH", "/roles/"+seller).json(`{"permissions":["items:read","roles:write"]}`), 200},
		{call("PATCH", "/roles/"+auditor).json(`{"name":"Accountant"}`), 200}, // which gives nobody anything
		{call("POST", "/invitations").json(`{"email":"guest@example.com","role":"assistant"}`), 201},
		{call("POST", "/api-keys").json(`{"name":"Narrow","scopes":["items:write","keys:write:own","users:write"]}`), 201},
		{call("POST", "/api-keys").json(`{"name":"All"}`), 201},
	} {
		w.want(w.as(who, c.r, w.A), c.status)
	}
	w.want(byKey(narrow, call("POST", "/api-keys").json(`{"name":"Narrower","scopes":["items:read","users:write:own"]}`)), 201)

	// An invitation gives what its sender could give now.
	guest := w.mailed("guest@example.com")
	w.want(w.as(admin, call("DELETE", "/users/"+me+"/roles/"+giver), w.A), 200)
	w.want(call("POST", "/invitations/accept").json(`{"token":"`+guest+`","password":"`+password+`"}`), 422)
	w.want(w.as(admin, call("POST", "/users/"+me+"/roles/"+giver), w.A), 200)
	w.want(call("POST", "/invitations/accept").json(`{"token":"`+guest+`","password":"`+password+`"}`), 200)
}

// Whatever A's admin does to somebody who is a user of B too, and be it under the same id, B sees no change, nor does the account,
// and the same name, e-mail and password log in. The queries alone see to it.
func TestOneTenantAlone(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, testdb.Unbound, nil)
	admin, user, row := w.A.people["admin"], w.userID(w.A, w.both).UUID(), w.A.item.UUID() // B has rows of these ids too
	w.db.Exec(`UPDATE users SET id = $2 WHERE tenant_id = $1 AND account_id = $3`, w.B.id, user, w.both.account)
	w.db.Exec(`UPDATE api_keys SET user_id = $1 WHERE id = $2`, user, row)
	w.want(w.as(w.B.people["admin"], call("POST", "/users/"+user+"/roles/"+row), w.B), 200)
	type identity struct{ Account, Tenants string }
	login := func(name string) identity {
		in := w.login(name)
		var tenants []string
		for _, m := range in.Tenants {
			if m.Tenant.ID == w.B.id {
				tenants = append(tenants, fmt.Sprint(m))
			}
		}
		return identity{fmt.Sprint(in.Account), fmt.Sprint(tenants)}
	}
	known := login("both") // and its hash is as today's are
	view := func() string {
		var all strings.Builder
		for _, r := range []request{
			w.as(w.B.people["admin"], call("GET", "/users/"+user), w.B),
			w.as(w.B.people["admin"], call("GET", "/users?count=true"), w.B),
			w.as(w.B.people["member"], call("GET", "/tenant"), w.B),
			w.as(w.both, call("GET", "/users/"+user), w.B),
			w.as(w.both, call("GET", "/users"), w.B),
			w.as(w.both, call("GET", "/me")),
		} {
			got := w.want(r, 200)
			fmt.Fprintln(&all, r.method, r.path, got.header.Get("ETag"), got.body)
		}
		all.WriteString(testdb.Value[string](w.db, `SELECT a::text FROM accounts a WHERE id = $1`, w.both.account))
		all.WriteString(snapshot(w, w.B))
		return all.String()
	}
	view()
	before := view()
	same := func(done string) {
		t.Helper()
		if diff := cmp.Diff(before, view()); diff != "" {
			t.Errorf("after %s (-before +after):\n%s", done, diff)
		}
	}

	special := map[string]string{ // for what has no example
		"role":      `{"role":"assistant"}`,
		"team_id":   `{"team_id":"` + row + `"}`,
		"artist_id": `{"role":"artist","artist_id":"` + row + `"}`,
	}
	for _, f := range rest.FieldsOf(routeOf(t, "PATCH /users/:user_id").Input) {
		if f.Source != "json" {
			continue
		}
		bodies := []string{special[f.Name]}
		if bodies[0] == "" {
			bodies[0] = `{"` + f.Name + `":` + another(t, f) + `}`
		}
		if f.Nullable && f.Name != "artist_id" {
			bodies = append(bodies, `{"`+f.Name+`":null}`)
		}
		for _, body := range bodies {
			unchanged := snapshot(w, w.A)
			w.want(w.as(admin, call("PATCH", "/users/"+user).json(body), w.A), 200)
			if snapshot(w, w.A) == unchanged {
				t.Errorf("%s changed nothing in A either", body)
			}
			same(body)
		}
	}
	for _, r := range []request{
		call("POST", "/users/"+user+"/roles/"+row),
		call("DELETE", "/users/"+user+"/roles/"+row),
		call("POST", "/users/"+user+"/deactivate"),
		call("POST", "/users/"+user+"/reactivate"),
		call("POST", "/api-keys/revoke-all").json(`{"user_id":"` + user + `"}`),
		call("DELETE", "/users/"+user),
	} {
		w.want(w.as(admin, r, w.A), 200)
		same(r.method + " " + r.path)
	}
	for _, name := range []string{"both", "both@example.com"} {
		if got := login(name); got != known {
			t.Errorf("%s: got %v, want %v", name, got, known)
		}
	}
	w.want(call("POST", "/auth/login").json(`{"login":"both","password":"`+password+`","tenant_id":"`+w.B.id.String()+`"}`), 200)
}

// another is a value for a field that it does not have at first: the last of its options, or its example.
func another(t *testing.T, f rest.Field) string {
	t.Helper()
	options, some := strings.CutPrefix(f.Rules, "oneof=")
	switch {
	case f.Type == reflect.TypeFor[bool]():
		return "false"
	case some:
		return strconv.Quote(options[strings.LastIndex(options, " ")+1:])
	case f.Example == "":
		t.Errorf("%s has no example to set: give the input's field an example tag", f.Name)
	}
	return strconv.Quote(f.Example)
}

// routeOf is the route of a pattern.
func routeOf(t testing.TB, pattern string) *rest.Route {
	t.Helper()
	i := slices.IndexFunc(routes, func(r rest.Route) bool { return r.Pattern == pattern })
	if i < 0 {
		t.Fatalf("there is no route %s", pattern)
	}
	return &routes[i]
}
