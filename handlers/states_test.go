package handlers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

// state is a column whose value decides how a row is treated, and the SQL of all the values that it has.
type state struct {
	column string
	values []string
}

var enumerated = regexp.MustCompile(`^CHECK \(\((\w+) = ANY \(ARRAY\[(.*)\]\)\)\)$`)

// statesOf reads the catalogue: the words of a CHECK, true and false where a CHECK does not ask for the one, and whether a time has come; each
// NULL too where it may be. Of several times that all have come, or all have not, each is an hour after the one before.
func statesOf(w *world, table string) (all []state) {
	always := map[string]bool{}
	for _, check := range testdb.Value[[]string](w.db, `
		SELECT coalesce(array_agg(pg_get_constraintdef(oid)), '{}') FROM pg_constraint WHERE conrelid = $1::text::regclass AND contype = 'c'`, table) {
		if found := enumerated.FindStringSubmatch(check); found != nil {
			all = append(all, state{found[1], strings.Split(found[2], ", ")})
		}
		always[strings.TrimSuffix(strings.TrimPrefix(check, "CHECK ("), ")")] = true
	}
	times := 0
	for _, column := range testdb.Value[[]string](w.db, `
		SELECT coalesce(array_agg(attname || CASE WHEN attnotnull THEN '' ELSE '?' END || CASE atttypid WHEN 'boolean'::regtype THEN '' ELSE '@' END ORDER BY attnum), '{}')
		  FROM pg_attribute
		 WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
		   AND (atttypid = 'boolean'::regtype OR atttypid = 'timestamptz'::regtype AND attname NOT IN ('created_at', 'updated_at', 'last_used_at', 'last_login'))`, table) {
		name, isTime := strings.CutSuffix(column, "@")
		name, nullable := strings.CutSuffix(name, "?")
		s := state{name, []string{"true", "false"}}
		if always[name] {
			s.values = s.values[:1]
		}
		if isTime {
			s.values = []string{fmt.Sprintf("now() - interval '%d hours'", 24-times), fmt.Sprintf("now() + interval '%d hours'", 24+times)}
			times++
		}
		if nullable {
			s.values = append(s.values, "NULL")
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b state) int { return strings.Compare(a.column, b.column) })
	return all
}

// unique are expressions of the columns that are unique in a tenant, for the row of a number.
var unique = map[string]string{
	"id":         "uuid_v7()",
	"username":   "'state-' || %[1]d",
	"email":      "'state-' || %[1]d || '@example.com'",
	"key_prefix": "'rh_' || lpad(%[1]d::text, 9, '0')",
	"hash":       "sha256('%[1]d')",
	"token_hash": "sha256('%[1]d')",
	"name":       "name || '-' || %[1]d",
	"slug":       "'state-' || %[1]d",
}

// inEveryState makes a row of the table in the house for every combination of the values of its state columns that its constraints let be,
// and returns the ids of a few that have each value at least once.
func (w *world) inEveryState(h house, table string) (few []string) {
	w.t.Helper()
	states := statesOf(w, table)
	combinations := []map[string]string{{}}
	for _, s := range states {
		var more []map[string]string
		for _, c := range combinations {
			for _, value := range s.values {
				longer := maps.Clone(c)
				longer[s.column] = value
				more = append(more, longer)
			}
		}
		combinations = more
	}
	conn := w.db.Connect(w.db.Superuser())
	defer func() { _ = conn.Close(context.Background()) }()
	seen := map[string]bool{}
	for _, c := range combinations {
		id, err := w.another(conn, h, table, c, false)
		if noRowIsSo(err) {
			id, err = w.another(conn, h, table, c, true)
		}
		if noRowIsSo(err) {
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		isNew := len(few) == 0
		for column, value := range c {
			isNew = isNew || !seen[column+"="+value]
			seen[column+"="+value] = true
		}
		if isNew {
			few = append(few, id)
		}
	}
	for _, s := range states {
		for _, value := range s.values {
			if !seen[s.column+"="+value] {
				w.t.Errorf("%s: no row has %s = %s: its constraints refuse it of every copy of the row in handlers/world_test.go: give that what they ask for", table, s.column, value)
			}
		}
	}
	return few
}

// noRowIsSo says that a CHECK refuses a row.
func noRowIsSo(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "23514"
}

// another is one more row of the table like that with one of everything's id, but for the columns that are given, and its id. Whatever it must
// have for itself is made anew: its account, what is unique, and the row that no two may refer to, or not at the same time; where it is full, also
// each row that it need not refer to.
func (w *world) another(conn *pgx.Conn, h house, table string, given map[string]string, full bool) (id string, err error) {
	w.copies++
	n := w.copies
	ofIts := map[string]bool{}
	for _, c := range schema.Constraints() {
		if c.Table == table && (c.Kind == "unique" || c.Kind == "exclusion") {
			for _, column := range c.Columns {
				ofIts[strings.TrimSuffix(column, "_key")] = true
			}
		}
	}
	var names, exprs []string
	for _, column := range schema.Columns(table) {
		if column.Generated != "" {
			continue
		}
		expr, ok := given[column.Name]
		switch {
		case ok:
		case column.Name == "account_id":
			expr = "'" + w.account(fmt.Sprintf("%s-%d", table, n)).account.UUID() + "'"
		case column.RefersTo != "" && column.RefersTo != "tenants" && (ofIts[column.Name] && column.NotNull || full && !column.NotNull):
			its, err := w.another(conn, h, column.RefersTo, nil, false)
			if err != nil {
				return "", err
			}
			expr = "'" + its + "'"
		case strings.Contains(unique[column.Name], "%"):
			expr = fmt.Sprintf(unique[column.Name], n)
		case unique[column.Name] != "":
			expr = unique[column.Name]
		case ofIts[column.Name] && column.Type == "text":
			expr = fmt.Sprintf("overlay(%s PLACING '%d' FROM 1)", column.Name, n)
		case ofIts[column.Name] && (column.Type == "integer" || column.Type == "date"):
			expr = fmt.Sprintf("%s + %d", column.Name, n)
		default:
			expr = column.Name
		}
		names, exprs = append(names, column.Name), append(exprs, expr)
	}
	insert := fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM %[1]s WHERE tenant_id = $1 AND id = $2 RETURNING id::text`,
		table, strings.Join(names, ", "), strings.Join(exprs, ", "))
	if err := conn.QueryRow(context.Background(), insert, h.id, h.own.UUID()).Scan(&id); err != nil {
		return "", fmt.Errorf("%s: %w", insert, err)
	}
	return id, nil
}

// tablesOfPaths are the tables of the tenant whose rows stand in a path by their id, by the parameter that names one.
func tablesOfPaths() map[string]string {
	tables := map[string]string{}
	for i := range routes {
		for _, f := range rest.FieldsOf(routes[i].Input) {
			if row, isID := strings.CutSuffix(f.Name, "_id"); isID && f.Source == "path" && routes[i].Scope == rest.TenantScope {
				tables[f.Name] = row + "s"
				if !slices.Contains(schema.Tables(), row+"s") { // such as deliveries
					tables[f.Name] = strings.TrimSuffix(row, "y") + "ies"
				}
			}
		}
	}
	return tables
}

// words are the values that a parameter of a list takes, of those that can be known.
func words(f rest.Field) []string {
	for rule := range strings.SplitSeq(f.Rules, ",") {
		if list, ok := strings.CutPrefix(rule, "oneof="); ok {
			return strings.Fields(list)
		}
	}
	if f.Type.Kind() == reflect.Bool {
		return []string{"true", "false"}
	}
	return nil
}

// Whoever asks, and whatever state a row is in, no answer is a 500, or one that is not described: every route, every kind of caller,
// and rows in every combination of the values that the catalogue allows.
func TestEveryState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	callers := w.callers(w.A)
	few, tables := map[string][]string{}, tablesOfPaths()
	for parameter, table := range tables {
		few[parameter] = w.inEveryState(w.A, table)
	}
	w.event(w.A)
	asked, answered := 0, map[string]map[int]int{}
	ask := func(c caller, pattern string, r request) {
		asked++
		got := w.send(c.with(r))
		if answered[pattern] == nil {
			answered[pattern] = map[int]int{}
		}
		answered[pattern][got.status]++
		if got.status >= 500 {
			t.Errorf("%s, %s %s %s: %v", c.name, r.method, r.path, r.body, got)
		}
	}
	byPattern := samples(w.A)
	paths := func(r *rest.Route, path string) []string {
		made := []string{path}
		for _, f := range rest.FieldsOf(r.Input) {
			if f.Source != "path" {
				continue
			}
			if few[f.Name] == nil { // no id
				return []string{byPattern[r.Pattern].path}
			}
			its := few[f.Name]
			if slices.ContainsFunc(rest.FieldsOf(r.Input), func(g rest.Field) bool { // every row of the other is that of one of everything
				return g.Source == "path" && slices.ContainsFunc(schema.Columns(tables[g.Name]), func(c schema.Column) bool { return c.Name == f.Name })
			}) {
				its = []string{w.A.own.UUID()}
			}
			var next []string
			for _, id := range its {
				for _, one := range made {
					next = append(next, strings.Replace(one, ":"+f.Name, id, 1))
				}
			}
			made = next
		}
		return made
	}
	changes := func(r *rest.Route) bool { return !strings.HasPrefix(r.Pattern, "GET ") }
	for i := range routes {
		r := &routes[i]
		if changes(r) || r.Scope != rest.TenantScope && r.Scope != rest.AccountScope {
			continue
		}
		_, path, _ := strings.Cut(r.Pattern, " ")
		for _, c := range callers {
			if strings.Contains(path, ":") {
				for _, path := range paths(r, path) {
					ask(c, r.Pattern, call("GET", path))
				}
				continue
			}
			_, needed, _ := strings.Cut(byPattern[r.Pattern].path, "?")
			query := func() url.Values {
				values, err := url.ParseQuery(needed)
				if err != nil {
					t.Fatal(err)
				}
				return values
			}
			queries := []url.Values{query()}
			for _, f := range rest.FieldsOf(r.Input) {
				if f.Source == "query" && c.alive {
					for _, word := range words(f) {
						also := query()
						also.Set(f.Name, word)
						queries = append(queries, also)
					}
				}
			}
			for _, query := range queries {
				if r.Row() != nil {
					query.Set("page_size", "200")
				}
				ask(c, r.Pattern, call("GET", path+"?"+query.Encode()))
			}
		}
	}
	for i := range routes { // in order: rows are changed before they are gone
		r := &routes[i]
		if r.Scope != rest.TenantScope || !changes(r) || ending[r.Pattern] {
			continue
		}
		_, path, _ := strings.Cut(r.Pattern, " ")
		all := func() {
			for _, c := range callers {
				sample := byPattern[r.Pattern]
				if strings.Contains(path, ":") {
					for _, sample.path = range paths(r, path) {
						ask(c, r.Pattern, sample)
					}
					continue
				}
				ask(c, r.Pattern, sample)
			}
		}
		all()
		if parameter := slices.IndexFunc(rest.FieldsOf(r.Input), func(f rest.Field) bool { return few[f.Name] != nil }); parameter >= 0 && answered[r.Pattern][200] == 0 {
			name := rest.FieldsOf(r.Input)[parameter].Name // whose rows a route before has brought to an end
			few[name] = w.inEveryState(w.A, tables[name])
			all()
		}
	}
	for pattern, statuses := range answered {
		if statuses[200]+statuses[201] == 0 {
			t.Errorf("%s: nobody was answered with success: %v", pattern, statuses)
		}
	}
	t.Logf("%d requests of %d kinds of callers", asked, len(callers))
}

// A tenant of every status answers its own, and whoever visits it, with what is described.
func TestEveryTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, s := range statesOf(w, "tenants") {
		for j, value := range s.values {
			h := w.makeHouse(fmt.Sprintf("t%d-%d", i, j), fmt.Sprintf("canary-of-t%d-%d", i, j))
			callers := w.callers(h)
			w.db.Exec(`UPDATE tenants SET `+s.column+` = `+value+` WHERE id = $1`, h.id)
			for _, c := range callers {
				for _, path := range []string{"/tenant", "/users", "/me", "/me/tenants"} {
					if got := w.send(c.with(call("GET", path))); got.status >= 500 {
						t.Errorf("%s = %s, %s, %s: %v", s.column, value, c.name, path, got)
					}
				}
			}
		}
	}
}

// System work, where nobody is asking, is answered by every query of the tenant scope, also over rows in every state.
func TestEveryQueryBySystem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, table := range tablesOfPaths() {
		w.inEveryState(w.A, table)
	}
	own := reflect.ValueOf(w.A.own)
	asked := 0
	for method := range reflect.TypeFor[*db.Queries]().Methods() {
		q := reflect.ValueOf(w.server.doors.System(w.A.id, "test")).MethodByName(method.Name)
		if method.Name == "WithTx" || method.Name == "ArchivePut" || q.Type().NumIn() < 2 { // which is for a tenant that is not there yet
			continue
		}
		in := []reflect.Value{reflect.ValueOf(context.Background())}
		fill := func(v reflect.Value, name string) {
			switch {
			case v.Type() == reflect.TypeFor[ids.TenantID]():
				v.Set(reflect.ValueOf(w.A.id))
			case v.Type().ConvertibleTo(own.Type()) && v.Kind() == reflect.Array:
				v.Set(own.Convert(v.Type()))
			case name == "Size":
				v.SetInt(1000)
			case name == "TableName":
				v.SetString("items")
			}
		}
		for i := 1; i < q.Type().NumIn(); i++ {
			v := reflect.New(q.Type().In(i)).Elem()
			fill(v, "")
			if v.Kind() == reflect.Struct {
				for f := range v.Fields() {
					fill(v.FieldByIndex(f.Index), f.Name)
				}
			}
			in = append(in, v)
		}
		out := q.Call(in)
		err, _ := out[len(out)-1].Interface().(error)
		if errors.Is(err, tenancy.ErrUnbound) {
			continue // of another scope
		}
		asked++
		if err != nil && API().Refuse(err, false).Code == "internal" {
			t.Errorf("%s: %v", method.Name, err)
		}
	}
	if asked < 30 {
		t.Errorf("%d queries were asked", asked)
	}
}
