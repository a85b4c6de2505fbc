package tenancy

import (
	"context"

	"rowhouse/auth"
	"rowhouse/ids"
)

// Claim is one use of an Idempotency-Key. Its record belongs to the tenant, or without one to the account, of the first
// door that the transaction goes through, or, if that is nobody's, of the operation; and within it to the caller's credential
// and operation.
type Claim struct {
	Permission  auth.Permission // of the operation; empty: it is of the account scope
	Key         string
	Fingerprint []byte // of the request: the same key with another one is a mistake
}

type claim struct {
	Claim
	who    Caller
	home   *scope // of the operation
	scope  *scope // where the record is: nil before the first call
	answer []byte
}

// Idempotent is Atomic under a key: the first call's trip also takes the key, and the last trip stores the answer that fn
// returned and commits both with the effect: two round trips for one call. SQLSTATE RHBUS: the key is in flight elsewhere.
// RHFIN: it has been answered; see Recall.
func (d *Database) Idempotent(ctx context.Context, who Caller, key Claim, fn func(tx *Tx) (answer []byte, err error)) error {
	c := &claim{Claim: key, who: who, home: operationScope(who, key.Permission)}
	return (&Tx{database: d, claim: c}).run(ctx, func(tx *Tx) (err error) {
		c.answer, err = fn(tx)
		return err
	})
}

func (c *claim) take() statement {
	return statement{`SELECT idempotency_claim($1, $2, $3)`, []any{c.who.Credential(), c.who.Operation, c.Key}}
}

// store is nil without a claim, or when nothing was called.
func (c *claim) store() *statement {
	if c == nil || c.scope == nil {
		return nil
	}
	return &statement{`SELECT idempotency_store($1, $2, $3, $4, $5)`, []any{c.who.Credential(), c.who.Operation, c.Key, c.Fingerprint, c.answer}}
}

// Recall reads the answer that was stored under a key, behind the same checks as the operation itself; with the permission
// empty, those of the account scope. Both are nil when there is none.
func (d *Database) Recall(ctx context.Context, who Caller, permission auth.Permission, key string) (fingerprint, answer []byte, err error) {
	s := operationScope(who, permission)
	s.tenant = ids.TenantID{} // the function itself reads the bound tenant
	args := []any{who.Credential(), who.Operation, key}
	err = dbtx{&door{database: d, scope: s}}.QueryRow(ctx, `SELECT fingerprint, answer FROM idempotency_recall($1, $2, $3)`, args...).Scan(&fingerprint, &answer)
	return fingerprint, answer, err
}

// operationScope is the scope of an operation with the permission, or, if that is empty, of the account.
func operationScope(who Caller, permission auth.Permission) *scope {
	if permission == "" {
		return accountScope(who)
	}
	return tenantScope(who, permission)
}
