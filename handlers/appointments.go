package handlers

import (
	"cmp"
	"context"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const (
	appointmentsRead  auth.Permission = "appointments:read"
	appointmentsWrite auth.Permission = "appointments:write"
)

// Appointment is a row of appointments as a client sees it: booked sessions of clients with artists.
type Appointment struct {
	ID             ids.AppointmentID `json:"id"`
	TenantID       ids.TenantID      `json:"tenant_id"`
	ClientID       ids.ClientID      `json:"client_id" doc:"Who comes."`
	ArtistID       ids.ArtistID      `json:"artist_id" doc:"Who works. Of one artist no two overlap, but for those that are cancelled."`
	StartsAt       time.Time         `json:"starts_at"`
	EndsAt         time.Time         `json:"ends_at" doc:"The first moment that is free again."`
	PriceCents     int32             `json:"price_cents" doc:"Cents of the tenant's currency." example:"24900"`
	Notes          *string           `json:"notes" doc:"What the artist should know." example:"Left forearm, second session."`
	CommissionRate *rest.Rate        `json:"commission_rate" doc:"The artist's share of the payment; null: as the artist's own rate says when it is paid." example:"0.65"`
	Status         string            `json:"status" validate:"oneof=scheduled on_hold completed cancelled" doc:"scheduled or on_hold, until it is completed or cancelled, which is the end of it."`
	NoShow         bool              `json:"no_show" doc:"Whether it was cancelled because nobody came."`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`

	version int64
}

func (a *Appointment) Resource() (name, path string, version int64) {
	return "appointment", "/appointments/" + a.ID.String(), a.version
}

func newAppointment(row db.Appointment) Appointment {
	return Appointment{
		ID:             row.ID,
		TenantID:       row.TenantID,
		ClientID:       row.ClientID,
		ArtistID:       row.ArtistID,
		StartsAt:       row.StartsAt,
		EndsAt:         row.EndsAt,
		PriceCents:     row.PriceCents,
		Notes:          row.Notes,
		CommissionRate: (*rest.Rate)(row.CommissionRate),
		Status:         row.Status,
		NoShow:         row.NoShow,
		CreatedAt:      row.CreatedAt,
		UpdatedAt:      row.UpdatedAt,
		version:        row.Version,
	}
}

// appointmentFilter says which appointments, in which order.
type appointmentFilter struct {
	Sort        string        `query:"sort" validate:"oneof=starts_at -starts_at" doc:"By starts_at; with - downwards. Newest first when left out."`
	ClientID    *ids.ClientID `query:"client_id" doc:"Appointments whose client_id is this."`
	ArtistID    *ids.ArtistID `query:"artist_id" doc:"Appointments whose artist_id is this."`
	MinStartsAt *time.Time    `query:"min_starts_at" doc:"Appointments whose starts_at is this or more."`
	MaxStartsAt *time.Time    `query:"max_starts_at" doc:"Appointments whose starts_at is this or less."`
	Status      *string       `query:"status" limit:"appointments.status" doc:"Appointments whose status is this."`
}

type appointmentListInput struct {
	rest.List
	appointmentFilter
}

// appointmentList reads a page of the tenant's appointments.
func appointmentList(ctx context.Context, q *db.Queries, who rest.Caller, in appointmentListInput) (rest.Page[Appointment], error) {
	rows, err := q.AppointmentList(ctx, db.AppointmentListParams{
		TenantID:       who.TenantID,
		Sort:           in.Sort,
		ClientID:       *cmp.Or(in.ClientID, new(ids.ClientID)),
		OfClient:       in.ClientID != nil,
		ArtistID:       *cmp.Or(in.ArtistID, new(ids.ArtistID)),
		OfArtist:       in.ArtistID != nil,
		MinStartsAt:    in.MinStartsAt,
		MaxStartsAt:    in.MaxStartsAt,
		Status:         in.Status,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		AfterStartsAt:  in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.AppointmentListRow) (Appointment, rest.Position, int64) {
		at := rest.Position{ID: row.Appointment.ID}
		switch in.Sort {
		case "starts_at", "-starts_at":
			at.Time = &row.Appointment.StartsAt
		default:
			at.Time = &row.Appointment.CreatedAt
		}
		return newAppointment(row.Appointment), at, row.Total
	})
}

// appointmentFields are what a client says of an appointment.
type appointmentFields struct {
	ClientID       *ids.ClientID            `json:"client_id" doc:"Who comes."`
	ArtistID       *ids.ArtistID            `json:"artist_id" doc:"Who works. Of one artist no two overlap, but for those that are cancelled."`
	StartsAt       *time.Time               `json:"starts_at" example:"2027-03-01T10:00:00Z"`
	EndsAt         *time.Time               `json:"ends_at" doc:"The first moment that is free again." example:"2027-03-01T12:30:00Z"`
	PriceCents     *int32                   `json:"price_cents" validate:"min=0,max=10000000" doc:"Cents of the tenant's currency." example:"24900"`
	Notes          rest.Nullable[string]    `json:"notes" validate:"max=5000" text:"long" doc:"What the artist should know." example:"Left forearm, second session."`
	CommissionRate rest.Nullable[rest.Rate] `json:"commission_rate" doc:"The artist's share of the payment; null: as the artist's own rate says when it is paid." example:"0.65"`
	Status         *string                  `json:"status" validate:"oneof=scheduled on_hold" doc:"on_hold keeps the time of an appointment that is not certain yet. It is completed and cancelled by routes of their own."`
}

type appointmentCreateInput struct {
	appointmentFields `required:"client_id artist_id starts_at ends_at price_cents"`
}

// appointmentCreate makes an appointment.
func appointmentCreate(ctx context.Context, q *db.Queries, who rest.Caller, in appointmentCreateInput) (Appointment, error) {
	row, err := q.AppointmentCreate(ctx, db.AppointmentCreateParams{
		TenantID:       who.TenantID,
		ClientID:       *in.ClientID,
		ArtistID:       *in.ArtistID,
		StartsAt:       *in.StartsAt,
		EndsAt:         *in.EndsAt,
		PriceCents:     *in.PriceCents,
		Notes:          in.Notes.Value,
		CommissionRate: (*float64)(in.CommissionRate.Value),
		Status:         in.Status,
	})
	return newAppointment(row), err
}

type appointmentGetInput struct {
	AppointmentID ids.AppointmentID `path:"appointment_id"`
}

// appointmentGet reads an appointment.
func appointmentGet(ctx context.Context, q *db.Queries, who rest.Caller, in appointmentGetInput) (Appointment, error) {
	row, err := q.AppointmentGet(ctx, db.AppointmentGetParams{TenantID: who.TenantID, ID: in.AppointmentID})
	return newAppointment(row), err
}

type appointmentUpdateInput struct {
	rest.Conditional
	AppointmentID ids.AppointmentID `path:"appointment_id"`
	appointmentFields
}

// appointmentUpdate changes an appointment; a field that the client leaves out keeps its value.
func appointmentUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in appointmentUpdateInput) (Appointment, error) {
	row, err := q.AppointmentUpdate(ctx, db.AppointmentUpdateParams{
		TenantID:          who.TenantID,
		ID:                in.AppointmentID,
		IfMatch:           in.IfMatch,
		ClientIDSet:       in.ClientID != nil,
		ClientID:          *cmp.Or(in.ClientID, new(ids.ClientID)),
		ArtistIDSet:       in.ArtistID != nil,
		ArtistID:          *cmp.Or(in.ArtistID, new(ids.ArtistID)),
		StartsAt:          in.StartsAt,
		EndsAt:            in.EndsAt,
		PriceCents:        in.PriceCents,
		NotesSet:          in.Notes.Set,
		Notes:             in.Notes.Value,
		CommissionRateSet: in.CommissionRate.Set,
		CommissionRate:    (*float64)(in.CommissionRate.Value),
		Status:            in.Status,
	})
	return newAppointment(row), err
}

type appointmentCompleteInput struct {
	AppointmentID ids.AppointmentID `path:"appointment_id"`
	Method        string            `json:"method" limit:"transactions.method" doc:"How it was paid." example:"card"`
}

// appointmentCompleted is the appointment, and what was paid for it.
type appointmentCompleted struct {
	Appointment   Appointment        `json:"appointment"`
	TransactionID *ids.TransactionID `json:"transaction_id" doc:"The payment that was made of it; null where it costs nothing."`
}

// appointmentComplete ends an appointment as done, and pays it.
func appointmentComplete(ctx context.Context, q *db.Queries, who rest.Caller, in appointmentCompleteInput) (appointmentCompleted, error) {
	payment := ids.New[ids.TransactionID]()
	row, err := q.AppointmentComplete(ctx, db.AppointmentCompleteParams{TenantID: who.TenantID, ID: in.AppointmentID, TransactionID: payment, Method: in.Method})
	completed := appointmentCompleted{Appointment: newAppointment(row.Appointment)}
	if row.Appointment.PriceCents > 0 {
		completed.TransactionID = &payment
	}
	return completed, err
}

type appointmentCancelInput struct {
	AppointmentID ids.AppointmentID `path:"appointment_id"`
	NoShow        bool              `json:"no_show" default:"false" doc:"Whether it is cancelled because nobody came."`
}

// appointmentCancel ends an appointment that takes no place.
func appointmentCancel(ctx context.Context, q *db.Queries, who rest.Caller, in appointmentCancelInput) (Appointment, error) {
	row, err := q.AppointmentCancel(ctx, db.AppointmentCancelParams{TenantID: who.TenantID, ID: in.AppointmentID, NoShow: in.NoShow})
	return newAppointment(row), err
}

type appointmentDeleteInput struct {
	rest.Conditional
	AppointmentID ids.AppointmentID `path:"appointment_id"`
}

// appointmentDelete removes an appointment.
func appointmentDelete(ctx context.Context, q *db.Queries, who rest.Caller, in appointmentDeleteInput) (rest.Deleted[ids.AppointmentID], error) {
	id, err := q.AppointmentDelete(ctx, db.AppointmentDeleteParams{TenantID: who.TenantID, ID: in.AppointmentID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.AppointmentID]{ID: id}, err
}
