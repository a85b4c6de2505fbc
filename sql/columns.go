package schema

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A Column of a table, as PostgreSQL writes it.
type Column struct {
	Name, Type string
	NotNull    bool
	HasDefault bool
	Default    string // the expression, where it has one
	Generated  string // the expression that it is made of; nobody gives it a value
	RefersTo   string // the table of which it names a row, beside the tenant at most
}

// An Index that finds rows, with the columns that its keys are made of, in their order and without tenant_id.
type Index struct {
	Name    string
	Columns []string
	Unique  bool
}

var described = regexp.MustCompile(`^(.+?)(?: COLLATE \S+)?( NOT NULL)?( [ad])?(?: (DEFAULT|GENERATED) (.*))?$`)

var referred = regexp.MustCompile(` REFERENCES (\w+)\(`)

// Tables are those that the migrations leave, each behind those that it refers to, else in the order of their names.
func Tables() (all []string) {
	refersTo := map[string][]string{}
	for _, c := range Constraints() {
		if to := referred.FindStringSubmatch(c.Definition); to != nil && to[1] != c.Table {
			refersTo[c.Table] = append(refersTo[c.Table], to[1])
		}
	}
	seen := map[string]bool{}
	var visit func(table string)
	visit = func(table string) {
		if seen[table] {
			return
		}
		seen[table] = true
		for _, other := range refersTo[table] {
			visit(other)
		}
		all = append(all, table)
	}
	for _, thing := range slices.Sorted(maps.Keys(catalogue)) {
		name, ok := strings.CutPrefix(thing, "table ")
		if ok && (strings.HasPrefix(catalogue[thing], "rows") || strings.HasPrefix(catalogue[thing], "partitions")) {
			visit(name)
		}
	}
	return all
}

// Meaning is what a table's comment says that its rows are; nothing of one without a comment.
func Meaning(table string) string { return catalogue.Meaning(table) }

// Meaning is what a table's comment says that its rows are; nothing of one without a comment.
func (catalogue Catalogue) Meaning(table string) string { return catalogue["meaning of table "+table] }

// tables are what this binary's migrations leave, read once: to read what one table has takes a millisecond.
var tables = sync.OnceValue(func() (t struct {
	constraints []Constraint
	columns     map[string][]Column
	indexes     map[string][]Index
}) {
	t.constraints, t.columns, t.indexes = catalogue.Constraints(), map[string][]Column{}, map[string][]Index{}
	for thing := range catalogue {
		if table, ok := strings.CutPrefix(thing, "table "); ok {
			t.columns[table] = catalogue.columns(table, t.constraints)
			t.indexes[table] = catalogue.indexes(table, t.columns[table])
		}
	}
	return t
})

// Columns are those of a table, in the order of their names. The slice is the caller's.
func Columns(table string) []Column { return slices.Clone(tables().columns[table]) }

// Columns are those of a table, in the order of their names.
func (catalogue Catalogue) Columns(table string) []Column {
	return catalogue.columns(table, catalogue.Constraints())
}

func (catalogue Catalogue) columns(table string, constraints []Constraint) (all []Column) {
	refersTo := map[string]string{}
	for _, c := range constraints {
		if to := referred.FindStringSubmatch(c.Definition); to != nil && c.Table == table && len(c.Columns) == 1 {
			refersTo[c.Columns[0]] = to[1]
		}
	}
	for _, thing := range slices.Sorted(maps.Keys(catalogue)) {
		if name, ok := strings.CutPrefix(thing, "column "+table+"."); ok {
			column := newColumn(name, catalogue[thing])
			column.RefersTo = refersTo[name]
			all = append(all, column)
		}
	}
	return all
}

func newColumn(name, words string) Column {
	is := described.FindStringSubmatch(words)
	c := Column{Name: name, Type: is[1], NotNull: is[2] != "", HasDefault: is[3] == " d" || is[4] == "DEFAULT"}
	switch {
	case is[3] == " a":
		c.Generated = "identity"
	case is[4] == "GENERATED":
		c.Generated = is[5]
	case is[4] == "DEFAULT":
		c.Default = is[5]
	}
	return c
}

// Indexes are those of a table, in the order of their names. The slice is the caller's.
func Indexes(table string) []Index { return slices.Clone(tables().indexes[table]) }

// Indexes are those of a table, in the order of their names.
func (catalogue Catalogue) Indexes(table string) []Index {
	return catalogue.indexes(table, catalogue.Columns(table))
}

func (catalogue Catalogue) indexes(table string, of []Column) (all []Index) {
	columns := map[string]bool{}
	for _, column := range of {
		columns[column.Name] = true
	}
	for _, thing := range slices.Sorted(maps.Keys(catalogue)) {
		if name, of, _ := strings.Cut(thing, " on "); of == table && strings.HasPrefix(name, "index ") {
			all = append(all, newIndex(strings.TrimPrefix(name, "index "), catalogue[thing], columns))
		}
	}
	return all
}

func newIndex(name, definition string, columns map[string]bool) Index {
	_, keys, _ := strings.Cut(definition, " USING ")
	for _, rest := range []string{" INCLUDE (", " WITH (", " WHERE "} {
		keys, _, _ = strings.Cut(keys, rest)
	}
	return Index{name, newConstraint(name, "", "UNIQUE "+keys, "", columns).Columns, strings.HasPrefix(definition, "CREATE UNIQUE ")}
}
