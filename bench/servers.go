package bench

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	schema "rowhouse/sql"
)

// A server is a process that is measured.
type server struct {
	name     string
	base     string // URL
	database string
	asked    []string // what requests.lua is told of it besides
	process  *exec.Cmd
	ready    time.Duration // from its start until it answered
}

// serve runs a program until stop or kill, and returns when it answers at health, other than that it is not ready. In the arguments,
// ADDRESS is where it is to listen; the environment says so in HTTP_ADDR, and may name its $PORT.
func (b *bench) serve(ctx context.Context, name, health string, environment []string, program string, args ...string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "ADDRESS", address)
	}
	_, port, _ := net.SplitHostPort(address)
	for i := range environment {
		environment[i] = strings.ReplaceAll(environment[i], "$PORT", port)
	}
	output, err := os.Create(b.path(name + ".log"))
	if err != nil {
		return nil, err
	}
	defer output.Close() // the process has its own
	s := &server{name: name, base: "http://" + address, process: exec.Command(b.path(program), args...)}
	s.process.Env = append(environment, "HTTP_ADDR="+address)
	s.process.Stdout, s.process.Stderr = output, output
	began := time.Now()
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	for tick := time.NewTicker(time.Millisecond); ; {
		if answer, err := http.Get(s.base + health); err == nil {
			answer.Body.Close()
			if answer.StatusCode < 500 {
				s.ready = time.Since(began)
				return s, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.stop()
			return nil, ctx.Err()
		}
		if time.Since(began) > time.Minute {
			s.stop()
			text, _ := os.ReadFile(output.Name())
			return nil, fmt.Errorf("%s does not answer:\n%s", name, text)
		}
	}
}

func (s *server) stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	_ = s.process.Wait() // that it was told to end is no news
}

// kill ends the process at once.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// rowhouse serves the database of a tree, at url, as in production: everything checked, every limit counted, and a line a request in the log.
func (b *bench) rowhouse(ctx context.Context, t tree, url string) (*server, error) {
	s, err := b.serve(ctx, t.program, "/readyz", []string{"DATABASE_URL=" + url, "TOKEN_SIGNING_KEYS=" + b.keys}, t.program, "serve")
	if err == nil {
		s.database = t.database
	}
	return s, err
}

// served are servers of all trees, by their programs, until stop; which also ends those that began before an error.
func (b *bench) served(ctx context.Context) (servers map[string]*server, stop func(), err error) {
	servers = map[string]*server{}
	stop = func() {
		for _, s := range servers {
			s.stop()
		}
	}
	for _, t := range b.trees {
		s, err := b.rowhouse(ctx, t, b.postgres.URL(schema.Server, t.database))
		if err != nil {
			return servers, stop, err
		}
		servers[t.program] = s
	}
	return servers, stop, nil
}

// floor serves the tables of the schema bare.
func (b *bench) floor(ctx context.Context, url string, audit bool) (*server, error) {
	name := floorName
	if audit {
		name = auditedName
	}
	s, err := b.serve(ctx, name, "/", nil, "floor", "-address", "ADDRESS", "-database", url+"&search_path=bare&pool_max_conns=8", fmt.Sprintf("-audit=%t", audit))
	if err == nil {
		s.database = database
	}
	return s, err
}

// prestConfig is of pREST: it checks a token, and may do anything with one table.
const prestConfig = `
[http]
host = "localhost"
[pg]
host = %q
user = "postgres"
database = %q
maxopenconn = 16
maxidleconn = 16
single = true
cache = true
[ssl]
mode = "disable"
[jwt]
default = true
key = %q
algo = "HS256"
[access]
restrict = true
[[access.tables]]
name = "items"
permissions = ["read", "write", "delete"]
fields = ["*"]
`

// prest serves the floor's tables by pREST (prestd.com), which is built elsewhere. It reads each answer from PostgreSQL as JSON.
func (b *bench) prest(ctx context.Context, program string) (*server, error) {
	if err := os.Symlink(program, b.path("prestd")); err != nil {
		return nil, err
	}
	socket, err := b.socketDir()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.path("prest.toml"), fmt.Appendf(nil, prestConfig, socket, database, b.keys), 0o600); err != nil {
		return nil, err
	}
	s, err := b.serve(ctx, prestName, "/_health", []string{"PREST_CONF=" + b.path("prest.toml"), "PREST_HTTP_PORT=$PORT", "HOME=" + b.dir}, "prestd")
	if err != nil {
		return nil, err
	}
	encoded := base64.RawURLEncoding.EncodeToString
	token := encoded([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encoded(fmt.Appendf(nil, `{"sub":"bench","exp":%d}`, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(b.keys))
	mac.Write([]byte(token))
	s.database, s.asked = database, []string{"PREST=/" + database + "/bare/items", "TOKEN=" + token + "." + encoded(mac.Sum(nil))}
	return s, nil
}

// cpu is what a process and all below it have used, in seconds.
func cpu(pid int) (seconds float64) {
	parents, used := map[int]int{}, map[int]float64{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		id, _ := strconv.Atoi(strings.Split(path, "/")[2])
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		parents[id], _ = strconv.Atoi(string(fields[1]))
		for _, ticks := range fields[11:15] { // its own user and system time, and that of children it has waited for: proc(5)
			n, _ := strconv.ParseFloat(string(ticks), 64)
			used[id] += n / 100 // a tick is a hundredth of a second
		}
	}
	for id := range used {
		for at := id; at > 1; at = parents[at] {
			if at == pid {
				seconds += used[id]
				break
			}
		}
	}
	return seconds
}

// peak is the most memory, in MiB, that the process has held since forget.
func peak(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, alive := strings.Cut(string(text), "VmHWM:")
	if !alive {
		return 0, fmt.Errorf("process %d has ended", pid)
	}
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kib / 1024, err
}

// forget makes peak begin anew.
func forget(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// socketName is that of the socket in its directory.
const socketName = ".s.PGSQL.5432"

// socketDir is where PostgreSQL listens.
func (b *bench) socketDir() (string, error) {
	at, err := url.Parse(b.postgres.URL("postgres", database))
	if err != nil {
		return "", err
	}
	return at.Query().Get("host"), nil
}

// postmaster is the process whose children do the work of PostgreSQL.
func (b *bench) postmaster() (int, error) {
	text, err := os.ReadFile(b.path("postgres/data/postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// distant listens on a unix socket before that of PostgreSQL; each way through it takes half of the delay. It returns the directory of its socket.
func (b *bench) distant(ctx context.Context, socket string, delay time.Duration) (dir string, err error) {
	dir = b.path("distant")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(dir, socketName))
	if err != nil {
		return "", err
	}
	go func() {
		<-ctx.Done()
		listener.Close()
	}()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				client.Close()
				continue
			}
			go carry(server, client, delay/2)
			go carry(client, server, delay/2)
		}
	}()
	return dir, nil
}

// late is more than a timer is late by, since Go sleeps whole milliseconds when nothing else goes on: carry waits out the rest awake. Under
// one connection nobody has anything else to do with that core.
const late = 1500 * time.Microsecond

// carry takes what it reads across, in its order, each part so much later.
func carry(to, from net.Conn, delay time.Duration) {
	type parcel struct {
		due  time.Time
		data []byte
	}
	parcels := make(chan parcel, 1024)
	go func() {
		defer to.Close()
		for p := range parcels {
			<-time.After(time.Until(p.due) - late)
			for time.Now().Before(p.due) {
				runtime.Gosched()
			}
			if _, err := to.Write(p.data); err != nil && !errors.Is(err, net.ErrClosed) {
				from.Close() // whose reader then ends
			}
		}
	}()
	for {
		buffer := make([]byte, 64<<10)
		n, err := from.Read(buffer)
		if err != nil {
			close(parcels)
			return
		}
		parcels <- parcel{time.Now().Add(delay), buffer[:n]}
	}
}
