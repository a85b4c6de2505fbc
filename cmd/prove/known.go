package main

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A message is a node of the parser, or a list that one has: what is true of all kinds of nodes is said of it.
type message = protoreflect.Message

// A kind of table decides which scopes may name it.
type kind int

const (
	ofTenant  kind = iota // its rows belong to tenants, and row-level security holds them there
	ofAccount             // its rows belong to accounts; rowhouse_app holds no privilege on it
	reference             // migrations alone write it
	internal              // reached only through functions
)

// Tables without tenant_id, and why they need none.
var untenanted = map[string]struct {
	kind kind
	why  string
}{
	"tenants":          {ofTenant, "it is the tenants: its id is what tenant_id is elsewhere"},
	"accounts":         {ofAccount, "an account logs in before it has a tenant, and may be in many"},
	"sessions":         {ofAccount, "a session belongs to an account"},
	"refresh_tokens":   {ofAccount, "a refresh token belongs to a session"},
	"one_time_tokens":  {ofAccount, "a one-time token belongs to an account"},
	"account_events":   {ofAccount, "it is about accounts, and only grows"},
	"rate_limits":      {ofAccount, "it counts attempts before anyone is known"},
	"permissions":      {reference, "the same for every tenant, and only a migration writes it"},
	"idempotency_keys": {internal, "its scope_id is a tenant or an account; only the functions idempotency_… reach it"},
}

// Tenant tables whose changes leave no audit event. No query may update or delete their rows.
var unaudited = map[string]string{
	"audit_events": "it is the audit, and only grows",
}

// The policies that a table has beside or instead of `tenant_id = (SELECT current_tenant())`, to the letter.
var (
	tenantPolicy = map[string]string{
		"tenants":          `id = (SELECT current_tenant())`,
		"idempotency_keys": `scope_id = (SELECT coalesce(current_tenant(), my_account()))`,
	}
	accountPolicy = map[string]string{
		"users":   `(SELECT current_tenant()) IS NULL AND account_id = (SELECT my_account())`,
		"tenants": `(SELECT current_tenant()) IS NULL AND id IN (SELECT tenant_id FROM users WHERE account_id = (SELECT my_account()))`,
	}
)

// A key is the column by which a scope holds the rows of a table, and what it must equal: a parameter, or a column of
// another table that is itself held.
type key struct{ column, equals string }

var accountKeys = map[string]key{
	"accounts":        {"id", "@account_id"},
	"sessions":        {"account_id", "@account_id"},
	"refresh_tokens":  {"session_id", "sessions.id"},
	"one_time_tokens": {"account_id", "@account_id"},
	"users":           {"account_id", "@account_id"},
	"tenants":         {"id", "users.tenant_id"},
}

func set(words string) map[string]bool {
	of := map[string]bool{}
	for _, word := range strings.Fields(words) {
		of[word] = true
	}
	return of
}

var (
	// Functions that read no table and change no setting.
	pure = set(`array_agg avg bool_and bool_or btrim chr count date_trunc extract generate_series jsonb_agg
		jsonb_build_object jsonb_object_agg jsonb_populate_record length lower max min now row_number string_agg sum
		to_jsonb unnest upper`)

	// The same of our own.
	ours = set(`current_tenant me my_account my_artist my_user reaches_all confirmed lacking uuid_v7`)

	// Functions of our own that read who holds what, of the bound tenant alone: each names current_tenant() in its WHERE.
	grants = set(`holds own_fields role_grants user_grants`)

	// Functions that are asked of a row which a key has found: they keep no index from being used.
	late = set(`own_fields() confirmed() lacking() role_grants() user_grants()`)

	// Functions for the unscoped alone: they tell of the database, of a key's account, of attempts; of no tenant.
	doors = set(`catalogue_faults key_account login_faults migration_version rate_limit_give rate_limit_take`)

	// Casts to these only convert. A cast to regclass and its kin looks into the catalogue.
	types = set(`bool bytea date float8 int2 int4 int8 interval jsonb numeric text timestamptz uuid`)

	// Under row-level security only leakproof comparisons use an index, and PostgreSQL has them for few types.
	leakproof = set(`= <> < <= > >= ~<~ ~<=~ ~>~ ~>=~ BETWEEN`)
	plain     = set(`bool bytea date int2 int4 int8 text timestamptz uuid`)
)

// The nodes that a query may hold, with those of their fields that may be set. Any other is a finding: add it here only
// together with what it means for the proof.
var understood = map[string]map[string]bool{
	"SelectStmt": set(`distinct_clause target_list from_clause where_clause group_clause having_clause window_clause
		values_lists sort_clause limit_offset limit_count limit_option locking_clause with_clause op all larg rarg`),
	"InsertStmt":       set("relation cols select_stmt on_conflict_clause returning_list with_clause override"),
	"UpdateStmt":       set("relation target_list where_clause from_clause returning_list with_clause"),
	"DeleteStmt":       set("relation using_clause where_clause returning_list with_clause"),
	"WithClause":       set("ctes recursive"),
	"CommonTableExpr":  set("ctename ctequery aliascolnames ctematerialized"),
	"OnConflictClause": set("action infer target_list where_clause"),
	"InferClause":      set("index_elems where_clause conname"),
	"IndexElem":        set("name ordering nulls_ordering"),
	"LockingClause":    set("locked_rels strength wait_policy"),

	"RangeVar":       set("relname inh relpersistence alias"),
	"RangeSubselect": set("lateral subquery alias"),
	"RangeFunction":  set("lateral ordinality functions alias"),
	"JoinExpr":       set("jointype larg rarg quals"),
	"Alias":          set("aliasname colnames"),

	"ResTarget":      set("name val"),
	"ColumnRef":      set("fields"),
	"A_Star":         nil,
	"ParamRef":       set("number"),
	"A_Const":        set("ival fval boolval sval isnull"),
	"Integer":        set("ival"),
	"Float":          set("fval"),
	"Boolean":        set("boolval"),
	"String":         set("sval"),
	"List":           set("items"),
	"A_Expr":         set("kind name lexpr rexpr"),
	"A_ArrayExpr":    set("elements"),
	"BoolExpr":       set("boolop args"),
	"NullTest":       set("arg nulltesttype"),
	"BooleanTest":    set("arg booltesttype"),
	"CaseExpr":       set("arg args defresult"),
	"CaseWhen":       set("expr result"),
	"CoalesceExpr":   set("args"),
	"MinMaxExpr":     set("op args"),
	"RowExpr":        set("args row_format"),
	"TypeCast":       set("arg type_name"),
	"TypeName":       set("names typemod typmods array_bounds"),
	"SubLink":        set("sub_link_type testexpr oper_name subselect"),
	"FuncCall":       set("funcname args agg_order agg_filter over agg_star agg_distinct funcformat"),
	"WindowDef":      set("name refname partition_clause order_clause frame_options start_offset end_offset"),
	"SortBy":         set("node sortby_dir sortby_nulls"),
	"MultiAssignRef": set("source colno ncolumns"),
	"SetToDefault":   nil,
}

// strange returns the first thing in a tree that is not in understood, or "".
func strange(node message) (what string) {
	name := string(node.Descriptor().Name())
	if name != "Node" {
		known, ok := understood[name]
		if !ok {
			return name
		}
		if field := surplus(node, known); field != "" {
			return name + "." + field
		}
	}
	children(node, func(_ string, child message) {
		if what == "" {
			what = strange(child)
		}
	})
	return what
}

// surplus returns a field that is set and not known, or "". Where a node stood in the text never matters.
func surplus(node message, known map[string]bool) string {
	for _, field := range populated(node) {
		if name := string(field.Name()); !known[name] && name != "location" {
			return name
		}
	}
	return ""
}

// children visits the nodes right below one, with the name of the field that holds each.
func children(node message, take func(field string, child message)) {
	for _, field := range populated(node) {
		switch value := node.Get(field); {
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				take(string(field.Name()), value.List().Get(i).Message())
			}
		default:
			take(string(field.Name()), value.Message())
		}
	}
}

// visit goes through a tree from its top, below those nodes for which it is told to.
func visit(node message, into func(message) bool) {
	if into(node) {
		children(node, func(_ string, child message) { visit(child, into) })
	}
}

// populated returns the fields that are set, in an order that is always the same, which Range does not promise.
func populated(node message) (fields []protoreflect.FieldDescriptor) {
	all := node.Descriptor().Fields()
	for i := range all.Len() {
		if node.Has(all.Get(i)) {
			fields = append(fields, all.Get(i))
		}
	}
	return fields
}

// words reads a list of names, as in a column reference or the name of a function; a star is "*".
func words(nodes []*pg.Node) (of []string) {
	for _, node := range nodes {
		switch word := node.GetNode().(type) {
		case *pg.Node_String_:
			of = append(of, word.String_.Sval)
		case *pg.Node_AStar:
			of = append(of, "*")
		default:
			of = append(of, "?")
		}
	}
	return of
}

// builtin joins a name, without the schema that the parser itself puts before what SQL has words for.
func builtin(nodes []*pg.Node) string {
	return strings.TrimPrefix(strings.Join(words(nodes), "."), "pg_catalog.")
}
