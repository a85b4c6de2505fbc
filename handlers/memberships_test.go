package handlers

import (
	"slices"
	"strings"
	"testing"

	"rowhouse/testdb"
)

// A membership is made, read, found, changed and deleted by who may; to another tenant it is not there.
func TestMembershipConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	sample := samples(w.A)

	made := w.want(w.as(admin, sample["POST /memberships"], w.A), 201)
	path := strings.TrimPrefix(made.header.Get("Location"), "/api/v1")
	membership := content[map[string]Membership](t, made)["membership"]

	read := w.want(w.as(admin, call("GET", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A).with("If-None-Match", read.header.Get("ETag")), 304)
	if list := content[[]Membership](t, w.want(w.as(admin, call("GET", "/memberships?page_size=200"), w.A), 200)); len(list) == 0 || list[0].ID != membership.ID {
		t.Errorf("the newest of the list is not the membership that was made: %+v", list)
	}

	change := call("PATCH", path).json(sample["PATCH /memberships/:membership_id"].body)
	w.want(w.as(w.B.people["admin"], change, w.B), 404)
	w.want(w.as(admin, change, w.A).with("If-Match", `"999.stale"`), 412)
	w.want(w.as(admin, change, w.A), 200)

	w.want(w.as(w.B.people["admin"], call("DELETE", path), w.B), 404)
	w.want(w.as(admin, call("DELETE", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A), 404)
}

// A membership is its member's: he makes and changes his own, and sees no other; an assistant reads all, and an admin does all.
func TestMembershipReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const join = `{"legal_name":"Ada Byron","email_address":"ada@example.com","code_of_conduct":true%s}`
	body := func(more string) string { return strings.Replace(join, "%s", more, 1) }
	member, artist, assistant, admin := w.A.people["member"], w.A.people["artist"], w.A.people["assistant"], w.A.people["admin"]
	of := func(p person) string {
		return testdb.Value[string](w.db, `SELECT id::text FROM users WHERE account_id = $1 AND tenant_id = $2`, p.account, w.A.id)
	}
	create := func(p person, more string) request {
		return w.as(p, call("POST", "/memberships").json(body(more)), w.A)
	}

	w.want(create(assistant, ""), 403, "permission_denied")
	w.want(create(member, `,"user_id":"`+of(artist)+`"`), 403, "permission_denied")
	if got := w.want(create(member, `,"membership_type":"fellow"`), 403, "forbidden_field").fields(); !slices.Equal(got, []string{"membership_type:forbidden_field"}) {
		t.Errorf("a type of one's own choice: got %v", got)
	}
	refused := w.want(w.as(member, call("POST", "/memberships").json(strings.Replace(body(""), "true", "false", 1)), w.A), 422)
	if got := refused.fields(); !slices.Equal(got, []string{"code_of_conduct:required"}) {
		t.Errorf("without the code of conduct: got %v", got)
	}
	w.want(create(admin, `,"user_id":"`+w.A.id.UUID()+`"`), 422, "reference_not_found")
	made := content[map[string]Membership](t, w.want(create(member, `,"user_id":"`+of(member)+`"`), 201))["membership"]
	w.want(create(member, ""), 409, "already_exists")
	w.want(create(admin, `,"user_id":"`+of(artist)+`","membership_type":"sponsor"`), 201)

	path := "/memberships/" + made.ID.String()
	for who, status := range map[*person]int{&member: 200, &artist: 404, &assistant: 200, &admin: 200} {
		w.want(w.as(*who, call("GET", path), w.A), status)
	}
	for who, status := range map[*person]int{&member: 200, &artist: 404, &assistant: 403, &admin: 200} {
		w.want(w.as(*who, call("PATCH", path).json(`{"city":"Bilbao","votes":true}`), w.A), status)
		w.want(w.as(*who, call("POST", path+"/affirm-vote"), w.A), status)
	}
	if got := everyField(t, w.want(w.as(member, call("GET", "/memberships"), w.A), 200), "id"); !slices.Equal(got, []string{made.ID.String()}) {
		t.Errorf("a member's list: got %v", got)
	}
	w.want(w.as(member, call("PATCH", path).json(`{"membership_type":"fellow"}`), w.A), 403, "forbidden_field")
	w.want(w.as(member, call("PATCH", path).json(`{"membership_type":"basic"}`), w.A), 200) // which it is
	for _, field := range []string{`"code_of_conduct":false`, `"user_id":"` + of(artist) + `"`, `"last_vote_affirmation":"2026-01-01T00:00:00Z"`, `"higher_level":true`} {
		w.want(w.as(admin, call("PATCH", path).json(`{`+field+`}`), w.A), 422)
	}
}

// An affirmation is good for 365 days, and for as long as the member votes.
func TestMembershipAffirmation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	path := "/memberships/" + w.A.own.UUID()
	read := func(r request, status int) Membership {
		return content[map[string]Membership](t, w.want(w.as(admin, r, w.A), status))["membership"]
	}
	for ago, needs := range map[string]bool{"364 days 23 hours": false, "365 days 1 hour": true} {
		w.db.Exec(`UPDATE memberships SET votes = true, last_vote_affirmation = now() - $2::text::interval WHERE id = $1`, w.A.own, ago)
		if got := read(call("GET", path), 200); got.NeedsVoteAffirmation != needs {
			t.Errorf("affirmed %s ago: needs to be again: %t", ago, got.NeedsVoteAffirmation)
		}
	}
	if got := read(call("POST", path+"/affirm-vote"), 200); got.NeedsVoteAffirmation {
		t.Errorf("just affirmed, and needs to be: %+v", got)
	}
	if got := read(call("PATCH", path).json(`{"votes":false}`), 200); got.NeedsVoteAffirmation || got.LastVoteAffirmation != nil {
		t.Errorf("votes no more: %+v", got)
	}
	w.want(w.as(admin, call("POST", path+"/affirm-vote"), w.A), 409, "not_voting")
	if got := read(call("PATCH", path).json(`{"votes":true}`), 200); !got.NeedsVoteAffirmation {
		t.Errorf("votes again, and needs no affirmation: %+v", got)
	}
}
