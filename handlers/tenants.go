package handlers

import (
	"context"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/tenancy"
)

// Tenant is a customer; it owns rows.
type Tenant struct {
	ID        ids.TenantID `json:"id"`
	Name      string       `json:"name" example:"Analytical Engines"`
	Slug      string       `json:"slug" doc:"The name in public addresses." example:"analytical-engines-7k2mq4xz"`
	Status    string       `json:"status" validate:"oneof=active suspended deleting"`
	IsPublic  bool         `json:"is_public"`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`

	version int64
}

func (t *Tenant) resource() (name, path string, version int64) { return "tenant", "/tenant", t.version }

func newTenant(row db.Tenant) Tenant {
	return Tenant{row.ID, row.Name, row.Slug, row.Status, row.IsPublic, row.CreatedAt, row.UpdatedAt, row.Version}
}

// AccountTenant is where an account is a user, and as what.
type AccountTenant struct {
	Tenant Tenant     `json:"tenant"`
	UserID ids.UserID `json:"user_id"`
	Role   string     `json:"role" validate:"oneof=admin assistant artist member"`
}

func newAccountTenant(row *db.AccountTenantListRow) AccountTenant {
	return AccountTenant{newTenant(row.Tenant), row.UserID, row.Role}
}

type tenantListInput struct {
	List
	Sort string `query:"sort" validate:"oneof=name -name" doc:"By name, regardless of case; with - downwards. Newest first when left out."`
}

// accountTenantList reads a page of the active tenants where the account is an active user.
func accountTenantList(ctx context.Context, q *db.Queries, who Caller, in tenantListInput) (Page[AccountTenant], error) {
	return tenantPage(ctx, q, who, in, newAccountTenant)
}

// tenantList is accountTenantList, of the tenants alone.
func tenantList(ctx context.Context, q *db.Queries, who Caller, in tenantListInput) (Page[Tenant], error) {
	return tenantPage(ctx, q, who, in, func(row *db.AccountTenantListRow) Tenant { return newTenant(row.Tenant) })
}

func tenantPage[T any](ctx context.Context, q *db.Queries, who Caller, in tenantListInput, out func(*db.AccountTenantListRow) T) (Page[T], error) {
	rows, err := q.AccountTenantList(ctx, db.AccountTenantListParams{
		AccountID:      who.AccountID,
		Sort:           in.Sort,
		AfterID:        in.afterID(),
		AfterNameKey:   in.afterText(),
		AfterCreatedAt: in.afterTime(),
		Skip:           in.skip(),
		Size:           in.limit(),
		WithTotal:      in.Count,
	})
	return pageOf(in.List, rows, err, func(row *db.AccountTenantListRow) (T, position, int64) {
		at := position{ID: row.Tenant.ID, Time: &row.Tenant.CreatedAt}
		if in.Sort != "" {
			at = position{ID: row.Tenant.ID, Text: &row.Tenant.NameKey}
		}
		return out(row), at, row.Total
	})
}

type tenantCreateInput struct {
	Name string `json:"name" validate:"min=1,max=100" example:"Analytical Engines"`
}

// tenantCreate makes a tenant whose first admin is the caller's user.
func tenantCreate(ctx context.Context, tx *tenancy.Tx, who Caller, in tenantCreateInput) (Tenant, error) {
	account, err := tx.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return Tenant{}, err
	}
	row, _, err := Found(ctx, tx, who, account, in.Name, auth.Slug(in.Name))
	return newTenant(row), err
}

// tenantGet reads the tenant in scope.
func tenantGet(ctx context.Context, q *db.Queries, who Caller, _ struct{}) (Tenant, error) {
	row, err := q.TenantGet(ctx, who.TenantID)
	return newTenant(row), err
}

type tenantUpdateInput struct {
	Conditional
	Name     *string `json:"name" validate:"min=1,max=100" example:"Analytical Engines"`
	IsPublic *bool   `json:"is_public" doc:"Whether its public pages are shown to everybody."`
}

// tenantUpdate changes the tenant in scope; its slug stays.
func tenantUpdate(ctx context.Context, q *db.Queries, who Caller, in tenantUpdateInput) (Tenant, error) {
	row, err := q.TenantUpdate(ctx, db.TenantUpdateParams{TenantID: who.TenantID, IfMatch: in.IfMatch, Name: in.Name, IsPublic: in.IsPublic})
	return newTenant(row), err
}

type tenantDeleteInput struct {
	Conditional
	Confirm string `query:"confirm" required:"true" validate:"max=100" doc:"The tenant's name, to be sure." example:"Analytical Engines"`
}

// tenantDelete gives the tenant in scope up: nobody enters it from the next request on.
func tenantDelete(ctx context.Context, q *db.Queries, who Caller, in tenantDeleteInput) (deleted[ids.TenantID], error) {
	id, err := q.TenantDelete(ctx, db.TenantDeleteParams{TenantID: who.TenantID, Confirm: in.Confirm, IfMatch: in.IfMatch})
	return deleted[ids.TenantID]{id}, err
}
