package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/testdb"
	"rowhouse/webhooks"
)

// received is a message as it arrived.
type received struct {
	header http.Header
	body   string

	ID         string
	Type       string
	Version    *int64
	OccurredAt time.Time `json:"occurred_at"`
	TenantID   string    `json:"tenant_id"`
	RowCount   *int64    `json:"row_count"`
	Data       json.RawMessage
}

// hook is an endpoint on loopback, which keeps what it is sent.
type hook struct {
	*httptest.Server
	mu       sync.Mutex
	answers  http.HandlerFunc // nil: 204
	messages []received
	arrived  chan received
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{arrived: make(chan received, 1000)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		m := received{header: r.Header, body: string(body)}
		if err != nil || json.Unmarshal(body, &m) != nil {
			t.Errorf("%s: %q (%v)", r.URL, body, err)
		}
		h.mu.Lock()
		h.messages = append(h.messages, m)
		h.arrived <- m
		answers := h.answers
		h.mu.Unlock()
		if answers == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answers(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

// take returns what has arrived since, in the order of arrival.
func (h *hook) take() []received {
	h.mu.Lock()
	defer h.mu.Unlock()
	taken := h.messages
	h.messages = nil
	return taken
}

func (h *hook) answer(answers http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers = answers
}

// subscribed is a world whose webhooks may be on loopback, with what delivers their messages.
type subscribed struct {
	*world
	*webhooks.Deliverer
}

func newHooked(t *testing.T) *subscribed {
	t.Helper()
	w := newWorldAs(t, schema.Server, func(c *Config) { c.WebhooksLoopback = true })
	return &subscribed{w, NewDeliverer(w.server.doors, w.server.tokens, webhooks.NewClient(webhooks.Options{Loopback: true}))}
}

type webhookAnswer struct {
	Webhook struct {
		ID             string
		UserID         *string    `json:"user_id"`
		IsActive       bool       `json:"is_active"`
		DisabledReason string     `json:"disabled_reason"`
		FailingSince   *time.Time `json:"failing_since"`
	}
	Secret *string
}

type deliveryAnswer struct {
	Delivery struct {
		ID            string
		State         string
		AttemptCount  int        `json:"attempt_count"`
		NextAttemptAt *time.Time `json:"next_attempt_at"`
		LastStatus    *int       `json:"last_status"`
		LastError     *string    `json:"last_error"`
	}
	Attempts []struct {
		Status *int
		Error  *string
	}
}

// endpoint makes a webhook of a person for the hook; more is of its body.
func (w *subscribed) endpoint(h house, p person, to *hook, more string) webhookAnswer {
	w.t.Helper()
	return content[webhookAnswer](w.t, w.want(w.as(p, call("POST", "/webhooks").json(`{"url":"`+to.URL+`/in"`+more+`}`), h), 201))
}

// due makes every pending message due.
func (w *subscribed) due() {
	w.db.Exec(`UPDATE deliveries SET next_attempt_at = now() WHERE state = 'pending'`)
}

// deliver sends what is due, in the order in which it was made.
func (w *subscribed) deliver() {
	w.t.Helper()
	type message struct {
		Tenant ids.TenantID
		ID     ids.DeliveryID
	}
	for _, text := range testdb.Value[[]string](w.db, `
		SELECT coalesce(array_agg(tenant_id || ' ' || id ORDER BY id), '{}') FROM deliveries WHERE state = 'pending' AND next_attempt_at <= now()`) {
		var m message
		tenant, id, _ := strings.Cut(text, " ")
		if m.Tenant.Parse(tenant) != nil || m.ID.Parse(id) != nil {
			w.t.Fatal(text)
		}
		if _, err := w.Attempt(w.t.Context(), m.Tenant, m.ID); err != nil {
			w.t.Errorf("delivery %s: %v", id, err)
		}
	}
}

func (w *subscribed) webhook(h house, id string) webhookAnswer {
	w.t.Helper()
	return content[webhookAnswer](w.t, w.want(w.as(w.deputies(h), call("GET", "/webhooks/"+id), h), 200))
}

// deputies is an admin who stays one.
func (w *subscribed) deputies(h house) person { return h.people["admin"] }

// verified fails unless the reference library finds the message signed with the secret.
func verified(t *testing.T, m received, secret string) {
	t.Helper()
	key, err := standard.NewWebhook(secret)
	if err == nil {
		err = key.Verify([]byte(m.body), m.header)
	}
	if err != nil {
		t.Errorf("%s %s: %v", m.Type, m.ID, err)
	}
}

// An endpoint is told of each change, signed, with the thing as the API shows it; in the order of versions, whatever the order of arrival.
func TestWebhook(t *testing.T) {
	t.Parallel()
	w, to := newHooked(t), newHook(t)
	admin := w.A.people["admin"]
	create := w.as(admin, call("POST", "/webhooks").json(`{"url":"`+to.URL+`/in"}`), w.A).with("Idempotency-Key", "k")
	made := content[webhookAnswer](t, w.want(create, 201))
	again := content[webhookAnswer](t, w.want(create, 201))
	if made.Secret == nil || again.Secret != nil || again.Webhook.ID != made.Webhook.ID {
		t.Errorf("the secret: got %v, and again %v", made.Secret, again.Secret)
	}
	if got := w.want(w.as(admin, call("GET", "/webhooks/"+made.Webhook.ID), w.A), 200); strings.Contains(got.body, "whsec_") || strings.Contains(got.body, "secret\"") {
		t.Errorf("got %v", got)
	}
	if stored := testdb.Value[string](w.db, `SELECT string_agg(concat(w.*, e.*), ' ') FROM webhooks w, audit_events e`); strings.Contains(stored, strings.TrimPrefix(*made.Secret, "whsec_")) {
		t.Error("the secret stands in the database")
	}
	w.deliver()
	if got := to.take(); len(got) != 1 || got[0].Type != "webhook.create" {
		t.Errorf("of itself: got %v", got)
	}

	item := content[struct{ Item struct{ ID string } }](t, w.want(w.as(admin, call("POST", "/items").json(`{"name":"Oak table","price_cents":100}`), w.A), 201)).Item.ID
	w.deliver()
	w.want(w.as(admin, call("PATCH", "/items/"+item).json(`{"price_cents":200}`), w.A), 200)
	shown := w.want(w.as(admin, call("GET", "/items/"+item), w.A), 200)
	w.deliver()
	w.want(w.as(admin, call("PATCH", "/items/"+item).json(`{"price_cents":200}`), w.A), 200) // which changes nothing
	w.want(w.as(admin, call("DELETE", "/items/"+item), w.A), 200)
	w.deliver()
	got := to.take()
	var told []string
	for i, m := range got {
		verified(t, m, *made.Secret)
		told = append(told, fmt.Sprint(m.Type, " ", *m.Version))
		if m.ID != m.header.Get("webhook-id") || !strings.HasPrefix(m.ID, "delivery-") || m.TenantID != w.A.id.String() || time.Since(m.OccurredAt) > time.Minute {
			t.Errorf("message %d: got %+v", i, m)
		}
	}
	if diff := cmp.Diff([]string{"item.create 1", "item.update 2", "item.delete 3"}, told); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(shown.body, `{"item":`+string(got[1].Data)+`}`) {
		t.Errorf("data is %s, and the API shows %v", got[1].Data, shown)
	}
	if want := `{"id":"` + item + `"}`; string(got[2].Data) != want {
		t.Errorf("of what is gone data is %s, want %s", got[2].Data, want)
	}

	// The log, and the same message once more.
	path := "/webhooks/" + made.Webhook.ID + "/deliveries"
	list := content[[]struct{ ID, Event, State string }](t, w.want(w.as(admin, call("GET", path+"?event=item.update&state=delivered"), w.A), 200))
	if len(list) != 1 || list[0].ID != got[1].ID {
		t.Fatalf("got %v", list)
	}
	one := content[deliveryAnswer](t, w.want(w.as(admin, call("GET", path+"/"+list[0].ID), w.A), 200))
	if len(one.Attempts) != 1 || *one.Attempts[0].Status != 204 || one.Delivery.AttemptCount != 1 {
		t.Errorf("got %+v", one)
	}
	w.want(w.as(admin, call("POST", path+"/"+list[0].ID+"/redeliver"), w.A), 200)
	w.deliver()
	if more := to.take(); len(more) != 1 || more[0].body != got[1].body || more[0].ID != got[1].ID {
		t.Errorf("redelivered: got %v, want the same as before", more)
	} else {
		verified(t, more[0], *made.Secret)
	}
	if one = content[deliveryAnswer](t, w.want(w.as(admin, call("GET", path+"/"+list[0].ID), w.A), 200)); len(one.Attempts) != 2 || one.Delivery.State != "delivered" {
		t.Errorf("got %+v", one)
	}
}

// An endpoint is told of the events that it asked for, and of no other tenant's; an import of many is one event, with their number.
func TestWebhookEvents(t *testing.T) {
	t.Parallel()
	w, to, elsewhere := newHooked(t), newHook(t), newHook(t)
	admin, of := w.A.people["admin"], w.B.people["admin"]
	w.endpoint(w.A, admin, to, `,"events":["item.update","item.import"]`)
	w.endpoint(w.B, of, elsewhere, ``)
	for _, events := range []string{`["item.nothing"]`, `["item.get"]`, `["delivery.redeliver"]`, `[5]`, `5`} {
		w.want(w.as(admin, call("POST", "/webhooks").json(`{"url":"https://example.com","events":`+events+`}`), w.A), 422)
	}
	w.deliver()
	elsewhere.take()
	w.want(w.as(admin, call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A), 201)
	w.want(w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(`{"price_cents":2}`), w.A), 200)
	r := w.as(admin, call("POST", "/items/import").with("Content-Type", rest.NDJSON), w.A)
	r.body = strings.Repeat("{\"name\":\"x\",\"price_cents\":1}\n", 101)
	w.want(r, 200)
	w.deliver()
	var told []string
	for _, m := range to.take() {
		told = append(told, fmt.Sprint(m.Type, " ", string(m.Data) == "null"))
		if m.Type == "item.import" && (m.RowCount == nil || *m.RowCount != 101 || m.Version != nil) {
			t.Errorf("got %s", m.body)
		}
	}
	if diff := cmp.Diff([]string{"item.update false", "item.import true"}, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := elsewhere.take(); got != nil {
		t.Errorf("B is told of A's: %v", got)
	}
	// A change that is undone is not told of.
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM deliveries WHERE webhook_id NOT IN (SELECT id FROM webhooks WHERE tenant_id = deliveries.tenant_id)`); n != 0 {
		t.Errorf("%d messages of no endpoint", n)
	}
}

// What an endpoint answers decides when it is sent to again: later and later, when it says, or never.
func TestWebhookRetries(t *testing.T) {
	t.Parallel()
	w, to := newHooked(t), newHook(t)
	admin := w.A.people["admin"]
	made := w.endpoint(w.A, admin, to, `,"events":["item.update"]`)
	price := 1000
	change := func() (read func() deliveryAnswer) {
		price++
		w.want(w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(fmt.Sprintf(`{"price_cents":%d}`, price)), w.A), 200)
		path := "/webhooks/" + made.Webhook.ID + "/deliveries"
		list := content[[]struct{ ID string }](t, w.want(w.as(admin, call("GET", path), w.A), 200))
		return func() deliveryAnswer {
			return content[deliveryAnswer](t, w.want(w.as(admin, call("GET", path+"/"+list[0].ID), w.A), 200))
		}
	}
	status := func(status int, more ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(more); i += 2 {
				w.Header().Set(more[i], more[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "what only this server may read")
		}
	}
	in := func(at *time.Time) time.Duration {
		if at == nil {
			return 0
		}
		return time.Until(*at)
	}

	to.answer(status(503))
	read := change()
	first := ""
	for n := 1; n <= len(webhooks.Pauses)+1; n++ {
		w.due()
		w.deliver()
		got, messages := read(), to.take()
		if len(messages) != 1 || got.Delivery.AttemptCount != n || *got.Delivery.LastStatus != 503 || len(got.Attempts) != n {
			t.Fatalf("attempt %d: got %+v, %d messages", n, got, len(messages))
		}
		if first == "" {
			first = messages[0].body
		}
		if verified(t, messages[0], *made.Secret); messages[0].body != first {
			t.Errorf("attempt %d: another body", n)
		}
		if n <= len(webhooks.Pauses) {
			if wait := in(got.Delivery.NextAttemptAt); got.Delivery.State != "pending" || wait < webhooks.Pauses[n-1]-time.Minute || wait > webhooks.Pauses[n-1]*12/10+time.Second {
				t.Errorf("attempt %d: %s, again in %v", n, got.Delivery.State, wait)
			}
		} else if got.Delivery.State != "failed" || got.Delivery.NextAttemptAt != nil {
			t.Errorf("after all attempts: got %+v", got)
		}
		if n == 1 { // what changes meanwhile is another message's to tell
			w.db.Exec(`UPDATE items SET name = 'changed meanwhile' WHERE id = $1`, w.A.own)
		}
	}
	if got := w.webhook(w.A, made.Webhook.ID); got.Webhook.FailingSince == nil || !got.Webhook.IsActive {
		t.Errorf("got %+v", got)
	}

	to.answer(status(429, "Retry-After", "7200"))
	read = change()
	w.deliver()
	if wait := in(read().Delivery.NextAttemptAt); wait < 119*time.Minute || wait > 121*time.Minute {
		t.Errorf("429 with two hours: again in %v", wait)
	}
	to.answer(status(307, "Location", to.URL+"/elsewhere"))
	w.due()
	to.take()
	w.deliver()
	if got := read(); *got.Delivery.LastStatus != 307 || got.Delivery.State != "pending" || len(to.take()) != 1 {
		t.Errorf("a redirect: got %+v", got)
	}
	if all := testdb.Value[string](w.db, `SELECT string_agg(d::text, ' ') FROM deliveries d`); strings.Contains(all, "only this server") {
		t.Error("what an endpoint answered is kept")
	}
	to.answer(nil)
	w.due()
	w.deliver()
	if got := read(); got.Delivery.State != "delivered" || got.Delivery.LastError != nil {
		t.Errorf("taken in the end: got %+v", got)
	}
	if got := w.webhook(w.A, made.Webhook.ID); got.Webhook.FailingSince != nil {
		t.Errorf("after a success: got %+v", got)
	}

	// A week without a success.
	to.answer(status(500))
	change()
	w.deliver()
	w.db.Exec(`UPDATE webhooks SET failing_since = now() - interval '8 days' WHERE disabled_at IS NULL`)
	read = change()
	w.deliver()
	if got := w.webhook(w.A, made.Webhook.ID); got.Webhook.IsActive || got.Webhook.DisabledReason != "failing" || read().Delivery.State != "failed" {
		t.Errorf("after a week: got %+v, %+v", got, read())
	}
	if action := testdb.Value[string](w.db, `SELECT string_agg(action || ' ' || coalesce(actor_user_id::text, 'nobody'), ', ') FROM audit_events WHERE entity_type = 'webhook' AND after ? 'disabled_at'`); !strings.HasSuffix(action, "webhook.disable nobody") {
		t.Errorf("the log shows %s", action)
	}
	to.take()
	w.due()
	w.deliver() // what was pending is given up
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM deliveries WHERE state = 'pending'`); n != 0 || len(to.take()) != 0 {
		t.Errorf("%d messages to a disabled endpoint are pending", n)
	}
	all := func() int { return testdb.Value[int](w.db, `SELECT count(*) FROM deliveries`) }
	before := all()
	if change(); all() != before {
		t.Error("there is a message to a disabled endpoint")
	}
	w.want(w.as(admin, call("POST", "/webhooks/"+made.Webhook.ID+"/enable"), w.A), 200)

	to.answer(status(410))
	read = change()
	w.deliver()
	if got := w.webhook(w.A, made.Webhook.ID); got.Webhook.IsActive || got.Webhook.DisabledReason != "gone" || read().Delivery.State != "failed" {
		t.Errorf("410: got %+v", got)
	}
	// A test is sent once, also now, and tells of nothing.
	to.answer(status(500))
	to.take()
	w.want(w.as(admin, call("POST", "/webhooks/"+made.Webhook.ID+"/test"), w.A), 200)
	w.deliver()
	w.due()
	w.deliver()
	if got := to.take(); len(got) != 1 || got[0].Type != webhooks.Test || string(got[0].Data) != "null" {
		t.Errorf("a test: got %v", got)
	}
}

// While a secret is new, the one before signs too; then it does not. Whoever has neither signing key finds the endpoint disabled.
func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	w, to := newHooked(t), newHook(t)
	admin := w.A.people["admin"]
	made := w.endpoint(w.A, admin, to, `,"events":["item.update"]`)
	rotate := w.as(admin, call("POST", "/webhooks/"+made.Webhook.ID+"/rotate-secret"), w.A)
	rotated := content[webhookAnswer](t, w.want(rotate.with("Idempotency-Key", "k"), 200))
	if replayed := content[webhookAnswer](t, w.want(rotate.with("Idempotency-Key", "k"), 200)); rotated.Secret == nil || replayed.Secret != nil || *rotated.Secret == *made.Secret {
		t.Errorf("got %v, %v", rotated, replayed)
	}
	test := func() received {
		w.want(w.as(admin, call("POST", "/webhooks/"+made.Webhook.ID+"/test"), w.A), 200)
		w.deliver()
		got := to.take()
		if len(got) != 1 {
			t.Fatalf("got %v", got)
		}
		return got[0]
	}
	signatures := func(m received) int { return len(strings.Fields(m.header.Get("webhook-signature"))) }
	m := test()
	verified(t, m, *made.Secret)
	if verified(t, m, *rotated.Secret); signatures(m) != 2 {
		t.Errorf("%d signatures", signatures(m))
	}
	w.db.Exec(`UPDATE webhooks SET previous_secret_until = now() - interval '1 second' WHERE previous_secret_until IS NOT NULL`)
	m = test()
	if verified(t, m, *rotated.Secret); signatures(m) != 1 {
		t.Errorf("%d signatures when the time is over", signatures(m))
	}

	// The signing key is rotated; what the worker seals anew is read with the new one alone.
	fresh, err := auth.ParseKeys(auth.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	client := webhooks.NewClient(webhooks.Options{Loopback: true})
	config := w.server.config
	both, _ := w.serveWith(w.db.Server(), config, append(slices.Clone(fresh), testKeys()...))
	alone, _ := w.serveWith(w.db.Server(), config, fresh)
	w.Deliverer = NewDeliverer(both.doors, both.tokens, client)
	verified(t, test(), *rotated.Secret)
	if err := w.Deliverer.Seal(t.Context(), w.A.id); err != nil {
		t.Fatal(err)
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM webhooks WHERE previous_secret IS NOT NULL AND previous_secret_until IS NOT NULL AND disabled_at IS NULL`); n != 0 {
		t.Error("a secret that signs no more is kept")
	}
	w.Deliverer = NewDeliverer(alone.doors, alone.tokens, client)
	verified(t, test(), *rotated.Secret)
	w.Deliverer = NewDeliverer(w.server.doors, w.server.tokens, client) // which has but the old key
	w.want(w.as(admin, call("POST", "/webhooks/"+made.Webhook.ID+"/test"), w.A), 200)
	w.deliver()
	if got := w.webhook(w.A, made.Webhook.ID); got.Webhook.DisabledReason != "secret" || len(to.take()) != 0 {
		t.Errorf("without the key: got %+v", got)
	}
}

// What an endpoint is shown is what its user sees, no more, and nothing once he is out or may read no webhooks.
func TestWebhookEyes(t *testing.T) {
	t.Parallel()
	w, to := newHooked(t), newHook(t)
	admin, p := w.A.people["admin"], w.A.people["member"]
	user := w.userID(w.A, p)
	role := content[struct{ Role struct{ ID string } }](t, w.want(w.as(admin, call("POST", "/roles").json(`{"name":"Hooks","permissions":["webhooks:read","webhooks:write"]}`), w.A), 201)).Role.ID
	w.want(w.as(admin, call("POST", "/users/"+user.String()+"/roles/"+role), w.A), 200)
	made := w.endpoint(w.A, p, to, `,"events":["item.update","client.update","user.update"]`)
	change := func() {
		n := fmt.Sprint(time.Now().UnixNano() % 1e6)
		w.want(w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(`{"name":"`+n+`"}`), w.A), 200)
		w.want(w.as(admin, call("PATCH", "/clients/"+w.A.own.UUID()).json(`{"name":"`+n+`"}`), w.A), 200)
		w.want(w.as(admin, call("PATCH", "/users/"+w.A.own.UUID()).json(`{"phone":"`+n+`"}`), w.A), 200)
		w.want(w.as(admin, call("PATCH", "/users/"+user.String()).json(`{"phone":"`+n+`"}`), w.A), 200)
	}
	change()
	w.deliver()
	var told []string
	for _, m := range to.take() {
		told = append(told, fmt.Sprint(m.Type, " ", string(m.Data) != "null"))
	}
	if diff := cmp.Diff([]string{"item.update true", "client.update false", "user.update false", "user.update true"}, told); diff != "" {
		t.Errorf("a member sees (-want +got):\n%s", diff)
	}
	// A message that has been shown is not sent again to whoever is out.
	to.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	change()
	w.deliver()
	to.answer(nil)
	to.take()
	w.want(w.as(admin, call("DELETE", "/users/"+user.String()+"/roles/"+role), w.A), 200)
	w.due()
	w.deliver()
	if got := w.webhook(w.A, made.Webhook.ID); len(to.take()) != 0 || got.Webhook.IsActive || got.Webhook.DisabledReason != "user" {
		t.Errorf("without the role: got %+v", got)
	}

	// Another lets it be told again, with his own eyes.
	got := content[webhookAnswer](t, w.want(w.as(admin, call("POST", "/webhooks/"+made.Webhook.ID+"/enable"), w.A), 200))
	if *got.Webhook.UserID != w.userID(w.A, admin).String() {
		t.Errorf("got %+v", got)
	}
	change()
	w.deliver()
	if got := to.take(); len(got) != 4 || slices.ContainsFunc(got, func(m received) bool { return string(m.Data) == "null" }) {
		t.Errorf("an admin sees %v", got)
	}
}

// Whatever puts a user out, nothing is sent any more that is seen with his eyes; let in again, he is not told by himself.
func TestWebhookOfTheOut(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]func(w *subscribed, p person, user string) request{
		"deactivated": func(w *subscribed, _ person, user string) request {
			return w.as(w.A.people["admin"], call("POST", "/users/"+user+"/deactivate"), w.A)
		},
		"removed": func(w *subscribed, _ person, user string) request {
			return w.as(w.A.people["admin"], call("DELETE", "/users/"+user), w.A)
		},
		"left":   func(w *subscribed, p person, _ string) request { return w.as(p, call("POST", "/users/me/leave"), w.A) },
		"closed": func(w *subscribed, p person, _ string) request { return w.as(p, call("DELETE", "/me")) },
		"demoted": func(w *subscribed, _ person, user string) request {
			return w.as(w.A.people["admin"], call("PATCH", "/users/"+user).json(`{"role":"member"}`), w.A)
		},
		"account deactivated": func(w *subscribed, p person, _ string) request {
			w.db.Exec(`UPDATE accounts SET is_active = false WHERE id = $1`, p.account)
			return call("GET", "/webhook-events")
		},
		"tenant suspended": func(w *subscribed, _ person, _ string) request {
			w.db.Exec(`UPDATE tenants SET status = 'suspended' WHERE id = $1`, w.A.id)
			return call("GET", "/webhook-events")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, to := newHooked(t), newHook(t)
			p := w.deputy(w.A)
			made := w.endpoint(w.A, p, to, `,"events":["item.update"]`)
			w.want(w.as(w.A.people["admin"], call("PATCH", "/items/"+w.A.own.String()).json(`{"name":"before"}`), w.A), 200)
			w.want(out(w, p, w.userID(w.A, p).String()), 200)
			if at := strings.Fields("deactivated removed left closed"); slices.Contains(at, name) && w.webhook(w.A, made.Webhook.ID).Webhook.IsActive {
				t.Error("it is told until the next message")
			}
			if name != "tenant suspended" {
				w.want(w.as(w.A.people["admin"], call("PATCH", "/items/"+w.A.own.String()).json(`{"name":"after"}`), w.A), 200)
			}
			w.deliver()
			if got := to.take(); got != nil {
				t.Errorf("got %v", got)
			}
			if name == "tenant suspended" { // which is told once it is suspended no more
				w.db.Exec(`UPDATE tenants SET status = 'active' WHERE id = $1`, w.A.id)
				if w.deliver(); len(to.take()) != 1 {
					t.Error("told nothing when it is active again")
				}
				return
			}
			if n := testdb.Value[int](w.db, `SELECT count(*) FROM deliveries WHERE state = 'pending'`); n != 0 {
				t.Errorf("%d messages are pending", n)
			}
			if got := w.webhook(w.A, made.Webhook.ID); got.Webhook.IsActive || got.Webhook.DisabledReason != "user" {
				t.Errorf("got %+v", got)
			}
			if name == "deactivated" {
				w.want(w.as(w.A.people["admin"], call("POST", "/users/"+w.userID(w.A, p).String()+"/reactivate"), w.A), 200)
				if got := w.webhook(w.A, made.Webhook.ID); got.Webhook.IsActive {
					t.Error("reactivated, he is told again")
				}
			}
		})
	}
}

// An account that changes hands takes no endpoint with it that somebody else has set up.
func TestWebhookOfAPreparedAccount(t *testing.T) {
	t.Parallel()
	w, to := newHooked(t), newHook(t)
	p := w.deputy(w.A)
	w.db.Exec(`UPDATE accounts SET made_in = $1 WHERE id = $2`, w.A.id, p.account)
	made := w.endpoint(w.A, p, to, ``)
	w.want(call("POST", "/auth/password/forgot").json(`{"email":"`+p.name+`@example.com"}`), 200)
	w.want(call("POST", "/auth/password/reset").json(`{"token":"`+w.mailed(p.name+"@example.com")+`","password":"only he knows"}`), 200)
	if got := w.webhook(w.A, made.Webhook.ID); got.Webhook.IsActive || got.Webhook.DisabledReason != "user" {
		t.Errorf("got %+v", got)
	}
}

// Nobody sets up an endpoint that sees what he does not: a key of few scopes, and whoever holds less than the user with whose eyes it sees.
func TestWebhookConfersNothing(t *testing.T) {
	t.Parallel()
	w, to := newHooked(t), newHook(t)
	admin, p := w.A.people["admin"], w.A.people["member"]
	user := w.userID(w.A, p).String()
	body := `{"url":"` + to.URL + `"}`
	w.want(byKey(w.key(w.A, admin, `,"scopes":["webhooks:read","webhooks:write"]`).Key, call("POST", "/webhooks").json(body)), 403, "cannot_grant")
	w.want(byKey(w.key(w.A, admin, ``).Key, call("POST", "/webhooks").json(body)), 201)
	made := w.endpoint(w.A, admin, to, `,"events":["item.update"]`)
	role := content[struct{ Role struct{ ID string } }](t, w.want(w.as(admin, call("POST", "/roles").json(`{"name":"Hooks","permissions":["webhooks:read","webhooks:write"]}`), w.A), 201)).Role.ID
	w.want(w.as(admin, call("POST", "/users/"+user+"/roles/"+role), w.A), 200)
	path := "/webhooks/" + made.Webhook.ID
	w.want(w.as(p, call("PATCH", path).json(`{"url":"https://elsewhere.example.com"}`), w.A), 403, "cannot_grant")
	w.want(w.as(p, call("PATCH", path).json(`{"events":null}`), w.A), 403, "cannot_grant")
	w.want(w.as(p, call("POST", path+"/rotate-secret"), w.A), 403, "cannot_grant")
	w.want(w.as(p, call("PATCH", path).json(`{"description":"x"}`), w.A), 200)
	w.want(w.as(p, call("POST", path+"/disable"), w.A), 200)
	got := content[webhookAnswer](t, w.want(w.as(p, call("POST", path+"/enable"), w.A), 200)) // with his own eyes
	if *got.Webhook.UserID != user {
		t.Errorf("got %+v", got)
	}
	w.want(w.as(p, call("PATCH", path).json(`{"url":"https://elsewhere.example.com"}`), w.A), 200)
	// Whoever visits has no eyes here.
	visitor := w.account("operator")
	w.db.Exec(`UPDATE accounts SET is_superuser = true WHERE id = $1`, visitor.account)
	visit := w.visit(visitor, w.A)
	w.want(bearer(visit, call("POST", "/webhooks").json(body)), 403, "no_user_here")
}

// What is no endpoint is refused, each with its field; as are more than a tenant may have.
func TestWebhooksRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	create := w.as(admin, call("POST", "/webhooks"), w.A)
	for _, url := range []string{"http://example.com", "https://user:x@example.com", "https://10.0.0.1", "https://example.com:22", "http://localhost:9", "https://127.0.0.1", "https://[::1]", "ftp://x", "x", ""} {
		if got := w.want(create.json(`{"url":"`+url+`"}`), 422, "validation_failed"); len(got.fields()) != 1 || !strings.HasPrefix(got.fields()[0], "url:") {
			t.Errorf("%q: got %v", url, got)
		}
		w.want(w.as(admin, call("PATCH", "/webhooks/"+w.A.own.UUID()).json(`{"url":"`+url+`"}`), w.A), 422, "validation_failed")
	}
	got := w.want(create.json(`{"url":"http://example.com","events":["a","item.update","b"],"description":5}`), 422).fields()
	if diff := cmp.Diff([]string{"url:format", "description:type", "events.0:one_of", "events.2:one_of"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for range 50 {
		w.want(create.json(`{"url":"https://example.com"}`), 201)
	}
	w.want(create.json(`{"url":"https://example.com"}`), 409, "too_many_webhooks")
	w.want(w.as(admin, call("POST", "/webhooks/"+w.A.own.UUID()+"/enable"), w.A), 409, "too_many_webhooks")
}

// deliveriesTo are the messages to an endpoint, in the order in which they were made.
func (w *subscribed) deliveriesTo(made webhookAnswer) (all []ids.DeliveryID) {
	w.t.Helper()
	var id ids.WebhookID
	if err := id.Parse(made.Webhook.ID); err != nil {
		w.t.Fatal(err)
	}
	for _, text := range testdb.Value[[]string](w.db, `SELECT array_agg(id::text ORDER BY id) FROM deliveries WHERE webhook_id = $1`, id) {
		var delivery ids.DeliveryID
		if err := delivery.Parse(text); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, delivery)
	}
	return all
}

// However many endpoints of a tenant are slow, there are places for those of others.
func TestSlowWebhooksOfTenant(t *testing.T) {
	t.Parallel()
	w, slow, quick := newHooked(t), newHook(t), newHook(t)
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	slow.answer(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		w.WriteHeader(http.StatusNoContent)
	})
	var late []webhookAnswer
	for range 9 {
		late = append(late, w.endpoint(w.A, w.A.people["admin"], slow, `,"events":["item.update"]`))
	}
	soon := w.endpoint(w.B, w.B.people["admin"], quick, `,"events":["item.update"]`)
	for _, h := range []house{w.A, w.B} {
		w.want(w.as(h.people["admin"], call("PATCH", "/items/"+h.own.String()).json(`{"price_cents":501}`), h), 200)
	}
	var sending sync.WaitGroup
	for i, made := range late {
		id := w.deliveriesTo(made)[0]
		if i == 8 { // eight are under way
			if wait, err := w.Attempt(t.Context(), w.A.id, id); wait < time.Second || err != nil || len(arrived) > 0 {
				t.Errorf("the ninth: again in %v, %v, sent %d times", wait, err, len(arrived))
			}
			break
		}
		sending.Go(func() {
			if _, err := w.Attempt(t.Context(), w.A.id, id); err != nil {
				t.Error(err)
			}
		})
		<-arrived
	}
	if wait, err := w.Attempt(t.Context(), w.B.id, w.deliveriesTo(soon)[0]); wait != 0 || err != nil {
		t.Errorf("the other tenant's: got %v, %v", wait, err)
	}
	if got := quick.take(); len(got) != 1 {
		t.Errorf("the other tenant was told %d times", len(got))
	}
	close(release)
	sending.Wait()
}

// One endpoint that is slow holds up no other, and few of those who send.
func TestSlowWebhook(t *testing.T) {
	t.Parallel()
	w, slow, quick := newHooked(t), newHook(t), newHook(t)
	admin := w.A.people["admin"]
	late, soon := w.endpoint(w.A, admin, slow, `,"events":["item.update"]`), w.endpoint(w.A, admin, quick, `,"events":["item.update"]`)
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	slow.answer(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		w.WriteHeader(http.StatusNoContent)
	})
	for n := range 5 {
		w.want(w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(fmt.Sprintf(`{"price_cents":%d}`, 500+n)), w.A), 200)
	}
	var sending sync.WaitGroup
	waits := make(chan time.Duration, 5)
	for i, id := range w.deliveriesTo(late) {
		sending.Go(func() {
			wait, err := w.Attempt(t.Context(), w.A.id, id)
			if err != nil {
				t.Error(err)
			}
			waits <- wait
		})
		if i < 2 {
			<-arrived
		}
	}
	for range 3 { // of five, two are under way, and the others come back at once
		if wait := <-waits; wait < time.Second {
			t.Errorf("again in %v", wait)
		}
	}
	for _, id := range w.deliveriesTo(soon) {
		if wait, err := w.Attempt(t.Context(), w.A.id, id); wait != 0 || err != nil {
			t.Errorf("the other: got %v, %v", wait, err)
		}
	}
	if got := quick.take(); len(got) != 5 {
		t.Errorf("the other was told %d times", len(got))
	}
	close(release)
	sending.Wait()
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM deliveries WHERE state = 'pending' AND tries = 0`); n != 3 {
		t.Errorf("%d are still to be sent, want 3, none of them tried", n)
	}
}

// One tenant's endpoints and messages are nothing to another, whose admin asks for them by their ids.
func TestWebhooksOfOthers(t *testing.T) {
	t.Parallel()
	w, to := newHooked(t), newHook(t)
	made := w.endpoint(w.A, w.A.people["admin"], to, ``)
	w.want(w.as(w.A.people["admin"], call("PATCH", "/items/"+w.A.item.String()).json(`{"name":"changed"}`), w.A), 200)
	delivery := testdb.Value[string](w.db, `SELECT id::text FROM deliveries WHERE event = 'item.update'`)
	for _, r := range []request{
		call("GET", "/webhooks/"+made.Webhook.ID), call("POST", "/webhooks/"+made.Webhook.ID+"/test"), call("POST", "/webhooks/"+made.Webhook.ID+"/rotate-secret"),
		call("PATCH", "/webhooks/"+made.Webhook.ID).json(`{"url":"https://example.com"}`), call("DELETE", "/webhooks/"+made.Webhook.ID),
		call("GET", "/webhooks/"+made.Webhook.ID+"/deliveries"), call("GET", "/webhooks/"+made.Webhook.ID+"/deliveries/"+delivery), call("POST", "/webhooks/"+made.Webhook.ID+"/deliveries/"+delivery+"/redeliver"),
	} {
		w.want(w.as(w.B.people["admin"], r, w.B), 404)
	}
	w.deliver()
	for _, m := range to.take() { // the twin of what changed has the same id
		if strings.Contains(m.body, w.B.canary) {
			t.Errorf("a message of A shows B's: %s", m.body)
		}
	}
}

// A worker sends what is to be told, without anybody's doing: again when the endpoint fails, and a mail when it is disabled.
func TestWebhookWorker(t *testing.T) {
	t.Parallel()
	w, to := newHooked(t), newHook(t)
	admin := w.A.people["admin"]
	var requests atomic.Int64
	to.answer(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	made := w.endpoint(w.A, admin, to, `,"events":["item.update"]`)
	w.work()
	w.want(w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(`{"price_cents":77}`), w.A), 200)
	first, second := <-to.arrived, <-to.arrived
	if verified(t, second, *made.Secret); first.body != second.body || first.ID != second.ID || first.Type != "item.update" {
		t.Errorf("got %v, then %v", first, second)
	}
	to.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	w.want(w.as(admin, call("PATCH", "/items/"+w.A.own.String()).json(`{"price_cents":78}`), w.A), 200)
	if letter := w.post.Wait("admin-a@" + w.A.canary + ".example"); !strings.Contains(letter, "410") || !strings.Contains(letter, made.Webhook.ID) {
		t.Errorf("got the letter %q", letter)
	}
	if got := w.webhook(w.A, made.Webhook.ID); got.Webhook.IsActive {
		t.Errorf("got %+v", got)
	}
}

var writesEvents = regexp.MustCompile(`'\w+\.insert'\), '(\w+)'`)

// Each kind of thing that events are about is shown to a user who does not ask as the route that reads it shows it to him; a kind without such a route
// is one that events are not told of.
func TestShow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	user, everything := w.userID(w.A, admin), testdb.Value[string](w.db, `SELECT string_agg(prosrc, ' ') FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE '%\_audit'`)
	kinds := map[string]bool{}
	for _, found := range writesEvents.FindAllStringSubmatch(everything, -1) {
		kinds[found[1]] = true
	}
	delete(kinds, "quota") // which the operator alone sets
	if len(kinds) < 15 {
		t.Fatalf("only %d kinds", len(kinds))
	}
	for kind := range kinds {
		i := slices.IndexFunc(routes, func(r rest.Route) bool { return r.Shows == kind })
		if i < 0 {
			t.Errorf("no route shows one of kind %s: give its GET an id in its path, or say what it shows (Showing)", kind)
			continue
		}
		var id ids.EntityID
		if err := id.Parse(w.A.own.UUID()); err != nil {
			t.Fatal(err)
		}
		shown, version, err := API().Show(t.Context(), w.server.doors, w.A.id, user, kind, id, "test")
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		_, path, _ := strings.Cut(routes[i].Pattern, " ")
		got := w.want(w.as(admin, call("GET", colons.ReplaceAllString(path, w.A.own.UUID())), w.A), 200)
		if !strings.Contains(got.body, `":`+string(shown)+`}`) {
			t.Errorf("%s: shown is %s, and the API says %v", kind, shown, got)
		}
		if tag := got.header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, fmt.Sprintf(`"%d.`, version)) || tag == "" && version != 0 {
			t.Errorf("%s: version %d, and the API says %s", kind, version, tag)
		}
		if strings.Contains(string(shown), w.B.canary) {
			t.Errorf("%s: shows B's", kind)
		}
		// Nobody's, and nobody.
		if _, _, err := API().Show(t.Context(), w.server.doors, w.B.id, w.userID(w.B, w.B.people["admin"]), kind, id, "test"); kind != "tenant" && kind != "setting" && !errors.Is(err, rest.ErrUnseen) {
			t.Errorf("%s: B is shown A's: %v", kind, err)
		}
		if _, _, err := API().Show(t.Context(), w.server.doors, w.A.id, ids.New[ids.UserID](), kind, id, "test"); !errors.Is(err, rest.ErrOut) {
			t.Errorf("%s: nobody is shown it: %v", kind, err)
		}
	}
}

// Whoever would not be let in is shown nothing, although he is somebody's user.
func TestShowNobody(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]string{
		"the user":    `UPDATE users SET is_active = false WHERE account_id = $1`,
		"the account": `UPDATE accounts SET is_active = false WHERE id = $1`,
		"the tenant":  `UPDATE tenants SET status = 'suspended' WHERE id IN (SELECT tenant_id FROM users WHERE account_id = $1)`,
		"the e-mail":  `UPDATE tenants SET created_by = (SELECT id FROM accounts WHERE id <> $1 LIMIT 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.A.people["assistant"]
			user := w.userID(w.A, p)
			show := func() error {
				_, _, err := API().Show(t.Context(), w.server.doors, w.A.id, user, "item", ids.EntityOf(w.A.own), "test")
				return err
			}
			if err := show(); err != nil {
				t.Fatal(err)
			}
			w.db.Exec(out, p.account)
			if err := show(); !errors.Is(err, rest.ErrOut) {
				t.Errorf("%s is not in order: %v", name, err)
			}
		})
	}
}

// The catalogue names what the log does: each change that a request makes to a tenant's rows is one of its events, and it has no others.
func TestWebhookEventList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := content[[]struct{ Name, Description, EntityType string }](t, w.want(call("GET", "/webhook-events"), 200))
	known := map[string]bool{}
	for _, e := range list {
		if e.Name == "" || e.Description == "" || known[e.Name] {
			t.Errorf("got %+v", e)
		}
		known[e.Name] = true
	}
	for _, e := range API().Events() {
		if e.Kind == "" || !known[e.Name] {
			t.Errorf("%s: of what kind?", e.Name)
		}
		delete(known, e.Name)
	}
	if len(known) > 0 {
		t.Errorf("%v are no events", known)
	}
	for i := range routes {
		r := &routes[i]
		changes := r.Scope == rest.TenantScope && !strings.HasPrefix(r.Pattern, "GET ")
		if told := slices.ContainsFunc(API().Events(), func(e rest.Event) bool { return e.Name == r.Operation() }); changes && !told && r.Name != "deliveryRedeliver" {
			t.Errorf("%s is no event", r.Pattern)
		}
	}
}

// What docs/webhooks.md shows of each kind of thing are its events, and a message with the example of the description. What it says of pauses is
// what the deliverer waits.
func TestWebhookPagesGolden(t *testing.T) {
	const path, begin = "../docs/webhooks.md", "<!-- generated: events -->\n"
	text, err := API().OpenAPI("https://api.example.com")
	if err != nil {
		t.Fatal(err)
	}
	var described struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &described); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	events := map[string][]string{}
	for _, e := range API().Events() {
		if events[e.Kind] == nil {
			kinds = append(kinds, e.Kind)
		}
		events[e.Kind] = append(events[e.Kind], "`"+e.Name+"`")
	}
	var b strings.Builder
	b.WriteString("\n")
	for _, kind := range kinds {
		i := slices.IndexFunc(routes, func(r rest.Route) bool { return r.Shows == kind })
		if i < 0 {
			t.Errorf("no route shows one of kind %s", kind)
			continue
		}
		_, of, _ := strings.Cut(routes[i].Pattern, " ")
		var operation struct {
			Responses map[string]struct {
				Content map[string]struct {
					Example struct{ Content map[string]any }
				}
			}
		}
		of = regexp.MustCompile(`:(\w+)`).ReplaceAllString(of, "{$1}")
		if err := json.Unmarshal(described.Paths[of]["get"], &operation); err != nil {
			t.Fatal(err)
		}
		for _, data := range operation.Responses["200"].Content["application/json"].Example.Content { // there is one
			message := struct {
				ID         string `json:"id"`
				Type       string `json:"type"`
				Version    *int   `json:"version"`
				OccurredAt string `json:"occurred_at"`
				TenantID   string `json:"tenant_id"`
				Data       any    `json:"data"`
			}{"delivery-0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f", strings.Trim(events[kind][0], "`"), new(1), "2026-01-31T09:30:00Z", "tenant-0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f", data}
			if !reflect.PointerTo(routes[i].Output).Implements(reflect.TypeFor[rest.Resource]()) {
				message.Version = nil
			}
			example, err := json.MarshalIndent(message, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "### %s\n%s. `data` is what `GET %s%s` shows.\n```json\n%s\n```\n\n", kind, strings.Join(events[kind], ", "), rest.Base, of, example)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, behind, begun := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(behind, partEnd)
	if !begun || !ended {
		t.Fatalf("docs/webhooks.md has no part %q", begin)
	}
	want := before + begin + b.String() + partEnd + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(string(page), "\n"), strings.Split(want, "\n")); diff != "" {
		t.Errorf("docs/webhooks.md does not say what the routes do (-want +got):\n%s\n%s", diff, accepting)
	}
	pauses := "| at once |"
	for _, pause := range webhooks.Pauses {
		switch {
		case pause >= time.Hour:
			pauses += fmt.Sprintf(" %d h |", pause/time.Hour)
		case pause >= time.Minute:
			pauses += fmt.Sprintf(" %d m |", pause/time.Minute)
		default:
			pauses += fmt.Sprintf(" %d s |", pause/time.Second)
		}
	}
	if !strings.Contains(string(page), pauses) {
		t.Errorf("docs/webhooks.md does not show the pauses %s", pauses)
	}
}
