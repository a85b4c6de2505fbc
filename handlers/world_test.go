package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/jobs"
	"rowhouse/mail"
	"rowhouse/mail/mailtest"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/telemetry"
	"rowhouse/tenancy"
	"rowhouse/testdb"
	"rowhouse/webhooks"
)

// whole runs every mutant, cell and pair instead of a sample.
var whole = flag.Bool("whole", false, "run the whole counts, not a sample")

func TestMain(m *testing.M) { testdb.Main(m) }

// roles are the primary roles, in the order of the grid.
var roles = []string{"admin", "assistant", "artist", "member"}

// person is an account with a live session.
type person struct {
	account ids.AccountID
	session ids.SessionID
	name    string
}

// house is one tenant of the world: a user per role and one row of everything.
type house struct {
	id     ids.TenantID
	canary string // stands in every text of the tenant's rows
	people map[string]person
	item   ids.ItemID // has a twin of the same id in the other house, and so has one of everything
	own    ids.ItemID // is in this house alone, and so is one of everything
}

// world is two tenants on a real database, served by a real server. Everything in it was made at the same moment, and some
// rows of the two have the same id: a cursor or a join that forgets the tenant shows only then.
type world struct {
	t      testing.TB
	db     *testdb.Database
	server *App
	URL    string
	A, B   house
	both   person // a member of A and the admin's assistant in B
	nobody person // in no tenant
	logs   *lockedBuffer
	post   *mailtest.Server
	seen   *telemetry.Telemetry // of the server that was started last
	worked *telemetry.Telemetry // of the worker
	spans  sdk.SpanExporter     // of all that is started from now on; nil: nobody traces
	jobs   jobs.Config          // of the worker, should one be needed
	worker *sync.Once
	copies int  // of rows, that each is another
	odd    bool // was broken on purpose: its answers need not be in the description
}

// password is everybody's; its hash is a weak one, quickly checked.
const password = "harbour-lights"

var weakHash = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		panic(err)
	}
	return hash
})

var testKeys = sync.OnceValue(func() []auth.SigningKey {
	keys, err := auth.ParseKeys(auth.GenerateKey())
	if err != nil {
		panic(err)
	}
	return keys
})

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldAs(t, "rowhouse_server", nil)
}

// newWorldAs serves with another login, or another configuration.
func newWorldAs(t testing.TB, login string, configure func(*Config)) *world {
	t.Helper()
	w := newRows(t)
	w.server, w.URL = w.serve(w.db.URL(login), worldConfig(configure))
	return w
}

// newRows is a world that nobody serves yet.
func newRows(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, db: testdb.New(t), logs: &lockedBuffer{}, post: mailtest.New(t), worker: &sync.Once{}}
	w.A = w.makeHouse("A", "canary-of-a")
	w.B = w.makeHouse("B", "canary-of-b")
	w.rows(w.A, w.A.item)
	w.rows(w.A, w.A.own)
	w.rows(w.B, w.A.item) // the twin
	w.rows(w.B, w.B.own)
	w.B.item = w.A.item
	w.both = w.account("both")
	w.user(w.A, w.both, "member")
	w.user(w.B, w.both, "assistant")
	w.nobody = w.account("nobody")
	w.db.Exec(`DELETE FROM audit_events`)
	return w
}

// copy is another world of the same rows, to which nobody may be connected; nobody serves it yet.
func (w *world) copy(t testing.TB) *world {
	t.Helper()
	made := *w
	made.t, made.db, made.logs, made.worker = t, w.db.Clone(t), &lockedBuffer{}, &sync.Once{}
	return &made
}

func worldConfig(configure func(*Config)) Config {
	config := Config{
		Config:         rest.Config{BodyLimit: 1 << 20, ImportLimit: 64 << 20, CORSOrigins: []string{"https://app.example.com"}},
		AccessTokenTTL: 10 * time.Minute, RefreshTokenTTL: time.Hour, TenantGrace: 30 * 24 * time.Hour,
	}
	if configure != nil {
		configure(&config)
	}
	return config
}

// serve starts one more server process, as it were, over the same database.
func (w *world) serve(url string, config Config) (*App, string) {
	w.t.Helper()
	return w.serveWith(url, config, testKeys())
}

// serveWith is serve with other signing keys.
func (w *world) serveWith(url string, config Config, keys []auth.SigningKey) (*App, string) {
	w.t.Helper()
	doors, err := tenancy.Open(context.Background(), url)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(doors.Close)
	doors.AcquireTimeout = 20 * time.Second // on a machine that is busy with all the other tests
	w.seen = w.observe()
	doors.Observe(w.seen, "requests")
	log := slog.New(slog.NewJSONHandler(w.logs, nil))
	server, err := New(config, doors, auth.NewPasswords(2, 64), auth.NewTokens(keys, "rowhouse", "rowhouse-api"), log)
	if err != nil {
		w.t.Fatal(err)
	}
	listening := httptest.NewServer(server)
	w.t.Cleanup(listening.Close)
	w.t.Cleanup(func() {
		if w.t.Failed() && !w.odd { // of thousands of odd requests the last lines say nothing
			w.t.Logf("the server's log:\n%s", w.logs.tail())
		}
	})
	return server, listening.URL
}

// observe is what sees a process.
func (w *world) observe() *telemetry.Telemetry {
	w.t.Helper()
	seen, err := telemetry.New(context.Background(), telemetry.Options{Metrics: true, Traces: w.spans, Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = seen.Close(context.Background()) })
	return seen
}

// work has a worker do what is in the queue, now and from now on, until the test ends.
func (w *world) work() {
	w.worker.Do(func() {
		doors, err := tenancy.Open(context.Background(), w.db.URL("rowhouse_server"))
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(doors.Close)
		doors.AcquireTimeout = 20 * time.Second
		w.worked = w.observe()
		doors.Observe(w.worked, "jobs")
		sender, err := mail.SMTP(w.post.URL())
		if err != nil {
			w.t.Fatal(err)
		}
		tokens := auth.NewTokens(testKeys(), "rowhouse", "rowhouse-api")
		w.jobs.DatabaseURL, w.jobs.Poll = w.db.URL("rowhouse_server"), 20*time.Millisecond
		worker, err := jobs.Open(context.Background(), w.jobs, doors, tokens, sender, NewDeliverer(doors, tokens, webhooks.NewClient(webhooks.Options{Loopback: true})), slog.New(slog.NewJSONHandler(w.logs, nil)))
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(worker.Close)
		if err := worker.Start(context.Background()); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() {
			stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := worker.Stop(stopping); err != nil {
				w.t.Error(err)
			}
		})
	})
}

// mail has the queue worked, and waits for the next mail to an address.
func (w *world) mail(to string) string {
	w.t.Helper()
	w.work()
	return w.post.Wait(to)
}

const atTheSameTime = "2026-01-01T00:00:00Z"

func (w *world) makeHouse(name, canary string) house {
	h := house{id: ids.New[ids.TenantID](), canary: canary, people: map[string]person{}, item: ids.New[ids.ItemID](), own: ids.New[ids.ItemID]()}
	w.db.Exec(`INSERT INTO tenants (id, name, slug, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)`,
		h.id, canary, strings.ToLower(canary+"-"+name), atTheSameTime)
	for _, role := range roles {
		p := w.account(role + "-" + strings.ToLower(name))
		h.people[role] = p
		w.user(h, p, role)
	}
	return h
}

func (w *world) account(name string) person {
	p := person{account: ids.New[ids.AccountID](), session: ids.New[ids.SessionID](), name: name}
	w.db.Exec(`INSERT INTO accounts (id, username, email, password_hash, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)`,
		p.account, name, name+"@example.com", weakHash(), atTheSameTime)
	w.db.Exec(`INSERT INTO sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 day')`, p.session, p.account)
	return p
}

// user makes the person a user of the house; as an artist, under the artist's id. admin-a and admin-b, and so on, have the same user
// id, each in his house.
func (w *world) user(h house, p person, role string) {
	inBoth := strings.TrimSuffix(strings.TrimSuffix(p.name, "-a"), "-b")
	w.db.Exec(`INSERT INTO artists (tenant_id, id, name) SELECT $1, $2, 'artist' WHERE $3 = 'artist'`, h.id, p.account.UUID(), role)
	w.db.Exec(`INSERT INTO users (tenant_id, id, account_id, username, email, name, role, artist_id, created_at, updated_at)
		VALUES ($1, md5($9)::uuid, $2, $3, $4, $5, $6, CASE WHEN $6 = 'artist' THEN $7::uuid END, $8, $8)`,
		h.id, p.account, p.name, p.name+"@"+h.canary+".example", h.canary, role, p.account.UUID(), atTheSameTime, inBoth)
}

// deputy is one more admin of the house.
func (w *world) deputy(h house) person {
	p := w.account("deputy-" + h.canary)
	w.user(h, p, "admin")
	return p
}

// second is the id of what there are two of: a role that is given to the user of the same id, beside one that nobody has; beside a row that
// others refer to, one that none does; two appointments, which end in two ways; and two messages to an endpoint, for its list to have a second page.
func second(id ids.ItemID) ids.ItemID {
	id[15] ^= 1
	return id
}

// rows makes one row of everything, all with the same id; a twin's account is the same in both houses.
func (w *world) rows(h house, id ids.ItemID) {
	both := func(table string) []ids.ItemID {
		if referredTo[table] || table == "appointments" || table == "deliveries" {
			return []ids.ItemID{id, second(id)}
		}
		return []ids.ItemID{id}
	}
	for _, id := range both("artists") {
		w.db.Exec(`INSERT INTO artists (tenant_id, id, name) VALUES ($1, $2, $3)`, h.id, id, h.canary)
	}
	for _, role := range []ids.ItemID{id, second(id)} {
		w.db.Exec(`INSERT INTO roles (tenant_id, id, name, description, permissions, created_at, updated_at) VALUES ($1, $2, $5, $3, '{items:read}', $4, $4)`,
			h.id, role.UUID(), h.canary, atTheSameTime, h.canary+role.UUID())
	}
	for _, id := range both("users") {
		w.db.Exec(`INSERT INTO accounts (id, username, email) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, id.UUID(), "row-"+id.UUID(), "row-"+id.UUID()+"@example.com")
		w.db.Exec(`INSERT INTO users (tenant_id, id, account_id, username, email, name, first_name, phone, created_at, updated_at)
		VALUES ($1, $2, $2, $3, $7, $4, $4, $5, $6, $6)`,
			h.id, id.UUID(), "row-"+id.UUID(), h.canary, h.canary[:9], atTheSameTime, "row-"+id.UUID()+"@example.com")
	}
	w.db.Exec(`INSERT INTO user_roles (tenant_id, user_id, role_id) VALUES ($1, $2, $3)`, h.id, id.UUID(), second(id).UUID())
	w.db.Exec(`INSERT INTO api_keys (tenant_id, id, user_id, name, key_prefix, hash, created_at, updated_at)
		SELECT $1, $2, u.id, $3, 'rh_' || left(md5($5), 9), sha256(convert_to($5, 'UTF8')), $4, $4 FROM users u WHERE u.tenant_id = $1 AND u.role = 'admin' LIMIT 1`,
		h.id, id.UUID(), h.canary, atTheSameTime, id.UUID())
	w.db.Exec(`INSERT INTO invitations (tenant_id, id, email, role, invited_by, token_hash, expires_at, created_at, updated_at)
		SELECT $1, $2, $3, 'member', u.id, sha256(convert_to($5, 'UTF8')), now() + interval '1 day', $4, $4
		  FROM users u WHERE u.tenant_id = $1 AND u.role = 'admin' LIMIT 1`,
		h.id, id.UUID(), h.canary+"@example.com", atTheSameTime, id.UUID())
	for _, table := range plain {
		for _, made := range both(table) {
			given := map[string]string{"tenant_id": "$1", "id": "$2", "created_at": "$4", "updated_at": "$4"}
			for _, c := range schema.Columns(table) {
				if c.RefersTo != "" && c.RefersTo != "tenants" && c.NotNull {
					given[c.Name] = "$5"
				}
			}
			maps.Copy(given, byHand[table])
			insert, args := testdb.Insert(table, "$3", given), []any{h.id, made, h.canary, atTheSameTime, id.UUID()}
			if !strings.Contains(insert, "$5") {
				args = args[:4]
			}
			w.db.Exec(insert, args...)
		}
	}
}

// referredTo are the tables of whose rows a row of a plain table must name one.
var referredTo = func() map[string]bool {
	tables := map[string]bool{}
	for _, table := range plain {
		for _, c := range schema.Columns(table) {
			if c.RefersTo != "" && c.RefersTo != "tenants" && c.NotNull {
				tables[c.RefersTo] = true
			}
		}
	}
	return tables
}()

// byHand are the values of a plain table's row that tests know.
var byHand = map[string]map[string]string{
	"items": {"price_cents": "100"},
	// The second begins when the first has ended.
	"appointments": {
		"starts_at": "timestamptz '2026-01-01 00:00:00Z' + get_byte(uuid_send($2), 15) % 2 * interval '1 hour'",
		"ends_at":   "timestamptz '2026-01-01 01:00:00Z' + get_byte(uuid_send($2), 15) % 2 * interval '1 hour'",
	},
	"jobs":        {"kind": "'invitation.mail'", "subject_type": "'invite'", "state": "'waiting'", "finished_at": "NULL", "due_at": "'2100-01-01'"},
	"memberships": {"votes": "true"}, // what does not vote is not affirmed
	"webhooks": {
		"user_id":         "(SELECT u.id FROM users u WHERE u.tenant_id = $1 AND u.role = 'admin' LIMIT 1)",
		"url":             "'https://hooks.example.com/' || CAST($3 AS text)",
		"previous_secret": "sha256('previous')",
		"disabled_at":     "$4", // so that it is told nothing of what tests do
		"disabled_reason": "'asked'",
	},
	"deliveries": {"event": "'item.update'", "state": "'failed'"},
	"quotas":     {"resets_at": "NULL"}, // of nothing that there is
	"settings":   {"key": "'k' || left(md5(CAST(CAST($2 AS uuid) AS text)), 9)", "value": "to_jsonb(CAST($3 AS text))"},
}

// plain are the tables of tenants' rows of which rows makes one by the catalogue alone: all but those that it fills by hand, and those that
// triggers do.
var plain = func() (tables []string) {
	filled := strings.Fields("artists roles users user_roles api_keys invitations audit_events tenants passes")
	for _, table := range schema.Tables() {
		has := func(name string) bool {
			return slices.ContainsFunc(schema.Columns(table), func(c schema.Column) bool { return c.Name == name })
		}
		if !slices.Contains(filled, table) && has("tenant_id") && has("id") {
			tables = append(tables, table)
		}
	}
	return tables
}()

// token is an access token of the person; with a tenant, bound to it.
func (w *world) token(p person, tenant ...ids.TenantID) string {
	w.t.Helper()
	now := time.Now()
	claims := auth.Claims{Account: p.account, Session: p.session, IssuedAt: now, Expires: now.Add(auth.MaxTokenTime)}
	if len(tenant) > 0 {
		claims.Tenant = tenant[0]
	}
	token, err := w.server.tokens.Sign(claims)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// request is an HTTP request in the making.
type request struct {
	method, path string
	header       http.Header
	body         string
}

func call(method, path string) request {
	return request{method: method, path: path, header: http.Header{}}
}

func (r request) with(name, value string) request {
	r.header = r.header.Clone()
	r.header.Add(name, value)
	return r
}

func (r request) json(body string) request {
	r = r.with("Content-Type", "application/json")
	r.body = body
	return r
}

// as adds the person's credential; in a tenant also the header that selects it.
func (w *world) as(p person, r request, in ...house) request {
	r = r.with("Authorization", "Bearer "+w.token(p))
	if len(in) > 0 {
		r = r.with("X-Tenant-Id", in[0].id.String())
	}
	return r
}

// response is an answer, read.
type response struct {
	status int
	header http.Header
	body   string
}

func (r response) String() string { return fmt.Sprintf("%d %s", r.status, r.body) }

// code is the error code of a refusal.
func (r response) code() string {
	var e struct {
		Content struct{ Code string }
	}
	_ = json.Unmarshal([]byte(r.body), &e)
	return e.Content.Code
}

// fields are the names and codes of what was wrong, such as name:max_length.
func (r response) fields() (fields []string) {
	var e struct {
		Content struct{ Fields []rest.FieldError }
	}
	_ = json.Unmarshal([]byte(r.body), &e)
	for _, f := range e.Content.Fields {
		fields = append(fields, f.Field+":"+f.Code)
	}
	return fields
}

// content reads the content of an answer.
func content[T any](t testing.TB, r response) (c T) {
	t.Helper()
	envelope := struct {
		Success bool
		Content *T
	}{Content: &c}
	if err := json.Unmarshal([]byte(r.body), &envelope); err != nil || !envelope.Success {
		t.Fatalf("not a success: %v (%v)", r, err)
	}
	return c
}

// anonymous is the body without what differs between two answers to the same question.
func (r response) anonymous() string {
	return strings.ReplaceAll(r.body, r.header.Get("X-Request-Id"), "")
}

func (w *world) send(r request) response {
	w.t.Helper()
	got, err := w.try(r, w.URL)
	if err != nil {
		w.t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return got
}

// try sends to any server; the error is the client's.
func (w *world) try(r request, to string) (response, error) {
	path := r.path
	if !strings.HasPrefix(path, "//") {
		path = rest.Base + path
	} else {
		path = path[1:]
	}
	made, err := http.NewRequest(r.method, to+path, strings.NewReader(r.body))
	if err != nil {
		return response{}, err
	}
	if r.body == "" {
		made.Body = http.NoBody
	}
	for name, values := range r.header {
		made.Header[name] = values
	}
	got, err := client.Do(made)
	if err != nil {
		return response{}, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	answer := response{got.StatusCode, got.Header, string(body)}
	if !w.odd && err == nil {
		w.documented(made, r.body, answer)
	}
	return answer, err
}

// documented fails for an answer that is not as the description of its operation says, and for a success that was given to a request
// that is not as described.
func (w *world) documented(made *http.Request, sent string, got response) {
	for _, fault := range undocumented(made, got) {
		w.t.Errorf("%s %s: %s", made.Method, made.URL.RequestURI(), fault)
	}
	if o := operationOf(made.Method, made.URL.Path); o != nil && got.status < 300 {
		if wrong := o.unasked(made, sent); wrong != "" {
			w.t.Errorf("%s %s %.500q: %d, although the request is not as described: %s", made.Method, made.URL.RequestURI(), sent, got.status, wrong)
		}
	}
}

var client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 100},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// want fails unless the answer has the status, and the code where one is given.
func (w *world) want(r request, status int, code ...string) response {
	w.t.Helper()
	got := w.send(r)
	if got.status != status || len(code) > 0 && got.code() != code[0] {
		w.t.Errorf("%s %s %s: got %v, want %d %v", r.method, r.path, r.body, got, status, code)
	}
	return got
}

type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) all() string {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.String()
}

func (b *lockedBuffer) tail() string {
	text := b.all()
	return text[max(0, len(text)-4000):]
}
