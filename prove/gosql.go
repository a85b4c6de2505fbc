package prove

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"regexp"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A verb of SQL and what follows it, for text that is only part of a statement.
var statementStart = regexp.MustCompile(`(?is)^[\s(]*(select\s.*\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|set\s+(local|session|role)\s)`)

var verb = regexp.MustCompile(`%(\[\d+\])?[-+# 0-9.*]*[a-zA-Z]`)

// literalSQL reports a constant text that is SQL, whole or begun, outside of tenancy. It returns whether its pieces are still to be read.
func (p *program) literalSQL(e ast.Expr, folder string, fault func(ast.Node, string, ...any), place func(ast.Node, string, string)) bool {
	text, whole := p.text(e)
	if folder == "db" || !whole {
		return true
	}
	text = verb.ReplaceAllString(strings.TrimSpace(text), "x")
	if folder == "tenancy" && strings.HasPrefix(text, ",") {
		text = "SELECT 1" + text // what is added to a binding
	}
	tree, err := pg.Parse(text)
	sql := err == nil && len(tree.Stmts) > 0 && strings.ContainsAny(text, " \t\n")
	if folder == "tenancy" {
		switch {
		case sql:
			p.tenancySQL(e, tree, fault)
		case statementStart.MatchString(text):
			fault(e, "SQL that prove cannot read: %.60q", text)
		}
		return false
	}
	if (sql || statementStart.MatchString(text)) && !p.reachesNothing(folder) {
		place(e, "SQL", fmt.Sprintf("%.60q; queries are in sql/queries, where prove reads whose rows they name", text))
	}
	return false
}

// text is what an expression says: literals joined by +, and x for what is not known.
func (p *program) text(e ast.Expr) (text string, ok bool) {
	if known := p.info.Types[e].Value; known != nil && known.Kind() == constant.String {
		return constant.StringVal(known), true
	}
	switch n := e.(type) {
	case *ast.BasicLit:
		said, err := strconv.Unquote(n.Value)
		return said, n.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, ok := p.text(n.X)
		right, ok2 := p.text(n.Y)
		if n.Op != token.ADD || !ok && !ok2 {
			return "", false
		}
		if !ok {
			left = "x"
		}
		if !ok2 {
			right = "x"
		}
		return left + right, true
	}
	return "", false
}

// tenancySQL takes in the functions that the doors' own statements call, whichever role the transaction has at that moment.
func (p *program) tenancySQL(at ast.Expr, tree *pg.ParseResult, fault func(ast.Node, string, ...any)) {
	visit(tree.ProtoReflect(), func(m message) bool {
		switch n := m.Interface().(type) {
		case *pg.FuncCall:
			name := builtin(n.Funcname)
			if name == "set_config" && (len(n.Args) != 3 || deparse(n.Args[2]) != "true") {
				fault(at, "set_config without true: a setting that is not local outlives its transaction and meets the next caller")
			}
			for _, role := range roleOf {
				p.used.add(role, "execute "+name)
			}
		case *pg.RangeVar:
			fault(at, "it names the table %s: a query is in sql/queries, where prove reads it", n.Relname)
		case *pg.VariableSetStmt:
			fault(at, "SET binds more than a transaction, or differs a tenant; use set_config(…, true) with parameters")
		}
		return true
	})
}

// join marks the pieces of a text that is joined by +: they have been read together.
func join(e ast.Expr, joined map[ast.Expr]bool) {
	joined[e] = true
	if n, ok := e.(*ast.BinaryExpr); ok {
		join(n.X, joined)
		join(n.Y, joined)
	}
}

// constant reports whether an expression is a text that the compiler knows, and so prove.
func (p *program) constant(e ast.Expr) bool { return p.info.Types[e].Value != nil }

// puts reports a statement of tenancy's own, or what binds a scope, whose text is put together while the program runs.
func (p *program) puts(n *ast.CompositeLit, place func(ast.Node, string, string)) {
	for i, element := range n.Elts {
		pair, keyed := element.(*ast.KeyValueExpr)
		value, is := element, i == 0 && (p.is(p.info.Types[n].Type, "tenancy", "statement") || p.is(p.info.Types[n].Type, "tenancy", "scope"))
		if keyed {
			field, _ := pair.Key.(*ast.Ident)
			value, is = pair.Value, field != nil && sqlFields[field.Name]
		}
		if is && !p.constant(value) {
			place(n, "SQL", "it puts SQL together, and what it is decides whose rows are seen")
		}
	}
}
