package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	syncatomic "sync/atomic" // the name belongs to the adapter
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

// actor is a user of a house with one way to say so: a token and the header, a token that is bound, or an API key.
type actor struct {
	house
	person
	role string
	user ids.UserID
	mode string
	key  string
}

// sent is a request as the test knows it by its id, with what the answer must be.
type sent struct {
	*actor
	request
	operation string   // the action of its events
	want      []string // status and code
	shows     []string // in a success
	shown     []string // the canaries that may stand in the answer; nil: that of the actor's house
	elsewhere *house   // the house that it asks for; nil: the actor's
}

// bustle is many houses whose users are busy all at once on two connections.
type bustle struct {
	*world
	houses    []house
	wanderers map[ids.AccountID][]string // the canaries of the houses of those who are users of several
	actors    []*actor

	known   sync.Map // request id → sent
	mu      sync.Mutex
	answers map[string]int // by status and code
	faults  int
}

const (
	// lingers stands in the name of an item that takes longer than statementLimit to make.
	lingers        = "lingers"
	statementLimit = 400 * time.Millisecond

	disconnected = "disconnected"
)

// newBustle has users of every role in each house, twins of every row, and wanderers, who are users of several houses in several roles
// under one user id.
func newBustle(t *testing.T, houses int) *bustle {
	t.Helper()
	b := &bustle{world: newWorld(t), wanderers: map[ids.AccountID][]string{}, answers: map[string]int{}}
	b.houses = []house{b.A, b.B}
	for n := len(b.houses); n < houses; n++ {
		name := fmt.Sprintf("t%02d", n)
		h := b.makeHouse(name, "canary-of-"+name)
		b.rows(h, b.A.item)
		b.rows(h, h.own)
		h.item = b.A.item
		b.houses = append(b.houses, h)
	}
	for n := range 4 {
		p := b.account(fmt.Sprint("wanderer", n))
		for i := n; i < houses; i += 4 {
			b.user(b.houses[i], p, roles[(n+i/4)%len(roles)])
			b.houses[i].people[p.name] = p
			b.wanderers[p.account] = append(b.wanderers[p.account], b.houses[i].canary)
		}
	}
	for _, h := range b.houses {
		for _, p := range h.people {
			user, key := b.userID(h, p), b.key(h, p, "").Key
			role := testdb.Value[string](b.db, `SELECT role FROM users WHERE tenant_id = $1 AND id = $2`, h.id, user)
			for _, mode := range []string{"header", "bound", "key"} {
				b.actors = append(b.actors, &actor{h, p, role, user, mode, key})
			}
		}
	}
	b.db.Exec(`DELETE FROM audit_events`)
	b.db.Exec(`
		CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';
		CREATE TRIGGER linger BEFORE INSERT ON items FOR EACH ROW WHEN (NEW.name LIKE '%` + lingers + `%') EXECUTE FUNCTION linger()`)
	// The one question that is asked of a connection through no door is answered with what was left on it.
	b.db.Exec(`
		CREATE OR REPLACE FUNCTION login_faults() RETURNS SETOF text LANGUAGE sql STABLE AS $$
		SELECT name || ' is ' || setting FROM pg_settings WHERE source = 'session' AND NOT (name, setting) IN (VALUES ` + settledTo() + `)
		 UNION ALL
		SELECT name || ' is ' || current_setting(name, true)
		  FROM unnest(ARRAY['app.tenant_id', 'app.caller', 'role']) AS name
		 WHERE coalesce(current_setting(name, true), '') NOT IN ('', 'none')
		 UNION ALL
		SELECT 'an advisory lock' FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() $$`)
	b.server, b.URL = b.serve(fmt.Sprintf("%s&pool_max_conns=2&statement_timeout=%d", b.db.Server(), statementLimit.Milliseconds()), b.server.config)
	for _, route := range table([]row{
		{"GET /panic/:item_id", http.StatusOK, "", rest.Need(itemsRead, panicHaving)},
		{"POST /panic", http.StatusOK, "", rest.Atomic(itemsWrite, panicAmid)},
	}) {
		b.server.Serve(&route)
	}
	return b
}

// settledTo is what every session is set to when it begins, as rows of SQL.
func settledTo() string {
	var rows []string
	for name, value := range schema.Settings {
		rows = append(rows, fmt.Sprintf("('%s', '%s')", name, value))
	}
	return strings.Join(rows, ", ")
}

// panicHaving panics when it has read a row.
func panicHaving(ctx context.Context, q *db.Queries, who rest.Caller, in itemGetInput) (Item, error) {
	if _, err := itemGet(ctx, q, who, in); err != nil {
		return Item{}, err
	}
	panic("having read")
}

// panicAmid panics when it has made a row, in the middle of its transaction.
func panicAmid(ctx context.Context, _ *App, tx *tenancy.Tx, who rest.Caller, in itemCreateInput) (Item, error) {
	if _, err := itemCreate(ctx, tx.Enter(who, itemsWrite), who, in); err != nil {
		return Item{}, err
	}
	panic("amid a transaction")
}

// visitor is one goroutine of the bustle, and what it remembers of its answers.
type visitor struct {
	*bustle
	*rand.Rand
	cursors map[*actor]string
	made    map[*actor][]string // items
}

// only is the answer for the given roles, and a refusal for all others.
func only(a *actor, answer string, roles ...string) []string {
	if slices.Contains(roles, a.role) {
		return []string{answer}
	}
	return []string{"403 permission_denied"}
}

// next is what the actor asks for under this request id.
func (v *visitor) next(a *actor, id string) sent {
	writers := []string{"admin", "assistant"}
	twin := "/items/" + a.item.UUID()
	other := v.houses[v.IntN(len(v.houses))]
	item := func(name string) string {
		return fmt.Sprintf(`{"name":%q,"description":%q,"price_cents":5}`, name, a.canary+" "+id)
	}
	read := func(path string, shows ...string) sent {
		return sent{request: call("GET", path), want: []string{"200"}, shows: shows}
	}
	write := func(r request, operation string, want []string, shows ...string) sent {
		return sent{request: r, operation: operation, want: want, shows: shows}
	}
	switch v.IntN(27) {
	case 0:
		s := read("/me", a.account.String(), `"username":"`+a.name+`"`)
		s.shown = []string{}
		return s
	case 1:
		s := read("/me/tenants?page_size=200", a.canary)
		if s.shown = v.wanderers[a.account]; s.shown == nil {
			s.shown = []string{a.canary}
		}
		s.shows = s.shown
		if a.mode == "key" {
			s.want = []string{"403 token_required"}
		}
		return s
	case 2:
		return read("/tenant", a.id.String(), a.canary)
	case 3, 4:
		return read(twin, a.canary, a.id.String())
	case 5, 6:
		path := "/items?page_size=3&count=true"
		if cursor := v.cursors[a]; cursor != "" {
			path += "&cursor=" + cursor
		}
		return read(path, a.id.String())
	case 7:
		s := read("/items/" + other.own.UUID())
		if other.id != a.id {
			s.want = []string{"404 not_found"}
		}
		return s
	case 8, 9:
		return read("/users/"+a.user.String(), `"username":"`+a.name+`"`, `"role":"`+a.role+`"`, a.canary)
	case 10:
		return read("/users?username="+a.name, `"username":"`+a.name+`"`, `"role":"`+a.role+`"`)
	case 11:
		return read([]string{"/teams", "/roles", "/users"}[v.IntN(3)]+"?page_size=2", a.canary)
	case 12:
		s := read([]string{"/audit-events?page_size=5", "/invitations"}[v.IntN(2)])
		s.want = only(a, "200", "admin")
		return s
	case 13, 14:
		return write(call("POST", "/items").json(item(a.canary)), "item.create", only(a, "201", writers...), a.canary, id)
	case 15, 25: // the same key in every house, and of one credential in several
		body := fmt.Sprintf(`{"name":%q,"price_cents":5}`, a.canary)
		s := write(call("POST", "/items").json(body).with("Idempotency-Key", "everybody's"), "item.create", only(a, "201", writers...), a.canary, a.id.String())
		s.want = append(s.want, "409 idempotency_in_flight")
		return s
	case 16, 17:
		return write(call("PATCH", twin).json(fmt.Sprintf(`{"description":%q}`, a.canary+" "+id)), "item.update", only(a, "200", writers...), a.canary, id)
	case 18:
		return write(call("PATCH", twin).json(`{"price_cents":6}`).with("If-Match", `"999999.x"`), "", only(a, "412 precondition_failed", writers...))
	case 19:
		if mine := v.made[a]; len(mine) > 0 {
			v.made[a] = mine[1:]
			return write(call("DELETE", "/items/"+mine[0]), "item.delete", []string{"200"})
		}
		return write(call("DELETE", "/items/"+ids.New[ids.ItemID]().UUID()), "", only(a, "404 not_found", writers...))
	case 20:
		return write(call("POST", "/items").json(`{"name":"","price_cents":0}`), "", []string{"422 validation_failed"})
	case 21:
		return write(call("POST", "/api-keys").json(fmt.Sprintf(`{"name":%q}`, a.canary+" "+id)), "api_key.create", []string{"201"}, a.user.String(), a.canary)
	case 22:
		s := write(call("POST", "/users").json(fmt.Sprintf(`{"email":"%s@%s.example","name":%q}`, id, a.canary, a.canary)), "user.create", only(a, "201", "admin"), a.canary)
		if v.IntN(4) > 0 { // a reference to what, mostly, only another house has
			s.request = call("POST", "/users").json(fmt.Sprintf(`{"email":"%s@%s.example","name":%q,"team_id":"%s"}`, id, a.canary, a.canary, other.own.UUID()))
			if other.id != a.id && a.role == "admin" {
				s.want, s.operation = []string{"422 reference_not_found"}, ""
			}
		}
		return s
	case 23:
		return write(call("GET", "/panic/"+a.item.UUID()), "", []string{"500 internal"})
	case 24:
		return write(call("POST", "/panic").json(item(a.canary+" panics")), "", only(a, "500 internal", writers...))
	default:
		s := read("/items", a.canary)
		if other.id != a.id && !slices.Contains(v.wanderers[a.account], other.canary) {
			s.elsewhere, s.want, s.shown = &other, []string{"403 tenant_forbidden"}, []string{}
		}
		return s
	}
}

// credential adds the actor's, in his way; elsewhere, in the house that the request names instead of his.
func (b *bustle) credential(s sent) request {
	in := s.house
	if s.elsewhere != nil {
		in = *s.elsewhere
	}
	switch {
	case s.mode == "bound":
		return bearer(b.token(s.person, in.id), s.request)
	case s.mode == "key" && s.elsewhere == nil:
		return byKey(s.key, s.request)
	}
	return b.as(s.person, s.request, in)
}

// ask sends a request and reads the answer, unless its client loses patience before.
func (b *bustle) ask(id string, s sent, patience time.Duration) (got response, err error) {
	ctx := context.Background()
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	r := b.credential(s)
	made, err := http.NewRequestWithContext(ctx, r.method, b.URL+rest.Base+r.path, strings.NewReader(r.body))
	if err != nil {
		return response{}, err
	}
	made.Header = r.header
	made.Header.Set("X-Request-Id", id)
	answer, err := client.Do(made)
	if err != nil {
		return response{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return response{answer.StatusCode, answer.Header, string(body)}, err
}

var (
	canaries   = regexp.MustCompile(`canary-of-(a|b|t[0-9]{2})`)
	tenantIDs  = regexp.MustCompile(`tenant-[0-9a-f]{8}-[0-9a-f-]{27}`)
	requestIDs = regexp.MustCompile(`req-[0-9]+`)

	// hindered are the answers to any request whose statement was cut short, or whose connection was.
	hindered = []string{"503 unavailable", "503 outcome_unknown", "409 busy"}
)

// crossed is what is wrong with an answer; empty when it is the actor's own.
func (s sent) crossed(id string, got response) string {
	outcome := strings.TrimSpace(fmt.Sprint(got.status, " ", got.code()))
	success := got.status < 300
	if success {
		outcome = fmt.Sprint(got.status)
	}
	shown := s.shown
	if shown == nil {
		shown = []string{s.canary}
	}
	for _, canary := range canaries.FindAllString(got.body, -1) {
		if !slices.Contains(shown, canary) {
			return "it shows " + canary
		}
	}
	for _, tenant := range tenantIDs.FindAllString(got.body, -1) {
		if tenant != s.id.String() && len(shown) <= 1 {
			return "it names another tenant, " + tenant
		}
	}
	for _, what := range s.shows {
		if success && !strings.Contains(got.body, what) {
			return "it does not show " + what
		}
	}
	switch {
	case got.header.Get("X-Request-Id") != id:
		return "it is that to request " + got.header.Get("X-Request-Id")
	case !slices.Contains(s.want, outcome) && !slices.Contains(hindered, outcome):
		return "the outcome"
	}
	return ""
}

func (b *bustle) count(outcome string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers[outcome]++
}

func (b *bustle) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.faults++; b.faults <= 20 {
		b.t.Errorf(format, args...)
	}
}

// left reports what the last user of a connection of the pool has left on it.
func (b *bustle) left() {
	switch faults, err := b.server.doors.LoginFaults(context.Background()); {
	case err != nil: // it was cut
	case len(faults) > 0:
		b.fault("on a connection that nobody uses is left: %q", faults)
	default:
		b.count("borrowed")
	}
}

// Many tenants' users, by header, by bound token and by key, share two connections, while clients hang up, statements run into their
// limit, handlers panic and connections are cut: every answer is its caller's own, every change is made in its caller's tenant and noted
// as his, and nothing is left on a connection.
func TestInterleaving(t *testing.T) {
	t.Parallel()
	requests, visitors := 3_000, 64
	if *whole {
		requests = 100_000
	}
	b := newBustle(t, 24)
	var sofar syncatomic.Int64
	var all sync.WaitGroup
	for n := range visitors {
		v := &visitor{b, rand.New(rand.NewPCG(1, uint64(n))), map[*actor]string{}, map[*actor][]string{}}
		all.Go(func() {
			for i := sofar.Add(1); i <= int64(requests); i = sofar.Add(1) {
				v.step(i)
				if i%20 == 0 {
					b.left()
				}
				if i%500 == 0 {
					b.db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rowhouse' AND datname = current_database() LIMIT 1`)
					b.count("cut")
				}
			}
		})
	}
	all.Wait()
	b.server.Noted()
	for range 20 {
		b.left()
	}
	b.aftermath()

	for _, outcome := range []string{"200", "201", "403 permission_denied", "403 tenant_forbidden", "404 not_found", "412 precondition_failed", "422 validation_failed",
		"422 reference_not_found", "500 internal", "503 unavailable", disconnected, "borrowed", "cut", "replayed"} {
		if b.answers[outcome] == 0 {
			t.Errorf("no %s among the answers: %v", outcome, b.answers)
		}
	}
	for key, n := range map[string]int{
		"requests": requests, "tenants": len(b.houses), "crossings": b.faults, "connections_borrowed": b.answers["borrowed"],
		"connections_cut": b.answers["cut"], "disconnects": b.answers[disconnected], "panics": b.answers["500 internal"], "timeouts": b.answers["503 unavailable"],
	} {
		t.Attr(key, strconv.Itoa(n))
	}
}

// step makes one request and looks at its answer. One client in three hangs up when it has waited too long for it.
func (v *visitor) step(i int64) {
	id, a := fmt.Sprint("req-", i), v.actors[v.IntN(len(v.actors))]
	s := v.next(a, id)
	var patience time.Duration
	switch {
	case i%200 == 0:
		s = sent{request: call("POST", "/items").json(fmt.Sprintf(`{"name":%q,"price_cents":5}`, lingers)), want: only(a, "503 unavailable", "admin", "assistant")}
	case v.IntN(3) == 0:
		patience = time.Duration(1 + v.IntN(int(60*time.Millisecond)))
	}
	s.actor = a
	v.known.Store(id, s)
	got, err := v.ask(id, s, patience)
	switch {
	case patience > 0 && errors.Is(err, context.DeadlineExceeded):
		v.count(disconnected)
		return
	case err != nil:
		v.fault("%s %s: %v", s.method, s.path, err)
		return
	}
	if what := s.crossed(id, got); what != "" {
		v.fault("%s: %s as %s, %s of %s, by %s: %s: got %v, want %v", id, s.method+" "+s.path, a.name, a.role, a.canary, a.mode, what, got, s.want)
	}
	v.count(strings.TrimSpace(fmt.Sprint(got.status, " ", got.code())))
	if got.header.Get("Idempotent-Replayed") != "" {
		v.count("replayed")
	}
	var answer struct {
		Content json.RawMessage
		Page    struct{ Next *string }
	}
	_ = json.Unmarshal([]byte(got.body), &answer) // of a refusal, nothing is remembered
	switch {
	case got.status == 200 && strings.HasPrefix(s.path, "/items?"):
		v.cursors[a] = ""
		if answer.Page.Next != nil {
			v.cursors[a] = *answer.Page.Next
		}
	case got.status == 201 && s.path == "/items" && s.header.Get("Idempotency-Key") == "":
		v.made[a] = append(v.made[a], content[struct{ Item struct{ ID string } }](v.t, got).Item.ID)
	}
}

// aftermath looks at what the requests did: in each house stands what its own users wrote, and each event is of who made the request.
func (b *bustle) aftermath() {
	for _, h := range b.houses {
		all := snapshot(b.world, h)
		for _, canary := range canaries.FindAllString(all, -1) {
			if canary != h.canary {
				b.fault("%s stands in a row of %s", canary, h.canary)
			}
		}
		for _, id := range requestIDs.FindAllString(all, -1) {
			if s, ok := b.known.Load(id); !ok || s.(sent).house.id != h.id {
				b.fault("a row of %s is of %s, which is another house's request", h.canary, id)
			}
		}
	}
	ctx := context.Background()
	conn := b.db.Connect(b.db.Superuser())
	type event struct {
		request, action string
		tenant          ids.TenantID
		account         ids.AccountID
		user            ids.UserID
	}
	rows, err := conn.Query(ctx, `SELECT coalesce(request_id, ''), action, tenant_id, actor_account_id, actor_user_id FROM audit_events`)
	if err != nil {
		b.t.Fatal(err)
	}
	var e event
	tag, err := pgx.ForEachRow(rows, []any{&e.request, &e.action, &e.tenant, &e.account, &e.user}, func() error {
		made, _ := b.known.Load(e.request)
		if s, ok := made.(sent); !ok || e != (event{e.request, s.operation, s.house.id, s.account, s.user}) {
			b.fault("the event %v is of %s %s by %s of %s", e, s.method, s.path, s.actor.account, s.canary)
		}
		return nil
	})
	if err != nil || tag.RowsAffected() == 0 {
		b.t.Errorf("%v events: %v", tag, err)
	}
	b.t.Attr("events", strconv.FormatInt(tag.RowsAffected(), 10))
	rows, err = conn.Query(ctx, `SELECT request_id, account_id FROM account_events WHERE action = 'tenant.refused'`)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&e.request, &e.account}, func() error {
		if s, ok := b.known.Load(e.request); !ok || s.(sent).account != e.account {
			b.fault("%s is noted as refused of account %s", e.request, e.account)
		}
		return nil
	}); err != nil {
		b.t.Error(err)
	}
	if n := testdb.Value[int](b.db, `SELECT count(*) FROM items WHERE name ~ 'panics|`+lingers+`'`); n > 0 {
		b.fault("%d rows were kept of requests that failed", n)
	}
}
