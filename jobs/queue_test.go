package jobs

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"rowhouse/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// The tables of the queue are those that river's own migrations make: each column, constraint, index, type and function.
func TestQueueSchema(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	d.Exec(`CREATE SCHEMA theirs`)
	pool, err := pgxpool.New(t.Context(), d.Superuser())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: "theirs"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
	conn := d.Connect(d.Superuser())
	if diff := cmp.Diff(tables(t, conn, "theirs"), tables(t, conn, "river")); diff != "" {
		t.Errorf("(-theirs +ours):\n%s", diff)
	}
}

// tables are all that a schema has, as PostgreSQL says it, without the schema's name and the order of columns.
func tables(t *testing.T, conn *pgx.Conn, schema string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT format('%s.%s %s%s DEFAULT %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
		              CASE WHEN a.attnotnull THEN ' NOT NULL' END, pg_get_expr(d.adbin, d.adrelid))
		  FROM pg_class c
		  JOIN pg_attribute a    ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		 WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r'
		 UNION ALL
		SELECT format('%s %s %s', c.relname, c.relkind, c.relpersistence) FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'S')
		 UNION ALL
		SELECT format('%s %s', o.conname, pg_get_constraintdef(o.oid)) FROM pg_constraint o WHERE o.connamespace = $1::regnamespace AND o.contype <> 'n'
		 UNION ALL
		SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = $1::regnamespace
		 UNION ALL
		SELECT format('%s %s', t.typname, e.enumlabel || ' ' || rank() OVER (ORDER BY e.enumsortorder)) FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typnamespace = $1::regnamespace
		 UNION ALL
		SELECT format('%s(%s) %s', p.proname, pg_get_function_arguments(p.oid), p.provolatile) FROM pg_proc p WHERE p.pronamespace = $1::regnamespace
		 ORDER BY 1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range all {
		all[i] = strings.NewReplacer(schema+".", "", "migration_pkey1", "migration_pkey").Replace(line) // theirs was made while an older one was there
	}
	return all
}

// The states that a set has: what ours says and what theirs does, of every set and state.
func TestQueueStates(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	d.Exec(`CREATE FUNCTION theirs(bitmask bit(8), state text) RETURNS boolean LANGUAGE sql AS $$
		SELECT get_bit(bitmask, array_position(ARRAY['scheduled', 'running', 'retryable', 'pending', 'discarded', 'completed', 'cancelled', 'available'], state) - 1) = 1 $$`)
	if n := testdb.Value[int](d, `
		SELECT count(*)
		  FROM generate_series(0, 255) AS n
		 CROSS JOIN unnest(enum_range(NULL::river.river_job_state)) AS state
		 WHERE theirs(n::bit(8), state::text) IS NOT DISTINCT FROM river.river_job_state_in_bitmask(n::bit(8), state)`); n != 256*8 {
		t.Errorf("%d of %d sets and states are told alike", n, 256*8)
	}
}

// However many jobs one tenant has, another's are done after a hundred of them: the queue gives them out in this order. Those of a tenant stay in
// their own.
func TestFair(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	const many = 3000
	for i, tenant := range []string{"crowded", "quiet"} {
		d.Exec(`INSERT INTO tenants (id, name, slug) VALUES ($1::uuid, $2, $2)`, fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", i+1), tenant)
	}
	enqueue := func(tenant string, n int) {
		d.Exec(`WITH bound AS MATERIALIZED (SELECT id, set_config('app.tenant_id', id::text, true) FROM tenants WHERE slug = $1)
			INSERT INTO jobs (tenant_id, kind, subject_type, subject_id) SELECT bound.id, 'test.test', 'item', gen_random_uuid() FROM bound, generate_series(1, $2::int)`, tenant, n)
	}
	enqueue("crowded", many)
	enqueue("quiet", 1)
	enqueue("crowded", 1)
	enqueue("quiet", 1)
	conn := d.Connect(d.Superuser())
	rows, err := conn.Query(context.Background(), `
		SELECT t.slug
		  FROM river.river_job q
		  JOIN tenants t ON t.id = (q.args ->> 'tenant_id')::uuid
		 WHERE q.state = 'available'
		 ORDER BY q.priority, q.scheduled_at, q.id`)
	if err != nil {
		t.Fatal(err)
	}
	order, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var before []int // how many of the crowded tenant go before each of the quiet one's
	crowded := 0
	for _, tenant := range order {
		if tenant == "quiet" {
			before = append(before, crowded)
		} else {
			crowded++
		}
	}
	if diff := cmp.Diff([]int{100, 100}, before); diff != "" || crowded != many+1 {
		t.Errorf("of %d, go before those of the quiet tenant (-want +got):\n%s", crowded, diff)
	}
}
