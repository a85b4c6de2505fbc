package handlers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/jobs"
	"rowhouse/rest"
	"rowhouse/testdb"
)

// accepting is the person's acceptance of an invitation.
func (w *world) accepting(p person, token string) request {
	return w.as(p, accept(`{"token":"`+token+`"}`))
}

// Nobody is invited who is a user here, by whichever of his addresses, active or not: it could only give back later what is taken now.
func TestUsersAreNotInvited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	invite := func(email string, h house) request {
		return w.as(h.people["admin"], call("POST", "/invitations").json(`{"email":"`+email+`","role":"admin"}`), h)
	}
	login, contact := "member-a@example.com", "member-a@"+w.A.canary+".example"
	for _, email := range []string{login, strings.ToUpper(login), contact} {
		w.want(invite(email, w.A), 409, "already_exists")
	}
	w.want(w.as(w.A.people["admin"], call("POST", "/users/"+w.userID(w.A, w.A.people["member"]).String()+"/deactivate"), w.A), 200)
	w.want(invite(login, w.A), 409, "already_exists")
	w.want(invite(login, w.B), 201)   // what he is in A, B is not told
	w.want(invite(contact, w.B), 201) // whoever that is
	w.want(w.as(w.A.people["admin"], call("DELETE", "/users/"+w.userID(w.A, w.A.people["member"]).String()), w.A), 200)
	w.want(invite(login, w.A), 201)
}

// Whoever is taken out of a tenant does not come back with an invitation that was sent before, by whatever way he is taken out.
func TestInvitationsEndWithTheUser(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		out  func(w *world, p person, user string) request
		then func(w *world, user string) // nil: nothing
	}{
		"removed": {out: func(w *world, _ person, user string) request {
			return w.as(w.A.people["admin"], call("DELETE", "/users/"+user), w.A)
		}},
		"left":   {out: func(w *world, p person, _ string) request { return w.as(p, call("POST", "/users/me/leave"), w.A) }},
		"closed": {out: func(w *world, p person, _ string) request { return w.as(p, call("DELETE", "/me")) }},
		"deactivated, and removed": {
			out: func(w *world, _ person, user string) request {
				return w.as(w.A.people["admin"], call("POST", "/users/"+user+"/deactivate"), w.A)
			},
			then: func(w *world, user string) {
				w.want(w.as(w.A.people["admin"], call("DELETE", "/users/"+user), w.A), 200)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.nobody
			w.prove(p)
			first, second := w.invite(w.A, "nobody@example.com", ""), w.invite(w.A, "nobody@example.com", "")
			other := w.invite(w.A, "another@example.com", "")
			elsewhere := w.invite(w.B, "nobody@example.com", "")
			moved := w.invite(w.A, "moved@example.com", "")
			w.want(w.accepting(p, first), 200)
			user := w.userID(w.A, p).String()
			// He moves to an address that was invited too.
			w.want(w.as(p, call("POST", "/auth/email/change").json(`{"email":"moved@example.com","password":"`+password+`"}`)), 200)
			w.want(w.as(p, call("POST", "/auth/email/verify").json(`{"token":"`+w.mailed("moved@example.com")+`"}`)), 200)
			w.want(c.out(w, p, user), 200)
			if c.then != nil {
				c.then(w, user)
			}
			list := w.want(w.as(w.A.people["admin"], call("GET", "/invitations"), w.A), 200)
			if strings.Contains(list.body, "nobody@example.com") || strings.Contains(list.body, "moved@example.com") || !strings.Contains(list.body, "another@example.com") {
				t.Errorf("pending is %v", list)
			}
			gone := accept(`{"token":"` + second + `","password":"harbour-masters"}`)
			w.want(gone, 422, "validation_failed")
			w.want(accept(`{"token":"`+moved+`","password":"harbour-masters"}`), 422, "validation_failed")
			if name != "closed" {
				w.want(w.accepting(p, moved), 422, "validation_failed")
			}
			// What was sent to others, or by others, is as it was.
			w.want(accept(`{"token":"`+other+`","password":"harbour-masters"}`), 200)
			w.want(accept(`{"token":"`+elsewhere+`","password":"harbour-masters"}`), 200)
		})
	}
}

// Of an invitation and an acceptance at the same moment, none is left that is pending for a user.
func TestInvitedWhileAccepting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for round := range 60 {
		p := w.account(fmt.Sprint("guest-", round))
		w.prove(p)
		email := p.name + "@example.com"
		all := []request{w.accepting(p, w.invite(w.A, email, ""))}
		for range 3 {
			all = append(all, w.as(w.A.people["admin"], call("POST", "/invitations").json(`{"email":"`+email+`","role":"admin"}`), w.A))
		}
		got := w.race(len(all), func(n int) request { return all[n] })
		if got["200"] != 1 || got["201"]+got["409 already_exists"] != 3 {
			t.Fatalf("round %d: got %v", round, got)
		}
		if n := testdb.Value[int](w.db, `SELECT count(*) FROM invitations WHERE email = $1`, email); n != 0 {
			t.Fatalf("round %d: %d invitations of a user", round, n)
		}
	}
}

// Of several invitations of one address that are accepted at once, one lets in, and the others are none any more: nobody waits for
// somebody who waits for him.
func TestAcceptedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for round := range 10 {
		p := w.account(fmt.Sprint("guest-", round))
		w.prove(p)
		var all []request
		for range 6 {
			all = append(all, w.accepting(p, w.invite(w.A, p.name+"@example.com", "")))
		}
		if got := w.race(len(all), func(n int) request { return all[n] }); got["200"] != 1 || got["422 validation_failed"] != len(all)-1 {
			t.Errorf("round %d: got %v", round, got)
		}
	}
}

// A user who is shut out leaves behind no key, no session that is bound to the tenant, and no mail that was sent to an account which was
// made for it: let in again, he has what he makes anew.
func TestShutOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, p := w.A.people["admin"], w.both
	user := w.userID(w.A, p).String()
	key, elsewhere := w.key(w.A, p, "").Key, w.key(w.B, p, "").Key
	bound := w.login("both", `,"tenant_id":"`+w.A.id.String()+`"`)
	boundElsewhere := w.login("both", `,"tenant_id":"`+w.B.id.String()+`"`)
	w.want(bearer(bound.AccessToken, call("GET", "/items")), 200)
	w.want(w.as(admin, call("POST", "/users/"+user+"/deactivate"), w.A), 200)
	w.want(byKey(key, call("GET", "/items")), 401, "invalid_token")
	w.want(bearer(bound.AccessToken, call("GET", "/items")), 403, "tenant_forbidden")
	w.want(w.as(admin, call("POST", "/users/"+user+"/reactivate"), w.A), 200)
	w.want(byKey(key, call("GET", "/items")), 401, "invalid_token")
	again := content[loginAnswer](t, w.want(call("POST", "/auth/refresh").json(`{"refresh_token":"`+bound.RefreshToken+`"}`), 200))
	w.want(bearer(again.AccessToken, call("GET", "/items")), 400, "missing_tenant")
	w.want(w.as(p, call("GET", "/items"), w.A), 200)
	w.want(byKey(w.key(w.A, p, "").Key, call("GET", "/items")), 200)
	// Another tenant's are as they were.
	w.want(byKey(elsewhere, call("GET", "/items")), 200)
	again = content[loginAnswer](t, w.want(call("POST", "/auth/refresh").json(`{"refresh_token":"`+boundElsewhere.RefreshToken+`"}`), 200))
	w.want(bearer(again.AccessToken, call("GET", "/items")), 200)

	for name, out := range map[string]func(user string) request{
		"removed":     func(user string) request { return call("DELETE", "/users/"+user) },
		"deactivated": func(user string) request { return call("POST", "/users/"+user+"/deactivate") },
	} {
		email := name + "@example.com"
		made := w.want(w.as(admin, call("POST", "/users").json(`{"email":"`+email+`","name":"Ben"}`), w.A), 201)
		welcome := w.mailed(email)
		w.want(w.as(admin, out(content[userAnswer](t, made).User.ID), w.A), 200)
		w.want(call("POST", "/auth/password/reset").json(`{"token":"`+welcome+`","password":"only she knows"}`), 422, "validation_failed")
	}
	// Such an account may log in as before, and enters nothing.
	made := w.want(w.as(admin, call("POST", "/users").json(`{"email":"hal@example.com","name":"Hal","password":"paper-and-ink"}`), w.A), 201)
	in := content[loginAnswer](t, w.want(loginAs("hal@example.com", "paper-and-ink"), 200))
	w.want(w.as(admin, call("POST", "/users/"+content[userAnswer](t, made).User.ID+"/deactivate"), w.A), 200)
	w.want(bearer(in.AccessToken, call("GET", "/items")).with("X-Tenant-Id", w.A.id.String()), 403, "tenant_forbidden")
	w.want(bearer(in.AccessToken, call("GET", "/me")), 200)
	// Of an account that a tenant did not make, it ends no mail.
	w.want(call("POST", "/auth/password/forgot").json(`{"email":"both@example.com"}`), 200)
	token := w.mailed("both@example.com")
	w.want(w.as(admin, call("DELETE", "/users/"+user), w.A), 200)
	w.want(call("POST", "/auth/password/reset").json(`{"token":"`+token+`","password":"only he knows"}`), 200)
}

// No key is made by a user who is being shut out.
func TestKeyOfAnInactiveUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, p := w.A.people["admin"], w.A.people["member"]
	user := w.userID(w.A, p).String()
	for round := range 40 {
		w.race(5, func(n int) request {
			if n == 0 {
				return w.as(admin, call("POST", "/users/"+user+"/deactivate"), w.A)
			}
			return w.as(p, call("POST", "/api-keys").json(`{"name":"k"}`), w.A)
		})
		if n := testdb.Value[int](w.db, `SELECT count(*) FROM api_keys WHERE user_id::text = $1 AND revoked_at IS NULL`, strings.TrimPrefix(user, "user-")); n != 0 {
			t.Fatalf("round %d: %d live keys of a user who is not active", round, n)
		}
		w.want(w.as(admin, call("POST", "/users/"+user+"/reactivate"), w.A), 200)
	}
}

// Whatever ends an account's other sessions ends what was mailed for it, too: somebody who knew the password has asked for nothing that
// still takes the account.
func TestProofsEnd(t *testing.T) {
	t.Parallel()
	reset := func(token string) request {
		return call("POST", "/auth/password/reset").json(`{"token":"` + token + `","password":"the attacker's"}`)
	}
	verify := func(token string) request {
		return call("POST", "/auth/email/verify").json(`{"token":"` + token + `"}`)
	}
	asked := map[string]func(w *world, p person) request{
		"a change of e-mail": func(w *world, p person) request {
			w.want(w.as(p, call("POST", "/auth/email/change").json(`{"email":"attacker@example.com","password":"`+password+`"}`)), 200)
			return verify(w.mailed("attacker@example.com"))
		},
		"a new password": func(w *world, _ person) request {
			w.want(call("POST", "/auth/password/forgot").json(`{"email":"member-a@example.com"}`), 200)
			return reset(w.mailed("member-a@example.com"))
		},
		"a confirmation": func(w *world, p person) request {
			w.want(w.as(p, call("POST", "/auth/email/verify/request")), 200)
			return verify(w.mailed("member-a@example.com"))
		},
	}
	ends := map[string]func(w *world, p person){
		"the password is changed": func(w *world, p person) {
			w.want(w.as(p, call("POST", "/auth/password").json(`{"current_password":"`+password+`","new_password":"another-secret-9"}`)), 200)
		},
		"he logs out everywhere": func(w *world, p person) { w.want(w.as(p, call("POST", "/auth/logout-all")), 200) },
	}
	for end, by := range ends {
		for what, ask := range asked {
			t.Run(what+", "+end, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				p := w.A.people["member"]
				w.prove(p)
				ticket := ask(w, p)
				by(w, p)
				w.want(ticket, 422, "validation_failed")
				if n := testdb.Value[int](w.db, `SELECT count(*) FROM one_time_tokens WHERE account_id = $1`, p.account); n != 0 {
					t.Errorf("%d tokens are left", n)
				}
				if email := testdb.Value[string](w.db, `SELECT email FROM accounts WHERE id = $1`, p.account); email != "member-a@example.com" {
					t.Errorf("the account is %s", email)
				}
			})
		}
	}
}

// amid does something while a transaction of the superuser has made its statements, which it waits for if it heeds them, and then
// commits.
func (w *world) amid(statements string, do func()) {
	w.t.Helper()
	conn := w.db.Connect(w.db.Superuser())
	if _, err := conn.Exec(w.t.Context(), `BEGIN; `+statements); err != nil {
		w.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	for waits := 0; waits == 0; {
		select {
		case <-done:
			waits = 1
		default:
			waits = testdb.Value[int](w.db, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
		}
	}
	if _, err := conn.Exec(w.t.Context(), `COMMIT`); err != nil {
		w.t.Fatal(err)
	}
	<-done
}

// What was begun before proofs were voided, and comes after, comes to nothing: a login whose password was checked before, a token that is
// stored in the background. The same of a token that was asked for under another e-mail.
func TestLateProofs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.A.people["member"]
	id := "'" + p.account.UUID() + "'"
	live := func() (sessions, tokens int) {
		return testdb.Value[int](w.db, `SELECT count(*) FROM sessions WHERE account_id = $1 AND revoked_at IS NULL`, p.account),
			testdb.Value[int](w.db, `SELECT count(*) FROM one_time_tokens WHERE account_id = $1`, p.account)
	}
	store := func(seen db.Account) string {
		token, err := jobs.NewToken(t.Context(), w.server.doors.Unscoped(rest.Caller{}), seen, auth.ForPassword, seen.Email, time.Now().Add(time.Hour))
		if err != nil {
			t.Error(err)
		}
		return token
	}
	see := func() db.Account {
		seen, err := w.server.doors.Unscoped(rest.Caller{}).AccountByLogin(t.Context(), p.name)
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	void := `UPDATE accounts SET proofs = proofs + 1 WHERE id = ` + id
	w.login(p.name)
	w.amid(void, func() { w.want(loginAs(p.name, password), 401, "invalid_login") })
	seen := see()
	if store(seen) == "" {
		t.Error("no token was stored")
	}
	w.amid(void, func() {
		if store(seen) != "" {
			t.Error("a token was stored that had been voided")
		}
	})
	if sessions, tokens := live(); sessions != 0 || tokens != 0 {
		t.Errorf("%d sessions and %d tokens are left", sessions, tokens)
	}
	seen = see()
	w.db.Exec(`UPDATE accounts SET email = 'moved@example.com' WHERE id = $1`, p.account)
	if store(seen) != "" {
		t.Error("a token was stored that proves an old e-mail")
	}

	// What was made a moment before is voided too.
	for _, c := range []struct {
		made string
		void func(in loginAnswer) request
	}{
		{`INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at) VALUES ('x', ` + id + `, 'email', 'x@example.com', now() + interval '1 day')`,
			func(in loginAnswer) request { return bearer(in.AccessToken, call("POST", "/auth/logout-all")) }},
		{`INSERT INTO sessions (id, account_id, proofs, expires_at) SELECT gen_random_uuid(), id, proofs, now() + interval '1 day' FROM accounts WHERE id = ` + id,
			func(in loginAnswer) request { return bearer(in.AccessToken, call("POST", "/auth/logout-all")) }},
		{`INSERT INTO sessions (id, account_id, proofs, begun_from, active_tenant_id, visit_reason, expires_at)
		  SELECT gen_random_uuid(), account_id, proofs, id, gen_random_uuid(), 'x', now() + interval '1 day' FROM sessions WHERE account_id = ` + id + ` AND revoked_at IS NULL FOR SHARE`,
			func(in loginAnswer) request { return bearer(in.AccessToken, call("POST", "/auth/logout")) }},
	} {
		in := w.login(p.name)
		w.amid(`SELECT 1 FROM accounts WHERE id = `+id+` FOR SHARE; `+c.made, func() { w.want(c.void(in), 200) })
		if sessions, tokens := live(); sessions != 0 || tokens != 0 {
			t.Errorf("after %s: %d sessions and %d tokens are left", c.made, sessions, tokens)
		}
	}
	w.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, p.account)
	in := w.login(p.name)
	w.amid(`UPDATE sessions SET revoked_at = now() WHERE account_id = `+id, func() {
		w.want(bearer(in.AccessToken, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+w.B.id.String()+`","reason":"Ticket 4711"}`)), 403)
	})
	if sessions, _ := live(); sessions != 0 {
		t.Error("a visit was begun from a session that was ended")
	}
	// Nor is anything pending for the address that a user has moved to while he was removed.
	w.db.Exec(`UPDATE accounts SET email = 'member-a@example.com' WHERE id = $1`, p.account)
	token := w.invite(w.A, "moved@example.com", "")
	user := w.userID(w.A, p).String()
	w.amid(`UPDATE accounts SET email = 'moved@example.com' WHERE id = `+id, func() {
		w.want(w.as(w.A.people["admin"], call("DELETE", "/users/"+user), w.A), 200)
	})
	w.want(accept(`{"token":"`+token+`","password":"harbour-masters"}`), 422, "validation_failed")
}

// Any number of right logins at once are right, also while the hash is brought up to date; and so is a change of the password.
func TestLoginsWhileRehashed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for round := range 4 {
		w.db.Exec(`UPDATE accounts SET password_hash = $1 WHERE username = 'admin-a'`, weakHash())
		if got := w.race(6, func(int) request { return loginAs("admin-a", password) }); got["200"] != 6 {
			t.Errorf("round %d: got %v, want six times 200", round, got)
		}
	}
	p := w.A.people["member"]
	for round := range 8 {
		w.db.Exec(`UPDATE accounts SET password_hash = $1 WHERE id = $2`, weakHash(), p.account)
		got := w.race(2, func(n int) request {
			if n == 0 {
				return loginAs("member-a", password)
			}
			return w.as(p, call("POST", "/auth/password").json(`{"current_password":"`+password+`","new_password":"`+fmt.Sprint("another-secret-", round)+`"}`))
		})
		if got["200"] == 0 || got["409 conflict"] != 0 {
			t.Errorf("round %d: got %v", round, got)
		}
		w.want(loginAs("member-a", password), 401)
		w.want(loginAs("member-a", fmt.Sprint("another-secret-", round)), 200)
	}
}

// However often a session logs out at once, each answer is that it did, or that the session is over.
func TestLogoutRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 25 {
		token := w.login("admin-a").AccessToken
		got := w.race(4, func(int) request { return bearer(token, call("POST", "/auth/logout")) })
		if got["200"] == 0 || got["200"]+got["401 invalid_token"] != 4 {
			t.Fatalf("got %v, want 200 and 401 alone", got)
		}
	}
}

// A visit does what its tenant's routes allow, and logs out: no account route, and none that heeds a token, is its. It ends when it was
// to end, or with the session that began it.
func TestVisitsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.nobody
	w.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, root.account)
	token := w.visit(root, w.A)
	state := func() string {
		return testdb.Value[string](w.db, `SELECT string_agg(concat_ws(' ', id, active_tenant_id, expires_at, revoked_at), E'\n' ORDER BY id) FROM sessions WHERE account_id = $1`, root.account)
	}
	before := state()
	w.user(w.B, root, "member")
	samples := samples(w.A)
	tried := 0
	for i := range routes {
		r := &routes[i]
		if r.Scope != rest.AccountScope && !r.Welcomes || r.Pattern == "POST /auth/logout" {
			continue
		}
		method, path, _ := strings.Cut(r.Pattern, " ")
		sample, ok := samples[r.Pattern]
		if !ok {
			sample = call(method, strings.ReplaceAll(path, ":session_id", root.session.String()))
			if body := visited[r.Pattern]; body != "" {
				sample = sample.json(body)
			}
		}
		tried++
		w.want(bearer(token, sample), 403, "visiting")
	}
	if tried < 14 {
		t.Errorf("tried %d routes", tried)
	}
	for _, body := range []string{
		`{"tenant_id":"` + w.B.id.String() + `"}`,
		`{"tenant_id":"` + w.B.id.String() + `","reason":"Ticket 4712"}`,
		`{"tenant_id":"` + w.A.id.String() + `","reason":"Ticket 4712"}`,
		`{"tenant_id":null}`,
		`{"tenant_id":null,"reason":"back"}`,
	} {
		w.want(bearer(token, call("POST", "/auth/switch-tenant").json(body)), 403, "visiting")
	}
	if got := state(); got != before {
		t.Errorf("the sessions were\n%s\nand are\n%s", before, got)
	}
	w.want(bearer(token, call("GET", "/items")), 200)
	w.want(bearer(token, call("POST", "/auth/logout")), 200)
	w.want(bearer(token, call("GET", "/items")), 401)

	for name, end := range map[string]func(base person){
		"logout":     func(base person) { w.want(w.as(base, call("POST", "/auth/logout")), 200) },
		"logout-all": func(base person) { w.want(w.as(base, call("POST", "/auth/logout-all")), 200) },
		"revoke": func(base person) {
			w.want(bearer(w.login("nobody").AccessToken, call("DELETE", "/auth/sessions/"+base.session.String())), 200)
		},
		"a change of the password": func(base person) {
			w.db.Exec(`UPDATE accounts SET password_hash = $1 WHERE id = $2`, weakHash(), base.account)
			w.want(w.as(base, call("POST", "/auth/password").json(`{"current_password":"`+password+`","new_password":"another-secret-9"}`)), 200)
			w.db.Exec(`UPDATE accounts SET password_hash = $1 WHERE id = $2`, weakHash(), base.account)
		},
	} {
		base := person{account: root.account, session: ids.New[ids.SessionID](), name: root.name}
		w.db.Exec(`INSERT INTO sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 day')`, base.session, base.account)
		token := w.visit(base, w.A)
		w.want(bearer(token, call("GET", "/items")), 200)
		end(base)
		if got := w.send(bearer(token, call("GET", "/items"))); got.status != 401 {
			t.Errorf("after %s: got %v", name, got)
		}
	}
	// It is not longer than the session that began it.
	short := person{account: root.account, session: ids.New[ids.SessionID](), name: root.name}
	w.db.Exec(`INSERT INTO sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 minute')`, short.session, short.account)
	w.want(w.as(short, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+w.A.id.String()+`","reason":"Ticket 4711"}`)), 200)
	if !testdb.Value[bool](w.db, `SELECT expires_at < now() + interval '2 minutes' FROM sessions WHERE visit_reason IS NOT NULL ORDER BY created_at DESC LIMIT 1`) {
		t.Error("the visit outlives the session that began it")
	}
}

// visited are bodies that the routes of an account take.
var visited = map[string]string{
	"POST /auth/email/verify":  `{"token":"rht_none"}`,
	"POST /auth/email/change":  `{"email":"new@example.com","password":"` + password + `"}`,
	"POST /auth/switch-tenant": `{"tenant_id":null}`,
	"POST /auth/password":      `{"current_password":"` + password + `","new_password":"another-secret-9"}`,
	"PATCH /me":                `{"name":"x"}`,
	"POST /tenants":            `{"name":"x"}`,
	"POST /invitations/accept": `{"token":"rhi_none"}`,
}
