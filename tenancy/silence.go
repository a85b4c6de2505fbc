package tenancy

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// bounded is the context of one trip on the connection. It ends after tripTimeout, and sooner where the server has fallen silent: a
// statement may take its time, so whether the server still answers is asked beside it, and again after ever longer waits; a server that
// is only slow to say so may have answered others meanwhile. A client that hangs up does not end it, which would break the connection
// under a transaction.
func (d *Database) bounded(ctx context.Context, conn *pgx.Conn) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tripTimeout)
	wait := d.AcquireTimeout / 5
	patience := d.AcquireTimeout - wait
	watch := time.AfterFunc(wait, func() {
		network, address := peer(conn)
		for {
			heard := d.heard.Load()
			if silent(ctx, network, address, patience) && d.heard.Load() == heard {
				cancel()
				return
			}
			wait *= 2
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	})
	return ctx, func() {
		watch.Stop()
		cancel()
	}
}

// peer is where the connection leads; a unix socket does not know its own path.
func peer(conn *pgx.Conn) (network, address string) {
	if at := conn.PgConn().Conn().RemoteAddr(); at.Network() != "unix" {
		return at.Network(), at.String()
	}
	return pgconn.NetworkAddress(conn.Config().Host, conn.Config().Port)
}

// sslRequest is a question that PostgreSQL, or a pooler before it, answers with one byte before any login.
var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

// silent says that nothing at all comes from the address within the patience: a refusal is no silence.
func silent(ctx context.Context, network, address string, patience time.Duration) bool {
	deadline := time.Now().Add(patience)
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		defer conn.Close()
		_ = conn.SetDeadline(deadline)
		if _, err = conn.Write(sslRequest); err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
	}
	var failed net.Error
	return errors.As(err, &failed) && failed.Timeout() && ctx.Err() == nil
}
