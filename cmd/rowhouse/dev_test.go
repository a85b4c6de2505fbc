package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rowhouse/handlers"
	"rowhouse/testdb"
)

// devDir is a place for a demo's data that the server's user may enter too.
func devDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rowhouse-dev-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "demo")
}

// curl is what a printed command line asks for: its address, headers and body, by a shell that knows TOKEN.
func curl(t *testing.T, line, token string) (status int, body string) {
	t.Helper()
	words := regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`).FindAllString(line, -1)
	method, data := http.MethodGet, ""
	var url string
	header := http.Header{}
	unquoted := func(word string) string {
		switch word[0] {
		case '\'':
			return strings.Trim(word, "'")
		case '"':
			return strings.ReplaceAll(strings.Trim(word, `"`), "$TOKEN", token)
		}
		return word
	}
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "http://"):
			url = word
		case word == "-H":
			name, value, _ := strings.Cut(unquoted(words[i+1]), ": ")
			header.Set(name, value)
		case word == "-d":
			method, data = http.MethodPost, unquoted(words[i+1])
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// loginExample is the body that the description of the API shows for a login.
func loginExample(t *testing.T) string {
	t.Helper()
	text, err := handlers.API().OpenAPI("")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths struct {
			Login struct {
				Post struct {
					RequestBody struct {
						Content map[string]struct{ Example json.RawMessage }
					}
				}
			} `json:"/auth/login"`
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return string(document.Paths.Login.Post.RequestBody.Content["application/json"].Example)
}

// postgresPid is the process that has the demo's data.
func postgresPid(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// dev serves demo data that its own printed commands read and change, and its log is the mailbox of all. Ctrl-C ends it and its PostgreSQL. What was written
// and who was logged in is there again at the next start, even after kill -9.
func TestDev(t *testing.T) {
	t.Parallel()
	dir := devDir(t)
	env := vars{"HTTP_ADDR": "127.0.0.1:0"}
	var token, list string
	var p *process
	// begin starts it and reads what it prints.
	begin := func() (create string) {
		p = start(t, env, "dev", "--data", dir)
		p.await(`^  API +http://127\.0\.0\.1:\d+/api/v1$`)
		p.await(`^  Docs +http://127\.0\.0\.1:\d+/docs$`)
		p.await(`^  Database +psql 'postgres://rowhouse_server@/rowhouse\?`)
		p.await(`^  Data +` + regexp.QuoteMeta(dir) + `$`)
		p.await(`^  Harbour Furniture .*ada \(admin\)`)
		log := p.await(`^TOKEN=\$\((curl .*) \| sed 's/\.\*"access_token":"\\\(\[\^"\]\*\\\)"\.\*/\\1/'\)$`)[1]
		lines := regexp.MustCompile(`(?m)^curl .*$`)
		p.await(`^curl .* -d `)
		commands := lines.FindAllString(p.said(), -1)
		if len(commands) != 2 {
			t.Fatalf("it prints %d commands: %q", len(commands), commands)
		}
		if token == "" {
			status, body := curl(t, log, "")
			match := regexp.MustCompile(`.*"access_token":"([^"]*)".*`).FindStringSubmatch(body) // as sed does
			if status != http.StatusOK || match == nil {
				t.Fatalf("%s: got %d %s", log, status, body)
			}
			token = match[1]
		}
		list = commands[0]
		return commands[1]
	}
	// holds looks for an item.
	holds := func(name string) bool {
		t.Helper()
		status, body := curl(t, list, token)
		if status != http.StatusOK || !json.Valid([]byte(body)) {
			t.Fatalf("%s: got %d %s", list, status, body)
		}
		return strings.Contains(body, `"`+name+`"`)
	}

	create := begin()
	if !holds("Oak table") || holds("Ash stool") {
		t.Error("the first start does not have the demo's items alone")
	}
	if got := refuses(t, env, "dev", "--data", dir); !strings.Contains(got, "is in use by another rowhouse") {
		t.Errorf("a second one beside it: got %s", got)
	}
	if status, body := curl(t, create, token); status != http.StatusCreated {
		t.Errorf("%s: got %d %s", create, status, body)
	}
	api := regexp.MustCompile(`http://\S+/api/v1`).FindString(create)
	post := func(path, body string) (int, string) {
		return curl(t, "curl "+api+path+" -H 'Content-Type: application/json' -d '"+body+"'", "")
	}
	// The login that the description shows is one of the demo's, and its token takes the tenant of each request.
	status, body := post("/auth/login", loginExample(t))
	shown := regexp.MustCompile(`"access_token":"([^"]*)"`).FindStringSubmatch(body)
	if status != http.StatusOK || shown == nil {
		t.Fatalf("the login of the description: got %d %s", status, body)
	}
	if status, body := curl(t, list, shown[1]); status != http.StatusOK {
		t.Errorf("with the token of the description's login: got %d %s", status, body)
	}
	if status, body := post("/auth/register", `{"email":"gus@example.com","password":"correct horse battery"}`); status != http.StatusCreated {
		t.Errorf("register: got %d %s", status, body)
	}
	mailed := p.await(`msg="an e-mail" to=gus@example\.com .*text=".*\\n(rht_[\w-]+)\\n"`)[1]
	if status, body := post("/auth/email/verify", `{"token":"`+mailed+`"}`); status != http.StatusOK {
		t.Errorf("with the token %s: got %d %s", mailed, status, body)
	}
	postgres := postgresPid(t, dir)
	p.signal(syscall.SIGINT)
	if state := p.wait(); !state.Success() {
		t.Errorf("after Ctrl-C: %v", state)
	}
	if err := syscall.Kill(postgres, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("its PostgreSQL (pid %d) is still there: %v", postgres, err)
	}

	begin()
	if !holds("Ash stool") {
		t.Error("the second start does not have what the first wrote")
	}
	p.signal(syscall.SIGKILL)
	p.wait()

	begin()
	if !holds("Oak table") || !holds("Ash stool") {
		t.Error("the start after kill -9 does not have what was written")
	}
	p.signal(syscall.SIGTERM)
	if state := p.wait(); !state.Success() {
		t.Errorf("after SIGTERM: %v", state)
	}
}

// Ctrl-C while dev is still making its database ends it in one line, and the next start makes it whole.
func TestDevInterrupted(t *testing.T) {
	t.Parallel()
	dir := devDir(t)
	env := vars{"HTTP_ADDR": "127.0.0.1:0"}
	p := start(t, env, "dev", "--data", dir)
	p.await(`^creating a PostgreSQL \d+ database in `)
	p.signal(syscall.SIGINT)
	if state := p.wait(); state.ExitCode() != 1 || !strings.HasSuffix(p.said(), "\nrowhouse: stopped by signal: interrupt") || strings.Count(p.said(), "\n") != 1 {
		t.Errorf("got %v and\n%s", state, p.said())
	}
	p = start(t, env, "dev", "--data", dir)
	p.await(`^curl .* -d `)
	p.signal(syscall.SIGINT)
	p.wait()
}

// An address that another program has is found out before anything is made, and the line says how to choose another.
func TestDevRefusesAddress(t *testing.T) {
	t.Parallel()
	dir := devDir(t)
	_, address := openSocket(t)
	want := "rowhouse: HTTP_ADDR: " + address + " is in use by another program; choose another, as in HTTP_ADDR=localhost:8090 make run"
	if got := refuses(t, vars{"HTTP_ADDR": address}, "dev", "--data", dir); got != want {
		t.Errorf("got\n%s\nwant %s", got, want)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has made %s: %v", dir, err)
	}
}

// dev with both URLs uses that database and starts none; it does not print its password. With one of them it refuses.
func TestDevElsewhere(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	dir := devDir(t)
	env := vars{"HTTP_ADDR": "127.0.0.1:0", "DATABASE_URL": strings.Replace(d.Server(), "@", ":"+canary+"@", 1)}
	if got, want := refuses(t, env, "dev", "--data", dir), "rowhouse: set both DATABASE_URL and DATABASE_MIGRATION_URL, or neither"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p := start(t, env.with("DATABASE_MIGRATION_URL", d.Owner()), "dev", "--data", dir)
	p.await(`^  Database +the one of DATABASE_URL$`)
	p.await(`^curl .* -d `)
	p.signal(syscall.SIGINT)
	if state := p.wait(); !state.Success() {
		t.Errorf("after Ctrl-C: %v", state)
	}
	if strings.Contains(p.said(), canary) {
		t.Error("it prints the password of DATABASE_URL")
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has made a PostgreSQL of its own: %v", err)
	}
	people := map[string]bool{}
	for _, demo := range demoTenants {
		for _, u := range demo.users {
			people[u.username] = true
		}
	}
	if got, want := testdb.Value[int](d, `SELECT count(*) FROM accounts`), len(people); got != want {
		t.Errorf("it has made %d accounts, want %d", got, want)
	}
}
