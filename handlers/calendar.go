package handlers

import (
	"bytes"
	"cmp"
	"io"
	"time"

	ics "github.com/arran4/golang-ical"

	"rowhouse/ids"
)

// A calendarEntry is what a calendar says of an appointment.
type calendarEntry struct {
	ID                   ids.AppointmentID
	From, To             time.Time
	Title                string // the client; empty: some appointment
	Notes                string // left out when empty
	Status               string // of an appointment
	Version              int64  // of its row
	CreatedAt, UpdatedAt time.Time
}

// calendarStatus is the word of RFC 5545 for the status of an appointment.
func calendarStatus(of string) ics.ObjectStatus {
	switch of {
	case "on_hold":
		return ics.ObjectStatusTentative
	case "cancelled":
		return ics.ObjectStatusCancelled
	}
	return ics.ObjectStatusConfirmed
}

// writeCalendar writes appointments as text/calendar (RFC 5545), the same bytes for the same appointments. A calendar that has been subscribed
// to knows an appointment again by its id, and by its version that it has changed: so a cancelled one is to be among them, not left out.
func writeCalendar(w io.Writer, name string, entries []calendarEntry) error {
	calendar := ics.NewCalendarFor("rowhouse")
	calendar.SetProductId("-//rowhouse//rowhouse//EN")
	calendar.SetName(name)
	for _, e := range entries {
		event := calendar.AddEvent(e.ID.String())
		event.SetDtStampTime(e.UpdatedAt) // without a METHOD it is when the event last changed
		event.SetStartAt(e.From)
		event.SetEndAt(e.To)
		event.SetSummary(cmp.Or(e.Title, "Appointment"))
		if e.Notes != "" {
			event.SetDescription(e.Notes)
		}
		event.SetStatus(calendarStatus(e.Status))
		event.SetSequence(int(e.Version))
		event.SetCreatedTime(e.CreatedAt)
		event.SetModifiedAt(e.UpdatedAt)
	}
	var b bytes.Buffer // the library writes each line by itself
	if err := calendar.SerializeTo(&b, ics.WithNewLineWindows); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}
