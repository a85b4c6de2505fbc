package testdb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	schema "rowhouse/sql"
)

// Pooler is a PgBouncer before a PostgreSQL, on a socket of its own. It gives its server connections out in turn, so that what a client left
// on one of them is soon somebody else's.
type Pooler struct {
	t       testing.TB
	dir     string
	path    string
	process *exec.Cmd
	hold    io.Closer // closing it ends the process, which our own death does too
}

// poolerPort names the socket; no TCP port is ever opened.
const poolerPort = "6432"

// NewPooler starts one before the PostgreSQL that url leads to, whatever database and login url names. Mode is session, transaction or
// statement, and size how many server connections there are for each login to a database. Without a PgBouncer the test is skipped, but not in CI.
func NewPooler(t testing.TB, url, mode string, size int) *Pooler {
	t.Helper()
	p := &Pooler{t: t, path: pgbouncer()}
	switch {
	case p.path != "":
	case os.Getenv("CI") != "":
		t.Fatal("there is no pgbouncer: apt-get install pgbouncer")
	default:
		t.Skip("there is no pgbouncer: apt-get install pgbouncer") //nolint:forbidigo // make test needs nothing that is installed by hand; CI has it
	}
	if err := p.configure(url, mode, size); err != nil {
		t.Fatal(err)
	}
	p.Start()
	t.Cleanup(func() {
		p.Kill()
		_ = os.RemoveAll(p.dir)
	})
	return p
}

// pgbouncer is where it is: on Debian in a directory that not everybody's PATH has.
func pgbouncer() string {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func (p *Pooler) configure(target, mode string, size int) (err error) {
	server, err := url.Parse(target)
	if err != nil {
		return err
	}
	socket := server.Query().Get("host")
	if p.dir, err = os.MkdirTemp("", "rowhouse-pgbouncer-"); err != nil {
		return err
	}
	as := ""
	if os.Geteuid() == 0 { // whom PgBouncer refuses as well as PostgreSQL does: it runs as the user of that
		info, err := os.Stat(socket)
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		account, err := user.LookupId(strconv.Itoa(int(owner.Uid)))
		if err != nil {
			return err
		}
		if err := os.Chown(p.dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
		as = "user = " + account.Username + "\n"
	}
	var users strings.Builder
	for _, login := range []string{"postgres", schema.Owner, schema.Server, Unbound} {
		fmt.Fprintf(&users, "%q \"\"\n", login)
	}
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
%slisten_addr =
listen_port = %s
unix_socket_dir = %s
auth_type = trust
auth_file = %[5]s/users
admin_users = postgres
pool_mode = %[6]s
default_pool_size = %[7]d
min_pool_size = %[7]d
server_round_robin = 1
`, socket, server.Query().Get("port"), as, poolerPort, p.dir, mode, size)
	for name, text := range map[string]string{"users": users.String(), "ini": settings} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Start begins it, again after Kill.
func (p *Pooler) Start() {
	p.t.Helper()
	_ = os.Remove(filepath.Join(p.dir, ".s.PGSQL."+poolerPort)) // of one that was killed
	p.process = exec.Command("sh", "-c", `"$0" "$1" & read -r _; kill -KILL $!; wait`, p.path, filepath.Join(p.dir, "ini"))
	var said bytes.Buffer
	p.process.Stdout, p.process.Stderr = &said, &said
	hold, err := p.process.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	p.hold = hold
	if err := p.process.Start(); err != nil {
		p.t.Fatal(err)
	}
	deadline := time.Now().Add(poolerPatience)
	for p.tell("SHOW VERSION") != nil {
		if time.Now().After(deadline) {
			err := p.tell("SHOW VERSION")
			p.Kill()
			p.t.Fatalf("PgBouncer does not answer: %v\n%s", err, &said)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// poolerPatience is far longer than it takes to start.
const poolerPatience = 30 * time.Second

// Kill ends it at once, and every connection through it.
func (p *Pooler) Kill() {
	if p.process != nil {
		_ = p.hold.Close()
		_ = p.process.Wait()
		p.process = nil
	}
}

// Tell has it do a command of its administrators, such as PAUSE or RESUME.
func (p *Pooler) Tell(command string) {
	p.t.Helper()
	if err := p.tell(command); err != nil {
		p.t.Fatalf("%s: %v", command, err)
	}
}

func (p *Pooler) tell(command string) error {
	_, err := p.ask(command)
	return err
}

// ask has it do a command, and is the rows that it answers.
func (p *Pooler) ask(command string) ([][][]byte, error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, p.URL("postgres", "pgbouncer"))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, command).ReadAll()
	if err != nil {
		return nil, err
	}
	return results[0].Rows, nil
}

// KeepsNames says that it keeps prepared statements of its clients apart, as PgBouncer can since 1.21.
func (p *Pooler) KeepsNames() bool {
	p.t.Helper()
	config, err := p.ask("SHOW CONFIG")
	if err != nil {
		p.t.Fatal(err)
	}
	return slices.ContainsFunc(config, func(row [][]byte) bool {
		return string(row[0]) == "max_prepared_statements" && string(row[1]) != "0"
	})
}

// URL leads through it to a database as a login.
func (p *Pooler) URL(login, database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s&port=%s", login, database, p.dir, poolerPort)
}

// Through is URL for the database of a test.
func (p *Pooler) Through(d *Database, login string) string { return p.URL(login, d.name) }
