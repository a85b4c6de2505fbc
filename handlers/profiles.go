package handlers

import (
	"context"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
)

const profilesRead auth.Permission = "profiles:read"

// Profile is a user as the other users of the tenant find him in its directory: who is active, has a profile, and lets himself be found.
type Profile struct {
	ID        ids.UserID    `json:"id" doc:"The user's."`
	TenantID  ids.TenantID  `json:"tenant_id"`
	Username  string        `json:"username" example:"ada"`
	Name      *string       `json:"name" example:"Ada Lovelace"`
	FullName  string        `json:"full_name" doc:"First and last name; without these the name, or the username." example:"Ada Lovelace"`
	Email     *string       `json:"email" doc:"The contact e-mail; null too where its owner keeps it from you." example:"ada@example.com"`
	Instagram *string       `json:"instagram" doc:"Without its @." example:"ada.engines"`
	Bio       *string       `json:"bio" text:"rich" example:"<p>Writes programs.</p>"`
	Role      string        `json:"role" limit:"users.role" doc:"The primary role."`
	ArtistID  *ids.ArtistID `json:"artist_id" doc:"Which artist the user is, if any."`

	version int64
}

func (p *Profile) Resource() (name, path string, version int64) {
	return "profile", "/profiles/" + p.Username, p.version
}

// newProfile makes a profile of a row, without the e-mail where that is not the reader's to see.
func newProfile(row db.User, emailShown bool) Profile {
	p := Profile{
		ID:        row.ID,
		TenantID:  row.TenantID,
		Username:  row.Username,
		Name:      row.Name,
		FullName:  fullName(row),
		Instagram: row.Instagram,
		Bio:       row.Bio,
		Role:      row.Role,
		ArtistID:  row.ArtistID,
		version:   row.Version,
	}
	if emailShown {
		p.Email = row.Email
	}
	return p
}

// profileFilter says which profiles, in which order.
type profileFilter struct {
	Sort string  `query:"sort" validate:"oneof=name -name username -username" doc:"By name, regardless of case, or username; with - downwards. Newest first when left out."`
	Q    *string `query:"q" limit:"users.name" doc:"Profiles whose name begins so, regardless of case." example:"ad"`
}

type profileListInput struct {
	rest.List
	profileFilter
}

// query is what the database is asked for a page of profiles; published: as everybody sees them, not only users of the tenant.
func (f *profileFilter) query(tenant ids.TenantID, list rest.List, published bool) db.ProfileListParams {
	return db.ProfileListParams{
		TenantID:       tenant,
		Published:      published,
		Sort:           f.Sort,
		Q:              f.Q,
		AfterID:        list.AfterID(),
		AfterCreatedAt: list.AfterTime(),
		AfterNameKey:   list.AfterText(),
		AfterUsername:  list.AfterText(),
		Skip:           list.Skip(),
		Size:           list.Limit(),
		WithTotal:      list.Count,
	}
}

// at is the place of a row in a list of this order.
func (f *profileFilter) at(row *db.User) rest.Position {
	switch f.Sort {
	case "name", "-name":
		return rest.Position{ID: row.ID, Text: &row.NameKey}
	case "username", "-username":
		return rest.Position{ID: row.ID, Text: &row.Username}
	}
	return rest.Position{ID: row.ID, Time: &row.CreatedAt}
}

// profileList reads a page of the tenant's profiles.
func profileList(ctx context.Context, q *db.Queries, who rest.Caller, in profileListInput) (rest.Page[Profile], error) {
	rows, err := q.ProfileList(ctx, in.query(who.TenantID, in.List, false))
	return rest.PageOf(in.List, rows, err, func(row *db.ProfileListRow) (Profile, rest.Position, int64) {
		return newProfile(row.User, row.EmailShown), in.at(&row.User), row.Total
	})
}

type profileGetInput struct {
	Username string `path:"username" validate:"min=3" limit:"username" doc:"The user's." example:"ada"`
}

// profileGet reads the profile of a username.
func profileGet(ctx context.Context, q *db.Queries, who rest.Caller, in profileGetInput) (Profile, error) {
	username, _ := auth.NormalizeUsername(in.Username) // one that has no canonical form becomes "", which is nobody's
	row, err := q.ProfileGet(ctx, db.ProfileGetParams{TenantID: who.TenantID, Username: username})
	return newProfile(row.User, row.EmailShown), err
}
