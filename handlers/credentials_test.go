package handlers

import (
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"
)

// A bearer token stands after one or more spaces. No other blank separates it or may stand around it, and none around an API key.
func TestBlanksAroundCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token(w.A.people["admin"])
	key := w.key(w.A, w.A.people["member"], "").Key
	ask := func(name, value string) request { return call("GET", "/me").with(name, value) }
	for _, value := range []string{"Bearer " + token, "bearer  " + token, "BEARER    " + token, "Bearer " + key, "Bearer  " + key} {
		w.want(ask("Authorization", value), 200)
	}
	w.want(ask("X-API-Key", key), 200)
	for _, blank := range []string{"\u00a0", "\u0085", "\u1680", "\u2003", "\u2028", "\u202f", "\u205f", "\u3000", "\ufeff", "\u200b"} {
		for _, credential := range []string{token, key} {
			w.want(ask("Authorization", "Bearer"+blank+credential), 401)
			w.want(ask("Authorization", "Bearer "+blank+credential), 401, "invalid_token")
			w.want(ask("Authorization", "Bearer "+credential+blank), 401, "invalid_token")
			w.want(ask("Authorization", blank+"Bearer "+credential), 401)
		}
		w.want(ask("X-API-Key", blank+key), 401, "invalid_token")
		w.want(ask("X-API-Key", key+blank), 401, "invalid_token")
	}
	w.want(ask("Authorization", "Bearer\t"+token), 401)
	w.want(ask("Authorization", "Bearer \t"+token), 401, "invalid_token")
	w.want(ask("Authorization", "Bearer "+token+" "+token), 401, "invalid_token")
	w.want(ask("Authorization", "Bearer "), 401)
}

// The same password is one on every device, however it composes accents: at a registration, at a login, and where it is changed. One
// that was hashed in another form before is good for whoever types that form, and from then on for everybody. Its length is that of
// the normal form.
func TestPasswordForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const nfc, nfd = "caf\u00e9 cr\u00e8me", "cafe\u0301 cre\u0300me"
	register := func(name, password string) request {
		return call("POST", "/auth/register").json(`{"email":"` + name + `@example.com","username":"` + name + `","password":"` + password + `"}`)
	}
	w.want(register("composed", nfc), 201)
	w.want(loginAs("composed", nfd), 200)
	w.want(register("decomposed", nfd), 201)
	in := content[loginAnswer](t, w.want(loginAs("decomposed", nfc), 200))
	w.want(bearer(in.AccessToken, call("POST", "/auth/password").json(`{"current_password":"`+nfc+`","new_password":"`+nfd+`!"}`)), 200)
	w.want(loginAs("decomposed", nfc+"!"), 200)

	old := w.A.people["member"]
	hash, err := argon2id.CreateHash(nfd, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	w.db.Exec(`UPDATE accounts SET password_hash = $2 WHERE id = $1`, old.account, hash)
	w.want(loginAs(old.name, nfc), 401)
	w.want(loginAs(old.name, nfd), 200)
	w.want(loginAs(old.name, nfc), 200)

	w.want(register("longest", strings.Repeat("e\u0301", 255)), 201)
	w.want(loginAs("longest", strings.Repeat("\u00e9", 255)), 200)
	w.want(loginAs("longest", strings.Repeat("e\u0301", 255)), 200)
	for _, password := range []string{strings.Repeat("e\u0301", 7), strings.Repeat("e\u0301", 256)} {
		w.want(register("refused", password), 422)
	}
}
