package handlers

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/webhooks"
)

// Delivery is a message to an endpoint, and what became of it. What it says is not shown: it is what the user of the endpoint sees, and not what
// whoever reads this does.
type Delivery struct {
	ID            ids.DeliveryID `json:"id" doc:"Also the id of the message: webhook-id."`
	TenantID      ids.TenantID   `json:"tenant_id"`
	WebhookID     ids.WebhookID  `json:"webhook_id"`
	Event         string         `json:"event" doc:"The operation that it tells of." example:"item.update"`
	EntityType    *string        `json:"entity_type" doc:"What begins the id of that which changed; null for a test." example:"item"`
	EntityID      *string        `json:"entity_id" doc:"What changed; null for a test, and when one event stands for more than a hundred." example:"item-0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f"`
	Version       *int64         `json:"version" doc:"The version that it has got; null for what has none." example:"2"`
	State         string         `json:"state" limit:"deliveries.state" doc:"pending: it will be tried, at next_attempt_at. failed: it will not be tried again by itself."`
	AttemptCount  int32          `json:"attempt_count" doc:"Attempts since the message was made, or last asked for again." example:"1"`
	NextAttemptAt *time.Time     `json:"next_attempt_at" doc:"When it will be tried; null when it is not pending."`
	LastStatus    *int32         `json:"last_status" doc:"The status of the last answer; null when there was none." example:"503"`
	LastError     *string        `json:"last_error" doc:"What went wrong last; null when nothing did. Nothing of an answer but its status is kept." example:"the status is no success"`
	OccurredAt    time.Time      `json:"occurred_at" doc:"When it changed."`
	DeliveredAt   *time.Time     `json:"delivered_at" doc:"When it was last taken."`
	CreatedAt     time.Time      `json:"created_at"`
	UpdatedAt     time.Time      `json:"updated_at"`
}

func newDelivery(row db.Delivery) Delivery {
	d := Delivery{row.ID, row.TenantID, row.WebhookID, row.Event, row.EntityType, nil, row.EntityVersion, row.State, row.Tries, row.NextAttemptAt,
		row.LastStatus, row.LastError, row.OccurredAt, row.DeliveredAt, row.CreatedAt, row.UpdatedAt}
	if row.EntityID != nil && row.EntityType != nil {
		d.EntityID = new(row.EntityID.As(*row.EntityType))
	}
	return d
}

type deliveryListInput struct {
	rest.List
	WebhookID ids.WebhookID `path:"webhook_id"`
	State     *string       `query:"state" limit:"deliveries.state" doc:"Messages in this state."`
	Event     *string       `query:"event" validate:"max=100" doc:"Messages of this event." example:"item.update"`
}

// deliveryList reads a page of the messages to an endpoint, of the last 30 days.
func deliveryList(ctx context.Context, q *db.Queries, who rest.Caller, in deliveryListInput) (rest.Page[Delivery], error) {
	rows, err := q.DeliveryList(ctx, db.DeliveryListParams{
		TenantID:       who.TenantID,
		WebhookID:      in.WebhookID,
		State:          in.State,
		Event:          in.Event,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.DeliveryListRow) (Delivery, rest.Position, int64) {
		return newDelivery(row.Delivery), rest.Position{ID: row.Delivery.ID, Time: &row.Delivery.CreatedAt}, row.Total
	})
}

// DeliveryAttempt is one time that a message was sent.
type DeliveryAttempt struct {
	At         time.Time `json:"at"`
	Status     *int32    `json:"status" doc:"Of the answer; null when there was none." example:"503"`
	Error      *string   `json:"error" doc:"What went wrong; null when nothing did." example:"the status is no success"`
	DurationMs int64     `json:"duration_ms" doc:"How long it took, in milliseconds." example:"84"`
}

// deliveryOutput shows a message with its attempts, as a thing without a version: it changes with each attempt.
type deliveryOutput struct {
	Delivery Delivery          `json:"delivery"`
	Attempts []DeliveryAttempt `json:"attempts" doc:"The last fifty, newest first."`
}

func newDeliveryOutput(row db.Delivery, err error) (deliveryOutput, error) {
	if err != nil {
		return deliveryOutput{}, err
	}
	var attempts []webhooks.Attempt
	if err := json.Unmarshal(row.Attempts, &attempts); err != nil {
		return deliveryOutput{}, err
	}
	out := deliveryOutput{Delivery: newDelivery(row), Attempts: make([]DeliveryAttempt, len(attempts))}
	for i, a := range attempts {
		out.Attempts[i] = DeliveryAttempt{a.At, a.Status, a.Error, a.DurationMs}
	}
	return out, nil
}

type deliveryGetInput struct {
	WebhookID  ids.WebhookID  `path:"webhook_id"`
	DeliveryID ids.DeliveryID `path:"delivery_id"`
}

// deliveryGet reads a message, with its attempts.
func deliveryGet(ctx context.Context, q *db.Queries, who rest.Caller, in deliveryGetInput) (deliveryOutput, error) {
	return newDeliveryOutput(q.DeliveryGet(ctx, db.DeliveryGetParams{TenantID: who.TenantID, WebhookID: in.WebhookID, ID: in.DeliveryID}))
}

// deliveryRedeliver has a message sent again, with the same id and the same bytes.
func deliveryRedeliver(ctx context.Context, q *db.Queries, who rest.Caller, in deliveryGetInput) (deliveryOutput, error) {
	return newDeliveryOutput(q.DeliveryRedeliver(ctx, db.DeliveryRedeliverParams{TenantID: who.TenantID, WebhookID: in.WebhookID, ID: in.DeliveryID}))
}

// webhookTest sends a message that tells of nothing, once, also to an endpoint that is disabled.
func webhookTest(ctx context.Context, q *db.Queries, who rest.Caller, in webhookGetInput) (deliveryOutput, error) {
	return newDeliveryOutput(q.DeliveryTest(ctx, db.DeliveryTestParams{TenantID: who.TenantID, WebhookID: in.WebhookID}))
}
