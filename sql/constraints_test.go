package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
)

// Every constraint that the server can break says what that means to a client: each of the tables that it writes, but for references to
// tenants and accounts, which the doors have seen.
func TestConstraintsSay(t *testing.T) {
	t.Parallel()
	for _, c := range Constraints() {
		may := catalogue["what rowhouse_app may do with table "+c.Table] + catalogue["what rowhouse_login may do with table "+c.Table]
		if fault := unsaid(c, strings.Contains(may, "INSERT") || strings.Contains(may, "UPDATE")); fault != "" {
			t.Errorf("%s: %s: COMMENT ON CONSTRAINT %s ON %s IS '[[field] code: ]sentence'", c.Name, fault, c.Name, c.Table)
		}
	}
}

// unsaid is what a constraint should say and does not.
func unsaid(c Constraint, written bool) string {
	seen := strings.Contains(c.Definition, " REFERENCES tenants(") || strings.Contains(c.Definition, " REFERENCES accounts(")
	switch {
	case c.Words == "" && written && !seen:
		return "it says nothing to whoever breaks it"
	case c.Words != "" && c.Code == "":
		return "no code follows from " + c.Definition
	case c.Words != "" && !strings.HasSuffix(c.Words, "."):
		return "it says no sentence"
	}
	return ""
}

// A constraint that is broken on a numbered part of a table is known by the name that the migrations give it, and none is called as if it were
// of a part.
func TestConstraintOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"accounts_email_key":               "accounts_email_key",
		"accounts_email_key_102043":        "accounts_email_key",
		"accounts_email_key_1234567890123": "accounts_email_key",
		"accounts_email_key_10204":         "accounts_email_key_10204",
		"accounts_102043_key":              "accounts_102043_key",
		"":                                 "",
	} {
		if got := ConstraintOf(fmt.Errorf("it failed: %w", &pgconn.PgError{ConstraintName: name})); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := ConstraintOf(context.Canceled); got != "" {
		t.Errorf("an error of no constraint: got %q", got)
	}
	for _, c := range Constraints() {
		if shard.MatchString(c.Name) {
			t.Errorf("%s on %s: its name ends as that of a part's", c.Name, c.Table)
		}
	}
}

// What a constraint means is said by its comment, and by its definition where that is plain.
func TestConstraintMeaning(t *testing.T) {
	t.Parallel()
	columns := map[string]bool{"tenant_id": true, "name": true, "text": true, "length": true, "price": true, "tags": true, "role": true, "team_id": true, "span": true}
	const x = "X."
	for _, c := range []struct{ definition, comment, kind, columns, means, allows, unsaid string }{
		{"CHECK (length(name) >= 1 AND length(name) <= 100)", x, "check", "name", "name length: X.", "1 to 100 []", ""},
		{"CHECK (char_length(name) <= 9)", x, "check", "name", "name max_length: X.", "to 9 []", ""},
		{"CHECK (length(name) >= 2)", x, "check", "name", "name min_length: X.", "2 to []", ""},
		{"CHECK (length(length) <= 9)", x, "check", "length", "length max_length: X.", "to 9 []", ""},
		{"CHECK (price >= 0 AND price <= 7)", x, "check", "price", "price range: X.", "0 to 7 []", ""},
		{"CHECK (price <= 7)", x, "check", "price", "price max: X.", "to 7 []", ""},
		{"CHECK (price >= 1)", x, "check", "price", "price min: X.", "1 to []", ""},
		{"CHECK (cardinality(tags) <= 5)", x, "check", "tags", "tags max_items: X.", "to 5 []", ""},
		{"CHECK (role = ANY (ARRAY['a'::text, 'it''s'::text]))", x, "check", "role", "role one_of: X.", "to [a it's]", ""},
		{"CHECK (name ~ '^[a-z]+$'::text)", x, "check", "name", "name format: X.", "to []", ""},
		{"CHECK (length(name) <= 9)", "", "check", "name", " : ", "to 9 []", "it says nothing to whoever breaks it"},
		{"CHECK (length(name) <= 9)", "At most nine", "check", "name", "name max_length: At most nine", "to 9 []", "it says no sentence"},

		{"CHECK (name ~ '^a'::text AND length(name) <= 9)", x, "check", "name", "name : X.", "to 9 []", "no code follows from CHECK (name ~ '^a'::text AND length(name) <= 9)"},
		{"CHECK (name ~ '^a'::text AND length(name) <= 9)", "name format: X.", "check", "name", "name format: X.", "to 9 []", ""},
		{"CHECK (name IS NULL OR length(name) <= 9)", x, "check", "name", "name : X.", "to []", "no code follows from CHECK (name IS NULL OR length(name) <= 9)"},
		{"CHECK (octet_length(name) <= 9)", x, "check", "name", "name : X.", "to []", "no code follows from CHECK (octet_length(name) <= 9)"},
		{"CHECK (cardinality(tags) >= 1)", x, "check", "tags", "tags : X.", "1 to []", "no code follows from CHECK (cardinality(tags) >= 1)"},
		{"CHECK (length(name) <= 9 AND price <= 5)", x, "check", "name price", " : X.", "to []", "no code follows from CHECK (length(name) <= 9 AND price <= 5)"},
		{"CHECK (name <> 'price'::text)", "already_exists: a price is none.", "check", "name", " already_exists: a price is none.", "to []", ""},
		{"CHECK (length(name) <= 9)", "User-Agent max_length: X.", "check", "name", "User-Agent max_length: X.", "to 9 []", ""},
		{"CHECK (length(name) <= 9)", "At most nine, or ask: POST /x.", "check", "name", "name max_length: At most nine, or ask: POST /x.", "to 9 []", ""},

		{"UNIQUE (tenant_id, name)", x, "unique", "name", " already_exists: X.", "to []", ""},
		{"UNIQUE (tenant_id, name)", "name_taken: X. Ask: Y.", "unique", "name", " name_taken: X. Ask: Y.", "to []", ""},
		{"EXCLUDE USING gist (tenant_id WITH =, team_id WITH =, span WITH &&)", x, "exclusion", "team_id span", " overlap: X.", "to []", ""},
		{"EXCLUDE USING gist (tenant_id WITH =, tstzrange(price, span) WITH &&) WHERE (role <> 'x'::text)", x, "exclusion", "price span", " overlap: X.", "to []", ""},
		{"EXCLUDE USING btree (tenant_id WITH =, team_id WITH =) WHERE (role)", "conflict: X.", "exclusion", "team_id", " conflict: X.", "to []", ""},
		{"FOREIGN KEY (tenant_id, team_id) REFERENCES teams(tenant_id, id)", x, "foreign key", "team_id", "team_id reference_not_found: X.", "to []", ""},
		{"FOREIGN KEY (tenant_id, team_id, role) REFERENCES teams(tenant_id, id, role)", x, "foreign key", "team_id role", " : X.", "to []",
			"no code follows from FOREIGN KEY (tenant_id, team_id, role) REFERENCES teams(tenant_id, id, role)"},
		{"FOREIGN KEY (tenant_id, team_id) REFERENCES teams(tenant_id, id) ON DELETE CASCADE", "not_found: X.", "foreign key", "team_id", " not_found: X.", "to []", ""},
		{"FOREIGN KEY (tenant_id, team_id) REFERENCES teams(tenant_id, id)", "", "foreign key", "team_id", " : ", "to []", "it says nothing to whoever breaks it"},
		{"FOREIGN KEY (tenant_id) REFERENCES tenants(id)", "", "foreign key", "", " : ", "to []", ""},
	} {
		got := newConstraint("x", "y", c.definition, c.comment, columns)
		allows := fmt.Sprint("to ", got.Values)
		if got.Max != nil {
			allows = fmt.Sprint("to ", *got.Max, " ", got.Values)
		}
		if got.Min != nil {
			allows = fmt.Sprint(*got.Min, " ", allows)
		}
		what := []string{got.Kind, strings.Join(got.Columns, " "), fmt.Sprintf("%s %s: %s", got.Field, got.Code, got.Words), allows, unsaid(got, true)}
		if want := []string{c.kind, c.columns, c.means, c.allows, c.unsaid}; !slices.Equal(what, want) {
			t.Errorf("%s, %q (-want +got):\n%s", c.definition, c.comment, cmp.Diff(want, what))
		}
	}
	if fault := unsaid(newConstraint("x", "y", "CHECK (price > 0)", "", columns), false); fault != "" {
		t.Errorf("of a table that the server does not write: %s", fault)
	}
}

// Constraints are those of the database, each with its kind and its columns.
func TestConstraintsOfTheDatabase(t *testing.T) {
	t.Parallel()
	var got []string
	for _, c := range Constraints() {
		slices.Sort(c.Columns)
		got = append(got, strings.TrimSpace(fmt.Sprintln(c.Name, "on", c.Table, c.Kind, c.Columns)))
	}
	slices.Sort(got)
	want := column(t, migrated(t, "constraints"), `
		SELECT format('%s on %s %s [%s]', o.conname, o.conrelid::regclass,
		              CASE o.contype WHEN 'c' THEN 'check' WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion' WHEN 'f' THEN 'foreign key' END,
		              (SELECT string_agg(a.attname, ' ' ORDER BY a.attname COLLATE "C")
		                 FROM pg_attribute a
		                WHERE a.attrelid = o.conrelid AND a.attname <> 'tenant_id'
		                  AND (a.attnum = ANY (o.conkey)
		                    OR o.contype = 'x' AND EXISTS (SELECT FROM generate_series(1, cardinality(o.conkey)) AS key -- which may be an expression
		                                                    WHERE pg_get_indexdef(o.conindid, key, true) ~ ('\m' || a.attname || '\M')))))
		  FROM pg_constraint o
		 WHERE o.connamespace = 'public'::regnamespace
		   AND o.contype IN ('c', 'u', 'x', 'f')
		   AND o.conrelid <> 'goose_db_version'::regclass`)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-database +Constraints):\n%s", diff)
	}
}
