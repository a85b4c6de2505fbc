package rest

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/tenancy"
)

// Caller is who is asking; see tenancy.Caller.
type Caller = tenancy.Caller

// work is a handler that is given the queries of one scope. It may be run again, after a conflict in the database, and so keeps nothing; it
// returns errors as they come.
type work[In, Out any] func(ctx context.Context, q *db.Queries, who Caller, in In) (Out, error)

// entry is the way into one scope: for a call on its own, and within a transaction.
type entry struct {
	alone  func(*exchange) *db.Queries
	within func(*exchange, *tenancy.Tx) *db.Queries
}

func tenantEntry(p auth.Permission) entry {
	return entry{
		alone:  func(x *exchange) *db.Queries { return x.server.doors.Enter(x.who, p) },
		within: func(x *exchange, tx *tenancy.Tx) *db.Queries { return tx.Enter(x.who, p) },
	}
}

var accountEntry = entry{
	alone:  func(x *exchange) *db.Queries { return x.server.doors.Account(x.who) },
	within: func(x *exchange, tx *tenancy.Tx) *db.Queries { return tx.Account(x.who) },
}

// Need is a tenant route whose handler makes exactly one accessor call.
func Need[In, Out any](p auth.Permission, h work[In, Out]) Endpoint {
	e := describe[In, Out](TenantScope, h)
	e.Permission = p
	e.keyed = true
	e.Shows, e.show = kindOf(e.Input, e.Output), shower(h)
	e.run = single(tenantEntry(p), h)
	return e
}

// Change is a tenant route that changes one row. When its write finds none, the read tells why: not found, found in another
// version than If-Match, or found and not the caller's to change.
func Change[In, Out, ReadIn, Row any](p auth.Permission, write work[In, Out], read work[ReadIn, Row]) Endpoint {
	e := describe[In, Out](TenantScope, write)
	e.Permission = p
	e.keyed = true
	if !e.Conditional() {
		e = e.Refusing(errForbiddenRow) // as the description says of each that heeds If-Match
	}
	e.run = changing(tenantEntry(p), tenantEntry(p.Read()), write, read)
	return e
}

// with is a handler that needs more of the application than queries, before it calls the database.
type with[App, In, Out any] func(ctx context.Context, app App, q *db.Queries, who Caller, in In) (Out, error)

// bound is the handler that it is for an exchange.
func bound[App, In, Out any](x *exchange, h with[App, In, Out]) work[In, Out] {
	app := x.server.api.App.(App)
	return func(ctx context.Context, q *db.Queries, who Caller, in In) (Out, error) {
		return h(ctx, app, q, who, in)
	}
}

// NeedWith is Need for such a handler.
func NeedWith[App, In, Out any](p auth.Permission, h with[App, In, Out]) Endpoint {
	e := describe[In, Out](TenantScope, h)
	e.Permission = p
	e.app = reflect.TypeFor[App]()
	e.keyed = true
	e.run = func(x *exchange) (answer, error) { return single(tenantEntry(p), bound(x, h))(x) }
	return e
}

// ChangeWith is Change for such a handler, whose input heeds If-Match.
func ChangeWith[App, In, Out, ReadIn, Row any](p auth.Permission, write with[App, In, Out], read work[ReadIn, Row]) Endpoint {
	e := describe[In, Out](TenantScope, write)
	e.Permission = p
	e.app = reflect.TypeFor[App]()
	e.keyed = true
	e.run = func(x *exchange) (answer, error) {
		return changing(tenantEntry(p), tenantEntry(p.Read()), bound(x, write), read)(x)
	}
	return e
}

// Account is an account route whose handler makes exactly one accessor call.
func Account[In, Out any](h work[In, Out]) Endpoint {
	e := describe[In, Out](AccountScope, h)
	e.keyed = true
	e.run = single(accountEntry, h)
	return e
}

// AccountChange is Change in the account scope.
func AccountChange[In, Out, ReadIn, Row any](write work[In, Out], read work[ReadIn, Row]) Endpoint {
	e := describe[In, Out](AccountScope, write)
	e.run = changing(accountEntry, accountEntry, write, read)
	return e
}

// AccountAtomic is an account route that makes or leaves tenants, and so goes through several doors in one transaction.
func AccountAtomic[In, Out any](h func(context.Context, *tenancy.Tx, Caller, In) (Out, error)) Endpoint {
	e := describe[In, Out](AccountScope, h)
	e.keyed = true
	e.run = several(func(ctx context.Context, x *exchange, tx *tenancy.Tx, in In) (Out, error) {
		return h(ctx, tx, x.who, in)
	})
	return e
}

// Atomic is a tenant route whose handler makes several accessor calls in one transaction.
func Atomic[App, In, Out any](p auth.Permission, h func(context.Context, App, *tenancy.Tx, Caller, In) (Out, error)) Endpoint {
	e := describe[In, Out](TenantScope, h)
	e.Permission = p
	e.app = reflect.TypeFor[App]()
	e.keyed = true
	e.run = several(func(ctx context.Context, x *exchange, tx *tenancy.Tx, in In) (Out, error) {
		return h(ctx, x.server.api.App.(App), tx, x.who, in)
	})
	return e
}

// Open is a public route, such as login: nobody is known yet.
func Open[App, In, Out any](h func(context.Context, App, Caller, In) (Out, error)) Endpoint {
	e := describe[In, Out](PublicScope, h)
	e.app = reflect.TypeFor[App]()
	e.run = served(func(x *exchange, in In) (Out, error) { return h(x.ctx, x.server.api.App.(App), x.who, in) })
	return e
}

// Welcoming is open to everybody, and its caller has an account if the request has an access token, which has then come through the
// account's door.
func Welcoming[App, In, Out any](h func(context.Context, App, Caller, In) (Out, error)) Endpoint {
	e := describe[In, Out](PublicScope, h)
	e.app = reflect.TypeFor[App]()
	e.Welcomes = true
	e.run = served(func(x *exchange, in In) (out Out, err error) {
		if !x.who.AccountID.IsZero() {
			if _, err := x.server.doors.Account(x.who).AccountGet(x.ctx, x.who.AccountID); err != nil {
				return out, err
			}
		}
		return h(x.ctx, x.server.api.App.(App), x.who, in)
	})
	return e
}

// Session is an account route that needs more of the application than queries: passwords, tokens.
func Session[App, In, Out any](h func(context.Context, App, Caller, In) (Out, error)) Endpoint {
	e := Open(h)
	e.Scope = AccountScope
	return e
}

// Whoever is Session, and lets API keys in too.
func Whoever[App, In, Out any](h func(context.Context, App, Caller, In) (Out, error)) Endpoint {
	e := Session(h)
	e.ByKey = true
	return e
}

func single[In, Out any](at entry, h work[In, Out]) func(*exchange) (answer, error) {
	return func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		return x.known(func(x *exchange) (answer, error) {
			if x.key != "" {
				return x.once(func(ctx context.Context, tx *tenancy.Tx) (any, error) {
					out, err := h(ctx, at.within(x, tx), x.who, in)
					return &out, err
				})
			}
			out, err := once(x, at, h, in)
			if err != nil {
				return answer{}, err
			}
			if err := total(in, &out, func(in In) (Out, error) { return once(x, at, h, in) }); err != nil {
				return answer{}, err
			}
			return x.render(&out)
		})
	}
}

// total brings the total to a page of a list that lacks it: beyond the end no row does, and the first page has one.
func total[In, Out any](in In, out *Out, again func(In) (Out, error)) error {
	list, ok := any(&in).(interface{ list() *List })
	if !ok {
		return nil
	}
	page, ok := any(out).(pageAnswer)
	if !ok || !list.list().Count || page.counted() {
		return nil
	}
	*list.list() = List{Count: true, PageSize: 1}
	first, err := again(in)
	if err != nil {
		return err
	}
	page.setTotal(any(&first).(pageAnswer))
	return nil
}

// once makes a handler's one call, and again where tenancy.Retry says so.
func once[In, Out any](x *exchange, at entry, h work[In, Out], in In) (out Out, err error) {
	err = tenancy.Retry(x.ctx, x.reads(), func() error {
		out, err = h(x.ctx, at.alone(x), x.who, in)
		return err
	})
	return out, err
}

func several[In, Out any](h func(context.Context, *exchange, *tenancy.Tx, In) (Out, error)) func(*exchange) (answer, error) {
	return func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		return x.known(func(x *exchange) (answer, error) {
			if x.key != "" {
				return x.once(func(ctx context.Context, tx *tenancy.Tx) (any, error) {
					out, err := h(ctx, x, tx, in)
					return &out, err
				})
			}
			var out Out
			err := tenancy.Retry(x.ctx, x.reads(), func() error {
				return x.server.doors.Atomic(x.ctx, func(tx *tenancy.Tx) (err error) {
					out, err = h(x.ctx, x, tx, in)
					return err
				})
			})
			if err != nil {
				return answer{}, err
			}
			return x.render(&out)
		})
	}
}

func changing[In, Out, ReadIn, Row any](at, readAt entry, write work[In, Out], read work[ReadIn, Row]) func(*exchange) (answer, error) {
	return func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		return x.known(func(x *exchange) (answer, error) {
			made, err := written(x, at, write, in)
			if !errors.Is(err, pgx.ErrNoRows) {
				return made, err
			}
			var which ReadIn
			if err := decodePath(x, &which); err != nil {
				return answer{}, err
			}
			row, err := once(x, readAt, read, which)
			if err != nil {
				return answer{}, err
			}
			found, err := x.render(&row)
			if err != nil {
				return answer{}, err
			}
			_, _, version := any(&row).(Resource).Resource()
			if c, ok := any(in).(interface{ versions() Versions }); ok && c.versions() != nil && !slices.Contains(c.versions(), version) {
				return answer{}, errStale.with("ETag", found.Header.Get("ETag"))
			}
			return answer{}, errForbiddenRow
		})
	}
}

// written is the answer of a write that changes a row, kept under the request's Idempotency-Key if it has one.
func written[In, Out any](x *exchange, at entry, write work[In, Out], in In) (answer, error) {
	if x.key != "" {
		return x.once(func(ctx context.Context, tx *tenancy.Tx) (any, error) {
			out, err := write(ctx, at.within(x, tx), x.who, in)
			return &out, err
		})
	}
	out, err := once(x, at, write, in)
	if err != nil {
		return answer{}, err
	}
	return x.render(&out)
}

func served[In, Out any](h func(*exchange, In) (Out, error)) func(*exchange) (answer, error) {
	return func(x *exchange) (answer, error) {
		var in In
		if err := decode(x, &in); err != nil {
			return answer{}, err
		}
		return x.known(func(x *exchange) (answer, error) {
			out, err := h(x, in)
			if err != nil {
				return answer{}, err
			}
			if err := total(in, &out, func(in In) (Out, error) { return h(x, in) }); err != nil {
				return answer{}, err
			}
			return x.render(&out)
		})
	}
}
