package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/term"

	"rowhouse/auth"
	"rowhouse/localpg"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// password is one that must not be repeated.
const password = "Correct horse " + canary

// feed starts a command with what it reads.
func feed(t *testing.T, env vars, input string, args ...string) *process {
	t.Helper()
	return startAs(t, func(cmd *exec.Cmd) { cmd.Stdin = strings.NewReader(input) }, env, args...)
}

// created is what a command that makes something prints of it, by name.
func created(t *testing.T, env vars, input string, args ...string) vars {
	t.Helper()
	p := feed(t, env, input, args...)
	if state := p.wait(); !state.Success() {
		t.Fatalf("rowhouse %s: %v", strings.Join(args, " "), state)
	}
	return printed(t, p.said())
}

func printed(t *testing.T, text string) vars {
	t.Helper()
	values := vars{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			t.Fatalf("%q is not a name and a value", line)
		}
		values[name] = value
	}
	return values
}

// operator is the environment of the commands: the database, and nothing else.
func operator(d *testdb.Database) vars { return vars{"DATABASE_URL": d.Server()} }

// client talks to a server as one account.
type client struct {
	t          *testing.T
	api, token string
}

// enter logs somebody in.
func enter(t *testing.T, address, login string) *client {
	t.Helper()
	c := &client{t: t, api: "http://" + address + "/api/v1"}
	body := c.ask(http.StatusOK, "/auth/login", `{"login":"`+login+`","password":"`+password+`"}`)
	c.token = regexp.MustCompile(`"access_token":"([^"]*)"`).FindStringSubmatch(body)[1]
	return c
}

// ask is the body of the answer, which has the wanted status. A request with a body is a POST; tenant is optional.
func (c *client) ask(want int, path, body string, tenant ...string) string {
	c.t.Helper()
	line := "curl " + c.api + path + ` -H "Authorization: Bearer $TOKEN"`
	if c.token == "" {
		line = "curl " + c.api + path
	}
	for _, id := range tenant {
		line += " -H 'X-Tenant-Id: " + id + "'"
	}
	if body != "" {
		line += " -H 'Content-Type: application/json' -d '" + body + "'"
	}
	status, answer := curl(c.t, line, c.token)
	if status != want {
		c.t.Fatalf("%s: got %d %s, want %d", path, status, answer, want)
	}
	return answer
}

// While the server runs, the operator makes an account, which can log in, and a tenant, which it can enter as its admin; the
// tenant's log says so. A superuser visits that tenant.
func TestOperator(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	env := operator(d)
	server := start(t, serving(d.Server()).with("LOG_LEVEL", "debug"), "serve")
	address := server.address()

	account := created(t, env, password+"\n", "account", "create", "--email", " Ada@Example.com", "--name", "Ada King")
	want := vars{"id": "account-" + testdb.Value[string](d, `SELECT id::text FROM accounts`), "username": "ada", "email": "ada@example.com"}
	if diff := cmp.Diff(want, account); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	ada := enter(t, address, "ADA@example.com")
	me := ada.ask(http.StatusOK, "/me", "")
	for _, part := range []string{`"email_verified":true`, `"name":"Ada King"`, `"is_staff":false`, `"is_superuser":false`} {
		if !strings.Contains(me, part) {
			t.Errorf("no %s in %s", part, me)
		}
	}

	for _, c := range []struct{ admin, slug, wantSlug string }{{"ADA", "", `^analytical-engines-[a-z2-7]{8}$`}, {"Ada@example.com", "engines", `^engines$`}} {
		args := []string{"tenant", "create", "--name", " Analytical Engines ", "--admin", c.admin}
		if c.slug != "" {
			args = append(args, "--slug", c.slug)
		}
		tenant := created(t, env, "", args...)
		if !regexp.MustCompile(c.wantSlug).MatchString(tenant["slug"]) {
			t.Errorf("the slug is %s, want %s", tenant["slug"], c.wantSlug)
		}
		id := strings.TrimPrefix(tenant["id"], "tenant-")
		want := vars{
			"id": "tenant-" + id, "name": "Analytical Engines", "slug": tenant["slug"],
			"admin": "user-" + testdb.Value[string](d, `SELECT id::text FROM users WHERE tenant_id::text = $1 AND role = 'admin'`, id),
		}
		if diff := cmp.Diff(want, tenant); diff != "" {
			t.Errorf("tenant (-want +got):\n%s", diff)
		}
		if got := ada.ask(http.StatusOK, "/users/"+tenant["admin"], "", tenant["id"]); !strings.Contains(got, `"role":"admin"`) {
			t.Errorf("got %s", got)
		}
		if got := ada.ask(http.StatusOK, "/audit-events?entity_type=tenant", "", tenant["id"]); !strings.Contains(got, `"action":"tenant.create"`) {
			t.Errorf("no tenant.create in %s", got)
		}
		if got := testdb.Value[string](d, `SELECT created_by::text FROM tenants WHERE id::text = $1`, id); "account-"+got != account["id"] {
			t.Errorf("the tenant is made by %s", got)
		}
	}

	created(t, env, password+"\n", "account", "create", "--email", "root@example.com", "--superuser")
	root := enter(t, address, "root")
	tenant := "tenant-" + testdb.Value[string](d, `SELECT id::text FROM tenants WHERE slug = 'engines'`)
	root.ask(http.StatusForbidden, "/tenant", "", tenant)
	root.ask(http.StatusOK, "/auth/switch-tenant", `{"tenant_id":"`+tenant+`","reason":"To look"}`)
	ada.ask(http.StatusForbidden, "/auth/switch-tenant", `{"tenant_id":"tenant-0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f","reason":"To look"}`)

	server.signal(syscall.SIGTERM)
	server.wait()
	if strings.Contains(server.said(), canary) {
		t.Error("the password is in the server's log")
	}
}

// Each flag of account create is that field of the account, and no other; without a password there is none.
func TestAccountCreate(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	for _, c := range []struct {
		args  string
		input string
		want  string // username, email, name, proven, staff, superuser, password
	}{
		{"--email ann@example.com", password + "\n", "ann ann@example.com - true false false true"},
		{"--email Ben@Example.com --username Benny --name Ben", password, "benny ben@example.com Ben true false false true"},
		{"--email cy@example.com --staff", password + "\r\nmore\n", `user-[a-z2-7]{6} cy@example.com - true true false true`},
		{"--email dee@example.com --superuser", "\n", "dee dee@example.com - true false true false"},
		{"--email eve@example.com --unproven", password + "\n", "eve eve@example.com - false false false true"},
		{"--email ann@example.org", password + "\n", `ann-[a-z2-7]{6} ann@example.org - true false false true`},
	} {
		p := feed(t, operator(d), c.input, append([]string{"account", "create"}, strings.Fields(c.args)...)...)
		if state := p.wait(); !state.Success() {
			t.Fatalf("%s: %v", c.args, state)
		}
		made := printed(t, p.said())
		got := testdb.Value[string](d, `
			SELECT concat_ws(' ', username, email, coalesce(name, '-'), (email_verified_at IS NOT NULL)::text, is_staff::text, is_superuser::text, (password_hash IS NOT NULL)::text)
			  FROM accounts
			 WHERE 'account-' || id = $1 AND username = $2 AND email = $3`, made["id"], made["username"], made["email"])
		if !regexp.MustCompile("^" + c.want + "$").MatchString(got) {
			t.Errorf("%s: got %s, want %s", c.args, got, c.want)
		}
		if strings.Contains(p.said(), canary) {
			t.Errorf("%s: the password is in\n%s", c.args, p.said())
		}
	}
	if got, want := testdb.Value[int](d, `SELECT count(*) FROM account_events WHERE action = 'account.create' AND after ? 'email'`), 6; got != want {
		t.Errorf("%d events say account.create, want %d", got, want)
	}
}

// An account that nobody has proven yet may enter the tenant that the operator makes for it.
func TestTenantCreateUnproven(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	created(t, operator(d), password+"\n", "account", "create", "--email", "eve@example.com", "--unproven")
	tenant := created(t, operator(d), "", "tenant", "create", "--name", "Orchard", "--admin", "eve")
	eve := enter(t, start(t, serving(d.Server()), "serve").address(), "eve")
	eve.ask(http.StatusOK, "/tenant", "", tenant["id"])
}

// What is wrong is said in one line, in the operator's words, and then nothing is made.
func TestOperatorRefuses(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	env := operator(d)
	created(t, env, "\n", "account", "create", "--email", "ann@example.com", "--username", "ann")
	created(t, env, "\n", "account", "create", "--email", "gone@example.com")
	d.Exec(`UPDATE accounts SET is_active = false WHERE username = 'gone'`)
	created(t, env, "", "tenant", "create", "--name", "Orchard", "--admin", "ann", "--slug", "orchard")
	const accounts, tenants = 2, 1

	long := strings.Repeat("n", 121)
	account := func(more ...string) []string {
		return append([]string{"account", "create", "--email", "bob@example.com"}, more...)
	}
	tenant := func(more ...string) []string {
		return append([]string{"tenant", "create", "--name", "Meadow", "--admin", "ann"}, more...)
	}
	nobody := "there is no active account %s; rowhouse account create makes one"
	for _, c := range []struct {
		args  []string
		input string
		want  string
	}{
		{account("--email", "ANN@example.com"), "\n", "--email: there is an account with this e-mail"},
		{account("--username", "Ann"), "\n", "--username: another account has it"},
		{account("--email", "bob"), "\n", "--email: not an e-mail address such as ada@example.com"},
		{account("--email", ""), "\n", "--email: not an e-mail address such as ada@example.com"},
		{account("--username", "b b"), "\n", "--username: 3 to 64 of a–z, 0–9, dot, underscore and hyphen"},
		{account("--username", ""), "\n", "--username: 3 to 64 of a–z, 0–9, dot, underscore and hyphen"},
		{account("--name", " "), "\n", "--name: 1 to 120 characters"},
		{account("--name", long), "\n", "--name: 1 to 120 characters"},
		{account("--name", "Bob\x1b[31m"), "\n", "--name: only UTF-8 without control characters"},
		{account("--name", "Bob\xff"), "\n", "--name: only UTF-8 without control characters"},
		{account(), "short\n", "A password has at least 8 characters."},
		{account(), strings.Repeat("p", 256) + "\n", "A password has at most 255 characters."},
		{account(), "password1\n", "This password is one of the most common ones."},
		{account("--username", "bobby"), "i am BOBBY ok\n", "A password may not contain the username."},
		{account("--username", "bobby", "--email", "robert@example.com"), "i am robert ok\n", "A password may not contain the e-mail address."},
		{account(), "correct\thorse\n", "the password: only UTF-8 without control characters"},
		{account(), "correct horse\xff\n", "the password: only UTF-8 without control characters"},
		{account(), "", "give the password as one line of standard input, or an empty line for none"},
		{tenant("--admin", "zoe"), "", "--admin: " + fmt.Sprintf(nobody, "zoe")},
		{tenant("--admin", "zoe@example.com"), "", "--admin: " + fmt.Sprintf(nobody, "zoe@example.com")},
		{tenant("--admin", "gone"), "", "--admin: " + fmt.Sprintf(nobody, "gone")},
		{tenant("--admin", "a n n"), "", "--admin: neither a username nor an e-mail address"},
		{tenant("--admin", "ann@"), "", "--admin: neither a username nor an e-mail address"},
		{tenant("--name", ""), "", "--name: 1 to 100 characters"},
		{tenant("--name", long), "", "--name: 1 to 100 characters"},
		{tenant("--name", "Mea\ndow"), "", "--name: only UTF-8 without control characters"},
		{tenant("--slug", "orchard"), "", "--slug: another tenant has it"},
		{tenant("--slug", "Meadow"), "", "--slug: a–z, 0–9 and single hyphens, up to 63 characters"},
		{tenant("--slug", ""), "", "--slug: a–z, 0–9 and single hyphens, up to 63 characters"},
		{[]string{"account", "reset-password", "zoe"}, "", fmt.Sprintf(nobody, "zoe")},
		{[]string{"account", "reset-password", "Zoe@Example.com"}, "", fmt.Sprintf(nobody, "zoe@example.com")},
		{[]string{"account", "reset-password", "gone"}, "", fmt.Sprintf(nobody, "gone")},
		{[]string{"account", "reset-password", "a n n"}, "", "LOGIN: neither a username nor an e-mail address"},
	} {
		p := feed(t, env, c.input, c.args...)
		if state := p.wait(); state.ExitCode() != 1 || p.said() != "rowhouse: "+c.want {
			t.Errorf("%q: got %v and\n%s\nwant %s", c.args, state, p.said(), c.want)
		}
	}
	if got := testdb.Value[int](d, `SELECT count(*) FROM accounts`); got != accounts {
		t.Errorf("there are %d accounts, want %d", got, accounts)
	}
	if got := testdb.Value[int](d, `SELECT count(*) FROM tenants`); got != tenants {
		t.Errorf("there are %d tenants, want %d", got, tenants)
	}
}

// Where no mail is sent, whoever forgot the password gets a new one with what the operator gives him, once and in time; until he uses it
// everything is as it was. It is noted, without the token.
func TestResetPassword(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	env := operator(d)
	address := start(t, serving(d.Server()), "serve").address()
	created(t, env, password+"\n", "account", "create", "--email", "ada@example.com")
	ada := enter(t, address, "ada")
	first := created(t, env, "", "account", "reset-password", "ADA")["token"]
	began := time.Now()
	given := created(t, env, "", "account", "reset-password", "Ada@example.com")
	want := vars{
		"id": "account-" + testdb.Value[string](d, `SELECT id::text FROM accounts`), "username": "ada", "email": "ada@example.com",
		"token": given["token"], "expires_at": given["expires_at"],
	}
	if diff := cmp.Diff(want, given); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if ends, err := time.Parse(time.RFC3339, given["expires_at"]); err != nil || ends.Before(began.Add(59*time.Minute)) {
		t.Errorf("it is good until %s (%v)", given["expires_at"], err)
	}
	ada.ask(http.StatusOK, "/me", "")
	anybody := &client{t: t, api: ada.api}
	reset := func(want int, token string) {
		t.Helper()
		anybody.ask(want, "/auth/password/reset", `{"token":"`+token+`","password":"the-new-secret-9"}`)
	}
	reset(http.StatusUnprocessableEntity, first)
	reset(http.StatusOK, given["token"])
	reset(http.StatusUnprocessableEntity, given["token"])
	ada.ask(http.StatusUnauthorized, "/me", "")
	anybody.ask(http.StatusUnauthorized, "/auth/login", `{"login":"ada","password":"`+password+`"}`)
	anybody.ask(http.StatusOK, "/auth/login", `{"login":"ada","password":"the-new-secret-9"}`)
	if n := testdb.Value[int](d, `SELECT count(*) FROM account_events e WHERE action = 'account.reset_password' AND e::text NOT LIKE '%rht_%'`); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

// A tenant without its admin is not made.
func TestTenantCreateWhole(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	created(t, operator(d), "\n", "account", "create", "--email", "ann@example.com")
	d.Exec(`ALTER TABLE users ADD CONSTRAINT none CHECK (false)`)
	refuses(t, operator(d), "tenant", "create", "--name", "Orchard", "--admin", "ann")
	if got := testdb.Value[int](d, `SELECT count(*) FROM tenants`); got != 0 {
		t.Errorf("there are %d tenants", got)
	}
}

// Where there is no database to write to, both commands say what to do about it, before they ask for a password.
func TestOperatorDatabase(t *testing.T) {
	t.Parallel()
	fresh, err := localpg.Start(t.Context(), localpg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fresh.Stop(); err != nil {
			t.Error(err)
		}
	})
	behind, ungranted := testdb.New(t), testdb.New(t)
	before := testdb.Value[int64](behind, `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version) RETURNING (SELECT max(version_id) FROM goose_db_version rest WHERE rest.version_id < goose_db_version.version_id)`)
	latest, err := schema.Latest()
	if err != nil {
		t.Fatal(err)
	}
	login := testdb.Value[string](ungranted, `SELECT current_database() || '_ungranted'`)
	ungranted.Exec(`CREATE ROLE "` + login + `" LOGIN`)
	t.Cleanup(func() { ungranted.Exec(`DROP ROLE "` + login + `"`) })
	for _, c := range []struct {
		env  vars
		want string
	}{
		{nil, `DATABASE_URL: name the server's login`},
		{vars{"DATABASE_URL": "mysql://root:" + canary + "@db/rowhouse"}, `DATABASE_URL: not a PostgreSQL URL such as postgres://user:password@host:5432/database`},
		{vars{"DATABASE_URL": fresh.URL("postgres", "postgres")}, `the database is not migrated: run rowhouse migrate up`},
		{operator(behind), fmt.Sprintf(`the database is at migration %d and this program needs %d: run rowhouse migrate up`, before, latest)},
		{vars{"DATABASE_URL": ungranted.URL(login)}, `DATABASE_URL's login may not use the database: run rowhouse migrate up --grant LOGIN`},
	} {
		for _, args := range [][]string{{"account", "create", "--email", "ann@example.com"}, {"tenant", "create", "--name", "Orchard", "--admin", "ann"}} {
			if got := refuses(t, c.env, args...); got != "rowhouse: "+c.want {
				t.Errorf("%s: got\n%s\nwant %s", args[0], got, c.want)
			}
		}
	}
}

// screen is a terminal as its user sees it.
type screen struct {
	t     *testing.T
	user  *os.File
	shown string
	seen  int // what of it was awaited
}

// read returns false once no program has the terminal any more.
func (s *screen) read() bool {
	buffer := make([]byte, 1024)
	n, err := s.user.Read(buffer)
	s.shown += string(buffer[:n])
	return err == nil
}

// await returns once the text is shown.
func (s *screen) await(text string) {
	s.t.Helper()
	for !strings.Contains(s.shown[s.seen:], text) {
		if !s.read() {
			s.t.Fatalf("it shows %q and then not %q", s.shown, text)
		}
	}
	s.seen += strings.Index(s.shown[s.seen:], text) + len(text)
}

func (s *screen) enter(text string) {
	s.t.Helper()
	if _, err := s.user.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// A terminal is asked twice and shows nothing of what is typed. However it ends, it then shows what is typed again.
func TestPasswordAtTerminal(t *testing.T) {
	t.Parallel()
	const first, again, other = "Password, empty for none: ", "Again: ", password + "!"
	for _, c := range []struct {
		name      string
		typed     []string // after each question
		interrupt bool
		want      string // what it shows in the end; empty: an account is made
		password  bool
	}{
		{"twice the same", []string{password + "\r", password + "\r"}, false, "", true},
		{"none", []string{"\r", "\r"}, false, "", false},
		{"two", []string{password + "\r", other + "\r"}, false, "rowhouse: the two passwords differ\r\n", false},
		{"Ctrl-C", []string{password + "\x03"}, false, "rowhouse: no password was given: EOF\r\n", false},
		{"signal", []string{""}, true, "rowhouse: stopped by signal: interrupt\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := testdb.New(t)
			user, tty, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = user.Close() })
			before, err := term.GetState(int(user.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			p := startAs(t, func(cmd *exec.Cmd) { cmd.Stdin, cmd.Stderr = tty, tty }, operator(d), "account", "create", "--email", "ann@example.com")
			_ = tty.Close()
			s := &screen{t: t, user: user}
			for i, text := range c.typed {
				s.await([]string{first, again}[i])
				s.enter(text)
			}
			if c.interrupt {
				p.signal(syscall.SIGINT)
			}
			if state := p.wait(); state.Success() != (c.want == "") {
				t.Errorf("%v", state)
			}
			for s.read() {
			}
			if !strings.HasSuffix(s.shown, c.want) || strings.Contains(s.shown+p.said(), canary) {
				t.Errorf("it shows %q and prints %q, want %q and no password", s.shown, p.said(), c.want)
			}
			if after, err := term.GetState(int(user.Fd())); err != nil || *after != *before {
				t.Errorf("the terminal is left as %v, %v", after, err)
			}
			if c.want != "" {
				if got := testdb.Value[int](d, `SELECT count(*) FROM accounts`); got != 0 {
					t.Errorf("there are %d accounts", got)
				}
				return
			}
			hash := testdb.Value[string](d, `SELECT coalesce(password_hash, '') FROM accounts WHERE 'account-' || id = $1`, printed(t, p.said())["id"])
			if ok, _, err := auth.NewPasswords(1, 0).Verify(t.Context(), password, hash, nil); err != nil || ok != c.password {
				t.Errorf("the password is the account's: got %v, %v, want %v", ok, err, c.password)
			}
		})
	}
}
