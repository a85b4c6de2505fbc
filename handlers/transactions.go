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
	transactionsRead   auth.Permission = "transactions:read"
	transactionsCreate auth.Permission = "transactions:create"
	transactionsWrite  auth.Permission = "transactions:write"
)

// Transaction is a row of transactions as a client sees it: payments, and, with amounts below zero, refunds.
type Transaction struct {
	ID              ids.TransactionID  `json:"id"`
	TenantID        ids.TenantID       `json:"tenant_id"`
	AppointmentID   *ids.AppointmentID `json:"appointment_id" doc:"What was paid for, where it is an appointment."`
	ArtistID        ids.ArtistID       `json:"artist_id" doc:"Who earned it."`
	AmountCents     int32              `json:"amount_cents" doc:"Cents of the tenant's currency; a refund is negative." example:"24900"`
	Method          string             `json:"method" validate:"oneof=cash card transfer other" doc:"How it was paid."`
	Concept         *string            `json:"concept" doc:"What it was for, in words." example:"Deposit"`
	PaidAt          time.Time          `json:"paid_at" doc:"When it was paid; otherwise now."`
	CommissionCents int32              `json:"commission_cents" doc:"Cents of the tenant's currency: the artist's part of the amount, half a cent rounded away from zero."`
	Completes       bool               `json:"completes" doc:"Whether it was made by completing the appointment, which is done once."`
	VoidedAt        *time.Time         `json:"voided_at" doc:"When it was taken out of the books; it counts no more."`
	CreatedAt       time.Time          `json:"created_at"`
	UpdatedAt       time.Time          `json:"updated_at"`

	version int64
}

func (t *Transaction) Resource() (name, path string, version int64) {
	return "transaction", "/transactions/" + t.ID.String(), t.version
}

func newTransaction(row db.Transaction) Transaction {
	return Transaction{
		ID:              row.ID,
		TenantID:        row.TenantID,
		AppointmentID:   row.AppointmentID,
		ArtistID:        row.ArtistID,
		AmountCents:     row.AmountCents,
		Method:          row.Method,
		Concept:         row.Concept,
		PaidAt:          row.PaidAt,
		CommissionCents: row.CommissionCents,
		Completes:       row.Completes,
		VoidedAt:        row.VoidedAt,
		CreatedAt:       row.CreatedAt,
		UpdatedAt:       row.UpdatedAt,
		version:         row.Version,
	}
}

// transactionFilter says which transactions, in which order.
type transactionFilter struct {
	Sort           string             `query:"sort" validate:"oneof=amount_cents -amount_cents paid_at -paid_at" doc:"By amount_cents or paid_at; with - downwards. Newest first when left out."`
	AppointmentID  *ids.AppointmentID `query:"appointment_id" doc:"Transactions whose appointment_id is this."`
	ArtistID       *ids.ArtistID      `query:"artist_id" doc:"Transactions whose artist_id is this."`
	MinAmountCents *int32             `query:"min_amount_cents" doc:"Transactions whose amount_cents is this or more."`
	MaxAmountCents *int32             `query:"max_amount_cents" doc:"Transactions whose amount_cents is this or less."`
	Method         *string            `query:"method" limit:"transactions.method" doc:"Transactions whose method is this."`
	MinPaidAt      *time.Time         `query:"min_paid_at" doc:"Transactions whose paid_at is this or more."`
	MaxPaidAt      *time.Time         `query:"max_paid_at" doc:"Transactions whose paid_at is this or less."`
}

type transactionListInput struct {
	rest.List
	transactionFilter
}

// transactionList reads a page of the tenant's transactions.
func transactionList(ctx context.Context, q *db.Queries, who rest.Caller, in transactionListInput) (rest.Page[Transaction], error) {
	rows, err := q.TransactionList(ctx, db.TransactionListParams{
		TenantID:         who.TenantID,
		Sort:             in.Sort,
		AppointmentID:    in.AppointmentID,
		ArtistID:         *cmp.Or(in.ArtistID, new(ids.ArtistID)),
		OfArtist:         in.ArtistID != nil,
		MinAmountCents:   in.MinAmountCents,
		MaxAmountCents:   in.MaxAmountCents,
		Method:           in.Method,
		MinPaidAt:        in.MinPaidAt,
		MaxPaidAt:        in.MaxPaidAt,
		AfterID:          in.AfterID(),
		AfterCreatedAt:   in.AfterTime(),
		AfterAmountCents: in.AfterNumber(),
		AfterPaidAt:      in.AfterTime(),
		Skip:             in.Skip(),
		Size:             in.Limit(),
		WithTotal:        in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.TransactionListRow) (Transaction, rest.Position, int64) {
		at := rest.Position{ID: row.Transaction.ID}
		switch in.Sort {
		case "amount_cents", "-amount_cents":
			at.Number = &row.Transaction.AmountCents
		case "paid_at", "-paid_at":
			at.Time = &row.Transaction.PaidAt
		default:
			at.Time = &row.Transaction.CreatedAt
		}
		return newTransaction(row.Transaction), at, row.Total
	})
}

type transactionCreateInput struct {
	AppointmentID rest.Nullable[ids.AppointmentID] `json:"appointment_id" doc:"What was paid for, where it is an appointment."`
	ArtistID      ids.ArtistID                     `json:"artist_id" doc:"Who earned it."`
	AmountCents   int32                            `json:"amount_cents" validate:"min=-10000000,max=10000000" doc:"Cents of the tenant's currency; a refund is negative." example:"24900"`
	Method        string                           `json:"method" limit:"transactions.method" doc:"How it was paid." example:"card"`
	Concept       rest.Nullable[string]            `json:"concept" validate:"max=200" doc:"What it was for, in words." example:"Deposit"`
	PaidAt        *time.Time                       `json:"paid_at" doc:"When it was paid; otherwise now." example:"2026-03-01T12:30:00Z"`
}

func (in *transactionCreateInput) Problems() []rest.FieldError {
	if in.AmountCents == 0 {
		return []rest.FieldError{{Field: "amount_cents", Code: "range", Detail: "Not 0."}}
	}
	return nil
}

// transactionCreate makes a transaction.
func transactionCreate(ctx context.Context, q *db.Queries, who rest.Caller, in transactionCreateInput) (Transaction, error) {
	row, err := q.TransactionCreate(ctx, db.TransactionCreateParams{
		TenantID:      who.TenantID,
		AppointmentID: in.AppointmentID.Value,
		ArtistID:      in.ArtistID,
		AmountCents:   in.AmountCents,
		Method:        in.Method,
		Concept:       in.Concept.Value,
		PaidAt:        in.PaidAt,
	})
	return newTransaction(row), err
}

type transactionGetInput struct {
	TransactionID ids.TransactionID `path:"transaction_id"`
}

// transactionGet reads a transaction.
func transactionGet(ctx context.Context, q *db.Queries, who rest.Caller, in transactionGetInput) (Transaction, error) {
	row, err := q.TransactionGet(ctx, db.TransactionGetParams{TenantID: who.TenantID, ID: in.TransactionID})
	return newTransaction(row), err
}

// transactionVoid takes a transaction out of the books; once is enough, and for good.
func transactionVoid(ctx context.Context, q *db.Queries, who rest.Caller, in transactionGetInput) (Transaction, error) {
	row, err := q.TransactionVoid(ctx, db.TransactionVoidParams{TenantID: who.TenantID, ID: in.TransactionID})
	return newTransaction(row), err
}
