package jobs

import (
	"context"
	"fmt"
	"time"
	_ "time/tzdata" // the image that the worker runs in has no zones

	"github.com/riverqueue/river"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/mail"
)

const appointmentRemindKind = "appointment.remind"

// appointmentRemind reminds a client of an appointment, on the day before.
type appointmentRemind struct {
	task
	AppointmentID ids.AppointmentID `json:"subject_id"`
}

// Kind is its name in the queue.
func (appointmentRemind) Kind() string { return appointmentRemindKind }

type appointmentReminder struct{ mailer[appointmentRemind] }

func addAppointmentRemind(kinds *river.Workers, w *Worker) {
	river.AddWorker(kinds, &appointmentReminder{mailer[appointmentRemind]{Worker: w}})
}

// Work mails the reminder, if the appointment is tomorrow still.
func (m *appointmentReminder) Work(ctx context.Context, job *river.Job[appointmentRemind]) error {
	in := job.Args
	if err := m.here(ctx, in.task, appointmentRemindKind); err != nil {
		return err
	}
	row, err := m.doors.System(in.TenantID, appointmentRemindKind).AppointmentReminder(ctx, db.AppointmentReminderParams{TenantID: in.TenantID, ID: in.AppointmentID})
	if err != nil {
		return found(err, "the appointment was moved or given up, has begun, its client has no e-mail, or nobody is reminded")
	}
	zone, err := time.LoadLocation(row.Zone)
	if err != nil {
		return err
	}
	at := row.StartsAt.In(zone)
	tenant := oneLine(row.TenantName)
	return m.send(ctx, mail.Message{
		To:      *row.Email,
		Subject: "Your appointment at " + tenant,
		Text: fmt.Sprintf("Hello %s,\n\nyou have an appointment with %s at %s:\n\n%s (%s)\n",
			oneLine(row.ClientName), oneLine(row.ArtistName), tenant, at.Format("Monday, 2 January 2006, 15:04"), row.Zone),
	})
}
