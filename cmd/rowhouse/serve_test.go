package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rowhouse/auth"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// serving is an environment in which serve starts.
func serving(url string) vars {
	return vars{"DATABASE_URL": url, "TOKEN_SIGNING_KEYS": auth.GenerateKey(), "HTTP_ADDR": "127.0.0.1:0"}
}

// address awaits that it serves, and is where.
func (p *process) address() string {
	p.t.Helper()
	return p.await(`"msg":"serving","address":"([^"]+)"`)[1]
}

// serve refuses to start without what it cannot do without, and with what it cannot read; all of it is said at once.
func TestServeRefusesConfig(t *testing.T) {
	t.Parallel()
	got := refuses(t, vars{"HTTP_ADDR": "8080", "LOG_FORMAT": "xml"}, "serve")
	for _, name := range []string{"HTTP_ADDR: ", "LOG_FORMAT: ", "DATABASE_URL: ", "TOKEN_SIGNING_KEYS: "} {
		if !strings.Contains(got, name) {
			t.Errorf("nothing of %sin\n%s", name, got)
		}
	}
}

// serve refuses a login that could bypass a wall or lacks what it needs, and says what is wrong with it.
func TestServeRefusesLogins(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	d.Exec(`CREATE ROLE bare LOGIN; CREATE ROLE reader LOGIN; GRANT rowhouse_app, rowhouse_gate, rowhouse_login TO reader`)
	for _, c := range []struct{ url, want string }{
		{d.URL("bare"), "the login bare is not a member of rowhouse_app: GRANT rowhouse_app TO bare"},
		{d.Superuser(), "not serving: the login postgres, through postgres: is a superuser"},
		{d.URL(testdb.Unbound), "the login rowhouse_unbound, through rowhouse_unbound: bypasses row-level security"},
		{d.Owner(), "through rowhouse_owner: owns account_events, accounts, "},
		{d.URL("reader"), "the login reader, through reader: has privileges that rowhouse_app has not, on account_events, accounts, "},
	} {
		got := refuses(t, serving(c.url), "serve")
		if !strings.HasPrefix(got, "rowhouse: not serving: ") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%s\nwant %s", c.url, got, c.want)
		}
	}
}

// serve refuses a database that is not migrated, or not far enough, or whose walls have been opened.
func TestServeRefusesSchema(t *testing.T) {
	t.Parallel()
	latest, err := schema.Latest()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ change, want string }{
		{`DROP FUNCTION migration_version()`, "the database is not migrated"},
		{`DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`,
			fmt.Sprintf("the database is at migration %d and this program needs %d: run rowhouse migrate up", latest-1, latest)},
		{`DROP INDEX items_created_at_idx`, "index items_created_at_idx on items is missing"},
		{`ALTER TABLE items DISABLE TRIGGER audit_update`, "trigger audit_update on items is disabled"},
		{`ALTER TABLE items NO FORCE ROW LEVEL SECURITY`, "table items: row-level security is not forced on its owner"},
		{`DELETE FROM permissions WHERE name = 'items:read'`, "permission items:read is missing"},
	} {
		d := testdb.New(t)
		d.Exec(c.change)
		got := refuses(t, serving(d.Server()), "serve")
		if !strings.HasPrefix(got, "rowhouse: not serving: "+c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: got\n%s\nwant %s", c.change, got, c.want)
		}
	}
}

// A database in another encoding than UTF8 is refused, by the migrations before they make anything in it, and by serve.
func TestStartRefusesEncodings(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	name := testdb.Value[string](d, `SELECT current_database()`)
	for _, encoding := range []string{"SQL_ASCII", "LATIN5"} {
		other := name + "_" + strings.ToLower(encoding)
		d.Exec(`CREATE DATABASE ` + other + ` ENCODING '` + encoding + `' LOCALE 'C' TEMPLATE template0 OWNER ` + schema.Owner)
		t.Cleanup(func() { d.Exec(`DROP DATABASE ` + other + ` WITH (FORCE)`) })
		at := func(url string) string { return strings.Replace(url, "/"+name+"?", "/"+other+"?", 1) }
		env := serving(at(d.Server())).with("DATABASE_MIGRATION_URL", at(d.Owner()))
		want := "server_encoding is " + encoding + " and must be UTF8: make the database anew: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
		if got := refuses(t, env, "migrate", "up"); got != "rowhouse: DATABASE_MIGRATION_URL: "+want {
			t.Errorf("migrate up: got\n%s\nwant %s", got, want)
		}
		if got := refuses(t, env, "serve"); got != "rowhouse: not serving: DATABASE_URL: "+want {
			t.Errorf("serve: got\n%s\nwant %s", got, want)
		}
	}
}

// serve refuses an address that another program has, in a line that says how to choose another, before it asks the database; it listens
// only once it can answer, for a balancer takes an open port for a server.
func TestServeRefusesAddress(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // a database that takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	taken, err := net.Listen("tcp", "127.0.0.2:0") // where no other test listens once this one does not
	if err != nil {
		taken, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	address := taken.Addr().String()
	env := serving("postgres://rowhouse_server@"+silent.Addr().String()+"/rowhouse?sslmode=disable").with("HTTP_ADDR", address)
	want := "rowhouse: HTTP_ADDR: " + address + " is in use by another program; choose another, as in HTTP_ADDR=localhost:8090 rowhouse serve"
	if got := refuses(t, env, "serve"); got != want {
		t.Errorf("got\n%s\nwant %s", got, want)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, env, "serve")
	asked, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	if from, err := net.Dial("tcp", address); err == nil {
		_ = from.Close()
		t.Error("it listens before it has asked the database")
	}
}

// handed makes a process one that a service manager hands a socket, as systemd does: its pid and its descriptors stand in the
// environment, and the shell becomes the program.
func handed(socket *os.File, pid, sockets string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		program := cmd.Path
		script := fmt.Sprintf(`LISTEN_PID=%s LISTEN_FDS=%s exec "$0" "$@"`, pid, sockets)
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", script, program}, cmd.Args[1:]...)
		cmd.ExtraFiles = []*os.File{socket}
	}
}

// openSocket is a socket that stays while servers come and go, and its address.
func openSocket(t *testing.T) (socket *os.File, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if socket, err = listener.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return socket, listener.Addr().String()
}

// serve listens on the socket that it is handed; who connects while no server is there waits for the next one.
func TestServeHandedSocket(t *testing.T) {
	t.Parallel()
	socket, address := openSocket(t)
	env := serving(testdb.New(t).Server())
	var waiting net.Conn
	for range 2 {
		p := startAs(t, handed(socket, "$$", "1"), env, "serve")
		if got := p.address(); got != address {
			t.Errorf("got %s, want %s", got, address)
		}
		if waiting != nil {
			answer, err := http.ReadResponse(bufio.NewReader(waiting), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Errorf("got %d, want 200", answer.StatusCode)
			}
		}
		p.signal(syscall.SIGTERM)
		if state := p.wait(); !state.Success() {
			t.Errorf("it ended with %v", state)
		}
		var err error
		if waiting, err = net.Dial("tcp", address); err != nil {
			t.Fatal(err)
		}
		defer waiting.Close()
		fmt.Fprintf(waiting, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", address)
	}
}

// serve refuses what it is handed where that is not one socket, and leaves alone what is for another process.
func TestServeRefusesSockets(t *testing.T) {
	t.Parallel()
	socket, address := openSocket(t)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	env := serving(testdb.New(t).Server())
	for _, c := range []struct {
		file    *os.File
		sockets string
		want    string
	}{
		{socket, "2", "rowhouse: LISTEN_FDS: got 2 sockets, want 1: give the socket unit one ListenStream"},
		{socket, "", "rowhouse: LISTEN_FDS: got no number of sockets, want 1: "},
		{file, "1", "rowhouse: LISTEN_FDS: descriptor 3: "},
	} {
		p := startAs(t, handed(c.file, "$$", c.sockets), env, "serve")
		if state := p.wait(); state.ExitCode() != 1 || !strings.Contains(p.said(), c.want) {
			t.Errorf("LISTEN_FDS=%s: %v\n%s\nwant %s", c.sockets, state, p.said(), c.want)
		}
	}
	p := startAs(t, handed(socket, "1", "1"), env, "serve")
	if got := p.address(); got == address {
		t.Error("it took the socket of process 1")
	}
}

// Neither the password of DATABASE_URL nor a signing key is in anything that serve prints, whether it starts or not.
func TestServeKeepsSecrets(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	secret := func(url string) vars {
		return serving(strings.Replace(url, "@", ":"+canary+"@", 1)).with("LOG_LEVEL", "debug").
			with("SMTP_URL", "smtps://rowhouse:"+canary+"@mail.example.com?from=rowhouse@example.com")
	}
	good := secret(d.Server())
	p := start(t, good, "serve")
	p.address()
	p.signal(syscall.SIGTERM)
	if state := p.wait(); !state.Success() {
		t.Errorf("%v", state)
	}
	nobody := secret(d.URL("nobody"))
	away := secret("postgres://rowhouse_server@127.0.0.1:1/rowhouse")
	pool := secret(d.Server() + "&pool_max_conns=many")
	for text, env := range map[string]vars{
		p.said():                    good,
		refuses(t, nobody, "serve"): nobody,
		refuses(t, away, "serve"):   away,
		refuses(t, pool, "serve"):   pool,
	} {
		_, key, _ := strings.Cut(env["TOKEN_SIGNING_KEYS"], ":")
		if strings.Contains(text, canary) || strings.Contains(text, key) {
			t.Errorf("a secret is in\n%s", text)
		}
	}
}

// A worker warns at its start, once, that no mail will be sent; not where there is a mail server.
func TestWorkerWithoutMail(t *testing.T) {
	t.Parallel()
	env := serving(testdb.New(t).Server())
	for server, want := range map[string]int{"": 1, "smtp://127.0.0.1:1?from=rowhouse@example.com": 0} {
		p := start(t, env.with("SMTP_URL", server), "worker")
		p.await(`"msg":"working"`)
		p.signal(syscall.SIGTERM)
		p.wait()
		if got := strings.Count(p.said(), `"level":"WARN","msg":"no mail will be sent: SMTP_URL is empty"`); got != want {
			t.Errorf("SMTP_URL=%s: %d warnings, want %d, in\n%s", server, got, want, p.said())
		}
	}
}

// pending is a request that the server has begun to read and that is not whole yet.
type pending struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	rest string
}

// login begins to log somebody in. It returns once the handler waits for the body.
func login(t *testing.T, address, username, password string) *pending {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	body := fmt.Sprintf(`{"login":%q,"password":%q}`, username, password)
	fmt.Fprintf(conn, "POST /api/v1/auth/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", address, len(body))
	p := &pending{t, conn, bufio.NewReader(conn), body}
	line, err := p.in.ReadString('\n')
	if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	if line, err = p.in.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	return p
}

// finish sends what is left of the request and is the answer's status.
func (p *pending) finish() int {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, p.rest); err != nil {
		p.t.Fatal(err)
	}
	answer, err := http.ReadResponse(p.in, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.ReadAll(answer.Body); err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode
}

// demo is a database with the demo's accounts.
func demo(t *testing.T) *testdb.Database {
	t.Helper()
	d := testdb.New(t)
	if err := seed(t.Context(), d.Server()); err != nil {
		t.Fatal(err)
	}
	return d
}

// A request under way when SIGTERM comes is answered, even after the listener is closed; then the server ends well.
func TestDrainFinishesRequests(t *testing.T) {
	t.Parallel()
	p := start(t, serving(demo(t).Server()), "serve")
	address := p.address()
	request := login(t, address, "ada", demoPassword)
	idle, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	fmt.Fprintf(idle, "GET /.well-known/jwks.json HTTP/1.1\r\nHost: %s\r\n\r\n", address)
	p.await(`"route":"GET /.well-known/jwks.json"`)
	p.signal(syscall.SIGTERM)
	if _, err := io.ReadAll(idle); err != nil { // ends when the server closes what is idle, its last step
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Error("somebody still listens")
	}
	if got := request.finish(); got != http.StatusOK {
		t.Errorf("got %d, want 200", got)
	}
	if state := p.wait(); !state.Success() {
		t.Errorf("it ended with %v", state)
	}
	p.await(`"msg":"stopped"`)
}

// While it drains, the server still answers, says that it is not ready, and ends the connection.
func TestDrainSaysNotReady(t *testing.T) {
	t.Parallel()
	p := start(t, serving(testdb.New(t).Server()), "serve")
	conn, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /readyz HTTP/1.1\r\nHost: rowhouse\r\n")
	p.signal(syscall.SIGTERM)
	p.await(`"msg":"draining"`)
	fmt.Fprint(conn, "\r\n") // only now is it a request
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || !answer.Close {
		t.Errorf("got %d and close %v, want 503 and true", answer.StatusCode, answer.Close)
	}
}

// A second signal ends the server at once, whatever is under way.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	p := start(t, serving(testdb.New(t).Server()), "serve")
	address := p.address()
	login(t, address, "ada", demoPassword) // would hold it up until a timeout
	p.signal(syscall.SIGTERM)
	p.await(`"msg":"draining"`)
	sent := time.Now()
	p.signal(syscall.SIGTERM)
	if state := p.wait(); state.ExitCode() != 1 {
		t.Errorf("it ended with %v, want exit status 1", state)
	}
	if took := time.Since(sent); took > requestsUntil/4 {
		t.Errorf("it took %v", took)
	}
}

// Under load, clients who keep their connections alive until the server ends them lose no request to a shutdown.
func TestDrainUnderLoad(t *testing.T) {
	t.Parallel()
	const clients, enough = 8, 400 // requests before the signal
	p := start(t, serving(testdb.New(t).Server()), "serve")
	url := "http://" + p.address() + "/api/v1/auth/login"
	var answered atomic.Int64
	var running sync.WaitGroup
	loaded := make(chan struct{})
	for range clients {
		running.Go(func() {
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			for {
				// A POST, which the transport does not repeat by itself, and which no busy database refuses.
				answer, err := client.Post(url, "application/json", strings.NewReader(`{}`))
				if err != nil {
					t.Errorf("after %d answers: %v", answered.Load(), err)
					return
				}
				_, err = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				if err != nil || answer.StatusCode != http.StatusUnprocessableEntity {
					t.Errorf("after %d answers: got %d, %v", answered.Load(), answer.StatusCode, err)
				}
				if answered.Add(1) == enough {
					close(loaded)
				}
				if answer.Close {
					return // to another server
				}
			}
		})
	}
	<-loaded
	p.signal(syscall.SIGTERM)
	running.Wait()
	if state := p.wait(); !state.Success() {
		t.Errorf("it ended with %v", state)
	}
}
