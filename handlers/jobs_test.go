package handlers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowhouse/testdb"
)

// until waits until a query says so.
func (w *world) until(sql string, args ...any) {
	w.t.Helper()
	for late := time.Now().Add(20 * time.Second); !testdb.Value[bool](w.db, sql, args...); {
		if time.Now().After(late) {
			w.t.Fatalf("it does not become true: %s %v\n%s", sql, args, testdb.Value[string](w.db, `SELECT coalesce(string_agg(j::text, E'\n'), '') FROM jobs j WHERE due_at < '2099-01-01'`))
		}
	}
}

// jobOf is the one job of a subject, as an admin sees it.
func (w *world) jobOf(h house, subject string) Job {
	w.t.Helper()
	jobs := content[[]Job](w.t, w.want(w.as(h.people["admin"], call("GET", "/jobs?subject_id="+subject), h), 200))
	if len(jobs) != 1 {
		w.t.Fatalf("%s: got %d jobs, want 1: %+v", subject, len(jobs), jobs)
	}
	return jobs[0]
}

// invited is the id of a new invitation.
func (w *world) invited(h house, email string) string {
	w.t.Helper()
	made := w.want(w.as(h.people["admin"], call("POST", "/invitations").json(`{"email":"`+email+`","role":"member"}`), h), 201)
	return made.header.Get("Location")[strings.LastIndex(made.header.Get("Location"), "/")+1:]
}

// A mail is promised by the transaction of its cause, before there is a worker; a worker that comes sends it, tries again what is refused for now, and
// says in the job what has become of it, in words that hold no address.
func TestJobIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	invitation := w.invited(w.A, "cleo@example.com")
	if got := w.jobOf(w.A, invitation); got.State != "waiting" || got.Attempts != 0 || got.Kind != "invitation.mail" || got.SubjectID != invitation || got.FinishedAt != nil {
		t.Errorf("promised: got %+v", got)
	}
	w.post.Refuse(451)
	w.work()
	w.until(`SELECT state = 'retrying' AND attempts = 1 FROM jobs WHERE subject_id = $1`, invitation[len("invite-"):])
	if got := w.jobOf(w.A, invitation); got.LastError == nil || !strings.Contains(*got.LastError, "451") || strings.Contains(*got.LastError, "cleo") {
		t.Errorf("refused for now: got %+v", got)
	}
	token := w.mailed("cleo@example.com")
	w.until(`SELECT state = 'completed' AND attempts = 2 AND finished_at IS NOT NULL FROM jobs WHERE subject_id = $1`, invitation[len("invite-"):])
	w.want(call("POST", "/invitations/accept").json(`{"token":"`+token+`","password":"correct horse battery"}`), 200)
	if n := w.post.Count(); n != 1 {
		t.Errorf("%d mails, want one", n)
	}
	for _, action := range []string{"retry", "cancel"} {
		w.want(w.as(w.A.people["admin"], call("POST", "/jobs/"+w.jobOf(w.A, invitation).ID.String()+"/"+action), w.A), 409, "state_conflict")
	}
}

// An admin cancels a job that waits, and has one done again that was cancelled; the tenant's log says who. To others there is no such job.
func TestJobIsAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	job := w.jobOf(w.A, w.invited(w.A, "cleo@example.com")).ID.String()
	asks := func(action string) request { return call("POST", "/jobs/"+job+"/"+action) }

	w.want(w.as(w.A.people["assistant"], asks("cancel"), w.A), 403, "permission_denied")
	w.want(w.as(w.B.people["admin"], asks("cancel"), w.B), 404)
	if got := content[map[string]Job](t, w.want(w.as(admin, asks("cancel"), w.A), 200))["job"]; got.State != "cancelled" || got.FinishedAt == nil {
		t.Errorf("cancelled: got %+v", got)
	}
	w.want(w.as(admin, asks("cancel"), w.A), 409, "state_conflict")
	w.work()
	w.mailed(w.other(t))
	if n := w.post.Count(); n != 1 {
		t.Errorf("what was cancelled is done: %d mails", n)
	}
	if got := content[map[string]Job](t, w.want(w.as(admin, asks("retry"), w.A), 200))["job"]; got.FinishedAt != nil {
		t.Errorf("to be done again: got %+v", got)
	}
	w.mailed("cleo@example.com")
	var told []string
	for _, event := range content[[]AuditEvent](t, w.want(w.as(admin, call("GET", "/audit-events?entity_id="+job), w.A), 200)) {
		told = append(told, fmt.Sprint(event.Action, " ", string(*event.Before), " ", string(*event.After)))
	}
	want := []string{`job.retry {"state":"cancelled"} {"state":"waiting"}`, `job.cancel {"state":"waiting"} {"state":"cancelled"}`}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

// other invites somebody else to B: whoever waits for that mail has waited for those before it.
func (w *world) other(t *testing.T) string {
	t.Helper()
	w.invited(w.B, "dora@example.com")
	return "dora@example.com"
}

// A job for which there is no reason left ends as cancelled, and says why: what it is about is gone, or its tenant is. That of a suspended tenant waits.
func TestJobIsVoid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.A.people["admin"]
	taken := w.invited(w.A, "taken@example.com")
	w.want(w.as(admin, call("DELETE", "/invitations/"+taken), w.A), 200)
	suspended, gone := w.invited(w.A, "suspended@example.com"), w.invited(w.B, "gone@example.com")
	w.db.Exec(`INSERT INTO deliveries (tenant_id, id, webhook_id, event) VALUES ($1, gen_random_uuid(), $2, 'item.update')`, w.B.id, w.B.own.UUID())
	w.db.Exec(`UPDATE tenants SET status = CASE id WHEN $1 THEN 'suspended' ELSE 'deleting' END`, w.A.id)
	w.work()
	state := `SELECT state = $2 AND coalesce(last_error, '') LIKE $3 FROM jobs WHERE subject_id = $1`
	w.until(state, gone[len("invite-"):], "cancelled", "%the tenant is gone%")
	w.until(`SELECT count(*) > 0 AND bool_and(state = 'cancelled' AND last_error LIKE '%the tenant is gone%') FROM jobs WHERE tenant_id = $1 AND kind = 'webhook.deliver'`, w.B.id)
	for _, id := range []string{taken, suspended} {
		w.until(`SELECT state = 'waiting' AND due_at > now() + interval '50 minutes' FROM jobs WHERE subject_id = $1`, id[len("invite-"):])
	}
	w.db.Exec(`UPDATE tenants SET status = 'active' WHERE id = $1`, w.A.id)
	w.db.Exec(`UPDATE river.river_job SET state = 'available', scheduled_at = now() WHERE kind = 'invitation.mail' AND state = 'scheduled' AND scheduled_at < '2099-01-01'`)
	w.mailed("suspended@example.com")
	w.until(state, taken[len("invite-"):], "cancelled", "%accepted or taken back%")
	if n := w.post.Count(); n != 1 {
		t.Errorf("%d mails, want one", n)
	}
}

// A client is reminded at nine o'clock on the day before, where the tenant is; a reminder of an appointment that was moved is void, and one is planned
// for the new time. Nobody is reminded where the tenant says so.
func TestReminders(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	s.want(s.by("admin", "PATCH", "/settings", `{"timezone":"Asia/Kolkata"}`), 200)
	s.want(s.by("admin", "PATCH", "/clients/"+s.client, `{"email":"noor@example.com"}`), 200)
	moved := s.make("admin", "/appointments", s.booking(s.artist, 3, 20, "")) // the 4th in Kolkata
	kept := s.make("admin", "/appointments", s.booking(s.artist, 5, 12, ""))
	s.want(s.by("admin", "PATCH", "/appointments/"+moved, `{"starts_at":"2027-03-10T12:00:00Z","ends_at":"2027-03-10T13:00:00Z"}`), 200)
	s.want(s.by("admin", "PATCH", "/appointments/"+moved, `{"starts_at":"2027-03-10T13:00:00Z","ends_at":"2027-03-10T14:00:00Z"}`), 200) // the same day
	planned := testdb.Value[[]time.Time](s.db, `SELECT array_agg(due_at ORDER BY due_at) FROM jobs WHERE kind = 'appointment.remind' AND subject_id::text = ANY ($1)`,
		[]string{moved[len("appointment-"):], kept[len("appointment-"):]})
	at := func(day int) time.Time { return time.Date(2027, 3, day, 3, 30, 0, 0, time.UTC) } // 09:00 in Kolkata
	for i := range planned {
		planned[i] = planned[i].UTC()
	}
	if diff := cmp.Diff([]time.Time{at(3), at(4), at(9)}, planned); diff != "" {
		t.Errorf("planned (-want +got):\n%s", diff)
	}

	// The time has come for both: one begins in ten minutes.
	begins := testdb.Value[time.Time](s.db, `UPDATE appointments SET starts_at = date_trunc('minute', now() + interval '10 minutes'), ends_at = now() + interval '1 hour' WHERE id = $1 RETURNING starts_at`, kept[len("appointment-"):])
	s.db.Exec(`UPDATE river.river_job SET state = 'available', scheduled_at = now() WHERE kind = 'appointment.remind'`)
	text := s.mail("noor@example.com")
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	if want := begins.In(kolkata).Format("Monday, 2 January 2006, 15:04") + " (Asia/Kolkata)"; !strings.Contains(text, want) || !strings.Contains(text, "Noor Haddad") {
		t.Errorf("got %s\nwant %s", text, want)
	}
	s.until(`SELECT count(*) = 2 FROM jobs WHERE kind = 'appointment.remind' AND state = 'cancelled' AND subject_id = $1`, moved[len("appointment-"):])
	s.want(s.by("admin", "PATCH", "/settings", `{"reminders":false}`), 200)
	job := testdb.Value[string](s.db, `SELECT id::text FROM jobs WHERE kind = 'appointment.remind' AND subject_id = $1 LIMIT 1`, moved[len("appointment-"):])
	s.db.Exec(`UPDATE appointments SET starts_at = now() + interval '2 hours', ends_at = now() + interval '3 hours' WHERE id = $1`, moved[len("appointment-"):])
	s.want(s.by("admin", "POST", "/jobs/"+job+"/retry", ""), 200)
	s.until(`SELECT state = 'cancelled' FROM jobs WHERE id = $1`, job)
	if n := s.post.Count(); n != 1 {
		t.Errorf("%d mails, want one", n)
	}
}

// What is kept for a time goes when that is over, and nothing else: of accounts, and of each tenant as it has said.
func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.Exec(`DELETE FROM passes`)
	w.want(w.as(w.A.people["admin"], call("PATCH", "/settings").json(`{"audit_retention_days":90}`), w.A), 200)
	for table, insert := range map[string]string{
		"audit_events":    `INSERT INTO audit_events (tenant_id, action, entity_type, created_at) SELECT t.id, 'old', 'item', now() - age FROM tenants t, ages`,
		"jobs":            `INSERT INTO jobs (tenant_id, kind, subject_type, subject_id, state, finished_at, queued_as) SELECT t.id, 'old.job', 'item', gen_random_uuid(), 'completed', now() - age, 0 FROM tenants t, ages`,
		"idempotency":     `INSERT INTO idempotency_keys (scope_id, credential, operation, key, created_at, fingerprint, answer) SELECT t.id, t.id, 'old', age::text, now() - age, '', '' FROM tenants t, ages`,
		"one_time_tokens": `INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at) SELECT sha256(age::text::bytea), a.id, 'email', 'old@example.com', now() + interval '1 day' - age FROM accounts a, ages WHERE a.username = 'both'`,
		"sessions":        `INSERT INTO sessions (id, account_id, expires_at) SELECT gen_random_uuid(), a.id, now() - age FROM accounts a, ages WHERE a.username = 'both'`,
		"revoked":         `INSERT INTO sessions (id, account_id, expires_at, revoked_at, user_agent) SELECT gen_random_uuid(), a.id, now() + interval '1 day', now() - age, 'revoked' FROM accounts a, ages WHERE a.username = 'both'`,
		"refresh_tokens":  `INSERT INTO refresh_tokens (hash, session_id, used_at, successor) SELECT sha256(age::text::bytea), s.id, now() - age, '' FROM sessions s JOIN accounts a ON a.id = s.account_id, ages WHERE a.username = 'admin-a'`,
		"account_events":  `INSERT INTO account_events (action, created_at) SELECT 'old', now() - age FROM ages`,
		"letters":         `INSERT INTO letters (kind, email, created_at) SELECT 'password', 'nobody-has@example.com', now() - age FROM ages`,
	} {
		_ = table
		w.db.Exec(`WITH ages (age) AS (VALUES (interval '12 hours'), ('2 days'), ('10 days'), ('60 days'), ('100 days'), ('500 days')) ` + insert)
	}
	w.db.Exec(`UPDATE river.river_job SET state = 'available', scheduled_at = now() WHERE kind = 'tenant.expire'`)
	w.db.Exec(`DELETE FROM river.river_job WHERE kind = 'letter.mail'`)
	w.work()
	w.until(`SELECT count(*) = 2 FROM jobs WHERE kind = 'tenant.expire' AND due_at > now() + interval '23 hours'`)
	w.until(`SELECT count(*) > 0 AND bool_and(state = 'completed') FROM river.river_job WHERE kind = 'logins.expire'`)
	for what, want := range map[string]int{
		`audit_events WHERE action = 'old' AND tenant_id = '` + w.A.id.UUID() + `'`: 4,
		`audit_events WHERE action = 'old' AND tenant_id = '` + w.B.id.UUID() + `'`: 6,
		`jobs WHERE kind = 'old.job'`:                     2 * 3,
		`idempotency_keys WHERE operation = 'old'`:        2 * 1,
		`one_time_tokens WHERE email = 'old@example.com'`: 1,
		`sessions s JOIN accounts a ON a.id = s.account_id WHERE a.username = 'both' AND s.expires_at < now()`: 3,
		`sessions WHERE user_agent = 'revoked'`:          3,
		`refresh_tokens WHERE successor = ''`:            3,
		`account_events WHERE action = 'old'`:            5,
		`letters WHERE email = 'nobody-has@example.com'`: 2,
	} {
		if got := testdb.Value[int](w.db, `SELECT count(*) FROM `+what); got != want {
			t.Errorf("%s: %d are left, want %d", what, got, want)
		}
	}
}
