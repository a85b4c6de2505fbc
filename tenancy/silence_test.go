package tenancy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowhouse/db"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// swallower leads to the database through a network that, while it is told to, takes everything and delivers nothing. A connection that
// lost something so stays silent for ever.
type swallower struct {
	url    string
	silent atomic.Bool
	lost   atomic.Int64 // how many connections are
}

func newSwallower(t *testing.T, d *testdb.Database) *swallower {
	t.Helper()
	to, err := pgx.ParseConfig(d.Server())
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(to.Host, to.Port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &swallower{url: fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&pool_max_conns=1", schema.Server, listener.Addr(), to.Database)}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			var lost atomic.Bool
			pump := func(to, from net.Conn) {
				for buffer := make([]byte, 32<<10); ; {
					n, err := from.Read(buffer)
					if s.silent.Load() && lost.CompareAndSwap(false, true) {
						s.lost.Add(1)
					}
					if !lost.Load() {
						_, _ = to.Write(buffer[:n])
						if err != nil {
							_ = to.Close()
						}
					}
					if err != nil {
						return
					}
				}
			}
			go pump(server, client)
			go pump(client, server)
			t.Cleanup(func() { _, _ = client.Close(), server.Close() })
		}
	}()
	return s
}

// doors are those to the database through the swallower, whose clock stands still until it is made to go on.
func (s *swallower) doors(t *testing.T) *Database {
	t.Helper()
	doors, err := Open(context.Background(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(doors.Close)
	doors.watch.once.Do(func() {})
	return doors
}

// readItems reads, and again where Retry does; it counts the attempts.
func readItems(doors *Database, who Caller, attempts *atomic.Int64) error {
	return Retry(context.Background(), true, func() error {
		attempts.Add(1)
		_, err := doors.Enter(who, "items:read").ItemList(context.Background(), db.ItemListParams{TenantID: who.TenantID, Size: 1})
		return err
	})
}

// waitedFor is how many connections wait for their server.
func (d *Database) waitedFor() int {
	d.watch.mu.Lock()
	defer d.watch.mu.Unlock()
	return d.watch.stalled()
}

// until waits for what another goroutine is about to do; go test's own deadline shows what was waited for in vain.
func until(is func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		<-tick.C
	}
}

// A request to a server that has fallen silent is given up soon, and not tried again; so is one that finds no connection. As soon as the
// server answers, the next one is served: the pool does not wait for what is left of the connections.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	raw, _, who := scene(t)
	network := newSwallower(t, raw)
	doors := network.doors(t)
	go doors.run()
	var attempts atomic.Int64
	if err := readItems(doors, who, &attempts); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		network.silent.Store(true)
		for _, want := range []error{ErrLost, ErrUnavailable} {
			attempts.Store(0)
			if err := readItems(doors, who, &attempts); !errors.Is(err, want) || !errors.Is(err, errSilent) || attempts.Load() != 1 {
				t.Errorf("silence: got %v after %d attempts, want %v, of the server, after one", err, attempts.Load(), want)
			}
		}
		network.silent.Store(false)
		if err := readItems(doors, who, &attempts); err != nil {
			t.Errorf("after the silence: %v", err)
		}
	}
}

// A silent server is found after AcquireTimeout of own time, to the tick: not by how late the ticks come.
func TestOwnTime(t *testing.T) {
	t.Parallel()
	raw, _, who := scene(t)
	network := newSwallower(t, raw)
	doors := network.doors(t)
	var attempts atomic.Int64
	if err := readItems(doors, who, &attempts); err != nil {
		t.Fatal(err)
	}
	network.silent.Store(true)
	got := make(chan error, 1)
	go func() { got <- readItems(doors, who, &attempts) }()
	until(func() bool { return network.lost.Load() > 0 && doors.waitedFor() > 0 })
	want := int(doors.AcquireTimeout / tick)
	for n := 1; n < want; n++ {
		<-time.After(tick / 5) // which passes for nobody
		if doors.look(tick); len(got) > 0 {
			t.Fatalf("it was given up after %d ticks, want %d: %v", n, want, <-got)
		}
	}
	doors.look(tick)
	if err := <-got; !errors.Is(err, errSilent) {
		t.Errorf("got %v, want the server's silence", err)
	}
}

// What is there to be read, and only nobody has had the time to, is no silence.
func TestUnread(t *testing.T) {
	t.Parallel()
	_, doors, _ := scene(t)
	doors.watch.once.Do(func() {})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var links [2]*link
	for i := range links {
		conn, err := doors.watch.dial(t.Context(), (&net.Dialer{}).DialContext, "tcp", listener.Addr().String(), "")
		if err != nil {
			t.Fatal(err)
		}
		server, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		links[i] = conn.(*link)
		links[i].ready = true
		defer server.Close()
		defer conn.Close()
		if i == 0 {
			if _, err := server.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
			until(links[i].readable)
		}
		links[i].since.Store(doors.watch.now.Load()) // somebody waits for it, and is not let run
	}
	for range 10 * int(doors.AcquireTimeout/tick) {
		doors.look(tick)
	}
	for i, want := range []error{nil, errSilent} {
		why := links[i].why.Load()
		if (why == nil) != (want == nil) || why != nil && !errors.Is(*why, want) {
			t.Errorf("connection %d: got %v, want %v", i, why, want)
		}
	}
}

// Whoever waits for a connection that is in our own hands waits as long as we take.
func TestOwnDelay(t *testing.T) {
	t.Parallel()
	_, doors, who := scene(t)
	doors.watch.once.Do(func() {})
	ctx := context.Background()
	got := make(chan error, 1)
	var attempts atomic.Int64
	err := doors.Atomic(ctx, func(tx *Tx) error {
		if _, err := tx.Unscoped(who).MigrationVersion(ctx); err != nil {
			return err
		}
		go func() { got <- readItems(doors, who, &attempts) }()
		until(func() bool { return doors.watch.queue.Load().waiting.Load() > 0 })
		for range 4 * int(doors.QueueTimeout/tick) {
			doors.look(tick)
		}
		return nil
	})
	if err := errors.Join(err, <-got); err != nil {
		t.Error(err)
	}
}

// A statement that takes longer than a silent connection would be waited for is waited for: PostgreSQL says that it is at work.
func TestSlowStatement(t *testing.T) {
	t.Parallel()
	raw, doors, who := scene(t)
	doors.aloneTimeout = 2 * tick
	ctx := context.Background()
	lock := raw.Connect(raw.Superuser())
	if _, err := lock.Exec(ctx, `BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	var attempts atomic.Int64
	go func() { got <- readItems(doors, who, &attempts) }()
	until(func() bool {
		if len(got) > 0 {
			t.Fatalf("it was not waited for: %v", <-got)
		}
		doors.watch.mu.Lock()
		defer doors.watch.mu.Unlock()
		for _, s := range doors.watch.servers {
			for l := range s.links {
				if l.inquiries >= 3 {
					return true
				}
			}
		}
		return false
	})
	if _, err := lock.Exec(ctx, `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil || attempts.Load() != 1 {
		t.Errorf("got %v after %d attempts", err, attempts.Load())
	}
}

// A connection that alone falls silent is given up when PostgreSQL says that it does nothing for it; a read is done once more, on another.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	raw, _, who := scene(t)
	network := newSwallower(t, raw)
	doors := network.doors(t)
	doors.aloneTimeout = 2 * tick
	var attempts atomic.Int64
	if err := readItems(doors, who, &attempts); err != nil {
		t.Fatal(err)
	}
	attempts.Store(0)
	network.silent.Store(true)
	got := make(chan error, 1)
	go func() { got <- readItems(doors, who, &attempts) }()
	until(func() bool { return network.lost.Load() > 0 })
	network.silent.Store(false)
	go doors.run()
	if err := <-got; err != nil || attempts.Load() != 2 {
		t.Errorf("got %v after %d attempts, want none after two", err, attempts.Load())
	}
}

// A connection that is given up in the moment in which it is made is closed, and nobody gets it: it could not be given up again.
func TestGivenUpWhileDialled(t *testing.T) {
	t.Parallel()
	var d Database
	d.watch.open()
	ours, theirs := net.Pipe()
	_, err := d.watch.dial(t.Context(), func(context.Context, string, string) (net.Conn, error) {
		d.watch.giveUp(errAlone)
		return ours, nil
	}, "tcp", "127.0.0.1:5432", "")
	if !errors.Is(err, errAlone) {
		t.Errorf("got %v, want %v", err, errAlone)
	}
	_ = theirs.SetDeadline(time.Now())
	if _, err := theirs.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("it is open: %v", err)
	}
	if n := len(d.watch.servers["127.0.0.1:5432"].links); n != 0 {
		t.Errorf("%d connections are still watched", n)
	}
}

// Of several hosts, one that refuses does not speak for another that has fallen silent.
func TestSilentSecondHost(t *testing.T) {
	t.Parallel()
	raw, _, who := scene(t)
	network := newSwallower(t, raw)
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refusing.Close()
	network.url = strings.Replace(network.url, "@", "@"+refusing.Addr().String()+",", 1)
	doors := network.doors(t)
	go doors.run()
	var attempts atomic.Int64
	if err := readItems(doors, who, &attempts); err != nil {
		t.Fatal(err)
	}
	network.silent.Store(true)
	for _, want := range []error{ErrLost, ErrUnavailable} {
		attempts.Store(0)
		if err := readItems(doors, who, &attempts); !errors.Is(err, want) || !errors.Is(err, errSilent) || attempts.Load() != 1 {
			t.Errorf("got %v after %d attempts, want %v, of the server, after one", err, attempts.Load(), want)
		}
	}
}
