package rest

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"rowhouse/auth"
	"rowhouse/ids"
)

// maxIdentities is how many identities one process remembers the sessions of; of one that was forgotten the database is asked again.
const maxIdentities = 100_000

// Identity is the session that the tokens of an outside identity stand for.
type Identity struct {
	AccountID ids.AccountID
	SessionID ids.SessionID
	NotBefore time.Time // a token that was issued before stands for no session any more
}

// Identify is how an API finds the session of an outside identity, or begins it, by what a verified token says.
type Identify func(ctx context.Context, app any, who Caller, said auth.Outside, userAgent string) (Identity, error)

// identities are the sessions that were found. That they live, the door asks the database each time, as of any other session; so an entry
// only saves the trip that finds the session, and one that is out of date costs another.
type identities = lru.Cache[[sha256.Size]byte, Identity]

func newIdentities() *identities {
	found, err := lru.New[[sha256.Size]byte, Identity](maxIdentities)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return found
}

// outsider is the caller of an access token of an outside issuer, before it is known whose session that stands for.
type outsider struct {
	auth.Outside
	key [sha256.Size]byte
}

// takeOutside takes an access token of an outside issuer, as takeCredential does one of ours: offline, but for the issuer's keys.
func (x *exchange) takeOutside(token string) error {
	said, err := x.server.config.Issuers.Verify(x.ctx, token)
	switch {
	case errors.Is(err, auth.ErrIssuer):
		x.why = err
		return errIssuer
	case err != nil:
		x.why = err
		return ErrCredential
	}
	x.outside = &outsider{said, sha256.Sum256([]byte(said.Issuer + "\x00" + said.Subject))}
	x.who.Outside = true
	if x.route.Scope == TenantScope {
		return x.chooseTenant(said.Tenant)
	}
	return nil
}

// known does the work of a request that is not malformed, as the session that its token stands for. Where this process remembered a session
// that is over by now, the work was refused before it did anything, and is done once more as the next session of the identity, if a token
// that was issued then may begin one.
func (x *exchange) known(work func(*exchange) (answer, error)) (answer, error) {
	if x.outside == nil {
		return work(x)
	}
	found, remembered := x.server.identities.Get(x.outside.key)
	remembered = remembered && !x.outside.IssuedAt.Before(found.NotBefore)
	if !remembered {
		if err := x.look(); err != nil {
			return answer{}, err
		}
		return work(x)
	}
	x.who.AccountID, x.who.SessionID = found.AccountID, found.SessionID
	given, err := work(x)
	if !private(err, sessionOver) {
		return given, err
	}
	if err := x.look(); err != nil {
		return answer{}, err
	}
	return work(x)
}

// look asks for the session of the caller's identity.
func (x *exchange) look() error {
	x.server.identities.Remove(x.outside.key)
	x.who.AccountID, x.who.SessionID = ids.AccountID{}, ids.SessionID{}
	found, err := x.server.api.Identify(x.ctx, x.server.api.App, x.who, x.outside.Outside, readable(x.request.UserAgent()))
	if private(err, unlinked) {
		if x.outside.Email == "" {
			return errUnverified
		}
		return errUnlinked
	}
	if err != nil {
		return err
	}
	x.server.identities.Add(x.outside.key, found)
	x.who.AccountID, x.who.SessionID = found.AccountID, found.SessionID
	return nil
}
