package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Where what a function has read can be seen by a tenant: each of these, a column of a table that is none of accounts, a setting, and an
// argument of another function.
const (
	result  = "its result"
	refusal = "a refusal"
)

// leaving lists what of the tables of accounts a function puts where a tenant sees it, and why it may: `table.column > place`. It is what
// is carried there, by variables and other functions too; not what decides, in a WHERE or an IF, whether something else is done.
var leaving = map[string]map[string]string{
	"enter": {
		"passes.user_id > app.caller":            "who is asking: the user's id in this tenant, as users has it",
		"passes.artist_id > app.caller":          "the same user's artist",
		"passes.user_id > custom_reach()":        "the same; a pass was not found then, and the variable is of users",
		"accounts.is_superuser > app.caller":     "that a visitor is one: the word superuser",
		"accounts.is_staff > app.caller":         "that a visitor is one: the word staff",
		"sessions.visit_reason > app.caller":     "that it is a visit, not its reason",
		"sessions.active_tenant_id > app.caller": "that it is a visit to this tenant",
		"sessions.created_at > users.last_login": "when the login began with which the user entered; the tenant's users see it of each other",
	},
	"queue_letter":    {"letters.id > river_job.args": "the queue is nobody's to read but the worker's"},
	"void_tickets":    {"accounts.email > hold_addresses()": "the login e-mail of the tenant's own user, of which it makes the key of a lock"},
	"rate_limit_take": {"rate_limits.resets_at > a refusal": "when the window ends of what the caller itself has tried; no tenant is bound"},
}

// A flow follows what a function reads of accounts to where it goes.
type flow struct {
	schema  *schema
	of      *function
	rows    string                     // the table of the rows that fired it
	carries map[string]map[string]bool // of a variable, what has been put into it
	results map[string]map[string]bool // of other functions
	left    map[string]place           // `table.column > place`, and where that is said
	text    string                     // what is being read
	line    int                        // of the body, with which it begins
}

// A reach is what names mean within one statement: entries by their aliases, the innermost first.
type reach struct {
	outer   *reach
	entries []fromEntry
}

// fromEntry is an entry of a FROM: a table, or what is made of others.
type fromEntry struct {
	name, table string
	of          map[string]bool
}

// checkLeaving reports what leaves the tables of accounts and is not listed, and what is listed and does not.
func (s *schema) checkLeaving() {
	results := map[string]map[string]bool{}
	left := map[string]map[string]place{}
	for grown := true; grown; { // until no function gives out more
		grown = false
		for _, name := range slices.Sorted(maps.Keys(s.functions)) {
			f := s.functions[name]
			left[name] = map[string]place{}
			tables := []string{""}
			if f.trigger {
				tables = s.firedBy(name)
			}
			for _, rows := range tables {
				w := &flow{schema: s, of: f, rows: rows, carries: map[string]map[string]bool{}, results: results, left: left[name]}
				for before := -1; before < w.size(); {
					before = w.size()
					w.follow()
				}
			}
			for what := range left[name] {
				source, to, _ := strings.Cut(what, " > ")
				if to == result && !results[name][source] {
					if results[name] == nil {
						results[name] = map[string]bool{}
					}
					results[name][source], grown = true, true
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		for _, what := range slices.Sorted(maps.Keys(left[name])) {
			source, to, _ := strings.Cut(what, " > ")
			if s.excuse(name+": "+what, leaving[name][what]) {
				continue
			}
			s.report(left[name][what], name, fmt.Sprintf("%s goes to %s: the tenant that is bound then would see it of an account, whosever that is; "+
				"leave it out, or list %q in prove/leaving.go with the reason why the tenant may see it", source, seenIn(to), what))
		}
		for _, what := range slices.Sorted(maps.Keys(leaving[name])) {
			if _, ok := left[name][what]; !ok {
				s.report(s.functions[name].place, name, fmt.Sprintf("prove/leaving.go lists %q, which does not leave; take it out", what))
			}
		}
	}
}

// seenIn says how a tenant sees what is put there.
func seenIn(to string) string {
	switch {
	case to == result:
		return "its result, which whoever calls it is given"
	case to == refusal:
		return "a refusal, whose message and details the caller's error carries"
	case strings.HasPrefix(to, "app."):
		return "the setting " + to + ", which the queries of a tenant read"
	case strings.HasSuffix(to, "()"):
		return "the function " + to + ", which may do anything with it"
	}
	return to + ", which the tenant reads"
}

// firedBy are the tables whose triggers execute a function.
func (s *schema) firedBy(name string) (tables []string) {
	for _, table := range slices.Sorted(maps.Keys(s.tables)) {
		for _, t := range s.tables[table].triggers {
			misfits := s.functions[name].ofTenant && s.tables[table].columns["tenant_id"] == nil // which checkTrigger reports
			if t.function() == name && !misfits && !slices.Contains(tables, table) {
				tables = append(tables, table)
			}
		}
	}
	return tables
}

// size is how much is known of the variables.
func (w *flow) size() (n int) {
	for _, of := range w.carries {
		n += len(of)
	}
	return n
}

// ofAccounts reports whether a table is one whose rows belong to no tenant.
func (w *flow) ofAccounts(table string) bool {
	t := w.schema.tables[table]
	return t != nil && t.kind() == ofAccount
}

// leave notes that something is put somewhere.
func (w *flow) leave(of map[string]bool, to string, at int) {
	for source := range of {
		what := source + " > " + to
		if _, known := w.left[what]; !known {
			w.left[what] = w.at(at)
		}
	}
}

// at is the place of a byte of what is being read. INTO has been cut out of it, and newlines with it.
func (w *flow) at(at int) place {
	if w.text == "" { // a RETURN
		return w.of.place
	}
	line := w.line + strings.Count(w.text[:min(at, len(w.text))], "\n")
	said := strings.TrimPrefix(strings.TrimSpace(strings.Split(w.text, "\n")[line-w.line]), "SELECT ")
	for n, text := range strings.Split(w.of.body, "\n") {
		if n >= w.line-1 && strings.Contains(text, said) {
			line = n + 1
			break
		}
	}
	return place{w.of.file, w.of.bodyLine + line - 1}
}

// put notes that something is put into a variable, or into a field of the row that fired the trigger.
func (w *flow) put(of map[string]bool, target string, at int) {
	target, _, _ = strings.Cut(strings.ReplaceAll(strings.TrimSpace(target), `"`, ""), "[") // an element is its whole
	name, field, _ := strings.Cut(strings.ToLower(strings.TrimSpace(target)), ".")
	switch {
	case w.of.trigger && (name == "new" || name == "old"):
		if !w.ofAccounts(w.rows) {
			w.leave(of, w.rows+"."+field, at)
		}
		return
	case w.isOut(name):
		w.leave(of, result, at)
	}
	if w.carries[name] == nil {
		w.carries[name] = map[string]bool{}
	}
	maps.Copy(w.carries[name], of)
}

// isOut reports whether a name is that of a column of the function's result.
func (w *flow) isOut(name string) bool {
	return slices.ContainsFunc(w.of.Parameters, func(node *pg.Node) bool {
		p := node.GetFunctionParameter()
		return p.Name == name && !slices.Contains(w.of.parameters, name)
	})
}

// follow goes through the function once. What cannot be parsed has been reported.
func (w *flow) follow() {
	switch value := w.of.SqlBody.GetReturnStmt(); {
	case value != nil:
		w.text, w.line = "", 1
		w.leave(w.sources(value.Returnval.ProtoReflect(), nil), result, 0)
	case w.of.language == "sql":
		tree, err := pg.Parse(w.of.body)
		if err != nil {
			return
		}
		w.text, w.line = w.of.body, 1
		for i, raw := range tree.Stmts {
			for _, of := range w.statement(raw.Stmt, nil) {
				if i == len(tree.Stmts)-1 {
					w.leave(of, result, int(raw.StmtLocation)+1)
				}
			}
		}
	default:
		if tree, err := w.of.plpgsqlTree(); err == nil { // or readFunctions has reported it
			w.walk(tree, 1)
		}
	}
}

// walk goes through what PL/pgSQL made of the body.
func (w *flow) walk(tree any, line int) {
	eachNode(tree, line, func(kind string, fields map[string]any, line int) {
		switch kind {
		case "PLpgSQL_var":
			if name, ok := fields["refname"].(string); ok {
				w.put(w.expression(fields["default_val"], line), name, 0)
			}
		case "PLpgSQL_stmt_assign":
			target, value := assignment(queryOf(fields, "expr"))
			w.put(w.query("SELECT "+value, line), target, 0)
		case "PLpgSQL_stmt_return":
			if of := w.expression(fields["expr"], line); !w.of.trigger { // which returns the row that fired it: see returns
				w.leave(of, result, 0)
			}
		case "PLpgSQL_stmt_raise":
			w.leave(w.expression(fields["params"], line), refusal, 0)
			options, _ := fields["options"].([]any)
			for _, option := range options {
				of, _ := option.(map[string]any)["PLpgSQL_raise_option"].(map[string]any)
				w.leave(w.expression(of["expr"], line), refusal, 0)
			}
		case "PLpgSQL_stmt_perform", "PLpgSQL_stmt_if", "PLpgSQL_if_elsif":
			w.expression(fields["expr"], line)
			w.expression(fields["cond"], line)
		case "PLpgSQL_stmt_execsql", "PLpgSQL_stmt_fors":
			for _, field := range []string{"sqlstmt", "query"} {
				if text := queryOf(fields, field); text != "" {
					w.selected(text, line, targets(fields["target"], fields["var"]))
				}
			}
		}
		for _, field := range []string{"datums", "action", "body", "then_body", "elsif_list", "stmts", "else_body", "exceptions", "exc_list"} {
			w.walk(fields[field], line)
		}
	})
}

// targets are the variables that a statement fills, in order.
func targets(of ...any) (names []string) {
	for _, target := range of {
		nodes, _ := target.(map[string]any)
		for _, kind := range nodes {
			fields, _ := kind.(map[string]any)
			list, _ := fields["fields"].([]any)
			for _, field := range list {
				name, _ := field.(map[string]any)["name"].(string)
				names = append(names, name)
			}
			if name, ok := fields["refname"].(string); ok && len(list) == 0 {
				names = append(names, name)
			}
		}
	}
	return names
}

// selected follows a statement into the variables that it fills.
func (w *flow) selected(text string, line int, names []string) {
	tree, err := pg.Parse(text)
	if err != nil {
		return
	}
	w.text, w.line = text, line
	for i, of := range w.statement(tree.Stmts[0].Stmt, nil) {
		if len(names) > 0 {
			w.put(of, names[min(i, len(names)-1)], 0)
		}
	}
}

// expression is what the expressions say that stand in a part of the tree.
func (w *flow) expression(part any, line int) map[string]bool {
	all := map[string]bool{}
	switch part := part.(type) {
	case []any:
		for _, one := range part {
			maps.Copy(all, w.expression(one, line))
		}
	case map[string]any:
		inner, _ := part["PLpgSQL_expr"].(map[string]any)
		if text, ok := inner["query"].(string); ok {
			if inner["parseMode"] != float64(0) {
				text = "SELECT " + text
			}
			return w.query(text, line)
		}
	}
	return all
}

// query is all that a statement yields.
func (w *flow) query(text string, line int) map[string]bool {
	all := map[string]bool{}
	tree, err := pg.Parse(text)
	if err != nil || len(tree.Stmts) != 1 {
		return all
	}
	w.text, w.line = text, line
	for _, of := range w.statement(tree.Stmts[0].Stmt, nil) {
		maps.Copy(all, of)
	}
	return all
}

// statement is what each column of a statement's rows is made of.
func (w *flow) statement(node *pg.Node, outer *reach) (columns []map[string]bool) {
	yield := func(list []*pg.Node, l *reach) {
		for _, target := range list {
			columns = append(columns, w.sources(target.GetResTarget().GetVal().ProtoReflect(), l))
		}
	}
	switch n := node.GetNode().(type) {
	case *pg.Node_SelectStmt:
		s := n.SelectStmt
		l := w.enter(w.with(s.WithClause, outer), s.FromClause...)
		for _, branch := range []*pg.SelectStmt{s.Larg, s.Rarg} {
			if branch != nil {
				columns = merge(columns, w.statement(&pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: branch}}, outer))
			}
		}
		for _, row := range s.ValuesLists {
			var of []map[string]bool
			for _, value := range row.GetList().GetItems() {
				of = append(of, w.sources(value.ProtoReflect(), l))
			}
			columns = merge(columns, of)
		}
		yield(s.TargetList, l)
		w.decides(l, s.WhereClause, s.HavingClause)
	case *pg.Node_InsertStmt:
		i := n.InsertStmt
		l := w.enter(w.with(i.WithClause, outer), &pg.Node{Node: &pg.Node_RangeVar{RangeVar: i.Relation}})
		var given []map[string]bool
		if i.SelectStmt != nil {
			given = w.statement(i.SelectStmt, l.outer)
		}
		for at, of := range given {
			column := "*"
			if at < len(i.Cols) {
				column = i.Cols[at].GetResTarget().Name
			}
			w.write(i.Relation.Relname, column, of, i)
		}
		if c := i.OnConflictClause; c != nil {
			w.sets(i.Relation.Relname, c.TargetList, l)
			w.decides(l, c.WhereClause)
		}
		yield(i.ReturningList, l)
	case *pg.Node_UpdateStmt:
		u := n.UpdateStmt
		l := w.enter(w.with(u.WithClause, outer), append(slices.Clone(u.FromClause), &pg.Node{Node: &pg.Node_RangeVar{RangeVar: u.Relation}})...)
		w.sets(u.Relation.Relname, u.TargetList, l)
		w.decides(l, u.WhereClause)
		yield(u.ReturningList, l)
	case *pg.Node_DeleteStmt:
		d := n.DeleteStmt
		l := w.enter(w.with(d.WithClause, outer), append(slices.Clone(d.UsingClause), &pg.Node{Node: &pg.Node_RangeVar{RangeVar: d.Relation}})...)
		w.decides(l, d.WhereClause)
		yield(d.ReturningList, l)
	}
	return columns
}

// merge is, column by column, what two lists say together.
func merge(a, b []map[string]bool) []map[string]bool {
	for i, of := range b {
		if i == len(a) {
			a = append(a, map[string]bool{})
		}
		maps.Copy(a[i], of)
	}
	return a
}

// decides follows what conditions hand to functions; what they compare goes nowhere.
func (w *flow) decides(l *reach, conditions ...*pg.Node) {
	for _, condition := range conditions {
		if condition != nil {
			w.sources(condition.ProtoReflect(), l)
		}
	}
}

func (w *flow) sets(table string, list []*pg.Node, l *reach) {
	for _, target := range list {
		t := target.GetResTarget()
		w.write(table, t.Name, w.sources(t.Val.ProtoReflect(), l), t.Val)
	}
}

// write notes what is put into a row of a table; what stays in tables of accounts has not left.
func (w *flow) write(table, column string, of map[string]bool, part anyNode) {
	if !w.ofAccounts(table) {
		w.leave(of, table+"."+column, where(part.ProtoReflect()))
	}
}

// with makes the CTEs of a statement entries around it, which are named by those that the FROM makes of them.
func (w *flow) with(clause *pg.WithClause, outer *reach) *reach {
	l := &reach{outer: outer}
	for _, node := range clause.GetCtes() {
		cte := node.GetCommonTableExpr()
		all := map[string]bool{}
		for _, of := range w.statement(cte.Ctequery, l) {
			maps.Copy(all, of)
		}
		l.entries = append(l.entries, fromEntry{name: cte.Ctename, of: all})
	}
	return l
}

// enter makes the entries of a FROM.
func (w *flow) enter(outer *reach, from ...*pg.Node) *reach {
	l := &reach{outer: outer}
	var add func(nodes []*pg.Node)
	add = func(nodes []*pg.Node) {
		for _, node := range nodes {
			switch n := node.GetNode().(type) {
			case *pg.Node_RangeVar:
				e := fromEntry{name: n.RangeVar.Relname, table: n.RangeVar.Relname}
				if w.of.transitions[e.table] {
					e.table = w.rows
				}
				if w.schema.tables[e.table] == nil {
					e.of = outer.named(e.name)
				}
				if n.RangeVar.Alias != nil {
					e.name = n.RangeVar.Alias.Aliasname
				}
				l.entries = append(l.entries, e)
			case *pg.Node_RangeSubselect:
				all := map[string]bool{}
				for _, of := range w.statement(n.RangeSubselect.Subquery, l) {
					maps.Copy(all, of)
				}
				l.entries = append(l.entries, fromEntry{name: n.RangeSubselect.Alias.GetAliasname(), of: all})
			case *pg.Node_RangeFunction:
				l.entries = append(l.entries, fromEntry{name: n.RangeFunction.Alias.GetAliasname(), of: w.sources(n.RangeFunction.ProtoReflect(), l)})
			case *pg.Node_JoinExpr:
				add([]*pg.Node{n.JoinExpr.Larg, n.JoinExpr.Rarg})
				w.decides(l, n.JoinExpr.Quals)
			}
		}
	}
	add(from)
	return l
}

// named is what the CTE of a name is made of.
func (l *reach) named(name string) map[string]bool {
	for ; l != nil; l = l.outer {
		for _, e := range l.entries {
			if e.name == name && e.table == "" {
				return e.of
			}
		}
	}
	return nil
}

// sources is what of accounts a value is made of. On its way it notes what goes into settings and other functions.
func (w *flow) sources(node message, l *reach) map[string]bool {
	all := map[string]bool{}
	switch n := node.Interface().(type) {
	case *pg.ColumnRef:
		w.column(words(n.Fields), l, all)
		return all
	case *pg.SubLink:
		for _, of := range w.statement(n.Subselect, l) {
			maps.Copy(all, of)
		}
		if n.Testexpr != nil {
			maps.Copy(all, w.sources(n.Testexpr.ProtoReflect(), l))
		}
		return all
	case *pg.FuncCall:
		name := strings.TrimPrefix(builtin(n.Funcname), "public.")
		children(node, func(_ string, child message) { maps.Copy(all, w.sources(child, l)) })
		switch {
		case name == "set_config":
			w.leave(all, n.Args[0].GetAConst().GetSval().GetSval(), where(node))
		case w.schema.functions[name] != nil:
			w.leave(all, name+"()", where(node))
			return maps.Clone(w.results[name])
		}
		return all
	}
	children(node, func(_ string, child message) { maps.Copy(all, w.sources(child, l)) })
	return all
}

// column adds what a name says: a variable, a column, or a whole row.
func (w *flow) column(name []string, l *reach, all map[string]bool) {
	of := func(table, column string) {
		if w.ofAccounts(table) && (column == "*" || w.schema.tables[table].columns[column] != nil) {
			all[table+"."+column] = true
		}
	}
	first, last := strings.ToLower(name[0]), name[len(name)-1]
	maps.Copy(all, w.carries[first])
	if w.of.trigger && (first == "new" || first == "old") {
		if len(name) == 1 {
			last = "*"
		}
		of(w.rows, last)
		return
	}
	for ; l != nil; l = l.outer {
		for _, e := range l.entries {
			switch {
			case len(name) == 1 && first == e.name: // the row
				of(e.table, "*")
				maps.Copy(all, e.of)
			case len(name) == 1, first == e.name:
				of(e.table, last)
				maps.Copy(all, e.of)
			}
		}
	}
}
