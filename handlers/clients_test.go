package handlers

import (
	"slices"
	"strings"
	"testing"

	"rowhouse/testdb"
)

// A client is made, read, found, changed and deleted by who may; to another tenant it is not there.
func TestClientConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	sample := samples(w.A)

	made := w.want(w.as(admin, sample["POST /clients"], w.A), 201)
	path := strings.TrimPrefix(made.header.Get("Location"), "/api/v1")
	client := content[map[string]StudioClient](t, made)["client"]

	read := w.want(w.as(admin, call("GET", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A).with("If-None-Match", read.header.Get("ETag")), 304)
	if list := content[[]StudioClient](t, w.want(w.as(admin, call("GET", "/clients?page_size=200"), w.A), 200)); len(list) == 0 || list[0].ID != client.ID {
		t.Errorf("the newest of the list is not the client that was made: %+v", list)
	}

	change := call("PATCH", path).json(sample["PATCH /clients/:client_id"].body)
	w.want(w.as(w.B.people["admin"], change, w.B), 404)
	w.want(w.as(admin, change, w.A).with("If-Match", `"999.stale"`), 412)
	w.want(w.as(admin, change, w.A), 200)

	w.want(w.as(w.B.people["admin"], call("DELETE", path), w.B), 404)
	w.want(w.as(admin, call("DELETE", path), w.A), 200)
	w.want(w.as(admin, call("GET", path), w.A), 404)
}

// A client under 18 years has a guardian, however he comes to be under 18, or without one; of a client whose birthdate nobody knows none is asked.
func TestMinorsHaveGuardians(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	minor := func(r request) {
		t.Helper()
		if got := s.want(r, 422, "validation_failed"); !slices.Equal(got.fields(), []string{"guardian_name:required"}) {
			t.Errorf("%s %s: %v", r.method, r.body, got)
		}
	}
	path := "/clients/" + s.client
	young := testdb.Value[string](s.db, `SELECT (current_date - interval '17 years')::date::text`)
	minor(s.by("artist", "POST", "/clients", `{"name":"Young","birthdate":"`+young+`"}`))
	minor(s.by("assistant", "PATCH", path, `{"birthdate":"`+young+`"}`))
	s.want(s.by("assistant", "PATCH", path, `{"birthdate":"`+young+`","guardian_name":"Samir Haddad"}`), 200)
	minor(s.by("assistant", "PATCH", path, `{"guardian_name":null}`))
	s.want(s.by("assistant", "PATCH", path, `{"guardian_name":null,"birthdate":null}`), 200)
	s.want(s.by("assistant", "PATCH", path, `{"birthdate":"1990-05-17"}`), 200)
}

// An e-mail is stored and found in its canonical form; one that is none is refused.
func TestClientEmails(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	s.want(s.by("assistant", "PATCH", "/clients/"+s.client, `{"email":"NOOR@Example.com"}`), 200)
	for asked, want := range map[string]int{"noor@EXAMPLE.com": 1, "nobody": 0} {
		if found := content[[]StudioClient](t, s.want(s.by("artist", "GET", "/clients?email="+asked, ""), 200)); len(found) != want {
			t.Errorf("with %s there are %+v", asked, found)
		}
	}
	if got := s.want(s.by("assistant", "PATCH", "/clients/"+s.client, `{"email":"nobody"}`), 422); !slices.Equal(got.fields(), []string{"email:format"}) {
		t.Errorf("no e-mail: %v", got)
	}
}
