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

// An access token of an outside issuer stands for a session of the account that its subject is linked to: a row of sessions as any other,
// so that whatever ends sessions ends it. A later token begins the next one; one that was issued before the end never does.

var errOwnToken = rest.Forbidden("own_token_required", "This gives an access token of this server, which its own login alone does. Whether the tokens of an outside issuer are bound to a tenant is that issuer's to say.")

// identityEnter finds the session that a token of an outside issuer stands for, or begins it; refused with RHIDN and RHSES as
// IdentityEnter says.
func identityEnter(ctx context.Context, app any, who rest.Caller, said auth.Outside, userAgent string) (found rest.Identity, err error) {
	a := app.(*App)
	who.Operation = "identity.enter" // what the events of the account call it, whatever the request was
	err = tenancy.Retry(ctx, true, func() (err error) {
		found, err = identitySession(ctx, a.doors.Unscoped(who), said)
		return err
	})
	if !errors.Is(err, pgx.ErrNoRows) {
		return found, err
	}
	var email *string
	if said.Email != "" {
		email = &said.Email
	}
	err = a.atomic(ctx, func(tx *tenancy.Tx) (err error) {
		if err := tx.Unscoped(who).IdentityEnter(ctx, db.IdentityEnterParams{
			Issuer:    said.Issuer,
			Subject:   said.Subject,
			IssuedAt:  said.IssuedAt,
			Email:     email,
			Session:   ids.New[ids.SessionID]().UUID(),
			UserAgent: truncated(&userAgent, maxUserAgent),
			Address:   who.Address,
			ExpiresAt: time.Now().Add(a.config.RefreshTokenTTL),
		}); err != nil {
			return err
		}
		found, err = identitySession(ctx, tx.Unscoped(who), said)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = rest.ErrCredential // ended in the same moment
	}
	return found, err
}

// identitySession is the live session that a token stands for; pgx.ErrNoRows: there is none for a token that was issued then.
func identitySession(ctx context.Context, q *db.Queries, said auth.Outside) (rest.Identity, error) {
	row, err := q.IdentitySession(ctx, db.IdentitySessionParams{Issuer: said.Issuer, Subject: said.Subject, IssuedAt: said.IssuedAt})
	return rest.Identity{AccountID: row.AccountID, SessionID: row.ID, NotBefore: row.NotBefore}, err
}
