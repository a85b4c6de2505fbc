package handlers

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

const (
	refreshPrefix = "rhr_"
	maxUserAgent  = 200
	// loginTenants is how many tenants a login lists; GET /me/tenants pages through all.
	loginTenants = 200
)

// tokenPair is what a client holds of a session.
type tokenPair struct {
	AccessToken  string `json:"access_token" example:"eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl"`
	TokenType    string `json:"token_type" example:"Bearer"`
	ExpiresIn    int64  `json:"expires_in" doc:"Seconds until the access token expires." example:"600"`
	RefreshToken string `json:"refresh_token,omitzero" doc:"Spent by its first use at /auth/refresh, which returns the next." example:"rhr_4zgq5j7uxk2v6ycm3o3wtd6fba"`
}

// issue signs an access token of the session; with a tenant it is bound to it.
func (app *App) issue(account ids.AccountID, session ids.SessionID, tenant *ids.TenantID, refresh string) (tokenPair, error) {
	now := time.Now()
	claims := auth.Claims{Account: account, Session: session, IssuedAt: now, Expires: now.Add(app.config.AccessTokenTTL)}
	if tenant != nil {
		claims.Tenant = *tenant
	}
	token, err := app.tokens.Sign(claims)
	return tokenPair{token, "Bearer", int64(app.config.AccessTokenTTL.Seconds()), refresh}, err
}

var errLogin = rest.Unauthorized("invalid_login", "No active account has this login and password.")

type sessionLoginInput struct {
	Login     string        `json:"login" validate:"min=1" limit:"accounts.email" doc:"Username or login e-mail." example:"ada"`
	Password  string        `json:"password" validate:"min=1" limit:"password" text:"raw" example:"harbour-lights"`
	TenantID  *ids.TenantID `json:"tenant_id" doc:"Binds the session to this tenant (derived mode): its tokens need no X-Tenant-Id." example:"-"`
	UserAgent *string       `header:"User-Agent" text:"any"`
}

type sessionLoginOutput struct {
	tokenPair
	Account Account         `json:"account"`
	Tenants []AccountTenant `json:"tenants" doc:"Where the account is an active user; the first 200."`
}

// sessionLogin starts a session for whoever knows the password. An unknown login, an inactive account and a wrong password
// cost the same work and get the same answer.
func sessionLogin(ctx context.Context, app *App, who rest.Caller, in sessionLoginInput) (out sessionLoginOutput, err error) {
	login, ok := auth.NormalizeUsername(in.Login)
	if strings.Contains(in.Login, "@") {
		login, ok = auth.NormalizeEmail(in.Login)
	}
	if !ok {
		login = "" // is nobody's, but looked up as any other, so that the answer takes as long
	}
	var found db.Account
	err = tenancy.Retry(ctx, true, func() (err error) {
		found, err = app.doors.Unscoped(who).AccountByLogin(ctx, login)
		return err
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return out, err
	}
	hash := ""
	if err == nil && found.PasswordHash != nil {
		hash = *found.PasswordHash
	}
	name := login
	if !ok {
		name = in.Login
	}
	attempts := app.logins(who, "login", name)
	proven, stale, err := app.passwords.Verify(ctx, in.Password, hash, func() error { return app.Take(ctx, who, attempts...) })
	if err != nil {
		return out, err
	}
	if !proven || !found.IsActive {
		return out, errLogin
	}
	if err := app.Give(ctx, who, attempts...); err != nil {
		return out, err
	}
	if stale {
		fresh, err := app.passwords.Hash(ctx, in.Password)
		if err != nil {
			return out, err
		}
		rehash := who
		rehash.Operation = "session.rehash" // in the log it is not taken for a new password
		if err := app.doors.Unscoped(rehash).AccountPasswordRehash(ctx, db.AccountPasswordRehashParams{
			AccountID: found.ID, PasswordHash: &fresh, CheckedHash: &hash,
		}); err != nil {
			return out, err
		}
	}

	refresh, refreshHash := auth.NewSecret(refreshPrefix)
	who.AccountID, who.SessionID = found.ID, ids.New[ids.SessionID]()
	err = app.atomic(ctx, func(tx *tenancy.Tx) error {
		_, err := tx.Unscoped(who).SessionCreate(ctx, db.SessionCreateParams{
			ID:          who.SessionID,
			AccountID:   found.ID,
			Proofs:      found.Proofs,
			RefreshHash: refreshHash,
			UserAgent:   truncated(in.UserAgent, maxUserAgent),
			Address:     &who.Address,
			ExpiresAt:   time.Now().Add(app.config.RefreshTokenTTL),
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return errLogin // closed, or its password changed or logged out everywhere, since it was checked
		}
		if err != nil {
			return err
		}
		q := tx.Account(who)
		if in.TenantID != nil {
			if err := bind(ctx, q, who, in.TenantID); err != nil {
				return err
			}
		}
		rows, err := q.AccountTenantList(ctx, db.AccountTenantListParams{AccountID: found.ID, Size: loginTenants})
		out.Tenants = make([]AccountTenant, len(rows))
		for i, row := range rows {
			out.Tenants[i] = newAccountTenant(&row)
		}
		return err
	})
	if err != nil {
		return out, err
	}
	out.Account = newAccount(found)
	out.tokenPair, err = app.issue(who.AccountID, who.SessionID, in.TenantID, refresh)
	return out, err
}

// bind binds the caller's session to a tenant, or to none.
func bind(ctx context.Context, q *db.Queries, who rest.Caller, tenant *ids.TenantID) error {
	_, err := q.SessionBind(ctx, db.SessionBindParams{AccountID: who.AccountID, ID: who.SessionID, ActiveTenantID: tenant})
	if errors.Is(err, pgx.ErrNoRows) {
		return rest.ErrTenant
	}
	return err
}

// atomic is tenancy's Atomic, again where tenancy.Retry says so.
func (app *App) atomic(ctx context.Context, fn func(tx *tenancy.Tx) error) error {
	return tenancy.Retry(ctx, false, func() error { return app.doors.Atomic(ctx, fn) })
}

// truncated cuts a text of the client's that is only kept for people to read.
func truncated(text *string, limit int) *string {
	if text == nil {
		return nil
	}
	cut := []rune(*text)
	cut = cut[:min(len(cut), limit)]
	short := string(cut)
	return &short
}

type sessionRefreshInput struct {
	RefreshToken string `json:"refresh_token" validate:"min=1" limit:"token" example:"rhr_4zgq5j7uxk2v6ycm3o3wtd6fba"`
}

// sessionRefresh spends a refresh token for the next pair. A client that lost the answer may send the same token again for
// ten seconds and gets the same successor; any other second use ends the session, committed before the refusal is sent.
func sessionRefresh(ctx context.Context, app *App, who rest.Caller, in sessionRefreshInput) (tokenPair, error) {
	if !auth.SecretShape(in.RefreshToken, refreshPrefix) {
		return tokenPair{}, rest.ErrCredential
	}
	q, presented := app.doors.Unscoped(who), auth.HashSecret(in.RefreshToken)
	next, nextHash := auth.NewSecret(refreshPrefix)
	sealed, err := auth.Seal(in.RefreshToken, next)
	if err != nil {
		return tokenPair{}, err
	}
	session, err := q.RefreshTokenRotate(ctx, db.RefreshTokenRotateParams{
		Hash:          presented,
		Successor:     sealed,
		SuccessorHash: nextHash,
		ExpiresAt:     time.Now().Add(app.config.RefreshTokenTTL),
	})
	if err == nil {
		return app.issue(session.AccountID, session.ID, session.ActiveTenantID, next)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return tokenPair{}, err
	}
	spent, err := q.RefreshTokenReplay(ctx, presented)
	if errors.Is(err, pgx.ErrNoRows) {
		return tokenPair{}, app.Guess(ctx, who, rest.ErrCredential)
	}
	if err != nil {
		return tokenPair{}, err
	}
	if !spent.Replayable {
		if err := q.SessionRevokeReused(ctx, spent.ID); err != nil {
			return tokenPair{}, err
		}
		who.AccountID = spent.AccountID
		app.Note(who, "refresh.reused")
		return tokenPair{}, app.Guess(ctx, who, rest.ErrCredential)
	}
	next, err = auth.Open(in.RefreshToken, spent.Successor)
	if err != nil {
		return tokenPair{}, err
	}
	return app.issue(spent.AccountID, spent.ID, spent.ActiveTenantID, next)
}

type sessionSwitchTenantInput struct {
	TenantID  rest.Nullable[ids.TenantID] `json:"tenant_id" required:"true" doc:"The tenant to bind the session to, or null to choose by header again."`
	Reason    *string                     `json:"reason" validate:"min=1,max=500" doc:"For superusers and staff, who enter a tenant that they are no user of: why. It stands in the tenant's audit log." example:"Ticket 4711"`
	UserAgent *string                     `header:"User-Agent" text:"any"`
}

type sessionSwitchTenantOutput struct {
	tokenPair
	ActiveTenantID *ids.TenantID `json:"active_tenant_id"`
}

// sessionSwitchTenant binds the session to a tenant of the account, or unbinds it. Tokens issued before keep their mode
// until they expire; refreshed ones have the new one. With a reason, a superuser or staff enters any active tenant instead.
func sessionSwitchTenant(ctx context.Context, app *App, who rest.Caller, in sessionSwitchTenantInput) (out sessionSwitchTenantOutput, err error) {
	if who.Outside {
		if _, err := app.doors.Account(who).AccountGet(ctx, who.AccountID); err != nil {
			return out, err
		}
		return out, errOwnToken
	}
	err = bind(ctx, app.doors.Account(who), who, in.TenantID.Value)
	if err == rest.ErrTenant && in.TenantID.Value != nil && in.Reason != nil { //nolint:errorlint // bind returns it as it is
		return app.visit(ctx, who, *in.TenantID.Value, *in.Reason, in.UserAgent)
	}
	if err != nil {
		return out, err
	}
	out.ActiveTenantID = in.TenantID.Value
	out.tokenPair, err = app.issue(who.AccountID, who.SessionID, in.TenantID.Value, "")
	return out, err
}

// visitTime is how long a superuser or staff stays in a tenant that they are no user of.
const visitTime = 15 * time.Minute

// visit starts a session of its own that is bound to the tenant and ends by itself, or with the one that asks; the tenant's log and the
// account's say why.
func (app *App) visit(ctx context.Context, who rest.Caller, tenant ids.TenantID, reason string, userAgent *string) (out sessionSwitchTenantOutput, err error) {
	visit, now := ids.New[ids.SessionID](), time.Now()
	var expires time.Time
	err = app.atomic(ctx, func(tx *tenancy.Tx) (err error) {
		expires, err = tx.Account(who).SessionVisit(ctx, db.SessionVisitParams{
			AccountID:      who.AccountID,
			ID:             visit,
			BegunFrom:      who.SessionID,
			ActiveTenantID: &tenant,
			VisitReason:    &reason,
			UserAgent:      truncated(userAgent, maxUserAgent),
			Address:        &who.Address,
			ExpiresAt:      now.Add(visitTime),
		})
		if err == nil {
			_, err = tx.Provision(tenant, who).AuditEventVisit(ctx, db.AuditEventVisitParams{
				TenantID: tenant, AccountID: &who.AccountID, Reason: reason, RequestID: &who.RequestID, Address: &who.Address,
			})
		}
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return out, rest.ErrTenant
	}
	if err != nil {
		return out, err
	}
	out.ActiveTenantID = &tenant
	out.AccessToken, err = app.tokens.Sign(auth.Claims{Account: who.AccountID, Session: visit, Tenant: tenant, IssuedAt: now, Expires: expires})
	out.TokenType, out.ExpiresIn = "Bearer", int64(expires.Sub(now).Round(time.Second).Seconds())
	return out, err
}

// sessionLogout ends the session that asks.
func sessionLogout(ctx context.Context, q *db.Queries, who rest.Caller, _ struct{}) (rest.Done, error) {
	_, err := q.SessionRevoke(ctx, db.SessionRevokeParams{AccountID: who.AccountID, ID: who.SessionID})
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil // ended in the same moment by another
	}
	return rest.Done{}, err
}

type sessionLogoutAllOutput struct {
	Ended int64 `json:"ended" doc:"How many sessions were ended." example:"3"`
}

// sessionLogoutAll ends every session of the account, this one too, and what was mailed for it.
func sessionLogoutAll(ctx context.Context, q *db.Queries, who rest.Caller, _ struct{}) (sessionLogoutAllOutput, error) {
	ended, err := q.SessionRevokeAll(ctx, who.AccountID)
	return sessionLogoutAllOutput{ended}, err
}

// Session is a login of an account that has not ended.
type Session struct {
	ID             ids.SessionID `json:"id"`
	ActiveTenantID *ids.TenantID `json:"active_tenant_id" doc:"The tenant that its tokens are bound to; null: chosen by header."`
	UserAgent      *string       `json:"user_agent" doc:"Of the login, with a blank for each invisible character." example:"curl/8.5.0"`
	Address        *string       `json:"address" doc:"The network address of the login." example:"203.0.113.7"`
	Issuer         *string       `json:"issuer" doc:"The outside issuer whose access tokens it stands for; null: it was begun here." example:"https://id.example.com"`
	Current        bool          `json:"current" doc:"Whether it is the one that asks."`
	CreatedAt      time.Time     `json:"created_at" doc:"The login."`
	LastUsedAt     time.Time     `json:"last_used_at" doc:"The last login or refresh."`
	ExpiresAt      time.Time     `json:"expires_at" doc:"REFRESH_TOKEN_TTL after last_used_at."`
}

type sessionListInput struct {
	rest.List
}

// sessionList reads a page of the account's live sessions.
func sessionList(ctx context.Context, q *db.Queries, who rest.Caller, in sessionListInput) (rest.Page[Session], error) {
	rows, err := q.SessionList(ctx, db.SessionListParams{
		AccountID:      who.AccountID,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	})
	return rest.PageOf(in.List, rows, err, func(row *db.SessionListRow) (Session, rest.Position, int64) {
		return newSession(&row.Session, who), rest.Position{ID: row.Session.ID, Time: &row.Session.CreatedAt}, row.Total
	})
}

func newSession(row *db.Session, who rest.Caller) Session {
	return Session{row.ID, row.ActiveTenantID, row.UserAgent, row.Address, row.Issuer, row.ID == who.SessionID, row.CreatedAt, row.LastUsedAt, row.ExpiresAt}
}

type sessionRevokeInput struct {
	SessionID ids.SessionID `path:"session_id"`
}

// sessionRevoke ends one of the account's sessions.
func sessionRevoke(ctx context.Context, q *db.Queries, who rest.Caller, in sessionRevokeInput) (rest.Deleted[ids.SessionID], error) {
	id, err := q.SessionRevoke(ctx, db.SessionRevokeParams{AccountID: who.AccountID, ID: in.SessionID})
	return rest.Deleted[ids.SessionID]{ID: id}, err
}
