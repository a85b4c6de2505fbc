package handlers

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

// accountExportOutput is what is stored of whoever has an account, apart from secrets: he may ask for it (GDPR, articles 15 and 20).
type accountExportOutput struct {
	Account    Account           `json:"account"`
	Identities []AccountIdentity `json:"identities" doc:"Who the account is at outside issuers."`
	Sessions   []Session         `json:"sessions" doc:"Logins that have not ended, the newest first, up to 1000."`
	Users      []AccountUser     `json:"users" doc:"What each tenant says of the account as a user of it. What else a tenant has stored of him is that tenant's to tell."`
	Events     []AccountEvent    `json:"events" doc:"What was done with the account, the newest first, up to 10000."`
}

// AccountIdentity is who an account is at an outside issuer.
type AccountIdentity struct {
	Issuer    string     `json:"issuer" example:"https://id.example.com"`
	Subject   string     `json:"subject" doc:"Whom the issuer means." example:"user_2abc"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at" doc:"When the issuer told that there is no such person any more."`
}

// AccountUser is an account's user as its own export shows it.
type AccountUser struct {
	ID               ids.UserID   `json:"id"`
	TenantID         ids.TenantID `json:"tenant_id"`
	TenantName       string       `json:"tenant_name" example:"Analytical Engines"`
	Username         string       `json:"username" example:"ada"`
	Email            *string      `json:"email" doc:"The contact e-mail." example:"ada@example.com"`
	Name             *string      `json:"name" example:"Ada Lovelace"`
	FirstName        *string      `json:"first_name" example:"Ada"`
	LastName         *string      `json:"last_name" example:"Lovelace"`
	Birthdate        *rest.Date   `json:"birthdate"`
	Phone            *string      `json:"phone" example:"+44 20 7946 0000"`
	Instagram        *string      `json:"instagram" example:"ada.engines"`
	Bio              *string      `json:"bio" text:"rich" example:"<p>Writes programs.</p>"`
	Role             string       `json:"role" limit:"users.role"`
	IsActive         bool         `json:"is_active"`
	SearchVisibility string       `json:"search_visibility" limit:"users.search_visibility"`
	EmailPrivacy     string       `json:"email_privacy" limit:"users.email_privacy"`
	PublicProfile    bool         `json:"public_profile"`
	LastLogin        *time.Time   `json:"last_login"`
	CreatedAt        time.Time    `json:"created_at"`
	UpdatedAt        time.Time    `json:"updated_at"`
}

// AccountEvent is something that was done with an account.
type AccountEvent struct {
	CreatedAt   time.Time       `json:"created_at"`
	Action      string          `json:"action" example:"session.login"`
	AboutTenant *ids.TenantID   `json:"about_tenant" doc:"The tenant that was entered, or asked for whether or not it exists."`
	Reason      *string         `json:"reason" example:"Ticket 4711"`
	Before      *jsontext.Value `json:"before" doc:"The changed fields as they were; null: it is no change."`
	After       *jsontext.Value `json:"after" doc:"The same as they became."`
	Address     *string         `json:"address" doc:"The network address of whoever did it." example:"203.0.113.7"`
}

const (
	exportedSessions = 1000
	exportedEvents   = 10_000
)

// accountExport reads all of it, one thing after the other.
func accountExport(ctx context.Context, tx *tenancy.Tx, who rest.Caller, _ struct{}) (out accountExportOutput, err error) {
	account, err := tx.Account(who).AccountGet(ctx, who.AccountID)
	if err != nil {
		return out, err
	}
	identities, err := tx.Account(who).AccountIdentities(ctx, who.AccountID)
	if err != nil {
		return out, err
	}
	sessions, err := tx.Account(who).SessionList(ctx, db.SessionListParams{AccountID: who.AccountID, Size: exportedSessions})
	if err != nil {
		return out, err
	}
	users, err := tx.Account(who).AccountUsers(ctx, who.AccountID)
	if err != nil {
		return out, err
	}
	events, err := tx.Account(who).AccountEvents(ctx, db.AccountEventsParams{AccountID: who.AccountID, Most: exportedEvents})
	if err != nil {
		return out, err
	}
	out = accountExportOutput{newAccount(account), []AccountIdentity{}, []Session{}, []AccountUser{}, []AccountEvent{}}
	for i := range identities {
		row := &identities[i].Identity
		out.Identities = append(out.Identities, AccountIdentity{row.Issuer, row.Subject, row.CreatedAt, row.EndedAt})
	}
	for i := range sessions {
		out.Sessions = append(out.Sessions, newSession(&sessions[i].Session, who))
	}
	for i := range users {
		u := &users[i].User
		out.Users = append(out.Users, AccountUser{
			u.ID, u.TenantID, users[i].TenantName, u.Username, u.Email, u.Name, u.FirstName, u.LastName, rest.DateOf(u.Birthdate), u.Phone, u.Instagram, u.Bio,
			u.Role, u.IsActive, u.SearchVisibility, u.EmailPrivacy, u.PublicProfile, u.LastLogin, u.CreatedAt, u.UpdatedAt,
		})
	}
	for i := range events {
		e := &events[i]
		out.Events = append(out.Events, AccountEvent{e.CreatedAt, e.Action, e.AboutTenant, e.Reason, typedIDs(e.Before), typedIDs(e.After), e.Address})
	}
	return out, nil
}
