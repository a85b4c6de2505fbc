package rest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/tenancy"
)

// Limit is how often something may be done within a window of time.
type Limit struct {
	Times  int32
	Window time.Duration
}

// maxLimited is how many credentials one process counts at a time; the one that was quiet for longest is forgotten first.
const maxLimited = 100_000

// limiter bounds the requests of each credential within this process.
type limiter struct {
	requests Limit
	seen     *lru.Cache[string, *rate.Limiter]
}

func newLimiter(requests Limit) *limiter {
	seen, err := lru.New[string, *rate.Limiter](maxLimited)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &limiter{requests, seen}
}

// allow counts one request under a name; an error refuses it.
func (l *limiter) allow(name string) error {
	if l == nil || l.requests.Times == 0 {
		return nil
	}
	bucket, ok := l.seen.Get(name)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(l.requests.Window/time.Duration(l.requests.Times)), int(l.requests.Times))
		if earlier, taken, _ := l.seen.PeekOrAdd(name, bucket); taken {
			bucket = earlier
		}
	}
	now := time.Now()
	reservation := bucket.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	reservation.CancelAt(now)
	return tooMany(strconv.Itoa(int(l.requests.Times)), strconv.Itoa(1+int(wait.Seconds())))
}

// limited counts a request of an exchange in this process; an error refuses it.
func (x *exchange) limited() error {
	err := x.server.limiter.allow(x.counted())
	if err != nil {
		x.server.doors.Telemetry.Limited("requests")
	}
	return err
}

// Attempt is something that is counted in the database: what it is, of whom, and how often it may be.
type Attempt struct {
	what, whom string
	limit      Limit
}

// Of is an attempt that is counted by what it is made on, such as the name at a login.
func Of(what, whom string, limit Limit) Attempt { return Attempt{what, whom, limit} }

// From is an attempt that is counted by the caller's address.
func From(what string, who Caller, limit Limit) Attempt {
	return Attempt{what + " from", subscriber(who.Address), limit}
}

// MailTo is an attempt that is counted by whom a mail goes to.
func MailTo(email string, limit Limit) Attempt { return Of("mail to", email, limit) }

// Counter counts attempts in the database, for all processes.
type Counter struct {
	doors *tenancy.Database
	macs  [][]byte
}

// NewCounter counts under names that only the holders of the signing keys can make.
func NewCounter(doors *tenancy.Database, tokens *auth.Tokens) Counter {
	return Counter{doors, tokens.Secrets("limits")}
}

// keys name an attempt in the database, and tell nobody whose it is. While signing keys are being replaced it is counted under each, so
// that it counts in processes that know only one of them.
func (c Counter) keys(a Attempt) [][]byte {
	keys := make([][]byte, len(c.macs))
	for i, secret := range c.macs {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(a.what + "\x00" + a.whom))
		keys[i] = mac.Sum(nil)
	}
	return keys
}

// Take counts one attempt of each kind; the error of one that is used up says when the next may be made.
func (c Counter) Take(ctx context.Context, who Caller, attempts ...Attempt) error {
	var p db.RateLimitTakeParams
	for _, a := range attempts {
		if a.limit.Times == 0 {
			continue
		}
		for _, key := range c.keys(a) {
			p.Keys = append(p.Keys, key)
			p.Most = append(p.Most, a.limit.Times)
			p.Seconds = append(p.Seconds, int32(a.limit.Window.Seconds()))
		}
	}
	if p.Keys == nil {
		return nil
	}
	err := tenancy.Retry(ctx, false, func() error { return c.doors.Unscoped(who).RateLimitTake(ctx, p) })
	if private(err, usedUp) {
		c.doors.Telemetry.Limited(attempts[0].what)
	}
	return err
}

// Give takes back what Take counted, of an attempt that succeeded: in a transaction of its own, since whoever attempts next from
// the same address waits for it.
func (c Counter) Give(ctx context.Context, who Caller, attempts ...Attempt) error {
	var keys [][]byte
	for _, a := range attempts {
		if a.limit.Times > 0 {
			keys = append(keys, c.keys(a)...)
		}
	}
	if keys == nil {
		return nil
	}
	return tenancy.Retry(ctx, false, func() error { return c.doors.Unscoped(who).RateLimitGive(ctx, keys) })
}

// countGuess counts a refusal that helps somebody who guesses: one that the API lists as such, or that an API key of the right form is none.
// At the limit it is replaced by the limit's refusal, which tells nothing.
func (s *Server) countGuess(x *exchange, refused *Error) *Error {
	if !slices.Contains(s.api.Guessed, refused.Code) && !(x.who.ByKey() && refused == ErrCredential) {
		return refused
	}
	return s.Guess(x.ctx, x.who, refused)
}

// Guess counts a wrong guess from the caller's address, and returns its refusal; at the limit, the limit's.
func (s *Server) Guess(ctx context.Context, who Caller, refused *Error) *Error {
	if err := s.Take(ctx, who, From("guess", who, s.config.Guess)); err != nil {
		return s.api.Refuse(err, false)
	}
	return refused
}
