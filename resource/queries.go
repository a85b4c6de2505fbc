package resource

import (
	"fmt"
	"strings"
)

// queries is the text of the table's file in sql/queries.
func (t *Table) queries() string {
	parts := []string{"-- Scope: tenant.\n", t.listQuery(), t.getQuery(), t.createQuery()}
	if t.imported {
		parts = append(parts, t.importQuery())
	}
	if t.updated {
		parts = append(parts, t.updateQuery())
	}
	if t.archived {
		parts = append(parts, t.archiveQuery("Archive", "is used no more", "coalesce(archived_at, now())"), t.archiveQuery("Restore", "is used again", "NULL"))
	}
	if t.deleted {
		parts = append(parts, t.deleteQuery())
	}
	return strings.Join(parts, "\n")
}

// noun and nouns are the row and the rows in words, and Query begins the names of accessors.
func (t *Table) noun() string  { return words(t.snake) }
func (t *Table) nouns() string { return words(t.table) }

// query is the beginning of the names of the accessors, such as ApiKey.
func (t *Table) query() string { return capital(t.marker) }

// article is a or an.
func (t *Table) article() string {
	if strings.ContainsAny(t.snake[:1], "aeio") {
		return "an"
	}
	return "a"
}

// named is a comment in front of a query, and its line for sqlc.
func (t *Table) named(verb, annotation, said string) string {
	return wrapped("-- ", t.query()+verb+" "+said) + "-- name: " + t.query() + verb + " :" + annotation + "\n"
}

// own is the condition of rows that have owners, as one more line of a WHERE; empty where they have none.
func (t *Table) own(indent, alias string) string {
	if t.owner == "" {
		return ""
	}
	return fmt.Sprintf("%sAND ((SELECT reaches_all()) OR %s%s = (SELECT %s()))\n", indent, alias, t.owner, t.me)
}

// sorts are the fields that the list is sorted by; by is the column that the sort goes by.
func (t *Table) sorts() (all []field) {
	for _, f := range t.fields {
		if f.sorted {
			all = append(all, f)
		}
	}
	return all
}

func (f *field) by() string {
	if f.key != "" {
		return f.key
	}
	return f.name
}

// ranged says that the list is filtered by the least and the greatest value.
func (f *field) ranged() bool {
	return f.sorted && f.kind != text && f.kind != long
}

// pointed says that an argument of the column can be NULL: that of a column of ids that is never null cannot.
func (f *field) pointed() bool { return f.kind != id || f.null }

// conditions are the filters of the list, as further lines of a WHERE.
func (t *Table) conditions(indent, alias string) string {
	var b strings.Builder
	and := func(format string, args ...any) { fmt.Fprintf(&b, indent+"AND "+format+"\n", args...) }
	if !t.shared {
		b.WriteString(t.own(indent, alias))
	}
	if t.archived {
		and("(%sarchived_at IS NOT NULL) = @archived::bool", alias)
	}
	for _, f := range t.fields {
		if f.searched {
			and("(%s%s >= fold(sqlc.narg('q')) AND %[1]s%[2]s < fold(sqlc.narg('q')) || chr(1114111) OR sqlc.narg('q') IS NULL)", alias, f.key)
		}
	}
	for _, f := range t.fields {
		switch {
		case f.filtered && f.pointed():
			and("(%s%s = sqlc.narg('%[2]s') OR sqlc.narg('%[2]s') IS NULL)", alias, f.name)
		case f.filtered:
			and("(%s%s = @%[2]s OR NOT @of_%[3]s::bool)", alias, f.name, strings.TrimSuffix(f.name, "_id"))
		}
		if f.ranged() {
			and("(%s%s >= sqlc.narg('min_%[2]s') OR sqlc.narg('min_%[2]s') IS NULL)", alias, f.name)
			and("(%s%s <= sqlc.narg('max_%[2]s') OR sqlc.narg('max_%[2]s') IS NULL)", alias, f.name)
		}
	}
	return b.String()
}

// cast is the type in SQL of what the list goes on after.
func (f *field) cast() string {
	switch f.kind {
	case text, long:
		return "text"
	case integer:
		return "integer"
	case date:
		return "date"
	}
	return "timestamptz"
}

func (t *Table) listQuery() string {
	var b strings.Builder
	sorts := t.sorts()
	said := fmt.Sprintf("reads one page of a tenant's %s", t.nouns())
	if t.owner != "" && !t.shared {
		said += ": all, or the caller's own, as the permission reaches"
	}
	said += ", newest first"
	if len(sorts) > 0 {
		var orders []string
		for _, f := range sorts {
			orders = append(orders, f.name, "-"+f.name)
		}
		said += " where sort is ''; else it is " + listed(orders, "or") +
			". After… is the last row of the page before (AfterID NULL: none), of which only the sorted column is looked at"
	} else {
		said += ". After… is the last row of the page before (AfterID NULL: none)"
	}
	b.WriteString(t.named("List", "many", said+". Total is -1 unless asked for."))
	fmt.Fprintf(&b, `SELECT sqlc.embed(%[1]s),
       coalesce(CASE WHEN @with_total::bool THEN (
            SELECT count(*)
              FROM %[1]s counted
             WHERE counted.tenant_id = @tenant_id
%[2]s            ) END, -1)::bigint AS total
  FROM %[1]s
 WHERE tenant_id = @tenant_id
%[3]s`, t.table, t.conditions("               ", "counted."), t.conditions("   ", ""))
	b.WriteString(t.pageConditions(sorts))
	b.WriteString(t.order(sorts))
	b.WriteString(" LIMIT @size::integer\nOFFSET @skip::integer;\n")
	return b.String()
}

// pageConditions find where the list goes on.
func (t *Table) pageConditions(sorts []field) string {
	after := "(sqlc.narg('after_created_at')::timestamptz, sqlc.narg('after_id')::uuid)"
	if len(sorts) == 0 {
		return "   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true\n            ELSE (created_at, id) < " + after + "\n       END\n"
	}
	var rows [][]string
	row := func(begin, column, is, kind string) {
		rows = append(rows, []string{begin, "(" + column + ", id)", is, "(sqlc.narg('after_" + column + "')::" + kind + ",", "sqlc.narg('after_id')::uuid)"})
	}
	var begins [][]string
	for _, f := range sorts {
		begins = append(begins, []string{"            WHEN @sort::text = '" + f.name + "'", "THEN"}, []string{"            WHEN @sort::text = '-" + f.name + "'", "THEN"})
	}
	beginnings := aligned(begins)
	for i, f := range sorts {
		row(beginnings[2*i], f.by(), ">", f.cast())
		row(beginnings[2*i+1], f.by(), "<", f.cast())
	}
	row("            ELSE", "created_at", "<", "timestamptz")
	return "   AND CASE WHEN sqlc.narg('after_id')::uuid IS NULL THEN true\n" + strings.Join(aligned(rows), "\n") + "\n       END\n"
}

// order is the ORDER BY of the list: one of its orders, by a CASE that the constants in a shape of it fold.
func (t *Table) order(sorts []field) string {
	if len(sorts) == 0 {
		return " ORDER BY created_at DESC, id DESC\n"
	}
	var begins, rows [][]string
	var upwards []string
	for _, f := range sorts {
		begins = append(begins, []string{"WHEN @sort::text = '" + f.name + "'", "THEN"}, []string{"WHEN @sort::text = '-" + f.name + "'", "THEN"})
		upwards = append(upwards, "'"+f.name+"'")
	}
	begins = append(begins, []string{"WHEN @sort::text = ''", "THEN"})
	lines := aligned(begins)
	for i, f := range sorts {
		rows = append(rows, []string{lines[2*i], f.by(), "END,"}, []string{lines[2*i+1], f.by(), "END DESC,"})
	}
	rows = append(rows, []string{lines[len(lines)-1], "created_at", "END DESC,"})
	among, outside := " IN ("+strings.Join(upwards, ", ")+")", " NOT IN ("+strings.Join(upwards, ", ")+")"
	ends := []string{"WHEN @sort::text" + among + " THEN id END,", "WHEN @sort::text" + outside + " THEN id END DESC"}
	if len(upwards) == 1 {
		ends = aligned([][]string{{"WHEN @sort::text = " + upwards[0], "THEN id END,"}, {"WHEN @sort::text <> " + upwards[0], "THEN id END DESC"}})
	}
	all := append(aligned(rows), ends...)
	return " ORDER BY CASE " + strings.Join(all, "\n          CASE ") + "\n"
}

func (t *Table) getQuery() string {
	whose, own := "the tenant has none of that id", ""
	if t.owner != "" && !t.shared {
		whose, own = "the caller sees none of that id", t.own("   ", "")
	}
	return t.named("Get", "one", "reads one "+t.noun()+"; pgx.ErrNoRows when "+whose+".") +
		"SELECT *\n  FROM " + t.table + "\n WHERE tenant_id = @tenant_id\n   AND id = @id" + strings.TrimSuffix("\n"+own, "\n") + ";\n"
}

// writable are the fields that a client says.
func (t *Table) writable() (all []field) {
	for _, f := range t.fields {
		if f.said {
			all = append(all, f)
		}
	}
	return all
}

// literal is a default as it is written by hand: 'draft', where PostgreSQL shows 'draft'::text.
func (f *field) literal() string {
	value, _, _ := strings.Cut(f.fallback, "::")
	return value
}

func (t *Table) createQuery() string {
	columns, values := []string{"tenant_id"}, []string{"@tenant_id"}
	said := "makes " + t.article() + " " + t.noun()
	if t.owner != "" && t.me == "me" {
		columns, values = append(columns, t.owner), append(values, "my_user()")
		said += ", which is the caller's. RHUSR: the caller is no user of the tenant"
	}
	var defaults []string
	for _, f := range t.writable() {
		columns = append(columns, f.name)
		if f.fallback == "" {
			values = append(values, "@"+f.name)
			continue
		}
		values = append(values, "coalesce(sqlc.narg('"+f.name+"')::"+f.type_()+", "+f.literal()+")")
		defaults = append(defaults, f.name)
	}
	if defaults != nil {
		said += "; without " + listed(defaults, "or") + " it has what the table says"
	}
	return t.named("Create", "one", said+".") + "INSERT INTO " + t.table + " " + "(" + list(columns, 13) + ")" + "\nVALUES " + "(" + list(values, 8) + ")" + "\nRETURNING *;\n"
}

// type_ is the type of the column, as a cast has it.
func (f *field) type_() string {
	switch f.kind {
	case text, long, rich, enum:
		return "text"
	case document:
		return "jsonb"
	case integer:
		return "integer"
	case rate:
		return "numeric"
	case boolean:
		return "bool"
	case date:
		return "date"
	case id:
		return "uuid"
	}
	return "timestamptz"
}

func (t *Table) importQuery() string {
	columns, values, sources, nullable := []string{"tenant_id"}, []string{"@tenant_id"}, [][]string{}, []string{}
	if t.owner != "" && t.me == "me" {
		columns, values = append(columns, t.owner), append(values, "(SELECT my_user())")
	}
	for _, f := range t.writable() {
		columns = append(columns, f.name)
		value := "line." + f.name
		source := "unnest(@" + f.name + "::" + f.type_() + "[])"
		if f.kind == id { // of which sqlc knows no list
			source = "unnest(@" + f.name + "::text[])::uuid"
		}
		sources = append(sources, []string{source, "AS " + f.name})
		if f.null || f.fallback != "" {
			nullable = append(nullable, f.name+"_set")
			sources = append(sources, []string{"unnest(@" + f.name + "_set::bool[])", "AS " + f.name + "_set"})
			value = "CASE WHEN line." + f.name + "_set THEN line." + f.name + " END"
			if f.fallback != "" {
				value = "CASE WHEN line." + f.name + "_set THEN line." + f.name + " ELSE " + f.literal() + " END"
			}
		}
		values = append(values, value)
	}
	said := "makes many " + t.nouns() + " at once; the slices are of equal length"
	if len(nullable) > 0 {
		said += ", and " + listed(nullable, "and") + " say what has been given"
		if len(nullable) == 1 {
			said = strings.Replace(said, " say ", " says ", 1)
		}
	}
	lines := aligned(sources)
	return t.named("Import", "execrows", said+".") + "INSERT INTO " + t.table + " " + "(" + list(columns, 13) + ")" + "\nSELECT " + strings.Join(values, ",\n       ") +
		"\n  FROM (SELECT " + strings.Join(lines, ",\n               ") + "\n       ) AS line;\n"
}

// matched is how a change finds its row.
func (t *Table) matched() string {
	return " WHERE tenant_id = @tenant_id\n   AND id = @id\n" + t.own("   ", "") + "   AND (version = ANY(@if_match::bigint[]) OR @if_match::bigint[] IS NULL)\n"
}

func (t *Table) updateQuery() string {
	var sets [][]string
	var kept, set []string
	for _, f := range t.writable() {
		value := "coalesce(sqlc.narg('" + f.name + "'), " + f.name + ")"
		switch {
		case f.null:
			value = "CASE WHEN @" + f.name + "_set::bool THEN sqlc.narg('" + f.name + "') ELSE " + f.name + " END"
		case !f.pointed():
			value = "CASE WHEN @" + f.name + "_set::bool THEN @" + f.name + " ELSE " + f.name + " END"
		}
		if f.null || !f.pointed() {
			set = append(set, f.name+"_set")
		} else {
			kept = append(kept, f.name)
		}
		sets = append(sets, []string{f.name, "= " + value + ","})
	}
	said := "changes " + t.article() + " " + t.noun() + ": "
	if len(kept) > 0 {
		said += "NULL keeps " + listed(kept, "and")
	}
	if len(kept) > 0 && len(set) > 0 {
		said += ", and "
	}
	if len(set) > 0 {
		said += listed(set, "and") + map[bool]string{true: " says", false: " say"}[len(set) == 1] + " what is replaced"
	}
	lines := aligned(sets)
	text := strings.TrimSuffix(strings.Join(lines, "\n       "), ",")
	return t.named("Update", "one", said+". pgx.ErrNoRows when "+t.missing()+", or when if_match is given and holds not its version.") +
		"UPDATE " + t.table + "\n   SET " + text + "\n" + t.matched() + "RETURNING *;\n"
}

// missing is when a change finds no row.
func (t *Table) missing() string {
	if t.owner != "" {
		return "the caller may change none of that id"
	}
	return "there is no such " + t.noun()
}

func (t *Table) archiveQuery(verb, said, value string) string {
	return t.named(verb, "one", "says that "+t.article()+" "+t.noun()+" "+said+", which it may be already; pgx.ErrNoRows as in "+t.query()+"Update.") +
		"UPDATE " + t.table + "\n   SET archived_at = " + value + "\n" + t.matched() + "RETURNING *;\n"
}

func (t *Table) deleteQuery() string {
	return t.named("Delete", "one", "removes "+t.article()+" "+t.noun()+"; pgx.ErrNoRows as in "+t.query()+"Update.") +
		"DELETE FROM " + t.table + "\n" + t.matched() + "RETURNING id;\n"
}
