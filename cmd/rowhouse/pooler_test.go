//go:build !worker

package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// pooledEnv is an environment that leads through a pooler, with what the URLs end with.
func pooledEnv(p *testdb.Pooler, d *testdb.Database, query string) vars {
	return serving(p.Through(d, schema.Server)+query).with("DATABASE_MIGRATION_URL", p.Through(d, schema.Owner))
}

// Whatever connects refuses each mode of the driver in which a statement may be answered with another's results, or is not what was written: in one sentence,
// in which the right mode stands.
func TestStartRefusesModes(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	for _, mode := range []string{"describe_exec", "exec", "simple_protocol"} {
		query := "&default_query_exec_mode=" + mode
		env := serving(d.Server()+query).with("DATABASE_MIGRATION_URL", d.Owner()+query)
		for variable, commands := range map[string][][]string{
			"DATABASE_URL":           {{"serve"}, {"worker"}, {"account", "show", "ann"}},
			"DATABASE_MIGRATION_URL": {{"migrate", "status"}},
		} {
			for _, args := range commands {
				got := refuses(t, env, args...)
				want := variable + ": default_query_exec_mode=" + mode + " "
				if !strings.Contains(got, want) || !strings.Contains(got, "write default_query_exec_mode=cache_describe") || strings.Contains(got, "\n") {
					t.Errorf("%s: got\n%s\nwant %s", args[0], got, want)
				}
			}
		}
	}
}

// Behind a pooler that shares sessions, what cannot work is refused at the start: prepared statements that are not kept apart, settings that a session does
// not begin with, each with the statement that mends it, and all that needs a session of its own. What is left is served.
func TestStartBehindSharedSessions(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 5} {
		d := testdb.New(t)
		pool := testdb.NewPooler(t, d.Server(), "transaction", size)
		refused := func(env vars, want string, args ...string) {
			t.Helper()
			lines := strings.Split(refuses(t, env, args...), "\n")
			if got := lines[len(lines)-1]; !strings.HasPrefix(got, "rowhouse: "+want) {
				t.Errorf("%s: got\n%s\nwant %s", args[0], got, want)
			}
		}
		plain, described := pooledEnv(pool, d, ""), pooledEnv(pool, d, "&default_query_exec_mode=cache_describe")
		if !pool.KeepsNames() {
			const want = "DATABASE_URL: a pooler shares the session and does not keep prepared statements apart: add default_query_exec_mode=cache_describe, "
			refused(plain, "not serving: "+want, "serve")
			refused(plain, want, "account", "show", "ann")
		}
		refused(plain, "not working: DATABASE_URL: a pooler shares the session, and what is done here needs one of its own", "worker")
		refused(plain, "DATABASE_MIGRATION_URL: a pooler shares the session, and what is done here needs one of its own", "migrate", "up")

		got := refuses(t, described, "serve")
		mends := regexp.MustCompile(`ALTER ROLE … SET .*`).FindAllString(got, -1)
		if len(mends) == 0 || len(mends) != strings.Count(got, "\n")+1 {
			t.Errorf("of settings: got\n%s", got)
		}
		for _, mend := range mends {
			d.Exec(strings.Replace(mend, "…", fmt.Sprintf("%s IN DATABASE %s", schema.Server, testdb.Value[string](d, `SELECT current_database()`)), 1))
		}
		pool.Tell("RECONNECT")
		refused(described, "not working: DATABASE_URL: a pooler shares the session, and what is done here needs one of its own", "worker")
		envs := []vars{described}
		if pool.KeepsNames() {
			envs = append(envs, plain)
		}
		for _, env := range envs {
			p := start(t, env, "serve")
			for range 3 {
				answer, err := http.Get("http://" + p.address() + "/readyz")
				if err != nil {
					t.Fatal(err)
				}
				if _ = answer.Body.Close(); answer.StatusCode != http.StatusOK {
					t.Errorf("readyz: %d\n%s", answer.StatusCode, p.said())
				}
			}
		}
	}
}

// A pooler that shares sessions statement by statement is refused, whatever is to be done through it.
func TestStartBehindSharedStatements(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	pool := testdb.NewPooler(t, d.Server(), "statement", 3)
	env := pooledEnv(pool, d, "&default_query_exec_mode=cache_describe")
	for _, args := range [][]string{{"serve"}, {"worker"}, {"migrate", "up"}} {
		if got := refuses(t, env, args...); !strings.Contains(got, "allows no transactions: give its pool_mode the value session, or transaction") || strings.Contains(got, "\n") {
			t.Errorf("%s: got\n%s", args[0], got)
		}
	}
}

// Behind a pooler that gives each client a session everything works as it stands, also with the last session that there is.
func TestStartBehindOwnSessions(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	pool := testdb.NewPooler(t, d.Server(), "session", 20)
	env := pooledEnv(pool, d, "&pool_max_conns=4")
	run(t, env, "migrate", "up")
	start(t, env, "worker").await(`"msg":"working"`)
	start(t, env, "serve").address()

	one := testdb.NewPooler(t, d.Server(), "session", 1)
	start(t, pooledEnv(one, d, "&pool_max_conns=1"), "serve").address()
}
