package handlers

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/testdb"
)

var (
	grammarTime = flag.Duration("grammar", 0, "how long requests are made by the grammar; 0: a few hundred")
	grammarSeed = flag.Uint64("seed", 0, "of the grammar's choices; 0: another each time, where there is a time")
)

const (
	// grammarRound is how many requests are made of one world, which they wear out: callers are removed, demoted and renamed.
	grammarRound = 2500
)

// unsaid are the codes of values that no schema refuses, and why none can.
var unsaid = map[string]string{
	"password:min_length":          "of the normal form",
	"new_password:min_length":      "of the normal form",
	"to:range":                     "depends on another field",
	"ends_at:range":                "depends on another field, or on the row",
	"amount_cents:range":           "a number of a range, but for one of it",
	"image_url:format":             "an address is more than its length",
	"url:format":                   "an address is more than its length",
	"timezone:format":              "of the zones that there are",
	"currency:format":              "of the currencies that there are",
	"opening_hours:format":         "hours of days are more than their length",
	"code_of_conduct:required":     "the one that the table allows",
	"guardian_name:required":       "depends on another field, and on the day",
	"email:format":                 "an address is more than its length",
	"username:format":              "of the canonical form, not of what is sent",
	"token:invalid":                "depends on what was sent before",
	"password:incorrect":           "is the account's own, or not",
	"current_password:incorrect":   "is the account's own, or not",
	"artist_id:required_with_role": "depends on another field",
	"confirm:mismatch":             "is the name of the tenant",
	"Idempotency-Key:reused":       "depends on what was sent before",
	"username:unwanted":            "depends on the credential",
	"password:unwanted":            "depends on the credential",
	"password:required":            "depends on the credential",
	"bio:max_length":               "of the HTML, in bytes, before it is cleaned",
}

// unsaidCodes are those of rules that hold for every string and number.
var unsaidCodes = map[string]string{
	"encoding":            "JSON in which half a character stands is no text, but a parser may repair it",
	"control_character":   "NUL and its like",
	"type":                "1.0 and 1e2 are whole numbers of JSON, and not read as such",
	"reference_not_found": "depends on the rows that there are",
	"one_of":              "the refusal names the permissions that there are",
}

// fault is something that must not be.
type fault struct{ kind, text string }

// send gives the request to the handler itself, as net/http would; whether the connection would be broken off.
func (g *grammar) send(p *phrase) (made *http.Request, got response, broken bool) {
	target := p.target()
	at, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, got, false // net/http refuses it
	}
	body := p.body()
	made = &http.Request{
		Method: p.method, URL: at, RequestURI: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "rowhouse.test",
		Header: p.header(), Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), RemoteAddr: "192.0.2.1:1234",
	}
	made = made.WithContext(g.w.t.Context())
	recorder := httptest.NewRecorder()
	func() {
		defer func() {
			if r := recover(); r != nil {
				if err, ok := r.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
					panic(r)
				}
				broken = true
			}
		}()
		g.w.server.ServeHTTP(recorder, made)
	}()
	got = response{recorder.Code, recorder.Header(), recorder.Body.String()}
	g.state = ""
	if p.method == http.MethodHead {
		got.body = ""
	}
	return made, got, broken
}

// faults are those that an answer shows by itself.
func (g *grammar) faults(p *phrase, made *http.Request, got response) (all []fault) {
	add := func(kind, format string, args ...any) { all = append(all, fault{kind, fmt.Sprintf(format, args...)}) }
	if got.status == http.StatusInternalServerError {
		add("internal", "%v", got)
	}
	for _, text := range undocumented(made, got) {
		add("undocumented", "%s", text)
	}
	if n := len(got.body); got.status >= 400 && n > maxRefusal {
		add("large", "a refusal of %d bytes", n)
	}
	if strings.Contains(got.body+fmt.Sprint(got.header), g.w.B.canary) && p.route.Name != "platformTenantList" {
		add("leak", "another tenant's rows: %v", got)
	}
	superuser := p.caller.name == operatorName || p.caller.name == "superuser by header"
	if (!p.caller.alive && p.route.Scope == rest.TenantScope || !superuser && p.route.Scope == rest.PlatformScope) && got.status < 400 {
		add("let in", "who may not enter was let in: %v", got)
	}
	o := operationOf(made.Method, made.URL.Path)
	if o == nil {
		return all
	}
	wrong := o.unasked(made, p.body())
	if got.status < 300 && wrong != "" {
		add("accepted", "%d, although the request is not as described: %s", got.status, wrong)
	}
	if got.status == http.StatusUnprocessableEntity && wrong == "" {
		for _, name := range got.fields() {
			field, code, _ := strings.Cut(name, ":")
			isTime := slices.ContainsFunc(rest.FieldsOf(p.route.Input), func(f rest.Field) bool { return f.Name == field && f.Type == reflect.TypeFor[time.Time]() })
			if isTime && code == "format" { // a leap second, and small letters
				continue
			}
			if unsaid[name] == "" && unsaidCodes[code] == "" && p.route.Line == nil {
				add("refused "+field+" "+code, "%s is refused, and its schema admits it: %v", field, got)
			}
		}
	}
	return all
}

// changed is what of the database a refused request must leave as it is: of each table the rows, and their versions or when they were
// written. What counts and what is written after an answer is left out.
func (g *grammar) changed() string {
	if g.state == "" {
		g.state = testdb.Value[string](g.w.db, g.stateOf)
	}
	return g.state
}

func stateQuery(w *world) string {
	var parts []string
	for _, table := range testdb.Value[[]string](w.db, `
		SELECT array_agg(relname || CASE WHEN EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = c.oid AND attname = 'version') THEN '+' ELSE '' END)
		  FROM pg_class c
		 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		   AND relname NOT IN ('goose_db_version', 'rate_limits', 'account_events', 'passes', 'one_time_tokens')`) {
		name, versions := strings.CutSuffix(table, "+")
		measure := map[bool]string{true: "coalesce(sum(version), 0)", false: "coalesce(max(xmin::text::bigint), 0)"}[versions]
		parts = append(parts, fmt.Sprintf("(SELECT concat('%s ', count(*), ' ', %s) FROM %[1]s)", name, measure))
	}
	return "SELECT concat_ws('; ', " + strings.Join(parts, ", ") + ")"
}

// step makes one request and looks at its answer from all sides.
func (g *grammar) step() (p *phrase, got response, all []fault) {
	p = g.phrase()
	before := g.changed()
	made, got, broken := g.send(p)
	if made == nil {
		return p, got, nil
	}
	all = g.faults(p, made, got)
	if broken {
		all = append(all, fault{"broken", "a stream was broken off"})
	}
	reads := p.method == http.MethodGet || p.method == http.MethodHead
	if (got.status >= 400 || reads) && p.route.Name != "sessionRefresh" { // whose reuse ends the session
		if after := g.changed(); after != before {
			all = append(all, fault{"changed", fmt.Sprintf("%d, and rows were changed: %s", got.status, cmp.Diff(strings.Split(before, "; "), strings.Split(after, "; ")))})
		}
	}
	if p.method == http.MethodHead {
		get := *p
		get.method = http.MethodGet
		if _, full, _ := g.send(&get); full.status != got.status || headers(full) != headers(got) {
			all = append(all, fault{"head", fmt.Sprintf("HEAD is %d %s, GET %d %s", got.status, headers(got), full.status, headers(full))})
		}
	}
	if got.status < 300 && !reads && got.header.Get("Idempotent-Replayed") == "" {
		all = append(all, g.readBack(p, got)...)
	}
	g.learn(p, got)
	return p, got, all
}

// seek makes what follows be of the operations and callers that nothing has succeeded for.
func (g *grammar) seek(reached map[string]bool) {
	g.routesLeft, g.callersLeft = nil, nil
	for i := range routes {
		if !reached[routes[i].Pattern] {
			g.routesLeft = append(g.routesLeft, &routes[i])
		}
	}
	for _, c := range g.callers {
		if c.alive && !reached[c.name] {
			g.callersLeft = append(g.callersLeft, c)
		}
	}
}

func headers(r response) string {
	var all []string
	for _, name := range []string{"Content-Type", "Content-Length", "ETag", "Cache-Control", "Link", "WWW-Authenticate", "Allow"} {
		all = append(all, name+": "+r.header.Get(name))
	}
	return strings.Join(all, ", ")
}

// asAdmin reads an address of the house as one who sees everything.
func (g *grammar) asAdmin(path string) response {
	p := phrase{method: http.MethodGet, path: path}
	p.caller = g.eyes
	_, got, _ := g.send(&p)
	return got
}

// readBack compares what was written with what was sent, and with what is read.
func (g *grammar) readBack(p *phrase, got response) (all []fault) {
	add := func(format string, args ...any) { all = append(all, fault{"read back", fmt.Sprintf(format, args...)}) }
	if p.route.Scope != rest.TenantScope || p.caller.name == "spare admin" || p.route.Line != nil {
		return nil
	}
	if strings.HasPrefix(p.route.Pattern, "DELETE ") {
		if reader(p.path) != nil {
			if read := g.asAdmin(p.path); read.status != http.StatusNotFound {
				add("it was deleted, and is read: %v", read)
			}
		}
		return all
	}
	var answer struct{ Content map[string]json.RawMessage }
	_ = json.Unmarshal([]byte(got.body), &answer)
	for name, raw := range answer.Content {
		var written map[string]any
		_ = json.Unmarshal(raw, &written)
		id, _ := written["id"].(string)
		path := strings.TrimPrefix(got.header.Get("Location"), rest.Base)
		if path == "" && id != "" {
			path = strings.Join(strings.Split(p.path, "/")[:2], "/") + "/" + id
		}
		switch name {
		case "tenant":
			path = "/tenant"
		case "delivery": // which stands below its endpoint
			path = fmt.Sprint("/webhooks/", written["webhook_id"], "/deliveries/", id)
		}
		if written == nil || reader(path) == nil {
			continue
		}
		var read struct{ Content map[string]json.RawMessage }
		var is map[string]any
		if again := g.asAdmin(path); json.Unmarshal([]byte(again.body), &read) != nil || again.status != http.StatusOK || json.Unmarshal(read.Content[name], &is) != nil {
			add("it was written, and %s is %v", path, again)
			continue
		}
		delete(is, "last_login")
		delete(written, "last_login")
		if diff := cmp.Diff(written, is); diff != "" {
			add("what was answered and what is read differ: %s", diff)
		}
		for _, m := range p.members {
			var field string
			var sent any
			if json.Unmarshal([]byte(m.name), &field) != nil || json.Unmarshal([]byte(m.value), &sent) != nil {
				continue
			}
			kept, known := is[field]
			if known && !asSent(field, sent, kept) && field != "scopes" && field != "permissions" {
				add("%s was sent as %s and is %v", field, m.value, kept)
			}
		}
	}
	return all
}

// reader is the operation that reads one row at a path; nil when there is none.
func reader(path string) *rest.Route {
	if o := operationOf(http.MethodGet, rest.Base+path); o != nil && o.route != nil && reflect.PointerTo(o.route.Output).Implements(reflect.TypeFor[rest.Resource]()) {
		return o.route
	}
	return nil
}

// asSent says that a field is as it was sent, up to what every reader of the documentation expects.
func asSent(field string, sent, kept any) bool {
	text, isText := sent.(string)
	if !isText {
		return cmp.Equal(sent, kept)
	}
	text = strings.TrimSpace(text)
	keptText, _ := kept.(string)
	switch field {
	case "email", "username", "bio":
		return true // in canonical form, and cleaned
	case "instagram":
		return strings.TrimLeft(text, "@ ") == keptText
	}
	var one, other ids.EntityID
	if one.Parse(text) == nil && other.Parse(keptText) == nil {
		return one == other
	}
	return text == keptText
}

// shrink leaves out of a request whatever it shows the same fault without.
func (g *grammar) shrink(p *phrase, kind string) {
	shows := func() bool {
		made, got, _ := g.send(p)
		return made != nil && slices.ContainsFunc(g.faults(p, made, got), func(f fault) bool { return f.kind == kind })
	}
	for _, part := range []*[]pair{&p.headers, &p.query, &p.members} {
		for i := 0; i < len(*part); {
			whole := *part
			if *part = slices.Delete(slices.Clone(whole), i, i+1); !shows() {
				*part = whole
				i++
			}
		}
	}
}

// The whole API holds for whatever is sent: no answer is a 500, or not as described; what its schema admits is accepted, and what it
// does not is refused; nothing of another tenant is shown; a refusal is small, and changes nothing; what was written is read; HEAD is
// GET. Every operation, and every kind of caller that may enter, succeeds at least once.
func TestGrammar(t *testing.T) {
	t.Parallel()
	seed := *grammarSeed
	if seed == 0 && *grammarTime > 0 { // among the other tests it asks the same each time
		seed = uint64(time.Now().UnixNano())
	}
	began, asked, inTime := time.Now(), 0, 0
	statuses := map[string]map[int]int{}
	reached := map[string]bool{}
	for i := range routes {
		reached[routes[i].Pattern] = routes[i].Name == "tenantImport" // takes an archive, which no grammar makes
	}
	found := map[string]int{}
	complete := func() bool { return !slices.Contains(slices.Collect(maps.Values(reached)), false) }
	more := func() bool {
		if *grammarTime == 0 {
			return asked < 600
		}
		if time.Since(began) < *grammarTime {
			inTime = asked
			return true
		}
		return !complete() && asked < 3*inTime
	}
	for round := uint64(0); more(); round++ {
		w := newWorld(t)
		w.odd = true // the faults are told below
		g := newGrammar(w, seed+round)
		for _, c := range g.callers {
			if _, known := reached[c.name]; c.alive && !known {
				reached[c.name] = false
			}
		}
		other := snapshot(w, w.B)
		for n := 0; n < grammarRound && more(); n++ {
			if n%200 == 199 {
				g.look()
			}
			if n%20 == 0 && *grammarTime > 0 && time.Since(began) > *grammarTime {
				g.seek(reached)
			}
			p, got, faults := g.step()
			if got.status == 0 {
				continue
			}
			asked++
			if statuses[p.route.Pattern] == nil {
				statuses[p.route.Pattern] = map[int]int{}
			}
			statuses[p.route.Pattern][got.status]++
			if got.status < 300 {
				reached[p.route.Pattern] = true
				if _, kind := reached[p.caller.name]; kind {
					reached[p.caller.name] = true
				}
			}
			for _, f := range faults {
				key := p.route.Pattern + " " + f.kind
				if found[key]++; found[key] == 1 {
					g.shrink(p, f.kind)
					t.Errorf("%s: %.3000s\n-seed %d, request %d: %s", key, f.text, seed+round, n, p.curl())
				}
			}
		}
		if diff := cmp.Diff(other, snapshot(w, w.B)); diff != "" {
			t.Errorf("-seed %d: the other tenant has changed: %s", seed+round, diff)
		}
	}
	if *grammarTime > 0 {
		for what, ok := range reached {
			if !ok {
				t.Errorf("%s: nothing succeeded", what)
			}
		}
	}
	var table strings.Builder
	for _, pattern := range slices.Sorted(maps.Keys(statuses)) {
		fmt.Fprintf(&table, "\n%-42s", pattern)
		for _, status := range slices.Sorted(maps.Keys(statuses[pattern])) {
			table.WriteString(" " + strconv.Itoa(status) + "×" + strconv.Itoa(statuses[pattern][status]))
		}
	}
	t.Logf("-seed %d: %d requests, %.0f a second%s", seed, asked, float64(asked)/time.Since(began).Seconds(), table.String())
	for key, n := range found {
		t.Logf("%d× %s", n, key)
	}
}
