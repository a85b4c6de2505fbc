package handlers

import (
	"bytes"
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const auditRead auth.Permission = "audit:read"

// AuditEvent is one change of one row: who, what, from where.
type AuditEvent struct {
	ID             ids.AuditEventID `json:"id"`
	TenantID       ids.TenantID     `json:"tenant_id"`
	ActorID        *ids.UserID      `json:"actor_id" doc:"The user who asked; null where no user of the tenant did."`
	ActorAccountID *ids.AccountID   `json:"actor_account_id" doc:"The account that asked; null where nobody was logged in, and for system work."`
	Action         string           `json:"action" doc:"The operation, such as item.update; for system work its reason." example:"item.update"`
	EntityType     string           `json:"entity_type" doc:"What begins the ids of such rows." example:"item"`
	EntityID       *string          `json:"entity_id" doc:"The row that was changed; null when one event stands for more than a hundred." example:"item-0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f"`
	RowCount       int64            `json:"row_count" doc:"Rows that were changed." example:"1"`
	Before         *jsontext.Value  `json:"before" doc:"The changed fields as they were; null for a row that is new."`
	After          *jsontext.Value  `json:"after" doc:"The changed fields as they became; null for a row that is gone."`
	RequestID      *string          `json:"request_id" doc:"The X-Request-Id of the answer." example:"4zgq5j7uxk2v6ycm3o3wtd6fba"`
	Address        *string          `json:"address" doc:"The client's network address." example:"203.0.113.7"`
	CreatedAt      time.Time        `json:"created_at"`
}

func newAuditEvent(row db.AuditEvent) AuditEvent {
	e := AuditEvent{row.ID, row.TenantID, row.ActorUserID, row.ActorAccountID, row.Action, row.EntityType, nil, row.RowCount,
		typedIDs(row.Before), typedIDs(row.After), row.RequestID, row.Address, row.CreatedAt}
	if row.EntityID != nil {
		e.EntityID = new(row.EntityID.As(row.EntityType))
	}
	return e
}

// typedIDs writes the ids in the before or after of an event with their prefix, as everywhere else: the trigger that stored them has only
// uuids. NULL is nil.
func typedIDs(image []byte) *jsontext.Value {
	if image == nil {
		return nil
	}
	var made bytes.Buffer
	in, out := jsontext.NewDecoder(bytes.NewReader(image)), jsontext.NewEncoder(&made)
	for kind := ""; ; {
		token, err := in.ReadToken()
		if err != nil { // the end: an image is jsonb
			return new(jsontext.Value(made.Bytes()))
		}
		if token.Kind() == '"' {
			var id ids.EntityID
			if _, n := in.StackIndex(1); n%2 == 1 { // a name, not within a value
				kind = ids.KindOf(token.String())
			} else if kind != "" && id.Parse(token.String()) == nil && id.UUID() == token.String() {
				token = jsontext.String(id.As(kind))
			}
		}
		_ = out.WriteToken(token) // what was read can be written
	}
}

type auditEventListInput struct {
	rest.List
	ActorID    *ids.UserID   `query:"actor_id" doc:"Changes by this user."`
	Action     *string       `query:"action" validate:"max=100" doc:"Changes by this operation." example:"item.update"`
	EntityType *string       `query:"entity_type" validate:"max=50" doc:"Changes of this kind of thing." example:"item"`
	EntityID   *ids.EntityID `query:"entity_id" doc:"Changes of this thing."`
	Since      *time.Time    `query:"since" doc:"Changes at this time or later."`
	Until      *time.Time    `query:"until" doc:"Changes before this time."`
}

// auditEventList reads a page of the tenant's audit log, newest first.
func auditEventList(ctx context.Context, q *db.Queries, who rest.Caller, in auditEventListInput) (rest.Page[AuditEvent], error) {
	rows, err := q.AuditEventList(ctx, db.AuditEventListParams{
		TenantID:       who.TenantID,
		ActorUserID:    in.ActorID,
		Action:         in.Action,
		EntityType:     in.EntityType,
		EntityID:       in.EntityID,
		Since:          in.Since,
		Until:          in.Until,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.AuditEventListRow) (AuditEvent, rest.Position, int64) {
		return newAuditEvent(row.AuditEvent), rest.Position{ID: row.AuditEvent.ID, Time: &row.AuditEvent.CreatedAt}, row.Total
	})
}
