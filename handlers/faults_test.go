package handlers

import (
	"net/http"
	"rowhouse/rest"
	"slices"
	"strings"
	"testing"
)

// An answer that is another than its description says is found, in whatever it differs; and so is a success that nobody should have had.
func TestUndocumentedIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	asked := w.as(admin, call("GET", "/items/"+w.A.own.String()), w.A)
	good := w.want(asked, 200)
	events := w.as(admin, call("GET", "/audit-events"), w.A)
	w.want(w.as(admin, call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A), 201)
	exported := w.want(w.as(admin, call("GET", "/items/export"), w.A), 200)
	made := func(r request) *http.Request {
		got, err := http.NewRequest(r.method, "http://rowhouse.test"+rest.Base+r.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if faults := undocumented(made(asked), good); faults != nil {
		t.Errorf("as described: got %v", faults)
	}
	body := func(from response, old, changed string) response {
		if !strings.Contains(from.body, old) {
			t.Errorf("%s is not in %v", old, from)
		}
		from.body = strings.Replace(from.body, old, changed, 1)
		return from
	}
	header := func(from response, name, value string) response {
		from.header = from.header.Clone()
		if from.header.Set(name, value); value == "" {
			from.header.Del(name)
		}
		return from
	}
	status := func(from response, status int) response {
		from.status = status
		return from
	}
	for name, c := range map[string]struct {
		request request
		answer  response
		want    string
	}{
		"a status":             {asked, status(good, 202), "answers 202 , which its description does not say"},
		"a code":               {asked, status(body(w.want(w.as(admin, call("GET", "/items/x"), w.A), 422), "validation_failed", "other"), 422), "answers 422 other, which its description does not say"},
		"a member":             {asked, body(good, `"name":`, `"secret":1,"name":`), "additional properties 'secret' not allowed"},
		"one that is missing":  {asked, body(good, `"description":"`+w.A.canary+`",`, ``), "missing property 'description'"},
		"null":                 {asked, body(good, `"name":"`+w.A.canary+`"`, `"name":null`), "got null, want string"},
		"another kind":         {asked, body(good, `"price_cents":100`, `"price_cents":"100"`), "got string, want integer"},
		"too large a number":   {asked, body(good, `"price_cents":100`, `"price_cents":3000000000`), "is no integer of 32 bits"},
		"another kind of id":   {asked, body(good, `"id":"item-`, `"id":"user-`), "does not match pattern"},
		"a time":               {asked, body(good, `"created_at":"2026-`, `"created_at":"26-`), "is not valid date-time"},
		"no ETag":              {asked, header(good, "ETag", ""), "the header ETag is in its description, and missing"},
		"a Location":           {asked, header(good, "Location", "/x"), "the header Location is not in its description"},
		"a content type":       {asked, header(good, "Content-Type", "text/html"), `the content type "text/html" is not in its description`},
		"a line of a stream":   {call("GET", "/items/export"), body(exported, `"name":`, `"nam":`), "additional properties 'nam' not allowed"},
		"a place that is none": {call("GET", "/nowhere"), response{404, http.Header{"Content-Type": {"application/json"}}, `{"error":"x"}`}, "missing properties"},
		"an event":             {events, body(w.want(events, 200), `"before":null`, `"before":1`), "want object"},
	} {
		if faults := undocumented(made(c.request), c.answer); !strings.Contains(strings.Join(faults, "\n"), c.want) {
			t.Errorf("%s: got %v, want %s", name, faults, c.want)
		}
	}

	g := &grammar{w: w}
	large := response{422, good.header, strings.Repeat("x", maxRefusal+1)}
	route := routeOf(t, "GET /items/:item_id")
	for name, c := range map[string]struct {
		caller caller
		answer response
		want   string
	}{
		"a 500":                    {caller{alive: true}, status(good, 500), "internal"},
		"a large refusal":          {caller{alive: true}, large, "large"},
		"the other tenant's row":   {caller{alive: true}, body(good, w.A.canary, w.B.canary), "leak"},
		"who should not be let in": {caller{}, good, "let in"},
	} {
		faults := g.faults(&phrase{caller: c.caller, route: route}, made(asked), c.answer)
		if !slices.ContainsFunc(faults, func(f fault) bool { return f.kind == c.want }) {
			t.Errorf("%s: got %v, want %s", name, faults, c.want)
		}
	}
	g.stateOf = stateQuery(w)
	for _, change := range []string{`UPDATE items SET price_cents = 7`, `DELETE FROM user_roles`, `UPDATE refresh_tokens SET created_at = now()`, `INSERT INTO artists (tenant_id, name) SELECT id, 'x' FROM tenants`} {
		if strings.Contains(change, "refresh_tokens") {
			w.db.Exec(`INSERT INTO refresh_tokens (hash, session_id) SELECT 'x', id FROM sessions LIMIT 1`)
		}
		g.state = ""
		before := g.changed()
		w.db.Exec(change)
		if g.state = ""; g.changed() == before {
			t.Errorf("%s is not seen", change)
		}
	}
	odd := *made(call("GET", "/items?page_size=201"))
	if wrong := operationOf("GET", rest.Base+"/items").unasked(&odd, ""); !strings.Contains(wrong, "query page_size") {
		t.Errorf("a request that is not as described: got %q", wrong)
	}
}
