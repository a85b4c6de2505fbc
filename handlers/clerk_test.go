package handlers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/testdb"
)

const (
	hookKey    = "a key of Clerk's for tests"
	hookSecret = "whsec_YSBrZXkgb2YgQ2xlcmsncyBmb3IgdGVzdHM="
)

// hooked configures a server to take messages of Clerk's, and to heed the tokens of its issuer.
func hooked(clerk *abroad) func(*Config) {
	return func(c *Config) {
		clerk.name = Clerk
		trusting(clerk)(c)
		c.ClerkSecret, _ = auth.ParseHookSecret(hookSecret)
	}
}

var messages atomic.Int64

// signed is a message as Clerk sends it, at a time.
func signed(id string, at time.Time, body string) request {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(hookKey))
	mac.Write([]byte(id + "." + seconds + "." + body))
	return call("POST", "//hooks/clerk").with("svix-id", id).with("svix-timestamp", seconds).
		with("svix-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))).json(body)
}

// news is a new message with an event.
func news(event string) request {
	return signed(fmt.Sprint("msg_", messages.Add(1)), time.Now(), event)
}

// clerkSays is an event about a user, whose data are changed so.
func clerkSays(event, id string, updated int64, changed map[string]any) string {
	email := map[string]any{"id": "idn_1", "object": "email_address", "email_address": id + "@example.com", "linked_to": []any{},
		"verification": map[string]any{"status": "verified", "strategy": "ticket", "attempts": nil}}
	data := map[string]any{
		"id": id, "object": "user", "username": nil, "first_name": "Ada", "last_name": "Lovelace", "birthday": "", "external_accounts": []any{}, "phone_numbers": []any{},
		"email_addresses": []any{
			map[string]any{"id": "idn_0", "email_address": "second-" + id + "@example.com", "verification": nil}, email,
		},
		"primary_email_address_id": "idn_1", "private_metadata": map[string]any{}, "password_enabled": true, "created_at": int64(1654012591514), "updated_at": updated,
	}
	if event == "user.deleted" {
		data = map[string]any{"deleted": true, "id": id, "object": "user"}
	}
	for name, value := range changed {
		switch name {
		case "email":
			email["email_address"] = value
		case "status":
			email["verification"] = map[string]any{"status": value}
		default:
			data[name] = value
		}
	}
	text, err := json.Marshal(map[string]any{"data": data, "object": "event", "type": event, "timestamp": updated, "instance_id": "ins_1"})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// outcome fails unless a message was answered so.
func (w *world) outcome(r request, want string) {
	w.t.Helper()
	if got := w.want(r, 200); got.body != `{"outcome":"`+want+`"}` {
		w.t.Errorf("got %v, want %s; of %s", got, want, r.body)
	}
}

// clerks is the account of a user of Clerk's, in words.
func (w *world) clerks(id string) string {
	return testdb.Value[string](w.db, `
		SELECT coalesce(string_agg(concat_ws(' ', a.username, a.email, '«' || a.name || '»',
		       CASE WHEN a.email_verified_at IS NULL THEN 'unproven' END, CASE WHEN NOT a.is_active THEN 'inactive' END, CASE WHEN i.ended_at IS NOT NULL THEN 'ended' END), ', '), 'nobody')
		  FROM identities i LEFT JOIN accounts a ON a.id = i.account_id WHERE i.issuer = 'clerk' AND i.subject = $1`, id)
}

// A user of Clerk's gets an account, which keeps step with what Clerk tells of him, and ends with him; his tokens are his account's all
// the while.
func TestClerkUser(t *testing.T) {
	t.Parallel()
	clerk := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", hooked(clerk))
	is := func(want string) {
		t.Helper()
		if got := w.clerks("user_1"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	w.outcome(news(clerkSays("user.created", "user_1", 1000, nil)), "applied")
	is("user_1 user_1@example.com «Ada Lovelace»")
	account := testdb.Value[ids.AccountID](w.db, `SELECT account_id FROM identities`)
	p := person{account: account, name: "ada"}
	w.user(w.A, p, "admin")
	me := func(token string, status int, code ...string) {
		t.Helper()
		w.want(bearer(token, call("GET", "/me")), status, code...)
		if status == 200 {
			w.want(in(w.A, token, call("GET", "/items")), 200)
		}
	}
	token := clerk.token("user_1", nil) // which says no e-mail, as Clerk's do
	me(token, 200)
	w.outcome(news(clerkSays("user.updated", "user_1", 2000, map[string]any{"first_name": "Ada\u0000", "last_name": nil, "username": "countess", "email": "Ada@Example.com"})), "applied")
	is("user_1 ada@example.com «Ada»")
	// A name is kept where there is none any more, and an e-mail that is proven where another is not, or where there is none.
	w.outcome(news(clerkSays("user.updated", "user_1", 3000, map[string]any{"first_name": nil, "last_name": " ", "email": "new@example.com", "status": "unverified"})), "applied")
	is("user_1 ada@example.com «Ada»")
	w.outcome(news(clerkSays("user.updated", "user_1", 4000, map[string]any{"first_name": strings.Repeat("ü", 200), "primary_email_address_id": nil})), "applied")
	is("user_1 ada@example.com «" + strings.Repeat("ü", 119) + "ü»")
	w.outcome(news(clerkSays("user.updated", "user_1", 5000, map[string]any{"email": "new@example.com"})), "applied")
	is("user_1 new@example.com «Ada Lovelace»")
	// The session lives on; with him it ends, and the account, its keys, what was mailed for it and what it invited to.
	me(token, 200)
	key := content[keyAnswer](t, w.want(in(w.A, token, call("POST", "/api-keys").json(`{"name":"k"}`)), 201)).Key
	w.want(in(w.A, token, call("POST", "/invitations").json(`{"email":"friend@example.com","role":"member"}`)), 201)
	invitation := w.mailed("friend@example.com")
	w.want(call("POST", "/auth/password/forgot").json(`{"email":"new@example.com"}`), 200)
	reset := w.mailed("new@example.com")
	w.outcome(news(clerkSays("user.deleted", "user_1", 0, nil)), "applied")
	is("user_1 new@example.com «Ada Lovelace» inactive ended")
	me(token, 401, "invalid_token")
	me(clerk.token("user_1", later()), 401, "invalid_token")
	w.want(byKey(key, call("GET", "/items")), 401)
	w.want(accept(`{"token":"`+invitation+`","password":"harbour-masters"}`), 422)
	w.want(call("POST", "/auth/password/reset").json(`{"token":"`+reset+`","password":"only he knows"}`), 422)
	w.db.Exec(`UPDATE accounts SET is_active = true WHERE id = $1`, account) // whoever does that
	me(clerk.token("user_1", later()), 401, "invalid_token")
	w.want(byKey(key, call("GET", "/items")), 401)

	events := testdb.Value[string](w.db, `SELECT string_agg(DISTINCT action, ' ' ORDER BY action) FROM account_events WHERE account_id = $1 AND action LIKE 'clerk%'`, account)
	if want := "clerk.user_created clerk.user_deleted clerk.user_updated"; events != want {
		t.Errorf("the events of the account are %s, want %s", events, want)
	}
}

// In whatever order three messages about a user arrive, and however often, the account is in the end as the last of them says.
func TestClerkOrder(t *testing.T) {
	t.Parallel()
	clerk := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", hooked(clerk))
	type message struct{ event, name string }
	for _, c := range []struct {
		told []message
		want string
	}{
		{[]message{{"user.created", "One"}, {"user.updated", "Two"}, {"user.updated", "Three"}}, "«Three Lovelace»"},
		{[]message{{"user.created", "One"}, {"user.updated", "Two"}, {"user.deleted", ""}}, "ended"},
		{[]message{{"user.created", "One"}, {"user.deleted", ""}}, "ended"},
	} {
		orders := permutations(len(c.told))
		for n, order := range orders {
			id := fmt.Sprintf("user_%d_%d_%d", len(c.told), n, len(c.want))
			var sent []request
			for _, i := range order {
				m := c.told[i]
				sent = append(sent, news(clerkSays(m.event, id, int64(1000*(i+1)), map[string]any{"first_name": m.name})))
				w.want(sent[len(sent)-1], 200)
			}
			for _, again := range sent {
				w.want(again, 400, "replayed_message")
			}
			for _, i := range order { // as news
				m := c.told[i]
				w.outcome(news(clerkSays(m.event, id, int64(1000*(i+1)), map[string]any{"first_name": m.name})), "outdated")
			}
			if got := w.clerks(id); !strings.Contains(got, c.want) || strings.Contains(got, ",") {
				t.Errorf("%v in the order %v: got %s, want %s", c.told, order, got, c.want)
			}
			if c.want == "ended" && testdb.Value[int](w.db, `SELECT count(*) FROM accounts WHERE email = $1 AND is_active`, id+"@example.com") != 0 {
				t.Errorf("%v in the order %v: there is an account", c.told, order)
			}
		}
	}
	// Of many at once there is one account, as the last says.
	for round := range 5 {
		id := fmt.Sprint("user_at_once_", round)
		got := w.race(8, func(n int) request {
			event := "user.updated"
			if n == 0 {
				event = "user.created"
			}
			return news(clerkSays(event, id, int64(1000+n), map[string]any{"first_name": fmt.Sprint("N", n)}))
		})
		if got["200"] != 8 || !strings.Contains(w.clerks(id), "«N7 Lovelace»") {
			t.Errorf("got %v, and %s", got, w.clerks(id))
		}
	}
}

// permutations are the orders of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, fewer := range permutations(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(fewer), at, n-1))
		}
	}
	return all
}

// A message is heeded once. The same bytes again are refused; what the service sends again, signed anew, is answered as what it is, and
// changes nothing; so does a message that is refused for another reason, and that comes again.
func TestClerkReplay(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, "rowhouse_server", hooked(newAbroad(t)))
	now := time.Now()
	first := signed("msg_first", now, clerkSays("user.created", "user_1", 1000, nil))
	w.outcome(first, "applied")
	state := func() string {
		return testdb.Value[string](w.db, `SELECT concat_ws(' ', (SELECT count(*) FROM accounts), (SELECT count(*) FROM account_events), (SELECT max(version) FROM accounts), (SELECT count(*) FROM identities))`)
	}
	before := state()
	w.want(first, 400, "replayed_message")
	w.outcome(signed("msg_first", now.Add(time.Second), clerkSays("user.created", "user_1", 1000, nil)), "repeated")
	w.outcome(signed("msg_first", now.Add(2*time.Second), clerkSays("user.deleted", "user_1", 1000, nil)), "repeated") // a message is its id
	w.want(signed("msg_first", now.Add(time.Second), clerkSays("user.created", "user_1", 1000, nil)), 400, "replayed_message")
	w.want(first, 400, "replayed_message")
	if got := state(); got != before {
		t.Errorf("it was %s and is %s", before, got)
	}
	owned := signed("msg_owned", now, clerkSays("user.created", "user_2", 1000, map[string]any{"email": "nobody@example.com"}))
	w.want(owned, 400, "email_owned")
	w.want(owned, 400, "email_owned")
	w.prove(w.nobody)
	w.outcome(owned, "applied")
	w.want(owned, 400, "replayed_message")
	// It is remembered for as long as it could be taken for another, and then forgotten.
	w.db.Exec(`UPDATE hook_messages SET received_at = now() - interval '8 days' WHERE id = 'msg_owned'`)
	w.outcome(news(`{"type":"session.created","data":{"id":"sess_1"}}`), "ignored")
	if got := testdb.Value[int](w.db, `SELECT count(*) FROM hook_messages WHERE id = 'msg_owned'`); got != 0 {
		t.Error("a message of last week is remembered")
	}
	at := signed("msg_race", now, clerkSays("user.created", "user_3", 1000, nil))
	if got := w.race(6, func(int) request { return at }); got["200"] != 1 || got["400 replayed_message"] != 5 {
		t.Errorf("of six at once: %v", got)
	}
}

// An e-mail that another account has is nobody else's: a user of Clerk's is linked to that account where both have confirmed it, and once.
func TestClerkOwnedEmail(t *testing.T) {
	t.Parallel()
	clerk := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", hooked(clerk))
	nobody := map[string]any{"email": "nobody@example.com"}
	refused := func(event, id string, at int64, changed map[string]any) {
		t.Helper()
		before := w.clerks(id)
		w.want(news(clerkSays(event, id, at, changed)), 400, "email_owned")
		if got := w.clerks(id); got != before {
			t.Errorf("it was %s and is %s", before, got)
		}
	}
	refused("user.created", "user_1", 1000, nobody) // which nobody has proven
	w.prove(w.nobody)
	refused("user.created", "user_1", 1000, map[string]any{"email": "nobody@example.com", "status": "unverified"})
	w.db.Exec(`UPDATE accounts SET is_active = false WHERE id = $1`, w.nobody.account)
	refused("user.updated", "user_1", 1000, nobody)
	w.db.Exec(`UPDATE accounts SET is_active = true WHERE id = $1`, w.nobody.account)
	w.outcome(news(clerkSays("user.updated", "user_1", 1000, nobody)), "applied")
	if got, want := w.clerks("user_1"), "nobody nobody@example.com"; got != want {
		t.Errorf("got %s, want %s: a link changes nothing", got, want)
	}
	w.want(bearer(clerk.token("user_1", nil), call("GET", "/me")), 200)
	w.want(loginAs("nobody", password), 200)
	refused("user.created", "user_2", 1000, nobody)
	w.outcome(news(clerkSays("user.created", "user_2", 1000, nil)), "applied")
	refused("user.updated", "user_2", 2000, nobody)
	w.outcome(news(clerkSays("user.updated", "user_2", 3000, nil)), "applied")
	// A username that is taken is not his, and no reason to refuse him.
	w.outcome(news(clerkSays("user.created", "user_3", 1000, map[string]any{"username": "admin-a"})), "applied")
	if got := w.clerks("user_3"); !strings.HasPrefix(got, "admin-a-") {
		t.Errorf("got %s", got)
	}
	w.outcome(news(clerkSays("user.created", "user_4", 1000, map[string]any{"username": "Ben_1"})), "applied")
	if got := w.clerks("user_4"); !strings.HasPrefix(got, "ben_1 ") {
		t.Errorf("got %s", got)
	}
}

// A user whose e-mail Clerk has not verified has an account that is as unproven as any: it goes to whoever proves the e-mail, and the user
// does not come along.
func TestClerkUnverified(t *testing.T) {
	t.Parallel()
	clerk := newAbroad(t)
	w := newWorldAs(t, "rowhouse_server", hooked(clerk))
	unverified := map[string]any{"status": "unverified"}
	w.outcome(news(clerkSays("user.created", "user_1", 1000, unverified)), "applied")
	w.outcome(news(clerkSays("user.created", "user_2", 1000, unverified)), "applied")
	w.outcome(news(clerkSays("user.created", "user_3", 1000, map[string]any{"email_addresses": []any{}})), "ignored") // an account has an e-mail
	if got := w.clerks("user_1") + w.clerks("user_3"); !strings.Contains(got, "unproven") || !strings.HasSuffix(got, "nobody") {
		t.Errorf("got %s", got)
	}
	token := clerk.token("user_1", nil)
	w.want(bearer(token, call("GET", "/me")), 200)
	w.outcome(news(clerkSays("user.updated", "user_2", 2000, nil)), "applied")
	if got := w.clerks("user_2"); strings.Contains(got, "unproven") {
		t.Errorf("got %s", got)
	}
	w.want(w.resetOf(person{name: "user_1"}), 200)
	w.want(bearer(token, call("GET", "/me")), 401)
	w.want(bearer(clerk.token("user_1", later()), call("GET", "/me")), 401, "identity_unlinked")
	w.want(loginAs("user_1@example.com", "what-comes-next"), 200)
	if got := w.clerks("user_1"); got != "nobody" {
		t.Errorf("got %s", got)
	}
}

// What is not signed, or not by Clerk, or not now, changes nothing; without a secret nothing is taken at all.
func TestClerkRefused(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, "rowhouse_server", hooked(newAbroad(t)))
	event := clerkSays("user.created", "user_1", 1000, nil)
	good := func() request { return news(event) }
	without := func(r request, name string) request {
		r.header = r.header.Clone()
		r.header.Del(name)
		for n := range r.header {
			if strings.EqualFold(n, name) {
				delete(r.header, n)
			}
		}
		return r
	}
	for name, r := range map[string]request{
		"no id":              without(good(), "svix-id"),
		"no timestamp":       without(good(), "svix-timestamp"),
		"no signature":       without(good(), "svix-signature"),
		"two ids":            good().with("svix-id", "msg_other"),
		"two signatures":     good().with("svix-signature", "v1,AAAA"),
		"another id":         without(good(), "svix-id").with("svix-id", "msg_other"),
		"another time":       without(good(), "svix-timestamp").with("svix-timestamp", strconv.FormatInt(time.Now().Unix()+1, 10)),
		"old":                signed("msg_old", time.Now().Add(-5*time.Minute-2*time.Second), event),
		"of the future":      signed("msg_new", time.Now().Add(5*time.Minute+2*time.Second), event),
		"another body":       func() request { r := good(); r.body += " "; return r }(),
		"nothing":            call("POST", "//hooks/clerk"),
		"our token":          w.as(w.A.people["admin"], call("POST", "//hooks/clerk").json(event)),
		"a tenant's webhook": call("POST", "//hooks/clerk").with("webhook-id", "msg_1").with("webhook-timestamp", "1").with("webhook-signature", "v1,AAAA").json(event),
	} {
		if got := w.send(r); got.status != 400 || got.code() != "invalid_signature" {
			t.Errorf("%s: got %v", name, got)
		}
	}
	for name, body := range map[string]string{
		"no JSON": `user.created`, "no type": `{"data":{"id":"user_1"}}`, "no data": `{"type":"user.created"}`, "no id": clerkSays("user.created", "", 1, nil),
		"a number": `{"type":"user.created","data":{"id":7}}`, "an id twice": `{"type":"user.deleted","data":{"id":"user_1","id":"user_2"}}`,
		"a long id": clerkSays("user.created", strings.Repeat("u", 256), 1, nil), "a NUL": clerkSays("user.created", "user\x00", 1, nil),
		"a list": `[]`, "text for a time": clerkSays("user.created", "user_1", 1, map[string]any{"updated_at": "now"}),
	} {
		if got := w.send(news(body)); got.status != 400 || got.code() != "malformed_message" {
			t.Errorf("%s: got %v", name, got)
		}
	}
	for _, unknown := range []string{
		`{"type":"session.created","data":{"id":"sess_1","user_id":"user_1"}}`, `{"type":"organization.created","data":{"id":7}}`, `{"type":"email.created","data":[]}`,
		`{"type":"userx.created","data":{"id":"user_1"}}`,
	} {
		w.outcome(news(unknown), "ignored")
	}
	w.outcome(news(clerkSays("user.banned", "user_1", 1, nil)), "ignored")
	w.want(news(clerkSays("user.created", "user_1", 1, map[string]any{"public_metadata": strings.Repeat("x", maxClerkMessage)})), 413, "body_too_large")
	if got := w.send(call("GET", "//hooks/clerk")); got.status != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("got %v", got)
	}
	if got := testdb.Value[int](w.db, `SELECT (SELECT count(*) FROM identities) + (SELECT count(*) FROM accounts WHERE email LIKE 'user%')`); got != 0 {
		t.Errorf("there are %d rows", got)
	}
	w.outcome(good(), "applied")
	if tail := w.logs.tail(); !strings.Contains(tail, `"route":"POST /hooks/clerk"`) || strings.Contains(tail, "user_1@example.com") {
		t.Errorf("the log is\n%s", tail)
	}

	config := w.server.config
	config.ClerkSecret = auth.HookSecret{}
	config.Requests = rest.Limit{Times: 3, Window: time.Hour}
	_, off := w.serve(w.db.Server(), config)
	for _, want := range []int{503, 503, 503, 429} {
		if got, err := w.try(good(), off); err != nil || got.status != want || got.header.Get("Retry-After") == "" {
			t.Errorf("got %v, %v, want %d", got, err, want)
		}
	}
}
