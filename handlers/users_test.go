package handlers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rowhouse/ids"
	"rowhouse/testdb"
)

type userAnswer struct {
	User struct {
		ID, Username, Email, Name, Role string
		FullName                        string `json:"full_name"`
		Instagram, Bio                  *string
		ArtistID                        *string `json:"artist_id"`
		IsActive                        bool    `json:"is_active"`
		LastLogin                       *string `json:"last_login"`
		Team                            *struct{ ID, Name string }
		Roles                           []struct{ ID, Name string }
	}
}

// userID is the id of a person's user in a house.
func (w *world) userID(h house, p person) ids.UserID {
	return testdb.Value[ids.UserID](w.db, `SELECT id FROM users WHERE tenant_id = $1 AND account_id = $2`, h.id, p.account)
}

// A user is made with an account that nobody has proven, is told by mail, logs in with what was given or chosen, and works.
func TestUserCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	create := func(body string) request { return w.as(admin, call("POST", "/users").json(body), w.A) }
	team := "team-" + w.A.own.UUID()
	full := w.want(create(`{"email":"Ben@Example.com","username":"BEN","name":"Ben","password":"harbour-masters","role":"assistant","team_id":"`+team+`",
		"first_name":"Ben","last_name":"Nakamura","birthdate":"1990-12-10","phone":"+44","instagram":"@ben.n","bio":"<p onclick='x'>Hi<script>x</script></p>",
		"search_visibility":"private","email_privacy":"never","public_profile":false}`), 201)
	got := content[userAnswer](t, full).User
	if full.header.Get("Location") != "/api/v1/users/"+got.ID || got.Email != "ben@example.com" || got.Username != "ben" || got.FullName != "Ben Nakamura" ||
		*got.Instagram != "ben.n" || *got.Bio != "<p>Hi</p>" || got.Team.Name != w.A.canary || !strings.Contains(full.body, `"birthdate":"1990-12-10"`) {
		t.Errorf("got %v", full)
	}
	w.mailed("ben@example.com")
	in := content[loginAnswer](t, w.want(loginAs("ben", "harbour-masters"), 200))
	w.want(bearer(in.AccessToken, call("POST", "/items").json(`{"name":"x","price_cents":1}`)).with("X-Tenant-Id", w.A.id.String()), 201)

	// Without a password the mail lets the user choose one.
	chosen := content[userAnswer](t, w.want(create(`{"email":"cho@example.com","name":"Cho"}`), 201)).User
	if chosen.Role != "member" || chosen.Username != "cho" {
		t.Errorf("got %+v", chosen)
	}
	w.want(call("POST", "/auth/password/reset").json(`{"token":"`+w.mailed("cho@example.com")+`","password":"harbour-masters"}`), 200)
	w.want(loginAs("cho@example.com", "harbour-masters"), 200)
	// A username that is made is made so that it is free.
	if got := content[userAnswer](t, w.want(create(`{"email":"cho@other.example","name":"Cho"}`), 201)).User; !strings.HasPrefix(got.Username, "cho-") {
		t.Errorf("got %+v", got)
	}
	for body, want := range map[string]string{
		`{"email":"admin-b@example.com","name":"x"}`:                                                   "account_exists",
		`{"email":"x1@example.com","name":"x","username":"admin-b"}`:                                   "username_taken",
		`{"email":"x2@example.com","name":"x","role":"artist"}`:                                        "validation_failed",
		`{"email":"x3@example.com","name":"x","artist_id":"` + w.B.own.UUID() + `"}`:                   "validation_failed",
		`{"email":"x4@example.com","name":"x","team_id":"` + ids.New[ids.TeamID]().String() + `"}`:     "reference_not_found",
		`{"email":"x5@example.com","name":"x","team_id":"` + w.B.own.UUID() + `"}`:                     "reference_not_found",
		`{"email":"x","name":"","password":"short","birthdate":"1990-2-30","phone":7,"tenant_id":"x"}`: "validation_failed",
	} {
		if got := w.send(create(body)); got.code() != want {
			t.Errorf("%s: got %v, want %s", body, got, want)
		}
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM accounts WHERE email LIKE 'x%'`); n != 0 {
		t.Errorf("got %d accounts without a user", n)
	}
	// The same request under a key is done once, and mailed once.
	keyed := create(`{"email":"kay@example.com","name":"Kay"}`).with("Idempotency-Key", "k")
	first, again := w.want(keyed, 201), w.want(keyed, 201)
	if first.body != again.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %v, then %v", first, again)
	}
	w.mailed("kay@example.com")
	if raced := w.race(12, func(int) request { return create(`{"email":"raced@example.com","name":"x"}`) }); raced["201"] != 1 || raced["409 account_exists"]+raced["503 unavailable"] != 11 {
		t.Errorf("raced: got %v", raced)
	}
}

// An artist is a user with an artist, and one artist is one user; taking the role away takes the artist too.
func TestUserArtist(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, user := w.A.people["admin"], "/users/"+w.A.own.UUID()
	artist := ids.New[ids.ArtistID]()
	w.db.Exec(`INSERT INTO artists (tenant_id, id, name) VALUES ($1, $2, 'free')`, w.A.id, artist)
	patch := func(body string) request { return w.as(admin, call("PATCH", user).json(body), w.A) }
	w.want(patch(`{"role":"artist"}`), 422)
	w.want(patch(`{"artist_id":"`+artist.String()+`"}`), 422)
	w.want(patch(`{"role":"artist","artist_id":"`+ids.New[ids.ArtistID]().String()+`"}`), 422, "reference_not_found")
	w.want(patch(`{"role":"artist","artist_id":"artist-`+w.A.people["artist"].account.UUID()+`"}`), 409, "artist_taken")
	w.want(patch(`{"role":"artist","artist_id":"`+artist.String()+`"}`), 200)
	w.want(patch(`{"artist_id":null}`), 422)
	if got := content[userAnswer](t, w.want(patch(`{"role":"member"}`), 200)).User; got.ArtistID != nil {
		t.Errorf("got %+v", got)
	}
}

// An Instagram name is what is left without its @, and nothing where nothing is.
func TestInstagram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.A.people["member"]
	me := "/users/" + w.userID(w.A, who).String()
	for given, want := range map[string]string{`"@foo"`: `"foo"`, `"@@foo"`: `"foo"`, `" @ foo "`: `"foo"`, `"foo@"`: `"foo@"`, `"@"`: `null`, `""`: `null`, `null`: `null`} {
		w.want(w.as(who, call("PATCH", me).json(`{"instagram":"before"}`), w.A), 200)
		if got := w.want(w.as(who, call("PATCH", me).json(`{"instagram":`+given+`}`), w.A), 200); !strings.Contains(got.body, `"instagram":`+want+`,`) {
			t.Errorf("%s: got %v, want %s", given, got, want)
		}
	}
}

// On oneself, exactly the profile can be changed; any other field is refused by name, and then nothing is changed.
func TestUserSelf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deputy(w.A)
	for _, role := range roles {
		who := w.A.people[role]
		me := "/users/" + w.userID(w.A, who).String()
		patch := func(body string) request { return w.as(who, call("PATCH", me).json(body), w.A) }
		w.want(patch(`{"name":"N","first_name":"F","last_name":"L","birthdate":"2000-01-31","phone":"1","instagram":"@i","bio":"<b>b</b>","search_visibility":"private","email_privacy":"never","public_profile":false}`), 200)
		for field, value := range map[string]string{"email": `"x@example.com"`, "role": `"admin"`, "team_id": "null", "artist_id": "null"} {
			got := w.want(patch(`{"`+field+`":`+value+`,"phone":"2"}`), 403, "forbidden_field")
			if diff := cmp.Diff([]string{field + ":forbidden_field"}, got.fields()); diff != "" {
				t.Errorf("%s: %s", field, diff)
			}
		}
		for _, field := range []string{"id", "tenant_id", "username", "is_active", "roles", "is_staff", "is_superuser", "password", "last_login", "created_at", "version", "email_verified"} {
			if got := w.want(patch(`{"`+field+`":null}`), 422).fields(); len(got) != 1 || got[0] != field+":unknown_field" {
				t.Errorf("%s: got %v", field, got)
			}
		}
		if got := w.want(w.as(who, call("GET", me), w.A), 200); !strings.Contains(got.body, `"phone":"1"`) {
			t.Errorf("got %v", got)
		}
		other := "/users/" + w.A.own.UUID()
		want := map[string]int{"admin": 200, "assistant": 403, "artist": 403, "member": 404}[role]
		for _, body := range []string{`{"phone":"9"}`, `{"role":"admin"}`} {
			w.want(w.as(who, call("PATCH", other).json(body), w.A), want)
		}
	}
	admin := w.A.people["admin"]
	w.want(w.as(admin, call("DELETE", "/users/"+w.userID(w.A, admin).String()), w.A), 403, "forbidden")
	// Of the last admin it is said that it stays one.
	alone := w.B.people["admin"]
	w.want(w.as(alone, call("PATCH", "/users/"+w.userID(w.B, alone).String()).json(`{"role":"member"}`), w.B), 409, "last_admin")
}

// The list knows every filter and sort, by page and by cursor, and what its caller may not see is not in it.
func TestUserList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	w.db.Exec(`UPDATE users SET name = 'Zed', team_id = $2, is_active = false WHERE tenant_id = $1 AND id = $2`, w.A.id, w.A.own.UUID())
	w.db.Exec(`UPDATE users SET email_privacy = 'never' WHERE tenant_id = $1 AND username = 'assistant-a'`, w.A.id)
	list := func(who person, query string) (names []string) {
		for path := "/users?" + query; path != ""; {
			got := w.want(w.as(who, call("GET", path), w.A), 200)
			p := page[struct {
				Content []struct{ Username string }
				Page    struct{ Next *string }
			}](t, got)
			for _, u := range p.Content {
				if name := strings.Replace(u.Username, w.A.own.UUID(), "own", 1); name == "row-own" || !strings.HasPrefix(name, "row-") {
					names = append(names, name) // of others of the world only the one that has been changed here
				}
			}
			path = ""
			if p.Page.Next != nil {
				path = "/users?" + query + "&cursor=" + *p.Page.Next
			}
		}
		return names
	}
	for query, want := range map[string][]string{
		"sort=username&page_size=2":  {"admin-a", "artist-a", "assistant-a", "both", "member-a", "row-own"},
		"sort=-username&page_size=3": {"row-own", "member-a", "both", "assistant-a", "artist-a", "admin-a"},
		"role=assistant":             {"assistant-a"},
		"is_active=false":            {"row-own"},
		"team_id=" + w.A.own.UUID():  {"row-own"},
		"team_id=" + w.B.own.UUID():  nil,
		"username=ADMIN-A":           {"admin-a"},
		"username=%21":               nil,
		"q=ZE":                       {"row-own"},
		"q=assist":                   {"assistant-a"},
		"email=Artist-A%40" + w.A.canary + ".example":    {"artist-a"},
		"email=admin-b%40" + w.B.canary + ".example":     nil,
		"email=assistant-a%40" + w.A.canary + ".example": {"assistant-a"},
		"sort=-name&page_size=1&is_active=false":         {"row-own"},
	} {
		got := list(admin, query)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	for _, query := range []string{"", "sort=name", "sort=-name", "page_size=2", "page_size=1&sort=name"} {
		if got := list(admin, query); len(got) != 6 {
			t.Errorf("%s: got %v", query, got)
		}
	}
	if got := list(w.A.people["member"], "sort=name"); len(got) != 1 || got[0] != "member-a" {
		t.Errorf("a member sees %v", got)
	}
	// An e-mail that is never shown is shown to its owner and to admins, and found by nobody else.
	find := "email=assistant-a%40" + w.A.canary + ".example"
	hidden := "/users/" + w.userID(w.A, w.A.people["assistant"]).String()
	for role, shown := range map[string]bool{"admin": true, "assistant": true, "artist": false} {
		got := w.want(w.as(w.A.people[role], call("GET", hidden), w.A), 200)
		if strings.Contains(got.body, `"email":"assistant-a@`) != shown {
			t.Errorf("%s: got %v", role, got)
		}
		if got := list(w.A.people[role], find); (len(got) == 1) != shown {
			t.Errorf("%s: got %v", role, got)
		}
	}
	w.want(w.as(admin, call("GET", "/users?sort=email"), w.A), 422)
	w.want(w.as(admin, call("GET", "/users?account_id=x"), w.A), 400, "unknown_parameter")
}

// A list of users with their teams and roles is one round trip, however many they are.
func TestUserListIsOneTrip(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	w.db.Exec(`INSERT INTO accounts (username, email) SELECT 'many-' || n, 'many-' || n || '@example.com' FROM generate_series(1, 150) n`)
	w.db.Exec(`INSERT INTO users (tenant_id, account_id, username, team_id) SELECT $1, id, username, $2 FROM accounts WHERE username LIKE 'many-%'`, w.A.id, w.A.own.UUID())
	w.db.Exec(`INSERT INTO user_roles (tenant_id, user_id, role_id) SELECT $1, id, r FROM users, unnest($2::uuid[]) r WHERE tenant_id = $1 AND username LIKE 'many-%'`,
		w.A.id, []string{w.A.own.UUID(), w.A.item.UUID()})
	list := w.as(w.A.people["admin"], call("GET", "/users?page_size=200"), w.A)
	w.want(list, 200)
	before := proxy.Trips()
	got := w.want(list, 200)
	if trips := proxy.Trips() - before; trips != 1 {
		t.Errorf("got %d round trips, want 1", trips)
	}
	if teams, roles := strings.Count(got.body, `"team":{"id"`), strings.Count(got.body, `"id":"role-`); teams != 150 || roles < 300 {
		t.Errorf("got %d teams and %d roles", teams, roles)
	}
}

// Identifiers that look alike have one form: they match their own account and never another's.
func TestLookAlikes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	register := func(username, email string) response {
		return w.send(call("POST", "/auth/register").json(fmt.Sprintf(`{"username":%q,"email":%q,"password":%q}`, username, email, password)))
	}
	if got := register("josie", "josé@exämple.com"); got.status != 201 || !strings.Contains(got.body, `"email":"josé@xn--exmple-cua.com"`) {
		t.Fatalf("got %v", got)
	}
	for _, same := range []string{"josie", "JOSIE", "Ｊｏｓｉｅ", "ｊosie"} {
		if got := register(same, "other@example.com"); got.code() != "username_taken" {
			t.Errorf("%s: got %v", same, got)
		}
		w.want(loginAs(same, password), 200)
	}
	for _, same := range []string{"JOSÉ@EXÄMPLE.COM", "jose\u0301@exämple.com", "josé@xn--exmple-cua.com", "josé@exa\u0308mple.com", "josé@ｅxämple．com"} {
		if got := register("another", same); got.code() != "account_exists" {
			t.Errorf("%s: got %v", same, got)
		}
		w.want(loginAs(same, password), 200)
	}
	for _, other := range []string{"jos\u0456e", "j\u043esie", "josie\u200b", "jo sie", "josie\u00ad"} { // Cyrillic, zero width, blank, soft hyphen
		if got := register(other, "other@example.com"); got.status == 201 || got.code() == "username_taken" {
			t.Errorf("%q: got %v", other, got)
		}
		w.want(loginAs(other, password), 401)
	}
	for _, other := range []string{"jose@exämple.com", "josé@example.com", "j\u043esé@exämple.com"} {
		w.want(loginAs(other, password), 401)
	}
}

// Roles are given and taken idempotently, with one event each, and what a role allows is allowed at once.
func TestUserRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, member := w.A.people["admin"], w.A.people["member"]
	made := w.want(w.as(admin, call("POST", "/roles").json(`{"name":"Stock keeper","permissions":["items:write"]}`), w.A), 201)
	role := content[struct{ Role struct{ ID string } }](t, made).Role.ID
	path := "/users/" + w.userID(w.A, member).String() + "/roles/" + role
	item := w.as(member, call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A)
	w.want(item, 403, "permission_denied")
	for range 2 {
		w.want(w.as(admin, call("POST", path), w.A), 200)
		w.want(item, 201)
	}
	w.want(w.as(admin, call("DELETE", "/roles/"+role), w.A), 409, "in_use")
	if got := content[userAnswer](t, w.want(w.as(member, call("GET", strings.TrimSuffix(path, "/roles/"+role)), w.A), 200)).User; len(got.Roles) != 1 || got.Roles[0].Name != "Stock keeper" || got.Roles[0].ID != role {
		t.Errorf("got %+v", got)
	}
	for range 2 {
		w.want(w.as(admin, call("DELETE", path), w.A), 200)
		w.want(item, 403, "permission_denied")
	}
	w.want(w.as(admin, call("DELETE", "/roles/"+role), w.A), 200)
	w.want(w.as(admin, call("POST", path), w.A), 422, "reference_not_found")
	w.want(w.as(admin, call("POST", "/users/"+ids.New[ids.UserID]().String()+"/roles/"+w.A.own.UUID()), w.A), 404)
	foreign := w.want(w.as(admin, call("POST", strings.Replace(path, role, w.B.own.UUID(), 1)), w.A), 422, "reference_not_found")
	never := w.want(w.as(admin, call("POST", strings.Replace(path, role, ids.New[ids.RoleID]().UUID(), 1)), w.A), 422, "reference_not_found")
	if foreign.anonymous() != never.anonymous() {
		t.Errorf("got %v and %v", foreign, never)
	}
	if got := testdb.Value[[]string](w.db, `SELECT array_agg(action ORDER BY created_at) FROM audit_events WHERE action LIKE 'user.role%'`); len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

// Names of roles are one tenant's, once, regardless of case; those of the primary roles are nobody's to take. Teams may share one.
func TestRoleNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	role := func(h house, name string) request {
		return w.as(h.people["admin"], call("POST", "/roles").json(`{"name":"`+name+`","permissions":[]}`), h)
	}
	w.want(role(w.A, "Keeper"), 201)
	w.want(role(w.A, "KEEPER"), 409, "already_exists")
	w.want(role(w.B, "Keeper"), 201)
	for _, name := range []string{"admin", "Member", "ARTIST", "assistant"} {
		w.want(role(w.A, name), 409, "already_exists")
	}
	for range 2 {
		w.want(w.as(w.A.people["admin"], call("POST", "/teams").json(`{"name":"Same"}`), w.A), 201)
	}
	w.db.Exec(`UPDATE users SET team_id = $2 WHERE tenant_id = $1 AND id = $2`, w.A.id, w.A.own.UUID())
	w.want(w.as(w.A.people["admin"], call("DELETE", "/teams/"+w.A.own.UUID()), w.A), 409, "in_use")
}

// Where rows have no owners, the permission for one's own rows is nothing: no role or key can ask for it, and one that has it all
// the same allows nothing by it.
func TestOwnOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, member := w.A.people["admin"], w.A.people["member"]
	for _, r := range []request{
		call("POST", "/roles").json(`{"name":"x","permissions":["items:write:own"]}`),
		call("POST", "/api-keys").json(`{"name":"x","scopes":["items:write:own"]}`),
	} {
		w.want(w.as(admin, r, w.A), 422)
	}
	key := w.key(w.A, admin, "")
	w.db.Exec(`UPDATE roles SET permissions = '{items:write:own}' WHERE tenant_id = $1 AND id = $2`, w.A.id, w.A.own.UUID())
	w.db.Exec(`INSERT INTO user_roles (tenant_id, user_id, role_id) VALUES ($1, $2, $3)`, w.A.id, w.userID(w.A, member), w.A.own.UUID())
	w.db.Exec(`UPDATE api_keys SET scopes = '{items:write:own}' WHERE key_prefix = $1`, key.APIKey.KeyPrefix)
	patch := call("PATCH", "/items/"+w.A.own.UUID()).json(`{"price_cents":2}`)
	w.want(w.as(member, patch, w.A), 403, "permission_denied")
	w.want(byKey(key.Key, patch), 403, "permission_denied")
}

// When a user entered the tenant last is noted once a login, in either mode, and is nobody's change.
func TestLastLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	get := "/users/" + w.userID(w.A, w.both).String()
	if got := content[userAnswer](t, w.want(w.as(w.A.people["admin"], call("GET", get), w.A), 200)).User; got.LastLogin != nil {
		t.Errorf("before: got %+v", got)
	}
	in := w.login("both")
	read := func(path string) response {
		return w.want(bearer(in.AccessToken, call("GET", path)).with("X-Tenant-Id", w.A.id.String()), 200)
	}
	read("/items")
	first := content[userAnswer](t, read(get)).User.LastLogin
	read("/items")
	if again := content[userAnswer](t, read(get)).User.LastLogin; first == nil || *again != *first {
		t.Errorf("got %v, then %v", first, again)
	}
	if inB := testdb.Value[bool](w.db, `SELECT last_login IS NULL FROM users WHERE tenant_id = $1 AND account_id = $2`, w.B.id, w.both.account); !inB {
		t.Error("a login into A is one into B")
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events`); n != 0 {
		t.Errorf("got %d events, want none", n)
	}
}
