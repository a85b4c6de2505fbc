package rest

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowhouse/db"
	"rowhouse/ids"
)

// unlimitedFor is how long a tenant is left alone that had no quota of requests when the database was asked.
const unlimitedFor = time.Minute

// tallies counts the requests of each tenant that this process has answered. Those of a tenant with a quota are added up in the database after the
// answer, some at a time: no request waits for it, and none makes another wait. So some more are answered than the quota says: those of a moment.
type tallies struct {
	of      *lru.Cache[ids.TenantID, *tally]
	slots   chan struct{}
	writing sync.WaitGroup
}

// maxTallies are written at a time; others are with their tenants' next requests.
const maxTallies = 4

// tally is what is yet to be written of one tenant.
type tally struct {
	mu       sync.Mutex
	requests int64
	enough   int64     // so many are written at once
	due      time.Time // fewer are written then, with the next request; zero: nobody has made one
	free     bool      // no quota was set; what is counted until it is due is forgotten
	writing  bool
}

func newTallies() *tallies {
	of, err := lru.New[ids.TenantID, *tally](maxLimited)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &tallies{of: of, slots: make(chan struct{}, maxTallies)}
}

// entered says of an outcome that the door of the tenant was passed: nobody uses up the quota of a tenant that he cannot enter.
func entered(err error) bool {
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return true
	}
	said, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused[said.Code] == nil && !(said.Code == overQuota && quotaExceeded(said.Detail).header != nil)
}

// tally counts a request that was answered.
func (s *Server) tally(tenant ids.TenantID) {
	t, ok := s.tallies.of.Get(tenant)
	if !ok {
		t = &tally{enough: math.MaxInt64}
		if earlier, there, _ := s.tallies.of.PeekOrAdd(tenant, t); there {
			t = earlier
		}
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	if t.due.IsZero() {
		t.due = now.Add(s.config.CountEvery)
	}
	if s.config.CountEvery == 0 || t.writing || t.requests < t.enough && now.Before(t.due) {
		return
	}
	select {
	case s.tallies.slots <- struct{}{}:
	default:
		return
	}
	t.writing = true
	s.tallies.writing.Go(func() {
		defer func() { <-s.tallies.slots }()
		s.writeTally(context.Background(), tenant, t)
	})
}

// writeTally adds what was counted of a tenant to its quota, and learns how soon the next is to be written.
func (s *Server) writeTally(ctx context.Context, tenant ids.TenantID, t *tally) {
	t.mu.Lock()
	n := t.requests
	t.requests = 0
	t.mu.Unlock()

	remaining, err := s.doors.System(tenant, "requests.count").RequestsCount(ctx, db.RequestsCountParams{TenantID: tenant, Requests: n})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		s.log.Error("the requests of a tenant could not be counted", "error", err.Error())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = false
	t.free, t.enough, t.due = false, math.MaxInt64, time.Now().Add(s.config.CountEvery)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // the tenant is gone
	case err != nil:
		t.requests += n
	case remaining < 0:
		t.free, t.due = true, time.Now().Add(unlimitedFor)
	default:
		t.enough = remaining/2 + 1 // the closer to the end, the sooner
	}
}

// Counted writes what is counted of the tenants that may have a quota, and waits for what is being written: before a process ends.
func (s *Server) Counted(ctx context.Context) {
	s.tallies.writing.Wait()
	for _, tenant := range s.tallies.of.Keys() {
		if t, ok := s.tallies.of.Peek(tenant); ok && t.wanted() {
			s.writeTally(ctx, tenant, t)
		}
	}
}

// wanted says that there may be a quota for what was counted.
func (t *tally) wanted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.free
}
