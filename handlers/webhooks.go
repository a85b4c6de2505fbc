package handlers

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
	"rowhouse/webhooks"
)

const (
	webhooksRead  auth.Permission = "webhooks:read"
	webhooksWrite auth.Permission = "webhooks:write"
)

var errWebhooks = rest.Conflict("too_many_webhooks", "A tenant has at most 50 active webhooks, for each costs something at each change.")

// Webhook is an endpoint that is told what changes.
type Webhook struct {
	ID                  ids.WebhookID `json:"id"`
	TenantID            ids.TenantID  `json:"tenant_id"`
	UserID              *ids.UserID   `json:"user_id" doc:"With whose eyes it sees: who made it, or enabled it last. Null: that user is gone."`
	URL                 string        `json:"url" example:"https://hooks.example.com/rowhouse"`
	Description         *string       `json:"description" example:"Keeps the stock server in step"`
	Events              *[]string     `json:"events" named:"EventName" example:"[\"item.create\",\"item.update\"]"`
	IsActive            bool          `json:"is_active" doc:"Whether it is told anything."`
	DisabledAt          *time.Time    `json:"disabled_at" doc:"Since when it is not."`
	DisabledReason      *string       `json:"disabled_reason" limit:"webhooks.disabled_reason" doc:"Why: asked (by somebody), user (user_id is out, or may no longer read webhooks), failing (for a week), gone (it answered 410), secret (it can no longer be read)."`
	FailingSince        *time.Time    `json:"failing_since" doc:"When the first attempt failed since the last success; null when that was the last."`
	PreviousSecretUntil *time.Time    `json:"previous_secret_until" doc:"Until when the secret before the last rotation signs too."`
	CreatedAt           time.Time     `json:"created_at"`
	UpdatedAt           time.Time     `json:"updated_at"`

	version int64
}

func (w *Webhook) Resource() (name, path string, version int64) {
	return "webhook", "/webhooks/" + w.ID.String(), w.version
}

func newWebhook(row db.Webhook) Webhook {
	var events *[]string
	if row.Events != nil {
		events = &row.Events
	}
	if row.DisabledAt == nil {
		row.DisabledReason = nil
	}
	return Webhook{row.ID, row.TenantID, row.UserID, row.Url, row.Description, events, row.DisabledAt == nil, row.DisabledAt, row.DisabledReason,
		row.FailingSince, row.PreviousSecretUntil, row.CreatedAt, row.UpdatedAt, row.Version}
}

type webhookListInput struct {
	rest.List
}

// webhookList reads a page of the tenant's endpoints.
func webhookList(ctx context.Context, q *db.Queries, who rest.Caller, in webhookListInput) (rest.Page[Webhook], error) {
	rows, err := q.WebhookList(ctx, db.WebhookListParams{
		TenantID:       who.TenantID,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.WebhookListRow) (Webhook, rest.Position, int64) {
		return newWebhook(row.Webhook), rest.Position{ID: row.Webhook.ID, Time: &row.Webhook.CreatedAt}, row.Total
	})
}

// webhookFields are what a client says of an endpoint.
type webhookFields struct {
	URL         *string                 `json:"url" validate:"max=500" doc:"Where messages are posted: https, at port 443 or 8443 of a public address." example:"https://hooks.example.com/rowhouse"`
	Description rest.Nullable[string]   `json:"description" validate:"max=500" text:"long" example:"Keeps the stock server in step"`
	Events      rest.Nullable[[]string] `json:"events" named:"EventName" validate:"max=200" doc:"The events that it is told of, of those that GET /api/v1/webhook-events lists; left out or null: all." example:"[\"item.create\",\"item.update\"]"`
}

func (f *webhookFields) Problems() (wrong []rest.FieldError) {
	if f.URL != nil {
		wrong = urlProblems(*f.URL, true)
	}
	if f.Events.Value == nil {
		return wrong
	}
	known := eventNames()
	for i, event := range *f.Events.Value {
		if known[event] {
			continue
		}
		wrong = append(wrong, rest.FieldError{Field: "events." + strconv.Itoa(i), Code: "one_of", Detail: "One of those that GET /api/v1/webhook-events lists."})
	}
	return wrong
}

// eventNames are those that an endpoint may be told of.
var eventNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, event := range API().Events() {
		names[event.Name] = true
	}
	return names
})

// urlProblems lists what is wrong with where an endpoint is. Whether it may be this very machine, only the configuration knows.
func urlProblems(url string, loopback bool) []rest.FieldError {
	if wrong := webhooks.CheckURL(url, loopback); wrong != "" {
		return []rest.FieldError{{Field: "url", Code: "format", Detail: wrong}}
	}
	return nil
}

// checkURL is for an input whose other fields are good.
func (app *App) checkURL(url *string) error {
	if url == nil {
		return nil
	}
	if wrong := urlProblems(*url, app.config.WebhooksLoopback); wrong != nil {
		return rest.Invalid(wrong...)
	}
	return nil
}

type webhookCreateInput struct {
	webhookFields `required:"url"`
}

// webhookCreated shows the secret, this once.
type webhookCreated struct {
	Webhook Webhook `json:"webhook"`
	Secret  *string `json:"secret" doc:"What messages are signed with: shown this once, and null when the answer is repeated." example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`
}

func (c *webhookCreated) Made() rest.Resource { return &c.Webhook }
func (c *webhookCreated) WithoutSecrets() any { return &webhookCreated{Webhook: c.Webhook} }

// webhookCreate makes an endpoint that sees with the eyes of the user who asks.
func webhookCreate(ctx context.Context, app *App, q *db.Queries, who rest.Caller, in webhookCreateInput) (webhookCreated, error) {
	if err := app.checkURL(in.URL); err != nil {
		return webhookCreated{}, err
	}
	secret, sealed, err := app.newWebhookSecret()
	if err != nil {
		return webhookCreated{}, err
	}
	row, err := q.WebhookCreate(ctx, db.WebhookCreateParams{
		TenantID:    who.TenantID,
		Url:         *in.URL,
		Description: in.Description.Value,
		Events:      in.events(),
		Secret:      sealed,
	})
	return webhookCreated{newWebhook(row), &secret}, err
}

func (f *webhookFields) events() []string {
	if f.Events.Value == nil {
		return nil
	}
	return distinct(*f.Events.Value)
}

// newWebhookSecret makes a secret, and the form in which it is stored.
func (app *App) newWebhookSecret() (secret string, sealed []byte, err error) {
	secret = webhooks.NewSecret()
	sealed, err = app.tokens.Keyring(webhookKeys).Seal(secret)
	return secret, sealed, err
}

type webhookGetInput struct {
	WebhookID ids.WebhookID `path:"webhook_id"`
}

// webhookGet reads an endpoint.
func webhookGet(ctx context.Context, q *db.Queries, who rest.Caller, in webhookGetInput) (Webhook, error) {
	row, err := q.WebhookGet(ctx, db.WebhookGetParams{TenantID: who.TenantID, ID: in.WebhookID})
	return newWebhook(row), err
}

type webhookUpdateInput struct {
	rest.Conditional
	WebhookID ids.WebhookID `path:"webhook_id"`
	webhookFields
}

// webhookUpdate changes where an endpoint is, or what it is told of; a field that the client leaves out keeps its value.
func webhookUpdate(ctx context.Context, app *App, q *db.Queries, who rest.Caller, in webhookUpdateInput) (Webhook, error) {
	if err := app.checkURL(in.URL); err != nil {
		return Webhook{}, err
	}
	row, err := q.WebhookUpdate(ctx, db.WebhookUpdateParams{
		TenantID:       who.TenantID,
		ID:             in.WebhookID,
		IfMatch:        in.IfMatch,
		Url:            in.URL,
		DescriptionSet: in.Description.Set,
		Description:    in.Description.Value,
		EventsSet:      in.Events.Set,
		Events:         in.events(),
	})
	return newWebhook(row), err
}

// webhookRotated shows the new secret, this once.
type webhookRotated struct {
	Webhook Webhook `json:"webhook"`
	Secret  *string `json:"secret" doc:"What messages are signed with from now on: shown this once, and null when the answer is repeated." example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`
}

func (r *webhookRotated) WithoutSecrets() any { return &webhookRotated{Webhook: r.Webhook} }

// webhookRotateSecret gives an endpoint another secret. For a day the one before signs too, so that nothing is refused that is on its way.
func webhookRotateSecret(ctx context.Context, app *App, q *db.Queries, who rest.Caller, in webhookGetInput) (webhookRotated, error) {
	secret, sealed, err := app.newWebhookSecret()
	if err != nil {
		return webhookRotated{}, err
	}
	row, err := q.WebhookRotateSecret(ctx, db.WebhookRotateSecretParams{
		TenantID: who.TenantID,
		ID:       in.WebhookID,
		Secret:   sealed,
		Until:    new(time.Now().Add(webhooks.Overlap)),
	})
	return webhookRotated{newWebhook(row), &secret}, err
}

// webhookDisable ends that an endpoint is told anything. What it is not told meanwhile it is never told.
func webhookDisable(ctx context.Context, q *db.Queries, who rest.Caller, in webhookGetInput) (Webhook, error) {
	row, err := q.WebhookDisable(ctx, db.WebhookDisableParams{TenantID: who.TenantID, ID: in.WebhookID})
	return newWebhook(row), err
}

// webhookEnable has an endpoint told again, from now on with the eyes of the user who asks.
func webhookEnable(ctx context.Context, q *db.Queries, who rest.Caller, in webhookGetInput) (Webhook, error) {
	row, err := q.WebhookEnable(ctx, db.WebhookEnableParams{TenantID: who.TenantID, ID: in.WebhookID})
	return newWebhook(row), err
}

type webhookDeleteInput struct {
	rest.Conditional
	WebhookID ids.WebhookID `path:"webhook_id"`
}

// webhookDelete removes an endpoint, and the log of what it was told.
func webhookDelete(ctx context.Context, q *db.Queries, who rest.Caller, in webhookDeleteInput) (rest.Deleted[ids.WebhookID], error) {
	id, err := q.WebhookDelete(ctx, db.WebhookDeleteParams{TenantID: who.TenantID, ID: in.WebhookID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.WebhookID]{ID: id}, err
}

// WebhookEvent is an operation that endpoints can be told of.
type WebhookEvent struct {
	Name        string `json:"name" named:"EventName" example:"item.update"`
	Description string `json:"description" doc:"What was done." example:"Update an item"`
	EntityType  string `json:"entity_type" doc:"What begins the ids of that which it is done to. An operation may change other things with it, each of which is an event of the same name." example:"item"`
}

type webhookEventListInput struct{}

// webhookEventList lists what endpoints can be told of.
func webhookEventList(_ context.Context, app *App, _ rest.Caller, _ webhookEventListInput) (rest.Page[WebhookEvent], error) {
	var all []WebhookEvent
	for _, e := range app.Events() {
		all = append(all, WebhookEvent{e.Name, e.Summary, e.Kind})
	}
	return rest.PageOfAll(all), nil
}

// NewDeliverer makes what sends the messages of webhooks, by a client.
func NewDeliverer(doors *tenancy.Database, tokens *auth.Tokens, client *webhooks.Client) *webhooks.Deliverer {
	api := API()
	show := func(ctx context.Context, tenant ids.TenantID, user ids.UserID, kind string, id ids.EntityID, reason string) ([]byte, int64, error) {
		shown, version, err := api.Show(ctx, doors, tenant, user, kind, id, reason)
		switch {
		case errors.Is(err, rest.ErrUnseen):
			err = webhooks.ErrUnseen
		case errors.Is(err, rest.ErrOut):
			err = webhooks.ErrOut
		}
		return shown, version, err
	}
	return webhooks.NewDeliverer(doors, client, tokens.Keyring(webhookKeys), show)
}

// webhookKeys is the purpose of the keys that seal secrets.
const webhookKeys = "webhooks"
