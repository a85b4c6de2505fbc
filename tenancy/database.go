// Package tenancy is the only way to the database, and the only package that holds the connection pool. Its doors are the methods that
// turn a caller into a *db.Queries bound to one scope: to a tenant, to an account, or to nothing.
//
// An accessor is a method of *db.Queries, generated from one query. Every call of one is one transaction in one round trip: a pipelined
// batch of a statement that binds the transaction (and, for callers, checks session, user and permission in the database) and the
// accessor's own statement. A refusal raises, and the server skips the rest of the pipeline. The bindings are local to the transaction.
//
// An accessor that returned nil is committed: the batch was closed, and closing it is what reports the commit.
package tenancy

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	schema "rowhouse/sql"
	"rowhouse/telemetry"
)

const (
	// acquireTimeout is that of a Database unless it is changed.
	acquireTimeout = 250 * time.Millisecond
	// closeTimeout is how long Close waits: whoever ends has waited for requests before.
	closeTimeout = time.Second
	// maxPrepared bounds what a new connection prepares. The statements are those of sql/queries, a finite number.
	maxPrepared = 200
)

// Database is a PostgreSQL database behind the doors.
type Database struct {
	// AcquireTimeout is how long a server that is waited for may say nothing at all, until whoever waits for it, or for a connection
	// to it, is refused. It is counted in the time in which this process could run (watch), and 250 ms unless it is changed before the
	// first use.
	AcquireTimeout time.Duration
	// QueueTimeout is how long whoever wants a connection waits behind statements that do not end, of a server that does answer. It is
	// counted likewise, is at least AcquireTimeout, and 5 s unless it is changed before the first use.
	QueueTimeout time.Duration

	// Telemetry sees what goes through the doors. Whoever is handed the doors tells it what else there is to see: requests, jobs,
	// deliveries. Nil sees nothing; it is not changed after the first use. See Observe.
	Telemetry *telemetry.Telemetry

	aloneTimeout time.Duration // aloneTimeout, unless a test is in a hurry

	pool        *pgxpool.Pool
	connections int // that the pool makes at most
	refused     refused

	// What has been run so far, so that a new connection prepares it before it serves.
	prepares bool     // see remember
	prepared sync.Map // SQL text → nothing
	count    atomic.Int64

	shapes sync.Map // SQL text of a list → *shapes

	// generation counts the times that all connections were given up; a connection remembers the one that it was made in.
	generation atomic.Int64

	watch watch
}

// Open makes the pool for the harmless login of url. It connects when first used, or in Check. Without pool_max_conns in
// the url there are four connections a core, and at least eight.
func Open(ctx context.Context, url string) (*Database, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = int32(max(8, 4*runtime.GOMAXPROCS(0)))
	}
	d := &Database{AcquireTimeout: acquireTimeout, QueueTimeout: queueTimeout, aloneTimeout: aloneTimeout, connections: int(config.MaxConns)}
	d.watch.open()
	config.ConnConfig.RuntimeParams["application_name"] = "rowhouse"
	config.BeforeConnect = d.watched
	config.ConnConfig.Tracer = &d.refused
	config.AfterConnect = d.prepare
	d.prepares = config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement
	// The pool's own ping of an idle connection would be a second round trip; a dead connection is found by using it.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	d.pool, err = pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	return d, nil
}

// Observe has t see the doors, before their first use, and the pool, under a name.
func (d *Database) Observe(t *telemetry.Telemetry, pool string) {
	d.Telemetry = t
	t.Pool(pool, stateOf(d.pool))
}

// stateOf is the state of a pool, for whoever counts.
func stateOf(pool *pgxpool.Pool) func() telemetry.Pool {
	return func() telemetry.Pool {
		s := pool.Stat()
		return telemetry.Pool{Acquired: s.AcquiredConns(), Idle: s.IdleConns(), Max: s.MaxConns(), Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime()}
	}
}

// Reach makes sure, before the first request, that the database is there and its surroundings are fit. It waits as a program does that
// starts, and its error is what PostgreSQL said. Sessions says that the program will need sessions of its own as well, as OpenQueue does.
func (d *Database) Reach(ctx context.Context, sessions bool) error {
	conn, err := schema.Connect(ctx, "DATABASE_URL", d.pool.Config().ConnConfig, sessions)
	if err != nil {
		return err
	}
	return conn.Close(context.WithoutCancel(ctx))
}

// Warm makes all the connections there may be, as far as it can, so that the first requests need not wait for them. It waits longer
// for each than a request would.
func (d *Database) Warm(ctx context.Context) {
	d.start()
	var made []*pgxpool.Conn
	for range d.pool.Config().MaxConns {
		conn, err := d.pool.Acquire(ctx)
		if err != nil {
			break // requests will say so
		}
		made = append(made, conn)
	}
	for _, conn := range made {
		release(conn)
	}
}

// Close waits a moment for the connections in use and closes all.
func (d *Database) Close() {
	closed := make(chan struct{})
	go func() {
		d.pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
		d.watch.giveUp(errClosed)
		<-closed
	}
	d.watch.end()
}

// LoginFaults lists what is wrong with the surroundings, with the login itself, or with there being no schema at all, one sentence each. It
// goes through no door: a login that is wrong may get through none.
func (d *Database) LoginFaults(ctx context.Context) (faults []string, err error) {
	err = d.outside(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if faults, err = schema.Unfit(ctx, conn); err != nil || len(faults) > 0 {
			return err
		}
		rows, err := conn.Query(ctx, `SELECT fault FROM login_faults() AS fault, migration_version()`) // which stands for all the rest
		if err != nil {
			return err
		}
		faults, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == "42883" { // there is no such function
		return []string{"the database is not migrated: run rowhouse migrate up"}, nil
	}
	return faults, err
}

// SchemaFaults lists what the migrations of this program have left otherwise, one sentence each.
func (d *Database) SchemaFaults(ctx context.Context) (faults []string, err error) {
	err = d.outside(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		faults, err = schema.Missing(ctx, conn)
		return err
	})
	return faults, err
}

// outside runs what goes through no door and reads no row of anybody.
func (d *Database) outside(ctx context.Context, do func(context.Context, *pgx.Conn) error) error {
	conn, err := d.acquire()
	if err != nil {
		return err
	}
	defer release(conn)
	if err := d.outcome(conn.Conn(), do(context.WithoutCancel(ctx), conn.Conn())); err != nil {
		return schema.Said(err)
	}
	return nil
}

const connGeneration = "generation"

func (d *Database) prepare(ctx context.Context, conn *pgx.Conn) error {
	conn.PgConn().CustomData()[connGeneration] = d.generation.Load()
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	err := schema.Settle(ctx, conn)
	if err != nil {
		return err
	}
	d.prepared.Range(func(sql, _ any) bool {
		_, err = conn.Prepare(ctx, sql.(string), sql.(string))
		return err == nil
	})
	if err == nil {
		d.watch.ready(conn)
	}
	return err
}

// remember has each new connection prepare a statement. Other modes prepare nothing: what a name stands for is known to one session alone,
// and a pooler may give the next statement to another.
func (d *Database) remember(sql string) {
	if !d.prepares {
		return
	}
	if _, known := d.prepared.Load(sql); known || d.count.Load() >= maxPrepared {
		return
	}
	if _, known := d.prepared.LoadOrStore(sql, nil); !known {
		d.count.Add(1)
	}
}

// acquire takes a connection from the pool, or ErrUnavailable. That the client hangs up changes nothing: what it did is still counted.
func (d *Database) acquire() (*pgxpool.Conn, error) {
	d.start()
	q := d.watch.join()
	defer q.leave()
	for {
		conn, err := d.pool.Acquire(q)
		switch {
		case err == nil:
			return conn, nil
		case q.Err() != nil:
			err = context.Cause(q)
		case errors.Is(err, errAlone): // of a server that answers others
			continue
		}
		d.Telemetry.Unreached()
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, d.refused.instead(err))
	}
}

// release gives a connection back. One that is closed leaves the pool at once: the driver cleans up behind it for as long as 15 s
// where the server does not answer, and would hold its place for the time.
func release(conn *pgxpool.Conn) {
	if conn.Conn().IsClosed() {
		conn.Hijack()
		return
	}
	conn.Release()
}

// outcome looks at what a trip came to. A connection that broke, or whose prepared statements are older than the schema,
// takes all of its generation with it: the others would each cost a request to find out the same. Whatever was said last on a
// connection that broke, by the server or by a pooler before it, the whole trip had been sent and may be committed.
func (d *Database) outcome(conn *pgx.Conn, err error) error {
	if err == nil || !conn.IsClosed() && !stale(err) {
		return err
	}
	if made, ok := conn.PgConn().CustomData()[connGeneration].(int64); ok && d.generation.CompareAndSwap(made, made+1) {
		d.pool.Reset()
	}
	if !conn.IsClosed() {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
