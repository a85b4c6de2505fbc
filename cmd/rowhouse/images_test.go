//go:build images

// Where there is no container engine, this does what one would with Dockerfile and docker-compose.yml (make images-check): it builds what they
// say, and starts it in their order, with their environment, as their users, and with nothing else in sight. PostgreSQL and the mail server are
// stood in for; the test fails when docker-compose.yml names another image that the project does not build.

package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/localpg"
	"rowhouse/mail/mailtest"
)

// stage is a stage of the Dockerfile, with what it has from the one that it stands on.
type stage struct {
	run, command    []string          // shell lines; CMD
	copied          map[string]string // what it has of the stage build, by where it puts it
	user, exposed   string
	entry, variable []string
}

// stages reads the Dockerfile. It fails on an instruction that it does not know.
func stages(t *testing.T) map[string]stage {
	t.Helper()
	all := map[string]stage{}
	var name string
	for line := range strings.Lines(strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		words := slices.DeleteFunc(strings.Fields(rest), func(word string) bool { return strings.HasPrefix(word, "--") && !strings.HasPrefix(word, "--from=") })
		s := all[name]
		switch word {
		case "", "#", "ARG", "WORKDIR":
			continue
		case "FROM":
			if len(words) != 3 || words[1] != "AS" {
				t.Fatalf("%q: want FROM image AS name", line)
			}
			name = words[2]
			s = all[words[0]]
			s.copied = maps.Clone(s.copied)
		case "COPY":
			if len(words) == 3 && words[0] == "--from=build" {
				if s.copied == nil {
					s.copied = map[string]string{}
				}
				s.copied[words[2]] = words[1]
			} else if name != "build" {
				t.Fatalf("%q: an image has what was built, and nothing else", line)
			}
		case "RUN":
			s.run = append(slices.Clip(s.run), strings.Join(words, " "))
		case "ENV":
			s.variable = append(slices.Clip(s.variable), words...)
		case "USER":
			s.user = rest
		case "EXPOSE":
			s.exposed = rest
		case "ENTRYPOINT":
			s.entry = list(t, rest)
		case "CMD":
			s.command = list(t, rest)
		default:
			t.Fatalf("%q: an instruction that this test does not know", line)
		}
		all[name] = s
	}
	return all
}

func list(t *testing.T, text string) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return words
}

// service is one of docker-compose.yml. What is not here, the test does not let it say.
type service struct {
	Image       string
	Build       struct{ Context, Target string }
	Command     []string
	User        string
	Environment map[string]string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	GracePeriod string                                `yaml:"stop_grace_period"`
	Ports       []string
	Volumes     []string
	Healthcheck map[string]any
}

// services reads docker-compose.yml with the variables of .env.
func services(t *testing.T, env vars) map[string]service {
	t.Helper()
	var file struct {
		Services map[string]service
		Volumes  map[string]any
	}
	if err := yaml.NewDecoder(strings.NewReader(read(t, "docker-compose.yml")), yaml.Strict()).Decode(&file); err != nil {
		t.Fatal(err)
	}
	variable := regexp.MustCompile(`\$\{(\w+)(:\?|:-|-)([^}]*)\}`)
	for name, s := range file.Services {
		for key, text := range s.Environment {
			s.Environment[key] = variable.ReplaceAllStringFunc(text, func(found string) string {
				m := variable.FindStringSubmatch(found)
				value, given := env[m[1]]
				switch {
				case value == "" && m[2] == ":?":
					t.Fatalf("%s: .env must set %s", name, m[1])
				case value == "" && (m[2] == ":-" || !given):
					return m[3]
				}
				return value
			})
			if strings.Contains(s.Environment[key], "$") {
				t.Fatalf("%s: %s: %s is of a form that this test does not know", name, key, text)
			}
		}
	}
	return file.Services
}

// source copies the project, as git has it or is about to, without what .dockerignore leaves out, which git ignores too.
func source(t *testing.T, to string) {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = "../.."
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		text, err := os.ReadFile("../../" + name)
		if os.IsNotExist(err) {
			continue // git has yet to be told
		}
		info, statErr := os.Stat("../../" + name)
		if err != nil || statErr != nil {
			t.Fatal(err, statErr)
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

// build runs the lines of the stage build in a copy of the project.
func build(t *testing.T, s stage, dir string, environment ...string) {
	t.Helper()
	source(t, dir)
	for _, line := range s.run {
		cmd := exec.Command("sh", "-euc", line)
		cmd.Dir = dir
		cmd.Env = slices.DeleteFunc(os.Environ(), func(one string) bool { return strings.HasPrefix(one, "MAKE") || strings.HasPrefix(one, "MFLAGS=") })
		cmd.Env = append(append(cmd.Env, "TARGETARCH="+runtime.GOARCH), environment...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
}

// Two builds of the same files are the same to the byte, wherever they are made, and whatever was built before.
func TestImagesReproducible(t *testing.T) {
	s := stages(t)
	dir := t.TempDir()
	first, second := filepath.Join(dir, "a"), filepath.Join(dir, "elsewhere/with a longer name")
	build(t, s["build"], first)
	build(t, s["build"], second, "GOCACHE="+filepath.Join(dir, "cache"))
	for _, target := range []string{"api", "worker"} {
		for _, from := range s[target].copied {
			var built [2][]byte
			for i, at := range []string{first, second} {
				var err error
				if built[i], err = os.ReadFile(filepath.Join(at, strings.TrimPrefix(from, "/src"))); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(built[0], built[1]) {
				t.Errorf("%s: two builds differ", from)
			}
			if bytes.Contains(built[1], []byte(dir)) {
				t.Errorf("%s tells where it was built", from)
			}
		}
	}
}

// engine stands in for a container engine.
type engine struct {
	t        *testing.T
	stages   map[string]stage
	services map[string]service
	source   string              // where the stage build has run
	hosts    *strings.Replacer   // from the addresses within the network of the services to those on loopback
	given    map[string]func()   // what starts those services that are stood in for
	running  map[string]*process // those that were started
	roots    map[string]string   // the file systems of the images
}

// up starts a service, after what it depends on.
func (e *engine) up(name string) {
	e.t.Helper()
	if _, ok := e.running[name]; ok {
		return
	}
	s := e.services[name]
	for _, on := range slices.Sorted(maps.Keys(s.DependsOn)) {
		e.up(on)
		switch condition := s.DependsOn[on].Condition; condition {
		case "service_completed_successfully":
			if p := e.running[on]; p.cmd.ProcessState == nil && !p.wait().Success() {
				e.t.Fatalf("%s: %v\n%s", on, p.cmd.ProcessState, p.said())
			}
		case "service_healthy", "service_started":
			if condition == "service_healthy" && e.services[on].Healthcheck == nil {
				e.t.Fatalf("%s waits for the health of %s, which has no check", name, on)
			}
		default:
			e.t.Fatalf("%s depends on %s by a condition that this test does not know: %q", name, on, condition)
		}
	}
	if start, ok := e.given[name]; ok {
		start()
		e.running[name] = nil
		return
	}
	e.running[name] = e.run(name)
}

// run starts the program of a service's image with some other words than its own: as the image's user, with the image's and the service's
// environment and nothing of ours, and, where this test may do that, with the image's files alone.
func (e *engine) run(name string, words ...string) *process {
	e.t.Helper()
	s := e.services[name]
	image, ok := e.stages[s.Build.Target]
	if !ok || s.Build.Context != "." || s.Image != "rowhouse-"+s.Build.Target {
		e.t.Fatalf("%s: no target, or an image of another name: %+v, %s", name, s.Build, s.Image)
	}
	if e.roots[s.Build.Target] == "" {
		e.roots[s.Build.Target] = e.unpack(image)
	}
	root := e.roots[s.Build.Target]
	if words == nil {
		words = image.command
		if s.Command != nil {
			words = s.Command
		}
	}
	user := image.user
	if s.User != "" {
		user = s.User
	}
	uid, gid := numbers(e.t, user)
	return startAs(e.t, func(cmd *exec.Cmd) {
		cmd.Env = slices.Clone(image.variable)
		for name, value := range s.Environment {
			cmd.Env = append(cmd.Env, name+"="+e.hosts.Replace(value))
		}
		cmd.Path = filepath.Join(root, image.entry[0])
		cmd.Args = append(slices.Clone(image.entry), words...)
		if os.Geteuid() == 0 {
			cmd.Path, cmd.Dir = image.entry[0], "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: uid, Gid: gid}}
		}
	}, nil)
}

// numbers are the numbers of a user, who must not be root.
func numbers(t *testing.T, user string) (uid, gid uint32) {
	t.Helper()
	if _, err := fmt.Sscanf(user, "%d:%d", &uid, &gid); err != nil || uid == 0 || gid == 0 {
		t.Fatalf("USER %q: want the numbers of a user and a group, and not those of root", user)
	}
	return uid, gid
}

// unpack is the file system of an image: what it has of the stage build, and a /tmp.
func (e *engine) unpack(image stage) (root string) {
	e.t.Helper()
	root = e.t.TempDir()
	for to, from := range image.copied {
		text, err := os.ReadFile(filepath.Join(e.source, strings.TrimPrefix(from, "/src")))
		if err != nil {
			e.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, to), text, 0o755); err != nil {
			e.t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "tmp"), 0o755); err != nil {
		e.t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "tmp"), 0o777|fs.ModeSticky); err != nil {
		e.t.Fatal(err)
	}
	return root
}

// postgres starts a PostgreSQL that has run the scripts of the service's volumes, and asks for passwords; it returns its address.
func postgres(t *testing.T, s service) string {
	t.Helper()
	server, err := localpg.Start(t.Context(), localpg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	superuser, err := pgx.Connect(t.Context(), server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = superuser.Close(context.Background()) })
	scripts := 0
	for _, volume := range s.Volumes {
		from, to, _ := strings.Cut(volume, ":")
		if !strings.HasPrefix(to, "/docker-entrypoint-initdb.d/") {
			continue
		}
		scripts++
		for statement := range strings.SplitSeq(script(t, strings.TrimPrefix(from, "./"), s.Environment), ";") {
			if _, err := superuser.Exec(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", from, err)
			}
		}
	}
	if scripts == 0 {
		t.Fatal("no script makes the logins")
	}
	hba := filepath.Join(server.Dir(), "data", "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("local all postgres trust\nlocal all all scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := superuser.Exec(t.Context(), `SELECT pg_reload_conf()`); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return onLoopback(t, filepath.Join(at.Query().Get("host"), ".s.PGSQL."+at.Query().Get("port")))
}

// script is a script of psql with the variables of an environment in it, and without its comments, in which semicolons may stand.
func script(t *testing.T, name string, environment map[string]string) string {
	t.Helper()
	text := read(t, name)
	getenv := regexp.MustCompile(`(?m)^\\getenv (\w+) (\w+)$`)
	for _, m := range getenv.FindAllStringSubmatch(text, -1) {
		text = strings.ReplaceAll(text, ":'"+m[1]+"'", "'"+environment[m[2]]+"'")
	}
	return regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(getenv.ReplaceAllString(text, ""), "")
}

// onLoopback is an address that leads to a socket.
func onLoopback(t *testing.T, socket string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	carry := func(to, from net.Conn) {
		defer to.Close()
		_, _ = io.Copy(to, from) // ends when either hangs up
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				_ = client.Close()
				continue
			}
			go carry(server, client)
			go carry(client, server)
		}
	}()
	return listener.Addr().String()
}

// The images do what they are for, started as docker-compose.yml says: the migrations end, the API answers, the worker sends a mail, and all of
// it stops within the time that it is given.
func TestImages(t *testing.T) {
	_, env := sample(t)
	env["POSTGRES_PASSWORD"], env["OWNER_PASSWORD"], env["SERVER_PASSWORD"] = "super1", "owner2", "server3"
	env["TOKEN_SIGNING_KEYS"] = auth.GenerateKey()
	e := &engine{t: t, stages: stages(t), services: services(t, env), source: filepath.Join(t.TempDir(), "src"), running: map[string]*process{}, roots: map[string]string{}}
	build(t, e.stages["build"], e.source)

	mails := mailtest.New(t)
	mailbox, err := url.Parse(mails.URL())
	if err != nil {
		t.Fatal(err)
	}
	api := e.services["api"]
	if want := []string{e.stages["api"].exposed + ":" + e.stages["api"].exposed}; !slices.Equal(api.Ports, want) || api.Environment["HTTP_ADDR"] != ":"+e.stages["api"].exposed {
		t.Errorf("the API listens on %s, its image exposes %s, and docker-compose.yml publishes %v", api.Environment["HTTP_ADDR"], e.stages["api"].exposed, api.Ports)
	}
	api.Environment["HTTP_ADDR"] = "127.0.0.1:0"
	e.given = map[string]func(){
		"postgres": func() {
			e.hosts = strings.NewReplacer("@postgres:5432/", "@"+postgres(t, e.services["postgres"])+"/", "//mailpit:1025", "//"+mailbox.Host)
		},
		"mailpit": func() {},
	}
	var foreign []string
	for name, s := range e.services {
		if s.Build.Target == "" {
			foreign = append(foreign, name)
		}
	}
	if diff := cmp.Diff([]string{"mailpit", "postgres"}, slices.Sorted(slices.Values(foreign))); diff != "" {
		t.Fatalf("services that are stood in for (-want +got):\n%s", diff)
	}

	for _, name := range slices.Sorted(maps.Keys(e.services)) {
		e.up(name)
	}
	address := "http://" + e.running["api"].address()
	e.running["worker"].await(`"msg":"working"`)
	for name, p := range e.running {
		if p == nil || name == "migrations" || os.Geteuid() != 0 {
			continue
		}
		uid, _ := numbers(t, e.stages[e.services[name].Build.Target].user)
		status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
		if want := fmt.Sprintf("Uid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", uid); err != nil || !strings.Contains(string(status), want) {
			t.Errorf("%s does not run as %d: %v\n%s", name, uid, err, status)
		}
	}
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/healthz", "", 200},
		{"GET", "/readyz", "", 200},
		{"GET", "/openapi.json", "", 200},
		{"GET", "/api/v1/items", "", 401},
		{"POST", "/api/v1/auth/register", `{"email":"rosa@example.com","password":"harbour-lights","tenant_name":"Quay Prints"}`, 201},
		{"POST", "/api/v1/auth/login", `{"login":"rosa@example.com","password":"harbour-lights"}`, 200},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, address+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s %s: got %d, want %d: %s", c.method, c.path, answer.StatusCode, c.want, text)
		}
	}
	if text := mails.Wait("rosa@example.com"); text == "" {
		t.Error("the worker sent an empty mail")
	}
	for _, name := range []string{"api", "worker"} {
		grace, err := time.ParseDuration(e.services[name].GracePeriod)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		e.running[name].signal(syscall.SIGTERM)
		if state := e.running[name].wait(); !state.Success() || time.Since(began) > grace {
			t.Errorf("%s: %v after %v\n%s", name, state, time.Since(began), e.running[name].said())
		}
	}

	// The worker's program is another than the API's: it has nothing of the API, and listens for nobody but the operator, if he says where.
	if p := e.run("worker", "serve"); p.wait().ExitCode() != 2 {
		t.Errorf("the worker's image serves:\n%s", p.said())
	}
	for target, serves := range map[string]bool{"api": true, "worker": false} {
		program := filepath.Join(e.roots[target], "rowhouse")
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		routes := slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return m.Path == "github.com/gin-gonic/gin" })
		if routes != serves {
			t.Errorf("the program of %s has the router: %v", target, routes)
		}
	}
}
