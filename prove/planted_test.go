package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A planting is a fault in a file that is added to the project, or at the end of one that it has. Where old is set, the text
// replaces it: in the file, or where there is none yet, in that of a sound table. Without want it is sound. The finding is at the
// line of the mark, or else at the first line of the text.
type planting struct{ kind, file, old, text, want string }

const migration = "sql/migrations/99999_planted.sql"

// leases is a table as a migration makes one.
const leases = `CREATE TABLE leases (
    tenant_id uuid NOT NULL,
    id        uuid NOT NULL DEFAULT uuid_v7(),
    item_id   uuid,
    fee_cents integer,
    CONSTRAINT leases_pkey           PRIMARY KEY (tenant_id, id),
    CONSTRAINT leases_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT leases_item_id_fkey   FOREIGN KEY (tenant_id, item_id) REFERENCES items (tenant_id, id),
    CONSTRAINT leases_fee_check      CHECK (fee_cents > 0)
);
COMMENT ON COLUMN leases.fee_cents IS 'Cents.';
CREATE INDEX leases_item_id_idx ON leases (tenant_id, item_id);
ALTER TABLE leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE leases FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON leases
    USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));
CREATE FUNCTION leases_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.audit_events (tenant_id, action, entity_type, entity_id) SELECT n.tenant_id, 'changed', 'lease', n.id FROM changed n;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION leases_audit() FROM PUBLIC;
CREATE TRIGGER audit_insert AFTER INSERT ON leases REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION leases_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON leases REFERENCING OLD TABLE AS previous NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION leases_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON leases REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION leases_audit();
`

// check plants each, and sees one finding of each fault, the right one, at its line, and no other. What it makes anew it calls
// planted; those are planted in one copy of the project, under different names, and every other in a copy of its own.
func check(t *testing.T, count string, project fstest.MapFS, plantings []planting) {
	kinds, faults := map[string]bool{}, 0
	together := maps.Clone(project)
	var wanted []func(findings []string) int
	for i, p := range plantings {
		kinds[p.kind] = true
		if p.want != "" {
			faults++
		}
		text := p.text
		anew := strings.Contains(text, "planted")
		ground := project
		if anew {
			ground = together
		}
		within := leases
		if ground[p.file] != nil {
			within = string(ground[p.file].Data)
		}
		before, after, ok := strings.Cut(within, p.old)
		switch {
		case !ok:
			t.Fatalf("%s: nothing says %q", p.kind, p.old)
		case p.old != "" && ground[p.file] == nil:
			text = before + p.text + after
		}
		if anew {
			name := fmt.Sprintf("planted%d", i)
			text, p.want, p.file = strings.ReplaceAll(text, "planted", name), strings.ReplaceAll(p.want, "planted", name), strings.ReplaceAll(p.file, "planted", name)
		}
		first := 0
		if project[p.file] == nil && strings.HasPrefix(p.file, "sql/migrations/") {
			text, first = "-- +goose Up\n"+text, 1
		}
		planted, line := plant(ground, p.file, text)
		if p.old != "" && ground[p.file] != nil {
			planted, line = maps.Clone(ground), 1+strings.Count(before, "\n")
			planted[p.file] = &fstest.MapFile{Data: []byte(before + text + after)}
		}
		if at := marked(text); at >= 0 {
			first = at
		}
		at := fmt.Sprintf("%s:%d: ", p.file, line+first)
		// right reports what is wrong with the findings in the file, and returns how many are.
		right := func(t *testing.T, findings []string) int {
			t.Helper()
			var here []string
			for _, finding := range findings {
				if !anew || strings.HasPrefix(finding, p.file+":") {
					here = append(here, finding)
				}
			}
			sound := p.want == "" && len(here) == 0
			if !sound && (p.want == "" || len(here) != 1 || !strings.HasPrefix(here[0], at) || !strings.Contains(here[0], p.want)) {
				t.Errorf("%s: %s\n got %s\nwant %s … %s", p.kind, text, strings.Join(here, "\n    "), at, p.want)
			}
			return len(here)
		}
		if anew {
			together = planted
			wanted = append(wanted, func(findings []string) int { return right(t, findings) })
			continue
		}
		t.Run(p.kind, func(t *testing.T) {
			t.Parallel()
			findings, _ := Read(planted)
			right(t, findings)
		})
	}
	findings, _ := Read(together)
	seen := 0
	for _, right := range wanted {
		seen += right(findings)
	}
	if seen != len(findings) {
		t.Errorf("%d findings, of which %d are of what was planted:\n%s", len(findings), seen, strings.Join(findings, "\n"))
	}
	if len(kinds) != len(plantings) {
		t.Errorf("%d plantings of %d kinds: two are called the same", len(plantings), len(kinds))
	}
	t.Attr(count, fmt.Sprint(faults))
}

// Triggers that are left at rest are found, whatever else is said of the statement that lays them.
func TestTriggersLeftAtRest(t *testing.T) {
	t.Parallel()
	planted, _ := plant(ground(), migration, "-- +goose Up\nALTER TABLE items DISABLE TRIGGER USER;\n")
	findings, _ := Read(planted)
	if !slices.ContainsFunc(findings, func(finding string) bool { return strings.Contains(finding, "items: its triggers are left disabled") }) {
		t.Errorf("got %q", findings)
	}
}

// A table that does not hold tenants apart by itself is found.
func TestPlantedTables(t *testing.T) {
	t.Parallel()
	check(t, "schema_faults", ground(), []planting{
		{"a table as it should be", migration, "leases_fee_check ", "leases_fee_check", ""},
		{"columns that come and go", migration, "", "ALTER TABLE items DROP COLUMN description, ALTER name SET NOT NULL, ADD note text DEFAULT '', ADD tags text[];", ""},
		{"a policy that takes away", migration, "", "CREATE POLICY own ON items AS RESTRICTIVE USING (id = (SELECT me()));", ""},
		{"a policy that takes away by looking at its tenant", migration, "",
			"CREATE POLICY own ON items AS RESTRICTIVE USING (EXISTS (SELECT 1 FROM users u WHERE u.tenant_id = items.tenant_id));", ""},
		{"the grid's rows", migration, "", "UPDATE permissions SET admin = 'any' WHERE name = 'items:read';", ""},
		{"what is gone again", migration, "", "CREATE POLICY p ON items USING (true); DROP POLICY p ON items; CREATE TABLE t (id uuid); DROP TABLE t; DROP FUNCTION IF EXISTS f();", ""},
		{"a check that computes", migration, "", "ALTER TABLE items ADD CONSTRAINT items_x CHECK (lower(name) <> ''), ADD COLUMN made_by uuid DEFAULT me();", ""},

		{"what the planner is told", migration, "", "ALTER TABLE items ALTER tenant_id SET (n_distinct = -0.1); ANALYZE items;", ""},

		{"a VACUUM", migration, "", "VACUUM items;", "statement: VACUUM is nothing"},
		{"no tenant_id", migration, "", "CREATE TABLE countries (id uuid);", "countries: it has no tenant_id; give it one, or list it"},
		{"the tenant_id taken away", migration, "COMMENT ON COLUMN leases.fee_cents IS 'Cents.';", "COMMENT ON COLUMN leases.fee_cents IS 'Cents.';\nALTER TABLE leases DROP COLUMN tenant_id; /*!*/", "leases: it has no tenant_id"},
		{"a primary key that begins with the id", migration, "PRIMARY KEY (tenant_id, id),", "PRIMARY KEY /*!*/ (id, tenant_id),", "leases_pkey must begin with tenant_id"},
		{"no primary key", migration, "    CONSTRAINT leases_pkey           PRIMARY KEY (tenant_id, id),\n", "", "leases: it has no primary key"},
		{"the primary key taken away", migration, "", "ALTER TABLE items DROP CONSTRAINT items_pkey;", "items: it has no primary key"},
		{"a constraint without a name", migration, "CONSTRAINT leases_pkey           PRIMARY", "PRIMARY /*!*/", "leases: a constraint has no name"},
		{"a constraint of a column without a name", migration, "fee_cents integer,", "fee_cents integer CHECK /*!*/ (fee_cents < 9),", "leases: a constraint has no name"},
		{"a unique name among all tenants", migration, "", "CREATE UNIQUE INDEX items_name_key ON items (name);", "items_name_key must begin with tenant_id"},
		{"the tenant behind an expression", migration, "", "CREATE UNIQUE INDEX items_name_key ON items (lower(name), tenant_id);", "items_name_key must begin with tenant_id"},
		{"an exclusion among all tenants", migration, "", "ALTER TABLE items ADD CONSTRAINT items_x EXCLUDE USING gist (tenant_id WITH <>, name WITH =);", "items_x must begin with tenant_id"},
		{"an index that may be another of that name", migration, "", "CREATE INDEX IF NOT EXISTS i ON items (tenant_id);", "IndexStmt.if_not_exists is nothing"},

		{"a reference by id alone", migration, "", "ALTER TABLE items ADD COLUMN user_id uuid CONSTRAINT items_f REFERENCES users (id); CREATE INDEX i ON items (user_id);",
			"items_f could point into another tenant"},
		{"a reference whose columns are crossed", migration, "", "ALTER TABLE users ADD CONSTRAINT users_f FOREIGN KEY (tenant_id, artist_id) REFERENCES artists (id, tenant_id);", "users_f could point into another tenant"},
		{"a reference to unnamed columns", migration, "", "ALTER TABLE users ADD CONSTRAINT users_f FOREIGN KEY (tenant_id, artist_id) REFERENCES artists;", "users_f must name the columns"},
		{"a reference to another tenant", migration, "", "ALTER TABLE items ADD COLUMN other_id uuid CONSTRAINT items_f REFERENCES tenants (id); CREATE INDEX items_i ON items (other_id);", "items_f could point to another tenant"},
		{"a reference to nothing", migration, "", "ALTER TABLE items ADD CONSTRAINT items_f FOREIGN KEY (tenant_id) REFERENCES houses (id);", "items_f refers to houses, which no migration makes"},
		{"a session that refers to a user", migration, "", "ALTER TABLE sessions ADD COLUMN user_id uuid CONSTRAINT sessions_f REFERENCES users (id); CREATE INDEX i ON sessions (user_id);", "sessions_f could point into another tenant"},
		{"a reference without an index", migration, "", "ALTER TABLE items ADD COLUMN team_id uuid,\n  ADD CONSTRAINT items_f FOREIGN KEY /*!*/ (tenant_id, team_id) REFERENCES teams (tenant_id, id);", "items: no index begins with (tenant_id, team_id)"},
		{"the index of a reference taken away", migration, "", "DROP INDEX users_team_id_idx;", "no index begins with (tenant_id, team_id)"},
		{"the index of a reference for some rows", migration, "", "ALTER TABLE items ADD COLUMN team_id uuid,\n  ADD CONSTRAINT items_f FOREIGN KEY /*!*/ (tenant_id, team_id) REFERENCES teams (tenant_id, id);\nCREATE INDEX i ON items (tenant_id, team_id) WHERE price_cents > 1;", "no index begins with (tenant_id, team_id)"},

		{"row-level security not enabled", migration, "ALTER TABLE leases ENABLE ROW LEVEL SECURITY;\n", "", "leases: row-level security must be both"},
		{"row-level security not forced", migration, "ALTER TABLE leases FORCE ROW LEVEL SECURITY;\n", "", "leases: row-level security must be both"},
		{"row-level security disabled", migration, "", "ALTER TABLE items DISABLE ROW LEVEL SECURITY;", "items: row-level security must be both"},
		{"the owner let off", migration, "", "\nALTER TABLE items NO FORCE ROW LEVEL SECURITY; /*!*/", "items: row-level security must be both"},
		{"no policy", migration, "CREATE POLICY tenant_only ON leases\n    USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));\n", "", "leases: it has no policy"},
		{"the policy taken away", migration, "", "DROP POLICY tenant_only ON items;", "items: it has no policy"},
		{"a policy that only restricts", migration, "CREATE POLICY tenant_only ON leases\n", "CREATE POLICY tenant_only ON leases AS RESTRICTIVE\n", "leases: it has no policy"},
		{"a policy for reading that shows all", migration, "", "CREATE POLICY p ON items FOR SELECT USING (true);", "items: the policy p opens it"},
		{"a policy with a bare call, asked for every row", migration, "", "CREATE POLICY p ON items USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());", "items: the policy p opens it"},
		{"a policy with an OR", migration, "", "CREATE POLICY p ON items USING (tenant_id = (SELECT current_tenant()) OR true) WITH CHECK (tenant_id = (SELECT current_tenant()));", "items: the policy p opens it"},
		{"a policy for one role", migration, "", "CREATE POLICY p ON items TO rowhouse_app USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));", "items: the policy p opens it"},
		{"a policy for accounts that forgets the tenant", migration, "", "CREATE POLICY p ON users FOR SELECT TO rowhouse_login USING (account_id = (SELECT my_account()));", "users: the policy p opens it"},
		{"a policy for accounts that lets them write", migration, "", "CREATE POLICY p ON users TO rowhouse_login USING ((SELECT current_tenant()) IS NULL AND account_id = (SELECT my_account()));", "users: the policy p opens it"},
		{"a policy for nobody that shows what is not public", migration, "", "CREATE POLICY p ON tenants FOR SELECT TO rowhouse_login USING ((SELECT current_tenant()) IS NULL AND (SELECT my_account()) IS NULL AND is_public);", "tenants: the policy p opens it"},
		{"a policy that checks and shows all", migration, "", "CREATE POLICY p ON items USING (true) WITH CHECK (tenant_id = (SELECT current_tenant()));", "items: the policy p opens it"},
		{"a policy that shows and does not check", migration, "", "CREATE POLICY p ON items USING (tenant_id = (SELECT current_tenant()));", "items: the policy p opens it"},
		{"a restriction that asks everybody", migration, "", "CREATE POLICY own ON items AS RESTRICTIVE\n    USING (EXISTS (SELECT 1 FROM users u /*!*/ WHERE u.id = items.id));", "users u is not held to the bound tenant"},
		{"a policy changed later", migration, "", "ALTER POLICY tenant_only ON items USING (true);", "statement: alter_policy_stmt is nothing"},

		{"no audit of deletes", migration, "CREATE TRIGGER audit_delete AFTER DELETE ON leases REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION leases_audit();\n", "", "leases: no trigger AFTER DELETE"},
		{"the audit taken away", migration, "", "DROP TRIGGER audit_delete ON items;", "items: no trigger AFTER DELETE"},
		{"an audit of one column", migration, "", "CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE OF name ON items REFERENCING OLD TABLE AS previous NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION items_audit();", "items: no trigger AFTER UPDATE"},
		{"an audit for each row", migration, "", "CREATE OR REPLACE TRIGGER audit_insert AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION items_audit();", "items: no trigger AFTER INSERT"},
		{"an audit that never fires", migration, "", "CREATE OR REPLACE TRIGGER audit_insert AFTER INSERT ON items FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION items_audit();", "items: no trigger AFTER INSERT"},
		{"an audit by another function", migration, "", "CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON items FOR EACH STATEMENT EXECUTE FUNCTION items_touch();", "items: no trigger AFTER DELETE"},
		{"an audit as another table's", migration, "", "CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON items REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION teams_audit();", "items: no trigger AFTER DELETE"},
		{"an audit too early", migration, "", "CREATE OR REPLACE TRIGGER audit_insert BEFORE INSERT ON items FOR EACH STATEMENT EXECUTE FUNCTION items_audit();", "items: no trigger AFTER INSERT"},
		{"another type", migration, "", "ALTER TABLE items ALTER price_cents TYPE bigint;", ""},
		{"a number that counts itself", migration, "", "ALTER TABLE items ADD n integer GENERATED ALWAYS AS IDENTITY;", "CONSTR_IDENTITY is nothing"},
		{"the triggers at rest", migration, "", "ALTER TABLE items DISABLE TRIGGER USER; ALTER TABLE items ENABLE TRIGGER USER;", "items: its triggers rest, audit among them; only a backfill may do that"},
		{"the triggers disabled", migration, "", "ALTER TABLE items DISABLE TRIGGER ALL;", "AT_DisableTrigAll is nothing"},
		{"one trigger disabled", migration, "", "ALTER TABLE items DISABLE TRIGGER audit_delete;", "AT_DisableTrig is nothing"},
		{"a constraint trigger", migration, "", "CREATE CONSTRAINT TRIGGER c AFTER UPDATE ON items DEFERRABLE FOR EACH ROW EXECUTE FUNCTION items_touch();", "CreateTrigStmt.isconstraint is nothing"},
		{"cents of nothing", migration, "COMMENT ON COLUMN leases.fee_cents IS 'Cents.';\n", "", "leases: the comment on fee_cents must say"},

		{"a view, whose owner sees all", migration, "", "CREATE VIEW all_items AS SELECT * FROM items;", "view_stmt is nothing that prove understands"},
		{"a materialised view", migration, "", "CREATE MATERIALIZED VIEW all_items AS SELECT * FROM items;", "create_table_as_stmt is nothing"},
		{"a partition", migration, "", "CREATE TABLE parts (tenant_id uuid) PARTITION BY HASH (tenant_id); DROP TABLE parts;", "CreateStmt.partspec is nothing"},
		{"a child, which has no policy of its own", migration, "", "CREATE TABLE kids () INHERITS (items); DROP TABLE kids;", "CreateStmt.inh_relations is nothing"},
		{"a table like another", migration, "", "CREATE TABLE parts (LIKE items); DROP TABLE parts;", "LIKE is nothing"},
		{"a temporary table", migration, "", "CREATE TEMPORARY TABLE t (tenant_id uuid); DROP TABLE t;", "t: a table that is TEMPORARY or UNLOGGED is nothing"},
		{"a table of another schema", migration, "", "ALTER TABLE other.items FORCE ROW LEVEL SECURITY;", "items: a table outside of the schema public"},
		{"a drop in another schema", migration, "", "DROP TABLE other.items;", "DROP: OBJECT_TABLE other.items is nothing"},
		{"a table that is misspelt", migration, "", "ALTER TABLE itmes ENABLE ROW LEVEL SECURITY;", "itmes: no table of this name has been made"},
		{"a new name", migration, "", "ALTER TABLE items RENAME COLUMN tenant_id TO owner;", "rename_stmt is nothing"},
		{"a new owner", migration, "", "ALTER TABLE items OWNER TO rowhouse_app;", "AT_ChangeOwner is nothing"},
		{"a rule", migration, "", "CREATE RULE r AS ON INSERT TO items DO INSTEAD NOTHING;", "rule_stmt is nothing"},
		{"an operator", migration, "", "CREATE OPERATOR = (LEFTARG = uuid, RIGHTARG = text, FUNCTION = f);", "define_stmt is nothing"},
		{"a cast of one's own", migration, "", "CREATE CAST (uuid AS boolean) WITH INOUT AS IMPLICIT;", "create_cast_stmt is nothing"},
		{"an extension", migration, "", "CREATE EXTENSION dblink;", "extension: dblink is nothing"},
		{"a block that nobody reads", migration, "", "DO 'BEGIN EXECUTE $x$DROP POLICY tenant_only ON items$x$; END';", "DO: prove cannot see"},
		{"rows of a tenant", migration, "", "INSERT INTO items (name) VALUES ('x');", "items: a migration reads and writes rows of reference tables only"},
		{"rows of a tenant shown to all", migration, "", "INSERT INTO permissions (name)\nSELECT name FROM items; /*!*/", "items: a migration reads and writes rows of reference tables only"},
		{"a delete behind a CTE", migration, "", "WITH gone AS (DELETE FROM items) UPDATE permissions SET admin = 'any';", "items: a migration reads and writes rows of reference tables only"},
		{"a CASCADE that takes policies along", migration, "", "DROP FUNCTION IF EXISTS f() CASCADE;", "DROP: CASCADE, which drops more than is seen here"},
		{"a column's CASCADE", migration, "", "ALTER TABLE items DROP COLUMN description CASCADE;", "items: CASCADE, which drops more than is seen here"},
		{"a setting of the migration", migration, "", "SET row_security = off;", "variable_set_stmt is nothing"},
		{"a role that bypasses all", migration, "", "ALTER ROLE rowhouse_app BYPASSRLS;", "alter_role_stmt is nothing"},
		{"a tenant's name that is its alone", migration, "", "ALTER TABLE tenants ADD CONSTRAINT tenants_name_key UNIQUE (name);", "tenants: tenants_name_key: unique among all, it tells whoever writes the value (name) that another's row of tenants has it"},
		{"a tenant's name that is its alone, by an index for some", migration, "", "CREATE UNIQUE INDEX tenants_name_key ON tenants (lower(name)) WHERE is_public;", "tenants_name_key: unique among all"},
		{"a tenant's name that excludes others", migration, "", "ALTER TABLE tenants ADD CONSTRAINT tenants_x EXCLUDE USING btree (name WITH =);", "tenants_x: unique among all"},
		{"tenants by their names", migration, "", "ALTER TABLE tenants DROP CONSTRAINT tenants_pkey; ALTER TABLE tenants ADD CONSTRAINT tenants_pkey PRIMARY KEY /*!*/ (name);", "tenants_pkey: unique among all"},
		{"an account's name that is its alone", migration, "", "ALTER TABLE accounts ADD CONSTRAINT accounts_name_key UNIQUE (name);", "accounts: accounts_name_key: unique among all"},
		{"a session's address that is its alone", migration, "", "CREATE UNIQUE INDEX sessions_address_key ON sessions (address);", "sessions: sessions_address_key: unique among all"},
		{"a reference to a username", migration, "", "ALTER TABLE users ADD CONSTRAINT users_f FOREIGN KEY (username) REFERENCES accounts (username); CREATE INDEX i ON users (username);", "users: users_f tells whoever writes here whether anybody's account has a value in accounts (username)"},
		{"a reference of an invitation to an e-mail", migration, "", "ALTER TABLE invitations ADD CONSTRAINT invitations_f FOREIGN KEY (email) REFERENCES accounts (email); CREATE INDEX i ON invitations (email);", "invitations: invitations_f tells whoever writes here"},
		{"a reference of a tenant's row to an account", migration, "", "ALTER TABLE items ADD COLUMN made_for uuid CONSTRAINT items_f REFERENCES accounts (id); CREATE INDEX i ON items (made_for);", "items: items_f tells a tenant whether an account is there"},
		{"a check on tenants that asks for rows", migration, "", "ALTER TABLE tenants ADD CONSTRAINT tenants_x CHECK (holds(name));", "tenants: the function holds does more than compute"},

		{"a Down that undoes", migration, "", "ALTER TABLE items ADD COLUMN note text;\nGRANT SELECT (note) ON items TO rowhouse_app;\n-- +goose Down\nREVOKE SELECT (note) ON items FROM rowhouse_app;\nALTER TABLE items DROP COLUMN note;\n", ""},
		{"a Down that opens a table", migration, "", "-- +goose Down\nDROP POLICY tenant_only ON items;", "policy tenant_only of items: the Down leaves it away, and before the Up it was \"CREATE POLICY tenant_only ON items"},
		{"a Down that lets the owner off", migration, "", "-- +goose Down\nALTER TABLE items NO FORCE ROW LEVEL SECURITY;", "table items: the Down leaves it as \"row-level security true, forced false"},
		{"a Down that adds a policy", migration, "", "-- +goose Down\nCREATE POLICY p ON items USING (true);", "policy p of items: the Down leaves it as"},
		{"a Down that grants", migration, "", "-- +goose Down\nGRANT SELECT ON sessions TO rowhouse_app;", "privilege of rowhouse_app to select sessions: the Down leaves it as"},
		{"a Down that makes a function anew", migration, "", "-- +goose Down\nCREATE OR REPLACE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE RETURN NULL;", "function current_tenant: the Down leaves it as"},
		{"a Down that forgets a trigger", migration, "", "-- +goose Down\nDROP TRIGGER audit_update ON items;", "trigger audit_update of items: the Down leaves it away"},
		{"a Down that writes rows of tenants", migration, "", "-- +goose Down\nUPDATE items SET name = 'x'; /*!*/\n", "items: a migration reads and writes rows of reference tables only"},
		{"a Down that runs what nobody reads", migration, "", "-- +goose Down\nDO 'BEGIN EXECUTE $x$DROP POLICY tenant_only ON items$x$; END'; /*!*/\n", "DO: prove cannot see"},
		{"statements out of the environment", migration, "", "-- +goose ENVSUB ON\nALTER TABLE items ADD COLUMN note text;\n", "-- +goose ENVSUB ON: goose may read it otherwise"},

		{"another table in the migration that is not read", "sql/migrations/00032_queue.sql", "-- +goose Up\n", "-- +goose Up\nCREATE TABLE river.others (id uuid);\n", "it is not read: what stands there may reach rows of tenants"},
		{"a block beside the one for roles", "sql/migrations/00001_database_roles.sql", "GRANT USAGE ON SCHEMA public TO", "DO 'BEGIN EXECUTE $x$ALTER ROLE rowhouse_app BYPASSRLS$x$; END'; /*!*/\nGRANT USAGE ON SCHEMA public TO", "DO: prove cannot see"},
		{"another role in the block for roles", "sql/migrations/00001_database_roles.sql", "DO $$\nDECLARE\n    made text;\nBEGIN\n    FOREACH made IN ARRAY ARRAY[\n        'CREATE ROLE rowhouse_app    NOLOGIN',", "DO $$\nDECLARE\n    made text;\nBEGIN\n    FOREACH made IN ARRAY ARRAY[\n        'CREATE ROLE rowhouse_app    NOLOGIN BYPASSRLS',", "DO: prove cannot see"},

		{"a mistake", migration, "", "CREATE TABLE t (\n  id uuid,\n) /*!*/", "syntax error"},
		{"a direction in other letters", migration, "", "-- +goose down\nDROP TABLE items;\n", "-- +goose down: goose may read it otherwise"},
		{"a direction in the middle of a line, behind which nothing was read", migration, "", "COMMENT ON TABLE items IS 'x'; -- as in -- +goose Down\nCREATE POLICY p ON items USING (true); /*!*/", "items: the policy p opens it"},
		{"a second Up", migration, "", "-- +goose Up\nDROP POLICY tenant_only ON items;", "it must say `-- +goose Up` once"},
	})
}

// A privilege that nothing uses is found.
func TestPlantedGrants(t *testing.T) {
	t.Parallel()
	check(t, "schema_faults", ground(), []planting{
		{"a grant of what is used", migration, "", "GRANT SELECT, UPDATE ON items TO rowhouse_app;", ""},
		{"a grant on a column of what is used", migration, "", "GRANT SELECT (name) ON items TO rowhouse_app;", ""},
		{"a grant that is taken back", migration, "", "GRANT ALL PRIVILEGES ON FUNCTION me() TO rowhouse_app; REVOKE SELECT ON audit_events FROM rowhouse_login;", "me: GRANT ALL"},
		{"a grant that is taken back with all others", migration, "", "GRANT DELETE ON artists TO rowhouse_app; REVOKE ALL ON artists FROM rowhouse_app;", ""},
		{"a grant on a sequence", migration, "", "GRANT USAGE ON SEQUENCE s TO rowhouse_app;", "GRANT: OBJECT_SEQUENCE is nothing"},
		{"accounts for everybody", migration, "", "GRANT SELECT ON sessions TO rowhouse_app;", "sessions: rowhouse_app may SELECT it, and nothing that runs as rowhouse_app does"},
		{"a column of accounts", migration, "", "GRANT SELECT (id) ON sessions TO rowhouse_app;", "sessions: rowhouse_app may SELECT it"},
		{"items without a tenant", migration, "", "GRANT SELECT ON items TO rowhouse_login;", "items: rowhouse_login may SELECT it"},
		{"an audit that can be rewritten", migration, "", "GRANT UPDATE ON audit_events TO rowhouse_app;", "audit_events: rowhouse_app may UPDATE it"},
		{"a truncation", migration, "", "GRANT TRUNCATE ON items TO rowhouse_app;", "items: rowhouse_app may TRUNCATE it"},
		{"triggers", migration, "", "GRANT TRIGGER ON items TO rowhouse_app;", "items: rowhouse_app may TRIGGER it"},
		{"a delete that no query does", migration, "", "\nGRANT DELETE ON transactions TO rowhouse_app; /*!*/", "transactions: rowhouse_app may DELETE it"},
		{"all of it", migration, "", "GRANT ALL ON items TO rowhouse_app;", "items: GRANT ALL grants more than is seen"},
		{"everybody in the cluster", migration, "", "GRANT SELECT ON items TO PUBLIC;", "items: PUBLIC may SELECT it"},
		{"another role", migration, "", "GRANT SELECT ON items TO metabase;", "items: metabase may SELECT it"},
		{"a function that no query calls", migration, "", "GRANT EXECUTE ON FUNCTION make_pass(uuid) TO rowhouse_app;", "make_pass: rowhouse_app may EXECUTE it"},
		{"a door for everybody", migration, "", "GRANT EXECUTE ON FUNCTION key_account(uuid, text, bytea) TO rowhouse_app;", "key_account: rowhouse_app may EXECUTE it"},
		{"every table at once", migration, "", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO rowhouse_app;", "GRANT: grant by name"},
		{"a grant to be handed on", migration, "", "GRANT SELECT ON items TO rowhouse_app WITH GRANT OPTION;", "GRANT: grant by name"},
		{"tables made by the server", migration, "", "GRANT CREATE ON SCHEMA public TO rowhouse_app;", "schema public: rowhouse_app may CREATE it"},
		{"one role in the other", migration, "", "GRANT rowhouse_login TO rowhouse_app;", "grant_role_stmt is nothing that prove understands"},
		{"privileges by default", migration, "", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO rowhouse_app;", "it grants what nobody sees"},
	})
}

// A function, or what calls one, that hides a query or changes what a transaction is bound to is found.
func TestPlantedFunctions(t *testing.T) {
	t.Parallel()
	const pinned = "SET search_path = pg_catalog, public, pg_temp"
	sql := func(body string) string {
		return "CREATE FUNCTION planted(given text) RETURNS bigint LANGUAGE sql STABLE " + pinned + " AS $$\n" + body + "\n$$;\n"
	}
	plpgsql := func(body string) string {
		return "CREATE FUNCTION planted(given text) RETURNS bigint LANGUAGE plpgsql STABLE " + pinned + " AS $$\nBEGIN\n" + body + "\nEND\n$$;\n"
	}
	onItems := func(body string) string {
		return "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql " + pinned + " AS $$\nDECLARE\n    other uuid;\nBEGIN\n" + body + "\nEND\n$$;\n" +
			"CREATE TRIGGER planted BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION planted();\n"
	}
	check(t, "schema_faults", ground(), []planting{
		{"a count of the tenant's own", migration, "", sql("SELECT count(*) FROM items WHERE tenant_id = current_tenant() AND name = given"), ""},
		{"the same as a statement", migration, "", plpgsql("RETURN (SELECT count(*) FROM items i WHERE i.tenant_id = (SELECT current_tenant()) AND i.name = given);"), ""},
		{"a trigger that looks at its tenant", migration, "", onItems("SELECT id INTO other FROM users WHERE tenant_id = NEW.tenant_id LIMIT 1; RETURN NEW;"), ""},

		{"what compares byte by byte", migration, "", plpgsql(`RETURN length(lower(given COLLATE "C"));`), ""},
		{"what depends on a locale of the cluster", migration, "", plpgsql(`RETURN length(lower(given COLLATE "tr-x-icu")); /*!*/`), "the collation tr-x-icu, which another cluster may not have, is nothing that prove understands"},
		{"a lock of another account", "sql/migrations/00012_users.sql", "CREATE FUNCTION refuse_closed() RETURNS trigger\nLANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$\n-- A user whose account was closed is nobody: let in it could be the last admin of a tenant that nobody can then enter. Whoever closes the\n-- account at the same time is waited for, or waits.\nDECLARE\n    active boolean;\nBEGIN\n    SELECT is_active INTO active FROM accounts WHERE id = NEW.account_id FOR SHARE", "CREATE FUNCTION refuse_closed() RETURNS trigger\nLANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$\n-- A user whose account was closed is nobody: let in it could be the last admin of a tenant that nobody can then enter. Whoever closes the\n-- account at the same time is waited for, or waits.\nDECLARE\n    active boolean;\nBEGIN\n    SELECT is_active INTO active FROM accounts WHERE id <> NEW.account_id FOR SHARE", "refuse_closed: it may do what no other function may"},
		{"a comment in a function with powers", "sql/migrations/00012_users.sql", "-- A user whose account was closed is nobody", "-- Who was closed is nobody", ""},
		{"a function that reads when rows were written", migration, "", sql("SELECT max(xmin::text::bigint) /*!*/ FROM items WHERE tenant_id = current_tenant()"), "planted: xmin counts what all tenants do"},
		{"a function that hides a query", migration, "", sql("SELECT count(*)\n  FROM items /*!*/\n WHERE name = given"), "planted: items is not held to the bound tenant: the WHERE of its own level"},
		{"a function that hides it behind an OR", migration, "", sql("SELECT count(*) FROM items /*!*/ WHERE tenant_id = current_tenant() OR name = given"), "planted: items is not held to the bound tenant"},
		{"a lock by what a tenant has written", migration, "", plpgsql("PERFORM pg_advisory_xact_lock(hashtextextended(given, 0 /*!*/));\nRETURN 1;"), "an advisory lock whose key does not name current_tenant()"},
		{"a function that trusts its parameter", migration, "", "CREATE FUNCTION planted(tenant uuid) RETURNS bigint LANGUAGE sql " + pinned + " AS $$ SELECT count(*) FROM items WHERE tenant_id = tenant $$;", "planted: items is not held to the bound tenant"},
		{"a parameter by its number", migration, "", "CREATE FUNCTION planted(tenant uuid) RETURNS bigint LANGUAGE sql " + pinned + " AS $$ SELECT count(*) FROM items WHERE tenant_id = $1 $$;", "planted: items is not held to the bound tenant"},
		{"a body of two statements, the first of which writes", migration, "", sql("DELETE FROM items /*!*/;\nSELECT 1::bigint;"), "planted: items is not held to the bound tenant"},
		{"a body without quotes", migration, "", "CREATE FUNCTION planted() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM items);", "planted: items is not held to the bound tenant"},
		{"a body that is atomic", migration, "", "CREATE FUNCTION planted() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM items; END;", "a body in the language sql, or without quotes or RETURN"},
		{"a default that hides a query", migration, "", "CREATE FUNCTION planted(n bigint DEFAULT (SELECT count(*) FROM items WHERE name = '')) RETURNS bigint LANGUAGE sql " + pinned + " AS 'SELECT 1::bigint';", "planted: items is not held to the bound tenant"},
		{"a statement that hides a query", migration, "", plpgsql("PERFORM 1\n  FROM items /*!*/\n WHERE name = given;\nRETURN 1;"), "planted: items is not held to the bound tenant"},
		{"an IF that hides a query", migration, "", plpgsql("IF EXISTS (SELECT 1 FROM items) THEN /*!*/\n    RETURN 1;\nEND IF;\nRETURN 2;"), "planted: items is not held to the bound tenant"},
		{"an ELSIF that hides a query", migration, "", plpgsql("IF given = '' THEN\n    RETURN 1;\nELSIF EXISTS (SELECT 1 FROM items) THEN /*!*/\n    RETURN 2;\nEND IF;\nRETURN 3;"), "planted: items is not held to the bound tenant"},
		{"an ELSE that hides a query", migration, "", plpgsql("IF given = '' THEN\n    RETURN 1;\nELSE\n    DELETE FROM items; /*!*/\nEND IF;\nRETURN 3;"), "planted: items is not held to the bound tenant"},
		{"a loop over all", migration, "", "CREATE FUNCTION planted() RETURNS void LANGUAGE plpgsql " + pinned + " AS $$\nDECLARE\n    r record;\nBEGIN\nFOR r IN SELECT id FROM items LOOP /*!*/\n    PERFORM 1;\nEND LOOP;\nEND\n$$;", "planted: items is not held to the bound tenant"},
		{"an assignment that hides a query", migration, "", plpgsql("given := (SELECT max(name) FROM items); /*!*/\nRETURN 1;"), "planted: items is not held to the bound tenant"},
		{"a variable that begins with a query", migration, "", "CREATE FUNCTION planted() RETURNS void LANGUAGE plpgsql " + pinned + " AS $$\nDECLARE\n    n bigint := (SELECT count(*) FROM items); /*!*/\nBEGIN\nPERFORM n;\nEND\n$$;", "planted: items is not held to the bound tenant"},
		{"a message that hides a query", migration, "", plpgsql("RAISE EXCEPTION 'x %', (SELECT max(name) FROM items); /*!*/"), "planted: items is not held to the bound tenant"},
		{"a detail that hides a query", migration, "", plpgsql("RAISE EXCEPTION 'x' USING DETAIL = (SELECT max(name) FROM items); /*!*/"), "planted: items is not held to the bound tenant"},
		{"a block that catches, and goes on", migration, "", plpgsql("BEGIN\n    PERFORM 1; EXCEPTION WHEN OTHERS /*!*/ THEN PERFORM 2;\nEND;"), "it catches others, which may be a refusal"},
		{"a query where something is caught", migration, "", plpgsql("BEGIN\n    PERFORM 1; EXCEPTION WHEN insufficient_resources THEN PERFORM max(name) FROM items; /*!*/\nEND;"), "planted: items is not held to the bound tenant"},
		{"dynamic SQL", migration, "", plpgsql("EXECUTE 'DELETE FROM ' || given; /*!*/\nRETURN 1;"), "PLpgSQL_stmt_dynexecute is nothing"},
		{"a loop over dynamic SQL", migration, "", "CREATE FUNCTION planted(given text) RETURNS void LANGUAGE plpgsql " + pinned + " AS $$\nDECLARE\n    r record;\nBEGIN\nFOR r IN EXECUTE given LOOP /*!*/\n    PERFORM 1;\nEND LOOP;\nEND\n$$;", "PLpgSQL_stmt_dynfors is nothing"},
		{"a query returned", migration, "", "CREATE FUNCTION planted() RETURNS SETOF uuid LANGUAGE plpgsql " + pinned + " AS $$\nBEGIN\nRETURN QUERY SELECT id FROM items; /*!*/\nEND\n$$;", "PLpgSQL_stmt_return_query is nothing"},
		{"a variable called as a column", migration, "", "CREATE FUNCTION planted(tenant_id uuid) RETURNS bigint LANGUAGE plpgsql " + pinned + " AS $$\n#variable_conflict use_variable\nBEGIN\nRETURN (SELECT count(*) FROM items WHERE tenant_id = current_tenant());\nEND\n$$;", "#variable_conflict makes a variable of what looks like a column"},
		{"another language", migration, "", "CREATE FUNCTION planted() RETURNS void LANGUAGE plpython3u AS 'plpy.execute(\"DELETE FROM items\")';", "a body in the language plpython3u"},
		{"a procedure", migration, "", "CREATE PROCEDURE planted() LANGUAGE sql AS 'SELECT 1';", "planted: a procedure, or a function outside of the schema public"},
		{"a function that reads accounts", migration, "", sql("SELECT count(*) FROM accounts WHERE username = given"), "planted: it names a table of accounts"},
		{"a function that reads the catalogue", migration, "", sql("SELECT count(*) FROM pg_class WHERE relname = given"), "planted: it reads PostgreSQL's own catalogue"},
		{"a function that reads statistics, in which values stand", migration, "", sql("SELECT count(*) FROM pg_stats /*!*/ WHERE tablename = given"), "pg_stats is no table that the migrations make"},
		{"a function that rewrites the audit", migration, "", strings.Replace(sql("DELETE FROM audit_events WHERE tenant_id = current_tenant();\nSELECT 1::bigint"), "CREATE FUNCTION", "CREATE FUNCTION /*!*/", 1), "it changes rows and leaves no event"},
		{"a function that gives a row away", migration, "", sql("UPDATE items SET tenant_id = given::uuid /*!*/ WHERE tenant_id = current_tenant();\nSELECT 1::bigint"), "items.tenant_id is set"},
		{"a function that inserts elsewhere", migration, "", sql("INSERT INTO items (tenant_id, name) VALUES (given::uuid, ''); /*!*/\nSELECT 1::bigint"), "an INSERT into items gives tenant_id = current_tenant()"},
		{"a function that calls what nobody has read", migration, "", sql("SELECT pg_backend_pid()::bigint /*!*/"), "the function pg_backend_pid is not among"},
		{"a function that binds", migration, "", plpgsql("PERFORM set_config('app.caller', given, true);\nRETURN 1;"), "planted: it makes settings, by which transactions are bound"},
		{"a door that binds another tenant", migration, "", "CREATE OR REPLACE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER " + pinned + " AS $$\nBEGIN\n    PERFORM set_config('app.tenant_id', prefix, true); /*!*/\n    RETURN (SELECT gen_random_uuid() FROM accounts);\nEND\n$$;", "key_account: app.tenant_id is set to prefix"},

		{"a definer that is not listed", migration, "", "CREATE FUNCTION planted() RETURNS void LANGUAGE sql SECURITY DEFINER " + pinned + " AS 'SELECT';", "planted: it is SECURITY DEFINER: whoever may call it does what its owner may; list it"},
		{"a search_path without pg_temp", migration, "", "CREATE FUNCTION planted() RETURNS void LANGUAGE sql SET search_path = pg_catalog, public AS 'SELECT';", "planted: SET search_path: a function sets its search_path, to pg_catalog, public, pg_temp"},
		{"a search_path with pg_temp first", migration, "", "CREATE FUNCTION planted() RETURNS void LANGUAGE sql SET search_path = pg_temp, pg_catalog, public AS 'SELECT';", "planted: SET search_path"},
		{"another setting of a function", migration, "", "CREATE FUNCTION planted() RETURNS void LANGUAGE sql SET row_security = off AS 'SELECT';", "planted: SET row_security"},
		{"the caller's search_path", migration, "", "CREATE FUNCTION planted() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM items WHERE tenant_id = current_tenant() $$;", "items means what the caller's search_path makes of it"},
		{"a definer with the caller's search_path", migration, "", "CREATE OR REPLACE FUNCTION migration_version() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN (SELECT max(version_id) FROM goose_db_version); END $$;", "migration_version: SECURITY DEFINER without SET search_path"},
		{"a power that is listed and not used", migration, "", "CREATE OR REPLACE FUNCTION migration_version() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(version_id) FROM goose_db_version); END $$;", "migration_version: prove lists it with the power definer, which it does not use"},
		{"a function that calls one with powers", migration, "", sql("SELECT migration_version()"), "planted: it reads PostgreSQL's own catalogue"},
		{"a function that calls a trigger's", migration, "", sql("SELECT 1::bigint FROM items_touch()"), "planted: it calls the trigger function items_touch"},
		{"a body that is no SQL", migration, "", sql("SELECT 1\n  FROM FROM /*!*/ items"), "syntax error"},
		{"a body that is no PL/pgSQL", migration, "", plpgsql("IF 1 THEN RETURN 2;"), "planted: syntax error"},
		{"a sample in a function", migration, "", sql("SELECT count(*)\n  FROM items TABLESAMPLE /*!*/ system (1)\n WHERE tenant_id = current_tenant()"), "RangeTableSample is nothing"},
		{"a table of another schema in a function", migration, "", sql("SELECT count(*)\n  FROM other.items /*!*/\n WHERE tenant_id = current_tenant()"), "the schema other is nothing"},
		{"a parameter that is not there", migration, "", sql("SELECT count(*) FROM items /*!*/ WHERE tenant_id = $9::uuid AND tenant_id = $9"), "planted: items is not held to the bound tenant"},
		{"leakproof, it says", migration, "", "CREATE FUNCTION planted(x text) RETURNS boolean LANGUAGE sql LEAKPROOF AS 'SELECT true';", "planted: LEAKPROOF"},
		{"a function for the planner", migration, "", "CREATE FUNCTION planted(x text) RETURNS boolean LANGUAGE sql SUPPORT g AS 'SELECT true';", "planted: SUPPORT is nothing"},
		{"a function of a row, which looks like a column", migration, "", "CREATE FUNCTION everybody(items) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';", "everybody: its parameter  is of the type items"},
		{"the name of a built-in", migration, "", "CREATE FUNCTION length(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';", "length: it has the name of a built-in"},
		{"a second function of a trusted name", migration, "", "CREATE FUNCTION holds(x uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true';", "holds: there is one of this name with other parameters"},
		{"another answer to who is bound", migration, "", "CREATE OR REPLACE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE RETURN caller_field(2)::uuid;", "current_tenant: everything stands on it, so it is RETURN"},
		{"another answer to who asks", migration, "", "CREATE OR REPLACE FUNCTION my_account() RETURNS uuid LANGUAGE sql STABLE RETURN current_setting('app.account')::uuid;", "my_account: everything stands on it"},
		{"an audit that writes nothing", migration, "", "CREATE OR REPLACE FUNCTION items_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;", "items_audit: it writes no audit event"},
		{"a door that binds for the session", migration, "", "CREATE OR REPLACE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER " + pinned + " AS $$\nBEGIN\n    PERFORM set_config('app.tenant_id', '', false); /*!*/\n    RETURN (SELECT gen_random_uuid() FROM accounts);\nEND\n$$;", "key_account: set_config takes a name, a value and true"},
		{"a door that sets what is none of its business", migration, "", "CREATE OR REPLACE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER " + pinned + " AS $$\nBEGIN\n    PERFORM set_config('role', 'postgres', true); /*!*/\n    RETURN (SELECT gen_random_uuid() FROM accounts);\nEND\n$$;", "key_account: set_config of 'role'"},
		{"a door that takes another tenant after it has bound one", migration, "", "CREATE OR REPLACE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER " + pinned + " AS $$\nBEGIN\n    PERFORM set_config('app.tenant_id', tenant::text, true);\n    tenant := prefix::uuid; /*!*/\n    RETURN (SELECT u.account_id FROM users u JOIN accounts a ON a.id = u.account_id WHERE u.tenant_id = tenant);\nEND\n$$;", "key_account: tenant is declared or assigned anew"},
		{"the same by INTO", migration, "", "CREATE OR REPLACE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER " + pinned + " AS $$\nBEGIN\n    PERFORM set_config('app.tenant_id', tenant::text, true);\n    SELECT gen_random_uuid() INTO tenant FROM accounts a; /*!*/\n    RETURN NULL;\nEND\n$$;", "key_account: tenant is declared or assigned anew"},
		{"a door that reads before it binds", migration, "", "CREATE OR REPLACE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER " + pinned + " AS $$\nBEGIN\n    PERFORM 1 FROM users u /*!*/ JOIN accounts a ON a.id = u.account_id WHERE u.tenant_id = tenant;\n    PERFORM set_config('app.tenant_id', '', true);\n    RETURN NULL;\nEND\n$$;", "key_account: users u is not held to the bound tenant"},

		{"a trigger that gives the row away", migration, "", onItems("NEW.tenant_id := NEW.id; /*!*/\nRETURN NEW;"), "planted: new.tenant_id is declared or assigned anew"},
		{"a trigger that gives it away by INTO", migration, "", onItems("SELECT NEW.id INTO NEW.tenant_id; /*!*/\nRETURN NEW;"), "planted: new.tenant_id is declared or assigned anew"},
		{"a trigger that goes through a door", migration, "", onItems("PERFORM key_account(NEW.id, '', '');\nRETURN NEW;"), "it makes settings, by which transactions are bound; list it"},
		{"a variable that hides the row", migration, "", "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql " + pinned + " AS $$\nDECLARE\n    new users; /*!*/\nBEGIN\n    RETURN NULL;\nEND\n$$;", "planted: new is declared or assigned anew"},
		{"a variable that hides the tenant", migration, "", "CREATE OR REPLACE FUNCTION key_account(tenant uuid, prefix text, key_hash bytea) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER " + pinned + " AS $$\nBEGIN\n    PERFORM set_config('app.tenant_id', tenant::text, true);\n    DECLARE\n        tenant uuid := prefix::uuid; /*!*/\n    BEGIN\n        RETURN (SELECT u.account_id FROM users u JOIN accounts a ON a.id = u.account_id WHERE u.tenant_id = tenant);\n    END;\nEND\n$$;", "key_account: tenant is declared or assigned anew"},
		{"a trigger that replaces the row", migration, "", onItems("NEW := OLD; /*!*/\nRETURN NEW;"), "planted: new is declared or assigned anew"},
		{"a trigger that returns another's row", migration, "", onItems("RETURN (SELECT i FROM items i WHERE i.tenant_id = NEW.tenant_id LIMIT 1); /*!*/"), "a trigger returns NEW, OLD, coalesce(NEW, OLD) or NULL"},
		{"a trigger that looks by id", migration, "", onItems("SELECT id INTO other FROM users /*!*/ WHERE id = NEW.id;\nRETURN NEW;"), "planted: users is not held to the bound tenant"},
		{"a trigger that goes by a tenant which its rows do not have", migration, "", "CREATE TRIGGER t AFTER INSERT ON accounts REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION items_audit();", "the trigger t executes items_audit, which goes by the tenant_id of its rows"},
		{"a trigger of a function that nobody made", migration, "", "CREATE TRIGGER t BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();", "which is no trigger function that the migrations make"},
		{"a trigger that asks a function", migration, "", "CREATE TRIGGER t BEFORE INSERT ON items FOR EACH ROW WHEN (pg_backend_pid() = 1) EXECUTE FUNCTION items_touch();", "items: the function pg_backend_pid is not among"},
		{"a check that asks for rows", migration, "", "ALTER TABLE items ADD CONSTRAINT items_x CHECK (holds(name));", "items: the function holds does more than compute"},
		{"a default that asks for rows", migration, "", "ALTER TABLE items ADD COLUMN x text[] DEFAULT user_grants(me());", "items: the function user_grants does more than compute"},
		{"a check that asks the catalogue", migration, "", "ALTER TABLE items ADD CONSTRAINT items_x CHECK (migration_version() > 0);", "items: the function migration_version does more than compute"},
		{"an index that asks for rows", migration, "", "CREATE INDEX i ON items (tenant_id, holds(name));", "items: the function holds does more than compute"},
	})
}

// A file that says its scope, a query's form or contract otherwise than they are read is found, and so is sqlc told to read others.
func TestPlantedFiles(t *testing.T) {
	t.Parallel()
	const (
		file  = "sql/queries/planted.sql"
		query = "SELECT id FROM items WHERE tenant_id = @tenant_id;\n"
	)
	check(t, "file_faults", ground(), []planting{
		{"a file as it should be", file, "", "-- Scope: tenant.\n\n-- Q reads.\n-- name: Q :many\n" + query, ""},
		{"no scope", file, "", "-- Q reads.\n-- name: Q :many\n" + query, "its first line must be"},
		{"a scope of its own", file, "", "-- Scope: everything.\n\n-- Q reads.\n-- name: Q :many\n" + query, "its first line must be"},
		{"a second unscoped file", file, "", "-- Scope: unscoped.\n\n-- Q reads, for login.\n-- name: Q :many\nSELECT id FROM accounts;\n", "the queries of the scope unscoped, and they alone, are in sql/queries/unscoped.sql"},
		{"SQL that belongs to no query", file, "", "-- Scope: tenant.\n" + query + "-- Q reads.\n-- name: Q :many\n" + query, "there is SQL before"},
		{"a form that runs many", file, "", "-- Scope: tenant.\n\n-- Q reads.\n-- name: Q :batchmany /*!*/\n" + query, "the form is"},
		{"no contract", file, "", "-- Scope: tenant.\n\n-- name: Q :many /*!*/\n" + query, "the form is"},
		{"an unscoped query without a reason", unscopedFile, "", "-- name: Q :many\n-- Q reads.\nSELECT name FROM permissions;", "its comment must say why it runs"},
		{"tenants of any type for sqlc", "sqlc.yaml", "rowhouse/ids.TenantID }\n", "github.com/gofrs/uuid/v5.UUID }\n", "overrides: every column tenant_id must be of the type ids.TenantID"},
		{"when rows were written", file, "", "-- Scope: tenant.\n\n-- Q reads.\n-- name: Q :many\nSELECT id, xmin::text /*!*/ FROM items WHERE tenant_id = @tenant_id;\n", "Q: xmin counts what all tenants do"},
		{"where rows lie, beside others", file, "", "-- Scope: tenant.\n\n-- Q2 reads.\n-- name: Q2 :many\nSELECT u.id FROM items u WHERE u.tenant_id = @tenant_id ORDER BY u.ctid; /*!*/\n", "Q2: ctid counts what all tenants do"},
		{"where rows lie, in JSON", file, "", "-- Scope: tenant.\n\n-- Q3 reads.\n-- name: Q3 :many\nSELECT jsonb_build_object('at', ROW(ctid)) /*!*/ FROM items WHERE tenant_id = @tenant_id;\n", "Q3: ctid counts what all tenants do"},
		{"a whole row", file, "", "-- Scope: tenant.\n\n-- Q4 reads.\n-- name: Q4 :many\nSELECT to_jsonb(i) /*!*/ FROM items i WHERE i.tenant_id = @tenant_id;\n", "Q4: i is a whole row"},
		{"SQL that is neither a migration nor a query", "sql/planted.sql", "", "SELECT name FROM items;\n", "SQL that is neither a migration nor a query, so nobody reads whose rows it names"},
		{"another word in a script", "sql/logins.sql", "-- The database and its two logins on a server of one's own, for psql as a superuser, once:\n--\n--     OWNER_PASSWORD=… SERVER_PASSWORD=… psql -v ON_ERROR_STOP=1 -f sql/logins.sql\n--\n-- Then `rowhouse migrate up --grant rowhouse_server`, as the owner.\n\\getenv owner_password OWNER_PASSWORD\n\\getenv server_password SERVER_PASSWORD\n\n-- Runs the migrations, which make roles, and owns the tables.\nCREATE ROLE rowhouse_owner LOGIN CREATEROLE PASSWORD :'owner_password';\nGRANT SET ON PARAMETER session_replication_role TO rowhouse_owner; -- an import keeps triggers from running\n\n-- DATABASE_URL names this one: it owns nothing and cannot bypass a wall, and holds up nobody for long.\nCREATE ROLE rowhouse_server LOGIN", "-- The database and its two logins on a server of one's own, for psql as a superuser, once:\n--\n--     OWNER_PASSWORD=… SERVER_PASSWORD=… psql -v ON_ERROR_STOP=1 -f sql/logins.sql\n--\n-- Then `rowhouse migrate up --grant rowhouse_server`, as the owner.\n\\getenv owner_password OWNER_PASSWORD\n\\getenv server_password SERVER_PASSWORD\n\n-- Runs the migrations, which make roles, and owns the tables.\nCREATE ROLE rowhouse_owner LOGIN CREATEROLE PASSWORD :'owner_password';\nGRANT SET ON PARAMETER session_replication_role TO rowhouse_owner; -- an import keeps triggers from running\n\n-- DATABASE_URL names this one: it owns nothing and cannot bypass a wall, and holds up nobody for long.\nCREATE ROLE rowhouse_server LOGIN BYPASSRLS", "SQL that is neither a migration nor a query"},
		{"other queries for sqlc", "sqlc.yaml", "", "    queries: sql/more\n", "queries: it must be sql/queries, once"},
		{"another program that writes db", "sqlc.yaml", "", "plugins:\n", "plugins: sqlc may write by it what nobody has proven"},
		{"the queries twice, into another package", "sqlc.yaml", "", "        out: handlers\n", "out: it must be db, once"},
	})
	if findings, _ := Read(fstest.MapFS{}); len(findings) != 4 {
		t.Errorf("nothing at all: got %q, want that nothing is proven", findings)
	}
}

// Go that reaches the database past the doors, makes a tenant, or uses a door that checks nothing is found.
func TestPlantedGo(t *testing.T) {
	t.Parallel()
	const (
		here = "handlers/planted.go"
		doc  = "tenancy/planted.go"
	)
	in := func(body string, imports ...string) string {
		text := "package handlers\n\n"
		if strings.Contains(body, "rest.") {
			imports = append(imports, `"rowhouse/rest"`)
		}
		for _, path := range imports {
			text += "import " + path + "\n"
		}
		return text + "\n" + body + "\n"
	}
	inRest := func(body string, imports ...string) string {
		return strings.Replace(in(body, imports...), "package handlers", "package rest", 1)
	}
	const (
		ctx     = `"context"`
		ids     = `"rowhouse/ids"`
		db      = `"rowhouse/db"`
		tenancy = `"rowhouse/tenancy"`
		pgx     = `"github.com/jackc/pgx/v5"`
		pool    = `"github.com/jackc/pgx/v5/pgxpool" /*!*/`
	)
	check(t, "go_faults", project(), []planting{
		{"words that begin like SQL", here, "", in(`const planted = "Update the item" + "Select one" + "with care"`), ""},
		{"an answer with a tenant", here, "", in("// Planted is an answer.\ntype Planted struct{ ID ids.TenantID }", ids), ""},

		{"the pool", here, "", in("var planted *pgxpool.Pool", pool), "it imports github.com/jackc/pgx/v5/pgxpool"},
		{"the pool under another name", here, "", in("var planted *p.Pool", "p "+pool), "it imports github.com/jackc/pgx/v5/pgxpool"},
		{"a pool where nobody is served", "bench/planted.go", "", in("var planted *pgxpool.Pool", pool), ""},
		{"a pool below that", "bench/floor/planted.go", "", in("var planted *pgxpool.Pool", pool), ""},
		{"a pool beside that", "benchplanted/planted.go", "", in("var planted *pgxpool.Pool", pool), "it imports github.com/jackc/pgx/v5/pgxpool"},
		{"a pool above that", "cmd/planted.go", "", in("var planted *pgxpool.Pool", pool), "it imports github.com/jackc/pgx/v5/pgxpool"},
		{"a pool in a folder of that name elsewhere", "handlers/bench/planted.go", "", in("var planted *pgxpool.Pool", pool), "it imports github.com/jackc/pgx/v5/pgxpool"},
		{"an import of what is not read", here, "", in("var planted = floor.Pool", `"rowhouse/bench/floor" /*!*/`), "it imports rowhouse/bench/floor, which prove does not read: whatever is there may reach"},
		{"database/sql", here, "", in("var planted *sql.DB", `"database/sql" /*!*/`), "it imports database/sql"},
		{"another driver", here, "", in("", `_ "github.com/lib/pq" /*!*/`), "it imports github.com/lib/pq"},
		{"a connection of one's own", here, "", in("var planted, _ = pgx.Connect /*!*/ (nil, \"\")", pgx), "pgx.Connect: what speaks to the database is listed"},
		{"a connection that is handed in", here, "", in("func planted(c *pgx.Conn) {} /*!*/", pgx), "pgx.Conn: what speaks to the database is listed"},
		{"a batch", here, "", in("var planted pgx.Batch /*!*/", pgx), "pgx.Batch: what speaks to the database is listed"},
		{"a connection below pgx", "rest/planted.go", "", inRest("var planted = pgconn.Connect /*!*/", `"github.com/jackc/pgx/v5/pgconn"`), "pgconn.Connect: what speaks to the database is listed"},
		{"names without their package", here, "", in("var planted = New", `. "rowhouse/ids" /*!*/`), "takes away what the compiler, and prove, would see"},
		{"memory as it lies", here, "", in("var planted unsafe.Pointer", `"unsafe" /*!*/`), "takes away what the compiler, and prove, would see"},
		{"a link to what is not exported", here, "", in("//go:linkname planted rowhouse/tenancy.unscoped /*!*/\nfunc planted()"), "go:linkname reaches past what a package exports"},

		{"queries that are bound to nothing", here, "", in("var planted = db.New /*!*/", db), "db.New: queries that are bound to no scope"},
		{"queries of one's own", here, "", in("var planted = &db.Queries /*!*/ {}", db), "db.Queries: queries that are bound to no scope"},
		{"a database of one's own behind them", here, "", in("type planted struct{ db.DBTX /*!*/ }", db), "db.DBTX: queries that are bound to no scope"},
		{"queries bound to a transaction of one's own", here, "", in("func planted(q *db.Queries) { q.WithTx /*!*/ (nil) }", db), "WithTx binds queries to what came through no door"},
		{"a file in db that sqlc did not write", "db/planted.go", "", "package db\n\nconst planted = `SELECT * FROM items`\n", "db holds what sqlc generates"},
		{"a file in db with sqlc's first line", "db/planted.sql.go", "", "// Code generated by sqlc. DO NOT EDIT.\npackage db\n\nconst planted = `SELECT * FROM items`\n", "db holds what sqlc generates from the queries that are proven, and nothing else"},
		{"a predicate taken out of db", "db/items.sql.go", "const itemGet = `-- name: ItemGet :one\nSELECT tenant_id, id, name, description, price_cents, version, created_at, updated_at, name_key\n  FROM items\n WHERE tenant_id = $1\n   AND id = $2\n", "const itemGet = `-- name: ItemGet :one\nSELECT tenant_id, id, name, description, price_cents, version, created_at, updated_at, name_key\n  FROM items\n WHERE id = $2\n   AND tenant_id IS NOT NULL OR tenant_id = $1\n", "db.ItemGet: the statement is not that of the query at sql/queries/items.sql:"},
		{"two parameters in each other's place", "db/items.sql.go", "q.db.QueryRow(ctx, itemGet, arg.TenantID, arg.ID)", "q.db.QueryRow(ctx, itemGet, arg.ID, arg.TenantID)", "db.ItemGet: it does not run itemGet with the parameters of its query"},
		{"another statement than its own", "db/items.sql.go", "q.db.QueryRow(ctx, itemGet, arg.TenantID, arg.ID)", "q.db.QueryRow(ctx, itemDelete, arg.TenantID, arg.ID)", "db.ItemGet: it does not run itemGet"},
		{"a row that an accessor keeps", "db/items.sql.go", "\trow := q.db.QueryRow(ctx, itemGet, arg.TenantID, arg.ID)\n", "\tdefer func() { kept = arg.ID }()\n\trow := q.db.QueryRow(ctx, itemGet, arg.TenantID, arg.ID)\n", "db.ItemGet: it does not run itemGet"},
		{"a variable in db", "db/items.sql.go", "", "\nvar planted = map[ids.ItemID]Item{} /*!*/\n", "sqlc makes no such thing"},
		{"a function in db", "db/models.go", "", "\nfunc (q *Queries) Planted(ctx context.Context) { q.db.Exec(ctx, \"DELETE FROM items\") } /*!*/\n", "sqlc makes no such thing"},
		{"a constructor of db that keeps", "db/db.go", "// Code generated by sqlc. DO NOT EDIT.\n// versions:\n//   sqlc v1.31.1\n\npackage db\n\nimport (\n\t\"context\"\n\n\t\"github.com/jackc/pgx/v5\"\n\t\"github.com/jackc/pgx/v5/pgconn\"\n)\n\ntype DBTX interface {\n\tExec(context.Context, string, ...interface{}) (pgconn.CommandTag, error)\n\tQuery(context.Context, string, ...interface{}) (pgx.Rows, error)\n\tQueryRow(context.Context, string, ...interface{}) pgx.Row\n}\n\nfunc New(db DBTX) *Queries {\n\treturn &Queries{db: db}\n", "// Code generated by sqlc. DO NOT EDIT.\n// versions:\n//   sqlc v1.31.1\n\npackage db\n\nimport (\n\t\"context\"\n\n\t\"github.com/jackc/pgx/v5\"\n\t\"github.com/jackc/pgx/v5/pgconn\"\n)\n\ntype DBTX interface {\n\tExec(context.Context, string, ...interface{}) (pgconn.CommandTag, error)\n\tQuery(context.Context, string, ...interface{}) (pgx.Rows, error)\n\tQueryRow(context.Context, string, ...interface{}) pgx.Row\n}\n\nfunc New(db DBTX) *Queries {\n\tlast = db\n\treturn &Queries{db: db}\n", "it is not what sqlc writes"},

		{"one query more by a door that is listed", "handlers/sessions.go", "	hash := \"\"\n", "	_, _ = app.doors.Unscoped(who).AccountByLogin(ctx, \"ada\") /*!*/\n	hash := \"\"\n", "handlers.sessionLogin: Unscoped: nothing holds its queries, so that a caller could be told of anybody's account; what was excused here (nobody is known before the password is) is not this: _, _ = app.doors.Unscoped(who).AccountByLogin(ctx, \"ada\")"},
		{"a listed query once more", "rest/limits.go", "	err := tenancy.Retry(ctx, false, func() error { return c.doors.Unscoped(who).RateLimitTake(ctx, p) })\n", "	_ = func() error { return c.doors.Unscoped(who).RateLimitTake(ctx, p) }\n	err := tenancy.Retry(ctx, false, func() error { return c.doors.Unscoped(who).RateLimitTake(ctx, p) }) /*!*/\n", "rest.Counter.Take: Unscoped"},
		{"one query more with what a door handed out", "handlers/sessions.go", "	q, presented := app.doors.Unscoped(who), auth.HashSecret(in.RefreshToken)\n", "	q, presented := app.doors.Unscoped(who), auth.HashSecret(in.RefreshToken)\n	_, _ = q.AccountByLogin(ctx, \"ada\") /*!*/\n", "handlers.sessionRefresh: Unscoped: nothing holds its queries, so that a caller could be told of anybody's account; what was excused here"},
		{"one query more in a function that takes them", "handlers/accounts.go", "	made, err := q.AccountCreate(ctx, account)\n", "	_, _ = q.AccountByLogin(ctx, account.Username) /*!*/\n	made, err := q.AccountCreate(ctx, account)\n", "handlers.createAccount: Unscoped: nothing holds its queries"},
		{"queries that are kept", here, "", in("type planted struct{ q *db.Queries }\n\nfunc (p *planted) open(d *tenancy.Database, who rest.Caller) { p.q = d.Unscoped /*!*/ (who) }", db, tenancy), "handlers.planted.open: Unscoped: nothing holds its queries, and here they are kept or handed on"},
		{"queries that are handed to a function that nobody knows", here, "", in("func planted(d *tenancy.Database, who rest.Caller, f func(*db.Queries)) { f(d.Unscoped /*!*/ (who)) }", db, tenancy), "handlers.planted: Unscoped: nothing holds its queries, and here they are kept or handed on"},
		{"another tenant for a door that is listed", "handlers/accounts.go", "	id := ids.New[ids.TenantID]()\n	q := tx.Provision(id, who)\n", "	id := ids.New[ids.TenantID]()\n	id = who.TenantID\n	q := tx.Provision(id, who) /*!*/\n", "handlers.Found: Provision: it binds a tenant, whoever asks, so that a caller could see and change the rows of any; what was excused here"},
		{"another place where a request says its tenant", "rest/credential.go", "	if err := x.who.TenantID.Parse(header[0]); err != nil {", "	_ = x.who.TenantID.Parse(x.request.URL.Query().Get(\"tenant\")) /*!*/\n	if err := x.who.TenantID.Parse(header[0]); err != nil {", "rest.exchange.chooseTenant: TenantID: it reads a tenant out of text or bytes: a request could name a tenant of which its caller is no user; what was excused here"},
		{"one connection more in a file that may", "sql/surroundings.go", "// Said is an error of connecting", "var planted, _ = pgx.Connect /*!*/ (nil, \"\")\n\n// Said is an error of connecting", "sql.planted: pgx.Connect: what speaks to the database is listed"},
		{"one statement more where SQL is written", "sql/logins.go", "\t_, err := superuser.Exec(ctx, `\n", "\t_, _ = superuser.Exec(ctx, \"ALTER ROLE rowhouse_app BYPASSRLS\")\n\t_, err := superuser.Exec(ctx, `\n", "sql.GrantServer: SQL: it runs SQL"},
		{"another word in what is run", "sql/logins.go", "\t_, err := superuser.Exec(ctx, `\n\t\tALTER ROLE `+Server+` SET", "\t_, err := superuser.Exec(ctx, `\n\t\tALTER ROLE `+Server+` BYPASSRLS; ALTER ROLE `+Server+` SET", "sql.GrantServer: SQL: it runs SQL"},

		{"a package below testdata", here, "", in("var planted = rows.All", `"rowhouse/handlers/testdata/rows" /*!*/`), "it imports rowhouse/handlers/testdata/rows, which prove does not read"},
		{"a package that begins with an underscore", here, "", in("var planted = rows.All", `"rowhouse/_rows" /*!*/`), "it imports rowhouse/_rows, which prove does not read"},
		{"a package that tests alone import", here, "", in("var planted = testdb.New", `"rowhouse/testdb" /*!*/`), "it imports rowhouse/testdb, which prove does not read"},
		{"a connection by the package of the schema", here, "", in("var planted = schema.Connect", `schema "rowhouse/sql" /*!*/`), "it imports rowhouse/sql, which is for the migrations, and connections that are bound to nothing, and for archive cmd/rowhouse tenancy alone"},
		{"a driver that nobody has heard of", here, "", in("", `_ "github.com/planted/pg" /*!*/`), "it imports github.com/planted/pg, and nobody has said what for"},
		{"another program, by a package", here, "", in("// planted", `_ "os/exec" /*!*/`), "it imports os/exec, which is for"},
		{"variables for everybody to see", here, "", in("var planted = expvar.NewMap(\"x\")", `"expvar" /*!*/`), "it imports expvar, and nobody has said what for"},
		{"another program where one is run", "localpg/process_unix.go", "	line, err := exec.Command(", "	_, _ = exec.Command /*!*/ (\"psql\", \"-f\", \"x\").Output()\n	line, err := exec.Command(", "exec: it starts a program, which may ask the database whatever it likes"},
		{"a connection that is asked without its package", "cmd/rowhouse/migrate.go", "		case len(done) == 0:\n", "		case owner.QueryRow /*!*/ (ctx, table) == nil:\n		case len(done) == 0:\n", "cmd/rowhouse.migrateCommand: SQL: it runs SQL"},
		{"SQL letter by letter", "tenancy/transaction.go", "\tasked := statement{sql, args}\n\tif list {\n\t\tvar andPlan string\n\t\tasked, andPlan = tx.database.asList(sql, args)\n\t\tt.statements = append(t.statements, statement{sql: \"SELECT true\" + andPlan})\n\t}\n\tt.statements = append(t.statements, asked)\n", "\tasked := statement{sql, args}\n\tif list {\n\t\tvar andPlan string\n\t\tasked, andPlan = tx.database.asList(sql, args)\n\t\tt.statements = append(t.statements, statement{sql: \"SELECT true\" + andPlan})\n\t}\n\tvar b strings.Builder\n\tb.WriteString(\"SELE\")\n\tb.WriteString(\"CT * FROM items\")\n\tt.statements = append(t.statements, asked, statement {sql: b.String()})\n", "tenancy.txDoor.open: SQL: it puts SQL together"},
		{"SQL letter by letter, elsewhere", doc, "", "package tenancy\n\nfunc planted(s *statement, words []string) { s.sql = strings.Join(words, \" \") /*!*/ }\n", "tenancy.planted: SQL: it puts SQL together"},
		{"SQL that another package has", doc, "", "package tenancy\n\nimport \"rowhouse/auth\"\n\nfunc (d *Database) planted(conn *pgx.Conn) { conn.Exec /*!*/ (nil, auth.Query) }\n", "tenancy.Database.planted: SQL: it runs SQL"},
		{"a method that runs SQL, for later", here, "", in("func planted(c interface{ Exec(context.Context, string) error }) any { return c.Exec /*!*/ }", ctx), "handlers.planted: SQL: it runs SQL"},
		{"SQL that is embedded", here, "", "//go:embed planted.txt\npackage handlers\n", "it embeds handlers/planted.txt, which nobody has said what it is"},
		{"assembly", "handlers/planted.s", "", "TEXT ·planted(SB), 4, $0\n", "Go builds it into the server, where it may read any tenant's rows out of memory"},
		{"another line of the assembly", "auth/argon2/compress_amd64.s", "#include", "// other\n#include", "Go builds it into the server"},
		{"C", "handlers/planted.c", "", "int planted;\n", "Go builds it into the server"},
		{"a line that says that it is another", here, "", "//line planted.go:1\npackage handlers\n", "//line makes findings point elsewhere"},
		{"a program that Go is told to run", here, "", in("//go:generate sh -c planted /*!*/\nvar planted int"), "//go:generate tells the compiler what prove has no meaning for"},
		{"a dependency in another's place", "go.mod", "", "replace golang.org/x/text => ../text\n", "replace: it changes what Go builds: a package put in another's place sees the rows of every tenant"},
		{"a tool of the module", "go.mod", "", "tool golang.org/x/text/cmd/gotext\n", "tool: it changes what Go builds"},
		{"a workspace", "go.work", "", "go 1.26\nuse ./planted\n", "it puts modules in the place of others"},
		{"a module within the module", "handlers/planted/go.mod", "", "module planted\n", "a module within the module"},

		{"a query where nothing reaches a database", "prove/planted.go", "", "package prove\n\nconst planted = `SELECT name FROM items WHERE id = $1`\n", ""},
		{"a query where only what imports it reaches one", "localpg/planted.go", "", "package localpg\n\nconst planted = `SELECT name FROM items WHERE id = $1` /*!*/\n", "localpg.planted: SQL: "},
		{"a query in Go", here, "", in("const planted = `SELECT name FROM items WHERE id = $1` /*!*/"), "handlers.planted: SQL: \"SELECT name FROM items WHERE id = $1\"; queries are in sql/queries"},
		{"a query in pieces", here, "", in("func planted(id string) string {\n\treturn \"SELECT name FROM items WHERE id = '\" + /*!*/\n\t\tid + \"'\"\n}"), "SQL:"},
		{"a query for Sprintf", here, "", in("const planted = \"delete from %s where id = %d\" /*!*/"), "SQL:"},
		{"the first half of a query", here, "", in("const planted = \"UPDATE items SET name = 'x' WHERE (\" /*!*/"), "SQL:"},
		{"a query behind a comment", here, "", in("const planted = \"/* one */ -- two\\n TABLE items\" /*!*/"), "SQL:"},
		{"a setting in Go", here, "", in("const planted = `SET ROLE rowhouse_login` /*!*/"), "SQL:"},

		{"a new tenant", here, "", in("func planted() ids.TenantID { return ids.New[ids.TenantID]() /*!*/ }", ids), "handlers.planted: TenantID: a generic may make"},
		{"a tenant of another id", here, "", in("func planted(u ids.UserID) ids.TenantID { return ids.TenantID(u) /*!*/ }", ids), "handlers.planted: TenantID: a conversion makes a tenant"},
		{"a tenant of another id, in a text", here, "", in("func planted(u ids.UserID) string { return \"x\" + ids.TenantID(u).UUID() /*!*/ }", ids), "handlers.planted: TenantID: a conversion makes a tenant"},
		{"a tenant of bytes", here, "", in("var planted = ids.TenantID{15: 1} /*!*/", ids), "handlers.planted: TenantID: a literal makes a tenant"},
		{"a tenant of text", here, "", in("func planted(text string) (id ids.TenantID, err error) {\n\terr = id.Parse /*!*/ (text)\n\treturn id, err\n}", ids), "handlers.planted: TenantID: it reads a tenant out of text"},
		{"a tenant of text, by a method that is not called", here, "", in("func planted(id *ids.TenantID) func([]byte) error { return id.UnmarshalText /*!*/ }", ids), "handlers.planted: TenantID: it reads a tenant out of text"},
		{"a tenant out of JSON", here, "", in("func planted(text []byte) (id ids.TenantID) {\n\t_ = json.Unmarshal(text, &id /*!*/)\n\treturn id\n}", ids, `"github.com/go-json-experiment/json"`), "handlers.planted: TenantID: what is not of this project could put another tenant there"},
		{"a tenant byte by byte", here, "", in("func planted(id ids.TenantID) { id[0] /*!*/ = 1 }", ids), "handlers.planted: TenantID: a tenant in pieces"},
		{"a tenant copied over", here, "", in("func planted(id ids.TenantID, from []byte) { copy(id[:] /*!*/, from) }", ids), "handlers.planted: TenantID: a tenant in pieces"},
		{"bytes that pass for a tenant", here, "", in("var planted [16]byte /*!*/"), "[16]byte: it passes for any identifier"},
		{"a tenant in the body of a request", here, "", in("type plantedInput struct{ TenantID ids.TenantID }\n\nfunc planted(who rest.Caller, in plantedInput) {} /*!*/", ids), "handlers.planted: TenantID: what it takes behind the caller holds a tenant"},
		{"several tenants in the query of a request", here, "", in("type plantedInput struct{ Tenants []*ids.TenantID }\n\nfunc planted(who rest.Caller, in plantedInput) {} /*!*/", ids), "handlers.planted: TenantID: what it takes behind the caller holds a tenant"},
		{"a row of the database as the body of a request", here, "", in("type plantedInput struct{ db.ItemCreateParams }\n\nfunc planted(who rest.Caller, in plantedInput) {} /*!*/", db), "handlers.planted: TenantID: what it takes behind the caller holds a tenant"},
		{"an answer that is read as a request", here, "", in("func planted(who rest.Caller, in Tenant) {} /*!*/"), "handlers.planted: TenantID: what it takes behind the caller holds a tenant"},
		{"a handler in a variable", here, "", in("var planted = func(who rest.Caller, in map[string]Tenant) {} /*!*/"), "handlers.planted: TenantID: what it takes behind the caller holds a tenant"},
		{"a tenant in the body, if there is one", here, "", in("type plantedInput struct {\n\tTenant rest.Nullable[ids.TenantID] /*!*/\n}", ids), "handlers.plantedInput: TenantID: a generic may make, or decode"},
		{"a caller of another tenant", here, "", in("func planted(who rest.Caller, id ids.TenantID) rest.Caller {\n\twho.TenantID = id /*!*/\n\treturn who\n}", ids), "handlers.planted: TenantID: it says whose tenant this is"},
		{"a caller made up, without names", here, "", in("func planted(id ids.AccountID) rest.Caller { return rest.Caller{id} /*!*/ }", ids), "handlers.planted: TenantID: it says whose tenant this is"},
		{"a statement by its address", "tenancy/planted.go", "", "package tenancy\n\nfunc planted(s *scope, text string) {\n\tp := &s.bind /*!*/\n\t*p = text\n}\n", "whoever has the address of a statement"},
		{"a method by its number", "rest/planted.go", "", inRest("func planted(tx *tenancy.Tx) any { return reflect.ValueOf(tx).Method(1) /*!*/ }", tenancy, `"reflect"`), "a method by its number"},
		{"a tenant out of a list that was sent", here, "", in("func planted(tenants [1]ids.TenantID, who tenancy.Caller) {\n\tfor _, who.TenantID = range tenants { /*!*/\n\t\t_ = who\n\t}\n}", tenancy, `"rowhouse/ids"`), "it says whose tenant this is"},
		{"a door that asks nothing", "tenancy/door.go", "func (d *Database) Enter(who Caller, permission auth.Permission) *db.Queries {\n\treturn db.New(dbtx{&door{database: d, scope: tenantScope(who, permission)}})", "func (d *Database) Enter(who Caller, permission auth.Permission) *db.Queries {\n\treturn db.New(dbtx{&door{database: d, scope: boundScope(who.TenantID, who)}})", "tenancy.Database.Enter: by what stands here it is decided who may enter which tenant"},
		{"calls that name no tenant", "tenancy/door.go", "func (s *scope) verify(args []any) error {", "func (s *scope) verify(args []any) error {\n\tif len(args) > 9 {\n\t\treturn nil\n\t}", "tenancy.scope.verify: by what stands here it is decided"},
		{"a method by its name", "rest/planted.go", "", inRest("func planted(tx *tenancy.Tx) any { return reflect.ValueOf(tx).MethodByName(\"Prov\" + \"ision\") /*!*/ }", tenancy, `"reflect"`), "MethodByName calls what nobody sees named"},
		{"a file that is not Go", here, "", "package planted is /*!*/ broken\n", "expected ';', found is"},
		{"a caller made up", here, "", in("func planted(id ids.TenantID) rest.Caller { return rest.Caller{TenantID: id} /*!*/ }", ids), "handlers.planted: TenantID: it says whose tenant this is"},
		{"a caller put in another's place", here, "", in("func planted(a, b *rest.Caller) { *a = *b } /*!*/"), "handlers.planted: TenantID: it says whose tenant this is"},

		{"a tenant that nobody is a user of", here, "", in("func planted(tx *tenancy.Tx, who rest.Caller) { tx.Provision(who.TenantID, who) } /*!*/", tenancy), "handlers.planted: Provision: it binds a tenant, whoever asks"},
		{"an account without its session", here, "", in("func planted(tx *tenancy.Tx, who rest.Caller) { tx.Assume(who.AccountID, who) } /*!*/", tenancy), "handlers.planted: Assume: it binds an account"},
		{"a tenant that nobody asks in", here, "", in("func planted(d *tenancy.Database, who rest.Caller) { d.System(who.TenantID, \"x\") } /*!*/", tenancy), "handlers.planted: System: it binds a tenant, and nobody asks"},
		{"an unscoped query from a handler", here, "", in("func planted(d *tenancy.Database, who rest.Caller) { d.Unscoped(who) } /*!*/", tenancy), "handlers.planted: Unscoped: nothing holds its queries"},
		{"a door for later", here, "", in("var planted = (*tenancy.Tx).Provision /*!*/", tenancy), "handlers.planted: Provision: it binds a tenant, whoever asks"},
		{"a door among several", here, "", in("var (\n\tplanted, _ = 1, 2\n\tlater = (*tenancy.Database).Unscoped /*!*/\n)", tenancy), "handlers.later: Unscoped: nothing holds its queries"},

		{"a pool that is handed out", doc, "", "package tenancy\n\nimport \"github.com/jackc/pgx/v5/pgxpool\"\n\n// Pool is what it should not be.\nfunc (d *Database) Pool() *pgxpool.Pool { return d.pool } /*!*/\n", "tenancy.Database.Pool: a new door: what tenancy exports hands out rows of whatever tenant it is told"},
		{"a pool for others to see", "tenancy/database.go", "	Telemetry *telemetry.Telemetry\n", "	Telemetry *telemetry.Telemetry\n	Pool *pgxpool.Pool /*!*/\n", "tenancy.Database: a new door"},
		{"a pool for all", doc, "", "package tenancy\n\nimport \"github.com/jackc/pgx/v5/pgxpool\"\n\n// Pool is everybody's.\nvar Pool *pgxpool.Pool /*!*/\n", "tenancy.Pool: a new door"},
		{"a pool under a name of tenancy's", doc, "", "package tenancy\n\nimport \"github.com/jackc/pgx/v5/pgxpool\"\n\n// Planted is a pool.\ntype Planted = pgxpool.Pool /*!*/\n\nvar planted Planted\n", "tenancy.Planted: a new door"},
		{"SQL that nobody can read", doc, "", "package tenancy\n\nconst planted = `SELECT name FROM items WHERE (` /*!*/\n", "SQL that prove cannot read"},
		{"a door that hands out rows", doc, "", "package tenancy\n\nimport \"rowhouse/db\"\n\n// Planted hands out rows.\nfunc (d *Database) Planted() []db.Item { return nil } /*!*/\n", "tenancy.Database.Planted: a new door"},
		{"a function for everybody", doc, "", "package tenancy\n\n// Planted is anybody's.\nfunc Planted(d *Database, sql string) error { return nil } /*!*/\n", "tenancy.Planted: a new door"},
		{"a door that asks less", "tenancy/door.go", "func (d *Database) Enter(who Caller, permission auth.Permission) *db.Queries {", "func (d *Database) Enter(who Caller, permission auth.Permission, trusted bool) *db.Queries {", "a new door"},
		{"a new door", doc, "", "package tenancy\n\nimport \"rowhouse/db\"\n\n// Anywhere leads anywhere.\nfunc (d *Database) Anywhere() *db.Queries { return nil } /*!*/\n", "tenancy.Database.Anywhere: a new door"},
		{"a binding that outlives its transaction", doc, "", "package tenancy\n\nconst planted = `SELECT set_config('app.tenant_id', $1, false)` /*!*/\n", "set_config without true"},
		{"a binding whose text differs a tenant", doc, "", "package tenancy\n\nconst planted = `SET LOCAL app.tenant_id = 'x'` /*!*/\n", "SET binds more than a transaction"},
		{"a query in tenancy", doc, "", "package tenancy\n\nconst planted = `SELECT name FROM items` /*!*/\n", "it names the table items"},
	})
	vendored, _ := plant(project(), "vendor/planted/planted.go", "package planted\n")
	if findings, _ := Read(vendored); len(findings) != 1 || !strings.HasPrefix(findings[0], "vendor:0: vendor: Go builds what is vendored") {
		t.Errorf("what is vendored:\n%s", strings.Join(findings, "\n"))
	}
}
