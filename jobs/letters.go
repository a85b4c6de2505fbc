package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/mail"
	"rowhouse/rest"
)

const (
	// TokenTime is how long a mailed token is good; welcomeTime, of the one that lets a new user choose a password.
	TokenTime   = time.Hour
	welcomeTime = 7 * 24 * time.Hour
)

// letter is a mail to be written.
type letter struct {
	to     string
	kind   letterKind
	token  string
	tenant string
}

type letterKind struct {
	subject string // %s is the tenant
	text    string // %s likewise
	page    string // of the application, where the token is used; empty without a token
}

var (
	proofLetter = letterKind{"Confirm your e-mail address",
		"Please confirm that this address is yours. If you did not ask for this, do nothing.", "verify-email"}
	passwordLetter = letterKind{"Choose a new password",
		"Somebody, most likely you, asked for a new password. If it was not you, do nothing: your password stays as it is.", "reset-password"}
	welcomeLetter = letterKind{"Welcome to %s",
		"You are now a user of %s. Choose a password to log in with.", "reset-password"}
	invitationLetter = letterKind{"Invitation to %s",
		"You are invited to %s. If you do not expect this, do nothing.", "accept-invitation"}
	changeLetter = letterKind{"Your e-mail address is about to change",
		"Somebody who knows your password asked to log in with another e-mail address from now on. If it was not you, choose a new password.", ""}
)

// write puts a letter into words. The token is part of a link where there is an application to lead to, in the fragment, which
// no server's log has.
func (w *Worker) write(l letter) mail.Message {
	tenant := oneLine(l.tenant)
	say := func(form string) string {
		if strings.Contains(form, "%s") {
			return fmt.Sprintf(form, tenant)
		}
		return form
	}
	text := say(l.kind.text) + "\n"
	switch {
	case l.kind.page == "":
	case w.config.AppURL != "":
		text += "\n" + w.config.AppURL + "/" + l.kind.page + "#token=" + url.QueryEscape(l.token) + "\n"
	default:
		text += "\nYour token:\n\n" + l.token + "\n"
	}
	return mail.Message{To: l.to, Subject: say(l.kind.subject), Text: text}
}

// oneLine is a name as it stands within a line.
func oneLine(name string) string { return strings.Join(strings.Fields(name), " ") }

// send hands a message on.
func (w *Worker) send(ctx context.Context, m mail.Message) error {
	if err := w.sender.Send(ctx, m); err != nil {
		return unsent{err}
	}
	return nil
}

var errTooManyMails = errors.New("there were too many mails to one address, or of one tenant")

// allowed counts a mail that its reader did not ask for, once for a job however often it is tried: void when there were too many to that address, or of
// that tenant.
func (w *Worker) allowed(ctx context.Context, job *rivertype.JobRow, to string, tenant ids.TenantID) error {
	if job.Attempt > 1 {
		return nil
	}
	attempts := []rest.Attempt{rest.MailTo(to, w.config.Mail)}
	if !tenant.IsZero() {
		attempts = append(attempts, rest.Of("mail of", tenant.String(), w.config.MailTenant))
	}
	err := w.counter.Take(ctx, as(job.Kind), attempts...)
	if rest.IsTooMany(err) {
		w.log.Warn("a mail was not sent", "kind", job.Kind, "job", job.ID, "error", errTooManyMails.Error())
		return void(errTooManyMails.Error())
	}
	return err
}

// NewToken stores a token that proves its bearer to be the account's owner, as it was seen, when it is mailed to an address. It is empty,
// and none is stored, when the account's proofs were voided since, or its login e-mail has changed.
func NewToken(ctx context.Context, q *db.Queries, account db.Account, purpose, email string, expires time.Time) (string, error) {
	token, hash := auth.NewSecret(auth.OneTimePrefix)
	stored, err := q.TokenCreate(ctx, db.TokenCreateParams{
		AccountID: account.ID, Proofs: account.Proofs, LoginEmail: account.Email,
		Hash: hash, Purpose: purpose, Email: email, ExpiresAt: expires,
	})
	if stored == 0 {
		token = ""
	}
	return token, err
}

// sendToken sends a letter with a new token of the account; void as in NewToken.
func (w *Worker) sendToken(ctx context.Context, operation string, account db.Account, purpose string, good time.Duration, l letter) (err error) {
	l.token, err = NewToken(ctx, w.doors.Unscoped(as(operation)), account, purpose, l.to, time.Now().Add(good))
	if err != nil {
		return err
	}
	if l.token == "" {
		return void("the account is another since")
	}
	return w.send(ctx, w.write(l))
}

// mailer is what the jobs that send one mail have in common.
type mailer[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	*Worker
}

// NextRetry is when the mail is tried again: a mail server that restarts is back soon, one that is full not before the hour.
func (mailer[T]) NextRetry(job *river.Job[T]) time.Time {
	pause := time.Second << min(2*job.Attempt-2, 10) // 1 s, 4 s, 16 s, … 17 min
	return time.Now().Add(pause)
}
