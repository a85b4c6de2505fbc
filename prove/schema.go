package prove

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A schema is what the Up parts of the migrations make, one after the other.
type schema struct {
	tables    map[string]*table
	functions map[string]*function
	grants    map[grant]place
	called    []call
	report    reporter
	excuse    excuse
	ledger    *ledger
	said      map[string]bool // of what there are findings

	// The migration being read, and the statement of it that is being applied, which begins at start.
	file, text string
	tokens     []*pg.ScanToken
	start      int
	statement  string
}

// readSchema reads the migrations of a project, and the functions that they leave.
func readSchema(project fs.FS, report reporter, excuse excuse) *schema {
	s := &schema{tables: map[string]*table{}, functions: map[string]*function{}, grants: map[grant]place{}, excuse: excuse, ledger: newLedger(excuse), said: map[string]bool{}}
	s.report = func(at place, subject, fault string) {
		s.said[subject] = true
		report(at, subject, fault)
	}
	each(project, report, "sql/migrations/*.sql", s.migrate)
	s.readFunctions()
	return s
}

type table struct {
	name            string
	made            place
	lost            map[string]place // what it once had, and where that went
	columns         map[string]*column
	indexes         []index
	foreign         []foreign
	enabled, forced bool
	resting         bool // its triggers are disabled
	policies        map[string]policy
	triggers        map[string]trigger
	calls           map[string]bool // functions in its defaults, checks, generated columns and indexes
}

type policy struct {
	*pg.CreatePolicyStmt
	place
	text string // of its migration
}

type trigger struct {
	*pg.CreateTrigStmt
	place
}

// function is the name of what it executes.
func (t trigger) function() string { return builtin(t.Funcname) }

// A call is a function that an expression of the schema names: what calls it is the database, for whoever touches the row.
type call struct {
	place
	subject, function string
}

type column struct{ kind, comment string }

type index struct {
	place
	name            string
	columns         []string // an expression is ""
	primary, unique bool
	partial         bool // or not a btree: it serves no foreign key
}

type foreign struct {
	place
	name, to    string
	here, there []string
}

func (t *table) kind() kind {
	if t.columns["tenant_id"] != nil {
		return ofTenant
	}
	return untenanted[t.name].kind
}

func (t *table) why() string {
	if listed, ok := untenanted[t.name]; ok {
		return listed.why
	}
	return "its rows belong to tenants"
}

// audit is the name of the function that writes the events of a table's rows.
func (t *table) audit() string { return t.name + "_audit" }

// touch is the name of the function that counts the versions of a table's rows.
func (t *table) touch() string { return t.name + "_touch" }

// lead is the column that says whose a row is.
func (t *table) lead() string {
	switch {
	case t.name == "tenants":
		return "id"
	case t.columns["tenant_id"] != nil:
		return "tenant_id"
	case t.columns["scope_id"] != nil:
		return "scope_id"
	}
	return "id"
}

var (
	gooseLine  = regexp.MustCompile(`(?mi)^[ \t]*--[ \t]*\+goose.*$`)
	gooseLines = []string{"-- +goose NO TRANSACTION", "-- +goose Up", "-- +goose Down", "-- +goose StatementBegin", "-- +goose StatementEnd"}
)

// migrate reads one migration: what its Up makes, and that its Down leaves what was there before.
func (s *schema) migrate(file, text string) {
	s.file, s.text = file, text
	if listed := unreadMigrations[file]; listed.why != "" {
		if !s.ledger.covers("the migration "+file, listed, text) {
			s.report(s.line(0), "it is not read", "what stands there may reach rows of tenants"+unlisted(listed, text))
		}
		return
	}
	end, ups, downs, last := len(text), 0, 0, 0
	for _, at := range gooseLine.FindAllStringIndex(text, -1) {
		switch line := text[at[0]:at[1]]; {
		case !slices.Contains(gooseLines, line):
			s.report(s.line(at[0]), line, "goose may read it otherwise than prove, who knows "+strings.Join(gooseLines, ", "))
			return
		case line == "-- +goose Up":
			ups, last = ups+1, at[0]
		case line == "-- +goose Down":
			downs, end = downs+1, min(end, at[0])
		}
	}
	if ups != 1 || downs > 1 || last > end {
		s.report(s.line(last), "file", "it must say `-- +goose Up` once, and then `-- +goose Down` once or never, or goose runs other statements than prove reads")
		return
	}
	before := s.shape()
	s.run(text[:end]) // as if there were nothing behind
	if downs == 0 {
		return
	}
	undone := s.clone()
	undone.run(lines.ReplaceAllString(text[:end], "") + text[end:]) // each line where it was
	here := place{file, 1 + strings.Count(text[:end], "\n")}
	after := undone.shape()
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if was, is := before[name], after[name]; was != is {
			s.report(here, name, fmt.Sprintf("the Down leaves it as %q, and before the Up it was %q: whoever migrates down serves tenants with other walls than those that were proven", is, was))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if after[name] == "" && walls.MatchString(name) {
			s.report(here, name, fmt.Sprintf("the Down leaves it away, and before the Up it was %q: whoever migrates down serves tenants without it", before[name]))
		}
	}
}

var (
	lines = regexp.MustCompile(`[^\n]+`)
	walls = regexp.MustCompile(`^(table|policy|trigger|reference|function) `) // what must be there again; less of the rest lets nobody see more
)

// run applies the statements of a part of a migration.
func (s *schema) run(text string) {
	s.text, s.tokens = text, nil
	tree, err := pg.Parse(s.text)
	if err == nil {
		var scan *pg.ScanResult
		if scan, err = pg.Scan(s.text); err == nil {
			s.tokens = slices.DeleteFunc(scan.Tokens, isComment)
		}
	}
	if err != nil {
		s.report(s.line(errorAt(err)), "file", err.Error())
		return
	}
	for _, raw := range tree.Stmts {
		s.start = int(s.token(int(raw.StmtLocation)).GetStart())
		s.statement = s.text[s.start:max(s.start, end(raw, s.text))]
		s.apply(raw)
	}
}

// end is where a statement ends in the text.
func end(raw *pg.RawStmt, text string) int {
	if raw.StmtLen == 0 {
		return len(text)
	}
	return int(raw.StmtLocation + raw.StmtLen)
}

// clone is a schema to which a Down is applied.
func (s *schema) clone() *schema {
	c := *s
	c.called = nil
	c.functions, c.grants, c.tables = maps.Clone(s.functions), maps.Clone(s.grants), map[string]*table{}
	for name, t := range s.tables {
		of := *t
		of.lost, of.policies, of.triggers, of.calls = maps.Clone(t.lost), maps.Clone(t.policies), maps.Clone(t.triggers), maps.Clone(t.calls)
		of.indexes, of.foreign, of.columns = slices.Clone(t.indexes), slices.Clone(t.foreign), map[string]*column{}
		for name, column := range t.columns {
			copied := *column
			of.columns[name] = &copied
		}
		c.tables[name] = &of
	}
	return &c
}

// shape is what holds tenants apart, by name, each in the one way that its meaning has.
func (s *schema) shape() map[string]string {
	shape := map[string]string{}
	for _, t := range s.tables {
		shape["table "+t.name] = fmt.Sprintf("row-level security %t, forced %t", t.enabled, t.forced)
		for name, policy := range t.policies {
			shape["policy "+name+" of "+t.name] = written(&pg.Node{Node: &pg.Node_CreatePolicyStmt{CreatePolicyStmt: policy.CreatePolicyStmt}})
		}
		for name, trigger := range t.triggers {
			shape["trigger "+name+" of "+t.name] = written(&pg.Node{Node: &pg.Node_CreateTrigStmt{CreateTrigStmt: trigger.CreateTrigStmt}})
		}
		for _, i := range t.indexes {
			if i.unique {
				shape["unique "+i.name+" of "+t.name] = strings.Join(i.columns, ", ")
			}
		}
		for _, f := range t.foreign {
			shape["reference "+f.name+" of "+t.name] = fmt.Sprint(f.here, f.to, f.there)
		}
	}
	for held := range s.grants {
		shape["privilege of "+held.role+" to "+held.use] = "held"
	}
	for name, f := range s.functions {
		shape["function "+name] = f.form()
	}
	return shape
}

// written writes a statement in the one way that its meaning has.
func written(statement *pg.Node) string {
	tree, err := pg.Parse("SELECT 1")
	if err != nil {
		return err.Error()
	}
	tree.Stmts[0].Stmt = statement
	text, err := pg.Deparse(tree)
	if err != nil {
		return err.Error()
	}
	return strings.Replace(text, "CREATE OR REPLACE ", "CREATE ", 1)
}

// form is the text of a function without its comments.
func (f *function) form() string {
	if f.bare == "" {
		f.bare = strings.Replace(bare(f.text), "CREATE OR REPLACE ", "CREATE ", 1)
	}
	return f.bare
}

// bare writes SQL as its tokens, also those within the quotes of a body, and without comments.
func bare(text string) string {
	scan, err := pg.Scan(text)
	if err != nil {
		return text
	}
	var tokens []string
	for _, token := range scan.Tokens {
		said := text[token.Start:token.End]
		switch {
		case isComment(token):
			continue
		case strings.HasPrefix(said, "$") && strings.Contains(said, "\n"):
			tokens = append(tokens, "$$", bare(said[strings.Index(said[1:], "$")+2:strings.LastIndex(said[:len(said)-1], "$")]), "$$")
		default:
			tokens = append(tokens, said)
		}
	}
	return strings.Join(tokens, " ")
}

// token returns the first token at or behind a byte of the migration.
func (s *schema) token(at int) *pg.ScanToken {
	if i := slices.IndexFunc(s.tokens, func(t *pg.ScanToken) bool { return int(t.Start) >= at }); i >= 0 {
		return s.tokens[i]
	}
	return nil
}

func (s *schema) line(at int) place { return place{s.file, 1 + strings.Count(s.text[:at], "\n")} }

// at is the line of a part of the statement that is being applied.
func (s *schema) at(part anyNode) place {
	if at := where(part.ProtoReflect()); at > 0 {
		return s.line(at)
	}
	return s.line(s.start)
}

// strange reports what the schema reader has no meaning for.
func (s *schema) strange(subject, what string) {
	s.report(s.line(s.start), subject, what+notUnderstood)
}

const notUnderstood = " is nothing that prove understands; say it otherwise, or teach prove what it means for the tenant"

// named returns a table; of one that no migration has made, a blank one, reported.
func (s *schema) named(name string) *table {
	if t := s.tables[name]; t != nil {
		return t
	}
	s.report(s.line(s.start), name, "no table of this name has been made")
	return s.blank(name)
}

func (s *schema) blank(name string) *table {
	return &table{name: name, made: s.line(s.start), lost: map[string]place{}, columns: map[string]*column{},
		policies: map[string]policy{}, triggers: map[string]trigger{}, calls: map[string]bool{}}
}

func (s *schema) apply(raw *pg.RawStmt) {
	node := raw.Stmt
	switch n := node.GetNode().(type) {
	case *pg.Node_CreateStmt:
		s.create(n.CreateStmt)
	case *pg.Node_AlterTableStmt:
		t := s.named(n.AlterTableStmt.Relation.Relname)
		for _, cmd := range n.AlterTableStmt.Cmds {
			s.alter(t, cmd.GetAlterTableCmd())
		}
	case *pg.Node_IndexStmt:
		s.index(n.IndexStmt)
	case *pg.Node_CreatePolicyStmt:
		p := n.CreatePolicyStmt
		s.named(p.Table.Relname).policies[p.PolicyName] = policy{p, s.at(p), s.text}
	case *pg.Node_CreateTrigStmt:
		c := n.CreateTrigStmt
		if c.Relation.Schemaname == queueSchema { // what it executes needs the power
			break
		}
		t := s.named(c.Relation.Relname)
		if field := surplus(c.ProtoReflect(), set("replace trigname relation funcname args row timing events columns when_clause transition_rels")); field != "" {
			s.strange(t.name, "CreateTrigStmt."+field)
		}
		if old, ok := t.triggers[c.Trigname]; ok && c.Replace {
			t.lost["audit "+old.function()] = s.at(c)
		}
		t.triggers[c.Trigname] = trigger{c, s.at(c)}
	case *pg.Node_CreateFunctionStmt:
		s.function(n.CreateFunctionStmt, raw)
	case *pg.Node_CommentStmt:
		if n.CommentStmt.Objtype == pg.ObjectType_OBJECT_COLUMN {
			name := words(n.CommentStmt.Object.GetList().GetItems())
			if c := s.named(name[0]).columns[name[len(name)-1]]; c != nil {
				c.comment = n.CommentStmt.Comment
			}
		}
	case *pg.Node_GrantStmt:
		s.grant(n.GrantStmt)
	case *pg.Node_AlterDefaultPrivilegesStmt:
		if n.AlterDefaultPrivilegesStmt.Action.IsGrant && !s.exempt() {
			s.report(s.line(s.start), "ALTER DEFAULT PRIVILEGES", "it grants what nobody sees at the object; grant each by name"+s.unlisted())
		}
	case *pg.Node_DropStmt:
		s.drop(n.DropStmt)
	case *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt:
		s.data(node)
	case *pg.Node_CreateExtensionStmt:
		if name := n.CreateExtensionStmt.Extname; !extensions[name] || len(n.CreateExtensionStmt.Options) > 0 {
			s.strange("extension", name)
		}
	case *pg.Node_DoStmt:
		if !s.exempt() {
			s.report(s.line(s.start), "DO", "prove cannot see what a DO block makes, which may be a wall less; use plain statements"+s.unlisted())
		}
	case *pg.Node_VacuumStmt:
		if n.VacuumStmt.IsVacuumcmd {
			s.strange("statement", "VACUUM")
		}
	default:
		var what string
		children(node.ProtoReflect(), func(field string, _ message) { what = field })
		s.strange("statement", what)
	}
	s.names(node)
}

// names takes in the functions that a statement names, and reports a name that is qualified.
func (s *schema) names(statement *pg.Node) {
	var table, calls string
	visit(statement.ProtoReflect(), func(m message) bool {
		switch n := m.Interface().(type) {
		case *pg.RangeVar:
			if table = cmp.Or(table, n.Relname); n.Schemaname != "" && (n.Schemaname != queueSchema || statement.GetCreateTrigStmt() == nil) {
				s.strange(n.Relname, "a table outside of the schema public, or qualified by it,")
			}
		case *pg.FuncCall:
			calls = strings.TrimPrefix(builtin(n.Funcname), "public.")
			s.called = append(s.called, call{s.at(n), cmp.Or(table, calls), calls})
			if t := s.tables[table]; t != nil {
				t.calls[calls] = true
			}
		case *pg.CreateFunctionStmt: // what it does is read by itself
			return false
		}
		return true
	})
}

// data reports a statement that writes rows of tenants, or copies them to where every tenant sees them.
func (s *schema) data(statement *pg.Node) {
	var of []*pg.RangeVar
	visit(statement.ProtoReflect(), func(m message) bool {
		if named, ok := m.Interface().(*pg.RangeVar); ok && s.named(named.Relname).kind() != reference {
			of = append(of, named)
		}
		return true
	})
	if len(of) > 0 && !s.exempt() {
		s.report(s.at(of[0]), of[0].Relname, "a migration reads and writes rows of reference tables only: as their owner, it would put one tenant's among another's"+s.unlisted())
	}
}

// exempt reports whether the statement is one of those that a migration may say and no other.
func (s *schema) exempt() bool {
	return s.ledger.covers("a statement of "+s.file, exempt[s.file], s.statement)
}

func (s *schema) unlisted() string { return unlisted(exempt[s.file], s.statement) }

func (s *schema) index(i *pg.IndexStmt) {
	t := s.named(i.Relation.Relname)
	if field := surplus(i.ProtoReflect(), set("idxname relation access_method index_params index_including_params where_clause unique concurrent")); field != "" {
		s.strange(t.name, "IndexStmt."+field)
	}
	made := index{place: s.at(i), name: i.Idxname, unique: i.Unique, partial: i.WhereClause != nil || i.AccessMethod != "btree"}
	for _, on := range i.IndexParams {
		made.columns = append(made.columns, on.GetIndexElem().GetName())
	}
	t.indexes = append(t.indexes, made)
}

func (s *schema) create(c *pg.CreateStmt) {
	t := s.blank(c.Relation.Relname)
	s.tables[t.name] = t
	if field := surplus(c.ProtoReflect(), set("relation table_elts oncommit")); field != "" {
		s.strange(t.name, "CreateStmt."+field)
	}
	if c.Relation.Relpersistence != "p" {
		s.strange(t.name, "a table that is TEMPORARY or UNLOGGED")
	}
	for _, element := range c.TableElts {
		switch e := element.Node.(type) {
		case *pg.Node_ColumnDef:
			s.column(t, e.ColumnDef)
		case *pg.Node_Constraint:
			s.constraint(t, e.Constraint, nil)
		default:
			s.strange(t.name, "LIKE")
		}
	}
}

func (s *schema) column(t *table, c *pg.ColumnDef) {
	kind := builtin(c.TypeName.Names)
	if len(c.TypeName.ArrayBounds) > 0 {
		kind += "[]"
	}
	t.columns[c.Colname] = &column{kind: kind}
	for _, of := range c.Constraints {
		s.constraint(t, of.GetConstraint(), []string{c.Colname})
	}
}

// constraint takes in a constraint of a table, or of one of its columns.
func (s *schema) constraint(t *table, c *pg.Constraint, on []string) {
	if keys := append(words(c.Keys), words(c.FkAttrs)...); len(keys) > 0 {
		on = keys
	}
	switch c.Contype {
	case pg.ConstrType_CONSTR_NULL, pg.ConstrType_CONSTR_NOTNULL, pg.ConstrType_CONSTR_DEFAULT, pg.ConstrType_CONSTR_GENERATED,
		pg.ConstrType_CONSTR_ATTR_DEFERRABLE, pg.ConstrType_CONSTR_ATTR_NOT_DEFERRABLE,
		pg.ConstrType_CONSTR_ATTR_DEFERRED, pg.ConstrType_CONSTR_ATTR_IMMEDIATE:
		return
	case pg.ConstrType_CONSTR_CHECK:
	case pg.ConstrType_CONSTR_PRIMARY, pg.ConstrType_CONSTR_UNIQUE:
		t.indexes = append(t.indexes, index{place: s.at(c), name: c.Conname, columns: on, unique: true, primary: c.Contype == pg.ConstrType_CONSTR_PRIMARY})
	case pg.ConstrType_CONSTR_EXCLUSION:
		made := index{place: s.at(c), name: c.Conname, unique: true, partial: true}
		for _, exclusion := range c.Exclusions {
			pair := exclusion.GetList().GetItems()
			name := pair[0].GetIndexElem().GetName()
			if len(made.columns) == 0 && builtin(pair[1].GetList().GetItems()) != "=" {
				name = ""
			}
			made.columns = append(made.columns, name)
		}
		t.indexes = append(t.indexes, made)
	case pg.ConstrType_CONSTR_FOREIGN:
		t.foreign = append(t.foreign, foreign{s.at(c), c.Conname, c.Pktable.Relname, on, words(c.PkAttrs)})
	default:
		s.strange(t.name, c.Contype.String())
		return
	}
	if c.Conname == "" {
		s.report(s.at(c), t.name, fmt.Sprintf("a constraint has no name; errors are told by it: CONSTRAINT %s_…", t.name))
	}
}

func (s *schema) alter(t *table, c *pg.AlterTableCmd) {
	if c.Behavior == pg.DropBehavior_DROP_CASCADE {
		s.strange(t.name, "CASCADE, which drops more than is seen here,")
	}
	switch c.Subtype {
	case pg.AlterTableType_AT_AddColumn:
		s.column(t, c.Def.GetColumnDef())
	case pg.AlterTableType_AT_AddConstraint:
		s.constraint(t, c.Def.GetConstraint(), nil)
	case pg.AlterTableType_AT_DropColumn:
		delete(t.columns, c.Name)
		t.loses("column "+c.Name, s.line(s.start))
		for _, i := range t.indexes {
			if slices.Contains(i.columns, c.Name) {
				t.loses("index", s.line(s.start))
			}
		}
		t.indexes = slices.DeleteFunc(t.indexes, func(i index) bool { return slices.Contains(i.columns, c.Name) })
		t.foreign = slices.DeleteFunc(t.foreign, func(f foreign) bool { return slices.Contains(f.here, c.Name) })
	case pg.AlterTableType_AT_DropConstraint:
		t.loses("index", s.line(s.start))
		t.indexes = slices.DeleteFunc(t.indexes, func(i index) bool { return i.name == c.Name })
		t.foreign = slices.DeleteFunc(t.foreign, func(f foreign) bool { return f.name == c.Name })
	case pg.AlterTableType_AT_AlterColumnType:
		comment := ""
		if old := t.columns[c.Name]; old != nil {
			comment = old.comment
		}
		c.Def.GetColumnDef().Colname = c.Name
		s.column(t, c.Def.GetColumnDef())
		t.columns[c.Name].comment = comment
	case pg.AlterTableType_AT_EnableRowSecurity, pg.AlterTableType_AT_DisableRowSecurity:
		if t.enabled = c.Subtype == pg.AlterTableType_AT_EnableRowSecurity; !t.enabled {
			t.loses("security", s.line(s.start))
		}
	case pg.AlterTableType_AT_ForceRowSecurity, pg.AlterTableType_AT_NoForceRowSecurity:
		if t.forced = c.Subtype == pg.AlterTableType_AT_ForceRowSecurity; !t.forced {
			t.loses("security", s.line(s.start))
		}
	case pg.AlterTableType_AT_DisableTrigUser, pg.AlterTableType_AT_EnableTrigUser:
		if c.Subtype == pg.AlterTableType_AT_DisableTrigUser && !s.exempt() {
			s.report(s.line(s.start), t.name, "its triggers rest, audit among them; only a backfill may do that"+s.unlisted())
		}
		t.loses("triggers", s.line(s.start))
		t.resting = c.Subtype == pg.AlterTableType_AT_DisableTrigUser
	case pg.AlterTableType_AT_SetOptions, pg.AlterTableType_AT_ResetOptions, // a column's: what the planner is told of its values
		pg.AlterTableType_AT_ColumnDefault, pg.AlterTableType_AT_SetNotNull, pg.AlterTableType_AT_DropNotNull, pg.AlterTableType_AT_ValidateConstraint:
	default:
		s.strange(t.name, c.Subtype.String())
	}
}

// loses keeps where something went, for the finding that it is missed.
func (t *table) loses(what string, at place) { t.lost[what] = at }

// missed is where the fault lies that a table has not got something: where it lost it, or where it was made without.
func (t *table) missed(what string) place {
	if at, ok := t.lost[what]; ok {
		return at
	}
	return t.made
}

func (s *schema) drop(d *pg.DropStmt) {
	here := s.line(s.start)
	if d.Behavior == pg.DropBehavior_DROP_CASCADE {
		s.strange("DROP", "CASCADE, which drops more than is seen here,")
	}
	for _, object := range d.Objects {
		switch name := words(object.GetList().GetItems()); {
		case d.RemoveType == pg.ObjectType_OBJECT_TABLE && len(name) == 1:
			delete(s.tables, name[0])
			s.revoke(name[0])
		case d.RemoveType == pg.ObjectType_OBJECT_INDEX && len(name) == 1:
			for _, t := range s.tables {
				before := len(t.indexes)
				if t.indexes = slices.DeleteFunc(t.indexes, func(i index) bool { return i.name == name[0] }); len(t.indexes) < before {
					t.loses("index", here)
				}
			}
		case d.RemoveType == pg.ObjectType_OBJECT_POLICY && len(name) == 2:
			t := s.named(name[0])
			delete(t.policies, name[1])
			t.loses("policy", here)
		case d.RemoveType == pg.ObjectType_OBJECT_TRIGGER && len(name) == 2:
			t := s.named(name[0])
			t.loses("audit "+t.triggers[name[1]].function(), here)
			delete(t.triggers, name[1])
		case d.RemoveType == pg.ObjectType_OBJECT_TRIGGER && len(name) == 3 && name[0] == queueSchema:
		case d.RemoveType == pg.ObjectType_OBJECT_FUNCTION:
			name := strings.Join(words(object.GetObjectWithArgs().GetObjname()), ".")
			delete(s.functions, name)
			s.revoke(name)
		default:
			s.strange("DROP", d.RemoveType.String()+" "+strings.Join(name, "."))
		}
	}
}

// expression proves what the database evaluates for every row of a table.
func (s *schema) expression(at place, text string, t *table, nodes ...*pg.Node) {
	p := newProof(inSchema, s)
	p.text, p.first = text, 1
	row := &occurrence{name: t.name, table: t}
	for _, node := range nodes {
		if node != nil {
			p.expr(&level{entries: []*occurrence{row}}, node.ProtoReflect())
		}
	}
	p.equal[term{row, t.lead()}] = []term{{nil, boundTenant}}
	for _, o := range p.occurrences {
		p.hold(o)
	}
	for _, f := range p.faults {
		s.report(place{at.file, f.line}, t.name, f.text)
	}
}
