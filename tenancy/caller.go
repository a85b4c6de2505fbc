package tenancy

import "rowhouse/ids"

// Caller is who is asking, as far as the credential proves it without the database, and in what request. Whether the
// session lives, who the account is in the tenant and what it may do there, the door asks the database each time.
type Caller struct {
	AccountID ids.AccountID
	SessionID ids.SessionID
	TenantID  ids.TenantID // zero on routes without a tenant
	Operation string       // the route's operation, such as item.update: the action of its audit events
	RequestID string       // visible ASCII
	Address   string       // of the client, without port
}
