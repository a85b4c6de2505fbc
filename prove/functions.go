package prove

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"
)

// A function is known by its name: there is one of each.
type function struct {
	place
	name, signature string
	*pg.CreateFunctionStmt
	text       string // the statement
	bare       string // it without comments, once form has been asked
	source     string // the migration, in which the parser found it
	language   string
	body       string // what stands between the quotes; a RETURN has none
	bodyLine   int    // where it begins
	definer    bool
	pinned     bool // it has its own search_path
	trigger    bool
	parameters []string

	bound       string          // the parameter that it binds the transaction to in its first statement
	transitions map[string]bool // the tables of a trigger with the rows that fired it
	ofTenant    bool            // it goes by the tenant_id of those rows
	used        map[string]bool // as proof.used
	needs       map[string]bool // powers
}

// function takes in a function; what it does is read when all are known.
func (s *schema) function(c *pg.CreateFunctionStmt, raw *pg.RawStmt) {
	f := &function{
		place: s.line(s.start), name: strings.Join(words(c.Funcname), "."), CreateFunctionStmt: c,
		source:  s.text,
		text:    s.text[raw.StmtLocation:min(int(raw.StmtLocation+raw.StmtLen), len(s.text))],
		trigger: builtin(c.ReturnType.GetNames()) == "trigger", used: map[string]bool{}, needs: map[string]bool{},
	}
	fault := func(format string, args ...any) { s.report(f.place, f.name, fmt.Sprintf(format, args...)) }
	if c.IsProcedure || len(c.Funcname) != 1 {
		fault("a procedure, or a function outside of the schema public, or qualified by it," + notUnderstood)
	}
	if pure[f.name] || inner[f.name] || catalogueFunctions[f.name] {
		fault("it has the name of a built-in function that queries are trusted with")
	}
	for _, node := range c.Parameters {
		parameter := node.GetFunctionParameter()
		switch parameter.Mode {
		case pg.FunctionParameterMode_FUNC_PARAM_OUT, pg.FunctionParameterMode_FUNC_PARAM_TABLE:
			continue
		}
		kind := builtin(parameter.ArgType.Names)
		if !casts[kind] {
			fault("its parameter %s is of the type %s: with a row as its parameter it could be called as if it were a column", parameter.Name, kind)
		}
		f.parameters = append(f.parameters, parameter.Name)
		f.signature += fmt.Sprint(kind, parameter.ArgType.ArrayBounds != nil, " ")
	}
	if old := s.functions[f.name]; old != nil && (!c.Replace || old.signature != f.signature) {
		fault("there is one of this name with other parameters; prove knows a function by its name, so call one otherwise")
	}
	for _, option := range c.Options {
		switch o := option.GetDefElem(); o.Defname {
		case "volatility", "parallel", "strict", "cost", "rows":
		case "language":
			f.language = o.Arg.GetString_().GetSval()
		case "security":
			f.definer = o.Arg.GetBoolean().GetBoolval()
		case "as":
			f.body = o.Arg.GetList().GetItems()[0].GetString_().GetSval()
			for _, token := range s.tokens {
				if f.bodyLine == 0 && token.Start >= o.Location && token.Token == pg.Token_SCONST {
					f.bodyLine = s.line(int(token.Start)).line
				}
			}
		case "set":
			set := o.Arg.GetVariableSetStmt()
			var path []string
			for _, arg := range set.GetArgs() {
				path = append(path, arg.GetAConst().GetSval().GetSval())
			}
			if f.pinned = set.GetName() == "search_path" && strings.Join(path, ", ") == pinnedPath; !f.pinned {
				fault("SET %s: a function sets its search_path, to %s, and nothing else", set.GetName(), pinnedPath)
			}
		case "leakproof":
			fault("LEAKPROOF: it would be asked of the rows of others before row-level security hides them")
		default:
			fault("%s%s", strings.ToUpper(o.Defname), notUnderstood)
		}
	}
	if f.definer {
		f.needs["definer"] = true
		if !f.pinned {
			fault("SECURITY DEFINER without SET search_path = %s", pinnedPath)
		}
	}
	s.functions[f.name] = f
}

// readFunctions reads the bodies that the migrations leave.
func (s *schema) readFunctions() {
	names := slices.Sorted(maps.Keys(s.functions))
	for _, name := range names {
		f := s.functions[name]
		f.transitions = map[string]bool{}
		for _, t := range s.tables {
			for _, c := range t.triggers {
				for _, rows := range c.TransitionRels {
					if c.function() == name {
						f.transitions[rows.GetTriggerTransition().Name] = true
					}
				}
			}
		}
		s.read(f)
	}
	for _, name := range names { // who calls a power has it
		for _, called := range s.closure(s.functions[name]) {
			maps.Copy(s.functions[name].needs, called.needs)
		}
	}
	for _, name := range names {
		f := s.functions[name]
		fault := func(format string, args ...any) { s.report(f.place, name, fmt.Sprintf(format, args...)) }
		listed := set(powers[name].may)
		var unlisted []string
		for _, need := range slices.Sorted(maps.Keys(f.needs)) {
			if !listed[need] || !s.excuse(need+" of "+name, powers[name].why) {
				unlisted = append(unlisted, needs[need])
			}
		}
		if unlisted != nil {
			fault("%s; list it in prove with the reason", strings.Join(unlisted, "; "))
		}
		for _, may := range slices.Sorted(maps.Keys(listed)) {
			if !f.needs[may] {
				fault("prove lists it with the power %s, which it does not use", may)
			}
		}
		if is, ok := pinnedFunctions[name]; ok && !same(f.SqlBody.GetReturnStmt().GetReturnval(), is) {
			fault("everything stands on it, so it is RETURN %s", is)
		}
		if of, is := strings.CutSuffix(name, "_audit"); is && s.tables[of] != nil && !f.used["insert audit_events"] {
			fault("it writes no audit event")
		}
		for _, at := range advisory.FindAllStringIndex(f.body, -1) {
			key := f.body[at[1]:]
			key = key[:strings.Index(key+"\n", "\n")]
			if !strings.Contains(key, "current_tenant()") && !slices.ContainsFunc(locks, func(of string) bool { return strings.HasPrefix(key, of) }) {
				s.report(place{f.file, f.bodyLine + strings.Count(f.body[:at[0]], "\n")}, name,
					"an advisory lock whose key does not name current_tenant(): a tenant that finds it taken learns that another works on what has the same key")
			}
		}
		for use := range f.used {
			if called, ok := strings.CutPrefix(use, "execute "); ok && s.functions[called].trigger {
				fault("it calls the trigger function %s", called)
			}
		}
	}
}

// locks begin the keys of which no tenant can learn that they are taken: of what is the same for all, and of what only functions lock that no
// query of a tenant may call.
var locks = []string{"hashtextextended('permissions', 0)", "hashtextextended('identity ' "}

// advisory is where a lock by a key begins.
var advisory = regexp.MustCompile(`pg_(?:try_)?advisory_\w*lock\w*\(`)

// What a function does that only one with the power may do.
var needs = map[string]string{
	"definer":   "it is SECURITY DEFINER: whoever may call it does what its owner may",
	"settings":  "it makes settings, by which transactions are bound",
	"accounts":  "it names a table of accounts, which no tenant holds",
	"catalogue": "it reads PostgreSQL's own catalogue",
	"queue":     "it names the table of the queue",
	"forgets":   "it changes rows and leaves no event",
	"unread":    "it makes SQL of names in the catalogue, which prove does not read",
}

// read proves the body of one function, as a query is proven: what it names of tenants is held to the bound tenant.
func (s *schema) read(f *function) {
	if may := set(powers[f.name].may); may["unread"] { // somebody has, and its hash holds it to that
		maps.Copy(f.needs, may)
		return
	}
	at := func(line int) place { return place{f.file, line} }
	for _, node := range f.Parameters {
		if value := node.GetFunctionParameter().Defexpr; value != nil {
			s.prove(f, 1, f.source, value)
		}
	}
	switch {
	case f.SqlBody.GetReturnStmt() != nil:
		s.prove(f, 1, f.source, f.SqlBody.GetReturnStmt().Returnval)
	case f.language == "sql" && f.body != "":
		tree, err := pg.Parse(f.body)
		if err != nil {
			s.report(at(f.bodyLine+strings.Count(f.body[:errorAt(err)], "\n")), f.name, err.Error())
			return
		}
		for _, raw := range tree.Stmts {
			s.prove(f, f.bodyLine, f.body, raw.Stmt)
		}
	case f.language == "plpgsql" && f.body != "":
		for _, line := range strings.Split(f.body, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				s.report(f.place, f.name, line+notUnderstood+"; #variable_conflict makes a variable of what looks like a column")
				return
			}
		}
		tree, err := f.plpgsqlTree()
		if err != nil {
			s.report(f.place, f.name, err.Error())
			return
		}
		r := &reader{schema: s, function: f, line: 1}
		r.binds(tree)
		r.walk(tree)
	default:
		s.report(f.place, f.name, fmt.Sprintf("a body in the language %s, or without quotes or RETURN,%s", cmp.Or(f.language, "sql"), notUnderstood))
	}
}

// prove proves one statement, or one expression, of a function.
func (s *schema) prove(f *function, first int, text string, node *pg.Node) {
	p := newProof(inSchema, s)
	p.within, p.text, p.first = f, text, first
	p.inFunction(node)
	s.tell(f, p)
}

// inFunction proves a statement or an expression.
func (p *proof) inFunction(node *pg.Node) {
	p.names, p.used = p.within.parameters, p.within.used
	if what, part := strange(node.ProtoReflect(), true); what != "" {
		p.fault(part.Interface(), "%s%s", what, notUnderstood)
		return
	}
	switch node.GetNode().(type) {
	case *pg.Node_SelectStmt, *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt:
		p.statement(node, nil)
	default:
		p.expr(nil, node.ProtoReflect())
	}
	for _, o := range p.occurrences {
		p.hold(o)
	}
}

func (s *schema) tell(f *function, p *proof) {
	for _, fault := range p.faults {
		s.report(place{f.file, fault.line}, f.name, fault.text)
	}
}

// isTenant reports whether a name is the tenant that the transaction is bound to: that of the row that fired the trigger, or
// the parameter that the function has bound it to.
func (f *function) isTenant(name []string) bool {
	if f.trigger && len(name) == 2 && (name[0] == "new" || name[0] == "old") && name[1] == "tenant_id" {
		f.ofTenant = true
		return true
	}
	return f.bound != "" && (slices.Equal(name, []string{f.bound}) || slices.Equal(name, []string{f.name, f.bound}))
}

// A reader walks through the tree of a PL/pgSQL body.
type reader struct {
	schema   *schema
	function *function
	line     int // of the statement, within the body
}

// What a body may hold, with the fields of each. Any other is a finding: EXECUTE and cursors, whose SQL is not there to be
// read, and all that no function has needed yet.
var plpgsql = map[string]map[string]bool{
	"PLpgSQL_function":     set("new_varno old_varno out_param_varno datums action"),
	"PLpgSQL_var":          set("refname lineno datatype isconst notnull default_val"),
	"PLpgSQL_rec":          set("refname dno lineno"),
	"PLpgSQL_recfield":     set("fieldname recparentno"),
	"PLpgSQL_row":          set("refname lineno fields"),
	"PLpgSQL_type":         set("typname"),
	"PLpgSQL_expr":         set("query parseMode"),
	"PLpgSQL_stmt_block":   set("lineno body exceptions"),
	"PLpgSQL_stmt_if":      set("lineno cond then_body elsif_list else_body"),
	"PLpgSQL_if_elsif":     set("lineno cond stmts"),
	"PLpgSQL_stmt_raise":   set("lineno elog_level condname message params options"),
	"PLpgSQL_raise_option": set("opt_type expr"),
	"PLpgSQL_stmt_perform": set("lineno expr"),
	"PLpgSQL_stmt_execsql": set("lineno sqlstmt into strict target"),
	"PLpgSQL_stmt_assign":  set("lineno varno expr"),
	"PLpgSQL_stmt_return":  set("lineno expr"),
	"PLpgSQL_stmt_fors":    set("lineno var body query"),

	"PLpgSQL_exception_block": set("exc_list"),
	"PLpgSQL_exception":       set("lineno conditions action"),
	"PLpgSQL_condition":       set("condname sqlerrstate"),
}

func (r *reader) fault(format string, args ...any) {
	r.schema.report(place{r.function.file, r.function.bodyLine + r.line - 1}, r.function.name, fmt.Sprintf(format, args...))
}

func (r *reader) walk(tree any) {
	if list, ok := tree.([]any); ok {
		for _, item := range list {
			r.walk(item)
		}
		return
	}
	nodes, _ := tree.(map[string]any)
	for _, kind := range slices.Sorted(maps.Keys(nodes)) {
		known, ok := plpgsql[kind]
		fields, _ := nodes[kind].(map[string]any)
		if line, ok := fields["lineno"].(float64); ok {
			r.line = int(line)
		}
		if !ok {
			r.fault("%s%s", kind, notUnderstood)
			continue
		}
		for field := range fields {
			if !known[field] {
				r.fault("%s.%s%s", kind, field, notUnderstood)
			}
		}
		switch kind {
		case "PLpgSQL_expr":
			r.expr(fields["query"].(string), fields["parseMode"].(float64))
			continue
		case "PLpgSQL_var", "PLpgSQL_rec":
			if name, ok := fields["refname"].(string); ok && fields["lineno"] != nil { // parameters are on no line
				r.assigns(name)
			}
		case "PLpgSQL_stmt_execsql", "PLpgSQL_stmt_fors":
			r.target(cmp.Or(fields["target"], fields["var"]))
		case "PLpgSQL_stmt_return":
			r.returns(fields)
		case "PLpgSQL_condition":
			if fields["condname"] != "insufficient_resources" {
				r.fault("it catches %v, which may be a refusal: what may be caught is insufficient_resources", fields["condname"])
			}
		}
		for _, field := range []string{"datums", "action", "default_val", "expr", "cond", "query", "sqlstmt", "message", "params", "options",
			"stmts", "then_body", "elsif_list", "else_body", "body", "exceptions", "exc_list", "conditions"} {
			r.walk(fields[field])
		}
	}
}

// expr proves one piece of SQL: a statement, an expression or an assignment, as its mode says.
func (r *reader) expr(text string, mode float64) {
	f, from := r.function, r.line
	switch mode {
	case 0: // a statement
	case 2:
		text = "SELECT " + text
	default:
		target, value := assignment(text)
		r.assigns(target)
		text = "SELECT " + value
	}
	tree, err := pg.Parse(text)
	if err != nil || len(tree.Stmts) != 1 {
		r.fault("%v: %v", text, err)
		return
	}
	p := newProof(inSchema, r.schema)
	p.within, p.text, p.first = f, text, f.bodyLine+from-1
	p.inFunction(tree.Stmts[0].Stmt)
	for i, fault := range p.faults { // INTO has been cut out, and newlines with it
		said := strings.Split(text, "\n")[fault.line-p.first]
		for n, line := range strings.Split(f.body, "\n") {
			if n >= from-1 && strings.Contains(line, strings.TrimSpace(said)) {
				p.faults[i].line = f.bodyLine + n
				break
			}
		}
	}
	r.schema.tell(f, p)
}

// assigns reports the assignment of what says whose a row is.
func (r *reader) assigns(target string) {
	switch name := strings.ToLower(strings.TrimSpace(target)); {
	case name == r.function.bound && name != "", r.function.trigger && fixed[name]:
		r.fault("%s is declared or assigned anew: it says whose the row is, and stays what it was", name)
	}
}

var fixed = set("new old new.tenant_id new.scope_id new.account_id new.id old.tenant_id old.scope_id old.account_id old.id")

// target reports an INTO that assigns as assigns does.
func (r *reader) target(target any) {
	nodes, _ := target.(map[string]any)
	for _, node := range nodes {
		fields, _ := node.(map[string]any)
		if name, ok := fields["refname"].(string); ok {
			r.assigns(name)
		}
		list, _ := fields["fields"].([]any)
		for _, field := range list {
			name, _ := field.(map[string]any)["name"].(string)
			r.assigns(name)
		}
	}
}

// returns reports a trigger function that returns another row than those that fired it.
func (r *reader) returns(fields map[string]any) {
	row := queryOf(fields, "expr")
	if r.function.trigger && row != "" && !slices.Contains([]string{"NEW", "OLD", "NULL", "coalesce(NEW, OLD)"}, row) {
		r.fault("RETURN %s: a trigger returns NEW, OLD, coalesce(NEW, OLD) or NULL, so that it puts no other row in their place", row)
	}
}

// binds finds the parameter that the first statement binds the transaction to.
func (r *reader) binds(tree any) {
	for _, step := range []string{"PLpgSQL_function", "action", "PLpgSQL_stmt_block", "body", "PLpgSQL_stmt_perform", "expr", "PLpgSQL_expr", "query"} {
		if list, ok := tree.([]any); ok && len(list) > 0 {
			tree = list[0]
		}
		fields, _ := tree.(map[string]any)
		tree = fields[step]
	}
	first, _ := tree.(string)
	for _, parameter := range r.function.parameters {
		if first == fmt.Sprintf("SELECT set_config('app.tenant_id', %s::text, true)", parameter) {
			r.function.bound = parameter
		}
	}
}

// closure is a function and all that it calls.
func (s *schema) closure(f *function) (all []*function) {
	for next := []*function{f}; len(next) > 0; next = next[1:] {
		if slices.Contains(all, next[0]) {
			continue
		}
		all = append(all, next[0])
		for _, use := range slices.Sorted(maps.Keys(next[0].used)) {
			if name, ok := strings.CutPrefix(use, "execute "); ok {
				next = append(next, s.functions[name])
			}
		}
	}
	return all
}

// reaches lists the tables and powers of a function and of all that it calls.
func (s *schema) reaches(f *function) (what []string) {
	for _, g := range s.closure(f) {
		for _, use := range slices.Sorted(maps.Keys(g.used)) {
			if !strings.HasPrefix(use, "execute ") {
				what = append(what, g.name+"() may "+use)
			}
		}
		for _, need := range slices.Sorted(maps.Keys(g.needs)) {
			what = append(what, g.name+"(): "+needs[need])
		}
	}
	return what
}

// refuses says why queries of a scope may not call a function, or "".
func (s *schema) refuses(f *function, scope string) string {
	for _, g := range s.closure(f) {
		power, listed := powers[g.name]
		switch {
		case listed && power.by != scope:
			return fmt.Sprintf("the function %s is not for queries of the scope %s: %s", g.name, scope, power.why)
		case listed:
			continue
		case g.trigger:
			return fmt.Sprintf("the function %s is for triggers", g.name)
		}
		for _, use := range slices.Sorted(maps.Keys(g.used)) {
			verb, name, _ := strings.Cut(use, " ")
			if t := s.tables[name]; verb != "execute" && (t.kind() == internal || t.kind() == ofTenant && scope != "tenant") {
				return fmt.Sprintf("the function %s may %s %s, which is not for queries of the scope %s: %s", g.name, verb, name, scope, t.why())
			}
		}
	}
	return ""
}

func isComment(token *pg.ScanToken) bool {
	return token.Token == pg.Token_SQL_COMMENT || token.Token == pg.Token_C_COMMENT
}

// errorAt is where the parser stopped.
func errorAt(err error) int {
	var said *parser.Error
	if errors.As(err, &said) && said.Cursorpos > 0 {
		return said.Cursorpos - 1
	}
	return 0
}
