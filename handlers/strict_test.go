package handlers

import (
	"slices"
	"strings"
	"testing"

	"rowhouse/rest"
	"rowhouse/testdb"
)

// A condition that cannot be read is refused, also an empty one, so that nobody writes unguarded who meant to guard. The version is what
// stands before the dot, written in the one way that we write it.
func TestStrictConditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	item := "/items/" + w.A.own.String()
	patch := w.as(w.A.people["admin"], call("PATCH", item).json(`{}`), w.A)
	for header, want := range map[string]int{
		``: 400, ` `: 400, `,`: 400, `1.x`: 400, `"1.x`: 400, `1.x"`: 400, `w/"1.x"`: 400, `W/1.x`: 400, `W/*`: 400, `*, "1.x"`: 400, `"1.x" "2.x"`: 400, `"1.a b"`: 400,
		strings.Repeat(`"9.x",`, 100) + `"1.x"`: 400,
		`"+1.x"`:                                412, `"01.x"`: 412, `"1"`: 412, `"1,x"`: 412, `" 1.x"`: 400, `"-1.x"`: 412, `"0x1.x"`: 412, `"1e0.x"`: 412, `".x"`: 412, `""`: 412, `W/"2.x"`: 412,
		`"99999999999999999999.x"`: 412,
		`"1.x"`:                    200, `W/"1.x"`: 200, `"1.x-gzip"`: 200, `W/"9.x", W/"1."`: 200, `,"9.x",,"1.x"`: 200, `*`: 200, ` * `: 200,
		strings.Repeat(`"9.x",`, 100-1) + `"1.x"`: 200,
	} {
		if got := w.send(patch.with("If-Match", header)); got.status != want {
			t.Errorf("If-Match: %.60s: got %v, want %d", header, got, want)
		}
	}
	w.want(patch.with("If-Match", `"9.x"`).with("If-Match", `"1.x"`), 200) // two lines are one list
	w.want(patch.with("If-Match", `"9.x"`).with("If-Match", ``), 412)
	w.want(w.as(w.A.people["admin"], call("DELETE", item).with("If-Match", ``), w.A), 400, "malformed_header")
	get := w.as(w.A.people["admin"], call("GET", item), w.A)
	w.want(get.with("If-None-Match", `"x"`).with("If-None-Match", w.want(get, 200).header.Get("ETag")), 304)
}

// A cursor has one writing.
func TestStrictCursors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := func(more string) request {
		return w.as(w.both, call("GET", "/items?page_size=1"+more), w.A)
	}
	cursor := *page[struct{ Page struct{ Next *string } }](t, w.want(list(""), 200)).Page.Next
	w.want(list("&cursor="+cursor), 200)
	for _, other := range []string{cursor + "%0A", cursor + "%0D", "%0A" + cursor, cursor[:9] + "%0D%0A" + cursor[9:], cursor + "=", cursor + "%20", cursor + "%00"} {
		w.want(list("&cursor="+other), 400, "invalid_cursor")
	}
}

// A time is one of RFC 3339, and nothing that is like it; T and Z may be small, as the RFC has it.
func TestTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, text := range []string{
		"2026-01-31T00:00:00+24:00", "2026-01-31T00:00:00+23:60", "2026-01-31T00:00:00,5Z", "2026-01-31T00:00:00.Z", "2026-01-31T24:00:00Z", "2026-01-31T00:60:00Z",
		"2026-01-31T00:00:60Z", "2026-01-31T0:00:00Z", "2026-01-31 00:00:00Z", "2026-01-31T00:00Z", "2026-01-31T00:00:00", "2026-01-31T00:00:00+0100", "2026-01-31T00:00:00+1:00",
		"2026-02-29T00:00:00Z", "2026-01-31T00:00:00Z\n", " 2026-01-31T00:00:00Z", "2026-01-31", "1769817600", "２026-01-31T00:00:00Z", "12026-01-31T00:00:00Z", "",
	} {
		escaped := strings.NewReplacer(" ", "%20", "+", "%2B", "\n", "%0A").Replace(text)
		got := w.want(w.as(w.A.people["admin"], call("GET", "/audit-events?since="+escaped), w.A), 422)
		if fields := got.fields(); !slices.Equal(fields, []string{"since:format"}) {
			t.Errorf("%q: got %v", text, fields)
		}
	}
	w.want(w.as(w.A.people["admin"], call("GET", "/audit-events?since=2026-01-31t00:00:00z&until=2027-01-31T00:00:00%2B01:00"), w.A), 200)
}

// The body is read as it is: one that is packed is refused, with what is taken instead.
func TestContentEncoding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	create := w.as(w.A.people["admin"], call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A)
	file := w.importAs(w.A.people["admin"], w.A, rest.NDJSON, `{"name":"x","price_cents":1}`)
	for _, r := range []request{create, file} {
		for _, coding := range []string{"gzip", "br", "identity, gzip", "", "x"} {
			if got := w.want(r.with("Content-Encoding", coding), 415, "unsupported_media_type"); got.header.Get("Accept-Encoding") != "identity" {
				t.Errorf("%s: got %v", coding, got.header)
			}
		}
		w.want(r.with("Content-Encoding", "identity").with("Content-Encoding", "gzip"), 415)
		if got := w.send(r.with("Content-Encoding", "Identity")); got.status >= 300 {
			t.Errorf("identity: got %v", got)
		}
	}
}

// A line of NDJSON is stored as the same body of a create is, an empty text as an empty text; an empty cell of CSV is left out.
func TestOneDecoder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	stored := func() string {
		return testdb.Value[string](w.db, `SELECT string_agg(concat_ws(':', name, coalesce('"' || description || '"', 'null')), ' ' ORDER BY name) FROM items WHERE name LIKE 'one-%'`)
	}
	lines := []string{`"name":"one-a","description":""`, `"name":"one-b","description":null`, `"name":"one-c"`, `"name":"one-d","description":" \t "`, `"name":"one-e","description":" x\ny "`}
	var file strings.Builder
	for _, line := range lines {
		w.want(w.as(admin, call("POST", "/items").json(`{`+line+`,"price_cents":1}`), w.A), 201)
		file.WriteString(`{` + line + `,"price_cents":1}` + "\n")
	}
	want := stored()
	w.db.Exec(`DELETE FROM items WHERE name LIKE 'one-%'`)
	w.want(w.importAs(admin, w.A, rest.NDJSON, file.String()), 200)
	if got := stored(); got != want || !strings.Contains(got, `one-a:"" one-b:null one-c:null one-d:""`) {
		t.Errorf("got %s, want %s", got, want)
	}
	w.db.Exec(`DELETE FROM items WHERE name LIKE 'one-%'`)
	w.want(w.importAs(admin, w.A, rest.CSV, "name,price_cents,description\none-a,1,\none-b,1,\"\"\none-c,1,x\n"), 200)
	if got := stored(); got != `one-a:null one-b:null one-c:"x"` {
		t.Errorf("got %s", got)
	}
}

// What an adapter itself answers is in the description of each route that it serves.
func TestAdaptersAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // which compares each answer with the description
	w.server, w.URL = w.serve(w.db.Server(), worldConfig(func(c *Config) { c.BodyLimit, c.ImportLimit = 1<<10, 1<<10 }))
	admin := w.A.people["admin"]
	key := w.key(w.A, admin, "").Key
	row := w.A.own.UUID()
	for i := range routes {
		method, path, _ := strings.Cut(routes[i].Pattern, " ")
		plain := call(method, colons.ReplaceAllString(path, row))
		bad := call(method, plain.path+"?surplus=1") // so that nothing is done
		for _, r := range []request{
			bad, bad.with("Authorization", "Bearer x").with("X-API-Key", "y"), bad.with("Authorization", "Basic eDp5"), bad.with("Authorization", "Bearer x"),
			bad.with("X-API-Key", "rh_x"), byKey(key, bad), w.as(w.nobody, bad, w.A), w.as(admin, bad), w.as(admin, bad).with("X-Tenant-Id", "x"),
			w.as(admin, bad, w.A).with("X-Tenant-Id", w.A.id.String()), byKey(key, bad).with("X-Tenant-Id", w.A.id.String()),
			w.as(admin, bad, w.A).with("Idempotency-Key", ""), w.as(admin, bad, w.A).with("Idempotency-Key", "k"), w.as(admin, bad, w.A).with("If-Match", ""),
			w.as(admin, bad, w.A).json(`{`), w.as(admin, bad, w.A).json(`{"surplus":1}`), with(w.as(admin, bad, w.A), `{}`, "text/plain"),
			w.as(admin, bad, w.A).json(strings.Repeat(" ", 1<<10+1)), w.as(admin, call(method, plain.path+"?%zz"), w.A),
		} {
			if got := w.send(r); got.status < 400 && routes[i].Scope != rest.PublicScope {
				t.Errorf("%s: got %v", routes[i].Pattern, got)
			}
		}
	}
}
