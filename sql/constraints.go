package schema

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A Constraint is a named rule of a table, and what it means to a client when it is broken, as the constraint's comment says:
//
//	[[field] code: ]sentence
//
// Without a code, code and field follow from the definition. A code that is said without a field is about the request as a whole; internal is
// that of what only a mistake of the server can break, whose words are not the client's to read. A sentence has no colon behind its first or
// second word.
type Constraint struct {
	Name, Table string
	Kind        string   // check, unique, exclusion or foreign key
	Columns     []string // without tenant_id
	Definition  string   // as PostgreSQL writes it

	Field string // of the request
	Code  string // empty where it is neither said nor follows
	Words string // the sentence; empty for a constraint without a comment, which then has no field and no code

	// What a CHECK of one column allows, as far as its definition says it plainly.
	Min, Max *int64 // characters of a text, members of an array, or the value itself
	Values   []string
}

// Constraints are those that the migrations leave, in the order of their names. The slice is the caller's. Primary keys are none of them: clients
// choose no ids.
func Constraints() []Constraint { return slices.Clone(tables().constraints) }

// shard is what a constraint's name ends in on a node of a database that is spread over several, where a table is kept in numbered parts.
var shard = regexp.MustCompile(`_[0-9]{6,}$`)

// ConstraintOf is the name of the constraint that was broken, as the migrations call it; empty when an error is of none.
func ConstraintOf(err error) string {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return ""
	}
	return shard.ReplaceAllString(said.ConstraintName, "")
}

// Constraints are those of the catalogue, as the function of that name has them.
func (catalogue Catalogue) Constraints() (all []Constraint) {
	columns := map[string]map[string]bool{} // of each table
	for thing := range catalogue {
		if column, ok := strings.CutPrefix(thing, "column "); ok {
			table, name, _ := strings.Cut(column, ".")
			if columns[table] == nil {
				columns[table] = map[string]bool{}
			}
			columns[table][name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(catalogue)) {
		name, isConstraint := strings.CutPrefix(name, "constraint ")
		definition := catalogue["constraint "+name]
		if !isConstraint || strings.HasPrefix(definition, "PRIMARY KEY ") {
			continue
		}
		of, table, _ := strings.Cut(name, " on ")
		all = append(all, newConstraint(of, table, definition, catalogue["meaning of "+name], columns[table]))
	}
	return all
}

var (
	// Of a comment, what it says before the sentence.
	prefix = regexp.MustCompile(`^(?:(\S+) )?([a-z]+(?:_[a-z]+)*): `)

	// Of a definition, what may be the name of a column: it is no literal, type or function.
	named = regexp.MustCompile(`'(?:[^']|'')*'|::\w+|\w+\(|\w+`)

	// The plain conditions.
	bound    = regexp.MustCompile(`^(?:(length|char_length|cardinality)\(\w+\)|\w+) ([<>]=) (\d+)$`)
	listing  = regexp.MustCompile(`^\w+ = ANY \(ARRAY\[(.*)\]\)$`)
	listed   = regexp.MustCompile(`'((?:[^']|'')*)'`)
	matching = regexp.MustCompile(`^\w+ ~ '(?:[^']|'')*'::text$`)
)

func newConstraint(name, table, definition, comment string, columns map[string]bool) Constraint {
	c := Constraint{Name: name, Table: table, Definition: definition, Words: comment}
	here, _, _ := strings.Cut(definition, " REFERENCES ")
	here, _, _ = strings.Cut(here, " WHERE ") // which rows an exclusion is of, not what it compares
	for _, word := range named.FindAllString(here, -1) {
		if columns[word] && word != "tenant_id" && !slices.Contains(c.Columns, word) {
			c.Columns = append(c.Columns, word)
		}
	}
	field, code := "", ""
	if len(c.Columns) == 1 {
		field = c.Columns[0]
	}
	switch {
	case strings.HasPrefix(definition, "CHECK "):
		c.Kind, code = "check", c.limit()
	case strings.HasPrefix(definition, "UNIQUE "):
		c.Kind, code, field = "unique", "already_exists", ""
	case strings.HasPrefix(definition, "EXCLUDE "):
		c.Kind, code, field = "exclusion", "overlap", ""
	case strings.HasPrefix(definition, "FOREIGN KEY "):
		if c.Kind = "foreign key"; field != "" {
			code = "reference_not_found"
		}
	}
	if said := prefix.FindStringSubmatch(comment); said != nil {
		field, code, c.Words = said[1], said[2], comment[len(said[0]):]
	}
	if c.Words != "" {
		c.Field, c.Code = field, code
	}
	return c
}

// limit takes in what a CHECK allows, and is the code of what it does not; empty where that is not plain.
func (c *Constraint) limit() (code string) {
	condition := strings.TrimSuffix(strings.TrimPrefix(c.Definition, "CHECK ("), ")")
	if len(c.Columns) != 1 || strings.Contains(condition, " OR ") {
		return ""
	}
	var kinds []string
	for part := range strings.SplitSeq(condition, " AND ") {
		kind := "other"
		if is := bound.FindStringSubmatch(part); is != nil {
			n, err := strconv.ParseInt(is[3], 10, 64)
			if err != nil {
				return ""
			}
			switch kind = strings.TrimPrefix(is[1], "char_"); is[2] {
			case ">=":
				c.Min = &n
			case "<=":
				c.Max = &n
			}
		} else if is := listing.FindStringSubmatch(part); is != nil {
			kind = "list"
			for _, value := range listed.FindAllStringSubmatch(is[1], -1) {
				c.Values = append(c.Values, strings.ReplaceAll(value[1], "''", "'"))
			}
		} else if matching.MatchString(part) {
			kind = "match"
		}
		kinds = append(kinds, kind)
	}
	kinds = slices.Compact(kinds)
	if len(kinds) > 1 {
		return ""
	}
	return codes[limits{kinds[0], c.Min != nil, c.Max != nil}]
}

// The codes of what is outside of limits. Any other must be said.
type limits struct {
	of       string
	min, max bool
}

var codes = map[limits]string{
	{"length", true, true}:       "length",
	{"length", false, true}:      "max_length",
	{"length", true, false}:      "min_length",
	{"cardinality", false, true}: "max_items",
	{"", true, true}:             "range",
	{"", false, true}:            "max",
	{"", true, false}:            "min",
	{"list", false, false}:       "one_of",
	{"match", false, false}:      "format",
}
