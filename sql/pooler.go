package schema

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pooler is what a pooler before PostgreSQL shares, if there is one.
type pooler struct {
	sessions bool // of PostgreSQL are given to one client after another, a transaction each
	names    bool // of prepared statements reach PostgreSQL as they are, where those of all clients meet
}

// probe finds out whether there is a pooler, and what it shares. It leaves nothing behind.
func probe(ctx context.Context, conn *pgx.Conn) (p pooler, err error) {
	process, err := backend(ctx, conn)
	if err != nil || process == conn.PgConn().PID() { // a pooler invents those that clients are told of
		return p, err
	}
	if p.names, err = namesReach(ctx, conn); err != nil {
		return p, err
	}
	other, err := pgx.ConnectConfig(ctx, conn.Config())
	if err != nil {
		return p, err
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	for range looks {
		for range 2 { // one after the other, for a pool that gives its sessions out in turn
			again, err := backend(ctx, conn)
			if p.sessions = again != process; p.sessions || err != nil {
				return p, err
			}
		}
		if other.IsClosed() {
			continue
		}
		brief, cancel := context.WithTimeout(ctx, poolWait)
		others, err := backend(brief, other) // a pool of sessions may have none left for it as long as its clients stay
		cancel()
		if p.sessions = err == nil && others == process; p.sessions {
			return p, nil
		}
	}
	return p, nil
}

const (
	// looks is how often two clients are compared. A pool that is shared gives an idle session to both, or each of them now this one, now that.
	looks = 4
	// poolWait is how long the second client waits for a session: longer than transactions take.
	poolWait = 2 * time.Second
)

// backend is the process of PostgreSQL that has served this very statement.
func backend(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	err = conn.QueryRow(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeExec).Scan(&pid)
	return pid, err
}

// namesReach says whether PostgreSQL has a prepared statement under the name that we gave it. Within a transaction all goes to one session.
func namesReach(ctx context.Context, conn *pgx.Conn) (reach bool, err error) {
	name := "rowhouse_" + rand.Text() // of one that broke off here, it may still be there
	tx, err := conn.Begin(ctx)
	if refused := new(pgconn.PgError); errors.As(err, &refused) && refused.Code == "08P01" { // PgBouncer's own; PostgreSQL begins one
		return false, errors.New("a pooler shares the session and allows no transactions: give its pool_mode the value session, or transaction")
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, tx.Rollback(ctx)) }()
	if _, err := conn.Prepare(ctx, name, `SELECT 1`); err != nil {
		return false, err
	}
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_prepared_statements WHERE name = $1)`, pgx.QueryExecModeExec, name).Scan(&reach)
	if err != nil {
		return false, err
	}
	return reach, conn.Deallocate(ctx, name)
}

// wrongModes are the modes of the driver in which no statement of this program is safe or right, with the reason.
var wrongModes = map[pgx.QueryExecMode]string{
	pgx.QueryExecModeDescribeExec:   "default_query_exec_mode=describe_exec may be answered with another statement's results behind a pooler",
	pgx.QueryExecModeExec:           "default_query_exec_mode=exec sends JSON as bytes, which PostgreSQL refuses",
	pgx.QueryExecModeSimpleProtocol: "default_query_exec_mode=simple_protocol writes values into the text of statements",
}

// checkMode refuses those.
func checkMode(mode pgx.QueryExecMode) error {
	if why, wrong := wrongModes[mode]; wrong {
		return errors.New(why + ": leave it out, or behind a pooler that shares sessions write default_query_exec_mode=cache_describe")
	}
	return nil
}

// checkPooler refuses a pooler in front of which this program would not work. Sessions says that it needs sessions of its own.
func checkPooler(p pooler, mode pgx.QueryExecMode, sessions bool) error {
	switch {
	case !p.sessions:
		return nil
	case sessions:
		return errors.New("a pooler shares the session, and what is done here needs one of its own: connect to PostgreSQL itself, or to a pool in session mode")
	case p.names && mode == pgx.QueryExecModeCacheStatement:
		return errors.New("a pooler shares the session and does not keep prepared statements apart: add default_query_exec_mode=cache_describe, " +
			"or use PgBouncer 1.21 or later with max_prepared_statements, or a pool in session mode")
	}
	return nil
}
