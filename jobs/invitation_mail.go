package jobs

import (
	"context"

	"github.com/riverqueue/river"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
)

const invitationMailKind = "invitation.mail"

// invitationMail mails an invitation, with a token that nobody has seen before.
type invitationMail struct {
	task
	InvitationID ids.InvitationID `json:"subject_id"`
}

// Kind is its name in the queue.
func (invitationMail) Kind() string { return invitationMailKind }

type invitationMailer struct{ mailer[invitationMail] }

func addInvitationMail(kinds *river.Workers, w *Worker) {
	river.AddWorker(kinds, &invitationMailer{mailer[invitationMail]{Worker: w}})
}

// Work mails the invitation, if it can be accepted still.
func (m *invitationMailer) Work(ctx context.Context, job *river.Job[invitationMail]) error {
	in := job.Args
	if err := m.here(ctx, in.task, invitationMailKind); err != nil {
		return err
	}
	token, hash := auth.NewTenantSecret(auth.InvitationPrefix, in.TenantID)
	row, err := m.doors.System(in.TenantID, invitationMailKind).InvitationMail(ctx, db.InvitationMailParams{TenantID: in.TenantID, ID: in.InvitationID, TokenHash: hash})
	if err != nil {
		return found(err, "the invitation was accepted or taken back, or has expired")
	}
	if err := m.allowed(ctx, job.JobRow, row.Email, in.TenantID); err != nil {
		return err
	}
	return m.send(ctx, m.write(letter{to: row.Email, kind: invitationLetter, token: token, tenant: row.TenantName}))
}
