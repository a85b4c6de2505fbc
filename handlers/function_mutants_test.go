package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// A functionMutant is a function of the schema with one thing of it changed, as cmd/prove makes it; without a change, written anew.
type functionMutant struct {
	Function, File string
	Line           int
	Change, SQL    string
}

func (m *functionMutant) String() string { return m.Function + ": " + m.Change }

// functionMutants are made by the command, whose parser this test does without.
func functionMutants(t *testing.T) (all []functionMutant) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "run", "./cmd/prove", "-mutants")
	command.Dir = ".."
	text, err := command.Output()
	if err != nil {
		var said *exec.ExitError
		if errors.As(err, &said) {
			t.Logf("%s", said.Stderr)
		}
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// A trial is what somebody does at a door, or to a row that fires a trigger.
type trial struct {
	name  string
	scene string   // what is otherwise than in the world; no trigger sees it
	held  string   // what another transaction does meanwhile, and has not committed
	calls []string // what the server says, in one transaction
	begin string   // of that transaction, where it is of another kind
	rows  bool     // ask another transaction, too, which rows are locked
}

// A stage is a database of the world, on which trials are made one after the other, each undone.
type stage struct {
	*world
	names        map[string]bool // ids that were there before
	conn, beside *pgx.Conn
	before       map[string]map[string]int // the world's rows, by table
	now          time.Time                 // of the transaction
	refusing     string                    // what was being called when the last trial was refused
}

// Tables whose rows may be locked, and what a row is told by.
var lockable = []string{"accounts", "api_keys", "quotas", "sessions", "tenants", "users"}

// newStage is one on which row-level security binds nobody: what a function does is all that keeps tenants apart.
func (w *world) newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{world: w.copy(t), names: map[string]bool{}, before: map[string]map[string]int{}}
	s.db.Exec(testdb.Value[string](s.db, `
		SELECT string_agg(format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', tablename), ';') FROM pg_tables WHERE schemaname = 'public'`))
	settings := "&options=-c%20track_functions%3Dall%20-c%20TimeZone%3DUTC%20-c%20synchronous_commit%3Don"
	s.conn, s.beside = s.db.Connect(s.db.Superuser()+settings), s.db.Connect(s.db.Superuser()+settings)
	for _, table := range s.must(t, `SELECT tablename FROM pg_tables WHERE schemaname = 'public' OR tablename = 'river_job'`) {
		s.before[table] = s.contents(t, table)
		for row := range s.before[table] {
			for _, id := range uuids.FindAllString(row, -1) {
				s.names[id] = true
			}
		}
	}
	return s
}

// say sends statements, and returns the rows that they answer, a line each.
func (s *stage) say(statements string) (lines []string, err error) {
	results, err := s.conn.PgConn().Exec(context.Background(), statements).ReadAll()
	for _, result := range results {
		for _, row := range result.Rows {
			var cells []string
			for _, cell := range row {
				cells = append(cells, string(cell))
			}
			if line := strings.Join(cells, " | "); strings.Trim(line, " |") != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines, err
}

// must is say of what cannot fail.
func (s *stage) must(t *testing.T, statements string) []string {
	t.Helper()
	lines, err := s.say(statements)
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return lines
}

// contents is how often there is each row of a table.
func (s *stage) contents(t *testing.T, table string) map[string]int {
	t.Helper()
	all := map[string]int{}
	shown, from := "t::text", table
	switch table {
	case "jobs": // whose number in the queue is another each time
		shown = "(to_jsonb(t) - 'queued_as')::text"
	case "river_job":
		shown, from = "(kind, state, attempt, priority, args, scheduled_at)::text", "river.river_job"
	}
	for _, row := range s.must(t, `SELECT `+shown+` FROM `+from+` t`) {
		all[table+": "+row]++
	}
	return all
}

// written is how many rows of each table this transaction has written, undone or not.
const written = `SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY relname`

// try makes a trial and says all that came of it; what is undone is everything.
func (s *stage) try(t *testing.T, tr *trial) (said []string) {
	t.Helper()
	wrote, err := s.say(`SAVEPOINT trial; SET LOCAL session_replication_role = replica; ` + tr.scene + `; SET LOCAL session_replication_role = origin; ` + written + `;
		SET LOCAL SESSION AUTHORIZATION ` + schema.Server)
	if err != nil {
		t.Errorf("%s: %s: %v", tr.name, tr.scene, err)
		s.must(t, `ROLLBACK TO trial`)
		return nil
	}
	if tr.held != "" {
		if _, err := s.beside.Exec(t.Context(), `BEGIN; `+tr.held); err != nil {
			t.Fatalf("%s: %v", tr.held, err)
		}
		s.must(t, `SET LOCAL lock_timeout = 200`) // who waits for it waits for ever
	}
	lines, err := s.say(strings.Join(tr.calls, ";\n") + `;
		SELECT 'tenant: ' || current_setting('app.tenant_id', true);
		SELECT 'caller: ' || current_setting('app.caller', true);
		SELECT 'waits for no disk' WHERE current_setting('synchronous_commit') = 'off'`)
	said, s.refusing = append(said, lines...), ""
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		s.refusing = refused.Where
		said = append(said, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", refused.Code, refused.Message, refused.TableName, refused.Detail)))
	case err != nil:
		t.Fatalf("%s: %v", tr.name, err)
	default:
		said = append(said, s.must(t, `SET LOCAL role = none; SET LOCAL SESSION AUTHORIZATION DEFAULT;
			SELECT count(*) || ' advisory ' || mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() GROUP BY mode ORDER BY mode`)...)
		if tr.rows {
			said = append(said, s.locked(t)...)
		}
		var changed []string
		for _, table := range s.must(t, written) {
			if slices.Contains(wrote, table) {
				continue
			}
			table, _, _ = strings.Cut(table, " | ")
			said = append(said, "writes "+table)
			before, after := s.before[table], s.contents(t, table)
			for row, n := range after {
				for range n - before[row] {
					changed = append(changed, "+ "+row)
				}
			}
			for row, n := range before {
				for range n - after[row] {
					changed = append(changed, "- "+row)
				}
			}
		}
		for i := range changed {
			changed[i] = s.constant(changed[i])
		}
		slices.Sort(changed)
		said = append(said, changed...)
	}
	if tr.held != "" {
		if _, err := s.beside.Exec(t.Context(), `ROLLBACK`); err != nil {
			t.Fatal(err)
		}
	}
	s.must(t, `ROLLBACK TO trial`)
	for i := range said {
		said[i] = s.constant(said[i])
	}
	return said
}

// locked are the rows that another transaction could not lock, by how.
func (s *stage) locked(t *testing.T) (lines []string) {
	t.Helper()
	for _, table := range lockable {
		for _, strength := range []string{"UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"} {
			var ids []string
			err := s.beside.QueryRow(t.Context(), `
				WITH free AS MATERIALIZED (SELECT ctid AS row FROM `+table+` FOR `+strength+` SKIP LOCKED)
				SELECT array_agg(id::text ORDER BY id) FROM `+table+` WHERE ctid NOT IN (SELECT row FROM free)`).Scan(&ids)
			if err != nil {
				t.Fatal(err)
			}
			if len(ids) > 0 {
				lines = append(lines, fmt.Sprintf("%s: %v not for %s", table, ids, strength))
			}
		}
	}
	return lines
}

var instants = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?\+00(:00)?`)

// constant is a text without what differs from run to run: new ids, and times that are so much from now.
func (s *stage) constant(text string) string {
	text = uuids.ReplaceAllStringFunc(text, func(id string) string {
		if s.names[id] || strings.HasPrefix(id, "00000000") {
			return id
		}
		return "new"
	})
	return instants.ReplaceAllStringFunc(text, func(at string) string {
		when, err := time.Parse("2006-01-02 15:04:05-07", strings.TrimSuffix(strings.Replace(at, "T", " ", 1), ":00"))
		switch from := when.Sub(s.now); {
		case err == nil && from%time.Second == 0:
			return fmt.Sprintf("now%+ds", int(from.Seconds()))
		case err == nil && from > 0 && from < time.Hour: // of the clock, not of the transaction, which trials share
			return "about now"
		}
		return at
	})
}

// with makes trials in a transaction that has first said something, and undoes it. It ends with the first that is not as it was.
func (s *stage) with(t *testing.T, statements string, all []*trial, until func(*trial, []string) bool) error {
	t.Helper()
	begun := ""
	defer func() { s.must(t, `ROLLBACK`) }()
	for _, tr := range all {
		if begin := "BEGIN " + tr.begin; begin != begun {
			s.must(t, `ROLLBACK`)
			now := s.must(t, begin+`; SELECT now()`)
			var err error
			if s.now, err = time.Parse("2006-01-02 15:04:05-07", now[0]); err != nil {
				t.Fatal(err)
			}
			if _, err := s.say(statements); err != nil {
				return err
			}
			begun = begin
		}
		if until(tr, s.try(t, tr)) {
			break
		}
	}
	return nil
}

var functionIn = regexp.MustCompile(`function "?(\w+)`)

// called is how often each function has been called in this transaction, as far as PostgreSQL counts it: those that return. Of those
// that do not the refusal tells.
func (s *stage) called(t *testing.T) map[string]string {
	t.Helper()
	calls := map[string]string{}
	for _, line := range s.must(t, `SELECT funcname, calls FROM pg_stat_xact_user_functions`) {
		name, n, _ := strings.Cut(line, " | ")
		calls[name] = n
	}
	return calls
}

// Each condition, join, value and lock of the functions that do more than their callers may, and of those that the database or a caller's
// permission goes by, is needed: without any one of them somebody is let in, told, written or kept waiting otherwise. Row-level security
// binds nobody meanwhile, and what the functions do is told by the settings that they leave, the refusals, the rows and the locks.
func TestFunctionMutants(t *testing.T) { //nolint:tparallel // the outer subtest waits for the parallel ones, to sum them up
	t.Parallel()
	all := functionMutants(t)
	for _, p := range plantedMutants {
		i := slices.IndexFunc(all, func(m functionMutant) bool {
			return m.Function == p.function && m.Change == "" && strings.Contains(m.SQL, p.old)
		})
		if i < 0 {
			t.Fatalf("%s does not say %q", p.function, p.old)
		}
		m := all[i]
		m.Change, m.SQL = p.new, strings.Replace(m.SQL, p.old, p.new, 1)
		all = append(all, m)
	}
	w := newRows(t)
	w.populate()
	trials := w.trials()
	workers := runtime.GOMAXPROCS(0)
	var stages []*stage
	for range workers {
		stages = append(stages, w.newStage(t))
	}

	// What is so with the functions as they are, and which trials each is called in.
	want, of := map[*trial][]string{}, map[string][]*trial{}
	first := stages[0]
	seen := map[string]string{}
	if err := first.with(t, `SELECT`, trials, func(tr *trial, said []string) bool {
		want[tr] = said
		now, here := first.called(t), map[string]bool{}
		for name, n := range now {
			here[name] = seen[name] != n
		}
		for _, named := range functionIn.FindAllStringSubmatch(first.refusing, -1) {
			here[named[1]] = true
		}
		for name, is := range here {
			if is {
				of[name] = append(of[name], tr)
			}
		}
		seen = now
		return false
	}); err != nil {
		t.Fatal(err)
	}
	for name, called := range of { // first those that call it by name, and tell it soonest
		direct := map[*trial]int{}
		for _, tr := range called {
			direct[tr] = strings.Count(strings.Join(tr.calls, ""), " "+name+"(")
		}
		slices.SortStableFunc(called, func(a, b *trial) int { return cmp.Or(strings.Compare(a.begin, b.begin), direct[b]-direct[a]) })
	}

	verdicts := make([]string, len(all))
	step := 1
	if !*whole {
		step = 12
	}
	t.Run("mutants", func(t *testing.T) {
		for n, s := range stages {
			t.Run(strconv.Itoa(n), func(t *testing.T) {
				t.Parallel()
				for i := n * step; i < len(all); i += len(stages) * step {
					verdicts[i] = s.verdict(t, &all[i], trials, of[all[i].Function], want)
				}
			})
		}
	})
	var list strings.Builder
	killed, surviving, told := 0, 0, map[string]bool{}
	for i, m := range all {
		switch verdict := verdicts[i]; {
		case m.Change == "" || verdict == "":
			continue
		case strings.HasPrefix(verdict, "killed"):
			killed++
		default:
			surviving++
		}
		fmt.Fprintf(&list, "%s:%d: %s: %s\n    %s\n", m.File, m.Line, m.Function, m.Change, fleeting.ReplaceAllString(instants.ReplaceAllString(uuids.ReplaceAllString(verdicts[i], "…"), "…"), "…"))
		told[m.String()] = true
	}
	for _, name := range exampleMutants {
		if step == 1 && (!told[name] || functionSurvivors[name] != "") {
			t.Errorf("%s is not among those that are noticed", name)
		}
	}
	for name := range functionSurvivors {
		if step == 1 && !told[name] {
			t.Errorf("%s is said to survive, and there is no such mutant", name)
		}
	}
	if step > 1 || t.Failed() {
		return
	}
	if err := os.WriteFile("testdata/function_mutants.txt", []byte(list.String()), 0o644); err != nil { // a report, like docs/isolation.md
		t.Fatal(err)
	}
	t.Attr("function_mutants", strconv.Itoa(killed+surviving))
	t.Attr("function_mutants_killed", strconv.Itoa(killed))
	t.Attr("function_mutants_surviving", strconv.Itoa(surviving))
}

// verdict makes the trials of a function with a mutant in its place.
func (s *stage) verdict(t *testing.T, m *functionMutant, all, called []*trial, want map[*trial][]string) (verdict string) {
	t.Helper()
	if called == nil { // PostgreSQL does not count it where it is part of a query
		called = all
	}
	difference := ""
	err := s.with(t, m.SQL, called, func(tr *trial, said []string) bool {
		for i := range max(len(said), len(want[tr])) {
			was, is := "nothing", "nothing"
			if i < len(want[tr]) {
				was = want[tr][i]
			}
			if i < len(said) {
				is = said[i]
			}
			if was != is {
				difference = fmt.Sprintf("%s: %s, not %s", tr.name, is, was)
				return true
			}
		}
		return false
	})
	reason := functionSurvivors[m.String()]
	switch {
	case err != nil:
		t.Errorf("%s:%d: %s: PostgreSQL does not take it: %v\n%s", m.File, m.Line, m, err, m.SQL)
	case m.Change == "" && difference != "":
		t.Errorf("%s, written anew without a change, is another: %s", m.Function, difference)
	case m.Change == "":
	case difference == "" && reason == "":
		t.Errorf("%s:%d: nothing tells it from the function as it is: %s: it needs a trial that does, or stands in functionSurvivors with the reason why there is none", m.File, m.Line, m)
		return "survives"
	case difference != "" && reason != "":
		t.Errorf("%s is said to survive, and does not: %s", m, difference)
	case difference == "":
		return "survives: " + reason
	}
	return "killed: " + difference
}

// plantedMutants are of kinds that cmd/prove does not make: what is added to a function, not taken from it.
var plantedMutants = []struct{ function, old, new string }{
	{"enter", "u.account_id = a.id", "(u.account_id = a.id OR u.email = a.email)"},
	{"enter", "p.account_id = account", "(p.account_id = account OR p.user_id = account)"},
	{"enter_key", "a.id = u.account_id", "(a.id = u.account_id OR a.email = u.email)"},
	{"key_account", "a.id = u.account_id", "(a.id = u.account_id OR a.email = u.email)"},
	{"enter", "SET last_login = login_at", "SET last_login = login_at, phone = (SELECT left(x.username, 9) FROM accounts x WHERE x.id = enter.account)"},
	{"enter_key", "SET last_used_at = now()", "SET last_used_at = now(), description = (SELECT x.email FROM accounts x JOIN users y ON y.account_id = x.id WHERE y.id = user_id LIMIT 1)"},
}

// exampleMutants are leaks that nothing noticed once: a visit good for any tenant, a key without its hash, a lock without its scope.
var exampleMutants = []string{
	"enter: without OR s.active_tenant_id IS DISTINCT FROM t.id",
	"enter_key: without AND k.hash = key_hash",
	"key_account: without AND k.hash = key_hash",
	"idempotency_claim: '' instead of COALESCE(current_tenant(), my_account()) in concat_ws",
	"hold_addresses: without || current_tenant()::text",
}

// functionSurvivors are the mutants that nothing can tell from the function, and why.
var functionSurvivors = map[string]string{
	"deliver_events: IF true instead of EXISTS (SELECT FROM public.webhooks w WHERE w.tenant_id = public.current_tenant() AND w.…": "one look less: the INSERT says again who is told",
	"deliver_events: WHERE true instead of w.tenant_id = public.current_tenant() AND w.disabled_at IS NULL":                        "likewise",
	"deliver_events: without AND w.tenant_id = public.current_tenant()":                                                            "likewise",
	"deliver_events: without AND w.disabled_at IS NULL":                                                                            "likewise",
	"hold_quota: IF true instead of tg_op = 'DELETE'":                                                                              "a row that is made has locked the tenant already, by its foreign key",
	"expire_rows: WHERE true instead of e.scope_id = COALESCE(current_tenant(), my_account())":                                     "the rows that go are held to the scope outside; fewer would go at a time",
	"expire_rows: without AND e.tenant_id = current_tenant()":                                                                      "the rows that go are held to the tenant outside; fewer would go at a time",
	"expire_rows: without AND e.tenant_id = current_tenant() (2)":                                                                  "likewise",
	"expire_rows: without FOR UPDATE":                                                                                              "the DELETE locks the same rows; who deletes beside it would be waited for",
	"expire_rows: FOR UPDATE that waits":                                                                                           "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"expire_rows: without FOR UPDATE (2)":                                                                                          "the DELETE locks the same rows; who deletes beside it would be waited for",
	"expire_rows: FOR UPDATE that waits (2)":                                                                                       "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"expire_deliveries: without FOR UPDATE":                                                                                        "the DELETE locks the same rows; who deletes beside it would be waited for",
	"expire_deliveries: FOR UPDATE that waits":                                                                                     "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"end_webhooks: without OR tg_op = 'DELETE'":                                                                                    "the foreign key takes the user from what was disabled before",
	"end_webhooks: without new in coalesce":                                                                                        "after an UPDATE nobody asks what is returned",
	"expire_deliveries: without AND e.tenant_id = current_tenant()":                                                                "the rows that go are held to the tenant outside; fewer would go at a time",
	"ask_job: without FOR UPDATE":                                                                                                  "the DELETE locks the same rows; who deletes beside it would be waited for",
	"ask_job: FOR UPDATE that waits":                                                                                               "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"expire_logins: without FOR UPDATE":                                                                                            "the DELETE locks the same rows; who deletes beside it would be waited for",
	"expire_logins: FOR UPDATE that waits":                                                                                         "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"expire_logins: without FOR UPDATE (2)":                                                                                        "the DELETE locks the same rows; who deletes beside it would be waited for",
	"expire_logins: FOR UPDATE that waits (2)":                                                                                     "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"expire_logins: without FOR UPDATE (3)":                                                                                        "the DELETE locks the same rows; who deletes beside it would be waited for",
	"expire_logins: FOR UPDATE that waits (3)":                                                                                     "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"expire_logins: without FOR UPDATE (4)":                                                                                        "the DELETE locks the same rows; who deletes beside it would be waited for",
	"expire_logins: FOR UPDATE that waits (4)":                                                                                     "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"expire_logins: without FOR UPDATE (5)":                                                                                        "the DELETE locks the same rows; who deletes beside it would be waited for",
	"expire_logins: FOR UPDATE that waits (5)":                                                                                     "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"expire_logins: without FOR UPDATE (6)":                                                                                        "the DELETE locks the same rows; who deletes beside it would be waited for",
	"expire_logins: FOR UPDATE that waits (6)":                                                                                     "only a row that another transaction holds tells it, and what trials are made of is not committed",
	"hold_quota: IF true instead of EXISTS (SELECT FROM public.quotas q WHERE q.tenant_id = public.current_tenant() AND q.su…": "one look less: the UPDATE says again whose quota it is",
	"hold_quota: WHERE true instead of q.tenant_id = public.current_tenant() AND q.subject = tg_argv[0]":                       "likewise",
	"hold_quota: without AND q.tenant_id = public.current_tenant()":                                                            "likewise",
	"hold_quota: without AND q.subject = tg_argv[0]":                                                                           "likewise",
	"hold_jobs: IF true instead of found":                                                                                      "where there is no quota the maximum is NULL, and nothing is more",
	"hold_jobs: without FOR NO KEY UPDATE":                                                                                     "only two who make jobs at once tell it, as TestQuotaOfJobs does",
	"expire_rows: without OR more":                                                                                             "it is the first: nothing went before",
	"expire_logins: without OR more":                                                                                           "it is the first: nothing went before",
	"enter_user: without AND t.created_by IS NOT NULL":                                                                         "NULL <> an id is NULL, and refuses nobody",
	"enter_user: IF true instead of reach IS DISTINCT FROM 'any'":                                                              "one look more: any is the least of any and whatever else",
	"identity_enter: without FOR SHARE":                                                                                        "it keeps others from voiding the account's proofs meanwhile, which only another transaction tells",
	"identity_enter: without FOR NO KEY UPDATE":                                                                                "likewise from ending its session",
	"identity_enter: without OR known.account_id IS DISTINCT FROM held.id":                                                     "it differs only where the identity was linked anew between two of its statements",
	"note_queued: CASE without WHEN 'retryable' THEN 'retrying'":                                                               "what is to be tried again has failed, and the ELSE says of such that it is retrying",
	"deliver_events: without AND n.before IS NOT NULL":                                                                         "an event of one row with neither before nor after has no version",
	"identity_event: WHEN true instead of tg_op <> 'INSERT'":                                                                   "in an INSERT OLD is a row of NULLs",
	"identity_event: WHEN true instead of tg_op <> 'DELETE'":                                                                   "in a DELETE NEW is a row of NULLs",
	"confer: without AND tg_op = 'UPDATE'":                                                                                     "in an INSERT there is no OLD, and so is none that is active",
	"end_passes: IF true instead of tg_argv[0] = 'permissions'":                                                                "it is the last of the five tables whose triggers execute it",
	"enter: without OR user_id IS NULL":                                                                                        "who is no user has no role, and so not the reach any, which is asked next",
	"enter: NOT user_id IS NULL":                                                                                               "one look more for a user: what is asked within decides the same; for nobody the reach is asked next",
	"enter: IF true instead of user_id IS NULL OR reach IS DISTINCT FROM 'any' OR unproven OR held OR login_at IS NOT NULL":    "one look more for everybody: what is asked within decides the same",
	"enter: without AND t.created_by IS NOT NULL":                                                                              "NULL <> an id is NULL, and refuses nobody",
	"enter_key: without AND t.created_by IS NOT NULL":                                                                          "NULL <> an id is NULL, and refuses nobody",
	"enter: without AND user_id IS NOT NULL (2)":                                                                               "no row has the id NULL",
	"enter_key: IF true instead of reach IS DISTINCT FROM 'any'":                                                               "one look more: any is the least of any and whatever else",
	"hold_addresses: WHERE true instead of address IS NOT NULL":                                                                "the key of NULL is NULL, and takes no lock",
	"items_audit: IF true instead of NOT found":                                                                                "what stands within writes nothing of a hundred rows or fewer",
	"key_account: without PERFORM set_config('app.tenant_id', tenant::text, true)":                                             "it compares the tenant itself; row-level security, which binds nobody here, would show it no key at all",
	"rate_limit_give: without FOR NO KEY UPDATE":                                                                               "the UPDATE locks the same rows; in the other order two could wait for each other, and one of them is asked again",
}
