package prove

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
)

// A Mutant is a function of the schema with one thing of it changed. Without a change it is the function itself, each statement written
// anew: whatever tells it from what the migrations made would be told of every mutant.
type Mutant struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Change   string `json:"change"`
	SQL      string `json:"sql"` // makes it
}

// Functions of which there are no mutants, and why. Those that are pinned to the letter have none either.
var unmutated = map[string]string{
	"catalogue_faults": "it tells of the catalogue, of no row; TestCatalogueFaults breaks the catalogue in each way that it looks for",
	"login_faults":     "it tells of roles, of no row; the same",
	"quota_subjects":   "it tells of the catalogue, of no row; TestHeld finds a table that it misses",
	"uuid_v7":          "it computes what is new",
	"fold":             "it computes, and reads nothing but its argument",
	"fold_unicode":     "the same",
}

// model is the table of whose audit and versions there are mutants.
const model = "items"

// alike are the functions that differ from those of the model in table and columns alone: package resource writes them all, and its tests
// compare them.
func (s *schema) alike() map[string]bool {
	names := map[string]bool{}
	for _, t := range s.tables {
		if t.name != model {
			names[t.audit()], names[t.touch()] = true, true
		}
	}
	return names
}

// Mutants are those of every function that the migrations leave, in the order of the functions' names: of what runs as its owner, what is
// called by it, and what is called by the database or for the permission of a caller.
func Mutants(project fs.FS) (all []Mutant, err error) {
	s := readSchema(project, func(at place, subject, fault string) { err = fmt.Errorf("%v", finding{at, subject, fault}) }, anyReason)
	alike := s.alike()
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		if alike[name] || pinnedFunctions[name] != "" || unmutated[name] != "" {
			continue
		}
		if set(powers[name].may)["unread"] { // the SQL that it makes is not here to be changed
			continue
		}
		of, failed := s.functions[name].mutants()
		if failed != nil {
			return nil, fmt.Errorf("%s: %w", name, failed)
		}
		all = append(all, of...)
	}
	return all, err
}

// A fragment is a piece of a function's text that is SQL: a statement, or an expression as the only thing that a SELECT selects.
type fragment struct {
	from, to  int // in the text
	node      *pg.Node
	condition bool   // of an IF
	dropped   string // what stands before the text in what was parsed
	into      string // what has been cut out of it
	yields    bool   // what it selects is assigned, or is the result
	what      string // for an expression, what it is for
}

// A surgeon takes a function apart.
type surgeon struct {
	*function
	base      int // where the body begins in the function's text
	fragments []fragment
	removable []fragment // whole statements
	err       error
}

// mutants are the function's, the unchanged one first.
func (f *function) mutants() (all []Mutant, err error) {
	s := &surgeon{function: f}
	s.takeApart()
	if s.err != nil {
		return nil, s.err
	}
	seen := map[string]int{}
	add := func(at int, change, text string) {
		if seen[change]++; seen[change] > 1 && change != "" {
			change += fmt.Sprintf(" (%d)", seen[change])
		}
		begin := strings.Index(f.source, f.text)
		all = append(all, Mutant{f.name, f.file, 1 + strings.Count(f.source[:begin+at], "\n"), change, orReplace(text)})
	}
	anew := f.text
	for _, part := range slices.Backward(s.fragments) {
		text, err := part.text(part.node)
		if err != nil {
			return nil, err
		}
		anew = anew[:part.from] + text + anew[part.to:]
	}
	add(strings.Index(f.text, f.body), "", anew)
	for _, part := range s.fragments {
		for n := 0; ; n++ {
			e := &editor{left: n}
			tree := proto.Clone(part.node).(*pg.Node)
			e.fragment(part, tree)
			if e.change == "" {
				break
			}
			text, err := part.text(tree)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.change, err)
			}
			add(part.lineOf(f.text, e.at), e.change, f.text[:part.from]+text+f.text[part.to:])
		}
	}
	for _, part := range s.removable {
		was := strings.Join(strings.Fields(f.text[part.from:part.to]), " ")
		add(part.from, "without "+short(was), f.text[:part.from]+"NULL"+f.text[part.to:])
	}
	return all, nil
}

// orReplace makes what creates a function replace it.
func orReplace(text string) string {
	_, text, _ = strings.Cut(text, "FUNCTION")
	return "CREATE OR REPLACE FUNCTION" + text
}

// short is a text as far as a list shows it.
func short(text string) string {
	if len(text) > 110 {
		return text[:107] + "…"
	}
	return text
}

// text is what stands in the function for a tree. Calls are written as calls: the parser's own writer forgets the parentheses of what is
// given to AT TIME ZONE, and the like.
func (f fragment) text(node *pg.Node) (string, error) {
	tree, err := pg.Parse("SELECT 1") // which knows its version
	if err != nil {
		return "", err
	}
	node = proto.Clone(node).(*pg.Node)
	visit(node.ProtoReflect(), func(m message) bool {
		if call, ok := m.Interface().(*pg.FuncCall); ok && call.Funcformat == pg.CoercionForm_COERCE_SQL_SYNTAX {
			call.Funcformat = pg.CoercionForm_COERCE_EXPLICIT_CALL
		}
		return true
	})
	tree.Stmts[0].Stmt = node
	text, err := pg.Deparse(tree)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(text, f.dropped) + f.into, nil
}

// lineOf is where in a function's text a part of the fragment stands, about: what was cut out may have had a line of its own.
func (f fragment) lineOf(text string, at int) int {
	return min(f.from+max(0, at-len(f.dropped)), f.to, len(text))
}

// takeApart finds the fragments of the function.
func (s *surgeon) takeApart() {
	f := s.function
	if value := f.SqlBody.GetReturnStmt(); value != nil {
		from := strings.LastIndex(f.text, "RETURN ") + len("RETURN ")
		s.expression(from, f.text[from:], "RETURN", false)
		return
	}
	s.base = strings.Index(f.text, f.body)
	if f.language == "sql" {
		tree, err := pg.Parse(f.body)
		if err != nil {
			s.err = err
			return
		}
		for i, raw := range tree.Stmts {
			from := int(raw.StmtLocation)
			to := from + int(raw.StmtLen)
			from += len(f.body[from:to]) - len(strings.TrimLeft(f.body[from:to], " \n"))
			node, err := pg.Parse(f.body[from:to])
			if err != nil {
				s.err = err
				return
			}
			s.fragments = append(s.fragments, fragment{from: s.base + from, to: s.base + to, node: node.Stmts[0].Stmt, yields: i == len(tree.Stmts)-1})
		}
		return
	}
	tree, err := f.plpgsqlTree()
	if err != nil {
		s.err = err
		return
	}
	s.walk(tree, 1)
	slices.SortStableFunc(s.fragments, func(a, b fragment) int { return a.from - b.from })
	s.fragments = slices.CompactFunc(s.fragments, func(a, b fragment) bool { return a.from == b.from })
}

// walk goes through what PL/pgSQL made of a body. What it does not know readFunctions has reported.
func (s *surgeon) walk(tree any, line int) {
	eachNode(tree, line, func(kind string, fields map[string]any, line int) {
		query := func(field string) string { return queryOf(fields, field) }
		switch kind {
		case "PLpgSQL_var":
			if value := query("default_val"); value != "" {
				s.find(line, value, "DECLARE", false)
			}
		case "PLpgSQL_stmt_if", "PLpgSQL_if_elsif":
			s.find(line, query("cond"), "IF", true)
		case "PLpgSQL_stmt_assign":
			from := s.find(line, query("expr"), "", false)
			s.removable = append(s.removable, fragment{from: from, to: s.end(from)})
		case "PLpgSQL_stmt_return":
			if value := query("expr"); value != "" && expression(value).GetColumnRef() == nil && expression(value).GetAConst() == nil {
				s.find(line, value, "RETURN", false)
			} else if value == "" && fields["lineno"] != nil { // or it is the one that no function says at its end
				from := s.keyword(line, "return")
				s.removable = append(s.removable, fragment{from: from, to: s.end(from)})
			}
		case "PLpgSQL_stmt_raise":
			from := s.keyword(line, "raise")
			s.removable = append(s.removable, fragment{from: from, to: s.end(from)})
		case "PLpgSQL_stmt_perform":
			from := s.keyword(line, "perform")
			s.removable = append(s.removable, fragment{from: from, to: s.end(from)})
			from += len("PERFORM")
			s.statement(from, s.end(from), query("expr"), fragment{dropped: "SELECT"})
		case "PLpgSQL_stmt_execsql":
			text := query("sqlstmt")
			from := s.keyword(line, strings.ToLower(strings.Fields(text)[0]))
			into := into(fields)
			s.removable = append(s.removable, fragment{from: from, to: s.end(from)})
			s.statement(from, s.end(from), text, fragment{into: into, yields: into != ""})
		case "PLpgSQL_stmt_fors":
			text := query("query")
			from := s.offset(line) + strings.Index(s.text[s.offset(line):], text)
			s.statement(from, from+len(text), text, fragment{})
		}
		for _, field := range []string{"datums", "action", "body", "then_body", "elsif_list", "stmts", "else_body"} {
			s.walk(fields[field], line)
		}
	})
}

// offset is where a line of the body begins in the function's text.
func (s *surgeon) offset(line int) int {
	at := s.base
	for range line - 1 {
		at += strings.IndexByte(s.text[at:], '\n') + 1
	}
	return at
}

// within is where the first token of the body stands, behind a byte of the text, that is the one; depth counts parentheses.
func (s *surgeon) within(from int, is func(text string, depth int) bool) (at int) {
	scan, err := pg.Scan(s.text[from : s.base+len(s.body)])
	if err != nil {
		s.err = err
		return from
	}
	depth := 0
	for _, token := range scan.Tokens {
		switch text := s.text[from+int(token.Start) : from+int(token.End)]; {
		case isComment(token):
		case is(strings.ToLower(text), depth):
			return from + int(token.Start)
		case text == "(":
			depth++
		case text == ")":
			depth--
		}
	}
	s.err = fmt.Errorf("a statement in %q%s", short(s.text[from:]), notUnderstood)
	return from
}

// keyword is where a statement begins that PL/pgSQL says to stand in a line of the body.
func (s *surgeon) keyword(line int, word string) int {
	return s.within(s.offset(line), func(text string, _ int) bool { return text == word })
}

// end is where the statement ends that begins at a byte.
func (s *surgeon) end(from int) int {
	return s.within(from, func(text string, depth int) bool { return text == ";" && depth == 0 })
}

// find adds an expression that stands in the body as it was read, in a line or behind it; of an assignment, what is assigned.
func (s *surgeon) find(line int, text, what string, condition bool) (from int) {
	from = s.offset(line)
	at := strings.Index(s.text[from:], text)
	if at < 0 {
		s.err = fmt.Errorf("%q is not in the text of %s", text, s.name)
		return from
	}
	from += at
	target, value, assigned := strings.Cut(text, ":=")
	if what != "" || !assigned {
		s.expression(from, text, what, condition)
		return from
	}
	blank := len(value) - len(strings.TrimLeft(value, " \n"))
	s.expression(from+len(target)+len(":=")+blank, value[blank:], strings.TrimSpace(target)+" :=", false)
	return from
}

func (s *surgeon) expression(from int, text, what string, condition bool) {
	tree, err := pg.Parse("SELECT " + text)
	if err != nil {
		s.err = err
		return
	}
	s.fragments = append(s.fragments, fragment{from: from, to: from + len(text), node: tree.Stmts[0].Stmt, condition: condition, dropped: "SELECT ", what: what})
}

func (s *surgeon) statement(from, to int, text string, as fragment) {
	tree, err := pg.Parse(text)
	if err != nil {
		s.err = err
		return
	}
	as.from, as.to, as.node = from, to, tree.Stmts[0].Stmt
	s.fragments = append(s.fragments, as)
}

// into says where a statement puts what it yields.
func into(fields map[string]any) string {
	names := targets(fields["target"])
	if names == nil {
		return ""
	}
	return " INTO " + strings.Join(names, ", ")
}
