package handlers

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const (
	keysRead  auth.Permission = "keys:read"
	keysWrite auth.Permission = "keys:write"
)

// APIKey lets a program act as one user of one tenant, within its scopes.
type APIKey struct {
	ID          ids.APIKeyID `json:"id"`
	TenantID    ids.TenantID `json:"tenant_id"`
	UserID      ids.UserID   `json:"user_id" doc:"Whose it is; this never changes."`
	Name        string       `json:"name" example:"Nightly import"`
	Description *string      `json:"description" example:"Runs on the stock server"`
	KeyPrefix   string       `json:"key_prefix" doc:"How the key begins, to recognise it by." example:"rh_4zgq5j7ux"`
	Scopes      *[]string    `json:"scopes" named:"Permission" doc:"Permissions, of which the key has those that its user holds; null: all of the user's." example:"[\"items:read\",\"items:write\"]"`
	IsActive    bool         `json:"is_active" doc:"Neither revoked nor expired."`
	ExpiresAt   *time.Time   `json:"expires_at" doc:"Null: never."`
	RevokedAt   *time.Time   `json:"revoked_at"`
	LastUsedAt  *time.Time   `json:"last_used_at" doc:"Exact to a minute."`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`

	version int64
}

func (k *APIKey) Resource() (name, path string, version int64) {
	return "api_key", "/api-keys/" + k.ID.String(), k.version
}

func newAPIKey(row db.ApiKey) APIKey {
	var scopes *[]string
	if row.Scopes != nil {
		scopes = &row.Scopes
	}
	active := row.RevokedAt == nil && (row.ExpiresAt == nil || row.ExpiresAt.After(time.Now()))
	return APIKey{row.ID, row.TenantID, row.UserID, row.Name, row.Description, row.KeyPrefix, scopes, active,
		row.ExpiresAt, row.RevokedAt, row.LastUsedAt, row.CreatedAt, row.UpdatedAt, row.Version}
}

type apiKeyListInput struct {
	rest.List
	Active *bool       `query:"active" doc:"Keys that are neither revoked nor expired, or that are either."`
	UserID *ids.UserID `query:"user_id" doc:"Keys of this user; another's are seen with keys:revoke_any alone."`
}

// apiKeyList reads a page of the caller's keys; of all keys, where it may revoke any.
func apiKeyList(ctx context.Context, q *db.Queries, who rest.Caller, in apiKeyListInput) (rest.Page[APIKey], error) {
	var user ids.UserID
	if in.UserID != nil {
		user = *in.UserID
	}
	rows, err := q.ApiKeyList(ctx, db.ApiKeyListParams{
		TenantID:       who.TenantID,
		OfUser:         in.UserID != nil,
		UserID:         user,
		Active:         in.Active,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.ApiKeyListRow) (APIKey, rest.Position, int64) {
		return newAPIKey(row.ApiKey), rest.Position{ID: row.ApiKey.ID, Time: &row.ApiKey.CreatedAt}, row.Total
	})
}

type apiKeyCreateInput struct {
	Name          string                  `json:"name" validate:"min=1,max=100" example:"Nightly import"`
	Description   rest.Nullable[string]   `json:"description" validate:"max=500" text:"long" example:"Runs on the stock server"`
	Scopes        rest.Nullable[[]string] `json:"scopes" named:"Permission" validate:"max=100" doc:"None that the caller does not hold; left out or null: all that its user holds, now and later." example:"[\"items:read\"]"`
	ExpiresInDays rest.Nullable[int32]    `json:"expires_in_days" validate:"min=1,max=3650" doc:"Left out or null: never." example:"365"`
}

func (in *apiKeyCreateInput) Problems() []rest.FieldError {
	if in.Scopes.Value == nil {
		return nil
	}
	return unknownPermissions("scopes", *in.Scopes.Value)
}

// apiKeyCreated shows the key itself, this once.
type apiKeyCreated struct {
	APIKey APIKey  `json:"api_key"`
	Key    *string `json:"key" doc:"The key: shown this once, and null when the answer is repeated." example:"rh_4zgq5j7ux_03WHRsVGk4nXK6TzbJZQ8o…"`
}

func (c *apiKeyCreated) Made() rest.Resource { return &c.APIKey }
func (c *apiKeyCreated) WithoutSecrets() any { return &apiKeyCreated{APIKey: c.APIKey} }

// apiKeyCreate makes a key of the user who asks.
func apiKeyCreate(ctx context.Context, q *db.Queries, who rest.Caller, in apiKeyCreateInput) (apiKeyCreated, error) {
	var scopes []string
	if in.Scopes.Value != nil {
		scopes = *in.Scopes.Value
	}
	key, parts := auth.NewAPIKey(who.TenantID)
	row, err := q.ApiKeyCreate(ctx, db.ApiKeyCreateParams{
		TenantID:    who.TenantID,
		Name:        in.Name,
		Description: in.Description.Value,
		KeyPrefix:   parts.Prefix,
		Hash:        parts.Hash,
		Scopes:      distinct(scopes),
		Days:        in.ExpiresInDays.Value,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = rest.ErrTenant // shut out in the same moment
	}
	return apiKeyCreated{newAPIKey(row), &key}, err
}

type apiKeyGetInput struct {
	APIKeyID ids.APIKeyID `path:"api_key_id"`
}

// apiKeyGet reads a key of the caller's, or any where it may revoke any.
func apiKeyGet(ctx context.Context, q *db.Queries, who rest.Caller, in apiKeyGetInput) (APIKey, error) {
	row, err := q.ApiKeyGet(ctx, db.ApiKeyGetParams{TenantID: who.TenantID, ID: in.APIKeyID})
	return newAPIKey(row), err
}

// apiKeyRevoke ends a key, from the next request on.
func apiKeyRevoke(ctx context.Context, q *db.Queries, who rest.Caller, in apiKeyGetInput) (APIKey, error) {
	row, err := q.ApiKeyRevoke(ctx, db.ApiKeyRevokeParams{TenantID: who.TenantID, ID: in.APIKeyID})
	return newAPIKey(row), err
}

type apiKeyRevokeAllInput struct {
	UserID *ids.UserID `json:"user_id" doc:"Whose keys; the caller's when left out. Another's are ended with keys:revoke_any alone."`
}

type apiKeyRevokeAllOutput struct {
	Revoked int64 `json:"revoked" doc:"How many keys were ended." example:"2"`
}

// apiKeyRevokeAll ends every key of a user.
func apiKeyRevokeAll(ctx context.Context, q *db.Queries, who rest.Caller, in apiKeyRevokeAllInput) (apiKeyRevokeAllOutput, error) {
	revoke := db.ApiKeyRevokeAllParams{TenantID: who.TenantID}
	if in.UserID != nil {
		revoke.OfUser, revoke.UserID = true, *in.UserID
	}
	revoked, err := q.ApiKeyRevokeAll(ctx, revoke)
	return apiKeyRevokeAllOutput{revoked}, err
}

type apiKeyDeleteInput struct {
	rest.Conditional
	APIKeyID ids.APIKeyID `path:"api_key_id"`
}

// apiKeyDelete ends a key and takes it off the list.
func apiKeyDelete(ctx context.Context, q *db.Queries, who rest.Caller, in apiKeyDeleteInput) (rest.Deleted[ids.APIKeyID], error) {
	id, err := q.ApiKeyDelete(ctx, db.ApiKeyDeleteParams{TenantID: who.TenantID, ID: in.APIKeyID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.APIKeyID]{ID: id}, err
}
