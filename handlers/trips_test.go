package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rowhouse/ids"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// behind is a world whose server reaches the database through a proxy.
func behind(t *testing.T) (*world, *testdb.Proxy) {
	t.Helper()
	w := newWorld(t)
	proxy := w.db.NewProxy(schema.Server)
	w.server, w.URL = w.serve(proxy.URL()+"&pool_max_conns=4", w.server.config)
	return w, proxy
}

// Reading, creating, changing and deleting one item, authorisation and audit included, is one round trip each, whatever the
// tenant: measured over a thousand of them in turn. Under an Idempotency-Key it is two.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	admin := w.account("rounds")
	w.db.Exec(`
		WITH made AS (
		     INSERT INTO tenants (id, name, slug)
		     SELECT gen_random_uuid(), 'T' || n, 't-' || n FROM generate_series(1, 1000) n
		  RETURNING id)
		INSERT INTO users (tenant_id, account_id, username, role)
		SELECT id, $1, 'rounds', 'admin' FROM made`, admin.account)
	tenants := testdb.Value[[]ids.TenantID](w.db, `SELECT array_agg(tenant_id) FROM users WHERE username = 'rounds'`)
	token := "Bearer " + w.token(admin)

	for i, tenant := range append(tenants[:20:20], tenants...) { // the first are for warming up
		do := func(name string, r request, status int, trips int64) response {
			before := proxy.Trips()
			got := w.want(r.with("Authorization", token).with("X-Tenant-Id", tenant.String()), status)
			if cost := proxy.Trips() - before; cost != trips && i >= 20 {
				t.Fatalf("%s: got %d round trips, want %d", name, cost, trips)
			}
			return got
		}
		made := do("create", call("POST", "/items").json(`{"name":"x","price_cents":1}`), 201, 1)
		item := "/items/" + content[struct{ Item struct{ ID string } }](t, made).Item.ID
		do("read", call("GET", item), 200, 1)
		do("change", call("PATCH", item).json(`{"price_cents":2}`), 200, 1)
		do("list", call("GET", "/items"), 200, 1)
		do("delete", call("DELETE", item), 200, 1)
		if i%50 == 0 {
			do("keyed", call("POST", "/items").json(`{"name":"x","price_cents":1}`).with("Idempotency-Key", "k"), 201, 2)
		}
	}
}

// An access token costs no round trip of its own, and a refusal offline costs none at all.
func TestOfflineRefusals(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	admin := w.A.people["admin"]
	for _, r := range []request{
		call("GET", "/items"),
		call("GET", "/items").with("Authorization", "Bearer nonsense"),
		call("GET", "/items").with("X-API-Key", "rh_nonsense"),
		w.as(admin, call("GET", "/items")),
		w.as(admin, call("GET", "/items/nonsense"), w.A),
		w.as(admin, call("POST", "/items").json(`{"name":""}`), w.A),
		w.as(admin, call("GET", "/items?cursor=nonsense"), w.A),
		call("POST", "/auth/refresh").json(`{"refresh_token":"nonsense"}`),
	} {
		if got := w.send(r); got.status < 400 || got.status >= 500 {
			t.Errorf("%s %s: got %v", r.method, r.path, got)
		}
	}
	if got := proxy.Trips(); got != 0 {
		t.Errorf("got %d round trips, want none", got)
	}
}

// When the database is gone, a request is refused at once and says when to come back; when it is back, so is the server,
// without a restart, and nothing that was refused was done.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	read := w.as(w.A.people["admin"], call("GET", "/items/"+w.A.own.String()), w.A)
	write := w.as(w.A.people["admin"], call("POST", "/items").json(`{"name":"lost","price_cents":1}`), w.A)
	w.want(read, 200)

	// Connections that broke while they were idle, however many, cost a reader nothing.
	w.race(50, func(int) request { return read })
	proxy.Cut()
	w.want(read, 200)

	proxy.Leave()
	for range 3 {
		for _, r := range []request{read, write} {
			got := w.send(r)
			if got.status != 503 || got.header.Get("Retry-After") == "" {
				t.Errorf("%s: got %v, want 503 with Retry-After", r.method, got)
			}
		}
	}
	w.want(call("GET", "//healthz"), 200)
	w.want(call("GET", "//readyz"), 503)
	proxy.Return()
	w.want(read, 200)
	w.want(write, 201)
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM items WHERE name = 'lost'`); n != 1 {
		t.Errorf("got %d items, want the one that was answered", n)
	}
}

// When every connection is held by a statement that does not end, the next request waits for a while and is then refused, and routes that
// need none are served.
func TestPoolExhausted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.as(w.A.people["admin"], call("GET", "/items"), w.A)
	w.server, w.URL = w.serve(w.db.Server()+"&pool_max_conns=4", worldConfig(nil))
	doors := w.server.doors
	doors.AcquireTimeout, doors.QueueTimeout = 250*time.Millisecond, 250*time.Millisecond
	doors.Warm(context.Background()) // which on a busy machine takes its time
	lock := w.db.Connect(w.db.Superuser())
	ctx := context.Background()
	if _, err := lock.Exec(ctx, `BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	var held sync.WaitGroup
	early := make(chan response, 4)
	for range 4 {
		held.Go(func() {
			got, _ := w.try(read, w.URL)
			early <- got
		})
	}
	for testdb.Value[int](w.db, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) < 4 {
		select {
		case got := <-early:
			t.Fatalf("a request that should wait was answered: %v", got)
		default:
		}
	}
	got := w.want(read, 503, "unavailable")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w.want(call("GET", "//healthz"), 200)
	if _, err := lock.Exec(ctx, `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	held.Wait()
	w.want(read, 200)
}

// What the server answered 2xx is there, and what it refused left nothing, while its connections are being cut all along.
func TestNothingLost(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	stop := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		tick := time.NewTicker(3 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				proxy.Cut()
			}
		}
	})
	var mu sync.Mutex
	answered, refused := map[string]bool{}, map[string]bool{}
	var writers sync.WaitGroup
	for writer := range 8 {
		writers.Go(func() {
			for n := range 40 {
				name := fmt.Sprintf("w%d-%d", writer, n)
				got, err := w.try(w.as(w.A.people["admin"], call("POST", "/items").json(`{"name":"`+name+`","price_cents":1}`), w.A), w.URL)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				switch {
				case got.status == 201:
					answered[name] = true
				case got.code() != "outcome_unknown":
					refused[name] = true
				}
				if got.status >= 500 && got.status != 503 {
					t.Errorf("got %v", got)
				}
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	close(stop)
	cutting.Wait()
	names := map[string]bool{}
	for _, name := range testdb.Value[[]string](w.db, `SELECT coalesce(array_agg(name), '{}') FROM items WHERE name LIKE 'w%-%'`) {
		names[name] = true
	}
	for name := range answered {
		if !names[name] {
			t.Errorf("%s was answered 201 and is not there", name)
		}
	}
	for name := range refused {
		if names[name] {
			t.Errorf("%s was refused and is there", name)
		}
	}
	if len(answered) == 0 || len(answered) == 320 {
		t.Logf("%d of 320 answered: the connections were not cut in the right moments", len(answered))
	}
	events := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events WHERE action = 'item.create'`)
	if events != len(names) {
		t.Errorf("got %d events for %d items", events, len(names))
	}
}

// A statement that was prepared before a migration is prepared anew; the client notices nothing.
func TestMigrationUnderway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	read := w.as(w.A.people["admin"], call("GET", "/items/"+w.A.own.String()), w.A)
	list := w.as(w.A.people["admin"], call("GET", "/items"), w.A)
	keyed := w.as(w.A.people["admin"], call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A)
	for round := range 3 {
		for _, r := range []request{read, list} {
			w.want(r, 200)
		}
		w.want(keyed.with("Idempotency-Key", fmt.Sprint(round)), 201)
		w.db.Exec([]string{
			`ALTER TABLE items ALTER price_cents TYPE bigint`,
			`ALTER TABLE items ALTER price_cents TYPE integer`,
			`ALTER TABLE items ADD COLUMN colour text`,
		}[round])
	}
	w.want(read, 200)
}

// A deferred constraint fails only at the commit, after the statement itself has succeeded; the answer is its failure.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`
		CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation USING CONSTRAINT = 'items_name_check'; END $$;
		CREATE CONSTRAINT TRIGGER late AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late()`)
	create := w.as(w.A.people["admin"], call("POST", "/items").json(`{"name":"x","price_cents":1}`), w.A)
	before := testdb.Value[int](w.db, `SELECT count(*) FROM items`)
	w.want(create, 422)
	w.want(create.with("Idempotency-Key", "k"), 422)
	if after := testdb.Value[int](w.db, `SELECT count(*) FROM items`); after != before {
		t.Errorf("got %d items, want %d", after, before)
	}
}

// A panic is a 500 that says nothing, in the envelope, and leaves the server as it was.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	panics := rest.Route(row{"GET /panic", 200, "", rest.Open(func(context.Context, *App, rest.Caller, struct{}) (rest.Done, error) { panic("secret") })})
	w.server.Serve(&panics)
	got := w.want(call("GET", "/panic"), 500, "internal")
	if strings.Contains(got.body, "secret") || !strings.Contains(w.logs.tail(), "secret") {
		t.Errorf("the cause belongs to the log alone: got %v", got)
	}
	w.want(w.as(w.A.people["admin"], call("GET", "/items"), w.A), 200)
}

// Nothing that a caller proves or keeps secret stands in the log.
func TestLogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.as(w.A.people["admin"], call("POST", "/items?x="+w.A.canary).json(`{"name":"`+w.A.canary+`"}`), w.A)
	w.send(r)
	w.send(call("POST", "/auth/login").json(`{"login":"admin-a","password":"` + password + `"}`))
	for line := range strings.Lines(w.logs.tail()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for _, name := range []string{"request_id", "route", "method", "status", "ms"} {
			if entry[name] == nil {
				t.Errorf("%s lacks %s", line, name)
			}
		}
	}
	for _, secret := range []string{password, w.A.canary, strings.TrimPrefix(r.header.Get("Authorization"), "Bearer "), "rhr_"} {
		if strings.Contains(w.logs.tail(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// A client that hangs up while its password waits for its turn is no fault of ours: nothing is done, and the log has no error.
func TestHungUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, rest.Base+"/auth/login", strings.NewReader(`{"login":"admin-a","password":"`+password+`"}`))
	r.Header.Set("Content-Type", "application/json")
	before := testdb.Value[int](w.db, `SELECT count(*) FROM sessions`)
	w.server.ServeHTTP(httptest.NewRecorder(), r)
	if after := testdb.Value[int](w.db, `SELECT count(*) FROM sessions`); after != before {
		t.Errorf("%d sessions, want %d", after, before)
	}
	lines := slices.Collect(strings.Lines(w.logs.tail()))
	var entry struct {
		Level  string
		Status int
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &entry); err != nil || entry.Level != "INFO" || entry.Status != 499 {
		t.Errorf("error %v; got %s, want INFO and status %d", err, lines[len(lines)-1], 499)
	}
}

// Fifty callers of two tenants share two connections: no answer is ever another tenant's, and no binding outlives its
// transaction.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server, w.URL = w.serve(w.db.Server()+"&pool_max_conns=2", w.server.config)
	var all sync.WaitGroup
	for n := range 50 {
		h := w.A
		if n%2 == 1 {
			h = w.B
		}
		r := w.as(h.people[roles[n%4]], call("GET", "/items/"+w.A.item.String()), h)
		all.Go(func() {
			for range 20 {
				got, err := w.try(r, w.URL)
				if err != nil || got.status != 503 && !strings.Contains(got.body, h.canary) {
					t.Errorf("got %v %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// A page of a list reads about the rows that it shows, whatever its sort and however deep its cursor, also in a tenant that
// the planner takes for small because it has no statistics yet.
func TestListsReadAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`ALTER TABLE items SET (autovacuum_enabled = off)`)
	w.db.Exec(`INSERT INTO items (tenant_id, name, price_cents, created_at)
		SELECT $1, md5(n::text), 1 + n % 1000, timestamptz '2026-01-01' + n * interval '1 s' FROM generate_series(1, 20000) n`, w.A.id)
	read := func() int {
		return testdb.Value[int](w.db, `SELECT coalesce(idx_tup_fetch, 0) + seq_tup_read FROM pg_stat_user_tables WHERE relname = 'items'`)
	}
	for _, sorted := range []string{"", "&sort=name", "&sort=-name", "&sort=price_cents", "&sort=-price_cents"} {
		server, url := w.serve(w.db.Server(), w.server.config)
		before := read()
		path := "/items?page_size=50" + sorted
		for range 3 {
			got, err := w.try(w.as(w.A.people["member"], call("GET", path), w.A), url)
			if err != nil || got.status != 200 {
				t.Fatalf("%s: got %v %v", path, got, err)
			}
			path = "/items?page_size=50" + sorted + "&cursor=" + *page[struct{ Page struct{ Next *string } }](t, got).Page.Next
		}
		server.doors.Close() // a connection that ends tells what it has read
		for testdb.Value[int](w.db, `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rowhouse' AND datname = current_database()`) > 0 {
		}
		if rows := read() - before; rows < 150 || rows > 500 {
			t.Errorf("%q: got %d rows read for 3 pages of 50", sorted, rows)
		}
	}
}

// Every operation of a tenant or an account that is one accessor call is one round trip.
func TestOneTripEach(t *testing.T) {
	t.Parallel()
	w, proxy := behind(t)
	several := map[string]bool{ // those that go through several doors, or read a file
		"POST /tenants": true, "DELETE /me": true, "POST /auth/password": true, "POST /users": true,
		"POST /auth/email/verify/request": true, "POST /auth/email/change": true, "GET /me/export": true,
		"GET /platform/tenants/:tenant_id/export": true, "PATCH /platform/tenants/:tenant_id/quotas/:subject": true, "POST /platform/tenants/:tenant_id/erase": true,
	}
	bodies := map[string]string{"PATCH /me": `{"name":"x"}`, "POST /auth/switch-tenant": `{"tenant_id":null}`}
	root := w.superuser()
	for _, h := range []house{w.B, w.A} { // B's are for warming up
		ofTenant := samples(h)
		for i := range routes {
			r := &routes[i]
			if r.Scope == rest.PublicScope || several[r.Pattern] || ending[r.Pattern] || r.Accepts != nil {
				continue
			}
			method, path, _ := strings.Cut(r.Pattern, " ")
			made := w.as(h.people["admin"], call(method, strings.ReplaceAll(path, ":session_id", ids.New[ids.SessionID]().String())))
			if body, ok := bodies[r.Pattern]; ok {
				made = made.json(body)
			}
			switch r.Scope {
			case rest.TenantScope:
				made = w.as(h.people["admin"], ofTenant[r.Pattern], h)
			case rest.PlatformScope:
				made = w.as(root, platformOf(h)[r.Pattern])
			}
			if strings.HasPrefix(path, "/auth/logout") { // of somebody else: it would end what follows
				made = bearer(w.token(w.account(strings.ToLower(h.canary+r.Name))), call(method, path))
			}
			before := proxy.Trips()
			got := w.send(made)
			if trips := proxy.Trips() - before; h.id == w.A.id && trips != 1 || got.status >= 500 {
				t.Errorf("%s: got %d round trips, want 1: %v", r.Pattern, trips, got)
			}
		}
	}
	deputies := []person{w.deputy(w.B), w.deputy(w.A)}
	for i, h := range []house{w.B, w.A} {
		for _, pattern := range []string{"POST /users/me/leave", "DELETE /tenant"} {
			who := h.people["admin"]
			if pattern == "DELETE /tenant" {
				who = deputies[i]
			}
			before := proxy.Trips()
			w.want(w.as(who, samples(h)[pattern], h), 200)
			if trips := proxy.Trips() - before; h.id == w.A.id && trips != 1 {
				t.Errorf("%s: got %d round trips, want 1", pattern, trips)
			}
		}
	}
}
