package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	rowhouseName = "rowhouse"
	floorName    = "floor"
	auditedName  = "floor with audit"
	prestName    = "pREST"
)

// The servers of those who read, and of those who write.
var (
	reads  = []string{rowhouseName, floorName}
	writes = []string{rowhouseName, floorName, auditedName}
)

// A contest is one load on several servers, once for each number of connections.
type contest struct {
	load
	servers []string
	conns   []int
	warm    int  // seconds before the first round; 0: one
	ceiling bool // at 16 connections against pgbench too
}

// The loads that goals compare with one another.
const (
	firstPage = "the giant's first page"
	byCursor  = "item 500 000 by cursor"
	getOfTen  = "get of 10 tenants"
	getOfMany = "get of 10 000 tenants"
)

// deepPage is the page of 50 that ends with item 500 000.
const deepPage = 10_000

// deep reports whether the giant has another page after that; in a sample it has not, and only the main loads are measured.
func (b *bench) deep() bool { return b.giant > 50*deepPage }

// contests are those of a near PostgreSQL. The cursor is of the page after deepPage.
func (b *bench) contests(cursor string) []contest {
	all := []contest{
		{load: load{name: "get", request: "get", rows: "thousand"}, servers: reads, conns: b.conns, ceiling: true},
		{load: load{name: "list", request: "list", rows: "thousand"}, servers: reads, conns: b.conns, ceiling: true},
		{load: load{name: "create", request: "create", rows: "thousand"}, servers: writes, conns: b.conns, ceiling: true},
		{load: load{name: "update", request: "update", rows: "thousand"}, servers: writes, conns: b.conns, ceiling: true},
		{load: load{name: "mix", request: "mix", rows: "thousand"}, servers: writes, conns: b.conns, ceiling: true},
	}
	if !b.deep() {
		return all
	}
	two := []int{2} // what takes half a second must not wait for a connection
	const path = "/api/v1/items?page_size=50"
	return append(all,
		contest{load: load{name: "page 19", address: path + "&page=19", rows: "thousand"}, servers: reads, conns: []int{16}},
		contest{load: load{name: firstPage, address: path, rows: "giant"}, servers: reads, conns: []int{16}},
		contest{load: load{name: byCursor, address: path + "&cursor=" + url.QueryEscape(cursor), rows: "giant"}, servers: []string{rowhouseName}, conns: []int{16}},
		contest{load: load{name: "item 500 000 by page", address: fmt.Sprintf("%s&page=%d", path, deepPage+1), rows: "giant"}, servers: reads, conns: two},
		contest{load: load{name: getOfTen, request: "get", rows: "ten"}, servers: reads, conns: []int{16}},
		contest{load: load{name: getOfMany, request: "get", rows: "ten-thousand"}, servers: reads, conns: []int{16}, warm: 10},
		contest{load: load{name: "login", request: "login", rows: "thousand"}, servers: []string{rowhouseName, hashesName}, conns: []int{16, 200}},
	)
}

const starts = 7 // of rowhouse; their median is b.ready

// measure measures everything, or what only lists. Unless that does, a sample leaves out what is far away.
func (b *bench) measure(ctx context.Context, only string) error {
	guarded := b.postgres.URL("rowhouse_server", database)
	bare := b.postgres.URL("postgres", database)
	var took []float64
	for range starts {
		s, err := b.rowhouse(ctx, b.trees[0], guarded)
		if err != nil {
			return err
		}
		took = append(took, milliseconds(s.ready))
		s.kill()
	}
	slices.Sort(took)
	b.ready = median(took)
	servers := map[string]*server{}
	for name, start := range map[string]func() (*server, error){
		rowhouseName: func() (*server, error) { return b.rowhouse(ctx, b.trees[0], guarded) },
		floorName:    func() (*server, error) { return b.floor(ctx, bare, false) },
		auditedName:  func() (*server, error) { return b.floor(ctx, bare, true) },
	} {
		s, err := start()
		if err != nil {
			return err
		}
		defer s.stop()
		servers[name] = s
	}
	cursor := ""
	if b.deep() {
		var err error
		if cursor, err = b.cursor(ctx, servers[rowhouseName], deepPage); err != nil {
			return err
		}
	}
	if err := b.hold(ctx, b.contests(cursor), servers, only); err != nil {
		return err
	}
	if !b.deep() && only == "" {
		return nil
	}
	return b.far(ctx, guarded, bare, only)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// hold holds those contests that only lists, or all.
func (b *bench) hold(ctx context.Context, contests []contest, servers map[string]*server, only string) error {
	for _, c := range contests {
		if only != "" && !slices.Contains(strings.Split(only, ","), c.name) {
			continue
		}
		for _, conns := range c.conns {
			l, names := c.load, c.servers
			l.conns = conns
			if c.ceiling && conns == 16 {
				names = append(slices.Clone(names), pgbenchName)
			} else if c.ceiling {
				names = reads // the third is a goal at 16 alone
			}
			if err := b.contest(ctx, l, names, max(1, c.warm), servers); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
		}
	}
	return nil
}

// contest puts a load on each of the named servers in turns, after some seconds to warm up.
func (b *bench) contest(ctx context.Context, l load, names []string, warm int, servers map[string]*server) error {
	if err := b.tidy(ctx); err != nil {
		return err
	}
	put := func(name string, seconds int) (measurement, error) {
		switch name {
		case pgbenchName:
			return b.pgbench(ctx, l, seconds)
		case hashesName:
			return b.hashes(ctx, l, seconds)
		}
		if l.request == importName {
			return b.imports(ctx, servers[name], l)
		}
		return b.wrk(ctx, servers[name], l, seconds)
	}
	for _, name := range names {
		if _, err := put(name, warm); err != nil && !errors.Is(err, errNoResult) { // a deep page takes longer
			return err
		}
	}
	for range b.rounds {
		for _, name := range names {
			m, err := put(name, b.seconds)
			if err != nil {
				log, _ := os.ReadFile(b.path(name + ".log"))
				return fmt.Errorf("%s: %w\n%s", name, err, log[max(0, len(log)-2000):])
			}
			say("%-22s %2d  %-16s %7.0f/s", m.load, m.conns, m.server, m.rate)
			b.measured = append(b.measured, m)
		}
	}
	return nil
}

// tidy does before each contest what autovacuum and checkpoints would do in the middle of one.
func (b *bench) tidy(ctx context.Context) error {
	for _, t := range b.trees {
		conn, err := pgx.Connect(ctx, b.postgres.URL("postgres", t.database))
		if err != nil {
			return err
		}
		for _, sql := range []string{"VACUUM items, audit_events, bare.items, bare.audit_events, sessions", "CHECKPOINT"} {
			if _, err = conn.Exec(ctx, sql); err != nil {
				break
			}
		}
		if err = errors.Join(err, conn.Close(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// cursor is that of the page of 50 of the giant which follows so many.
func (b *bench) cursor(ctx context.Context, s *server, pages int) (string, error) {
	row, err := b.first(s.database, "giant")
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/api/v1/items?page_size=50&page=%d", s.base, pages), nil)
	if err != nil {
		return "", err
	}
	row.ask(request)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var said struct {
		Page struct{ Next *string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
		return "", err
	}
	if said.Page.Next == nil {
		return "", fmt.Errorf("page %d of the giant: %s, and no cursor of the next", pages, answer.Status)
	}
	return *said.Page.Next, nil
}

// distance is how long a trip to the far database takes.
const distance = 4 * time.Millisecond

// What is asked where the database is far away.
var farRequests = []string{"get", "list", "create", "update"}

func farName(request string) string {
	return fmt.Sprintf("%s at %.0f ms", request, milliseconds(distance))
}

// far measures one connection to each server where its database is far away.
func (b *bench) far(ctx context.Context, guarded, bare, only string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	near, err := b.socketDir()
	if err != nil {
		return err
	}
	dir, err := b.distant(ctx, filepath.Join(near, socketName), distance)
	if err != nil {
		return err
	}
	there := func(of string) string {
		u, _ := url.Parse(of)
		query := u.Query()
		query.Set("host", dir)
		u.RawQuery = query.Encode()
		return u.String()
	}
	rowhouse, err := b.rowhouse(ctx, b.trees[0], there(guarded))
	if err != nil {
		return err
	}
	defer rowhouse.stop()
	floor, err := b.floor(ctx, there(bare), false)
	if err != nil {
		return err
	}
	defer floor.stop()
	var contests []contest
	for _, request := range farRequests {
		contests = append(contests, contest{load: load{name: farName(request), request: request, rows: "thousand"}, servers: reads, conns: []int{1}})
	}
	return b.hold(ctx, contests, map[string]*server{rowhouseName: rowhouse, floorName: floor}, only)
}
