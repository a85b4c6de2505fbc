package prove

import "testing"

// What a function puts where a tenant sees it, of what belongs to accounts, is found: by whatever way it goes there.
func TestPlantedLeaving(t *testing.T) {
	t.Parallel()
	const (
		accounts = "sql/migrations/00004_accounts.sql"
		users    = "sql/migrations/00012_users.sql"
		tickets  = "sql/migrations/00017_tickets.sql"
		doors    = "sql/migrations/00019_doors.sql"

		already = "RAISE EXCEPTION 'a user of this tenant already' USING ERRCODE = 'RHINV';"
		held    = "    PERFORM hold_addresses(ARRAY[login, OLD.email, NEW.email]);\n"
		found   = "    IF FOUND THEN\n        PERFORM set_config('app.caller',"
	)
	check(t, "leaving_faults", ground(), []planting{
		{"an e-mail in the setting that says who asks", doors, "' ', artist, '  ', visitor)", "' ', artist, '  ', visitor, /*!*/ (SELECT x.email FROM accounts x WHERE x.id = account))",
			"enter: accounts.email goes to the setting app.caller, which the queries of a tenant read"},
		{"a setting that a condition makes", doors, "AND permission = ANY (p.permissions)", "AND permission = ANY (p.permissions)\n       AND set_config('app.caller', p.permissions::text, true) <> '' /*!*/",
			"enter: passes.permissions goes to the setting app.caller"},
		{"an e-mail in the details of a refusal", tickets, already, "RAISE EXCEPTION 'a user of this tenant already' USING ERRCODE = 'RHINV', DETAIL = (SELECT a.email FROM accounts a /*!*/ LIMIT 1);",
			"refuse_users: accounts.email goes to a refusal, whose message and details the caller's error carries"},
		{"what a variable in quotes was given", tickets, held, held + "    \"login\" := OLD.email; RAISE EXCEPTION '%', \"login\"; /*!*/\n", "void_tickets: accounts.email goes to a refusal"},
		{"an account's name in a refusal's message", tickets, already, "RAISE EXCEPTION '% is one', (SELECT a.username FROM accounts a /*!*/ LIMIT 1) USING ERRCODE = 'RHINV';", "refuse_users: accounts.username goes to a refusal"},
		{"a whole account in a refusal", tickets, already, "RAISE EXCEPTION 'x' USING ERRCODE = 'RHINV', DETAIL = (SELECT to_jsonb(a)::text FROM accounts a /*!*/ LIMIT 1);", "refuse_users: accounts.* goes to a refusal"},
		{"a login name in a user", users, "RHCLO';\n    END IF;\n    RETURN NEW;", "RHCLO';\n    END IF;\n    NEW.name := (SELECT a.username FROM accounts a WHERE a.id = NEW.account_id); /*!*/\n    RETURN NEW;", "refuse_closed: accounts.username goes to users.name, which the tenant reads"},
		{"a session as the result of a definer", doors, "    RETURN account;", "    RETURN (SELECT s.id FROM sessions s WHERE s.account_id = account LIMIT 1); /*!*/",
			"key_account: sessions.id goes to its result, which whoever calls it is given"},
		{"what a variable was given before", tickets, held, held + "    UPDATE users u SET phone = login WHERE u.tenant_id = current_tenant() AND u.id = OLD.id; /*!*/\n", "void_tickets: accounts.email goes to users.phone"},
		{"what a variable was given by another", tickets, held, held + "    login := login || 'x';\n    INSERT INTO artists (tenant_id, id, name) VALUES (current_tenant(), OLD.id, login); /*!*/\n", "void_tickets: accounts.email goes to artists.name"},
		{"a row behind a subquery", tickets, held, held + "    UPDATE users u SET phone = x.name FROM (SELECT a.name FROM accounts a WHERE a.id = account) AS x WHERE u.tenant_id = current_tenant(); /*!*/\n",
			"void_tickets: accounts.name goes to users.phone"},
		{"what a CTE returns", tickets, "         WHERE s.account_id = voided.id;\n    END IF;", "         WHERE s.account_id = voided.id;\n        WITH seen AS (SELECT a.password_hash FROM accounts a)\n" +
			"        UPDATE users u SET phone = seen.password_hash FROM seen WHERE u.tenant_id = current_tenant(); /*!*/\n    END IF;", "void_tickets: accounts.password_hash goes to users.phone"},
		{"what another function is given", doors, found, "    IF FOUND THEN\n        PERFORM lacking(p.permissions, '{}') FROM passes p; /*!*/\n        PERFORM set_config('app.caller',",
			"enter: passes.permissions goes to the function lacking(), which may do anything with it"},
		{"the account that fired a trigger", accounts, "    IF became IS NOT NULL THEN", "    RAISE EXCEPTION '%', NEW.email; /*!*/\n    IF became IS NOT NULL THEN", "account_event: accounts.email goes to a refusal"},
	})
}
