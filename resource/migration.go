package resource

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Order is what the command line asks for.
type Order struct {
	Name    string   // of the table, such as coupons
	Columns string   // see docs/generator.md; empty: the table's migration is there already
	About   string   // what its rows are, in a sentence; empty: said by the name alone
	Own     string   // the role that has its own rows alone; empty: rows have no owners
	With    []string // import, export, archive
}

// migration is the text of the table's migration.
func (o *Order) migration(e entity, specs []columnSpec) string {
	m := migration{table: o.Name, entity: e}
	m.column("tenant_id", "uuid", "NOT NULL", "")
	m.column("id", "uuid", "NOT NULL DEFAULT uuid_v7()", "")
	m.constraint("pkey", "PRIMARY KEY (tenant_id, id)", "")
	m.constraint("tenant_id_fkey", "FOREIGN KEY (tenant_id) REFERENCES tenants (id)", "")
	m.index("created_at", "created_at", "id")
	if o.Own != "" {
		m.column("user_id", "uuid", "NOT NULL", "Whose it is: who made it.")
		m.constraint("user_id_fkey", "FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE", "There is no such row that you can see.")
		m.index("user_id", "user_id", "created_at", "id")
	}
	for _, w := range specs {
		m.add(w)
	}
	if slices.Contains(o.With, "archive") {
		m.column("archived_at", "timestamptz", "", "Since when it is kept without being used; null while it is.")
	}
	m.column("version", "bigint", "NOT NULL DEFAULT 1", "")
	m.column("created_at", "timestamptz", "NOT NULL DEFAULT now()", "")
	m.column("updated_at", "timestamptz", "NOT NULL DEFAULT now()", "")
	for _, w := range specs {
		if w.key() != "" {
			rest, use := "NOT NULL ", "compared"
			if w.null {
				rest = ""
			}
			if w.has("sort") || w.has("search") {
				use = "sorted and searched by"
			}
			m.column(w.key(), "text", rest+`COLLATE "C" GENERATED ALWAYS AS (fold(`+w.name+`)) STORED`, "The "+words(w.name)+" as it is "+use+".")
			m.generated = append(m.generated, w.key())
		}
	}
	return m.text(o)
}

// key is the column by which a text is compared regardless of case; empty for one that is neither sorted, searched nor unique.
func (w *columnSpec) key() string {
	if w.kind == "text" && (w.has("sort") || w.has("search") || w.has("unique")) {
		return w.name + "_key"
	}
	return ""
}

// A migration in the making.
type migration struct {
	entity
	table       string
	columns     [][]string // name, type, the rest
	comments    [][]string // of columns
	constraints [][]string // name, definition
	words       [][]string // of constraints
	indexes     [][]string
	generated   []string
}

func (m *migration) column(name, kind, rest, comment string) {
	m.columns = append(m.columns, []string{"    " + name, kind, rest})
	if comment != "" {
		m.comments = append(m.comments, []string{"COMMENT ON COLUMN " + m.table + "." + name, "IS " + literal(comment) + ";"})
	}
}

func (m *migration) constraint(name, definition, words string) {
	name = m.table + "_" + name
	m.constraints = append(m.constraints, []string{"    CONSTRAINT " + name, definition})
	if words != "" {
		m.words = append(m.words, []string{"COMMENT ON CONSTRAINT " + name, "ON " + m.table + " IS " + literal(words) + ";"})
	}
}

func (m *migration) index(name string, keys ...string) {
	m.indexes = append(m.indexes, []string{"CREATE INDEX " + m.table + "_" + name + "_idx", "ON " + m.table + " (tenant_id, " + strings.Join(keys, ", ") + ");"})
}

// add adds a column with its rules and its indexes.
func (m *migration) add(w columnSpec) {
	if w.kind == "range" {
		m.span(w)
		return
	}
	kind := kinds[w.kind]
	rest := "NOT NULL"
	if w.null {
		rest = ""
	}
	if kind.limits == "default" {
		rest += " DEFAULT " + w.limits[0]
	}
	m.column(w.name, kind.sql, rest, w.comment())
	if w.kind == "rate" {
		m.constraint(w.name+"_check", "CHECK ("+w.name+" BETWEEN 0 AND 1)", w.name+" range: From 0 to 1.")
	}
	switch kind.limits {
	case "bounds":
		if condition, words := w.bounds(); condition != "" {
			m.constraint(w.name+"_check", "CHECK ("+condition+")", words)
		}
	case "words":
		m.constraint(w.name+"_check", "CHECK ("+w.name+" IN ('"+strings.Join(w.limits, "', '")+"'))", "One of "+strings.Join(w.limits, ", ")+".")
	case "members":
		m.constraint(w.name+"_check", fmt.Sprintf("CHECK (jsonb_typeof(%s) = 'object' AND octet_length(%[1]s::text) <= %d)", w.name, w.largest()),
			fmt.Sprintf("internal: An object, of up to %d bytes.", w.largest()))
	case "table":
		m.constraint(w.name+"_fkey", "FOREIGN KEY (tenant_id, "+w.name+") REFERENCES "+w.limits[0]+" (tenant_id, id)", "There is no such row that you can see.")
	}
	if w.has("unique") {
		m.constraint(w.name+"_key", "UNIQUE (tenant_id, "+cmp.Or(w.key(), w.name)+")", "Another "+words(m.snake)+" has this "+words(w.name)+".")
	}
	switch {
	case w.key() != "" && (w.has("sort") || w.has("search")):
		m.index(w.key(), w.key(), "id")
	case w.has("sort"):
		m.index(w.name, w.name, "id")
	case w.has("filter"), w.kind == "enum", w.kind == "bool", w.kind == "ref" && !w.has("unique"):
		m.index(w.name, w.name, "created_at", "id")
	}
}

// span adds the two columns of a range, of which the second is later than the first.
func (m *migration) span(w columnSpec) {
	rest := "NOT NULL"
	if w.null {
		rest = ""
	}
	sql := kinds[w.limits[0]].sql
	from, to := w.name+"_from", w.name+"_to"
	examples := map[string][2]string{"date": {"2026-05-01", "2026-05-31"}, "time": {"2026-05-01T09:00:00Z", "2026-05-01T10:00:00Z"}, "int": {"1", "10"}}[w.limits[0]]
	m.column(from, sql, rest, "Where it begins. Example: "+examples[0])
	m.column(to, sql, rest, "Where it ends, and no longer in it. Example: "+examples[1])
	m.constraint(w.name+"_check", "CHECK ("+from+" < "+to+")", to+" order: Later than "+from+".")
	if w.null {
		m.constraint(w.name+"_whole_check", "CHECK (("+from+" IS NULL) = ("+to+" IS NULL))", to+" range: Both ends, or neither.")
	}
	m.index(from, from, "id")
}

const inCents = "Cents of the tenant's currency."

// comment is the column's: what it is, and an example.
func (w *columnSpec) comment() string {
	var said []string
	switch {
	case w.kind == "rich":
		said = append(said, "HTML, sanitised when it was written.")
	case w.kind == "cents" || w.kind == "int" && strings.HasSuffix(w.name, "_cents"):
		said = append(said, inCents)
	}
	if example := w.shown(); example != "" {
		said = append(said, "Example: "+example)
	}
	if w.members != nil {
		var members []string
		for _, member := range w.members {
			members = append(members, member.text())
		}
		said = append(said, "Fields: "+strings.Join(members, " "))
	}
	return strings.Join(said, " ")
}

// text is a member of a JSON document as specsOf reads it.
func (w *columnSpec) text() string {
	text := w.name + ":" + w.kind
	switch kinds[w.kind].limits {
	case "bounds":
		if w.limits[0]+w.limits[1] != "" {
			text += "(" + strings.Join(w.limits, "..") + ")"
		}
	case "words", "default":
		text += "(" + strings.Join(w.limits, ",") + ")"
	}
	if w.null {
		text += "?"
	}
	return text
}

// largest is how many bytes a JSON document has that its members admit, as PostgreSQL writes it, in whole thousands.
func (w *columnSpec) largest() (bytes int) {
	for _, member := range w.members {
		bytes += len(`"": , `) + len(member.name)
		switch member.kind {
		case "text":
			most, _ := strconv.Atoi(member.limits[1])
			bytes += most*utf8.UTFMax + len(`""`)
		case "enum":
			bytes += 2 + longest(member.limits)
		default:
			bytes += 40 // a time with a fraction and an offset
		}
	}
	return (bytes/1000 + 1) * 1000
}

// shown is the example that was given, or one that fits; of a JSON document it is one of those of its members.
func (w *columnSpec) shown() string {
	if w.members == nil {
		return cmp.Or(w.example, w.exemplary())
	}
	var all []string
	for _, member := range w.members {
		example := member.shown()
		switch member.kind {
		case "bool":
			example = cmp.Or(example, member.limits[0])
		case "text", "date", "time", "enum":
			example = fmt.Sprintf("%q", example)
		}
		all = append(all, fmt.Sprintf("%q: %s", member.name, example))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// exemplary is an example that fits, where nobody has given one.
func (w *columnSpec) exemplary() string {
	switch w.kind {
	case "text", "rich":
		text := capital(words(w.name)) + " 1"
		most, _ := strconv.Atoi(w.limits[1])
		return text[:min(len(text), most)]
	case "int", "cents":
		return cmp.Or(w.limits[0], w.limits[1], "1")
	case "date":
		return "2026-05-01"
	case "time":
		return "2026-05-01T09:00:00Z"
	case "rate":
		return "0.5"
	case "enum":
		return w.limits[0]
	}
	return ""
}

// bounds are a CHECK and its words; nothing where there are none.
func (w *columnSpec) bounds() (condition, words string) {
	from, to, of, what := w.limits[0], w.limits[1], w.name, ""
	if kinds[w.kind].sql == "text" {
		of, what = "length("+w.name+")", " characters"
	}
	switch {
	case from != "" && to != "" && what != "":
		return of + " BETWEEN " + from + " AND " + to, from + " to " + to + what + "."
	case from != "" && to != "":
		return of + " BETWEEN " + from + " AND " + to, "From " + from + " to " + to + "."
	case from != "":
		return of + " >= " + from, "At least " + from + "."
	case to != "":
		return of + " <= " + to, "At most " + to + what + "."
	}
	return "", ""
}

func (m *migration) text(o *Order) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	lines := func(rows [][]string) {
		for _, text := range aligned(rows) {
			line("%s", text)
		}
	}
	line("-- +goose Up\nCREATE TABLE %s (", m.table)
	parts := append(aligned(m.columns), aligned(m.constraints)...)
	line("%s\n);", strings.Join(parts, ",\n"))
	line("COMMENT ON TABLE %s IS %s;", m.table, literal(cmp.Or(o.About, capital(words(m.table))+" of a tenant.")))
	lines(m.comments)
	lines(m.words)
	line("")
	lines(m.indexes)
	line("\nALTER TABLE %s ALTER COLUMN tenant_id SET (n_distinct = 100);", m.table)
	line("\nALTER TABLE %s ENABLE ROW LEVEL SECURITY;\nALTER TABLE %[1]s FORCE  ROW LEVEL SECURITY;", m.table)
	policy := func(kind, condition string) {
		line("CREATE POLICY %s ON %s%s\n    USING      (%s)\n    WITH CHECK (%[4]s);", strings.Fields(kind)[0], m.table, strings.TrimPrefix(kind, strings.Fields(kind)[0]), condition)
	}
	policy("tenant_only", "tenant_id = (SELECT current_tenant())")
	if o.Own != "" {
		policy("own_only AS RESTRICTIVE", "(SELECT reaches_all()) OR user_id = (SELECT me())")
	}
	line("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO rowhouse_app;\n", m.table)
	var written []string
	for _, column := range m.columns {
		if name := strings.TrimSpace(column[0]); !slices.Contains(m.generated, name) {
			written = append(written, name)
		}
	}
	b.WriteString(Triggers(m.table, m.prefix, Audited(m.table, written)) + "\n" + Held(m.table))
	line("")
	b.WriteString(m.permissions(o))
	line("\n-- +goose Down\nDELETE FROM permissions WHERE name IN ('%s:read', '%[1]s:write');\nDROP TABLE %[1]s;", m.table)
	b.WriteString(TriggersDown(m.table))
	return b.String()
}

// primaryRoles are those of the grid, in its order.
var primaryRoles = []string{"admin", "assistant", "artist", "member"}

// permissions are the rows of the grid: everybody reads, and who has business with all rows writes; of rows with owners, one role has its own.
func (m *migration) permissions(o *Order) string {
	read := []string{"'any'", "'any'", "'any'", "'any'"}
	write := []string{"'any'", "'any'", "NULL", "NULL"}
	columns := "name, admin, assistant, artist, member, staff"
	begin := []string{"'" + m.table + ":read'", "'" + m.table + ":write'"}
	if i := slices.Index(primaryRoles, o.Own); i >= 0 {
		columns = "name, ownable, admin, assistant, artist, member, staff"
		begin[0], begin[1] = begin[0]+", true", begin[1]+", true"
		read[i], write[i] = "'own'", "'own'"
	}
	rows := make([][]string, 2)
	for i, held := range [][]string{append(read, "'any'"), append(write, "NULL")} {
		cells := append(strings.SplitAfter(begin[i], ", "), held...)
		for j, cell := range cells {
			cell = strings.Trim(cell, ", ")
			end := ","
			if j == len(cells)-1 {
				end = ")" + []string{",", ";"}[i]
			}
			cells[j] = cell + end
		}
		cells[0] = []string{"VALUES (", "       ("}[i] + cells[0]
		rows[i] = cells
	}
	return "INSERT INTO permissions (" + columns + ")\n" + strings.Join(aligned(rows), "\n") + "\n"
}

// words is a name with blanks.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
