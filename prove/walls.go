package prove

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// check reports the faults of the tables as all migrations together leave them.
func (s *schema) check() {
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		t := s.tables[name]
		fault := func(at place, format string, args ...any) { s.report(at, t.name, fmt.Sprintf(format, args...)) }

		if _, listed := untenanted[name]; !listed && t.columns["tenant_id"] == nil {
			fault(t.missed("column tenant_id"), "it has no tenant_id; give it one, or list it in prove with the reason why it needs none: its rows are every tenant's to see")
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(t.columns)) {
			if strings.HasSuffix(name, "_cents") && !strings.Contains(strings.ToLower(t.columns[name].comment), "cents") {
				fault(t.made, "the comment on %s must say of what it is cents", name)
			}
		}
		for _, f := range t.foreign {
			t.checkForeign(f, s.tables[f.to], fault)
		}
		t.checkOracles(fault)
		for _, name := range slices.Sorted(maps.Keys(t.triggers)) {
			s.checkTrigger(t, t.triggers[name])
		}
		if t.kind() == ofTenant || t.kind() == internal {
			s.checkTenant(t, fault)
		}
	}
	s.checkLeaving() // which says more than that a function has changed
	for _, name := range slices.Sorted(maps.Keys(powers)) {
		f, power := s.functions[name], powers[name]
		if listed := (pardon{power.why, power.hash}); f != nil && !s.ledger.covers("the function "+name, listed, f.form()) && !s.said[name] {
			s.report(f.place, name, fmt.Sprintf("it may do what no other function may (%s), so that what it says of whom is looked at: it is not what was; "+
				"look whose rows each statement reads, changes or names, also in errors and settings; if one tenant learns nothing of another by it, its hash is %s", power.may, hash(f.form())))
		}
	}
	for _, c := range s.called {
		f := s.functions[c.function]
		switch {
		case pure[c.function], inner[c.function]:
		case f == nil:
			s.report(c.place, c.subject, fmt.Sprintf("the function %s is not among those known to read no table and change no setting", c.function))
		case len(s.reaches(f)) > 0:
			s.report(c.place, c.subject, fmt.Sprintf("the function %s does more than compute: %s", c.function, strings.Join(s.reaches(f), ", ")))
		}
	}
}

// checkTrigger reports a trigger whose function does not fit its table.
func (s *schema) checkTrigger(t *table, c trigger) {
	f := s.functions[c.function()]
	switch {
	case f == nil || !f.trigger:
		s.report(c.place, t.name, fmt.Sprintf("the trigger %s executes %s, which is no trigger function that the migrations make", c.Trigname, c.function()))
	case f.ofTenant && t.columns["tenant_id"] == nil:
		s.report(c.place, t.name, fmt.Sprintf("the trigger %s executes %s, which goes by the tenant_id of its rows; these have none", c.Trigname, f.name))
	}
}

// later is that of two places of the migrations which is read last: what is missing there was there before.
func later(a, b place) place {
	if cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line)) > 0 {
		return a
	}
	return b
}

func (t *table) checkForeign(f foreign, to *table, fault func(place, string, ...any)) {
	covers := func(i index) bool {
		if i.partial || len(i.columns) < len(f.here) {
			return false
		}
		for _, column := range f.here {
			if !slices.Contains(i.columns[:len(f.here)], column) {
				return false
			}
		}
		return true
	}
	if !slices.ContainsFunc(t.indexes, covers) {
		fault(later(t.lost["index"], f.place), "no index begins with (%s), the columns of %s", strings.Join(f.here, ", "), f.name)
	}
	here, there := slices.Index(f.here, "tenant_id"), slices.Index(f.there, "tenant_id")
	switch {
	case to == nil:
		fault(f.place, "%s refers to %s, which no migration makes", f.name, f.to)
	case len(f.there) == 0:
		fault(f.place, "%s must name the columns it refers to", f.name)
	case to.name == "tenants":
		if !slices.Equal(f.here, []string{"tenant_id"}) || !slices.Equal(f.there, []string{"id"}) {
			fault(f.place, "%s could point to another tenant; only tenant_id refers to tenants (id)", f.name)
		}
	case to.kind() == ofTenant && (here < 0 || here != there):
		fault(f.place, "%s could point into another tenant: tenant_id must refer to tenant_id in it", f.name)
	case to.kind() == ofAccount && !slices.Equal(f.there, []string{to.lead()}) && oracles[f.name] == "":
		fault(f.place, "%s tells whoever writes here whether anybody's account has a value in %s (%s); refer to its %s, which nobody can guess", f.name, f.to, strings.Join(f.there, ", "), to.lead())
	case to.kind() == ofAccount && t.kind() == ofTenant && oracles[f.name] == "":
		fault(f.place, "%s tells a tenant whether an account is there, of whatever tenant it is a user; list it in oracles, in prove, with the reason why it may", f.name)
	}
}

// checkOracles reports what would tell one tenant, or whoever makes an account, of a value that another's row has: what is unique among
// all of them.
func (t *table) checkOracles(fault func(place, string, ...any)) {
	if t.name != "tenants" && t.kind() != ofAccount {
		return
	}
	for _, i := range t.indexes {
		own := i.primary && (t.name != "tenants" && t.name != "accounts" || slices.Equal(i.columns, []string{"id"}))
		if i.unique && !own && oracles[i.name] == "" {
			fault(i.place, "%s: unique among all, it tells whoever writes the value (%s) that another's row of %[3]s has it; compare within one tenant, "+
				"or list it in oracles, in prove, with the reason why that may be told", i.name, strings.Join(i.columns, ", "), t.name)
		}
	}
}

// checkTenant reports what the database would not hold apart by itself.
func (s *schema) checkTenant(t *table, fault func(place, string, ...any)) {
	lead := t.lead()
	primary := slices.IndexFunc(t.indexes, func(i index) bool { return i.primary })
	if primary < 0 {
		fault(t.missed("index"), "it has no primary key; it must begin with %s, by which a row is of one tenant", lead)
	}
	for _, i := range t.indexes {
		if i.unique && t.name != "tenants" && (len(i.columns) == 0 || i.columns[0] != lead) {
			fault(i.place, "%s must begin with %s: unique among all tenants, it tells one what another has", i.name, lead)
		}
	}
	if t.resting {
		fault(t.missed("triggers"), "its triggers are left disabled: what one does to a tenant's rows stands in no log of that tenant's")
	}
	if !t.enabled || !t.forced {
		fault(t.missed("security"), "row-level security must be both enabled and forced, or a statement that forgets the tenant meets the rows of all")
	}
	if by := asked[t.name]; by != "" && !slices.ContainsFunc(slices.Collect(maps.Values(t.triggers)), func(c trigger) bool {
		return c.function() == by && c.Row && c.Timing == 0 && c.Events&events["update"] != 0
	}) {
		fault(t.made, "no trigger AFTER UPDATE FOR EACH ROW executes %s(): what somebody asks of its rows stands in no log", by)
	}
	if _, excused := unaudited[t.name]; !excused && t.kind() == ofTenant {
		var audited int32
		for _, c := range t.triggers {
			if c.function() == t.audit() && !c.Row && c.Timing == 0 && c.WhenClause == nil && c.Columns == nil {
				audited |= c.Events
			}
		}
		for _, event := range slices.Sorted(maps.Keys(events)) {
			if audited&events[event] == 0 && !(event == "delete" && s.excuse("deletion of "+t.name, undeleted[t.name])) {
				fault(t.missed("audit "+t.audit()), "no trigger AFTER %s FOR EACH STATEMENT executes %s(): what one does to a tenant's rows stands in no log of that tenant's", strings.ToUpper(event), t.audit())
			}
		}
	}

	holds, held := cmp.Or(tenantPolicy[t.name], "tenant_id = (SELECT current_tenant())"), false
	for _, name := range slices.Sorted(maps.Keys(t.policies)) {
		policy := t.policies[name]
		var roles []string
		for _, role := range policy.Roles {
			roles = append(roles, role.GetRoleSpec().GetRolename()) // PUBLIC is ""
		}
		to, using, checks := strings.Join(roles, ", "), same(policy.Qual, holds), same(policy.WithCheck, holds)
		switch {
		case !policy.Permissive: // it only takes away, and may look at rows to do so
			s.expression(policy.place, policy.text, t, policy.Qual, policy.WithCheck)
		case policy.CmdName == "all" && to == "" && using && checks:
			held = true
		case policy.CmdName == "select" && to == "rowhouse_login" && (same(policy.Qual, accountPolicy[t.name]) || same(policy.Qual, publicPolicy[t.name]) || same(policy.Qual, platformPolicy[t.name])):
		default:
			fault(policy.place, "the policy %s opens it otherwise than by USING and WITH CHECK (%s), FOR ALL TO PUBLIC: one tenant could see or write the rows of others that it lets through", name, holds)
		}
	}
	if !held {
		fault(t.missed("policy"), "it has no policy USING and WITH CHECK (%s), FOR ALL TO PUBLIC, so that nothing says whose its rows are", holds)
	}
}
