package tenancy

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
)

// Tx is one transaction of several accessor calls. Its doors are those of Database; going through another one binds the
// transaction anew, in the trip of the next call.
type Tx struct {
	database *Database
	conn     *pgxpool.Conn // nil before the first call
	begun    bool
	bound    *scope
	claim    *claim
	snapshot bool // it only reads, all of one moment
}

// begin begins it. A snapshot lasts for as long as whoever takes what is read, and so may be idle.
func (tx *Tx) begin() []statement {
	if !tx.snapshot {
		return []statement{{sql: "begin"}}
	}
	return []statement{
		{sql: "begin isolation level repeatable read read only"},
		{sql: "SELECT set_config('idle_in_transaction_session_timeout', '0', true)"},
	}
}

// Atomic runs fn in one transaction: committed when fn returns nil, undone otherwise. It costs a round trip a call and one
// for the commit. It takes a connection at the first call, so that what fn does before, such as hashing, holds none.
func (d *Database) Atomic(ctx context.Context, fn func(tx *Tx) error) error {
	return (&Tx{database: d}).run(ctx, fn)
}

// Snapshot runs fn in one transaction that only reads, and in all calls sees the database as it was at the first.
func (d *Database) Snapshot(ctx context.Context, fn func(tx *Tx) error) error {
	return (&Tx{database: d, snapshot: true}).run(ctx, fn)
}

func (tx *Tx) run(ctx context.Context, fn func(tx *Tx) error) error {
	defer func() {
		_ = tx.end(ctx, "rollback", nil) // of what an error or a panic leaves; nothing after a commit
		if tx.conn != nil {
			release(tx.conn)
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.end(ctx, "commit", tx.claim.store())
}

// Enter, Account and Unscoped are the doors within the transaction; see those of Database.
func (tx *Tx) Enter(who Caller, permission auth.Permission) *db.Queries {
	return db.New(dbtx{&txDoor{tx, tenantScope(who, permission)}})
}

// Account is the door of the account scope.
func (tx *Tx) Account(who Caller) *db.Queries { return db.New(dbtx{&txDoor{tx, accountScope(who)}}) }

// Unscoped is the door of what must run before anyone is known.
func (tx *Tx) Unscoped(who Caller) *db.Queries { return db.New(dbtx{&txDoor{tx, unscoped(who)}}) }

// Provision binds a tenant that the caller is not, or not yet, a user of; nothing is checked. It is for making tenants and
// users and for leaving them: every use is a place to look at.
func (tx *Tx) Provision(tenant ids.TenantID, who Caller) *db.Queries {
	return db.New(dbtx{&txDoor{tx, boundScope(tenant, who)}})
}

// Assume binds an account without a session of it. It is for whoever has proven in another way to be its owner, and nothing is
// checked: every use is a place to look at.
func (tx *Tx) Assume(account ids.AccountID, who Caller) *db.Queries {
	return db.New(dbtx{&txDoor{tx, assumedScope(account, who)}})
}

// end commits or undoes, after one last statement if there is one; a second end does nothing.
func (tx *Tx) end(ctx context.Context, how string, last *statement) error {
	if !tx.begun || tx.conn.Conn().IsClosed() {
		return nil
	}
	tx.begun = false
	t := &trip{database: tx.database, conn: tx.conn, keep: true}
	if last != nil {
		if tx.bound != tx.claim.scope {
			t.statements = append(t.statements, tx.claim.scope.rebinding())
		}
		t.statements = append(t.statements, *last)
	}
	t.statements = append(t.statements, statement{sql: how})
	if err := t.send(ctx); err != nil {
		tx.begun = true // still to be undone
		return err
	}
	_, err := t.results.Exec()
	return t.close(err)
}

// txDoor leads into a scope within a transaction.
type txDoor struct {
	tx    *Tx
	scope *scope
}

func (d *txDoor) open(ctx context.Context, list bool, sql string, args []any) (*trip, error) {
	if err := d.scope.verify(args); err != nil {
		return nil, err
	}
	tx := d.tx
	if tx.conn == nil {
		conn, err := tx.database.acquire()
		if err != nil {
			return nil, err
		}
		tx.conn = conn
	}
	t := &trip{database: tx.database, conn: tx.conn, keep: true}
	if !tx.begun {
		t.statements = append(t.statements, tx.begin()...)
	}
	if tx.claim != nil && tx.claim.scope == nil {
		tx.claim.scope = d.scope
		if d.scope.tenant.IsZero() && d.scope.account.IsZero() { // nobody's: the record is not
			tx.claim.scope = tx.claim.home
		}
		tx.bound = tx.claim.scope
		t.statements = append(t.statements, tx.bound.rebinding(), tx.claim.take())
	}
	if tx.bound != d.scope {
		t.statements = append(t.statements, d.scope.rebinding())
	}
	asked := statement{sql, args}
	if list {
		var andPlan string
		asked, andPlan = tx.database.asList(sql, args)
		t.statements = append(t.statements, statement{sql: "SELECT true" + andPlan})
	}
	t.statements = append(t.statements, asked)
	tx.begun, tx.bound = true, d.scope
	return t, t.send(ctx)
}
