package main

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A proof of one query. Each table that it names must be led to its scope's parameter by equalities that every row of that
// table which the query uses has passed.
type proof struct {
	scope       string
	schema      *schema
	names       []string // of the parameters; $1 is the first
	occurrences []*occurrence
	equal       map[term][]term
	faults      []string
}

// An occurrence is one entry of a FROM, or the target of a write.
type occurrence struct {
	name     string // its alias
	table    *table // nil: a subquery, a CTE or a function, whose columns are not known
	optional bool   // on the right of a LEFT JOIN
}

// A term is a column of an occurrence, or, of none, a parameter.
type term struct {
	of     *occurrence
	column string
}

func (t term) String() string {
	switch {
	case t.of == nil:
		return "@" + t.column
	case t.of.table == nil:
		return ""
	}
	return t.of.table.name + "." + t.column
}

// A level is what names mean within one SELECT, INSERT, UPDATE or DELETE: its own entries first, then those around it.
type level struct {
	outer   *level
	entries []*occurrence
	ctes    []string
}

func (p *proof) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// key returns what the scope holds a table by, if it does.
func (p *proof) key(t *table) (key, bool) {
	switch {
	case t == nil:
	case p.scope == "account":
		k, ok := accountKeys[t.name]
		return k, ok
	case p.scope == "tenant" && t.kind() == ofTenant:
		return key{t.lead(), "@tenant_id"}, true
	}
	return key{}, false
}

// hold reports an occurrence that is not bound.
func (p *proof) hold(o *occurrence) {
	k, ok := p.key(o.table)
	if !ok || p.bound(o, k) {
		return
	}
	name, where := o.table.name, "the WHERE of its own level, or the ON of its inner join,"
	if o.name != name {
		name += " " + o.name
	}
	if o.optional {
		where = "the ON of its LEFT JOIN"
	}
	p.fault("%s is not held to the %s: %s must say %s.%s = %s, joined to the rest by AND alone",
		name, p.scope, where, o.name, k.column, k.equals)
}

// bound follows the equalities from an occurrence's key. Where they lead to a row of another table, it is enough to arrive:
// that row is held itself, or a finding.
func (p *proof) bound(o *occurrence, k key) bool {
	seen, next := map[term]bool{}, []term{{o, k.column}}
	for len(next) > 0 {
		t := next[0]
		next = next[1:]
		if t.String() == k.equals {
			return true
		}
		if !seen[t] {
			seen[t] = true
			next = append(next, p.equal[t]...)
		}
	}
	return false
}

// statement proves a SELECT, INSERT, UPDATE or DELETE, at the top or in a WITH.
func (p *proof) statement(node *pg.Node, outer *level) {
	switch s := node.GetNode().(type) {
	case *pg.Node_SelectStmt:
		p.selects(s.SelectStmt, outer)
	case *pg.Node_InsertStmt:
		p.inserts(s.InsertStmt, outer)
	case *pg.Node_UpdateStmt:
		l := &level{outer: p.with(s.UpdateStmt.WithClause, outer)}
		target := p.table(l, s.UpdateStmt.Relation, "UPDATE")
		p.where(l, s.UpdateStmt.WhereClause, append(p.from(l, s.UpdateStmt.FromClause...), target))
		p.keeps(target, s.UpdateStmt.TargetList)
		p.rest(l, s.UpdateStmt)
	case *pg.Node_DeleteStmt:
		l := &level{outer: p.with(s.DeleteStmt.WithClause, outer)}
		target := p.table(l, s.DeleteStmt.Relation, "DELETE")
		p.where(l, s.DeleteStmt.WhereClause, append(p.from(l, s.DeleteStmt.UsingClause...), target))
		p.rest(l, s.DeleteStmt)
	default:
		p.fault("a query is a SELECT, INSERT, UPDATE or DELETE")
	}
}

// with proves the CTEs of a statement and returns what is around it: they, and what was around before. No CTE sees the
// statement's own entries.
func (p *proof) with(clause *pg.WithClause, outer *level) *level {
	l := &level{outer: outer}
	for _, node := range clause.GetCtes() {
		cte := node.GetCommonTableExpr()
		if p.schema.tables[cte.Ctename] != nil {
			p.fault("the CTE %s hides the table of that name; call it otherwise", cte.Ctename)
		}
		if clause.Recursive {
			l.ctes = append(l.ctes, cte.Ctename)
		}
		p.statement(cte.Ctequery, l)
		l.ctes = append(l.ctes, cte.Ctename)
	}
	return l
}

func (p *proof) selects(s *pg.SelectStmt, outer *level) {
	l := &level{outer: p.with(s.WithClause, outer)}
	if s.Larg != nil { // UNION, INTERSECT, EXCEPT: what stands beside the branches sees neither's entries
		p.selects(s.Larg, l.outer)
		p.selects(s.Rarg, l.outer)
	}
	p.where(l, s.WhereClause, p.from(l, s.FromClause...))
	p.rest(l, s)
}

func (p *proof) inserts(s *pg.InsertStmt, outer *level) {
	l := &level{outer: p.with(s.WithClause, outer)}
	target := p.table(l, s.Relation, "INSERT")
	k, held := p.key(target.table)
	if allowed := slices.Index(p.occurrences, target); allowed >= 0 {
		p.occurrences = slices.Delete(p.occurrences, allowed, allowed+1) // it reads none of its rows
	} else {
		held = false
	}
	if s.SelectStmt != nil {
		p.statement(s.SelectStmt, l.outer)
	}
	excluded := &occurrence{name: "excluded", table: target.table}
	if held {
		if len(s.Cols) == 0 || s.Cols[0].GetResTarget().GetName() != k.column || !p.gives(s.SelectStmt.GetSelectStmt(), k.equals) {
			p.fault("an INSERT into %s gives %s = %s in its first column, in every row", target.table.name, k.column, k.equals)
		}
		for _, o := range []*occurrence{target, excluded} {
			p.equal[term{o, k.column}] = []term{{nil, strings.TrimPrefix(k.equals, "@")}}
		}
	}
	if conflict := s.OnConflictClause; conflict != nil {
		if on := conflict.Infer.GetIndexElems(); held && (len(on) == 0 || on[0].GetIndexElem().GetName() != k.column) {
			p.fault("ON CONFLICT must name columns that begin with %s, else it meets the rows of others", k.column)
		}
		p.keeps(target, conflict.TargetList)
		p.expr(&level{outer: l, entries: []*occurrence{excluded}}, conflict.ProtoReflect())
	}
	p.rest(l, s)
}

// gives reports whether every row of the source of an INSERT begins with the parameter.
func (p *proof) gives(s *pg.SelectStmt, parameter string) bool {
	given := func(node *pg.Node) bool {
		t, ok := p.term(nil, node)
		return ok && t.String() == parameter
	}
	switch {
	case s == nil:
		return false
	case s.Larg != nil:
		return p.gives(s.Larg, parameter) && p.gives(s.Rarg, parameter)
	case s.ValuesLists != nil:
		return !slices.ContainsFunc(s.ValuesLists, func(row *pg.Node) bool {
			return len(row.GetList().GetItems()) == 0 || !given(row.GetList().Items[0])
		})
	}
	return len(s.TargetList) > 0 && given(s.TargetList[0].GetResTarget().GetVal())
}

// keeps reports the assignment of a key.
func (p *proof) keeps(target *occurrence, set []*pg.Node) {
	for _, node := range set {
		if k, ok := p.key(target.table); ok && node.GetResTarget().GetName() == k.column {
			p.fault("%s.%s is set; a row never moves to another %s", target.table.name, k.column, p.scope)
		}
	}
}

// from takes in the entries of a FROM and returns those that are in every row: not those on the right of a LEFT JOIN.
func (p *proof) from(l *level, nodes ...*pg.Node) (always []*occurrence) {
	for _, node := range nodes {
		switch n := node.GetNode().(type) {
		case *pg.Node_RangeVar:
			always = append(always, p.table(l, n.RangeVar, "SELECT"))
		case *pg.Node_RangeSubselect:
			around := l.outer
			if n.RangeSubselect.Lateral {
				around = l
			}
			p.statement(n.RangeSubselect.Subquery, around)
			always = append(always, p.enter(l, &occurrence{name: n.RangeSubselect.Alias.GetAliasname()}))
		case *pg.Node_RangeFunction:
			p.expr(l, n.RangeFunction.ProtoReflect())
			always = append(always, p.enter(l, &occurrence{name: n.RangeFunction.Alias.GetAliasname()}))
		case *pg.Node_JoinExpr:
			left, before := p.from(l, n.JoinExpr.Larg), len(l.entries)
			right := p.from(l, n.JoinExpr.Rarg)
			switch n.JoinExpr.Jointype {
			case pg.JoinType_JOIN_INNER:
				left = append(left, right...)
				p.where(l, n.JoinExpr.Quals, left)
			case pg.JoinType_JOIN_LEFT: // its ON says nothing about the left side, which is there whether it holds or not
				for _, o := range l.entries[before:] {
					o.optional = true
				}
				p.where(l, n.JoinExpr.Quals, right)
			default:
				p.fault("only inner and LEFT joins are understood")
			}
			always = append(always, left...)
		default:
			p.fault("a FROM holds tables, subqueries, functions and joins")
		}
	}
	return always
}

// table takes in a table or CTE, if the scope may use it so.
func (p *proof) table(l *level, named *pg.RangeVar, verb string) *occurrence {
	o := &occurrence{name: named.Relname, table: p.schema.tables[named.Relname]}
	if named.Alias != nil {
		o.name = named.Alias.Aliasname
	}
	p.enter(l, o)
	if o.table == nil {
		if verb != "SELECT" || !l.sees(named.Relname) {
			p.fault("%s is no table that the migrations make", named.Relname)
		}
		return o
	}
	if len(named.Alias.GetColnames()) > 0 {
		p.fault("the alias of %s renames its columns, so that none is what it seems", named.Relname)
	}
	_, held := p.key(o.table)
	kind, read := o.table.kind(), verb == "SELECT"
	allowed := false
	switch kind {
	case ofTenant:
		allowed = p.scope == "tenant" || p.scope == "account" && held && read
	case ofAccount:
		allowed = p.scope == "unscoped" || p.scope == "account" && held
	case reference:
		allowed = read
	}
	why, lost := unaudited[named.Relname]
	switch {
	case !allowed:
		p.fault("%s %s: not in a query of the scope %s; %s", verb, named.Relname, p.scope, o.table.why())
	case lost && (verb == "UPDATE" || verb == "DELETE"):
		p.fault("%s %s would leave no audit event: %s", verb, named.Relname, why)
	default:
		p.occurrences = append(p.occurrences, o)
	}
	return o
}

func (p *proof) enter(l *level, o *occurrence) *occurrence {
	if o.name != "" && slices.ContainsFunc(l.entries, func(other *occurrence) bool { return other.name == o.name }) {
		p.fault("%s names two entries of one FROM", o.name)
	}
	l.entries = append(l.entries, o)
	return o
}

func (l *level) sees(cte string) bool {
	return l != nil && (slices.Contains(l.ctes, cte) || l.outer.sees(cte))
}

// where takes in a condition that every row used of the given occurrences has passed.
func (p *proof) where(l *level, condition *pg.Node, passed []*occurrence) {
	if condition != nil {
		p.equalities(l, condition, passed)
		p.expr(l, condition.ProtoReflect())
		p.barrier(l, condition.ProtoReflect(), false)
	}
}

// equalities keeps those that stand in the condition by themselves or beside others under AND. Each leads away from an
// occurrence that has passed it: of the others it says nothing.
func (p *proof) equalities(l *level, condition *pg.Node, passed []*occurrence) {
	if and := condition.GetBoolExpr(); and.GetBoolop() == pg.BoolExprType_AND_EXPR {
		for _, node := range and.Args {
			p.equalities(l, node, passed)
		}
		return
	}
	e := condition.GetAExpr()
	if e.GetKind() != pg.A_Expr_Kind_AEXPR_OP || !slices.Equal(words(e.Name), []string{"="}) {
		return
	}
	left, ok := p.term(l, e.Lexpr)
	right, ok2 := p.term(l, e.Rexpr)
	if !ok || !ok2 {
		return
	}
	for _, pair := range [][2]term{{left, right}, {right, left}} {
		if slices.Contains(passed, pair[0].of) {
			p.equal[pair[0]] = append(p.equal[pair[0]], pair[1])
		}
	}
}

// term reads a bare column or parameter. A cast parameter is none: it loses the typed id by which the door knows it.
func (p *proof) term(l *level, node *pg.Node) (term, bool) {
	if parameter := node.GetParamRef(); parameter != nil {
		return term{nil, p.names[parameter.Number-1]}, true
	}
	if column := node.GetColumnRef(); column != nil {
		return l.resolve(words(column.Fields))
	}
	return term{}, false
}

// resolve finds the column that a name means, from the inside out. A bare name beside an entry whose columns are not known,
// or one that two entries have, is not resolved.
func (l *level) resolve(name []string) (term, bool) {
	for ; l != nil; l = l.outer {
		var found []*occurrence
		for _, o := range l.entries {
			switch {
			case len(name) == 2 && o.name == name[0]:
				return term{o, name[1]}, true
			case len(name) == 1 && (o.table == nil || o.table.columns[name[0]] != nil):
				found = append(found, o)
			}
		}
		if len(found) == 1 && found[0].table != nil {
			return term{found[0], name[0]}, true
		} else if len(found) > 0 {
			break
		}
	}
	return term{}, false
}

// The fields of a statement that have been dealt with when rest comes to it.
var dealt = set("with_clause larg rarg relation cols select_stmt from_clause using_clause where_clause on_conflict_clause locking_clause")

// rest proves what else a statement holds: its targets, its order, what it returns.
func (p *proof) rest(l *level, statement interface{ ProtoReflect() message }) {
	children(statement.ProtoReflect(), func(field string, child message) {
		if !dealt[field] {
			p.expr(l, child)
		}
	})
}

// expr proves the subqueries of an expression, and reports what must not stand in any.
func (p *proof) expr(l *level, node message) {
	switch n := node.Interface().(type) {
	case *pg.SelectStmt:
		p.selects(n, l)
		return
	case *pg.RangeVar:
		p.fault("%s stands where prove does not look for a table", n.Relname)
	case *pg.ColumnRef:
		if name := words(n.Fields); name[len(name)-1] == "*" && len(l.entries) > 1 {
			p.fault("a * over several tables; name the columns, or say sqlc.embed")
		}
	case *pg.TypeName:
		if name := builtin(n.Names); !types[name] {
			p.fault("a cast to %s is not among those known to convert and nothing else", name)
		}
		return
	case *pg.SortBy:
		parameter, column := false, false
		visit(node, func(m message) bool {
			switch m.Interface().(type) {
			case *pg.ParamRef:
				parameter = true
			case *pg.ColumnRef:
				column = true
			}
			return true
		})
		if parameter && !column {
			p.fault("it is ordered by what is the same for every row; a parameter is no column name")
		}
	case *pg.FuncCall:
		name := builtin(n.Funcname)
		if name == "sqlc.embed" {
			return
		}
		if !pure[name] && !ours[name] && (!grants[name] || p.scope != "tenant") && (!doors[name] || p.scope != "unscoped") {
			p.fault("the function %s is not among those known to read no table and change no setting", name)
		}
	}
	children(node, func(_ string, child message) { p.expr(l, child) })
}

// barrier reports comparisons that row-level security keeps from every index, since they might leak what they compare:
// any that is not leakproof, over a column of a tenant table.
func (p *proof) barrier(l *level, node message, compared bool) {
	what := ""
	switch n := node.Interface().(type) {
	case *pg.SelectStmt:
		return
	case *pg.FuncCall:
		what = builtin(n.Funcname) + "()"
	case *pg.TypeCast:
		what = "a cast"
	case *pg.A_Expr:
		what, compared = builtin(n.Name), true
	case *pg.SubLink:
		compared = true
		if len(n.OperName) > 0 {
			what = builtin(n.OperName)
		}
	case *pg.ColumnRef:
		if t, ok := l.resolve(words(n.Fields)); ok && compared && t.guarded() {
			if of := t.of.table.columns[t.column]; of != nil && !plain[of.kind] {
				p.fault("%s is %s, which has no leakproof comparison: no index serves it under row-level security", t, of.kind)
			}
		}
	}
	if late[what] {
		return
	}
	if what != "" && !leakproof[what] && p.guards(l, node) {
		p.fault("%s over a column is not leakproof: no index serves it under row-level security; compare a stored column by = or <", what)
		return
	}
	children(node, func(_ string, child message) { p.barrier(l, child, compared) })
}

// guards reports whether an expression names a column of a tenant table, or one that might be.
func (p *proof) guards(l *level, node message) (guarded bool) {
	visit(node, func(m message) bool {
		switch n := m.Interface().(type) {
		case *pg.SelectStmt:
			return false
		case *pg.ColumnRef:
			t, ok := l.resolve(words(n.Fields))
			guarded = guarded || t.guarded()
			for around := l; !ok && around != nil; around = around.outer {
				guarded = guarded || slices.ContainsFunc(around.entries, func(o *occurrence) bool { return term{of: o}.guarded() })
			}
		}
		return true
	})
	return guarded
}

func (t term) guarded() bool {
	return t.of != nil && t.of.table != nil && t.of.table.kind() == ofTenant
}
