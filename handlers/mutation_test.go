package handlers

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

// A mutant is a query of sql/queries without one of the predicates that hold it to its scope.
type mutant struct {
	scope, query string
	place        string // the line of the predicate; of a line that occurs again, with its number
	like         *regexp.Regexp
	nth          int // of what is like the predicate in the query's text
}

// of is the statement without the predicate, if it is one of the query's: a list has several shapes. The parameter stays where the
// predicate was, for PostgreSQL to know its type by.
func (m *mutant) of(sql string) string {
	if !strings.HasPrefix(sql, "-- name: "+m.query+" :") {
		return sql
	}
	at := m.like.FindAllStringSubmatchIndex(sql, -1)[m.nth]
	with := "ON true"
	if m.like == scoping {
		with = sql[at[2]:at[3]] + "::uuid IS NOT NULL"
	}
	return sql[:at[0]] + with + sql[at[1]:]
}

var (
	scopeOfFile = regexp.MustCompile(`^-- Scope: (\w+)\.`)
	generated   = regexp.MustCompile("(?s)const (\\w+) = `(-- name: (\\w+) :.*?)`")
	named       = regexp.MustCompile(`^-- name: (\w+) :`)
	accessor    = regexp.MustCompile(`q\.db\.\w+\(ctx, (\w+),([^)]*)\)`)
	scoping     = regexp.MustCompile(`\b(?:\w+\.)?(?:id|tenant_id|account_id) = (\$\d+|NULL)`)
	joining     = regexp.MustCompile(`\bON \w+\.id = \w+\.tenant_id\b`)
)

// asWorker are the queries that only workers send, for the tenant that stands in their job, and those of the operator's commands: never for one that a
// request names.
var asWorker = strings.Fields(`ArchivePut ArchiveRead ArchiveRestored QuotaSet RequestsCount TenantCount TenantErase TenantEraseNow TenantResume TenantSuspend TenantTables
	AppointmentReminder DeliveryAttempted DeliveryGiveUp DeliveryPending DeliveryRender InvitationMail LetterDelete LetterGet
	LoginsExpire TenantExpire UserWelcome WebhookEnd WebhookMail WebhookSeal WebhookSealed`)

// mutants are found in the text of db/, and made of what the server sends.
func mutants(t *testing.T) (all []mutant) {
	t.Helper()
	files, err := filepath.Glob("../sql/queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, file := range files {
		scope := scopeOfFile.FindStringSubmatch(read(file))[1]
		if scope == "unscoped" || scope == "platform" { // of which all tenants are
			continue
		}
		code := read(filepath.Join("../db", filepath.Base(file)+".go"))
		arguments := map[string][]string{}
		for _, call := range accessor.FindAllStringSubmatch(code, -1) {
			for _, argument := range strings.Split(strings.TrimSuffix(strings.TrimSpace(call[2]), ","), ",") {
				arguments[call[1]] = append(arguments[call[1]], strings.ToLower(strings.TrimPrefix(strings.TrimSpace(argument), "arg.")))
			}
		}
		for _, found := range generated.FindAllStringSubmatch(code, -1) {
			sql, query := found[2], found[3]
			if slices.Contains(asWorker, query) {
				continue
			}
			number := 1 + slices.Index(arguments[found[1]], scope+"id")
			if number == 0 {
				t.Errorf("%s: no parameter is the %s's id", query, scope)
			}
			seen := map[string]int{}
			for _, like := range []*regexp.Regexp{scoping, joining} {
				for nth, at := range like.FindAllStringSubmatchIndex(sql, -1) {
					if like == scoping && sql[at[2]:at[3]] != fmt.Sprintf("$%d", number) {
						continue
					}
					place := strings.TrimSpace(sql[strings.LastIndexByte(sql[:at[0]], '\n')+1 : at[1]])
					if seen[place]++; seen[place] > 1 {
						place += fmt.Sprintf(" (%d)", seen[place])
					}
					all = append(all, mutant{scope, query, place, like, nth})
				}
			}
			if len(seen) == 0 && !strings.Contains(sql, "INSERT INTO") {
				t.Errorf("%s: no predicate found", query)
			}
		}
	}
	return all
}

// survivors are the mutants that nothing can tell from the query, and why.
var survivors = map[string]string{
	"AccountUserTenants: WHERE users.account_id = $1":    "it names more tenants, and in those the account has no row to change",
	"SessionBind: WHERE sessions.account_id = $2":        "the session is the caller's own, of which its door has made sure or which it has just made",
	"SessionVisit: WHERE accounts.id = $1":               "the session that it is begun from is the caller's own, of which its door has made sure",
	"AccountPasswordSet: WHERE sessions.account_id = $2": "the session is the caller's own, of which its door has made sure",
	"TokenSpend: WHERE account_id = $1":                  "the account was found by the same hash, which no other token has",
}

// Each predicate that holds a query to its tenant, or to its account, is needed: without any one of them, and with row-level security
// binding nobody, somebody sees or changes what is not his, or is answered otherwise. And none is all there is: with row-level
// security, a query that lacks one answers just as before.
func TestMutants(t *testing.T) {
	t.Parallel()
	all := mutants(t)
	step := 1
	if !*whole {
		step = 12
	}
	base := probed(t)
	verdicts, leaks := make([]string, len(all)), make([]bool, len(all))
	t.Cleanup(func() { // when all of them have ended
		if step > 1 || t.Failed() || slices.Contains(verdicts, "") { // not each was run
			return
		}
		var list strings.Builder
		for i, m := range all {
			fmt.Fprintf(&list, "%s: %s\n    %s\n", m.query, m.place, verdicts[i])
		}
		if err := os.WriteFile("testdata/mutants.txt", []byte(list.String()), 0o644); err != nil { // a report, like docs/isolation.md
			t.Fatal(err)
		}
		t.Attr("query_mutants", strconv.Itoa(len(all)))
		t.Attr("query_mutants_killed", strconv.Itoa(countOf(verdicts, func(v string) bool { return strings.HasPrefix(v, "killed") })))
		t.Attr("query_mutants_surviving", strconv.Itoa(countOf(verdicts, func(v string) bool { return strings.HasPrefix(v, "survives") })))
		t.Attr("query_mutants_under_policies", strconv.Itoa(countOf(all, func(m mutant) bool { return m.scope == "tenant" })))
		t.Attr("query_mutants_leaking_under_policies", strconv.Itoa(countOf(leaks, func(leak bool) bool { return leak })))
	})
	for _, policies := range []bool{false, true} {
		name := map[bool]string{false: "queries alone", true: "queries and policies"}[policies]
		var sent sync.Map
		want := base.run(t, policies, func(sql string) string {
			if query := named.FindStringSubmatch(sql); query != nil {
				sent.Store(query[1], nil)
			}
			return sql
		})
		for i := 0; i < len(all); i += step {
			m := all[i]
			if _, ok := sent.Load(m.query); !ok {
				t.Errorf("%s is never sent: the probe needs a request for it", m.query)
			}
			if policies && m.scope == "account" {
				continue // account tables have no policies: their wall is that rowhouse_app may not read them
			}
			t.Run(name+"/"+m.query+"/"+m.place, func(t *testing.T) {
				t.Parallel()
				got := base.run(t, policies, m.of)
				difference := firstDifference(want, got)
				if policies {
					leaks[i] = difference != ""
				}
				switch {
				case policies && difference != "":
					t.Errorf("row-level security does not make up for it:\n%s", difference)
				case policies:
				case difference == "" && survivors[m.query+": "+m.place] == "":
					t.Errorf("nothing tells %s without %q from the query: the probe needs a request that does", m.query, m.place)
				case difference != "" && survivors[m.query+": "+m.place] != "":
					t.Errorf("it is said to survive, and does not:\n%s", difference)
				case difference == "":
					verdicts[i] = "survives: " + survivors[m.query+": "+m.place]
				default:
					verdicts[i] = "killed: " + strings.SplitN(difference, "\n", 2)[0]
				}
			})
		}
	}
}

func countOf[T any](all []T, that func(T) bool) (n int) {
	for _, one := range all {
		if that(one) {
			n++
		}
	}
	return n
}

// An exchanged is an entry of a transcript: what was asked, and the answer.
type exchanged struct{ asked, answer string }

// firstDifference is where two transcripts part, "" when they do not.
func firstDifference(want, got []exchanged) string {
	for i := range want {
		if i >= len(got) || want[i] != got[i] {
			return fmt.Sprintf("%s\n%s", want[i].asked, cmp.Diff(want[i].answer, got[min(i, len(got)-1)].answer))
		}
	}
	return ""
}

// probe is a world as it was before anybody asked anything, and from which every run starts.
type probe struct {
	world      *world
	invitation map[ids.InvitationID]string // tokens
	mailed     string
	forgotten  string
	names      map[string]string // of ids, for reading
}

// probed is a world with what the requests of run need.
func probed(t *testing.T) *probe {
	t.Helper()
	w := newRows(t)
	twin, own := w.B.item.UUID(), w.B.own.UUID()
	w.db.Exec(`UPDATE users SET team_id = id WHERE id IN ($1, $2) AND (tenant_id = $3 OR id = $1)`, twin, own, w.B.id)
	// Each tenant has booked its twin at another time to come, is to be paid for it, has been paid in the month that a report is asked of, and has set
	// something else.
	w.db.Exec(`UPDATE appointments SET starts_at = '2100-01-01 12:00:00Z', ends_at = '2100-01-01 13:00:00Z', price_cents = 100 WHERE id = $1`, twin)
	w.db.Exec(`UPDATE appointments SET starts_at = '2100-01-01 15:00:00Z', ends_at = '2100-01-01 16:00:00Z' WHERE id = $1 AND tenant_id = $2`, twin, w.B.id)
	w.db.Exec(`UPDATE transactions SET paid_at = '2026-01-15 12:00:00Z'`)
	w.db.Exec(`INSERT INTO settings (tenant_id, key, value) VALUES ($1, 'slot_minutes', '45')`, w.A.id)
	w.db.Exec(`INSERT INTO quotas (tenant_id, subject, maximum, used, resets_at)
		SELECT tenant_id, 'items', 100000 + count(*), count(*), now() + interval '1 day' FROM items GROUP BY tenant_id`)
	w.db.Exec(`INSERT INTO identities (issuer, subject, account_id) SELECT 'https://id.example.com', username, id FROM accounts`)
	// One token for an invitation of each tenant, and one more of B.
	p := &probe{world: w, invitation: map[ids.InvitationID]string{}}
	for _, id := range []ids.InvitationID{ids.InvitationID(w.B.item), ids.InvitationID(w.B.own)} {
		token, hash := auth.NewTenantSecret(auth.InvitationPrefix, w.B.id)
		w.db.Exec(`UPDATE invitations SET token_hash = $2 WHERE id = $1`, id, hash)
		p.invitation[id] = token
	}
	// Its user id in A is that of somebody else in B.
	drift := w.account("drift")
	w.user(w.B, drift, "member")
	w.db.Exec(`INSERT INTO users (tenant_id, id, account_id, username, name) VALUES ($1, $2, $3, 'drift', $4)`, w.A.id, own, drift.account, w.A.canary)
	w.db.Exec(`UPDATE api_keys SET user_id = id WHERE tenant_id = $1 AND id = $2`, w.B.id, own)
	w.db.Exec(`INSERT INTO api_keys (tenant_id, user_id, name, key_prefix, hash)
		SELECT tenant_id, id, name, 'rh_' || left(md5(tenant_id::text), 9), sha256('drift') FROM users WHERE account_id = $1`, drift.account)
	w.db.Exec(`INSERT INTO memberships (tenant_id, user_id, legal_name, email_address, code_of_conduct)
		SELECT tenant_id, id, 'Drift', 'drift@example.com', true FROM users WHERE account_id = $1`, drift.account)
	token, hash := auth.NewSecret(auth.OneTimePrefix)
	w.db.Exec(`INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at) VALUES ($1, $2, 'email', 'drift@example.com', now() + interval '1 day')`, hash, drift.account)
	p.mailed = token
	people := []person{drift, w.account("root")}
	// One whose address is proven has forgotten the password; and another's token is not spent.
	token, hash = auth.NewSecret(auth.OneTimePrefix)
	w.db.Exec(`UPDATE accounts SET email_verified_at = now() WHERE id = $1`, w.nobody.account)
	w.db.Exec(`INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at)
		SELECT hash, id, purpose, a.email, now() + interval '1 day'
		  FROM (VALUES ($1::bytea, $2::uuid, 'password'), (sha256('unspent'), $3, 'email')) AS of (hash, account, purpose)
		  JOIN accounts a ON a.id = account`, hash, w.nobody.account, people[1].account)
	p.forgotten = token
	w.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, people[1].account)
	w.A.people["drift"], w.B.people["drift"], w.B.people["root"] = drift, drift, people[1]
	w.db.Exec(`UPDATE audit_events SET action = 'test'`) // of the rows above, in both
	p.names = map[string]string{
		w.A.id.UUID(): "A", w.A.own.UUID(): "row-of-a", second(w.A.own).UUID(): "role-of-a",
		w.B.id.UUID(): "B", w.B.own.UUID(): "row-of-b", second(w.B.own).UUID(): "role-of-b",
		w.B.item.UUID(): "twin", second(w.B.item).UUID(): "twin-role",
	}
	for i, id := range testdb.Value[[]string](w.db, `
		SELECT array_agg(x.id::text)
		  FROM (SELECT id FROM users UNION SELECT id FROM sessions UNION SELECT id FROM accounts UNION SELECT id FROM artists) x`) {
		if p.names[id] == "" {
			p.names[id] = fmt.Sprintf("#%d", i)
		}
	}
	for _, h := range []house{w.A, w.B} {
		p.names[h.people["admin"].session.UUID()] = "session-of-" + h.people["admin"].name
	}
	return p
}

// run asks a fresh copy of the world for everything there is, as B's people and as accounts, with the statements rewritten on their
// way to the database, and returns each answer and, in the end, each row: the same for the same statements.
func (p *probe) run(t *testing.T, policies bool, rewrite func(string) string) (all []exchanged) {
	t.Helper()
	w := p.world.copy(t)
	w.odd = true
	if !policies {
		w.db.Exec(testdb.Value[string](w.db, `
			SELECT string_agg(format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', tablename), ';') FROM pg_tables WHERE schemaname = 'public'`))
	}
	proxy := w.db.NewProxy(schema.Server)
	proxy.Rewrite = rewrite
	w.server, w.URL = w.serve(proxy.URL(), worldConfig(nil))
	ask := func(who string, r request) response {
		got := w.send(r.with("X-Request-Id", "req-1"))
		answer := p.constant(fmt.Sprintf("%d %s %s %s", got.status, got.header.Get("ETag"), got.header.Get("Location"), got.body))
		if strings.HasPrefix(r.path, "/audit-events") { // those of one transaction stand in any order
			events := auditEvents.FindAllString(answer, -1)
			slices.Sort(events)
			answer = auditEvents.ReplaceAllString(answer, "") + strings.Join(events, "\n")
		}
		all = append(all, exchanged{p.constant(strings.TrimSpace(who + ": " + r.method + " " + r.path + " " + r.body)), answer})
		return got
	}
	admin := w.B.people["admin"]
	pages := func(who string, path string, as func(request) request) {
		for _, sort := range []string{"", "&sort=name"} {
			cursor := ""
			for range 10 {
				got := ask(who, as(call("GET", path+"count=true&page_size=2"+sort+cursor)))
				next := nextPage.FindStringSubmatch(got.body)
				if next == nil {
					break
				}
				cursor = "&cursor=" + next[1]
			}
		}
	}

	// As users of B, who name A's rows, rows that both have under one id, and their own.
	foreign, twins, own := samples(w.A), samples(house{own: w.B.item, canary: w.B.canary}), samples(w.B)
	each := func(deleting bool) {
		for i := range routes {
			route := &routes[i]
			method, path, _ := strings.Cut(route.Pattern, " ")
			if route.Scope != rest.TenantScope || ending[route.Pattern] || deleting != (method == http.MethodDelete) {
				continue
			}
			if strings.Contains(path, ":") {
				ask("admin", w.as(admin, foreign[route.Pattern], w.B))
				ask("admin", w.as(admin, foreign[route.Pattern], w.B).with("If-Match", "*"))
				ask("admin", w.as(admin, twins[route.Pattern], w.B))
			}
			ask("member", w.as(w.B.people["member"], own[route.Pattern], w.B))
			ask("admin", w.as(admin, own[route.Pattern], w.B))
			if slices.ContainsFunc(rest.FieldsOf(route.Input), func(f rest.Field) bool { return f.Name == "cursor" }) && path != "/audit-events" {
				if strings.Contains(path, ":") { // below a row that both have
					path, _, _ = strings.Cut(twins[route.Pattern].path, "?")
				}
				pages("admin", path+"?", func(r request) request { return w.as(admin, r, w.B) })
				pages("both", path+"?", func(r request) request { return w.as(w.both, r, w.B) })
			}
		}
	}
	ask("admin", w.as(admin, call("PATCH", "/settings").json(`{"currency":"CHF"}`), w.B)) // others are as they were
	ask("admin", w.as(admin, call("GET", "/settings"), w.B))
	ask("admin", w.as(admin, call("GET", "/artists/"+w.B.item.UUID()+"/slots?from=2100-01-01T00:00:00Z&to=2100-01-02T00:00:00Z"), w.B))
	each(false)
	ask("admin", w.as(admin, call("GET", "/audit-events?count=true&page_size=200"), w.B))
	ask("admin", w.as(admin, call("POST", "/users").json(`{"email":"teamed@example.com","name":"New","team_id":"`+w.B.item.UUID()+`"}`), w.B))
	ask("admin", w.as(admin, call("POST", "/invitations").json(`{"email":"teamed@example.com","role":"member"}`), w.B))
	ask("assistant", w.as(w.B.people["assistant"], call("POST", "/users/me/leave"), w.B))

	// As accounts.
	for _, who := range []person{w.both, w.B.people["artist"]} {
		as := func(r request) request { return w.as(who, r) }
		ask(who.name, as(call("GET", "/me")))
		ask(who.name, as(call("PATCH", "/me").with("If-Match", "*").json(`{"name":"renamed"}`)))
		ask(who.name, as(call("GET", "/me/export")))
		for _, list := range []string{"/me/tenants?", "/tenants?", "/auth/sessions?"} {
			pages(who.name, list, as)
		}
		for _, tenant := range []string{`"` + w.A.id.String() + `"`, `"` + w.B.id.String() + `"`, `null`} {
			ask(who.name, as(call("POST", "/auth/switch-tenant").json(`{"tenant_id":`+tenant+`}`)))
			ask(who.name, as(call("POST", "/auth/switch-tenant").json(`{"tenant_id":`+tenant+`,"reason":"none of mine"}`)))
		}
		ask(who.name, as(call("DELETE", "/auth/sessions/"+w.A.people["admin"].session.String())))
		ask(who.name, as(call("POST", "/tenants").json(`{"name":"Founded by `+who.name+`"}`)))
	}
	ask("both", w.as(w.both, call("POST", "/auth/password").json(`{"current_password":"`+password+`","new_password":"a new harbour"}`)))
	ask("root", w.as(w.B.people["root"], call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+w.B.id.String()+`","reason":"Ticket 4711"}`)))
	w.db.Exec(`UPDATE invitations SET email = 'another@example.com' WHERE tenant_id = $1 AND id = $2`, w.B.id, w.B.own.UUID()) // or it is void with the next
	ask("guest", call("POST", "/invitations/accept").json(`{"token":"`+p.invitation[ids.InvitationID(w.B.item)]+`","password":"a new harbour"}`))
	// What the user of B has whose id is that of drift in A is as it was, each time that drift loses his.
	restore := func() {
		w.db.Exec(`UPDATE sessions SET revoked_at = NULL WHERE account_id = $1`, w.B.people["drift"].account)
		w.db.Exec(`UPDATE accounts SET is_active = true WHERE id = $1`, w.B.people["drift"].account)
		w.db.Exec(`UPDATE api_keys SET revoked_at = NULL WHERE tenant_id = $1`, w.B.id)
		w.db.Exec(`UPDATE webhooks SET disabled_at = NULL, disabled_reason = NULL, user_id = $2 WHERE tenant_id = $1`, w.B.id, w.B.own.UUID())
		w.db.Exec(`UPDATE invitations SET invited_by = $2 WHERE tenant_id = $1`, w.B.id, w.B.own.UUID())
	}
	restore()
	ask("drift", call("POST", "/auth/email/verify").json(`{"token":"`+p.mailed+`"}`))
	ask("nobody", call("POST", "/auth/password/reset").json(`{"token":"`+p.forgotten+`","password":"a new harbour"}`))
	restore()
	shut := w.server.doors.Atomic(t.Context(), func(tx *tenancy.Tx) error {
		return Shut(t.Context(), tx, rest.Caller{Operation: "hook.clerk"}, w.B.people["drift"].account)
	})
	all = append(all, exchanged{"drift is shut", fmt.Sprint(shut)})
	restore()
	ask("drift", w.as(w.B.people["drift"], call("DELETE", "/me")))
	ask("artist", w.as(w.B.people["artist"], call("POST", "/auth/logout-all")))

	// Of a tenant that is suspended.
	w.db.Exec(`UPDATE invitations SET invited_by = u.id FROM users u WHERE invitations.tenant_id = $1 AND u.tenant_id = $1 AND u.account_id = $2`,
		w.B.id, w.B.people["admin"].account) // who may, so that nothing else refuses it
	w.db.Exec(`UPDATE tenants SET status = 'suspended' WHERE id = $1`, w.B.id)
	ask("guest", call("POST", "/invitations/accept").json(`{"token":"`+p.invitation[ids.InvitationID(w.B.own)]+`","password":"a new harbour"}`))
	ask("both", w.as(w.both, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+w.B.id.String()+`"}`)))
	pages("both", "/me/tenants?", func(r request) request { return w.as(w.both, r) })
	w.db.Exec(`UPDATE tenants SET status = 'active' WHERE id = $1`, w.B.id)

	each(true)
	ask("admin", w.as(admin, foreign["DELETE /tenant"], w.B))
	ask("admin", w.as(admin, own["DELETE /tenant"], w.B))

	for _, table := range testdb.Value[[]string](w.db, `SELECT array_agg(tablename::text ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'`) {
		if table == "rate_limits" || table == "account_events" { // noted after the answer
			continue
		}
		rows := strings.Split(p.constant(testdb.Value[string](w.db, `SELECT coalesce(string_agg(t::text, E'\n'), '') FROM `+table+` t`)), "\n")
		slices.Sort(rows)
		all = append(all, exchanged{"the rows of " + table, strings.Join(rows, "\n")})
	}
	return all
}

var (
	auditEvents = regexp.MustCompile(`\{"id":"audit-.*?"created_at":"[^"]*"\}`)
	nextPage    = regexp.MustCompile(`"next":"([^"]+)"`)
	uuids       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	fleeting    = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|\+00)?|"next":"[^"]+"|cursor=[^& ]+|rh\w*_[0-9A-Za-z_-]{8,}|whsec_[0-9A-Za-z+/=]+|eyJ[\w.-]+|\\\\x[0-9a-f]+|\$argon2id\$[^"]*|[0-9a-f]{12,}|founded-by-[a-z0-9-]+|closed-[a-z2-7]{26}`)
)

// constant is a text without what differs from run to run: new ids, times, secrets.
func (p *probe) constant(text string) string {
	text = uuids.ReplaceAllStringFunc(text, func(id string) string {
		if name, known := p.names[id]; known {
			return name
		}
		return "new"
	})
	return fleeting.ReplaceAllString(text, "…")
}
