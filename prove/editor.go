package prove

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// An editor makes one change of those that a tree can have: as many others pass by first as are left.
type editor struct {
	left   int
	change string
	at     int // in what was parsed
}

func (e *editor) edit(of *pg.Node, change string, do func()) {
	if e.left == 0 {
		e.change, e.at = short(change), where(of.ProtoReflect())
		do()
	}
	e.left--
}

func truth() *pg.Node { return expression("true") }

func (e *editor) fragment(of fragment, tree *pg.Node) {
	if of.dropped != "SELECT " {
		e.statement(tree, of.yields, "")
		return
	}
	value := &tree.GetSelectStmt().TargetList[0].GetResTarget().Val
	switch {
	case of.condition:
		e.condition(value, "IF")
	default:
		if of.what == "RETURN" {
			e.null(value, "RETURN")
		}
		e.value(value)
	}
}

// condition changes what decides.
func (e *editor) condition(slot **pg.Node, clause string) {
	if *slot == nil {
		return
	}
	if clause != "" {
		e.edit(*slot, clause+" true instead of "+deparse(*slot), func() { *slot = truth() })
	}
	e.logic(slot)
}

// logic takes conditions out of one, and turns them round.
func (e *editor) logic(slot **pg.Node) {
	node := *slot
	b := node.GetBoolExpr()
	switch {
	case b == nil:
		e.edit(node, "NOT "+deparse(node), func() {
			*slot = &pg.Node{Node: &pg.Node_BoolExpr{BoolExpr: &pg.BoolExpr{Boolop: pg.BoolExprType_NOT_EXPR, Args: []*pg.Node{node}}}}
		})
		e.parts(slot)
	case b.Boolop == pg.BoolExprType_NOT_EXPR:
		e.edit(node, "not "+deparse(node), func() { *slot = b.Args[0] })
		if inner := b.Args[0]; inner.GetBoolExpr() != nil {
			e.logic(&b.Args[0])
		} else {
			e.parts(&b.Args[0])
		}
	default:
		for i, arg := range slices.Clone(b.Args) {
			word := "AND "
			if b.Boolop == pg.BoolExprType_OR_EXPR {
				word = "OR "
			}
			e.edit(arg, "without "+word+deparse(arg), func() {
				if b.Args = slices.Delete(slices.Clone(b.Args), i, i+1); len(b.Args) == 1 {
					*slot = b.Args[0]
				}
			})
		}
		for i := range b.Args {
			e.logic(&b.Args[i])
		}
	}
}

// null puts a value in a value's place that is of its type.
func (e *editor) null(slot **pg.Node, what string) {
	node := *slot
	if fields := node.GetColumnRef().GetFields(); node.GetAConst() != nil || node.GetSetToDefault() != nil || len(fields) > 0 && fields[len(fields)-1].GetAStar() != nil {
		return
	}
	e.edit(node, strings.TrimSpace(what+" NULL instead of "+deparse(node)), func() {
		*slot = &pg.Node{Node: &pg.Node_AExpr{AExpr: &pg.A_Expr{
			Kind: pg.A_Expr_Kind_AEXPR_NULLIF, Name: []*pg.Node{pg.MakeStrNode("=")}, Lexpr: node, Rexpr: proto.Clone(node).(*pg.Node),
		}}}
	})
}

// less takes each of several out of a list.
func (e *editor) less(list *[]*pg.Node, what string) {
	if len(*list) < 2 {
		return
	}
	for i, one := range slices.Clone(*list) {
		if !slices.ContainsFunc(*list, func(other *pg.Node) bool { return other != one && other.GetAConst() == nil }) && one.GetAConst() == nil {
			continue // constants alone have another type
		}
		e.edit(one, "without "+deparse(one)+what, func() { *list = slices.Delete(slices.Clone(*list), i, i+1) })
	}
}

// value changes what computes.
func (e *editor) value(slot **pg.Node) {
	node := *slot
	switch n := node.GetNode().(type) {
	case *pg.Node_BoolExpr, *pg.Node_NullTest:
		e.logic(slot)
		return
	case *pg.Node_AExpr:
		switch op := builtin(n.AExpr.Name); {
		case n.AExpr.Kind == pg.A_Expr_Kind_AEXPR_OP && op == "||":
			for _, side := range []struct{ out, stays *pg.Node }{{n.AExpr.Lexpr, n.AExpr.Rexpr}, {n.AExpr.Rexpr, n.AExpr.Lexpr}} {
				if side.out.GetAConst() == nil && side.out.GetAExpr() == nil {
					e.edit(side.out, "without || "+deparse(side.out), func() { *slot = side.stays })
				}
			}
		case n.AExpr.Kind != pg.A_Expr_Kind_AEXPR_OP, strings.Contains("= <> < > <= >=", op):
			e.logic(slot)
			return
		}
	}
	e.parts(slot)
}

// parts changes what something is made of.
func (e *editor) parts(slot **pg.Node) {
	switch n := (*slot).GetNode().(type) {
	case *pg.Node_BoolExpr:
		e.logic(slot)
	case *pg.Node_AExpr:
		if list := n.AExpr.Rexpr.GetList(); n.AExpr.Kind == pg.A_Expr_Kind_AEXPR_IN && list != nil {
			e.less(&list.Items, " in the list")
		}
		for _, side := range []**pg.Node{&n.AExpr.Lexpr, &n.AExpr.Rexpr} {
			if *side != nil {
				e.value(side)
			}
		}
	case *pg.Node_List:
		for i := range n.List.Items {
			e.value(&n.List.Items[i])
		}
	case *pg.Node_CaseExpr:
		e.choice(n.CaseExpr)
	case *pg.Node_CoalesceExpr:
		e.less(&n.CoalesceExpr.Args, " in coalesce")
		for i := range n.CoalesceExpr.Args {
			e.value(&n.CoalesceExpr.Args[i])
		}
	case *pg.Node_MinMaxExpr:
		e.less(&n.MinMaxExpr.Args, " in "+short(deparse(*slot)))
		for i := range n.MinMaxExpr.Args {
			e.value(&n.MinMaxExpr.Args[i])
		}
	case *pg.Node_AArrayExpr:
		e.less(&n.AArrayExpr.Elements, " in the array")
		for i := range n.AArrayExpr.Elements {
			e.value(&n.AArrayExpr.Elements[i])
		}
	case *pg.Node_FuncCall:
		e.call(n.FuncCall)
	case *pg.Node_TypeCast:
		e.parts(&n.TypeCast.Arg)
	case *pg.Node_AIndirection:
		e.parts(&n.AIndirection.Arg)
	case *pg.Node_NullTest:
		e.parts(&n.NullTest.Arg)
	case *pg.Node_SubLink:
		if n.SubLink.Testexpr != nil {
			e.parts(&n.SubLink.Testexpr)
		}
		e.statement(n.SubLink.Subselect, false, "")
	}
}

// choice changes a CASE.
func (e *editor) choice(c *pg.CaseExpr) {
	for i, arm := range slices.Clone(c.Args) {
		if when := arm.GetCaseWhen(); len(c.Args) > 1 {
			e.edit(when.Expr, "CASE without WHEN "+deparse(when.Expr)+" THEN "+deparse(when.Result), func() { c.Args = slices.Delete(slices.Clone(c.Args), i, i+1) })
		}
	}
	for _, arm := range c.Args {
		when := arm.GetCaseWhen()
		if c.Arg == nil {
			e.condition(&when.Expr, "WHEN")
		}
		e.value(&when.Result)
	}
	if c.Defresult != nil {
		if c.Defresult.GetAConst() == nil {
			e.edit(c.Defresult, "CASE without ELSE "+deparse(c.Defresult), func() { c.Defresult = nil })
		}
		e.value(&c.Defresult)
	}
}

// call changes what a function is called with.
func (e *editor) call(c *pg.FuncCall) {
	switch name := builtin(c.Funcname); name {
	case "concat", "concat_ws":
		for i, arg := range c.Args {
			if arg.GetAConst() == nil {
				e.edit(arg, "'' instead of "+deparse(arg)+" in "+name, func() { c.Args[i] = expression("''") })
			}
		}
	}
	for i := range c.Args {
		e.value(&c.Args[i])
	}
	e.condition(&c.AggFilter, "FILTER")
}

// statement changes one. Yields: what it selects, or returns, goes somewhere, and so each column of it can be left out; otherwise into
// says the columns that it fills.
func (e *editor) statement(node *pg.Node, yields bool, fills string) {
	names := strings.Fields(fills)
	targets := func(list []*pg.Node) {
		for i, target := range list {
			value := &target.GetResTarget().Val
			if what := ""; yields || len(names) > 0 {
				if i < len(names) {
					what = names[i] + ":"
				}
				e.null(value, what)
			}
			e.value(value)
		}
	}
	ctes := func(with *pg.WithClause) {
		for _, cte := range with.GetCtes() {
			e.statement(cte.GetCommonTableExpr().Ctequery, false, "")
		}
	}
	switch n := node.GetNode().(type) {
	case *pg.Node_SelectStmt:
		s := n.SelectStmt
		ctes(s.WithClause)
		targets(s.TargetList)
		for _, row := range s.ValuesLists {
			for i := range row.GetList().GetItems() {
				value := &row.GetList().Items[i]
				if i < len(names) {
					e.null(value, names[i]+":")
				}
				e.value(value)
			}
		}
		e.from(s.FromClause)
		e.condition(&s.WhereClause, "WHERE")
		e.condition(&s.HavingClause, "HAVING")
		e.locks(node, s)
	case *pg.Node_InsertStmt:
		i := n.InsertStmt
		ctes(i.WithClause)
		var columns []string
		for _, column := range i.Cols {
			columns = append(columns, column.GetResTarget().Name)
		}
		e.statement(i.SelectStmt, false, strings.Join(columns, " "))
		if c := i.OnConflictClause; c != nil {
			e.sets(&c.TargetList, i.Relation)
			e.condition(&c.WhereClause, "WHERE")
		}
		targets(i.ReturningList)
	case *pg.Node_UpdateStmt:
		u := n.UpdateStmt
		ctes(u.WithClause)
		e.sets(&u.TargetList, u.Relation)
		e.from(u.FromClause)
		e.condition(&u.WhereClause, "WHERE")
		targets(u.ReturningList)
	case *pg.Node_DeleteStmt:
		ctes(n.DeleteStmt.WithClause)
		e.from(n.DeleteStmt.UsingClause)
		e.condition(&n.DeleteStmt.WhereClause, "WHERE")
		targets(n.DeleteStmt.ReturningList)
	}
}

// sets changes what an UPDATE sets: to NULL, or not at all.
func (e *editor) sets(list *[]*pg.Node, of *pg.RangeVar) {
	alias := of.Relname
	if of.Alias != nil {
		alias = of.Alias.Aliasname
	}
	for _, node := range *list {
		target := node.GetResTarget()
		e.edit(target.Val, "SET "+target.Name+" as it was, instead of "+deparse(target.Val), func() { target.Val = expression(alias + "." + target.Name) })
		e.null(&target.Val, "SET "+target.Name)
		e.value(&target.Val)
	}
}

// from changes what joins.
func (e *editor) from(list []*pg.Node) {
	for _, node := range list {
		switch n := node.GetNode().(type) {
		case *pg.Node_JoinExpr:
			e.from([]*pg.Node{n.JoinExpr.Larg, n.JoinExpr.Rarg})
			e.condition(&n.JoinExpr.Quals, "ON")
		case *pg.Node_RangeSubselect:
			e.statement(n.RangeSubselect.Subquery, false, "")
		}
	}
}

var strengths = map[pg.LockClauseStrength]string{
	pg.LockClauseStrength_LCS_FORUPDATE: "FOR UPDATE", pg.LockClauseStrength_LCS_FORNOKEYUPDATE: "FOR NO KEY UPDATE",
	pg.LockClauseStrength_LCS_FORSHARE: "FOR SHARE", pg.LockClauseStrength_LCS_FORKEYSHARE: "FOR KEY SHARE",
}

// locks changes what waits for whom.
func (e *editor) locks(node *pg.Node, s *pg.SelectStmt) {
	for _, lock := range s.LockingClause {
		l := lock.GetLockingClause()
		name := strengths[l.Strength]
		e.edit(node, "without "+name, func() { s.LockingClause = nil })
		if l.WaitPolicy != pg.LockWaitPolicy_LockWaitBlock {
			e.edit(node, name+" that waits", func() { l.WaitPolicy = pg.LockWaitPolicy_LockWaitBlock })
		}
	}
}
