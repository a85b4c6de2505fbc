package auth

import (
	"slices"
	"strings"
)

// Permission is `<resource>:<what>`. Which primary role holds it, and with what reach, stands in the table permissions.
type Permission string

// The permissions. At start they are compared with the table, both ways.
const (
	TenantRead       Permission = "tenant:read"
	TenantWrite      Permission = "tenant:write"
	UsersRead        Permission = "users:read"
	UsersWrite       Permission = "users:write"
	InvitationsRead  Permission = "invitations:read"
	InvitationsWrite Permission = "invitations:write"
	TeamsRead        Permission = "teams:read"
	TeamsWrite       Permission = "teams:write"
	RolesRead        Permission = "roles:read"
	RolesWrite       Permission = "roles:write"
	KeysRead         Permission = "keys:read"
	KeysWrite        Permission = "keys:write"
	KeysRevokeAny    Permission = "keys:revoke_any"
	AuditRead        Permission = "audit:read"
	ItemsRead        Permission = "items:read"
	ItemsWrite       Permission = "items:write"
)

// Permissions is every permission there is.
var Permissions = []Permission{
	TenantRead, TenantWrite, UsersRead, UsersWrite, InvitationsRead, InvitationsWrite, TeamsRead, TeamsWrite,
	RolesRead, RolesWrite, KeysRead, KeysWrite, KeysRevokeAny, AuditRead, ItemsRead, ItemsWrite,
}

// Read is the permission to see what this one changes: items:read for items:write.
func (p Permission) Read() Permission {
	resource, _, _ := strings.Cut(string(p), ":")
	return Permission(resource + ":read")
}

const (
	all = ":any"
	own = ":own"
)

// All is the permission for what one's own rows do not suffice for, such as making users: users:write with reach any.
func (p Permission) All() Permission { return p + all }

// Split is the permission as the table names it, and whether it is wanted with reach any.
func (p Permission) Split() (name string, everything bool) { return strings.CutSuffix(string(p), all) }

// Ownable says that the permission's rows have owners, so that it can be held for one's own alone.
func (p Permission) Ownable() bool {
	return p == UsersRead || p == UsersWrite || p == KeysRead || p == KeysWrite
}

// Entries are what may stand in a role's permissions and in a key's scopes.
func Entries() (entries []string) {
	for _, p := range Permissions {
		entries = append(entries, string(p))
		if p.Ownable() {
			entries = append(entries, string(p)+own)
		}
	}
	return entries
}

// Grantable says that a text is an entry of a role's permissions or of a key's scopes: the name of a permission, which is it
// with reach any, or that of one whose rows have owners, followed by :own.
func Grantable(entry string) bool {
	return slices.Contains(Entries(), entry)
}
