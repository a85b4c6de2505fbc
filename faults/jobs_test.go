//go:build faults && linux

package faults

import (
	"fmt"
	"net/http"
	"testing"

	"rowhouse/jobs"
	"rowhouse/mail/mailtest"
)

// What was promised by a change that was answered is done, although the server is killed after each answer, and the worker in the middle of its work; of
// nothing that was promised once is more than a mail for each of the worker's deaths sent again; and the books agree: each invitation has one job, which is
// completed.
func TestWorkersAreKilled(t *testing.T) {
	d := newDatabase(t, nil)
	post := mailtest.New(t)
	s := newService(t, d.url("rowhouse_server"), "SMTP_URL="+post.URL(), "RATE_LIMIT_MAIL_TENANT=0", "RATE_LIMIT_MAIL=0")
	path := theProgram(t)
	p := s.start(path)
	who := newCaller(t, s, "jobs")
	kills := times(50, 5)
	promised := 0
	promise := func() {
		got, err := who.client().send("POST", "/invitations", fmt.Sprintf(`{"email":"guest-%d@example.com","role":"member"}`, promised))
		if err != nil || got.status != http.StatusCreated {
			t.Fatalf("invitation %d: %v, %v", promised, got, err)
		}
		promised++
	}
	for range kills {
		worker := s.work(path)
		for range 10 {
			promise()
		}
		sent := post.Count()
		poll(t, "a mail", func() bool { return post.Count() > sent })
		worker.kill()
		promise()
		p.kill() // a millisecond after it has answered
		p = s.start(path)
	}
	s.work(path)
	// What a dead worker had is done by another after three minutes, which is not what is shown here: it is given up at once.
	poll(t, "all to be done", func() bool {
		d.exec(`UPDATE river.river_job SET state = 'available', attempted_at = NULL WHERE state = 'running' AND attempted_at < now() - interval '20 seconds'`)
		return collect[struct{ N int }](d, `SELECT count(*)::int FROM jobs WHERE kind = 'invitation.mail' AND state <> 'completed'`)[0].N == 0
	})
	count(t, "worker_kills", kills)
	count(t, "promised", promised)
	count(t, "sent_again", post.Count()-promised)
	for i := range promised {
		post.Wait(fmt.Sprintf("guest-%d@example.com", i))
	}
	if again := post.Count() - promised; again > kills*jobs.AtOnce {
		t.Errorf("%d mails were sent again by %d deaths", again, kills)
	}
	if got := collect[struct{ N int }](d, `SELECT count(*)::int FROM invitations i FULL JOIN jobs j ON j.subject_id = i.id AND j.kind = 'invitation.mail'
		WHERE (i.id IS NOT NULL OR j.kind = 'invitation.mail') AND (i.id IS NULL OR j.id IS NULL OR j.state <> 'completed' OR j.last_error IS NOT NULL)`)[0].N; got != 0 {
		t.Errorf("%d invitations and jobs do not agree", got)
	}
}
