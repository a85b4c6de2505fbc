package tenancy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowhouse/db"
	schema "rowhouse/sql"
	"rowhouse/testdb"
)

// swallowing leads to the database through a network that, while it is told to, takes everything and delivers nothing. A connection that
// lost something so stays silent for ever.
func swallowing(t *testing.T, d *testdb.Database, told *atomic.Bool) (url string) {
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
					if told.Load() {
						lost.Store(true)
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
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&pool_max_conns=1", schema.Server, listener.Addr(), to.Database)
}

// A request to a server that has fallen silent is given up soon, long before its statement's own time is over, and not tried again. As
// soon as the server answers, the next one is served: the pool does not wait for what is left of the connections.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	raw, _, who := scene(t)
	var silent atomic.Bool
	doors, err := Open(context.Background(), swallowing(t, raw, &silent))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(doors.Close)
	doors.AcquireTimeout = time.Second // on a busy machine
	attempts := 0
	list := func() error {
		return Retry(context.Background(), true, func() error {
			attempts++
			_, err := doors.Enter(who, "items:read").ItemList(context.Background(), db.ItemListParams{TenantID: who.TenantID, Size: 1})
			return err
		})
	}
	if err := list(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		silent.Store(true)
		attempts = 0
		if err := list(); !errors.Is(err, ErrLost) || !errors.Is(err, errSilent) || attempts != 1 {
			t.Errorf("silence: got %v after %d attempts, want ErrLost, of the server, after one", err, attempts)
		}
		silent.Store(false)
		if err := list(); err != nil {
			t.Errorf("after the silence: %v", err)
		}
	}
}

// A statement that takes longer than a silent server would be waited for is waited for, as long as the server answers beside it.
func TestSlowStatement(t *testing.T) {
	t.Parallel()
	raw, doors, who := scene(t)
	doors.AcquireTimeout = 500 * time.Millisecond
	ctx := context.Background()
	lock := raw.Connect(raw.Superuser())
	if _, err := lock.Exec(ctx, `BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		_, err := doors.Enter(who, "items:read").ItemList(ctx, db.ItemListParams{TenantID: who.TenantID, Size: 1})
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("it was not waited for: %v", err)
	case <-time.After(4 * doors.AcquireTimeout):
	}
	if _, err := lock.Exec(ctx, `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}
