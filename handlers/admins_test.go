package handlers

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"rowhouse/ids"
	"rowhouse/testdb"
)

// way is one in which an admin stops being one: by himself, or by another admin.
type way struct {
	name   string
	itself bool
	ask    func(user string) request // of the admin who stops being one
}

var waysOut = []way{
	{"demote the other", false, demote}, // oneself nobody may
	{"deactivate the other", false, deactivate},
	{"deactivate oneself", true, deactivate},
	{"delete the other", false, func(user string) request { return call("DELETE", "/users/"+user) }},
	{"leave", true, func(string) request { return call("POST", "/users/me/leave") }},
	{"close the account", true, func(string) request { return call("DELETE", "/me") }},
}

func demote(user string) request {
	return call("PATCH", "/users/"+user).json(`{"role":"member"}`)
}

func deactivate(user string) request {
	return call("POST", "/users/"+user+"/deactivate")
}

// couple is a house of two admins, whose users have the ids of their accounts.
type couple struct {
	house
	admins [2]person
}

// couples makes many of them at once. The users of every other one have never entered: their first requests note that they do.
func (w *world) couples(n int) []couple {
	made := make([]couple, n)
	var houses, accounts []string
	for i := range made {
		made[i].id = ids.New[ids.TenantID]()
		houses = append(houses, made[i].id.UUID())
		for j := range made[i].admins {
			account := ids.New[ids.AccountID]()
			made[i].admins[j] = person{account: account, session: ids.SessionID(account)}
			accounts = append(accounts, account.UUID())
		}
	}
	w.db.Exec(`
		WITH tenant AS (
		     INSERT INTO tenants (id, name, slug) SELECT t, t, t FROM unnest($1::uuid[]) t
		), account AS (
		     INSERT INTO accounts (id, username, email) SELECT a, a, a || '@example.com' FROM unnest($2::uuid[]) a
		), session AS (
		     INSERT INTO sessions (id, account_id, expires_at) SELECT a, a, now() + interval '1 day' FROM unnest($2::uuid[]) a
		)
		INSERT INTO users (tenant_id, id, account_id, username, role, last_login)
		SELECT ($1::uuid[])[(n + 1) / 2], a, a, a, 'admin', CASE WHEN (n + 1) / 2 % 2 = 0 THEN now() END
		  FROM unnest($2::uuid[]) WITH ORDINALITY AS u (a, n)`, houses, accounts)
	return made
}

// gone is what somebody may be told whom another request has ended, before he was let in or while he waited; or whose aim it has.
var gone = []string{"401 invalid_token", "403 tenant_forbidden", "403 permission_denied", "403 cannot_grant", "404 not_found"}

// Of two admins one stays, whichever way each is made to go at the same moment, through two processes: a hundred rounds of each
// pair of ways. Two who make the same one go need not be told that the other is the last.
func TestLastAdminOfTwo(t *testing.T) {
	t.Parallel()
	const rounds, same = 100, 10
	w := newWorld(t)
	// Those who enter for the first time, and at once lock each other, are a deadlock: it is noticed soon, and tried again.
	w.db.Exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = 10', current_database()); END $$`)
	_, one := w.serve(w.db.Server(), w.server.config)
	_, two := w.serve(w.db.Server(), w.server.config)
	for i, first := range waysOut {
		for _, second := range waysOut[i:] {
			t.Run(first.name+", "+second.name, func(t *testing.T) {
				t.Parallel()
				var houses []string
				for n, c := range w.couples(rounds + same) {
					houses = append(houses, c.id.UUID())
					target, late := 1, []string{"409 last_admin"}
					switch {
					case n >= rounds:
						target, late = 0, slices.Concat(gone, []string{"200"})
					case !first.itself || !second.itself:
						late = append(late, gone...)
					}
					got := w.atOnce([]request{w.end(c, 0, first), w.end(c, target, second)}, one, two)
					slices.Sort(got)
					if got[0] != "200" || !slices.Contains(late, got[1]) {
						t.Errorf("got %q", got)
					}
				}
				lost := testdb.Value[int](w.db, `
					SELECT count(*)
					  FROM unnest($1::uuid[]) AS house
					 WHERE NOT EXISTS (
					       SELECT 1
					         FROM users u
					         JOIN accounts a ON a.id = u.account_id
					        WHERE u.tenant_id = house AND u.role = 'admin' AND u.is_active AND a.is_active)`, houses)
				if lost > 0 {
					t.Errorf("%d tenants have no admin", lost)
				}
			})
		}
	}
}

// end is the request that makes one of the two go in this way: his own, or the other's.
func (w *world) end(c couple, target int, way way) request {
	who := c.admins[1-target]
	if way.itself {
		who = c.admins[target]
	}
	return w.as(who, way.ask(c.admins[target].account.UUID()), c.house)
}

// atOnce sends each request to its server at the same moment.
func (w *world) atOnce(requests []request, servers ...string) []string {
	w.t.Helper()
	got := make([]string, len(requests))
	start := make(chan struct{})
	var all sync.WaitGroup
	for i, r := range requests {
		all.Go(func() {
			<-start
			answer, err := w.try(r, servers[i])
			if err != nil {
				w.t.Error(err)
			}
			got[i] = strings.TrimSpace(fmt.Sprint(answer.status, " ", answer.code()))
		})
	}
	close(start)
	all.Wait()
	return got
}

// A sole admin stays, whichever way he goes, and is not joined by one who is inactive or whom another tenant has; beside an active
// one he may go. The trigger alone sees to it.
func TestSoleAdmin(t *testing.T) {
	t.Parallel()
	w := newWorldAs(t, testdb.Unbound, nil)
	for i, way := range waysOut {
		if !way.itself {
			continue
		}
		h := w.makeHouse(fmt.Sprint(i), fmt.Sprint("house-", i))
		admin := h.people["admin"]
		deputy := w.deputy(h)
		w.user(w.B, admin, "admin")
		demoted := w.as(admin, demote(w.userID(h, admin).String()), h)
		leave := w.as(admin, way.ask(w.userID(h, admin).String()), h)
		remove := w.as(admin, call("DELETE", "/users/"+w.userID(h, admin).String()), h)

		w.db.Exec(`UPDATE users SET is_active = false WHERE tenant_id = $1 AND account_id = $2`, h.id, deputy.account)
		w.want(leave, 409, "last_admin")
		w.want(demoted, 409, "last_admin")
		w.want(remove, 403, "forbidden")
		w.want(w.as(admin, call("GET", "/audit-events"), h), 200) // still an admin
		w.db.Exec(`UPDATE users SET is_active = true WHERE tenant_id = $1 AND account_id = $2`, h.id, deputy.account)
		w.want(demoted, 403, "forbidden_field")
		w.want(remove, 403, "forbidden")
		w.want(leave, 200)
	}
}
