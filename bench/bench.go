// Package bench measures rowhouse against a baseline of bare gin and pgx, the program floor, and against pgbench, in turns and in one run
// on one PostgreSQL of its own. It needs Linux, wrk and pgbench.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/localpg"
	schema "rowhouse/sql"
)

// rows are how much there is in a database.
type rows struct {
	tenants int // of that many items each
	items   int
	giant   int  // items of one further tenant
	all     int  // tenants; the rest has ten items each
	events  int  // of the giant
	bare    bool // whether the floor's tables have the items too
}

// A pace is how long is measured.
type pace struct {
	rounds  int
	conns   []int
	seconds int // of each measurement
}

// A size is both.
type size struct {
	rows
	pace
}

var (
	whole  = size{rows{tenants: 1000, items: 1000, giant: 1_000_000, all: 10_000, bare: true}, pace{rounds: 3, conns: []int{1, 16, 64}, seconds: 3}}
	few    = rows{tenants: 200, items: 1000, giant: 20_000, all: 2000, bare: true}
	sample = size{few, pace{rounds: 1, conns: []int{16}, seconds: 2}}
	duel   = size{few, pace{rounds: 5, conns: []int{16}, seconds: 3}}
)

const (
	database = "rowhouse"
	password = "harbour-lights"
)

// A bench is one run of everything.
type bench struct {
	size
	trees    []tree
	dir      string
	postgres *localpg.Server
	version  string // of PostgreSQL
	keys     string // that sign tokens
	measured []measurement
	ready    float64 // milliseconds from the start of rowhouse until it says that it is ready, the median
}

// Run measures everything, or what only lists, separated by commas; quickly, one short round of the main requests over fewer rows. It
// prints what became of the goals, and writes the page to a file when one is named. The working directory is the root of the repository.
func Run(ctx context.Context, quick bool, only, file string) error {
	of := whole
	if quick {
		of = sample
	}
	return run(ctx, of, []tree{{".", database, rowhouseName, of.rows}}, func(b *bench) error {
		if err := b.measure(ctx, only); err != nil {
			return err
		}
		return b.report(file)
	})
}

// A tree is the source of a release, in a directory, whose program of that name serves a database of its own.
type tree struct {
	dir, database, program string
	rows                   rows
}

// file is that of what may be asked of its database; see seed.sql.
func (b *bench) file(database, of string) string { return b.path(database + "-" + of) }

// run builds and seeds what is measured, and measures.
func run(ctx context.Context, of size, trees []tree, measure func(b *bench) error) (err error) {
	for _, tool := range []string{"wrk", "pgbench"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed: apt-get install wrk postgresql", tool)
		}
	}
	b := &bench{size: of, trees: trees, keys: auth.GenerateKey()}
	if b.dir, err = os.MkdirTemp("", "rowhouse-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := os.Chmod(b.dir, 0o755); err != nil { // PostgreSQL's user goes through it
		return err
	}
	if err := os.WriteFile(b.path("requests.lua"), []byte(requestsLua), 0o644); err != nil {
		return err
	}
	say("build")
	if err := b.build(ctx, ".", "./bench/floor", floorName); err != nil {
		return err
	}
	for _, t := range trees {
		if err := b.build(ctx, t.dir, "./cmd/rowhouse", t.program); err != nil {
			return err
		}
	}
	say("seed")
	if err := b.seed(ctx); err != nil {
		return err
	}
	if b.postgres, err = b.start(ctx, true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.postgres.Stop()) }()
	return measure(b)
}

// build builds a program of the tree in dir as a release does.
func (b *bench) build(ctx context.Context, dir, program, name string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "nomsgpack", "-o", b.path(name), program)
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return nil
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

var began = time.Now()

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%4.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}

// start runs the PostgreSQL of this run. While it is seeded it need not be durable.
func (b *bench) start(ctx context.Context, durable bool) (*localpg.Server, error) {
	return localpg.Start(ctx, localpg.Options{Dir: b.path("postgres"), Durable: durable, Settings: map[string]string{
		"shared_buffers":            "2GB",
		"maintenance_work_mem":      "512MB",
		"max_wal_size":              "16GB",
		"checkpoint_timeout":        "30min",
		"autovacuum":                "off", // it would fall upon whoever is measured at the time
		"random_page_cost":          "1.1",
		"track_activity_query_size": "16384",
	}})
}

// seed fills the databases of this run, and says what is asked for, which is the same in each.
func (b *bench) seed(ctx context.Context) (err error) {
	if b.postgres, err = b.start(ctx, false); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.postgres.Stop()) }()
	superuser, err := pgx.Connect(ctx, b.postgres.URL("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer superuser.Close(ctx)
	if err := superuser.QueryRow(ctx, "SHOW server_version").Scan(&b.version); err != nil {
		return err
	}
	b.version, _, _ = strings.Cut(b.version, " ") // without whose package it is
	hash, err := auth.NewPasswords(1, 1).Hash(ctx, password)
	if err != nil {
		return err
	}
	for _, t := range b.trees {
		if err := schema.CreateDatabase(ctx, superuser, t.database); err != nil {
			return err
		}
		migrate := exec.CommandContext(ctx, b.path(t.program), "migrate", "up", "--grant", schema.Server)
		migrate.Env = append(os.Environ(), "DATABASE_MIGRATION_URL="+b.postgres.URL(schema.Owner, t.database))
		if output, err := migrate.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", t.program, err, output)
		}
		if err := b.fill(ctx, t, hash); err != nil {
			return fmt.Errorf("%s: %w", t.program, err)
		}
	}
	return nil
}

// fill fills the database of a tree, as that tree says.
func (b *bench) fill(ctx context.Context, t tree, hash string) error {
	seedSQL, err := os.ReadFile(filepath.Join(t.dir, "bench", "seed.sql"))
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, b.postgres.URL("postgres", t.database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	sql := strings.NewReplacer("$TENANTS", fmt.Sprint(t.rows.tenants), "$ITEMS", fmt.Sprint(t.rows.items), "$GIANT", fmt.Sprint(t.rows.giant), "$ALL", fmt.Sprint(t.rows.all),
		"$EVENTS", fmt.Sprint(t.rows.events), "$BARE", fmt.Sprint(t.rows.bare), "$HASH", hash).Replace(string(seedSQL))
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("seed.sql: %w", err)
	}
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return err
	}
	return b.writeRows(ctx, conn, t)
}

// writeRows writes what is asked for, with a token of each account, into the files that requests.lua reads.
func (b *bench) writeRows(ctx context.Context, conn *pgx.Conn, t tree) error {
	keys, err := auth.ParseKeys(b.keys)
	if err != nil {
		return err
	}
	tokens := auth.NewTokens(keys, "rowhouse", "rowhouse-api")
	made := map[ids.AccountID]string{}
	for file, which := range map[string]string{
		"thousand":     fmt.Sprintf("tenant < %d", t.rows.tenants),
		"giant":        fmt.Sprintf("tenant = %d", t.rows.tenants),
		"ten":          fmt.Sprintf("tenant > %d AND tenant <= %[1]d + 10", t.rows.tenants),
		"ten-thousand": "item_id IN (SELECT DISTINCT ON (tenant) item_id FROM bare.asked ORDER BY tenant, md5(item_id::text))",
	} {
		rows, err := conn.Query(ctx, `SELECT tenant_id, item_id, account_id, session_id, username FROM bare.asked WHERE `+which+` ORDER BY md5(item_id::text) LIMIT 20000`)
		if err != nil {
			return err
		}
		var text strings.Builder
		var tenant ids.TenantID
		var item ids.ItemID
		var account ids.AccountID
		var session ids.SessionID
		var username string
		_, err = pgx.ForEachRow(rows, []any{&tenant, &item, &account, &session, &username}, func() error {
			if made[account] == "" {
				now := time.Now()
				token, err := tokens.Sign(auth.Claims{Account: account, Session: session, IssuedAt: now, Expires: now.Add(auth.MaxTokenTime)})
				if err != nil {
					return err
				}
				made[account] = token
			}
			fmt.Fprintln(&text, tenant.UUID(), item.UUID(), made[account], username)
			return nil
		})
		if err != nil {
			return err
		}
		if text.Len() == 0 {
			return fmt.Errorf("no rows of %s", which)
		}
		if err := os.WriteFile(b.file(t.database, file), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
