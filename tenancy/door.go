package tenancy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/telemetry"
)

// The statements that bind a transaction. They take parameters, and so are prepared once on each connection; with the tenant in
// their text they would be prepared anew for each.
const (
	enterTenant   = `SELECT enter($1, $2, $3, $4, $5, $6, $7)`
	enterByKey    = `SELECT enter_key($1, $2, $3, $4, $5, $6, $7)`
	enterUser     = `SELECT enter_user($1, $2, $3, $4)`
	andReachAll   = `, reach_all()`
	enterAccount  = `SELECT enter_account($1, $2, $3, $4, $5), set_config('role', 'rowhouse_login', true)`
	enterPlatform = `SELECT enter_platform($1, $2, $3, $4, $5, $6)`
	andSeeAll     = `, set_config('role', 'rowhouse_login', true)`
	bindTenant    = `SELECT set_config('app.tenant_id', $1, true), set_config('app.caller', $2, true)`
	bindNobody    = `SELECT set_config('role', 'rowhouse_login', true), set_config('app.tenant_id', '', true), set_config('app.caller', $1, true)`
	bindTrace     = `SELECT set_config('app.trace', $1, true)`
	noRoleAnd     = `SELECT set_config('role', 'none', true), `
)

// scope is what a transaction is bound to: the statement that binds it, and what its accessors may then be called with.
type scope struct {
	bind    string
	args    []any
	tenant  ids.TenantID  // not zero: each call names this tenant and no other
	account ids.AccountID // not zero, without a tenant: each call names this account and no other
}

func (s *scope) binding() statement { return statement{s.bind, s.args} }

// rebinding is the binding where the transaction may have been bound before, and have a role that may not do what the binding does.
func (s *scope) rebinding() statement {
	b := s.binding()
	if !s.tenant.IsZero() {
		b.sql = noRoleAnd + strings.TrimPrefix(b.sql, "SELECT ")
	}
	return b
}

func tenantScope(who Caller, permission auth.Permission) *scope {
	name, everything := permission.Split()
	s := &scope{
		bind:   enterTenant,
		args:   []any{who.TenantID, who.AccountID, who.SessionID, name, who.Address, who.Operation, who.RequestID},
		tenant: who.TenantID,
	}
	if who.ByKey() {
		s.bind, s.args[1], s.args[2] = enterByKey, who.Key.Prefix, who.Key.Hash
	}
	if everything {
		s.bind += andReachAll
	}
	return s
}

func accountScope(who Caller) *scope {
	return &scope{
		bind:    enterAccount,
		args:    []any{who.AccountID, who.SessionID, who.Address, who.Operation, who.RequestID},
		account: who.AccountID,
	}
}

func boundScope(tenant ids.TenantID, who Caller) *scope {
	account := ""
	if !who.AccountID.IsZero() {
		account = who.AccountID.UUID()
	}
	return &scope{
		bind:   bindTenant,
		args:   []any{tenant.UUID(), fmt.Sprintf(" %s any %s %s %s", account, who.Address, who.Operation, who.RequestID)},
		tenant: tenant,
	}
}

func behalfScope(tenant ids.TenantID, user ids.UserID, permission auth.Permission, reason string) *scope {
	name, everything := permission.Split()
	s := &scope{bind: enterUser, args: []any{tenant, user, name, reason}, tenant: tenant}
	if everything {
		s.bind += andReachAll
	}
	return s
}

// platformScope is that of a superuser: of one tenant, or, where tenant is nil, of all.
func platformScope(tenant *ids.TenantID, who Caller) *scope {
	s := &scope{bind: enterPlatform, args: []any{tenant, who.AccountID, who.SessionID, who.Address, who.Operation, who.RequestID}}
	if tenant == nil {
		s.bind += andSeeAll
		s.account = who.AccountID
	} else {
		s.tenant = *tenant
	}
	return s
}

func operatorScope(reason string) *scope {
	return &scope{bind: bindNobody, args: []any{fmt.Sprintf("  platform  %s ", reason)}}
}

func assumedScope(account ids.AccountID, who Caller) *scope {
	return &scope{
		bind:    bindNobody,
		args:    []any{fmt.Sprintf(" %s  %s %s %s", account.UUID(), who.Address, who.Operation, who.RequestID)},
		account: account,
	}
}

func unscoped(who Caller) *scope {
	return &scope{bind: bindNobody, args: []any{fmt.Sprintf("   %s %s %s", who.Address, who.Operation, who.RequestID)}}
}

// Enter is the door of the tenant scope, for one accessor call: the database checks that the caller's session and account
// live, that the account is an active user of the tenant, and that its role holds the permission.
func (d *Database) Enter(who Caller, permission auth.Permission) *db.Queries {
	return db.New(dbtx{&door{database: d, scope: tenantScope(who, permission)}})
}

// Account is the door of the account scope: the account's own rows, and the tenants where it is a user.
func (d *Database) Account(who Caller) *db.Queries {
	return db.New(dbtx{&door{database: d, scope: accountScope(who), many: true}})
}

// Unscoped is for what must run before anyone is known: the queries of sql/queries/unscoped.sql.
func (d *Database) Unscoped(who Caller) *db.Queries {
	return db.New(dbtx{&door{database: d, scope: unscoped(who), many: true}})
}

// System is the door of work that no caller asked for: the command line, workers, public pages. It reaches every row of
// the tenant; the reason stands in its audit events.
func (d *Database) System(tenant ids.TenantID, reason string) *db.Queries {
	return db.New(dbtx{&door{database: d, scope: boundScope(tenant, Caller{Operation: reason}), many: true}})
}

// OnBehalf is the door of the tenant scope for one accessor call on behalf of a user who does not ask, such as to show what he would see: the database
// checks him as Enter does, but for a credential. Every use is a place to look at; the reason stands in its audit events.
func (d *Database) OnBehalf(tenant ids.TenantID, user ids.UserID, permission auth.Permission, reason string) *db.Queries {
	return db.New(dbtx{&door{database: d, scope: behalfScope(tenant, user, permission, reason)}})
}

// Platform is the door of superusers to all tenants' own rows and no others: the database checks that the session and the account live and that it is a
// superuser's.
func (d *Database) Platform(who Caller) *db.Queries {
	return db.New(dbtx{&door{database: d, scope: platformScope(nil, who), many: true}})
}

// PlatformTenant is their door to the tenant that the caller names: its scope, whatever its status, without a user and with every permission.
func (d *Database) PlatformTenant(who Caller) *db.Queries {
	return db.New(dbtx{&door{database: d, scope: platformScope(&who.TenantID, who), many: true}})
}

// Operator is that sight of all tenants for the command line, where no caller asks.
func (d *Database) Operator(reason string) *db.Queries {
	return db.New(dbtx{&door{database: d, scope: operatorScope(reason)}})
}

// verify refuses a call whose arguments name another scope than the bound one, or do not name it at all.
func (s *scope) verify(args []any) error {
	named := s.tenant.IsZero() && s.account.IsZero()
	for _, arg := range args {
		switch arg := arg.(type) {
		case ids.TenantID:
			if !s.tenant.IsZero() && arg != s.tenant {
				return ErrUnbound
			}
			named = named || !s.tenant.IsZero()
		case *ids.TenantID:
			if !s.tenant.IsZero() && arg != nil && *arg != s.tenant {
				return ErrUnbound
			}
		case ids.AccountID:
			if !s.account.IsZero() && arg != s.account {
				return ErrUnbound
			}
			named = named || !s.account.IsZero()
		}
	}
	if !named {
		return ErrUnbound
	}
	return nil
}

// door leads into a scope: each call is one transaction and one round trip.
type door struct {
	database *Database
	scope    *scope
	many     bool // more than one call, each on its own
	called   bool
}

// open starts the trip of one statement: the binding has been checked when it returns, and the statement is sent.
func (d *door) open(ctx context.Context, list bool, sql string, args []any) (*trip, error) {
	if err := d.scope.verify(args); err != nil {
		return nil, err
	}
	if d.called && !d.many {
		return nil, ErrSecondCall
	}
	d.called = true

	conn, err := d.database.acquire()
	if err != nil {
		return nil, err
	}
	t := &trip{database: d.database, conn: conn}
	binding, asked := d.scope.binding(), statement{sql, args}
	if list {
		var andPlan string
		asked, andPlan = d.database.asList(sql, args)
		binding.sql += andPlan
	}
	t.statements = append(t.statements, binding, asked)
	return t, t.send(ctx)
}

// dbtx is sqlc's DBTX over what opens the trip of one statement.
type dbtx struct {
	opener interface {
		open(ctx context.Context, list bool, sql string, args []any) (*trip, error)
	}
}

func (d dbtx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	t, err := d.opener.open(ctx, false, sql, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := t.results.Exec()
	return tag, t.close(err)
}

func (d dbtx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	t, err := d.opener.open(ctx, true, sql, args)
	if err != nil {
		return nil, err
	}
	inner, err := t.results.Query()
	if err != nil {
		return nil, t.close(err)
	}
	return &rows{Rows: inner, trip: t}, nil
}

func (d dbtx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	t, err := d.opener.open(ctx, false, sql, args)
	return &row{t, err}
}

type statement struct {
	sql  string
	args []any
}

// trip is one batch under way on one connection.
type trip struct {
	database   *Database
	conn       *pgxpool.Conn
	statements []statement
	results    pgx.BatchResults
	seen       telemetry.Trip
	keep       bool // the connection belongs to a Tx
}

// send pipelines the statements and reads the results of all but the last. On an error the trip is closed. A client that hangs up does
// not end it, which would break the connection under a transaction; the watch bounds it.
func (t *trip) send(ctx context.Context) error {
	ctx, t.seen = t.database.Telemetry.Trip(ctx, t.statements[len(t.statements)-1].sql)
	if from := t.seen.Traceparent(); from != "" {
		t.statements = slices.Insert(t.statements, len(t.statements)-1, statement{bindTrace, []any{from}})
	}
	queries := make([]pgx.QueuedQuery, len(t.statements))
	batch := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, len(t.statements))}
	for i, s := range t.statements {
		t.database.remember(s.sql)
		queries[i].SQL, queries[i].Arguments = s.sql, s.args
		batch.QueuedQueries[i] = &queries[i]
	}
	t.results = t.conn.SendBatch(context.WithoutCancel(ctx), batch)
	for _, s := range t.statements[:len(t.statements)-1] {
		if err := t.skip(s); err != nil {
			return t.close(err)
		}
	}
	return nil
}

// skip reads the result of a statement that is not the last, which nobody wants but who counts passes.
func (t *trip) skip(s statement) error {
	column := passColumn(s.sql)
	if column < 0 || t.database.Telemetry == nil {
		_, err := t.results.Exec()
		return err
	}
	rows, err := t.results.Query()
	if err != nil {
		return err
	}
	if rows.Next() {
		t.database.Telemetry.Pass(slices.Equal(rows.RawValues()[column], []byte{1})) // a boolean, in the driver's format
	}
	rows.Close()
	return rows.Err()
}

// passColumn is the column of a binding which is whether there was a pass for who entered; -1: it has none.
func passColumn(binding string) int {
	if strings.HasPrefix(binding, enterTenant) {
		return 0
	}
	if rebinding, ok := strings.CutPrefix(binding, noRoleAnd); ok && strings.HasPrefix(rebinding, enterTenant[len("SELECT "):]) {
		return 1
	}
	return -1
}

// close ends the trip; what it returns is the outcome of the transaction. Where err, the statement's own, is not nil, it
// is the better explanation.
func (t *trip) close(err error) error {
	if closed := t.results.Close(); closed != nil && (err == nil || errors.Is(err, pgx.ErrNoRows)) {
		err = closed
	}
	err = t.database.outcome(t.conn.Conn(), err)
	t.seen.End(told(err))
	if !t.keep {
		release(t.conn)
	}
	return err
}

// told is what is told of the outcome of a trip: never the words of an error, in which there may be values of rows.
func told(err error) (outcome, state string) {
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return telemetry.TripAnswered, ""
	}
	var said *pgconn.PgError
	if errors.As(err, &said) {
		state = said.Code
	}
	if errors.Is(err, ErrLost) {
		return telemetry.TripLost, state
	}
	return telemetry.TripRefused, state
}

type row struct {
	trip *trip
	err  error
}

// Scan reads the row and closes the trip: nil means committed.
func (r *row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.trip.close(r.trip.results.QueryRow().Scan(dest...))
}

type rows struct {
	pgx.Rows
	trip *trip
	done bool
	err  error
}

// Next closes the trip when it returns false: Err is then nil only if the transaction is committed.
func (r *rows) Next() bool {
	if r.done {
		return false
	}
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *rows) Close() {
	if r.done {
		return
	}
	r.done = true
	r.Rows.Close()
	r.err = r.trip.close(r.Rows.Err())
}

func (r *rows) Err() error { return r.err }
