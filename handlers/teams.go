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
	teamsRead  auth.Permission = "teams:read"
	teamsWrite auth.Permission = "teams:write"
)

// Team is a group of a tenant's users; a user is in one at most.
type Team struct {
	ID          ids.TeamID   `json:"id"`
	TenantID    ids.TenantID `json:"tenant_id"`
	Name        string       `json:"name" example:"Workshop"`
	Description *string      `json:"description" example:"Whoever works with wood"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`

	version int64
}

func (t *Team) Resource() (name, path string, version int64) {
	return "team", "/teams/" + t.ID.String(), t.version
}

func newTeam(row db.Team) Team {
	return Team{row.ID, row.TenantID, row.Name, row.Description, row.CreatedAt, row.UpdatedAt, row.Version}
}

type teamListInput struct {
	rest.List
	Sort string  `query:"sort" validate:"oneof=name -name" doc:"By name, regardless of case; with - downwards. Newest first when left out."`
	Q    *string `query:"q" limit:"teams.name" doc:"Teams whose name begins so, regardless of case." example:"work"`
}

// teamList reads a page of the tenant's teams.
func teamList(ctx context.Context, q *db.Queries, who rest.Caller, in teamListInput) (rest.Page[Team], error) {
	rows, err := q.TeamList(ctx, db.TeamListParams{
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
	return rest.PageOf(in.List, rows, err, func(row *db.TeamListRow) (Team, rest.Position, int64) {
		at := rest.Position{ID: row.Team.ID, Time: &row.Team.CreatedAt}
		if in.Sort != "" {
			at = rest.Position{ID: row.Team.ID, Text: &row.Team.NameKey}
		}
		return newTeam(row.Team), at, row.Total
	})
}

// teamFields are what a client says of a team.
type teamFields struct {
	Name        *string               `json:"name" validate:"min=1,max=100" example:"Workshop"`
	Description rest.Nullable[string] `json:"description" validate:"max=500" text:"long" example:"Whoever works with wood"`
}

type teamCreateInput struct {
	teamFields `required:"name"`
}

// teamCreate makes a team.
func teamCreate(ctx context.Context, q *db.Queries, who rest.Caller, in teamCreateInput) (Team, error) {
	row, err := q.TeamCreate(ctx, db.TeamCreateParams{TenantID: who.TenantID, Name: *in.Name, Description: in.Description.Value})
	return newTeam(row), err
}

type teamGetInput struct {
	TeamID ids.TeamID `path:"team_id"`
}

// teamGet reads a team.
func teamGet(ctx context.Context, q *db.Queries, who rest.Caller, in teamGetInput) (Team, error) {
	row, err := q.TeamGet(ctx, db.TeamGetParams{TenantID: who.TenantID, ID: in.TeamID})
	return newTeam(row), err
}

type teamUpdateInput struct {
	rest.Conditional
	TeamID ids.TeamID `path:"team_id"`
	teamFields
}

// teamUpdate changes a team; a field that the client leaves out keeps its value.
func teamUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in teamUpdateInput) (Team, error) {
	row, err := q.TeamUpdate(ctx, db.TeamUpdateParams{
		TenantID: who.TenantID, ID: in.TeamID, IfMatch: in.IfMatch,
		Name: in.Name, DescriptionSet: in.Description.Set, Description: in.Description.Value,
	})
	return newTeam(row), err
}

type teamDeleteInput struct {
	rest.Conditional
	TeamID ids.TeamID `path:"team_id"`
}

// teamDelete removes a team that nobody is in.
func teamDelete(ctx context.Context, q *db.Queries, who rest.Caller, in teamDeleteInput) (rest.Deleted[ids.TeamID], error) {
	id, err := q.TeamDelete(ctx, db.TeamDeleteParams{TenantID: who.TenantID, ID: in.TeamID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.TeamID]{ID: id}, err
}
