package tenancy

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	schema "rowhouse/sql"
)

// refused remembers why the last attempt to connect failed. Whoever waits for a connection of the pool is only told that he waited in vain,
// which explains nothing in a log. It is a tracer because the driver tells nobody else.
type refused struct{ last atomic.Pointer[error] }

func (*refused) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

func (r *refused) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	if data.Err == nil {
		r.last.Store(nil)
		return
	}
	err := schema.Said(data.Err)
	r.last.Store(&err)
}

// The driver takes nothing for a tracer that does not trace queries. Those of the doors are batches, of which it is not told.
func (*refused) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (*refused) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

var errNoneFree = errors.New("none became free in time")

// instead is the better explanation of why there is no connection.
func (r *refused) instead(err error) error {
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return schema.Said(err)
	}
	if last := r.last.Load(); last != nil {
		return *last
	}
	return errNoneFree
}
