package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/telemetry"
)

// spans keeps what was traced.
type spans struct {
	mu  sync.Mutex
	all []sdk.ReadOnlySpan
}

func (s *spans) ExportSpans(_ context.Context, more []sdk.ReadOnlySpan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, more...)
	return nil
}

func (s *spans) Shutdown(context.Context) error { return nil }

// of ends what saw them, and returns the spans of a name.
func (s *spans) of(t *testing.T, name string, seen ...*telemetry.Telemetry) (of []sdk.ReadOnlySpan) {
	t.Helper()
	for _, each := range seen {
		if err := each.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, span := range s.all {
		if span.Name() == name {
			of = append(of, span)
		}
	}
	return of
}

// traced is a world whose processes trace, whose hook has a secret and whose webhooks may be on loopback.
func traced(t *testing.T) (*subscribed, *spans) {
	t.Helper()
	kept := &spans{}
	w := newRows(t)
	w.spans = kept
	clerk := hooked(newAbroad(t))
	w.server, w.URL = w.serve(w.db.URL(schema.Server), worldConfig(func(c *Config) {
		clerk(c)
		c.WebhooksLoopback = true
	}))
	return &subscribed{w, nil}, kept
}

// metrics is what an operator is shown.
func metrics(seen *telemetry.Telemetry) string {
	answer := httptest.NewRecorder()
	seen.HTTP(slog.New(slog.DiscardHandler)).Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

// metric is the sum of the series that begin so.
func metric(t *testing.T, seen *telemetry.Telemetry, series string) (sum float64) {
	t.Helper()
	for line := range strings.Lines(metrics(seen)) {
		if strings.HasPrefix(line, series) {
			_, value, _ := strings.Cut(line, "} ")
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			sum += n
		}
	}
	return sum
}

// What is counted is what happened: each request under its route and status, each refusal under its code, each round trip that the database
// sees.
func TestCounts(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	admin := w.A.people["admin"]
	w.want(w.as(admin, call("GET", "/items"), w.A), 200)
	w.want(w.as(admin, call("GET", "/items/"+w.A.own.String()), w.A), 200)
	w.want(w.as(admin, call("GET", "/items/"+w.A.own.String()), w.A), 200)
	w.want(w.as(admin, call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A), 201)
	w.want(w.as(admin, call("GET", "/items"), w.B), 403)
	w.want(w.as(admin, call("GET", "/items/nonsense"), w.A), 422)
	w.want(call("GET", "/nonsense"), 404)
	w.want(call("POST", "/auth/login").json(`{"login":"admin-a","password":"wrong"}`), 401)
	w.server.Noted()
	const trips = `rowhouse_database_trips_total{`
	counted, before := metric(t, w.seen, trips), proxy.Trips()
	w.want(w.as(admin, call("DELETE", "/items/"+w.A.own.String()), w.A), 200)
	w.want(w.as(admin, call("DELETE", "/items/"+w.A.own.String()), w.A), 404)
	proxied := float64(proxy.Trips() - before)
	if got := metric(t, w.seen, trips) - counted; got < 3 || proxied < got { // it also sees that a statement is prepared
		t.Errorf("counted %v round trips, and the database saw %v", got, proxied)
	}
	for series, want := range map[string]float64{
		`rowhouse_requests_total{route="GET /items",status="200"}`:                 1,
		`rowhouse_requests_total{route="GET /items/:item_id",status="200"}`:        2,
		`rowhouse_requests_total{route="GET /items",status="403"}`:                 1,
		`rowhouse_requests_total{route="none",status="404"}`:                       1,
		`rowhouse_request_seconds_count{route="GET /items/:item_id",status="422"}`: 1,
		`rowhouse_refusals_total{code="tenant_forbidden"}`:                         1,
		`rowhouse_database_errors_total{sqlstate="RHTEN"}`:                         1,
		`rowhouse_database_trips_total{outcome="refused"}`:                         1,
		`rowhouse_tenant_requests_total{tenant="` + w.A.id.String() + `"}`:         5,
		`rowhouse_tenant_requests_total{tenant="` + w.B.id.String() + `"}`:         0,
		`rowhouse_passes_total{outcome="missed"}`:                                  1,
		`rowhouse_passes_total{outcome="hit"}`:                                     6,
		`rowhouse_pool_max{pool="requests"}`:                                       4,
	} {
		if got := metric(t, w.seen, series); got != want {
			t.Errorf("%s: got %v, want %v", series, got, want)
		}
	}
}

// What limits refuse and what becomes of an outside service's messages is counted by what it was.
func TestCountsOfRefusals(t *testing.T) {
	t.Parallel()
	once := rest.Limit{Times: 1, Window: time.Hour}
	clerk := hooked(newAbroad(t))
	w := newWorldAs(t, schema.Server, func(c *Config) {
		clerk(c)
		c.Limits.Login = once
	})
	for _, status := range []int{401, 429} {
		w.want(call("POST", "/auth/login").json(`{"login":"admin-a","password":"wrong"}`), status)
	}
	w.outcome(news(clerkSays("user.banned", "user_1", 1, nil)), "ignored")
	w.want(call("POST", "//hooks/clerk"), 400)
	seen := w.seen
	config := w.server.config
	config.Requests = once
	_, w.URL = w.serve(w.db.URL(schema.Server), config)
	w.want(w.as(w.nobody, call("GET", "/me")), 200)
	w.want(w.as(w.nobody, call("GET", "/me")), 429)
	for series, of := range map[string]*telemetry.Telemetry{
		`rowhouse_limited_total{limit="login"}`:                                         seen,
		`rowhouse_limited_total{limit="requests"}`:                                      w.seen,
		`rowhouse_hook_messages_total{hook="/hooks/clerk",outcome="ignored"}`:           seen,
		`rowhouse_hook_messages_total{hook="/hooks/clerk",outcome="invalid_signature"}`: seen,
	} {
		if got := metric(t, of, series); got != 1 {
			t.Errorf("%s: got %v", series, got)
		}
	}
}

// A trace leads from the client's request to its statement, and another from the job that this made, to which it is linked, to the endpoint of a webhook, which
// is told of it; of a tracestate nothing goes on.
func TestTraces(t *testing.T) {
	t.Parallel()
	w, kept := traced(t)
	to := newHook(t)
	admin := w.A.people["admin"]
	w.endpoint(w.A, admin, to, `,"events":["item.create"]`)
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	w.want(w.as(admin, call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A).
		with("traceparent", "00-"+id+"-00f067aa0ba902b7-01").with("tracestate", "vendor=theirs"), 201)
	w.work()
	message := <-to.arrived
	for metric(t, w.worked, `rowhouse_jobs_total{kind="webhook.deliver",outcome="done"}`) == 0 {
	} // until the worker shows it
	request := kept.of(t, "POST /items", w.seen, w.worked)
	statement := kept.of(t, "ItemCreate")
	if len(request) != 1 || len(statement) != 1 || request[0].SpanContext().TraceID().String() != id || statement[0].Parent().SpanID() != request[0].SpanContext().SpanID() {
		t.Errorf("got %v and %v", request, statement)
	}
	if !strings.Contains(w.logs.tail(), `"trace":"`+id+`"`) {
		t.Errorf("the log does not name the trace:\n%s", w.logs.tail())
	}
	delivery := kept.of(t, "deliver")
	if len(delivery) != 1 {
		t.Fatalf("got %v", delivery)
	}
	at := delivery[0].SpanContext()
	if got, want := message.header.Get("traceparent"), "00-"+at.TraceID().String()+"-"+at.SpanID().String()+"-01"; got != want || message.header.Get("tracestate") != "" {
		t.Errorf("the endpoint is told %s, want %s; and %q", got, want, message.header.Get("tracestate"))
	}
	if jobs := kept.of(t, "job webhook.deliver"); len(jobs) != 1 || len(jobs[0].Links()) != 1 || jobs[0].Links()[0].SpanContext.SpanID() != statement[0].SpanContext().SpanID() || jobs[0].SpanContext().SpanID() != delivery[0].Parent().SpanID() || jobs[0].Parent().IsValid() {
		t.Errorf("got %v, and the delivery %v", jobs, delivery)
	}
	if trips := kept.of(t, "DeliveryPending"); len(trips) != 1 || trips[0].SpanContext().TraceID() != at.TraceID() {
		t.Errorf("got %v", trips)
	}
}

// everything is all that a span shows.
func everything(s sdk.ReadOnlySpan) string {
	return fmt.Sprint(s.Name(), s.Attributes(), s.Events(), s.Links(), s.Status(), s.Resource().Attributes(), s.InstrumentationScope(), s.SpanContext().TraceState(), s.Parent().TraceState())
}

// Whatever a client, an endpoint, a service or the database says, and whatever is secret, is in no span, no metric and no line of the log.
func TestNothingIsSeen(t *testing.T) {
	t.Parallel()
	w, kept := traced(t)
	admin, canary := w.A.people["admin"], w.A.canary
	to := newHook(t)
	to.answer(func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("X-Told", canary)
		http.Error(answer, canary, http.StatusTeapot)
	})
	made := content[webhookAnswer](t, w.want(w.as(admin, call("POST", "/webhooks").json(`{"url":"`+to.URL+`/`+canary+`?`+canary+`","events":["user.create"]}`), w.A), 201))
	key := content[struct{ Key string }](t, w.want(w.as(admin, call("POST", "/api-keys").json(`{"name":"`+canary+`"}`), w.A), 201)).Key
	token := w.token(admin)

	person := `{"email":"canary-of-mail@example.com","name":"Canary-of-name","phone":"canary-phone","birthdate":"1987-06-05","role":"member"}`
	asked := []request{
		w.as(admin, call("POST", "/users").json(person), w.A),
		w.as(admin, call("POST", "/users").json(person), w.A), // there is one
		w.as(admin, call("POST", "/items").json(`{"name":"`+canary+`","price_cents":1}`), w.A).with("Idempotency-Key", "canary-of-key"),
		w.as(admin, call("POST", "/items").json(`{"name":"`+canary+`","price_cents":"`+canary+`","`+canary+`":1}`), w.A),
		w.as(admin, call("POST", "/teams").json(`{"name":"`+canary+`"}`), w.A), // a unique name
		w.as(admin, call("GET", "/items?q="+canary), w.A),
		w.as(admin, call("GET", "/items?"+canary+"="+canary), w.A),
		w.as(admin, call("GET", "/items/"+canary), w.A),
		w.as(admin, call("GET", "/users?email=canary-of-mail@example.com"), w.A),
		w.as(admin, call("GET", "/"+canary), w.A),
		w.as(admin, call("GET", "/items"), w.A).with("If-Match", canary).with("If-None-Match", canary).with("Origin", "https://"+canary+".example"),
		call("GET", "/items").with("X-API-Key", key),
		call("GET", "/items").with("X-API-Key", key[:len(key)-1]+"x"),
		call("GET", "/items").with("Authorization", "Bearer "+canary),
		call("POST", "/auth/login").json(`{"login":"admin-a","password":"` + password + `"}`),
		call("POST", "/auth/login").json(`{"login":"` + canary + `","password":"canary-of-password"}`),
		call("POST", "/auth/refresh").json(`{"refresh_token":"` + canary + `"}`),
		call("POST", "/auth/password/forgot").json(`{"email":"admin-a@example.com"}`),
		news(clerkSays("user.created", "canary-of-clerk", 1, nil)),
		signed("canary-of-message", time.Now(), `{"type":"`+canary+`"}`),
		call("POST", "//hooks/clerk").with("svix-id", canary),
		call(canary, "/items"),
	}
	for _, r := range asked {
		for _, name := range []string{"User-Agent", "Tracestate", "Baggage", "X-Request-Id", "Referer", "Cookie"} {
			value := name + "=" + canary
			if name == "X-Request-Id" { // is in the log, if it is one word
				value = canary + " " + canary
			}
			r = r.with(name, value)
		}
		_, _ = w.try(r.with("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), w.URL)
	}
	w.mail("canary-of-mail@example.com")
	<-to.arrived
	for metric(t, w.worked, `rowhouse_deliveries_total{outcome="refused"}`) == 0 || metric(t, w.worked, `rowhouse_jobs_total{kind="webhook.deliver",outcome="snoozed"}`) == 0 {
	} // until the worker shows both
	told := w.logs.all()
	panics := rest.Route(row{"GET /panic", 200, "", rest.Open(func(context.Context, *App, rest.Caller, struct{}) (rest.Done, error) { panic(canary) })})
	w.server.Serve(&panics) // of which the log tells all
	w.want(call("GET", "/panic"), 500)

	if kept.of(t, "UserCreate", w.seen, w.worked) == nil || kept.of(t, "POST /hooks/clerk") == nil || kept.of(t, "GET /panic") == nil || kept.of(t, "job user.welcome") == nil || kept.of(t, "deliver") == nil {
		t.Errorf("of %d spans some are missing", len(kept.all))
	}
	shown := map[string]string{"the log": told, "the server's metrics": metrics(w.seen), "the worker's metrics": metrics(w.worked)}
	for _, span := range kept.all {
		shown["the span "+span.Name()] += everything(span)
	}
	secrets := []string{"canary", "1987-06", password, key[13:], token, *made.Secret, "rhr_", "rht_", "theirs"}
	for where, text := range shown {
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
				t.Errorf("%s shows %q:\n%s", where, secret, text)
			}
		}
	}
}

// With a sample, the log leaves out requests that succeeded, and none that was refused.
func TestLogSample(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, schema.Server, func(c *Config) { c.LogSample = 1e-12 })
	for range 20 {
		w.want(w.as(w.A.people["admin"], call("GET", "/items"), w.A), 200)
		w.want(call("GET", "/items"), 401)
	}
	if got := w.logs.all(); strings.Count(got, `"status":401`) != 20 || strings.Count(got, `"msg":"request"`) != 20 {
		t.Errorf("the log is\n%s", got)
	}
}
