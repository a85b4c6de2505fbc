package handlers

import (
	"context"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const (
	userGroupsRead     auth.Permission = "groups:read"
	userGroupsWrite    auth.Permission = "groups:write"
	userGroupsModerate auth.Permission = "groups:moderate"
)

// UserGroup is a row of user_groups as a client sees it: a directory of the community's groups; being in it grants no access.
type UserGroup struct {
	ID         ids.UserGroupID `json:"id"`
	TenantID   ids.TenantID    `json:"tenant_id"`
	OwnerID    *ids.UserID     `json:"owner_id" doc:"Who made it and looks after it; null: only those who reach any do."`
	Name       string          `json:"name" example:"Rust Madrid"`
	Location   *string         `json:"location" example:"Madrid"`
	URL        *string         `json:"url" example:"https://groups.example.com/rust-madrid"`
	URLType    string          `json:"url_type" doc:"What is found there." example:"meetup"`
	StartDate  *rest.Date      `json:"start_date" doc:"Since when there is the group."`
	ApprovedAt *time.Time      `json:"approved_at" doc:"When a moderator let it into the public directory."`
	TrustedAt  *time.Time      `json:"trusted_at" doc:"When a moderator said that it is known to be good."`
	CreatedAt  time.Time       `json:"created_at"`
	UpdatedAt  time.Time       `json:"updated_at"`

	version int64
}

func (u *UserGroup) Resource() (name, path string, version int64) {
	return "user_group", "/user-groups/" + u.ID.String(), u.version
}

func newUserGroup(row db.UserGroup) UserGroup {
	return UserGroup{
		ID:         row.ID,
		TenantID:   row.TenantID,
		OwnerID:    row.OwnerID,
		Name:       row.Name,
		Location:   row.Location,
		URL:        row.Url,
		URLType:    row.UrlType,
		StartDate:  rest.DateOf(row.StartDate),
		ApprovedAt: row.ApprovedAt,
		TrustedAt:  row.TrustedAt,
		CreatedAt:  row.CreatedAt,
		UpdatedAt:  row.UpdatedAt,
		version:    row.Version,
	}
}

// userGroupFilter says which user groups, in which order.
type userGroupFilter struct {
	Sort     string      `query:"sort" validate:"oneof=name -name" doc:"By name (regardless of case); with - downwards. Newest first when left out."`
	Q        *string     `query:"q" limit:"user_groups.name" doc:"User groups whose name begins so, regardless of case." example:"rust"`
	OwnerID  *ids.UserID `query:"owner_id" doc:"User groups whose owner_id is this."`
	Approved *bool       `query:"approved" doc:"User groups that are in the public directory, or that are not."`
	Trusted  *bool       `query:"trusted" doc:"User groups that are known to be good, or that are not."`
}

type userGroupListInput struct {
	rest.List
	userGroupFilter
}

// userGroupList reads a page of the tenant's user groups.
func userGroupList(ctx context.Context, q *db.Queries, who rest.Caller, in userGroupListInput) (rest.Page[UserGroup], error) {
	rows, err := q.UserGroupList(ctx, db.UserGroupListParams{
		TenantID:       who.TenantID,
		Sort:           in.Sort,
		Q:              in.Q,
		OwnerID:        in.OwnerID,
		Approved:       in.Approved,
		Trusted:        in.Trusted,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		AfterNameKey:   in.AfterText(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.UserGroupListRow) (UserGroup, rest.Position, int64) {
		return newUserGroup(row.UserGroup), userGroupAt(in.Sort, &row.UserGroup), row.Total
	})
}

// userGroupAt is the place of a row in a list of that order.
func userGroupAt(sort string, row *db.UserGroup) rest.Position {
	if sort == "" {
		return rest.Position{ID: row.ID, Time: &row.CreatedAt}
	}
	return rest.Position{ID: row.ID, Text: &row.NameKey}
}

// userGroupFields are what a client says of a user group.
type userGroupFields struct {
	Name      *string                  `json:"name" validate:"min=1,max=255" example:"Rust Madrid"`
	Location  rest.Nullable[string]    `json:"location" validate:"max=255" example:"Madrid"`
	URL       rest.Nullable[string]    `json:"url" validate:"max=500" text:"long" example:"https://groups.example.com/rust-madrid"`
	URLType   *string                  `json:"url_type" validate:"oneof=meetup distribution_list other" doc:"What is found there."`
	StartDate rest.Nullable[rest.Date] `json:"start_date" doc:"Since when there is the group." example:"2019-09-12"`
}

type userGroupCreateInput struct {
	userGroupFields `required:"name"`
}

// userGroupCreate makes a user group, which is the caller's; of a visitor, nobody's.
func userGroupCreate(ctx context.Context, q *db.Queries, who rest.Caller, in userGroupCreateInput) (UserGroup, error) {
	row, err := q.UserGroupCreate(ctx, db.UserGroupCreateParams{
		TenantID:  who.TenantID,
		Name:      *in.Name,
		Location:  in.Location.Value,
		Url:       in.URL.Value,
		UrlType:   in.URLType,
		StartDate: in.StartDate.Value.Time(),
	})
	return newUserGroup(row), err
}

type userGroupGetInput struct {
	UserGroupID ids.UserGroupID `path:"user_group_id"`
}

// userGroupGet reads a user group.
func userGroupGet(ctx context.Context, q *db.Queries, who rest.Caller, in userGroupGetInput) (UserGroup, error) {
	row, err := q.UserGroupGet(ctx, db.UserGroupGetParams{TenantID: who.TenantID, ID: in.UserGroupID})
	return newUserGroup(row), err
}

type userGroupUpdateInput struct {
	rest.Conditional
	UserGroupID ids.UserGroupID `path:"user_group_id"`
	userGroupFields
}

// userGroupUpdate changes a user group; a field that the client leaves out keeps its value.
func userGroupUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in userGroupUpdateInput) (UserGroup, error) {
	row, err := q.UserGroupUpdate(ctx, db.UserGroupUpdateParams{
		TenantID:     who.TenantID,
		ID:           in.UserGroupID,
		IfMatch:      in.IfMatch,
		Name:         in.Name,
		LocationSet:  in.Location.Set,
		Location:     in.Location.Value,
		UrlSet:       in.URL.Set,
		Url:          in.URL.Value,
		UrlType:      in.URLType,
		StartDateSet: in.StartDate.Set,
		StartDate:    in.StartDate.Value.Time(),
	})
	return newUserGroup(row), err
}

type userGroupModerateInput struct {
	UserGroupID ids.UserGroupID `path:"user_group_id"`
}

// userGroupApprove lets a user group into the public directory.
func userGroupApprove(ctx context.Context, q *db.Queries, who rest.Caller, in userGroupModerateInput) (UserGroup, error) {
	row, err := q.UserGroupApprove(ctx, db.UserGroupApproveParams{TenantID: who.TenantID, ID: in.UserGroupID})
	return newUserGroup(row), err
}

// userGroupRevokeApproval takes a user group out of the public directory.
func userGroupRevokeApproval(ctx context.Context, q *db.Queries, who rest.Caller, in userGroupModerateInput) (UserGroup, error) {
	row, err := q.UserGroupRevokeApproval(ctx, db.UserGroupRevokeApprovalParams{TenantID: who.TenantID, ID: in.UserGroupID})
	return newUserGroup(row), err
}

// userGroupMarkTrusted says that a user group is known to be good.
func userGroupMarkTrusted(ctx context.Context, q *db.Queries, who rest.Caller, in userGroupModerateInput) (UserGroup, error) {
	row, err := q.UserGroupMarkTrusted(ctx, db.UserGroupMarkTrustedParams{TenantID: who.TenantID, ID: in.UserGroupID})
	return newUserGroup(row), err
}

// userGroupRevokeTrust takes that back.
func userGroupRevokeTrust(ctx context.Context, q *db.Queries, who rest.Caller, in userGroupModerateInput) (UserGroup, error) {
	row, err := q.UserGroupRevokeTrust(ctx, db.UserGroupRevokeTrustParams{TenantID: who.TenantID, ID: in.UserGroupID})
	return newUserGroup(row), err
}

type userGroupDeleteInput struct {
	rest.Conditional
	UserGroupID ids.UserGroupID `path:"user_group_id"`
}

// userGroupDelete removes a user group.
func userGroupDelete(ctx context.Context, q *db.Queries, who rest.Caller, in userGroupDeleteInput) (rest.Deleted[ids.UserGroupID], error) {
	id, err := q.UserGroupDelete(ctx, db.UserGroupDeleteParams{TenantID: who.TenantID, ID: in.UserGroupID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.UserGroupID]{ID: id}, err
}
