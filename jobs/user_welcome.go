package jobs

import (
	"context"

	"github.com/riverqueue/river"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/tenancy"
)

const userWelcomeKind = "user.welcome"

// userWelcome tells the user of a new account about it: with a token that sets the password, where it has none, or one that confirms the address.
type userWelcome struct {
	task
	UserID ids.UserID `json:"subject_id"`
}

// Kind is its name in the queue.
func (userWelcome) Kind() string { return userWelcomeKind }

type userWelcomer struct{ mailer[userWelcome] }

func addUserWelcome(kinds *river.Workers, w *Worker) {
	river.AddWorker(kinds, &userWelcomer{mailer[userWelcome]{Worker: w}})
}

// Work mails the welcome, while nobody has proven the account.
func (m *userWelcomer) Work(ctx context.Context, job *river.Job[userWelcome]) error {
	in := job.Args
	if err := m.here(ctx, in.task, userWelcomeKind); err != nil {
		return err
	}
	user, err := m.doors.System(in.TenantID, userWelcomeKind).UserWelcome(ctx, db.UserWelcomeParams{TenantID: in.TenantID, ID: in.UserID})
	if err != nil {
		return found(err, "the user is gone, or shut out")
	}
	var account db.Account
	err = m.doors.Atomic(ctx, func(tx *tenancy.Tx) (err error) {
		account, err = tx.Assume(user.AccountID, as(userWelcomeKind)).AccountGet(ctx, user.AccountID)
		return err
	})
	if err != nil {
		return found(err, "the account is gone")
	}
	if account.EmailVerifiedAt != nil {
		return void("the account is proven already")
	}
	if err := m.allowed(ctx, job.JobRow, account.Email, in.TenantID); err != nil {
		return err
	}
	purpose, kind := auth.ForEmail, proofLetter
	if account.PasswordHash == nil {
		purpose, kind = auth.ForPassword, welcomeLetter
	}
	return m.sendToken(ctx, userWelcomeKind, account, purpose, welcomeTime, letter{to: account.Email, kind: kind, tenant: user.TenantName})
}
