package handlers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// populate adds to the world who is no user, and visits.
func (w *world) populate() {
	for _, name := range []string{"root", "clerk", "guest"} {
		p := w.account(name)
		w.B.people[name] = p
		w.db.Exec(`UPDATE accounts SET is_superuser = $2, is_staff = $3 WHERE id = $1`, p.account, name == "root", name == "clerk")
		w.db.Exec(`INSERT INTO sessions (id, account_id, active_tenant_id, visit_reason, begun_from, expires_at)
			SELECT md5($2)::uuid, account_id, $3, 'Ticket 4711', id, now() + interval '1 hour' FROM sessions WHERE id = $1`, p.session, name, w.B.id)
	}
	w.db.Exec(`INSERT INTO rate_limits SELECT decode(to_char(n, 'FM00'), 'hex'), n, '2020-01-01T00:00:00Z' FROM generate_series(11, 13) n`)
	w.db.Exec(`UPDATE users SET last_login = now() WHERE role = 'artist'`)
	w.db.Exec(`DELETE FROM account_events; DELETE FROM audit_events`)
}

// As whom a transaction goes on.
const (
	asLogin = `SELECT set_config('role', 'rowhouse_login', true)`
	asOwner = `SET LOCAL SESSION AUTHORIZATION ` + schema.Owner
	nowhere = `SELECT set_config('app.tenant_id', '', true), set_config('app.caller', '', true)`

	readOnly = `SET LOCAL transaction_read_only = on`
	x1, x2   = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
)

// entering is what the server says at the door of the tenant scope.
func entering(tenant, who, permission string) string {
	return enteringBy(tenant, who, "{"+who+".s}", permission)
}

func enteringBy(tenant, who, session, permission string) string {
	return fmt.Sprintf(`SELECT enter('{%s}', '{%s}', '%s', '%s', '10.0.0.1', 'thing.do', 'req-1')`, tenant, who, session, permission)
}

// byKeyOf is what it says for an API key.
func byKeyOf(tenant, prefix, hash, permission string) string {
	return fmt.Sprintf(`SELECT enter_key('{%s}', %s, %s, '%s', '10.0.0.1', 'thing.do', 'req-1')`, tenant, prefix, hash, permission)
}

// accountOf is what it asks of one by whose it is.
func accountOf(tenant, prefix, hash string) []string {
	return []string{asLogin, fmt.Sprintf(`SELECT key_account('{%s}', %s, %s)`, tenant, prefix, hash)}
}

// bound is what the doors leave behind.
func bound(tenant, user, account, reach, artist, key, visit string) string {
	return fmt.Sprintf(`SELECT set_config('app.tenant_id', '{%s}', true), set_config('app.caller', '%s %s %s 10.0.0.1 thing.do req-1 %s %s %s', true)`,
		tenant, user, account, reach, artist, key, visit)
}

// system binds a tenant for nobody.
func system(tenant string) string { return bound(tenant, "", "", "any", "", "", "") }

// trials are the doors with every credential that is wrong in one thing, and every trigger with rows that it must tell apart.
func (w *world) trials() (all []*trial) {
	add := func(name, scene string, calls ...string) *trial {
		t := &trial{name: name, scene: scene, calls: calls}
		all = append(all, t)
		return t
	}
	tryDoors(add)
	tryPlatform(add)
	tryKeys(add)
	tryPasses(add)
	tryClaims(add)
	tryLimits(add)
	tryTickets(add)
	tryGrants(add)
	tryEvents(add)
	tryDays(add)
	tryStudio(add)
	tryCommunity(add)
	tryJobs(add)
	tryReminders(add)
	tryExpiry(add)
	tryWebhooks(add)
	tryIdentities(add)
	tryQuotas(add)

	names := []string{"{A}", w.A.id.UUID(), "{B}", w.B.id.UUID(), "{twin}", w.B.item.UUID(), "{a}", w.A.own.UUID(), "{b}", w.B.own.UUID(), "{b2}", second(w.B.own).UUID(),
		"{twin2}", second(w.B.item).UUID(), "{both}", w.both.account.UUID(), "{both.s}", w.both.session.UUID(),
		"{both.u}", testdb.Value[string](w.db, `SELECT md5('both')::uuid::text`), "{nobody}", w.nobody.account.UUID(), "{nobody.s}", w.nobody.session.UUID()}
	for _, h := range []house{w.A, w.B} {
		for _, p := range h.people {
			user := strings.TrimSuffix(strings.TrimSuffix(p.name, "-a"), "-b")
			hashed := testdb.Value[string](w.db, `SELECT md5($1)::uuid::text`, user)
			names = append(names, "{"+p.name+"}", p.account.UUID(), "{"+p.name+".s}", p.session.UUID(), "{"+user+".u}", hashed, "{"+user+".v}", hashed)
		}
	}
	named := strings.NewReplacer(names...)
	slices.SortFunc(all, func(a, b *trial) int {
		return cmp.Or(strings.Compare(a.begin, b.begin), strings.Compare(a.name, b.name))
	})
	for _, t := range all {
		t.scene, t.held = named.Replace(t.scene), named.Replace(t.held)
		for i := range t.calls {
			t.calls[i] = named.Replace(t.calls[i])
		}
	}
	return all
}

type adding func(name, scene string, calls ...string) *trial

// tryDoors is enter and enter_account.
func tryDoors(add adding) {
	for _, role := range roles {
		for _, permission := range []string{"items:read", "items:write", "users:read", "users:write", "keys:read", "tenant:write", "no:such"} {
			add(role+" asks for "+permission, "", entering("B", role+"-b", permission))
		}
	}
	look := "UPDATE users SET last_login = now()" // nothing to be noted
	admin := entering("B", "admin-b", "items:write")
	add("rows locked by a read", "", entering("B", "admin-b", "items:read")).rows = true
	add("rows locked by a write", look, admin).rows = true
	add("a user of both in A", "", entering("A", "both", "items:write"))
	add("a user of both in B", "", entering("B", "both", "items:write"))
	add("A's admin in B, where somebody has his user id", "", entering("B", "admin-a", "items:read"))
	add("B's admin in A, where somebody has his user id", "", entering("A", "admin-b", "items:write"))
	add("nobody", "", entering("B", "nobody", "items:read"))
	add("somebody with another's session", "", enteringBy("B", "admin-b", "{member-b.s}", "items:read"))
	add("somebody with a session that nobody has", "", enteringBy("B", "admin-b", x1, "items:read"))
	add("who is no user, with the session of one", "", enteringBy("B", "nobody", "{admin-b.s}", "items:read"))
	add("the account of another, whose e-mail is the user's", "UPDATE accounts SET email = 'admin-b@canary-of-b.example' WHERE id = '{nobody}'", entering("B", "nobody", "items:read"))
	for name, scene := range map[string]string{
		"a session that was revoked":    "UPDATE sessions SET revoked_at = now() WHERE id = '{admin-b.s}'",
		"a session that has expired":    "UPDATE sessions SET expires_at = now() WHERE id = '{admin-b.s}'",
		"an account that was closed":    "UPDATE accounts SET is_active = false WHERE id = '{admin-b}'",
		"a user who was shut out":       "UPDATE users SET is_active = false WHERE account_id = '{admin-b}'",
		"a tenant that is suspended":    "UPDATE tenants SET status = 'suspended' WHERE id = '{B}'",
		"a tenant that is given up":     "UPDATE tenants SET status = 'deleting' WHERE id = '{B}'",
		"others' that are not in order": "UPDATE sessions SET revoked_at = now() WHERE id <> '{admin-b.s}'; UPDATE accounts SET is_active = false WHERE id <> '{admin-b}'; UPDATE tenants SET status = 'suspended' WHERE id = '{A}'",
	} {
		add(name, scene, admin)
		add(name+", who reads", scene, entering("B", "admin-b", "items:read"))
	}
	// Who has not proven an e-mail.
	for name, scene := range map[string]string{
		"made by another":                        "UPDATE tenants SET created_by = '{guest}'",
		"made by the operator":                   "UPDATE tenants SET created_by = NULL",
		"made by the account":                    "UPDATE tenants SET created_by = '{admin-b}'",
		"made by another, proven":                "UPDATE tenants SET created_by = '{guest}'; UPDATE accounts SET email_verified_at = now() WHERE id = '{admin-b}'",
		"made by another, account made for it":   "UPDATE tenants SET created_by = '{guest}'; UPDATE accounts SET made_in = '{B}' WHERE id = '{admin-b}'",
		"made by another, account made for A":    "UPDATE tenants SET created_by = '{guest}'; UPDATE accounts SET made_in = '{A}' WHERE id = '{admin-b}'",
		"made by another, another's is proven":   "UPDATE tenants SET created_by = '{guest}'; UPDATE accounts SET email_verified_at = now() WHERE id <> '{admin-b}'",
		"made by another, and noted before":      "UPDATE tenants SET created_by = '{guest}'; " + look,
		"made by another, visited by a guest":    "UPDATE tenants SET created_by = '{nobody}'",
		"made by another, seldom, and no tenant": "UPDATE tenants SET created_by = '{guest}', status = 'suspended'",
	} {
		add("in a tenant "+name, scene, admin)
		add("in a tenant "+name+", who reads", scene, entering("B", "admin-b", "items:read"))
		add("a superuser's visit to a tenant "+name, scene, enteringBy("B", "root", "{root.v}", "items:read"))
	}
	// Visits.
	for _, permission := range []string{"items:read", "items:write", "audit:read"} {
		for name, scene := range map[string]string{
			"":                                " ",
			", powerless":                     "UPDATE accounts SET is_superuser = false, is_staff = false",
			", both superuser and staff":      "UPDATE accounts SET is_superuser = true, is_staff = true",
			", no visit but a bound session":  "UPDATE sessions SET visit_reason = NULL",
			", in a tenant that is suspended": "UPDATE tenants SET status = 'suspended'",
			", ended":                         "UPDATE sessions SET revoked_at = now() WHERE visit_reason IS NOT NULL",
		} {
			for _, who := range []string{"root", "clerk", "guest"} {
				add("the visit of "+who+" for "+permission+name, scene, enteringBy("B", who, "{"+who+".v}", permission))
			}
		}
		for _, who := range []string{"root", "clerk"} {
			add("the visit of "+who+" to B, used in A, for "+permission, "", enteringBy("A", who, "{"+who+".v}", permission))
			add("the ordinary session of "+who+" for "+permission, "", entering("B", who, permission))
		}
	}
	user := "INSERT INTO users (tenant_id, id, account_id, username) SELECT '{B}', '" + x1 + "', id, username FROM accounts WHERE id IN ('{root}', '{clerk}')"
	add("a visitor who has become a user", strings.Replace(user, "IN ('{root}', '{clerk}')", "= '{root}'", 1), enteringBy("B", "root", "{root.v}", "items:write"))
	add("a visitor who has become a user, and reads", strings.Replace(user, "IN ('{root}', '{clerk}')", "= '{root}'", 1), enteringBy("B", "root", "{root.v}", "items:read"))
	// Logins that are to be noted.
	for name, scene := range map[string]string{
		"noted before":         "UPDATE users SET last_login = s.created_at FROM sessions s WHERE s.account_id = users.account_id",
		"noted long before":    "UPDATE users SET last_login = '2020-01-01'",
		"noted since":          look,
		"noted nowhere":        "",
		"noted but of another": "UPDATE users SET last_login = now() WHERE account_id <> '{admin-b}'",
	} {
		for _, permission := range []string{"items:read", "items:write", "users:write"} {
			add("a login "+name+", for "+permission, scene, entering("B", "admin-b", permission))
			add("a login "+name+", for "+permission+", in a transaction that only reads", scene, readOnly, entering("B", "admin-b", permission))
		}
		add("a login "+name+", of whom a role lets in", scene, entering("B", "member-b", "users:read"))
	}
	held := "SELECT FROM users WHERE tenant_id = '{B}' FOR UPDATE"
	add("a login while the user is being changed", "", admin).held = held
	add("a login while another user is being changed", "", admin).held = "SELECT FROM users WHERE tenant_id = '{A}' FOR UPDATE"
	// Roles that the tenant has made.
	custom := func(permissions string) string {
		return "UPDATE roles SET permissions = '{" + permissions + "}' WHERE id = '{b2}'; UPDATE user_roles SET user_id = '{member.u}', role_id = '{b2}' WHERE tenant_id = '{B}' AND user_id = '{b}'"
	}
	for _, permissions := range []string{"items:write", "items:write:own", "users:read", "users:read:own", "keys:read", "keys:read:own", "tenant:write,users:write:own"} {
		for _, permission := range []string{"items:write", "users:read", "keys:read", "users:write"} {
			add("a member whose role holds "+permissions+" asks for "+permission, custom(permissions), entering("B", "member-b", permission))
		}
	}
	for _, permission := range []string{"users:read", "items:read"} {
		add("a member whose primary role holds nothing, and whose other holds own rows of "+permission, "UPDATE permissions SET member = NULL; "+custom(permission+":own"), entering("B", "member-b", permission))
	}
	for name, scene := range map[string]string{
		"whose user id has a role in A":                  "UPDATE roles SET permissions = '{items:write}'; UPDATE user_roles SET user_id = '{member.u}' WHERE tenant_id = '{A}' AND user_id = '{a}'",
		"beside whom another has a role":                 "UPDATE roles SET permissions = '{items:write}'",
		"whose role is called in A as the id of another": "UPDATE roles SET permissions = '{items:write}' WHERE tenant_id = '{A}'; UPDATE user_roles SET user_id = '{member.u}' WHERE tenant_id = '{B}' AND user_id = '{twin}'",
		"who has another role than that which would do":  "UPDATE roles SET permissions = '{items:write}' WHERE id = '{twin}'; UPDATE user_roles SET user_id = '{member.u}' WHERE tenant_id = '{B}' AND user_id = '{b}'",
	} {
		add("a member "+name, scene, entering("B", "member-b", "items:write"))
	}

	// The door of the account scope.
	account := func(who, session, operation string) string {
		return fmt.Sprintf(`SELECT enter_account('{%s}', '%s', '10.0.0.1', '%s', 'req-1'), set_config('role', 'rowhouse_login', true)`, who, session, operation)
	}
	for name, scene := range map[string]string{
		"":                             " ",
		", revoked":                    "UPDATE sessions SET revoked_at = now() WHERE id = '{admin-b.s}'",
		", expired":                    "UPDATE sessions SET expires_at = now() WHERE id = '{admin-b.s}'",
		", of an account that is none": "UPDATE accounts SET is_active = false WHERE id = '{admin-b}'",
		", all others out of order":    "UPDATE sessions SET revoked_at = now() WHERE id <> '{admin-b.s}'; UPDATE accounts SET is_active = false WHERE id <> '{admin-b}'",
	} {
		add("an account by its session"+name, scene, account("admin-b", "{admin-b.s}", "account.get"))
	}
	add("an account behind a tenant", "", system("B"), account("admin-b", "{admin-b.s}", "account.get"))
	add("an account by another's session", "", account("admin-b", "{admin-a.s}", "account.get"))
	add("an account by no session", "", account("admin-b", x1, "account.get"))
	add("an account by a visit", "", account("root", "{root.v}", "account.get"))
	add("an account by a visit that logs out", "", account("root", "{root.v}", "session.logout"))
	add("an account by the session that a visit was begun from", "", account("root", "{root.s}", "account.get"))
}

// tryPlatform is enter_platform.
func tryPlatform(add adding) {
	all := "SELECT current_tenant(), my_account(), caller_field(3), caller_field(5)"
	to := func(tenant, who, session string) string {
		role := ""
		if tenant == "NULL" {
			role = ", set_config('role', 'rowhouse_login', true)"
		}
		return fmt.Sprintf(`SELECT enter_platform(%s, '{%s}', '%s', '10.0.0.1', 'test.test', 'req-1')%s`, tenant, who, session, role)
	}
	for _, tenant := range []string{"NULL", "'{B}'"} {
		for name, scene := range map[string]string{
			"":                             " ",
			", whose session is revoked":   "UPDATE sessions SET revoked_at = now() WHERE id = '{root.s}'",
			", whose session has expired":  "UPDATE sessions SET expires_at = now() WHERE id = '{root.s}'",
			", whose account is none":      "UPDATE accounts SET is_active = false WHERE id = '{root}'",
			", who is none any more":       "UPDATE accounts SET is_superuser = false WHERE id = '{root}'",
			", all others out of order":    "UPDATE sessions SET revoked_at = now() WHERE id <> '{root.s}'; UPDATE accounts SET is_active = false, is_superuser = false WHERE id <> '{root}'",
			", in tenants that are closed": "UPDATE tenants SET status = 'suspended'",
		} {
			add("a superuser"+name+", to "+tenant, scene, to(tenant, "root", "{root.s}"), all)
		}
		add("a superuser behind a tenant, to "+tenant, "", system("A"), to(tenant, "root", "{root.s}"), all)
		add("a superuser by another's session, to "+tenant, "", to(tenant, "root", "{admin-a.s}"), all)
		add("a superuser by no session, to "+tenant, "", to(tenant, "root", x1), all)
		add("a superuser by a visit, to "+tenant, "", to(tenant, "root", "{root.v}"), all)
		add("staff to "+tenant, "", to(tenant, "clerk", "{clerk.s}"), all)
		add("an admin to "+tenant, "", to(tenant, "admin-b", "{admin-b.s}"), all)
	}
}

// tryKeys is enter_key and key_account.
func tryKeys(add adding) {
	prefix, hash := `'rh_' || left(md5('{b}'), 9)`, `sha256('{b}')`
	twin, twinHash := `'rh_' || left(md5('{twin}'), 9)`, `sha256('{twin}')`
	both := func(name, scene, tenant, prefix, hash string) {
		add("a key"+name, scene, byKeyOf(tenant, prefix, hash, "items:read"))
		add("the account of a key"+name, scene, accountOf(tenant, prefix, hash)...)
	}
	of := "UPDATE api_keys SET "
	its := " WHERE tenant_id = '{B}' AND id = '{b}'"
	admin := " WHERE tenant_id = '{B}' AND account_id = '{admin-b}'"
	for name, scene := range map[string]string{
		"":                                   " ",
		" that was revoked":                  of + "revoked_at = now()" + its,
		" that has expired":                  of + "expires_at = now()" + its,
		" that will expire":                  of + "expires_at = now() + interval '1 hour'" + its,
		" beside others that were revoked":   of + "revoked_at = now(), expires_at = now() WHERE id <> '{b}'",
		" of a closed account":               "UPDATE accounts SET is_active = false WHERE id = '{admin-b}'",
		" of nobody's but all others closed": "UPDATE accounts SET is_active = false WHERE id <> '{admin-b}'",
		" of a user who was shut out":        "UPDATE users SET is_active = false" + admin,
		" of a suspended tenant":             "UPDATE tenants SET status = 'suspended' WHERE id = '{B}'",
		" beside a suspended tenant":         "UPDATE tenants SET status = 'suspended' WHERE id = '{A}'; UPDATE users SET is_active = false WHERE account_id <> '{admin-b}'",
		" of both":                           of + "user_id = '{both.u}'" + its,
		" of an artist":                      of + "user_id = '{artist.u}'" + its,
	} {
		both(name, scene, "B", prefix, hash)
	}
	both(" in A, of the same user id, prefix and hash as one in B", "", "A", twin, twinHash)
	both(" in B, of the same user id, prefix and hash as one in A", "", "B", twin, twinHash)
	both(" of B, used in A", "", "A", prefix, hash)
	both(" of an account beside that whose e-mail the user has", "UPDATE accounts SET is_active = false WHERE id = '{admin-b}'; UPDATE accounts SET email = 'admin-b@canary-of-b.example' WHERE id = '{nobody}'", "B", prefix, hash)
	both(" with another's hash", "", "B", prefix, twinHash)
	both(" with another's prefix", "", "B", twin, hash)
	both(" with the hash alone", "", "B", `'rh_000000000'`, hash)
	for name, scene := range map[string]string{
		"made by another":                      "UPDATE tenants SET created_by = '{guest}'",
		"made by the account":                  "UPDATE tenants SET created_by = '{admin-b}'",
		"made by another, proven":              "UPDATE tenants SET created_by = '{guest}'; UPDATE accounts SET email_verified_at = now() WHERE id = '{admin-b}'",
		"made by another, account made for it": "UPDATE tenants SET created_by = '{guest}'; UPDATE accounts SET made_in = '{B}' WHERE id = '{admin-b}'",
	} {
		add("a key in a tenant "+name, scene, byKeyOf("B", prefix, hash, "items:read"))
	}
	for _, role := range roles {
		for _, permission := range []string{"items:write", "users:write", "keys:read", "tenant:write"} {
			for _, scopes := range []string{"NULL", "'{}'", "'{items:write,users:write}'", "'{users:write:own,items:write:own,keys:read:own,tenant:write:own}'"} {
				add("a key of a "+role+" with the scopes "+scopes+" asks for "+permission,
					of+"user_id = '{"+role+".u}', scopes = "+scopes+its, byKeyOf("B", prefix, hash, permission))
			}
		}
	}
	custom := of + "user_id = '{member.u}'" + its + "; UPDATE user_roles SET user_id = '{member.u}' WHERE tenant_id = '{B}' AND user_id = '{b}'; UPDATE roles SET permissions = "
	for _, permissions := range []string{"'{users:read,items:write:own}'", "'{items:write}'"} {
		for _, permission := range []string{"users:read", "items:write"} {
			add("a key of a member whose role holds "+permissions+" asks for "+permission, custom+permissions, byKeyOf("B", prefix, hash, permission))
		}
	}
	for name, used := range map[string]string{"never": "NULL", "just now": "now() - interval '59 seconds'", "a while ago": "now() - interval '61 seconds'"} {
		scene := of + "last_used_at = " + used
		add("a key that was used "+name, scene, byKeyOf("B", prefix, hash, "items:read"))
		add("a key that was used "+name+", in a transaction that only reads", scene, readOnly, byKeyOf("B", prefix, hash, "items:read"))
	}
	add("rows locked by a key", "", byKeyOf("B", prefix, hash, "items:write")).rows = true
	add("a key while it is being changed", "", byKeyOf("B", prefix, hash, "items:read")).held = "SELECT FROM api_keys WHERE tenant_id = '{B}' FOR UPDATE"
	add("a twin's key while the twin is being changed", "", byKeyOf("B", twin, twinHash, "items:read")).held = "SELECT FROM api_keys WHERE tenant_id = '{A}' FOR UPDATE"
	add("an account asked for behind a tenant", "", append([]string{system("A")}, accountOf("B", prefix, hash)...)...)
}

// tryPasses is enter with a pass, make_pass and end_passes.
func tryPasses(add adding) {
	pass := func(session, tenant, account, permissions, expires string) string {
		return fmt.Sprintf(`INSERT INTO passes (session_id, active_tenant_id, account_id, user_id, artist_id, permissions, expires_at)
			VALUES ('{%s}', '{%s}', '{%s}', '%s', '%s', '{%s}', now() + interval '%s')`, session, tenant, account, x1, x2, permissions, expires)
	}
	for name, scene := range map[string]string{
		"":                             pass("admin-b.s", "B", "admin-b", "items:read,items:write", "1 hour"),
		" of another session":          pass("member-b.s", "B", "admin-b", "items:read,items:write", "1 hour"),
		" to another tenant":           pass("admin-b.s", "A", "admin-b", "items:read,items:write", "1 hour"),
		" of another account":          pass("admin-b.s", "B", "member-b", "items:read,items:write", "1 hour"),
		" for something else":          pass("admin-b.s", "B", "admin-b", "tenant:read", "1 hour"),
		" that has expired":            pass("admin-b.s", "B", "admin-b", "items:read,items:write", "0 hours"),
		" of a session with no artist": pass("admin-b.s", "B", "admin-b", "items:read,items:write", "1 hour") + "; UPDATE passes SET artist_id = NULL",
	} {
		add("with a pass"+name, scene, entering("B", "admin-b", "items:read"))
		add("with a pass"+name+", for a write", scene, entering("B", "admin-b", "items:write"))
	}
	made := func(tenant, session string) []string {
		return []string{asOwner, system(tenant), "SELECT make_pass('{" + session + "}')"}
	}
	noted := "UPDATE users SET last_login = now()"
	for name, scene := range map[string]string{
		"all in order":                     noted,
		"a login that is not noted":        "UPDATE users SET last_login = '2020-01-01'",
		"a login that is noted to a hair":  "UPDATE users SET last_login = s.created_at FROM sessions s WHERE s.account_id = users.account_id",
		"a session that was revoked":       noted + "; UPDATE sessions SET revoked_at = now() WHERE id = '{admin-b.s}'",
		"a closed account":                 noted + "; UPDATE accounts SET is_active = false WHERE id = '{admin-b}'",
		"a suspended tenant":               noted + "; UPDATE tenants SET status = 'suspended'",
		"a user who was shut out":          noted + "; UPDATE users SET is_active = false WHERE account_id = '{admin-b}'",
		"a tenant made by another":         noted + "; UPDATE tenants SET created_by = '{guest}'",
		"one made by the account":          noted + "; UPDATE tenants SET created_by = '{admin-b}'",
		"a proven e-mail":                  noted + "; UPDATE tenants SET created_by = '{guest}'; UPDATE accounts SET email_verified_at = now() WHERE id = '{admin-b}'",
		"an account that was made for it":  noted + "; UPDATE tenants SET created_by = '{guest}'; UPDATE accounts SET made_in = '{B}' WHERE id = '{admin-b}'",
		"an old pass":                      noted + "; " + pass("admin-b.s", "B", "nobody", "tenant:read", "-1 hour"),
		"all of the others out of order":   noted + "; UPDATE sessions SET revoked_at = now() WHERE id <> '{admin-b.s}'; UPDATE accounts SET is_active = false WHERE id <> '{admin-b}'; UPDATE tenants SET status = 'suspended' WHERE id <> '{B}'",
		"the grid with an own in each row": noted + "; UPDATE permissions SET admin = 'own' WHERE ownable",
	} {
		add("a pass is made of "+name, scene, made("B", "admin-b.s")...)
	}
	for _, who := range []string{"assistant-b.s", "artist-b.s", "member-b.s", "both.s", "nobody.s", "admin-a.s"} {
		add("a pass is made for "+who, noted, made("B", who)...)
	}
	add("a pass is made of an old pass for an artist", noted+"; "+pass("artist-b.s", "B", "nobody", "tenant:read", "-1 hour"), made("B", "artist-b.s")...)
	add("with a pass of another account, whose user has the id of this", pass("admin-b.s", "B", "member-b", "items:read", "1 hour")+"; UPDATE passes SET user_id = '{admin-b}'", entering("B", "admin-b", "items:read"))
	add("a pass is made in A for both", noted, made("A", "both.s")...)
	add("rows locked by a pass", "UPDATE tenants SET created_by = NULL", entering("B", "admin-b", "items:read")).rows = true
	for name, held := range map[string]string{
		"the session": "SELECT FROM sessions WHERE account_id = '{artist-b}' FOR UPDATE", "the account": "SELECT FROM accounts WHERE id = '{artist-b}' FOR UPDATE",
		"the tenant": "SELECT FROM tenants WHERE id = '{B}' FOR UPDATE", "the user": "SELECT FROM users WHERE tenant_id = '{B}' FOR UPDATE",
		"the grid":             "SELECT pg_advisory_xact_lock(hashtextextended('permissions', 0))",
		"the pass":             "SELECT pg_advisory_xact_lock(hashtextextended('{artist-b.s}{B}', 0))",
		"a pass to A":          "SELECT pg_advisory_xact_lock(hashtextextended('{artist-b.s}{A}', 0))",
		"another's pass":       "SELECT pg_advisory_xact_lock(hashtextextended('{member-b.s}{B}', 0))",
		"another user":         "SELECT FROM users WHERE tenant_id = '{A}' FOR UPDATE",
		"the grid, but shared": "SELECT pg_advisory_xact_lock_shared(hashtextextended('permissions', 0))",
	} {
		add("a pass is made while somebody has "+name, "", asOwner, system("B"), "SELECT make_pass('{artist-b.s}')").held = held
		add("a read while somebody has "+name, "", entering("B", "artist-b", "items:read")).held = held
	}
	add("two passes are made", noted, asOwner, system("B"), "SELECT make_pass('{both.s}')", system("A"), "SELECT make_pass('{both.s}')")

	many := "INSERT INTO passes (session_id, active_tenant_id, account_id, user_id, permissions, expires_at) SELECT s.id, u.tenant_id, s.account_id, u.id, '{}', s.expires_at FROM sessions s JOIN users u ON u.account_id = s.account_id"
	for name, change := range map[string]string{
		"a session ends":             "UPDATE sessions SET revoked_at = now() WHERE id = '{both.s}'",
		"an account is proven":       "UPDATE accounts SET email_verified_at = now() WHERE id = '{both}'",
		"a tenant is suspended":      "UPDATE tenants SET status = 'suspended' WHERE id = '{B}'",
		"a user becomes another":     "UPDATE users SET role = 'admin' WHERE tenant_id = '{B}' AND id = '{both.u}'",
		"a user of a twin's id goes": "DELETE FROM users WHERE tenant_id = '{B}' AND id = '{member.u}'",
		"a permission is another":    "UPDATE permissions SET member = NULL WHERE name = 'items:read'",
		"a user is called otherwise": "UPDATE users SET name = 'other' WHERE tenant_id = '{B}' AND id = '{both.u}'",
	} {
		add("passes when "+name, many, asOwner, system("B"), change)
		add("passes, of another user in A, when "+name, many+"; UPDATE passes SET user_id = '"+x1+"' WHERE active_tenant_id = '{A}'", asOwner, system("B"), change)
	}
	for _, table := range []string{"sessions", "accounts"} {
		t := add("an older snapshot, of "+table, "", asOwner, "UPDATE "+table+" SET id = id")
		t.begin = "ISOLATION LEVEL REPEATABLE READ"
	}
}

// tryClaims is the functions of Idempotency-Key.
func tryClaims(add adding) {
	claim := func(credential, operation, key string) string {
		return fmt.Sprintf("SELECT idempotency_claim('%s', '%s', '%s')", credential, operation, key)
	}
	record := func(scope, credential, operation, key, age string) string {
		return fmt.Sprintf("INSERT INTO idempotency_keys (scope_id, credential, operation, key, created_at, fingerprint, answer) VALUES ('{%s}', '%s', '%s', '%s', now() - interval '%s', '\\x01', '\\x02')",
			scope, credential, operation, key, age)
	}
	account := "SELECT set_config('app.tenant_id', '', true), set_config('app.caller', ' {both}', true)"
	recall := fmt.Sprintf("SELECT * FROM idempotency_recall('%s', 'item.create', 'k')", x1)
	store := fmt.Sprintf("SELECT idempotency_store('%s', 'item.create', 'k', '\\x03', '\\x04')", x1)
	for name, scene := range map[string]string{
		"nothing":                 "",
		"the same":                record("B", x1, "item.create", "k", "1 hour"),
		"the same, a day ago":     record("B", x1, "item.create", "k", "24 hours"),
		"the same of A":           record("A", x1, "item.create", "k", "1 hour"),
		"the same of the account": record("both", x1, "item.create", "k", "1 hour"),
		"that of another":         record("B", x2, "item.create", "k", "1 hour"),
		"another operation's":     record("B", x1, "item.update", "k", "1 hour"),
		"another key's":           record("B", x1, "item.create", "kk", "1 hour"),
	} {
		for where, binding := range map[string]string{"in B": system("B"), "of an account": account, "of a user of B": bound("B", "{both.u}", "{both}", "any", "", "", "")} {
			add("a key of idempotency "+where+", where there is "+name, scene, binding, claim(x1, "item.create", "k"))
			add("recalled "+where+", where there is "+name, scene, binding, recall)
			add("stored "+where+", where there is "+name, scene, binding, store)
		}
	}
	for name, other := range map[string][]string{
		"the same twice":       {claim(x1, "item.create", "k")},
		"in another tenant":    {system("A"), claim(x1, "item.create", "k")},
		"of an account":        {account, claim(x1, "item.create", "k")},
		"of another":           {claim(x2, "item.create", "k")},
		"of another operation": {claim(x1, "item.update", "k")},
		"another key":          {claim(x1, "item.create", "kk")},
	} {
		add("two keys of idempotency, "+name, "", append([]string{system("B"), claim(x1, "item.create", "k")}, other...)...)
	}
	add("two accounts' keys of idempotency", "", account, claim(x1, "item.create", "k"), "SELECT set_config('app.caller', ' {nobody}', true)", claim(x1, "item.create", "k"))
	add("a key of idempotency that is in flight", "", system("B"), claim(x1, "item.create", "k")).held =
		"SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', '{B}', '" + x1 + "', 'item.create', 'k'), 0))"
}

// tryLimits is the counts of attempts.
func tryLimits(add adding) {
	has := "INSERT INTO rate_limits VALUES ('\\x01', 3, now() + interval '1 hour'), ('\\x02', 0, now() + interval '1 hour'), ('\\x03', 9, now() - interval '1 second'), ('\\x04', 9, now())"
	for name, call := range map[string]string{
		"one more":                "'{\\\\x01}', '{4}', '{60}'",
		"one too many":            "'{\\\\x01}', '{3}', '{60}'",
		"the first":               "'{\\\\x05}', '{1}', '{60}'",
		"the first of none":       "'{\\\\x05}', '{0}', '{60}'",
		"a window that has ended": "'{\\\\x03}', '{4}', '{60}'",
		"one that ends now":       "'{\\\\x04}', '{4}', '{60}'",
		"two":                     "'{\\\\x02,\\\\x01}', '{4,4}', '{60,60}'",
		"two, of which one":       "'{\\\\x02,\\\\x01}', '{4,3}', '{60,60}'",
	} {
		add("an attempt, "+name, has, asLogin, "SELECT rate_limit_take("+call+")")
	}
	add("an attempt while others' are being taken away", has, asLogin, `SELECT rate_limit_take('{\\x05}', '{1}', '{60}')`).held = "SELECT FROM rate_limits FOR UPDATE"
	for _, keys := range []string{`{\\x01}`, `{\\x02}`, `{\\x01,\\x03}`, `{}`} {
		add("attempts are given back, "+keys, has, asLogin, "SELECT rate_limit_give('"+keys+"')")
	}
}

// tryTickets is what ends with a user, a session or proofs, and who may become one.
func tryTickets(add adding) {
	invitations := `
		INSERT INTO invitations (tenant_id, id, email, role, invited_by, token_hash, expires_at)
		SELECT t.id, md5(t.id::text || e)::uuid, e, 'member', '{admin.u}', sha256(e::bytea), now() + interval '1 day'
		  FROM tenants t, unnest(ARRAY['member-b@example.com', 'member-b@canary-of-b.example', 'new@example.com', 'other@example.com']) e;
		INSERT INTO api_keys (tenant_id, id, user_id, name, key_prefix, hash, revoked_at)
		SELECT t.id, md5(t.id::text || u || r)::uuid, u::uuid, 'k', 'rh_' || left(md5(u || r), 9), sha256(u::bytea), CASE r WHEN 'old' THEN timestamptz '2020-01-01' END
		  FROM tenants t, unnest(ARRAY['{member.u}', '{artist.u}']) u, unnest(ARRAY['old', 'new']) r;
		INSERT INTO sessions (id, account_id, active_tenant_id, visit_reason, expires_at)
		SELECT md5(concat(a, t.id, v))::uuid, a::uuid, t.id, v, now() + interval '1 day'
		  FROM tenants t, unnest(ARRAY['{member-b}', '{member-a}']) a, unnest(ARRAY[NULL, 'Ticket']) v;
		INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at)
		SELECT sha256(a::bytea), a::uuid, 'email', 'x@example.com', now() + interval '1 day' FROM unnest(ARRAY['{member-b}', '{member-a}']) a;
	`
	its := " WHERE tenant_id = '{B}' AND id = '{member.u}'"
	for name, scene := range map[string]string{
		"":                                     " ",
		", whose account was made for it":      "UPDATE accounts SET made_in = '{B}' WHERE id IN ('{member-b}', '{member-a}')",
		", whose account was made for A":       "UPDATE accounts SET made_in = '{A}' WHERE id IN ('{member-b}', '{member-a}')",
		", whose account is proven":            "UPDATE accounts SET made_in = '{B}', email_verified_at = now() WHERE id IN ('{member-b}', '{member-a}')",
		", who was shut out before":            "UPDATE users SET is_active = false" + its,
		", who has no address of the tenant's": "UPDATE users SET email = NULL" + its,
	} {
		for what, change := range map[string]string{
			"is shut out":              "UPDATE users SET is_active = false" + its,
			"is gone":                  "DELETE FROM users" + its,
			"gets another address":     "UPDATE users SET email = 'new@example.com'" + its,
			"gets none":                "UPDATE users SET email = NULL" + its,
			"is shut out with another": "UPDATE users SET is_active = false, email = 'new@example.com'" + its,
			"is let in":                "UPDATE users SET is_active = true" + its,
		} {
			add("a user who "+what+name, invitations+scene, system("B"), change)
		}
	}
	made := "INSERT INTO users (tenant_id, id, account_id, username, email) VALUES ('{B}', '" + x1 + "', '{nobody}', 'nobody', 'new@example.com')"
	for name, scene := range map[string]string{
		"":                     " ",
		" of a closed account": "UPDATE accounts SET is_active = false WHERE id = '{nobody}'",
		" beside closed ones":  "UPDATE accounts SET is_active = false WHERE id <> '{nobody}'",
	} {
		add("a user is made"+name, invitations+"UPDATE invitations SET email = 'nobody@example.com' WHERE email LIKE 'member-b@e%'; "+scene, system("B"), made)
		add("a user is made inactive"+name, "UPDATE accounts SET made_in = '{B}'; UPDATE sessions SET active_tenant_id = '{B}'; "+scene, system("B"), strings.Replace(strings.Replace(made, "username,", "username, is_active,", 1), "'nobody',", "'nobody', false,", 1))
	}
	add("rows locked when a user is made", "", system("B"), made).rows = true
	add("rows locked when a user is shut out", "", system("B"), "UPDATE users SET is_active = false"+its).rows = true
	add("a user is let in again whose account was closed", "UPDATE users SET is_active = false"+its+"; UPDATE accounts SET is_active = false WHERE id = '{member-b}'", system("B"), "UPDATE users SET is_active = true"+its)
	add("rows locked when a user is let in again", "UPDATE users SET is_active = false"+its, system("B"), "UPDATE users SET is_active = true"+its).rows = true

	for _, address := range []string{"member-b@example.com", "member-b@canary-of-b.example", "member-a@example.com", "member-a@canary-of-a.example", "nobody@example.com", "other@example.com"} {
		invite := "INSERT INTO invitations (tenant_id, id, email, role, invited_by, token_hash, expires_at) VALUES ('{B}', '" + x1 + "', '" + address + "', 'member', '{admin.u}', sha256('x'), now())"
		add(address+" is invited", "", system("B"), invite)
	}
	hold := func(addresses string) string { return "SELECT hold_addresses(" + addresses + ")" }
	for name, calls := range map[string][]string{
		"two addresses":         {hold("ARRAY['x@example.com', 'y@example.com']")},
		"one twice":             {hold("ARRAY['x@example.com', 'x@example.com', NULL]")},
		"one in two tenants":    {hold("ARRAY['x@example.com']"), system("A"), hold("ARRAY['x@example.com']")},
		"one, and another then": {hold("ARRAY['x@example.com']"), hold("ARRAY['y@example.com']")},
		"none":                  {hold("ARRAY[NULL]")},
	} {
		add("held is "+name, "", append([]string{system("B")}, calls...)...)
	}
	for name, held := range map[string]string{"an address of B": "{B} other@example.com", "an address of A": "{A} other@example.com"} {
		add("invited is while somebody holds "+name, "", system("B"), hold("ARRAY['other@example.com']")).held = "SELECT pg_advisory_xact_lock(hashtextextended('" + held + "', 0))"
	}

	login := "SELECT set_config('app.tenant_id', '', true), set_config('app.caller', ' {member-b}  10.0.0.1 thing.do req-1', true)"
	counted := invitations + "UPDATE sessions SET proofs = 1 WHERE id = '{member-b.s}'; UPDATE sessions SET revoked_at = timestamptz '2020-01-01' WHERE visit_reason = 'Ticket'"
	add("proofs are voided", counted, login, asLogin, "UPDATE accounts SET proofs = proofs + 1 WHERE id = '{member-b}'")
	visits := `
		INSERT INTO sessions (id, account_id, active_tenant_id, visit_reason, begun_from, expires_at, revoked_at)
		SELECT md5(b || r)::uuid, '{root}', '{B}', 'Ticket', b::uuid, now(), CASE r WHEN 'old' THEN timestamptz '2020-01-01' END
		  FROM unnest(ARRAY['{root.s}', '{clerk.s}']) b, unnest(ARRAY['old', 'new']) r`
	add("a session ends that visits were begun from", visits, login, asLogin, "UPDATE sessions SET revoked_at = '2021-01-01' WHERE id = '{root.s}'")
	add("a session ends that none was begun from", visits, login, asLogin, "UPDATE sessions SET revoked_at = '2021-01-01' WHERE id = '{member-b.s}'")

	// The last admin.
	for name, scene := range map[string]string{
		"alone":                      " ",
		"beside another":             "UPDATE users SET role = 'admin' WHERE tenant_id = '{B}' AND id = '{member.u}'",
		"beside one who is shut out": "UPDATE users SET role = 'admin', is_active = false WHERE tenant_id = '{B}' AND id = '{member.u}'",
		"beside another of A":        "UPDATE users SET role = 'admin' WHERE tenant_id = '{A}' AND id = '{member.u}'",
		"of a tenant given up":       "UPDATE tenants SET status = 'deleting' WHERE id = '{B}'",
		"beside a tenant given up":   "UPDATE tenants SET status = 'deleting' WHERE id = '{A}'",
	} {
		for what, change := range map[string]string{
			"is demoted": "UPDATE users SET role = 'member' WHERE tenant_id = '{B}' AND id = '{admin.u}'", "is shut out": "UPDATE users SET is_active = false WHERE tenant_id = '{B}' AND id = '{admin.u}'",
			"is removed": "DELETE FROM users WHERE tenant_id = '{B}' AND id = '{admin.u}'",
		} {
			add("an admin, "+name+", "+what, "DELETE FROM api_keys; DELETE FROM invitations; "+scene, system("B"), change)
		}
	}
	add("rows locked when an admin is demoted", "", system("B"), "UPDATE users SET role = 'member' WHERE tenant_id = '{B}' AND id = '{admin.u}'").rows = true
	add("rows locked when one of two admins is demoted", "UPDATE users SET role = 'admin' WHERE tenant_id = '{B}' AND id = '{member.u}'", system("B"),
		"UPDATE users SET role = 'member' WHERE tenant_id = '{B}' AND id = '{admin.u}'").rows = true
}

// tryGrants is who gives what, and what callers hold.
func tryGrants(add adding) {
	key := "UPDATE api_keys SET user_id = '{assistant.u}', scopes = '{items:read,users:write,users:read:own,keys:read,teams:write}' WHERE tenant_id = '{B}' AND id = '{b}'; "
	given := "UPDATE roles SET permissions = '{audit:read}' WHERE tenant_id = '{B}'; UPDATE roles SET permissions = '{users:write,teams:write}' WHERE tenant_id = '{B}' AND id = '{b2}'; UPDATE user_roles SET user_id = '{assistant.u}' WHERE tenant_id = '{B}' AND user_id = '{b}'; "
	callers := map[string]string{
		"an admin":     bound("B", "{admin.u}", "{admin-b}", "any", "", "", ""),
		"an assistant": bound("B", "{assistant.u}", "{assistant-b}", "any", "", "", ""),
		"a member":     bound("B", "{member.u}", "{member-b}", "own", "", "", ""),
		"a key":        bound("B", "{assistant.u}", "{assistant-b}", "any", "", "{b}", ""),
		"a key of A":   bound("B", "{assistant.u}", "{assistant-b}", "any", "", "{a}", ""),
		"a twin's key": bound("B", "{admin.u}", "{admin-b}", "any", "", "{twin}", ""),
		"an artist":    bound("B", "{artist.u}", "{artist-b}", "any", x1, "", ""),
		"a superuser":  bound("B", "", "{root}", "any", "", "", "superuser"),
		"staff":        bound("B", "", "{clerk}", "any", "", "", "staff"),
		"nobody":       system("B"),
		"a user of A":  bound("A", "{assistant.u}", "{assistant-a}", "any", "", "", ""),
		"one shut out": bound("B", "{twin}", "{twin}", "any", "", "", ""),
	}
	inactive := "UPDATE users SET is_active = false WHERE tenant_id = '{B}' AND id = '{twin}'; "
	for name, binding := range callers {
		scene := key + given + inactive
		for permission := range map[string]bool{"items:read": true, "users:write": true, "users:read": true, "keys:revoke_any": true, "teams:write": true, "audit:read": true} {
			add(name+" holds "+permission, scene, binding, "SELECT holds('"+permission+"')")
		}
		add(name+" has grants", scene, binding, "SELECT coalesce((SELECT array_agg(g ORDER BY g) FROM unnest(my_grants()) g)::text, 'none')")
		add(name+" is asked who", scene, asOwner, binding, "SELECT me(), my_artist(), my_key(), visit(), reaches_all()", "SELECT my_user()")
		add(name+" needs reach", scene, binding, "SELECT reach_all()")
		if slices.Contains([]string{"an artist", "a user of A", "one shut out", "a key of A", "a twin's key"}, name) {
			continue
		}
		for what, change := range map[string]string{
			"makes an admin":           "INSERT INTO users (tenant_id, id, account_id, username, role) VALUES ('{B}', '" + x1 + "', '{nobody}', 'nobody', 'admin')",
			"makes a member":           "INSERT INTO users (tenant_id, id, account_id, username, role) VALUES ('{B}', '" + x1 + "', '{nobody}', 'nobody', 'member')",
			"promotes to assistant":    "UPDATE users SET role = 'assistant' WHERE tenant_id = '{B}' AND id = '{member.u}'",
			"demotes to member":        "UPDATE users SET role = 'member' WHERE tenant_id = '{B}' AND id = '{assistant.u}'",
			"lets in again":            "UPDATE users SET is_active = true WHERE tenant_id = '{B}' AND id = '{twin}'",
			"lets in again as another": "UPDATE users SET is_active = true, role = 'assistant' WHERE tenant_id = '{B}' AND id = '{twin}'",
			"gives a role":             "INSERT INTO user_roles (tenant_id, user_id, role_id) VALUES ('{B}', '{member.u}', '{b2}')",
			"gives another role":       "INSERT INTO user_roles (tenant_id, user_id, role_id) VALUES ('{B}', '{member.u}', '{twin}')",
			"makes a role":             "INSERT INTO roles (tenant_id, id, name, permissions) VALUES ('{B}', '" + x1 + "', 'R', '{users:write,keys:read:own}')",
			"makes a wide role":        "INSERT INTO roles (tenant_id, id, name, permissions) VALUES ('{B}', '" + x1 + "', 'R', '{audit:read,items:read}')",
			"widens a role":            "UPDATE roles SET permissions = '{audit:read}' WHERE tenant_id = '{B}' AND id = '{b2}'",
			"invites an assistant":     "INSERT INTO invitations (tenant_id, id, email, role, invited_by, token_hash, expires_at) VALUES ('{B}', '" + x1 + "', 'x@example.com', 'assistant', '{admin.u}', sha256('x'), now())",
			"invites a member":         "INSERT INTO invitations (tenant_id, id, email, role, invited_by, token_hash, expires_at) VALUES ('{B}', '" + x1 + "', 'x@example.com', 'member', '{admin.u}', sha256('x'), now())",
			"makes a key":              "INSERT INTO api_keys (tenant_id, id, user_id, name, key_prefix, hash) VALUES ('{B}', '" + x1 + "', '{assistant.u}', 'k', 'rh_123456789', sha256('x'))",
			"makes a key of an admin":  "INSERT INTO api_keys (tenant_id, id, user_id, name, key_prefix, hash) VALUES ('{B}', '" + x1 + "', '{admin.u}', 'k', 'rh_123456789', sha256('x'))",
			"makes a narrow key":       "INSERT INTO api_keys (tenant_id, id, user_id, name, key_prefix, hash, scopes) VALUES ('{B}', '" + x1 + "', '{admin.u}', 'k', 'rh_123456789', sha256('x'), '{items:read}')",
		} {
			add(name+" "+what, scene, binding, change)
		}
	}
	add("a user lets in again whose id has a role in A", "UPDATE users SET is_active = false WHERE id = '{twin}'; UPDATE roles SET permissions = '{audit:read}' WHERE tenant_id = '{A}'; UPDATE user_roles SET role_id = '{twin2}'; UPDATE roles SET permissions = '{items:read}' WHERE tenant_id = '{B}'",
		callers["an assistant"], "UPDATE users SET is_active = true WHERE tenant_id = '{B}' AND id = '{twin}'")
	for _, pair := range []string{
		"'{items:read}', '{items:read}'", "'{items:read}', '{items:read:own}'", "'{items:read:own}', '{items:read}'", "'{items:read:own}', '{items:read:own}'",
		"'{items:read,users:read:own,items:read}', '{users:read}'", "'{users:read:own}', '{}'", "'{}', '{items:read}'", "NULL, NULL",
	} {
		add("lacking "+pair, "", system("B"), "SELECT lacking("+pair+")")
	}
	for _, role := range []string{"admin", "assistant", "artist", "member", "none"} {
		add("the grants of "+role, "", system("B"), "SELECT role_grants('"+role+"') IS NULL, array_agg(g ORDER BY g)::text FROM unnest(role_grants('"+role+"')) g")
	}
	for _, user := range []string{"{twin}", "{b}", "{admin.u}", "{a}"} {
		add("the grants of the user "+user, "UPDATE user_roles SET role_id = '{b2}' WHERE tenant_id = '{B}' AND user_id = '{b}'; "+inactive, system("B"),
			"SELECT 'user', array_agg(g ORDER BY g)::text FROM unnest(user_grants('"+user+"')) g", "SELECT 'custom', custom_grants('"+user+"')")
	}
	add("entries of permissions", "", system("B"), "SELECT * FROM granted('{items:read,users:read:own,own}')")
	for _, names := range []string{"'x', 'x'", "'x', 'y'", "'x', NULL"} {
		add("confirmed by "+names, "", system("B"), "SELECT confirmed("+names+")")
	}
	for _, fields := range []string{"{}", "{name}", "{role}", "{name,role}"} {
		for name, scene := range map[string]string{
			"": " ", ", beside another admin": "UPDATE users SET role = 'admin' WHERE tenant_id = '{B}' AND id = '{member.u}'",
			", beside another of A": "UPDATE users SET role = 'admin' WHERE tenant_id = '{A}' AND id = '{member.u}'",
			", beside one shut out": "UPDATE users SET role = 'admin', is_active = false WHERE tenant_id = '{B}' AND id = '{member.u}'",
			", who is none":         "UPDATE users SET role = 'member' WHERE tenant_id = '{B}' AND role = 'admin'",
		} {
			for _, row := range []string{"{admin.u}", "{member.u}"} {
				add("an admin changes of "+row+" "+fields+name, scene, callers["an admin"], "SELECT own_fields('"+row+"', '"+fields+"')")
			}
		}
	}
	add("a member changes of himself, where the only admin is shut out", "UPDATE users SET is_active = false WHERE tenant_id = '{B}' AND role = 'admin'", callers["a member"], "SELECT own_fields('{member.u}', '{role}')")
	add("the version of the migrations", "", "SELECT migration_version()")
	add("the version of the migrations, of which one was undone", "UPDATE goose_db_version SET is_applied = false WHERE version_id = (SELECT max(version_id) FROM goose_db_version)", "SELECT migration_version()")
	add("the version of no migrations", "DELETE FROM goose_db_version", "SELECT migration_version()")
}

// tryEvents is what is written down of changes.
func tryEvents(add adding) {
	callers := map[string]string{"a user": bound("B", "{admin.u}", "{admin-b}", "any", "", "", ""), "nobody": "SELECT set_config('app.tenant_id', '{B}', true), set_config('app.caller', '', true)"}
	for name, binding := range callers {
		for what, change := range map[string]string{
			"an item is made":               "INSERT INTO items (tenant_id, id, name, description, price_cents) VALUES ('{B}', '" + x1 + "', 'N', NULL, 7)",
			"an item is changed":            "UPDATE items SET price_cents = 8, description = NULL WHERE tenant_id = '{B}' AND id = '{twin}'",
			"an item is renamed":            "UPDATE items SET name = 'other' WHERE tenant_id = '{B}' AND id = '{twin}'",
			"an item is not changed":        "UPDATE items SET price_cents = price_cents WHERE tenant_id = '{B}' AND id = '{twin}'",
			"an item is gone":               "DELETE FROM items WHERE tenant_id = '{B}' AND id = '{twin}'",
			"twins are changed":             "UPDATE items SET price_cents = CASE tenant_id WHEN '{A}' THEN 1 ELSE 2 END, name = tenant_id::text WHERE id = '{twin}'",
			"twins are gone":                "DELETE FROM items WHERE id = '{twin}'",
			"all of a tenant's are changed": "UPDATE items SET price_cents = CASE id WHEN '{twin}' THEN 1 ELSE 2 END WHERE tenant_id = '{B}'",
			"a key is changed":              "UPDATE api_keys SET name = 'other', hash = sha256('secret') WHERE tenant_id = '{B}' AND id = '{b}'",
			"a key is gone":                 "DELETE FROM api_keys WHERE tenant_id = '{B}' AND id = '{b}'",
			"a key is made":                 "INSERT INTO api_keys (tenant_id, id, user_id, name, key_prefix, hash) VALUES ('{B}', '" + x1 + "', '{admin.u}', 'k', 'rh_123456789', sha256('secret'))",
			"the tenant is renamed":         "UPDATE tenants SET name = 'other' WHERE id = '{B}'",
			"a hundred are made":            "INSERT INTO items (tenant_id, name, price_cents) SELECT '{B}', 'many', 1 FROM generate_series(1, 100)",
			"more than a hundred are made":  "INSERT INTO items (tenant_id, name, price_cents) SELECT CASE WHEN n > 60 THEN uuid '{A}' ELSE '{B}' END, 'many', 1 FROM generate_series(1, 101) n",
		} {
			add("by "+name+", "+what, "", binding, change)
		}
		many := "INSERT INTO items (tenant_id, id, name, price_cents) SELECT '{B}', ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'many', 1 FROM generate_series(1, 101) n"
		add("by "+name+", a hundred are changed", many, binding, "UPDATE items SET price_cents = 2 WHERE name = 'many' AND id <> '"+x1+"'")
		add("by "+name+", more than a hundred are changed", many, binding, "UPDATE items SET price_cents = 2 WHERE name = 'many'")
		add("by "+name+", a hundred are gone", many, binding, "DELETE FROM items WHERE name = 'many' AND id <> '"+x1+"'")
		add("by "+name+", more than a hundred are gone", many, binding, "DELETE FROM items WHERE name = 'many'")
		add("by "+name+", more than a hundred of two tenants are gone", many+"; UPDATE items SET tenant_id = '{A}' WHERE name = 'many' AND id > '00000000-0000-0000-0000-000000000070'", binding, "DELETE FROM items WHERE name = 'many'")
	}
	for name, binding := range map[string]string{"the account": "SELECT set_config('app.caller', ' {member-b}  10.0.0.1 thing.do req-1', true)", "nobody": nowhere} {
		for what, change := range map[string]string{
			"an account is made":                "INSERT INTO accounts (id, username, email, name, password_hash) VALUES ('" + x1 + "', 'new', 'new@example.com', 'N', 'secret')",
			"an account without password":       "INSERT INTO accounts (id, username, email) VALUES ('" + x1 + "', 'new', 'new@example.com')",
			"an account is renamed":             "UPDATE accounts SET name = 'other' WHERE id = '{member-b}'",
			"a name is taken away":              "UPDATE accounts SET name = NULL, email_verified_at = '2020-01-01' WHERE id = '{member-b}'",
			"a password is changed":             "UPDATE accounts SET password_hash = 'secret' WHERE id = '{member-b}'",
			"a password and a name are changed": "UPDATE accounts SET password_hash = 'secret', name = 'other' WHERE id = '{member-b}'",
			"proofs are counted":                "UPDATE accounts SET proofs = proofs + 1 WHERE id = '{member-b}'",
			"an account gets another id":        "UPDATE accounts SET version = 7, created_at = '2020-01-01', updated_at = '2020-01-01' WHERE id = '{nobody}'",
			"a session begins":                  "INSERT INTO sessions (id, account_id, expires_at) VALUES ('" + x1 + "', '{member-b}', now())",
			"a visit begins":                    "INSERT INTO sessions (id, account_id, active_tenant_id, visit_reason, expires_at) VALUES ('" + x1 + "', '{root}', '{B}', 'Ticket', now())",
		} {
			add("by "+name+", "+what, "UPDATE accounts SET name = 'old'", binding, asLogin, change)
		}
	}
}

// tryDays is what zone a tenant is in, and when its days begin.
func tryDays(add adding) {
	zone := func(tenant, key, value string) string {
		return fmt.Sprintf(`INSERT INTO settings (tenant_id, key, value) VALUES ('{%s}', '%s', '"%s"')`, tenant, key, value)
	}
	for name, scene := range map[string]string{
		"that has said nothing":                " ",
		"that has said so":                     zone("B", "timezone", "Asia/Tokyo"),
		"that has said so, as has A":           zone("A", "timezone", "Asia/Kolkata") + "; " + zone("B", "timezone", "Asia/Tokyo"),
		"beside A, which has":                  zone("A", "timezone", "Asia/Kolkata"),
		"that has said something else":         zone("B", "currency", "EUR"),
		"that has said so, and something else": zone("B", "currency", "EUR") + "; " + zone("B", "timezone", "Asia/Tokyo"),
	} {
		add("the zone of a tenant "+name, scene, system("B"), "SELECT tenant_zone()")
		add("the zone of nobody, beside a tenant "+name, scene, nowhere, "SELECT tenant_zone()")
	}
	for _, value := range []string{"Asia/Tokyo", "Mars/Olympus", ""} {
		add("a tenant says it is in "+value, "", system("B"), zone("B", "timezone", value))
		add("a tenant says that it moves to "+value, zone("B", "timezone", "UTC"), system("B"), `UPDATE settings SET value = '"`+value+`"' WHERE key = 'timezone'`)
	}
	for _, in := range []string{"UTC", "Asia/Tokyo", "America/Havana", "Pacific/Apia"} {
		for what, day := range map[string]string{
			"an ordinary day":                             "2025-01-05",
			"the day that begins twice in Havana":         "2025-11-02",
			"the day without a midnight in Havana":        "2025-03-09",
			"the day that was none in Samoa":              "2011-12-30",
			"the day before that which was none in Samoa": "2011-12-29",
		} {
			add("in "+in+", "+what, zone("B", "timezone", in), system("B"), "SELECT day_begins('"+day+"')")
		}
	}
}

// tryStudio is who needs a guardian, what is over, what an artist gets, and what a report is of.
func tryStudio(add adding) {
	client := func(birthdate, guardian string) string {
		return fmt.Sprintf("INSERT INTO clients (tenant_id, id, name, birthdate, guardian_name) VALUES ('{B}', '%s', 'C', %s, %s)", x1, birthdate, guardian)
	}
	for what, change := range map[string]string{
		"a client is made who is grown up":           client("'1990-01-01'", "NULL"),
		"a client is made who is to be born":         client("'9999-01-01'", "NULL"),
		"a client is made who is a day too young":    client("(now() AT TIME ZONE 'UTC')::date - interval '18 years' + interval '2 days'", "NULL"),
		"a client is made who is to be born, guided": client("'9999-01-01'", "'G'"),
		"a client is made of no age":                 client("NULL", "NULL"),
		"a client becomes younger":                   "UPDATE clients SET birthdate = '9999-01-01' WHERE tenant_id = '{B}' AND id = '{b}'",
		"a client becomes older":                     "UPDATE clients SET birthdate = '1990-01-01' WHERE tenant_id = '{B}' AND id = '{b}'",
	} {
		add(what, "UPDATE clients SET guardian_name = NULL", system("B"), change)
	}

	for _, status := range []string{"scheduled", "on_hold", "completed", "cancelled"} {
		was := "UPDATE appointments SET status = '" + status + "'"
		its := " WHERE tenant_id = '{B}' AND id = '{b}'"
		add("ending what is "+status, "", system("B"), "SELECT ending('"+status+"', 'otherwise')")
		add("another price of what is "+status, was, system("B"), "UPDATE appointments SET price_cents = price_cents + 1"+its)
		add("other notes of what is "+status, was, system("B"), "UPDATE appointments SET notes = 'other'"+its)
	}

	// Each rate is another.
	rates := `
		UPDATE artists SET commission_rate = CASE WHEN tenant_id = '{A}' THEN 0.01 WHEN id = '{twin}' THEN 0.02 ELSE 0.03 END;
		UPDATE appointments SET commission_rate = CASE WHEN tenant_id = '{A}' THEN 0.11 WHEN id = '{twin}' THEN 0.12 ELSE 0.13 END`
	paid := func(tenant, appointment, artist, amount string) string {
		return fmt.Sprintf("INSERT INTO transactions (tenant_id, id, appointment_id, artist_id, amount_cents, method, paid_at, commission_cents) VALUES ('{%s}', '%s', %s, '%s', %s, 'cash', '2026-01-01', 7)",
			tenant, x1, appointment, artist, amount)
	}
	for _, tenant := range []string{"A", "B"} {
		for name, scene := range map[string]string{"": rates, ", where no appointment has a rate": rates + "; UPDATE appointments SET commission_rate = NULL"} {
			add("paid is in "+tenant+name+", for nothing", scene, system(tenant), paid(tenant, "NULL", "{twin}", "1000"))
			add("paid is in "+tenant+name+", for an appointment", scene, system(tenant), paid(tenant, "'{twin}'", "{twin}", "1000"))
		}
	}
	for what, transaction := range map[string]string{
		"for another's appointment": paid("B", "'{b}'", "{twin}", "1000"),
		"to another, for nothing":   paid("B", "NULL", "{b}", "1000"),
		"to another, for his":       paid("B", "'{b}'", "{b}", "1000"),
		"to nobody":                 paid("B", "NULL", x2, "1000"),
		"half a cent":               paid("B", "NULL", "{twin}", "25"),
		"half a cent back":          paid("B", "NULL", "{twin}", "-25"),
	} {
		add("paid is in B, "+what, rates, system("B"), transaction)
	}

	for name, binding := range map[string]string{
		"an admin":         bound("B", "{admin.u}", "{admin-b}", "any", "", "", ""),
		"an assistant":     bound("B", "{assistant.u}", "{assistant-b}", "any", "", "", ""),
		"an artist":        bound("B", "{artist.u}", "{artist-b}", "own", "{artist-b}", "", ""),
		"a member of none": bound("B", "{member.u}", "{member-b}", "any", "", "", ""),
		"nobody":           system("B"),
	} {
		for _, limited := range []string{"true", "false"} {
			add("a report that is limited: "+limited+", for "+name, "", binding, "SELECT report_within("+limited+")")
		}
	}
}

// tryCommunity is what one makes one's own, and what others have said of it.
func tryCommunity(add adding) {
	callers := map[string]string{
		"an admin":                bound("B", "{admin.u}", "{admin-b}", "any", "", "", ""),
		"the owner":               bound("B", "{b}", "{b}", "own", "", "", ""),
		"an artist, of his own":   bound("B", "{artist.u}", "{artist-b}", "own", "{artist-b}", "", ""),
		"nobody":                  system("B"),
		"who is to moderate, own": bound("B", "{admin.u}", "{admin-b}", "own", "", "", ""),
	}
	its := " WHERE tenant_id = '{B}' AND id = '{b}'"
	approved := "UPDATE user_groups SET approved_at = '2020-01-01', trusted_at = '2020-01-02', owner_id = '{b}'"
	for name, binding := range callers {
		for what, change := range map[string]string{
			"renames a group":          "UPDATE user_groups SET name = 'other'" + its,
			"moves a group":            "UPDATE user_groups SET location = 'elsewhere'" + its,
			"dates a group":            "UPDATE user_groups SET start_date = '2020-02-02'" + its,
			"makes a group":            "INSERT INTO user_groups (tenant_id, id, name) VALUES ('{B}', '" + x1 + "', 'G')",
			"makes a group for a twin": "INSERT INTO user_groups (tenant_id, id, name, owner_id) VALUES ('{B}', '" + x1 + "', 'G', '{twin}')",
			"gives a group away":       "UPDATE user_groups SET owner_id = '{twin}'" + its,
			"becomes a fellow":         "UPDATE memberships SET membership_type = 'fellow'" + its,
			"stays as he is":           "UPDATE memberships SET membership_type = membership_type, city = 'elsewhere'" + its,
			"joins as a sponsor":       "DELETE FROM memberships" + its + "; INSERT INTO memberships (tenant_id, id, user_id, legal_name, email_address, code_of_conduct, membership_type) VALUES ('{B}', '" + x1 + "', '{b}', 'N', 'n@example.com', true, 'sponsor')",
		} {
			add(name+" "+what, approved, binding, change)
		}
	}
	for _, group := range []string{"approved_at = NULL", "trusted_at = NULL"} {
		add("a group is renamed of which "+group, approved+"; UPDATE user_groups SET "+group, callers["the owner"], "UPDATE user_groups SET name = 'other'"+its)
	}
}
