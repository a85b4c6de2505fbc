package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowhouse/auth"
	"rowhouse/handlers"
	"rowhouse/testdb"
)

// asRowhouse in the environment makes the test binary the command itself.
const asRowhouse = "ROWHOUSE_TEST_AS_ROWHOUSE"

func TestMain(m *testing.M) {
	if os.Getenv(asRowhouse) != "" {
		main()
		os.Exit(0)
	}
	testdb.Main(m)
}

// vars is an environment.
type vars map[string]string

// with is v and one more.
func (v vars) with(name, value string) vars {
	w := maps.Clone(v)
	w[name] = value
	return w
}

// process is a rowhouse of its own, started with an environment that holds no configuration but env.
type process struct {
	t   *testing.T
	cmd *exec.Cmd

	mu    sync.Mutex
	more  sync.Cond
	lines []string // of stdout and stderr, as they came
	over  bool
}

// hung is far longer than any command of these tests takes, an initdb and a recovery among them.
const hung = time.Minute

func start(t *testing.T, env vars, args ...string) *process {
	t.Helper()
	return startIn(t, "", env, args...)
}

func startIn(t *testing.T, dir string, env vars, args ...string) *process {
	t.Helper()
	return startAs(t, func(cmd *exec.Cmd) { cmd.Dir = dir }, env, args...)
}

// startAs lets prepare change the command before it starts.
func startAs(t *testing.T, prepare func(*exec.Cmd), env vars, args ...string) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(program, args...)}
	p.more.L = &p.mu
	p.cmd.Env = []string{asRowhouse + "=1", "HOME=" + t.TempDir()}
	for _, name := range []string{"PATH", "TMPDIR", "PG_BIN", "ROWHOUSE_PG_MIRROR", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			p.cmd.Env = append(p.cmd.Env, name+"="+value)
		}
	}
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = in, in
	prepare(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	go func() {
		defer out.Close()
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			p.mu.Lock()
			p.lines = append(p.lines, scanner.Text())
			p.mu.Unlock()
			p.more.Broadcast()
		}
		p.mu.Lock()
		p.over = true
		p.mu.Unlock()
		p.more.Broadcast()
	}()
	guard := time.AfterFunc(hung, func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() {
		guard.Stop()
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if t.Failed() {
			t.Logf("rowhouse %s said\n%s", strings.Join(args, " "), p.said())
		}
	})
	return p
}

// said is all that it has printed so far.
func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// await returns what the pattern captures in the first line that it matches, once there is one.
func (p *process) await(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := 0; ; i++ {
		for i == len(p.lines) && !p.over {
			p.more.Wait()
		}
		if i == len(p.lines) {
			p.t.Fatalf("it ended without saying %s", pattern)
		}
		if match := re.FindStringSubmatch(p.lines[i]); match != nil {
			return match
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns how it ended.
func (p *process) wait() *os.ProcessState {
	p.t.Helper()
	p.mu.Lock()
	for !p.over { // all output first
		p.more.Wait()
	}
	p.mu.Unlock()
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState
}

// run is what a command prints that succeeds.
func run(t *testing.T, env vars, args ...string) string {
	t.Helper()
	p := start(t, env, args...)
	if state := p.wait(); !state.Success() {
		t.Fatalf("rowhouse %s: %v", strings.Join(args, " "), state)
	}
	return p.said()
}

// refuses is what a command prints that fails.
func refuses(t *testing.T, env vars, args ...string) string {
	t.Helper()
	p := start(t, env, args...)
	if state := p.wait(); state.ExitCode() != 1 {
		t.Fatalf("rowhouse %s: %v, want exit status 1", strings.Join(args, " "), state)
	}
	return p.said()
}

// routes prints the whole table, a line for each operation.
func TestRoutes(t *testing.T) {
	t.Parallel()
	var got [][]string
	for line := range strings.Lines(run(t, nil, "routes")) {
		got = append(got, strings.Fields(line))
	}
	if diff := cmp.Diff(handlers.API().Table(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := []string{"GET", "/api/v1/items/:item_id", "tenant", "items:read", "itemGet"}; !slices.ContainsFunc(got, func(row []string) bool { return slices.Equal(row, want) }) {
		t.Errorf("no row %q", want)
	}
}

// openapi prints the API's description.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	var document struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(run(t, nil, "openapi")), &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1.") {
		t.Errorf("it is OpenAPI %q", document.OpenAPI)
	}
	if len(document.Paths) == 0 {
		t.Error("it has no paths")
	}
}

// version says what it is and which Go made it.
func TestVersion(t *testing.T) {
	t.Parallel()
	got := run(t, nil, "version")
	if !regexp.MustCompile(`^rowhouse \S+ .*` + regexp.QuoteMeta(runtime.Version()) + `$`).MatchString(got) {
		t.Errorf("got %q", got)
	}
}

// completion prints a script for each shell that it knows.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := run(t, nil, "completion", shell); !strings.Contains(got, "rowhouse") {
			t.Errorf("%s: got %q", shell, got)
		}
	}
}

// keys rotate prints the value of the next step and nothing else, so that it can be put where the server reads it, and says beside it
// which step that is.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	rotate := func(value, says string) string {
		t.Helper()
		var said strings.Builder
		rotate := exec.Command(program, "keys", "rotate")
		rotate.Env, rotate.Stderr = []string{asRowhouse + "=1", "TOKEN_SIGNING_KEYS=" + value}, &said
		printed, err := rotate.Output()
		if err != nil || !strings.HasPrefix(said.String(), says) {
			t.Errorf("error %v, and it says %q, want %s", err, said.String(), says)
		}
		return strings.TrimSuffix(string(printed), "\n")
	}
	old := rotate("", "A first key.")
	added := rotate(old, "Step 1 of 3:")
	fresh, ok := strings.CutPrefix(added, old+",")
	if keys, err := auth.ParseKeys(added); !ok || err != nil || len(keys) != 2 {
		t.Errorf("the first step is not the old key and then a new one: %v", err)
	}
	if signs := rotate(added, "Step 2 of 3, for when every server and worker has the value of step 1:"); signs != fresh+","+old {
		t.Error("the second step is not the new key and then the old one")
	}
	if last := rotate(fresh+","+old, "Step 3 of 3, for a day after"); last != fresh {
		t.Error("the third step is not the new key alone")
	}
	rotate(fresh, "Step 1 of 3:")
	got := refuses(t, vars{"TOKEN_SIGNING_KEYS": "kid:c2VjcmV0"}, "keys", "rotate")
	if !strings.HasPrefix(got, "rowhouse: TOKEN_SIGNING_KEYS: ") || strings.Contains(got, "c2VjcmV0") {
		t.Errorf("of a malformed value it says %q", got)
	}
}

// migrate goes down and up one migration at a time and says which.
func TestMigrate(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	env := vars{"DATABASE_MIGRATION_URL": d.Owner()}
	files, err := filepath.Glob("../../sql/migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	last := filepath.Base(files[len(files)-1])
	for _, step := range []struct{ command, want string }{
		{"up", `\Anothing to do\z`},
		{"down", `\AOK +down ` + last + ` \S+\z`},
		{"status", `(?s)\A(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \S+\n)+pending +` + last + `\z`},
		{"up", `\AOK +up ` + last + ` \S+\z`},
		{"redo", `\AOK +down ` + last + ` \S+\nOK +up ` + last + ` \S+\z`},
		{"status", `\A(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \S+\n?)+\z`},
	} {
		if got := run(t, env, "migrate", step.command); !regexp.MustCompile(step.want).MatchString(got) {
			t.Errorf("%s: got\n%s\nwant %s", step.command, got, step.want)
		}
	}
	if got, want := refuses(t, nil, "migrate", "up"), "rowhouse: DATABASE_MIGRATION_URL: name the owner's login"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// migrate up --grant lets a login serve that could not before.
func TestMigrateGrant(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	login := testdb.Value[string](d, `SELECT current_database() || '_granted'`)
	d.Exec(`CREATE ROLE "` + login + `" LOGIN`)
	t.Cleanup(func() { d.Exec(`DROP ROLE "` + login + `"`) })
	serving := vars{"DATABASE_URL": d.URL(login), "TOKEN_SIGNING_KEYS": auth.GenerateKey(), "HTTP_ADDR": "127.0.0.1:0"}
	refuses(t, serving, "serve")
	run(t, vars{"DATABASE_MIGRATION_URL": d.Owner()}, "migrate", "up", "--grant", login)
	start(t, serving, "serve").await(`"serving"`)
}

// migrate create numbers the new file after the last one of the folder, and it is a migration that does nothing yet.
func TestMigrateCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := filepath.Join(dir, "sql", "migrations")
	create := func(name string) *process { return startIn(t, dir, nil, "migrate", "create", name) }
	if p := create("add_coupons"); p.wait().Success() {
		t.Errorf("without a folder: got %s", p.said())
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00001_roles.sql", "00009_items.sql"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"sql/migrations/00010_add_coupons.sql", "sql/migrations/00011_add_coupons.sql"} {
		p := create("add_coupons")
		if p.wait(); p.said() != want {
			t.Errorf("got %s, want %s", p.said(), want)
		}
		text, err := os.ReadFile(filepath.Join(dir, want))
		if err != nil || string(text) != "-- +goose Up\n\n-- +goose Down\n" {
			t.Errorf("%s: got %q, %v", want, text, err)
		}
	}
	for _, name := range []string{"", "Add", "add coupons", "../x", "add-coupons"} {
		if p := create(name); p.wait().Success() {
			t.Errorf("the name %q is taken: %s", name, p.said())
		}
	}
}
