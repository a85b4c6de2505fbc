package main

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A schema is what the Up parts of the migrations make, one after the other.
type schema struct {
	tables map[string]*table
	report func(file, subject, fault string)
	file   string // the migration being read
}

type table struct {
	name, file      string
	columns         map[string]*column
	indexes         []index
	foreign         []foreign
	enabled, forced bool
	resting         bool // its triggers are disabled
	policies        map[string]*pg.CreatePolicyStmt
	audits          map[string]int32 // by trigger: the events after which it calls audit()
}

type column struct{ kind, comment string }

type index struct {
	name            string
	columns         []string // an expression is ""
	primary, unique bool
	partial         bool // or not a btree: it serves no foreign key
}

type foreign struct {
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

// Migrations whose DO blocks are trusted unread.
var trusted = map[string]string{"sql/migrations/00001_roles.sql": "roles are made where they are missing, which takes a loop"}

// Migrations that write rows of tenant tables, for all tenants at once, and why.
var backfills = map[string]string{"sql/migrations/00015_users.sql": "users whose role is artist need the artists that they are from now on"}

var (
	gooseLine  = regexp.MustCompile(`(?mi)^[ \t]*--[ \t]*\+goose.*$`)
	gooseLines = []string{"-- +goose NO TRANSACTION", "-- +goose Up", "-- +goose Down", "-- +goose StatementBegin", "-- +goose StatementEnd"}
)

// migrate reads one migration.
func (s *schema) migrate(file, text string) {
	s.file = file
	for _, line := range gooseLine.FindAllString(text, -1) {
		if !slices.Contains(gooseLines, line) {
			s.report(file, line, "goose may read it otherwise than prove, who knows "+strings.Join(gooseLines, ", "))
			return
		}
	}
	up, _, _ := strings.Cut(text, "-- +goose Down")
	tree, err := pg.Parse(up)
	if err != nil {
		s.report(file, "file", err.Error())
		return
	}
	for _, raw := range tree.Stmts {
		s.apply(raw.Stmt)
	}
}

// strange reports what the schema reader has no meaning for.
func (s *schema) strange(subject, what string) {
	s.report(s.file, subject, what+" is nothing that prove understands; say it otherwise, or teach prove what it means for the tenant")
}

// named returns a table; of one that no migration has made, a blank one, reported.
func (s *schema) named(name string) *table {
	if t := s.tables[name]; t != nil {
		return t
	}
	s.report(s.file, name, "no table of this name has been made")
	return s.blank(name)
}

func (s *schema) blank(name string) *table {
	return &table{name: name, file: s.file, columns: map[string]*column{}, policies: map[string]*pg.CreatePolicyStmt{}, audits: map[string]int32{}}
}

func (s *schema) apply(node *pg.Node) {
	visit(node.ProtoReflect(), func(m message) bool {
		named, ok := m.Interface().(*pg.RangeVar)
		if ok && named.Schemaname != "" {
			s.strange(named.Relname, "a table outside of the schema public, or qualified by it,")
		}
		_, function := m.Interface().(*pg.CreateFunctionStmt) // what it does is its grantees' to do
		return !function
	})
	switch n := node.GetNode().(type) {
	case *pg.Node_CreateStmt:
		s.create(n.CreateStmt)
	case *pg.Node_AlterTableStmt:
		t := s.named(n.AlterTableStmt.Relation.Relname)
		for _, cmd := range n.AlterTableStmt.Cmds {
			s.alter(t, cmd.GetAlterTableCmd())
		}
	case *pg.Node_IndexStmt:
		i := n.IndexStmt
		made := index{name: i.Idxname, unique: i.Unique, partial: i.WhereClause != nil || i.AccessMethod != "btree"}
		for _, on := range i.IndexParams {
			made.columns = append(made.columns, on.GetIndexElem().GetName())
		}
		t := s.named(i.Relation.Relname)
		t.indexes = append(t.indexes, made)
	case *pg.Node_CreatePolicyStmt:
		s.named(n.CreatePolicyStmt.Table.Relname).policies[n.CreatePolicyStmt.PolicyName] = n.CreatePolicyStmt
	case *pg.Node_CreateTrigStmt:
		c, t := n.CreateTrigStmt, s.named(n.CreateTrigStmt.Relation.Relname)
		delete(t.audits, c.Trigname) // OR REPLACE
		if slices.Equal(words(c.Funcname), []string{"audit"}) && !c.Row && c.Timing == 0 && c.WhenClause == nil && c.Columns == nil {
			t.audits[c.Trigname] = c.Events
		}
	case *pg.Node_CreateFunctionStmt:
		s.function(n.CreateFunctionStmt)
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
		if n.AlterDefaultPrivilegesStmt.Action.IsGrant {
			s.report(s.file, "ALTER DEFAULT PRIVILEGES", "it grants what nobody sees at the object; grant each by name")
		}
	case *pg.Node_DropStmt:
		s.drop(n.DropStmt)
	case *pg.Node_InsertStmt:
		s.data(n.InsertStmt.Relation.Relname)
	case *pg.Node_UpdateStmt:
		s.data(n.UpdateStmt.Relation.Relname)
	case *pg.Node_DeleteStmt:
		s.data(n.DeleteStmt.Relation.Relname)
	case *pg.Node_DoStmt:
		if trusted[s.file] == "" {
			s.report(s.file, "DO", "prove cannot see what a DO block makes; use plain statements")
		}
	default:
		var what string
		children(node.ProtoReflect(), func(field string, _ message) { what = field })
		s.strange("statement", what)
	}
}

func (s *schema) data(name string) {
	if s.named(name).kind() != reference && backfills[s.file] == "" {
		s.report(s.file, name, "a migration writes rows of reference tables only")
	}
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
		t.indexes = append(t.indexes, index{name: c.Conname, columns: on, unique: true, primary: c.Contype == pg.ConstrType_CONSTR_PRIMARY})
	case pg.ConstrType_CONSTR_EXCLUSION:
		made := index{name: c.Conname, unique: true, partial: true}
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
		t.foreign = append(t.foreign, foreign{c.Conname, c.Pktable.Relname, on, words(c.PkAttrs)})
	default:
		s.strange(t.name, c.Contype.String())
	}
	if c.Conname == "" {
		s.report(s.file, t.name, fmt.Sprintf("a constraint has no name; errors are told by it: CONSTRAINT %s_…", t.name))
	}
}

func (s *schema) alter(t *table, c *pg.AlterTableCmd) {
	switch c.Subtype {
	case pg.AlterTableType_AT_AddColumn:
		s.column(t, c.Def.GetColumnDef())
	case pg.AlterTableType_AT_AddConstraint:
		s.constraint(t, c.Def.GetConstraint(), nil)
	case pg.AlterTableType_AT_DropColumn:
		delete(t.columns, c.Name)
		t.indexes = slices.DeleteFunc(t.indexes, func(i index) bool { return slices.Contains(i.columns, c.Name) })
		t.foreign = slices.DeleteFunc(t.foreign, func(f foreign) bool { return slices.Contains(f.here, c.Name) })
	case pg.AlterTableType_AT_DropConstraint:
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
		t.enabled = c.Subtype == pg.AlterTableType_AT_EnableRowSecurity
	case pg.AlterTableType_AT_ForceRowSecurity, pg.AlterTableType_AT_NoForceRowSecurity:
		t.forced = c.Subtype == pg.AlterTableType_AT_ForceRowSecurity
	case pg.AlterTableType_AT_DisableTrigUser, pg.AlterTableType_AT_EnableTrigUser:
		if backfills[s.file] == "" {
			s.report(s.file, t.name, "its triggers rest, audit among them; only a backfill may do that, listed in cmd/prove with its reason")
		}
		t.resting = c.Subtype == pg.AlterTableType_AT_DisableTrigUser
	case pg.AlterTableType_AT_ColumnDefault, pg.AlterTableType_AT_SetNotNull, pg.AlterTableType_AT_DropNotNull, pg.AlterTableType_AT_ValidateConstraint:
	default:
		s.strange(t.name, c.Subtype.String())
	}
}

func (s *schema) drop(d *pg.DropStmt) {
	for _, object := range d.Objects {
		switch name := words(object.GetList().GetItems()); {
		case d.RemoveType == pg.ObjectType_OBJECT_TABLE && len(name) == 1:
			delete(s.tables, name[0])
		case d.RemoveType == pg.ObjectType_OBJECT_INDEX && len(name) == 1:
			for _, t := range s.tables {
				t.indexes = slices.DeleteFunc(t.indexes, func(i index) bool { return i.name == name[0] })
			}
		case d.RemoveType == pg.ObjectType_OBJECT_POLICY && len(name) == 2:
			delete(s.named(name[0]).policies, name[1])
		case d.RemoveType == pg.ObjectType_OBJECT_TRIGGER && len(name) == 2:
			delete(s.named(name[0]).audits, name[1])
		case d.RemoveType == pg.ObjectType_OBJECT_FUNCTION:
		default:
			s.strange("DROP", d.RemoveType.String()+" "+strings.Join(name, "."))
		}
	}
}

// function reports one that would pass for a built-in, and a SECURITY DEFINER function that means what its caller's
// search_path or temporary tables make it mean.
func (s *schema) function(f *pg.CreateFunctionStmt) {
	if name := builtin(f.Funcname); pure[name] {
		s.report(s.file, name, "it has the name of a built-in function that queries are trusted with")
	}
	definer, path := false, []string{}
	for _, option := range f.Options {
		switch o := option.GetDefElem(); {
		case o.Defname == "security":
			definer = o.Arg.GetBoolean().GetBoolval()
		case o.Defname == "set" && o.Arg.GetVariableSetStmt().GetName() == "search_path":
			for _, arg := range o.Arg.GetVariableSetStmt().Args {
				path = append(path, arg.GetAConst().GetSval().GetSval())
			}
		}
	}
	if definer && (len(path) == 0 || path[0] != "pg_catalog" || path[len(path)-1] != "pg_temp") {
		s.report(s.file, builtin(f.Funcname), "SECURITY DEFINER without SET search_path = pg_catalog, public, pg_temp")
	}
}

// may returns the privileges that a role may hold on a table.
func (t *table) may(role string) string {
	const all = "select insert update delete"
	kind := t.kind()
	switch {
	case role != "rowhouse_app" && role != "rowhouse_login":
		return ""
	case kind == internal:
		return all
	case kind == reference:
		return "select"
	case role == "rowhouse_login" && t.name == "account_events":
		return "select insert"
	case role == "rowhouse_login" && kind == ofAccount, role == "rowhouse_app" && kind == ofTenant && t.name != "audit_events":
		return all
	case role == "rowhouse_app" && kind == ofTenant:
		return "select insert"
	case role == "rowhouse_login" && accountPolicy[t.name] != "":
		return "select"
	}
	return ""
}

func (s *schema) grant(g *pg.GrantStmt) {
	if !g.IsGrant {
		return // what was granted before stays proven to be allowed
	}
	if g.Targtype != pg.GrantTargetType_ACL_TARGET_OBJECT || g.GrantOption {
		s.report(s.file, "GRANT", "grant by name what each role needs, without grant option")
		return
	}
	switch g.Objtype {
	case pg.ObjectType_OBJECT_FUNCTION:
	case pg.ObjectType_OBJECT_SCHEMA:
		if len(g.Privileges) != 1 || g.Privileges[0].GetAccessPriv().PrivName != "usage" {
			s.report(s.file, "GRANT", "a role needs no more of a schema than USAGE")
		}
	case pg.ObjectType_OBJECT_TABLE:
		var wanted []string // GRANT ALL lists none
		for _, privilege := range g.Privileges {
			wanted = append(wanted, privilege.GetAccessPriv().PrivName)
		}
		for _, object := range g.Objects {
			for _, to := range g.Grantees {
				s.mayHold(s.named(object.GetRangeVar().Relname), to.GetRoleSpec().GetRolename(), wanted)
			}
		}
	default:
		s.strange("GRANT", g.Objtype.String())
	}
}

func (s *schema) mayHold(t *table, role string, wanted []string) {
	if wanted == nil {
		s.report(s.file, t.name, "GRANT ALL grants TRUNCATE too, which no policy holds; name the privileges")
	}
	for _, privilege := range wanted {
		if !set(t.may(role))[privilege] {
			s.report(s.file, t.name, fmt.Sprintf("%s must not %s it: %s", cmp.Or(role, "PUBLIC"), strings.ToUpper(privilege), t.why()))
		}
	}
}

// check reports the faults of the tables as all migrations together leave them.
func (s *schema) check() {
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		t := s.tables[name]
		fault := func(format string, args ...any) { s.report(t.file, t.name, fmt.Sprintf(format, args...)) }

		if _, listed := untenanted[name]; !listed && t.columns["tenant_id"] == nil {
			fault("it has no tenant_id; give it one, or list it in cmd/prove with the reason why it needs none")
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(t.columns)) {
			if strings.HasSuffix(name, "_cents") && !strings.Contains(strings.ToLower(t.columns[name].comment), "cents") {
				fault("the comment on %s must say of what it is cents", name)
			}
		}
		for _, f := range t.foreign {
			t.checkForeign(f, s.tables[f.to], fault)
		}
		if t.kind() == ofTenant || t.kind() == internal {
			t.checkTenant(fault)
		}
	}
}

func (t *table) checkForeign(f foreign, to *table, fault func(string, ...any)) {
	covers := func(i index) bool {
		if i.partial || len(i.columns) < len(f.here) {
			return false
		}
		for _, column := range f.here {
			if !slices.Contains(i.columns[:len(f.here)], column) {
				return false
			}
		}
		return true
	}
	if !slices.ContainsFunc(t.indexes, covers) {
		fault("no index begins with (%s), the columns of %s", strings.Join(f.here, ", "), f.name)
	}
	here, there := slices.Index(f.here, "tenant_id"), slices.Index(f.there, "tenant_id")
	switch {
	case to == nil:
		fault("%s refers to %s, which no migration makes", f.name, f.to)
	case len(f.there) == 0:
		fault("%s must name the columns it refers to", f.name)
	case to.name == "tenants":
		if !slices.Equal(f.here, []string{"tenant_id"}) || !slices.Equal(f.there, []string{"id"}) {
			fault("%s could point to another tenant; only tenant_id refers to tenants (id)", f.name)
		}
	case to.kind() == ofTenant && (here < 0 || here != there):
		fault("%s could point into another tenant: tenant_id must refer to tenant_id in it", f.name)
	}
}

// checkTenant reports what the database would not hold apart by itself.
func (t *table) checkTenant(fault func(string, ...any)) {
	lead := t.lead()
	primary := slices.IndexFunc(t.indexes, func(i index) bool { return i.primary })
	if primary < 0 {
		fault("it has no primary key; it must begin with %s", lead)
	}
	for _, i := range t.indexes {
		if i.unique && t.name != "tenants" && (len(i.columns) == 0 || i.columns[0] != lead) {
			fault("%s must begin with %s: unique among all tenants, it tells one what another has", i.name, lead)
		}
	}
	if t.resting {
		fault("its triggers are left disabled")
	}
	if !t.enabled || !t.forced {
		fault("row-level security must be both enabled and forced")
	}
	if _, excused := unaudited[t.name]; !excused && t.kind() == ofTenant {
		var events int32
		for _, after := range t.audits {
			events |= after
		}
		for _, event := range []struct {
			name string
			bit  int32
		}{{"INSERT", 4}, {"DELETE", 8}, {"UPDATE", 16}} {
			if events&event.bit == 0 {
				fault("no trigger AFTER %s FOR EACH STATEMENT executes audit()", event.name)
			}
		}
	}

	holds, held := cmp.Or(tenantPolicy[t.name], "tenant_id = (SELECT current_tenant())"), false
	for _, name := range slices.Sorted(maps.Keys(t.policies)) {
		policy := t.policies[name]
		var roles []string
		for _, role := range policy.Roles {
			roles = append(roles, role.GetRoleSpec().GetRolename()) // PUBLIC is ""
		}
		to, using, checks := strings.Join(roles, ", "), same(policy.Qual, holds), same(policy.WithCheck, holds)
		switch {
		case !policy.Permissive: // it only takes away
		case policy.CmdName == "all" && to == "" && using && checks:
			held = true
		case policy.CmdName == "select" && to == "rowhouse_login" && same(policy.Qual, accountPolicy[t.name]):
		default:
			fault("the policy %s opens it otherwise than by USING and WITH CHECK (%s), FOR ALL TO PUBLIC", name, holds)
		}
	}
	if !held {
		fault("it has no policy USING and WITH CHECK (%s), FOR ALL TO PUBLIC", holds)
	}
}

// same reports whether an expression is the given one, whatever its spaces and capitals.
func same(node *pg.Node, text string) bool {
	tree, err := pg.Parse("SELECT " + text)
	if err != nil || node == nil || text == "" {
		return false
	}
	wanted, err := pg.Deparse(tree)
	if err != nil {
		return false
	}
	tree.Stmts[0].Stmt.GetSelectStmt().TargetList[0].GetResTarget().Val = node
	got, err := pg.Deparse(tree)
	return err == nil && got == wanted
}
