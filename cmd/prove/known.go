package main

import (
	"regexp"
	"strings"
)

// A kind of table decides which scopes may name it.
type kind int

const (
	ofTenant  kind = iota // its rows belong to tenants, and row-level security holds them there
	ofAccount             // its rows belong to accounts; rowhouse_app holds no privilege on it
	reference             // migrations alone write it
	internal              // reached only through functions
)

var kinds = [...]string{ofTenant: "tenant", ofAccount: "account", reference: "reference", internal: "internal"}

// Tables without tenant_id, and why they need none.
var untenanted = map[string]struct {
	kind kind
	why  string
}{
	"tenants":          {ofTenant, "it is the tenants: its id is what tenant_id is elsewhere"},
	"accounts":         {ofAccount, "an account logs in before it has a tenant, and may be in many"},
	"sessions":         {ofAccount, "a session belongs to an account"},
	"passes":           {ofAccount, "a pass belongs to a session, and ends when the rows of a tenant or of an account change, whichever is bound then"},
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
	// Built-in functions that read no table and change no setting.
	pure = set(`array_agg avg bool_and bool_or btrim chr count date_trunc extract generate_series jsonb_agg
		jsonb_build_object jsonb_object_agg jsonb_populate_record length lower max min now row_number string_agg sum
		to_jsonb unnest upper`)

	// The same, for the schema's own texts: what queries have no business with, or no need of.
	inner = set(`array_to_string cardinality ceil clock_timestamp concat concat_ws current_setting encode gen_random_uuid
		hashtextextended int8send jsonb_each left normalize octet_length overlay pg_advisory_xact_lock
		pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared right set_bit split_part
		substring translate uuid_send`)

	// What tells of the catalogue, for the functions that may read it.
	catalogues         = set("goose_db_version pg_attribute pg_class pg_constraint pg_index pg_policy pg_proc pg_roles")
	catalogueFunctions = set("format has_any_column_privilege has_function_privilege has_table_privilege pg_get_expr pg_has_role")

	// Functions that are asked of a row which a key has found: they keep no index from being used.
	late = set(`own_fields() confirmed() hold_addresses() lacking() role_grants() user_grants()`)

	// Casts to these only convert. A cast to regclass and its kin looks into the catalogue.
	casts      = set(`bool bytea date float8 int2 int4 int8 interval jsonb numeric text timestamptz uuid`)
	innerCasts = set(`regnamespace`)

	// Under row-level security only leakproof comparisons use an index, and PostgreSQL has them for few types.
	leakproof = set(`= <> < <= > >= ~<~ ~<=~ ~>~ ~>=~ BETWEEN`)
	plain     = set(`bool bytea date int2 int4 int8 text timestamptz uuid`)
)

// What stands for the bound tenant in the schema's own texts, and for what a record of idempotency_keys belongs to.
const (
	boundTenant = "current_tenant()"
	boundScope  = "coalesce(current_tenant(), my_account())"
)

var boundForms = map[string]string{
	"current_tenant()":                         boundTenant,
	"public.current_tenant()":                  boundTenant,
	"(SELECT current_tenant())":                boundTenant,
	"COALESCE(current_tenant(), my_account())": boundScope,
}

// The functions that everything else stands on, to the letter: what says who is bound must not be replaced by what says
// something else.
var pinnedFunctions = map[string]string{
	"current_tenant": `nullif(current_setting('app.tenant_id', true), '')::uuid`,
	"caller_field":   `nullif(split_part(current_setting('app.caller', true), ' ', place), '')`,
	"me":             `caller_field(1)::uuid`,
	"my_account":     `caller_field(2)::uuid`,
}

// pinnedPath is what the search_path of a function is pinned to: what nobody can put a table into comes first, and where
// everybody can, last.
const pinnedPath = "pg_catalog, public, pg_temp"

// Settings that a function may make, each local to its transaction.
var settable = map[string]bool{"'app.tenant_id'": true, "'app.caller'": true, "'synchronous_commit'": true}

// A power is what a function may do that no other may: `definer`, run as the owner; `settings`, make settings; `accounts`,
// name tables of accounts; `catalogue`, read PostgreSQL's own. Each is used, and queries of the scope by alone may call it.
type power struct{ may, by, why string }

var powers = map[string]power{
	"enter":             {"definer settings accounts", "", "the door of the tenant scope: it reads accounts and sessions for a role that may not, and binds what it has checked"},
	"make_pass":         {"settings accounts", "", "it keeps what enter has found, and waits for no disk"},
	"end_passes":        {"definer accounts", "", "a trigger that ends passes, also for a role that may change what they stand on and not see them"},
	"refuse_users":      {"definer accounts", "", "a trigger that looks whether an address is a user's login e-mail, for roles that may not see accounts"},
	"void_tickets":      {"definer accounts", "", "a trigger that ends what would let a user in again, in tables that the roles which shut users out may not see"},
	"void_proofs":       {"accounts", "", "a trigger that ends the sessions and the mailed tokens of an account"},
	"end_visits":        {"accounts", "", "a trigger that ends the visits of a session that was ended"},
	"refuse_closed":     {"definer accounts", "", "a trigger that looks whether a user's account was closed, for roles that may not see accounts"},
	"enter_key":         {"definer settings accounts", "", "the same door, for an API key"},
	"enter_account":     {"definer settings accounts", "", "the door of the account scope"},
	"key_account":       {"definer settings accounts", "unscoped", "it finds the account of an API key, whose hash it compares within the key's own tenant, and unbinds that again"},
	"rate_limit_take":   {"settings accounts", "unscoped", "it counts attempts before anyone is known, and waits for no disk"},
	"rate_limit_give":   {"settings accounts", "unscoped", "the same"},
	"account_event":     {"accounts", "", "a trigger that writes to account_events what becomes of an account"},
	"session_event":     {"accounts", "", "a trigger that writes a login to account_events"},
	"catalogue_faults":  {"catalogue", "unscoped", "it tells of tables, policies and privileges, of no row"},
	"login_faults":      {"catalogue", "unscoped", "it tells of roles"},
	"migration_version": {"definer catalogue", "unscoped", "it reads the table of goose, on which no role holds a privilege"},
}

// Privileges that no query needs, and why they are there: `role verb table` or `role execute function`.
var spare = map[string]string{
	"PUBLIC execute catalogue_faults":  "an operator asks it in psql",
	"PUBLIC execute login_faults":      "an operator asks it in psql, and the server of a login that may lack every role",
	"PUBLIC execute migration_version": "an operator asks it in psql",
}

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

// What the schema's own texts may hold besides.
var understoodInSchema = map[string]map[string]bool{
	"RangeVar":         set("schemaname relname inh relpersistence alias"),
	"A_Indirection":    set("arg indirection"),
	"CollateClause":    set("arg collname"), // "C" alone
	"A_Indices":        set("is_slice lidx uidx"),
	"SQLValueFunction": set("op typmod"),
}

// What speaks to a database.
var drivers = regexp.MustCompile(`^(database/sql|github\.com/jackc/.*|github\.com/lib/pq|github\.com/pressly/goose/.*|gorm\.io/.*|github\.com/(jmoiron/sqlx|uptrace/bun|go-pg/pg).*)$`)

const (
	pgxPath    = "github.com/jackc/pgx/v5"
	pgconnPath = "github.com/jackc/pgx/v5/pgconn"
)

// Packages among them that a file may import anyway: types, and, by name, errors.
var harmless = map[string]bool{pgxPath: true, pgconnPath: true, "github.com/jackc/pgx/v5/pgtype": true}

// Files that speak to the database past the doors.
var reachesDatabase = map[string]struct{ may, why string }{
	"sql/schema.go":           {pgxPath + " database/sql github.com/jackc/pgx/v5/stdlib github.com/pressly/goose/v3 github.com/pressly/goose/v3/lock", "it runs the migrations, as their owner"},
	"sql/logins.go":           {pgxPath, "it makes the database and the logins of a server of one's own, as a superuser"},
	"sql/surroundings.go":     {pgxPath + " " + pgconnPath, "it sets sessions, and compares settings and the catalogue with what they must be; it reads no row"},
	"cmd/rowhouse/migrate.go": {pgxPath + " github.com/pressly/goose/v3", "rowhouse migrate: it connects as the owner to say who may serve"},
	"cmd/rowhouse/dev.go":     {pgxPath, "rowhouse dev: it makes the demonstration's database on its own server"},
	"cmd/rowhouse/config.go":  {pgconnPath, "it reads the form of the URLs of databases, and connects to none"},
	"testdb/testdb.go":        {pgxPath, "it gives each test a database of its own"},
}

// Files and folders whose texts may be SQL.
var writesSQL = map[string]string{
	"sql/surroundings.go": "what is asked of PostgreSQL before there is a schema",
	"sql/logins.go":       "roles and databases, which no migration can make",
	"testdb/testdb.go":    "databases for tests",
	"cmd/prove":           "what it looks for; it imports nothing that speaks to a database",
}

// Methods that nothing outside of tenancy calls, and why.
var never = map[string]string{
	"WithTx":        "binds queries to what came through no door",
	"MethodByName":  "calls what nobody sees named",
	"NewAt":         "reaches what a package does not export",
	"UnsafeAddr":    "reaches what a package does not export",
	"UnsafePointer": "reaches what a package does not export",
}

// Methods that put something else into an identifier.
var mutators = set("Parse UnmarshalText UnmarshalJSON ScanUUID Scan")

// What tenancy hands out queries by, and what it checks.
var handedOut = map[string]string{
	"Enter":     "session or key, account, user and permission, all in the database",
	"Account":   "session and account",
	"Unscoped":  "nothing: see doors",
	"System":    "nothing: see doors",
	"Provision": "nothing: see doors",
	"Assume":    "nothing: see doors",
}

// The doors that check less than Enter and Account do.
var doors = map[string]string{
	"Provision": "it binds a tenant, whoever asks",
	"Assume":    "it binds an account without a session of it",
	"System":    "it binds a tenant, and nobody asks",
	"Unscoped":  "nothing holds its queries",
}

// Where, and why, Go does what would be a leak elsewhere: uses one of these doors, makes a tenant, or says whose tenant it is.
var places = map[string]map[string]string{
	"Provision": {
		"handlers.Found":            "it makes the tenant, so nobody is a user of it yet",
		"handlers.accountClose":     "an account leaves all its tenants, also those that it may not enter now; AccountUserTenants named them",
		"handlers.invitationAccept": "the secret of an invitation says its tenant, and is looked for by its hash in that tenant alone",
		"handlers.Server.prove":     "the keys of an account that changes hands end in all its tenants; AccountUserTenants named them",
		"handlers.Server.visit":     "SessionVisit, before it in the transaction, has let in a superuser or staff alone; it writes the tenant's log",
		"cmd/rowhouse.seed":         "it makes the demonstration's tenants",
	},
	"Assume": {
		"handlers.Server.prove": "who came with the token has read the account's mail",
	},
	"System": {},
	"Unscoped": {
		"handlers.accountRegister":          "nobody has an account yet",
		"handlers.accountGet":               "an API key has no session; key_account compares its hash",
		"handlers.Server.acceptAnew":        "the invitation's e-mail says which account it is, or that there is none yet",
		"handlers.Server.take":              "attempts are counted before anyone is known",
		"handlers.Server.give":              "the same",
		"handlers.Server.writeToken":        "who asks for a token by mail is not known before the mail is read",
		"handlers.passwordForgot":           "the same",
		"handlers.Server.bearer":            "the token is all the proof that there is",
		"handlers.Server.check":             "readiness is asked by nobody",
		"handlers.Server.refuse":            "who was refused is nobody that the database knows",
		"handlers.sessionLogin":             "nobody is known before the password is",
		"handlers.sessionRefresh":           "the refresh token is all the proof that there is",
		"handlers.userCreate":               "the account of a new user is made; the user itself goes through Enter",
		"cmd/rowhouse.seed":                 "it makes the demonstration's accounts",
		"cmd/rowhouse.accountCommand":       "the operator makes an account",
		"cmd/rowhouse.resetPasswordCommand": "the operator lets somebody into an account",
		"cmd/rowhouse.tenantCommand":        "the operator names the account that a new tenant's admin is",
		"cmd/rowhouse.operate":              "it compares the version of the migrations",
	},
	"TenantID": {
		"auth.NewTenantSecret":              "it writes the tenant into a secret",
		"auth.tenantOf":                     "it reads it back; what is looked for in that tenant is the hash of the secret",
		"handlers.Found":                    "a new tenant",
		"handlers.exchange.chooseTenant":    "the one place where a request says its tenant; Enter asks the database whether the caller may",
		"handlers.refusals":                 "a request that is put together to see what refuses it, and served by nobody",
		"handlers.sessionLogin":             "the tenant to bind the new session to; SessionBind looks whether the account is a user of it",
		"handlers.sessionSwitchTenant":      "the same, of a session that lives",
		"handlers.sessionSwitchTenantInput": "the same",
		"handlers.tenantDelete":             "its answer",
		"cmd/rowhouse.seed":                 "the demonstration's tenants, whose identifiers the manual shows",
	},
	"[16]byte": {
		"handlers.position": "the row after which a page begins, of whatever kind; queries compare it within the tenant",
	},
}
