package tenancy

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrUnavailable: no connection was to be had in time. Nothing was done.
	ErrUnavailable = errors.New("the database cannot be reached or has no connection free")
	// ErrLost: the connection broke under way. Whether the transaction was committed is unknown.
	ErrLost = errors.New("the connection to the database was lost")
	// ErrUnbound: an accessor was called with another tenant or account than the door is bound to, or with none. A bug.
	ErrUnbound = errors.New("not the scope that this door is bound to")
	// ErrSecondCall: a second accessor call behind a door for one. A bug.
	ErrSecondCall = errors.New("a second call behind a door for one; use Atomic")
)

// stale says that a prepared statement no longer fits the server: a migration changed its result, or a pooler moved us.
func stale(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && (said.Code == "0A000" && said.Routine == "RevalidateCachedQuery" || said.Code == "26000")
}

// maxAttempts bounds Retry.
const maxAttempts = 3

// Retry runs the work of one request, and again where that may help: up to three times after a deadlock, a serialization
// failure or a statement older than the schema, which undid it whole; and after a lost connection once, if the work only
// reads. The work must have no other effect than through a door.
func Retry(ctx context.Context, reads bool, work func() error) error {
	for attempt := 1; ; attempt++ {
		err := work()
		if err == nil || attempt == maxAttempts || !undone(err) && !(reads && attempt == 1 && broken(err)) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(attempt) * rand.N(20*time.Millisecond)):
		}
	}
}

// again is an error of work that is worth doing once more.
type again struct{ error }

func (a again) Unwrap() error { return a.error }

// Again makes Retry run work once more that came too late by a moment, such as for a name that was free when it looked. What
// the work has done so far must be undone by the error.
func Again(err error) error { return again{err} }

func undone(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &again{}) || stale(err) || errors.As(err, &said) && (said.Code == "40001" || said.Code == "40P01")
}

// broken leaves out a server that fell silent: another attempt would wait for it as long again.
func broken(err error) bool {
	var said *pgconn.PgError
	return errors.Is(err, ErrLost) && !errors.Is(err, errSilent) || errors.As(err, &said) && strings.HasPrefix(said.Code, "57P")
}
