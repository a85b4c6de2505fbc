package handlers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowhouse/testdb"
)

// slug is the name of the house in public addresses.
func (w *world) slug(h house) string {
	return testdb.Value[string](w.db, `SELECT slug FROM tenants WHERE id = $1`, h.id)
}

// open makes the house public, as its admin does.
func (w *world) open(h house) {
	w.want(w.as(h.people["admin"], call("PATCH", "/tenant").json(`{"is_public":true}`), h), 200)
}

// modes are the two ways of choosing the tenant.
func (w *world) modes() map[string]func(person, request, house) request {
	return map[string]func(person, request, house) request{
		"by header": func(p person, r request, h house) request { return w.as(p, r, h) },
		"bound":     func(p person, r request, h house) request { return r.with("Authorization", "Bearer "+w.token(p, h.id)) },
	}
}

// everyField is one field of all that a list holds, sorted.
func everyField(t *testing.T, got response, field string) (all []string) {
	t.Helper()
	for _, row := range content[[]map[string]any](t, got) {
		all = append(all, fmt.Sprint(row[field]))
	}
	slices.Sort(all)
	return all
}

// A community's day: a member joins, affirms that he votes, proposes a group; the admin approves it, and everybody finds it. All of it is said
// over HTTP, whichever way the tenant is chosen.
func TestCommunityDay(t *testing.T) {
	t.Parallel()
	for mode := range (&world{}).modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			in := w.modes()[mode]
			admin, member := w.A.people["admin"], w.A.people["member"]
			w.want(in(admin, call("PATCH", "/tenant").json(`{"is_public":true}`), w.A), 200)
			slug := content[struct{ Tenant Tenant }](t, w.want(in(admin, call("GET", "/tenant"), w.A), 200)).Tenant.Slug

			joined := content[struct{ Membership Membership }](t, w.want(in(member, call("POST", "/memberships").
				json(`{"legal_name":"Ada Byron","email_address":"ada@example.com","code_of_conduct":true,"votes":true}`), w.A), 201)).Membership
			if joined.MembershipType != "basic" || joined.HigherLevel || !joined.NeedsVoteAffirmation || joined.LastVoteAffirmation != nil {
				t.Errorf("joined: got %+v", joined)
			}
			path := "/memberships/" + joined.ID.String()
			affirmed := content[struct{ Membership Membership }](t, w.want(in(member, call("POST", path+"/affirm-vote"), w.A), 200)).Membership
			if affirmed.NeedsVoteAffirmation || affirmed.LastVoteAffirmation == nil {
				t.Errorf("affirmed: got %+v", affirmed)
			}
			raised := content[struct{ Membership Membership }](t, w.want(in(admin, call("PATCH", path).json(`{"membership_type":"supporting"}`), w.A), 200)).Membership
			if raised.MembershipType != "supporting" || !raised.HigherLevel {
				t.Errorf("raised: got %+v", raised)
			}

			group := content[map[string]UserGroup](t, w.want(in(member, call("POST", "/user-groups").
				json(`{"name":"Rust Madrid","location":"Madrid","url":"https://groups.example.com/rust","url_type":"meetup"}`), w.A), 201))["user_group"]
			public := call("GET", "/public/"+slug+"/user-groups")
			if got := everyField(t, w.want(public, 200), "name"); slices.Contains(got, "Rust Madrid") {
				t.Errorf("everybody finds a group that nobody approved: %v", got)
			}
			of := "/user-groups/" + group.ID.String()
			w.want(in(member, call("POST", of+"/approve"), w.A), 403, "permission_denied")
			w.want(in(admin, call("POST", of+"/approve"), w.A), 200)
			w.want(in(admin, call("POST", of+"/mark-trusted"), w.A), 200)
			found := content[[]PublicUserGroup](t, w.want(call("GET", public.path+"?q=rust"), 200))
			if len(found) != 1 || found[0].Name != "Rust Madrid" || !found[0].Trusted {
				t.Errorf("the public page: got %+v", found)
			}
			w.want(in(member, call("PATCH", of).json(`{"location":"Bilbao"}`), w.A), 200)
			if found := content[[]PublicUserGroup](t, w.want(call("GET", public.path+"?q=rust"), 200)); len(found) != 0 {
				t.Errorf("moved, and still on the public page: %+v", found)
			}
		})
	}
}

// A tenant's public pages show nothing of the tenants that are not public, or not active: of these they say what they say of none, byte for byte.
func TestPublicPagesOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(w.A)
	slug := w.slug(w.A)
	for _, page := range []string{"profiles", "user-groups", "portfolio-items"} {
		w.want(call("GET", "/public/"+slug+"/"+page), 200)
		never := w.want(call("GET", "/public/never-was/"+page), 404, "not_found")
		if got := w.want(call("GET", "/public/"+w.slug(w.B)+"/"+page), 404); got.anonymous() != never.anonymous() {
			t.Errorf("%s of a tenant that is not public: got %v, want %v", page, got, never)
		}
		// A credential, or the header, opens nothing.
		if got := w.send(w.as(w.B.people["admin"], call("GET", "/public/"+w.slug(w.B)+"/"+page), w.B)); got.status != 404 {
			t.Errorf("%s of a tenant that is not public, for its admin: got %v", page, got)
		}
	}
	for _, status := range []string{"suspended", "deleting"} {
		w.db.Exec(`UPDATE tenants SET status = $2 WHERE id = $1`, w.A.id, status)
		w.want(call("GET", "/public/"+slug+"/profiles"), 404, "not_found")
	}
}

// Public pages are lists like others: cursors, totals and filters, a cursor being good for one tenant alone.
func TestPublicPagesAreLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(w.A)
	w.open(w.B)
	for table, change := range map[string]string{"profiles": ``, "user-groups": `UPDATE user_groups SET approved_at = now()`, "portfolio-items": `UPDATE portfolio_items SET is_public = true`} {
		if change != "" {
			w.db.Exec(change)
		}
		path := "/public/" + w.slug(w.A) + "/" + table
		var page struct {
			Content []json.RawMessage
			Page    struct {
				Next  *string
				Total *int
			}
		}
		read := func(query string) {
			page.Content, page.Page.Next, page.Page.Total = nil, nil, nil
			if err := json.Unmarshal([]byte(w.want(call("GET", path+"?"+query), 200).body), &page); err != nil {
				t.Fatal(err)
			}
		}
		read("page_size=200&count=true")
		all := page.Content
		if page.Page.Total == nil || *page.Page.Total != len(all) || len(all) < 2 {
			t.Errorf("%s: %d rows, total %v", table, len(all), page.Page.Total)
		}
		read("page=1000&count=true")
		if page.Page.Total == nil || *page.Page.Total != len(all) {
			t.Errorf("%s beyond the end: total %v, want %d", table, page.Page.Total, len(all))
		}
		read("page_size=1")
		if page.Page.Next == nil {
			t.Fatalf("%s: no next page", table)
		}
		cursor := *page.Page.Next
		w.want(call("GET", "/public/"+w.slug(w.B)+"/"+table+"?page_size=1&cursor="+cursor), 400, "invalid_cursor")
		read("page_size=200&cursor=" + cursor)
		if len(page.Content) != len(all)-1 || string(page.Content[0]) != string(all[1]) {
			t.Errorf("%s behind the first: %s, want %s", table, page.Content, all[1:])
		}
		if got := w.send(call("HEAD", path)); got.status != 200 || got.body != "" {
			t.Errorf("HEAD %s: got %v", path, got)
		}
		if got := w.want(call("GET", path), 200); strings.Contains(got.body, w.B.canary) {
			t.Errorf("%s shows B's rows: %v", path, got)
		}
	}
}

// The public pages show approved groups and public portfolio items, and of those and of profiles these fields alone.
func TestPublicFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(w.A)
	w.db.Exec(`UPDATE user_groups SET approved_at = now() WHERE id = $1`, w.A.own)
	w.db.Exec(`UPDATE portfolio_items SET is_public = true WHERE id = $1`, w.A.own)
	for page, want := range map[string]string{
		"profiles":        "artist_id bio email full_name instagram name username",
		"user-groups":     "id location name start_date trusted url url_type",
		"portfolio-items": "artist_id body_area caption color_mode healed id image_url is_cover style title",
	} {
		rows := content[[]map[string]any](t, w.want(call("GET", "/public/"+w.slug(w.A)+"/"+page), 200))
		if page != "profiles" && len(rows) != 1 {
			t.Errorf("%s: %d rows, want the one that is for everybody", page, len(rows))
		}
		for _, row := range rows {
			var fields []string
			for field := range row {
				fields = append(fields, field)
			}
			slices.Sort(fields)
			if got := strings.Join(fields, " "); got != want {
				t.Errorf("%s: got %s, want %s", page, got, want)
			}
		}
	}
}
