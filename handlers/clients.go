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
	clientsRead   auth.Permission = "clients:read"
	clientsCreate auth.Permission = "clients:create"
	clientsWrite  auth.Permission = "clients:write"
)

// Client is a row of clients as a client sees it: whom a studio works for.
type StudioClient struct {
	ID                ids.ClientID  `json:"id"`
	TenantID          ids.TenantID  `json:"tenant_id"`
	Name              string        `json:"name" example:"Noor Haddad"`
	Phone             *string       `json:"phone" example:"+34 600 000 001"`
	Email             *string       `json:"email" doc:"In its canonical form." example:"noor@example.com"`
	Instagram         *string       `json:"instagram" doc:"Without its @." example:"noor.draws"`
	Birthdate         *rest.Date    `json:"birthdate"`
	Notes             *string       `json:"notes" doc:"What the studio should remember." example:"Allergic to latex."`
	PreferredArtistID *ids.ArtistID `json:"preferred_artist_id" doc:"The artist whom the client asks for."`
	ConsentedAt       *time.Time    `json:"consented_at" doc:"When the client, or the guardian of a minor, agreed to be treated."`
	GuardianName      *string       `json:"guardian_name" doc:"Who answers for a client under 18 years, of whom a birthdate is known: it is then required." example:"Samir Haddad"`
	IsActive          bool          `json:"is_active" doc:"false: archived, which is what becomes of a client who cannot be deleted."`
	CreatedAt         time.Time     `json:"created_at"`
	UpdatedAt         time.Time     `json:"updated_at"`

	version int64
}

func (c *StudioClient) Resource() (name, path string, version int64) {
	return "client", "/clients/" + c.ID.String(), c.version
}

func newClient(row db.Client) StudioClient {
	return StudioClient{
		ID:                row.ID,
		TenantID:          row.TenantID,
		Name:              row.Name,
		Phone:             row.Phone,
		Email:             row.Email,
		Instagram:         row.Instagram,
		Birthdate:         rest.DateOf(row.Birthdate),
		Notes:             row.Notes,
		PreferredArtistID: row.PreferredArtistID,
		ConsentedAt:       row.ConsentedAt,
		GuardianName:      row.GuardianName,
		IsActive:          row.IsActive,
		CreatedAt:         row.CreatedAt,
		UpdatedAt:         row.UpdatedAt,
		version:           row.Version,
	}
}

// clientFilter says which clients, in which order.
type clientFilter struct {
	Sort              string        `query:"sort" validate:"oneof=name -name" doc:"By name (regardless of case); with - downwards. Newest first when left out."`
	Q                 *string       `query:"q" limit:"clients.name" doc:"Clients whose name begins so, regardless of case." example:"noor"`
	Email             *string       `query:"email" limit:"clients.email" doc:"Clients with this e-mail."`
	PreferredArtistID *ids.ArtistID `query:"preferred_artist_id" doc:"Clients whose preferred_artist_id is this."`
	IsActive          *bool         `query:"is_active" doc:"Clients whose is_active is this."`
}

type clientListInput struct {
	rest.List
	clientFilter
}

// clientList reads a page of the tenant's clients.
func clientList(ctx context.Context, q *db.Queries, who rest.Caller, in clientListInput) (rest.Page[StudioClient], error) {
	if in.Email != nil { // a text without a canonical form, which becomes "", is nobody's
		email, _ := auth.NormalizeEmail(*in.Email)
		in.Email = &email
	}
	rows, err := q.ClientList(ctx, db.ClientListParams{
		TenantID:          who.TenantID,
		Sort:              in.Sort,
		Q:                 in.Q,
		Email:             in.Email,
		PreferredArtistID: in.PreferredArtistID,
		IsActive:          in.IsActive,
		AfterID:           in.AfterID(),
		AfterCreatedAt:    in.AfterTime(),
		AfterNameKey:      in.AfterText(),
		Skip:              in.Skip(),
		Size:              in.Limit(),
		WithTotal:         in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.ClientListRow) (StudioClient, rest.Position, int64) {
		at := rest.Position{ID: row.Client.ID}
		switch in.Sort {
		case "name", "-name":
			at.Text = &row.Client.NameKey
		default:
			at.Time = &row.Client.CreatedAt
		}
		return newClient(row.Client), at, row.Total
	})
}

// clientFields are what a client says of a client.
type clientFields struct {
	Name              *string                     `json:"name" validate:"min=1,max=120" example:"Noor Haddad"`
	Phone             rest.Nullable[string]       `json:"phone" validate:"max=32" example:"+34 600 000 001"`
	Email             rest.Nullable[string]       `json:"email" validate:"max=254" doc:"Kept in its canonical form." example:"noor@example.com"`
	Instagram         rest.Nullable[string]       `json:"instagram" validate:"max=65" doc:"At most 64 characters; a leading @ is left out." example:"@noor.draws"`
	Birthdate         rest.Nullable[rest.Date]    `json:"birthdate" example:"1990-05-17"`
	Notes             rest.Nullable[string]       `json:"notes" validate:"max=5000" text:"long" doc:"What the studio should remember." example:"Allergic to latex."`
	PreferredArtistID rest.Nullable[ids.ArtistID] `json:"preferred_artist_id" doc:"The artist whom the client asks for."`
	ConsentedAt       rest.Nullable[time.Time]    `json:"consented_at" doc:"When the client, or the guardian of a minor, agreed to be treated." example:"2026-05-17T10:00:00Z"`
	GuardianName      rest.Nullable[string]       `json:"guardian_name" validate:"min=1,max=120" doc:"Who answers for a client under 18 years, of whom a birthdate is known: it is then required." example:"Samir Haddad"`
	IsActive          *bool                       `json:"is_active" doc:"false: archived, which is what becomes of a client who cannot be deleted."`
}

func (in *clientFields) Problems() []rest.FieldError {
	if in.Email.Value == nil {
		return nil
	}
	return emailProblems(*in.Email.Value)
}

// canonicalEmail is the e-mail as it is stored and looked for; nil where none was sent.
func (in *clientFields) canonicalEmail() *string {
	if in.Email.Value == nil {
		return nil
	}
	email, _ := auth.NormalizeEmail(*in.Email.Value)
	return &email
}

type clientCreateInput struct {
	clientFields `required:"name"`
}

// clientCreate makes a client.
func clientCreate(ctx context.Context, q *db.Queries, who rest.Caller, in clientCreateInput) (StudioClient, error) {
	row, err := q.ClientCreate(ctx, db.ClientCreateParams{
		TenantID:          who.TenantID,
		Name:              *in.Name,
		Phone:             in.Phone.Value,
		Email:             in.canonicalEmail(),
		Instagram:         handle(in.Instagram),
		Birthdate:         in.Birthdate.Value.Time(),
		Notes:             in.Notes.Value,
		PreferredArtistID: in.PreferredArtistID.Value,
		ConsentedAt:       in.ConsentedAt.Value,
		GuardianName:      in.GuardianName.Value,
		IsActive:          in.IsActive,
	})
	return newClient(row), err
}

type clientGetInput struct {
	ClientID ids.ClientID `path:"client_id"`
}

// clientGet reads a client.
func clientGet(ctx context.Context, q *db.Queries, who rest.Caller, in clientGetInput) (StudioClient, error) {
	row, err := q.ClientGet(ctx, db.ClientGetParams{TenantID: who.TenantID, ID: in.ClientID})
	return newClient(row), err
}

type clientUpdateInput struct {
	rest.Conditional
	ClientID ids.ClientID `path:"client_id"`
	clientFields
}

// clientUpdate changes a client; a field that the client leaves out keeps its value.
func clientUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in clientUpdateInput) (StudioClient, error) {
	row, err := q.ClientUpdate(ctx, db.ClientUpdateParams{
		TenantID:             who.TenantID,
		ID:                   in.ClientID,
		IfMatch:              in.IfMatch,
		Name:                 in.Name,
		PhoneSet:             in.Phone.Set,
		Phone:                in.Phone.Value,
		EmailSet:             in.Email.Set,
		Email:                in.canonicalEmail(),
		InstagramSet:         in.Instagram.Set,
		Instagram:            handle(in.Instagram),
		BirthdateSet:         in.Birthdate.Set,
		Birthdate:            in.Birthdate.Value.Time(),
		NotesSet:             in.Notes.Set,
		Notes:                in.Notes.Value,
		PreferredArtistIDSet: in.PreferredArtistID.Set,
		PreferredArtistID:    in.PreferredArtistID.Value,
		ConsentedAtSet:       in.ConsentedAt.Set,
		ConsentedAt:          in.ConsentedAt.Value,
		GuardianNameSet:      in.GuardianName.Set,
		GuardianName:         in.GuardianName.Value,
		IsActive:             in.IsActive,
	})
	return newClient(row), err
}

type clientDeleteInput struct {
	rest.Conditional
	ClientID ids.ClientID `path:"client_id"`
}

// clientDelete removes a client.
func clientDelete(ctx context.Context, q *db.Queries, who rest.Caller, in clientDeleteInput) (rest.Deleted[ids.ClientID], error) {
	id, err := q.ClientDelete(ctx, db.ClientDeleteParams{TenantID: who.TenantID, ID: in.ClientID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.ClientID]{ID: id}, err
}
