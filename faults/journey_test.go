//go:build faults && linux

package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"rowhouse/jobs"
	"rowhouse/mail/mailtest"
	schema "rowhouse/sql"
)

// receiver is another system that is told of changes. It checks each message as its sender asks, and keeps one that is held until the sender is gone.
type receiver struct {
	*httptest.Server
	held chan struct{} // has a place for each message that is held

	mu       sync.Mutex
	secret   string
	hold     bool
	arrivals map[string]int   // of each message
	versions map[string][]int // of each thing
	wrong    []error
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{held: make(chan struct{}, 100), arrivals: map[string]int{}, versions: map[string][]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, asked *http.Request) {
		if !r.take(asked) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		r.held <- struct{}{}
		<-asked.Context().Done()
	}))
	t.Cleanup(r.Close)
	return r
}

// take keeps a message, and says whether it is to be held.
func (r *receiver) take(asked *http.Request) bool {
	body, err := io.ReadAll(asked.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	key, keyErr := standard.NewWebhook(r.secret)
	var message struct {
		ID      string
		Version int
		Data    struct{ ID string }
	}
	for _, err := range []error{err, keyErr, json.Unmarshal(body, &message)} {
		if err != nil {
			r.wrong = append(r.wrong, err)
			return false
		}
	}
	if err := key.Verify(body, asked.Header); err != nil {
		r.wrong = append(r.wrong, fmt.Errorf("%s: %w", body, err))
	}
	if message.ID != asked.Header.Get("webhook-id") {
		r.wrong = append(r.wrong, fmt.Errorf("%s came as %s", body, asked.Header.Get("webhook-id")))
	}
	if r.arrivals[message.ID]++; r.arrivals[message.ID] == 1 {
		r.versions[message.Data.ID] = append(r.versions[message.Data.ID], message.Version)
	}
	hold := r.hold
	r.hold = false
	return hold
}

// One change is followed through everything that comes of it: an appointment is booked over HTTP, its messages reach another system that checks them with
// the reference library, its client is reminded by mail; the server and worker are killed five times on the way; and the audit log, the jobs, the deliveries
// and what has arrived agree to the row.
func TestJourney(t *testing.T) {
	d := newDatabase(t, nil)
	post, to := mailtest.New(t), newReceiver(t)
	// rowhouse dev is the one server whose webhooks may be on this machine; its worker dies with it.
	s := newService(t, d.url(schema.Server), "DATABASE_MIGRATION_URL="+d.url(schema.Owner), "SMTP_URL="+post.URL(), "LOG_FORMAT=json")
	path, data := theProgram(t), t.TempDir()
	start := func() *server {
		return s.started(s.launchAs(s.handed(exec.Command(path, "dev", "--data", data))))
	}
	p := start()
	c := newCaller(t, s, "journey").client()
	send := func(method, path, body string, status int) map[string]map[string]any {
		t.Helper()
		got, err := c.send(method, path, body)
		if err != nil || got.status != status {
			t.Fatalf("%s %s %s: got %v, %v", method, path, body, got, err)
		}
		all := content[map[string]any](got)
		things := map[string]map[string]any{"": all}
		for name, thing := range all {
			if thing, ok := thing.(map[string]any); ok {
				things[name] = thing
			}
		}
		return things
	}
	id := func(things map[string]map[string]any, name string) string { return things[name]["id"].(string) }
	kills := 0
	kill := func() {
		p.kill()
		kills++
		p = start()
		// What a dead worker had is done by another after three minutes, which is not what is shown here: it is given up at once.
		d.exec(`UPDATE river.river_job SET state = 'available', attempted_at = NULL WHERE state = 'running' AND attempted_at < now()`)
	}
	// told makes a change, and kills while the message of it is in the other system's hands.
	told := func(method, path, body string, status int) map[string]map[string]any {
		t.Helper()
		to.mu.Lock()
		to.hold = true
		to.mu.Unlock()
		made := send(method, path, body, status)
		select {
		case <-to.held:
		case <-time.After(hung):
			t.Fatalf("%s %s: no message of it came", method, path)
		}
		kill()
		return made
	}

	const ours = ` FROM jobs j JOIN webhooks w USING (tenant_id) `
	done := func(kind string) {
		t.Helper()
		poll(t, kind, func() bool {
			return collect[struct{ N int }](d, `SELECT count(*)::int`+ours+`WHERE j.kind = '`+kind+`' AND j.finished_at IS NULL`)[0].N == 0
		})
	}

	// It is after seven o'clock where the studio is, so that of an appointment of tomorrow the reminder is to come yet.
	zone := func(hour int) string {
		offset := hour - time.Now().UTC().Hour()
		if offset < -12 {
			offset += 24
		}
		return fmt.Sprintf("Etc/GMT%+d", -offset)
	}
	send("PATCH", "/settings", fmt.Sprintf(`{"timezone":%q}`, zone(7)), http.StatusOK)
	here, err := time.LoadLocation(zone(7))
	if err != nil {
		t.Fatal(err)
	}
	to.mu.Lock()
	hook := send("POST", "/webhooks", fmt.Sprintf(`{"url":%q}`, to.URL), http.StatusCreated)
	to.secret = hook[""]["secret"].(string)
	to.mu.Unlock()

	artist := id(told("POST", "/artists", `{"name":"Ines"}`, http.StatusCreated), "artist")
	client := id(send("POST", "/clients", `{"name":"Cleo","email":"cleo@example.com"}`, http.StatusCreated), "client")
	year, month, day := time.Now().In(here).Date()
	at := time.Date(year, month, day+1, 15, 0, 0, 0, here)
	appointment := id(told("POST", "/appointments", fmt.Sprintf(`{"artist_id":%q,"client_id":%q,"starts_at":%q,"ends_at":%q,"price_cents":9000}`,
		artist, client, at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339)), http.StatusCreated), "appointment")
	told("PATCH", "/appointments/"+appointment, fmt.Sprintf(`{"starts_at":%q,"ends_at":%q}`,
		at.Add(time.Hour).Format(time.RFC3339), at.Add(2*time.Hour).Format(time.RFC3339)), http.StatusOK)

	// The studio moves to where it is past nine o'clock; and the queue's clock is put on.
	send("PATCH", "/settings", fmt.Sprintf(`{"timezone":%q}`, zone(9)), http.StatusOK)
	d.exec(`UPDATE river.river_job SET scheduled_at = now(), state = 'available' WHERE kind = 'appointment.remind'`)
	post.Wait("cleo@example.com")
	kill() // it may have been noted that the mail was sent, or may not
	done("appointment.remind")
	told("POST", "/appointments/"+appointment+"/complete", `{"method":"cash"}`, http.StatusOK)

	done("webhook.deliver")
	to.mu.Lock()
	defer to.mu.Unlock()
	for _, err := range to.wrong {
		t.Error(err)
	}
	events := collect[struct{ Told, Deliveries, Events int }](d, `
		SELECT count(*) FILTER (WHERE d.id IS NOT NULL AND e.id IS NOT NULL)::int, count(d.id)::int, count(e.id)::int
		  FROM (SELECT e.* FROM audit_events e JOIN webhooks w ON w.tenant_id = e.tenant_id AND e.created_at >= w.created_at) e
		  FULL JOIN deliveries d ON d.tenant_id = e.tenant_id AND d.event = e.action AND d.occurred_at = e.created_at
		            AND d.entity_id IS NOT DISTINCT FROM e.entity_id AND d.entity_version IS NOT DISTINCT FROM e.entity_version`)[0]
	if events.Told != events.Deliveries || events.Told != events.Events || events.Told < 8 {
		t.Errorf("of %d events and %d messages, %d are of one another", events.Events, events.Deliveries, events.Told)
	}
	for _, job := range collect[struct{ Delivery, State, Job string }](d, `
		SELECT coalesce('delivery-' || d.id, ''), coalesce(d.state, ''), coalesce(j.state, '')
		  FROM deliveries d
		  FULL JOIN (SELECT * FROM jobs WHERE kind = 'webhook.deliver') j ON j.subject_id = d.id`) {
		if job.State != "delivered" || job.Job != "completed" || to.arrivals[job.Delivery] == 0 {
			t.Errorf("message %q is %s, its job %s, and it arrived %d times", job.Delivery, job.State, job.Job, to.arrivals[job.Delivery])
		}
	}
	arrived := 0
	for _, n := range to.arrivals {
		arrived += n
	}
	if again := arrived - len(to.arrivals); len(to.arrivals) != events.Deliveries || again < kills-1 || again > kills*jobs.AtOnce {
		t.Errorf("%d messages arrived, of %d, %d again after %d deaths", len(to.arrivals), events.Deliveries, again, kills)
	}
	if got := slices.Sorted(slices.Values(to.versions[appointment])); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("the appointment's messages are of the versions %v", got)
	}
	reminders := collect[struct {
		State string
		Error *string
	}](d, `SELECT j.state, j.last_error`+ours+`WHERE j.kind = 'appointment.remind'`)
	if len(reminders) != 1 || reminders[0].State != "completed" {
		t.Errorf("the appointment has the reminders %v", reminders)
	}
	count(t, "journey_kills", kills)
	count(t, "journey_events", events.Events)
}
