package tenancy

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowhouse/db"
	"rowhouse/ids"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// accessors are those whose names end in one of the verbs and whose argument names the tenant, with an argument that does no more.
func (h house) accessors(verbs string) map[string]reflect.Value {
	named, all := regexp.MustCompile(`^[A-Z]\w*?(`+verbs+`)$`), map[string]reflect.Value{}
	for method := range reflect.TypeFor[*db.Queries]().Methods() {
		if !named.MatchString(method.Name) || method.Type.NumIn() != 3 || method.Type.In(2).Kind() != reflect.Struct {
			continue
		}
		arg := reflect.New(method.Type.In(2)).Elem()
		if tenant := arg.FieldByName("TenantID"); tenant.IsValid() && tenant.Type() == reflect.TypeFor[ids.TenantID]() {
			tenant.Set(reflect.ValueOf(h.tenant()))
			all[method.Name] = arg
		}
	}
	return all
}

var ofTable = regexp.MustCompile(`\b(?:FROM|INTO|UPDATE) (\w+)`)

// tableOf is that which the accessor's statement names first.
func (h house) tableOf(t *testing.T, accessor string, arg reflect.Value) string {
	t.Helper()
	sql := hear(t, h.admin(), accessor, arg.Interface()).sql
	_, body, _ := strings.Cut(sql, "\n") // the comment with the name
	of := ofTable.FindStringSubmatch(body)
	if of == nil {
		t.Fatalf("%s is of no table: %s", accessor, sql)
	}
	return of[1]
}

// derivedAsks is a call of each query of one row, and of each import, as its argument and the catalogue suggest it: of row 2, and of row 1, to
// which nothing refers, where it is deleted; with values that its columns may have.
func (h house) derivedAsks(t *testing.T) map[string][]ask {
	t.Helper()
	all := map[string][]ask{}
	for accessor, arg := range h.accessors("Get|Create|Update|Delete|Import|Archive|Restore|Cancel|Void|AffirmVote|Approve|RevokeApproval|MarkTrusted|RevokeTrust") {
		table, row := h.tableOf(t, accessor, arg), 2
		if strings.HasSuffix(accessor, "Delete") {
			row = 1
		}
		for i := range arg.NumField() {
			switch name, field := arg.Type().Field(i).Name, arg.Field(i); {
			case name == "TenantID":
			case name == "ID" && field.Kind() == reflect.Array:
				field.Set(reflect.ValueOf(named[[16]byte](h.name(kindOf(table), row))).Convert(field.Type()))
			case name == "IfMatch":
				field.Set(reflect.ValueOf([]int64{1}))
			default:
				h.fill(field, table, columnOf(table, name), 0)
			}
		}
		all[accessor] = []ask{{h.admin(), arg.Interface()}}
	}
	return all
}

// columnOf is the column of a field: PriceCents is that of price_cents, and so is PricesCents of an import; the zero Column if there is none.
func columnOf(table, field string) schema.Column {
	name := snake(field)
	names := []string{name}
	for i := range len(name) {
		if name[i] == 's' && (i+1 == len(name) || name[i+1] == '_') {
			names = append(names, name[:i]+name[i+1:])
		}
	}
	for _, c := range schema.Columns(table) {
		if slices.Contains(names, c.Name) {
			return c
		}
	}
	return schema.Column{}
}

var humps = regexp.MustCompile(`([a-z0-9])([A-Z])`)

func snake(field string) string { return strings.ToLower(humps.ReplaceAllString(field, "${1}_$2")) }

// patterned says that a column may have but texts of some pattern.
func patterned(table, column string) bool {
	return slices.ContainsFunc(schema.Constraints(), func(c schema.Constraint) bool {
		return c.Table == table && c.Kind == "check" && slices.Contains(c.Columns, column) && strings.Contains(c.Definition, " ~ ")
	})
}

// fill sets a field to a value that the column may have, and what has no column to a yes; n tells the lines of an import apart. What has a
// pattern and may be left out is.
func (h house) fill(field reflect.Value, table string, c schema.Column, n int) {
	low, high, words := within(table, c.Name)
	switch field.Interface().(type) {
	case time.Time:
		years := 200 // when nothing is booked yet
		if c.Name != "" && testdb.Follows(table, c.Name) {
			years++
		}
		field.Set(reflect.ValueOf(time.Now().AddDate(years, 0, 0)))
		return
	case []byte:
		if c.Type == "jsonb" {
			field.SetBytes([]byte("{}"))
			return
		}
		field.SetBytes(secret("new"))
		return
	}
	switch field.Kind() {
	case reflect.Pointer:
		if !c.NotNull && patterned(table, c.Name) {
			return
		}
		field.Set(reflect.New(field.Type().Elem()))
		h.fill(field.Elem(), table, c, n)
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 2, 2))
		for i := range field.Len() {
			h.fill(field.Index(i), table, c, i)
		}
	case reflect.Array:
		if c.RefersTo != "" && field.Len() == 16 {
			field.Set(reflect.ValueOf(named[[16]byte](h.name(kindOf(c.RefersTo), 2))).Convert(field.Type()))
		}
	case reflect.Bool:
		field.SetBool(c.Name == "")
	case reflect.Int16, reflect.Int32, reflect.Int64:
		if c.Name != "" && testdb.Follows(table, c.Name) {
			low++
		}
		field.SetInt(low)
	case reflect.Float32, reflect.Float64:
		field.SetFloat(float64(low))
	case reflect.String:
		if words != nil {
			field.SetString(words[0])
			return
		}
		if c.RefersTo != "" {
			field.SetString(ids.ItemID(named[[16]byte](h.name(kindOf(c.RefersTo), 2))).UUID())
			return
		}
		text := strconv.Itoa(n) + "new" + strings.Repeat(".", int(low))
		field.SetString(text[:min(len(text), int(high))])
	}
}

var (
	// How a list's rows are ordered for a word, the first of two columns.
	orderedBy = regexp.MustCompile(`\$\d+::text = '(-?[a-z_]*)'\s+THEN (?:\w+\.)?(\w+)\s+END`)
	// What a list has besides its filters.
	ofEveryList = regexp.MustCompile(`^(TenantID|AccountID|WithTotal|Sort|After\w+|Skip|Size|Of\w+)$`)
)

// derivedLists are the lists of a tenant as their statements and the catalogue suggest them: every order has an index of its column, and filters
// are served as servedBy says.
func (h house) derivedLists(t *testing.T) (all []list) {
	t.Helper()
	for accessor, page := range h.accessors("List") {
		l := list{accessor, h.tableOf(t, accessor, page), h.admin(), page.Interface(), map[string]by{}, nil}
		unfiltered := hear(t, l.through, accessor, l.page)
		for _, found := range orderedBy.FindAllStringSubmatch(unfiltered.sql, -1) {
			if _, known := l.sorts[found[1]]; !known {
				l.sorts[found[1]], _ = orderOf(l.table, found[2])
			}
		}
		if len(l.sorts) == 0 {
			l.sorts[""], _ = orderOf(l.table, "created_at")
		}
		for field := range page.Type().Fields() {
			if ofEveryList.MatchString(field.Name) {
				continue
			}
			filtered := reflect.New(page.Type()).Elem()
			filtered.Set(page)
			h.fill(filtered.FieldByName(field.Name), l.table, columnOf(l.table, field.Name), 0)
			for n, arg := range hear(t, l.through, accessor, filtered.Interface()).args {
				if !reflect.DeepEqual(arg, unfiltered.args[n]) {
					l.filters = append(l.filters, h.filterOf(l.table, field, unfiltered.sql, n+1))
				}
			}
		}
		all = append(all, l)
	}
	return all
}

// filterOf is the filter that the field gives the statement as the parameter of that number, with values that few and many of the skewed rows have.
func (h house) filterOf(table string, field reflect.StructField, sql string, parameter int) filter {
	var column schema.Column
	var operator string
	if compared := regexp.MustCompile(fmt.Sprintf(`(\w+) (>=|<=|=|<|>|\^@) (?:\w+\()?\$%d\b`, parameter)).FindStringSubmatch(sql); compared != nil {
		column, operator = columnOf(table, compared[1]), compared[2]
	}
	few, many := reflect.New(field.Type).Elem(), reflect.New(field.Type).Elem()
	h.fill(few, table, column, 0)
	h.fill(many, table, column, 0)
	set := func(to reflect.Value, value any) {
		if to.Kind() == reflect.Pointer {
			to = to.Elem()
		}
		to.Set(reflect.ValueOf(value).Convert(to.Type()))
	}
	low, high, words := within(table, column.Name)
	some := (high - low) / 10_000
	bound := false // few or many of the column's values are on the side of it that is chosen
	switch reflect.Indirect(few).Interface().(type) {
	case time.Time:
		set(few, inTheMiddle)
		set(many, inTheMiddle)
	case bool:
		set(few, false)
		set(many, true)
	case string:
		if words != nil {
			set(few, words[len(words)-1])
		} else if operator != "=" {
			bound = true
			set(few, "rare")
			set(many, "common")
		}
	case int16, int32, int64:
		if bound = operator != "=" && some > 0; strings.HasPrefix(operator, "<") {
			set(few, low+some)
			set(many, high-some)
		} else if bound {
			set(few, high-some)
			set(many, low+some)
		}
	}
	f := filter{field.Name, few.Interface(), many.Interface(), passed, ""}
	f.served, f.index = servedBy(table, column.Name, operator, bound)
	return f
}

// servedBy is how a filter is served, and by which index: one bound of an order by the index of that; what is equal by an index that has the
// newest of it first, or has but one; else none.
func servedBy(table, column, operator string, bound bool) (served, string) {
	order, is := orderOf(table, column)
	newest, one := indexOf(table, false, column, "created_at", "id"), indexOf(table, true, column)
	switch {
	case operator == "=" && newest != "":
		return ordered, newest
	case operator == "=" && one != "":
		return single, one
	case operator != "=" && is && column == "created_at":
		return ordered, order.index
	case bound && is:
		return ranged, order.index
	}
	return passed, ""
}

// orderOf is the order of a column with the index that it must have, and whether that is there.
func orderOf(table, column string) (by, bool) {
	if name := indexOf(table, false, column, "id"); name != "" {
		return by{column, name, false}, true
	}
	if name := indexOf(table, true, column); name != "" {
		return by{column, name, true}, true
	}
	return by{column, table + "_" + column + "_idx", false}, false
}

// indexOf is the name of the index of the tenant and these columns; empty if there is none, or none that is unique although it must be.
func indexOf(table string, unique bool, columns ...string) string {
	for _, i := range schema.Indexes(table) {
		if slices.Equal(i.Columns, columns) && (i.Unique || !unique) {
			return i.Name
		}
	}
	return ""
}
