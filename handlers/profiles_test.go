package handlers

import (
	"slices"
	"strings"
	"testing"

	"rowhouse/testdb"
)

// Each kind of reader sees an e-mail as its owner says, in lists and in one profile alike.
func TestProfileEmails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(w.A)
	owner := w.A.people["assistant"]
	user := testdb.Value[string](w.db, `SELECT id::text FROM users WHERE account_id = $1`, owner.account)
	readers := map[string]func(request) request{
		"its owner": func(r request) request { return w.as(owner, r, w.A) },
		"an admin":  func(r request) request { return w.as(w.A.people["admin"], r, w.A) },
		"an artist": func(r request) request { return w.as(w.A.people["artist"], r, w.A) },
		"a member":  func(r request) request { return w.as(w.A.people["member"], r, w.A) },
		"a bound member": func(r request) request {
			return r.with("Authorization", "Bearer "+w.token(w.A.people["member"], w.A.id))
		},
		"everybody":        nil,
		"who is logged in": nil,
	}
	sees := map[string]string{ // readers of each privacy
		"public":  "its owner, an admin, an artist, a member, a bound member, everybody, who is logged in",
		"private": "its owner, an admin, an artist, a member, a bound member",
		"never":   "its owner, an admin",
	}
	w.db.Exec(`UPDATE users SET name = username WHERE account_id = $1`, owner.account) // which it is looked for by
	for privacy, who := range sees {
		w.want(w.as(owner, call("PATCH", "/users/"+user).json(`{"email_privacy":"`+privacy+`"}`), w.A), 200)
		for reader, as := range readers {
			want := slices.Contains(strings.Split(who, ", "), reader)
			var shown []*string
			if as == nil {
				r := call("GET", "/public/"+w.slug(w.A)+"/profiles?page_size=200&q="+owner.name)
				if reader == "who is logged in" { // even as the owner: a public page is the same for all
					r = w.as(owner, r, w.A)
				}
				for _, p := range content[[]PublicProfile](t, w.want(r, 200)) {
					shown = append(shown, p.Email)
				}
			} else {
				for _, p := range content[[]Profile](t, w.want(as(call("GET", "/profiles?page_size=200&q="+owner.name)), 200)) {
					shown = append(shown, p.Email)
				}
				shown = append(shown, content[map[string]Profile](t, w.want(as(call("GET", "/profiles/"+owner.name)), 200))["profile"].Email)
			}
			if len(shown) == 0 {
				t.Errorf("%s finds no profile", reader)
			}
			for _, email := range shown {
				if (email != nil) != want {
					t.Errorf("%s, to %s: shown %t, want %t", privacy, reader, email != nil, want)
				}
			}
		}
	}
}

// Who is not active, has no profile, or is not to be found, is in no directory, his own and the admin's included.
func TestProfilesOfTheHidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(w.A)
	admin, member := w.A.people["admin"], w.A.people["member"]
	w.db.Exec(`UPDATE users SET name = username WHERE account_id = $1`, member.account) // which it is looked for by
	for _, hide := range []string{`search_visibility = 'private'`, `public_profile = false`, `is_active = false`} {
		w.db.Exec(`UPDATE users SET search_visibility = 'public', public_profile = true, is_active = true WHERE account_id = $1`, member.account)
		w.want(w.as(admin, call("GET", "/profiles/"+member.name), w.A), 200)
		w.db.Exec(`UPDATE users SET `+hide+` WHERE account_id = $1`, member.account)
		w.want(w.as(admin, call("GET", "/profiles/"+member.name), w.A), 404, "not_found")
		for _, got := range []response{
			w.want(w.as(admin, call("GET", "/profiles?page_size=200&count=true"), w.A), 200),
			w.want(call("GET", "/public/"+w.slug(w.A)+"/profiles?page_size=200"), 200),
			w.want(call("GET", "/public/"+w.slug(w.A)+"/profiles?q="+member.name), 200),
		} {
			if slices.Contains(everyField(t, got, "username"), member.name) {
				t.Errorf("%s, and found: %v", hide, got)
			}
		}
	}
}

// A search finds names that begin so, and each order is of what it says.
func TestProfileSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := w.A.people["member"]
	w.db.Exec(`UPDATE users SET name = 'Émile Zola' WHERE account_id = $1`, member.account)
	for q, want := range map[string]bool{"émi": true, "É": true, "%C3%89MILE%20Z": true, "zola": false, "member-a": false} {
		got := everyField(t, w.want(w.as(member, call("GET", "/profiles?q="+q), w.A), 200), "username")
		if slices.Contains(got, member.name) != want {
			t.Errorf("q=%s: got %v", q, got)
		}
	}
	var last string
	for _, p := range content[[]Profile](t, w.want(w.as(member, call("GET", "/profiles?sort=username&page_size=200"), w.A), 200)) {
		if p.Username < last {
			t.Errorf("%s behind %s", p.Username, last)
		}
		last = p.Username
	}
	w.want(w.as(w.B.people["admin"], call("GET", "/profiles/"+member.name), w.B), 404)
}
