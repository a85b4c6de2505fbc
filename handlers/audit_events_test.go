package handlers

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowhouse/ids"
	"rowhouse/testdb"
)

// Every column of an audited table that holds ids has a type: that of the table which it refers to, where it refers to one. The row's
// own id and its tenant's never stand in an image.
func TestAuditIDColumns(t *testing.T) {
	t.Parallel()
	w := newRows(t)
	for _, line := range testdb.Value[[]string](w.db, `
		WITH audited AS (
		     SELECT DISTINCT g.tgrelid AS id, substring(p.prosrc FROM ', ''(\w+)'', n\.id') AS entity
		       FROM pg_trigger g
		       JOIN pg_proc p ON p.oid = g.tgfoid
		      WHERE g.tgname ^@ 'audit_')
		SELECT array_agg(concat_ws(' ', a.attrelid::regclass, a.attname, referred.entity) ORDER BY a.attrelid::regclass::text, a.attname)
		  FROM audited
		  JOIN pg_attribute a         ON a.attrelid = audited.id AND a.attnum > 0 AND NOT a.attisdropped
		  JOIN pg_type y              ON y.oid = a.atttypid AND 'uuid'::regtype IN (y.oid, y.typelem, y.typbasetype)
		  LEFT JOIN pg_constraint f   ON f.contype = 'f' AND f.conrelid = a.attrelid AND f.conkey[cardinality(f.conkey)] = a.attnum
		  LEFT JOIN audited referred  ON referred.id = f.confrelid
		 WHERE a.attname NOT IN ('id', 'tenant_id')`) {
		column := strings.Fields(line) // table, column and the type of what it refers to
		got := ids.KindOf(column[1])
		if got == "" {
			t.Errorf("%s.%s: events show its ids without their type", column[0], column[1])
		} else if len(column) == 3 && got != column[2] {
			t.Errorf("%s.%s: the type is %s, want %s", column[0], column[1], got, column[2])
		}
	}
}

// The log shows a new row of each audited table, and what then changes, with all ids in their standard form.
func TestAuditIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, admin := ids.New[ids.ItemID](), w.A.people["admin"]
	w.rows(w.A, id)
	w.db.Exec(`UPDATE users SET team_id = $1, artist_id = $1, role = 'artist' WHERE id = $1`, id.UUID())
	w.db.Exec(`UPDATE users SET team_id = NULL WHERE id = $1`, id.UUID())
	w.db.Exec(`UPDATE invitations SET team_id = $1, artist_id = $1, role = 'artist' WHERE id = $1`, id.UUID())
	w.db.Exec(`UPDATE tenants SET created_by = $1 WHERE id = $2`, admin.account, w.A.id)
	w.db.Exec(`DELETE FROM user_roles WHERE user_id = $1`, id.UUID())
	got := w.want(w.as(admin, call("GET", "/audit-events?page_size=100"), w.A), 200)
	if bare := regexp.MustCompile(`[^,{]*"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"`).FindString(got.body); bare != "" {
		t.Errorf("without its type: %s", bare)
	}
	tables, changes := map[string]bool{}, map[string]bool{}
	for _, e := range page[struct {
		Content []struct {
			Action        string
			Before, After map[string]any
		}
	}](t, got).Content {
		table, _, _ := strings.Cut(e.Action, ".")
		tables[table] = true
		for side, image := range map[string]map[string]any{"before": e.Before, "after": e.After} {
			for name, value := range image {
				if text, ok := value.(string); ok && ids.KindOf(name) != "" && !slices.Contains(plain, table) {
					changes[strings.Join([]string{table, side, name, text}, " ")] = true
				}
			}
		}
	}
	row, owner := id.UUID(), w.userID(w.A, admin).String()
	want := []string{
		"api_keys after user_id " + owner,
		"invitations after artist_id artist-" + row,
		"invitations after invited_by " + owner,
		"invitations after team_id team-" + row,
		"tenants after created_by " + admin.account.String(),
		"user_roles after role_id role-" + second(id).UUID(),
		"user_roles before role_id role-" + second(id).UUID(),
		"users after account_id account-" + row,
		"users after account_id account-" + second(id).UUID(),
		"users after artist_id artist-" + row,
		"users after team_id team-" + row,
		"users before team_id team-" + row,
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(changes))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, table := range testdb.Value[[]string](w.db, `SELECT array_agg(DISTINCT tgrelid::regclass::text) FROM pg_trigger WHERE tgname ^@ 'audit_'`) {
		if !tables[table] {
			t.Errorf("%s is audited, and no event of it was looked at", table)
		}
	}
}

// Only uuids become ids, only under the names of columns that hold them; all else stays, in its order.
func TestAuditTypedIDs(t *testing.T) {
	t.Parallel()
	const id = `01a1fffc-0000-7000-8000-000000000001`
	for image, want := range map[string]string{
		``:                               ``,
		`{}`:                             `{}`,
		`{"team_id": null}`:              `{"team_id":null}`,
		`{"team_id": "` + id + `"}`:      `{"team_id":"team-` + id + `"}`,
		`{"team_id": "user_7"}`:          `{"team_id":"user_7"}`,
		`{"team_id": "role-` + id + `"}`: `{"team_id":"role-` + id + `"}`,
		`{"team_id": ["` + id + `", null, "` + id + `"], "name": "` + id + `"}`:                                 `{"team_id":["team-` + id + `",null,"team-` + id + `"],"name":"` + id + `"}`,
		`{"z": {"team_id": "` + id + `"}, "role_id": "` + id + `", "n": 12345678901234567890, "a": "\"\u0001"}`: `{"z":{"team_id":"` + id + `"},"role_id":"role-` + id + `","n":12345678901234567890,"a":"\"\u0001"}`,
	} {
		if got := strings.TrimSpace(string(*typedIDs([]byte(image)))); got != want {
			t.Errorf("%s: got %s, want %s", image, got, want)
		}
	}
}
