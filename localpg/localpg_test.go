package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ownDir in the environment makes the test binary the owner of a server there.
const ownDir = "LOCALPG_TEST_OWN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownDir); dir != "" {
		own(dir)
		return
	}
	os.Exit(m.Run())
}

// own starts a server, says its URL, and stops it at the end of stdin, if it lives to see it.
func own(dir string) {
	s, err := Start(context.Background(), Options{Dir: dir, Durable: true})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer func() { _ = s.Stop() }()
	fmt.Println(s.URL("postgres", "postgres"))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// A new server answers its superuser, and roles and databases made there, without a password.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := started(t, Options{})
	postgres := connect(t, s.URL("postgres", "postgres"))
	if got, want := text(t, postgres, `SELECT current_user || ' ' || current_setting('is_superuser')`), "postgres on"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	query(t, postgres, `CREATE ROLE "a b" LOGIN`)
	query(t, postgres, `CREATE DATABASE "c/d" OWNER "a b"`)
	app := connect(t, s.URL("a b", "c/d"))
	if got, want := text(t, app, `SELECT current_user || ' ' || current_database()`), "a b c/d"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := text(t, app, `SELECT getdatabaseencoding()`), "UTF8"; got != want {
		t.Errorf("encoding: got %s, want %s", got, want)
	}
}

// Durable is PostgreSQL's own care; without it no disk is waited for. Settings are passed on.
func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		durable bool
		want    string
	}{{true, "on on on 7MB"}, {false, "off off off 7MB"}} {
		s := started(t, Options{Durable: c.durable, Settings: map[string]string{"work_mem": "7MB"}})
		got := text(t, connect(t, s.URL("postgres", "postgres")),
			`SELECT concat_ws(' ', current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'), current_setting('work_mem'))`)
		if got != c.want {
			t.Errorf("durable %v: got %s, want %s", c.durable, got, c.want)
		}
	}
}

// No TCP port is open, whatever the settings ask for.
func TestNoTCP(t *testing.T) {
	t.Parallel()
	s := started(t, Options{Settings: map[string]string{"listen_addresses": "*", "port": "54329", "unix_socket_directories": "/tmp"}})
	connect(t, s.URL("postgres", "postgres"))
	pidfile, err := os.ReadFile(filepath.Join(s.data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	// The lines that say where it really listens: port, socket directory, first address.
	if diff := cmp.Diff([]string{"5432", s.socket, ""}, strings.Split(string(pidfile), "\n")[3:6]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The server never runs as root, and nobody else gets at its data or its socket.
func TestAccount(t *testing.T) {
	t.Parallel()
	s := started(t, Options{})
	postgres := connect(t, s.URL("postgres", "postgres"))
	query(t, postgres, `CREATE TEMP TABLE id (uid text)`)
	query(t, postgres, `COPY id FROM PROGRAM 'id -u'`)
	uid := text(t, postgres, `SELECT uid FROM id`)
	if uid == "0" {
		t.Error("it runs as root")
	}
	for _, dir := range []string{s.data, s.socket} {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid, info.Mode())
		if want := uid + " drwx------"; got != want {
			t.Errorf("%s: got %s, want %s", dir, got, want)
		}
	}
}

// A directory keeps its data from one server to the next, whatever its name, also one that is too long for a socket.
func TestDir(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"it's a dir", `one, "two"`, strings.Repeat("long", 25)} {
		dir := filepath.Join(tempDir(t), name)
		first := started(t, Options{Dir: dir})
		query(t, connect(t, first.URL("postgres", "postgres")), `CREATE TABLE canary AS SELECT 'alive' AS word`)
		if err := first.Stop(); err != nil {
			t.Fatal(err)
		}
		second := started(t, Options{Dir: dir})
		wantCanary(t, second)
		if err := second.Stop(); err != nil {
			t.Fatal(err)
		}
		for _, scratch := range append(first.scratch, second.scratch...) {
			wantGone(t, scratch)
		}
	}
}

// Stop leaves neither process nor directory, and a second Stop says what the first did.
func TestStop(t *testing.T) {
	t.Parallel()
	s := started(t, Options{})
	idle := connect(t, s.URL("postgres", "postgres"))
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(s.process.pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("pid %d: got %v, want %v", s.process.pid, err, syscall.ESRCH)
	}
	if err := idle.Ping(t.Context()); err == nil {
		t.Error("a connection outlived the server")
	}
	wantGone(t, s.Dir())
}

// Ctrl-C at the terminal, which goes to the whole process group, is left to the owner.
func TestGroup(t *testing.T) {
	t.Parallel()
	s := started(t, Options{})
	if got, err := syscall.Getpgid(s.process.pid); err != nil || got != s.process.pid {
		t.Errorf("got the group %d and %v, want %d", got, err, s.process.pid)
	}
}

// What was kept starts again by the command, with its data and at the same URL.
func TestKeep(t *testing.T) {
	t.Parallel()
	s := started(t, Options{})
	t.Cleanup(func() { os.RemoveAll(s.Dir()) })
	query(t, connect(t, s.URL("postgres", "postgres")), `CREATE TABLE canary AS SELECT 'alive' AS word`)
	s.Keep()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	again := runKept(t, s)
	wantCanary(t, s)
	pid, _ := readPostmaster(s.data)
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := again.Wait(); err != nil {
		t.Error(err)
	}
}

// A server that nobody owns any more is stopped and its data taken over.
func TestOrphan(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "it's")
	first := started(t, Options{Dir: dir, Durable: true})
	query(t, connect(t, first.URL("postgres", "postgres")), `CREATE TABLE canary AS SELECT 'alive' AS word`)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	orphan := runKept(t, first)
	var log strings.Builder
	pid, _ := readPostmaster(first.data)
	second := started(t, Options{Dir: dir, Durable: true, Log: &log})
	if err := orphan.Wait(); err != nil {
		t.Errorf("the orphan did not end in order: %v", err)
	}
	wantCanary(t, second)
	if got, want := log.String(), fmt.Sprintf("stopping PostgreSQL (pid %d), whose owner was killed\n", pid); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A postgres is known by its directory. Another program that has been given its pid since, and the postgres of another
// directory, are not to be stopped.
func TestServes(t *testing.T) {
	t.Parallel()
	s := started(t, Options{})
	bystander := s.as.command(t.Context(), s.data, "cat")
	if _, err := bystander.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pid  int
		data string
		want bool
	}{{s.process.pid, s.data, true}, {s.process.pid, s.dir, false}, {bystander.Process.Pid, s.data, false}} {
		if got := serves(c.pid, c.data); got != c.want {
			t.Errorf("%d in %s: got %v, want %v", c.pid, c.data, got, c.want)
		}
	}
	if err := bystander.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = bystander.Wait()
}

// After kill -9 of the server Stop says so, and Start recovers what was committed, once the last of the killed server's
// processes has ended.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	first := started(t, Options{Dir: dir, Durable: true})
	postgres := connect(t, first.URL("postgres", "postgres"))
	query(t, postgres, `CREATE TABLE canary AS SELECT 'alive' AS word`)
	backend := int(postgres.PgConn().PID())
	if err := syscall.Kill(backend, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(backend, syscall.SIGCONT) })
	if err := syscall.Kill(first.process.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-first.process.ended
	if err := first.Stop(); err == nil || !strings.Contains(err.Error(), "had ended by itself (signal: killed)") {
		t.Errorf("got %v, want that it had ended by itself", err)
	}
	resume := writerFunc(func(line string) {
		if line != "waiting for the processes of a killed PostgreSQL to end\n" {
			t.Errorf("got %q", line)
		}
		if err := syscall.Kill(backend, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	})
	wantCanary(t, started(t, Options{Dir: dir, Durable: true, Log: resume}))
}

// Nobody can stop the server when its owner is killed by kill -9: on Linux it ends all the same, and everywhere the next
// Start has the directory and what was committed.
func TestOwnerKilled(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	owner := exec.CommandContext(t.Context(), os.Args[0])
	owner.Env = append(os.Environ(), ownDir+"="+dir)
	if _, err := owner.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	postgres := connect(t, strings.TrimSpace(url))
	query(t, postgres, `CREATE TABLE canary AS SELECT 'alive' AS word`)
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	if runtime.GOOS == "linux" {
		// Nobody but the kernel has told it to.
		ctx, cancel := context.WithTimeout(t.Context(), stopPatience)
		defer cancel()
		_, err := postgres.WaitForNotification(ctx)
		var shutdown *pgconn.PgError
		if !errors.As(err, &shutdown) || shutdown.Code != "57P01" {
			t.Errorf("got %v, want admin_shutdown", err)
		}
	}
	wantCanary(t, started(t, Options{Dir: dir, Durable: true}))
}

// A directory has one owner at a time; the second is told who the first is, and does no harm. The server itself holds
// no lock that would keep the next owner out.
func TestLock(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := started(t, Options{Dir: dir})
	_, err := Start(t.Context(), Options{Dir: dir})
	if diff := cmp.Diff(fmt.Sprintf("%s is in use by another rowhouse (pid %d)", s.Dir(), os.Getpid()), fmt.Sprint(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	connect(t, s.URL("postgres", "postgres"))
	if err := s.lock.Close(); err != nil {
		t.Fatal(err)
	}
	lock, err := lockDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
}

// An initdb that did not come to its end, given up or killed, leaves nothing that the next Start trips over.
func TestHalfInitialized(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	giveUp := writerFunc(func(string) { cancel() })
	if _, err := Start(ctx, Options{Dir: dir, Log: giveUp}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want %v", err, context.Canceled)
	}
	wantGone(t, filepath.Join(dir, "data"))
	wreck := filepath.Join(dir, "data.tmp")
	if err := errors.Join(
		os.MkdirAll(filepath.Join(wreck, "base", "1"), 0o700),
		os.WriteFile(filepath.Join(wreck, "PG_VERSION"), []byte("15\n"), 0o600),
		os.WriteFile(filepath.Join(wreck, "base", "1", "1259"), nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	connect(t, started(t, Options{Dir: dir}).URL("postgres", "postgres"))
	wantGone(t, wreck)
}

// When PostgreSQL does not come up, the error has its own words, and nothing is left behind.
func TestStartFails(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	_, err := Start(t.Context(), Options{Dir: dir, Settings: map[string]string{"work_mem": "much"}})
	if got, want := fmt.Sprint(err), `FATAL:  invalid value for parameter "work_mem": "much"`; !strings.Contains(got, want) {
		t.Errorf("got %s, want it to contain %s", got, want)
	}
	connect(t, started(t, Options{Dir: dir}).URL("postgres", "postgres"))
}

// Where the server's user cannot enter a directory, the error names it.
func TestReaches(t *testing.T) {
	t.Parallel()
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "open")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	stranger := account{name: "stranger", uid: 54321, gid: 54321, switched: true}
	want := fmt.Sprintf("%s: as root, PostgreSQL runs as the user stranger, who may not enter %s: choose another directory or `chmod a+x %s`", dir, closed, closed)
	if diff := cmp.Diff(want, fmt.Sprint(stranger.reaches(dir))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := stranger.reaches("/"); err != nil {
		t.Error(err)
	}
}

func started(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// runKept runs the start command and returns when the server says that it is ready.
func runKept(t *testing.T, s *Server) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "exec 2>&1; "+s.StartCommand())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ready to accept connections") {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return cmd
		}
		t.Log(lines.Text())
	}
	t.Fatalf("%s: %v", s.StartCommand(), cmd.Wait())
	return nil
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func query(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func text(t *testing.T, conn *pgx.Conn, sql string) (answer string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func wantCanary(t *testing.T, s *Server) {
	t.Helper()
	if got, want := text(t, connect(t, s.URL("postgres", "postgres")), `SELECT word FROM canary`), "alive"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func wantGone(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: got %v, want %v", name, err, fs.ErrNotExist)
	}
}

// tempDir is t.TempDir, which is closed to other users, for the server's.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "localpg-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

type writerFunc func(line string)

func (f writerFunc) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}
