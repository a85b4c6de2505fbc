package jobs

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/mail"
)

const webhookMailKind = "webhook.mail"

// webhookMail tells the user of an endpoint that it was disabled.
type webhookMail struct {
	task
	WebhookID ids.WebhookID `json:"subject_id"`
}

// Kind is its name in the queue.
func (webhookMail) Kind() string { return webhookMailKind }

type webhookMailer struct{ mailer[webhookMail] }

func addWebhookMail(kinds *river.Workers, w *Worker) {
	river.AddWorker(kinds, &webhookMailer{mailer[webhookMail]{Worker: w}})
}

// Work mails it, if the endpoint is disabled still.
func (m *webhookMailer) Work(ctx context.Context, job *river.Job[webhookMail]) error {
	in := job.Args
	if err := m.here(ctx, in.task, webhookMailKind); err != nil {
		return err
	}
	row, err := m.doors.System(in.TenantID, webhookMailKind).WebhookMail(ctx, db.WebhookMailParams{TenantID: in.TenantID, ID: in.WebhookID})
	if err != nil {
		return found(err, "the webhook is gone or enabled, or its user has no e-mail")
	}
	if err := m.allowed(ctx, job.JobRow, *row.Email, in.TenantID); err != nil {
		return err
	}
	tenant := oneLine(row.TenantName)
	return m.send(ctx, mail.Message{
		To:      *row.Email,
		Subject: "A webhook of " + tenant + " was disabled",
		Text: fmt.Sprintf("The webhook %s of %s is told nothing any more: %s.\n\nIts deliveries show what went wrong. Once that is mended, enable it:\nPOST /api/v1/webhooks/%s/enable\n",
			row.Url, tenant, whyDisabled[row.DisabledReason], in.WebhookID),
	})
}

// whyDisabled are the reasons that a mail tells of.
var whyDisabled = map[string]string{
	"failing": "for a week it has taken no message",
	"gone":    "it answered that it is gone (410)",
	"secret":  "its secret can no longer be read; give it another first, with POST …/rotate-secret",
}
