package resource

import (
	"fmt"
	"slices"
	"strings"
)

// width is how far a line of SQL goes before a list is continued on the next.
const width = 150

// bookkeeping are the columns that no event shows and no version counts, in whatever table.
var bookkeeping = []string{"tenant_id", "id", "version", "created_at", "updated_at"}

// unaudited are further columns that no event shows and no version counts, and why.
var unaudited = map[string]string{
	"accounts.not_before":    "it changes with the proofs",
	"accounts.proofs":        "a counter, which no client sees",
	"api_keys.hash":          "of a secret; a key is never given another",
	"api_keys.last_used_at":  "it changes with every use, which is no change of the key",
	"invitations.token_hash": "of a secret; an invitation is never given another",
	"jobs.queued_as":         "its number in the queue, which no client sees",
	"quotas.resets_at":       "it changes with requests, which no event tells of",
	"quotas.used":            "a counter, of what other events tell of",
	"tenants.erase_at":       "it goes with the status, of which the event tells",
	"tenants.held_until":     "it changes with requests, which no event tells of",
	"user_roles.user_id":     "it is what the event is about",
	"users.last_login":       "it changes with every login, which is no change of the user",

	"webhooks.failing_since":   "it changes with attempts, which have a log of their own",
	"webhooks.previous_secret": "a secret; previous_secret_until tells that it was replaced",
	"webhooks.secret":          "the same",
}

// Audited are those of a table's columns that its events show and its versions count. Of the columns given, none is generated.
func Audited(table string, columns []string) (audited []string) {
	for _, column := range columns {
		if !slices.Contains(bookkeeping, column) && unaudited[table+"."+column] == "" {
			audited = append(audited, column)
		}
	}
	return audited
}

// Triggers is what stands in the migration of a table behind its policy: the function that counts the versions of its rows, the one that
// writes its events, and the triggers that execute them. The entity is what the events are about, as ids say it; the columns are those
// that Audited names, in the order of the table.
func Triggers(table, entity string, columns []string) string {
	return Touch(table, columns) + "\n" + Audit(table, entity, columns, true)
}

// TriggersDown is what the Down of that migration says behind DROP TABLE, which leaves the functions.
func TriggersDown(table string) string {
	return fmt.Sprintf("DROP FUNCTION %s_audit();\nDROP FUNCTION %[1]s_touch();\n", table)
}

// Touch counts versions: before an update, a row of which one of the columns changes gets the next version and the time. What is compared
// stands in the function, not in the trigger's WHEN: PostgreSQL makes a plan of that anew in each statement, at twice the cost of all the rest
// here for a table of twenty columns.
func Touch(table string, columns []string) string {
	changed := distinct("OLD", "NEW", columns, 4+len("IF "))
	return function(table+"_touch", "", `
    IF `+changed+` THEN
        NEW.version    := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
`) + fmt.Sprintf(`
CREATE TRIGGER touch BEFORE UPDATE ON %[1]s FOR EACH ROW EXECUTE FUNCTION %[1]s_touch();
`, table)
}

// Audit writes events, with the version that a row of a table with versions has got; of one that is gone it is the next: after a statement one for each row that it changed, or one a tenant for all of them when they are over a hundred.
// Columns are compared as values, and only those that differ become JSON. There is one statement a case, without variables, because PL/pgSQL
// prepares each expression anew in each transaction. Tables and functions are qualified, because a search_path of its own would cost the
// function as much as a case. The table's name is written out, because PostgreSQL gives a part of a table that is spread over several nodes
// another.
func Audit(table, entity string, columns []string, versioned bool) string {
	into, version, next := "entity_id", "n.id", "n.id"
	if versioned {
		into, version, next = "entity_id, entity_version", "n.id, n.version", "n.id, n.version + 1"
	}
	name := longest(columns)
	var objects []string
	for some := range slices.Chunk(columns, 50) { // a function takes a hundred arguments
		var pairs []string
		for _, c := range some {
			pairs = append(pairs, fmt.Sprintf("'%s', n.%[1]s", c))
		}
		objects = append(objects, "jsonb_build_object("+list(pairs, 15+len("jsonb_build_object("))+")")
	}
	image := strings.Join(objects, "\n            || ")
	changes := func(row string) string {
		var parts []string
		for _, c := range columns {
			parts = append(parts, fmt.Sprintf("CASE WHEN o.%-*s IS DISTINCT FROM n.%-*s THEN jsonb_build_object(%-*s %s.%s)%s ELSE '{}' END",
				name, c, name, c, name+3, "'"+c+"',", row, c, strings.Repeat(" ", name-len(c))))
		}
		return strings.Join(parts, "\n            || ")
	}
	return function(table+"_audit", "What audit_events is told of a statement.", fmt.Sprintf(`
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, %[7]s, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), '%[1]s.insert'), '%[2]s', %[8]s,
               %[6]s
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, %[7]s, before, after)
        SELECT n.tenant_id, coalesce(public.caller_field(5), '%[1]s.update'), '%[2]s', %[8]s,
               %[3]s,
               %[4]s
          FROM changed n
          JOIN previous o ON o.tenant_id = n.tenant_id AND o.id = n.id
         WHERE %[5]s
           AND NOT EXISTS (SELECT FROM changed OFFSET 100);
    ELSE
        INSERT INTO public.audit_events (tenant_id, action, entity_type, %[7]s, before)
        SELECT n.tenant_id, coalesce(public.caller_field(5), '%[1]s.delete'), '%[2]s', %[9]s,
               %[6]s
          FROM changed n
         WHERE NOT EXISTS (SELECT FROM changed OFFSET 100);
    END IF;
    IF NOT FOUND THEN
        INSERT INTO public.audit_events (tenant_id, action, entity_type, row_count)
        SELECT n.tenant_id, coalesce(public.caller_field(5), '%[1]s.' || lower(TG_OP COLLATE "C")), '%[2]s', count(*)
          FROM changed n
         WHERE EXISTS (SELECT FROM changed OFFSET 100)
         GROUP BY n.tenant_id;
    END IF;
    RETURN NULL;
`, table, entity, changes("o"), changes("n"), distinct("o", "n", columns, 9+len("WHERE ")), image, into, version, next)) + fmt.Sprintf(`
CREATE TRIGGER audit_insert AFTER INSERT ON %[1]s REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION %[1]s_audit();
CREATE TRIGGER audit_update AFTER UPDATE ON %[1]s REFERENCING OLD TABLE AS previous NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION %[1]s_audit();
CREATE TRIGGER audit_delete AFTER DELETE ON %[1]s REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION %[1]s_audit();
`, table)
}

// Held counts the rows of a table where a tenant has a quota of them, and refuses those beyond it. It is for tables that are audited: hold_quota relies
// on it that what is made or removed has locked the tenant before.
func Held(table string) string {
	return fmt.Sprintf(`CREATE TRIGGER quota_insert AFTER INSERT ON %[1]s REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('%[1]s');
CREATE TRIGGER quota_delete AFTER DELETE ON %[1]s REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION hold_quota('%[1]s');
`, table)
}

// function makes a trigger function that nobody may call.
func function(name, comment, body string) string {
	if comment != "" {
		comment = "\n-- " + comment
	}
	return fmt.Sprintf(`-- +goose StatementBegin
CREATE FUNCTION %s() RETURNS trigger
LANGUAGE plpgsql AS $$%s
BEGIN%sEND
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION %[1]s() FROM PUBLIC;
`, name, comment, body)
}

// distinct compares the columns of two rows, which begins so far from the left.
func distinct(old, new string, columns []string, indent int) string {
	row := func(row string) string {
		var names []string
		for _, c := range columns {
			names = append(names, row+"."+c)
		}
		if len(names) == 1 {
			return names[0]
		}
		return "(" + list(names, indent+1) + ")"
	}
	const operator = " IS DISTINCT FROM "
	left, right := row(old), row(new)
	if line := left + operator + right; !strings.Contains(line, "\n") && indent+len(line) <= width-10 {
		return line
	}
	pad := "\n" + strings.Repeat(" ", indent)
	return left + pad + strings.TrimSpace(operator) + pad + right
}

// list is a list that begins so far from the left, in as many lines as it needs.
func list(parts []string, indent int) string {
	var b strings.Builder
	at := indent
	for i, part := range parts {
		if i > 0 && at+len(part) > width-10 { // what stands behind the list
			b.WriteString(",\n" + strings.Repeat(" ", indent))
			at = indent
		} else if i > 0 {
			b.WriteString(", ")
			at += 2
		}
		b.WriteString(part)
		at += len(part)
	}
	return b.String()
}

func longest(names []string) (n int) {
	for _, name := range names {
		n = max(n, len(name))
	}
	return n
}
