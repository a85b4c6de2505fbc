package tenancy

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
)

// Tx is one transaction of several accessor calls. Its doors are those of Database; going through another one binds the
// transaction anew, in the trip of the next call.
type Tx struct {
	database *Database
	conn     *pgxpool.Conn
	begun    bool
	bound    *scope
	claim    *claim
}

// Atomic runs fn in one transaction: committed when fn returns nil, undone otherwise. It costs a round trip a call and one
// for the commit.
func (d *Database) Atomic(ctx context.Context, fn func(tx *Tx) error) error {
	return d.atomic(ctx, nil, fn)
}

func (d *Database) atomic(ctx context.Context, claim *claim, fn func(tx *Tx) error) error {
	conn, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx := &Tx{database: d, conn: conn, claim: claim}
	defer func() { _ = tx.end(ctx, "rollback", nil) }() // of what an error or a panic leaves; nothing after a commit
	if err := fn(tx); err != nil {
		return err
	}
	return tx.end(ctx, "commit", claim.store())
}

// Enter, Account and Unscoped are the doors within the transaction; see those of Database.
func (tx *Tx) Enter(who Caller, permission auth.Permission) *db.Queries {
	return db.New(&txDoor{tx, tenantScope(who, permission)})
}

// Account is the door of the account scope.
func (tx *Tx) Account(who Caller) *db.Queries { return db.New(&txDoor{tx, accountScope(who)}) }

// Unscoped is the door of what must run before anyone is known.
func (tx *Tx) Unscoped(who Caller) *db.Queries { return db.New(&txDoor{tx, unscoped(who)}) }

// Provision binds a tenant that the caller is not, or not yet, a user of; nothing is checked. It is for making tenants and
// users and for leaving them: every use is a place to look at.
func (tx *Tx) Provision(tenant ids.TenantID, who Caller) *db.Queries {
	return db.New(&txDoor{tx, boundScope(tenant, who)})
}

// end commits or undoes, after one last statement if there is one; a second end does nothing.
func (tx *Tx) end(ctx context.Context, how string, last *statement) error {
	if !tx.begun || tx.conn.Conn().IsClosed() {
		return nil
	}
	tx.begun = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tripTimeout)
	t := &trip{database: tx.database, conn: tx.conn, cancel: cancel, keep: true}
	if last != nil {
		if tx.bound != tx.claim.scope {
			t.statements = append(t.statements, tx.claim.scope.binding())
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

// txDoor is sqlc's DBTX for one scope within a transaction.
type txDoor struct {
	tx    *Tx
	scope *scope
}

func (d *txDoor) open(ctx context.Context, list bool, sql string, args []any) (*trip, error) {
	if err := d.scope.verify(args); err != nil {
		return nil, err
	}
	tx := d.tx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tripTimeout)
	t := &trip{database: tx.database, conn: tx.conn, cancel: cancel, keep: true}
	if !tx.begun {
		t.statements = append(t.statements, statement{sql: "begin"})
	}
	if tx.bound != d.scope {
		t.statements = append(t.statements, d.scope.binding())
	}
	if tx.claim != nil && tx.claim.scope == nil {
		tx.claim.scope = d.scope
		t.statements = append(t.statements, tx.claim.take())
	}
	if list {
		t.statements = append(t.statements, statement{sql: planEachTime})
	}
	t.statements = append(t.statements, statement{sql, args})
	tx.begun, tx.bound = true, d.scope
	return t, t.send(ctx)
}

// Exec, Query and QueryRow are sqlc's DBTX.
func (d *txDoor) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return execute(d.open(ctx, false, sql, args))
}

func (d *txDoor) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return query(d.open(ctx, true, sql, args))
}

func (d *txDoor) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	t, err := d.open(ctx, false, sql, args)
	return &row{t, err}
}
