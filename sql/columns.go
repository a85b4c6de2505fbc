package schema

import (
	"maps"
	"slices"
	"strings"
)

// A Column is one of a table, as the migrations leave it.
type Column struct {
	Name       string
	Type       string // as PostgreSQL writes it, such as "timestamp with time zone"
	NotNull    bool
	HasDefault bool
	Generated  bool
}

// Tables are those that the migrations leave, in the order of their names.
func Tables() (all []string) {
	for _, thing := range slices.Sorted(maps.Keys(catalogue)) {
		if name, ok := strings.CutPrefix(thing, "table "); ok {
			all = append(all, name)
		}
	}
	return all
}

// Columns are those of a table, in the order of their names; none of a table that there is not.
func Columns(table string) (all []Column) {
	for _, thing := range slices.Sorted(maps.Keys(catalogue)) {
		name, ok := strings.CutPrefix(thing, "column "+table+".")
		if !ok {
			continue
		}
		words, _, generated := strings.Cut(catalogue[thing], " GENERATED ")
		words, _, defaulted := strings.Cut(words, " DEFAULT ")
		kind, notNull := strings.CutSuffix(words, " NOT NULL")
		kind, _, _ = strings.Cut(kind, " COLLATE ")
		all = append(all, Column{name, kind, notNull, defaulted, generated})
	}
	return all
}
