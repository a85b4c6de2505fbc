package handlers

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const (
	rolesRead  auth.Permission = "roles:read"
	rolesWrite auth.Permission = "roles:write"
)

// Role is a role that a tenant made for itself. It adds to the primary role of the users who have it.
type Role struct {
	ID          ids.RoleID   `json:"id"`
	TenantID    ids.TenantID `json:"tenant_id"`
	Name        string       `json:"name" doc:"Of one role of the tenant, regardless of case." example:"Stock keeper"`
	Description *string      `json:"description" example:"Whoever counts what is there"`
	Permissions []string     `json:"permissions" named:"Permission" doc:"Names of permissions; followed by :own, for one's own rows alone." example:"[\"items:read\",\"items:write\"]"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`

	version int64
}

func (r *Role) Resource() (name, path string, version int64) {
	return "role", "/roles/" + r.ID.String(), r.version
}

func newRole(row db.Role) Role {
	return Role{row.ID, row.TenantID, row.Name, row.Description, row.Permissions, row.CreatedAt, row.UpdatedAt, row.Version}
}

// distinct leaves out what stands twice.
func distinct(entries []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(entries, func(entry string) bool {
		again := seen[entry]
		seen[entry] = true
		return again
	})
}

// unknownPermissions lists the entries that are no permission, each as what is wrong with its place in the field. What there is to
// choose from is said once.
func unknownPermissions(field string, entries []string) (wrong []rest.FieldError) {
	for i, entry := range entries {
		if slices.Contains(rest.Grantable, entry) {
			continue
		}
		detail := "One of: " + strings.Join(rest.Grantable, ", ") + "."
		if wrong != nil {
			detail = "Not one of these either."
		}
		wrong = append(wrong, rest.FieldError{Field: field + "." + strconv.Itoa(i), Code: "one_of", Detail: detail})
	}
	return wrong
}

type roleListInput struct {
	rest.List
	Sort string  `query:"sort" validate:"oneof=name -name" doc:"By name, regardless of case; with - downwards. Newest first when left out."`
	Q    *string `query:"q" limit:"roles.name" doc:"Roles whose name begins so, regardless of case." example:"stock"`
}

// roleList reads a page of the roles that the tenant made.
func roleList(ctx context.Context, q *db.Queries, who rest.Caller, in roleListInput) (rest.Page[Role], error) {
	rows, err := q.RoleList(ctx, db.RoleListParams{
		TenantID:       who.TenantID,
		Q:              in.Q,
		Sort:           in.Sort,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		AfterNameKey:   in.AfterText(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.RoleListRow) (Role, rest.Position, int64) {
		at := rest.Position{ID: row.Role.ID, Time: &row.Role.CreatedAt}
		if in.Sort != "" {
			at = rest.Position{ID: row.Role.ID, Text: &row.Role.NameKey}
		}
		return newRole(row.Role), at, row.Total
	})
}

// roleFields are what a client says of a role.
type roleFields struct {
	Name        *string               `json:"name" validate:"min=1,max=100" doc:"Of one role of the tenant, regardless of case." example:"Stock keeper"`
	Description rest.Nullable[string] `json:"description" validate:"max=500" text:"long" example:"Whoever counts what is there"`
	Permissions *[]string             `json:"permissions" named:"Permission" validate:"max=100" doc:"All that the role is to have; none that the caller does not hold." example:"[\"items:read\",\"items:write\"]"`
}

func (f *roleFields) Problems() []rest.FieldError {
	if f.Permissions == nil {
		return nil
	}
	return unknownPermissions("permissions", *f.Permissions)
}

type roleCreateInput struct {
	roleFields `required:"name permissions"`
}

// roleCreate makes a role.
func roleCreate(ctx context.Context, q *db.Queries, who rest.Caller, in roleCreateInput) (Role, error) {
	row, err := q.RoleCreate(ctx, db.RoleCreateParams{
		TenantID: who.TenantID, Name: *in.Name, Description: in.Description.Value, Permissions: distinct(*in.Permissions),
	})
	return newRole(row), err
}

type roleGetInput struct {
	RoleID ids.RoleID `path:"role_id"`
}

// roleGet reads a role.
func roleGet(ctx context.Context, q *db.Queries, who rest.Caller, in roleGetInput) (Role, error) {
	row, err := q.RoleGet(ctx, db.RoleGetParams{TenantID: who.TenantID, ID: in.RoleID})
	return newRole(row), err
}

type roleUpdateInput struct {
	rest.Conditional
	RoleID ids.RoleID `path:"role_id"`
	roleFields
}

// roleUpdate changes a role, from the next request on also for those who have it.
func roleUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in roleUpdateInput) (Role, error) {
	change := db.RoleUpdateParams{
		TenantID: who.TenantID, ID: in.RoleID, IfMatch: in.IfMatch,
		Name: in.Name, DescriptionSet: in.Description.Set, Description: in.Description.Value,
	}
	if in.Permissions != nil {
		change.Permissions = distinct(*in.Permissions)
	}
	row, err := q.RoleUpdate(ctx, change)
	return newRole(row), err
}

type roleDeleteInput struct {
	rest.Conditional
	RoleID ids.RoleID `path:"role_id"`
}

// roleDelete removes a role that nobody has.
func roleDelete(ctx context.Context, q *db.Queries, who rest.Caller, in roleDeleteInput) (rest.Deleted[ids.RoleID], error) {
	id, err := q.RoleDelete(ctx, db.RoleDeleteParams{TenantID: who.TenantID, ID: in.RoleID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.RoleID]{ID: id}, err
}
