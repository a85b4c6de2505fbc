package handlers

import (
	"context"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

const (
	tenantRead  auth.Permission = "tenant:read"
	tenantWrite auth.Permission = "tenant:write"
)

// Tenant is a customer; it owns rows.
type Tenant struct {
	ID        ids.TenantID `json:"id"`
	Name      string       `json:"name" example:"Analytical Engines"`
	Slug      string       `json:"slug" doc:"The name in public addresses: of the first name and random characters. It never changes." example:"analytical-engines-7k2mq4xz"`
	Status    string       `json:"status" validate:"oneof=active suspended deleting" doc:"Only an active tenant can be entered."`
	IsPublic  bool         `json:"is_public" doc:"Whether its public pages are shown to everybody."`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`

	version int64
}

func (t *Tenant) Resource() (name, path string, version int64) { return "tenant", "/tenant", t.version }

func newTenant(row db.Tenant) Tenant {
	return Tenant{row.ID, row.Name, row.Slug, row.Status, row.IsPublic, row.CreatedAt, row.UpdatedAt, row.Version}
}

// AccountTenant is where an account is a user, and as what.
type AccountTenant struct {
	Tenant Tenant     `json:"tenant"`
	UserID ids.UserID `json:"user_id"`
	Role   string     `json:"role" limit:"users.role"`
}

func newAccountTenant(row *db.AccountTenantListRow) AccountTenant {
	return AccountTenant{newTenant(row.Tenant), row.UserID, row.Role}
}

type tenantListInput struct {
	rest.List
	Sort string `query:"sort" validate:"oneof=name -name" doc:"By name, regardless of case; with - downwards. Newest first when left out."`
}

// accountTenantList reads a page of the active tenants where the account is an active user.
func accountTenantList(ctx context.Context, q *db.Queries, who rest.Caller, in tenantListInput) (rest.Page[AccountTenant], error) {
	return tenantPage(ctx, q, who, in, newAccountTenant)
}

// tenantList is accountTenantList, of the tenants alone.
func tenantList(ctx context.Context, q *db.Queries, who rest.Caller, in tenantListInput) (rest.Page[Tenant], error) {
	return tenantPage(ctx, q, who, in, func(row *db.AccountTenantListRow) Tenant { return newTenant(row.Tenant) })
}

func tenantPage[T any](ctx context.Context, q *db.Queries, who rest.Caller, in tenantListInput, out func(*db.AccountTenantListRow) T) (rest.Page[T], error) {
	rows, err := q.AccountTenantList(ctx, db.AccountTenantListParams{
		AccountID:      who.AccountID,
		Sort:           in.Sort,
		AfterID:        in.AfterID(),
		AfterNameKey:   in.AfterText(),
		AfterCreatedAt: in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.AccountTenantListRow) (T, rest.Position, int64) {
		at := rest.Position{ID: row.Tenant.ID, Time: &row.Tenant.CreatedAt}
		if in.Sort != "" {
			at = rest.Position{ID: row.Tenant.ID, Text: &row.Tenant.NameKey}
		}
		return out(row), at, row.Total
	})
}

// tenantFields are what a client says of a tenant from its beginning.
type tenantFields struct {
	Name *string `json:"name" validate:"min=1,max=100" example:"Analytical Engines"`
}

type tenantCreateInput struct {
	tenantFields `required:"name"`
}

// tenantCreate makes a tenant whose first admin is the caller's user.
func tenantCreate(ctx context.Context, tx *tenancy.Tx, who rest.Caller, in tenantCreateInput) (Tenant, error) {
	account, err := tx.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return Tenant{}, err
	}
	row, _, err := Found(ctx, tx, who, account, *in.Name, auth.Slug(*in.Name))
	return newTenant(row), err
}

// tenantGet reads the tenant in scope.
func tenantGet(ctx context.Context, q *db.Queries, who rest.Caller, _ struct{}) (Tenant, error) {
	row, err := q.TenantGet(ctx, who.TenantID)
	return newTenant(row), err
}

type tenantUpdateInput struct {
	rest.Conditional
	tenantFields
	IsPublic *bool `json:"is_public" doc:"Whether its public pages are shown to everybody."`
}

// tenantUpdate changes the tenant in scope; its slug stays.
func tenantUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in tenantUpdateInput) (Tenant, error) {
	row, err := q.TenantUpdate(ctx, db.TenantUpdateParams{TenantID: who.TenantID, IfMatch: in.IfMatch, Name: in.Name, IsPublic: in.IsPublic})
	return newTenant(row), err
}

var errNotConfirmed = rest.Invalid(rest.FieldError{Field: "confirm", Code: "mismatch", Detail: "Write the tenant's name exactly as it is."})

type tenantDeleteInput struct {
	rest.Conditional
	Confirm string `query:"confirm" required:"true" limit:"tenants.name" doc:"The tenant's name, to be sure." example:"Analytical Engines"`
}

// tenantDelete gives the tenant in scope up: nobody enters it from the next request on, and after the grace a job erases it.
func tenantDelete(ctx context.Context, app *App, q *db.Queries, who rest.Caller, in tenantDeleteInput) (rest.Deleted[ids.TenantID], error) {
	id, err := q.TenantDelete(ctx, db.TenantDeleteParams{
		TenantID: who.TenantID, Confirm: in.Confirm, IfMatch: in.IfMatch, GraceSeconds: int64(app.config.TenantGrace / time.Second),
	})
	return rest.Deleted[ids.TenantID]{ID: id}, err
}
