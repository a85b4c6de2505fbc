package ids

import "strings"

type entityOfAnyKind struct{}

func (entityOfAnyKind) prefix() string { return "" }

// EntityID identifies something whose kind stands beside it, such as what an audit event is about.
type EntityID struct{ ID[entityOfAnyKind] }

// EntityOf is an id of which the kind is known elsewhere.
func EntityOf[E entity](id ID[E]) EntityID { return EntityID{ID[entityOfAnyKind](id)} }

// As is the standard form of the id of a kind, `<kind>-<uuid>`.
func (id EntityID) As(kind string) string { return kind + "-" + id.UUID() }

// Parse reads the three forms with the prefix of any kind.
func (id *EntityID) Parse(text string) error {
	rest := strings.TrimLeft(text, "abcdefghijklmnopqrstuvwxyz")
	if kind := text[:len(text)-len(rest)]; kind != "" && strings.HasPrefix(rest, "_") {
		return id.ID.Parse(rest)
	} else if kind != "" && strings.HasPrefix(rest, "-") && len(rest) == 37 {
		return id.ID.Parse(rest)
	}
	return id.ID.Parse(text)
}

// UnmarshalText is Parse.
func (id *EntityID) UnmarshalText(text []byte) error { return id.Parse(string(text)) }

// KindOf is what the ids in a column of the database begin with, by the column's name; nothing where it holds none, or those of any kind.
func KindOf(column string) string { return kinds[column] }
