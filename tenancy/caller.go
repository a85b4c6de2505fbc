package tenancy

import (
	"rowhouse/auth"
	"rowhouse/ids"
)

// Caller is who is asking, as far as the credential proves it without the database, and in what request. Whether the
// session or the key lives, who the account is in the tenant and what it may do there, the door asks the database each time.
type Caller struct {
	AccountID ids.AccountID // of an access token
	SessionID ids.SessionID // of an access token
	Outside   bool          // the session is that of an identity at an outside issuer, of which the access token is
	Key       auth.APIKey   // or an API key; its tenant is TenantID
	TenantID  ids.TenantID  // zero on routes without a tenant
	Operation string        // the route's operation, such as item.update: the action of its audit events
	RequestID string        // visible ASCII
	Address   string        // of the client, without port
}

// ByKey says that the credential is an API key.
func (c *Caller) ByKey() bool { return c.Key.Prefix != "" }

// Credential names the account or the key that asks, among those of its tenant.
func (c *Caller) Credential() ids.AccountID {
	if c.ByKey() {
		return ids.AccountID(c.Key.Hash)
	}
	return c.AccountID
}

// VisitEnd is the one operation that a visit may do at the door of accounts.
const VisitEnd = "session.logout"
