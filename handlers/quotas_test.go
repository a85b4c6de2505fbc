package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"rowhouse/archive"
	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

// none is the maximum of a quota that is taken away.
const none = -1

func setQuota(t testing.TB, doors *tenancy.Database, h house, subject string, maximum int64) {
	t.Helper()
	wanted := map[string]*int64{subject: &maximum}
	if maximum == none {
		wanted[subject] = nil
	}
	text, err := json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := doors.System(h.id, "tenant.quota").QuotaSet(context.Background(), db.QuotaSetParams{TenantID: h.id, Quotas: text}); n != 1 || err != nil {
		t.Fatalf("%s=%d: %d, %v", subject, maximum, n, err)
	}
}

// quota sets one as the operator does.
func (w *world) quota(h house, subject string, maximum int64) {
	w.t.Helper()
	setQuota(w.t, w.server.doors, h, subject, maximum)
}

// usage is what the tenant's admin is shown of a subject.
func (w *world) usage(h house, subject string) Usage {
	w.t.Helper()
	all := content[usageOutput](w.t, w.want(w.as(h.people["admin"], call("GET", "/tenant/usage"), h), 200)).Usage
	i := slices.IndexFunc(all, func(u Usage) bool { return u.Subject == subject })
	if i < 0 {
		w.t.Fatalf("%s is no subject: %+v", subject, all)
	}
	return all[i]
}

// uses says that so much is used of a subject.
func (w *world) uses(h house, subject string, used int64) {
	w.t.Helper()
	if got := w.usage(h, subject); got.Used == nil || *got.Used != used {
		w.t.Errorf("%s: got %+v, want %d used", subject, got, used)
	}
}

// codeOf is the SQLSTATE of an error.
func codeOf(err error) string {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.Code
	}
	return ""
}

func (w *world) rowsIn(h house, table string) int64 {
	w.t.Helper()
	return testdb.Value[int64](w.db, `SELECT count(*) FROM `+table+` WHERE tenant_id = $1`, h.id)
}

const anItem = `{"name":"Oak table","price_cents":1}`

// Of N + 50 that are made at once, N are: of items, of users, and of users who come by invitations.
func TestQuotaIsExact(t *testing.T) {
	t.Parallel()
	const room, more = 10, 50
	w := newWorld(t)
	admin := w.A.people["admin"]
	made := func(name, subject string, counts map[string]int, status string) {
		t.Helper()
		if counts[status] != room || counts["402 quota_exceeded"] != more || len(counts) != 2 {
			t.Errorf("%s: got %v, want %d times %s", name, counts, room, status)
		}
		w.uses(w.A, subject, w.rowsIn(w.A, subject))
	}
	w.quota(w.A, "items", w.rowsIn(w.A, "items")+room)
	made("items", "items", w.race(room+more, func(int) request { return w.as(admin, call("POST", "/items").json(anItem), w.A) }), "201")

	w.quota(w.A, "users", w.rowsIn(w.A, "users")+room)
	made("users", "users", w.race(room+more, func(i int) request {
		return w.as(admin, call("POST", "/users").json(fmt.Sprintf(`{"email":"user%d@example.com","name":"x"}`, i)), w.A)
	}), "201")

	w.quota(w.A, "users", w.rowsIn(w.A, "users")+room)
	tokens := make([]string, room+more)
	for i := range tokens {
		id := w.invited(w.A, fmt.Sprintf("guest%d@example.com", i))
		token, hash := auth.NewTenantSecret(auth.InvitationPrefix, w.A.id)
		tokens[i] = token
		w.db.Exec(`UPDATE invitations SET token_hash = $2 WHERE id = $1`, id[len("invite-"):], hash)
	}
	made("guests", "users", w.race(room+more, func(i int) request {
		return accept(`{"token":"` + tokens[i] + `","password":"harbour-masters"}`)
	}), "200")
}

// A quota that is used up says what of, how much that is, and where to look.
func TestQuotaSaysWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quota(w.A, "items", 2)
	got := w.want(w.as(w.A.people["admin"], call("POST", "/items").json(anItem), w.A), 402, "quota_exceeded")
	for _, words := range []string{"items", "at most 2", "GET /api/v1/tenant/usage", "operator"} {
		if !strings.Contains(got.body, words) {
			t.Errorf("it does not say %q: %v", words, got)
		}
	}
	if fields := got.fields(); !slices.Equal(fields, []string{"items:quota"}) {
		t.Errorf("its fields are %v", fields)
	}
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM audit_events WHERE action = 'item.create'`); n != 0 {
		t.Errorf("it left %d events", n)
	}
}

// What an operator sets is set at once and stands in the tenant's log. A quota below what there is takes nothing away; deleting gives room, raising and
// taking away too.
func TestQuotaChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	create := func(status int) (id string) {
		t.Helper()
		got := w.want(w.as(admin, call("POST", "/items").json(anItem), w.A), status)
		return got.header.Get("Location")[strings.LastIndex(got.header.Get("Location"), "/")+1:]
	}
	if got := w.usage(w.A, "items"); *got.Used != 2 || got.Maximum != nil || got.ResetsAt != nil {
		t.Errorf("without a quota: %+v", got)
	}
	w.quota(w.A, "items", 1)
	if got := w.usage(w.A, "items"); *got.Used != 2 || *got.Maximum != 1 {
		t.Errorf("below what there is: %+v", got)
	}
	create(402)
	w.want(w.as(admin, call("DELETE", "/items/"+w.A.own.String()), w.A), 200)
	create(402)
	w.quota(w.A, "items", 2)
	made := create(201)
	create(402)
	w.want(w.as(admin, call("PATCH", "/items/"+made).json(`{"price_cents":2}`), w.A), 200)
	w.want(w.as(admin, call("DELETE", "/items/"+made), w.A), 200)
	create(201)
	create(402)
	w.quota(w.A, "items", 0)
	create(402)
	w.quota(w.A, "items", none)
	create(201)
	if got := w.usage(w.A, "items"); *got.Used != 3 || got.Maximum != nil {
		t.Errorf("taken away: %+v", got)
	}
	got := testdb.Value[[]string](w.db, `
		SELECT array_agg(concat_ws(' ', action, before ->> 'maximum', '->', after ->> 'maximum') ORDER BY id)
		  FROM audit_events
		 WHERE tenant_id = $1
		   AND entity_type = 'quota'`, w.A.id)
	if diff := cmp.Diff([]string{"tenant.quota -> 1", "tenant.quota 1 -> 2", "tenant.quota 2 -> 0", "tenant.quota 0 ->"}, got); diff != "" {
		t.Errorf("in the log (-want +got):\n%s", diff)
	}
}

// A subject that there is not is refused, and so is a tenant; of several subjects that are set at once none is then.
func TestQuotaOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := func(tenant ids.TenantID, text string) (int64, error) {
		return w.server.doors.System(tenant, "tenant.quota").QuotaSet(t.Context(), db.QuotaSetParams{TenantID: tenant, Quotas: []byte(text)})
	}
	for _, text := range []string{`{"items":1,"pg_class":1}`, `{"items":1,"tenants":1}`, `{"items":1,"":1}`} {
		if _, err := set(w.A.id, text); codeOf(err) != "RHSUB" {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if n, err := set(ids.New[ids.TenantID](), `{"items":1}`); n != 0 || err != nil {
		t.Errorf("no such tenant: got %d, %v", n, err)
	}
	w.want(w.as(w.A.people["admin"], call("POST", "/items").json(anItem), w.A), 201)
}

// An import is made whole or not at all: not up to the quota.
func TestQuotaOfImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quota(w.A, "items", 2+1500)
	line := strings.Repeat(anItem+"\n", 1500)
	w.want(w.importAs(w.A.people["admin"], w.A, rest.NDJSON, line+anItem), 402, "quota_exceeded")
	w.uses(w.A, "items", 2)
	w.want(w.importAs(w.A.people["admin"], w.A, rest.NDJSON, line), 200)
	w.uses(w.A, "items", 1502)
	if n := w.rowsIn(w.A, "items"); n != 1502 {
		t.Errorf("there are %d", n)
	}
}

// What another tenant makes, sets or uses up changes nothing in a tenant's quotas.
func TestQuotasAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quota(w.A, "items", 3)
	w.quota(w.B, "items", 1000)
	before := w.want(w.as(w.A.people["admin"], call("GET", "/tenant/usage"), w.A), 200).body
	w.want(w.importAs(w.B.people["admin"], w.B, rest.NDJSON, strings.Repeat(anItem+"\n", 900)), 200)
	w.quota(w.B, "items", 0)
	w.quota(w.B, "requests_per_day", 1)
	w.want(w.as(w.B.people["admin"], call("POST", "/items").json(anItem), w.B), 402)
	w.server.Counted(t.Context())
	w.want(w.as(w.B.people["admin"], call("GET", "/items"), w.B), 429)
	if diff := cmp.Diff(strip(before), strip(w.want(w.as(w.A.people["admin"], call("GET", "/tenant/usage"), w.A), 200).body)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	w.want(w.as(w.A.people["admin"], call("POST", "/items").json(anItem), w.A), 201)
	w.want(w.as(w.A.people["admin"], call("POST", "/items").json(anItem), w.A), 402)
	// Who cannot enter the tenant uses nothing up.
	w.quota(w.A, "requests_per_day", 2)
	for range 5 {
		w.want(w.as(w.B.people["admin"], call("GET", "/items"), w.A), 403, "tenant_forbidden")
	}
	w.server.Counted(t.Context())
	w.want(w.as(w.A.people["admin"], call("GET", "/items"), w.A), 200)
}

func strip(body string) string { return body[:strings.LastIndex(body, "]")] }

// Whoever makes or removes a row while a quota is set for the first time is counted, though nothing told his transaction of a quota: it is waited for.
func TestQuotaIsSetMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, write := range []string{
		`INSERT INTO items (tenant_id, name, price_cents) VALUES ($1, 'Oak table', 1)`,
		`DELETE FROM items WHERE tenant_id = $1 AND id = (SELECT min(id::text)::uuid FROM items WHERE tenant_id = $1)`,
	} {
		conn := w.db.Connect(w.db.Server())
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{`SELECT set_config('app.tenant_id', CAST($1 AS uuid)::text, true)`, write} {
			if _, err := tx.Exec(t.Context(), sql, w.A.id); err != nil {
				t.Fatal(err)
			}
		}
		var set sync.WaitGroup
		set.Go(func() { w.quota(w.A, "items", int64(100+i)) })
		w.until(`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%set_quota%')`)
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		set.Wait()
		w.uses(w.A, "items", w.rowsIn(w.A, "items"))
		w.quota(w.A, "items", none)
	}
}

// Whatever is made, removed, imported and set by many at once, what is kept count of is what there is: of every table that has quotas.
func TestQuotasAreTheCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	subjects := testdb.Value[[]string](w.db, `SELECT array_agg(tgrelid::regclass::text) FROM pg_trigger WHERE tgname = 'quota_insert'`)
	if len(subjects) < 14 {
		t.Errorf("only %v have quotas", subjects)
	}
	for _, subject := range subjects {
		w.quota(w.A, subject, 1_000_000)
		w.quota(w.B, subject, 1_000_000)
	}
	var all sync.WaitGroup
	for _, h := range []house{w.A, w.B} {
		admin := h.people["admin"]
		send := func(r request) response { return w.send(w.as(admin, r, h)) }
		for n := range 3 {
			all.Go(func() {
				for i := range 12 {
					tag := fmt.Sprintf("%s-%d-%d", strings.ToLower(h.canary[len(h.canary)-1:]), n, i)
					var made []string
					for path, body := range map[string]string{
						"/items":    anItem,
						"/users":    `{"email":"` + tag + `@example.com","name":"x"}`,
						"/teams":    `{"name":"` + tag + `"}`,
						"/roles":    `{"name":"` + tag + `","permissions":[]}`,
						"/clients":  `{"name":"x"}`,
						"/api-keys": `{"name":"x"}`,
					} {
						if got := send(call("POST", path).json(body)); got.status == 201 {
							made = append(made, strings.TrimPrefix(got.header.Get("Location"), rest.Base))
						} else {
							t.Errorf("%s: %v", path, got)
						}
					}
					if i%2 == 0 {
						for _, path := range made {
							send(call("DELETE", path))
						}
					}
					if i%4 == 0 {
						w.send(w.importAs(admin, h, rest.NDJSON, strings.Repeat(anItem+"\n", 150)))
					}
				}
			})
		}
		all.Go(func() {
			for i := range 12 {
				w.quota(h, "items", []int64{none, 1_000_000}[i%2])
				w.quota(h, "users", []int64{none, 1_000_000}[i%2])
			}
		})
	}
	all.Wait()
	for _, h := range []house{w.A, w.B} {
		for _, subject := range subjects {
			if got, want := testdb.Value[int64](w.db, `SELECT used FROM quotas WHERE tenant_id = $1 AND subject = $2`, h.id, subject), w.rowsIn(h, subject); got != want {
				t.Errorf("%s of %s: %d are counted, and %d there", subject, h.canary, got, want)
			}
		}
	}
}

// Requests that were answered are counted; when a quota of them is used up, the next is refused until the window ends, whichever credential it has, also
// where it had a pass, and says when that is. What is used can still be asked; another tenant is not refused; and a raised quota lets in at once.
func TestQuotaOfRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	key := w.key(w.A, admin, "").Key
	get := func() request { return w.as(admin, call("GET", "/items"), w.A) }
	if got := w.usage(w.A, "requests_per_day"); got.Used != nil || got.Maximum != nil {
		t.Errorf("without a quota: %+v", got)
	}
	w.quota(w.A, "requests_per_minute", 1000)
	w.quota(w.A, "requests_per_day", 12) // with two that are not yet written
	for range 6 {
		w.want(get(), 200)
	}
	w.want(w.as(admin, call("GET", "/items/"+ids.New[ids.ItemID]().String()), w.A), 404)
	w.want(w.as(admin, call("GET", "/items?surplus=1"), w.A), 400) // refused before anybody knew whose it was
	w.server.Counted(t.Context())
	w.uses(w.A, "requests_per_day", 9)
	w.want(get(), 200)
	w.want(byKey(key, call("GET", "/items")), 200)
	w.server.Counted(t.Context()) // and usage was asked
	for _, r := range []request{get(), byKey(key, call("GET", "/items")), w.as(w.A.people["member"], call("GET", "/teams"), w.A), w.as(admin, call("POST", "/items").json(anItem), w.A)} {
		got := w.want(r, 429, "quota_exceeded")
		if wait, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || wait < 1 || wait > 86400 || got.header.Get("RateLimit-Limit") != "12" || !strings.Contains(got.body, "requests_per_day, at most 12") {
			t.Errorf("got %v %v", got, got.header)
		}
	}
	w.want(w.as(w.B.people["admin"], call("GET", "/items"), w.A), 403, "tenant_forbidden")
	w.want(w.as(w.B.people["admin"], call("GET", "/items"), w.B), 200)
	got := w.usage(w.A, "requests_per_day")
	if *got.Used < 12 || got.ResetsAt == nil || !got.ResetsAt.Equal(got.ResetsAt.UTC().Truncate(24*time.Hour)) {
		t.Errorf("used up: %+v", got)
	}
	w.want(get(), 429) // though usage is a read, which leaves a pass
	w.server.Counted(t.Context())
	w.want(get(), 429)

	w.quota(w.A, "requests_per_day", 1000)
	w.want(get(), 200)
	w.quota(w.A, "requests_per_day", 1)
	w.want(get(), 429)
	w.db.Exec(`UPDATE quotas SET resets_at = now() WHERE tenant_id = $1 AND resets_at IS NOT NULL`, w.A.id)
	w.db.Exec(`UPDATE tenants SET held_until = now() WHERE id = $1`, w.A.id)
	w.want(get(), 200)
	w.server.Counted(t.Context())
	w.want(get(), 429) // the next window is used up too
	w.quota(w.A, "requests_per_day", none)
	w.want(get(), 200)
}

// A server counts by itself: after the first requests of a tenant, and the closer to the end the sooner.
func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, "rowhouse_server", func(c *Config) { c.CountEvery = time.Millisecond })
	w.quota(w.A, "requests_per_day", 20)
	admin := w.A.people["admin"]
	w.want(w.as(admin, call("GET", "/items"), w.A), 200)
	for late := time.Now().Add(20 * time.Second); ; {
		if got := w.send(w.as(admin, call("GET", "/items"), w.A)); got.code() == "quota_exceeded" {
			break
		} else if time.Now().After(late) {
			t.Fatalf("got %v", got)
		}
	}
	if n := testdb.Value[int64](w.db, `SELECT used FROM quotas WHERE tenant_id = $1 AND subject = 'requests_per_day'`, w.A.id); n < 20 {
		t.Errorf("it was refused after %d of 20", n)
	}
}

// More jobs than the quota allows are not asked for: what would make one is refused, and not half done. What the system asks for is done.
func TestQuotaOfJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	waiting := *w.usage(w.A, "jobs").Used
	w.quota(w.A, "jobs", waiting+5)
	counts := w.race(30, func(i int) request {
		return w.as(admin, call("POST", "/invitations").json(fmt.Sprintf(`{"email":"guest%d@example.com","role":"member"}`, i)), w.A)
	})
	if counts["201"] != 5 || counts["402 quota_exceeded"] != 25 {
		t.Errorf("got %v", counts)
	}
	w.uses(w.A, "jobs", waiting+5)
	if n := testdb.Value[int](w.db, `SELECT count(*) FROM invitations WHERE tenant_id = $1 AND email LIKE 'guest%'`, w.A.id); n != 5 {
		t.Errorf("%d invitations, of which 5 are mailed", n)
	}
	w.want(w.as(w.B.people["admin"], call("POST", "/invitations").json(`{"email":"guest@example.com","role":"member"}`), w.B), 201)

	job := content[[]Job](t, w.want(w.as(admin, call("GET", "/jobs?state=waiting"), w.A), 200))[0].ID.String()
	w.want(w.as(admin, call("POST", "/jobs/"+job+"/cancel"), w.A), 200)
	w.invited(w.A, "cleo@example.com")
	w.want(w.as(admin, call("POST", "/jobs/"+job+"/retry"), w.A), 402, "quota_exceeded")
	w.want(w.as(admin, call("DELETE", "/tenant?confirm="+w.A.canary), w.A), 200) // which is done by a job
}

// Of a quota of events the newest are kept, and those of the last 30 days; without one all are.
func TestQuotaOfEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := func(n, days int) {
		w.db.Exec(`INSERT INTO audit_events (tenant_id, action, entity_type, entity_id, created_at)
			SELECT t.id, 'item.update', 'item', uuid_v7(), now() - make_interval(days => $2) - make_interval(secs => n) FROM generate_series(1, $1) n, tenants t`, n, days)
	}
	expire := func(h house) {
		t.Helper()
		for more := true; more; {
			var err error
			if more, err = w.server.doors.System(h.id, "tenant.expire").TenantExpire(t.Context(), db.TenantExpireParams{TenantID: h.id, Most: 7}); err != nil {
				t.Fatal(err)
			}
		}
	}
	made(30, 40)
	made(5, 3)
	expire(w.A)
	if n := w.rowsIn(w.A, "audit_events"); n != 35 {
		t.Errorf("without a quota %d of 35 are kept", n)
	}
	w.quota(w.A, "audit_events", 20) // of which an event tells
	expire(w.A)
	w.uses(w.A, "audit_events", 20)
	w.quota(w.A, "audit_events", 2)
	expire(w.A)
	w.uses(w.A, "audit_events", 7)
	if n := w.rowsIn(w.B, "audit_events"); n != 35 {
		t.Errorf("%d of the other tenant's 35 are kept", n)
	}
}

// An archive has the quotas, is put back whatever they say, and is held to them again from then on.
func TestQuotasOfAnArchive(t *testing.T) {
	t.Parallel()
	v := newVault(t, newRows(t))
	setQuota(t, v.doors, v.A, "items", 1)
	setQuota(t, v.doors, v.A, "jobs", 0)
	was := v.export(v.A)
	other := v.A
	other.id = ids.New[ids.TenantID]()
	if _, err := v.importing(was, archive.Options{As: other.id}); err != nil {
		t.Fatal(err)
	}
	if used, n := testdb.Value[int64](v.db, `SELECT used FROM quotas WHERE tenant_id = $1 AND subject = 'items'`, other.id), v.rowsIn(other, "items"); used != n || n != 2 {
		t.Errorf("%d are counted, and %d there", used, n)
	}
	_, err := v.doors.System(other.id, "test.test").ItemCreate(t.Context(), db.ItemCreateParams{TenantID: other.id, Name: "x", PriceCents: 1})
	if codeOf(err) != "RHQUO" {
		t.Errorf("got %v", err)
	}
}
