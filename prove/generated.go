package prove

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// An accessor is what sqlc makes of a query.
type accessor struct {
	place
	name, form string
	sql        string   // with parameters by number
	parameters []string // by name, in the order of their numbers; in the end of those that sqlc gives them
	other      bool     // its statement is
}

// proveGenerated reports what db holds that sqlc does not make of the queries that are proven: another statement, another value for a
// parameter, another function, another file.
func (p *program) proveGenerated(project fs.FS) {
	if p.syntax["db"] == nil {
		return
	}
	files, err := fs.Glob(project, "sql/queries/*.sql")
	if err != nil {
		p.report(place{"sql/queries", 0}, "files", err.Error())
	}
	made := map[string]bool{"db/db.go": true, "db/models.go": true}
	for _, file := range files {
		text, err := fs.ReadFile(project, file)
		if err != nil {
			p.report(place{file, 0}, "file", err.Error())
		}
		of := "db/" + path.Base(file) + ".go"
		made[of] = true
		p.proveAccessors(of, accessors(file, string(text)))
	}
	if base := p.syntax["db"]["db/db.go"]; base != nil && hash(p.source(base)) != generatedBase {
		p.report(place{"db/db.go", 1}, "file", "it is not what sqlc writes, so an accessor may ask what nobody has proven, of any tenant: run make generate, and if sqlc itself is another, the hash is "+hash(p.source(base)))
	}
	for file, parsed := range p.syntax["db"] {
		if !made[file] {
			p.report(place{file, 1}, "file", "db holds what sqlc generates from the queries that are proven, and nothing else: what it asks, of any tenant, nobody has read")
		}
		if file == "db/models.go" {
			p.declares(parsed, func(*ast.FuncDecl) bool { return false }, func(string, ast.Expr) bool { return false })
		}
	}
}

// accessors are those of a file of queries, by name. What is wrong with the queries themselves is a finding elsewhere.
func accessors(file, text string) map[string]*accessor {
	of := map[string]*accessor{}
	names := nameLine.FindAllStringIndex(text, -1)
	for i, at := range names {
		end := len(text)
		if i+1 < len(names) {
			end = names[i+1][0]
		}
		form := nameForm.FindStringSubmatch(strings.TrimSpace(text[at[0]:at[1]]))
		q := &proof{}
		sql, err := q.number(text[at[1]:end])
		if form != nil && err == nil {
			of[form[1]] = &accessor{place{file, 1 + strings.Count(text[:at[0]], "\n")}, form[1], form[2], sql, q.names, false}
		}
	}
	return of
}

// proveAccessors compares a file of db with the queries that it is made of.
func (p *program) proveAccessors(file string, of map[string]*accessor) {
	parsed := p.syntax["db"][file]
	met := map[string]bool{}
	if parsed != nil {
		p.declares(parsed, nil, func(name string, value ast.Expr) bool {
			text, _ := p.text(value)
			for _, a := range of {
				if constantOf(a.name) != name {
					continue
				}
				first, sql, _ := strings.Cut(text, "\n")
				if first != "-- name: "+a.name+" :"+a.form || !a.made(sql) {
					a.other = true
					p.report(p.at(value), "db."+a.name, fmt.Sprintf("the statement is not that of the query at %s:%d, which is proven: it may be held to no tenant; run make generate", a.file, a.line))
				}
				return true
			}
			return false
		})
		p.declares(parsed, func(f *ast.FuncDecl) bool {
			a := of[f.Name.Name]
			if a == nil || f.Recv == nil || types.ExprString(f.Recv.List[0].Type) != "*Queries" {
				return false
			}
			met[a.name] = true
			if said := strings.Join(strings.Fields(strings.ReplaceAll(p.source(f.Body), ",\n", ", ")), " "); !a.other && !a.body().MatchString(said) {
				p.report(p.at(first(f)), "db."+a.name, "it does not run "+constantOf(a.name)+" with the parameters of its query, each in its place, and return the rows alone; "+
					"another's tenant could be named: run make generate")
			}
			return true
		}, nil)
	}
	for _, a := range of {
		if !met[a.name] {
			p.report(a.place, a.name, file+" has no accessor of it; run make generate")
		}
	}
}

// declares reports what a file of db declares besides types, and functions and constants that are known; nil: it does not look at these.
func (p *program) declares(parsed *ast.File, function func(*ast.FuncDecl) bool, value func(string, ast.Expr) bool) {
	other := func(node ast.Node) {
		p.report(p.at(node), "db", "sqlc makes no such thing of the queries that are proven: what it hands out, of any tenant, nobody has read; run make generate")
	}
	for _, decl := range parsed.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if function != nil && !function(d) {
				other(d)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					if value != nil && (d.Tok != token.CONST || len(s.Values) != 1 || !value(s.Names[0].Name, s.Values[0])) {
						other(s)
					}
				case *ast.TypeSpec:
					if _, ok := s.Type.(*ast.StructType); !ok || s.Assign.IsValid() {
						other(s)
					}
				}
			}
		}
	}
}

// first is the first statement of a function that has one.
func first(f *ast.FuncDecl) ast.Node {
	if len(f.Body.List) == 0 {
		return f
	}
	return f.Body.List[0]
}

func constantOf(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// body is what an accessor does, whatever it scans into: it runs its statement with its parameters, and returns what that returned.
func (a *accessor) body() *regexp.Regexp {
	arguments := ""
	for _, parameter := range a.parameters {
		name := strings.TrimSuffix(parameter, "?")
		if len(a.parameters) > 1 {
			name = "arg." + name
		}
		arguments += `, (?i:` + strings.ReplaceAll(regexp.QuoteMeta(name), "_", "") + `)_?`
	}
	call := func(method string) string {
		return `q\.db\.` + method + `\(ctx, ` + constantOf(a.name) + arguments + `,? ?\)`
	}
	const into = `\( ?(&\w+(\.\w+)*,? ?)+\)`
	switch a.form {
	case "one":
		return regexp.MustCompile(`^\{ row := ` + call("QueryRow") + ` var \w+ [\w.*\[\]]+ err := row\.Scan` + into + ` return \w+, err \}$`)
	case "many":
		return regexp.MustCompile(`^\{ rows, err := ` + call("Query") + ` if err != nil \{ return nil, err \} defer rows\.Close\(\) var items \[\][\w.*\[\]]+ ` +
			`for rows\.Next\(\) \{ var \w+ [\w.*\[\]]+ if err := rows\.Scan` + into + `; err != nil \{ return nil, err \} items = append\(items, \w+\) \} ` +
			`if err := rows\.Err\(\); err != nil \{ return nil, err \} return items, nil \}$`)
	case "execrows":
		return regexp.MustCompile(`^\{ result, err := ` + call("Exec") + ` if err != nil \{ return 0, err \} return result\.RowsAffected\(\), nil \}$`)
	}
	return regexp.MustCompile(`^\{ _, err := ` + call("Exec") + ` return err \}$`)
}

// made says that sqlc makes a statement of the query: it names the columns that a star or sqlc.embed stands for, and gives the parameters
// other numbers.
func (a *accessor) made(generated string) bool {
	tree, err := pg.Parse(a.sql)
	if err != nil {
		return false
	}
	other, err := pg.Parse(generated)
	if err != nil {
		return false
	}
	from, to := lists(tree), lists(other)
	if len(from) != len(to) {
		return false
	}
	for i := range from {
		*to[i] = folded(*from[i], *to[i])
	}
	asked, given := parameters(tree), parameters(other)
	if len(asked) != len(given) {
		return false
	}
	names := make([]string, len(a.parameters))
	for i, parameter := range given {
		if at := int(parameter.Number) - 1; at < 0 || at >= len(names) || names[at] != "" && names[at] != a.parameters[asked[i].Number-1] {
			return false
		}
		names[parameter.Number-1] = a.parameters[asked[i].Number-1]
		parameter.Number = asked[i].Number
	}
	a.parameters = names
	text, err := pg.Deparse(tree)
	said, err2 := pg.Deparse(other)
	return err == nil && err2 == nil && text == said
}

func parameters(tree *pg.ParseResult) (of []*pg.ParamRef) {
	visit(tree.ProtoReflect(), func(m message) bool {
		if parameter, ok := m.Interface().(*pg.ParamRef); ok {
			of = append(of, parameter)
		}
		return true
	})
	return of
}

// lists are the lists of what a statement selects and returns, from its top.
func lists(tree *pg.ParseResult) (of []*[]*pg.Node) {
	visit(tree.ProtoReflect(), func(m message) bool {
		switch n := m.Interface().(type) {
		case *pg.SelectStmt:
			of = append(of, &n.TargetList)
		case *pg.InsertStmt:
			of = append(of, &n.ReturningList)
		case *pg.UpdateStmt:
			of = append(of, &n.ReturningList)
		case *pg.DeleteStmt:
			of = append(of, &n.ReturningList)
		}
		return true
	})
	return of
}

// folded puts the star, or sqlc.embed, of one list in the place of the columns that another has for it, if they are of one table.
func folded(query, generated []*pg.Node) []*pg.Node {
	at := slices.IndexFunc(query, func(node *pg.Node) bool { return starOf(node) != "" })
	if at < 0 || at >= len(generated) {
		return generated
	}
	end := at
	for end < len(generated) && columnOf(generated[end]) == starOf(query[at]) {
		end++
	}
	if rest := query[at+1:]; !slices.ContainsFunc(rest, func(node *pg.Node) bool { return starOf(node) != "" }) {
		end = max(at, min(end, len(generated)-len(rest))) // the last of them may look like those of the star
	}
	return slices.Concat(generated[:at], query[at:at+1], folded(query[at+1:], generated[end:]))
}

// columnOf is the star that a bare column is one of, or "".
func columnOf(node *pg.Node) string {
	name := words(node.GetResTarget().GetVal().GetColumnRef().GetFields())
	if len(name) == 0 || node.GetResTarget().GetName() != "" {
		return ""
	}
	return strings.Join(append(slices.Clone(name[:len(name)-1]), "*"), ".")
}

// starOf is `*`, or `t.*`, also for sqlc.embed(t), or "".
func starOf(node *pg.Node) string {
	value := node.GetResTarget().GetVal()
	if call := value.GetFuncCall(); call != nil && builtin(call.Funcname) == "sqlc.embed" && len(call.Args) == 1 {
		return strings.Join(words(call.Args[0].GetColumnRef().GetFields()), ".") + ".*"
	}
	if name := words(value.GetColumnRef().GetFields()); len(name) > 0 && name[len(name)-1] == "*" {
		return strings.Join(name, ".")
	}
	return ""
}
