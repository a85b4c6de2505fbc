package prove

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// use notes what is done with what outlives a request.
func (s *states) use(of *held, stack []ast.Node, add func(ast.Node, *held, string)) {
	if what := s.changes(stack, of.plain); what != "" {
		add(stack[len(stack)-1], of, what)
	}
}

// changes says how the expression on top of the stack is changed, or got hold of so that it could be; "" when it is only read.
func (s *states) changes(stack []ast.Node, plain bool) string {
	at := len(stack) - 1
	for ; at > 0; at-- {
		e, ok := stack[at].(ast.Expr)
		if !ok {
			return "" // the name in its own declaration
		}
		of := s.typeOf(e)
		harmless := s.plain(of) || s.pointsToOurs(of) || s.function(of)
		switch parent := stack[at-1].(type) {
		case *ast.ParenExpr, *ast.StarExpr:
			continue
		case *ast.SelectorExpr:
			switch object := s.info.Uses[parent.Sel].(type) {
			case *types.Var:
				if s.decls[s.origin(object)] != nil {
					return "" // a matter of that field
				}
				continue
			case *types.Func:
				if s.reached[s.named(of)] || s.plain(of) && !s.pointerMethod(object) || s.silent(of) {
					return ""
				}
				return "its method " + parent.Sel.Name + " may change it"
			}
			if plain || readers[parent.Sel.Name] {
				return ""
			}
			return "nobody knows what ." + parent.Sel.Name + " does with it"
		case *ast.IndexExpr:
			if parent.X != e {
				return ""
			}
			continue
		case *ast.SliceExpr:
			if parent.X != e {
				return ""
			}
			continue
		case *ast.AssignStmt:
			if slices.Contains(parent.Lhs, e) {
				return "it is assigned"
			}
			if harmless || plain && unknown(of) {
				return ""
			}
			return "it is kept under another name"
		case *ast.IncDecStmt:
			return "it is counted"
		case *ast.UnaryExpr:
			switch parent.Op {
			case token.ARROW:
				return "it is received from"
			case token.AND:
				if _, call := stack[max(0, at-2)].(*ast.CallExpr); s.named(of) != nil && s.structs[s.named(of)] != nil && !call {
					s.enter(s.named(of))
					return ""
				}
				return "its address is taken"
			}
			return ""
		case *ast.RangeStmt:
			if parent.Key == e || parent.Value == e {
				return "it is assigned"
			}
			if value, ok := parent.Value.(*ast.Ident); ok && s.info.Defs[value] != nil {
				of := s.info.Defs[value].Type()
				return also(s.plain(of) || s.pointsToOurs(of) || s.function(of), "its elements are kept under another name")
			}
			return ""
		case *ast.SendStmt:
			if parent.Chan == e {
				return "it is sent to"
			}
			return also(harmless, "it is sent on")
		case *ast.CallExpr:
			return s.called(parent, e, harmless || plain && unknown(of))
		case *ast.ReturnStmt, *ast.CompositeLit, *ast.ValueSpec:
			return also(harmless || plain && unknown(of), "it is handed out")
		case *ast.KeyValueExpr:
			return also(harmless || plain && unknown(of) || parent.Key == e, "it is handed out")
		case *ast.TypeAssertExpr:
			continue
		case *ast.BinaryExpr, *ast.IfStmt, *ast.SwitchStmt, *ast.CaseClause, *ast.ForStmt:
			return ""
		case *ast.ExprStmt:
			return ""
		default:
			return fmt.Sprintf("nobody knows what a %T does with it", parent)
		}
	}
	return ""
}

// changing is what changes says of those uses by which a variable or a field is another afterwards.
var changing = map[string]bool{"it is assigned": true, "it is counted": true, "its address is taken": true, "it is sent to": true}

func also(harmless bool, what string) string {
	if harmless {
		return ""
	}
	return what
}

// called says what a call does with its function or argument.
func (s *states) called(call *ast.CallExpr, e ast.Expr, harmless bool) string {
	if call.Fun == e {
		if s.function(s.typeOf(e)) || s.outside(e) != "" {
			return ""
		}
		return "nobody knows what calling it does"
	}
	name := types.ExprString(call.Fun)
	if from := s.outside(call.Fun); from != "" {
		name = from
	}
	switch {
	case name == "len" || name == "cap" || onlyRead[name] || onlyReads[path.Dir(strings.ReplaceAll(name, ".", "/"))]:
		return ""
	case name == "append" && call.Args[0] != e && call.Ellipsis.IsValid():
		return ""
	case name == "append" && call.Args[0] != e:
		return also(harmless, "it is kept in a list")
	case name == "append" || name == "copy" || name == "delete" || name == "clear" || name == "close":
		return name + " changes it"
	}
	return also(harmless, "it is given to "+name)
}

func (s *states) pointerMethod(method *types.Func) bool {
	_, ok := method.Signature().Recv().Type().(*types.Pointer)
	return ok
}

// silent reports whether a type is an interface of ours: what stands behind it is reached by itself.
func (s *states) silent(of types.Type) bool {
	if unknown(of) {
		return false
	}
	_, ok := types.Unalias(of).Underlying().(*types.Interface)
	return ok && s.structs[s.named(of)] != nil
}

// pointsToOurs reports whether a value leads to a struct of this project alone, whose fields are looked at wherever it goes.
func (s *states) pointsToOurs(of types.Type) bool {
	if unknown(of) {
		return false
	}
	pointer, ok := types.Unalias(of).(*types.Pointer)
	if !ok {
		return false
	}
	object := s.named(pointer)
	if s.structs[object] == nil {
		return false
	}
	_, structure := object.Type().Underlying().(*types.Struct)
	return structure
}

func (s *states) function(of types.Type) bool {
	if unknown(of) {
		return false
	}
	_, ok := of.Underlying().(*types.Signature)
	return ok
}

// foreign notes a use of another package by which something is left behind.
func (s *states) foreign(n *ast.SelectorExpr, add func(string)) {
	from := s.outside(n)
	folder, name := cutLast(from)
	switch {
	case from == "":
	case folder == "os" && !harmlessOS[name]:
		add("os." + name + ": files outlive a request, and one that is named by what a client sends is found by the next")
	case folder == "io/ioutil" || folder == "syscall" && !strings.HasPrefix(name, "E") && !strings.HasPrefix(name, "SIG"):
		add(from + ": what it leaves behind outlives a request")
	case folder == "sync" || folder == "sync/atomic" || goesOn[from]:
		add(from + " is for what more than one request shall see")
	case sets.MatchString(name) && !settled[from]:
		add(from + " changes the whole process")
	}
}

var sets = regexp.MustCompile(`^(Set|Unset|Register|Default|Handle|Publish)([A-Z]|$)`)

// said notes a header by which somebody keeps an answer.
func (s *states) said(e ast.Expr, stack []ast.Node, add func(string)) {
	value := s.info.Types[e].Value
	if literal, ok := e.(*ast.BasicLit); ok && value == nil && literal.Kind == token.STRING {
		if text, err := strconv.Unquote(literal.Value); err == nil {
			value = constant.MakeString(text)
		}
	}
	if value == nil || value.Kind() != constant.String {
		return
	}
	if len(stack) > 1 {
		if around, ok := stack[len(stack)-2].(ast.Expr); ok && s.info.Types[around].Value != nil {
			return // of the whole
		}
	}
	text := constant.StringVal(value)
	if keeping[strings.ToLower(text)] || kept.MatchString(text) && len(text) < 200 {
		add(fmt.Sprintf("%q lets a proxy or a browser keep an answer, and give it to whoever asks for the same address next", text))
	}
}

var kept = regexp.MustCompile(`(?i)(^|[ ,])(public|s-maxage|max-age|immutable|stale-while-revalidate)\b *(=|,|$)`)

// header notes a header whose name is not known here.
func (s *states) header(name, value ast.Expr, add func(string)) {
	if s.info.Types[name].Value != nil || s.info.Types[value].Value != nil && s.info.Types[value].Value.Kind() != constant.String {
		return
	}
	if literal, ok := name.(*ast.BasicLit); ok && literal.Kind == token.STRING {
		return
	}
	if of := s.typeOf(name); !unknown(of) && types.Identical(of.Underlying(), types.Typ[types.String]) {
		add("a header or a key of a table is set whose name is not seen here")
	}
}
