package prove

import (
	"slices"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Every function has mutants, each another text that PostgreSQL's parser takes, unless it is pinned or listed; and nothing is listed that
// may do more than its caller.
func TestFunctionMutants(t *testing.T) {
	t.Parallel()
	all, err := Mutants(project())
	if err != nil {
		t.Fatal(err)
	}
	of, texts, changes := map[string]int{}, map[string]bool{}, map[string]bool{}
	for _, m := range all {
		if m.Change != "" {
			of[m.Function]++
		}
		if change := m.Function + ": " + m.Change; changes[change] || texts[m.SQL] {
			t.Errorf("%s: another is called so, or is the same:\n%s", change, m.SQL)
		} else {
			changes[change], texts[m.SQL] = true, true
		}
		if _, err := pg.Parse(m.SQL); err != nil {
			t.Errorf("%s: %s: %v\n%s", m.Function, m.Change, err, m.SQL)
		}
		if m.Line < 1 || !strings.HasPrefix(m.File, "sql/migrations/") {
			t.Errorf("%s: %s: it stands at %s:%d", m.Function, m.Change, m.File, m.Line)
		}
	}
	s := migrated(t, project())
	for name, f := range s.functions {
		switch pinned, listed := pinnedFunctions[name] != "", unmutated[name] != "" || s.alike()[name]; {
		case of[name] == 0 && !pinned && !listed && !f.needs["unread"]:
			t.Errorf("%s has no mutants", name)
		case listed && (f.needs["definer"] || f.needs["settings"] || f.needs["accounts"]):
			t.Errorf("%s may do more than its caller, and is to have mutants", name)
		}
	}
	for name := range unmutated {
		if s.functions[name] == nil {
			t.Errorf("%s is listed, and no function", name)
		}
	}
	if len(all) < 400 {
		t.Errorf("only %d mutants", len(all))
	}
}

// A function is taken apart at each condition, join, value and lock.
func TestSurgeon(t *testing.T) {
	t.Parallel()
	planted, _ := plant(ground(), migration, `-- +goose Up
CREATE FUNCTION planted(somebody uuid) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    found_id uuid;
BEGIN
    SELECT u.id INTO found_id
      FROM users u
      JOIN teams t ON t.tenant_id = u.tenant_id
     WHERE u.tenant_id = current_tenant()
       AND (u.id = somebody OR u.is_active)
       FOR UPDATE SKIP LOCKED;
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'none';
    END IF;
    RETURN found_id;
END
$$;
`)
	all, err := Mutants(planted)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		if m.Function == "planted" {
			got = append(got, m.Change)
		}
	}
	want := []string{
		"",
		"NULL instead of u.id",
		"ON true instead of t.tenant_id = u.tenant_id",
		"NOT t.tenant_id = u.tenant_id",
		"WHERE true instead of u.tenant_id = current_tenant() AND (u.id = somebody OR u.is_active)",
		"without AND u.tenant_id = current_tenant()",
		"without AND u.id = somebody OR u.is_active",
		"NOT u.tenant_id = current_tenant()",
		"without OR u.id = somebody",
		"without OR u.is_active",
		"NOT u.id = somebody",
		"NOT u.is_active",
		"without FOR UPDATE",
		"FOR UPDATE that waits",
		"IF true instead of found_id IS NULL",
		"NOT found_id IS NULL",
		"without SELECT u.id INTO found_id FROM users u JOIN teams t ON t.tenant_id = u.tenant_id WHERE u.tenant_id = curren…",
		"without RAISE EXCEPTION 'none'",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// What is not changed is written so that PostgreSQL reads it as it was, also where the parser's own writer would forget parentheses.
func TestSurgeonKeepsWhatIsGiven(t *testing.T) {
	t.Parallel()
	planted, _ := plant(ground(), migration, `-- +goose Up
CREATE FUNCTION planted(zones jsonb) RETURNS timestamp
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN now() AT TIME ZONE (zones ->> 0);
END
$$;
`)
	all, err := Mutants(planted)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(m Mutant) bool { return m.Function == "planted" && m.Change == "" })
	if at < 0 {
		t.Fatal("it is not written anew")
	}
	if want := "RETURN pg_catalog.timezone(zones ->> 0, now());"; !strings.Contains(all[at].SQL, want) {
		t.Errorf("it does not say %q:\n%s", want, all[at].SQL)
	}
}
