// Package testdb gives each test a database of its own: a clone of one migrated template, on one private PostgreSQL for the
// whole test binary. A failed test's database is kept, and the log says how to look at it.
package testdb

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"rowhouse/localpg"
	schema "rowhouse/sql"
)

// Unbound is a login that row-level security does not bind and that otherwise has the server's rights: with it, a test
// sees whether the queries alone keep tenants apart.
const Unbound = "rowhouse_unbound"

const template = "rowhouse_template"

var (
	server *localpg.Server
	clones atomic.Int64
	failed atomic.Bool

	start = sync.OnceValue(func() (err error) {
		ctx := context.Background()
		server, err = localpg.Start(ctx, localpg.Options{Settings: map[string]string{"max_connections": "500"}})
		if err != nil {
			return err
		}
		superuser, err := pgx.Connect(ctx, server.URL("postgres", "postgres"))
		if err != nil {
			return err
		}
		defer superuser.Close(ctx)
		if err := schema.CreateDatabase(ctx, superuser, template); err != nil {
			return err
		}
		if err := schema.Up(ctx, server.URL(schema.Owner, template)); err != nil {
			return err
		}
		if err := schema.GrantServer(ctx, superuser); err != nil {
			return err
		}
		// The machine may be busy with all the other tests: no statement is cut short for that.
		_, err = superuser.Exec(ctx, `
			ALTER ROLE `+schema.Server+` SET statement_timeout = '60s';
			ALTER ROLE `+schema.Server+` SET lock_timeout = '30s';
			CREATE ROLE `+Unbound+` LOGIN BYPASSRLS;
			GRANT rowhouse_app, rowhouse_gate TO `+Unbound)
		return err
	})
)

// Main runs the tests of a package that uses New, from its TestMain, and ends the server.
func Main(m *testing.M) {
	code := m.Run()
	if server != nil {
		if failed.Load() {
			server.Keep()
			fmt.Fprintf(os.Stderr, "kept the databases of failed tests; start their server with\n  %s\n", server.StartCommand())
		}
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// Database is a migrated database of one test.
type Database struct {
	t    testing.TB
	name string

	mu        sync.Mutex
	superuser *pgx.Conn
}

// New makes one.
func New(t testing.TB) *Database {
	t.Helper()
	if err := start(); err != nil {
		t.Fatal(err)
	}
	return clone(t, template)
}

// Clone makes another database of all that is in this one, to which nobody may be connected.
func (d *Database) Clone(t testing.TB) *Database {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.superuser != nil {
		_ = d.superuser.Close(context.Background())
		d.superuser = nil
	}
	return clone(t, d.name)
}

func clone(t testing.TB, of string) *Database {
	t.Helper()
	d := &Database{t: t, name: fmt.Sprintf("test_%d", clones.Add(1))}
	maintenance(t, "CREATE DATABASE "+d.name+" TEMPLATE "+of+" OWNER "+schema.Owner+" STRATEGY file_copy")
	t.Cleanup(func() {
		if t.Failed() {
			failed.Store(true)
			t.Logf("the database is kept: psql '%s'", d.Superuser())
			return
		}
		maintenance(t, "DROP DATABASE "+d.name+" WITH (FORCE)")
	})
	return d
}

// maintaining is one statement at a time: a template cannot be copied while another copy has it open.
var maintaining sync.Mutex

func maintenance(t testing.TB, sql string) {
	t.Helper()
	maintaining.Lock()
	defer maintaining.Unlock()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// URL leads to the database as the given login.
func (d *Database) URL(login string) string { return server.URL(login, d.name) }

// Server leads to it as the server does, Owner as the migrations do, Superuser past everything.
func (d *Database) Server() string    { return d.URL(schema.Server) }
func (d *Database) Owner() string     { return d.URL(schema.Owner) }
func (d *Database) Superuser() string { return d.URL("postgres") }

// Connect opens a connection that is closed when the test ends.
func (d *Database) Connect(url string) *pgx.Conn {
	d.t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// asSuperuser gives do the one connection that the test's own statements share.
func (d *Database) asSuperuser(do func(*pgx.Conn) error) error {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.superuser == nil {
		d.superuser = d.Connect(d.Superuser())
	}
	return do(d.superuser)
}

// Exec runs a statement as the superuser, for what no caller could do: to set a scene, or to break it.
func (d *Database) Exec(sql string, args ...any) {
	d.t.Helper()
	err := d.asSuperuser(func(conn *pgx.Conn) error {
		_, err := conn.Exec(context.Background(), sql, args...)
		return err
	})
	if err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// Value reads one value as the superuser.
func Value[T any](d *Database, sql string, args ...any) (value T) {
	d.t.Helper()
	err := d.asSuperuser(func(conn *pgx.Conn) error {
		return conn.QueryRow(context.Background(), sql, args...).Scan(&value)
	})
	if err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return value
}
