package prove

import (
	"go/ast"
	"slices"
	"strings"
)

// What a door hands out that checks less than others is used where it is handed out, or in a variable, or in a function of the project
// that takes it: each use is a place to look at.

// lend finds, in every declaration, the variables that hold such queries, also in functions that are called with them.
func (p *program) lend() {
	for before := -1; before != p.held; {
		before = p.held
		for folder, files := range p.syntax {
			if folder == "tenancy" || folder == "db" {
				continue
			}
			for _, parsed := range files {
				for _, decl := range declarations(parsed) {
					p.follow(decl, folder+"."+declared(decl), folder, p.imports(parsed), func([]ast.Node, string, bool) {})
				}
			}
		}
	}
}

// hold keeps that a variable of a declaration holds such queries.
func (p *program) hold(declaration, variable, door string) {
	if p.loose[declaration] == nil {
		p.loose[declaration] = map[string]string{}
	}
	if p.loose[declaration][variable] == "" {
		p.loose[declaration][variable] = door
		p.held++
	}
}

// follow visits each use of such queries in a declaration: with the nodes around it, the door that they came by, and whether they are
// lost sight of there.
func (p *program) follow(decl ast.Decl, name, folder string, imports map[string]string, visit func(around []ast.Node, door string, kept bool)) {
	var around []ast.Node
	ast.Inspect(decl, func(node ast.Node) bool {
		if node == nil {
			around = around[:len(around)-1]
			return false
		}
		around = append(around, node)
		switch n := node.(type) {
		case *ast.SelectorExpr:
			if _, ok := doors[n.Sel.Name]; ok {
				call, called := around[len(around)-2].(*ast.CallExpr)
				followed := narrow[n.Sel.Name] || p.sees(around[:len(around)-1], n.Sel.Name, name, folder, imports)
				visit(slices.Clone(around), n.Sel.Name, !called || call.Fun != n || !followed)
			}
		case *ast.Ident:
			if door := p.loose[name][n.Name]; door != "" && uses(around) {
				visit(slices.Clone(around), door, !p.sees(around, door, name, folder, imports))
			}
		}
		return true
	})
}

// uses says that the last of the nodes, a name, is a value that is used: no field, no parameter, nothing that is assigned.
func uses(around []ast.Node) bool {
	name := around[len(around)-1].(*ast.Ident)
	switch n := around[len(around)-2].(type) {
	case *ast.SelectorExpr:
		return n.Sel != name
	case *ast.KeyValueExpr:
		return n.Key != name
	case *ast.AssignStmt:
		return slices.Contains(n.Rhs, ast.Expr(name))
	case *ast.ValueSpec:
		return slices.Contains(n.Values, ast.Expr(name))
	case *ast.Field, *ast.FuncDecl, *ast.TypeSpec:
		return false
	}
	return true
}

// sees says that prove still sees where queries go, the last of the nodes: a method of theirs is called, a variable holds them, or a
// function of the project takes them.
func (p *program) sees(around []ast.Node, door, declaration, folder string, imports map[string]string) bool {
	value, _ := around[len(around)-1].(ast.Expr)
	switch n := around[len(around)-2].(type) {
	case *ast.SelectorExpr:
		call, ok := around[len(around)-3].(*ast.CallExpr)
		return ok && call.Fun == n
	case *ast.AssignStmt:
		at := slices.Index(n.Rhs, value)
		if at < 0 || len(n.Lhs) != len(n.Rhs) {
			return false
		}
		to, ok := n.Lhs[at].(*ast.Ident)
		if ok {
			p.hold(declaration, to.Name, door)
		}
		return ok
	case *ast.CallExpr:
		return p.lent(n, slices.Index(n.Args, value), door, folder, imports)
	}
	return false
}

// lent keeps that a function of the project is called with queries, and reports whether it is one.
func (p *program) lent(call *ast.CallExpr, argument int, door, folder string, imports map[string]string) bool {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			var own bool
			if folder, own = strings.CutPrefix(imports[x.Name], p.module+"/"); own {
				name = f.Sel.Name
			}
		}
	}
	for _, parsed := range p.syntax[folder] {
		for _, decl := range parsed.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || f.Name.Name != name || argument < 0 {
				continue
			}
			var parameters []string
			for _, field := range f.Type.Params.List {
				for _, parameter := range field.Names {
					parameters = append(parameters, parameter.Name)
				}
			}
			if argument >= len(parameters) {
				return false
			}
			p.hold(folder+"."+name, parameters[argument], door)
			return true
		}
	}
	return false
}
