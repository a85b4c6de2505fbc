package tenancy

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// scene is a database with one tenant and its admin, behind a single connection.
func scene(t *testing.T) (*testdb.Database, *Database, Caller) {
	t.Helper()
	raw := testdb.New(t)
	doors, err := Open(context.Background(), raw.Server()+"&pool_max_conns=1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(doors.Close)
	who := Caller{
		TenantID: ids.New[ids.TenantID](), AccountID: ids.New[ids.AccountID](), SessionID: ids.New[ids.SessionID](),
		Operation: "test.run", RequestID: "request", Address: "127.0.0.1",
	}
	raw.Exec(`INSERT INTO accounts (id, username, email) VALUES ($1, 'ada', 'ada@example.com')`, who.AccountID)
	raw.Exec(`INSERT INTO sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 hour')`, who.SessionID, who.AccountID)
	raw.Exec(`INSERT INTO tenants (id, name, slug) VALUES ($1, 'one', 'one')`, who.TenantID)
	raw.Exec(`INSERT INTO users (tenant_id, account_id, username, role) VALUES ($1, $2, 'ada', 'admin')`, who.TenantID, who.AccountID)
	return raw, doors, who
}

// bindings are what the pool's one connection is bound to now, outside of any transaction.
func bindings(t *testing.T, d *Database) [4]string {
	t.Helper()
	var b [4]string
	err := d.pool.QueryRow(context.Background(), `
		SELECT coalesce(current_setting('app.tenant_id', true), ''), coalesce(current_setting('app.caller', true), ''),
		       current_setting('role'), current_setting('plan_cache_mode')`).Scan(&b[0], &b[1], &b[2], &b[3])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var unboundState = [4]string{"", "", "none", "auto"}

// No binding outlives its transaction, whichever door it came through and however it ended.
func TestBindingsEnd(t *testing.T) {
	t.Parallel()
	_, doors, who := scene(t)
	ctx := context.Background()
	get := db.ItemGetParams{TenantID: who.TenantID, ID: ids.New[ids.ItemID]()}
	stranger := who
	stranger.SessionID = ids.New[ids.SessionID]()
	tenant := ids.New[ids.TenantID]()
	failing := errors.New("failing")
	for name, trip := range map[string]func() error{
		"tenant": func() error {
			_, err := doors.Enter(who, "items:read").ItemGet(ctx, get)
			return ignore(err, pgx.ErrNoRows)
		},
		"list": func() error {
			_, err := doors.Enter(who, "items:read").ItemList(ctx, db.ItemListParams{TenantID: who.TenantID, Size: 1})
			return err
		},
		"account":  func() error { _, err := doors.Account(who).AccountGet(ctx, who.AccountID); return err },
		"unscoped": func() error { _, err := doors.Unscoped(who).MigrationVersion(ctx); return err },
		"system":   func() error { _, err := doors.System(who.TenantID, "test").TenantGet(ctx, who.TenantID); return err },
		"refused": func() error {
			if _, err := doors.Enter(stranger, "items:read").ItemGet(ctx, get); err == nil {
				return errors.New("a stranger was let in")
			}
			return nil
		},
		"several": func() error {
			return doors.Atomic(ctx, func(tx *Tx) error {
				if _, err := tx.Account(who).AccountGet(ctx, who.AccountID); err != nil {
					return err
				}
				_, err := tx.Provision(tenant, who).TenantCreate(ctx, db.TenantCreateParams{TenantID: tenant, Name: "x", Slug: "x"})
				return err
			})
		},
		"undone": func() error {
			return ignore(doors.Atomic(ctx, func(tx *Tx) error {
				_, err := tx.Enter(who, "items:write").ItemCreate(ctx, db.ItemCreateParams{TenantID: who.TenantID, Name: "undone", PriceCents: 1})
				return errors.Join(err, failing)
			}), failing)
		},
		"panicked": func() (err error) {
			defer func() { _ = recover() }()
			return doors.Atomic(ctx, func(tx *Tx) error {
				if _, err := tx.Enter(who, "items:write").ItemCreate(ctx, db.ItemCreateParams{TenantID: who.TenantID, Name: "undone", PriceCents: 1}); err != nil {
					return err
				}
				panic("in the middle")
			})
		},
	} {
		if err := trip(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(unboundState, bindings(t, doors)); diff != "" {
			t.Errorf("%s leaves behind (-want +got):\n%s", name, diff)
		}
	}
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// A transaction that fails in the middle, or panics, leaves nothing, and its connection serves the next.
func TestAtomicUndoes(t *testing.T) {
	t.Parallel()
	raw, doors, who := scene(t)
	ctx := context.Background()
	create := db.ItemCreateParams{TenantID: who.TenantID, Name: "x", PriceCents: 1}
	err := doors.Atomic(ctx, func(tx *Tx) error {
		q := tx.Enter(who, "items:write")
		if _, err := q.ItemCreate(ctx, create); err != nil {
			return err
		}
		bad := create
		bad.PriceCents = -1
		_, err := q.ItemCreate(ctx, bad)
		return err
	})
	if err == nil {
		t.Error("a broken constraint: got nil")
	}
	if n := testdb.Value[int](raw, `SELECT count(*) FROM items`); n != 0 {
		t.Errorf("got %d items, want none", n)
	}
	backend := func() (pid int) {
		if err := doors.pool.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	before := backend()
	if _, err := doors.Enter(who, "items:write").ItemCreate(ctx, create); err != nil {
		t.Error(err)
	}
	if backend() != before {
		t.Error("the connection was thrown away")
	}
}

// Each scope has its role: what a door is not for, its queries may not do.
func TestScopesHaveRoles(t *testing.T) {
	t.Parallel()
	_, doors, who := scene(t)
	ctx := context.Background()
	denied := func(name string, err error) {
		t.Helper()
		if code(err) != "42501" {
			t.Errorf("%s: got %v, want 42501", name, err)
		}
	}
	// The runtime check is told what it wants to hear; the roles stand behind it.
	as := func(s *scope) *db.Queries {
		s.tenant, s.account = ids.TenantID{}, ids.AccountID{}
		return db.New(dbtx{&door{database: doors, scope: s, many: true}})
	}
	_, err := as(tenantScope(who, "items:read")).AccountGet(ctx, who.AccountID)
	denied("an account through a tenant's door", err)
	_, err = as(boundScope(who.TenantID, who)).AccountGet(ctx, who.AccountID)
	denied("an account through the system's door", err)
	_, err = as(accountScope(who)).ItemCreate(ctx, db.ItemCreateParams{TenantID: who.TenantID, Name: "x", PriceCents: 1})
	denied("an item through an account's door", err)
	_, err = as(unscoped(who)).ItemGet(ctx, db.ItemGetParams{TenantID: who.TenantID})
	denied("an item through no door", err)
	if _, err := as(accountScope(who)).TenantGet(ctx, who.TenantID); err != nil {
		t.Errorf("one's own tenant through an account's door: %v", err)
	}
	if _, err := as(unscoped(Caller{})).TenantGet(ctx, who.TenantID); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("a tenant through no door: got %v", err)
	}
	if _, err := doors.pool.Exec(ctx, `SELECT * FROM accounts`); code(err) != "42501" {
		t.Errorf("accounts without a door: got %v", err)
	}
}

// A transaction goes from any door through any other, also on a connection that has planned nothing yet, where every right is asked for.
func TestDoorAfterDoor(t *testing.T) {
	t.Parallel()
	raw, _, who := scene(t)
	ctx := context.Background()
	through := map[string]func(*Tx) error{
		"tenant": func(tx *Tx) error { _, err := tx.Enter(who, "users:write").TenantGet(ctx, who.TenantID); return err },
		"everything": func(tx *Tx) error {
			_, err := tx.Enter(who, "users:write:any").TenantGet(ctx, who.TenantID)
			return err
		},
		"account":   func(tx *Tx) error { _, err := tx.Account(who).AccountGet(ctx, who.AccountID); return err },
		"unscoped":  func(tx *Tx) error { _, err := tx.Unscoped(who).MigrationVersion(ctx); return err },
		"provision": func(tx *Tx) error { _, err := tx.Provision(who.TenantID, who).TenantGet(ctx, who.TenantID); return err },
		"assume":    func(tx *Tx) error { _, err := tx.Assume(who.AccountID, who).AccountGet(ctx, who.AccountID); return err },
	}
	for one, first := range through {
		for other, second := range through {
			doors, err := Open(ctx, raw.Server()+"&pool_max_conns=1")
			if err != nil {
				t.Fatal(err)
			}
			err = doors.Atomic(ctx, func(tx *Tx) error { return errors.Join(first(tx), second(tx)) })
			if err != nil {
				t.Errorf("%s, then %s: %v", one, other, err)
			}
			doors.Close()
		}
	}
}

func code(err error) string {
	var said interface{ SQLState() string }
	if errors.As(err, &said) {
		return said.SQLState()
	}
	return ""
}
