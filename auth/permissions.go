package auth

import "strings"

// Permission is `<resource>:<what>`. Which primary role holds it, and with what reach, stands in the table permissions.
type Permission string

// The permissions. At start they are compared with the table, both ways.
const (
	TenantRead Permission = "tenant:read"
	ItemsRead  Permission = "items:read"
	ItemsWrite Permission = "items:write"
)

// Permissions is every permission there is.
var Permissions = []Permission{TenantRead, ItemsRead, ItemsWrite}

// Read is the permission to see what this one changes: items:read for items:write.
func (p Permission) Read() Permission {
	resource, _, _ := strings.Cut(string(p), ":")
	return Permission(resource + ":read")
}
