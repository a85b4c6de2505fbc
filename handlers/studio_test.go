package handlers

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"rowhouse/ids"
	"rowhouse/testdb"
)

// studio is a house with an artist who is a user, and a client, as requests made them.
type studio struct {
	*world
	of     house
	artist string // the artist's id
	client string
}

func newStudio(t *testing.T) studio {
	t.Helper()
	w := newWorld(t)
	s := studio{world: w, of: w.A, artist: w.A.people["artist"].account.UUID()}
	s.client = s.make("assistant", "/clients", `{"name":"Noor Haddad"}`)
	return s
}

// by is a request of whoever has the role.
func (s studio) by(role, method, path, body string) request {
	r := call(method, path)
	if body != "" {
		r = r.json(body)
	}
	return s.as(s.of.people[role], r, s.of)
}

// make is the id of what a POST makes.
func (s studio) make(role, path, body string) string {
	s.t.Helper()
	made := s.want(s.by(role, "POST", path, body), 201)
	return made.header.Get("Location")[strings.LastIndex(made.header.Get("Location"), "/")+1:]
}

// booking is the body of an appointment of the artist on a day of 2027, at an hour of UTC.
func (s studio) booking(artist string, day, hour int, more string) string {
	return fmt.Sprintf(`{"client_id":%q,"artist_id":%q,"starts_at":"2027-03-%02dT%02d:00:00Z","ends_at":"2027-03-%02dT%02d:00:00Z","price_cents":10001%s}`,
		s.client, artist, day, hour, day, hour+1, more)
}

// together sends all at the same moment, and counts the answers by status and code.
func (s studio) together(all ...request) map[string]int {
	s.t.Helper()
	var wait sync.WaitGroup
	answers := make([]string, len(all))
	for i, r := range all {
		wait.Go(func() {
			got, err := s.try(r, s.URL)
			answers[i] = strings.TrimSpace(fmt.Sprint(got.status, " ", got.code()))
			if err != nil {
				answers[i] = err.Error()
			}
		})
	}
	wait.Wait()
	counts := map[string]int{}
	for _, a := range answers {
		counts[a]++
	}
	return counts
}

// A receptionist's day goes through HTTP alone, in both modes of choosing the tenant: a client comes in, is booked at a time that is free, the
// appointment is moved, and completed with its payment.
func TestStudioDay(t *testing.T) {
	t.Parallel()
	for _, bound := range []bool{false, true} {
		t.Run(fmt.Sprintf("bound %v", bound), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ask := func(method, path, body string) request {
				r := call(method, path)
				if body != "" {
					r = r.json(body)
				}
				if bound {
					return r.with("Authorization", "Bearer "+w.token(w.A.people["assistant"], w.A.id))
				}
				return w.as(w.A.people["assistant"], r, w.A)
			}
			w.want(w.as(w.A.people["admin"], call("PATCH", "/settings").json(`{"opening_hours":["Mo 10:00-13:00"],"slot_minutes":60,"timezone":"Europe/Madrid"}`), w.A), 200)

			artists := content[[]Artist](t, w.want(ask("GET", "/artists?q=artist&sort=name", ""), 200))
			if len(artists) != 1 {
				t.Fatalf("artists: %+v", artists)
			}
			artist := artists[0].ID
			client := content[map[string]StudioClient](t, w.want(ask("POST", "/clients", `{"name":"Noor Haddad","email":"Noor@Example.com","instagram":"@noor","birthdate":"1990-05-17"}`), 201))["client"]
			if *client.Email != "noor@example.com" || *client.Instagram != "noor" {
				t.Errorf("the client is %+v", client)
			}

			// 1 March 2027 is a Monday; Madrid is an hour ahead.
			slots := func() (starts []string) {
				for _, slot := range content[artistSlotsOutput](t, w.want(ask("GET", "/artists/"+artist.String()+"/slots?from=2027-03-01T00:00:00Z&to=2027-03-02T00:00:00Z", ""), 200)).Slots {
					starts = append(starts, slot.StartsAt.Format("15:04"))
				}
				return starts
			}
			if got := slots(); !slices.Equal(got, []string{"09:00", "10:00", "11:00"}) {
				t.Errorf("free at %v", got)
			}
			booked := content[map[string]Appointment](t, w.want(ask("POST", "/appointments", fmt.Sprintf(
				`{"client_id":%q,"artist_id":%q,"starts_at":"2027-03-01T09:00:00Z","ends_at":"2027-03-01T10:00:00Z","price_cents":12000,"status":"on_hold"}`, client.ID, artist)), 201))["appointment"]
			path := "/appointments/" + booked.ID.String()
			if got := slots(); !slices.Equal(got, []string{"10:00", "11:00"}) {
				t.Errorf("free when one is booked: %v", got)
			}
			w.want(ask("PATCH", path, `{"starts_at":"2027-03-01T11:00:00Z","ends_at":"2027-03-01T12:00:00Z","status":"scheduled"}`), 200)
			if got := slots(); !slices.Equal(got, []string{"09:00", "10:00"}) {
				t.Errorf("free when it is moved: %v", got)
			}
			calendar := w.want(ask("GET", "/artists/"+artist.String()+"/calendar.ics", ""), 200)
			if media := calendar.header.Get("Content-Type"); media != "text/calendar; charset=utf-8" || !strings.Contains(calendar.body, "SUMMARY:Noor Haddad\r\n") || !strings.Contains(calendar.body, "DTSTART:20270301T110000Z\r\n") {
				t.Errorf("the calendar is %s\n%s", media, calendar.body)
			}
			w.want(ask("GET", "/artists/"+artist.String()+"/calendar.ics", "").with("If-None-Match", calendar.header.Get("ETag")), 304)

			done := content[appointmentCompleted](t, w.want(ask("POST", path+"/complete", `{"method":"card"}`), 200))
			if done.Appointment.Status != "completed" || done.TransactionID == nil {
				t.Fatalf("completed: %+v", done)
			}
			paid := content[map[string]Transaction](t, w.want(ask("GET", "/transactions/"+done.TransactionID.String(), ""), 200))["transaction"]
			if paid.AmountCents != 12000 || paid.CommissionCents != 6000 || paid.Method != "card" || *paid.AppointmentID != booked.ID || paid.ArtistID != artist {
				t.Errorf("paid: %+v", paid)
			}
			w.want(ask("DELETE", path, ""), 409, "in_use")
			w.want(ask("DELETE", "/clients/"+client.ID.String(), ""), 409, "in_use")
			w.want(ask("PATCH", "/clients/"+client.ID.String(), `{"is_active":false}`), 200)
			if left := content[[]StudioClient](t, w.want(ask("GET", "/clients?q=NOOR&is_active=true", ""), 200)); len(left) != 0 {
				t.Errorf("archived, and still listed: %+v", left)
			}
			w.want(ask("DELETE", "/transactions/"+done.TransactionID.String(), ""), 405)
			w.want(ask("PATCH", "/transactions/"+done.TransactionID.String(), `{"amount_cents":1}`), 405)
			w.want(ask("POST", "/transactions/"+done.TransactionID.String()+"/void", ""), 403, "permission_denied")
		})
	}
}

// Of two who book an artist for the same time at the same moment one does, and the other learns that it overlaps; not with what.
func TestAppointmentsDoNotOverlap(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	for day := 1; day <= 10; day++ {
		got := s.together(s.by("assistant", "POST", "/appointments", s.booking(s.artist, day, 10, "")), s.by("artist", "POST", "/appointments", s.booking(s.artist, day, 10, "")))
		if got["201"] != 1 || got["409 overlap"] != 1 {
			t.Errorf("day %d: %v", day, got)
		}
	}
	refused := s.want(s.by("assistant", "POST", "/appointments", s.booking(s.artist, 1, 10, "")), 409, "overlap")
	if strings.Contains(refused.body, "2027") || strings.Contains(refused.body, "excl") {
		t.Errorf("the refusal tells of the other: %s", refused.body)
	}
	s.make("assistant", "/appointments", s.booking(s.artist, 1, 11, "")) // where the other ends
	s.make("assistant", "/appointments", s.booking(s.of.own.UUID(), 1, 10, ""))
}

// An appointment is completed and paid once, whoever asks how often at the same moment; its commission is rounded half up, by its own rate or
// else by the artist's.
func TestAppointmentIsPaidOnce(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	for day, c := range []struct {
		more       string
		commission int32
	}{{"", 5001}, {`,"commission_rate":0.65`, 6501}, {`,"commission_rate":0`, 0}} {
		path := "/appointments/" + s.make("assistant", "/appointments", s.booking(s.artist, day+1, 10, c.more))
		complete := s.by("assistant", "POST", path+"/complete", `{"method":"cash"}`)
		if got := s.together(slices.Repeat([]request{complete}, 20)...); got["200"] != 1 || got["409 state_conflict"] != 19 {
			t.Errorf("20 completed it: %v", got)
		}
		paid := content[[]Transaction](t, s.want(s.by("admin", "GET", "/transactions?count=true&appointment_id="+path[len("/appointments/"):], ""), 200))
		if len(paid) != 1 || paid[0].CommissionCents != c.commission || paid[0].AmountCents != 10001 || !paid[0].Completes {
			t.Errorf("%s: paid %+v", c.more, paid)
		}
	}
	// A request that is sent again under its key is the same request.
	path := "/appointments/" + s.make("assistant", "/appointments", s.booking(s.artist, 9, 10, ""))
	complete := s.by("assistant", "POST", path+"/complete", `{"method":"cash"}`).with("Idempotency-Key", "once")
	first, again := s.want(complete, 200), s.want(complete, 200)
	if first.body != again.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %v, %v", first, again)
	}
	// What costs nothing is not paid.
	free := "/appointments/" + s.make("assistant", "/appointments", strings.Replace(s.booking(s.artist, 10, 10, ""), "10001", "0", 1))
	if done := content[appointmentCompleted](t, s.want(s.by("assistant", "POST", free+"/complete", `{"method":"other"}`), 200)); done.TransactionID != nil {
		t.Errorf("for nothing was paid %v", done.TransactionID)
	}
	s.want(s.by("assistant", "POST", free+"/complete", `{"method":"other"}`), 409, "state_conflict")
}

// Of one who completes an appointment and one who cancels it at the same moment one does, and it is paid exactly if it was completed.
func TestAppointmentEndsOneWay(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	for day := 1; day <= 20; day++ {
		id := s.make("assistant", "/appointments", s.booking(s.artist, day, 10, ""))
		got := s.together(s.by("assistant", "POST", "/appointments/"+id+"/complete", `{"method":"cash"}`), s.by("artist", "POST", "/appointments/"+id+"/cancel", `{"no_show":true}`))
		a := content[map[string]Appointment](t, s.want(s.by("assistant", "GET", "/appointments/"+id, ""), 200))["appointment"]
		paid := testdb.Value[int](s.db, `SELECT count(*) FROM transactions WHERE appointment_id = $1`, a.ID)
		if got["200"] != 1 || got["409 state_conflict"] != 1 || (a.Status == "completed") != (paid == 1) || a.NoShow != (a.Status == "cancelled") {
			t.Errorf("day %d: %v, %s, no show %v, paid %d times", day, got, a.Status, a.NoShow, paid)
		}
	}
}

// What has ended keeps all but its notes, and frees its time only if it was cancelled; no body ends an appointment.
func TestAppointmentKeepsItsEnd(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	bodies := map[string]string{"complete": `{"method":"cash"}`, "cancel": ""}
	for _, how := range []string{"complete", "cancel"} {
		path := "/appointments/" + s.make("assistant", "/appointments", s.booking(s.artist, 1, 10, ""))
		for _, status := range []string{"completed", "cancelled"} {
			if got := s.want(s.by("admin", "PATCH", path, `{"status":"`+status+`"}`), 422); !slices.Equal(got.fields(), []string{"status:one_of"}) {
				t.Errorf("a body that says %s: %v", status, got)
			}
		}
		s.want(s.by("admin", "PATCH", path, `{"no_show":true}`), 422)
		s.want(s.by("admin", "PATCH", path, `{"status":"on_hold"}`), 200)
		s.want(s.by("assistant", "POST", path+"/"+how, bodies[how]), 200)
		for _, change := range []string{`{"price_cents":1}`, `{"status":"scheduled"}`, `{"ends_at":"2027-03-01T12:00:00Z"}`} {
			s.want(s.by("admin", "PATCH", path, change), 409, "state_conflict")
		}
		s.want(s.by("admin", "PATCH", path, `{"notes":"Went well."}`), 200)
		for _, again := range []string{"complete", "cancel"} {
			s.want(s.by("admin", "POST", path+"/"+again, bodies[again]), 409, "state_conflict")
		}
		s.want(s.by("assistant", "POST", "/appointments", s.booking(s.artist, 1, 10, "")), map[string]int{"complete": 409, "cancel": 201}[how])
		s.db.Exec(`DELETE FROM transactions`)
		s.db.Exec(`DELETE FROM appointments`)
	}
}

// An artist sees all appointments, and books, moves and ends those that are his own alone; his books are his own payments alone; of clients he
// makes new ones. A member sees none of it.
func TestArtistReachesHisOwn(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	other := s.of.own.UUID() // another artist
	mine := "/appointments/" + s.make("artist", "/appointments", s.booking(s.artist, 1, 10, ""))
	theirs := "/appointments/" + s.make("assistant", "/appointments", s.booking(other, 1, 10, ""))
	s.want(s.by("artist", "GET", theirs, ""), 200)
	s.want(s.by("artist", "POST", "/appointments", s.booking(other, 2, 10, "")), 403, "permission_denied")
	s.want(s.by("artist", "PATCH", mine, `{"artist_id":"`+other+`"}`), 403, "permission_denied")
	for _, r := range []request{
		s.by("artist", "PATCH", theirs, `{"price_cents":1}`),
		s.by("artist", "POST", theirs+"/cancel", ""),
		s.by("artist", "POST", theirs+"/complete", `{"method":"cash"}`),
		s.by("artist", "DELETE", theirs, ""),
	} {
		s.want(r, 403, "forbidden")
	}
	s.want(s.by("artist", "POST", "/appointments/"+ids.New[ids.AppointmentID]().String()+"/cancel", ""), 404, "not_found")
	s.want(s.by("artist", "POST", mine+"/complete", `{"method":"cash"}`), 200)
	s.want(s.by("assistant", "POST", theirs+"/complete", `{"method":"cash"}`), 200)

	list := s.want(s.by("artist", "GET", "/transactions?count=true", ""), 200)
	if own := content[[]Transaction](t, list); len(own) != 1 || own[0].ArtistID.UUID() != s.artist || !strings.Contains(list.body, `"total":1`) {
		t.Errorf("an artist's books: %v", list)
	}
	s.want(s.by("artist", "POST", "/transactions", `{"artist_id":"`+s.artist+`","amount_cents":1,"method":"cash"}`), 403, "permission_denied")

	client := s.make("artist", "/clients", `{"name":"New"}`)
	s.want(s.by("artist", "PATCH", "/clients/"+client, `{"name":"Newer"}`), 403, "permission_denied")
	s.want(s.by("artist", "PATCH", "/artists/"+s.artist, `{"bio":"<p>Fine <script>x</script>lines.</p>"}`), 200)
	s.want(s.by("artist", "PATCH", "/artists/"+other, `{"bio":"x"}`), 403, "forbidden")
	s.want(s.by("artist", "POST", "/artists", `{"name":"x"}`), 403, "permission_denied")
	s.want(s.by("artist", "DELETE", "/artists/"+s.artist, ""), 403, "permission_denied")
	s.want(s.by("admin", "DELETE", "/artists/"+s.artist, ""), 409, "in_use")
	for _, path := range []string{"/appointments", "/clients", "/transactions", "/artists", "/artists/" + s.artist + "/slots", "/artists/" + s.artist + "/calendar.ics"} {
		s.want(s.by("member", "GET", path, ""), 403, "permission_denied")
	}
}

// Free times are looked for in up to 31 days, from now on for a week when nothing is said, and in no year that a time cannot have.
func TestSlotsAreWithin(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	ask := func(query string) request { return s.by("assistant", "GET", "/artists/"+s.artist+"/slots"+query, "") }
	for _, query := range []string{"", "?from=2027-03-01T00:00:00Z", "?from=2027-03-01T00:00:00Z&to=2027-04-01T00:00:00Z", "?from=0000-01-01T00:00:00Z"} {
		s.want(ask(query), 200)
	}
	for _, query := range []string{
		"?from=2027-03-01T00:00:00Z&to=2027-02-28T23:59:59Z", "?from=2027-03-01T00:00:00Z&to=2027-04-01T00:00:00.001Z", "?from=9999-12-31T00:00:00Z",
	} {
		if got := s.want(ask(query), 422); !slices.Equal(got.fields(), []string{"to:range"}) {
			t.Errorf("%s: got %v", query, got.fields())
		}
	}
	s.want(s.by("assistant", "GET", "/artists/"+ids.New[ids.ArtistID]().String()+"/slots", ""), 404)
}
