package prove

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A grant is one privilege of a role: `verb table`, `execute function` or `usage schema`.
type grant struct{ role, use string }

// A usage is what each role uses, in the words of grants.
type usage map[string]map[string]bool

func (u usage) add(role, use string) {
	if u[role] == nil {
		u[role] = map[string]bool{}
	}
	u[role][use] = true
}

// The role that a scope's queries run as.
var roleOf = map[string]string{"tenant": "rowhouse_app", "account": "rowhouse_login", "platform": "rowhouse_login", "unscoped": "rowhouse_login"}

func (s *schema) grant(g *pg.GrantStmt) {
	if g.IsGrant && (g.Targtype != pg.GrantTargetType_ACL_TARGET_OBJECT || g.GrantOption) {
		s.report(s.line(s.start), "GRANT", "grant by name what each role needs, without grant option: what is granted at once reaches tables of accounts and of other tenants too")
		return
	}
	for _, object := range g.Objects {
		var name string
		switch g.Objtype {
		case pg.ObjectType_OBJECT_TABLE:
			name = s.named(object.GetRangeVar().GetRelname()).name
		case pg.ObjectType_OBJECT_FUNCTION:
			name = strings.Join(words(object.GetObjectWithArgs().GetObjname()), ".")
		case pg.ObjectType_OBJECT_SCHEMA:
			name = "schema " + object.GetString_().GetSval()
		default:
			s.strange("GRANT", g.Objtype.String())
			return
		}
		if g.IsGrant && len(g.Privileges) == 0 {
			s.report(s.line(s.start), name, "GRANT ALL grants more than is seen here; name the privileges")
		}
		for _, node := range g.Grantees {
			role := cmp.Or(node.GetRoleSpec().GetRolename(), "PUBLIC")
			if !g.IsGrant && len(g.Privileges) == 0 {
				maps.DeleteFunc(s.grants, func(held grant, _ place) bool { return held.role == role && held.of(name) })
			}
			for _, privilege := range g.Privileges {
				switch held := (grant{role, privilege.GetAccessPriv().PrivName + " " + name}); {
				case g.IsGrant:
					s.grants[held] = s.line(s.start)
				case len(privilege.GetAccessPriv().Cols) == 0: // a table's privilege outlives that on one of its columns
					delete(s.grants, held)
				}
			}
		}
	}
}

// of reports whether the privilege is one on an object.
func (g grant) of(object string) bool {
	_, on, _ := strings.Cut(g.use, " ")
	return on == object
}

// revoke forgets the grants on what is no more.
func (s *schema) revoke(object string) {
	maps.DeleteFunc(s.grants, func(held grant, _ place) bool { return held.of(object) })
}

// checkGrants reports each privilege that its role holds and nothing uses.
func (s *schema) checkGrants(used usage) {
	for role := range used {
		s.follow(used, role)
	}
	for held, at := range s.grants {
		verb, object, _ := strings.Cut(held.use, " ")
		switch {
		case used[held.role][held.use], s.excuse(held.role+" may "+held.use, spare[held.role+" "+held.use]), held.use == "usage schema public" && used[held.role] != nil:
		default:
			because := ""
			if t := s.tables[object]; t != nil {
				because = ": " + t.why()
			}
			s.report(at, object, fmt.Sprintf("%s may %s it, and nothing that runs as %[1]s does%[3]s", held.role, strings.ToUpper(verb), because))
		}
	}
}

// follow adds what the uses of a role bring with them: what the functions do that it calls, the triggers that its writes fire,
// and the functions that defaults, checks and policies name. A SECURITY DEFINER function does it as its owner.
func (s *schema) follow(used usage, role string) {
	var next []string
	take := func(uses map[string]bool) {
		for use := range uses {
			if !used[role][use] {
				used.add(role, use)
				next = append(next, use)
			}
		}
	}
	for next = slices.Collect(maps.Keys(used[role])); len(next) > 0; {
		verb, name, _ := strings.Cut(next[0], " ")
		next = next[1:]
		if f := s.functions[name]; verb == "execute" && f != nil && !f.definer {
			take(f.used)
		}
		t := s.tables[name]
		if t == nil || verb == "execute" {
			continue
		}
		for called := range t.calls {
			take(map[string]bool{"execute " + called: true})
		}
		for _, c := range t.triggers {
			if f := s.functions[c.function()]; f != nil && !f.definer && c.Events&events[verb] != 0 {
				take(f.used)
			}
		}
		for _, policy := range t.policies {
			visit(policy.ProtoReflect(), func(m message) bool {
				if named, ok := m.Interface().(*pg.RangeVar); ok && named.Relname != name {
					take(map[string]bool{"select " + named.Relname: true})
				}
				return true
			})
		}
	}
}

// The bits of a trigger's events.
var events = map[string]int32{"insert": 4, "delete": 8, "update": 16}

// counts is what the migrations leave.
func (s *schema) counts() Counts {
	c := Counts{Tables: map[string]int{}, Functions: len(s.functions), Grants: len(s.grants)}
	for _, t := range s.tables {
		c.Tables[kinds[t.kind()]]++
		c.Policies += len(t.policies)
		c.Triggers += len(t.triggers)
		c.ForeignKeys += len(t.foreign)
	}
	return c
}
