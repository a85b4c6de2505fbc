package handlers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowhouse/rest"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

// unequal are the fields whose tag and column rightly say different limits.
var unequal = map[string]struct{ tag, column, why string }{
	"users.username":            {"max=64,min=1", "", "the column is a copy of that of accounts, whose canonical form is a pattern"},
	"users.instagram":           {"max=65", "max=64", "the column holds it without the @ that it may be sent with"},
	"clients.instagram":         {"max=65", "max=64", "likewise"},
	"appointments.status":       {"oneof=scheduled on_hold", "oneof=scheduled on_hold completed cancelled", "it is completed and cancelled by routes of their own"},
	"transactions.amount_cents": {"max=10000000,min=-10000000", "max=10000000", "the CHECK says that it is not 0 too, so the catalogue does not read its lower bound"},
}

// What a body may hold is what the table's CHECKs allow, no less and no more: each field of a create or an update that is a column of the
// table has the limits of that column in its tag, and no others.
func TestLimitsAgree(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	differs := map[string]bool{}
	for i := range routes {
		r := &routes[i]
		noun, verb, _ := strings.Cut(r.Operation(), ".")
		if verb != "create" && verb != "update" {
			continue
		}
		table := strings.TrimSuffix(noun, "s") + "s"
		columns := testdb.Value[[]string](d, `
			SELECT array_agg(attname::text)
			  FROM pg_attribute
			 WHERE attrelid = $1::text::regclass
			   AND attnum > 0
			   AND NOT attisdropped`, table)
		for _, f := range inputFields(r) {
			name := table + "." + f.Name
			tag, column := validated(f), checked(table, f.Name)
			if !slices.Contains(columns, f.Name) || tag == column {
				continue
			}
			differs[name] = true
			if known := unequal[name]; tag != known.tag || column != known.column {
				t.Errorf("%s: the validate tag of %s says %q, the CHECK of %s %q: make them the same, or say in unequal why they are not", r.Pattern, f.Name, tag, name, column)
			}
		}
	}
	for name := range unequal {
		if !differs[name] {
			t.Errorf("%s is in unequal, but its tag and its column agree: take it out", name)
		}
	}
}

// validated are the limits of a field's validate tag, as checked writes them.
func validated(f rest.Field) string {
	var limits []string
	for rule := range strings.SplitSeq(f.Rules, ",") {
		if name, _, _ := strings.Cut(rule, "="); slices.Contains([]string{"min", "max", "oneof"}, name) {
			limits = append(limits, rule)
		}
	}
	slices.Sort(limits)
	return strings.Join(limits, ",")
}

// checked are the limits of a column, of all CHECKs that say it plainly.
func checked(table, column string) string {
	var limits []string
	for _, c := range tenancy.Constraints() {
		if c.Table != table || c.Kind != "check" || !slices.Equal(c.Columns, []string{column}) {
			continue
		}
		if c.Min != nil {
			limits = append(limits, fmt.Sprintf("min=%d", *c.Min))
		}
		if c.Max != nil {
			limits = append(limits, fmt.Sprintf("max=%d", *c.Max))
		}
		if c.Values != nil {
			limits = append(limits, "oneof="+strings.Join(c.Values, " "))
		}
	}
	slices.Sort(limits)
	return strings.Join(limits, ",")
}
