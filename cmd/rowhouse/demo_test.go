package main

import (
	"testing"

	"rowhouse/testdb"
)

// The demonstration is made once, however often it is started. Its studio has two months of appointments around today, all while it is open: what
// ended before today is over, and paid on its day if it was completed; nothing has been paid today. Its community has members and groups that are
// approved and that are not, and both are public. Today is the day on which it was made.
func TestDemo(t *testing.T) {
	t.Parallel()
	d := demo(t)
	if err := seed(t.Context(), d.Server()); err != nil {
		t.Fatal(err)
	}
	const studio = `(SELECT id FROM tenants WHERE slug = 'inkwell-tattoo')`
	const community = `(SELECT id FROM tenants WHERE slug = 'riverside-makers')`
	const local = `FROM (SELECT *, starts_at AT TIME ZONE 'Europe/Madrid' AS begins, ends_at AT TIME ZONE 'Europe/Madrid' AS ends,
	                            ends_at < (created_at AT TIME ZONE 'Europe/Madrid')::date::timestamp AT TIME ZONE 'Europe/Madrid' AS over
	                       FROM appointments WHERE tenant_id = ` + studio + `) AS a `
	for what, c := range map[string]struct {
		query string
		want  int
	}{
		"tenants":           {`SELECT count(*) FROM tenants`, len(demoTenants)},
		"public tenants":    {`SELECT count(*) FROM tenants WHERE is_public`, 2},
		"appointments":      {`SELECT count(*) ` + local, demoWeeks * len(demoWeek)},
		"days of them":      {`SELECT max(begins)::date - min(begins)::date ` + local, 7*demoWeeks - 3},
		"while it is shut":  {`SELECT count(*) ` + local + `WHERE extract(isodow FROM begins) IN (1, 7) OR begins::time < '10:00' OR ends::time > CASE extract(isodow FROM begins) WHEN 6 THEN time '14:00' ELSE '19:00' END`, 0},
		"neither over":      {`SELECT count(*) ` + local + `WHERE over <> (status IN ('completed', 'cancelled'))`, 0},
		"who did not come":  {`SELECT sign(count(*))::int ` + local + `WHERE no_show`, 1},
		"on hold":           {`SELECT sign(count(*))::int ` + local + `WHERE status = 'on_hold'`, 1},
		"paid otherwise":    {`SELECT count(*) ` + local + `LEFT JOIN transactions x ON x.appointment_id = a.id WHERE (a.status = 'completed') <> (x.amount_cents IS NOT DISTINCT FROM a.price_cents AND x.paid_at IS NOT DISTINCT FROM a.ends_at)`, 0},
		"paid today":        {`SELECT count(*) FROM transactions WHERE (paid_at AT TIME ZONE 'Europe/Madrid')::date >= (created_at AT TIME ZONE 'Europe/Madrid')::date`, 0},
		"refunds":           {`SELECT count(*) FROM transactions WHERE amount_cents < 0`, 1},
		"public work":       {`SELECT count(*) FROM portfolio_items WHERE is_public AND tenant_id = ` + studio, 3},
		"members":           {`SELECT count(*) FROM memberships WHERE tenant_id = ` + community, len(demoMembers)},
		"affirmed members":  {`SELECT count(*) FROM memberships WHERE last_vote_affirmation IS NOT NULL`, 2},
		"groups":            {`SELECT count(*) FROM user_groups WHERE tenant_id = ` + community, len(demoGroups)},
		"approved groups":   {`SELECT count(*) FROM user_groups WHERE approved`, 3},
		"trusted groups":    {`SELECT count(*) FROM user_groups WHERE trusted`, 1},
		"other zone, hours": {`SELECT count(*) FROM settings WHERE tenant_id = ` + studio + ` AND key IN ('timezone', 'opening_hours')`, 2},
	} {
		if got := testdb.Value[int](d, c.query); got != c.want {
			t.Errorf("%s: got %d, want %d", what, got, c.want)
		}
	}
}
