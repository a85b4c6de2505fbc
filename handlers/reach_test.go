package handlers

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// modes are the ways to name the tenant: by header, by a token that is bound to it, and by an API key.
var modes = []string{"header", "token", "key"}

// A ring is a world whose people of B have an API key each.
type ring struct {
	*world
	keys    map[ids.AccountID]string
	nobodys string // an id that nobody has
}

func newRing(t *testing.T) *ring {
	t.Helper()
	r := &ring{newRows(t), map[ids.AccountID]string{}, ids.New[ids.ItemID]().UUID()}
	for _, role := range roles {
		p := r.B.people[role]
		key, parts := auth.NewAPIKey(r.B.id)
		r.db.Exec(`INSERT INTO api_keys (tenant_id, id, user_id, name, key_prefix, hash, created_at, updated_at)
			SELECT tenant_id, account_id, id, name, $3, $4, $5, $5 FROM users WHERE tenant_id = $1 AND account_id = $2`,
			r.B.id, p.account, parts.Prefix, parts.Hash, atTheSameTime)
		r.keys[p.account] = key
	}
	r.deputy(r.B)
	for _, h := range []house{r.A, r.B, r.A, r.B} { // two events each
		r.event(h)
	}
	return r
}

// fresh is the world as it was, served to a login.
func (r *ring) fresh(t *testing.T, login string) *ring {
	t.Helper()
	w := r.copy(t)
	w.server, w.URL = w.serve(w.db.URL(login), worldConfig(nil))
	return &ring{w, r.keys, r.nobodys}
}

// by sends as the person in B, by a mode.
func (r *ring) by(mode string, p person, ask request) request {
	switch mode {
	case "token":
		return bearer(r.token(p, r.B.id), ask)
	case "key":
		return byKey(r.keys[p.account], ask)
	}
	return r.as(p, ask, r.B)
}

// swap is a request that names what is another tenant's, beside one that names in its place what nobody has.
type swap struct {
	place           string
	theirs, nobodys request
}

// swaps are made for each place of a route where an id may stand: in the path, there with the ETag of the other tenant's row, in the
// query and in the body; and for a cursor of the other tenant's list.
func (r *ring) swaps(t *testing.T, route *rest.Route, sample request) (all []swap) {
	t.Helper()
	put := func(place string, with func(id string) request) {
		all = append(all, swap{place, with(r.A.own.UUID()), with(r.nobodys)})
	}
	method, pattern, _ := strings.Cut(route.Pattern, " ")
	path, query, _ := strings.Cut(sample.path, "?")
	asked := func(more string) request {
		ask := sample
		ask.path = path + "?" + strings.Trim(query+"&"+more, "&")
		return ask
	}
	for i, segment := range strings.Split(pattern, "/") {
		if !strings.HasPrefix(segment, ":") {
			continue
		}
		at := func(id string) request {
			segments := strings.Split(path, "/")
			segments[i] = id
			ask := asked("")
			ask.path = strings.TrimSuffix(strings.Replace(ask.path, path, strings.Join(segments, "/"), 1), "?")
			return ask
		}
		put("path "+segment, at)
		etag := r.send(r.as(r.A.people["admin"], call("GET", at(r.A.own.UUID()).path), r.A)).header.Get("ETag")
		if method != http.MethodPost && etag != "" {
			put("path "+segment+" and If-Match", func(id string) request { return at(id).with("If-Match", etag) })
			put("path "+segment+" and If-None-Match", func(id string) request { return at(id).with("If-None-Match", etag) })
		}
	}
	for _, f := range rest.FieldsOf(route.Input) {
		switch {
		case f.Name == "cursor":
			its := strings.ReplaceAll(path, r.B.own.UUID(), r.A.own.UUID()) // where the list is of a row's
			list := r.send(r.as(r.A.people["admin"], call("GET", its+"?page_size=1"), r.A))
			if next := nextPage.FindStringSubmatch(list.body); next != nil {
				all = append(all, swap{"cursor", asked("cursor=" + next[1]), asked("cursor=" + strings.Repeat("A", len(next[1])))})
			} else {
				t.Errorf("%s has no second page: %v", route.Pattern, list)
			}
		case !strings.HasPrefix(f.Type.PkgPath(), "rowhouse/ids"):
		case f.Source == "query":
			put("query "+f.Name, func(id string) request { return asked(f.Name + "=" + id) })
		case f.Source == "json":
			put("body "+f.Name, func(id string) request {
				body := map[string]any{}
				if err := json.Unmarshal([]byte(sample.body), &body); err != nil && sample.body != "" {
					t.Fatal(err)
				}
				body[f.Name] = id
				if f.Name == "artist_id" && slices.ContainsFunc(rest.FieldsOf(route.Input), func(f rest.Field) bool { return f.Name == "role" }) {
					body["role"] = "artist"
				}
				text, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				return call(sample.method, sample.path).json(string(text))
			})
		}
	}
	return all
}

// nothing is how every route answers that is asked for what nobody has: it refuses, lists nothing, or had nothing to take away.
var nothing = regexp.MustCompile(`"code":"[a-z_]+"|"content":\[\]|"lines":\[\]|^$|^[a-z_,]+\n$|"revoked":0|"Role unassigned"`)

// Wherever an id of another tenant may stand, naming what is there answers byte for byte as naming what nobody has, to every role and
// by every mode; nothing changes there, and no answer holds a word of it. It holds with the queries and row-level security, and with
// the queries alone.
func TestForeignEverywhere(t *testing.T) {
	t.Parallel()
	base := newRing(t)
	for _, login := range []string{schema.Server, testdb.Unbound} {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			r := base.fresh(t, login)
			r.want(r.as(r.A.people["admin"], call("GET", "/tenant"), r.A), 200) // notes that the user is here
			before := snapshot(r.world, r.A)
			cells := 0
			same := func(what string, theirs, nobodys request) {
				t.Helper()
				cells += 2
				got, want := r.send(theirs), r.send(nobodys)
				told := strings.ReplaceAll(got.anonymous(), r.A.own.UUID(), r.nobodys) // what was asked for may be repeated
				if got.status != want.status || told != want.anonymous() || len(got.header) != len(want.header) {
					t.Errorf("%s: of the other tenant %v %v, of nobody %v %v", what, got, got.header, want, want.header)
				}
				if strings.Contains(got.body, r.A.canary) {
					t.Errorf("%s shows the other tenant's: %v", what, got)
				}
				if !nothing.MatchString(want.body) { // two that are alike may both be wrong
					t.Errorf("%s: of nobody %v, which is neither a refusal nor says that there is nothing", what, want)
				}
			}
			never := house{id: ids.New[ids.TenantID]()}
			for route, sample := range tenantRoutes(t, r.B) {
				swaps := r.swaps(t, route, sample)
				for role, p := range r.B.people {
					if !*whole && role != "admin" {
						continue
					}
					for _, mode := range modes {
						for _, s := range swaps {
							same(route.Pattern+" as "+role+" by "+mode+", "+s.place, r.by(mode, p, s.theirs), r.by(mode, p, s.nobodys))
						}
					}
					same(route.Pattern+" as "+role+", X-Tenant-Id", r.as(p, sample, r.A), r.as(p, sample, never))
					same(route.Pattern+" as "+role+", bound token", bearer(r.token(p, r.A.id), sample), bearer(r.token(p, never.id), sample))
				}
				same(route.Pattern+" of nobody, X-Tenant-Id", r.as(r.nobody, sample, r.A), r.as(r.nobody, sample, never))
			}
			for _, s := range r.accountSwaps(t, never.id) {
				same(s.place, r.as(r.B.people["member"], s.theirs), r.as(r.B.people["member"], s.nobodys))
			}
			if diff := cmp.Diff(before, snapshot(r.world, r.A)); diff != "" {
				t.Errorf("the other tenant has changed:\n%s", diff)
			}
			t.Attr("foreign_cells", strconv.Itoa(cells))
		})
	}
}

// accountSwaps are the swaps of the routes that have no tenant: a route that takes an id has one, or fails the test.
func (r *ring) accountSwaps(t *testing.T, never ids.TenantID) (all []swap) {
	t.Helper()
	known := map[string]bool{}
	r.db.Exec(`UPDATE tenants SET is_public = true WHERE id = $1`, r.B.id)
	slug := testdb.Value[string](r.db, `SELECT slug FROM tenants WHERE id = $1`, r.B.id)
	for _, s := range []struct{ pattern, path, body, theirs, nobodys string }{ // with an id for %s
		{"DELETE /auth/sessions/:session_id", "/auth/sessions/%s", ``, r.A.people["admin"].session.String(), ids.New[ids.SessionID]().String()},
		{"POST /auth/switch-tenant", "/auth/switch-tenant", `{"tenant_id":"%s"}`, r.A.id.String(), never.String()},
		{"POST /auth/switch-tenant", "/auth/switch-tenant", `{"tenant_id":"%s","reason":"none of mine"}`, r.A.id.String(), never.String()},
		{"POST /auth/login", "/auth/login", `{"login":"member-b","password":"` + password + `","tenant_id":"%s"}`, r.A.id.String(), never.String()},
		{"GET /platform/tenants/:tenant_id", "/platform/tenants/%s", ``, r.A.id.String(), never.String()},
		{"GET /platform/tenants/:tenant_id/stats", "/platform/tenants/%s/stats", ``, r.A.id.String(), never.String()},
		{"GET /platform/tenants/:tenant_id/export", "/platform/tenants/%s/export", ``, r.A.id.String(), never.String()},
		{"GET /platform/tenants/:tenant_id/usage", "/platform/tenants/%s/usage", ``, r.A.id.String(), never.String()},
		{"PATCH /platform/tenants/:tenant_id/quotas/:subject", "/platform/tenants/%s/quotas/items", `{"maximum":1}`, r.A.id.String(), never.String()},
		{"POST /platform/tenants/:tenant_id/suspend", "/platform/tenants/%s/suspend", ``, r.A.id.String(), never.String()},
		{"POST /platform/tenants/:tenant_id/resume", "/platform/tenants/%s/resume", ``, r.A.id.String(), never.String()},
		{"POST /platform/tenants/:tenant_id/erase", "/platform/tenants/%s/erase", `{"confirm":"` + r.A.canary + `"}`, r.A.id.String(), never.String()},
		{"GET /public/:tenant_slug/portfolio-items", "/public/" + slug + "/portfolio-items?artist_id=%s", ``, r.A.own.UUID(), r.nobodys},
	} {
		known[s.pattern] = true
		of := func(id string) request {
			method, _, _ := strings.Cut(s.pattern, " ")
			ask := call(method, strings.ReplaceAll(s.path, "%s", id))
			if s.body != "" {
				ask = ask.json(strings.ReplaceAll(s.body, "%s", id))
			}
			return ask
		}
		all = append(all, swap{s.pattern, of(s.theirs), of(s.nobodys)})
	}
	for i := range routes {
		for _, f := range rest.FieldsOf(routes[i].Input) {
			if routes[i].Scope != rest.TenantScope && strings.HasPrefix(f.Type.PkgPath(), "rowhouse/ids") && !known[routes[i].Pattern] {
				t.Errorf("%s: nobody has tried another's %s", routes[i].Pattern, f.Name)
			}
		}
	}
	return all
}

// An Idempotency-Key that was used in one tenant is new in another, to the same account too.
func TestForeignIdempotencyKey(t *testing.T) {
	t.Parallel()
	r := newRing(t).fresh(t, schema.Server)
	r.db.Exec(`UPDATE users SET role = 'admin' WHERE account_id = $1`, r.both.account)
	cells := 0
	for route, sample := range tenantRoutes(t, r.B) {
		if !route.Idempotent() || ending[route.Pattern] {
			continue
		}
		theirs := r.send(r.as(r.both, samples(r.A)[route.Pattern], r.A).with("Idempotency-Key", "the same"))
		ours := r.send(r.as(r.both, sample, r.B).with("Idempotency-Key", "the same"))
		again := r.send(r.as(r.both, sample, r.B).with("Idempotency-Key", "the same"))
		if theirs.status >= 300 || ours.status >= 300 || ours.header.Get("Idempotent-Replayed") != "" || strings.Contains(ours.body, r.A.canary) {
			t.Errorf("%s: in one tenant %v, in the other %v", route.Pattern, theirs, ours)
		}
		if again.header.Get("Idempotent-Replayed") == "" {
			t.Errorf("%s again: got %v, want the first answer", route.Pattern, again)
		}
		cells++
	}
	t.Attr("idempotency_cells", strconv.Itoa(cells))
}

// What a user may do to a row of the tenant, and to one of his own, is the same by header, bound token and API key, and where rows
// have owners it is what the golden grid shows: his own before another's.
func TestReachGolden(t *testing.T) {
	t.Parallel()
	base := newRing(t)
	words := make([]map[string]string, len(routes)) // by route: by role, mode and whose
	chosen := roles
	if !*whole {
		chosen = roles[3:] // who can do least, so that few worlds are made
	}
	for i := range words {
		words[i] = map[string]string{}
	}
	cells := 0
	for _, role := range chosen {
		for _, mode := range modes {
			r := base.fresh(t, schema.Server)
			p := r.B.people[role]
			me := "/users/" + r.userID(r.B, p).UUID()
			mine := strings.NewReplacer("/users/"+r.B.own.UUID(), me, "/users/"+second(r.B.own).UUID(), me, "/api-keys/"+r.B.own.UUID(), "/api-keys/"+p.account.UUID())
			for i := range routes {
				route := &routes[i]
				if route.Scope != rest.TenantScope {
					continue
				}
				other := samples(r.B)[route.Pattern]
				own := other
				own.path = mine.Replace(other.path)
				for whose, ask := range map[string]request{"other": other, "own": own} {
					if whose == "own" && own.path == other.path {
						continue
					}
					got := r.send(r.by(mode, p, ask))
					word := got.code()
					if got.status < 300 {
						word = "yes"
						if route.Pattern[:3] != "GET" {
							r = base.fresh(t, schema.Server) // the next finds every row untouched
						}
					}
					words[i][role+" "+mode+" "+whose] = word
					cells++
				}
			}
		}
	}
	var grid strings.Builder
	fmt.Fprintf(&grid, "%-37s", "one's own before another's")
	for _, role := range roles {
		fmt.Fprintf(&grid, " %-37s", role)
	}
	for i := range routes {
		line, owned := fmt.Sprintf("\n%-37s", routes[i].Pattern), false
		for _, role := range chosen {
			at := func(mode, whose string) string { return words[i][role+" "+mode+" "+whose] }
			for _, whose := range []string{"own", "other"} {
				if at("token", whose) != at("header", whose) || at("key", whose) != at("header", whose) {
					t.Errorf("%s as %s, %s: %q by header, %q by token, %q by key", routes[i].Pattern, role, whose, at("header", whose), at("token", whose), at("key", whose))
				}
			}
			owned = owned || at("header", "own") != ""
			line += fmt.Sprintf(" %-37s", at("header", "own")+", "+at("header", "other"))
		}
		if owned {
			grid.WriteString(line)
		}
	}
	t.Attr("reach_cells", strconv.Itoa(cells))
	if *whole {
		golden(t, "reach.txt", grid.String()+"\n")
	}
}

// How long the answer takes tells nothing either: asked in random order, of the other tenant's and of nobody's, no threshold on the
// time sorts the answers better than chance would (an area under the curve of at most 0.55, where a half is chance).
func TestForeignTiming(t *testing.T) {
	t.Parallel()
	pairs, most := 200, 0.65 // so few say little
	if *whole {
		pairs, most = 5000, 0.55
	}
	r := newRing(t).fresh(t, schema.Server)
	admin, never := r.B.people["admin"], house{id: ids.New[ids.TenantID]()}
	of := func(method, path, body string) [2]request {
		var two [2]request
		for i, id := range []string{r.A.own.UUID(), r.nobodys} {
			two[i] = call(method, strings.ReplaceAll(path, "%s", id))
			if body != "" {
				two[i] = two[i].json(strings.ReplaceAll(body, "%s", id))
			}
			two[i] = r.as(admin, two[i], r.B)
		}
		return two
	}
	asked := map[string][2]request{
		"GET /items/:item_id":       of("GET", "/items/%s", ``),
		"PATCH /items/:item_id":     of("PATCH", "/items/%s", `{"price_cents":7}`),
		"DELETE /users/:user_id":    of("DELETE", "/users/%s", ``),
		"POST /users, team_id":      of("POST", "/users", `{"email":"x@example.com","name":"X","team_id":"%s"}`),
		"GET /api-keys?user_id":     of("GET", "/api-keys?user_id=%s", ``),
		"GET /items, X-Tenant-Id":   {r.as(admin, call("GET", "/items"), r.A), r.as(admin, call("GET", "/items"), never)},
		"GET /tenant, bound token":  {bearer(r.token(admin, r.A.id), call("GET", "/tenant")), bearer(r.token(admin, never.id), call("GET", "/tenant"))},
		"POST /auth/switch-tenant":  {r.as(admin, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+r.A.id.String()+`"}`)), r.as(admin, call("POST", "/auth/switch-tenant").json(`{"tenant_id":"`+never.id.String()+`"}`))},
		"DELETE /auth/sessions/:id": {r.as(admin, call("DELETE", "/auth/sessions/"+r.A.people["admin"].session.String())), r.as(admin, call("DELETE", "/auth/sessions/"+ids.New[ids.SessionID]().String()))},
	}
	for name, two := range asked {
		var took [2][]time.Duration
		for range pairs {
			first := rand.IntN(2)
			for _, i := range []int{first, 1 - first} {
				began := time.Now()
				r.send(two[i])
				took[i] = append(took[i], time.Since(began))
			}
		}
		if area := areaUnderCurve(took[0], took[1]); area > most || area < 1-most {
			t.Errorf("%s: the area under the curve is %.3f", name, area)
		} else {
			t.Logf("%s: %.3f", name, area)
		}
	}
	t.Attr("timed_requests", strconv.Itoa(len(asked)))
	t.Attr("timed_pairs", strconv.Itoa(len(asked)*pairs))
}

// areaUnderCurve is how often a time of the one is longer than a time of the other, over all pairs; equal ones count half.
func areaUnderCurve(one, other []time.Duration) float64 {
	slices.Sort(other)
	wins := 0.0
	for _, d := range one {
		less, _ := slices.BinarySearch(other, d)
		upTo, _ := slices.BinarySearch(other, d+1)
		wins += float64(less) + float64(upTo-less)/2
	}
	return wins / float64(len(one)*len(other))
}

// The area is a half for times that are alike, and one or nothing where one side is always the longer.
func TestAreaUnderCurve(t *testing.T) {
	t.Parallel()
	short, long := []time.Duration{1, 2, 3}, []time.Duration{7, 8, 9}
	for _, c := range []struct {
		one, other []time.Duration
		want       float64
	}{{short, short, 0.5}, {long, short, 1}, {short, long, 0}, {[]time.Duration{2, 8}, []time.Duration{8, 1}, 0.625}} {
		if got := areaUnderCurve(slices.Clone(c.one), slices.Clone(c.other)); got != c.want {
			t.Errorf("%v and %v: got %v, want %v", c.one, c.other, got, c.want)
		}
	}
}
