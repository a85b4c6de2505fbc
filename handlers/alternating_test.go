package handlers

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

// An asking is one request of one tenant, whole: it can be made again, of another process.
type asking struct {
	tenant string // A or B
	mode   string // how its credential names the tenant
	route  string // the row of the table that it tries; "": it is to be refused, or to fail
	request
	how   string // how it is asked: see the constants
	known string // the status and code that the world makes certain, whatever any process answers; "": it is not said
}

const (
	whole10   = "by HTTP/1.0, whole"
	leftEarly = "and the client leaves in the middle"
	brokenOff = "and the server breaks off in the middle"
)

func (n asking) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s of tenant %s by %s %s", n.method, n.path, n.tenant, n.mode, n.how))
}

// heard is a turn and its answer.
type heard struct {
	asking
	response
}

// A side is a tenant with all that its requests need.
type side struct {
	name string
	house
	admins   map[string]person // by what they do: stay, leave, revoke
	keys     map[string]string // of the admins
	accounts []asking          // requests outside of the tenant scope, each of which succeeds
}

// An alternation is two tenants that ask for the same in turns: under equal request ids, keys and names, about rows of equal ids that were made
// at the same moment.
type alternation struct {
	*probe
	sides [2]*side
	both  string // the access token of a user of both tenants, in other roles
}

// exported is how many items each tenant has besides, so that an export is several pages.
const exported = 2*1000 + 100

func newAlternation(t *testing.T) *alternation {
	t.Helper()
	w := newRows(t)
	w.odd = true
	w.server = &App{tokens: auth.NewTokens(testKeys(), "rowhouse", "rowhouse-api")}
	a := &alternation{probe: &probe{world: w, names: map[string]string{}}}
	for i, h := range []house{w.A, w.B} {
		s := &side{name: string(rune('A' + i)), house: h, admins: map[string]person{"stay": h.people["admin"]}, keys: map[string]string{}}
		suffix := "-" + strings.ToLower(s.name)
		for _, name := range []string{"leave", "revoke"} {
			s.admins[name] = w.account(name + suffix)
			w.user(h, s.admins[name], "admin")
		}
		for what, p := range s.admins {
			text, parts := auth.NewAPIKey(h.id)
			w.db.Exec(`INSERT INTO api_keys (tenant_id, user_id, name, key_prefix, hash, created_at, updated_at)
				SELECT $1, u.id, $5, $3, $4, $6, $6 FROM users u WHERE u.tenant_id = $1 AND u.account_id = $2`, h.id, p.account, parts.Prefix, parts.Hash, h.canary, atTheSameTime)
			s.keys[what] = text
		}
		w.db.Exec(`INSERT INTO items (tenant_id, name, description, price_cents, created_at, updated_at)
			SELECT $1, $2, repeat('x', 100), n, $3, $3 FROM generate_series(1, $4::int) n`, h.id, h.canary, atTheSameTime, exported)
		s.accounts = a.accountTurns(s, suffix)
		a.sides[i] = s
	}
	a.both = w.token(w.both)
	w.db.Exec(`DELETE FROM audit_events`)
	for _, h := range []house{w.A, w.B} {
		w.event(h)
		w.event(h)
	}
	for _, known := range []struct{ id, name string }{
		{w.A.id.UUID(), "A"}, {w.A.own.UUID(), "row-of-a"}, {w.B.id.UUID(), "B"}, {w.B.own.UUID(), "row-of-b"}, {w.A.item.UUID(), "twin"},
	} {
		a.names[known.id] = known.name
	}
	return a
}

// accountTurns are a request for every route outside of the tenant scope, in an order in which each succeeds.
func (a *alternation) accountTurns(s *side, suffix string) (all []asking) {
	w := a.world
	own := func(name string) person {
		p := w.account(name + suffix)
		w.db.Exec(`UPDATE accounts SET email_verified_at = now() WHERE id = $1`, p.account)
		w.user(s.house, p, "member")
		return p
	}
	add := func(pattern string, p *person, r request) {
		if p != nil {
			r = w.as(*p, r)
		}
		all = append(all, asking{tenant: s.name, mode: "account", route: pattern, request: r})
	}
	post := func(pattern string, p *person, body string) {
		_, path, _ := strings.Cut(pattern, " ")
		r := call("POST", path)
		if body != "" {
			r = r.json(body)
		}
		add(pattern, p, r)
	}
	mailed := func(p person, purpose string) string {
		token, hash := auth.NewSecret(auth.OneTimePrefix)
		w.db.Exec(`INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at) VALUES ($1, $2, $3, $4, now() + interval '1 day')`,
			hash, p.account, purpose, p.name+"@example.com")
		return token
	}
	stays, second, goes, quits, closes, forgets := own("stays"), ids.New[ids.SessionID](), own("goes"), own("quits"), own("closes"), own("forgets")
	w.db.Exec(`INSERT INTO sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 day')`, second, stays.account)
	refresh, hash := auth.NewSecret(refreshPrefix)
	w.db.Exec(`INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)`, hash, goes.session)
	invitation, hash := auth.NewTenantSecret(auth.InvitationPrefix, s.id)
	w.db.Exec(`INSERT INTO invitations (tenant_id, email, role, invited_by, token_hash, expires_at, created_at, updated_at)
		SELECT tenant_id, $3, role, invited_by, $2, expires_at, created_at, updated_at FROM invitations WHERE tenant_id = $1 LIMIT 1`, s.id, hash, s.canary+"-joins@example.com")

	for _, path := range []string{"/me", "/me/export", "/me/tenants", "/tenants", "/auth/sessions"} {
		add("GET "+path, &stays, call("GET", path))
	}
	w.db.Exec(`UPDATE tenants SET is_public = true WHERE id = $1`, s.id)
	for _, page := range []string{"profiles", "user-groups", "portfolio-items"} {
		add("GET /public/:tenant_slug/"+page, nil, call("GET", "/public/"+w.slug(s.house)+"/"+page))
	}
	add("GET /webhook-events", nil, call("GET", "/webhook-events"))
	add("PATCH /me", &stays, call("PATCH", "/me").json(`{"name":"`+s.canary+`"}`))
	post("POST /auth/register", nil, `{"email":"`+s.canary+`-new@example.com","password":"a new harbour"}`)
	post("POST /auth/login", nil, `{"login":"`+stays.name+`","password":"`+password+`"}`)
	post("POST /auth/refresh", nil, `{"refresh_token":"`+refresh+`"}`)
	post("POST /auth/switch-tenant", &stays, `{"tenant_id":"`+s.id.String()+`"}`)
	post("POST /tenants", &stays, `{"name":"`+s.canary+`"}`)
	post("POST /auth/email/verify/request", &goes, "")
	post("POST /auth/email/verify", nil, `{"token":"`+mailed(quits, auth.ForEmail)+`"}`)
	post("POST /auth/email/change", &stays, `{"email":"`+s.canary+`-moved@example.com","password":"`+password+`"}`)
	add("DELETE /auth/sessions/:session_id", &stays, call("DELETE", "/auth/sessions/"+second.String()))
	post("POST /auth/password/reset", nil, `{"token":"`+mailed(forgets, auth.ForPassword)+`","password":"a new harbour"}`)
	post("POST /auth/password/forgot", nil, `{"email":"`+forgets.name+`@example.com"}`)
	post("POST /auth/password", &stays, `{"current_password":"`+password+`","new_password":"a new harbour"}`)
	post("POST /invitations/accept", nil, `{"token":"`+invitation+`","password":"a new harbour"}`)
	post("POST /auth/logout", &goes, "")
	post("POST /auth/logout-all", &quits, "")
	add("DELETE /me", &closes, call("DELETE", "/me"))
	return all
}

// by adds a credential that names the tenant in a mode.
func (a *alternation) by(mode string, s *side, who string, r request) request {
	switch mode {
	case "token":
		return bearer(a.world.token(s.admins[who], s.id), r)
	case "key":
		return byKey(s.keys[who], r)
	}
	return a.world.as(s.admins[who], r, s.house)
}

// ordered are the routes of the tenant scope: what reads, what changes, what removes, and last what nobody comes back from.
func ordered() (all []*rest.Route) {
	for i := range routes {
		if routes[i].Scope == rest.TenantScope {
			all = append(all, &routes[i])
		}
	}
	rank := func(r *rest.Route) int {
		switch {
		case r.Pattern == "DELETE /tenant":
			return 4
		case ending[r.Pattern], r.Pattern == "POST /api-keys/revoke-all":
			return 3
		case strings.HasPrefix(r.Pattern, "DELETE "):
			return 2
		case strings.HasPrefix(r.Pattern, "GET "):
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(x, y *rest.Route) int { return cmp.Compare(rank(x), rank(y)) })
	return all
}

// A talk is an alternation in progress with one process.
type talk struct {
	*alternation
	t       *testing.T
	url     string
	mode    string
	listens []heard
	n       int
}

// ask has both tenants take a turn, who began last time second.
func (k *talk) ask(of func(s, other *side) asking) (answers [2]response) {
	k.n++
	for _, i := range []int{k.n % 2, 1 - k.n%2} {
		next := of(k.sides[i], k.sides[1-i])
		next.tenant = k.sides[i].name
		next.mode = cmp.Or(next.mode, k.mode)
		next.request = next.request.with("X-Request-Id", "the-same")
		answers[i] = next.take(k.t, k.url)
		k.listens = append(k.listens, heard{next, answers[i]})
	}
	return answers
}

// take asks a process. Of what breaks off there is no whole answer, but what came must not be another's either.
func (n asking) take(t *testing.T, url string) response {
	t.Helper()
	if n.how == "" {
		made, err := http.NewRequest(n.method, url+rest.Base+n.path, strings.NewReader(n.body))
		if err != nil {
			t.Fatal(err)
		}
		made.Header = n.header.Clone()
		got, err := client.Do(made)
		if err != nil {
			t.Fatalf("%v: %v", n, err)
		}
		defer got.Body.Close()
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatalf("%v: %v", n, err)
		}
		return response{got.StatusCode, got.Header, string(body)}
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	version := "1.1"
	if n.how == whole10 {
		version = "1.0"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s%s HTTP/%s\r\nHost: a\r\nConnection: close\r\n", n.method, rest.Base, n.path, version)
	if err := n.header.Write(&text); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text.String()+"\r\n"); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%v: %v", n, err)
	}
	defer got.Body.Close()
	var from io.Reader = got.Body
	if n.how == leftEarly {
		from = io.LimitReader(from, 1000)
	}
	body, err := io.ReadAll(from)
	if err != nil && n.how != brokenOff {
		t.Fatalf("%v: %v", n, err)
	}
	return response{got.StatusCode, got.Header, string(body)}
}

// all is the whole conversation of one mode; of reads alone where nothing is to be changed.
func (k *talk) all(readsOnly bool) {
	k.streams()
	read := false // all that reads alone: what accounts do leaves events, of which those of one transaction stand in any order
	for _, route := range ordered() {
		method, pattern, _ := strings.Cut(route.Pattern, " ")
		reads := method == http.MethodGet
		if !reads && !read && k.mode == "header" {
			k.account(readsOnly)
		}
		read = read || !reads
		if readsOnly && !reads && route.Pattern != "POST /items" {
			continue
		}
		who := map[string]string{"POST /users/me/leave": "leave", "POST /api-keys/revoke-all": "revoke"}[route.Pattern]
		who = cmp.Or(who, "stay")
		sample := func(s *side, of house) asking {
			return asking{route: route.Pattern, request: k.by(k.mode, s, who, samples(of)[route.Pattern])}
		}
		once := func(s, _ *side) asking { return sample(s, s.house) }
		if route.Idempotent() && !ending[route.Pattern] {
			keyed := func(s, other *side) asking {
				n := once(s, other)
				n.request = n.request.with("Idempotency-Key", "the-same")
				return n
			}
			k.ask(keyed)
			k.ask(keyed)
			continue
		}
		k.ask(once)
		if !strings.Contains(pattern, ":") && reads {
			k.pages(sample)
		}
		if strings.Contains(pattern, ":") && reads {
			k.twins(sample)
		}
		if reads || method == http.MethodPatch {
			k.refused(sample)
		}
	}
}

// twins has both read rows of one id, the other's tag at hand, and their own.
func (k *talk) twins(sample func(*side, house) asking) {
	twin := func(s, _ *side) asking { return sample(s, house{own: k.world.A.item, canary: s.canary}) }
	tags := k.ask(twin)
	k.ask(twin)
	tagged := func(known string, of func(s, other *side) *side) {
		k.ask(func(s, other *side) asking {
			n := twin(s, other)
			if tag := tags[slices.Index(k.sides[:], of(s, other))].header.Get("ETag"); tag != "" {
				n.request, n.known = n.request.with("If-None-Match", tag), known
			}
			return n
		})
	}
	tagged("200", func(_, other *side) *side { return other })
	tagged("304", func(s, _ *side) *side { return s })
	both := func(s, other *side) asking {
		n := twin(s, other)
		n.header = http.Header{"Authorization": {"Bearer " + k.both}, "X-Tenant-Id": {s.id.String()}}
		n.mode = "header, a user of both"
		return n
	}
	k.ask(both)
}

// pages has both read their second page: by their own cursor, and by the other's.
func (k *talk) pages(sample func(*side, house) asking) {
	paged := func(more func(s, other *side) string) [2]response {
		return k.ask(func(s, other *side) asking {
			n := sample(s, s.house)
			n.path += "?page_size=1" + more(s, other)
			return n
		})
	}
	first := paged(func(*side, *side) string { return "" })
	next := func(s *side) string {
		if found := nextPage.FindStringSubmatch(first[slices.Index(k.sides[:], s)].body); found != nil {
			return "&cursor=" + found[1]
		}
		return "&count=true"
	}
	paged(func(s, _ *side) string { return next(s) })
	paged(func(_, other *side) string { return next(other) })
}

// refused has both ask for what is the other's, for nothing that there is, and for what panics.
func (k *talk) refused(sample func(*side, house) asking) {
	k.ask(func(s, other *side) asking {
		n := sample(s, other.house)
		if strings.Contains(n.route, ":") {
			n.known = "404 not_found"
		}
		n.route = ""
		if n.method != http.MethodGet {
			n.request = n.request.with("If-Match", "*")
		}
		return n
	})
	if k.n%5 == 0 {
		k.ask(func(s, _ *side) asking {
			return asking{request: k.by(k.mode, s, "stay", call("GET", "/panic/"+k.world.A.item.UUID())), known: "500 internal"}
		})
		k.ask(func(s, _ *side) asking {
			return asking{request: k.by(k.mode, s, "stay", call("POST", "/items").json(`{"name":"`+s.canary+`","price_cents":`))}
		})
	}
}

// streams has one of them leave, or be left, in the middle of an export, and then both have theirs.
func (k *talk) streams() {
	export := func(path, how string, s *side) asking {
		n := asking{request: k.by(k.mode, s, "stay", call("GET", path)), how: how}
		if how != leftEarly && how != brokenOff && path == "/items/export" {
			n.route = "GET /items/export"
		}
		return n
	}
	for _, c := range []struct{ path, how string }{
		{"/items/export", ""}, {"/items/export", leftEarly}, {"/items/export", ""}, {"/items/export/broken", brokenOff}, {"/items/export", ""},
		{"/items/export?format=csv", leftEarly}, {"/items/export?format=csv", ""}, {"/items/export", whole10}, {"/items/export?format=csv", whole10},
	} {
		k.ask(func(s, _ *side) asking { return export(c.path, c.how, s) })
	}
}

// account has accounts of both tenants ask for what is outside of them.
func (k *talk) account(readsOnly bool) {
	for i := range k.sides[0].accounts {
		if readsOnly && k.sides[0].accounts[i].method != http.MethodGet {
			continue
		}
		k.ask(func(s, _ *side) asking { return s.accounts[i] })
	}
}

// process is one server process over the world's database, with addresses that fail; its handler may stand behind another.
func (a *alternation) process(w *world, around func(http.Handler) http.Handler) string {
	return a.processOf(w, w.db.Server(), around)
}

// processOf is process by another way to the database.
func (a *alternation) processOf(w *world, database string, around func(http.Handler) http.Handler) string {
	server, url := w.serve(database+"&pool_max_conns=1", worldConfig(nil))
	for _, route := range table([]row{
		{"GET /panic/:item_id", http.StatusOK, "", rest.Need(itemsRead, panicHaving)},
		{"GET /items/export/broken", http.StatusOK, "", rest.Download(itemsRead, "items", exportBroken)},
	}) {
		server.Serve(&route)
	}
	if around == nil {
		return url
	}
	listening := httptest.NewServer(around(server))
	w.t.Cleanup(listening.Close)
	return listening.URL
}

// exportBroken loses its last page.
func exportBroken(ctx context.Context, q *db.Queries, who rest.Caller, in itemExportInput, list rest.List) (rest.Page[Item], error) {
	rows, err := itemExport(ctx, q, who, in, list)
	if err == nil && !rows.More() {
		err = errors.New("the last page is lost")
	}
	return rows, err
}

// brief is a test that ends what it began before the real one does.
type brief struct {
	testing.TB
	ends []func()
}

func (b *brief) Cleanup(end func()) { b.ends = append(b.ends, end) }

func (b *brief) end() {
	for _, end := range slices.Backward(b.ends) {
		end()
	}
	b.ends = nil
}

// alone has each turn taken of a process that has never served the other tenant, on a copy of the database where it asks nothing: with -whole
// of one that has served nobody before.
func (a *alternation) alone(t *testing.T, listens []heard) (want []response) {
	t.Helper()
	want = make([]response, len(listens))
	for _, s := range a.sides {
		w, url := a.world.copy(t), ""
		ends := &brief{TB: t}
		for i, l := range listens {
			if l.tenant != s.name || l.how == leftEarly || l.how == brokenOff {
				continue
			}
			if url == "" || *whole || i%20 == 0 {
				ends.end()
				passing := *w
				passing.t = ends
				url = a.process(&passing, nil)
			}
			want[i] = l.take(t, url)
		}
		ends.end()
	}
	return want
}

// crossings are what is wrong with answers, by what is known of the world and by what processes that have served nobody else answer: one
// sentence each, which says who saw what of whom, by which request, after which.
func (a *alternation) crossings(listens []heard, want []response) (found []string) {
	tagged := map[string]heard{}
	for i, l := range listens {
		say := func(format string, args ...any) {
			before := "nothing"
			for _, earlier := range slices.Backward(listens[:i]) {
				if earlier.tenant != l.tenant {
					before = earlier.asking.String()
					break
				}
			}
			found = append(found, fmt.Sprintf("%v, after %s: %s", l.asking, before, fmt.Sprintf(format, args...)))
		}
		s, other := a.sides[0], a.sides[1]
		if l.tenant == other.name {
			s, other = other, s
		}
		text := l.body + fmt.Sprint(l.response.header)
		for what, theirs := range map[string]string{"text": other.canary, "identifier": other.id.UUID(), "row's identifier": other.own.UUID()} {
			if strings.Contains(text, theirs) && !strings.Contains(l.path+l.request.body, theirs) {
				say("tenant %s was shown tenant %s's %s %s", s.name, other.name, what, theirs)
			}
		}
		tag, content := l.response.header.Get("ETag"), l.body[max(0, strings.Index(l.body, `"content":`)):]
		if first, ok := tagged[tag]; ok && l.body != "" && !strings.HasSuffix(first.body, content) {
			say("two contents have one ETag, %s: it is also that of %v, so that tenant %s would be answered 304 and keep what is not so any more, or not its own", tag, first.asking, s.name)
		} else if l.body != "" && tag != "" {
			tagged[tag] = l
		}
		if given := l.request.header.Get("If-None-Match"); given != "" && l.status == http.StatusNotModified {
			if of, ok := tagged[given]; !ok || of.tenant != l.tenant {
				say("tenant %s was answered 304 by an ETag that only tenant %s was given: it would take the other's row for its own", s.name, other.name)
			}
		}
		if is := strings.TrimSpace(fmt.Sprint(l.status, " ", l.code())); l.known != "" && is != l.known {
			say("tenant %s was answered %s, and by what its rows and tenant %s's are known to be the answer is %s", s.name, is, other.name, l.known)
		}
		cached := l.response.header.Get("Cache-Control")
		if cached != "no-store" && cached != "private, no-cache" {
			say("Cache-Control is %q: a proxy may keep the answer for tenant %s, and give it to tenant %s", cached, s.name, other.name)
		}
		if l.route != "" && l.mode != "account" && l.status == http.StatusOK && l.method == http.MethodGet && !strings.Contains(l.body, s.canary) &&
			!strings.Contains(l.path, "audit-events") && l.response.header.Get("ETag") != "" {
			say("tenant %s was not shown its own %s", s.name, s.canary)
		}
		if l.how != leftEarly && l.how != brokenOff {
			if what := a.differs(want[i], l.response); what != "" {
				say("tenant %s was answered otherwise than by a process that has served nobody else: %s", s.name, what)
			}
		}
	}
	return found
}

// differs is how an answer is another than that which is wanted, but for what differs by time.
func (a *alternation) differs(want, got response) string {
	if want.status != got.status {
		return fmt.Sprintf("got %d %.200s, want %d %.200s", got.status, got.body, want.status, want.body)
	}
	skipped := map[string]bool{"Date": true, "Content-Length": want.body != got.body}
	for name := range maps.Keys(merged(want.header, got.header)) {
		was, is := fmt.Sprint(want.header[name]), fmt.Sprint(got.header[name])
		if want.body != got.body {
			was, is = a.constant(was), a.constant(is)
		}
		if was != is && !skipped[name] {
			return fmt.Sprintf("its header %s is %s, want %s", name, is, was)
		}
	}
	if want.body == got.body {
		return ""
	}
	was, is := slugs.ReplaceAllString(a.constant(want.body), "$1…"), slugs.ReplaceAllString(a.constant(got.body), "$1…")
	if was == is {
		return ""
	}
	at := 0
	for at < min(len(was), len(is)) && was[at] == is[at] {
		at++
	}
	from := max(0, at-60)
	return fmt.Sprintf("its body, from byte %d of %d: got …%.200s, want …%.200s", at, len(is), is[min(from, len(is)):], was[min(from, len(was)):])
}

// slugs end at random.
var slugs = regexp.MustCompile(`("slug":"canary-of-[ab]-)[a-z0-9]{8}"`)

func merged(one, other http.Header) http.Header {
	both := maps.Clone(one)
	maps.Copy(both, other)
	return both
}

// Two tenants ask one process for everything there is, in turns, by each way to say who they are, with streams that break off, refusals and
// panics between: each answer is that of a process which has served nobody else, holds nothing of the other tenant's, may be kept by nobody
// for others, and has an ETag that no other content has.
func TestAlternatingTenants(t *testing.T) {
	t.Parallel()
	base := newAlternation(t)
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			base.converse(t, mode, base.process(base.world.copy(t), nil))
		})
	}
}

// converse has both tenants ask a process for everything by one mode, and fails the test for what crosses, and for a route that is never tried with success.
func (a *alternation) converse(t *testing.T, mode, url string) {
	t.Helper()
	k := &talk{alternation: a, t: t, mode: mode, url: url}
	k.all(false)
	found := a.crossings(k.listens, a.alone(t, k.listens))
	for _, crossing := range found[:min(len(found), 20)] {
		t.Error(crossing)
	}
	succeeded := map[string]bool{}
	for _, l := range k.listens {
		if l.route != "" && l.status == routeOf(t, l.route).Status {
			succeeded[l.tenant+" "+l.route] = true
		}
	}
	for i := range routes {
		for _, s := range a.sides {
			if name := s.name + " " + routes[i].Pattern; !succeeded[name] && (mode == "header" && routes[i].Scope != rest.PlatformScope || routes[i].Scope == rest.TenantScope) {
				t.Errorf("%s is never tried with success by %s: give it a request in samples, or in accountTurns", name, mode)
			}
		}
	}
	t.Attr("requests", strconv.Itoa(len(k.listens)))
	t.Attr("crossings", strconv.Itoa(len(found)))
}

// What a process may keep from one tenant's request to the next, put around the real server on purpose, is each noticed, with a sentence that
// says which tenant was shown what.
func TestAlternationNotices(t *testing.T) {
	t.Parallel()
	base := newAlternation(t)
	k := &talk{alternation: base, t: t, mode: "header"}
	k.url = base.process(base.world.copy(t), nil)
	k.all(true)
	want := base.alone(t, k.listens)
	if found := base.crossings(k.listens, want); len(found) > 0 {
		t.Fatalf("without a fault: %s", strings.Join(found[:min(len(found), 5)], "\n"))
	}
	faults := keepingFaults()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := base.process(base.world.copy(t), fault.around)
			var listens []heard
			for _, l := range k.listens {
				listens = append(listens, heard{l.asking, l.take(t, url)})
			}
			found := base.crossings(listens, want)
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, fault.want) }) {
				t.Errorf("nothing says %q of it, but:\n%s", fault.want, strings.Join(found[:min(len(found), 5)], "\n"))
			}
		})
	}
	t.Attr("keeping_faults", strconv.Itoa(len(faults)))
}

// A keepingFault is a handler around the server that keeps something, and what is to be said of it.
type keepingFault struct {
	around func(http.Handler) http.Handler
	want   string
}

// keepingFaults are the ways to keep something that have been thought of.
func keepingFaults() map[string]keepingFault {
	const shown = "was shown tenant"
	// caching keeps the answers to reads under what key makes of a request; "" is not kept.
	caching := func(key func(*http.Request) string) func(http.Handler) http.Handler {
		return func(server http.Handler) http.Handler {
			var kept sync.Map
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				name := key(r)
				if r.Method != http.MethodGet || name == "" || strings.HasSuffix(r.URL.Path, "/broken") {
					server.ServeHTTP(w, r)
					return
				}
				found, ok := kept.Load(name)
				if !ok {
					answer := httptest.NewRecorder()
					server.ServeHTTP(answer, r)
					found = answer
					if answer.Code == http.StatusOK {
						kept.Store(name, answer)
					}
				}
				replay(w, found.(*httptest.ResponseRecorder), nil)
			})
		}
	}
	// changing lets an answer be changed, with the one before it at hand.
	changing := func(change func(last *httptest.ResponseRecorder, answer *httptest.ResponseRecorder, r *http.Request) (before []byte)) func(http.Handler) http.Handler {
		return func(server http.Handler) http.Handler {
			var last *httptest.ResponseRecorder
			var mu sync.Mutex
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/broken") {
					server.ServeHTTP(w, r)
					return
				}
				answer := httptest.NewRecorder()
				server.ServeHTTP(answer, r)
				mu.Lock()
				var before []byte
				if last != nil {
					before = change(last, answer, r)
				}
				last = answer
				mu.Unlock()
				replay(w, answer, before)
			})
		}
	}
	type recorder = httptest.ResponseRecorder
	return map[string]keepingFault{
		"a cache by address":    {caching(func(r *http.Request) string { return r.URL.String() }), shown},
		"a cache by credential": {caching(func(r *http.Request) string { return r.Header.Get("Authorization") + r.URL.Path }), shown},
		"a cache by request id": {caching(func(r *http.Request) string { return r.Header.Get("X-Request-Id") + r.URL.Path }), shown},
		"a value that is made once": {caching(func(r *http.Request) string {
			return map[bool]string{true: "tenant"}[strings.HasSuffix(r.URL.Path, "/tenant")]
		}), shown},
		"a buffer that is not emptied": {changing(func(last, _ *recorder, _ *http.Request) []byte {
			return last.Body.Bytes()[:min(200, last.Body.Len())]
		}), shown},
		"headers of the last answer": {changing(func(last, answer *recorder, _ *http.Request) []byte {
			for name, values := range last.Header() {
				if answer.Header()[name] == nil {
					answer.Header()[name] = values
				}
			}
			return nil
		}), "its header"},
		"a code of the last answer": {changing(func(last, answer *recorder, _ *http.Request) []byte {
			answer.Code = last.Code
			return nil
		}), "was answered otherwise than by a process that has served nobody else"},
		"headers that let a proxy keep": {changing(func(_, answer *recorder, _ *http.Request) []byte {
			answer.Header().Set("Cache-Control", "public, max-age=60")
			return nil
		}), "a proxy may keep the answer"},
		"an ETag that hashes nothing": {changing(func(_, answer *recorder, r *http.Request) []byte {
			if tag, _, ok := strings.Cut(answer.Header().Get("ETag"), "."); ok {
				answer.Header().Set("ETag", tag+`"`)
				if r.Header.Get("If-None-Match") != "" {
					answer.Code = http.StatusNotModified
					answer.Body.Reset()
				}
			}
			return nil
		}), "two contents have one ETag"},
		"an export that goes on where another broke off": {func(server http.Handler) http.Handler {
			var left bytes.Buffer
			var mu sync.Mutex
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.Contains(r.URL.Path, "/export") {
					server.ServeHTTP(w, r)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				answer := httptest.NewRecorder()
				func() {
					defer func() {
						if broken := recover(); broken != nil {
							left.Write(answer.Body.Bytes()[:min(300, answer.Body.Len())])
						}
					}()
					server.ServeHTTP(answer, r)
				}()
				before := bytes.Clone(left.Bytes())
				if !strings.HasSuffix(r.URL.Path, "/broken") {
					left.Reset()
				}
				replay(w, answer, before)
			})
		}, shown},
	}
}

// replay writes an answer that was kept, behind what stands before it.
func replay(w http.ResponseWriter, answer *httptest.ResponseRecorder, before []byte) {
	header := w.Header()
	maps.Copy(header, answer.Header())
	header.Del("Content-Length")
	w.WriteHeader(answer.Code)
	if answer.Code != http.StatusNotModified {
		_, _ = w.Write(append(before, answer.Body.Bytes()...)) // the client may have left
	}
}
