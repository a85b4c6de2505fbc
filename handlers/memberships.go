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
	membershipsRead  auth.Permission = "memberships:read"
	membershipsWrite auth.Permission = "memberships:write"
)

// Membership is a row of memberships as a client sees it: who is a member of an association, as what; it grants no access.
type Membership struct {
	ID                   ids.MembershipID `json:"id"`
	TenantID             ids.TenantID     `json:"tenant_id"`
	UserID               ids.UserID       `json:"user_id" doc:"Whose it is; a user has one."`
	MembershipType       string           `json:"membership_type" doc:"One's own begins as basic, and only who reaches any changes it." example:"basic"`
	LegalName            string           `json:"legal_name" example:"Ada Maria Byron"`
	PreferredName        *string          `json:"preferred_name" example:"Ada"`
	EmailAddress         string           `json:"email_address" doc:"Where the association writes to." example:"ada.byron@example.com"`
	City                 *string          `json:"city" example:"Madrid"`
	Region               *string          `json:"region" example:"Comunidad de Madrid"`
	Country              *string          `json:"country" example:"Spain"`
	PostalCode           *string          `json:"postal_code" example:"28013"`
	CodeOfConduct        bool             `json:"code_of_conduct" doc:"Whether it is accepted, without which there is no membership."`
	Announcements        bool             `json:"announcements" doc:"Whether to be told of news."`
	Votes                bool             `json:"votes" doc:"Whether to be asked to vote."`
	LastVoteAffirmation  *time.Time       `json:"last_vote_affirmation" doc:"When it was last said that the member still votes; null once it does not."`
	HigherLevel          bool             `json:"higher_level" doc:"Whether the type is another than basic."`
	NeedsVoteAffirmation bool             `json:"needs_vote_affirmation" doc:"Whether the member votes and has not said so in the last 365 days."`
	CreatedAt            time.Time        `json:"created_at"`
	UpdatedAt            time.Time        `json:"updated_at"`

	version int64
}

func (m *Membership) Resource() (name, path string, version int64) {
	return "membership", "/memberships/" + m.ID.String(), m.version
}

// newMembership makes a membership of a row, and whether it needs an affirmation, which the database's clock says.
func newMembership(row db.Membership, needsAffirmation bool) Membership {
	return Membership{
		ID:                   row.ID,
		TenantID:             row.TenantID,
		UserID:               row.UserID,
		MembershipType:       row.MembershipType,
		LegalName:            row.LegalName,
		PreferredName:        row.PreferredName,
		EmailAddress:         row.EmailAddress,
		City:                 row.City,
		Region:               row.Region,
		Country:              row.Country,
		PostalCode:           row.PostalCode,
		CodeOfConduct:        row.CodeOfConduct,
		Announcements:        row.Announcements,
		Votes:                row.Votes,
		LastVoteAffirmation:  row.LastVoteAffirmation,
		HigherLevel:          row.HigherLevel,
		NeedsVoteAffirmation: needsAffirmation,
		CreatedAt:            row.CreatedAt,
		UpdatedAt:            row.UpdatedAt,
		version:              row.Version,
	}
}

// membershipFilter says which memberships, in which order.
type membershipFilter struct {
	Sort           string  `query:"sort" validate:"oneof=legal_name -legal_name" doc:"By legal_name (regardless of case); with - downwards. Newest first when left out."`
	Q              *string `query:"q" limit:"memberships.legal_name" doc:"Memberships whose legal name begins so, regardless of case." example:"ada"`
	MembershipType *string `query:"membership_type" limit:"memberships.membership_type" doc:"Memberships whose membership_type is this."`
	Votes          *bool   `query:"votes" doc:"Memberships whose votes is this."`
}

type membershipListInput struct {
	rest.List
	membershipFilter
}

// membershipList reads a page of the tenant's memberships.
func membershipList(ctx context.Context, q *db.Queries, who rest.Caller, in membershipListInput) (rest.Page[Membership], error) {
	rows, err := q.MembershipList(ctx, db.MembershipListParams{
		TenantID:          who.TenantID,
		Sort:              in.Sort,
		Q:                 in.Q,
		MembershipType:    in.MembershipType,
		Votes:             in.Votes,
		AfterID:           in.AfterID(),
		AfterCreatedAt:    in.AfterTime(),
		AfterLegalNameKey: in.AfterText(),
		Skip:              in.Skip(),
		Size:              in.Limit(),
		WithTotal:         in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.MembershipListRow) (Membership, rest.Position, int64) {
		at := rest.Position{ID: row.Membership.ID}
		switch in.Sort {
		case "legal_name", "-legal_name":
			at.Text = &row.Membership.LegalNameKey
		default:
			at.Time = &row.Membership.CreatedAt
		}
		return newMembership(row.Membership, row.NeedsVoteAffirmation), at, row.Total
	})
}

// membershipFields are what a client says of a membership.
type membershipFields struct {
	MembershipType *string               `json:"membership_type" validate:"oneof=basic supporting sponsor managing contributing fellow" doc:"One's own begins as basic, and only who reaches any changes it."`
	LegalName      *string               `json:"legal_name" validate:"min=1,max=100" example:"Ada Maria Byron"`
	PreferredName  rest.Nullable[string] `json:"preferred_name" validate:"max=100" example:"Ada"`
	EmailAddress   *string               `json:"email_address" validate:"max=254" doc:"Where the association writes to." example:"ada.byron@example.com"`
	City           rest.Nullable[string] `json:"city" validate:"max=100" example:"Madrid"`
	Region         rest.Nullable[string] `json:"region" validate:"max=100" example:"Comunidad de Madrid"`
	Country        rest.Nullable[string] `json:"country" validate:"max=100" example:"Spain"`
	PostalCode     rest.Nullable[string] `json:"postal_code" validate:"max=20" example:"28013"`
	Announcements  *bool                 `json:"announcements" doc:"Whether to be told of news."`
	Votes          *bool                 `json:"votes" doc:"Whether to be asked to vote."`
}

type membershipCreateInput struct {
	membershipFields `required:"legal_name email_address"`
	UserID           *ids.UserID `json:"user_id" doc:"Whose it is; the caller's when left out, and another's only of who reaches any. It never changes."`
	CodeOfConduct    bool        `json:"code_of_conduct" doc:"That it is accepted: true, without which there is no membership. It never changes." example:"true"`
}

// membershipCreate makes a membership, of the caller or of whom the caller says.
func membershipCreate(ctx context.Context, q *db.Queries, who rest.Caller, in membershipCreateInput) (Membership, error) {
	made := db.MembershipCreateParams{
		TenantID:       who.TenantID,
		MembershipType: in.MembershipType,
		LegalName:      *in.LegalName,
		PreferredName:  in.PreferredName.Value,
		EmailAddress:   *in.EmailAddress,
		City:           in.City.Value,
		Region:         in.Region.Value,
		Country:        in.Country.Value,
		PostalCode:     in.PostalCode.Value,
		CodeOfConduct:  in.CodeOfConduct,
		Announcements:  in.Announcements,
		Votes:          in.Votes,
	}
	if in.UserID != nil {
		made.UserID = new(in.UserID.UUID()) // as text: what stands in coalesce gets no type of ours
	}
	row, err := q.MembershipCreate(ctx, made)
	return newMembership(row.Membership, row.NeedsVoteAffirmation), err
}

type membershipGetInput struct {
	MembershipID ids.MembershipID `path:"membership_id"`
}

// membershipGet reads a membership.
func membershipGet(ctx context.Context, q *db.Queries, who rest.Caller, in membershipGetInput) (Membership, error) {
	row, err := q.MembershipGet(ctx, db.MembershipGetParams{TenantID: who.TenantID, ID: in.MembershipID})
	return newMembership(row.Membership, row.NeedsVoteAffirmation), err
}

type membershipUpdateInput struct {
	rest.Conditional
	MembershipID ids.MembershipID `path:"membership_id"`
	membershipFields
}

// membershipUpdate changes a membership; a field that the client leaves out keeps its value.
func membershipUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in membershipUpdateInput) (Membership, error) {
	row, err := q.MembershipUpdate(ctx, db.MembershipUpdateParams{
		TenantID:         who.TenantID,
		ID:               in.MembershipID,
		IfMatch:          in.IfMatch,
		MembershipType:   in.MembershipType,
		LegalName:        in.LegalName,
		PreferredNameSet: in.PreferredName.Set,
		PreferredName:    in.PreferredName.Value,
		EmailAddress:     in.EmailAddress,
		CitySet:          in.City.Set,
		City:             in.City.Value,
		RegionSet:        in.Region.Set,
		Region:           in.Region.Value,
		CountrySet:       in.Country.Set,
		Country:          in.Country.Value,
		PostalCodeSet:    in.PostalCode.Set,
		PostalCode:       in.PostalCode.Value,
		Announcements:    in.Announcements,
		Votes:            in.Votes,
	})
	return newMembership(row.Membership, row.NeedsVoteAffirmation), err
}

type membershipAffirmVoteInput struct {
	MembershipID ids.MembershipID `path:"membership_id"`
}

// membershipAffirmVote notes that the member still votes.
func membershipAffirmVote(ctx context.Context, q *db.Queries, who rest.Caller, in membershipAffirmVoteInput) (Membership, error) {
	row, err := q.MembershipAffirmVote(ctx, db.MembershipAffirmVoteParams{TenantID: who.TenantID, ID: in.MembershipID})
	return newMembership(row.Membership, row.NeedsVoteAffirmation), err
}

type membershipDeleteInput struct {
	rest.Conditional
	MembershipID ids.MembershipID `path:"membership_id"`
}

// membershipDelete removes a membership.
func membershipDelete(ctx context.Context, q *db.Queries, who rest.Caller, in membershipDeleteInput) (rest.Deleted[ids.MembershipID], error) {
	id, err := q.MembershipDelete(ctx, db.MembershipDeleteParams{TenantID: who.TenantID, ID: in.MembershipID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.MembershipID]{ID: id}, err
}
