package tenancy

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// watch bounds what is waited for. A timer of its own for each trip, and one for each wait for a connection, would cost the request more
// than the rest of its way through the doors: one clock looks after all of them, a few times within the patience that they have.
type watch struct {
	once    sync.Once
	life    context.Context
	end     context.CancelFunc
	waiting atomic.Pointer[context.Context] // ends AcquireTimeout from now, or a tick later

	mu       sync.Mutex
	underway map[*watched]struct{}
}

// watched is a trip under way.
type watched struct {
	conn   *pgx.Conn
	began  time.Time
	ctx    context.Context
	cancel context.CancelFunc
	asked  bool // whether the server still answers
}

// ticks is how many times the clock looks within AcquireTimeout.
const ticks = 10

// start starts the clock when it is first needed.
func (d *Database) start() {
	d.watch.once.Do(func() {
		every := d.AcquireTimeout / ticks
		var soon []context.CancelFunc
		renew := func() {
			ctx, cancel := context.WithCancel(d.watch.life)
			d.watch.waiting.Store(&ctx)
			if soon = append(soon, cancel); len(soon) > ticks+1 {
				soon[0]()
				soon = soon[1:]
			}
		}
		renew()
		go func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case now := <-tick.C:
					renew()
					d.look(now)
				case <-d.watch.life.Done():
					return
				}
			}
		}()
	})
}

// soon is a context that ends after AcquireTimeout.
func (d *Database) soon() context.Context {
	d.start()
	return *d.watch.waiting.Load()
}

// bounded is the context of one trip on the connection. It ends after tripTimeout, and sooner where the server has fallen silent: a
// statement may take its time, so whether the server still answers is asked beside it, and again after ever longer waits; a server that
// is only slow to say so may have answered others meanwhile. A client that hangs up does not end it, which would break the connection
// under a transaction.
func (d *Database) bounded(ctx context.Context, conn *pgx.Conn) (context.Context, context.CancelFunc) {
	d.start()
	w := &watched{conn: conn, began: time.Now()}
	w.ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	d.watch.mu.Lock()
	d.watch.underway[w] = struct{}{}
	d.watch.mu.Unlock()
	return w.ctx, func() {
		d.watch.mu.Lock()
		delete(d.watch.underway, w)
		d.watch.mu.Unlock()
		w.cancel()
	}
}

// look ends the trips that take too long, and has the server asked beside those that take long.
func (d *Database) look(now time.Time) {
	d.watch.mu.Lock()
	defer d.watch.mu.Unlock()
	for w := range d.watch.underway {
		switch took := now.Sub(w.began); {
		case took > tripTimeout:
			w.cancel()
		case took > d.AcquireTimeout/5 && !w.asked:
			w.asked = true
			go d.ask(w)
		}
	}
}

// ask ends the trip if the server is silent.
func (d *Database) ask(w *watched) {
	wait := d.AcquireTimeout / 5
	patience := d.AcquireTimeout - wait
	network, address := peer(w.conn)
	for {
		heard := d.heard.Load()
		if silent(w.ctx, network, address, patience) && d.heard.Load() == heard {
			w.cancel()
			return
		}
		wait *= 2
		select {
		case <-w.ctx.Done():
			return
		case <-time.After(wait):
		}
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
