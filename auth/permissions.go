package auth

import "strings"

// Permission is `<resource>:<what>`. Which there are, and which primary role holds each with what reach, stands in
// the table permissions.
type Permission string

// Read is the permission to see what this one changes: items:read for items:write.
func (p Permission) Read() Permission {
	resource, _, _ := strings.Cut(string(p), ":")
	return Permission(resource + ":read")
}

const all = ":any"

// All is the permission for what one's own rows do not suffice for, such as making users: users:write with reach any.
func (p Permission) All() Permission { return p + all }

// Split is the permission as the table names it, and whether it is wanted with reach any.
func (p Permission) Split() (name string, everything bool) { return strings.CutSuffix(string(p), all) }
