package prove

import (
	"errors"
	"fmt"
	"go/ast"
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
)

// A program is the project's Go code without its tests. Only the project's own packages are known to the type checker, so
// what it says is a help, and nothing that matters is left to it alone.
type program struct {
	module   string
	files    *token.FileSet
	syntax   map[string]map[string]*ast.File // by folder, by file
	packages map[string]*types.Package       // by import path
	info     types.Info
	loose    map[string]map[string]string // by declaration: its variables that hold queries which nothing holds, and the door they came by
	held     int                          // how many those are
	exported map[string]bool              // what tenancy does, of doorway
	report   reporter
	used     usage
	excuse   excuse
	ledger   *ledger
}

// proveGo reports Go code that reaches the database past the doors, makes a tenant of what a request says, or uses a door that
// checks nothing without being listed. It adds what tenancy's own SQL uses, and returns how many files there are.
func proveGo(project fs.FS, report reporter, used usage, excuse excuse) (count int) {
	p := &program{
		files: token.NewFileSet(), syntax: map[string]map[string]*ast.File{}, packages: map[string]*types.Package{},
		loose: map[string]map[string]string{}, exported: map[string]bool{}, report: report, used: used, excuse: excuse, ledger: newLedger(excuse),
		info: types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{}},
	}
	defer p.watchStates()()
	if p.module = proveModule(project, report); p.module == "" {
		return 0
	}
	err := fs.WalkDir(project, ".", func(file string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && file != "." && (unread(name) || excuse("the folder "+file, unproven[file])):
			if name == "vendor" {
				report(place{file, 0}, name, "Go builds what is vendored instead of what go.sum names: code that nobody has read, on the way of every tenant's rows; take it out")
			}
			return fs.SkipDir
		case entry.IsDir():
			return nil
		case entry.Type()&fs.ModeSymlink != 0:
			report(place{file, 0}, name, "a link: what Go builds by it prove does not read; put the file itself there")
			return nil
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return p.other(project, file)
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
	p.lend()
	p.proveGenerated(project)
	for _, folder := range slices.Sorted(maps.Keys(p.syntax)) {
		for _, file := range slices.Sorted(maps.Keys(p.syntax[folder])) {
			p.prove(project, folder, file, p.syntax[folder][file])
		}
	}
	lines := strings.Split(strings.TrimSpace(doorway), "\n")
	for _, line := range lines {
		if !p.exported[line] && p.syntax["tenancy"] != nil && len(p.exported) < len(lines) { // else it is another now
			report(place{"tenancy", 0}, "tenancy", "it no longer exports "+line+": take it out of doorway, in prove, so that it does not come back unseen")
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
func (p *program) prove(project fs.FS, folder, file string, parsed *ast.File) {
	imports := p.imports(parsed)
	for _, spec := range parsed.Imports {
		p.proveImport(spec, folder, file)
	}
	for _, comments := range parsed.Comments {
		for _, comment := range comments.List {
			p.directive(project, folder, file, comment)
		}
	}
	for _, decl := range declarations(parsed) {
		name := folder + "." + declared(decl)
		if folder == "tenancy" {
			p.exports(decl, name)
		}
		p.declaration(decl, folder, file, name, imports)
	}
}

// declarations are those of a file, each of a group by itself.
func declarations(parsed *ast.File) (all []ast.Decl) {
	for _, decl := range parsed.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || len(group.Specs) < 2 || group.Tok == token.IMPORT {
			all = append(all, decl)
			continue
		}
		for _, spec := range group.Specs {
			all = append(all, &ast.GenDecl{TokPos: group.TokPos, Tok: group.Tok, Specs: []ast.Spec{spec}})
		}
	}
	return all
}

// imports are the packages that a file imports, by the name that each has in it.
func (p *program) imports(parsed *ast.File) map[string]string {
	imports := map[string]string{}
	for _, spec := range parsed.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		imports[imported(spec)] = name
	}
	return imports
}

var version = regexp.MustCompile(`/v\d+$`)

// imported is the name that an import has in its file.
func imported(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	name, _ := strconv.Unquote(spec.Path.Value)
	return path.Base(version.ReplaceAllString(name, ""))
}

// declared is the name of a function, with that of its receiver, or of the first that is declared.
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
	var around []ast.Node
	looked := map[string]bool{}
	place := func(node ast.Node, what, why string) {
		if !outside && what != "SQL" {
			return
		}
		at := statementOf(around)
		text := p.source(at)
		switch what {
		case "SQL": // which is put together wherever it is
			at, text = decl, p.whole(folder, decl)
		case "Provision", "Assume": // all that there is instead of a check is what stands around
			at, text = decl, p.source(decl)
		}
		if key := fmt.Sprint(what, at.Pos()); !looked[key] {
			looked[key] = true
			if listed := places[what][name]; !p.ledger.covers(what+" in "+name, listed, text) {
				fault(node, "%s: %s%s%s", what, why, consequence[what], unlisted(listed, text))
			}
		}
	}
	if outside {
		p.follow(decl, name, folder, imports, func(use []ast.Node, door string, kept bool) {
			around = use
			if kept {
				fault(use[len(use)-1], "%s: %s, and here they are kept or handed on where prove does not follow: call them where the door is", door, doors[door])
				return
			}
			place(use[len(use)-1], door, doors[door])
		})
		around = nil
	}
	pointed, joined := map[ast.Expr]bool{}, map[ast.Expr]bool{}
	look := func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.StarExpr:
			pointed[n.X] = true
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && outside {
				p.selector(n, imports[x.Name], pointed[n], folder, file, fault)
				if starts(imports[x.Name], n.Sel.Name) && !pointed[n] {
					place(n, "exec", "it starts a program, which may ask the database whatever it likes")
				}
			}
			if call, _ := around[len(around)-2].(*ast.CallExpr); folder != "db" && runs[n.Sel.Name] && (call == nil || call.Fun != n || len(call.Args) > 0) {
				place(n, "SQL", "it runs SQL, and what it is decides whose rows are seen")
			}
			if why, ok := never[n.Sel.Name]; ok && outside {
				fault(n, "%s %s", n.Sel.Name, why)
			}
			if mutators[n.Sel.Name] && p.isTenant(n.X) {
				place(n, "TenantID", "it reads a tenant out of text or bytes")
			}
		case *ast.CallExpr:
			if by, ok := n.Fun.(*ast.SelectorExpr); ok && by.Sel.Name == "Method" && slices.Contains(slices.Collect(maps.Values(imports)), "reflect") {
				fault(n, "a method by its number: any door may be meant, also one that asks for no tenant; name it")
			}
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
			if folder == "tenancy" {
				p.puts(n, place)
			}
		case *ast.IndexExpr:
			if p.isTenant(n.X) {
				place(n, "TenantID", "a tenant in pieces")
			}
		case *ast.SliceExpr:
			if p.isTenant(n.X) {
				place(n, "TenantID", "a tenant in pieces")
			}
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				if field, ok := to.(*ast.SelectorExpr); ok && folder == "tenancy" && sqlFields[field.Sel.Name] && (len(n.Rhs) != len(n.Lhs) || !p.constant(n.Rhs[i])) {
					place(n, "SQL", "it puts SQL together, and what it is decides whose rows are seen")
				}
				field, ok := to.(*ast.SelectorExpr)
				through, deref := to.(*ast.StarExpr)
				switch {
				case ok && field.Sel.Name == "TenantID" && (p.caller(p.pointed(field.X)) || unknown(p.info.Types[field.X].Type)),
					deref && (p.tenant(p.pointed(through.X)) || p.caller(p.pointed(through.X))):
					place(n, "TenantID", "it says whose tenant this is")
				}
			}
		case *ast.UnaryExpr:
			if field, ok := n.X.(*ast.SelectorExpr); ok && n.Op == token.AND && folder == "tenancy" && sqlFields[field.Sel.Name] {
				place(n, "SQL", "whoever has the address of a statement may put another in its place, and what it is decides whose rows are seen")
			}
		case *ast.RangeStmt:
			for _, to := range []ast.Expr{n.Key, n.Value} {
				if field, ok := to.(*ast.SelectorExpr); ok && field.Sel.Name == "TenantID" {
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
			if !joined[n] && !p.literalSQL(n, folder, fault, place) {
				join(n, joined)
			}
		case *ast.BasicLit:
			if !joined[n] {
				p.literalSQL(n, folder, fault, place)
			}
		}
		return true
	}
	ast.Inspect(decl, func(node ast.Node) bool {
		if node == nil {
			around = around[:len(around)-1]
			return false
		}
		around = append(around, node)
		if !look(node) {
			around = around[:len(around)-1]
			return false
		}
		return true
	})
}

// selector reports a use of another package that only tenancy has.
func (p *program) selector(n *ast.SelectorExpr, from string, pointed bool, folder, file string, fault func(ast.Node, string, ...any)) {
	name := path.Base(version.ReplaceAllString(from, "")) + "." + n.Sel.Name
	switch {
	case from == p.module+"/db" && (n.Sel.Name == "New" || n.Sel.Name == "DBTX" || n.Sel.Name == "Queries" && !pointed):
		fault(n, "db.%s: queries that are bound to no scope, and so answer with the rows of every tenant that row-level security does not hide; a door hands them out", n.Sel.Name)
	case !drivers.MatchString(from), harmless[from], !importable[from].allows(folder, file), // which is a finding itself
		name == "pgx.ErrNoRows", name == "pgconn.PgError":
	case !set(reachesDatabase[file].uses)[name] || !p.excuse(name+" in "+file, reachesDatabase[file].why):
		fault(n, "%s: what speaks to the database is listed in prove with its reason: past the doors nothing says whose rows these are", name)
	}
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

// exports reports what tenancy exports and nobody has thought about: a door that hands out rows, the pool, a connection.
func (p *program) exports(decl ast.Decl, name string) {
	take := func(at ast.Node, signature string) {
		signature = strings.Join(strings.Fields(signature), " ")
		if p.exported[signature] = true; !slices.Contains(strings.Split(doorway, "\n"), signature) {
			p.report(p.at(at), name, "a new door: what tenancy exports hands out rows of whatever tenant it is told, so look at what it checks, and list it in doorway, in prove: "+signature)
		}
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(strings.Trim(types.ExprString(d.Recv.List[0].Type), "*"))) {
			take(d, p.source(&ast.FuncDecl{Recv: d.Recv, Name: d.Name, Type: d.Type}))
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					p.fields(s, take)
				}
			case *ast.ValueSpec:
				for _, value := range s.Names {
					if value.IsExported() {
						take(s, p.source(&ast.GenDecl{Tok: d.Tok, Specs: []ast.Spec{&ast.ValueSpec{Names: []*ast.Ident{value}, Type: s.Type}}}))
					}
				}
			}
		}
	}
}

// fields takes an exported type: of a struct what others see of it, which is also what it embeds.
func (p *program) fields(spec *ast.TypeSpec, take func(ast.Node, string)) {
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		take(spec, "type "+p.source(&ast.TypeSpec{Name: spec.Name, TypeParams: spec.TypeParams, Assign: spec.Assign, Type: spec.Type}))
		return
	}
	take(spec, "type "+spec.Name.Name+" struct")
	for _, field := range structure.Fields.List {
		if len(field.Names) == 0 {
			take(field, spec.Name.Name+" embeds "+types.ExprString(field.Type))
		}
		for _, name := range field.Names {
			if name.IsExported() {
				take(field, spec.Name.Name+"."+name.Name+" "+types.ExprString(field.Type))
			}
		}
	}
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
	case *types.Array: // an identifier is one too
		if p.holds(t.Elem(), seen) {
			return true
		}
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
