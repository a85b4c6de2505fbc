//go:build faults && linux

package faults

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/localpg"
	schema "rowhouse/sql"
)

var (
	whole = flag.Bool("whole", false, "run the whole counts, not a sample")
	quota = flag.Int("quota", 100, "how many `percent` of one processor every server may use; what is held to a time then has so much more of it")
)

// times is how often: of the whole run, or of a sample.
func times(all, sample int) int {
	if *whole {
		return all
	}
	return sample
}

// hung is far longer than anything here takes on a busy machine, a recovery from a crash and an import of a million rows included.
const hung = 10 * time.Minute

// scratch is a directory of this run that PostgreSQL's user may enter.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	var err error
	if scratch, err = os.MkdirTemp("", "rowhouse-faults-"); err == nil {
		err = os.Chmod(scratch, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// count makes a count of the test known to whoever reads its output.
func count(t *testing.T, name string, n int) { t.Helper(); t.Attr(name, strconv.Itoa(n)) }

// poll waits until look is true.
func poll(t *testing.T, what string, look func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(hung)
	for !look() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", hung, what)
		}
	}
}

// build makes the program from a copy of the project.
func build(from, program string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./cmd/rowhouse")
	cmd.Dir, cmd.Env = from, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", from, err, output)
	}
	return nil
}

// program is the one under test, built once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "rowhouse")
	return path, build("..", path)
})

func theProgram(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

const databaseName = "rowhouse"

// template is a stopped PostgreSQL with a migrated database, made once and copied for each test.
var template = sync.OnceValues(func() (dir string, err error) {
	path, err := program()
	if err != nil {
		return "", err
	}
	ctx := context.Background()
	dir = filepath.Join(scratch, "template")
	pg, err := localpg.Start(ctx, localpg.Options{Dir: dir, Durable: true})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, pg.Stop()) }()
	superuser, err := pgx.Connect(ctx, pg.URL("postgres", "postgres"))
	if err != nil {
		return "", err
	}
	defer superuser.Close(ctx)
	if err := schema.CreateDatabase(ctx, superuser, databaseName); err != nil {
		return "", err
	}
	if output, err := migrate(path, pg.URL(schema.Owner, databaseName)); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return dir, schema.GrantServer(ctx, superuser)
})

// migrate applies the program's migrations.
func migrate(program, url string) (output []byte, err error) { return migrating(program, url, "up") }

// migrating is a command of the program's for its migrations.
func migrating(program, url, command string) (output []byte, err error) {
	cmd := exec.Command(program, "migrate", command)
	cmd.Env = []string{"DATABASE_MIGRATION_URL=" + url}
	return cmd.CombinedOutput()
}

// database is a PostgreSQL that may be killed and started again.
type database struct {
	t    *testing.T
	name string
	opts localpg.Options
	pg   *localpg.Server
}

func newDatabase(t *testing.T, settings map[string]string) *database {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "pg-")
	if err != nil {
		t.Fatal(err)
	}
	return newDatabaseIn(t, dir, settings)
}

// newDatabaseIn is a copy of the template in a directory that is empty or yet to be made.
func newDatabaseIn(t *testing.T, dir string, settings map[string]string) *database {
	t.Helper()
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("cp", "-a", from+"/data", dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, output)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d := &database{t: t, name: databaseName, opts: localpg.Options{Dir: dir, Durable: true, Settings: settings}}
	d.start()
	t.Cleanup(func() {
		_ = d.pg.Stop() // a test may have left it dead
		_ = os.RemoveAll(dir)
	})
	return d
}

func (d *database) start() {
	d.t.Helper()
	var err error
	if d.pg, err = localpg.Start(context.Background(), d.opts); err != nil {
		d.t.Fatal(err)
	}
}

// url leads to it as the given login.
func (d *database) url(login string) string { return d.pg.URL(login, d.name) }

// processes are its pids: the postmaster's first, then its children's.
func (d *database) processes() []int {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.opts.Dir, "data", "postmaster.pid"))
	if err != nil {
		d.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		d.t.Fatal(err)
	}
	pids := []int{postmaster}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, path := range stats {
		stat, _ := os.ReadFile(path) // it may have ended
		pid, _, _ := bytes.Cut(stat, []byte(" "))
		rest := stat[bytes.LastIndexByte(stat, ')')+1:] // " S <parent> …"; a name may hold anything
		if fields := bytes.Fields(rest); len(fields) > 1 && string(fields[1]) == first {
			child, _ := strconv.Atoi(string(pid))
			pids = append(pids, child)
		}
	}
	return pids
}

// signal sends one to all of its processes.
func (d *database) signal(s syscall.Signal) {
	d.t.Helper()
	for _, pid := range d.processes() {
		_ = syscall.Kill(pid, s) // it may have ended
	}
}

// kill ends all of its processes at once, in the middle of whatever they do.
func (d *database) kill() {
	d.t.Helper()
	pids := d.processes()
	_ = syscall.Kill(pids[0], syscall.SIGSTOP) // it must not tend its children
	for _, pid := range slices.Backward(pids) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = d.pg.Stop() // only says that it was killed, and frees the directory
}

// connect is a superuser's connection, closed when the test ends.
func (d *database) connect() *pgx.Conn {
	d.t.Helper()
	conn, err := pgx.Connect(context.Background(), d.url("postgres"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// exec runs a statement as the superuser.
func (d *database) exec(sql string) {
	d.t.Helper()
	conn := d.connect()
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// collect reads all rows of a query as the superuser.
func collect[Row any](d *database, sql string) []Row {
	d.t.Helper()
	conn := d.connect()
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Row])
	if err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return all
}

// service is what one server after another serves over the same database. Its socket, and so its address, is the test's; each server
// is handed it the way that systemd would.
type service struct {
	t      *testing.T
	env    []string
	socket *os.File
	base   string
	quota  int // percent of one processor
}

// newService serves over the database that url names.
func newService(t *testing.T, url string, env ...string) *service {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s := &service{t: t, base: "http://" + listener.Addr().String(), quota: *quota}
	if s.socket, err = listener.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.socket.Close() })
	s.env = append([]string{
		"DATABASE_URL=" + url, "TOKEN_SIGNING_KEYS=" + auth.GenerateKey(), "ACCESS_TOKEN_TTL=1h",
		"TMPDIR=" + os.TempDir(),
	}, env...)
	return s
}

// server is one process.
type server struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   string // a file
	ended chan struct{}
}

// serving is what it says when it listens.
var serving = regexp.MustCompile(`"msg":"serving"`)

// start returns when the new process has checked its database and is about to listen; until then, whoever connects to the socket waits.
func (s *service) start(program string) *server {
	s.t.Helper()
	return s.started(s.launch(program))
}

// started is a process of which start is true.
func (s *service) started(p *server) *server {
	s.t.Helper()
	poll(s.t, "the server to serve", func() bool {
		if !p.alive() {
			s.t.Fatalf("the server ended: %s", p.said())
		}
		return serving.MatchString(p.said())
	})
	return p
}

// work starts a worker over the same database; it waits for nothing.
func (s *service) work(program string) *server {
	s.t.Helper()
	return s.launchAs(exec.Command(program, "worker"))
}

// launch starts a server and waits for nothing.
func (s *service) launch(program string) *server {
	s.t.Helper()
	return s.launchAs(s.handed(exec.Command(program, "serve")))
}

// handed is a command that is given the socket.
func (s *service) handed(cmd *exec.Cmd) *exec.Cmd {
	shell := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`}, cmd.Args...)...) // the shell becomes the program, so that both have the pid that the convention asks for
	shell.ExtraFiles = []*os.File{s.socket}
	return shell
}

func (s *service) launchAs(cmd *exec.Cmd) *server {
	s.t.Helper()
	log, err := os.CreateTemp(scratch, "server-*.log")
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	p := &server{t: s.t, log: log.Name(), ended: make(chan struct{}), cmd: cmd}
	p.cmd.Env = s.env
	if s.quota < 100 {
		p.cmd.Env = append(slices.Clone(s.env), "GOMAXPROCS=1") // it runs on one processor, when it does
	}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state says how
		close(p.ended)
	}()
	if s.quota < 100 {
		go p.starve(s.quota)
	}
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			said := p.said()
			s.t.Logf("server %d said, at the end\n%s", p.cmd.Process.Pid, said[max(0, len(said)-4<<10):])
		}
	})
	return p
}

// period is that of a quota.
const period = 100 * time.Millisecond

// starve lets the process run for so many percent of each period, as a scheduler does that holds it to a quota, and needs no privilege. A
// process that does little is stopped as well, so that it is always late.
func (p *server) starve(percent int) {
	run := period * time.Duration(percent) / 100
	for {
		for _, phase := range []struct {
			signal syscall.Signal
			long   time.Duration
		}{{syscall.SIGSTOP, period - run}, {syscall.SIGCONT, run}} {
			_ = p.cmd.Process.Signal(phase.signal) // it may have ended
			select {
			case <-time.After(phase.long):
			case <-p.ended:
				return
			}
		}
	}
}

func (p *server) alive() bool { return !closed(p.ended) }

// said is its log so far.
func (p *server) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func (p *server) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop asks it to end, and returns its exit code.
func (p *server) stop() int {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(hung):
		p.t.Fatalf("the server did not end in %v", hung)
	}
	return p.cmd.ProcessState.ExitCode()
}
