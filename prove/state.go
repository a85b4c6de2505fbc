package prove

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/printer"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
)

// A process serves one tenant's request after another's, and whatever it keeps from one may be given to the next. So every
// declaration by which something can outlive a request is listed in lasting, with the hash of its text and the reason: variables
// of packages and what hangs on them, what hangs on the server, what a closure made at the start keeps, goroutines, files, headers by
// which somebody else keeps an answer. What nothing can change is no state, and is recognised; what is not recognised is a finding.
type states struct {
	*program
	decls    map[types.Object]*held       // package variables, and fields of what is reached
	structs  map[types.Object]*structDecl // project types, by their name
	reached  map[types.Object]bool        // types of what outlives a request, which somebody points to
	begins   []act                        // functions that nobody calls
	acts     []act
	declares []declaration
	ways     map[string][]string // in which declarations outlive a request, by name
	found    map[string]bool     // the lines, files and declarations of which there is a finding already, which comes first
}

// held is a variable or a field that outlives a request.
type held struct {
	name  string
	node  ast.Node
	text  string // what its hash is of
	plain bool   // it is a finding only where it is changed
	found string // the first use that is more than reading
}

type structDecl struct {
	folder string
	spec   *ast.TypeSpec
}

// An act is something in a declaration by which state is touched.
type act struct {
	in   declaration
	node ast.Node
	of   *held // nil: by itself
	why  string
}

// A declaration is a function, or what initialises a variable.
type declaration struct {
	name   string
	folder string
	node   ast.Node
}

// lasts is why something may outlive a request, with the hash of what that was said of: the text of the declaration, or, where it is
// loose, of the ways alone in which it outlives one.
type lasts struct {
	hash, why string
	loose     bool
}

const keeps = "what one tenant's request leaves there, another tenant's request may be given"

// watchStates makes the type checker remember what names mean, and returns what reports the states once everything was read.
func (p *program) watchStates() (judge func()) {
	if p.info.Uses == nil {
		p.info.Uses = map[*ast.Ident]types.Object{}
	}
	if p.info.Defs == nil {
		p.info.Defs = map[*ast.Ident]types.Object{}
	}
	report, said := p.report, map[string]bool{}
	p.report = func(at place, subject, fault string) {
		said[fmt.Sprint(at)], said[subject] = true, true
		report(at, subject, fault)
	}
	return func() {
		if len(p.syntax) == 0 {
			return
		}
		p.checkDoors(said)
		s := &states{program: p, found: said, decls: map[types.Object]*held{}, structs: map[types.Object]*structDecl{}, reached: map[types.Object]bool{}}
		s.collect()
		s.reach()
		for before := -1; before != len(s.decls); { // what is pointed to from one declaration may be changed in another
			before, s.acts = len(s.decls), slices.Clone(s.begins)
			for _, d := range s.declares {
				s.walk(d)
			}
		}
		s.judge()
	}
}

// stateless reports whether a folder's code never runs in a process that serves tenants.
func (s *states) stateless(folder string) bool {
	return s.excuse("the state of "+folder, servesNobody[folder])
}

// collect finds the declarations of what is served.
func (s *states) collect() {
	for _, folder := range slices.Sorted(maps.Keys(s.syntax)) {
		if s.stateless(folder) {
			continue
		}
		for _, file := range slices.Sorted(maps.Keys(s.syntax[folder])) {
			for _, decl := range s.syntax[folder][file].Decls {
				s.declare(folder, decl)
			}
		}
	}
}

func (s *states) declare(folder string, decl ast.Decl) {
	if function, ok := decl.(*ast.FuncDecl); ok {
		name := folder + "." + declared(decl)
		s.declares = append(s.declares, declaration{name, folder, function})
		if function.Recv == nil && function.Name.Name == "init" {
			s.begins = append(s.begins, act{declaration{name, folder, function}, function, nil, "it runs before anybody asks, and leaves what it does to all"})
		}
		return
	}
	for _, spec := range decl.(*ast.GenDecl).Specs {
		switch n := spec.(type) {
		case *ast.TypeSpec:
			if object := s.info.Defs[n.Name]; object != nil {
				s.structs[object] = &structDecl{folder, n}
			}
			ast.Inspect(n.Type, func(node ast.Node) bool {
				if field, ok := node.(*ast.Field); ok && s.names(field.Type, "sync", "sync/atomic") {
					for _, object := range s.fieldsOf(field) {
						s.hold(object, folder+"."+n.Name.Name+"."+object.Name(), field, false)
					}
				}
				return true
			})
		case *ast.ValueSpec:
			s.variable(folder, decl.(*ast.GenDecl).Tok, n)
		}
	}
}

func (s *states) variable(folder string, tok token.Token, n *ast.ValueSpec) {
	if tok != token.VAR {
		s.declares = append(s.declares, declaration{folder + "." + n.Names[0].Name, folder, n})
		return
	}
	for i, name := range n.Names {
		object := s.info.Defs[name]
		var value ast.Expr
		if len(n.Values) == len(n.Names) {
			value = n.Values[i]
		}
		d := declaration{folder + "." + name.Name, folder, n}
		if i == 0 {
			s.declares = append(s.declares, d)
		}
		if name.Name == "_" {
			continue
		}
		if object == nil { // declared twice, as files for several kinds of machines do
			object = types.NewVar(name.Pos(), nil, name.Name, types.Typ[types.Invalid])
		}
		s.hold(object, d.name, n, s.fixed(object.Type(), value))
	}
}

func (s *states) hold(object types.Object, name string, node ast.Node, plain bool) {
	if s.decls[object] == nil {
		s.decls[object] = &held{name: name, node: node, text: s.print(node), plain: plain}
	}
}

// The objects of a field of a struct: one for each name, or, of an embedded one, that of its type's name.
func (s *states) fieldsOf(field *ast.Field) (all []types.Object) {
	for _, name := range field.Names {
		if object := s.info.Defs[name]; object != nil {
			all = append(all, object)
		}
	}
	if len(field.Names) == 0 {
		ast.Inspect(field.Type, func(node ast.Node) bool {
			if id, ok := node.(*ast.Ident); ok {
				if object := s.info.Defs[id]; object != nil {
					all = append(all, object)
				}
			}
			return true
		})
	}
	return all
}

// fixed reports whether a package variable of a type cannot change unless somebody is seen to change it.
func (s *states) fixed(of types.Type, value ast.Expr) bool {
	if call, ok := value.(*ast.CallExpr); ok && unchanging[s.outside(call.Fun)] {
		return true
	}
	switch value.(type) {
	case *ast.FuncLit, *ast.Ident:
		if _, ok := of.Underlying().(*types.Signature); ok {
			return true
		}
	}
	return s.steady(of, 0)
}

// steady reports whether values of a type are texts, numbers, and structs, lists and tables of them. What is pointed to is looked at by
// its own type.
func (s *states) steady(of types.Type, deep int) bool {
	if unknown(of) || deep > 8 {
		return false
	}
	switch t := types.Unalias(of).Underlying().(type) {
	case *types.Basic:
		return t.Info() != 0
	case *types.Array:
		return s.steady(t.Elem(), deep+1)
	case *types.Slice:
		return s.steady(t.Elem(), deep+1)
	case *types.Map:
		return s.steady(t.Key(), deep+1) && s.steady(t.Elem(), deep+1)
	case *types.Pointer:
		named := s.named(t)
		return named != nil && !s.passes(named)
	case *types.Struct:
		for field := range t.Fields() {
			if !s.steady(field.Type(), deep+1) && s.named(of) == nil {
				return false
			}
		}
		return true
	}
	return false
}

func (s *states) named(of types.Type) types.Object {
	if pointer, ok := types.Unalias(of).(*types.Pointer); ok {
		of = pointer.Elem()
	}
	if named, ok := types.Unalias(of).(*types.Named); ok {
		return named.Origin().Obj()
	}
	return nil
}

// plain reports whether a value of a type is only itself: a copy of it leads nowhere.
func (s *states) plain(of types.Type) bool {
	if unknown(of) {
		return false
	}
	switch t := types.Unalias(of).Underlying().(type) {
	case *types.Basic:
		return t.Info() != 0
	case *types.Array:
		return s.plain(t.Elem())
	case *types.Struct:
		for field := range t.Fields() {
			if !s.plain(field.Type()) {
				return false
			}
		}
		return true
	case *types.Interface:
		return t.NumMethods() == 1 && t.Method(0).Name() == "Error"
	}
	return false
}

// reach finds the types that hang on the server and on package variables, and holds their fields.
func (s *states) reach() {
	for object, d := range s.decls {
		if spec, ok := d.node.(*ast.ValueSpec); ok {
			s.through(object.Type(), 0)
			if spec.Type != nil {
				s.mentions(spec.Type)
			}
		}
	}
	takes := map[string]bool{} // types by which requests come in: with a method that takes one as net/http or gin hands it out
	for _, d := range s.declares {
		f, ok := d.node.(*ast.FuncDecl)
		if ok && f.Recv != nil && slices.ContainsFunc(f.Type.Params.List, func(of *ast.Field) bool { return requests[s.outside(of.Type)] }) {
			name, _, _ := strings.Cut(strings.TrimPrefix(d.name, d.folder+"."), ".")
			takes[d.folder+"."+name] = true
		}
	}
	for object := range s.structs {
		name := s.structs[object].folder + "." + object.Name()
		if long[name] || takes[name] && !passing[name] && !perRequest[name] {
			s.enter(object)
		}
	}
}

// through enters the project's types that a type leads to by pointers, or whose methods change them.
func (s *states) through(of types.Type, deep int) {
	if unknown(of) || deep > 8 {
		return
	}
	switch t := types.Unalias(of).(type) {
	case *types.Named:
		if s.changesItself(t) {
			s.enter(t.Origin().Obj())
		} else if _, ok := t.Underlying().(*types.Struct); ok {
			s.within(t.Origin().Obj(), deep)
		} else if _, ok := t.Underlying().(*types.Interface); !ok {
			s.through(t.Underlying(), deep+1)
		}
	case *types.Pointer:
		if named := s.named(t); named != nil {
			s.enter(named)
		}
	case *types.Slice:
		s.through(t.Elem(), deep+1)
	case *types.Array:
		s.through(t.Elem(), deep+1)
	case *types.Map:
		s.through(t.Elem(), deep+1)
	case *types.Chan:
		s.through(t.Elem(), deep+1)
	}
}

// within looks through a struct that is held as a value.
func (s *states) within(object types.Object, deep int) {
	if t, ok := object.Type().Underlying().(*types.Struct); ok {
		for field := range t.Fields() {
			s.through(field.Type(), deep+1)
		}
	}
}

func (s *states) changesItself(t *types.Named) bool {
	for method := range t.Methods() {
		if _, ok := method.Signature().Recv().Type().(*types.Pointer); ok {
			return true
		}
	}
	return false
}

// mentions enters each project type that the text of a type names, as in atomic.Pointer[queue]. What a function takes and gives is not
// held by it.
func (s *states) mentions(tree ast.Node) {
	ast.Inspect(tree, func(node ast.Node) bool {
		if _, ok := node.(*ast.FuncType); ok {
			return false
		}
		if id, ok := node.(*ast.Ident); ok {
			if object, ok := s.info.Uses[id].(*types.TypeName); ok {
				s.through(object.Type(), 0)
				if pointed, ok := object.Type().Underlying().(*types.Interface); ok {
					s.implementing(pointed)
				}
			}
		}
		return true
	})
}

// implementing enters the project's types that may stand behind an interface.
func (s *states) implementing(of *types.Interface) {
	if of.NumMethods() == 0 {
		return
	}
	for object := range s.structs {
		if _, ok := object.Type().Underlying().(*types.Interface); !ok && types.Implements(types.NewPointer(object.Type()), of) {
			s.enter(object)
		}
	}
}

// passes reports whether values of a type are made anew by whoever needs one: nobody looks whether they are changed.
func (s *states) passes(object types.Object) bool {
	of := s.structs[object]
	return of != nil && (perRequest[of.folder+"."+object.Name()] || passing[of.folder+"."+object.Name()])
}

func (s *states) enter(object types.Object) {
	of := s.structs[object]
	if of == nil || s.reached[object] || s.passes(object) {
		return
	}
	s.reached[object] = true
	structure, ok := of.spec.Type.(*ast.StructType)
	if !ok {
		s.mentions(of.spec.Type)
		return
	}
	for _, field := range structure.Fields.List {
		for _, object := range s.fieldsOf(field) {
			plain := s.plain(object.Type()) || values[s.outside(field.Type)]
			s.hold(object, of.folder+"."+of.spec.Name.Name+"."+object.Name(), field, plain)
		}
		s.mentions(field.Type)
	}
}

// names reports whether a type's text names one of these packages.
func (s *states) names(tree ast.Node, packages ...string) (found bool) {
	ast.Inspect(tree, func(node ast.Node) bool {
		if n, ok := node.(*ast.SelectorExpr); ok {
			from, _ := cutLast(s.outside(n))
			found = found || slices.Contains(packages, from)
		}
		return true
	})
	return found
}

// cutLast cuts a name off what stands before its last dot.
func cutLast(text string) (before, name string) {
	at := max(0, strings.LastIndexByte(text, '.'))
	return text[:at], strings.TrimPrefix(text[at:], ".")
}

// outside is the path and name of what comes from a package that is not of this project, as in net/http.DefaultClient; "" for the rest.
func (s *states) outside(e ast.Expr) string {
	switch n := e.(type) {
	case *ast.IndexExpr:
		return s.outside(n.X)
	case *ast.IndexListExpr:
		return s.outside(n.X)
	case *ast.SelectorExpr:
		x, ok := n.X.(*ast.Ident)
		if !ok {
			return ""
		}
		if from, ok := s.info.Uses[x].(*types.PkgName); ok && s.packages[from.Imported().Path()] == nil {
			return from.Imported().Path() + "." + n.Sel.Name
		}
	}
	return ""
}

// print is the text of a declaration without its comments and however it is laid out.
func (s *states) print(node ast.Node) string {
	switch n := node.(type) {
	case *ast.FuncDecl:
		bare := *n
		bare.Doc = nil
		node = &bare
	case *ast.ValueSpec:
		bare := *n
		bare.Doc, bare.Comment = nil, nil
		node = &bare
	case *ast.Field:
		var names []string
		for _, name := range n.Names {
			names = append(names, name.Name)
		}
		return strings.Join(names, ", ") + " " + s.print(n.Type)
	}
	var text bytes.Buffer
	if err := printer.Fprint(&text, s.files, node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

// walk finds what a declaration does by which state is touched.
func (s *states) walk(d declaration) {
	var stack []ast.Node
	add := func(node ast.Node, of *held, why string) { s.acts = append(s.acts, act{d, node, of, why}) }
	ast.Inspect(d.node, func(node ast.Node) bool {
		if node == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, node)
		switch n := node.(type) {
		case *ast.GoStmt:
			add(n, nil, "it goes on when the request is over, and what it holds of it with it")
		case *ast.CallExpr:
			if method, ok := n.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Go" {
				add(n, nil, "it goes on when the request is over, and what it holds of it with it")
			}
			if method, ok := n.Fun.(*ast.SelectorExpr); ok && (method.Sel.Name == "Set" || method.Sel.Name == "Add") && len(n.Args) == 2 {
				s.header(n.Args[0], n.Args[1], func(why string) { add(n, nil, why) })
			}
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				if from := s.outside(to); from != "" {
					add(n, nil, "it changes "+from+" for the whole process")
				}
				if pointer, ok := to.(*ast.StarExpr); ok && s.reached[s.named(s.typeOf(pointer.X))] && s.heldBy(pointer.X) == nil {
					add(n, nil, "it writes over a whole "+types.ExprString(pointer.X)+", which may outlive the request")
				}
			}
		case *ast.SelectorExpr:
			s.foreign(n, func(why string) { add(n, nil, why) })
			if clings[n.Sel.Name] {
				add(n, nil, n.Sel.Name+" holds what belongs to a connection, or to the process, not to a request")
			}
			if object := s.origin(s.info.Uses[n.Sel]); s.decls[object] != nil {
				s.use(s.decls[object], stack, add)
			}
		case *ast.Ident:
			if len(stack) > 1 && isSelector(stack[len(stack)-2], n) {
				return true
			}
			s.ident(d, n, stack, add)
		case ast.Expr:
			s.said(n, stack, func(why string) { add(n, nil, why) })
		}
		return true
	})
}

// heldBy is what outlives a request, if an expression is the name of it.
func (s *states) heldBy(e ast.Expr) *held {
	switch n := e.(type) {
	case *ast.Ident:
		return s.decls[s.origin(s.info.Uses[n])]
	case *ast.SelectorExpr:
		return s.decls[s.origin(s.info.Uses[n.Sel])]
	}
	return nil
}

func isSelector(parent ast.Node, id *ast.Ident) bool {
	selector, ok := parent.(*ast.SelectorExpr)
	return ok && selector.Sel == id
}

func (s *states) origin(object types.Object) types.Object {
	if v, ok := object.(*types.Var); ok {
		return v.Origin()
	}
	return object
}

func (s *states) ident(d declaration, n *ast.Ident, stack []ast.Node, add func(ast.Node, *held, string)) {
	object := s.origin(s.info.Uses[n])
	if pair, ok := stack[len(stack)-2].(*ast.KeyValueExpr); ok && pair.Key == n {
		return // a field's name
	}
	if object == nil && s.info.Defs[n] == nil {
		if pkg := s.packages[path.Join(s.module, d.folder)]; pkg != nil { // the type checker gave up there
			object = pkg.Scope().Lookup(n.Name)
		}
	}
	variable, ok := object.(*types.Var)
	switch {
	case !ok:
	case s.decls[variable] != nil:
		s.use(s.decls[variable], stack, add)
	default:
		s.captured(d, n, variable, stack, add)
	}
}

// captured looks at a variable that a closure takes from the function around it, where that function runs at the start.
func (s *states) captured(d declaration, n *ast.Ident, variable *types.Var, stack []ast.Node, add func(ast.Node, *held, string)) {
	inside := false
	for i := len(stack) - 1; i >= 0; i-- {
		var signature *ast.FuncType
		switch f := stack[i].(type) {
		case *ast.FuncLit:
			if variable.Pos() < f.Pos() || variable.Pos() > f.End() {
				inside = true
				continue
			}
			signature = f.Type
		case *ast.FuncDecl:
			signature = f.Type
			if f.Recv != nil && perRequest[d.folder+"."+s.receiver(f)] {
				return
			}
		default:
			continue
		}
		if !inside || s.ofRequest(d.folder, signature) || d.folder == "cmd/rowhouse" && !s.servesWithin(stack[i:]) {
			return
		}
		s.through(variable.Type(), 0)
		if what := s.changes(stack, false); what != "" {
			add(n, nil, n.Name+" is kept by a closure that is made once, and "+what)
		}
		return
	}
}

// servesWithin reports whether one of the functions takes a request: in a command, none but those is called twice.
func (s *states) servesWithin(stack []ast.Node) bool {
	return slices.ContainsFunc(stack, func(node ast.Node) bool {
		f, ok := node.(*ast.FuncLit)
		return ok && s.ofRequest("cmd/rowhouse", f.Type)
	})
}

func (s *states) receiver(f *ast.FuncDecl) string {
	return strings.Trim(types.ExprString(f.Recv.List[0].Type), "*")
}

// ofRequest reports whether a function is called anew for each request: it takes one, or what belongs to one. A context alone says so of
// a function that hands out no function, and where no server is put together.
func (s *states) ofRequest(folder string, signature *ast.FuncType) bool {
	made := false
	if signature.Results != nil {
		for _, result := range signature.Results.List {
			ast.Inspect(result.Type, func(node ast.Node) bool {
				switch n := node.(type) {
				case *ast.FuncType:
					made = true
				case ast.Expr:
					made = made || s.function(s.typeOf(n)) || strings.HasSuffix(s.outside(n), ".Handler") || strings.HasSuffix(s.outside(n), ".HandlerFunc")
				}
				return true
			})
		}
	}
	for _, parameter := range signature.Params.List {
		of := parameter.Type
		if pointer, ok := of.(*ast.StarExpr); ok {
			of = pointer.X
		}
		switch from := s.outside(of); {
		case from == "context.Context" && !made && folder != "cmd/rowhouse":
			return true
		case requests[from]:
			return true
		}
		if object := s.named(s.typeOf(of)); object != nil && object.Pkg() != nil {
			if perRequest[strings.TrimPrefix(object.Pkg().Path(), s.module+"/")+"."+object.Name()] {
				return true
			}
		}
	}
	return false
}

// typeOf is the type of an expression; of one that also says whether it was there, that of the value.
func (s *states) typeOf(e ast.Expr) types.Type {
	of := s.info.Types[e].Type
	if both, ok := of.(*types.Tuple); ok && both.Len() > 0 {
		return both.At(0).Type()
	}
	return of
}

// judge reports what is not listed, or not as it was when it was.
func (s *states) judge() {
	for i := range s.acts {
		a := &s.acts[i]
		if a.of != nil && a.of.found == "" {
			where := s.at(a.node)
			a.of.found = fmt.Sprintf("%s, in %s (%s:%d)", a.why, a.in.name, where.file, where.line)
		}
	}
	s.ways = map[string][]string{}
	for _, a := range s.acts {
		s.ways[a.in.name] = append(s.ways[a.in.name], a.why)
		if a.of != nil {
			s.ways[a.of.name] = append(s.ways[a.of.name], a.why+", in "+a.in.name)
		}
	}
	reported := map[string]bool{}
	for _, d := range s.decls {
		structural := false
		if _, ok := d.node.(*ast.Field); ok {
			structural = true
		}
		if d.plain && d.found == "" || d.plain && structural {
			continue
		}
		if spec, ok := d.node.(*ast.ValueSpec); ok {
			folder, _ := cutLast(d.name)
			if of, ok := spec.Type.(*ast.Ident); ok && s.found[folder+"."+of.Name] {
				continue // its type is a finding
			}
		}
		what := "it outlives a request"
		if d.found != "" {
			what += ", and " + d.found
		}
		s.listed(d.name, d.node, d.text, what, reported)
	}
	for _, a := range s.acts {
		switch {
		case a.of == nil && a.in.node == nil:
		case a.of == nil && s.isHeld(a.in.name), a.of != nil && a.in.name == a.of.name:
			// of the variable itself
		case a.of != nil && open[a.of.name] && !changing[a.why]:
		case a.of != nil && (!a.of.plain || a.of.isVariable()) && lasting[a.of.name].why == "":
			// it is a finding where it is declared
		case a.of != nil:
			s.listed(a.in.name, a.node, s.print(a.in.node), "it touches "+a.of.name+", which outlives a request: "+a.why, reported)
		default:
			s.listed(a.in.name, a.node, s.print(a.in.node), a.why, reported)
		}
	}
}

func (h *held) isVariable() bool {
	_, ok := h.node.(*ast.ValueSpec)
	return ok
}

// isHeld reports whether a declaration is one of the variables, which is judged as such.
func (s *states) isHeld(name string) bool {
	for _, d := range s.decls {
		if d.name == name && d.isVariable() && (!d.plain || d.found != "") {
			return true
		}
	}
	return false
}

// listed reports a declaration unless it is listed as it is, once.
func (s *states) listed(name string, node ast.Node, text, what string, reported map[string]bool) {
	if reported[name] {
		return
	}
	entry := lasting[name]
	if entry.loose {
		text = strings.Join(slices.Compact(slices.Sorted(slices.Values(s.ways[name]))), "\n")
	}
	hash := hash(text)[:8]
	switch {
	case entry.why != "" && entry.hash == hash:
		s.excuse("what lasts in "+name, entry.why)
		return
	case s.found[fmt.Sprint(s.at(node))], s.found[name], s.found[s.at(node).file]:
	case entry.why != "":
		s.excuse("what lasts in "+name, entry.why)
		s.report(s.at(node), name, fmt.Sprintf("it is not as it was when it was listed: %s; %s. "+
			"See that none of it can, and list it with the hash %s in prove/known_state.go", what, keeps, hash))
	default:
		s.report(s.at(node), name, fmt.Sprintf("%s: %s. "+
			"Keep it in the exchange; or list it in prove/known_state.go, with the hash %s and why no tenant's data is in it, or how it is keyed by the tenant", what, keeps, hash))
	}
	reported[name] = true
}
