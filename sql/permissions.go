package schema

import (
	"maps"
	"slices"
	"strings"
)

// A Permission is a row of the table permissions, as the migrations write it.
type Permission struct {
	Name    string // <resource>:<what>
	Ownable bool   // the rows that it is about have owners, so that it can be held for one's own alone
}

// Permissions are all that there are, in the order of their names, and made anew with each call.
func Permissions() (all []Permission) {
	for _, thing := range slices.Sorted(maps.Keys(catalogue)) {
		if name, ok := strings.CutPrefix(thing, "permission "); ok {
			all = append(all, Permission{name, catalogue[thing] == "of rows that have owners"})
		}
	}
	return all
}
