package prove

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A proof of one query, of one statement in a function, or of an expression in the schema. Each table that it names must be
// led to its scope's parameter, or in the schema to the bound tenant, by equalities that every row of that table which the
// query uses has passed.
type proof struct {
	scope       string // inSchema: what the database itself runs
	schema      *schema
	within      *function // whose body it is part of; nil for a query or an expression
	text        string    // what was parsed
	first       int       // the line of the file with which the text begins
	names       []string  // of the parameters; $1 is the first
	occurrences []*occurrence
	equal       map[term][]term
	levels      map[*pg.SelectStmt]*level
	used        map[string]bool // `verb table` and `execute function`
	faults      []fault
}

const inSchema = "schema"

type fault struct {
	line int
	text string
}

func newProof(scope string, s *schema) *proof {
	return &proof{scope: scope, schema: s, equal: map[term][]term{}, levels: map[*pg.SelectStmt]*level{}, used: map[string]bool{}}
}

// An occurrence is one entry of a FROM, or the target of a write.
type occurrence struct {
	name       string  // its alias
	table      *table  // nil: a subquery, a CTE or a function, whose columns are not known
	part       anyNode // where it stands
	optional   bool    // on the right of a LEFT JOIN
	transition bool    // the rows that fired the trigger
}

// A term is a column of an occurrence, or, of none, a parameter: @ and its name, or the bound tenant.
type term struct {
	of     *occurrence
	column string
}

func (t term) String() string {
	switch {
	case t.of == nil:
		return t.column
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

// fault reports what is wrong with a part of the text; nil is all of it.
func (p *proof) fault(part anyNode, format string, args ...any) {
	at := 0
	if part != nil {
		at = where(part.ProtoReflect())
	}
	p.faultAt(at, format, args...)
}

func (p *proof) faultAt(at int, format string, args ...any) {
	p.faults = append(p.faults, fault{p.first + strings.Count(p.text[:min(at, len(p.text))], "\n"), fmt.Sprintf(format, args...)})
}

// key returns what the scope holds a table by, if it does.
func (p *proof) key(t *table) (key, bool) {
	switch {
	case t == nil:
	case p.scope == "account":
		k, ok := accountKeys[t.name]
		return k, ok
	case p.scope == "unscoped":
		k, ok := publicKeys[t.name]
		return k, ok
	case p.scope == "platform":
		k, ok := platformKeys[t.name]
		return k, ok
	case p.scope == "tenant" && t.kind() == ofTenant:
		return key{t.lead(), "@tenant_id"}, true
	case p.scope == inSchema && t.kind() == ofTenant:
		return key{t.lead(), boundTenant}, true
	case p.scope == inSchema && t.lead() == "scope_id":
		return key{"scope_id", boundScope}, true
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
	to := "the " + p.scope
	if p.scope == inSchema {
		to = "the bound tenant"
	}
	p.fault(o.part, "%s is not held to %s: %s must say %s.%s = %s, joined to the rest by AND alone; "+
		"else it meets the rows of every %s that row-level security does not hide", name, to, where, o.name, k.column, k.equals, map[bool]string{false: "tenant", true: "account"}[p.scope == "account"])
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
		target := p.table(l, s.UpdateStmt.Relation, "update")
		p.where(l, s.UpdateStmt.WhereClause, append(p.from(l, s.UpdateStmt.FromClause...), target))
		p.keeps(target, s.UpdateStmt.TargetList)
		p.rest(l, s.UpdateStmt)
	case *pg.Node_DeleteStmt:
		l := &level{outer: p.with(s.DeleteStmt.WithClause, outer)}
		target := p.table(l, s.DeleteStmt.Relation, "delete")
		p.where(l, s.DeleteStmt.WhereClause, append(p.from(l, s.DeleteStmt.UsingClause...), target))
		p.rest(l, s.DeleteStmt)
	default:
		p.fault(node, "a query is a SELECT, INSERT, UPDATE or DELETE")
	}
}

// with proves the CTEs of a statement and returns what is around it: they, and what was around before. No CTE sees the
// statement's own entries.
func (p *proof) with(clause *pg.WithClause, outer *level) *level {
	l := &level{outer: outer}
	for _, node := range clause.GetCtes() {
		cte := node.GetCommonTableExpr()
		if p.schema.tables[cte.Ctename] != nil {
			p.fault(cte, "the CTE %s hides the table of that name; call it otherwise", cte.Ctename)
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
	p.levels[s] = l
	if s.Larg != nil { // UNION, INTERSECT, EXCEPT: what stands beside the branches sees neither's entries
		p.selects(s.Larg, l.outer)
		p.selects(s.Rarg, l.outer)
	}
	p.where(l, s.WhereClause, p.from(l, s.FromClause...))
	for _, o := range l.entries {
		if len(s.LockingClause) > 0 && o.table != nil {
			p.used["update "+o.table.name] = true // a lock takes the privilege
		}
	}
	p.rest(l, s)
}

func (p *proof) inserts(s *pg.InsertStmt, outer *level) {
	l := &level{outer: p.with(s.WithClause, outer)}
	target := p.table(l, s.Relation, "insert")
	if s.ReturningList != nil || s.OnConflictClause != nil {
		p.used["select "+s.Relation.Relname] = true
	}
	if s.OnConflictClause.GetAction() == pg.OnConflictAction_ONCONFLICT_UPDATE {
		p.used["update "+s.Relation.Relname] = true
	}
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
			p.fault(s, "an INSERT into %s gives %s = %s in its first column, in every row", target.table.name, k.column, k.equals)
		}
		for _, o := range []*occurrence{target, excluded} {
			p.equal[term{o, k.column}] = []term{{nil, k.equals}}
		}
	}
	if conflict := s.OnConflictClause; conflict != nil {
		if on := conflict.Infer.GetIndexElems(); held && (len(on) == 0 || on[0].GetIndexElem().GetName() != k.column) {
			p.fault(conflict, "ON CONFLICT must name columns that begin with %s, else it meets the rows of others", k.column)
		}
		p.keeps(target, conflict.TargetList)
		p.expr(&level{outer: l, entries: []*occurrence{excluded}}, conflict.ProtoReflect())
	}
	p.rest(l, s)
}

// gives reports whether every row of the source of an INSERT begins with the parameter.
func (p *proof) gives(s *pg.SelectStmt, parameter string) bool {
	given := func(node *pg.Node) bool {
		t, ok := p.term(p.levels[s], node)
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
			p.fault(node, "%s.%s is set; a row never moves to another's hands", target.table.name, k.column)
		}
	}
}

// from takes in the entries of a FROM and returns those that are in every row: not those on the right of a LEFT JOIN.
func (p *proof) from(l *level, nodes ...*pg.Node) (always []*occurrence) {
	for _, node := range nodes {
		switch n := node.GetNode().(type) {
		case *pg.Node_RangeVar:
			always = append(always, p.table(l, n.RangeVar, "select"))
		case *pg.Node_RangeSubselect:
			around := l.outer
			if n.RangeSubselect.Lateral {
				around = l
			}
			p.statement(n.RangeSubselect.Subquery, around)
			always = append(always, p.enter(l, &occurrence{name: n.RangeSubselect.Alias.GetAliasname(), part: n.RangeSubselect}))
		case *pg.Node_RangeFunction:
			p.expr(l, n.RangeFunction.ProtoReflect())
			always = append(always, p.enter(l, &occurrence{name: n.RangeFunction.Alias.GetAliasname(), part: n.RangeFunction}))
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
				p.fault(n.JoinExpr, "only inner and LEFT joins are understood")
			}
			always = append(always, left...)
		default:
			p.fault(node, "a FROM holds tables, subqueries, functions and joins")
		}
	}
	return always
}

// table takes in a table or CTE, if the scope may use it so.
func (p *proof) table(l *level, named *pg.RangeVar, verb string) *occurrence {
	o := &occurrence{name: named.Relname, table: p.schema.tables[named.Relname], part: named}
	if named.Alias != nil {
		o.name = named.Alias.Aliasname
	}
	p.enter(l, o)
	read := verb == "select"
	if o.table == nil {
		switch {
		case p.within != nil && named.Schemaname == queueSchema && named.Relname == queueTable:
			p.within.needs["queue"] = true
			o.transition = true // it is no tenant's: what it holds are ids
		case read && l.sees(named.Relname):
		case read && p.within != nil && p.within.transitions[named.Relname]:
			o.transition = true
		case read && p.within != nil && catalogues[named.Relname]:
			p.within.needs["catalogue"] = true
		default:
			p.fault(named, "%s is no table that the migrations make", named.Relname)
		}
		return o
	}
	if len(named.Alias.GetColnames()) > 0 {
		p.fault(named, "the alias of %s renames its columns, so that none is what it seems", named.Relname)
	}
	_, held := p.key(o.table)
	allowed := false
	switch o.table.kind() {
	case ofTenant:
		allowed = p.scope == "tenant" || p.scope == inSchema || (p.scope == "account" || p.scope == "unscoped") && held && read ||
			p.scope == "platform" && platformTables[named.Relname] && read
	case ofAccount:
		allowed = p.scope == "unscoped" || p.scope == "account" && held || p.scope == "platform" && held && read || p.within != nil
		if p.within != nil {
			p.within.needs["accounts"] = true
		}
	case reference:
		allowed = read
	case internal:
		allowed = p.scope == inSchema
	}
	p.used[verb+" "+named.Relname] = true
	if verb == "update" || verb == "delete" {
		p.used["select "+named.Relname] = true
	}
	why, lost := unaudited[named.Relname]
	lost = lost && (verb == "update" && asked[named.Relname] == "" || verb == "delete" || verb == "update" && p.within != nil)
	if lost && p.within != nil {
		p.within.needs["forgets"] = true
		lost = false
	}
	switch {
	case !allowed:
		p.fault(named, "%s %s: not in a query of the scope %s; %s", strings.ToUpper(verb), named.Relname, p.scope, o.table.why())
	case lost:
		p.fault(named, "%s %s would leave no audit event: %s", strings.ToUpper(verb), named.Relname, why)
	case p.within != nil && !p.within.pinned && p.within.SqlBody == nil && named.Schemaname == "":
		p.fault(named, "%s means what the caller's search_path makes of it: write public.%[1]s, or SET search_path = %s", named.Relname, pinnedPath)
	default:
		p.occurrences = append(p.occurrences, o)
	}
	return o
}

func (p *proof) enter(l *level, o *occurrence) *occurrence {
	if o.name != "" && slices.ContainsFunc(l.entries, func(other *occurrence) bool { return other.name == o.name }) {
		p.fault(o.part, "%s names two entries of one FROM", o.name)
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
		if p.scope != inSchema {
			p.barrier(l, condition.ProtoReflect(), false)
		}
	}
}

// equalities keeps those that stand in the condition by themselves or beside others under AND; a bare column is true. Each leads away from
// an occurrence that has passed it: of the others it says nothing.
func (p *proof) equalities(l *level, condition *pg.Node, passed []*occurrence) {
	if and := condition.GetBoolExpr(); and.GetBoolop() == pg.BoolExprType_AND_EXPR {
		for _, node := range and.Args {
			p.equalities(l, node, passed)
		}
		return
	}
	if t, ok := p.term(l, condition); ok && slices.Contains(passed, t.of) {
		p.equal[t] = append(p.equal[t], term{nil, "true"})
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
	if p.scope == inSchema {
		if bound, ok := boundForms[deparse(node)]; ok {
			return term{nil, bound}, true
		}
	}
	if parameter := node.GetParamRef(); parameter != nil {
		if parameter.Number > int32(len(p.names)) {
			return term{}, false
		}
		return term{nil, "@" + p.names[parameter.Number-1]}, true
	}
	column := node.GetColumnRef()
	if column == nil {
		return term{}, false
	}
	name := words(column.Fields)
	t, ok, taken := l.resolve(name)
	switch {
	case ok && t.of.transition && t.column == "tenant_id":
		p.within.ofTenant = true
		return term{nil, boundTenant}, true
	case p.within != nil && !taken && p.within.isTenant(name):
		return term{nil, boundTenant}, true
	}
	return t, ok
}

// resolve finds the column that a name means, from the inside out. A bare name beside an entry whose columns are not known,
// or one that two entries have, is taken but not resolved.
func (l *level) resolve(name []string) (t term, ok, taken bool) {
	for ; l != nil; l = l.outer {
		var found []*occurrence
		for _, o := range l.entries {
			switch {
			case len(name) == 2 && o.name == name[0]:
				return term{o, name[1]}, true, true
			case len(name) == 1 && (o.table == nil || o.table.columns[name[0]] != nil):
				found = append(found, o)
			}
		}
		if len(found) == 1 && found[0].table != nil {
			return term{found[0], name[0]}, true, true
		} else if len(found) > 0 {
			return term{}, false, true
		}
	}
	return term{}, false, false
}

// hidden are the columns that every table has and no migration makes.
var hidden = set("xmin xmax cmin cmax ctid tableoid")

// names says that an entry of the level, or of those around it, is called so.
func (l *level) names(name string) bool {
	return l != nil && (slices.ContainsFunc(l.entries, func(o *occurrence) bool { return o.name == name }) || l.outer.names(name))
}

// The fields of a statement that have been dealt with when rest comes to it.
var dealt = set("with_clause larg rarg relation cols select_stmt from_clause using_clause where_clause on_conflict_clause locking_clause")

// rest proves what else a statement holds: its targets, its order, what it returns.
func (p *proof) rest(l *level, statement anyNode) {
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
		p.fault(n, "%s stands where prove does not look for a table", n.Relname)
	case *pg.ColumnRef:
		name := words(n.Fields)
		t, ok, taken := l.resolve(name)
		switch {
		case hidden[name[len(name)-1]]:
			p.fault(n, "%s counts what all tenants do: one learns by it when, and how much, others write", name[len(name)-1])
		case p.scope != inSchema && len(name) == 1 && !taken && l.names(name[0]):
			p.fault(n, "%s is a whole row, with whatever columns it will have; name its columns, or say sqlc.embed", name[0])
		case name[len(name)-1] == "*" && len(l.entries) > 1 && p.scope != inSchema:
			p.fault(n, "a * over several tables; name the columns, or say sqlc.embed")
		case ok && t.of.table != nil && t.column != "*" && t.of.table.columns[t.column] == nil:
			p.fault(n, "%s has no column %s; a name after a dot may call a function of that name", t.of.table.name, t.column)
		}
	case *pg.TypeName:
		if name := builtin(n.Names); !casts[name] && (p.scope != inSchema || !innerCasts[name]) {
			p.fault(n, "a cast to %s is not among those known to convert and nothing else", name)
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
			p.fault(n, "it is ordered by what is the same for every row; a parameter is no column name")
		}
	case *pg.FuncCall:
		p.calls(n)
		if builtin(n.Funcname) == "sqlc.embed" {
			return
		}
	}
	children(node, func(_ string, child message) { p.expr(l, child) })
}

// calls reports a function that a text of this scope may not call.
func (p *proof) calls(call *pg.FuncCall) {
	name := builtin(call.Funcname)
	if p.scope == inSchema {
		name = strings.TrimPrefix(name, "public.")
	}
	f := p.schema.functions[name]
	switch {
	case pure[name], p.scope == inSchema && inner[name], p.scope != inSchema && name == "sqlc.embed":
	case p.within != nil && name == "set_config":
		p.within.needs["settings"] = true
		p.setting(call)
	case p.within != nil && catalogueFunctions[name]:
		p.within.needs["catalogue"] = true
	case f == nil:
		p.fault(call, "the function %s is not among those known to read no table and change no setting", name)
	default:
		p.used["execute "+name] = true
		if p.scope != inSchema {
			if why := p.schema.refuses(f, p.scope); why != "" {
				p.fault(call, "%s", why)
			}
		}
	}
}

// setting reports a set_config that outlives its transaction, or sets what no function has any business with.
func (p *proof) setting(call *pg.FuncCall) {
	var name, value, local string
	if len(call.Args) == 3 {
		name, value, local = deparse(call.Args[0]), deparse(call.Args[1]), deparse(call.Args[2])
	}
	switch {
	case local != "true":
		p.fault(call, "set_config takes a name, a value and true: a setting that is not local outlives its transaction and meets the next caller")
	case !settable[name]:
		p.fault(call, "set_config of %s: a function sets what binds a transaction, and nothing else", name)
	case name == "'app.tenant_id'" && value != "''" && (p.within.bound == "" || value != p.within.bound+"::text"):
		p.fault(call, "app.tenant_id is set to %s: a function binds its own parameter in its first statement, or nothing ('')", value)
	}
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
		if t, ok, _ := l.resolve(words(n.Fields)); ok && compared && t.guarded() {
			if of := t.of.table.columns[t.column]; of != nil && !plain[of.kind] {
				p.fault(n, "%s is %s, which has no leakproof comparison: no index serves it under row-level security", t, of.kind)
			}
		}
	}
	if late[what] {
		return
	}
	if what != "" && !leakproof[what] && p.guards(l, node) {
		p.fault(node.Interface(), "%s over a column is not leakproof: no index serves it under row-level security; compare a stored column by = or <", what)
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
			t, ok, _ := l.resolve(words(n.Fields))
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
