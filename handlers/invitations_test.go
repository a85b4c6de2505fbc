package handlers

import (
	"strings"
	"testing"

	"rowhouse/testdb"
)

func accept(body string) request { return call("POST", "/invitations/accept").json(body) }

// invite mails an invitation from the house's admin and returns its token.
func (w *world) invite(h house, email, more string) string {
	w.t.Helper()
	w.want(w.as(h.people["admin"], call("POST", "/invitations").json(`{"email":"`+email+`","role":"member"`+more+`}`), h), 201)
	return w.mailed(email)
}

// Whoever reads an invitation makes an account with it, proven and at once a user with the role and the team, also where
// registration is closed; once.
func TestInvitationAnew(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, "rowhouse_server", func(c *Config) { c.RegistrationClosed = true })
	w.jobs.AppURL = "https://app.example.com"
	admin := w.A.people["admin"]
	w.want(w.as(admin, call("POST", "/invitations").json(`{"email":"Cleo@Example.com","role":"assistant","team_id":"`+w.A.own.UUID()+`"}`), w.A), 201)
	text := w.mail("cleo@example.com")
	if !strings.Contains(text, w.A.canary) || !strings.Contains(text, "https://app.example.com/accept-invitation#token=rhi_") {
		t.Errorf("got %s", text)
	}
	token := mailedToken.FindString(text)
	if got := w.want(accept(`{"token":"`+token+`"}`), 422).fields(); len(got) != 1 || got[0] != "password:required" {
		t.Errorf("without a password: got %v", got)
	}
	w.want(accept(`{"token":"`+token+`","password":"password1"}`), 422)
	w.want(accept(`{"token":"`+token+`","password":"harbour-masters","username":"admin-b"}`), 409, "username_taken")
	got := content[userAnswer](t, w.want(accept(`{"token":"`+token+`","password":"harbour-masters","username":"cleo","name":"Cleo"}`), 200)).User
	if got.Role != "assistant" || got.Team == nil || got.Email != "cleo@example.com" || got.Username != "cleo" {
		t.Errorf("got %+v", got)
	}
	w.want(accept(`{"token":"`+token+`","password":"harbour-masters"}`), 422)
	in := content[loginAnswer](t, w.want(loginAs("cleo", "harbour-masters"), 200))
	w.want(bearer(in.AccessToken, call("POST", "/items").json(`{"name":"x","price_cents":1}`)).with("X-Tenant-Id", w.A.id.String()), 201)
	if got := w.want(bearer(in.AccessToken, call("GET", "/me")), 200); !strings.Contains(got.body, `"email_verified":true`) {
		t.Errorf("got %v", got)
	}
	// Of many at once with one token, one gets through.
	token = w.invite(w.A, "raced@example.com", "")
	raced := w.race(10, func(int) request { return accept(`{"token":"` + token + `","password":"harbour-masters"}`) })
	if raced["200"] != 1 || raced["200"]+raced["422 validation_failed"]+raced["503 busy"] != 10 {
		t.Errorf("raced: got %v", raced)
	}
}

// An account that nobody has proven goes to whoever reads the invitation, under the username that it has: that is what the password may
// not contain.
func TestInvitationTakesOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(call("POST", "/auth/register").json(`{"username":"lantern","email":"early@example.com","password":"`+password+`"}`), 201)
	w.mailed("early@example.com") // which asks for a proof
	token := w.invite(w.A, "early@example.com", "")
	if got := w.want(accept(`{"token":"`+token+`","password":"my-lantern-1","username":"wharf"}`), 422).fields(); len(got) != 1 || got[0] != "password:contains_username" {
		t.Errorf("got %v", got)
	}
	got := content[userAnswer](t, w.want(accept(`{"token":"`+token+`","password":"my-wharf-11","username":"wharf"}`), 200)).User
	if got.Username != "lantern" {
		t.Errorf("got %+v", got)
	}
	w.want(loginAs("lantern", password), 401)
	w.want(loginAs("lantern", "my-wharf-11"), 200)
}

// An account accepts with its access token, if its e-mail is proven and the one that was invited.
func TestInvitationOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.invite(w.A, "nobody@example.com", "")
	body := `{"token":"` + token + `"}`
	w.want(w.as(w.nobody, accept(body)), 403, "email_unproven")
	w.prove(w.nobody)
	w.prove(w.both)
	w.want(w.as(w.both, accept(body)), 403, "wrong_account")
	w.want(accept(`{"token":"`+token+`","password":"harbour-masters"}`), 409, "account_exists")
	w.want(accept(body).with("X-API-Key", "rh_nonsense"), 401, "invalid_token")
	w.want(w.as(w.nobody, accept(`{"token":"`+token+`","password":"x","username":"y"}`)), 422)
	w.want(w.as(w.nobody, call("GET", "/items"), w.A), 403, "tenant_forbidden")
	w.want(w.as(w.nobody, accept(body)), 200)
	w.want(w.as(w.nobody, call("GET", "/items"), w.A), 200)
	w.want(w.as(w.nobody, accept(body)), 422)
	// Who is a user already stays what he is.
	token = w.invite(w.B, "nobody@example.com", "")
	w.user(w.B, w.nobody, "member")
	w.want(w.as(w.nobody, accept(`{"token":"`+token+`"}`)), 409, "already_exists")
}

// An invitation is worth what its sender could give now: nothing once he is demoted, gone, or shut out, nor once the tenant is
// suspended or the invitation taken back or expired. All of these, and a token that never was, answer alike.
func TestInvitationVoid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prove(w.nobody)
	never := w.want(w.as(w.nobody, accept(`{"token":"rhi_nonsense"}`)), 422)
	for name, void := range map[string]string{
		"demoted":     `UPDATE users SET role = 'assistant' WHERE tenant_id = $1 AND username = 'deputy-canary-of-a'`,
		"deactivated": `UPDATE users SET is_active = false WHERE tenant_id = $1 AND username = 'deputy-canary-of-a'`,
		"removed": `WITH bound AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::uuid::text, true))
		            DELETE FROM users USING bound WHERE tenant_id = $1 AND username = 'deputy-canary-of-a'`, // since PostgreSQL 18 cascades are audited as the owner
		"suspended":  `UPDATE tenants SET status = 'suspended' WHERE id = $1`,
		"taken back": `DELETE FROM invitations WHERE tenant_id = $1`,
		"expired":    `UPDATE invitations SET expires_at = now() WHERE tenant_id = $1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.prove(w.nobody)
			deputy := w.deputy(w.A)
			w.want(w.as(deputy, call("POST", "/invitations").json(`{"email":"nobody@example.com","role":"admin"}`), w.A), 201)
			w.want(w.as(deputy, call("POST", "/invitations").json(`{"email":"new@example.com","role":"member"}`), w.A), 201)
			known, anew := w.mailed("nobody@example.com"), w.mailed("new@example.com")
			w.db.Exec(void, w.A.id)
			if got := w.want(w.as(w.nobody, accept(`{"token":"`+known+`"}`)), 422); got.anonymous() != never.anonymous() {
				t.Errorf("got %v, want %v", got, never)
			}
			w.want(accept(`{"token":"`+anew+`","password":"harbour-masters"}`), 422)
			if n := testdb.Value[int](w.db, `SELECT count(*) FROM users WHERE account_id = $1`, w.nobody.account); n != 0 {
				t.Errorf("got %d users, want none", n)
			}
		})
	}
}

// A token is good for the tenant that it names and no other, and is nowhere but in the mail.
func TestInvitationToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.prove(w.nobody)
	ofA, ofB := w.invite(w.A, "nobody@example.com", ""), w.invite(w.B, "nobody@example.com", "")
	const tenant = 4 + 22
	w.want(w.as(w.nobody, accept(`{"token":"`+ofB[:tenant]+ofA[tenant:]+`"}`)), 422)
	if list := w.want(w.as(w.A.people["admin"], call("GET", "/invitations"), w.A), 200); strings.Contains(list.body, "rhi_") || !strings.Contains(list.body, "nobody@example.com") {
		t.Errorf("got %v", list)
	}
	if strings.Contains(snapshot(w, w.A), ofA[tenant:]) || strings.Contains(w.logs.tail(), ofA[tenant:]) {
		t.Error("the token is stored or logged")
	}
	for _, body := range []string{
		`{"email":"x","role":"member"}`, `{"email":"x@example.com"}`, `{"email":"x@example.com","role":"owner"}`,
		`{"email":"x@example.com","role":"artist"}`, `{"email":"x@example.com","role":"member","team_id":"` + w.B.own.UUID() + `"}`,
	} {
		w.want(w.as(w.A.people["admin"], call("POST", "/invitations").json(body), w.A), 422)
	}
}
