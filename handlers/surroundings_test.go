package handlers

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowhouse/rest"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// setting is one of PostgreSQL's, with a value that it has nowhere else.
type setting struct{ name, value string }

// unusual are the values of settings that are no choice of numbers or words, and of those whose extremes are limits that nobody works under.
var unusual = map[string]string{
	"DateStyle":                           "German, DMY",
	"IntervalStyle":                       "sql_standard",
	"TimeZone":                            "Asia/Kathmandu",
	"application_name":                    "somebody else",
	"backtrace_functions":                 "enter",
	"client_encoding":                     "LATIN1",
	"commit_delay":                        "10",
	"createrole_self_grant":               "set",
	"default_table_access_method":         "heap",
	"default_toast_compression":           "pglz",
	"extension_control_path":              "$system:/nonexistent",
	"default_tablespace":                  "nosuch",
	"default_text_search_config":          "pg_catalog.german",
	"dynamic_library_path":                "$libdir:/nonexistent",
	"extension_destdir":                   "/nonexistent",
	"event_source":                        "somebody",
	"idle_in_transaction_session_timeout": "40s",
	"idle_session_timeout":                "1s",
	"lc_messages":                         "C",
	"lc_monetary":                         "C",
	"lc_numeric":                          "C",
	"lc_time":                             "C",
	"local_preload_libraries":             "nosuch",
	"lock_timeout":                        "40s",
	"log_min_messages":                    "fatal",
	"plpgsql.extra_errors":                "all",
	"plpgsql.extra_warnings":              "all",
	"restrict_nonsystem_relation_kind":    "view",
	"role":                                "rowhouse_login",
	"search_path":                         "pg_catalog",
	"session_preload_libraries":           "nosuch",
	"max_stack_depth":                     "1MB",
	"synchronous_commit":                  "off",
	"statement_timeout":                   "40s",
	"temp_tablespaces":                    "nosuch",
	"timezone_abbreviations":              "India",
	"transaction_timeout":                 "40s",
	"wal_consistency_checking":            "all",
}

// operators are the settings whose effect is theirs to choose, and what it is.
var operators = map[string]string{
	"default_transaction_read_only":       "yours: reads are answered, writes are 503 `unavailable`",
	"idle_in_transaction_session_timeout": "yours: a limit",
	"lock_timeout":                        "yours: a limit; over it 409 `busy`",
	"statement_timeout":                   "yours: a limit; over it 503 `unavailable`",
	"transaction_timeout":                 "yours: a limit; over it 503 `unavailable`",
	"synchronous_commit":                  "yours: what was acknowledged last may be lost in a crash",
}

// settable are the settings that ALTER ROLE can give a login, each with an unusual value.
func settable(t *testing.T, d *testdb.Database) (all []setting) {
	t.Helper()
	conn := d.Connect(d.Superuser())
	if _, err := conn.Exec(t.Context(), `LOAD 'plpgsql'`); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `
		SELECT name,
		       coalesce(CASE WHEN vartype = 'bool'      THEN CASE boot_val WHEN 'on' THEN 'off' ELSE 'on' END
		            WHEN vartype = 'enum'      THEN (SELECT max(v) FROM unnest(enumvals) AS v WHERE v IS DISTINCT FROM boot_val)
		            WHEN vartype = 'string'    THEN ''
		            WHEN min_val <> boot_val   THEN min_val
		            ELSE max_val
		       END, '')
		  FROM pg_settings
		 WHERE context IN ('user', 'superuser')
		   AND (vartype <> 'bool' OR name NOT LIKE 'transaction\_%') -- of one transaction
		   AND name <> 'transaction_isolation'
		   AND (min_val IS NULL OR min_val <> max_val)
		 UNION ALL
		SELECT 'role', ''`)
	if err != nil {
		t.Fatal(err)
	}
	var s setting
	if _, err := pgx.ForEachRow(rows, []any{&s.name, &s.value}, func() error {
		if value, ok := unusual[s.name]; ok {
			s.value = value
		} else if s.value == "" {
			t.Errorf("%s: give it an unusual value", s.name)
		}
		all = append(all, s)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// surrounded is a copy of the world in whose database the server's login has these settings; refused are those that PostgreSQL does not take.
func (w *world) surrounded(t *testing.T, settings ...setting) (made *world, refused map[string]bool) {
	t.Helper()
	made, refused = w.copy(t), map[string]bool{}
	made.odd = true
	in := testdb.Value[string](made.db, `SELECT current_database()`)
	conn := made.db.Connect(made.db.Superuser())
	for _, s := range settings {
		if _, err := conn.Exec(t.Context(), fmt.Sprintf(`ALTER ROLE %s IN DATABASE %s SET %s = '%s'`, schema.Server, in, s.name, s.value)); err != nil {
			refused[s.name] = true
		}
	}
	return made, refused
}

// begin is what a server says that starts there; "" when it serves.
func (w *world) begin(t *testing.T) string {
	t.Helper()
	latest, err := schema.Latest()
	if err != nil {
		t.Fatal(err)
	}
	w.server, w.URL = w.serve(w.db.Server(), worldConfig(func(c *Config) { c.Migration = latest }))
	if err := w.server.doors.Reach(t.Context(), false); err != nil {
		return err.Error()
	}
	if err := w.server.Check(t.Context()); err != nil {
		return err.Error()
	}
	return ""
}

// What differs from run to run, whatever the surroundings: identifiers, moments, secrets. The zone of a moment stays.
var varying = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?`), "MOMENT"},
	{regexp.MustCompile(`closed-\w+`), "closed-SECRET"},
	{regexp.MustCompile(`cursor=\S+:`), "cursor=SECRET:"},
	{regexp.MustCompile(`"(access_token|refresh_token|request_id|next|slug|key|key_prefix)": ?"[^"]*"`), `"$1":"SECRET"`},
}

// answers is what the battery of calls is answered, and what stands in the database then.
func (w *world) answers() string {
	admin, artist := w.A.people["admin"], w.A.people["artist"]
	var b strings.Builder
	ask := func(r request) response {
		got, err := w.try(r, w.URL)
		if err != nil {
			got.body = err.Error()
		}
		fmt.Fprintf(&b, "%s %s: %d %s\n", r.method, r.path, got.status, got.body)
		return got
	}
	in := func(r request) request { return w.as(admin, r, w.A) }
	const odd = `{"name":"Gr\u00fcn \u6f22\u5b57 \ud83c\udfe0 'a\\b' NULL","description":"{\\x41, \"NULL\"} \\\\ -- ;","price_cents":4900}`
	ask(call("POST", "/auth/register").json(`{"username":"zoe","email":"zoe@example.com","password":"harbour-lights-and-more","name":"Zo\u00eb \u0141","tenant_name":"\u0141\u00f3d\u017a"}`))
	ask(call("POST", "/auth/login").json(`{"login":"` + admin.name + `","password":"` + password + `"}`))
	ask(call("POST", "/auth/login").json(`{"login":"` + admin.name + `","password":"wrong-password"}`))
	ask(call("POST", "/auth/password/forgot").json(`{"email":"` + admin.name + `@example.com"}`))
	made := ask(in(call("POST", "/items")).json(odd).with("Idempotency-Key", "once"))
	ask(in(call("POST", "/items")).json(odd).with("Idempotency-Key", "once"))
	at := "/items/" + w.A.own.UUID()
	ask(in(call("GET", at)))
	ask(in(call("PATCH", at)).json(`{"description":"caf\u00e9","price_cents":7}`))
	ask(in(call("PATCH", at)).json(`{"price_cents":8}`).with("If-Match", `"1.stale"`))
	ask(in(call("POST", "/items")).json(`{"name":"","price_cents":0}`))
	ask(w.importAs(admin, w.A, rest.NDJSON, odd+"\n"))
	ask(in(call("GET", "/items?sort=name&count=true&page_size=2")))
	ask(in(call("GET", "/items?sort=-price_cents&q=gr%C3%BC&page_size=1")))
	page := struct{ Page struct{ Next *string } }{}
	_ = json.Unmarshal([]byte(ask(in(call("GET", "/items?page_size=1"))).body), &page)
	if page.Page.Next != nil {
		ask(in(call("GET", "/items?page_size=1&cursor="+*page.Page.Next)))
	}
	ask(in(call("GET", "/items/export").with("Accept", "text/csv")))
	ask(in(call("GET", "/items/export").with("Accept", "application/x-ndjson")))
	ask(w.as(admin, call("PATCH", "/users/"+w.userID(w.A, artist).String()), w.A).json(`{"birthdate":"1990-02-03","name":"\u00c9mile","email_privacy":"public"}`))
	ask(in(call("GET", "/users?sort=name")))
	ask(in(call("POST", "/roles")).json(`{"name":"\u00c9quipe","permissions":["items:read","teams:write"]}`))
	ask(in(call("POST", "/teams")).json(`{"name":"\u00c9quipe"}`))
	ask(in(call("POST", "/api-keys")).json(`{"name":"k","expires_in_days":30,"scopes":["items:read"]}`))
	ask(in(call("POST", "/invitations")).json(`{"email":"new@example.com","role":"member"}`))
	ask(w.as(admin, call("GET", "/me")))
	ask(w.as(admin, call("GET", "/me/tenants")))
	ask(in(call("GET", "/audit-events?action=item.update")))
	ask(w.as(w.nobody, call("GET", "/items"), w.A))
	if made.status == 201 {
		ask(in(call("DELETE", made.header.Get("Location")[len(rest.Base):])))
	}
	ask(w.as(w.both, call("DELETE", "/me")))
	w.server.Noted() // that a tenant was refused, whose request has ended: the later ones came over the same connection
	for _, sql := range []string{
		`SELECT coalesce(string_agg(concat_ws(' | ', name, description, price_cents), E'\n' ORDER BY name, price_cents), '') FROM items`,
		`SELECT coalesce(string_agg(concat_ws(' | ', username, email, name, is_active), E'\n' ORDER BY username), '') FROM accounts`,
		`SELECT coalesce(string_agg(concat_ws(' | ', action, entity_type, before, after), E'\n' ORDER BY action, entity_type, before::text, after::text), '') FROM audit_events`,
		`SELECT coalesce(string_agg(concat_ws(' | ', action, reason), E'\n' ORDER BY action, reason), '') FROM account_events`,
		`SELECT coalesce(string_agg(concat_ws(' | ', username, birthdate, is_active), E'\n' ORDER BY username), '') FROM users`,
	} {
		b.WriteString(testdb.Value[string](w.db, sql) + "\n")
	}
	text := b.String()
	for _, v := range varying {
		text = v.what.ReplaceAllString(text, v.by)
	}
	return text
}

func differing(want, got string) string {
	return cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
}

// Whatever a login, a database or a server has a setting at, the answers are the same, or the start is refused in one sentence, or it is a
// choice of the operator's that docs/surroundings.md names. The table there lists every setting.
func TestSurroundingsGolden(t *testing.T) {
	t.Parallel()
	rows := newRows(t)
	all := settable(t, testdb.New(t))
	usual, _ := rows.surrounded(t)
	if fault := usual.begin(t); fault != "" {
		t.Fatal(fault)
	}
	want := usual.answers()
	again, _ := rows.surrounded(t)
	if fault := again.begin(t); fault != "" {
		t.Fatal(fault)
	}
	if diff := differing(want, again.answers()); diff != "" {
		t.Fatalf("the battery is not the same twice:\n%s", diff)
	}

	outcomes := map[string]string{}
	var quiet []setting
	for _, s := range all {
		switch s.name {
		case "default_transaction_read_only", "local_preload_libraries", "session_preload_libraries", "session_replication_role", "plpgsql.variable_conflict":
			continue
		}
		quiet = append(quiet, s)
	}
	// The whole at once, and only where that is not the same, its halves, to name the one that it is.
	var try func([]setting)
	try = func(some []setting) {
		w, refused := rows.surrounded(t, some...)
		fault := w.begin(t)
		var got string
		if fault == "" {
			got = w.answers()
		}
		switch {
		case fault == "" && got == want:
			for _, s := range some {
				outcomes[s.name] = "harmless"
				if value, ok := schema.Settings[s.name]; ok {
					outcomes[s.name] = "set by us to `" + value + "`"
				}
				if refused[s.name] {
					outcomes[s.name] = "no login can have it"
				}
			}
		case len(some) == 1:
			outcomes[some[0].name] = "?"
			t.Errorf("%s = %s: %s%s", some[0].name, some[0].value, fault, differing(want, got))
		default:
			try(some[:len(some)/2])
			try(some[len(some)/2:])
		}
	}
	try(quiet)
	for _, s := range all {
		switch {
		case outcomes[s.name] != "":
		case s.name == "default_transaction_read_only":
			w, _ := rows.surrounded(t, s)
			if fault := w.begin(t); fault != "" {
				t.Errorf("%s: %s", s.name, fault)
			}
			w.want(w.as(w.A.people["admin"], call("GET", "/items"), w.A), 200)
			w.want(w.as(w.A.people["admin"], call("POST", "/items"), w.A).json(`{"name":"n","price_cents":1}`), 503, "unavailable")
		default:
			w, _ := rows.surrounded(t, s)
			fault := w.begin(t)
			if fault == "" || strings.Contains(fault, "\n") {
				t.Errorf("%s = %s: the start says %q, want one sentence", s.name, s.value, fault)
			}
			if i := strings.Index(fault, s.name+" is "); i >= 0 {
				fault = fault[i:]
			} else if i := strings.Index(fault, "FATAL: "); i >= 0 {
				fault = fault[i:]
			}
			outcomes[s.name] = "refused: " + strings.ReplaceAll(fault, "|", "")
		}
		if yours, ok := operators[s.name]; ok {
			outcomes[s.name] = yours
		}
	}

	const path = "../docs/surroundings.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, table, _ := strings.Cut(string(page), tableHead)
	lines := map[string]string{} // those of settings that this PostgreSQL does not have stay as they are
	for line := range strings.Lines(table) {
		lines[strings.Trim(strings.Split(line, "|")[1], " `")] = line
	}
	for _, s := range all {
		if strings.HasSuffix(lines[s.name], "| "+outcomes[s.name]+" |\n") {
			continue // another version may have had to try another value
		}
		lines[s.name] = fmt.Sprintf("| `%s` | `%s` | %s |\n", s.name, s.value, outcomes[s.name])
	}
	for name, value := range schema.Settings {
		if lines[name] == "" {
			t.Errorf("Settings has %s = %s, which is no setting", name, value)
		}
	}
	names := slices.SortedFunc(maps.Keys(lines), func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	made := head + tableHead
	for _, name := range names {
		made += lines[name]
	}
	if *update {
		if err := os.WriteFile(path, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(page), made); diff != "" {
		t.Errorf("not what %s says; make golden writes it anew (-page +now):\n%s", path, diff)
	}
}

const tableHead = "| setting | tried with | what becomes of it |\n|---|---|---|\n"
