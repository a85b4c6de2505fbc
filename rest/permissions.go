package rest

import (
	"rowhouse/tenancy"
)

// Grantable are the entries that a role's permissions and a key's scopes may hold: the name of each permission, which is it with reach any,
// and where its rows have owners also followed by :own.
var Grantable = func() (entries []string) {
	for _, p := range tenancy.Permissions() {
		entries = append(entries, p.Name)
		if p.Ownable {
			entries = append(entries, p.Name+":own")
		}
	}
	return entries
}()
