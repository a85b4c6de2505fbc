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
)

// Role is a role that a tenant made for itself. It adds to the primary role of the users who have it.
type Role struct {
	ID          ids.RoleID   `json:"id"`
	TenantID    ids.TenantID `json:"tenant_id"`
	Name        string       `json:"name" example:"Stock keeper"`
	Description *string      `json:"description" example:"Whoever counts what is there"`
	Permissions []string     `json:"permissions" named:"Permission" doc:"Names of permissions; followed by :own, for one's own rows alone." example:"[\"items:read\",\"items:write\"]"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`

	version int64
}

func (r *Role) resource() (name, path string, version int64) {
	return "role", "/roles/" + r.ID.String(), r.version
}

func newRole(row db.Role) Role {
	return Role{row.ID, row.TenantID, row.Name, row.Description, row.Permissions, row.CreatedAt, row.UpdatedAt, row.Version}
}

// grantable lists what an entry may be, for people.
func grantable() string {
	var names []string
	for _, p := range auth.Permissions {
		names = append(names, string(p))
		if p.Ownable() {
			names = append(names, string(p)+":own")
		}
	}
	return strings.Join(names, ", ")
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
func unknownPermissions(field string, entries []string) (wrong []FieldError) {
	for i, entry := range entries {
		if auth.Grantable(entry) {
			continue
		}
		detail := "One of: " + grantable() + "."
		if wrong != nil {
			detail = "Not one of these either."
		}
		wrong = append(wrong, FieldError{field + "." + strconv.Itoa(i), "one_of", detail})
	}
	return wrong
}

type roleListInput struct {
	List
	Sort string  `query:"sort" validate:"oneof=name -name" doc:"By name, regardless of case; with - downwards. Newest first when left out."`
	Q    *string `query:"q" validate:"max=100" doc:"Roles whose name begins so, regardless of case." example:"stock"`
}

// roleList reads a page of the roles that the tenant made.
func roleList(ctx context.Context, q *db.Queries, who Caller, in roleListInput) (Page[Role], error) {
	rows, err := q.RoleList(ctx, db.RoleListParams{
		TenantID:       who.TenantID,
		Q:              in.Q,
		Sort:           in.Sort,
		AfterID:        in.afterID(),
		AfterCreatedAt: in.afterTime(),
		AfterNameKey:   in.afterText(),
		Skip:           in.skip(),
		Size:           in.limit(),
		WithTotal:      in.Count,
	})
	return pageOf(in.List, rows, err, func(row *db.RoleListRow) (Role, position, int64) {
		at := position{ID: row.Role.ID, Time: &row.Role.CreatedAt}
		if in.Sort != "" {
			at = position{ID: row.Role.ID, Text: &row.Role.NameKey}
		}
		return newRole(row.Role), at, row.Total
	})
}

type roleCreateInput struct {
	Name        string           `json:"name" validate:"min=1,max=100" doc:"Of one role of the tenant, regardless of case." example:"Stock keeper"`
	Description Nullable[string] `json:"description" validate:"max=500" text:"long" example:"Whoever counts what is there"`
	Permissions []string         `json:"permissions" named:"Permission" validate:"max=100" doc:"None that the caller does not hold." example:"[\"items:read\",\"items:write\"]"`
}

func (in *roleCreateInput) problems() []FieldError {
	return unknownPermissions("permissions", in.Permissions)
}

// roleCreate makes a role.
func roleCreate(ctx context.Context, q *db.Queries, who Caller, in roleCreateInput) (Role, error) {
	row, err := q.RoleCreate(ctx, db.RoleCreateParams{
		TenantID: who.TenantID, Name: in.Name, Description: in.Description.Value, Permissions: distinct(in.Permissions),
	})
	return newRole(row), err
}

type roleGetInput struct {
	RoleID ids.RoleID `path:"role_id"`
}

// roleGet reads a role.
func roleGet(ctx context.Context, q *db.Queries, who Caller, in roleGetInput) (Role, error) {
	row, err := q.RoleGet(ctx, db.RoleGetParams{TenantID: who.TenantID, ID: in.RoleID})
	return newRole(row), err
}

type roleUpdateInput struct {
	Conditional
	RoleID      ids.RoleID       `path:"role_id"`
	Name        *string          `json:"name" validate:"min=1,max=100" example:"Stock keeper"`
	Description Nullable[string] `json:"description" validate:"max=500" text:"long" example:"Whoever counts and orders"`
	Permissions *[]string        `json:"permissions" named:"Permission" validate:"max=100" doc:"In place of all that the role had; none that the caller does not hold." example:"[\"items:read\"]"`
}

func (in *roleUpdateInput) problems() []FieldError {
	if in.Permissions == nil {
		return nil
	}
	return unknownPermissions("permissions", *in.Permissions)
}

// roleUpdate changes a role, from the next request on also for those who have it.
func roleUpdate(ctx context.Context, q *db.Queries, who Caller, in roleUpdateInput) (Role, error) {
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
	Conditional
	RoleID ids.RoleID `path:"role_id"`
}

// roleDelete removes a role that nobody has.
func roleDelete(ctx context.Context, q *db.Queries, who Caller, in roleDeleteInput) (deleted[ids.RoleID], error) {
	id, err := q.RoleDelete(ctx, db.RoleDeleteParams{TenantID: who.TenantID, ID: in.RoleID, IfMatch: in.IfMatch})
	return deleted[ids.RoleID]{id}, err
}
