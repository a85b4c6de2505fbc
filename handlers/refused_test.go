package handlers

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rowhouse/ids"
	"rowhouse/rest"
)

// hostile is a request that is refused, as large as it may be.
type hostile struct {
	name string
	request
}

const (
	// hostileBody is the limit of bodies in these tests, also of imports, in bytes: large enough to show what is done for each byte.
	hostileBody = 128 << 10
	// largestHeader is about what net/http takes of a header.
	largestHeader = (16 << 10)
)

// sized makes bodies of a size, in bytes.
type sized int

// filled repeats what each makes of a number until the whole is as large as a body may be.
func (size sized) filled(opening, closing string, each func(n int) string) string {
	var b strings.Builder
	b.WriteString(opening)
	for n := 0; ; n++ {
		part := each(n)
		if n > 0 {
			part = "," + part
		}
		if b.Len()+len(part)+len(closing) > int(size) {
			break
		}
		b.WriteString(part)
	}
	return b.String() + closing
}

func always(text string) func(int) string { return func(int) string { return text } }

func (size sized) repeated(opening, text, closing string) string {
	return opening + strings.Repeat(text, (int(size)-len(opening)-len(closing))/len(text)) + closing
}

// surplus are bodies that no operation takes, whatever its fields.
func (size sized) surplus() map[string]string {
	return map[string]string{
		"unknown keys":          size.filled("{", "}", func(n int) string { return fmt.Sprintf(`"%x":1`, n) }),
		"one unknown key":       size.filled("{", "}", always(`"a":1`)),
		"escaped keys":          size.filled("{", "}", func(n int) string { return fmt.Sprintf(`"\u0001%x":1`, n) }),
		"keys of no text":       size.filled("{", "}", func(n int) string { return fmt.Sprintf("\"\xff%x\":1", n) }),
		"half surrogates":       size.filled("{", "}", func(n int) string { return fmt.Sprintf(`"\ud800%x":1`, n) }),
		"a long key":            size.repeated(`{"`, `a`, `":1}`),
		"a long escaped key":    size.repeated(`{"`, `\u0001`, `":1}`),
		"some long keys":        size.filled("{", "}", func(n int) string { return fmt.Sprintf(`"%s%d":1`, strings.Repeat(`\u0001`, 500), n) }),
		"keys within a key":     size.filled(`{"a":{`, "}}", func(n int) string { return fmt.Sprintf(`"%x":1`, n) }),
		"lists within a key":    size.filled(`{"a":[`, "]}", always(`[]`)),
		"brackets":              strings.Repeat("[", int(size)),
		"keys, and no end":      size.filled("{", "", func(n int) string { return fmt.Sprintf(`"%x":1`, n) }),
		"keys, and more after":  size.filled("{", "}{", func(n int) string { return fmt.Sprintf(`"%x":1`, n) }),
		"one byte too many":     strings.Repeat(" ", int(size)+1),
		"a list, no object":     size.filled("[", "]", always(`1`)),
		"braces within braces":  size.repeated("", `{"a":`, ""),
		"keys of a small body":  size.filled("{", "}", func(n int) string { return fmt.Sprintf(`"%x":1`, n) })[:(4<<10)/2] + `":1}`,
		"blanks, then a number": strings.Repeat(" ", int(size)-1) + "1",
	}
}

// fieldBodies are wrong values of one field.
func (size sized) fieldBodies(field string) map[string]string {
	as := `{"` + field + `":`
	return map[string]string{
		"a list":            size.filled(as+"[", "]}", always(`"a"`)),
		"a list of numbers": size.filled(as+"[", "]}", always(`1`)),
		"an object listed":  size.filled(as+"[{", "}]}", func(n int) string { return fmt.Sprintf(`"%x":1`, n) }),
		"a text":            size.repeated(as+`"`, "a", `"}`),
		"an escaped text":   size.repeated(as+`"`, `\u00e4`, `"}`),
		"a decomposed text": size.repeated(as+`"`, "a\u0323\u0302@", `"}`),
		"controls":          size.repeated(as+`"`, `\u0001`, `"}`),
		"no text":           size.repeated(as+`"`, "\xff", `"}`),
		"a long number":     size.repeated(as, "1", `}`),
		"an object":         size.filled(as+"{", "}}", func(n int) string { return fmt.Sprintf(`"%x":1`, n) }),
	}
}

// files are what no import takes, by media type.
func (size sized) files() map[string]map[string]string {
	return map[string]map[string]string{
		rest.NDJSON: {
			"bad lines":          size.repeated("", "{}\n", ""),
			"broken lines":       size.repeated("", "x\n", ""),
			"a long line":        size.repeated(`{"name":"`, "a", `"}`),
			"a line of keys":     size.filled("{", "}", func(n int) string { return fmt.Sprintf(`"%x":1`, n) })[:(64<<10)-10] + `":1}`,
			"one bad at the end": size.repeated("", `{"name":"a","price_cents":1}`+"\n", "{}"),
		},
		rest.CSV: {
			"columns":        size.repeated("", "a,", "a\n"),
			"few columns":    size.repeated("", "a,", "a\n")[int(size)-(64<<10)/2:],
			"a long column":  size.repeated("", "a", "\n"),
			"an open quote":  size.repeated("name,price_cents\n\"", "a\n", ""),
			"bad lines":      size.repeated("name,price_cents\n", ",\n", ""),
			"many cells":     size.repeated("name,price_cents\n", ",", "\n"),
			"a header alone": size.repeated("name,price_cents,", "a,", ""),
		},
	}
}

// hostiles are the worst requests of a route, none of which is accepted.
func (w *world) hostiles(route *rest.Route, size sized) (all []hostile) {
	size = min(size, sized(w.server.BodyLimit(route)))
	method, path, _ := strings.Cut(route.Pattern, " ")
	who, row := w.A.people["admin"], ids.New[ids.ItemID]().UUID()
	known := func(r request) request {
		switch route.Scope {
		case rest.PublicScope:
			return r
		case rest.AccountScope, rest.PlatformScope:
			return w.as(who, r)
		}
		return w.as(who, r, w.A)
	}
	plain := call(method, colons.ReplaceAllString(path, row))
	add := func(name string, r request) { all = append(all, hostile{name, r}) }
	media := append(route.Accepts, "application/json")[0]
	long := strings.Repeat("a", largestHeader)

	add("unknown parameters", known(request{method, plain.path + "?" + strings.Repeat("a&", largestHeader/2), plain.header, ""}))
	add("a long parameter", known(request{method, plain.path + "?" + strings.Repeat("%01", largestHeader/3), plain.header, ""}))
	add("a broken query", known(request{method, plain.path + "?" + strings.Repeat("%zz&", largestHeader/4), plain.header, ""}))
	for _, f := range rest.FieldsOf(route.Input) {
		switch f.Source {
		case "query":
			add("a long "+f.Name, known(request{method, plain.path + "?" + f.Name + "=" + strings.Repeat("%01", largestHeader/3), plain.header, ""}))
			add("again and again "+f.Name, known(request{method, plain.path + "?" + strings.Repeat(f.Name+"=&", largestHeader/(len(f.Name)+2)), plain.header, ""}))
		case "path":
			add("a long path", known(call(method, strings.ReplaceAll(plain.path, row, long))))
		}
	}
	if route.Conditional() {
		tags := known(plain).with("If-Match", strings.Repeat(`"999.x",`, largestHeader/8))
		if method == http.MethodPatch {
			tags = tags.json(`{}`)
		}
		if strings.Contains(path, ":") { // of a row that is not there
			add("many tags", tags)
		}
		add("broken tags", known(plain).with("If-Match", strings.Repeat(`"999.x",`, largestHeader/8)+"x"))
	}
	if route.Scope != rest.PublicScope || route.Welcomes {
		for _, credential := range []string{long, "Bearer " + long, "Bearer " + strings.Repeat("a.", largestHeader/2), "Bearer rh_" + long, "Bearer" + strings.Repeat(" ", largestHeader)} {
			add("a credential "+credential[:9], plain.with("Authorization", credential))
		}
		add("a long key", plain.with("X-API-Key", "rh_"+long))
		add("two credentials", plain.with("X-API-Key", long).with("Authorization", long))
		add("a long way", plain.with("Authorization", "x").with("X-Forwarded-For", strings.Repeat("127.0.0.1,", largestHeader/10)))
	}
	if route.Scope == rest.TenantScope {
		add("a long tenant", w.as(who, plain).with("X-Tenant-Id", long))
	}
	if method == http.MethodPost {
		add("a long Idempotency-Key", known(plain).with("Idempotency-Key", long))
	}
	if method == http.MethodGet {
		return all
	}
	text := func(body, media string) request { return with(known(plain), body, media) }
	add("a long media type", text("{}", media+";charset=latin1"+strings.Repeat(";a=b", largestHeader/4)))
	add("no JSON", text(strings.Repeat(" ", int(size)), "text/plain"))
	add("a coding", text(strings.Repeat(" ", int(size)), media).with("Content-Encoding", strings.Repeat("gzip,", largestHeader/5)))
	for _, m := range route.Accepts {
		for name, body := range size.files()[m] {
			add(m+": "+name, text(body, m))
		}
	}
	if route.Accepts != nil {
		return all
	}
	for name, body := range size.surplus() {
		add(name, text(body, media))
	}
	for _, f := range rest.FieldsOf(route.Input) {
		if f.Source == "json" {
			for name, body := range size.fieldBodies(f.Name) {
				add(f.Name+": "+name, text(body, media))
			}
		}
	}
	return all
}

// answered is what a request came to, without a network.
type answeredRequest struct {
	http.ResponseWriter
	header http.Header
	status int
	size   int
	text   []byte // its beginning
}

func (a *answeredRequest) Header() http.Header    { return a.header }
func (a *answeredRequest) WriteHeader(status int) { a.status = status }
func (a *answeredRequest) Write(p []byte) (int, error) {
	a.size += len(p)
	a.text = append(a.text, p[:min(len(p), 200-min(200, len(a.text)))]...)
	return len(p), nil
}

// served makes the function that serves a request, again each time.
func (w *world) served(r request) func() *answeredRequest {
	made := httptest.NewRequest(r.method, rest.Base+strings.ReplaceAll(r.path, " ", "%20"), nil)
	made.Header, made.RemoteAddr = r.header, "127.0.0.1:1"
	text := []byte(r.body)
	return func() *answeredRequest {
		made.Body, made.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		answer := &answeredRequest{header: http.Header{}, text: make([]byte, 0, 200)}
		w.server.ServeHTTP(answer, made)
		return answer
	}
}

func hostileWorld(t testing.TB, size int64) *world {
	return newWorldAs(t, "rowhouse_server", func(c *Config) {
		c.ImportLimit, c.BodyLimit, c.TrustedProxies = size, size, []string{"127.0.0.1"}
	})
}

// maxRefusal is how large the answer to a refused request may be, in bytes.
const maxRefusal = 64 << 10

// However large and however wrong a request is, its refusal is small.
func TestRefusalsAreSmall(t *testing.T) {
	t.Parallel()
	w := hostileWorld(t, hostileBody)
	for i := range routes {
		for _, h := range w.hostiles(&routes[i], hostileBody) {
			if got := w.served(h.request)(); got.status < 400 || got.status >= 500 || got.size > maxRefusal {
				t.Errorf("%s, %s: got %d and %d bytes, want a refusal of at most %d: %s", routes[i].Pattern, h.name, got.status, got.size, maxRefusal, got.text)
			}
		}
	}
}

// A body may be as long as its longest values, escaped throughout, and the longest that is read is far below BODY_LIMIT.
func TestBodyLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	body := func(blanks int) request {
		longest := func(n int) string { return strings.Repeat(`\ud83d\ude00`, n) }
		return w.as(admin, call("POST", "/items").json(`{"name":"`+longest(100)+`","description":"`+longest(500)+`","price_cents":5}`+strings.Repeat(" ", blanks)), w.A)
	}
	limit := 16 << 10
	w.want(body(limit-len(body(0).body)), 201)
	got := w.want(body(limit-len(body(0).body)+1), 413, "body_too_large")
	if detail := refusalOf(t, got).Detail; detail != "The body may have at most 16 KiB." {
		t.Errorf("got %q", detail)
	}
	for i := range routes {
		if limit := w.server.BodyLimit(&routes[i]); routes[i].Accepts == nil && limit > 160<<10 {
			t.Errorf("%s reads a body of %d bytes", routes[i].Pattern, limit)
		}
	}
}

// Of what is wrong a hundred are listed, the rest is counted, and what the client called it is cut short.
func TestProblemsAreCapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	surplus := func(n int) string {
		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprintf(`"k%d":1`, i))
		}
		return "{" + strings.Join(keys, ",") + `,"login":"a","password":"b"}`
	}
	for n, more := range map[int]string{100: "fields.", 101: " … and 1 more.", 1000: " … and 900 more."} {
		got := w.want(call("POST", "/auth/login").json(surplus(n)), 422, "validation_failed")
		detail := refusalOf(t, got).Detail
		if fields := got.fields(); len(fields) != 100 || fields[0] != "k0:unknown_field" || !strings.HasSuffix(detail, more) {
			t.Errorf("%d keys: got %d fields and %q", n, len(fields), detail)
		}
	}
	long := refusalOf(t, w.want(call("POST", "/auth/login").json(`{"`+strings.Repeat("ä", 5000)+`":1}`), 422)).Fields
	if got, want := long[len(long)-1].Field, strings.Repeat("ä", 64/2)+"…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	admin := w.A.people["admin"]
	role := func(permissions string) response {
		return w.want(w.as(admin, call("POST", "/roles").json(`{"name":"","permissions":`+permissions+`}`), w.A), 422)
	}
	many := "[" + strings.Repeat(`{"a":[`, 10) + strings.Repeat(`]}`, 10) + strings.Repeat(`,5`, 5000) + "]"
	if got := fmt.Sprint(role(many).fields()); got != "[name:min_length permissions:max_items]" {
		t.Errorf("a list that is too long: got %s", got)
	}
	if got := role(`[` + strings.Repeat(`"x",`, 99) + `"x"]`); len(got.fields()) != 100 || len(got.body) > 16<<10 {
		t.Errorf("a hundred wrong names: got %d fields and %d bytes", len(got.fields()), len(got.body))
	}
}

// refusalOf is what a refusal says.
func refusalOf(t *testing.T, r response) (e rest.Error) {
	t.Helper()
	return page[struct{ Content rest.Error }](t, r).Content
}
