package handlers

import (
	"strings"
	"testing"

	"rowhouse/auth"
	"rowhouse/rest"
	"rowhouse/testdb"
)

type keyAnswer struct {
	APIKey struct {
		ID         string
		KeyPrefix  string `json:"key_prefix"`
		UserID     string `json:"user_id"`
		IsActive   bool   `json:"is_active"`
		Scopes     []string
		LastUsedAt *string `json:"last_used_at"`
	} `json:"api_key"`
	Key string
}

// key makes an API key of a person in a house.
func (w *world) key(h house, p person, more string) keyAnswer {
	w.t.Helper()
	return content[keyAnswer](w.t, w.want(w.as(p, call("POST", "/api-keys").json(`{"name":"k"`+more+`}`), h), 201))
}

func byKey(key string, r request) request { return r.with("X-API-Key", key) }

// A key is shown once, stored as a hash, found by its prefix, and works in its tenant without a header, either way it is sent.
func TestAPIKey(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	admin := w.A.people["admin"]
	made := w.key(w.A, admin, "")
	if parts, ok := auth.ParseAPIKey(made.Key); !ok || parts.Tenant != w.A.id || parts.Prefix != made.APIKey.KeyPrefix || !strings.HasPrefix(made.Key, made.APIKey.KeyPrefix) {
		t.Errorf("got %+v", made)
	}
	for _, r := range []request{byKey(made.Key, call("GET", "/items")), bearer(made.Key, call("GET", "/items"))} {
		if got := w.want(r, 200); !strings.Contains(got.body, w.A.canary) || strings.Contains(got.body, w.B.canary) {
			t.Errorf("got %v", got)
		}
		w.want(r.with("X-Tenant-Id", w.A.id.String()), 400, "unwanted_tenant")
	}
	w.want(byKey(made.Key, w.as(admin, call("GET", "/items"), w.A)), 400, "two_credentials")
	before := proxy.Trips()
	w.want(byKey(made.Key, call("GET", "/items")), 200)
	if trips := proxy.Trips() - before; trips != 1 {
		t.Errorf("got %d round trips, want 1", trips)
	}
	// A typo costs none, and no key falls back to anything else.
	before = proxy.Trips()
	typo := []byte(made.Key)
	typo[20]++
	w.want(byKey(string(typo), call("GET", "/items")), 401, "invalid_token")
	w.want(bearer(string(typo), call("GET", "/items")), 401, "invalid_token")
	if trips := proxy.Trips() - before; trips != 0 {
		t.Errorf("got %d round trips, want none", trips)
	}
	stranger, _ := auth.NewAPIKey(w.A.id)
	w.want(byKey(stranger, call("GET", "/items")), 401, "invalid_token")

	// The prefix alone opens nothing.
	w.db.Exec(`UPDATE api_keys SET hash = sha256('another') WHERE key_prefix = $1`, made.APIKey.KeyPrefix)
	w.want(byKey(made.Key, call("GET", "/items")), 401, "invalid_token")
	w.want(byKey(made.Key, call("GET", "/me")), 401, "invalid_token")

	if all := snapshot(w, w.A); strings.Contains(all, made.Key[13:]) || !strings.Contains(all, made.APIKey.KeyPrefix) {
		t.Error("the key is stored, or its prefix is not")
	}
	if strings.Contains(w.logs.tail(), made.Key[13:]) {
		t.Error("the key is logged")
	}
	for _, path := range []string{"/api-keys", "/api-keys/" + made.APIKey.ID, "/audit-events"} {
		if got := w.want(w.as(admin, call("GET", path), w.A), 200); strings.Contains(got.body, made.Key[13:]) {
			t.Errorf("%s shows the key", path)
		}
	}
	// Repeated under a key of idempotency, the answer is the same without the secret.
	keyed := w.as(admin, call("POST", "/api-keys").json(`{"name":"once"}`), w.A).with("Idempotency-Key", "k")
	first, again := w.want(keyed, 201), w.want(keyed, 201)
	secret := content[keyAnswer](t, first).Key
	if strings.Replace(first.body, `"`+secret+`"`, "null", 1) != again.body || first.header.Get("Location") == "" {
		t.Errorf("got %v, then %v", first, again)
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM idempotency_keys WHERE position(convert_to($1, 'UTF8') IN answer) > 0`, secret); n != 0 {
		t.Error("the secret is kept with the answer")
	}
}

// Of an account's own routes a key gets GET /me alone.
func TestAPIKeyOfAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.key(w.A, w.A.people["member"], "").Key
	if got := w.want(byKey(key, call("GET", "/me")).with("X-Tenant-Id", "ignored"), 200); !strings.Contains(got.body, `"username":"member-a"`) {
		t.Errorf("got %v", got)
	}
	for i := range routes {
		if r := &routes[i]; r.Scope == rest.AccountScope && r.Pattern != "GET /me" {
			method, path, _ := strings.Cut(r.Pattern, " ")
			w.want(byKey(key, call(method, path)), 403, "token_required")
		}
	}
	w.want(byKey(key, accept(`{"token":"x"}`)), 403, "token_required")
}

// What a key may do is what its scopes and its owner's roles both allow, now; it shrinks with them and never grows beyond.
func TestAPIKeyScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, assistant := w.A.people["admin"], w.A.people["assistant"]
	read := w.key(w.A, assistant, `,"scopes":["items:read"]`)
	none := w.key(w.A, assistant, `,"scopes":[]`).Key
	all := w.key(w.A, assistant, "").Key
	own := w.key(w.A, admin, `,"scopes":["users:read:own"]`).Key
	create := call("POST", "/items").json(`{"name":"x","price_cents":1}`)
	w.want(byKey(read.Key, call("GET", "/items")), 200)
	w.want(byKey(read.Key, create), 403, "permission_denied")
	if got := w.want(byKey(none, call("GET", "/items")), 403, "permission_denied"); !strings.Contains(got.body, "scopes of this key") {
		t.Errorf("got %v, which does not speak of the key", got)
	}
	w.want(byKey(all, create), 201)
	if got := w.want(byKey(own, call("GET", "/users")), 200); strings.Count(got.body, `"username":`) != 1 {
		t.Errorf("own scope shows %v", got)
	}
	w.db.Exec(`UPDATE users SET role = 'member' WHERE account_id = $1`, assistant.account)
	w.want(byKey(all, create), 403, "permission_denied")
	w.want(byKey(read.Key, call("GET", "/items")), 200)
	w.db.Exec(`UPDATE permissions SET member = NULL WHERE name = 'items:read'`)
	w.want(byKey(read.Key, call("GET", "/items")), 403, "permission_denied")

	for body, want := range map[string]string{
		`{"name":"k","scopes":["items:fly"]}`:             "scopes.0:one_of",
		`{"name":"k","scopes":"items:read"}`:              "scopes:type",
		`{"name":"","expires_in_days":3651}`:              "name:min_length expires_in_days:max",
		`{"name":"k","expires_in_days":0}`:                "expires_in_days:min",
		`{"name":"k","user_id":"` + w.A.own.UUID() + `"}`: "user_id:unknown_field",
	} {
		if got := strings.Join(w.want(w.as(admin, call("POST", "/api-keys").json(body), w.A), 422).fields(), " "); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
}

// One's keys are one's own: another's are not there, unless one may revoke any. A key that is revoked, expired or deleted is dead
// at once; to revoke it again changes nothing.
func TestAPIKeyEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, member := w.A.people["admin"], w.A.people["member"]
	use := func(key keyAnswer, status int) {
		t.Helper()
		w.want(byKey(key.Key, call("GET", "/items")), status)
	}
	a, b, c, d := w.key(w.A, member, ""), w.key(w.A, member, `,"expires_in_days":1`), w.key(w.A, member, ""), w.key(w.A, w.A.people["artist"], "")
	for _, who := range []person{w.A.people["assistant"], w.A.people["artist"]} {
		w.want(w.as(who, call("GET", "/api-keys/"+a.APIKey.ID), w.A), 404)
		w.want(w.as(who, call("POST", "/api-keys/"+a.APIKey.ID+"/revoke"), w.A), 404)
		w.want(w.as(who, call("DELETE", "/api-keys/"+a.APIKey.ID), w.A), 404)
		if got := w.want(w.as(who, call("POST", "/api-keys/revoke-all").json(`{"user_id":"`+a.APIKey.UserID+`"}`), w.A), 200); !strings.Contains(got.body, `"revoked":0`) {
			t.Errorf("got %v", got)
		}
		if got := w.want(w.as(who, call("GET", "/api-keys?user_id="+a.APIKey.UserID), w.A), 200); strings.Contains(got.body, a.APIKey.ID) {
			t.Errorf("got %v", got)
		}
	}
	w.want(w.as(member, call("POST", "/api-keys/"+a.APIKey.ID+"/revoke"), w.A), 200)
	use(a, 401)
	events := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events`)
	w.want(w.as(member, call("POST", "/api-keys/"+a.APIKey.ID+"/revoke"), w.A), 200)
	if again := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events`); again != events {
		t.Errorf("got %d events for revoking again", again-events)
	}
	use(b, 200)
	w.db.Exec(`UPDATE api_keys SET expires_at = now() WHERE key_prefix = $1`, b.APIKey.KeyPrefix)
	use(b, 401)
	list := func(query string) int {
		return strings.Count(w.want(w.as(member, call("GET", "/api-keys"+query), w.A), 200).body, `"key_prefix"`)
	}
	if all, active, ended := list(""), list("?active=true"), list("?active=false"); all != 3 || active != 1 || ended != 2 {
		t.Errorf("got %d, %d active, %d ended", all, active, ended)
	}
	use(c, 200)
	w.want(w.as(admin, call("POST", "/api-keys/revoke-all").json(`{"user_id":"`+c.APIKey.UserID+`"}`), w.A), 200)
	use(c, 401)
	use(d, 200)
	w.want(w.as(admin, call("DELETE", "/api-keys/"+d.APIKey.ID), w.A), 200)
	use(d, 401)
}

// When a key was used last is written once a minute, not with every request, and is nobody's change.
func TestAPIKeyLastUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.key(w.A, w.A.people["member"], "")
	writes := func() int {
		return testdb.Value[int](w.db, `SELECT xmin::text::bigint FROM api_keys WHERE key_prefix = $1`, key.APIKey.KeyPrefix)
	}
	use := func() { w.want(byKey(key.Key, call("GET", "/items")), 200) }
	before := writes()
	use()
	first := writes()
	w.race(30, func(int) request { return byKey(key.Key, call("GET", "/items")) })
	if first == before || writes() != first {
		t.Errorf("got writes %d, %d, %d: want one", before, first, writes())
	}
	w.db.Exec(`UPDATE api_keys SET last_used_at = now() - interval '61 s' WHERE key_prefix = $1`, key.APIKey.KeyPrefix)
	stale := writes()
	use()
	if writes() == stale {
		t.Error("a minute later it is not written")
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events WHERE action <> 'api_key.create'`); n != 0 {
		t.Errorf("got %d events", n)
	}
	if version := testdb.Value[int](w.db, `SELECT version FROM api_keys WHERE key_prefix = $1`, key.APIKey.KeyPrefix); version != 1 {
		t.Errorf("got version %d", version)
	}
}
