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
	"rowhouse/tenancy"
)

const (
	invitationsRead  auth.Permission = "invitations:read"
	invitationsWrite auth.Permission = "invitations:write"
)

const (
	// invitationTime is how long an invitation can be accepted.
	invitationTime = 7 * 24 * time.Hour
)

// Invitation is a mail that makes whoever reads it a user of the tenant. Once accepted, it is gone.
type Invitation struct {
	ID        ids.InvitationID `json:"id"`
	TenantID  ids.TenantID     `json:"tenant_id"`
	Email     string           `json:"email" doc:"Whom it is sent to." example:"cleo@example.com"`
	Role      string           `json:"role" limit:"invitations.role" doc:"The primary role that it gives."`
	TeamID    *ids.TeamID      `json:"team_id" doc:"The team that the user will be in."`
	ArtistID  *ids.ArtistID    `json:"artist_id" doc:"Which artist the user will be: given exactly when the role is artist."`
	InvitedBy ids.UserID       `json:"invited_by" doc:"Who gives the role."`
	ExpiresAt time.Time        `json:"expires_at" doc:"Seven days after it was sent."`
	CreatedAt time.Time        `json:"created_at"`
	UpdatedAt time.Time        `json:"updated_at"`

	version int64
}

func (i *Invitation) Resource() (name, path string, version int64) {
	return "invitation", "/invitations/" + i.ID.String(), i.version
}

func newInvitation(row db.Invitation) Invitation {
	return Invitation{row.ID, row.TenantID, row.Email, row.Role, row.TeamID, row.ArtistID, row.InvitedBy,
		row.ExpiresAt, row.CreatedAt, row.UpdatedAt, row.Version}
}

type invitationListInput struct {
	rest.List
}

// invitationList reads a page of the invitations that nobody has accepted.
func invitationList(ctx context.Context, q *db.Queries, who rest.Caller, in invitationListInput) (rest.Page[Invitation], error) {
	rows, err := q.InvitationList(ctx, db.InvitationListParams{
		TenantID:       who.TenantID,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.InvitationListRow) (Invitation, rest.Position, int64) {
		return newInvitation(row.Invitation), rest.Position{ID: row.Invitation.ID, Time: &row.Invitation.CreatedAt}, row.Total
	})
}

type invitationGetInput struct {
	InvitationID ids.InvitationID `path:"invitation_id"`
}

// invitationGet reads an invitation.
func invitationGet(ctx context.Context, q *db.Queries, who rest.Caller, in invitationGetInput) (Invitation, error) {
	row, err := q.InvitationGet(ctx, db.InvitationGetParams{TenantID: who.TenantID, ID: in.InvitationID})
	return newInvitation(row), err
}

type invitationCreateInput struct {
	Email    string        `json:"email" limit:"invitations.email" doc:"Whom it is sent to." example:"cleo@example.com"`
	Role     string        `json:"role" limit:"invitations.role" doc:"The primary role that it gives; none that holds what the caller does not."`
	TeamID   *ids.TeamID   `json:"team_id" doc:"The team that the user will be in."`
	ArtistID *ids.ArtistID `json:"artist_id" doc:"Which artist the user will be: given exactly when the role is artist."`
}

func (in *invitationCreateInput) Problems() []rest.FieldError { return emailProblems(in.Email) }

// invitationCreate mails an invitation, whether or not its reader has an account.
func invitationCreate(ctx context.Context, q *db.Queries, who rest.Caller, in invitationCreateInput) (Invitation, error) {
	email, _ := auth.NormalizeEmail(in.Email)
	row, err := q.InvitationCreate(ctx, db.InvitationCreateParams{
		TenantID:  who.TenantID,
		ID:        ids.New[ids.InvitationID](),
		Email:     email,
		Role:      in.Role,
		TeamID:    in.TeamID,
		ArtistID:  in.ArtistID,
		ExpiresAt: time.Now().Add(invitationTime),
	})
	return newInvitation(row), err
}

type invitationDeleteInput struct {
	rest.Conditional
	InvitationID ids.InvitationID `path:"invitation_id"`
}

// invitationDelete takes an invitation back.
func invitationDelete(ctx context.Context, q *db.Queries, who rest.Caller, in invitationDeleteInput) (rest.Deleted[ids.InvitationID], error) {
	id, err := q.InvitationDelete(ctx, db.InvitationDeleteParams{TenantID: who.TenantID, ID: in.InvitationID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.InvitationID]{ID: id}, err
}

var (
	errInvitation   = rest.Invalid(rest.FieldError{Field: "token", Code: "invalid", Detail: "Not an invitation that can be accepted: it was used or taken back, it has expired, or whoever sent it could not send it now."})
	errWrongAccount = rest.Forbidden("wrong_account", "The invitation was sent to another e-mail than this account's.")
	errUserAlready  = rest.Conflict("already_exists", "Whoever has this e-mail is a user of this tenant already; one who is not active is let in again: POST /api/v1/users/{user_id}/reactivate.")
)

type invitationAcceptInput struct {
	Token    string  `json:"token" validate:"min=1" limit:"token" doc:"From the mail." example:"rhi_03WHRsVGk4nXK6TzbJZQ8o"`
	Username *string `json:"username" validate:"min=1" limit:"username" doc:"Of the account that is made; made from the e-mail when left out. Not with an access token." example:"cleo"`
	Password *string `json:"password" limit:"password" text:"raw" doc:"Of the account that is made. Required without an access token, refused with one." example:"correct horse battery"`
	Name     *string `json:"name" limit:"accounts.name" example:"Cleo Moreau"`
}

// invitationAccept makes the reader of an invitation a user of its tenant: with an access token that account, whose proven e-mail
// must be the invitation's; without one a new account, which the token proves. An account that somebody prepared for this e-mail
// and never proved passes to the reader, wiped.
func invitationAccept(ctx context.Context, app *App, who rest.Caller, in invitationAcceptInput) (User, error) {
	tenant, hash, ok := auth.ParseTenantSecret(in.Token, auth.InvitationPrefix)
	if !ok {
		return User{}, app.Guess(ctx, who, errInvitation)
	}
	accepted := func(tx *tenancy.Tx) (db.Invitation, error) {
		row, err := tx.Provision(tenant, who).InvitationAccept(ctx, db.InvitationAcceptParams{TenantID: tenant, TokenHash: hash})
		if errors.Is(err, pgx.ErrNoRows) {
			err = errInvitation
		}
		return row.Invitation, err
	}
	var user User
	enter := func(tx *tenancy.Tx, invitation db.Invitation, account db.Account) error {
		joining := who
		joining.AccountID = account.ID
		name := in.Name
		if name == nil {
			name = account.Name
		}
		row, err := tx.Provision(tenant, joining).UserCreate(ctx, db.UserCreateParams{
			TenantID: tenant, ID: ids.New[ids.UserID](), AccountID: account.ID, Username: account.Username, Email: &account.Email, Name: name,
			Role: invitation.Role, TeamID: invitation.TeamID, ArtistID: invitation.ArtistID,
		})
		user, err = newUser(row.User, row.TeamName, row.RoleList, err)
		return err
	}

	var err error
	if !who.AccountID.IsZero() {
		err = app.acceptAs(ctx, who, in, accepted, enter)
	} else {
		err = app.acceptAnew(ctx, who, in, accepted, enter)
	}
	if err == errInvitation { //nolint:errorlint // accepted returns it as it is
		err = app.Guess(ctx, who, errInvitation)
	}
	return user, err
}

type (
	acceptance func(*tenancy.Tx) (db.Invitation, error)
	entrance   func(*tenancy.Tx, db.Invitation, db.Account) error
)

// acceptAs accepts as the account that asks.
func (app *App) acceptAs(ctx context.Context, who rest.Caller, in invitationAcceptInput, accepted acceptance, enter entrance) error {
	var wrong []rest.FieldError
	if in.Username != nil {
		wrong = append(wrong, rest.FieldError{Field: "username", Code: "unwanted", Detail: "An account keeps its username; leave this out."})
	}
	if in.Password != nil {
		wrong = append(wrong, rest.FieldError{Field: "password", Code: "unwanted", Detail: "An account keeps its password; leave this out."})
	}
	if wrong != nil {
		return rest.Invalid(wrong...)
	}
	return app.atomic(ctx, func(tx *tenancy.Tx) error {
		account, err := tx.Account(who).AccountGet(ctx, who.AccountID)
		if err != nil {
			return err
		}
		if account.EmailVerifiedAt == nil {
			return rest.ErrUnproven
		}
		invitation, err := accepted(tx)
		if err != nil {
			return err
		}
		if invitation.Email != account.Email {
			return errWrongAccount
		}
		return enter(tx, invitation, account)
	})
}

// acceptAnew accepts with an account that is made for it, or taken over.
func (app *App) acceptAnew(ctx context.Context, who rest.Caller, in invitationAcceptInput, accepted acceptance, enter entrance) error {
	if in.Password == nil {
		return rest.Invalid(rest.FieldError{Field: "password", Code: "required", Detail: "Choose a password for the account that is made; if you have one, send its access token instead."})
	}
	hash, err := app.passwords.Hash(ctx, *in.Password)
	if err != nil {
		return err
	}
	return app.atomic(ctx, func(tx *tenancy.Tx) error {
		invitation, err := accepted(tx)
		if err != nil {
			return err
		}
		email, username, wrong := names(invitation.Email, in.Username)
		account, err := tx.Unscoped(who).AccountByLogin(ctx, email)
		if err == nil {
			username = account.Username // which it keeps
		}
		if problem := passwordProblem("password", *in.Password, username, email); problem != nil {
			wrong = append(wrong, *problem)
		}
		if wrong != nil {
			return rest.Invalid(wrong...)
		}
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			create := db.AccountCreateParams{Username: username, Email: email, Name: in.Name, PasswordHash: &hash, EmailVerifiedAt: new(time.Now())}
			if in.Username == nil {
				create.Spare = spare(username)
			}
			account, err = createAccount(ctx, tx.Unscoped(who), create)
		case err == nil && account.EmailVerifiedAt != nil:
			err = errAccountExists
		case err == nil:
			account, err = app.prove(ctx, tx, who, account, email, nil, &hash, true)
		}
		if err != nil {
			return err
		}
		return enter(tx, invitation, account)
	})
}
