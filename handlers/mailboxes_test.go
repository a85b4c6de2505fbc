package handlers

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/testdb"
)

var mailedToken = regexp.MustCompile(`rh[ti]_[0-9A-Za-z_-]+`)

// mailed waits for the next mail to an address and takes its token.
func (w *world) mailed(to string) string {
	w.t.Helper()
	text := w.mail(to)
	token := mailedToken.FindString(text)
	if token == "" {
		w.t.Fatalf("a mail to %s without a token:\n%s", to, text)
	}
	return token
}

// prove marks the person's e-mail as proven.
func (w *world) prove(p person) {
	w.db.Exec(`UPDATE accounts SET email_verified_at = now() WHERE id = $1`, p.account)
}

func loginAs(login, password string) request {
	return call("POST", "/auth/login").json(`{"login":"` + login + `","password":"` + password + `"}`)
}

// Whoever forgot the password gets a new one by mail, once; every session ends, and the mailbox is proven by it.
func TestPasswordReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.A.people["admin"]
	forgot := func(email string) request {
		return call("POST", "/auth/password/forgot").json(`{"email":"` + email + `"}`)
	}
	reset := func(token, password string) request {
		return call("POST", "/auth/password/reset").json(`{"token":"` + token + `","password":"` + password + `"}`)
	}
	w.want(forgot("Admin-A@EXAMPLE.com"), 200)
	first := w.mailed("admin-a@example.com")
	w.want(forgot("admin-a@example.com"), 200)
	token := w.mailed("admin-a@example.com")
	w.want(reset(first, "a new harbour"), 422, "validation_failed") // a newer one was sent
	if got := w.want(reset(token, "short"), 422).fields(); len(got) != 1 || got[0] != "password:min_length" {
		t.Errorf("a short password: got %v", got)
	}
	w.want(reset(token, "a new harbour"), 200)
	w.want(reset(token, "another harbour"), 422)
	w.want(w.as(who, call("GET", "/me")), 401)
	w.want(loginAs("admin-a", password), 401)
	w.want(loginAs("admin-a", "a new harbour"), 200)
	if !testdb.Value[bool](w.db, `SELECT email_verified_at IS NOT NULL FROM accounts WHERE id = $1`, who.account) {
		t.Error("the mailbox is not proven")
	}
	// Of two at once with one token, one gets through.
	w.want(forgot("admin-a@example.com"), 200)
	token = w.mailed("admin-a@example.com")
	if got := w.race(8, func(int) request { return reset(token, "raced harbour") }); got["200"] != 1 || got["200"]+got["422 validation_failed"] != 8 {
		t.Errorf("raced: got %v", got)
	}
	// An expired token is none.
	w.want(forgot("admin-a@example.com"), 200)
	token = w.mailed("admin-a@example.com")
	w.db.Exec(`UPDATE one_time_tokens SET expires_at = now()`)
	w.want(reset(token, "late harbour"), 422)
	for _, bad := range []string{"x", "rht_", "rht_" + strings.Repeat("A", 43), token + "A"} {
		w.want(reset(bad, "bad harbour"), 422)
	}
}

// The answer to who forgot a password is the same, whether or not there is an account; and so is the work before it.
func TestForgotTellsNothing(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	w.db.Exec(`UPDATE accounts SET is_active = false WHERE id = $1`, w.nobody.account)
	ask := func(email string) response {
		return w.want(call("POST", "/auth/password/forgot").json(`{"email":"`+email+`"}`), 200)
	}
	want := ask("admin-a@example.com")
	w.mailed("admin-a@example.com")
	before := proxy.Executed()
	for _, email := range []string{"nobody@example.com", "never@example.com"} {
		if got := ask(email); got.anonymous() != want.anonymous() {
			t.Errorf("%s: got %v, want %v", email, got, want)
		}
	}
	ask("admin-b@example.com")
	w.mailed("admin-b@example.com")
	if proxy.Trips() == before {
		t.Error("nothing was looked up")
	}
	if got := w.post.Count(); got != 2 {
		t.Errorf("got %d mails, want 2", got)
	}
	if strings.Contains(w.logs.tail(), "rht_") {
		t.Error("a token stands in the log")
	}
}

// An address is confirmed by its owner, who shows a token of the account or its password, without losing anything.
func TestEmailVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.A.people["member"]
	verify := func(body string) request { return call("POST", "/auth/email/verify").json(body) }
	ask := func() string {
		w.want(w.as(who, call("POST", "/auth/email/verify/request")), 200)
		return w.mailed("member-a@example.com")
	}
	token := ask()
	w.want(verify(`{"token":"`+token+`","password":"wrong harbour"}`), 422)
	if got := w.want(verify(`{"token":"`+token+`","password":"`+password+`"}`), 200); !strings.Contains(got.body, `"email_verified":true`) {
		t.Errorf("got %v", got)
	}
	w.want(verify(`{"token":"`+token+`"}`), 422)
	w.want(w.as(who, call("GET", "/me")), 200)

	w.db.Exec(`UPDATE accounts SET email_verified_at = NULL`)
	w.want(w.as(who, verify(`{"token":"`+ask()+`"}`)), 200)
	w.want(w.as(who, call("GET", "/me")), 200)
	w.want(loginAs("member-a", password), 200)

	// Proven already, by whomever: nothing is wiped.
	w.want(verify(`{"token":"`+ask()+`"}`), 200)
	w.want(w.as(who, call("GET", "/me")), 200)
	// Another account's token, or one of a session that is over, proves nothing.
	w.db.Exec(`UPDATE accounts SET email_verified_at = NULL`)
	token = ask()
	over := w.as(who, verify(`{"token":"`+token+`"}`))
	w.db.Exec(`UPDATE sessions SET revoked_at = now() WHERE id = $1`, who.session)
	w.want(over, 401, "invalid_token")
	w.want(w.as(w.A.people["admin"], verify(`{"token":"`+token+`"}`)), 200)
	w.want(loginAs("member-a", password), 401, "invalid_login")
}

// The login e-mail changes once the new address is confirmed, and the old one is told.
func TestEmailChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.A.people["member"]
	w.prove(who)
	change := func(email, password string) request {
		return w.as(who, call("POST", "/auth/email/change").json(`{"email":"`+email+`","password":"`+password+`"}`))
	}
	w.want(change("new@example.com", "wrong harbour"), 422)
	w.want(change("new@example.com", password), 200)
	if note := w.mail("member-a@example.com"); mailedToken.MatchString(note) {
		t.Errorf("the old address got the token: %s", note)
	}
	token := w.mailed("new@example.com")
	w.want(loginAs("new@example.com", password), 401)
	got := w.want(w.as(who, call("POST", "/auth/email/verify").json(`{"token":"`+token+`"}`)), 200)
	if !strings.Contains(got.body, `"email":"new@example.com"`) {
		t.Errorf("got %v", got)
	}
	w.want(loginAs("new@example.com", password), 200)
	w.want(loginAs("member-a@example.com", password), 401)
	// An address that another account has: the same answer, and the refusal comes to who reads its mail.
	w.want(change("admin-b@example.com", password), 200)
	token = w.mailed("admin-b@example.com")
	w.want(w.as(who, call("POST", "/auth/email/verify").json(`{"token":"`+token+`"}`)), 409, "account_exists")
	// Mallory's address change, confirmed by whoever it was meant for, gives him nothing: the account is wiped.
	key := w.key(w.A, who, "").Key
	w.want(byKey(key, call("GET", "/me")), 200)
	w.want(change("victim@example.com", password), 200)
	w.want(call("POST", "/auth/email/verify").json(`{"token":"`+w.mailed("victim@example.com")+`"}`), 200)
	w.want(w.as(who, call("GET", "/me")), 401)
	w.want(loginAs("victim@example.com", password), 401)
	w.want(byKey(key, call("GET", "/me")), 401)
	w.want(byKey(key, call("GET", "/items")), 401)
}

// Nobody prepares an account for somebody else. Mallory, who administers a tenant of his own, makes an account with Vera's e-mail,
// with a password, sessions and an API key that he knows, and waits for her to use it. Step by step, what he has is worth nothing.
func TestPreparedAccount(t *testing.T) {
	t.Parallel()
	type setting struct {
		*world
		mallory  person
		evil     house
		session  string // of the prepared account
		key      string
		prepared string // its user in Mallory's tenant
	}
	prepare := func(t *testing.T) setting {
		w := newWorld(t)
		s := setting{world: w, mallory: w.nobody}
		made := w.want(w.as(s.mallory, call("POST", "/tenants").json(`{"name":"Evil"}`)), 201)
		s.evil = house{id: content[struct{ Tenant struct{ ID ids.TenantID } }](t, made).Tenant.ID}
		user := w.want(w.as(s.mallory, call("POST", "/users").json(`{"email":"vera@example.com","name":"Vera","username":"vera","password":"mallory knows"}`), s.evil), 201)
		s.prepared = content[struct{ User struct{ ID string } }](t, user).User.ID
		w.mailed("vera@example.com") // asks her to confirm the address; she does not
		in := content[loginAnswer](t, w.want(loginAs("vera@example.com", "mallory knows"), 200))
		s.session = in.AccessToken
		key := w.want(bearer(s.session, call("POST", "/api-keys").json(`{"name":"back door"}`)).with("X-Tenant-Id", s.evil.id.String()), 201)
		s.key = content[struct{ Key string }](t, key).Key
		w.want(call("GET", "/users").with("X-API-Key", s.key), 200)
		return s
	}
	// What Mallory knew of the account is dead.
	dead := func(s setting) {
		s.t.Helper()
		s.want(loginAs("vera@example.com", "mallory knows"), 401, "invalid_login")
		s.want(bearer(s.session, call("GET", "/me")), 401, "invalid_token")
		s.want(bearer(s.session, call("GET", "/users")).with("X-Tenant-Id", s.evil.id.String()), 401, "invalid_token")
		s.want(call("GET", "/users").with("X-API-Key", s.key), 401, "invalid_token")
		s.want(call("GET", "/me").with("X-API-Key", s.key), 401, "invalid_token")
	}

	t.Run("he enters no other tenant with it", func(t *testing.T) {
		t.Parallel()
		s := prepare(t)
		created := s.want(s.as(s.A.people["admin"], call("POST", "/tenants").json(`{"name":"Corp"}`)), 201)
		corp := house{id: content[struct{ Tenant struct{ ID ids.TenantID } }](t, created).Tenant.ID}
		admin := s.A.people["admin"]
		// Corp's admin cannot add Vera without her doing.
		s.want(s.as(admin, call("POST", "/users").json(`{"email":"vera@example.com","name":"Vera"}`), corp), 409, "account_exists")
		s.want(s.as(admin, call("POST", "/invitations").json(`{"email":"vera@example.com","role":"admin"}`), corp), 201)
		invitation := s.mailed("vera@example.com")
		// Even if Mallory had the token, the account that he prepared cannot accept.
		s.want(bearer(s.session, call("POST", "/invitations/accept").json(`{"token":"`+invitation+`"}`)), 403, "email_unproven")
		// And if it somehow were a user there, it would not get in.
		s.db.Exec(`INSERT INTO users (tenant_id, account_id, username, role) SELECT $1, id, username, 'admin' FROM accounts WHERE username = 'vera'`, corp.id)
		s.want(bearer(s.session, call("GET", "/users")).with("X-Tenant-Id", corp.id.String()), 403, "email_unproven")
		s.db.Exec(`DELETE FROM users WHERE tenant_id = $1 AND username = 'vera'`, corp.id)
		// Vera accepts with a password of her own: the account is hers, and wiped.
		s.want(call("POST", "/invitations/accept").json(`{"token":"`+invitation+`","password":"only she knows"}`), 200)
		dead(s)
		in := content[loginAnswer](t, s.want(loginAs("vera@example.com", "only she knows"), 200))
		s.want(bearer(in.AccessToken, call("GET", "/users")).with("X-Tenant-Id", corp.id.String()), 200)
		s.want(bearer(in.AccessToken, call("GET", "/users")).with("X-Tenant-Id", s.evil.id.String()), 200)
	})
	t.Run("she resets the password", func(t *testing.T) {
		t.Parallel()
		s := prepare(t)
		s.want(call("POST", "/auth/password/forgot").json(`{"email":"vera@example.com"}`), 200)
		s.want(call("POST", "/auth/password/reset").json(`{"token":"`+s.mailed("vera@example.com")+`","password":"only she knows"}`), 200)
		dead(s)
		in := content[loginAnswer](t, s.want(loginAs("vera@example.com", "only she knows"), 200))
		// From then on it is an account like any other: another address takes nothing from her.
		s.want(bearer(in.AccessToken, call("POST", "/auth/email/change").json(`{"email":"vera@example.org","password":"only she knows"}`)), 200)
		s.want(bearer(in.AccessToken, call("POST", "/auth/email/verify").json(`{"token":"`+s.mailed("vera@example.org")+`"}`)), 200)
		s.want(bearer(in.AccessToken, call("GET", "/me")), 200)
		s.want(loginAs("vera@example.org", "only she knows"), 200)
	})
	t.Run("he asks her to confirm it", func(t *testing.T) {
		t.Parallel()
		s := prepare(t)
		s.want(bearer(s.session, call("POST", "/auth/email/verify/request")), 200)
		s.want(call("POST", "/auth/email/verify").json(`{"token":"`+s.mailed("vera@example.com")+`"}`), 200)
		dead(s)
	})
	for name, shown := range map[string]func(s setting, verify request) request{
		"she logs in with what he told her, and confirms it": func(s setting, verify request) request { return bearer(s.session, verify) },
		"she confirms it with the password that he told her": func(_ setting, verify request) request { return verify },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := prepare(t)
			s.want(bearer(s.session, call("POST", "/auth/email/verify/request")), 200)
			body := `{"token":"` + s.mailed("vera@example.com") + `"`
			s.want(shown(s, call("POST", "/auth/email/verify").json(body+`,"password":"mallory knows"}`)), 200)
			dead(s)
		})
	}
	t.Run("he changes her contact e-mail and her user", func(t *testing.T) {
		t.Parallel()
		s := prepare(t)
		s.want(s.as(s.mallory, call("PATCH", "/users/"+s.prepared).json(`{"email":"mallory@example.com"}`), s.evil), 200)
		s.want(call("POST", "/auth/password/forgot").json(`{"email":"mallory@example.com"}`), 200)
		s.want(call("POST", "/auth/password/forgot").json(`{"email":"vera@example.com"}`), 200)
		s.want(call("POST", "/auth/password/reset").json(`{"token":"`+s.mailed("vera@example.com")+`","password":"only she knows"}`), 200)
		dead(s)
	})
}

// A mail is promised in the transaction of its cause, and nothing more is done before the answer or after it: an e-mail that has an account costs what
// one without costs.
func TestMailCostsAlike(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	admin := w.A.people["admin"]
	w.race(50, func(int) request { return w.as(admin, call("GET", "/items"), w.A) }) // now there are connections
	w.db.Exec(`UPDATE accounts SET email_verified_at = now() WHERE id = $1`, admin.account)
	w.server.config.Limits = Limits{Mail: rest.Limit{Times: 1000, Window: time.Hour}}
	invite := func(email string) request {
		return w.as(admin, call("POST", "/invitations").json(`{"email":"`+email+`","role":"member"}`), w.A)
	}
	for _, c := range []struct {
		name    string
		request request
		asks    int64
		mailed  string
	}{
		{"forgot, known", call("POST", "/auth/password/forgot").json(`{"email":"admin-b@example.com"}`), 4, "admin-b@example.com"},
		{"forgot, unknown", call("POST", "/auth/password/forgot").json(`{"email":"nobody-has@example.com"}`), 4, ""},
		{"forgot, known again", call("POST", "/auth/password/forgot").json(`{"email":"admin-b@example.com"}`), 4, "admin-b@example.com"},
		{"confirm", w.as(admin, call("POST", "/auth/email/verify/request")), 6, "admin-a@example.com"},
		{"change", w.as(admin, call("POST", "/auth/email/change").json(`{"email":"fresh@example.com","password":"`+password+`"}`)), 6, "fresh@example.com"},
		{"change to another's", w.as(admin, call("POST", "/auth/email/change").json(`{"email":"both@example.com","password":"`+password+`"}`)), 6, "both@example.com"},
		{"invite, known", invite("nobody@example.com"), 2, "nobody@example.com"},
		{"invite, unknown", invite("stranger@example.com"), 2, "stranger@example.com"},
	} {
		before := proxy.Executed()
		if got := w.send(c.request); got.status >= 300 {
			t.Errorf("%s: got %v", c.name, got)
		}
		if got := proxy.Executed() - before; got != c.asks {
			t.Errorf("%s: got %d statements, want %d", c.name, got, c.asks)
		}
		if c.mailed != "" {
			w.mailed(c.mailed)
		}
	}
}

// A mailed token that nobody used is replaced by the next, and none outlives the account.
func TestTokensEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.A.people["member"]
	w.want(call("POST", "/auth/password/forgot").json(`{"email":"member-a@example.com"}`), 200)
	token := w.mailed("member-a@example.com")
	w.want(w.as(who, call("DELETE", "/me")), 200)
	w.want(call("POST", "/auth/password/reset").json(`{"token":"`+token+`","password":"from the grave"}`), 422)
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM one_time_tokens`); n != 0 {
		t.Errorf("got %d tokens, want none", n)
	}
}
