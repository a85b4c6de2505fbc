package tenancy

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// link is a connection to a server, from when it is dialled, under the eyes of the watch.
type link struct {
	net.Conn // nil while it is being dialled
	watch    *watch
	server   *server
	host     string       // of the configuration, by its address; empty: there is no other to be asked instead
	since    atomic.Int64 // own time since when something is waited for from the server; 0: nothing is
	reads    atomic.Int64 // how many waits there were
	end      func()
	why      atomic.Pointer[error] // it was given up

	// Of the watch, under its lock.
	ready     bool   // to be used
	pid       uint32 // of the process that serves it, once it is ready
	inquired  int64  // the wait that PostgreSQL was last asked about
	inquiries int    // and how often
}

// lookup is the network of who is asked for the addresses of a name.
const lookup = "name"

// backstop bounds by the wall clock what own time should have bounded long before.
const backstop = time.Minute

// watched makes the connections of a configuration links, and has the host asked first that is likeliest to serve.
func (d *Database) watched(_ context.Context, config *pgx.ConnConfig) error {
	dial, resolve := config.DialFunc, config.LookupFunc
	config.ConnectTimeout = backstop
	hosts := d.watch.order(config)
	host := map[string]string{} // by address
	for _, h := range hosts {
		host[addressOf(h.Host, h.Port)] = addressOf(h.Host, h.Port)
	}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		return d.watch.dial(ctx, dial, network, address, host[address])
	}
	config.LookupFunc = func(ctx context.Context, name string) ([]string, error) {
		ctx, l := d.watch.begin(ctx, lookup, name, "")
		defer d.watch.leave(l)
		found, err := resolve(ctx, name)
		for _, at := range found {
			for _, h := range hosts {
				if h.Host == name {
					host[addressOf(at, h.Port)] = addressOf(name, h.Port)
				}
			}
		}
		return found, err
	}
	return nil
}

// addressOf is a host of a configuration, or an address of one.
func addressOf(host string, port uint16) string {
	_, address := pgconn.NetworkAddress(host, port)
	return address
}

// order puts the host first that served last, and last the one that fell silent last: each connection to a primary that is gone would begin
// with waiting for it. It returns them, or none where there is only one.
func (w *watch) order(config *pgx.ConnConfig) []*pgconn.FallbackConfig {
	hosts := append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	first := addressOf(config.Host, config.Port)
	if !slices.ContainsFunc(hosts, func(h *pgconn.FallbackConfig) bool { return addressOf(h.Host, h.Port) != first }) {
		return nil
	}
	w.mu.Lock()
	rank := map[string]int{w.served: -1, w.silenced: 1}
	w.mu.Unlock()
	slices.SortStableFunc(hosts, func(a, b *pgconn.FallbackConfig) int {
		return cmp.Compare(rank[addressOf(a.Host, a.Port)], rank[addressOf(b.Host, b.Port)])
	})
	config.Host, config.Port, config.TLSConfig, config.Fallbacks = hosts[0].Host, hosts[0].Port, hosts[0].TLSConfig, hosts[1:]
	return hosts
}

func (w *watch) dial(ctx context.Context, dial pgconn.DialFunc, network, address, host string) (net.Conn, error) {
	ctx, l := w.begin(ctx, network, address, host)
	conn, err := dial(ctx, network, address)
	l.waited()
	if err != nil {
		w.leave(l)
		if why := l.why.Load(); why != nil {
			return nil, *why
		}
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if why := l.why.Load(); why != nil { // given up before we were let run to see that it is there
		delete(l.server.links, l)
		_ = conn.Close()
		return nil, *why
	}
	l.Conn, l.end = conn, func() { _ = conn.Close() }
	return l, nil
}

// begin is a link that is about to be. The context ends when it is given up.
func (w *watch) begin(ctx context.Context, network, address, host string) (context.Context, *link) {
	l := &link{watch: w, host: host}
	ctx, l.end = context.WithCancel(ctx)
	l.since.Store(w.now.Load())
	w.enter(l, network, address)
	return ctx, l
}

func (w *watch) enter(l *link, network, address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.servers[address]
	if s == nil {
		s = &server{network: network, address: address, links: map[*link]struct{}{}, since: time.Duration(w.now.Load())}
		w.servers[address] = s
	}
	s.links[l] = struct{}{}
	l.server = s
}

func (w *watch) leave(l *link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delete(l.server.links, l); l.Conn == nil {
		l.end()
	}
}

// Read waits for the server.
func (l *link) Read(p []byte) (int, error) {
	l.since.Store(l.watch.now.Load())
	n, err := l.Conn.Read(p)
	l.waited()
	if n > 0 {
		l.server.heard.Store(l.watch.now.Load())
	}
	if why := l.why.Load(); err != nil && why != nil {
		err = *why
	}
	return n, err
}

func (l *link) waited() {
	l.since.Store(0)
	l.reads.Add(1)
}

// Close closes the connection.
func (l *link) Close() error {
	l.watch.leave(l)
	return l.Conn.Close()
}

// giveUp ends whatever waits for the connection, under the lock of the watch.
func (l *link) giveUp(why error) {
	if !l.why.CompareAndSwap(nil, &why) {
		return
	}
	if w := l.watch; l.host != "" && (!l.ready || errors.Is(why, errSilent)) {
		w.silenced = l.host
		if w.served == l.host {
			w.served = ""
		}
	}
	l.end()
}

// stalls says that the server is waited for, and that nothing is there which only nobody has read yet.
func (l *link) stalls() bool { return l.since.Load() != 0 && !l.readable() }

// readable says that the kernel holds something which nobody has read yet: our own delay.
func (l *link) readable() (yes bool) {
	conn, ok := l.Conn.(syscall.Conn)
	if !ok {
		return false // it is being dialled
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) { // or it is closed
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		yes = err != syscall.EAGAIN && err != syscall.EINTR
	})
	return yes
}

// ready makes the connection one that waits for statements. From then on its silence is borne as long as one may take.
func (w *watch) ready(conn *pgx.Conn) {
	under := conn.PgConn().Conn()
	if encrypted, ok := under.(*tls.Conn); ok {
		under = encrypted.NetConn()
	}
	l, ok := under.(*link)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	l.ready, l.pid = true, conn.PgConn().PID()
	if w.served = l.host; w.silenced == l.host {
		w.silenced = ""
	}
}

// atWork is whether PostgreSQL is at work for a connection of this login, and not waiting for what we have to say.
// It is taken for being so where PostgreSQL does not keep, or a pooler hides, what its processes do.
const atWork = `
	SELECT coalesce(bool_or(state = 'disabled' OR state = 'active' AND wait_event_type IS DISTINCT FROM 'Client'), true)
	  FROM pg_stat_get_activity($1)`

// inquire asks PostgreSQL about the connection, and gives it up unless PostgreSQL is at work for it. Reads is the wait that is meant.
func (d *Database) inquire(l *link, reads int64) {
	busy := false
	config := d.pool.Config().ConnConfig
	_ = d.watched(d.watch.over, config)
	config.Tracer = nil // which remembers why requests have no connection
	conn, err := pgx.ConnectConfig(d.watch.over, config)
	if err == nil {
		err = conn.QueryRow(d.watch.over, atWork, pgx.QueryExecModeExec, l.pid).Scan(&busy)
		_ = conn.Close(d.watch.over)
	}
	var said *pgconn.PgError
	busy = busy || errors.As(err, &said) // it is there, and has no connection left for us
	d.watch.mu.Lock()
	defer d.watch.mu.Unlock()
	if !busy && l.reads.Load() == reads && l.stalls() {
		l.giveUp(errAlone)
	}
}
