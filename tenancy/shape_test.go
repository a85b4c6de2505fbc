package tenancy

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"
)

// What tells the calls of a list apart stands in its text, and nothing that a caller may choose freely does.
func TestShapes(t *testing.T) {
	t.Parallel()
	const sql = `SELECT $1::bool WHERE tenant_id = $2 AND (price >= $3 OR $3 IS NULL) AND CASE WHEN $4::uuid IS NULL THEN true ELSE id < $4::uuid END ORDER BY $5::text = 'name' LIMIT $6`
	after := pgtype.UUID{Bytes: [16]byte{1}, Valid: true}
	price := new(int32)
	for name, c := range map[string]struct {
		args    []any
		want    string
		kept    []any
		andPlan string
	}{
		"the first page": {
			[]any{false, "a tenant", (*int32)(nil), pgtype.UUID{}, "", 50},
			`SELECT false::bool WHERE tenant_id = $1 AND (price >= NULL OR true) AND CASE WHEN true THEN true ELSE id < NULL::uuid END ORDER BY ''::text = 'name' LIMIT $2`,
			[]any{"a tenant", 50}, andPlanOnce,
		},
		"by name, after a cursor, with the total": {
			[]any{true, "a tenant", (*int32)(nil), after, "-name", 50},
			`SELECT true::bool WHERE tenant_id = $1 AND (price >= NULL OR true) AND CASE WHEN false THEN true ELSE id < $2::uuid END ORDER BY '-name'::text = 'name' LIMIT $3`,
			[]any{"a tenant", after, 50}, andPlanOnce,
		},
		"a text that is no word": {
			[]any{true, "a tenant", (*int32)(nil), after, "'; --", 50},
			`SELECT true::bool WHERE tenant_id = $1 AND (price >= NULL OR true) AND CASE WHEN false THEN true ELSE id < $2::uuid END ORDER BY $3::text = 'name' LIMIT $4`,
			[]any{"a tenant", after, "'; --", 50}, andPlanOnce,
		},
		"a filter": {
			[]any{false, "a tenant", price, pgtype.UUID{}, "", 50},
			sql, []any{false, "a tenant", price, pgtype.UUID{}, "", 50}, andPlanEachTime,
		},
	} {
		got, andPlan := new(Database).asList(sql, c.args)
		if got.sql != c.want || !cmp.Equal(got.args, c.kept) || andPlan != c.andPlan {
			t.Errorf("%s: got %s %v %s", name, got.sql, got.args, andPlan)
		}
	}
}

// However many callers are first, and however many words there are, the shapes of a statement are few.
func TestShapesAreFew(t *testing.T) {
	t.Parallel()
	const sql = `SELECT $1::text`
	d := new(Database)
	var first sync.WaitGroup
	for range 10 * maxShapes {
		first.Go(func() { d.asList(sql, []any{"name"}) })
	}
	first.Wait()
	texts := map[string]bool{}
	for n := range 10 * maxShapes {
		got, _ := d.asList(sql, []any{strings.Repeat("x", n)})
		texts[got.sql] = true
	}
	if len(texts) < maxShapes-1 || len(texts) > maxShapes+1 {
		t.Errorf("%d texts", len(texts))
	}
}
