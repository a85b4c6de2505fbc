package testdb

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	schema "rowhouse/sql"
)

// Insert is an INSERT of one row of a table, made from the catalogue: every column that must be given, and every text that a client could
// write, has a value that its constraints allow. text is the SQL expression that stands in texts, cut to what fits, and with something of the
// id behind it where it must be unique; a text that its constraints tell more about than its length has it only if it must have a value and
// they neither list its values nor compare it with a pattern. given are expressions for columns by name, which win; what the table has
// no column for is not inserted. A reference that must be there is to the row of the same id.
//
// The values are those of a SELECT: a FROM clause behind it makes as many rows as that has.
//
// It panics where no value follows from the catalogue, which is then to be given by hand.
func Insert(table, text string, given map[string]string) string {
	m := maker{schema.Columns(table), schema.Constraints(), schema.Indexes(table), table, text, given}
	return m.insert()
}

// Follows says that a value of the column, unless it is given, is made of that of another, than which it must be greater.
func Follows(table, column string) bool {
	m := maker{schema.Columns(table), schema.Constraints(), nil, table, "''", map[string]string{"id": "''"}}
	i := slices.IndexFunc(m.columns, func(c schema.Column) bool { return c.Name == column })
	return m.before(m.columns[i]) != ""
}

// maker makes rows of a table.
type maker struct {
	columns     []schema.Column
	constraints []schema.Constraint // of all tables
	indexes     []schema.Index
	table, text string
	given       map[string]string
}

func (m maker) insert() string {
	var names, values []string
	for _, column := range m.columns {
		value := m.given[column.Name]
		if value == "" {
			value = m.value(column)
		}
		if value != "" && column.Generated == "" {
			names = append(names, column.Name)
			values = append(values, fmt.Sprintf("CAST(%s AS %s)", value, column.Type))
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s", m.table, strings.Join(names, ", "), strings.Join(values, ", "))
}

// limits is what the constraints of a column let stand in it.
type limits struct {
	min, max *int64
	values   []string
	pattern  bool // it is compared with one
	more     bool // they say more than a length
}

var (
	modifier = regexp.MustCompile(`\(\d.*\)`) // of a type
	lengths  = regexp.MustCompile(`^CHECK \((?:char_)?length\(\w+\) [<>]= \d+(?: AND (?:char_)?length\(\w+\) [<>]= \d+)?\)$`)
	patterns = regexp.MustCompile(` !?~|SIMILAR TO|regexp_like\(`)
)

func (m maker) limits(column string) (l limits) {
	for _, c := range m.constraints {
		if c.Table != m.table || c.Kind != "check" || !slices.Contains(c.Columns, column) {
			continue
		}
		if c.Min != nil {
			l.min = c.Min
		}
		if c.Max != nil {
			l.max = c.Max
		}
		if c.Values != nil {
			l.values = c.Values
		}
		if c.Definition == "CHECK ("+column+")" { // a boolean that must be true
			l.values = []string{"true"}
		}
		l.pattern = l.pattern || patterns.MatchString(c.Definition)
		l.more = l.more || !lengths.MatchString(c.Definition)
	}
	return l
}

// value is an expression for a column that is not given; empty where the column needs none.
func (m maker) value(column schema.Column) string {
	l, kind := m.limits(column.Name), modifier.ReplaceAllString(column.Type, "")
	needed := column.NotNull && !column.HasDefault
	switch {
	case column.Generated != "":
		return ""
	case kind == "text" && !l.more:
		return m.fitting(column, l)
	case !needed:
		return ""
	case column.Name == "tenant_id":
	case m.before(column) != "":
		return m.before(column)
	case l.values != nil:
		return "'" + strings.ReplaceAll(l.values[len(l.values)-1], "'", "''") + "'" // the last: examples have the first
	case kind == "text" && !l.pattern:
		return m.fitting(column, l)
	case strings.HasSuffix(kind, "[]") && l.min == nil:
		return "'{}'"
	case kind == "text[]":
		return fmt.Sprintf("array_fill(CAST(%s AS text), ARRAY[%d])", m.text, *l.min)
	case kind == "uuid":
		return m.id(column)
	case kind == "bytea":
		return fmt.Sprintf("sha256(convert_to(CAST(CAST(%s AS uuid) AS text), 'UTF8'))", m.id(column))
	case kind == "json" || kind == "jsonb":
		return fmt.Sprintf(exampleOf, m.table, column.Name)
	case numbers[kind]:
		return fmt.Sprint(l.number())
	default:
		if value, known := fixed[kind]; known {
			return value
		}
	}
	panic(m.unmade(column))
}

// exampleOf is the object that a column's comment has for an example, or else an empty one.
const exampleOf = `coalesce((
	SELECT substring(col_description(attrelid, attnum) FROM 'Example: (\{.*\})')
	  FROM pg_attribute
	 WHERE attrelid = CAST('%s' AS regclass)
	   AND attname  = '%s'), '{}')`

var order = regexp.MustCompile(`^CHECK \((\w+) ([<>]) (\w+)\)$`)

// before is the value of the column that must be less than this one, and a little more; empty where there is none.
func (m maker) before(column schema.Column) string {
	for _, c := range m.constraints {
		is := order.FindStringSubmatch(c.Definition)
		if c.Table != m.table || is == nil {
			continue
		}
		less, more := is[1], is[3]
		if is[2] == ">" {
			less, more = more, less
		}
		i := slices.IndexFunc(m.columns, func(other schema.Column) bool { return other.Name == less })
		if more != column.Name || i < 0 {
			continue
		}
		value := m.given[less]
		if value == "" {
			value = m.value(m.columns[i])
		}
		step := "1"
		if strings.HasPrefix(column.Type, "timestamp") {
			step = "interval '1 hour'"
		}
		return fmt.Sprintf("CAST(%s AS %s) + %s", value, column.Type, step)
	}
	return ""
}

var numbers = map[string]bool{"smallint": true, "integer": true, "bigint": true, "numeric": true, "real": true, "double precision": true}

var fixed = map[string]string{
	"boolean":                     "false",
	"date":                        "'2026-01-01'",
	"timestamp with time zone":    "'2026-01-01 00:00:00Z'",
	"timestamp without time zone": "'2026-01-01 00:00:00'",
	"time without time zone":      "'12:00'",
	"interval":                    "'1 hour'",
}

// number is the least that is allowed, or 1 where anything is.
func (l limits) number() int64 {
	switch {
	case l.min != nil:
		return *l.min
	case l.max != nil:
		return min(1, *l.max)
	}
	return 1
}

// fitting is the text, as long as the column takes it.
func (m maker) fitting(column schema.Column, l limits) string {
	value := "CAST(" + m.text + " AS text)"
	if l.min != nil && *l.min > 1 {
		value = fmt.Sprintf("%s || repeat('.', %d)", value, *l.min-1)
	}
	tail, unique := int64(32), m.unique(column) // 32 characters of an MD5, of which none makes a cut text another tenant's
	if l.max != nil {
		tail = min(tail, *l.max/2)
		most := *l.max
		if unique {
			most -= tail
		}
		value = fmt.Sprintf("left(%s, %d)", value, most)
	}
	if unique {
		value += fmt.Sprintf(" || left(translate(md5(CAST(CAST(%s AS uuid) AS text)), 'ab', 'xy'), %d)", m.id(column), tail)
	}
	return value
}

// unique says whether the column, or what is generated from it, tells rows apart.
func (m maker) unique(column schema.Column) bool {
	names := []string{column.Name}
	for _, other := range m.columns {
		if regexp.MustCompile(`\b` + column.Name + `\b`).MatchString(other.Generated) {
			names = append(names, other.Name)
		}
	}
	return slices.ContainsFunc(m.indexes, func(i schema.Index) bool {
		return i.Unique && slices.ContainsFunc(i.Columns, func(c string) bool { return slices.Contains(names, c) })
	})
}

func (m maker) id(column schema.Column) string {
	if m.given["id"] == "" {
		panic(m.unmade(column) + ", or the id that it follows from")
	}
	return m.given["id"]
}

func (m maker) unmade(column schema.Column) string {
	return fmt.Sprintf("no value of %s.%s (%s) follows from the catalogue: give it by hand", m.table, column.Name, column.Type)
}
