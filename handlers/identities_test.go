package handlers

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/testdb"
)

// abroad is an outside issuer, which signs whatever it is told to.
type abroad struct {
	t       testing.TB
	URL     string
	name    string // "": its URL
	key     ed25519.PrivateKey
	fetched atomic.Int64
	down    atomic.Bool
}

func newAbroad(t testing.TB) *abroad {
	t.Helper()
	a := &abroad{t: t}
	_, a.key, _ = ed25519.GenerateKey(rand.Reader)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told := map[string]any{"issuer": a.URL, "jwks_uri": a.URL + "/keys"}
		if r.URL.Path == "/keys" {
			a.fetched.Add(1)
			told = map[string]any{"keys": []map[string]string{{
				"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "k", "x": base64.RawURLEncoding.EncodeToString(a.key.Public().(ed25519.PublicKey)),
			}}}
		}
		if a.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
		_ = json.NewEncoder(w).Encode(told)
	}))
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

// trusting configures a server to heed the tokens of issuers.
func trusting(all ...*abroad) func(*Config) {
	return func(c *Config) {
		var issuers []auth.Issuer
		for _, a := range all {
			name := a.name
			if name == "" {
				name = a.URL
			}
			issuers = append(issuers, auth.Issuer{Name: name, URL: a.URL, Audiences: []string{"rowhouse"}, Algorithms: []string{"EdDSA"}, TenantClaim: "tenant"})
		}
		c.Issuers = auth.NewIssuers(issuers, rest.Fetch, slog.New(slog.DiscardHandler))
	}
}

// token is one that the issuer has just issued of a subject, with the changed claims; nil takes one away.
func (a *abroad) token(subject string, changed map[string]any) string {
	a.t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{"iss": a.URL, "sub": subject, "aud": "rowhouse", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(claims, changed)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["kid"] = "k"
	text, err := token.SignedString(a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

// of is a token that names the person by name, with his e-mail, which the issuer has verified.
func (a *abroad) of(p person, changed ...map[string]any) string {
	claims := map[string]any{"email": p.name + "@example.com", "email_verified": true}
	for _, c := range changed {
		maps.Copy(claims, c)
	}
	return a.token(p.name, claims)
}

// later is a claim of a token that is issued after whatever happened until now: its time is in whole seconds.
func later() map[string]any { return map[string]any{"iat": time.Now().Add(2 * time.Second).Unix()} }

// in adds a token and the header that selects a house.
func in(h house, token string, r request) request {
	return bearer(token, r).with("X-Tenant-Id", h.id.String())
}

type sessionAnswer struct {
	ID      ids.SessionID
	Issuer  *string
	Current bool
}

// A token of an outside issuer is as good as our own: the header chooses its tenant, or a claim of it does; it is the account's, and a
// session of it, which it names as its own.
func TestOutsideToken(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(issuer))
	admin, member := w.A.people["admin"], w.A.people["member"]
	w.prove(admin)
	w.prove(member)
	token, bound := issuer.of(admin), issuer.of(admin, map[string]any{"tenant": w.A.id.String()})
	w.want(in(w.A, token, call("GET", "/items")), 200)
	w.want(bearer(bound, call("GET", "/items")), 200)
	w.want(in(w.A, token, call("POST", "/items").json(`{"name":"x","price_cents":1}`)), 201)
	w.want(in(w.A, issuer.of(member), call("POST", "/items").json(`{"name":"x","price_cents":1}`)), 403, "permission_denied")
	w.want(bearer(token, call("GET", "/items")), 400, "missing_tenant")
	w.want(in(w.A, bound, call("GET", "/items")), 400, "unwanted_tenant")
	w.want(in(w.B, token, call("GET", "/items")), 403, "tenant_forbidden")
	w.want(bearer(issuer.of(admin, map[string]any{"tenant": w.B.id.String()}), call("GET", "/items")), 403, "tenant_forbidden")
	w.want(bearer(issuer.of(admin, map[string]any{"tenant": ids.New[ids.TenantID]().String()}), call("GET", "/items")), 403, "tenant_forbidden")
	w.want(bearer(issuer.of(admin, map[string]any{"tenant": "canary-of-a-a"}), call("GET", "/items")), 401, "invalid_token")
	if got := content[struct{ Account struct{ Username string } }](t, w.want(bearer(token, call("GET", "/me")), 200)); got.Account.Username != "admin-a" {
		t.Errorf("it is %s", got.Account.Username)
	}
	w.want(bearer(token, call("GET", "/me/tenants")), 200)
	var current []sessionAnswer
	for _, s := range content[[]sessionAnswer](t, w.want(bearer(token, call("GET", "/auth/sessions")), 200)) {
		if s.Current {
			current = append(current, s)
		}
	}
	if len(current) != 1 || current[0].Issuer == nil || *current[0].Issuer != issuer.URL {
		t.Errorf("its session is %v", current)
	}
	// An Idempotency-Key is the account's, whichever token comes with it.
	created := call("POST", "/items").json(`{"name":"once","price_cents":1}`).with("Idempotency-Key", "k")
	first := w.want(in(w.A, token, created), 201)
	again := w.want(in(w.A, issuer.of(admin), created), 201)
	if first.body != again.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %v, and then %v", first, again)
	}
	// Its e-mail is of no more interest.
	w.want(in(w.A, issuer.token("admin-a", nil), call("GET", "/items")), 200)
	w.want(in(w.A, issuer.token("admin-a", map[string]any{"email": "member-a@example.com", "email_verified": true}), call("GET", "/items")), 200)
	actors := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events WHERE tenant_id = $1 AND actor_account_id = $2 AND action = 'item.create'`, w.A.id, admin.account)
	events := testdb.Value[string](w.db, `SELECT string_agg(action || coalesce(' ' || after::text, ''), ', ' ORDER BY id) FROM account_events WHERE account_id = $1 AND action LIKE 'identity%'`, admin.account)
	if want := fmt.Sprintf(`identity.link {"issuer": "%s", "subject": "admin-a"}, identity.enter`, issuer.URL); actors != 2 || events != want {
		t.Errorf("%d items are hers, and the events are %s; want 2 and %s", actors, events, want)
	}
	if got := testdb.Value[int](w.db, `SELECT count(*) FROM sessions WHERE issuer IS NOT NULL`); got != 2 {
		t.Errorf("%d sessions were begun, want one for each of the two", got)
	}
}

// A subject that nobody knows is linked where its e-mail and the account's are both proven, and is refused with the same bytes everywhere
// else, whether or not there is such an account.
func TestOutsideLink(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(issuer))
	closed, made := w.account("closed"), w.account("made")
	w.prove(closed)
	w.db.Exec(`UPDATE accounts SET is_active = false WHERE id = $1`, closed.account)
	w.db.Exec(`UPDATE accounts SET made_in = $1 WHERE id = $2`, w.A.id, made.account)
	unknown := person{name: "unknown"}
	want := w.want(bearer(issuer.of(unknown), call("GET", "/me")), 401, "identity_unlinked").anonymous()
	for _, p := range []person{w.nobody, closed, made} { // not proven, not active, not proven either
		for range 2 {
			if got := w.want(bearer(issuer.of(p), call("GET", "/me")), 401).anonymous(); got != want {
				t.Errorf("%s: got %s, want %s", p.name, got, want)
			}
		}
	}
	w.prove(w.nobody)
	for _, changed := range []map[string]any{{"email_verified": false}, {"email_verified": nil}, {"email": nil}} {
		got := w.want(bearer(issuer.of(w.nobody, changed), call("GET", "/me")), 401, "identity_unlinked")
		if !strings.Contains(got.body, "email_verified") {
			t.Errorf("%v: got %v, which does not say what the token lacks", changed, got)
		}
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM identities`); n != 0 {
		t.Errorf("%d identities", n)
	}
	w.want(bearer(issuer.of(w.nobody, map[string]any{"email": "Nobody@EXAMPLE.com"}), call("GET", "/me")), 200)
	// Another person of the issuer with the same e-mail is not linked too.
	w.want(bearer(issuer.token("another", map[string]any{"email": "nobody@example.com", "email_verified": true}), call("GET", "/me")), 401, "identity_unlinked")
	// Whose account is deactivated is refused, at the very next request.
	token := issuer.of(w.nobody)
	w.want(bearer(token, call("GET", "/me")), 200)
	w.db.Exec(`UPDATE accounts SET is_active = false WHERE id = $1`, w.nobody.account)
	w.want(bearer(token, call("GET", "/me")), 401, "invalid_token")
	w.want(bearer(issuer.of(w.nobody, later()), call("GET", "/me")), 401, "invalid_token")
}

// However many first requests come at once, to however many processes, there is one link and one session, and all are served.
func TestOutsideFirstRace(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(issuer))
	_, elsewhere := w.serve(w.db.Server(), w.server.config)
	for round := range 10 {
		p := w.account(fmt.Sprint("guest-", round))
		w.prove(p)
		w.user(w.A, p, "member")
		got := make(chan int, 8)
		for n := range cap(got) {
			go func() {
				to := w.URL
				if n%2 == 0 {
					to = elsewhere
				}
				answer, err := w.try(in(w.A, issuer.of(p), call("GET", "/items")), to)
				if err != nil {
					t.Error(err)
				}
				got <- answer.status
			}()
		}
		for range cap(got) {
			if status := <-got; status != 200 {
				t.Errorf("round %d: got %d", round, status)
			}
		}
		links := testdb.Value[int](w.db, `SELECT count(*) FROM identities WHERE account_id = $1`, p.account)
		sessions := testdb.Value[int](w.db, `SELECT count(*) FROM sessions WHERE account_id = $1 AND issuer IS NOT NULL`, p.account)
		if links != 1 || sessions != 1 {
			t.Errorf("round %d: %d links and %d sessions", round, links, sessions)
		}
	}
}

// Two issuers may name two people alike, and know one person by two names.
func TestOutsideIssuers(t *testing.T) {
	t.Parallel()
	one, other, stranger := newAbroad(t), newAbroad(t), newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(one, other))
	admin, member := w.A.people["admin"], w.A.people["member"]
	w.prove(admin)
	w.prove(member)
	email := func(p person) map[string]any {
		return map[string]any{"email": p.name + "@example.com", "email_verified": true}
	}
	who := func(token string, want person) {
		t.Helper()
		if got := content[struct{ Account struct{ Username string } }](t, w.want(bearer(token, call("GET", "/me")), 200)); got.Account.Username != want.name {
			t.Errorf("it is %s, want %s", got.Account.Username, want.name)
		}
	}
	who(one.token("7", email(admin)), admin)
	who(other.token("7", email(member)), member)
	who(one.token("7", nil), admin)
	who(other.token("7", nil), member)
	who(one.token("8", email(member)), member)
	// Each signs for itself alone.
	for _, forged := range []string{
		one.token("7", map[string]any{"iss": other.URL}), other.token("7", map[string]any{"iss": one.URL}),
		stranger.token("7", map[string]any{"iss": one.URL}), stranger.token("7", email(admin)), one.token("7", map[string]any{"iss": "rowhouse"}),
		one.token("7", map[string]any{"aud": "other"}), one.token(admin.account.String(), map[string]any{"sid": admin.session.String()}),
	} {
		if got := w.send(bearer(forged, call("GET", "/me"))); got.status != 401 {
			t.Errorf("got %v", got)
		}
	}
	w.want(w.as(admin, call("GET", "/items"), w.A), 200)
	// A server that trusts nobody heeds its own alone.
	config := w.server.config
	config.Issuers = nil
	_, alone := w.serve(w.db.Server(), config)
	if got, err := w.try(bearer(one.token("7", nil), call("GET", "/me")), alone); err != nil || got.status != 401 {
		t.Errorf("got %v, %v", got, err)
	}
}

// Whatever ends the session ends what was issued until then, in every process; a later token begins the next session, unless the account is
// gone.
func TestOutsideEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(w *world, p person, token, id string)
		then int // of a later token
	}{
		"logout": {func(w *world, _ person, token, _ string) { w.want(bearer(token, call("POST", "/auth/logout")), 200) }, 200},
		"logout everywhere": {func(w *world, _ person, token, _ string) {
			w.want(bearer(token, call("POST", "/auth/logout-all")), 200)
		}, 200},
		"everywhere, by ours": {func(w *world, p person, _, _ string) { w.want(w.as(p, call("POST", "/auth/logout-all")), 200) }, 200},
		"revoked":             {func(w *world, p person, _, id string) { w.want(w.as(p, call("DELETE", "/auth/sessions/"+id)), 200) }, 200},
		"revoked by itself": {func(w *world, _ person, token, id string) {
			w.want(bearer(token, call("DELETE", "/auth/sessions/"+id)), 200)
		}, 200},
		"closed":             {func(w *world, _ person, token, _ string) { w.want(bearer(token, call("DELETE", "/me")), 200) }, 401},
		"another password":   {func(w *world, p person, _, _ string) { w.want(w.as(p, changePassword()), 200) }, 200},
		"another, by itself": {func(w *world, _ person, token, _ string) { w.want(bearer(token, changePassword()), 200) }, 200},
		"a reset password":   {func(w *world, p person, _, _ string) { w.want(w.resetOf(p), 200) }, 200},
		"deactivated": {func(w *world, p person, _, _ string) {
			w.db.Exec(`UPDATE accounts SET is_active = false WHERE id = $1`, p.account)
		}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := newAbroad(t)
			w := newWorldAs(t, "rowhouse_server", trusting(issuer))
			_, elsewhere := w.serve(w.db.Server(), w.server.config)
			p := w.A.people["member"]
			w.prove(p)
			token, other := issuer.of(p), issuer.of(p, map[string]any{"jti": "other"})
			for _, to := range []string{w.URL, elsewhere} {
				if got, err := w.try(in(w.A, token, call("GET", "/items")), to); err != nil || got.status != 200 {
					t.Errorf("got %v, %v", got, err)
				}
			}
			session := testdb.Value[ids.SessionID](w.db, `SELECT id FROM sessions WHERE account_id = $1 AND issuer IS NOT NULL`, p.account)
			c.end(w, p, token, session.String())
			for _, old := range []string{token, other} {
				for _, to := range []string{w.URL, elsewhere} {
					if got, err := w.try(in(w.A, old, call("GET", "/items")), to); err != nil || got.status != 401 || c.then == 200 && got.code() != "invalid_token" {
						t.Errorf("got %v, %v", got, err)
					}
				}
			}
			for _, to := range []string{elsewhere, w.URL} {
				if got, err := w.try(in(w.A, issuer.of(p, later()), call("GET", "/items")), to); err != nil || got.status != c.then {
					t.Errorf("later: got %v, %v, want %d", got, err, c.then)
				}
			}
			// Nor is an old one good because a later one was.
			for _, to := range []string{elsewhere, w.URL} {
				if got, err := w.try(in(w.A, token, call("GET", "/items")), to); err != nil || got.status != 401 {
					t.Errorf("got %v, %v", got, err)
				}
			}
		})
	}
}

func changePassword() request {
	return call("POST", "/auth/password").json(`{"current_password":"` + password + `","new_password":"another-secret-9"}`)
}

// resetOf is a reset of the person's password, by mail.
func (w *world) resetOf(p person) request {
	w.want(call("POST", "/auth/password/forgot").json(`{"email":"`+p.name+`@example.com"}`), 200)
	return call("POST", "/auth/password/reset").json(`{"token":"` + w.mailed(p.name+"@example.com") + `","password":"what-comes-next"}`)
}

// A token that was issued before its account logged out everywhere is good for nothing, also where it comes for the first time.
func TestOutsideNotBefore(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(issuer))
	p := w.A.people["member"]
	w.prove(p)
	early := issuer.of(p)
	w.want(w.as(p, call("POST", "/auth/logout-all")), 200)
	w.want(bearer(early, call("GET", "/me")), 401, "invalid_token")
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM identities`); n != 0 {
		t.Errorf("it was linked")
	}
	w.want(bearer(issuer.of(p, later()), call("GET", "/me")), 200)
	w.want(bearer(early, call("GET", "/me")), 401, "invalid_token")
	// A session that is merely too old gives way to the next, for the same token.
	token := issuer.of(p, later())
	w.db.Exec(`UPDATE sessions SET expires_at = now() WHERE issuer IS NOT NULL`)
	w.want(bearer(token, call("GET", "/me")), 200)
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM sessions WHERE issuer IS NOT NULL`); n != 2 {
		t.Errorf("got %d sessions, want 2", n)
	}
}

// Of a logout and a request that would begin a session in the same moment, none is left behind that a token from before could use.
func TestOutsideEndsAmid(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(issuer))
	p := w.A.people["member"]
	w.prove(p)
	id := "'" + p.account.UUID() + "'"
	token := issuer.of(p)
	w.amid(`UPDATE accounts SET proofs = proofs + 1 WHERE id = `+id, func() { w.want(bearer(token, call("GET", "/me")), 401) })
	next := issuer.of(p, later())
	w.want(bearer(next, call("GET", "/me")), 200)
	w.db.Exec(`UPDATE sessions SET expires_at = now() WHERE issuer IS NOT NULL`) // so that the next request begins another
	w.amid(`UPDATE sessions SET revoked_at = now() WHERE issuer IS NOT NULL`, func() { w.want(bearer(issuer.of(p), call("GET", "/me")), 401) })
	w.amid(`UPDATE accounts SET is_active = false WHERE id = `+id, func() { w.want(bearer(issuer.of(p, later()), call("GET", "/me")), 401) })
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM sessions WHERE issuer IS NOT NULL AND revoked_at IS NULL AND expires_at > now()`); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// With a token of an outside issuer nobody gets one of ours, nor begins a visit; the issuer says what its tokens are bound to.
func TestOutsideSwitch(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(issuer))
	w.prove(w.both)
	w.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, w.both.account)
	token := issuer.of(w.both)
	for _, body := range []string{
		`{"tenant_id":"` + w.A.id.String() + `"}`, `{"tenant_id":null}`, `{"tenant_id":"` + w.A.id.String() + `","reason":"Ticket 4711"}`,
		`{"tenant_id":"` + ids.New[ids.TenantID]().String() + `","reason":"Ticket 4711"}`,
	} {
		w.want(bearer(token, call("POST", "/auth/switch-tenant").json(body)), 403, "own_token_required")
	}
	w.want(bearer(token, call("POST", "/auth/switch-tenant").json(`{}`)), 422)
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM sessions WHERE account_id = $1 AND (active_tenant_id IS NOT NULL OR visit_reason IS NOT NULL)`, w.both.account); n != 0 {
		t.Errorf("%d sessions are bound", n)
	}
	w.want(in(w.A, token, call("GET", "/items")), 200)
	w.want(in(w.B, token, call("GET", "/items")), 200)
	w.want(call("POST", "/auth/refresh").json(`{"refresh_token":"`+token[:60]+`"}`), 401, "invalid_token")
	w.want(bearer(token, call("POST", "/auth/logout")), 200)
	w.want(bearer(token, call("POST", "/auth/switch-tenant").json(`{"tenant_id":null}`)), 401, "invalid_token")
}

// What is wrong offline is told first, and costs the database nothing; of what is right only the first request looks for its session.
func TestOutsideTrips(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(issuer))
	proxy := w.db.NewProxy("rowhouse_server")
	w.server, w.URL = w.serve(proxy.URL()+"&pool_max_conns=1", w.server.config)
	admin := w.A.people["admin"]
	w.prove(admin)
	w.want(in(w.A, w.token(admin), call("GET", "/items")), 200)
	trips := func(r request, status int, want int64) {
		t.Helper()
		before := proxy.Trips()
		got := w.want(r, status)
		if cost := proxy.Trips() - before; cost != want {
			t.Errorf("%s %s: %d took %d round trips, want %d", r.method, r.path, got.status, cost, want)
		}
	}
	expired := issuer.of(admin, map[string]any{"exp": time.Now().Add(-time.Minute).Unix(), "iat": time.Now().Add(-time.Hour).Unix()})
	trips(bearer(expired, call("GET", "/items")), 401, 0)
	trips(bearer(issuer.of(admin), call("GET", "/items")), 400, 0)
	trips(in(w.A, issuer.of(admin), call("POST", "/items").json(`{"name":""}`)), 422, 0)
	trips(in(w.A, issuer.of(admin), call("POST", "/items").json(`{`)), 400, 0)
	create := call("POST", "/items").json(`{"name":"x","price_cents":1}`)
	for range 3 { // links, and has the statements prepared
		w.want(in(w.A, issuer.of(admin), call("GET", "/items")), 200)
		w.want(in(w.A, issuer.of(admin), create), 201)
		w.want(bearer(issuer.of(admin), call("GET", "/me")), 200)
	}
	for range 3 {
		trips(in(w.A, issuer.of(admin), call("GET", "/items")), 200, 1)
		trips(in(w.A, issuer.of(admin), create), 201, 1)
		trips(bearer(issuer.of(admin), call("GET", "/me")), 200, 1)
	}
	if n := issuer.fetched.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times for its keys", n)
	}
}

// While the issuer is away its tokens are good in the processes that know its keys; others say that they cannot ask, and no request waits.
func TestOutsideIssuerAway(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(issuer))
	p := w.A.people["member"]
	w.prove(p)
	w.want(bearer(issuer.of(p), call("GET", "/me")), 200)
	issuer.down.Store(true)
	w.want(bearer(issuer.of(p), call("GET", "/me")), 200)
	config := w.server.config
	trusting(issuer)(&config)
	_, fresh := w.serve(w.db.Server(), config)
	for range 10 {
		got, err := w.try(bearer(issuer.of(p), call("GET", "/me")), fresh)
		if err != nil || got.status != 503 || got.code() != "issuer_unavailable" || got.header.Get("Retry-After") == "" {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if got, err := w.try(w.as(p, call("GET", "/me")), fresh); err != nil || got.status != 200 {
		t.Errorf("our own: got %v, %v", got, err)
	}
	if n := issuer.fetched.Load(); n != 1 { // but for its configuration, which it did not answer
		t.Errorf("it was asked %d times for its keys", n)
	}
}

// Requests of an outside identity count together, and apart from those of others at the same address.
func TestOutsideLimit(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", func(c *Config) {
		trusting(issuer)(c)
		c.Requests = rest.Limit{Times: 5, Window: time.Hour}
	})
	one, other := w.A.people["member"], w.A.people["admin"]
	w.prove(one)
	w.prove(other)
	for range 5 {
		w.want(bearer(issuer.of(one), call("GET", "/me")), 200)
	}
	w.want(bearer(issuer.of(one), call("GET", "/me")), 429, "rate_limited")
	w.want(bearer(issuer.of(other), call("GET", "/me")), 200)
}

// An account that somebody prepared for an address passes to whoever proves it, without the identities of who had it until then; of one that
// was proven, a new password takes none away.
func TestOutsideOfPreparedAccount(t *testing.T) {
	t.Parallel()
	issuer := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", trusting(issuer))
	prepared, proven := w.A.people["member"], w.A.people["admin"]
	for _, p := range []person{prepared, proven} {
		w.prove(p)
		w.want(bearer(issuer.of(p), call("GET", "/me")), 200)
	}
	w.db.Exec(`UPDATE accounts SET email_verified_at = NULL WHERE id = $1`, prepared.account)
	for _, p := range []person{prepared, proven} {
		w.want(w.resetOf(p), 200)
	}
	got := testdb.Value[[]string](w.db, `SELECT array_agg(subject) FROM identities`)
	if want := []string{proven.name}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	w.want(bearer(issuer.token(prepared.name, later()), call("GET", "/me")), 401, "identity_unlinked")
	w.want(bearer(issuer.token(proven.name, later()), call("GET", "/me")), 200)
}
