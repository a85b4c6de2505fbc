package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowhouse/ids"
	"rowhouse/testdb"
)

// Of several things that are wrong, the first of the contract's order answers.
func TestOrderOfRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, member := w.A.people["admin"], w.A.people["member"]
	dead := w.account("dead")
	w.db.Exec(`UPDATE sessions SET revoked_at = now() WHERE id = $1`, dead.session)
	bad := call("PATCH", "/items/nonsense?x=1")
	steps := []struct {
		r      request
		status int
		code   string
	}{
		{call("GET", "/nonsense").with("X-API-Key", "a").with("Authorization", "b"), 404, "route_not_found"},
		{call("PUT", "/items").with("X-API-Key", "a").with("Authorization", "b"), 405, "method_not_allowed"},
		{bad.with("X-API-Key", "a").with("Authorization", "Bearer b"), 400, "two_credentials"},
		{bad.with("Authorization", "Bearer a").with("Authorization", "Bearer b"), 400, "two_credentials"},
		{bad, 401, "unauthorized"},
		{bad.with("Authorization", "Basic YTpi"), 401, "unauthorized"},
		{bad.with("Authorization", "Bearer b"), 401, "invalid_token"},
		{bad.with("Authorization", "Bearer rh_b"), 401, "invalid_token"},
		{bad.with("X-API-Key", "rh_b"), 401, "invalid_token"},
		{w.as(admin, bad), 400, "missing_tenant"},
		{w.as(admin, bad).with("X-Tenant-Id", "nonsense"), 400, "malformed_tenant"},
		{w.as(admin, bad).with("X-Tenant-Id", ids.New[ids.UserID]().String()), 400, "malformed_tenant"},
		{w.as(admin, bad, w.A).with("X-Tenant-Id", w.A.id.String()), 400, "repeated_tenant"},
		{bad.with("Authorization", "Bearer "+w.token(admin, w.A.id)).with("X-Tenant-Id", w.A.id.String()), 400, "unwanted_tenant"},
		{w.as(dead, with(bad, strings.Repeat(" ", 1<<20+1), "text/plain"), w.B), 413, "body_too_large"},
		{w.as(dead, with(bad, `{`, "text/plain"), w.B), 415, "unsupported_media_type"},
		{w.as(dead, with(bad, `{`, "application/json"), w.B), 400, "malformed_json"},
		{w.as(dead, bad.json(`{"x":1}`), w.B), 400, "unknown_parameter"},
		{w.as(dead, call("PATCH", "/items/nonsense").json(`{"x":1}`), w.B), 422, "validation_failed"},
		{w.as(dead, call("PATCH", "/items/"+w.A.own.String()).json(`{}`), w.B), 401, "invalid_token"},
		{w.as(member, call("PATCH", "/items/"+w.A.own.String()).json(`{}`), w.B), 403, "tenant_forbidden"},
		{w.as(member, call("PATCH", "/items/"+w.B.own.String()).json(`{}`).with("If-Match", `"9.x"`), w.A), 403, "permission_denied"},
		{w.as(admin, call("PATCH", "/items/"+w.B.own.String()).json(`{}`).with("If-Match", `"9.x"`), w.A), 404, "not_found"},
		{w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(`{}`).with("If-Match", `"9.x"`), w.A), 412, "precondition_failed"},
	}
	for _, step := range steps {
		got := w.want(step.r, step.status, step.code)
		if got.header.Get("X-Request-Id") == "" || !strings.Contains(got.body, got.header.Get("X-Request-Id")) {
			t.Errorf("%s: the request id is missing: %v", step.code, got)
		}
		if step.status == 401 && !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: no WWW-Authenticate", step.code)
		}
	}
	if got := w.send(call("PUT", "/items")).header.Get("Allow"); !strings.Contains(got, "GET") || !strings.Contains(got, "POST") {
		t.Errorf("Allow: got %q", got)
	}
	for _, path := range []string{"//items", "/items/", "/Items", "/./items", "/items//", "/items/../items", "/items/%2e%2e"} {
		if got := w.send(w.as(admin, call("GET", path), w.A)); got.status != 404 && got.status != 422 {
			t.Errorf("%s: got %v, want 404", path, got)
		}
	}
}

func with(r request, body, mediaType string) request {
	r = r.with("Content-Type", mediaType)
	r.body = body
	return r
}

// A body is one JSON object of known keys, once each, exactly so; anything else is malformed.
func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := w.as(w.A.people["admin"], call("POST", "/items"), w.A)
	for _, body := range []string{
		``, `{`, `[]`, `null`, `1`, `"x"`, `{"name":"x"}{}`, `{"name":"x"} x`, `{"name":"x",}`, `{name:"x"}`,
		`{"name":"x","name":"y","price_cents":1}`, `{"name":"x","price_cents":{"a":1,"a":2}}`,
		`{"Name":"x"}`, `{"NAME":"x"}`, `{"price_Cents":1}`,
		`{"name":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + `}`,
		`{"name":` + strings.Repeat("[", 10000), "\xef\xbb\xbf{}",
	} {
		w.want(create.json(body), 400, "malformed_json")
	}
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/jsonp"} {
		w.want(with(create, `{"name":"x","price_cents":1}`, media), 415)
	}
	w.want(with(create, `{"name":"x","price_cents":1}`, "application/json; charset=UTF-8"), 201)
}

// All that is wrong with the values is told at once, each with its field; what is right about them is kept as it was sent.
func TestValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := w.as(w.A.people["admin"], call("POST", "/items"), w.A)
	for body, want := range map[string][]string{
		`{}`:                                                          {"name:required", "price_cents:required"},
		`{"name":null,"price_cents":null}`:                            {"name:not_null", "price_cents:not_null"},
		`{"name":"","price_cents":0}`:                                 {"name:min_length", "price_cents:min"},
		`{"name":"   ","price_cents":-1}`:                             {"name:min_length", "price_cents:min"},
		`{"name":5,"price_cents":"5","description":5}`:                {"description:type", "name:type", "price_cents:type"},
		`{"name":"x","price_cents":1.5}`:                              {"price_cents:type"},
		`{"name":"x","price_cents":1e3}`:                              {"price_cents:type"},
		`{"name":"x","price_cents":10000001}`:                         {"price_cents:max"},
		`{"name":"x","price_cents":99999999999999999999}`:             {"price_cents:range"},
		`{"name":"` + strings.Repeat("ä", 101) + `","price_cents":1}`: {"name:max_length"},
		`{"name":"x","description":"` + strings.Repeat("x", 501) + `","price_cents":1}`: {"description:max_length"},
		`{"name":"a\u0000b","price_cents":1}`:                                           {"name:control_character"},
		`{"name":"a\tb","price_cents":1}`:                                               {"name:control_character"},
		`{"name":"a\nb","price_cents":1}`:                                               {"name:control_character"},
		`{"name":"\ud800","price_cents":1}`:                                             {"name:encoding"},
		"{\"name\":\"\xff\",\"price_cents\":1}":                                         {"name:encoding"},
		`{"name":"x","price_cents":1,"id":"x","tenant_id":"y","version":1}`:             {"id:unknown_field", "tenant_id:unknown_field", "version:unknown_field"},
		`{"name":"x","price_cents":1,"created_at":null,"e\u0001":1}`:                    {"created_at:unknown_field", "e\u0001:unknown_field"},
	} {
		got := w.want(create.json(body), 422, "validation_failed")
		fields := got.fields()
		sort.Strings(fields)
		if diff := cmp.Diff(want, fields); diff != "" {
			t.Errorf("%.80s (-want +got):\n%s", body, diff)
		}
	}
	type answer struct {
		Item struct {
			ID, Name    string
			Description *string
		}
	}
	for sent, kept := range map[string]string{
		`"  two  words  "`: "two  words", `"<b>&amp;</b>"`: "<b>&amp;</b>", `"' OR 1=1 --"`: "' OR 1=1 --", `"\ud83d\ude00"`: "😀", `"\u007f"`: "\u007f",
		`"` + strings.Repeat("ä", 100) + `"`: strings.Repeat("ä", 100),
	} {
		got := content[answer](t, w.want(create.json(`{"name":`+sent+`,"description":"a\tb\nc","price_cents":1}`), 201))
		if got.Item.Name != kept || *got.Item.Description != "a\tb\nc" {
			t.Errorf("%s: got %+v", sent, got.Item)
		}
	}
	for path, want := range map[string]string{
		"/items/x": "item_id:format", "/items/" + ids.New[ids.UserID]().String(): "item_id:format", "/items/a%00b": "item_id:format", "/items/%ff": "item_id:format",
		"/items?page=0": "page:min", "/items?page=x": "page:type", "/items?page_size=201": "page_size:max", "/items?page_size=99999999999": "page_size:range",
		"/items?count=yes": "count:type", "/items?sort=id": "sort:one_of", "/items?q=%00": "q:control_character", "/items?q=%ff": "q:encoding", "/items?page=01": "page:type",
		"/items?min_price_cents=-1": "min_price_cents:min",
	} {
		got := w.want(w.as(w.A.people["admin"], call("GET", path), w.A), 422)
		if diff := cmp.Diff([]string{want}, got.fields()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	for _, path := range []string{"/items?x=1", "/items?q=a&q=b", "/items?cursor=x", "/items?page=1&cursor=x", "/items?%zz", "/items?Q=a", "/items?page=1&page=2"} {
		w.want(w.as(w.A.people["admin"], call("GET", path), w.A), 400)
	}
}

// What an input finds wrong with itself is told together with what the decoder does, in the order of the fields, and no field twice.
func TestProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, member := w.A.people["admin"], w.A.people["member"]
	user := "/users/" + w.A.own.UUID()
	role := "/roles/" + w.A.own.UUID()
	for _, c := range []struct {
		r    request
		want string
	}{
		{call("POST", "/users").json(`{"email":"bad","name":"","username":"!!","password":"x"}`), "email:format username:format name:min_length password:min_length"},
		{call("POST", "/users").json(`{"email":"ben@example.com","name":"","username":"ben","password":"not-for-ben"}`), "name:min_length password:contains_username"},
		{call("POST", "/users").json(`{"email":"ben.nakamura@example.com","name":"","username":"","password":"ben.nakamura"}`), "username:min_length name:min_length password:contains_email"},
		{call("POST", "/users").json(`{"email":5,"name":"x","username":"!!","phone":5}`), "phone:type email:type username:format"},
		{call("POST", "/users").json(`{"username":"","password":"` + strings.Repeat("x", 256) + `"}`), "email:required username:min_length name:required password:max_length"},
		{call("PATCH", user).json(`{"email":"bad","name":"","bio":5}`), "bio:type email:format name:min_length"},
		{call("PATCH", "/users/nonsense").json(`{"email":"bad","bio":5}`), "user_id:format bio:type email:format"},
		{call("PATCH", user).json(`{"email":null,"name":""}`), "name:min_length"},
		{call("POST", "/auth/register").json(`{"email":"bad","name":"","password":"x","zzz":1}`), "email:format password:min_length name:min_length zzz:unknown_field"},
		{call("POST", "/auth/register").json(`{"email":"bad","username":"!!","password":"x"}`), "username:format email:format password:min_length"},
		{call("POST", "/auth/register").json(`{"password":"x","tenant_name":""}`), "email:required password:min_length tenant_name:min_length"},
		{call("POST", "/roles").json(`{"name":"","permissions":["items:read","zz","yy"],"permissions.0":1}`), "name:min_length permissions.1:one_of permissions.2:one_of permissions.0:unknown_field"},
		{call("POST", "/roles").json(`{"name":"","permissions":["zz",5]}`), "name:min_length permissions:type"},
		{call("POST", "/roles").json(`{"name":"","permissions":[` + strings.Repeat(`"zz",`, 100) + `"zz"]}`), "name:min_length permissions:max_items"},
		{call("PATCH", role).json(`{"name":"","permissions":["zz"]}`), "name:min_length permissions.0:one_of"},
		{call("PATCH", role).json(`{"name":""}`), "name:min_length"},
		{call("POST", "/api-keys").json(`{"name":"","scopes":["zz"],"expires_in_days":0}`), "name:min_length scopes.0:one_of expires_in_days:min"},
		{call("POST", "/api-keys").json(`{"name":"","scopes":null}`), "name:min_length"},
		{call("POST", "/invitations").json(`{"email":"bad","role":"king"}`), "email:format role:one_of"},
		{call("POST", "/auth/password/forgot").json(`{"email":"bad","zzz":1}`), "email:format zzz:unknown_field"},
		{call("POST", "/auth/password/reset").json(`{"token":"","password":"x"}`), "token:min_length password:min_length"},
		{call("POST", "/auth/email/change").json(`{"email":"bad","password":""}`), "email:format password:min_length"},
	} {
		got := strings.Join(w.want(w.as(admin, c.r, w.A), 422, "validation_failed").fields(), " ")
		if got != c.want {
			t.Errorf("%s %s %.80s: got %s, want %s", c.r.method, c.r.path, c.r.body, got, c.want)
		}
	}
	// They stand where all values do in the order of refusals: before the permission.
	for _, r := range []request{
		call("POST", "/users").json(`{"email":"bad","name":"x"}`),
		call("PATCH", user).json(`{"email":"bad"}`),
		call("POST", "/roles").json(`{"name":"x","permissions":["zz"]}`),
		call("POST", "/invitations").json(`{"email":"bad","role":"member"}`),
	} {
		w.want(w.as(member, r, w.A), 422, "validation_failed")
	}
}

// Every form of an id is read; the standard one is written.
func TestIDForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, form := range []string{w.A.own.String(), w.A.own.Short(), w.A.own.UUID()} {
		for _, tenant := range []string{w.A.id.String(), w.A.id.Short(), w.A.id.UUID()} {
			r := w.as(w.A.people["member"], call("GET", "/items/"+form)).with("X-Tenant-Id", tenant)
			if got := w.want(r, 200); !strings.Contains(got.body, `"id":"`+w.A.own.String()+`"`) {
				t.Errorf("%s: got %v", form, got)
			}
		}
	}
}

// A PATCH keeps what it leaves out, clears what it nulls, sets what it gives, and does nothing when nothing differs.
func TestPatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	patch := w.as(w.A.people["admin"], call("PATCH", "/items/"+w.A.own.String()), w.A)
	type answer struct {
		Item struct {
			Name        string
			Description *string
			Price       int    `json:"price_cents"`
			Updated     string `json:"updated_at"`
		}
	}
	was := content[answer](t, w.want(patch.json(`{}`), 200))
	if *was.Item.Description != w.A.canary || was.Item.Price != 100 {
		t.Errorf("{}: got %+v", was)
	}
	first := w.want(patch.json(`{"description":null}`), 200)
	if got := content[answer](t, first); got.Item.Description != nil || got.Item.Name != w.A.canary || got.Item.Updated == was.Item.Updated {
		t.Errorf("null: got %+v", got)
	}
	for _, same := range []string{`{}`, `{"description":null}`, `{"price_cents":100}`, `{"name":" ` + w.A.canary + ` "}`} {
		if got := w.want(patch.json(same), 200); got.header.Get("ETag") != first.header.Get("ETag") {
			t.Errorf("%s: ETag: got %s, want %s", same, got.header.Get("ETag"), first.header.Get("ETag"))
		}
	}
	if got := w.want(patch.json(`{"name":null,"price_cents":null}`), 422).fields(); len(got) != 2 {
		t.Errorf("null where there must be a value: got %v", got)
	}
}

// If-None-Match compares the whole tag, If-Match its version, also of one that a proxy has weakened; a stale writer is told the tag of now.
func TestConditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	get := w.as(admin, call("GET", "/items/"+w.A.own.String()), w.A)
	patch := w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(`{"price_cents":5}`), w.A)
	tag := w.want(get, 200).header.Get("ETag")
	version, _, _ := strings.Cut(strings.Trim(tag, `"`), ".")
	for _, match := range []string{tag, "W/" + tag, "*", `"x", ` + tag} {
		got := w.want(get.with("If-None-Match", match), 304)
		if got.body != "" || got.header.Get("ETag") != tag {
			t.Errorf("%s: got %v %v", match, got, got.header)
		}
	}
	for _, match := range []string{`"x"`, `"` + version + `.x"`, "nonsense"} {
		w.want(get.with("If-None-Match", match), 200)
	}
	for _, stale := range []string{`"999.x"`, `"x"`, `W/"999.x"`, `"999.x", "998.y"`} {
		if got := w.want(patch.with("If-Match", stale), 412).header.Get("ETag"); got != tag {
			t.Errorf("%s: ETag: got %s, want %s", stale, got, tag)
		}
	}
	for _, malformed := range []string{"nonsense", `"open`, "1"} {
		w.want(patch.with("If-Match", malformed), 400)
	}
	w.want(patch.with("If-Match", `"998.y", "`+version+`.another-body"`), 200)
	w.want(patch.with("If-Match", "W/"+w.want(get, 200).header.Get("ETag")), 200)
	w.want(patch.with("If-Match", "*"), 200)
	remove := w.as(admin, call("DELETE", "/items/"+w.A.own.String()), w.A)
	w.want(remove.with("If-Match", tag), 412)
	w.want(remove.with("If-Match", w.want(get, 200).header.Get("ETag")), 200)
	w.want(remove.with("If-Match", "*"), 404)
}

// Of two writers with the same tag one wins and the other is told; fifty at once.
func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	for range 5 {
		tag := w.want(w.as(admin, call("GET", "/items/"+w.A.own.String()), w.A), 200).header.Get("ETag")
		got := w.race(50, func(n int) request {
			return w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(fmt.Sprintf(`{"name":"writer %d %s"}`, n, tag[1:4])).with("If-Match", tag), w.A)
		})
		if got["200"] != 1 || got["200"]+got["412 precondition_failed"]+got["503 unavailable"] != 50 {
			t.Errorf("got %v, want one 200", got)
		}
	}
}

// race sends n requests at once and counts the answers by status and code.
func (w *world) race(n int, r func(int) request) map[string]int {
	w.t.Helper()
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for i := range n {
		r := r(i)
		all.Go(func() {
			got, err := w.try(r, w.URL)
			mu.Lock()
			defer mu.Unlock()
			counts[strings.TrimSpace(fmt.Sprint(got.status, " ", got.code()))]++
			if err != nil {
				w.t.Error(err)
			}
		})
	}
	all.Wait()
	return counts
}

// A list walked by its cursors, or by its pages, has every row once, in order, whatever the sort and however equal the
// clocks; total counts them all.
func TestLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`DELETE FROM items`)
	for _, h := range []house{w.A, w.B} {
		w.db.Exec(`INSERT INTO items (tenant_id, id, name, price_cents, created_at)
			SELECT $1, md5(n::text)::uuid, $2 || chr(97 + n % 3), 1 + n % 4, $3 FROM generate_series(1, 23) n`, h.id, h.canary, atTheSameTime)
	}
	type row struct {
		ID    ids.ItemID
		Name  string
		Price int `json:"price_cents"`
	}
	type list struct {
		Content []row
		Page    struct {
			Next          *string
			Number, Total *int
		}
	}
	for _, sorted := range []string{"", "name", "-name", "price_cents", "-price_cents"} {
		for _, filter := range []string{"", "&min_price_cents=2&max_price_cents=3", "&q=CANARY"} {
			var byCursor, byPage []ids.ItemID
			var all []row
			path := "/items?page_size=5&count=true&sort=" + sorted + filter
			if sorted == "" {
				path = "/items?page_size=5&count=true" + filter
			}
			total := 0
			for next := path; next != ""; {
				r := w.want(w.as(w.A.people["member"], call("GET", next), w.A), 200)
				got := page[list](t, r)
				for _, item := range got.Content {
					byCursor = append(byCursor, item.ID)
					all = append(all, item)
					if !strings.HasPrefix(item.Name, w.A.canary) {
						t.Fatalf("%s shows %v", next, item)
					}
				}
				total = *got.Page.Total
				next = ""
				if got.Page.Next != nil {
					next = path + "&cursor=" + *got.Page.Next
					if link := r.header.Get("Link"); !strings.Contains(link, *got.Page.Next) || !strings.Contains(link, `rel="next"`) {
						t.Errorf("Link: got %s", link)
					}
				}
			}
			for number := 1; ; number++ {
				got := page[list](t, w.want(w.as(w.A.people["member"], call("GET", path+fmt.Sprintf("&page=%d", number)), w.A), 200))
				for _, item := range got.Content {
					byPage = append(byPage, item.ID)
				}
				if *got.Page.Total != total {
					t.Errorf("%s page %d: total: got %d, want %d", path, number, *got.Page.Total, total)
				}
				if len(got.Content) == 0 {
					break
				}
			}
			if len(all) != total || !slices.Equal(byCursor, byPage) {
				t.Errorf("%s: %d rows by cursor, %d by page, total %d", path, len(byCursor), len(byPage), total)
			}
			inOrder := slices.IsSortedFunc(all, func(a, b row) int {
				switch sorted {
				case "name":
					return strings.Compare(a.Name, b.Name)
				case "-name":
					return strings.Compare(b.Name, a.Name)
				case "price_cents":
					return a.Price - b.Price
				case "-price_cents":
					return b.Price - a.Price
				}
				return strings.Compare(b.ID.UUID(), a.ID.UUID())
			})
			if !inOrder {
				t.Errorf("%s: not in order: %v", path, all)
			}
		}
	}
}

func page[T any](t *testing.T, r response) (p T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	return p
}

// A cursor is good for its own tenant, route, sort and filters alone, and shows nothing.
func TestCursors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	next := func(r request) string {
		return *page[struct{ Page struct{ Next *string } }](t, w.want(r, 200)).Page.Next
	}
	cursor := next(w.as(w.both, call("GET", "/items?page_size=1&q=canary"), w.A))
	if again := next(w.as(admin, call("GET", "/items?page_size=1&q=canary"), w.A)); again != cursor {
		t.Error("the same page has two cursors")
	}
	w.want(w.as(w.both, call("GET", "/items?q=canary&cursor="+cursor), w.A), 200)
	for _, r := range []request{
		w.as(w.both, call("GET", "/items?q=canary&cursor="+cursor), w.B),
		w.as(w.both, call("GET", "/items?cursor="+cursor), w.A),
		w.as(w.both, call("GET", "/items?q=canar&cursor="+cursor), w.A),
		w.as(w.both, call("GET", "/items?q=canary&sort=name&cursor="+cursor), w.A),
		w.as(w.both, call("GET", "/tenants?cursor="+cursor)),
		w.as(w.both, call("GET", "/items?q=canary&cursor="+cursor[1:]), w.A),
		w.as(w.both, call("GET", "/items?q=canary&cursor="+strings.Repeat("A", len(cursor))), w.A),
		w.as(w.both, call("GET", "/items?q=canary&cursor="), w.A),
	} {
		w.want(r, 400, "invalid_cursor")
	}
	w.want(w.as(w.both, call("GET", "/items?q=canary&page=1&cursor="+cursor), w.A), 400, "page_with_cursor")
}

// The search is by the beginning of the name, regardless of case and of how an accent is composed, and takes every character for itself.
func TestItemSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`DELETE FROM items`)
	for _, name := range []string{"Oak", "oak table", "OAKLEY", "100% oak", "a_b", "axb", "Äpfel", "ΟΔΟΣ 7"} {
		w.db.Exec(`INSERT INTO items (tenant_id, name, price_cents) VALUES ($1, $2, 1)`, w.A.id, name)
	}
	for q, want := range map[string]int{"oak": 3, "OAK": 3, "oak%20": 3, "oak%20t": 1, "%25": 0, "100%25": 1, "a_": 1, "a": 2, "ä": 1, "a\u0308PF": 1,
		"οδος": 1, "ΟΔΟΣ": 1, "οδοσ%20": 1, "": 8, "zzz": 0, "%5C": 0} {
		r := w.want(w.as(w.A.people["member"], call("GET", "/items?count=true&q="+q), w.A), 200)
		if got := *page[struct{ Page struct{ Total *int } }](t, r).Page.Total; got != want {
			t.Errorf("q=%s: got %d, want %d", q, got, want)
		}
	}
}

// The same key and request have one effect and one answer; the key is the caller's own, and refusals are not kept.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, assistant := w.A.people["admin"], w.A.people["assistant"]
	create := call("POST", "/items").json(`{"name":"keyed","price_cents":1}`).with("Idempotency-Key", "k")
	count := func() int { return testdb.Value[int](w.db, `SELECT count(*) FROM items WHERE name = 'keyed'`) }

	first := w.want(w.as(admin, create, w.A), 201)
	again := w.want(w.as(admin, create, w.A), 201)
	if again.body != first.body || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("ETag") != first.header.Get("ETag") {
		t.Errorf("replayed: got %v %v, want %v %v", again, again.header, first, first.header)
	}
	if first.header.Get("Idempotent-Replayed") != "" || again.header.Get("Idempotent-Replayed") != "true" || count() != 1 {
		t.Errorf("got %d items", count())
	}
	other := create
	other.body = `{"name":"keyed","price_cents":2}`
	w.want(w.as(admin, other, w.A), 422)
	w.want(w.as(assistant, create, w.A), 201) // its own key
	w.want(w.as(w.both, create, w.B), 201)
	if count() != 3 {
		t.Errorf("got %d items, want 3", count())
	}
	// A refusal is not kept: with the same key it may be sent again, corrected.
	w.want(w.as(admin, call("POST", "/items").json(`{}`).with("Idempotency-Key", "k2"), w.A), 422)
	w.want(w.as(admin, call("POST", "/items").json(`{"name":"b","price_cents":1}`).with("Idempotency-Key", "k2"), w.A), 201)
	// After a day the key is free.
	w.db.Exec(`UPDATE idempotency_keys SET created_at = now() - interval '25 hours'`)
	w.want(w.as(admin, other, w.A), 201)
	// Whoever lost the right to ask is not given the answer either.
	w.db.Exec(`UPDATE users SET role = 'member' WHERE account_id = $1`, assistant.account)
	w.want(w.as(assistant, create, w.A), 403)

	for _, key := range []string{"", strings.Repeat("k", 256), "ä"} {
		w.want(w.as(admin, call("POST", "/items").json(`{"name":"x","price_cents":1}`).with("Idempotency-Key", key), w.A), 400)
	}
	w.want(w.as(admin, create, w.A).with("Idempotency-Key", "k"), 400)
	w.want(call("POST", "/auth/login").json(`{}`).with("Idempotency-Key", "k"), 400, "unwanted_idempotency_key")
	w.want(w.as(admin, call("POST", "/auth/logout").with("Idempotency-Key", "k")), 400, "unwanted_idempotency_key")
	w.want(w.as(admin, call("POST", "/items/import").with("Idempotency-Key", "k"), w.A), 400, "unwanted_idempotency_key")

	// In the account scope it is the same.
	tenant := w.as(w.nobody, call("POST", "/tenants").json(`{"name":"keyed"}`).with("Idempotency-Key", "k"))
	if a, b := w.want(tenant, 201), w.want(tenant, 201); a.body != b.body {
		t.Errorf("got %v, want %v", b, a)
	}
}

// Fifty of the same at once have one effect; whoever comes while it is under way is told so.
func TestIdempotencyRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := w.as(w.A.people["admin"], call("POST", "/items").json(`{"name":"keyed","price_cents":1}`), w.A)
	for round := range 5 {
		got := w.race(50, func(int) request { return create.with("Idempotency-Key", fmt.Sprint(round)) })
		if got["201"] == 0 || got["201"]+got["409 idempotency_in_flight"]+got["503 unavailable"] != 50 {
			t.Errorf("got %v", got)
		}
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM items WHERE name = 'keyed'`); n != 5 {
		t.Errorf("got %d items, want 5", n)
	}
}

// A request id of the client's is used when it is one line of visible ASCII, and else replaced.
func TestRequestID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for given, kept := range map[string]bool{"abc-1": true, " abc ": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "a b": false, "ä": false, "": false} {
		got := w.send(call("GET", "/nonsense").with("X-Request-Id", given)).header.Get("X-Request-Id")
		if (got == strings.TrimSpace(given)) != kept || got == "" {
			t.Errorf("%q: got %q", given, got)
		}
	}
}

// Only a page of an allowed origin may read answers, and only with the headers of the contract.
func TestCORS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	preflight := call("OPTIONS", "/items").with("Access-Control-Request-Method", "POST")
	got := w.want(preflight.with("Origin", "https://app.example.com"), 204)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://app.example.com", "Vary": "Origin",
		"Access-Control-Allow-Credentials": "",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, got.header.Get(name), want)
		}
	}
	read := w.send(w.as(w.A.people["admin"], call("GET", "/items"), w.A).with("Origin", "https://app.example.com"))
	doc := description(t).at("components")
	sent := []string{"Authorization", "Content-Type", "X-API-Key", "X-Request-Id"}
	for _, name := range doc.at("parameters").keys() {
		sent = append(sent, doc.at("parameters", name, "name").value.(string))
	}
	listed := func(what string, list string, names []string) {
		t.Helper()
		if diff := cmp.Diff(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(strings.Split(list, ", ")))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	listed("what a page may send", got.header.Get("Access-Control-Allow-Headers"), sent)
	told := slices.DeleteFunc(doc.at("headers").keys(), func(name string) bool { return name == "WWW-Authenticate" }) // which asks no page
	listed("what a page may read", read.header.Get("Access-Control-Expose-Headers"), told)
	for _, r := range []request{preflight.with("Origin", "https://evil.example.com"), call("GET", "/me").with("Origin", "null"), call("GET", "/me")} {
		if got := w.send(r).header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("got %q, want none", got)
		}
	}
}

// HEAD is GET without a body.
func TestHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/items/" + w.A.own.String(), "/items", "/items/export", "/items/" + w.B.own.String()} {
		head, get := w.send(w.as(w.A.people["member"], call("HEAD", path), w.A)), w.send(w.as(w.A.people["member"], call("GET", path), w.A))
		if head.status != get.status || head.body != "" || head.header.Get("ETag") != get.header.Get("ETag") || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("%s: got %v %v, want %v", path, head, head.header, get.header)
		}
	}
}

// Whatever else a client sends to change the method is ignored.
func TestMethodOverride(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.as(w.A.people["admin"], call("GET", "/items/"+w.A.own.String()), w.A).with("X-HTTP-Method-Override", "DELETE")
	w.want(r, 200)
	w.want(r, 200)
	for _, method := range []string{"TRACE", "PROPFIND", "delete", "PURGE"} {
		r.method = method
		if got := w.send(r); got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: got %v", method, got)
		}
	}
}
