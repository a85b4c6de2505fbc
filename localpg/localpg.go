// Package localpg runs a private PostgreSQL for `rowhouse dev` and for the tests: nothing to install where PostgreSQL
// 15 to 18 already is or can be downloaded, nothing to configure, no port, and gone when its owner is.
//
// Only a unix socket in a directory that the server's user and root alone may enter leads to it; whoever gets there is
// trusted to be any role.
package localpg

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// startLimit is far beyond what recovering a development database from a crash takes.
	startLimit = 60 * time.Second

	// stopPatience is how long a fast shutdown may write its checkpoint before an immediate one leaves that to recovery.
	stopPatience = 10 * time.Second

	// pollEvery is how often files and processes are looked at, which do not announce that they changed.
	pollEvery = 10 * time.Millisecond

	// maxSocketPath in bytes is what the smallest sun_path of our platforms holds: macOS, 104 with the closing NUL.
	maxSocketPath = 103

	// maxLogTail in bytes is how much of postgres.log an error repeats: a screenful.
	maxLogTail = 2 << 10

	// port names the socket; no TCP port is ever opened.
	port = "5432"

	// stillAttached is how PostgreSQL, in the C locale, says that processes of a killed server have yet to end.
	stillAttached = "is still in use"
)

// Options says what to run. The zero Options is an empty server for a test.
type Options struct {
	// Dir is where the data live and survive, made when missing. Empty: a temporary directory that Stop removes.
	Dir string
	// Durable data survive a power cut. A test does not wait for the disk.
	Durable bool
	// Log gets a line for each step that takes a while. Nil: silence.
	Log io.Writer
	// Settings are further PostgreSQL settings; they cannot make it listen elsewhere.
	Settings map[string]string
}

// Server is a running PostgreSQL, whose superuser is postgres.
type Server struct {
	dir, data, socket string   // in dir: the lock, the log, data, and the socket where its path is short enough
	scratch           []string // what Stop removes
	kept              atomic.Bool
	as                account
	bin               binaries
	args              []string // the command line of postgres
	log               io.Writer
	lock              *os.File // closing it frees dir
	process           *process
	stop              func() error
}

// DefaultDir is where `rowhouse dev` keeps its data: /var/lib/rowhouse for root, whose home the server's user could not
// enter, else rowhouse in the user's XDG data directory.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/rowhouse", nil
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "rowhouse"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local/share/rowhouse"), err
}

// Start returns when the server takes connections. It waits no longer than ctx, which bounds the start and not the
// server. One server at a time has a directory: Start refuses one that a live rowhouse holds, and stops a server whose
// owner was killed.
func Start(ctx context.Context, o Options) (*Server, error) {
	return start(ctx, o, environment(os.Getenv))
}

func start(ctx context.Context, o Options, from places) (*Server, error) {
	s := &Server{log: o.Log}
	if s.log == nil {
		s.log = io.Discard
	}
	s.stop = sync.OnceValue(s.shutdown)
	if err := s.start(ctx, o, from); err != nil {
		_ = s.Stop() // only says again that it did not start
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options, from places) (err error) {
	if s.as, err = serverAccount(); err != nil {
		return err
	}
	if err := s.makeDir(o.Dir); err != nil {
		return err
	}
	if s.lock, err = lockDir(s.dir); err != nil {
		return err
	}
	if s.bin, err = from.choose(ctx, s.as, s.data, s.logf); err != nil {
		return err
	}
	if err := s.stopOrphan(ctx, s.data); err != nil {
		return err
	}
	if _, err := os.Stat(s.data); errors.Is(err, fs.ErrNotExist) {
		if err := s.initialize(ctx, o.Durable); err != nil {
			return err
		}
	}
	if err := s.makeSocketDir(); err != nil {
		return err
	}
	s.args = s.commandLine(o)
	return s.launch(ctx)
}

// URL leads to the database as that user, for pgx and for psql.
func (s *Server) URL(user, database string) string {
	// The port is said because PGPORT would otherwise say it.
	query := url.Values{"host": {s.socket}, "port": {port}}.Encode()
	u := url.URL{Scheme: "postgres", User: url.User(user), Path: "/" + database}
	u.RawQuery = strings.ReplaceAll(query, "+", "%20") // libpq and pgx read a plus as a plus
	return u.String()
}

// Bin is the directory of the PostgreSQL that runs, where its other programs are too, if it came with any.
func (s *Server) Bin() string {
	if real, err := filepath.EvalSymlinks(s.bin.path("postgres")); err == nil {
		return filepath.Dir(real)
	}
	return s.bin.dir
}

// Dir holds the data and postgres.log, the log of the last start.
func (s *Server) Dir() string { return s.dir }

// Keep makes Stop leave everything behind, for a look at the wreck of a failed test.
func (s *Server) Keep() { s.kept.Store(true) }

// StartCommand is a shell line that runs a stopped and kept server again, in the foreground, with the same URL.
func (s *Server) StartCommand() string {
	words := s.args
	if s.as.switched {
		words = append(asUser(s.as.name), words...)
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	// PostgreSQL must be able to return to the directory that it was started in.
	return "cd " + quote(s.dir) + " && " + strings.Join(quoted, " ")
}

var plainWord = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// quote writes a word for the shell.
func quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Stop ends the server and returns when it is gone. Its transactions are rolled back. It errs when the server had
// already ended by itself. Further calls return what the first did.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) shutdown() error {
	var errs []error
	if s.process != nil {
		if err := s.process.stop(); err != nil {
			errs = append(errs, fmt.Errorf("%w; the end of its log:\n%s", err, s.logTail()))
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if !s.kept.Load() {
		for _, dir := range s.scratch {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

// makeDir makes the server's directory. It stays ours, so that the server's user cannot bend the paths that root
// follows; what is that user's lies in it, closed to everyone else.
func (s *Server) makeDir(dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "rowhouse-pg-"); err != nil {
			return err
		}
		s.scratch = append(s.scratch, dir)
		err = os.Chmod(dir, 0o755)
	} else if _, missing := os.Stat(dir); errors.Is(missing, fs.ErrNotExist) {
		err = errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755))
	}
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if s.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	s.data = filepath.Join(s.dir, "data")
	return s.as.reaches(s.dir)
}

// makeSocketDir makes the directory of the socket: in the server's own, or in /tmp where its path would be too long, or
// would read as two in a setting or in a URL.
func (s *Server) makeSocketDir() (err error) {
	s.socket = filepath.Join(s.dir, "socket")
	if len(s.socket)+len("/.s.PGSQL."+port) > maxSocketPath || strings.ContainsAny(s.socket, `,"`) {
		if s.socket, err = os.MkdirTemp("/tmp", "rowhouse-pg-"); err != nil {
			return err
		}
		s.scratch = append(s.scratch, s.socket)
	}
	return s.as.mkdir(s.socket)
}

// initialize makes the data directory. It appears whole or not at all: an initdb killed in the middle leaves data.tmp.
func (s *Server) initialize(ctx context.Context, durable bool) error {
	temporary := s.data + ".tmp"
	if err := s.stopOrphan(ctx, temporary); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(temporary), s.as.mkdir(temporary)); err != nil {
		return err
	}
	s.logf("creating a PostgreSQL %d database in %s", s.bin.major, s.data)
	args := []string{"-D", temporary, "-A", "trust", "-U", "postgres", "-E", "UTF8"}
	if !durable {
		args = append(args, "--no-sync")
	}
	output, err := s.initdb(ctx, append(args, "--locale=C.UTF-8"))
	if err != nil && strings.Contains(output, "invalid locale") {
		output, err = s.initdb(ctx, append(args, "--locale=C")) // older macOS has no C.UTF-8
	}
	if err != nil {
		return fmt.Errorf("%s: %w:\n%s", s.bin.path("initdb"), err, output)
	}
	if err := os.Rename(temporary, s.data); err != nil || !durable {
		return err
	}
	parent, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

func (s *Server) initdb(ctx context.Context, args []string) (output string, err error) {
	cmd := s.as.command(ctx, "/", s.bin.path("initdb"), args...)
	// The whole group, as at a terminal: initdb alone would leave the postgres that it feeds.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	var combined bytes.Buffer
	cmd.Stdout, cmd.Stderr = &combined, &combined
	p, err := run(cmd)
	if err != nil {
		return "", err
	}
	<-p.ended
	if p.err != nil {
		p.err = cmp.Or(context.Cause(ctx), p.err)
	}
	return strings.TrimSpace(combined.String()), p.err
}

func (s *Server) commandLine(o Options) []string {
	args := []string{s.bin.path("postgres"), "-D", s.data}
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }
	set("max_connections", "200")
	if !o.Durable {
		set("fsync", "off")
		set("synchronous_commit", "off")
		set("full_page_writes", "off")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		set(name, o.Settings[name])
	}
	// The last word wins.
	set("listen_addresses", "")
	set("unix_socket_directories", s.socket)
	set("port", port)
	return args
}

// launch runs postgres until it takes connections. Processes of a server that was killed may hold its shared memory a
// moment longer, and PostgreSQL refuses to start beside them: then it tries again.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %v", startLimit))
	defer cancel()
	for waiting := false; ; waiting = true {
		if err := s.exec(ctx); err != nil {
			return err
		}
		err := s.awaitReady(ctx)
		if err == nil {
			return nil
		}
		tail := s.logTail()
		if !strings.Contains(tail, stillAttached) || !pause(ctx) {
			return fmt.Errorf("PostgreSQL %d did not start in %s: %w; the end of its log:\n%s", s.bin.major, s.dir, err, tail)
		}
		if !waiting {
			s.logf("waiting for the processes of a killed PostgreSQL to end")
		}
	}
}

func (s *Server) exec(ctx context.Context) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.as.command(context.WithoutCancel(ctx), s.data, s.args[0], s.args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	s.process, err = run(cmd)
	return err
}

func (s *Server) awaitReady(ctx context.Context) error {
	for {
		if pid, ready := readPostmaster(s.data); ready && pid == s.process.pid {
			return nil
		}
		select {
		case <-s.process.ended:
			return fmt.Errorf("it ended (%v)", s.process.cmd.ProcessState)
		default:
		}
		if !pause(ctx) {
			return context.Cause(ctx)
		}
	}
}

// stopOrphan stops a postgres that serves data although nobody holds the lock: its owner was killed.
func (s *Server) stopOrphan(ctx context.Context, data string) error {
	pid, _ := readPostmaster(data)
	if pid <= 1 || !serves(pid, data) {
		return nil
	}
	s.logf("stopping PostgreSQL (pid %d), whose owner was killed", pid)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		_ = syscall.Kill(pid, signal) // when it cannot be stopped, serves goes on saying so
		for deadline := time.Now().Add(stopPatience); time.Now().Before(deadline); {
			if !serves(pid, data) {
				return nil
			}
			if !pause(ctx) {
				return context.Cause(ctx)
			}
		}
	}
	return fmt.Errorf("PostgreSQL (pid %d) serves %s and does not stop: stop it and try again", pid, data)
}

// readPostmaster reads postmaster.pid: the process that has or had the data, and whether it had come to take
// connections, be it as a standby that only reads.
func readPostmaster(data string) (pid int, ready bool) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	lines := strings.Split(string(text), "\n")
	pid, _ = strconv.Atoi(strings.TrimPrefix(lines[0], "-")) // negative when initdb's
	if len(lines) <= 7 {
		return pid, false
	}
	state := strings.TrimSpace(lines[7])
	_, err = os.Stat(filepath.Join(data, "standby.signal")) // without it, it recovers, and takes no connections until it has
	return pid, state == "ready" || state == "standby" && err == nil
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "postgres.log") }

func (s *Server) logTail() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	if from := len(text) - maxLogTail; from > 0 {
		_, text, _ = bytes.Cut(text[from:], []byte("\n"))
	}
	return strings.TrimSpace(string(text))
}

func (s *Server) logf(format string, args ...any) { fmt.Fprintf(s.log, format+"\n", args...) }

// pause waits until it is worth looking again, and is false when ctx is done.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pollEvery):
		return true
	}
}
