package prove

import (
	"regexp"
	"strings"
)

// Extensions that a migration may make: each brings functions and operators that read no table.
var extensions = set("btree_gist")

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
	"letters":          {ofAccount, "a letter belongs to an account, or to whoever reads an address, before a tenant is known"},
	"passes":           {ofAccount, "a pass belongs to a session, and ends when the rows of a tenant or of an account change, whichever is bound then"},
	"refresh_tokens":   {ofAccount, "a refresh token belongs to a session"},
	"one_time_tokens":  {ofAccount, "a one-time token belongs to an account"},
	"identities":       {ofAccount, "who an account is at an outside issuer, before anything is known of tenants"},
	"hook_messages":    {ofAccount, "what outside services have told of accounts; it only says that it was heeded"},
	"account_events":   {ofAccount, "it is about accounts, and only grows"},
	"rate_limits":      {ofAccount, "it counts attempts before anyone is known"},
	"permissions":      {reference, "the same for every tenant, and only a migration writes it"},
	"idempotency_keys": {internal, "its scope_id is a tenant or an account; only the functions idempotency_… reach it"},
}

// Tenant tables whose changes leave no audit event. No query may update or delete their rows.
var unaudited = map[string]string{
	"deliveries":   "their causes are audited, and they are a log themselves",
	"audit_events": "it is the audit, and only grows",
	"jobs":         "their causes are audited, and the queue says in them what has become of them",
}

// Tenant tables whose deletions alone leave none.
var undeleted = map[string]string{
	"tenants": "with a tenant goes all that could tell of it; erase_rows alone deletes one, and gives a certificate",
}

// Of these tables queries may update rows nonetheless: the function that a trigger executes then writes the event.
var asked = map[string]string{
	"jobs":       "asked_event",
	"deliveries": "note_delivery",
}

// The table of the queue, outside of the schema public, in which nothing but ids stands: who may name it has the power `queue`.
const (
	queueSchema = "river"
	queueTable  = "river_job"
)

// The migrations that prove does not read, to the letter.
var unreadMigrations = map[string]pardon{
	"sql/migrations/00032_queue.sql": {"the tables of the queue, for the role rowhouse_worker alone, which holds nothing else", "e79635a949"},
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
	platformPolicy = map[string]string{
		"tenants": `(SELECT current_tenant()) IS NULL AND (SELECT caller_field(3)) = 'platform'`,
	}
	publicPolicy = map[string]string{
		"tenants": `(SELECT current_tenant()) IS NULL AND (SELECT my_account()) IS NULL AND is_public AND status = 'active'`,
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
	"identities":      {"account_id", "@account_id"},
	"account_events":  {"account_id", "@account_id"},
	"users":           {"account_id", "@account_id"},
	"tenants":         {"id", "users.tenant_id"},
}

// What a query that runs before anyone is known may read of tenants, beside a policy that shows it no more.
var publicKeys = map[string]key{
	"tenants": {"is_public", "true"},
}

// What a superuser, and the operator, may read of all tenants, beside a policy that shows it to nobody else; and what of the superuser himself.
var (
	platformTables = set("tenants")
	platformKeys   = map[string]key{
		"accounts": {"id", "@account_id"},
	}
)

func set(words string) map[string]bool {
	of := map[string]bool{}
	for _, word := range strings.Fields(words) {
		of[word] = true
	}
	return of
}

var (
	// Built-in functions that read no table and change no setting.
	pure = set(`array_agg avg bool_and bool_or btrim chr count date_trunc extract generate_series jsonb_agg jsonb_each
		jsonb_build_object jsonb_object_agg jsonb_populate_record length lower max min now row_number string_agg sum
		to_jsonb unnest upper timezone`)

	// The same, for the schema's own texts: what queries have no business with, or no need of.
	inner = set(`array_to_string cardinality ceil clock_timestamp concat concat_ws current_setting encode gen_random_uuid
		hashtextextended int8send jsonb_each jsonb_typeof left normalize octet_length overlay pg_trigger_depth pg_advisory_xact_lock
		pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared right round set_bit split_part
		substring timezone translate tstzrange uuid_send`)

	// What tells of the catalogue, for the functions that may read it.
	catalogues         = set("goose_db_version pg_attribute pg_class pg_constraint pg_depend pg_index pg_policy pg_proc pg_roles pg_trigger")
	catalogueFunctions = set("format has_any_column_privilege has_function_privilege has_table_privilege pg_get_expr pg_has_role to_regnamespace")

	// Functions that are asked of a row which a key has found: they keep no index from being used.
	late = set(`own_fields() confirmed() hold_addresses() lacking() reminder_at() role_grants() user_grants()`)

	// Casts to these only convert. A cast to regclass and its kin looks into the catalogue.
	casts      = set(`bool bytea date float8 int2 int4 int8 interval jsonb numeric text timestamp timestamptz uuid`)
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
// name tables of accounts; `catalogue`, read PostgreSQL's own; `queue`, name the table of the queue; `forgets`, change rows and leave no event. Each is used, and queries of the scope by alone may call it. It is given
// for what the function says, without its comments, when it was looked at.
type power struct{ may, by, why, hash string }

var powers = map[string]power{
	"enter":                  {"definer settings accounts", "", "the door of the tenant scope: it reads accounts and sessions for a role that may not, and binds what it has checked", "f2845cd43f"},
	"make_pass":              {"settings accounts", "", "it keeps what enter has found, and waits for no disk", "972085b8be"},
	"end_passes":             {"definer accounts", "", "a trigger that ends passes, also for a role that may change what they stand on and not see them", "e668da0a91"},
	"refuse_users":           {"definer accounts", "", "a trigger that looks whether an address is a user's login e-mail, for roles that may not see accounts", "cd52a0df06"},
	"void_tickets":           {"definer accounts", "", "a trigger that ends what would let a user in again, in tables that the roles which shut users out may not see", "b6714f7ecd"},
	"void_proofs":            {"accounts", "", "a trigger that ends the sessions and the mailed tokens of an account", "57fc7abbdd"},
	"end_visits":             {"accounts", "", "a trigger that ends the visits of a session that was ended", "4463538c25"},
	"refuse_closed":          {"definer accounts", "", "a trigger that looks whether a user's account was closed, for roles that may not see accounts", "b4d796156d"},
	"enter_key":              {"definer settings accounts", "", "the same door, for an API key", "8b334552cd"},
	"enter_user":             {"definer settings accounts", "", "the same door, for a user who does not ask: it checks him, his account, the tenant and his reach, and binds no more than he could do himself", "ccdeb88686"},
	"expire_deliveries":      {"definer forgets", "tenant", "it deletes what is over of the bound tenant's messages", "c81aa00fcf"},
	"enter_platform":         {"definer settings accounts", "", "the door of superusers", "3de2ce7c5b"},
	"enter_account":          {"definer settings accounts", "", "the door of the account scope", "f6205edb25"},
	"key_account":            {"definer settings accounts", "unscoped", "it finds the account of an API key, whose hash it compares within the key's own tenant, and unbinds that again", "4c47a5265c"},
	"rate_limit_take":        {"settings accounts", "unscoped", "it counts attempts before anyone is known, and waits for no disk", "b30510c4e6"},
	"rate_limit_give":        {"settings accounts", "unscoped", "the same", "80fe1b370e"},
	"account_event":          {"accounts", "", "a trigger that writes to account_events what becomes of an account", "8bc5834e61"},
	"session_event":          {"accounts", "", "a trigger that writes a login to account_events", "5c9cb93135"},
	"catalogue_faults":       {"catalogue", "unscoped", "it tells of tables, policies and privileges, of no row", "522e207ecd"},
	"login_faults":           {"catalogue", "unscoped", "it tells of roles", "10a2d4275d"},
	"queue_job":              {"definer queue", "", "a trigger that puts a tenant's job into the queue, its ids alone", "57626a857c"},
	"queue_letter":           {"definer queue", "", "the same, of a letter", "b32d03ace6"},
	"ask_job":                {"definer queue", "", "a trigger that takes a job out of the queue, by the number that its own row has", "05023e3a48"},
	"note_job":               {"settings forgets", "", "it binds the tenant of a job and says in the job's row what the queue has done", "fccb3aa5ef"},
	"note_queued":            {"definer settings forgets", "", "a trigger of the queue, whose rows only queue_job makes", "56b538536a"},
	"expire_logins":          {"definer accounts", "unscoped", "it deletes what is over", "ecd90a56d3"},
	"expire_rows":            {"definer forgets", "tenant", "it deletes what is over of the bound tenant, and of its events what it wants kept no longer", "4df4626ef2"},
	"tenant_tables":          {"unread definer", "tenant", "it tells of tables, of no row", "5fa13a7044"},
	"export_rows":            {"unread", "tenant", "it reads as its caller, whom row-level security holds, rows of the bound tenant, which it names", "e23c333cbc"},
	"count_rows":             {"unread", "tenant", "the same, and only counts them", "19832667fe"},
	"restore_rows":           {"unread definer settings", "tenant", "it writes rows of the bound tenant, to which row-level security holds the owner too, and only where this very transaction has made the tenant", "a6e21e6074"},
	"restored":               {"unread definer", "tenant", "it looks whether what the bound tenant's rows refer to is there, and tells no more", "09a3427092"},
	"quota_subjects":         {"catalogue", "tenant", "it tells of tables, of no row", "5e9ba3870d"},
	"quota_used":             {"unread", "tenant", "it counts as its caller, whom row-level security holds, rows of the bound tenant", "195bec188e"},
	"set_quota":              {"catalogue unread definer", "tenant", "it sets a quota of the bound tenant, to which row-level security holds the owner too, and counts, once it has locked the bound tenant's row", "2e8d65681a"},
	"count_requests":         {"settings", "tenant", "it counts requests of the bound tenant, and waits for no disk", "7b1dde43d7"},
	"expire_events":          {"unread definer forgets", "tenant", "it deletes events of the bound tenant beyond its quota", "ad2d1b6ff9"},
	"erase_rows":             {"unread definer accounts queue forgets", "tenant", "it deletes rows of the bound tenant, to which row-level security holds the owner too, once it is given up and its time has come; and what points at it, by its id", "baaea69bfe"},
	"migration_version":      {"definer catalogue", "unscoped", "it reads the table of goose, on which no role holds a privilege", "c92ecb3004"},
	"identity_enter":         {"accounts", "unscoped", "it begins the session of who came with a verified token of an outside issuer, and links him where both e-mails are proven", "8915f81c8c"},
	"identity_session_ended": {"accounts", "", "a trigger that keeps tokens from before from beginning another session", "c35b0c3b7c"},
	"identity_event":         {"accounts", "", "a trigger that writes to account_events which identity is whose", "06f50b8f72"},
}

// What a migration may say, with its Down, that no other may.
var exempt = map[string]pardon{
	"sql/migrations/00001_database_roles.sql": {"roles are made where they are missing, which takes a loop; its Down gives everybody what PostgreSQL gives them, when there is no function left", "0b87a693ee b7cd3eb4ad"},
}

// What tells one of what another has, among all tenants and accounts, and why it may.
var oracles = map[string]string{
	"accounts_username_key":     "one logs in by it, before there is a tenant; whoever registers is told as little as can be: by mail",
	"accounts_email_key":        "the same",
	"identities_account_id_key": "only whoever has come with a verified token, or with a signed message, of the issuer writes one; he is told alike whether or not there is such an account",
	"sessions_identity_fkey":    "identity_enter writes it of the row of identities that it has locked",
	"tenants_slug_key":          "it ends in random characters, so that making one never tells whether a name is taken",
	"users_account_id_fkey":     "by an id that nobody can guess, and that a handler takes from AccountByLogin or a session, never from a request",
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

// Packages among them that hold types alone.
var harmless = map[string]bool{"github.com/jackc/pgx/v5/pgtype": true}

// Files that speak to the database past the doors, and by what.
var reachesDatabase = map[string]struct{ uses, why string }{
	"sql/schema.go": {"pgx.ParseConfig stdlib.OpenDB stdlib.OptionAfterConnect lock.NewPostgresSessionLocker sql.DB goose.Provider goose.NewProvider goose.DialectPostgres goose.WithSessionLocker goose.NumericComponent",
		"it runs the migrations, as their owner"},
	"sql/logins.go":       {"pgx.Conn pgx.Identifier", "it makes the database and the logins of a server of one's own, as a superuser"},
	"sql/surroundings.go": {"pgx.Conn pgx.ConnConfig pgx.ConnectConfig pgx.ParseConfig pgx.ForEachRow pgconn.ConnectError", "it sets sessions, and compares settings and the catalogue with what they must be; it reads no row"},
	"sql/pooler.go": {"pgx.Conn pgx.ConnectConfig pgx.QueryExecMode pgx.QueryExecModeExec pgx.QueryExecModeDescribeExec pgx.QueryExecModeSimpleProtocol pgx.QueryExecModeCacheStatement",
		"it finds out whether a pooler shares sessions; it reads no row"},
	"cmd/rowhouse/migrate.go": {"pgx.Conn goose.Provider goose.MigrationResult goose.StateApplied goose.NumericComponent", "rowhouse migrate: it connects as the owner to say who may serve"},
	"cmd/rowhouse/dev.go":     {"pgx.Connect", "rowhouse dev: it makes the demonstration's database on its own server"},
	"jobs/worker.go":          {"pgxpool.Pool pgx.Tx", "the pool of the queue, which it hands to river; its role reaches no table of tenants or accounts"},
	"cmd/rowhouse/config.go":  {"pgconn.ParseConfig", "it reads the form of the URLs of databases, and connects to none"},
}

// Methods that run SQL: where they are called, and where SQL is written or put together outside of sql/queries, the whole declaration is
// looked at (places, SQL). In tenancy also where one of its own statements is made of what the compiler does not know.
var (
	runs      = set("Exec Query QueryRow SendBatch Queue Prepare CopyFrom ExecContext QueryContext QueryRowContext PrepareContext ExecParams ExecPrepared ExecBatch ExecStatement")
	sqlFields = set("sql bind")
)

// The folders that are skipped with all below them, and why. Nothing that is proven may import what is in them.
var unproven = map[string]string{
	"bench":         "it serves nobody: it seeds a PostgreSQL of its own, and its floor is what there would be without doors",
	"cmd/bench":     "its command",
	"resource":      "it serves nobody: it writes source, which is then proven",
	"cmd/resource":  "its command",
	"testdb":        "tests alone import it",
	"mail/mailtest": "tests alone import it",
}

// Files beside Go that Go builds, and SQL that is neither a migration nor a query: what they are, to the letter.
var unreadable = map[string]pardon{
	"auth/argon2/compress_amd64.s": {"argon2 as the processor does it fastest; it knows blocks of numbers, and keeps none", "b22134a11c"},
	"sql/catalogue.sql":            {"it tells of the catalogue what the migrations have left, and of no row", "cc9ffd075a"},
	"sql/permissions.sql":          {"it tells of the permissions, which are the same for every tenant", "ecf5ce7662"},
	"sql/logins.sql":               {"an operator makes the two logins with it", "0d3e8300ac"},
}

// What is embedded, by folder and pattern.
var embedded = map[string]string{
	"auth/common_passwords.txt": "words that no password may be",
	"rest/docs":                 "the manual's page, the same for everybody",
	"prove/*.md.tmpl":           "the reports",
	"sql/catalogue.sql":         "see unreadable",
	"sql/catalogue.txt":         "what catalogue.sql must answer, to be compared",
	"sql/permissions.sql":       "see unreadable",
	"sql/migrations/*.sql":      "the migrations, which prove reads",
}

// What the compiler is told in comments, by directive and file.
var directives = map[string]string{
	"//go:noescape auth/argon2/lane_amd64.go": "it says of the assembly that it keeps no pointer",
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

// What may come of what stands in places.
var consequence = map[string]string{
	"Provision": ", so that a caller could see and change the rows of any",
	"Assume":    ", so that a caller could be anybody",
	"Operator":  ", so that a request could see all tenants",
	"System":    ", so that a request could see and change the rows of any",
	"OnBehalf":  ", so that a request could see the rows of whoever it names",
	"Unscoped":  ", so that a caller could be told of anybody's account",
	"TenantID":  ": a request could name a tenant of which its caller is no user",
	"[16]byte":  ": a request could name a tenant of which its caller is no user",
}

// The doors that check less than Enter and Account do.
var doors = map[string]string{
	"Provision": "it binds a tenant, whoever asks",
	"Assume":    "it binds an account without a session of it",
	"System":    "it binds a tenant, and nobody asks",
	"Operator":  "it sees all tenants, and nobody asks",
	"OnBehalf":  "it binds a user who does not ask, without a credential of his",
	"Unscoped":  "nothing holds its queries",
}

// The doors among them whose queries do no more than a user of the tenant may, once: whatever handler may be given them.
var narrow = set("OnBehalf")

// Where, and why, Go does what would be a leak elsewhere: uses one of these doors, makes a tenant, or says whose tenant it is; each
// statement that does so, by its hash. What it calls with the queries that a loose door has handed it is looked at in the same way.
var places = map[string]map[string]pardon{
	"Provision": {
		"handlers.Found":               {"it makes the tenant, so nobody is a user of it yet", "d2b5d793ff"},
		"handlers.accountClose":        {"an account leaves all its tenants, also those that it may not enter now; AccountUserTenants named them", "ce80fb9078"},
		"handlers.invitationAccept":    {"the secret of an invitation says its tenant, and is looked for by its hash in that tenant alone", "06761a77a1"},
		"handlers.App.prove":           {"the keys of an account that changes hands end in all its tenants; AccountUserTenants named them", "896a6885c7"},
		"handlers.Shut":                {"the keys and invitations of an account that is shut end in all its tenants; AccountUserTenants named them", "dd14faec37"},
		"handlers.App.visit":           {"SessionVisit, before it in the transaction, has let in a superuser or staff alone; it writes the tenant's log", "96d028f2c5"},
		"cmd/rowhouse.seed":            {"it makes the demonstration's tenants", "3f1f67856e"},
		"cmd/rowhouse.demoStudio":      {"what the demonstration's studio has, as soon as it is made", "4e2e745d9b"},
		"cmd/rowhouse.demoAppointment": {"the same", "d712771e74"},
		"archive.Archivist.Export":     {"the operator exports a tenant", "71c4bc5615"},
		"archive.eachPage":             {"the same", "78350c6300"},
		"archive.Archivist.Import":     {"the operator makes a tenant of an archive", "411f9bdc70"},
		"archive.restore":              {"the same", "ad05683166"},
		"cmd/rowhouse.demoCommunity":   {"what its community has, as soon as it is made", "9eba56fe82"},
	},
	"Assume": {
		"jobs.userWelcomer.Work":             {"the account of the user whom it welcomes, as the tenant's row says", "ac8ab9c6d2"},
		"handlers.App.prove":                 {"who came with the token has read the account's mail", "896a6885c7"},
		"cmd/rowhouse.accountShow":           {"the operator asks where an account belongs", "43ba669044"},
		"cmd/rowhouse.accountRevokeSessions": {"the operator ends its sessions", "cd11be3fbc"},
		"handlers.Shut":                      {"the issuer of the account's identity, whose signature was verified, tells that there is no such person any more; or the operator shuts it", "dd14faec37"},
	},
	"System": {
		"jobs.appointmentReminder.Work":    {"it reminds the client of an appointment; the tenant stands in the job, which its own row has put into the queue", "a145cd8b58"},
		"jobs.invitationMailer.Work":       {"it mails an invitation; the same", "bc1be5f94f"},
		"jobs.tenantExpirer.Work":          {"it deletes what is over; the same", "f840b8eaa6"},
		"jobs.tenantEraser.Work":           {"it looks since when its tenant is to be erased; the same", "1f32a80fd8"},
		"jobs.userWelcomer.Work":           {"it welcomes a user; the same", "6bf31c1148"},
		"jobs.webhookMailer.Work":          {"it tells the user of a webhook that it was disabled; the same", "bd9ca519bd"},
		"jobs.Worker.here":                 {"it looks whether the tenant of a job is there", "213586be34"},
		"archive.Archivist.Erase":          {"it erases a tenant that is given up; the operator names it, or a job of its own", "3eeb9cdc30 c9743c0e87"},
		"cmd/rowhouse.tenantShow":          {"the operator looks at a tenant", "c0c213eaef"},
		"cmd/rowhouse.tenantStats":         {"the same", "52d5aa05e1"},
		"cmd/rowhouse.tenantSuspend":       {"the operator shuts a tenant", "1d1b8f7394"},
		"cmd/rowhouse.tenantResume":        {"the operator opens it again", "52ccabea02"},
		"cmd/rowhouse.tenantExport":        {"the operator exports it", "0cb9bf8c79 03d62fc990"},
		"cmd/rowhouse.tenantQuota":         {"the operator sets its quotas, and looks at them", "53e6096c09 eb4f277da8"},
		"cmd/rowhouse.tenantErase":         {"the operator gives it up", "e266b0c404"},
		"rest.Server.writeTally":           {"it counts requests of a tenant whose door has let them in", "5d85979d06"},
		"webhooks.Deliverer.Attempt":       {"it sends a message of the tenant that stands in its job", "0e79515143"},
		"webhooks.Deliverer.body":          {"it keeps what the message says; the same", "40e6b41ddb"},
		"webhooks.Deliverer.note":          {"it notes what became of it; the same", "78a9372625"},
		"webhooks.Deliverer.giveUp":        {"the same", "2f4c9142eb"},
		"webhooks.Deliverer.disable":       {"it disables the message's own endpoint", "3be936ffb5"},
		"webhooks.Deliverer.Seal":          {"it seals a tenant's own secrets anew", "7e0821f349 9de7d04962 174db5fb6e"},
		"handlers.publicProfileList":       {"a page of a tenant that publicTenant has found to be public: those of its users who let themselves be found by everybody", "d9d7e6e970"},
		"handlers.publicUserGroupList":     {"the same: its approved groups", "cf57d51a4d"},
		"handlers.publicPortfolioItemList": {"the same: what its artists show to everybody", "18021f252d"},
	},
	"Operator": {
		"cmd/rowhouse.tenantList": {"the operator lists all tenants", "f06ada0c12"},
	},
	"OnBehalf": {
		"rest.API.Show": {"what an endpoint is told is what its user sees; the endpoint, which is a row of the tenant, says who that is", "de49920b98"},
	},
	"Unscoped": {
		"handlers.tenantExport":             {"a superuser takes an archive, as PlatformTenant has asked the database; it writes the log of that account", "848dc571ba"},
		"handlers.createAccount":            {"whoever calls it is here too", "dbe449380b"},
		"jobs.NewToken":                     {"the same", "70fa9e7931"},
		"cmd/rowhouse.activeAccount":        {"the same", "494b17d794"},
		"handlers.accountRegister":          {"nobody has an account yet", "325d31216c"},
		"handlers.accountGet":               {"an API key has no session; key_account compares its hash", "287e7d47db"},
		"handlers.App.acceptAnew":           {"the invitation's e-mail says which account it is, or that there is none yet", "7649948078 29625d3493"},
		"handlers.App.publicTenant":         {"everybody may read the public pages; TenantPublic finds no tenant that has none", "b9202438d3"},
		"rest.Counter.Take":                 {"attempts are counted before anyone is known", "3b363dc377"},
		"rest.Counter.Give":                 {"the same", "cbccb4172a"},
		"handlers.App.promise":              {"who asks for a token by mail is not known before the mail is read", "1c47a79608"},
		"handlers.passwordForgot":           {"the same", "ee662bb188"},
		"jobs.Worker.sendToken":             {"the same", "1828502250"},
		"jobs.letterMailer.Work":            {"the same; the letter says whose it is", "10c5596a5d ea3bf9687a 13c15bcf99"},
		"jobs.loginsExpirer.Work":           {"no account asks for what is over of all", "927bffaffe"},
		"handlers.App.bearer":               {"the token is all the proof that there is", "536bccb5f3"},
		"rest.check":                        {"readiness is asked by nobody", "63b5c80330 a9a6980e5c 77014aab67"},
		"rest.Server.Note":                  {"who was refused is nobody that the database knows", "104b40cf57"},
		"handlers.sessionLogin":             {"nobody is known before the password is", "42cd397533 f05326a4ef 6ebbf7bfa0"},
		"handlers.sessionRefresh":           {"the refresh token is all the proof that there is", "840e18a6be 43016da1a7 e04c691766 fdd831e13e"},
		"handlers.clerkTake":                {"the signature of the message is all the proof that there is", "a2f21aaf66"},
		"handlers.clerkIdentity":            {"the same", "f3e93f102c ee87609858"},
		"handlers.App.clerkTold":            {"the same", "92753b47d5 a4df2ec1ad 8bd01800ef 1f2d15b50d 3aa9e5f8f2 dbd2ae3b2d bf30f5bab7"},
		"handlers.clerkBegin":               {"the same", "3038521f70 d4a31d687c 29181d8bd5 a942f860d9"},
		"handlers.clerkFree":                {"the same", "7bb993e958"},
		"handlers.clerkLink":                {"the same", "8c7975e192"},
		"handlers.App.clerkDeleted":         {"the same", "ffd2052f0e 2bb058410a"},
		"handlers.Shut":                     {"whoever calls it is here too", "d54c4c8069 887b2034a2"},
		"handlers.identityEnter":            {"who has an access token of an outside issuer, whose signature was verified, has no session yet", "271161e310 967886e078 29a4d905c2"},
		"handlers.identitySession":          {"whoever calls it is here too", "7f9ea5704a"},
		"handlers.userCreate":               {"the account of a new user is made; the user itself goes through Enter", "86ac53ae4f"},
		"cmd/rowhouse.seed":                 {"it makes the demonstration's accounts", "e7ec032b2f b5adadc08e"},
		"cmd/rowhouse.accountCommand":       {"the operator makes an account", "5880b428ed"},
		"cmd/rowhouse.resetPasswordCommand": {"the operator lets somebody into an account", "524c72b446 541067392e e482d52aa6 094f50bd3d"},
		"archive.exportAccounts":            {"the operator exports a tenant; who its users are stands in their rows", "78df447763"},
		"archive.matchAccounts":             {"the operator makes a tenant of an archive, which names its users' accounts", "c9f72ea0ea 93b4a8cbca"},
		"cmd/rowhouse.tenantExport":         {"the operator exports a tenant", "76cf2ee73a"},
		"archive.Archivist.Import":          {"the operator makes a tenant of an archive", "e0d1d451f9"},
		"cmd/rowhouse.tenantCommand":        {"the operator names the account that a new tenant's admin is", "2546ec66e1"},
		"cmd/rowhouse.accountOf":            {"the operator names an account", "eda2dcd37b"},
		"cmd/rowhouse.accountReactivate":    {"the operator opens it again", "1c38b7c0c0"},
		"cmd/rowhouse.operate":              {"it compares the version of the migrations", "5ea759d346"},
	},
	"TenantID": {
		"auth.NewTenantSecret":              {"it writes the tenant into a secret", "2040d7ddc4"},
		"auth.tenantOf":                     {"it reads it back; what is looked for in that tenant is the hash of the secret", "3ecb6cd5ee"},
		"auth.outsideClaims.outside":        {"it reads the tenant that a verified token of an outside issuer names; Enter asks the database whether the caller may", "ee34a09a3e"},
		"handlers.Found":                    {"a new tenant", "d130306c3f"},
		"rest.exchange.chooseTenant":        {"the one place where a request says its tenant; Enter asks the database whether the caller may", "397ab23203 a8ae74685a"},
		"archive.exportAccounts":            {"a tenant that the operator has named", "cfccc2ebb4"},
		"cmd/rowhouse.parseTenant":          {"the operator names it", "3f3f85ad2a"},
		"cmd/rowhouse.tenantImport":         {"the same, or it is a new one", "b58abe3fc8 608571f0f1"},
		"rest.PlatformOne":                  {"the tenant that a superuser names, as PlatformTenant asks the database", "bab8594226"},
		"rest.PlatformDownload":             {"the same", "bab8594226"},
		"handlers.platformTenantGet":        {"the same", "609307929c"},
		"handlers.platformTenantUsage":      {"the same", "e52c6e9903"},
		"handlers.tenantQuota":              {"the same", "b57d200cac"},
		"handlers.tenantStats":              {"the same", "4c44d97e05"},
		"handlers.tenantSuspend":            {"the same", "609307929c"},
		"handlers.tenantResume":             {"the same", "609307929c"},
		"handlers.tenantErase":              {"the same", "25b28f9ce9"},
		"handlers.tenantExport":             {"the same", "db8f7e1155"},
		"handlers.tenantImport":             {"the same, or it is a new one", "e0a3ca6a97 b08a255271"},
		"rest.API.Show":                     {"the tenant of a message, whose user OnBehalf asks the database about", "de49920b98"},
		"rest.API.refusals":                 {"a request that is put together to see what refuses it, and served by nobody", "b889100983"},
		"handlers.sessionLogin":             {"the tenant to bind the new session to; SessionBind looks whether the account is a user of it", "2731f21faf"},
		"handlers.sessionSwitchTenant":      {"the same, of a session that lives", "3972be4c42"},
		"handlers.sessionSwitchTenantInput": {"the same", "6de1b3dcc9"},
		"handlers.tenantDelete":             {"its answer", "9ed5abb27b c371765dcb"},
		"cmd/rowhouse.seed":                 {"the demonstration's tenants, whose identifiers the manual shows", "c2f169200a"},
	},
	"SQL": {
		"sql.CreateDatabase":           {"a database and its two logins, as a superuser", "584105af70"},
		"sql.Grant":                    {"who may serve", "091c7992c9"},
		"sql.GrantServer":              {"the same, and for how long", "ab11e8f64d"},
		"sql.Missing":                  {"it reads the version of the migrations", "2b879215d1"},
		"sql.Settle":                   {"the settings of a session, none of which binds it", "95f09d630f"},
		"sql.SettleWorker":             {"the same, with the role of a worker's queue", "57de7595eb"},
		"sql.backend":                  {"it reads the process that serves it", "36a12ae73b"},
		"sql.namesReach":               {"it prepares SELECT 1, and looks for its name among prepared statements", "1d867a7cd9"},
		"sql.unfit":                    {"it reads settings", "12da4e645a"},
		"sql.CatalogueOf":              {"it reads the catalogue and the permissions", "e4b27a4234"},
		"sql.needs":                    {"what an operator is told to say", "58d20bd187"},
		"sql.settle":                   {"see sql.Settle", "cef9fe450b"},
		"tenancy.Database.LoginFaults": {"it reads roles", "96e400d613"},
		"tenancy.Database.Recall":      {"idempotency_recall reads the bound scope, and Enter's or Account's binding goes before it", "bb53436073"},
		"tenancy.Database.asList":      {"an accessor's statement, as shapes.of has it", "9834a4c9a3"},
		"tenancy.Database.inquire":     {"whether PostgreSQL is at work for a connection, and no word of what for", "16de7c9095"},
		"tenancy.Database.prepare":     {"what has been run before, and is not run by it", "f95af9cc01"},
		"tenancy.Tx.end":               {"commit or rollback, after the claim's own statements", "b737461f5d"},
		"tenancy.door.open":            {"an accessor's statement behind its scope's binding", "ffc7689561"},
		"tenancy.scope.binding":        {"one of the bindings of tenantScope, accountScope, boundScope, assumedScope and unscoped", "6730bb2ec6"},
		"tenancy.scope.rebinding":      {"the same, from no role", "76e78b0007"},
		"tenancy.shapes.make":          {"an accessor's statement with NULL, true, false and words of letters in the place of parameters that are these", "5ed26eba28"},
		"tenancy.shapes.of":            {"the same, made before", "19991d8768"},
		"tenancy.trip.send":            {"what all of these have put together, and nothing else", "2ea8546f8b"},
		"tenancy.txDoor.open":          {"an accessor's statement behind its scope's binding, unless that is bound already", "d5c816882a"},
	},
	"exec": {
		"prove.page.run":          {"go test, on the machine of whoever proves", "842e0871db"},
		"localpg.account.command": {"PostgreSQL's own programs, for a server of one's own", "671d75f878"},
		"localpg.serves":          {"ps, for the same", "912fa64382"},
	},
	"[16]byte": {
		"rest.Position": {"the row after which a page begins, of whatever kind; queries compare it within the tenant", "8a5fd93901"},
	},
}

// generatedBase is the hash of what sqlc writes into db/db.go.
const generatedBase = "4c1bf8429f"

// doorway is what tenancy exports: all that the rest of the program can do with the database. Of what hands out queries, Enter asks the
// database for session or key, account, user and permission, Account for session and account, Platform and PlatformTenant for them and a superuser, and the others stand in doors.
const doorway = `
Caller.AccountID ids.AccountID
Caller.Address string
Caller.Key auth.APIKey
Caller.Operation string
Caller.Outside bool
Caller.RequestID string
Caller.SessionID ids.SessionID
Caller.TenantID ids.TenantID
Claim.Fingerprint []byte
Claim.Key string
Claim.Permission auth.Permission
Database.AcquireTimeout time.Duration
Database.QueueTimeout time.Duration
Database.Telemetry *telemetry.Telemetry
const VisitEnd
func (c *Caller) ByKey() bool
func (c *Caller) Credential() ids.AccountID
func (d *Database) Account(who Caller) *db.Queries
func (d *Database) Atomic(ctx context.Context, fn func(tx *Tx) error) error
func (d *Database) Snapshot(ctx context.Context, fn func(tx *Tx) error) error
func (d *Database) Close()
func (d *Database) Enter(who Caller, permission auth.Permission) *db.Queries
func (d *Database) Idempotent(ctx context.Context, who Caller, key Claim, fn func(tx *Tx) (answer []byte, err error)) error
func (d *Database) Observe(t *telemetry.Telemetry, pool string)
func (d *Database) OnBehalf(tenant ids.TenantID, user ids.UserID, permission auth.Permission, reason string) *db.Queries
func (d *Database) LoginFaults(ctx context.Context) (faults []string, err error)
func (d *Database) Operator(reason string) *db.Queries
func (d *Database) Platform(who Caller) *db.Queries
func (d *Database) PlatformTenant(who Caller) *db.Queries
func (d *Database) Reach(ctx context.Context, sessions bool) error
func (d *Database) Recall(ctx context.Context, who Caller, permission auth.Permission, key string) (fingerprint, answer []byte, err error)
func (d *Database) SchemaFaults(ctx context.Context) (faults []string, err error)
func (d *Database) System(tenant ids.TenantID, reason string) *db.Queries
func (d *Database) Unscoped(who Caller) *db.Queries
func (d *Database) Warm(ctx context.Context)
func (tx *Tx) Account(who Caller) *db.Queries
func (tx *Tx) Assume(account ids.AccountID, who Caller) *db.Queries
func (tx *Tx) Enter(who Caller, permission auth.Permission) *db.Queries
func (tx *Tx) Provision(tenant ids.TenantID, who Caller) *db.Queries
func (tx *Tx) Unscoped(who Caller) *db.Queries
func Again(err error) error
func ConstraintOf(err error) string
func Constraints() []Constraint
func Meaning(table string) string
func Permissions() []Permission
func OpenQueue(ctx context.Context, url string, t *telemetry.Telemetry) (*pgxpool.Pool, error)
func Open(ctx context.Context, url string) (*Database, error)
func Retry(ctx context.Context, reads bool, work func() error) error
type Caller struct
type Claim struct
type Constraint = schema.Constraint
type Permission = schema.Permission
type Database struct
type Tx struct
var ErrLost
var ErrSecondCall
var ErrUnavailable
var ErrUnbound
`
