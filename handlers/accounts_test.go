package handlers

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"rowhouse/ids"
	"rowhouse/testdb"
)

type loginAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	Account      struct{ ID, Username string }
	Tenants      []struct {
		Tenant struct{ ID ids.TenantID }
		Role   string
	}
}

func (w *world) login(login string, more ...string) loginAnswer {
	w.t.Helper()
	body := fmt.Sprintf(`{"login":%q,"password":%q%s}`, login, password, strings.Join(more, ""))
	return content[loginAnswer](w.t, w.want(call("POST", "/auth/login").json(body), 200))
}

func bearer(token string, r request) request { return r.with("Authorization", "Bearer "+token) }

// Somebody registers, logs in, makes two tenants and works in both, in both modes: by header, and bound.
func TestFromNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.want(call("POST", "/auth/register").json(`{"username":"Zoé.K","email":"Zoe@Exämple.com","password":"`+password+`","name":"Zoe","tenant_name":"First"}`), 422)
	if got := made.fields(); len(got) != 1 || got[0] != "username:format" {
		t.Errorf("got %v", got)
	}
	made = w.want(call("POST", "/auth/register").json(`{"username":"ZOE.K","email":"Zoe@Example.com","password":"`+password+`","name":"Zoe","tenant_name":"First"}`), 201)
	if made.header.Get("Location") != "/api/v1/me" || !strings.Contains(made.body, `"email":"zoe@example.com"`) || !strings.Contains(made.body, `"username":"zoe.k"`) || strings.Contains(made.body, "argon2") {
		t.Errorf("got %v %v", made, made.header)
	}
	in := w.login("ＺＯＥ.k") // the same name in another width
	if len(in.Tenants) != 1 || in.Tenants[0].Role != "admin" || in.ExpiresIn != 600 {
		t.Errorf("got %+v", in)
	}
	second := content[struct{ Tenant struct{ ID ids.TenantID } }](t, w.want(bearer(in.AccessToken, call("POST", "/tenants").json(`{"name":"Second"}`)), 201)).Tenant.ID
	first := in.Tenants[0].Tenant.ID
	for i, tenant := range []ids.TenantID{first, second} {
		w.want(bearer(in.AccessToken, call("POST", "/items").json(fmt.Sprintf(`{"name":"i%d","price_cents":1}`, i))).with("X-Tenant-Id", tenant.String()), 201)
	}
	bound := w.login("zoe@EXAMPLE.com", `,"tenant_id":"`+second.String()+`"`)
	got := w.want(bearer(bound.AccessToken, call("GET", "/items")), 200)
	if !strings.Contains(got.body, `"i1"`) || strings.Contains(got.body, `"i0"`) {
		t.Errorf("bound to the second: got %v", got)
	}
	w.want(bearer(bound.AccessToken, call("GET", "/items")).with("X-Tenant-Id", second.String()), 400, "unwanted_tenant")
	w.want(bearer(bound.AccessToken, call("GET", "/me")).with("X-Tenant-Id", "ignored here"), 200)
	// Refreshing keeps the binding, switching changes it, and the next refresh has the new one.
	refresh := func(token string) loginAnswer {
		return content[loginAnswer](t, w.want(call("POST", "/auth/refresh").json(`{"refresh_token":"`+token+`"}`), 200))
	}
	bound = refresh(bound.RefreshToken)
	w.want(bearer(bound.AccessToken, call("GET", "/items")), 200)
	switched := content[loginAnswer](t, w.want(bearer(bound.AccessToken, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+first.String()+`"}`)), 200))
	if got := w.want(bearer(switched.AccessToken, call("GET", "/items")), 200); !strings.Contains(got.body, `"i0"`) {
		t.Errorf("switched to the first: got %v", got)
	}
	bound = refresh(bound.RefreshToken)
	if got := w.want(bearer(bound.AccessToken, call("GET", "/items")), 200); !strings.Contains(got.body, `"i0"`) {
		t.Errorf("refreshed after the switch: got %v", got)
	}
	loose := content[loginAnswer](t, w.want(bearer(bound.AccessToken, call("POST", "/auth/switch-tenant").json(`{"tenant_id":null}`)), 200))
	w.want(bearer(loose.AccessToken, call("GET", "/items")), 400, "missing_tenant")
	w.want(bearer(loose.AccessToken, call("POST", "/auth/switch-tenant").json(`{}`)), 422)
	never := ids.New[ids.TenantID]()
	for _, tenant := range []ids.TenantID{w.A.id, never} {
		w.want(bearer(loose.AccessToken, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+tenant.String()+`"}`)), 403, "tenant_forbidden")
		w.want(call("POST", "/auth/login").json(`{"login":"zoe.k","password":"`+password+`","tenant_id":"`+tenant.String()+`"}`), 403, "tenant_forbidden")
	}
	for path, want := range map[string]int{"/me/tenants": 2, "/tenants": 2, "/auth/sessions": 2} {
		r := w.want(bearer(loose.AccessToken, call("GET", path+"?count=true")), 200)
		if got := *page[struct{ Page struct{ Total *int } }](t, r).Page.Total; got != want {
			t.Errorf("%s: got %d, want %d: %v", path, got, want, r)
		}
	}
}

// A registration is refused for each thing that is wrong with it, all at once; a global name is shown only as taken.
func TestRegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	register := func(body string) request { return call("POST", "/auth/register").json(body) }
	got := w.want(register(`{"username":"!","email":"x","password":"short"}`), 422).fields()
	if len(got) != 3 {
		t.Errorf("got %v", got)
	}
	for _, bad := range []string{"password1", "admin-z-" + "x", "1234567", strings.Repeat("x", 256)} {
		w.want(register(`{"username":"admin-z","email":"z@example.com","password":"`+bad+`"}`), 422)
	}
	for _, good := range []string{strings.Repeat("x", 255), "  blanks count  ", "pässwörter"} {
		name := "ok-" + strings.ToLower(ids.New[ids.ItemID]().Short()[5:])
		w.want(register(`{"username":"`+name+`","email":"`+name+`@example.com","password":"`+good+`"}`), 201)
		w.want(call("POST", "/auth/login").json(`{"login":"`+name+`","password":"`+good+`"}`), 200)
		w.want(call("POST", "/auth/login").json(`{"login":"`+name+`","password":"`+good[1:]+`"}`), 401)
	}
	w.want(register(`{"username":"ADMIN-A","email":"new@example.com","password":"`+password+`"}`), 409, "username_taken")
	w.want(register(`{"username":"new","email":"Admin-A@Example.com","password":"`+password+`"}`), 409, "account_exists")
	// Without a username one is made of the e-mail, another if that is taken.
	if got := w.want(register(`{"email":"admin-a@other.example.com","password":"`+password+`"}`), 201); !strings.Contains(got.body, `"username":"admin-a-`) {
		t.Errorf("got %v", got)
	}
	raced := w.race(20, func(int) request {
		return register(`{"username":"raced","email":"raced@example.com","password":"` + password + `"}`)
	})
	if raced["201"] != 1 || raced["201"]+raced["409 username_taken"]+raced["409 account_exists"]+raced["503 unavailable"]+raced["503 busy"] != 20 {
		t.Errorf("got %v", raced)
	}
	closed := newWorldAs(t, "rowhouse_server", func(c *Config) { c.RegistrationClosed = true })
	closed.want(register(`{"email":"z@example.com","password":"`+password+`"}`), 403, "registration_closed")
}

// A client logs in whatever bytes it sends as its User-Agent, and what is kept of them can be read.
func TestUserAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, w.nobody.account)
	login := call("POST", "/auth/login").json(`{"login":"nobody","password":"` + password + `"}`)
	visit := w.as(w.nobody, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+w.A.id.String()+`","reason":"Ticket 4711"}`))
	unbind := w.as(w.nobody, call("POST", "/auth/switch-tenant").json(`{"tenant_id":null}`))
	for sent, kept := range map[string]string{
		"curl/8.5.0":                   "curl/8.5.0",
		"Mozilla\t5.0":                 "Mozilla 5.0",
		"caf\xe9 \xff/1":               "caf /1",
		"a\u0085b\u202ec\u2028d":       "a b c d",
		"Nüchtern 😀":                   "Nüchtern 😀",
		"\xff\t\xff":                   "",
		strings.Repeat("\xffä\t", 150): strings.Repeat("ä ", 100),
	} {
		for _, r := range []request{login, visit} {
			w.want(r.with("User-Agent", sent), 200)
			if got := testdb.Value[string](w.db, `SELECT user_agent FROM sessions ORDER BY created_at DESC LIMIT 1`); got != kept {
				t.Errorf("%s: %q: got %q, want %q", r.path, sent, got, kept)
			}
		}
		w.want(unbind.with("User-Agent", sent), 200)
	}
}

// An unknown login, an inactive account and a wrong password get one answer.
func TestLoginRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`UPDATE accounts SET is_active = false WHERE id = $1`, w.nobody.account)
	want := w.want(call("POST", "/auth/login").json(`{"login":"admin-a","password":"wrong"}`), 401, "invalid_login")
	for _, body := range []string{
		`{"login":"unknown","password":"` + password + `"}`,
		`{"login":"unknown@example.com","password":"` + password + `"}`,
		`{"login":"not a login","password":"` + password + `"}`,
		`{"login":"nobody","password":"` + password + `"}`,
		`{"login":"admin-a","password":" ` + password + `"}`,
	} {
		if got := w.send(call("POST", "/auth/login").json(body)); got.status != 401 || got.anonymous() != want.anonymous() {
			t.Errorf("%s: got %v, want %v", body, got, want)
		}
	}
	for _, body := range []string{`{"login":"admin-a","password":""}`, `{"login":"","password":"x"}`, `{"login":"admin-a","password":"` + strings.Repeat("x", 256) + `"}`} {
		w.want(call("POST", "/auth/login").json(body), 422)
	}
}

// A hash with other parameters than today's is replaced at the next login.
func TestRehash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login("admin-a")
	hash := testdb.Value[string](w.db, `SELECT password_hash FROM accounts WHERE username = 'admin-a'`)
	if !strings.Contains(hash, "m=19456,t=2,p=1") {
		t.Errorf("got %s", hash)
	}
	w.login("admin-a")
	if again := testdb.Value[string](w.db, `SELECT password_hash FROM accounts WHERE username = 'admin-a'`); again != hash {
		t.Error("hashed again without need")
	}
}

// A refresh token is spent once. The client that lost the answer gets the same successor for a while; any other second use
// ends the session, and that stays so.
func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refresh := func(token string) request {
		return call("POST", "/auth/refresh").json(`{"refresh_token":"` + token + `"}`)
	}
	first := w.login("admin-a")
	second := content[loginAnswer](t, w.want(refresh(first.RefreshToken), 200))
	if again := content[loginAnswer](t, w.want(refresh(first.RefreshToken), 200)); again.RefreshToken != second.RefreshToken {
		t.Error("a lost answer: got another successor")
	}
	// Fifty at once agree on one successor.
	var mu sync.Mutex
	successors := map[string]bool{}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			got, err := w.try(refresh(second.RefreshToken), w.URL)
			if err != nil || got.status == 503 {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if got.status != 200 {
				t.Errorf("got %v", got)
				return
			}
			successors[content[loginAnswer](t, got).RefreshToken] = true
		})
	}
	all.Wait()
	if len(successors) != 1 {
		t.Fatalf("got %d successors, want 1", len(successors))
	}
	for third := range successors {
		fourth := content[loginAnswer](t, w.want(refresh(third), 200))
		// second is now the grandparent: its use is theft.
		w.want(refresh(second.RefreshToken), 401)
		w.want(refresh(fourth.RefreshToken), 401)
		w.want(refresh(third), 401)
		w.want(bearer(fourth.AccessToken, call("GET", "/me")), 401)
	}
	// The direct parent, too late.
	first = w.login("admin-a")
	second = content[loginAnswer](t, w.want(refresh(first.RefreshToken), 200))
	w.db.Exec(`UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds' WHERE used_at IS NOT NULL`)
	w.want(refresh(first.RefreshToken), 401)
	w.want(refresh(second.RefreshToken), 401)

	first = w.login("admin-a")
	w.db.Exec(`UPDATE sessions SET expires_at = now()`)
	w.want(refresh(first.RefreshToken), 401)
	w.want(refresh("rhr_"+strings.Repeat("A", 43)), 401)
	w.want(refresh("nonsense"), 401)
	if text := testdb.Value[string](w.db, `SELECT string_agg(t::text, ' ') FROM refresh_tokens t`); strings.Contains(text, "rhr_") {
		t.Error("the database knows a refresh token")
	}
}

// Whatever ends a session, a membership, an account or a tenant holds from the next request on, in another process too.
func TestFreshness(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		by     func(w *world)
		status int
	}{
		"session revoked": {func(w *world) {
			w.db.Exec(`UPDATE sessions SET revoked_at = now() WHERE account_id = $1`, w.both.account)
		}, 401},
		"session expired": {func(w *world) {
			w.db.Exec(`UPDATE sessions SET expires_at = now() WHERE account_id = $1`, w.both.account)
		}, 401},
		"session deleted":          {func(w *world) { w.db.Exec(`DELETE FROM sessions WHERE account_id = $1`, w.both.account) }, 401},
		"account deactivated":      {func(w *world) { w.db.Exec(`UPDATE accounts SET is_active = false WHERE id = $1`, w.both.account) }, 401},
		"user deactivated":         {func(w *world) { w.db.Exec(`UPDATE users SET is_active = false WHERE account_id = $1`, w.both.account) }, 403},
		"user removed":             {func(w *world) { w.db.Exec(`DELETE FROM users WHERE account_id = $1`, w.both.account) }, 403},
		"user demoted":             {func(w *world) { w.db.Exec(`UPDATE users SET role = 'member' WHERE account_id = $1`, w.both.account) }, 403},
		"role unknown to the grid": {func(w *world) { w.db.Exec(`UPDATE permissions SET assistant = NULL WHERE name = 'items:write'`) }, 403},
		"grid emptied":             {func(w *world) { w.db.Exec(`DELETE FROM permissions`) }, 403},
		"tenant suspended":         {func(w *world) { w.db.Exec(`UPDATE tenants SET status = 'suspended' WHERE id = $1`, w.B.id) }, 403},
		"tenant deleting":          {func(w *world) { w.db.Exec(`UPDATE tenants SET status = 'deleting' WHERE id = $1`, w.B.id) }, 403},
		"logged out":               {func(w *world) { w.want(w.as(w.both, call("POST", "/auth/logout")), 200) }, 401},
		"logged out everywhere": {func(w *world) {
			w.want(bearer(w.login("both").AccessToken, call("POST", "/auth/logout-all")), 200)
		}, 401},
		"session ended from another": {func(w *world) {
			w.want(bearer(w.login("both").AccessToken, call("DELETE", "/auth/sessions/"+w.both.session.String())), 200)
		}, 401},
		"password changed elsewhere": {func(w *world) {
			w.want(bearer(w.login("both").AccessToken, call("POST", "/auth/password").json(`{"current_password":"`+password+`","new_password":"another-secret-9"}`)), 200)
		}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, elsewhere := w.serve(w.db.Server(), w.server.config)
			change := w.as(w.both, call("PATCH", "/items/"+w.B.own.String()).json(`{}`), w.B)
			for _, server := range []string{w.URL, elsewhere} {
				if got, err := w.try(change, server); err != nil || got.status != 200 {
					t.Fatalf("before: got %v %v", got, err)
				}
			}
			end.by(w)
			for _, server := range []string{elsewhere, w.URL} {
				if got, err := w.try(change, server); err != nil || got.status != end.status {
					t.Errorf("after: got %v %v, want %d", got, err, end.status)
				}
			}
		})
	}
}

// Changing the password needs the current one, keeps this session, ends the others, and the old password no longer logs in.
func TestPasswordChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in, other := w.login("admin-a"), w.login("admin-a")
	change := func(current, next string) request {
		return bearer(in.AccessToken, call("POST", "/auth/password").json(fmt.Sprintf(`{"current_password":%q,"new_password":%q}`, current, next)))
	}
	if got := w.want(change("wrong", "short"), 422).fields(); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	w.want(change(password, "contains admin-a"), 422)
	w.want(change(password, "another-secret-9"), 200)
	w.want(bearer(in.AccessToken, call("GET", "/me")), 200)
	w.want(bearer(other.AccessToken, call("GET", "/me")), 401)
	w.want(call("POST", "/auth/refresh").json(`{"refresh_token":"`+other.RefreshToken+`"}`), 401)
	w.want(call("POST", "/auth/login").json(`{"login":"admin-a","password":"`+password+`"}`), 401)
	w.want(call("POST", "/auth/login").json(`{"login":"admin-a","password":"another-secret-9"}`), 200)
}

// An account has its own sessions alone.
func TestSessionsAreOnesOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.want(w.as(w.nobody, call("GET", "/auth/sessions")), 200)
	if strings.Contains(got.body, w.both.session.String()) || !strings.Contains(got.body, w.nobody.session.String()) {
		t.Errorf("got %v", got)
	}
	foreign := w.want(w.as(w.nobody, call("DELETE", "/auth/sessions/"+w.both.session.String())), 404)
	unknown := w.want(w.as(w.nobody, call("DELETE", "/auth/sessions/"+ids.New[ids.SessionID]().String())), 404)
	if foreign.anonymous() != unknown.anonymous() {
		t.Errorf("got %v, want %v", foreign, unknown)
	}
}

// One's own account: read, changed under its version, closed. Closing clears what is personal, here and in every tenant.
func TestMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	me := w.want(w.as(w.both, call("GET", "/me")), 200)
	patch := w.as(w.both, call("PATCH", "/me"))
	changed := w.want(patch.json(`{"name":"Both"}`).with("If-Match", me.header.Get("ETag")), 200)
	w.want(patch.json(`{"name":"x"}`).with("If-Match", me.header.Get("ETag")), 412)
	if got := w.want(patch.json(`{}`), 200); got.body != changed.body {
		t.Errorf("{}: got %v, want %v", got, changed)
	}
	w.want(patch.json(`{"name":null}`), 200)
	for _, known := range []string{`{"username":"x"}`, `{"email":"x@example.com"}`, `{"is_superuser":true}`, `{"is_active":false}`} {
		w.want(patch.json(known), 422)
	}

	w.db.Exec(`INSERT INTO memberships (tenant_id, user_id, legal_name, email_address, code_of_conduct)
		SELECT tenant_id, id, 'Both', 'both@example.com', true FROM users WHERE account_id = $1`, w.both.account)
	others := testdb.Value[int](w.db, `SELECT count(*) FROM memberships`) - 2
	w.want(w.as(w.both, call("DELETE", "/me")), 200)
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM memberships`); n != others {
		t.Errorf("there are %d memberships, want the %d of others", n, others)
	}
	w.want(w.as(w.both, call("GET", "/me")), 401)
	w.want(call("POST", "/auth/login").json(`{"login":"both","password":"`+password+`"}`), 401)
	left := testdb.Value[string](w.db, `
		SELECT string_agg(a::text, ' ') || coalesce((SELECT string_agg(u::text, ' ') FROM users u WHERE u.account_id = $1), '')
		  FROM accounts a WHERE a.id = $1`, w.both.account)
	if strings.Contains(left, "both") || strings.Contains(left, "argon2") || strings.Contains(left, "canary") {
		t.Errorf("what is left: %s", left)
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM users WHERE account_id = $1 AND NOT is_active`, w.both.account); n != 2 {
		t.Errorf("got %d inactive users, want 2", n)
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events WHERE action = 'account.close' AND actor_account_id = $1`, w.both.account); n != 4 {
		t.Errorf("got %d events, want one of the user and one of the membership in each tenant", n)
	}
	// Nobody lets it in again, so that it is never the admin who is left; and its new name was nobody's to take before.
	user := w.userID(w.A, w.both).String()
	w.want(w.as(w.A.people["admin"], call("POST", "/users/"+user+"/reactivate"), w.A), 409, "account_closed")
	w.want(w.as(w.A.people["admin"], call("POST", "/users/"+user+"/deactivate"), w.A), 200)
	if id := strings.ReplaceAll(w.both.account.UUID(), "-", ""); strings.Contains(left, "closed-"+id) {
		t.Errorf("what is left can be foretold: %s", left)
	}
}

// Who closes his account while he becomes a user leaves no active user behind, whichever comes first.
func TestClosedWhileInvited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for round := range 100 {
		p := w.account(fmt.Sprint("guest-", round))
		w.prove(p)
		token := w.invite(w.A, fmt.Sprintf("guest-%d@example.com", round), "")
		both := []request{accept(`{"token":"` + token + `"}`), call("DELETE", "/me")}
		w.race(2, func(n int) request { return w.as(p, both[n]) })
		if n := testdb.Value[int](w.db, `SELECT count(*) FROM users JOIN accounts ON accounts.id = account_id WHERE users.is_active AND NOT accounts.is_active`); n != 0 {
			t.Fatalf("round %d: %d active users of closed accounts", round, n)
		}
	}
}

// Closing waits for a user that is being made, and then sees it.
func TestClosingWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tx, err := w.db.Connect(w.db.Superuser()).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `INSERT INTO users (tenant_id, account_id, username, role) SELECT $1, id, username, 'member' FROM accounts WHERE id = $2`,
		w.A.id, w.nobody.account); err != nil {
		t.Fatal(err)
	}
	var closing sync.WaitGroup
	closing.Go(func() { w.want(w.as(w.nobody, call("DELETE", "/me")), 200) })
	for testdb.Value[int](w.db, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) < 1 {
		runtime.Gosched()
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	closing.Wait()
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM users WHERE account_id = $1 AND is_active`, w.nobody.account); n != 0 {
		t.Errorf("%d active users are left", n)
	}
}

// The last active admin of a tenant stays: of two who close their accounts at once, one may, a hundred times.
func TestLastAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.as(w.A.people["admin"], call("DELETE", "/me")), 409, "last_admin")
	w.want(w.as(w.A.people["admin"], call("GET", "/me")), 200)
	for round := range 100 {
		h := house{id: ids.New[ids.TenantID](), canary: fmt.Sprint("round-", round)}
		w.db.Exec(`INSERT INTO tenants (id, name, slug) VALUES ($1, $2, $2)`, h.id, h.canary)
		two := []person{w.account(fmt.Sprint("one-", round)), w.account(fmt.Sprint("two-", round))}
		for _, p := range two {
			w.user(h, p, "admin")
		}
		got := w.race(2, func(n int) request { return w.as(two[n], call("DELETE", "/me")) })
		if got["200"] != 1 || got["409 last_admin"] != 1 {
			t.Fatalf("round %d: got %v", round, got)
		}
	}
}

// A flood of logins holds a bounded number of hashes at once, tells the rest to come back, and other routes are served.
func TestLoginFlood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	done := make(chan map[string]int)
	go func() {
		done <- w.race(150, func(int) request {
			return call("POST", "/auth/login").json(`{"login":"unknown","password":"` + password + `"}`)
		})
	}()
	for range 20 {
		w.want(w.as(w.A.people["member"], call("GET", "/items"), w.A), 200)
	}
	got := <-done
	if got["401 invalid_login"] == 0 || got["503 busy"] == 0 || got["401 invalid_login"]+got["503 busy"]+got["503 unavailable"] != 150 {
		t.Errorf("got %v", got)
	}
}
