package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A program is the project's Go code without its tests. Only the project's own packages are known to the type checker, so
// what it says is a help, and nothing that matters is left to it alone.
type program struct {
	module   string
	files    *token.FileSet
	syntax   map[string]map[string]*ast.File // by folder, by file
	packages map[string]*types.Package       // by import path
	info     types.Info
	report   reporter
	used     usage
	excuse   excuse
}

// The folders that are skipped with all below them, and why. Nothing may import what is in them.
var unproven = map[string]string{
	"cmd/bench": "it serves nobody: it seeds a PostgreSQL of its own, and its floor is what there would be without doors",
}

var moduleLine = regexp.MustCompile(`(?m)^module (\S+)$`)

// proveGo reports Go code that reaches the database past the doors, makes a tenant of what a request says, or uses a door that
// checks nothing without being listed. It adds what tenancy's own SQL uses, and returns how many files there are.
func proveGo(project fs.FS, report reporter, used usage, excuse excuse) (count int) {
	p := &program{
		files: token.NewFileSet(), syntax: map[string]map[string]*ast.File{}, packages: map[string]*types.Package{}, report: report, used: used, excuse: excuse,
		info: types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{}},
	}
	defer p.watchStates()()
	mod, err := fs.ReadFile(project, "go.mod")
	if said := moduleLine.FindSubmatch(mod); said != nil {
		p.module = string(said[1])
	}
	if err != nil || p.module == "" {
		report(place{"go.mod", 1}, "module", "there is none here, so nothing is proven; run prove from the root of the repository")
		return 0
	}
	err = fs.WalkDir(project, ".", func(file string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && file != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules"):
			return fs.SkipDir
		case entry.IsDir() && excuse("the folder "+file, unproven[file]):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		count++
		text, err := fs.ReadFile(project, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(p.files, file, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			line, wrong := 1, scanner.ErrorList(nil)
			if errors.As(err, &wrong) {
				line = wrong[0].Pos.Line
			}
			report(place{file, line}, "file", err.Error())
			return nil
		}
		folder := path.Dir(file)
		if p.syntax[folder] == nil {
			p.syntax[folder] = map[string]*ast.File{}
		}
		p.syntax[folder][file] = parsed
		return nil
	})
	if err != nil {
		report(place{".", 0}, "files", err.Error())
	}
	for _, folder := range slices.Sorted(maps.Keys(p.syntax)) {
		_, _ = p.Import(path.Join(p.module, folder))
	}
	for _, folder := range slices.Sorted(maps.Keys(p.syntax)) {
		for _, file := range slices.Sorted(maps.Keys(p.syntax[folder])) {
			p.prove(folder, file, p.syntax[folder][file])
		}
	}
	return count
}

// Import is types.Importer for the project's own packages.
func (p *program) Import(name string) (*types.Package, error) {
	if known := p.packages[name]; known != nil {
		return known, nil
	}
	folder, ok := strings.CutPrefix(name, p.module+"/")
	if !ok || p.syntax[folder] == nil {
		return nil, errors.New("not of this project")
	}
	files := slices.Collect(maps.Values(p.syntax[folder]))
	config := types.Config{Importer: p, Error: func(error) {}, FakeImportC: true}
	p.packages[name], _ = config.Check(name, p.files, files, &p.info)
	return p.packages[name], nil
}

func (p *program) at(node ast.Node) place {
	at := p.files.Position(node.Pos())
	return place{at.Filename, at.Line}
}

// prove reports what one file must not say.
func (p *program) prove(folder, file string, parsed *ast.File) {
	imports := map[string]string{} // by the name in this file
	for _, spec := range parsed.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		as := path.Base(strings.TrimSuffix(name, "/v5"))
		if spec.Name != nil {
			as = spec.Name.Name
		}
		imports[as] = name
		switch {
		case as == "." || name == "C" || name == "unsafe":
			p.report(p.at(spec), file, "the import of "+spec.Path.Value+" as "+as+" takes away what the compiler, and prove, would see")
		case p.skipped(name):
			p.report(p.at(spec), file, "it imports "+name+", which prove does not read")
		case drivers.MatchString(name) && !harmless[name] && !p.reaches(folder, file, name):
			p.report(p.at(spec), file, "it imports "+name+": what speaks to the database is listed in cmd/prove with its reason")
		}
	}
	for _, comments := range parsed.Comments {
		for _, comment := range comments.List {
			if strings.HasPrefix(comment.Text, "//go:linkname") {
				p.report(p.at(comment), file, "go:linkname reaches past what a package exports")
			}
		}
	}
	if folder == "db" && (len(parsed.Comments) == 0 || !strings.HasPrefix(parsed.Comments[0].Text(), "Code generated by sqlc. DO NOT EDIT.")) {
		p.report(place{file, 1}, file, "db holds what sqlc generates from the queries that are proven, and nothing else")
	}
	for _, decl := range parsed.Decls {
		name := folder + "." + declared(decl)
		if folder == "tenancy" {
			p.exports(decl, name, imports)
		}
		p.declaration(decl, folder, file, name, imports)
	}
}

// skipped reports whether a package is in a folder of unproven.
func (p *program) skipped(name string) bool {
	for folder := range unproven {
		if strings.HasPrefix(name+"/", p.module+"/"+folder+"/") {
			return true
		}
	}
	return false
}

// declared is the name of a function, with that of its receiver, or of the first of a group.
func declared(decl ast.Decl) string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return d.Name.Name
		}
		return strings.Trim(types.ExprString(d.Recv.List[0].Type), "*") + "." + d.Name.Name
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				return s.Name.Name
			case *ast.ValueSpec:
				return s.Names[0].Name
			}
		}
	}
	return ""
}

// declaration reports what one declaration must not say.
func (p *program) declaration(decl ast.Decl, folder, file, name string, imports map[string]string) {
	outside := folder != "tenancy" && folder != "db"
	fault := func(node ast.Node, format string, args ...any) {
		p.report(p.at(node), name, fmt.Sprintf(format, args...))
	}
	place := func(node ast.Node, what, why string) {
		if outside && !p.excuse(what+" in "+name, places[what][name]) {
			fault(node, "%s: %s; a place to look at, so list it in cmd/prove with the reason", what, why)
		}
	}
	pointed := map[ast.Expr]bool{}
	ast.Inspect(decl, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.GenDecl:
			if grouped, ok := decl.(*ast.GenDecl); ok && n == grouped && len(n.Specs) > 1 && n.Tok != token.IMPORT {
				for _, spec := range n.Specs { // each by its own name
					one := &ast.GenDecl{TokPos: n.TokPos, Tok: n.Tok, Specs: []ast.Spec{spec}}
					p.declaration(one, folder, file, folder+"."+declared(one), imports)
				}
				return false
			}
		case *ast.StarExpr:
			pointed[n.X] = true
		case *ast.SelectorExpr:
			if door, ok := doors[n.Sel.Name]; ok {
				place(n, n.Sel.Name, door)
			}
			if x, ok := n.X.(*ast.Ident); ok && outside {
				p.selector(n, imports[x.Name], pointed[n], folder, file, fault)
			}
			if why, ok := never[n.Sel.Name]; ok && outside {
				fault(n, "%s %s", n.Sel.Name, why)
			}
			if mutators[n.Sel.Name] && p.isTenant(n.X) {
				place(n, "TenantID", "it reads a tenant out of text or bytes")
			}
		case *ast.CallExpr:
			to := p.info.Types[n.Fun]
			if to.IsType() && p.tenant(to.Type) {
				place(n, "TenantID", "a conversion makes a tenant")
			}
			for _, argument := range n.Args {
				if of, ok := p.info.Types[argument].Type.(*types.Pointer); ok && unknown(to.Type) && (p.tenant(of.Elem()) || p.caller(of.Elem())) {
					place(argument, "TenantID", "what is not of this project could put another tenant there")
				}
			}
		case *ast.Ident:
			if instance, ok := p.info.Instances[n]; ok {
				for i := range instance.TypeArgs.Len() {
					if p.tenant(instance.TypeArgs.At(i)) {
						place(n, "TenantID", "a generic may make, or decode, the tenant that it is of")
					}
				}
			}
		case *ast.CompositeLit:
			p.literal(n, place)
		case *ast.IndexExpr:
			if p.isTenant(n.X) {
				place(n, "TenantID", "a tenant in pieces")
			}
		case *ast.SliceExpr:
			if p.isTenant(n.X) {
				place(n, "TenantID", "a tenant in pieces")
			}
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				field, ok := to.(*ast.SelectorExpr)
				through, deref := to.(*ast.StarExpr)
				switch {
				case ok && field.Sel.Name == "TenantID" && (p.caller(p.pointed(field.X)) || unknown(p.info.Types[field.X].Type)),
					deref && (p.tenant(p.pointed(through.X)) || p.caller(p.pointed(through.X))):
					place(n, "TenantID", "it says whose tenant this is")
				}
			}
		case *ast.ArrayType:
			if types.ExprString(n) == "[16]byte" && folder != "ids" {
				place(n, "[16]byte", "it passes for any identifier, also a tenant's")
			}
		case *ast.FuncType: // what a handler takes behind its caller is decoded from the request
			if last := len(n.Params.List) - 1; last > 0 && p.caller(p.info.Types[n.Params.List[last-1].Type].Type) {
				of := p.info.Types[n.Params.List[last].Type].Type
				if pointer, ok := of.(*types.Pointer); ok && p.tenant(pointer.Elem()) || p.tenant(of) {
					return true // one that another function made
				}
				if p.holds(of, map[types.Type]bool{}) {
					place(n.Params.List[last], "TenantID", "what it takes behind the caller holds a tenant, and is decoded from a request if it is a handler")
				}
			}
		case *ast.BinaryExpr:
			return p.literalSQL(n, folder, file, fault)
		case *ast.BasicLit:
			return p.literalSQL(n, folder, file, fault)
		}
		return true
	})
}

// selector reports a use of another package that only tenancy has.
func (p *program) selector(n *ast.SelectorExpr, from string, pointed bool, folder, file string, fault func(ast.Node, string, ...any)) {
	switch {
	case from == p.module+"/db" && (n.Sel.Name == "New" || n.Sel.Name == "DBTX" || n.Sel.Name == "Queries" && !pointed):
		fault(n, "db.%s: queries that are bound to no scope; a door hands them out", n.Sel.Name)
	case from == pgxPath && n.Sel.Name == "ErrNoRows", from == pgconnPath && n.Sel.Name == "PgError":
	case (from == pgxPath || from == pgconnPath) && !p.reaches(folder, file, from):
		fault(n, "%s.%s: what speaks to the database is listed in cmd/prove with its reason", path.Base(strings.TrimSuffix(from, "/v5")), n.Sel.Name)
	}
}

// reaches reports whether a file may use a package that speaks to a database.
func (p *program) reaches(folder, file, name string) bool {
	return folder == "tenancy" || folder == "db" || set(reachesDatabase[file].may)[name] && p.excuse(name+" in "+file, reachesDatabase[file].why)
}

// literal reports a caller, or a tenant, that is put together.
func (p *program) literal(n *ast.CompositeLit, place func(ast.Node, string, string)) {
	of := p.info.Types[n].Type
	if p.tenant(of) && len(n.Elts) > 0 {
		place(n, "TenantID", "a literal makes a tenant")
	}
	for _, element := range n.Elts {
		pair, keyed := element.(*ast.KeyValueExpr)
		if !keyed {
			if p.caller(of) {
				place(n, "TenantID", "it says whose tenant this is")
			}
			return
		}
		if field, ok := pair.Key.(*ast.Ident); ok && field.Name == "TenantID" && (p.caller(of) || unknown(of)) {
			place(pair, "TenantID", "it says whose tenant this is")
		}
	}
}

// exports reports a declaration of tenancy that hands out the pool, a connection, or a door that nobody has thought about.
func (p *program) exports(decl ast.Decl, name string, imports map[string]string) {
	var signature ast.Node
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() || d.Recv != nil && !ast.IsExported(strings.Trim(types.ExprString(d.Recv.List[0].Type), "*")) {
			return
		}
		signature = d.Type
		if _, known := handedOut[d.Name.Name]; !known && strings.Contains(types.ExprString(d.Type), "db.Queries") {
			p.report(p.at(d), name, "it hands out queries: a new door, to be listed in cmd/prove with what it checks")
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					p.fields(s, name, imports)
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() {
					p.handles(s, name, imports)
				}
			}
		}
		return
	}
	p.handles(signature, name, imports)
}

// fields reports an exported field by which one gets hold of the database.
func (p *program) fields(spec *ast.TypeSpec, name string, imports map[string]string) {
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		p.handles(spec.Type, name, imports)
		return
	}
	for _, field := range structure.Fields.List {
		if len(field.Names) == 0 || field.Names[0].IsExported() {
			p.handles(field.Type, name, imports)
		}
	}
}

func (p *program) handles(tree ast.Node, name string, imports map[string]string) {
	ast.Inspect(tree, func(node ast.Node) bool {
		if n, ok := node.(*ast.SelectorExpr); ok {
			x, _ := n.X.(*ast.Ident)
			if x != nil && drivers.MatchString(imports[x.Name]) && n.Sel.Name != "PgError" {
				p.report(p.at(n), name, fmt.Sprintf("it exports a %s.%s: nobody outside of tenancy holds the pool, or a connection", x.Name, n.Sel.Name))
			}
		}
		return true
	})
}

// tenant reports whether a type is ids.TenantID.
func (p *program) tenant(of types.Type) bool { return p.is(of, "ids", "TenantID") }

// caller reports whether a type is tenancy.Caller.
func (p *program) caller(of types.Type) bool { return p.is(of, "tenancy", "Caller") }

func (p *program) is(of types.Type, folder, name string) bool {
	pkg := p.packages[p.module+"/"+folder]
	if pkg == nil || of == nil {
		return false
	}
	object := pkg.Scope().Lookup(name)
	return object != nil && types.Identical(types.Unalias(of), types.Unalias(object.Type()))
}

func (p *program) isTenant(e ast.Expr) bool { return p.tenant(p.pointed(e)) }

// pointed is the type of an expression, or what it points to.
func (p *program) pointed(e ast.Expr) types.Type {
	of := p.info.Types[e].Type
	if pointer, ok := of.(*types.Pointer); ok {
		return pointer.Elem()
	}
	return of
}

// unknown is the type of what comes from a package that is not of this project.
func unknown(of types.Type) bool { return of == nil || of == types.Typ[types.Invalid] }

// holds reports whether a type is a tenant's, or has one somewhere within.
func (p *program) holds(of types.Type, seen map[types.Type]bool) bool {
	if of == nil || seen[of] {
		return false
	}
	seen[of] = true
	switch t := types.Unalias(of).Underlying().(type) {
	case *types.Pointer:
		return p.holds(t.Elem(), seen)
	case *types.Slice:
		return p.holds(t.Elem(), seen)
	case *types.Map:
		return p.holds(t.Elem(), seen) || p.holds(t.Key(), seen)
	case *types.Struct:
		for field := range t.Fields() {
			if p.holds(field.Type(), seen) {
				return true
			}
		}
	}
	return p.tenant(of)
}

// A verb of SQL and what follows it, for text that is only part of a statement.
var statementStart = regexp.MustCompile(`(?is)^[\s(]*(select\s.*\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|set\s+(local|session|role)\s)`)

var verb = regexp.MustCompile(`%(\[\d+\])?[-+# 0-9.*]*[a-zA-Z]`)

// literalSQL reports a constant text that is SQL, whole or begun, outside of tenancy. It returns whether to look inside.
func (p *program) literalSQL(e ast.Expr, folder, file string, fault func(ast.Node, string, ...any)) bool {
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
	if (sql || statementStart.MatchString(text)) && !p.excuse("SQL in "+file, writesSQL[file]) && !p.excuse("SQL in "+folder, writesSQL[folder]) {
		fault(e, "SQL: %.60q; queries are in sql/queries, where prove reads them", text)
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
