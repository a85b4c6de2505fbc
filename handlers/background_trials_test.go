package handlers

import (
	"fmt"
	"strings"
)

// What the queue holds, for a role that may look.
const (
	queued = `SELECT kind, state, attempt, priority, args, metadata, scheduled_at FROM river.river_job ORDER BY id DESC LIMIT 3`
	bare   = `SELECT set_config('app.tenant_id', '{B}', true), set_config('app.caller', '', true)`
)

// tryJobs is what enters the queue and in which order, what becomes of it, and what somebody asks of it.
func tryJobs(add adding) {
	// The first hundred that are due go before.
	job := func(due string) string {
		return fmt.Sprintf("INSERT INTO jobs (tenant_id, id, kind, subject_type, subject_id, due_at) VALUES ('{B}', '%s', 'test.test', 'item', '{b}', %s)", x1, due)
	}
	many := func(tenant string, n int, due, finished string) string {
		return fmt.Sprintf(`INSERT INTO jobs (tenant_id, id, kind, subject_type, subject_id, queued_as, due_at, state, finished_at)
			SELECT '{%s}', md5(n::text || '%[1]s')::uuid, 'old.job', 'item', '{b}', n, %s, CASE WHEN %s IS NULL THEN 'waiting' ELSE 'completed' END, %[4]s::timestamptz
			  FROM generate_series(1, %d) n`, tenant, due, finished, finished, n)
	}
	for name, scene := range map[string]string{
		"nothing":                         " ",
		"ninety-nine that are due":        many("B", 99, "now()", "NULL"),
		"a hundred that are due":          many("B", 100, "now()", "NULL"),
		"a hundred that were due before":  many("B", 100, "now() - interval '1 day'", "NULL"),
		"a hundred that are due later":    many("B", 100, "now() + interval '1 day'", "NULL"),
		"a hundred that are done":         many("B", 100, "now() - interval '1 day'", "now()"),
		"a hundred of A that are due":     many("A", 100, "now()", "NULL"),
		"more than a hundred that wait":   many("B", 130, "now()", "NULL"),
		"a hundred due in half an hour":   many("B", 100, "now() + interval '30 minutes'", "NULL"),
		"a hundred due in an hour, too":   many("B", 100, "now() + interval '1 hour'", "NULL"),
		"a hundred due a second too late": many("B", 100, "now() + interval '1 hour' + interval '1 second'", "NULL"),
	} {
		for what, due := range map[string]string{"now": "now()", "in an hour": "now() + interval '1 hour'", "an hour ago": "now() - interval '1 hour'"} {
			add("a job due "+what+" where there is "+name, scene, system("B"), job(due), asOwner, queued)
		}
	}
	add("a job is made by a request whose trace is kept", "", system("B"), "SELECT set_config('app.trace', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true)", job("now()"), asOwner, queued)
	add("a tenant is made", "", `SELECT set_config('app.tenant_id', '`+x1+`', true)`, "INSERT INTO tenants (id, name, slug) VALUES ('"+x1+"', 'T', 't-1')", asOwner, queued)

	// Two jobs of B and one of A, of which two have the same id, in the queue.
	its := func(id, tenant string, n int, state string) string {
		finished := "NULL"
		if state == "completed" || state == "failed" || state == "cancelled" {
			finished = "now()"
		}
		return fmt.Sprintf(`INSERT INTO jobs (tenant_id, id, kind, subject_type, subject_id, queued_as, state, finished_at, due_at) VALUES ('{%s}', '%s', 'test.test', 'item', '{b}', %d, '%s', %s, '2026-01-01');`,
			tenant, id, n, state, finished)
	}
	inQueue := func(id, tenant string, n int, state string) string {
		return fmt.Sprintf(`INSERT INTO river.river_job (id, kind, args, state, scheduled_at) VALUES (%d, 'test.test', jsonb_build_object('tenant_id', '{%s}', 'job_id', '%s', 'subject_id', '{b}'), '%s', '2026-01-01');`,
			n, tenant, id, state)
	}
	all := func(state, inside string) string {
		return its(x1, "B", -77, state) + its(x2, "B", -78, state) + its(x1, "A", -79, state) +
			inQueue(x1, "B", -77, inside) + inQueue(x2, "B", -78, inside) + inQueue(x1, "A", -79, inside) + "SELECT 1"
	}
	asWorker := `SELECT set_config('role', 'rowhouse_worker', true)`
	long := strings.Repeat("long ", 120)
	for what, set := range map[string]string{
		"begun":                "state = 'running', attempt = 3",
		"to be tried again":    `state = 'retryable', attempt = 3, errors = ARRAY['{"error": "first"}', '{"error": "last"}']::jsonb[], scheduled_at = '2026-02-02'`,
		"completed":            "state = 'completed', attempt = 3, finalized_at = '2026-03-03'",
		"cancelled":            `state = 'cancelled', attempt = 3, finalized_at = '2026-03-03', errors = ARRAY['{"error": "` + long + `"}']::jsonb[]`,
		"given up":             "state = 'discarded', attempt = 25, finalized_at = '2026-03-03'",
		"to wait, untried":     "state = 'scheduled', scheduled_at = '2026-02-02'",
		"to wait, tried":       `state = 'available', attempt = 1, errors = ARRAY['{"error": "first"}']::jsonb[]`,
		"to wait, no errors":   "state = 'available', attempt = 1, errors = '{}'",
		"another, by its args": `state = 'running', args = args || '{"job_id": "` + x2 + `"}'`,
		"A's, by its args":     `state = 'running', args = args || '{"tenant_id": "{A}"}'`,
	} {
		add("in the queue a job is "+what, all("waiting", "pending"), asWorker, "UPDATE river.river_job SET "+set+" WHERE id = -77")
	}
	for state, inside := range map[string]string{"waiting": "available", "retrying": "retryable", "running": "running", "completed": "pending", "failed": "pending", "cancelled": "pending", "waiting ": "running", "waiting  ": "scheduled", "failed ": "running"} {
		scene := all(strings.TrimSpace(state), inside)
		for what, change := range map[string]string{
			"taken back":       "UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE tenant_id = '{B}' AND id = '" + x1 + "'",
			"to be done again": "UPDATE jobs SET state = 'waiting', due_at = now(), finished_at = NULL WHERE tenant_id = '{B}' AND id = '" + x1 + "'",
		} {
			add("a job that is '"+state+"', "+inside+" in the queue, is "+what, scene, system("B"), change, asOwner, queued)
		}
	}
	add("a job is taken back by nobody", all("waiting", "available"), bare, "UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE tenant_id = '{B}' AND id = '"+x1+"'")
	add("a job is taken back that the queue has lost", its(x1, "B", -77, "waiting")+"SELECT 1", system("B"), "UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE tenant_id = '{B}' AND id = '"+x1+"'")
	add("a letter is promised", "", nowhere, asLogin, "INSERT INTO letters (id, kind, email) VALUES ('"+x1+"', 'password', 'who@example.com')", asOwner, queued)
}

// tryReminders is when somebody is reminded, where, and of what.
func tryReminders(add adding) {
	set := func(tenant, key, value string) string {
		return fmt.Sprintf(`INSERT INTO settings (tenant_id, key, value) VALUES ('{%s}', '%s', '%s')`, tenant, key, value)
	}
	for name, scene := range map[string]string{
		"has said nothing":          " ",
		"reminds nobody":            set("B", "reminders", "false"),
		"reminds, as it says":       set("B", "reminders", "true"),
		"has said null":             set("B", "reminders", "null"),
		"says false of another key": set("B", "else", "false"),
		"is beside A, which does":   set("A", "reminders", "false"),
		"differs from A":            set("A", "reminders", "true") + ";" + set("B", "reminders", "false"),
	} {
		add("whether a tenant reminds that "+name, scene, system("B"), "SELECT reminds()")
	}
	for _, zone := range []string{"UTC", "Asia/Kolkata", "America/Havana"} {
		for _, at := range []string{"2030-03-10 00:30Z", "2030-03-10 20:00Z", "2030-03-11 04:30Z"} {
			add("reminded in "+zone+" of "+at, set("B", "timezone", `"`+zone+`"`), system("B"), "SELECT reminder_at('"+at+"')")
		}
	}
	book := func(at, status string) string {
		return fmt.Sprintf("INSERT INTO appointments (tenant_id, id, client_id, artist_id, starts_at, ends_at, price_cents, status) VALUES ('{B}', '%s', '{b}', '{b}', '%s', timestamptz '%[2]s' + interval '1 hour', 1, '%s')", x1, at, status)
	}
	planned := func(tenant, subject, kind, due, finished string) string {
		return fmt.Sprintf("INSERT INTO jobs (tenant_id, id, kind, subject_type, subject_id, queued_as, due_at, state, finished_at) VALUES ('{%s}', '%s', '%s', 'appointment', '%s', 1, '%s', CASE WHEN %s IS NULL THEN 'waiting' ELSE 'completed' END, %[6]s)",
			tenant, x2, kind, subject, due, finished)
	}
	due := "2030-03-09 09:00Z"
	for name, scene := range map[string]string{
		"nothing is":                         " ",
		"it is already":                      planned("B", x1, "appointment.remind", due, "NULL"),
		"it was, and is done":                planned("B", x1, "appointment.remind", due, "now()"),
		"it is for another time":             planned("B", x1, "appointment.remind", "2030-03-08 09:00Z", "NULL"),
		"another's is":                       planned("B", "{b}", "appointment.remind", due, "NULL"),
		"something else is":                  planned("B", x1, "appointment.else", due, "NULL"),
		"A's is, of the same id and of then": planned("A", x1, "appointment.remind", due, "NULL"),
	} {
		add("an appointment is made where planned "+name, scene, system("B"), book("2030-03-10 12:00Z", "scheduled"))
		add("an appointment is moved where planned "+name, strings.ReplaceAll(scene, x1, "{b}"), system("B"),
			"UPDATE appointments SET starts_at = '2030-03-10 12:00Z', ends_at = '2030-03-10 13:00Z' WHERE tenant_id = '{B}' AND id = '{b}'")
	}
	for _, status := range []string{"scheduled", "on_hold", "completed", "cancelled"} {
		add("an appointment is made that is "+status, "", system("B"), book("2030-03-10 12:00Z", status))
		add("an appointment is made in the past that is "+status, "", system("B"), book("2020-03-10 12:00Z", status))
	}
}

// tryExpiry is what goes when its time is over: a row a day too old beside one that is a day too young.
func tryExpiry(add adding) {
	ages := func(days int) string {
		return fmt.Sprintf("(VALUES (now() - interval '%d days', 1), (now() - interval '%d days', 2), (now() - interval '%d days', 3)) AS a (at, n)", days+2, days+1, days-1)
	}
	logins := map[string]string{
		"mailed tokens":  `INSERT INTO one_time_tokens (hash, account_id, purpose, email, expires_at) SELECT sha256(n::text::bytea), '{both}', 'email', 'o@example.com', at FROM ` + ages(1),
		"spent tokens":   `INSERT INTO refresh_tokens (hash, session_id, used_at, successor) SELECT sha256(n::text::bytea), '{both.s}', at, '' FROM ` + ages(30),
		"ended sessions": `INSERT INTO sessions (id, account_id, expires_at, revoked_at) SELECT ('00000000-0000-0000-0000-00000000001' || n)::uuid, '{both}', now() + interval '1 day', at FROM ` + ages(30),
		"old sessions":   `INSERT INTO sessions (id, account_id, expires_at) SELECT ('00000000-0000-0000-0000-00000000001' || n)::uuid, '{both}', at FROM ` + ages(30),
		"letters":        `INSERT INTO letters (id, kind, email, created_at) SELECT ('00000000-0000-0000-0000-00000000001' || n)::uuid, 'password', 'o@example.com', at FROM ` + ages(7),
		"events":         `INSERT INTO account_events (id, action, created_at) SELECT ('00000000-0000-0000-0000-00000000001' || n)::uuid, 'old', at FROM ` + ages(400),
		"nothing":        " ",
	}
	rows := func(tenant string) map[string]string {
		return map[string]string{
			"answers": `INSERT INTO idempotency_keys (scope_id, credential, operation, key, created_at, fingerprint, answer) SELECT '{` + tenant + `}', '` + x1 + `', 'o', n::text, at, '', '' FROM ` + ages(1),
			"jobs":    `INSERT INTO jobs (tenant_id, id, kind, subject_type, subject_id, queued_as, state, finished_at) SELECT '{` + tenant + `}', ('00000000-0000-0000-0000-00000000001' || n)::uuid, 'old.job', 'item', '{b}', n, 'completed', at FROM ` + ages(30),
			"events":  `INSERT INTO audit_events (tenant_id, id, action, entity_type, created_at) SELECT '{` + tenant + `}', ('00000000-0000-0000-0000-00000000001' || n)::uuid, 'old', 'item', at FROM ` + ages(30),
			"messages": `INSERT INTO deliveries (tenant_id, id, webhook_id, event, state, created_at) SELECT '{` + tenant + `}', ('00000000-0000-0000-0000-00000000001' || n)::uuid, '{b}', 'item.update', 'failed', at FROM ` + ages(30) +
				`; INSERT INTO deliveries (tenant_id, id, webhook_id, event, created_at) VALUES ('{` + tenant + `}', '` + x2 + `', '{b}', 'item.update', '2020-01-01')`,
		}
	}
	for what, scene := range logins {
		for _, most := range []string{"1", "10"} {
			add("of accounts there are "+what+", and "+most+" may go", scene, asLogin, "SELECT expire_logins("+most+")")
		}
	}
	kept := func(tenant, days string) string {
		return `; INSERT INTO settings (tenant_id, key, value) VALUES ('{` + tenant + `}', 'audit_retention_days', '` + days + `')`
	}
	add("of an account there are answers, and no tenant is bound", rows("both")["answers"],
		`SELECT set_config('app.tenant_id', '', true), set_config('app.caller', ' {both}', true)`, "SELECT expire_rows(10)")
	add("a tenant is given up", "", system("B"), "UPDATE tenants SET status = 'deleting', erase_at = '2099-01-01Z' WHERE id = '{B}'")
	add("of B there is nothing old", " ", system("B"), "SELECT expire_rows(10), expire_deliveries(10)")
	for what, scene := range rows("B") {
		both := "DELETE FROM deliveries; " + scene + "; " + strings.ReplaceAll(rows("A")[what], "0000001'", "0000001'")
		for keeps, days := range map[string]string{"for ever": "", "for thirty days": kept("B", "30"), "for too few": kept("B", "29"), "as A does not": kept("A", "30")} {
			for _, most := range []string{"1", "10"} {
				add("of both there are "+what+", kept "+keeps+", and "+most+" may go", both+days, system("B"), "SELECT expire_rows("+most+"), expire_deliveries("+most+")")
			}
		}
		add("of B alone there are "+what, scene+kept("B", "30"), system("B"), "SELECT expire_rows(10)", "SELECT expire_deliveries(10)")
	}
}

// tryWebhooks is with whose eyes an endpoint sees, who may set that up, what it is told, and what ends it.
func tryWebhooks(add adding) {
	behalf := func(tenant, user, permission string) string {
		return fmt.Sprintf("SELECT enter_user('{%s}', '{%s}', '%s', 'thing.do')", tenant, user, permission)
	}
	for _, role := range roles {
		for _, permission := range []string{"items:read", "items:write", "users:read", "users:write", "keys:read", "tenant:write", "no:such"} {
			add("on behalf of the "+role+" "+permission, "", behalf("B", role+".u", permission))
		}
	}
	custom := "UPDATE roles SET permissions = '{%s}' WHERE id = '{b2}'; UPDATE user_roles SET user_id = '{member.u}', role_id = '{b2}' WHERE tenant_id = '{B}' AND user_id = '{b}'"
	for _, held := range []string{"items:write", "users:read", "users:read:own", "teams:write"} {
		for _, permission := range []string{"items:write", "users:read"} {
			add("on behalf of a member whom a role gives "+held+", "+permission, fmt.Sprintf(custom, held), behalf("B", "member.u", permission))
		}
	}
	for name, scene := range map[string]string{
		"an account that was closed":    "UPDATE accounts SET is_active = false WHERE id = '{admin-b}'",
		"a user who was shut out":       "UPDATE users SET is_active = false WHERE account_id = '{admin-b}'",
		"a tenant that is suspended":    "UPDATE tenants SET status = 'suspended' WHERE id = '{B}'",
		"others' that are not in order": "UPDATE accounts SET is_active = false WHERE id <> '{admin-b}'; UPDATE users SET is_active = false WHERE account_id <> '{admin-b}'; UPDATE tenants SET status = 'suspended' WHERE id = '{A}'",
		"a tenant that another made":    "UPDATE tenants SET created_by = '{nobody}' WHERE id = '{B}'",
		"a tenant that he made":         "UPDATE tenants SET created_by = '{admin-b}' WHERE id = '{B}'",
		"a tenant that made him":        "UPDATE tenants SET created_by = '{nobody}' WHERE id = '{B}'; UPDATE accounts SET made_in = '{B}' WHERE id = '{admin-b}'",
		"another that made him":         "UPDATE tenants SET created_by = '{nobody}' WHERE id = '{B}'; UPDATE accounts SET made_in = '{A}' WHERE id = '{admin-b}'",
		"a proven one, another's":       "UPDATE tenants SET created_by = '{nobody}' WHERE id = '{B}'; UPDATE accounts SET email_verified_at = now() WHERE id = '{admin-b}'",
	} {
		add("on behalf of a user, in "+name, scene, behalf("B", "admin.u", "items:read"))
	}
	add("on behalf of nobody's id", "", fmt.Sprintf("SELECT enter_user('{B}', '%s', 'items:read', 'thing.do')", x1))
	add("on behalf of a user of A alone", "DELETE FROM users WHERE tenant_id = '{B}' AND id = '{admin.u}'", behalf("B", "admin.u", "items:read"))
	add("on behalf of a user whose artist is known", "", behalf("B", "artist.u", "artists:write"))

	endpoint := func(tenant, id, user, events, disabled, reason string) string {
		return fmt.Sprintf("INSERT INTO webhooks (tenant_id, id, user_id, url, secret, events, disabled_at, disabled_reason) VALUES ('{%s}', '%s', %s, 'https://h.example', 's', %s, %s, %s)", tenant, id, user, events, disabled, reason)
	}
	callers := map[string]string{
		"an admin":            bound("B", "{admin.u}", "{admin-b}", "any", "", "", ""),
		"a member":            bound("B", "{member.u}", "{member-b}", "any", "", "", ""),
		"nobody":              system("B"),
		"a superuser's visit": bound("B", "", "{root}", "any", "", "", "superuser"),
		"staff's visit":       bound("B", "", "{clerk}", "any", "", "", "staff"),
	}
	fifty := func(tenant string, n int, disabled, reason string) string {
		return fmt.Sprintf("; INSERT INTO webhooks (tenant_id, id, user_id, url, secret, disabled_at, disabled_reason) SELECT '{%s}', md5(n::text || '%[1]s')::uuid, '{admin.u}', 'https://h.example', 's', %s, %s FROM generate_series(1, %d) n", tenant, disabled, reason, n)
	}
	none := "DELETE FROM webhooks"
	for name, binding := range callers {
		for what, call := range map[string]string{
			"makes an admin's endpoint":    endpoint("B", x1, "'{admin.u}'", "NULL", "NULL", "NULL"),
			"makes a member's endpoint":    endpoint("B", x1, "'{member.u}'", "NULL", "NULL", "NULL"),
			"makes one that is disabled":   endpoint("B", x1, "'{member.u}'", "NULL", "now()", "'asked'"),
			"moves an endpoint":            "UPDATE webhooks SET url = 'https://else.example' WHERE tenant_id = '{B}' AND id = '{b}'",
			"lets an endpoint be told":     "UPDATE webhooks SET disabled_at = NULL, disabled_reason = NULL WHERE tenant_id = '{B}' AND id = '{b}'",
			"lets an endpoint be told not": "UPDATE webhooks SET disabled_at = now(), disabled_reason = 'failing' WHERE tenant_id = '{B}' AND id = '{b}'",
		} {
			add(name+" "+what, none+"; "+endpoint("B", "{b}", "'{admin.u}'", "NULL", "NULL", "NULL"), binding, call)
			add(name+" "+what+", where it is disabled", none+"; "+endpoint("B", "{b}", "'{admin.u}'", "NULL", "now()", "'asked'"), binding, call)
			if name == "an admin" || name == "nobody" {
				for many, scene := range map[string]string{"fifty": fifty("B", 49, "NULL", "NULL"), "fifty disabled": fifty("B", 60, "now()", "'asked'"), "fifty in A": fifty("A", 60, "NULL", "NULL"), "sixty": fifty("B", 60, "NULL", "NULL"), "forty-nine": fifty("B", 48, "NULL", "NULL")} {
					add(name+" "+what+", where there are "+many, none+"; "+endpoint("B", "{b}", "'{admin.u}'", "NULL", "NULL", "NULL")+scene, binding, call)
					add(name+" "+what+", one that is disabled, where there are "+many, none+"; "+endpoint("B", "{b}", "'{admin.u}'", "NULL", "now()", "'asked'")+scene+fifty("B", 0, "NULL", "NULL"), binding, call)
				}
			}
		}
	}
	add("an endpoint that is disabled is moved, where there are fifty", none+"; "+endpoint("B", "{b}", "'{admin.u}'", "NULL", "NULL", "NULL")+fifty("B", 60, "NULL", "NULL"), callers["an admin"],
		"UPDATE webhooks SET url = 'https://else.example' WHERE tenant_id = '{B}' AND id = '{b}'")
	for _, found := range []string{"true", "false", "NULL"} {
		add("a list of what is there: "+found, "", system("B"), "SELECT seen("+found+")")
	}
	several := none + "; " + strings.Join([]string{
		endpoint("B", x1, "'{member.u}'", "NULL", "NULL", "NULL"), endpoint("B", x2, "'{member.u}'", "'{item.update,thing.do}'", "'2020-01-01'", "'asked'"),
		endpoint("B", "{b}", "'{admin.u}'", "'{else.do}'", "NULL", "NULL"), endpoint("A", x1, "'{member.u}'", "NULL", "NULL", "NULL")}, "; ")
	for what, change := range map[string]string{
		"is shut out":     "UPDATE users SET is_active = false WHERE tenant_id = '{B}' AND id = '{member.u}'",
		"is removed":      "DELETE FROM users WHERE tenant_id = '{B}' AND id = '{member.u}'",
		"is let in again": "UPDATE users SET is_active = true WHERE tenant_id = '{B}' AND id = '{member.u}'",
	} {
		add("a user with endpoints "+what, several, system("B"), change)
		add("a user with endpoints "+what+", by nobody", several, bare, change)
	}
	told := none + "; " + strings.Join([]string{
		endpoint("B", x1, "'{admin.u}'", "NULL", "NULL", "NULL"), endpoint("B", x2, "'{admin.u}'", "'{item.update,thing.do}'", "NULL", "NULL"),
		endpoint("B", "{b}", "'{admin.u}'", "'{else.do}'", "NULL", "NULL"), endpoint("B", "{b2}", "'{admin.u}'", "NULL", "now()", "'asked'"),
		endpoint("A", x1, "'{admin.u}'", "NULL", "NULL", "NULL")}, "; ")
	event := func(action, kind, entity, version, before, after string) string {
		return fmt.Sprintf("INSERT INTO audit_events (tenant_id, id, action, entity_type, entity_id, entity_version, before, after, created_at, row_count) VALUES ('{B}', '%s', '%s', '%s', %s, %s, %s, %s, '2026-02-02', 7)",
			x1, action, kind, entity, version, before, after)
	}
	for what, made := range map[string]string{
		"a row is changed":           event("thing.do", "item", "'{b}'", "3", "'{}'", "'{}'"),
		"a row is made":              event("thing.do", "item", "'{b}'", "1", "NULL", "'{}'"),
		"a row is removed":           event("thing.do", "item", "'{b}'", "4", "'{}'", "NULL"),
		"rows are changed":           event("thing.do", "item", "NULL", "NULL", "NULL", "NULL"),
		"what has no version goes":   event("thing.do", "user", "'{b}'", "NULL", "'{}'", "NULL"),
		"another thing is done":      event("other.do", "item", "'{b}'", "3", "'{}'", "'{}'"),
		"something else is done":     event("else.do", "item", "'{b}'", "3", "'{}'", "'{}'"),
		"a message is asked for":     event("thing.do", "delivery", "'{b}'", "NULL", "NULL", "NULL"),
		"a message is sent to test":  "INSERT INTO deliveries (tenant_id, id, webhook_id, event) VALUES ('{B}', '" + x1 + "', '" + x1 + "', 'webhook.test')",
		"a message is made that is":  "INSERT INTO deliveries (tenant_id, id, webhook_id, event, next_attempt_at) VALUES ('{B}', '" + x1 + "', '" + x1 + "', 'item.update', '2030-01-01')",
		"a message is made, failed":  "INSERT INTO deliveries (tenant_id, id, webhook_id, event, state) VALUES ('{B}', '" + x1 + "', '" + x1 + "', 'item.update', 'failed')",
		"an endpoint fails":          "UPDATE webhooks SET disabled_at = now(), disabled_reason = 'failing' WHERE tenant_id = '{B}' AND id = '" + x1 + "'",
		"an endpoint is disabled":    "UPDATE webhooks SET disabled_at = now(), disabled_reason = 'asked' WHERE tenant_id = '{B}' AND id = '" + x1 + "'",
		"a message is sent again":    "UPDATE deliveries SET state = 'pending', next_attempt_at = '2030-01-01' WHERE tenant_id = '{B}' AND id = '{b}'",
		"a message is given up":      "UPDATE deliveries SET state = 'failed' WHERE tenant_id = '{B}' AND id = '{b}'",
		"a message is tried later":   "UPDATE deliveries SET next_attempt_at = '2030-01-01' WHERE tenant_id = '{B}' AND id = '{b}'",
		"two events at once":         strings.Replace(event("thing.do", "item", "'{b}'", "3", "'{}'", "'{}'"), "VALUES (", "VALUES ('{B}', '"+x2+"', 'else.do', 'item', NULL, NULL, NULL, NULL, '2026-02-03', 1), (", 1),
		"an endpoint's secret is no": "UPDATE webhooks SET disabled_at = now(), disabled_reason = 'secret' WHERE tenant_id = '{B}' AND id = '" + x1 + "'",
	} {
		add("told when "+what, told, system("B"), made)
		add("told when "+what+", by nobody", told, bare, made)
		add("told when "+what+", where it had failed", told+"; UPDATE deliveries SET state = 'failed'", system("B"), made)
	}
}

// tryIdentities is what a token of an outside issuer begins, whom it is linked to, and what ends it.
func tryIdentities(add adding) {
	enter := func(issuer, subject, issued, email string) string {
		return fmt.Sprintf("SELECT identity_enter('%s', '%s', %s, %s, '%s', 'agent', '10.0.0.1', '2099-01-01')", issuer, subject, issued, email, x1)
	}
	linked := func(account, more string) string {
		return "INSERT INTO identities (issuer, subject, account_id) VALUES ('i', 's', " + account + ")" + more
	}
	session := "; INSERT INTO sessions (id, account_id, issuer, subject, expires_at) VALUES ('" + x2 + "', '{both}', 'i', 's', '2099-01-01')"
	proven := "UPDATE accounts SET email_verified_at = now() WHERE id = '{both}'; "
	mail := "'both@example.com'"
	for name, scene := range map[string]string{
		"nobody, unproven":                          " ",
		"nobody, proven":                            proven + "SELECT 1",
		"nobody, proven and closed":                 proven + "UPDATE accounts SET is_active = false WHERE id = '{both}'",
		"the account":                               linked("'{both}'", ""),
		"the account, with its session":             linked("'{both}'", session),
		"the same, whose session ended":             linked("'{both}'", session) + "; UPDATE sessions SET revoked_at = now() WHERE id = '" + x2 + "'",
		"the same, whose session is old":            linked("'{both}'", session) + "; UPDATE sessions SET expires_at = now() WHERE id = '" + x2 + "'",
		"another's session":                         linked("'{both}'", "") + "; INSERT INTO identities (issuer, subject, account_id) VALUES ('i', 't', '{nobody}'), ('j', 's', '{nobody}')" + strings.ReplaceAll(session, "'i', 's'", "'i', 't'"),
		"the account, closed":                       linked("'{both}'", "") + "; UPDATE accounts SET is_active = false WHERE id = '{both}'",
		"the account, not before":                   linked("'{both}'", "") + "; UPDATE accounts SET not_before = '2026-01-02' WHERE id = '{both}'",
		"itself, not before":                        linked("'{both}'", "") + "; UPDATE identities SET not_before = '2026-01-02'",
		"it ended":                                  linked("'{both}'", "") + "; UPDATE identities SET ended_at = now()",
		"the account, and another issuer's session": linked("'{both}'", "") + "; INSERT INTO identities (issuer, subject, account_id) VALUES ('j', 's', '{nobody}')" + strings.ReplaceAll(session, "'i', 's'", "'j', 's'"),
		"it ended before it was linked":             "INSERT INTO identities (issuer, subject, ended_at) VALUES ('i', 's', now())",
		"other subjects":                            proven + "INSERT INTO identities (issuer, subject, account_id) VALUES ('i', 'a', '{admin-b}'), ('i', 't', '{nobody}'), ('j', 's', '{nobody}')",
		"whom another subject is":                   proven + "INSERT INTO identities (issuer, subject, account_id) VALUES ('i', 't', '{both}')",
		"whom another issuer's is":                  proven + "INSERT INTO identities (issuer, subject, account_id) VALUES ('j', 's', '{both}')",
	} {
		for when, issued := range map[string]string{"now": "now()", "then": "'2026-01-01'", "at that time": "'2026-01-02'"} {
			add("an identity of "+name+", "+when, scene, nowhere, asLogin, enter("i", "s", issued, mail))
		}
		add("an identity of "+name+", without an e-mail", scene, nowhere, asLogin, enter("i", "s", "now()", "NULL"))
		add("an identity of "+name+", rows locked", scene, nowhere, asLogin, enter("i", "s", "now()", mail)).rows = true
	}
	add("an identity is held", "", nowhere, asLogin, "SELECT identity_hold('i', 's')")
	add("an identity is held that another holds", "", nowhere, asLogin, "SELECT identity_hold('i', 's')").held = "SELECT pg_advisory_xact_lock(hashtextextended('identity i s', 0))"
	add("an identity is held beside another issuer's", "", nowhere, asLogin, "SELECT identity_hold('i', 's')").held = "SELECT pg_advisory_xact_lock(hashtextextended('identity j s', 0))"
	add("an identity is held beside another subject's", "", nowhere, asLogin, "SELECT identity_hold('i', 's')").held = "SELECT pg_advisory_xact_lock(hashtextextended('identity i t', 0))"
	beside := "; INSERT INTO identities (issuer, subject, account_id) VALUES ('i', 't', '{nobody}'), ('j', 's', '{nobody}')"
	for name, binding := range map[string]string{"nobody": nowhere, "the account": "SELECT set_config('app.tenant_id', '', true), set_config('app.caller', ' {both}  10.0.0.9 thing.do req-9', true)"} {
		for what, change := range map[string]string{
			"the session of an identity ends": "UPDATE sessions SET revoked_at = now() WHERE id = '" + x2 + "'",
			"an identity is linked":           "INSERT INTO identities (issuer, subject, account_id) VALUES ('k', 's', '{both}')",
			"an identity of nobody":           "INSERT INTO identities (issuer, subject, ended_at) VALUES ('k', 's', now())",
			"an identity is linked to none":   "UPDATE identities SET account_id = NULL, ended_at = now() WHERE issuer = 'i' AND subject = 's'",
			"an identity is linked anew":      "UPDATE identities SET account_id = '{admin-b}' WHERE issuer = 'i' AND subject = 's'",
			"an identity stays":               "UPDATE identities SET account_id = account_id WHERE issuer = 'i' AND subject = 's'",
			"an identity goes":                "DELETE FROM identities WHERE issuer = 'j'",
		} {
			add(what+", by "+name, linked("'{both}'", session)+beside, binding, asLogin, change)
		}
	}
}

// tryQuotas is what counts in a quota, whose, and what is refused by it.
func tryQuotas(add adding) {
	quota := func(tenant, subject string, maximum, used int, resets string) string {
		return fmt.Sprintf("; INSERT INTO quotas (tenant_id, subject, maximum, used, resets_at) VALUES ('{%s}', '%s', %d, %d, %s)", tenant, subject, maximum, used, resets)
	}
	const none = "SELECT 1"
	window := func(tenant, subject string, maximum, used int, resets string) string {
		return quota(tenant, subject, maximum, used, "now() + interval '"+resets+"'")
	}
	for name, scene := range map[string]string{
		"there is no quota":        "",
		"there is room for one":    quota("B", "items", 5, 4, "NULL"),
		"there is room for none":   quota("B", "items", 5, 5, "NULL"),
		"there is one, and full":   "; DELETE FROM quotas" + quota("B", "items", 5, 5, "NULL"),
		"nothing is counted":       quota("B", "items", 5, 0, "NULL"),
		"there is room, not for A": quota("B", "items", 5, 4, "NULL") + quota("A", "items", 5, 5, "NULL"),
		"A alone has a quota":      quota("A", "items", 5, 5, "NULL"),
		"teams alone have a quota": quota("B", "teams", 5, 5, "NULL"),
		"teams have another quota": quota("B", "teams", 5, 5, "NULL") + quota("B", "items", 5, 2, "NULL"),
	} {
		add("an item is made where "+name, none+scene, system("B"), "INSERT INTO items (tenant_id, id, name, price_cents) VALUES ('{B}', '"+x1+"', 'x', 1)")
		add("two items are made where "+name, none+scene, system("B"), "INSERT INTO items (tenant_id, id, name, price_cents) VALUES ('{B}', '"+x1+"', 'x', 1), ('{B}', '"+x2+"', 'x', 1)")
		add("an item is deleted where "+name, none+scene, system("B"), "DELETE FROM items WHERE tenant_id = '{B}' AND id = '{b}'")
	}

	waiting := func(tenant, id, kind, finished string) string {
		return fmt.Sprintf("; INSERT INTO jobs (tenant_id, id, kind, subject_type, subject_id, queued_as, state, finished_at) VALUES ('{%s}', '%s', '%s', 'item', '{b}', -1, '%s', %s)",
			tenant, id, kind, map[string]string{"NULL": "waiting"}[finished]+map[string]string{"now()": "completed"}[finished], finished)
	}
	clear := "DELETE FROM jobs"
	for name, scene := range map[string]string{
		"there is no quota":             "",
		"there is room for one":         quota("B", "jobs", 1, 0, "NULL"),
		"there is room for none":        quota("B", "jobs", 0, 0, "NULL"),
		"another waits, and one may":    quota("B", "jobs", 1, 0, "NULL") + waiting("B", x2, "test.test", "NULL"),
		"another is done":               quota("B", "jobs", 1, 0, "NULL") + waiting("B", x2, "test.test", "now()"),
		"another is the tenant's":       quota("B", "jobs", 1, 0, "NULL") + waiting("B", x2, "tenant.test", "NULL"),
		"another is of A":               quota("B", "jobs", 1, 0, "NULL") + waiting("A", x2, "test.test", "NULL"),
		"more wait than may":            quota("B", "jobs", 0, 0, "NULL") + waiting("B", x2, "test.test", "NULL"),
		"A alone has a quota":           quota("A", "jobs", 0, 0, "NULL"),
		"A has another quota":           quota("A", "jobs", 0, 0, "NULL") + quota("B", "jobs", 1, 0, "NULL"),
		"items alone have a quota":      quota("B", "items", 0, 0, "NULL"),
		"another is done, one may, too": quota("B", "jobs", 1, 0, "NULL") + waiting("B", x2, "test.test", "now()") + quota("B", "items", 0, 0, "NULL"),
	} {
		for who, binding := range map[string]string{"somebody": bound("B", "{admin.u}", "{admin-b}", "any", "", "", ""), "nobody": system("B")} {
			for _, kind := range []string{"test.test", "tenant.test"} {
				add("a job "+kind+" that "+who+" asks for, where "+name, clear+scene, binding,
					"INSERT INTO jobs (tenant_id, id, kind, subject_type, subject_id) VALUES ('{B}', '"+x1+"', '"+kind+"', 'item', '{b}')").rows = kind == "test.test"
			}
		}
	}

	const day, minute = "requests_per_day", "requests_per_minute"
	of := map[string]string{
		"there is no quota":               "",
		"there is one of a day":           window("B", day, 10, 3, "1 hour"),
		"there is one of a minute":        window("B", minute, 10, 3, "30 seconds"),
		"there are both":                  window("B", day, 10, 3, "1 hour") + window("B", minute, 5, 2, "30 seconds"),
		"there are both, of the day less": window("B", day, 6, 3, "1 hour") + window("B", minute, 50, 2, "30 seconds"),
		"both are used up":                window("B", day, 3, 3, "1 hour") + window("B", minute, 2, 2, "30 seconds"),
		"the minute's is used up":         window("B", day, 30, 3, "1 hour") + window("B", minute, 2, 2, "30 seconds"),
		"the day's is used up":            window("B", day, 3, 3, "1 hour") + window("B", minute, 20, 2, "30 seconds"),
		"the day's would be":              window("B", day, 5, 3, "1 hour"),
		"more is used":                    window("B", day, 3, 9, "1 hour"),
		"the window is over":              window("B", day, 3, 3, "-1 hour") + window("B", minute, 2, 2, "-1 second"),
		"none has begun":                  quota("B", day, 10, 0, "NULL") + quota("B", minute, 10, 0, "NULL"),
		"a window is over, of the day":    window("B", day, 1, 1, "-1 hour"),
		"A's is used up":                  window("A", day, 3, 3, "2 hours") + window("A", minute, 2, 2, "20 seconds"),
		"A's is used up, beside one":      window("A", day, 1, 3, "2 hours") + window("B", day, 30, 3, "1 hour") + window("A", minute, 2, 2, "20 seconds"),
		"a window of items is used up":    window("B", "items", 1, 1, "2 hours") + window("B", day, 10, 3, "1 hour"),
		"items have a quota":              quota("B", "items", 1, 1, "NULL"),
	}
	for name, scene := range of {
		for held, before := range map[string]string{"": none, ", and it is held": "UPDATE tenants SET held_until = now() + interval '7 minutes'"} {
			add("requests are counted where "+name+held, before+scene, system("B"),
				"SELECT count_requests(2)", "SELECT (SELECT CASE t.held_until WHEN date_trunc('day', now(), 'UTC') + interval '24 hours' THEN 'this day' WHEN date_trunc('minute', now()) + interval '1 minute' THEN 'this minute' ELSE (t.held_until - now())::text END FROM tenants t WHERE id = '{B}'), current_setting('synchronous_commit')").rows = held == ""
		}
		add("a quota is set where "+name, none+scene, system("B"), "SELECT set_quota('items', 50)", "SELECT (held_until - now())::text FROM tenants WHERE id = '{B}'")
		add("requests are refused where "+name, none+scene, asOwner, system("B"), "SELECT refuse_requests()")
	}
	up := window("B", day, 3, 3, "1 hour") + window("A", day, 4, 4, "2 hours")
	usage := func(door string) string { return strings.Replace(door, "thing.do", "tenant.usage", 1) }
	for name, until := range map[string]string{"for an hour": "now() + interval '1 hour'", "no longer": "now() - interval '1 second'", "not": "NULL"} {
		for whose, held := range map[string]string{"B": "WHERE id = '{B}'", "A": "WHERE id = '{A}'"} {
			scene := "UPDATE tenants SET held_until = " + until + " " + held + "; UPDATE users SET last_login = now()" + up
			for _, who := range []string{"admin-b", "member-b", "nobody"} {
				add(who+" enters where "+whose+" is held "+name, scene, entering("B", who, "items:read"))
				add(who+" looks at usage where "+whose+" is held "+name, scene, usage(entering("B", who, "tenant:read")))
			}
			add("who reaches his own enters where "+whose+" is held "+name, scene, entering("B", "member-b", "users:read"))
			add("the visit of root where "+whose+" is held "+name, scene, enteringBy("B", "root", "{root.v}", "items:read"))
			key := byKeyOf("B", `'rh_' || left(md5('{b}'), 9)`, `sha256('{b}')`, "tenant:read")
			add("a key where "+whose+" is held "+name, scene, key)
			add("a key looks at usage where "+whose+" is held "+name, scene, usage(key))
			add("a pass is made where "+whose+" is held "+name, scene, asOwner, system("B"), "SELECT make_pass('{admin-b.s}')")
		}
	}
}
