package rest

import (
	"net/http"
	"strings"

	"rowhouse/auth"
	"rowhouse/ids"
)

// identify fills in the caller as far as the route asks, offline.
func (x *exchange) identify() error {
	if err := x.takeCredential(); err != nil {
		return err
	}
	if err := x.limited(); err != nil {
		return err
	}
	return x.readKey()
}

func (x *exchange) takeCredential() error {
	r := x.request
	public := x.route.Scope == PublicScope
	if public && !x.route.Welcomes {
		return nil
	}
	authorization, keys := r.Header.Values("Authorization"), r.Header.Values("X-API-Key")
	switch {
	case len(authorization)+len(keys) > 1:
		return BadRequest("two_credentials", "Send one credential: Authorization or X-API-Key, once.")
	case len(authorization)+len(keys) == 0 && public:
		return nil
	case len(authorization)+len(keys) == 0:
		return errNoCredential
	case len(keys) > 0:
		return x.takeKey(keys[0])
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return errNoCredential
	}
	token = strings.TrimLeft(token, " ") // RFC 6750 separates by one or more spaces, and knows no other blank
	if auth.LooksLikeAPIKey(token) {
		return x.takeKey(token)
	}
	if x.server.config.Issuers.Issued(token) {
		return x.takeOutside(token)
	}
	claims, err := x.server.tokens.Verify(token)
	if err != nil {
		return ErrCredential
	}
	x.who.AccountID, x.who.SessionID = claims.Account, claims.Session
	if x.route.Scope == TenantScope {
		return x.chooseTenant(claims.Tenant)
	}
	return nil
}

// counted is whose requests count together: those of a credential, or of an address.
func (x *exchange) counted() string {
	if x.outside != nil {
		return string(x.outside.key[:])
	}
	if id := x.who.Credential(); !id.IsZero() {
		return string(id[:])
	}
	return "address " + subscriber(x.who.Address)
}

// takeKey takes an API key, which is good for its tenant alone.
func (x *exchange) takeKey(text string) error {
	key, ok := auth.ParseAPIKey(text)
	if !ok {
		return ErrCredential
	}
	if x.route.Scope != TenantScope && !x.route.ByKey {
		return errTokenRequired
	}
	x.who.Key = key
	if x.route.Scope == TenantScope {
		return x.chooseTenant(key.Tenant)
	}
	return nil
}

// chooseTenant takes the tenant of the token, or without one that of the header: never both, never another source.
func (x *exchange) chooseTenant(derived ids.TenantID) error {
	header := x.request.Header.Values("X-Tenant-Id")
	refuse := func(code, title, detail string) error {
		return &Error{Status: http.StatusBadRequest, Code: code, Title: title, Detail: detail}
	}
	switch {
	case !derived.IsZero() && len(header) > 0:
		return refuse("unwanted_tenant", "Do not send X-Tenant-Id in derived-tenant mode",
			"Do not send X-Tenant-Id in derived-tenant mode: this credential is bound to its tenant.")
	case !derived.IsZero():
		x.who.TenantID = derived
		return nil
	case len(header) == 0 || len(header) == 1 && header[0] == "":
		return refuse("missing_tenant", "Missing X-Tenant-Id",
			"Missing X-Tenant-Id: name the tenant of this request.")
	case len(header) > 1:
		return refuse("repeated_tenant", "Repeated X-Tenant-Id", "Send X-Tenant-Id once.")
	}
	if err := x.who.TenantID.Parse(header[0]); err != nil {
		return refuse("malformed_tenant", "Malformed X-Tenant-Id", "X-Tenant-Id is "+err.Error()+".")
	}
	return nil
}
