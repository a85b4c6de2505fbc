package webhooks

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/telemetry"
	"rowhouse/tenancy"
)

const (
	// atOnce is how many messages are on their way to one endpoint from this process: one that is slow so holds up few of those who send. Those of all
	// endpoints of a tenant are atOnceOfTenant at most, so that there are places left for others, of the worker's jobs.AtOnce.
	atOnce         = 2
	atOnceOfTenant = 8
	// busyPause is how long a message waits at least while as many are.
	busyPause = 2 * time.Second
	// suspendedPause is between two looks at whether a tenant is still suspended, which is told nothing.
	suspendedPause = time.Hour
	// Test is the event of a message that tells of nothing. It is sent once, also to an endpoint that is disabled.
	Test = "webhook.test"
)

// The reasons in the audit events of what is done here, and why an endpoint is disabled.
const (
	reasonDeliver = "webhook.deliver"
	reasonDisable = "webhook.disable"

	endUser    = "user"
	endFailing = "failing"
	endGone    = "gone"
	endSecret  = "secret"
)

var (
	// ErrUnseen is what Show fails with where the user would be refused the thing.
	ErrUnseen = errors.New("the user does not see this")
	// ErrOut is the same, of all of the tenant.
	ErrOut = errors.New("the user is out")
	// ErrGone is what Attempt fails with where the tenant is given up: there is no reason to call it again.
	ErrGone = errors.New("the tenant is gone")
)

// Show is what a user of the tenant sees of a thing, as JSON, and in which version; 0: it has none.
type Show func(ctx context.Context, tenant ids.TenantID, user ids.UserID, kind string, id ids.EntityID, reason string) (shown []byte, version int64, err error)

// Deliverer delivers the messages that stand in the database.
type Deliverer struct {
	doors  *tenancy.Database
	client *Client
	keys   auth.Keyring
	show   Show

	mu       sync.Mutex
	out      map[ids.WebhookID]int // on their way now
	ofTenant map[ids.TenantID]int
}

// NewDeliverer makes a deliverer; the keys are those that secrets were sealed with.
func NewDeliverer(doors *tenancy.Database, client *Client, keys auth.Keyring, show Show) *Deliverer {
	return &Deliverer{doors: doors, client: client, keys: keys, show: show, out: map[ids.WebhookID]int{}, ofTenant: map[ids.TenantID]int{}}
}

// An Attempt is how one is noted.
type Attempt struct {
	At         time.Time `json:"at"`
	Status     *int32    `json:"status"`
	Error      *string   `json:"error"`
	DurationMs int64     `json:"duration_ms"`
}

// A message is what an endpoint is sent.
type message struct {
	ID         ids.DeliveryID `json:"id"`
	Type       string         `json:"type"`
	Version    *int64         `json:"version"`
	OccurredAt time.Time      `json:"occurred_at"`
	TenantID   ids.TenantID   `json:"tenant_id"`
	RowCount   *int64         `json:"row_count,omitzero"`
	Data       jsontext.Value `json:"data"`
}

// Attempt sends a message, if it is to be sent. It returns how long to wait until it is called for it again; 0: not any more. Nothing was noted of the
// attempt when it fails, and to call it again is right. The same message may be sent twice, with the same id.
func (d *Deliverer) Attempt(ctx context.Context, tenant ids.TenantID, id ids.DeliveryID) (wait time.Duration, err error) {
	row, err := d.doors.System(tenant, reasonDeliver).DeliveryPending(ctx, db.DeliveryPendingParams{TenantID: tenant, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	test := row.Delivery.Event == Test
	switch row.Status {
	case "active":
	case "deleting":
		return 0, ErrGone
	default:
		return suspendedPause, nil
	}
	if row.Webhook.DisabledAt != nil && !test {
		return 0, d.giveUp(ctx, row, "the webhook is disabled")
	}
	if !d.begin(tenant, row.Webhook.ID) {
		return busyPause + rand.N(busyPause), nil
	}
	defer d.end(tenant, row.Webhook.ID)

	var secrets []string
	for _, sealed := range live(row.Webhook) {
		secret, _, err := d.keys.Open(sealed)
		if err != nil {
			return 0, d.disable(ctx, row, endSecret)
		}
		secrets = append(secrets, secret)
	}
	body, err := d.body(ctx, row)
	if errors.Is(err, ErrOut) {
		return 0, d.disable(ctx, row, endUser)
	} else if err != nil {
		return 0, err
	}
	now := time.Now()
	header, err := Sign(id.String(), now, body, secrets...)
	if err != nil {
		return 0, err
	}
	outcome := d.post(ctx, row.Webhook.Url, header, body)
	if ctx.Err() != nil { // this process ends, which says nothing of the endpoint
		return 0, ctx.Err()
	}
	return d.note(ctx, row, now, outcome)
}

// post sends a message, with the trace that it is part of if that is kept, and tells what became of it.
func (d *Deliverer) post(ctx context.Context, to string, header http.Header, body []byte) Outcome {
	ctx, seen := d.doors.Telemetry.Delivery(ctx)
	if trace := seen.Traceparent(); trace != "" {
		header.Set("traceparent", trace)
	}
	outcome := d.client.Post(ctx, to, header, body)
	switch {
	case outcome.Delivered():
		seen.End(telemetry.Delivered)
	case outcome.Gone():
		seen.End(telemetry.DeliveryGone)
	case outcome.Status != 0:
		seen.End(telemetry.DeliveryRefused)
	default:
		seen.End(telemetry.DeliveryUnanswered)
	}
	return outcome
}

// live are the sealed secrets that sign.
func live(w db.Webhook) [][]byte {
	if w.PreviousSecret != nil && w.PreviousSecretUntil != nil && w.PreviousSecretUntil.After(time.Now()) {
		return [][]byte{w.Secret, w.PreviousSecret}
	}
	return [][]byte{w.Secret}
}

// body is what the message says: as it was first sent, or else as it is seen now. ErrOut: nothing is to be said any more.
func (d *Deliverer) body(ctx context.Context, row db.DeliveryPendingRow) ([]byte, error) {
	m := row.Delivery
	if m.Event != Test {
		// Asked each time: what was shown yesterday is not for whoever is out today.
		err := ErrOut
		if row.Webhook.UserID != nil {
			_, _, err = d.show(ctx, m.TenantID, *row.Webhook.UserID, row.Webhook.ID.Prefix(), ids.EntityOf(row.Webhook.ID), reasonDeliver)
		}
		if errors.Is(err, ErrUnseen) {
			err = ErrOut
		}
		if err != nil {
			return nil, err
		}
	}
	if m.Payload != nil {
		return []byte(*m.Payload), nil
	}
	made := message{ID: m.ID, Type: m.Event, Version: m.EntityVersion, OccurredAt: m.OccurredAt, TenantID: m.TenantID, Data: jsontext.Value("null")}
	switch {
	case m.EntityType == nil || m.EntityID == nil:
		if m.RowCount > 1 {
			made.RowCount = &m.RowCount
		}
	case m.IsRemoval:
		made.Data = jsontext.Value(`{"id":"` + m.EntityID.As(*m.EntityType) + `"}`)
	default:
		shown, version, err := d.show(ctx, m.TenantID, *row.Webhook.UserID, *m.EntityType, *m.EntityID, reasonDeliver)
		switch {
		case errors.Is(err, ErrUnseen):
		case err != nil:
			return nil, err
		default:
			made.Data = shown
			if version == 0 { // what is shown is more than the row that changed, and has no version
				made.Version = nil
			}
		}
	}
	text, err := json.Marshal(made)
	if err != nil {
		return nil, err
	}
	kept, err := d.doors.System(m.TenantID, reasonDeliver).DeliveryRender(ctx, db.DeliveryRenderParams{TenantID: m.TenantID, ID: m.ID, Payload: new(string(text))})
	return []byte(kept), err
}

// note writes down what became of an attempt, and decides what comes next.
func (d *Deliverer) note(ctx context.Context, row db.DeliveryPendingRow, at time.Time, o Outcome) (wait time.Duration, err error) {
	m := row.Delivery
	attempt := Attempt{At: at, DurationMs: o.Duration.Milliseconds()}
	if o.Status != 0 {
		attempt.Status = new(int32(o.Status))
	}
	if o.Error != "" {
		attempt.Error = &o.Error
	}
	text, err := json.Marshal(attempt)
	if err != nil {
		return 0, err
	}
	noted := db.DeliveryAttemptedParams{TenantID: m.TenantID, ID: m.ID, State: "delivered", Attempt: text, Status: attempt.Status, Error: attempt.Error}
	if !o.Delivered() {
		pause, more := Pause(int(m.Tries)+1, o.RetryAfter)
		if more = more && !o.Gone() && m.Event != Test; more {
			wait = pause
			noted.State, noted.NextAttemptAt = "pending", new(time.Now().Add(pause))
		} else {
			noted.State = "failed"
		}
	}
	since, err := d.doors.System(m.TenantID, reasonDeliver).DeliveryAttempted(ctx, noted)
	if errors.Is(err, pgx.ErrNoRows) { // another has sent it meanwhile
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	switch {
	case o.Gone():
		return 0, d.disable(ctx, row, endGone)
	case since != nil && time.Since(*since) > Patience:
		return 0, d.disable(ctx, row, endFailing)
	}
	return wait, nil
}

// giveUp ends a message without an attempt.
func (d *Deliverer) giveUp(ctx context.Context, row db.DeliveryPendingRow, why string) error {
	return d.doors.System(row.Delivery.TenantID, reasonDeliver).DeliveryGiveUp(ctx, db.DeliveryGiveUpParams{TenantID: row.Delivery.TenantID, ID: row.Delivery.ID, Error: why})
}

// disable disables an endpoint, and ends the message that showed why.
func (d *Deliverer) disable(ctx context.Context, row db.DeliveryPendingRow, why string) error {
	_, err := d.doors.System(row.Webhook.TenantID, reasonDisable).WebhookEnd(ctx, db.WebhookEndParams{TenantID: row.Webhook.TenantID, ID: row.Webhook.ID, Reason: why})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	return d.giveUp(ctx, row, "the webhook is disabled")
}

// begin takes one of the places of an endpoint and its tenant; false when either has none left.
func (d *Deliverer) begin(tenant ids.TenantID, webhook ids.WebhookID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.out[webhook] >= atOnce || d.ofTenant[tenant] >= atOnceOfTenant {
		return false
	}
	d.out[webhook]++
	d.ofTenant[tenant]++
	return true
}

func (d *Deliverer) end(tenant ids.TenantID, webhook ids.WebhookID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.out[webhook]--; d.out[webhook] == 0 {
		delete(d.out, webhook)
	}
	if d.ofTenant[tenant]--; d.ofTenant[tenant] == 0 {
		delete(d.ofTenant, tenant)
	}
}

// Seal seals those of a tenant's secrets anew that are not sealed with the first key, so that the others can be dropped. A secret before the last rotation
// that signs no more is forgotten.
func (d *Deliverer) Seal(ctx context.Context, tenant ids.TenantID) error {
	q := d.doors.System(tenant, reasonDeliver)
	for after := (ids.WebhookID{}); ; {
		rows, err := q.WebhookSealed(ctx, db.WebhookSealedParams{TenantID: tenant, After: after})
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			after = row.ID
			secret, first, err := d.seal(row.Secret)
			if err != nil {
				continue // the next attempt finds out
			}
			var previous []byte
			if row.PreviousSecret != nil && row.PreviousSecretUntil != nil && row.PreviousSecretUntil.After(time.Now()) {
				var also bool
				if previous, also, err = d.seal(row.PreviousSecret); err != nil {
					continue
				}
				first = first && also
			}
			if first && (previous != nil || row.PreviousSecret == nil) {
				continue
			}
			if err := q.WebhookSeal(ctx, db.WebhookSealParams{TenantID: tenant, ID: row.ID, Secret: secret, PreviousSecret: previous, Sealed: row.Secret}); err != nil {
				return err
			}
		}
	}
}

// seal seals anew what the first key has not sealed.
func (d *Deliverer) seal(sealed []byte) (again []byte, first bool, err error) {
	plain, first, err := d.keys.Open(sealed)
	if err != nil || first {
		return sealed, first, err
	}
	again, err = d.keys.Seal(plain)
	return again, false, err
}
