package handlers

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rowhouse/ids"
	"rowhouse/testdb"
)

// scene is a house with an assistant who has a role of the house besides, and whom two processes know by each credential.
type scene struct {
	*world
	house
	admin, who, again person // again is who in another session
	user, role        string
	key               keyAnswer
	elsewhere         string
}

const (
	fine    = "200"
	over    = "401 invalid_token"
	denied  = "403 permission_denied"
	outside = "403 tenant_forbidden"
)

// turn is what an admin, or the user himself, or the operator does here; the next requests are made elsewhere.
type turn struct {
	name    string
	by      func(*scene)
	undo    func(*scene) // nil where nothing brings it back
	custom  bool         // it is about what only the role of the house allows
	token   string       // what the next request is told: with a token,
	byKey   string       // with an API key,
	account string       // and, with a token, in no tenant
}

func (s *scene) byAdmin(r request) { s.want(s.as(s.admin, r, s.house), 200) }

func (s *scene) sql(statement string, args ...any) { s.db.Exec(statement, args...) }

// roles of the house allow what no assistant may.
func (s *scene) permit(permission string) {
	s.byAdmin(call("PATCH", "/roles/"+s.role).json(`{"permissions":["` + permission + `"]}`))
}

var turns = []turn{
	{"demoted",
		func(s *scene) { s.byAdmin(call("PATCH", "/users/"+s.user).json(`{"role":"member"}`)) },
		func(s *scene) { s.byAdmin(call("PATCH", "/users/"+s.user).json(`{"role":"assistant"}`)) },
		false, denied, denied, fine},
	{"deactivated",
		func(s *scene) { s.byAdmin(call("POST", "/users/"+s.user+"/deactivate")) },
		func(s *scene) { // the old key stays revoked
			s.byAdmin(call("POST", "/users/"+s.user+"/reactivate"))
			s.key = s.world.key(s.house, s.who, "")
		},
		false, outside, over, fine},
	{"deleted", func(s *scene) { s.byAdmin(call("DELETE", "/users/"+s.user)) }, nil, false, outside, over, fine},
	{"left", func(s *scene) { s.want(s.as(s.who, call("POST", "/users/me/leave"), s.house), 200) }, nil, false, outside, over, fine},
	{"role unassigned",
		func(s *scene) { s.byAdmin(call("DELETE", "/users/"+s.user+"/roles/"+s.role)) },
		func(s *scene) { s.byAdmin(call("POST", "/users/"+s.user+"/roles/"+s.role)) },
		true, denied, denied, fine},
	{"role edited",
		func(s *scene) { s.permit("roles:read") },
		func(s *scene) { s.permit("teams:write") },
		true, denied, denied, fine},
	{"grid changed",
		func(s *scene) { s.sql(`UPDATE permissions SET assistant = NULL WHERE name = 'items:write'`) },
		func(s *scene) { s.sql(`UPDATE permissions SET assistant = 'any' WHERE name = 'items:write'`) },
		false, denied, denied, fine},
	{"key revoked", func(s *scene) { s.byAdmin(call("POST", "/api-keys/"+s.key.APIKey.ID+"/revoke")) }, nil, false, fine, over, fine},
	{"own key revoked", func(s *scene) {
		s.want(s.as(s.who, call("POST", "/api-keys/"+s.key.APIKey.ID+"/revoke"), s.house), 200)
	}, nil, false, fine, over, fine},
	{"keys revoked", func(s *scene) {
		s.byAdmin(call("POST", "/api-keys/revoke-all").json(`{"user_id":"` + s.user + `"}`))
	}, nil, false, fine, over, fine},
	{"own keys revoked", func(s *scene) { s.want(s.as(s.who, call("POST", "/api-keys/revoke-all"), s.house), 200) }, nil, false, fine, over, fine},
	{"key deleted", func(s *scene) { s.byAdmin(call("DELETE", "/api-keys/"+s.key.APIKey.ID)) }, nil, false, fine, over, fine},
	{"key expired",
		func(s *scene) { s.sql(`UPDATE api_keys SET expires_at = now() WHERE tenant_id = $1`, s.id) },
		func(s *scene) {
			s.sql(`UPDATE api_keys SET expires_at = now() + interval '1 day' WHERE tenant_id = $1`, s.id)
		},
		false, fine, over, fine},
	{"logged out", func(s *scene) { s.want(s.as(s.who, call("POST", "/auth/logout")), 200) }, nil, false, over, fine, over},
	{"session ended", func(s *scene) {
		s.want(s.as(s.again, call("DELETE", "/auth/sessions/"+s.who.session.String())), 200)
	}, nil, false, over, fine, over},
	{"logged out everywhere", func(s *scene) { s.want(s.as(s.again, call("POST", "/auth/logout-all")), 200) }, nil, false, over, fine, over},
	{"session expired",
		func(s *scene) { s.sql(`UPDATE sessions SET expires_at = now() WHERE id = $1`, s.who.session) },
		func(s *scene) {
			s.sql(`UPDATE sessions SET expires_at = now() + interval '1 day' WHERE id = $1`, s.who.session)
		},
		false, over, fine, over},
	{"password changed", func(s *scene) {
		s.want(s.as(s.again, call("POST", "/auth/password").json(`{"current_password":"`+password+`","new_password":"another-secret-9"}`)), 200)
	}, nil, false, over, fine, over},
	{"account closed", func(s *scene) { s.want(s.as(s.again, call("DELETE", "/me")), 200) }, nil, false, over, over, over},
	{"account inactive",
		func(s *scene) { s.sql(`UPDATE accounts SET is_active = false WHERE id = $1`, s.who.account) },
		func(s *scene) { s.sql(`UPDATE accounts SET is_active = true WHERE id = $1`, s.who.account) },
		false, over, over, over},
	{"tenant suspended",
		func(s *scene) { s.sql(`UPDATE tenants SET status = 'suspended' WHERE id = $1`, s.id) },
		func(s *scene) { s.sql(`UPDATE tenants SET status = 'active' WHERE id = $1`, s.id) },
		false, outside, outside, fine},
	{"tenant deleted", func(s *scene) { s.byAdmin(call("DELETE", "/tenant?confirm="+s.canary)) }, nil, false, outside, outside, fine},
}

// Whatever takes something away is heeded by the very next request, in another process and with each credential; and so is what
// gives it back.
func TestNextRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, elsewhere := w.serve(w.db.Server(), w.server.config)
	t.Attr("turns", strconv.Itoa(len(turns)))
	for i, c := range turns {
		s := w.scene(i, elsewhere)
		s.next(c, "before", fine, fine, fine)
		s.passed()
		c.by(s)
		s.next(c, "after", c.token, c.byKey, c.account)
		if c.undo != nil {
			c.undo(s)
			s.next(c, "again", fine, fine, fine)
			s.passed()
		}
	}
}

// passed has a read leave a pass, without which nothing is forgotten.
func (s *scene) passed() {
	s.t.Helper()
	s.want(s.as(s.who, call("GET", "/items"), s.house), 200)
	if n := testdb.Value[int](s.db, `SELECT count(*) FROM passes WHERE session_id = $1 AND active_tenant_id = $2`, s.who.session, s.id); n != 1 {
		s.t.Fatalf("%d passes of the session, want 1", n)
	}
}

func (w *world) scene(n int, elsewhere string) *scene {
	s := &scene{world: w, house: w.makeHouse(fmt.Sprint(n), "canary-of-scene"), elsewhere: elsewhere}
	s.rows(s.house, s.own)
	s.admin, s.who = s.people["admin"], s.people["assistant"]
	s.again = s.who
	s.again.session = ids.New[ids.SessionID]()
	s.sql(`INSERT INTO sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 day')`, s.again.session, s.again.account)
	s.user = s.userID(s.house, s.who).String()
	s.role = testdb.Value[ids.RoleID](w.db, `SELECT id FROM roles WHERE tenant_id = $1 AND id = $2`, s.id, s.own.UUID()).String()
	s.permit("teams:write")
	s.byAdmin(call("POST", "/users/"+s.user+"/roles/"+s.role))
	s.key = s.world.key(s.house, s.who, "")
	return s
}

// next makes the next requests, elsewhere and then here too.
func (s *scene) next(c turn, when, token, key, account string) {
	s.t.Helper()
	work := call("PATCH", "/items/"+s.own.UUID()).json(`{}`)
	if c.custom {
		work = call("PATCH", "/teams/"+s.own.UUID()).json(`{}`)
	}
	byKeyAlone := key
	if key == denied {
		byKeyAlone = fine // its account it may see, whatever else
	}
	for _, server := range []string{s.elsewhere, s.URL} {
		for _, ask := range []struct {
			with string
			r    request
			want string
		}{
			{"a token", s.as(s.who, work, s.house), token},
			{"a bound token", bearer(s.token(s.who, s.id), work), token},
			{"a key", byKey(s.key.Key, work), key},
			{"a token, the account", s.as(s.who, call("GET", "/me")), account},
			{"a key, the account", byKey(s.key.Key, call("GET", "/me")), byKeyAlone},
		} {
			answer, err := s.try(ask.r, server)
			if got := strings.TrimSpace(fmt.Sprint(answer.status, " ", answer.code())); err != nil || got != ask.want {
				s.t.Errorf("%s, %s, with %s: got %v %v, want %s", c.name, when, ask.with, answer, err, ask.want)
			}
		}
	}
}

// The database goes by the permission: a transaction that enters with one to read locks what a pass stands on, and does not wait for the
// disk. So no other request than a GET asks for one.
func TestReadersOnlyRead(t *testing.T) {
	t.Parallel()
	for i := range routes {
		name, _ := routes[i].Permission.Split()
		if strings.HasSuffix(name, ":read") && !strings.HasPrefix(routes[i].Pattern, "GET ") {
			t.Errorf("%s needs %s", routes[i].Pattern, name)
		}
	}
}

// A pass that is made at the very moment when what it stands on changes does not outlive the change.
func TestPassRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.scene(0, w.URL)
	user := s.userID(s.house, s.who)
	changes := []struct{ to, back string }{
		{`UPDATE sessions SET expires_at = now() WHERE id = $1`, `UPDATE sessions SET expires_at = now() + interval '1 day' WHERE id = $1`},
		{`UPDATE accounts SET is_active = false WHERE id = (SELECT account_id FROM sessions WHERE id = $1)`,
			`UPDATE accounts SET is_active = true WHERE id = (SELECT account_id FROM sessions WHERE id = $1)`},
		{`UPDATE tenants SET status = 'suspended' WHERE id = $2`, `UPDATE tenants SET status = 'active' WHERE id = $2`},
		{`UPDATE users SET is_active = false WHERE tenant_id = $2 AND id = $3`, `UPDATE users SET is_active = true WHERE tenant_id = $2 AND id = $3`},
		{`UPDATE permissions SET assistant = NULL WHERE name = 'items:read'`, `UPDATE permissions SET assistant = 'any' WHERE name = 'items:read'`},
	}
	read := func() response { return s.send(s.as(s.who, call("GET", "/items"), s.house)) }
	change := func(sql string) {
		if strings.Contains(sql, "$") { // each takes what it names
			sql = strings.NewReplacer("$1", "'"+s.who.session.UUID()+"'", "$2", "'"+s.id.UUID()+"'", "$3", "'"+user.UUID()+"'").Replace(sql)
		}
		s.sql(sql)
	}
	rounds := 40
	if *whole {
		rounds = 400
	}
	t.Attr("pass_races", strconv.Itoa(rounds*len(changes)))
	for round := range rounds {
		for _, c := range changes {
			s.sql(`DELETE FROM passes`)
			var readers sync.WaitGroup
			for range 4 {
				readers.Go(func() { read() })
			}
			change(c.to)
			readers.Wait()
			if got := read(); got.status < 400 {
				t.Fatalf("round %d, after %s: %d", round, c.to, got.status)
			}
			change(c.back)
			if got := read(); got.status != 200 {
				t.Fatalf("round %d, after %s: %d %s", round, c.back, got.status, got.body)
			}
		}
	}
}

// Under an older snapshot a change would not see the passes made since, and leave them: it is refused.
func TestPassesNeedReadCommitted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.db.Connect(w.db.Superuser())
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		_, err := conn.Exec(t.Context(), `BEGIN ISOLATION LEVEL `+level+`; UPDATE sessions SET revoked_at = now()`)
		if err == nil || !strings.Contains(err.Error(), "READ COMMITTED") {
			t.Errorf("%s: got %v", level, err)
		}
		if _, err := conn.Exec(t.Context(), `ROLLBACK`); err != nil {
			t.Fatal(err)
		}
	}
}
