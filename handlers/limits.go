package handlers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"rowhouse/db"
	"rowhouse/tenancy"
)

// Limit is how often something may be done within a window of time.
type Limit struct {
	Times  int32
	Window time.Duration
}

// Limits bound what may be tried. All but Requests are counted in the database, for all processes.
type Limits struct {
	Requests     Limit // of one credential, or of one address without any, in this process
	Login        Limit // wrong passwords for one name, or behind a token for one account
	LoginAddress Limit // wrong passwords from one address
	Register     Limit // new accounts from one address
	Guess        Limit // from one address: tokens that are no good, names that are taken
	Mail         Limit // mails to one address
	MailAddress  Limit // mails asked for from one address
	MailTenant   Limit // mails to new users and to the invited, of one tenant
}

// maxLimited is how many credentials one process counts at a time; the one that was quiet for longest is forgotten first.
const maxLimited = 100_000

// limiter bounds the requests of each credential within this process, and names what is counted in the database.
type limiter struct {
	requests Limit
	seen     *lru.Cache[string, *rate.Limiter]
	macs     [][]byte
}

func newLimiter(requests Limit, macs [][]byte) *limiter {
	seen, err := lru.New[string, *rate.Limiter](maxLimited)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &limiter{requests, seen, macs}
}

// allow counts one request of a verified credential, or of the client's address without one; an error refuses it.
func (l *limiter) allow(who *Caller) error {
	if l == nil || l.requests.Times == 0 {
		return nil
	}
	name := "address " + subscriber(who.Address)
	if id := who.Credential(); !id.IsZero() {
		name = string(id[:])
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

// attempt is something that is counted in the database: what it is, of whom, and how often it may be.
type attempt struct {
	what, whom string
	limit      Limit
}

// from is an attempt that is counted for the caller's address.
func from(what string, who Caller, limit Limit) attempt {
	return attempt{what + " from", subscriber(who.Address), limit}
}

// keys name an attempt in the database, and tell nobody whose it is. While signing keys are being replaced it is counted under each, so
// that it counts in processes that know only one of them.
func (s *Server) keys(a attempt) [][]byte {
	keys := make([][]byte, len(s.limiter.macs))
	for i, secret := range s.limiter.macs {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(a.what + "\x00" + a.whom))
		keys[i] = mac.Sum(nil)
	}
	return keys
}

// take counts one attempt of each kind; the error of one that is used up says when the next may be made.
func (s *Server) take(ctx context.Context, who Caller, attempts ...attempt) error {
	var p db.RateLimitTakeParams
	for _, a := range attempts {
		if a.limit.Times == 0 {
			continue
		}
		for _, key := range s.keys(a) {
			p.Keys = append(p.Keys, key)
			p.Most = append(p.Most, a.limit.Times)
			p.Seconds = append(p.Seconds, int32(a.limit.Window.Seconds()))
		}
	}
	if p.Keys == nil {
		return nil
	}
	return tenancy.Retry(ctx, false, func() error { return s.doors.Unscoped(who).RateLimitTake(ctx, p) })
}

// give takes back what take counted, of an attempt that succeeded: in a transaction of its own, since whoever attempts next from
// the same address waits for it.
func (s *Server) give(ctx context.Context, who Caller, attempts ...attempt) error {
	var keys [][]byte
	for _, a := range attempts {
		if a.limit.Times > 0 {
			keys = append(keys, s.keys(a)...)
		}
	}
	if keys == nil {
		return nil
	}
	return tenancy.Retry(ctx, false, func() error { return s.doors.Unscoped(who).RateLimitGive(ctx, keys) })
}

// logins are the attempts that a password is checked under: of an account that the caller has shown to know, or else of the name that he
// gave, whether or not it is somebody's. So what a login is refused tells neither that there is an account nor which two names are of
// one; who knows both of them may try each as often.
func (s *Server) logins(who Caller, what, whom string) []attempt {
	return []attempt{{what, whom, s.config.Limits.Login}, from("login", who, s.config.Limits.LoginAddress)}
}

// guessed are the codes of refusals that tell the guesser something.
var guessed = map[string]bool{"account_exists": true, "username_taken": true}

// countGuess counts a refusal that tells whether a name is taken, or that a key which could be one is none; at the limit it
// tells nothing any more.
func (s *Server) countGuess(x *exchange, refused *Error) *Error {
	if !guessed[refused.Code] && !(x.who.ByKey() && refused == errCredential) {
		return refused
	}
	return s.guess(x.ctx, x.who, refused)
}

// guess counts a wrong guess from an address: what it returns is the refusal, or at the limit the limit's.
func (s *Server) guess(ctx context.Context, who Caller, refused *Error) *Error {
	if err := s.take(ctx, who, from("guess", who, s.config.Limits.Guess)); err != nil {
		return classify(err, false)
	}
	return refused
}
