package handlers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowhouse/testdb"
)

// A user group is made, read, found, changed and deleted by who may; to another tenant it is not there.
func TestUserGroupConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	sample := samples(w.A)

	made := w.want(w.as(admin, sample["POST /user-groups"], w.A), 201)
	path := strings.TrimPrefix(made.header.Get("Location"), "/api/v1")
	userGroup := content[map[string]UserGroup](t, made)["user_group"]

	read := w.want(w.as(admin, call("GET", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A).with("If-None-Match", read.header.Get("ETag")), 304)
	if list := content[[]UserGroup](t, w.want(w.as(admin, call("GET", "/user-groups?page_size=200"), w.A), 200)); len(list) == 0 || list[0].ID != userGroup.ID {
		t.Errorf("the newest of the list is not the user group that was made: %+v", list)
	}

	change := call("PATCH", path).json(sample["PATCH /user-groups/:user_group_id"].body)
	w.want(w.as(w.B.people["admin"], change, w.B), 404)
	w.want(w.as(admin, change, w.A).with("If-Match", `"999.stale"`), 412)
	w.want(w.as(admin, change, w.A), 200)

	w.want(w.as(w.B.people["admin"], call("DELETE", path), w.B), 404)
	w.want(w.as(admin, call("DELETE", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A), 404)
}

// Whoever reaches his own groups changes those alone; moderators, and nobody else, give and take their approval and trust, one without the other.
func TestUserGroupModeration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, member := w.A.people["admin"], w.A.people["member"]
	made := content[map[string]UserGroup](t, w.want(w.as(member, call("POST", "/user-groups").json(`{"name":"Rust Madrid"}`), w.A), 201))["user_group"]
	path := "/user-groups/" + made.ID.String()
	w.want(w.as(admin, call("POST", "/user-groups").json(`{"name":"RUST MADRID"}`), w.A), 409, "already_exists")
	w.want(w.as(member, call("POST", "/user-groups").json(`{"name":"x","approved_at":"2026-01-01T00:00:00Z","trusted":true}`), w.A), 422)
	for _, role := range []string{"assistant", "artist"} {
		w.want(w.as(w.A.people[role], call("GET", path), w.A), 200)
		w.want(w.as(w.A.people[role], call("PATCH", path).json(`{"location":"Bilbao"}`), w.A), 403, "forbidden")
		w.want(w.as(w.A.people[role], call("DELETE", path), w.A), 403, "forbidden")
	}
	flags := func(r request, who person) string {
		got := content[map[string]UserGroup](t, w.want(w.as(who, r, w.A), 200))["user_group"]
		return fmt.Sprintf("approved %t, trusted %t", got.ApprovedAt != nil, got.TrustedAt != nil)
	}
	for _, step := range []struct {
		do   request
		who  person
		want string
	}{
		{call("POST", path+"/mark-trusted"), admin, "approved false, trusted true"},
		{call("POST", path+"/approve"), admin, "approved true, trusted true"},
		{call("POST", path+"/approve"), admin, "approved true, trusted true"},
		{call("POST", path+"/revoke-trust"), admin, "approved true, trusted false"},
		{call("POST", path+"/revoke-approval"), admin, "approved false, trusted false"},
		{call("POST", path+"/approve"), admin, "approved true, trusted false"},
		{call("PATCH", path).json(`{"start_date":"2020-01-01","url_type":"meetup","name":"Rust Madrid"}`), member, "approved true, trusted false"},
		{call("PATCH", path).json(`{"name":"Rust Bilbao","url":"https://example.com/","location":"Bilbao"}`), admin, "approved true, trusted false"},
		{call("PATCH", path).json(`{"url":"https://example.com/other"}`), member, "approved false, trusted false"},
	} {
		if got := flags(step.do, step.who); got != step.want {
			t.Errorf("%s %s %s: got %s, want %s", step.do.method, step.do.path, step.do.body, got, step.want)
		}
	}
	for _, field := range []string{`{"name":"Rust Vigo"}`, `{"location":null}`} {
		flags(call("POST", path+"/approve"), admin)
		if got := flags(call("PATCH", path).json(field), member); got != "approved false, trusted false" {
			t.Errorf("%s: %s", field, got)
		}
	}
	for _, act := range []string{"approve", "revoke-approval", "mark-trusted", "revoke-trust"} {
		for _, role := range []string{"assistant", "artist", "member"} {
			w.want(w.as(w.A.people[role], call("POST", path+"/"+act), w.A), 403, "permission_denied")
		}
		w.want(w.as(w.B.people["admin"], call("POST", path+"/"+act), w.B), 404)
	}
}

// The list chooses by approval, trust, owner and name.
func TestUserGroupFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.A.people["member"]
	for _, name := range []string{"Ada", "Ádám"} {
		w.want(w.as(member, call("POST", "/user-groups").json(`{"name":"`+name+`"}`), w.A), 201)
	}
	w.db.Exec(`UPDATE user_groups SET approved_at = now() WHERE name = 'Ada'`)
	w.db.Exec(`UPDATE user_groups SET trusted_at = now() WHERE name = 'Ádám'`)
	owner := testdb.Value[string](w.db, `SELECT id::text FROM users WHERE account_id = $1`, member.account)
	for query, want := range map[string][]string{
		"approved=true":                    {"Ada"},
		"trusted=true":                     {"Ádám"},
		"approved=false&owner_id=" + owner: {"Ádám"},
		"approved=true&trusted=true":       nil,
		"q=ad":                             {"Ada"},
		"sort=-name&page_size=1&owner_id=" + owner: {"Ádám"},
	} {
		if got := everyField(t, w.want(w.as(member, call("GET", "/user-groups?"+query), w.A), 200), "name"); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

// The groups of who leaves, or is removed, stay, and are nobody's.
func TestUserGroupOwnerLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member, assistant, admin := w.A.people["member"], w.A.people["assistant"], w.A.people["admin"]
	user := testdb.Value[string](w.db, `SELECT id::text FROM users WHERE account_id = $1`, assistant.account)
	for who, leave := range map[*person]request{
		&member:    w.as(member, call("POST", "/users/me/leave"), w.A),
		&assistant: w.as(admin, call("DELETE", "/users/"+user), w.A),
	} {
		made := w.want(w.as(*who, call("POST", "/user-groups").json(`{"name":"Of `+who.name+`"}`), w.A), 201)
		path := strings.TrimPrefix(made.header.Get("Location"), "/api/v1")
		w.want(leave, 200)
		left := content[map[string]UserGroup](t, w.want(w.as(admin, call("GET", path), w.A), 200))["user_group"]
		if left.OwnerID != nil {
			t.Errorf("%s is gone, and owns %+v", who.name, left)
		}
	}
}
