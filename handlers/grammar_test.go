package handlers

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/testdb"
)

// A grammar makes requests of the route table: of every operation, by every kind of caller, with values that are good, nearly good, and
// bad in all ways that we could think of. It knows the rows of one world, and what earlier answers told.
type grammar struct {
	w       *world
	r       *rand.Rand
	callers []caller
	nobody  ids.TenantID // of no house
	spare   house        // to be given up, suspended and erased
	eyes    caller       // sees everything of the house, and is never lost
	made    int          // names that are new

	rows    map[string][]string // ids by the kind in their prefix
	names   map[string][]string // what stands in a path in place of an id, by parameter
	foreign map[string][]string // of the other house
	cursors map[string][]string // by pattern
	tags    map[string]string   // the last ETag by path

	// What is made while there is any: of what has not succeeded yet.
	routesLeft  []*rest.Route
	callersLeft []caller

	odd bool // whether this request is to be odd in some way

	stateOf string // the query of what changed
	state   string // its answer; empty when it may be another by now
}

// pair is a header, a query parameter, or a member of a body as JSON.
type pair struct{ name, value string }

// phrase is one request that a grammar made, in parts that can be left out one by one.
type phrase struct {
	caller  caller
	route   *rest.Route
	method  string
	path    string
	query   []pair
	headers []pair
	members []pair // of a JSON body; nil where raw is the body
	raw     string
}

func (p *phrase) body() string {
	if p.members == nil {
		return p.raw
	}
	parts := make([]string, len(p.members))
	for i, m := range p.members {
		parts[i] = m.name + ":" + m.value
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (p *phrase) target() string {
	target := rest.Base + p.path
	for i, q := range p.query {
		target += map[bool]string{true: "?", false: "&"}[i == 0] + q.name + "=" + q.value
	}
	return target
}

// header are the request's own headers, and its caller's.
func (p *phrase) header() http.Header {
	r := request{header: http.Header{}}
	for _, h := range p.headers {
		r = r.with(h.name, h.value)
	}
	return p.caller.with(r).header
}

// curl is the request as it can be sent by hand, to a server that stands at $URL.
func (p *phrase) curl() string {
	var b strings.Builder
	fmt.Fprintf(&b, "curl -i -X %s \"$URL\"%s", p.method, quoted(p.target()))
	for name, values := range p.header() {
		for _, value := range values {
			fmt.Fprintf(&b, " -H %s", quoted(name+": "+value))
		}
	}
	if body := p.body(); body != "" {
		fmt.Fprintf(&b, " --data-binary %s", quoted(body[:min(len(body), 2000)]))
	}
	return b.String() + "   # " + p.caller.name
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func newGrammar(w *world, seed uint64) *grammar {
	g := &grammar{
		w: w, r: rand.New(rand.NewPCG(seed, 0)), callers: w.callers(w.A), nobody: ids.New[ids.TenantID](),
		rows: map[string][]string{}, foreign: map[string][]string{}, cursors: map[string][]string{}, tags: map[string]string{},
	}
	g.eyes = g.visitor("superuser")
	operator := w.account("operator-of-all")
	w.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, operator.account)
	g.callers = append(g.callers, caller{operatorName, func(r request) request { return w.as(operator, r) }, true, false})
	for _, table := range tablesOfPaths() {
		w.inEveryState(w.A, table)
	}
	w.db.Exec(`UPDATE tenants SET is_public = true WHERE id = $1`, w.A.id)
	g.names = map[string][]string{
		"tenant_slug": {testdb.Value[string](w.db, `SELECT slug FROM tenants WHERE id = $1`, w.A.id)},
		"username": testdb.Value[[]string](w.db, `
			SELECT array_agg(username ORDER BY id) FROM users WHERE tenant_id = $1 AND is_active AND public_profile AND search_visibility = 'public'`, w.A.id),
		"subject": {"items", "users", "jobs", "audit_events"},
	}
	g.stateOf = stateQuery(w)
	g.look()
	return g
}

// look reads which rows there are: others than the callers themselves, so that they last.
func (g *grammar) look() {
	tables := tablesOfPaths()
	tables["artist_id"] = "artists"
	for parameter, table := range tables {
		for h, rows := range map[*house]map[string][]string{&g.w.A: g.rows, &g.w.B: g.foreign} {
			where := ""
			if table == "users" {
				where = ` AND username LIKE ANY ('{state-%,row-%,new-%}')`
			}
			rows[kindOf(parameter)] = testdb.Value[[]string](g.w.db, `SELECT coalesce((array_agg(id::text ORDER BY created_at DESC))[:200], '{}') FROM `+table+` WHERE tenant_id = $1`+where, h.id)
		}
	}
}

// kindOf is the prefix of the ids that a parameter names.
func kindOf(parameter string) string {
	for i := range routes {
		for _, f := range rest.FieldsOf(routes[i].Input) {
			if id, ok := reflect.Zero(f.Type).Interface().(interface{ Prefix() string }); ok && f.Name == parameter {
				return id.Prefix()
			}
		}
	}
	return ""
}

func (g *grammar) chance(percent int) bool { return g.r.IntN(100) < percent }

func one[T any](g *grammar, of []T) T { return of[g.r.IntN(len(of))] }

func (g *grammar) fresh(what string) string {
	g.made++
	return fmt.Sprintf("new-%s-%d-%d", what, g.made, g.r.IntN(1_000_000))
}

// person is somebody new, with a password and a session: for what ends, or changes, who asks.
func (g *grammar) person() person {
	g.state = ""
	p := g.w.account(g.fresh("person"))
	g.w.user(g.w.A, p, "member")
	return p
}

// visitor is somebody new who visits.
func (g *grammar) visitor(power string) caller {
	g.state = ""
	p := g.w.account(g.fresh(power))
	g.w.db.Exec(`UPDATE accounts SET is_`+power+` = true WHERE id = $1`, p.account)
	token := g.w.visit(p, g.w.A)
	return caller{"visit of a " + power, func(r request) request { return bearer(token, r) }, true, false}
}

// operatorName is the caller who is a superuser and visits no tenant.
const operatorName = "operator"

// keepSpare sees to it that the spare house has one of the statuses.
func (g *grammar) keepSpare(statuses ...string) {
	if g.spare.id.IsZero() || !slices.Contains(statuses, testdb.Value[string](g.w.db, `SELECT status FROM tenants WHERE id = $1`, g.spare.id)) {
		g.state = ""
		g.spare = g.w.makeHouse("S"+strconv.Itoa(g.made), g.fresh("spare"))
	}
}

// Operations by whom nobody is to be lost: they end the session, the account, or the user who asks.
var ownEnd = map[string]bool{
	"sessionLogout": true, "sessionLogoutAll": true, "sessionRevoke": true, "sessionSwitchTenant": true, "accountPasswordChange": true,
	"accountClose": true, "accountUpdate": true, "emailChange": true, "emailVerifyRequest": true, "emailVerify": true, "userLeave": true, "apiKeyRevokeAll": true,
}

// phrase makes the next request.
func (g *grammar) phrase() *phrase {
	p := &phrase{route: &routes[g.r.IntN(len(routes))], caller: one(g, g.callers)}
	for !p.caller.alive && g.chance(80) {
		p.caller = one(g, g.callers)
	}
	g.odd = g.chance(40)
	if g.routesLeft != nil || g.callersLeft != nil {
		g.odd = false
		for g.routesLeft != nil && !p.caller.alive {
			p.caller = one(g, g.callers)
		}
		if g.routesLeft != nil && g.chance(80) {
			p.route = one(g, g.routesLeft)
		}
		if g.callersLeft != nil && g.chance(50) {
			p.caller = one(g, g.callersLeft)
		}
	}
	if p.route.Welcomes && g.chance(50) {
		p.caller = g.callers[0] // nobody
	}
	g.rows["tenant"], g.foreign["tenant"] = []string{g.w.A.id.UUID()}, []string{g.w.B.id.UUID()}
	if p.route.Scope == rest.PlatformScope { // to whom the two houses are alike, and what is done to them would be seen everywhere
		g.keepSpare("active", "suspended")
		g.rows["tenant"], g.foreign["tenant"] = []string{g.spare.id.UUID()}, []string{g.spare.id.UUID()}
		if g.chance(70) {
			p.caller = g.callers[len(g.callers)-1] // the operator
		}
	}
	somebody := person{}
	if ownEnd[p.route.Name] && p.caller.user {
		somebody = g.person()
		token := g.w.token(somebody)
		p.caller = caller{"somebody", func(r request) request {
			return bearer(token, r).with("X-Tenant-Id", g.w.A.id.String())
		}, true, true}
	} else if power, visits := strings.CutPrefix(p.caller.name, "visit of a "); visits && ownEnd[p.route.Name] {
		p.caller = g.visitor(power)
	}
	confirm := "another"
	if p.route.Name == "tenantDelete" && p.caller.alive {
		g.keepSpare("active")
		confirm = g.spare.canary
		token := g.w.token(g.spare.people["admin"], g.spare.id)
		p.caller = caller{"spare admin", func(r request) request { return bearer(token, r) }, true, true}
	}
	var path string
	p.method, path, _ = strings.Cut(p.route.Pattern, " ")
	if p.method == http.MethodGet && g.chance(10) {
		p.method = http.MethodHead
	}
	for _, f := range rest.FieldsOf(p.route.Input) {
		switch {
		case f.Source == "path":
			value := g.id(&f)
			if f.Name == "session_id" && !somebody.session.IsZero() && g.chance(70) {
				value = somebody.session.String()
			}
			path = strings.Replace(path, ":"+f.Name, url.PathEscape(value), 1)
		case f.Source == "query" && f.Name == "confirm":
			p.query = append(p.query, pair{"confirm", url.QueryEscape(confirm)})
		case f.Source == "query" && (g.chance(25) || f.Required && (!g.odd || g.chance(80))):
			p.query = append(p.query, pair{f.Name, url.QueryEscape(g.parameter(p.route, &f))})
		}
	}
	p.path = path
	g.oddQuery(p)
	g.body(p, somebody)
	g.headers(p)
	return p
}

// id is one for the path or a field: mostly of a row that is there.
func (g *grammar) id(f *rest.Field) string {
	if known := g.names[f.Name]; known != nil && (!g.odd || g.chance(80)) {
		return one(g, known)
	}
	kind := ""
	if id, ok := reflect.Zero(f.Type).Interface().(interface{ Prefix() string }); ok {
		kind = id.Prefix()
	}
	if kind == "" { // of any kind
		kind = one(g, []string{"item", "user", "team", "role"})
	}
	uuid := ids.New[ids.ItemID]().UUID()
	if rows := g.rows[kind]; len(rows) > 0 {
		uuid = one(g, rows)
	}
	if !g.odd || g.chance(80) {
		return kind + "-" + uuid
	}
	var raw ids.ItemID
	_ = raw.Parse(uuid)
	short := strings.Replace(raw.Short(), "item_", kind+"_", 1)
	other := g.foreign[kind]
	if len(other) == 0 {
		other = []string{uuid}
	}
	return one(g, []string{
		uuid, short, kind + "-" + one(g, other), one(g, other), kind + "-" + ids.New[ids.ItemID]().UUID(), "wrong-" + uuid,
		strings.ToUpper(uuid), kind + "_0" + short[len(kind)+1:], kind + "_" + strings.Repeat("z", 22), kind + "-" + uuid + "0", kind + "-",
		"00000000-0000-0000-0000-000000000000", "{" + uuid + "}", "urn:uuid:" + uuid, "me", "x y", "%00", "..", "é", strings.Repeat("9", 5000), "'; --",
	})
}

// parameter is a value of a query parameter.
func (g *grammar) parameter(r *rest.Route, f *rest.Field) string {
	if f.Name == "cursor" && len(g.cursors[r.Pattern]) > 0 && g.chance(80) {
		cursor := one(g, g.cursors[r.Pattern])
		if g.odd && g.chance(30) {
			at := g.r.IntN(len(cursor))
			return one(g, []string{cursor[:at], cursor + "A", cursor + "\n", cursor[:at] + "A" + cursor[at+1:], cursor + "=", strings.Repeat(cursor, 20)})
		}
		return cursor
	}
	_, isID := reflect.Zero(f.Type).Interface().(interface{ Prefix() string })
	switch known := words(*f); {
	case g.odd && g.chance(15):
		return one(g, oddTexts)
	case isID:
		return g.id(f)
	case known != nil:
		return one(g, known)
	case f.Type == reflect.TypeFor[time.Time]():
		return one(g, times)
	case f.Type == reflect.TypeFor[rest.Date]():
		return one(g, []string{"2026-01-01", "2026-01-31", "2026-02-28", "0001-01-01", "9999-12-31", "2026-02-30", "x"})
	case f.Type.Kind() == reflect.Int32:
		return one(g, []string{"1", "2", "5", "200", "0", "-1", "201", "2147483647", "2147483648", "01", "+1", "1e1", "1.0"})
	}
	return one(g, []string{"c", "canary", "CANARY", "new", "state-1", "ς", "İ", "item.update", "item", "%", "_", "\\", "x@example.com"})
}

var times = []string{
	"2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.123456789Z", "2026-12-31T23:59:60Z", "2026-01-01T24:00:00Z",
	"2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+23:60", "2026-01-01T00:00:00+23:59", "2026-01-01T00:00:00,5Z", "2026-01-01t00:00:00z", "2026-01-01T00:00:00-00:00",
	"0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z",
	"2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-01-01", "2026-01-01 00:00:00Z", "2026-01-01T0:00:00Z", "2026-01-01T00:00:00", "infinity", "now",
}

var oddTexts = []string{
	"", " ", "\t", "\x00", "\n", "a\x00b", "null", "true", "0", "-1", "é", "e\u0301", "\u00a0", "\u200b", "\u202egnp.exe", "İıſẞς", "ﬃ", "\uFEFFx", "\U0001F600", "\U0010FFFF",
	"\x7f", "\u0085", "\u2028", "=1+1", "＝1+1", "'", "\"", "\\", "<script>alert(1)</script>", "<p>x</p>&#1;", "%", "_", "$1", "${x}", "../..", "=?utf-8?q?x?=", "a@b", "a@b.c\r\nBcc: x@y.z",
	strings.Repeat("x", 100), strings.Repeat("x", 101), strings.Repeat("x", 5000), strings.Repeat("\U0001F600", 100), strings.Repeat("ﷺ", 64),
}

// oddValues are of every kind of JSON, and of none.
var oddValues = []string{
	`null`, `true`, `false`, `0`, `-1`, `-0`, `1.0`, `1e2`, `1.5`, `1e400`, `2147483647`, `2147483648`, `-2147483649`, `9223372036854775808`, `10000000`, `10000001`, `100000000000000000000000000`,
	`"1"`, `[]`, `{}`, `[null]`, `[[]]`, `[1]`, `{"a":null}`, `["items:read","items:read"]`, `["items:read:own"]`, `["nothing:read"]`, `["x","x:own"," items:read","ITEMS:READ"]`,
	`"\ud800"`, `"\udc00\ud800"`, `"\u0000"`, `"\ud83d\ude00"`, "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", `"0000-00-00"`, `"2026-02-30"`, `"0001-01-01"`, `"9999-12-31"`, `"-0001-01-01"`, `"2026-01-01T00:00:00Z"`,
	strings.Repeat("[", 40) + strings.Repeat("]", 40), `{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
}

// huge are values whose size alone is the matter; rarely made.
var huge = []func() string{
	func() string { return `[` + strings.Repeat(`"nothing:read",`, 20_000) + `"x"]` },
	func() string { return `[` + strings.Repeat(`"items:read",`, 101) + `"items:read"]` },
	func() string { return `"` + strings.Repeat("x", 900_000) + `"` },
	func() string { return `"` + strings.Repeat("<b>", 60_000) + `"` },
	func() string { return `{` + strings.Repeat(`"a":{`, 20) + strings.Repeat(`}`, 21) },
}

func text(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// oddQuery adds what no operation knows.
func (g *grammar) oddQuery(p *phrase) {
	if !g.odd {
		return
	}
	switch g.r.IntN(30) {
	case 0:
		p.query = append(p.query, pair{"surplus", "1"})
	case 1:
		if len(p.query) > 0 {
			p.query = append(p.query, p.query[0])
		}
	case 2:
		p.query = append(p.query, pair{"%zz", "%"})
	case 3:
		p.query = append(p.query, pair{"Page", "1"}, pair{"x;y", ""})
	}
}

// body makes a body for the operations that have one, and now and then for those that have none.
func (g *grammar) body(p *phrase, somebody person) {
	if p.route.Line != nil {
		g.lines(p)
		return
	}
	var fields []rest.Field
	for _, f := range rest.FieldsOf(p.route.Input) {
		if f.Source == "json" {
			fields = append(fields, f)
		}
	}
	if fields == nil && !(g.odd && g.chance(5)) {
		return
	}
	p.members = []pair{}
	artist := false
	for _, f := range fields {
		if f.Required && g.odd && g.chance(3) || !f.Required && g.chance(70) {
			continue
		}
		value := ""
		switch {
		case g.odd && g.r.IntN(100) == 0:
			value = one(g, huge)()
		case g.odd && g.chance(15):
			value = one(g, oddValues)
		case g.odd && g.chance(10):
			value = text(one(g, oddTexts))
		default:
			value = g.value(p, &f, somebody)
		}
		artist = artist || f.Name == "role" && value == `"artist"`
		p.members = append(p.members, pair{text(f.Name), value})
	}
	if i := slices.IndexFunc(p.members, func(m pair) bool { return m.name == `"artist_id"` }); i >= 0 && !artist && g.chance(90) {
		p.members = slices.Delete(p.members, i, i+1)
	} else if i < 0 && artist && g.chance(90) {
		p.members = append(p.members, pair{`"artist_id"`, g.artist()})
	}
	if !g.odd {
		return
	}
	switch g.r.IntN(30) {
	case 0:
		p.members = append(p.members, pair{`"surplus"`, one(g, oddValues)})
	case 1:
		if len(p.members) > 0 {
			p.members = append(p.members, p.members[0])
		}
	case 2:
		if len(p.members) > 0 {
			p.members[0].name = strings.ToUpper(p.members[0].name)
		}
	case 3:
		whole := p.body()
		p.raw, p.members = one(g, []string{
			whole[:len(whole)/2], whole + whole, whole + " ", "\uFEFF" + whole, "[" + whole + "]", "null", `"x"`, "", "{", strings.Repeat("[", 100_000), "{\"a\":1,}", strings.ReplaceAll(whole, `"`, "'"),
		}), nil
	case 4:
		if g.chance(10) {
			var b strings.Builder
			for i := range 40_000 {
				fmt.Fprintf(&b, `"k%d":0,`, i)
			}
			p.raw, p.members = "{"+b.String()+`"k":0}`, nil
		}
	}
}

// lines makes the body of an upload.
func (g *grammar) lines(p *phrase) {
	fields := rest.FieldsOf(p.route.Line)
	rows := g.r.IntN(6)
	if g.chance(3) {
		rows = 150
	}
	var b strings.Builder
	media := one(g, p.route.Accepts)
	p.headers = append(p.headers, pair{"Content-Type", media})
	if media == rest.CSV {
		b.WriteString("name,description,price_cents\n")
		for range rows {
			fmt.Fprintf(&b, "%s,%s,%s\n", one(g, []string{"a", "'=1", `"b,c"`, "é", "", "＝1"}), one(g, []string{"", "x", `"two
lines"`}), one(g, []string{"1", "100", "10000000", "0", "1.0", "x", ""}))
		}
		if !g.odd {
			b.Reset()
			b.WriteString("price_cents,name\n1,x\n")
		}
	} else {
		for range rows {
			line := phrase{members: []pair{}}
			for _, f := range fields {
				value := g.value(p, &f, person{})
				if g.odd && g.chance(5) {
					value = one(g, oddValues)
				}
				if f.Required || g.chance(50) {
					line.members = append(line.members, pair{text(f.Name), value})
				}
			}
			b.WriteString(line.body() + one(g, []string{"\n", "\r\n", "\n\n"}))
		}
	}
	p.raw = b.String()
}

func (g *grammar) artist() string {
	g.state = ""
	id := ids.New[ids.ArtistID]()
	g.w.db.Exec(`INSERT INTO artists (tenant_id, id, name) VALUES ($1, $2, 'new artist')`, g.w.A.id, id)
	return text(id.String())
}

// value is one that the operation should accept.
func (g *grammar) value(p *phrase, f *rest.Field, somebody person) string {
	name := p.route.Name
	somebodysName := func() string {
		if somebody.name == "" {
			somebody = g.person()
		}
		return somebody.name
	}
	switch f.Name {
	case "email":
		return text(g.fresh("mail") + "@Example.com")
	case "username":
		return text(g.fresh("user"))
	case "login":
		return text(somebodysName())
	case "current_password":
		return text(password)
	case "password", "new_password":
		if name == "sessionLogin" || name == "emailChange" || name == "emailVerify" {
			return text(password)
		}
		return text(one(g, []string{"lighthouse-keepers", "Straße und Brücke", "пароль-длинный", "  blanks around  "}))
	case "token", "refresh_token":
		return text(g.token(name, somebodysName))
	case "tenant_id":
		return text(g.w.A.id.String())
	case "confirm":
		return text(g.spare.canary)
	case "artist_id":
		return g.artist()
	case "permissions", "scopes":
		entries := make([]string, g.r.IntN(4))
		for i := range entries {
			entries[i] = one(g, []string{"items:read", "items:write", "users:read:own", "keys:read:own", "teams:read"})
		}
		b, _ := json.Marshal(entries)
		return string(b)
	case "name", "tenant_name":
		return text(g.fresh("name"))
	}
	if f.Nullable && g.chance(15) {
		return "null"
	}
	if _, isID := reflect.Zero(f.Type).Interface().(interface{ Prefix() string }); isID {
		return text(g.id(f))
	}
	if known := words(*f); known != nil && f.Type.Kind() == reflect.String {
		return text(one(g, known))
	}
	switch f.Type.Kind() {
	case reflect.Bool:
		return one(g, []string{"true", "false"})
	case reflect.Int32, reflect.Int64:
		return one(g, []string{"1", "2", "100", "3650", "365"})
	case reflect.Float64:
		return one(g, []string{"0", "0.5", "0.6667", "1"})
	case reflect.String:
		return text(one(g, []string{f.Example, "x", " x ", "é e\u0301 ς İ", strings.Repeat("\U0001F600", 20), f.Example + "!"}))
	}
	if f.Type == reflect.TypeFor[rest.Date]() {
		return text(one(g, []string{"1990-12-10", "2000-02-29", "1900-01-01"}))
	}
	return text(f.Example)
}

// token makes a secret that the operation takes, of somebody or for a new address.
func (g *grammar) token(name string, somebodysName func() string) string {
	g.state = ""
	account := func() string {
		return testdb.Value[string](g.w.db, `SELECT id::text FROM accounts WHERE username = $1`, somebodysName())
	}
	switch name {
	case "sessionRefresh":
		secret, hash := auth.NewSecret(refreshPrefix)
		g.w.db.Exec(`INSERT INTO refresh_tokens (hash, session_id) SELECT $1, s.id FROM sessions s WHERE s.account_id = $2::text::uuid LIMIT 1`, hash, account())
		return secret
	case "passwordReset", "emailVerify":
		secret, hash := auth.NewSecret(auth.OneTimePrefix)
		purpose := map[string]string{"passwordReset": auth.ForPassword, "emailVerify": auth.ForEmail}[name]
		g.w.db.Exec(`INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at) SELECT $1, a.id, $3, a.email, now() + interval '1 hour' FROM accounts a WHERE a.id = $2::text::uuid`, hash, account(), purpose)
		return secret
	}
	secret, hash := auth.NewTenantSecret(auth.InvitationPrefix, g.w.A.id)
	g.w.db.Exec(`
		INSERT INTO invitations (tenant_id, email, role, invited_by, token_hash, expires_at)
		SELECT $1, $2, 'member', u.id, $3, now() + interval '1 day' FROM users u WHERE u.tenant_id = $1 AND u.account_id = $4`,
		g.w.A.id, g.fresh("invited")+"@example.com", hash, g.w.A.people["admin"].account)
	return secret
}

// headers adds those that are expected, and now and then others.
func (g *grammar) headers(p *phrase) {
	add := func(name, value string) { p.headers = append(p.headers, pair{name, value}) }
	if p.members != nil || p.raw != "" && p.route.Line == nil {
		if !g.odd || g.chance(90) {
			add("Content-Type", one(g, []string{"application/json", "application/json", "application/json; charset=utf-8", "Application/JSON"}))
		} else {
			add("Content-Type", one(g, []string{"text/plain", "application/json; charset=latin1", "application/x-www-form-urlencoded", "", "application/json, application/json", "*/*", "multipart/form-data"}))
		}
	}
	tag, known := g.tags[p.path]
	if !known {
		tag = `"3.9f86d081884c7d65"`
	}
	odd := func() string {
		return one(g, []string{"*", "W/" + tag, "", "x", `"`, `"1"`, `"1.x"`, `"+1.x"`, `"01.x"`, `""`, `"999999999999999999999.x"`, tag + ", " + tag, tag + " " + tag, `"é.x"`, ","})
	}
	if p.route.Conditional() && g.chance(25) || g.odd && g.chance(2) {
		add("If-Match", map[bool]string{true: odd(), false: tag}[g.odd])
	}
	if p.method == http.MethodGet && g.chance(15) {
		add("If-None-Match", one(g, []string{tag, odd()}))
	}
	if p.route.Idempotent() && g.chance(15) || g.odd && g.chance(2) {
		add("Idempotency-Key", one(g, []string{g.fresh("key"), g.fresh("key"), "again", "again", strings.Repeat("k", 255), strings.Repeat("k", 256), "", "é", "a b", "\t"}))
	}
	if !g.odd {
		return
	}
	if g.chance(4) {
		add("X-Tenant-Id", one(g, []string{g.w.A.id.String(), g.w.B.id.String(), g.w.A.id.UUID(), g.nobody.String(), "", "x", "user-" + g.w.A.id.UUID(), g.w.A.id.String() + "," + g.w.B.id.String()}))
	}
	if g.chance(4) {
		add(one(g, []string{"Authorization", "X-API-Key"}), one(g, []string{"", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "bearer \u00a0x", "rh_", "Bearer rh_x", "Bearer a.b.c", strings.Repeat("x", 5000)}))
	}
	if g.chance(5) {
		add("Accept", one(g, []string{"*/*", "text/csv", "application/xml", "", "text/csv;q=0"}))
	}
	if g.chance(3) {
		add("X-Forwarded-For", one(g, []string{"203.0.113.7", "x", "::1", strings.Repeat("1.1.1.1,", 200), ""}))
	}
	if g.chance(3) {
		add("X-Request-Id", one(g, []string{"mine", "", "a b", "é", strings.Repeat("x", 129)}))
	}
	if g.chance(2) {
		add("User-Agent", one(g, []string{"\u202ex", strings.Repeat("ü", 300), "\xff"}))
	}
	if g.chance(1) {
		add("Content-Encoding", "gzip")
	}
}

// learn keeps what an answer tells for later requests.
func (g *grammar) learn(p *phrase, got response) {
	if tag := got.header.Get("ETag"); tag != "" {
		g.tags[p.path] = tag
	}
	if got.status == http.StatusOK && p.method == http.MethodGet {
		var answer struct{ Page struct{ Next *string } }
		if json.Unmarshal([]byte(got.body), &answer) == nil && answer.Page.Next != nil {
			known := append(g.cursors[p.route.Pattern], *answer.Page.Next)
			g.cursors[p.route.Pattern] = known[max(0, len(known)-20):]
		}
	}
}
