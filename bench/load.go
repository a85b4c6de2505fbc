package bench

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rowhouse/auth"
)

// A measurement is one server under one load for some seconds. What is not known is 0.
type measurement struct {
	load   string
	conns  int
	server string

	requests    float64
	rate        float64 // a second
	p50, p99    float64 // milliseconds
	serverCPU   float64 // seconds
	postgresCPU float64 // seconds
	memory      float64 // the server's at its peak, MiB
	failed      int     // requests with another answer than 2xx, or with none
}

//go:embed requests.lua
var requestsLua string

// A load is what is asked of a server.
type load struct {
	name    string
	request string // see requests.lua; empty: a GET of address
	address string
	rows    string // the file of what is asked for; see seed.sql
	conns   int
}

var errNoResult = errors.New("no result")

var wrkResult = regexp.MustCompile(`RESULT (\d+) (\d+) (\d+) (\d+) (\d+)`)

// wrk puts a load on a server.
func (b *bench) wrk(ctx context.Context, s *server, l load, seconds int) (measurement, error) {
	m := measurement{load: l.name, conns: l.conns, server: s.name}
	cmd := exec.CommandContext(ctx, "wrk", "-t1", "-c"+strconv.Itoa(l.conns), fmt.Sprintf("-d%ds", seconds), "--timeout", "10s", "-s", b.path("requests.lua"), s.base)
	cmd.Env = append(slices.Clone(s.asked), "OPERATION="+l.request, "ROWS="+b.file(s.database, l.rows), "ADDRESS="+l.address, "PASSWORD="+password)
	err := b.watch(&m, s.process.Process.Pid, func() error {
		output, err := cmd.CombinedOutput()
		said := wrkResult.FindSubmatch(output)
		if err != nil || said == nil || string(said[1]) == "0" {
			return fmt.Errorf("wrk: %w\n%s", cmp.Or(err, errNoResult), output)
		}
		n := func(i int) float64 { n, _ := strconv.ParseFloat(string(said[i]), 64); return n }
		m.requests, m.rate, m.failed, m.p50, m.p99 = n(1), n(1)/n(2)*1e6, int(n(3)), n(4)/1000, n(5)/1000
		if float64(m.failed) == m.requests {
			return fmt.Errorf("%s: no answer is a 2xx", s.name)
		}
		return nil
	})
	return m, err
}

// watch fills in what the server and PostgreSQL use while do runs.
func (b *bench) watch(m *measurement, pid int, do func() error) error {
	postmaster, err := b.postmaster()
	if err != nil {
		return err
	}
	if err := forget(pid); err != nil {
		return err
	}
	server, postgres := cpu(pid), cpu(postmaster)
	if err := do(); err != nil {
		return err
	}
	m.serverCPU, m.postgresCPU = cpu(pid)-server, cpu(postmaster)-postgres
	m.memory, err = peak(pid)
	return err
}

const (
	pgbenchName = "pgbench"
	hashesName  = "argon2id alone"
)

// scripts are what pgbench runs: the floor's statements. They have their rows from variables, since working one out would cost a fifth of a get.
var scripts = map[string]string{
	"get":    `SELECT * FROM bare.items WHERE tenant_id = :tenant AND id = :item`,
	"list":   `SELECT * FROM bare.items WHERE tenant_id = :tenant ORDER BY created_at DESC, id DESC LIMIT :size OFFSET :skip`,
	"create": `INSERT INTO bare.items (tenant_id, id, name, description, price_cents) VALUES (:tenant, gen_random_uuid(), 'A new item', 'made to be measured', :price) RETURNING *`,
	"update": `UPDATE bare.items SET price_cents = :price, version = version + 1, updated_at = now() WHERE tenant_id = :tenant AND id = :item RETURNING *`,
}

var (
	pgbenchRate  = regexp.MustCompile(`tps = ([\d.]+)`)
	pgbenchCount = regexp.MustCompile(`actually processed: (\d+)`)
	pgbenchFault = regexp.MustCompile(`failed transactions: (\d+)`)
)

// pgbench runs the floor's statements without any HTTP: what PostgreSQL alone would do. Each row has scripts of its own: 32 of them,
// since pgbench takes 128 scripts, and the mix has four of each row.
func (b *bench) pgbench(ctx context.Context, l load, seconds int) (measurement, error) {
	m := measurement{load: l.name, conns: l.conns, server: pgbenchName}
	text, err := os.ReadFile(b.file(database, l.rows))
	if err != nil {
		return m, err
	}
	weights := map[string]int{l.request: 1}
	if l.request == "mix" {
		weights = map[string]int{"get": 60, "list": 20, "create": 10, "update": 10}
	}
	args := []string{"-n", "-M", "prepared", "-c", strconv.Itoa(l.conns), "-j", "2", "-T", strconv.Itoa(seconds), "-D", "size=50", "-D", "skip=0"}
	for i, line := range strings.SplitN(string(text), "\n", 33)[:32] {
		row := strings.Fields(line)
		args = append(args, "-D", fmt.Sprintf("tenant%d=%s", i, row[0]), "-D", fmt.Sprintf("item%d=%s", i, row[1]))
		for operation, weight := range weights {
			file := b.path(fmt.Sprintf("%s%d.sql", operation, i))
			script := "\\set price random(1, 9999)\n" + strings.NewReplacer(":tenant", fmt.Sprintf(":tenant%d", i), ":item", fmt.Sprintf(":item%d", i)).Replace(scripts[operation]) + ";\n"
			if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
				return m, err
			}
			args = append(args, "-f", fmt.Sprintf("%s@%d", file, weight))
		}
	}
	socket, err := b.socketDir()
	if err != nil {
		return m, err
	}
	cmd := exec.CommandContext(ctx, "pgbench", append(args, database)...)
	cmd.Env = append(os.Environ(), "PGHOST="+socket, "PGPORT=5432", "PGUSER=postgres")
	err = b.watch(&m, os.Getpid(), func() error {
		output, err := cmd.CombinedOutput()
		n := func(of *regexp.Regexp) (n float64) {
			if said := of.FindSubmatch(output); said != nil {
				n, _ = strconv.ParseFloat(string(said[1]), 64)
			}
			return n
		}
		m.rate, m.requests, m.failed = n(pgbenchRate), n(pgbenchCount), int(n(pgbenchFault))
		if err != nil || m.rate == 0 {
			return fmt.Errorf("pgbench: %w\n%s", cmp.Or(err, errNoResult), output)
		}
		return nil
	})
	m.serverCPU, m.memory = 0, 0 // there is no server but PostgreSQL
	return m, err
}

// hashes checks passwords on all cores and does nothing else: as many logins as there could be.
func (b *bench) hashes(ctx context.Context, l load, seconds int) (measurement, error) {
	m := measurement{load: l.name, conns: l.conns, server: hashesName}
	passwords := auth.NewPasswords(runtime.GOMAXPROCS(0), l.conns)
	hash, err := passwords.Hash(ctx, password)
	if err != nil {
		return m, err
	}
	var done atomic.Int64
	var all errgroup.Group
	began := time.Now()
	for range l.conns {
		all.Go(func() error {
			for time.Since(began) < time.Duration(seconds)*time.Second {
				if _, _, err := passwords.Verify(ctx, password, hash, func() error { return nil }); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	err = all.Wait()
	m.requests = float64(done.Load())
	m.rate = m.requests / time.Since(began).Seconds()
	return m, err
}

// asked is one line of what may be asked for.
type asked struct{ tenant, item, token string }

// first is the first line of such a file.
func (b *bench) first(database, of string) (a asked, err error) {
	text, err := os.ReadFile(b.file(database, of))
	if err != nil {
		return a, err
	}
	_, err = fmt.Sscan(string(text), &a.tenant, &a.item, &a.token)
	return a, err
}

// ask has the request ask in its name.
func (a asked) ask(r *http.Request) {
	r.Header.Set("X-Tenant-Id", a.tenant)
	r.Header.Set("Authorization", "Bearer "+a.token)
}

const (
	importName = "import"
	importRows = 100_000
)

// imports sends one file of many items; its rate is that of rows.
func (b *bench) imports(ctx context.Context, s *server, l load) (measurement, error) {
	m := measurement{load: l.name, conns: l.conns, server: s.name}
	row, err := b.first(s.database, l.rows)
	if err != nil {
		return m, err
	}
	var lines bytes.Buffer
	for i := range importRows {
		fmt.Fprintf(&lines, "{\"name\":\"An imported item %d\",\"description\":\"made to be measured\",\"price_cents\":%d}\n", i, 1+i%10_000)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/api/v1/items/import", &lines)
	if err != nil {
		return m, err
	}
	row.ask(request)
	request.Header.Set("Content-Type", "application/x-ndjson")
	err = b.watch(&m, s.process.Process.Pid, func() error {
		began := time.Now()
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("import: %s %.500s", answer.Status, text)
		}
		m.requests = importRows
		m.rate = importRows / time.Since(began).Seconds()
		return errors.Join(err, answer.Body.Close())
	})
	return m, err
}
