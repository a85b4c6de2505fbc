package handlers

import (
	"time"

	"rowhouse/auth"
	"rowhouse/ids"
)

// caller is one kind of caller of a house: it adds its credential to a request.
type caller struct {
	name  string
	with  func(request) request
	alive bool // its credential is good, and it may enter the house
	user  bool // it is a user of the house
}

// callers are all kinds of callers of a house: nobody, each role in both ways to choose the tenant, keys, visitors, and those whose
// credential is good for nothing any more.
func (w *world) callers(h house) (all []caller) {
	w.t.Helper()
	add := func(name string, alive, user bool, with func(request) request) {
		all = append(all, caller{name, with, alive, user})
	}
	byToken := func(token string) func(request) request {
		return func(r request) request { return bearer(token, r) }
	}
	byHeader := func(token string) func(request) request {
		return func(r request) request { return bearer(token, r).with("X-Tenant-Id", h.id.String()) }
	}
	add("nobody", false, false, func(r request) request { return r })
	for _, role := range roles {
		p := h.people[role]
		add(role, true, true, byHeader(w.token(p)))
		add(role+", bound", true, true, byToken(w.token(p, h.id)))
	}
	named := func(what string) person { return w.account(what + "-of-" + h.canary) }
	custom := named("custom")
	w.user(h, custom, "member")
	w.db.Exec(`INSERT INTO roles (tenant_id, id, name, permissions) VALUES ($1, $2, 'custom', $3)`, h.id, custom.account.UUID(),
		[]string{"users:read", "users:write:own", "audit:read", "invitations:read", "roles:write", "items:write", "keys:revoke_any"})
	w.db.Exec(`INSERT INTO user_roles (tenant_id, user_id, role_id) SELECT $1, u.id, $2 FROM users u WHERE u.tenant_id = $1 AND u.account_id = $2`, h.id, custom.account.UUID())
	add("custom role", true, true, byHeader(w.token(custom)))

	inactive := named("inactive")
	w.user(h, inactive, "admin")
	w.db.Exec(`UPDATE users SET is_active = false WHERE tenant_id = $1 AND account_id = $2`, h.id, inactive.account)
	add("inactive user", false, false, byHeader(w.token(inactive)))
	stranger := named("stranger")
	add("stranger", false, false, byHeader(w.token(stranger)))

	for _, by := range []struct {
		name   string
		person person
		set    string
		alive  bool
	}{
		{"key", h.people["admin"], `name = 'all'`, true},
		{"key, reading", h.people["admin"], `scopes = '{users:read,items:read,keys:read,audit:read}'`, true},
		{"key, own", h.people["admin"], `scopes = '{users:read:own,users:write:own,keys:read:own,keys:write:own}'`, true},
		{"key of a member", h.people["member"], `name = 'all'`, true},
		{"key of an artist", h.people["artist"], `name = 'all'`, true},
		{"key, revoked", h.people["admin"], `revoked_at = now()`, false},
		{"key, expired", h.people["admin"], `expires_at = now()`, false},
		{"key, inactive", inactive, `name = 'all'`, false},
	} {
		text, parts := auth.NewAPIKey(h.id)
		w.db.Exec(`INSERT INTO api_keys (tenant_id, user_id, name, key_prefix, hash) SELECT $1, u.id, $5, $3, $4 FROM users u WHERE u.tenant_id = $1 AND u.account_id = $2`,
			h.id, by.person.account, parts.Prefix, parts.Hash, h.canary)
		w.db.Exec(`UPDATE api_keys SET `+by.set+` WHERE tenant_id = $1 AND key_prefix = $2`, h.id, parts.Prefix)
		add(by.name, by.alive, by.alive, func(r request) request { return byKey(text, r) })
	}

	for _, power := range []string{"superuser", "staff"} {
		p := named(power)
		w.db.Exec(`UPDATE accounts SET is_`+power+` = true WHERE id = $1`, p.account)
		add("visit of a "+power, true, false, byToken(w.visit(p, h)))
		add(power+" by header", false, false, byHeader(w.token(p)))
	}

	sign := func(tokens *auth.Tokens, expires time.Duration, session ids.SessionID) string {
		now := time.Now()
		token, err := tokens.Sign(auth.Claims{Account: h.people["admin"].account, Session: session, IssuedAt: now.Add(expires - time.Minute), Expires: now.Add(expires)})
		if err != nil {
			w.t.Fatal(err)
		}
		return token
	}
	live := h.people["admin"].session
	keys, err := auth.ParseKeys(auth.GenerateKey())
	if err != nil {
		w.t.Fatal(err)
	}
	add("expired token", false, false, byHeader(sign(w.server.tokens, -time.Hour, live)))
	add("forged token", false, false, byHeader(sign(auth.NewTokens(keys, "rowhouse", "rowhouse-api"), time.Minute, live)))
	add("token without a session", false, false, byHeader(sign(w.server.tokens, time.Minute, ids.New[ids.SessionID]())))
	return all
}
