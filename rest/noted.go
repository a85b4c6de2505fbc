package rest

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"rowhouse/db"
)

const (
	// refusalEvery is how often a refusal of one account is noted: enough to see it, too little to fill a disk with.
	refusalEvery = time.Minute
	// maxRefusals are noted at a time; more are dropped.
	maxRefusals = 4
)

// refusalLog writes refusals into the events of accounts. It does so after the answer, which is neither delayed nor changed by it.
type refusalLog struct {
	noted   *lru.Cache[string, time.Time]
	writing chan struct{}
	pending *sync.WaitGroup
}

func newRefusalLog() refusalLog {
	noted, err := lru.New[string, time.Time](maxLimited)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return refusalLog{noted, make(chan struct{}, maxRefusals), &sync.WaitGroup{}}
}

// Note adds to the events of the caller's account that it was refused, in the background, and not more often than once a minute.
func (s *Server) Note(who Caller, action string) {
	if who.AccountID.IsZero() {
		return
	}
	name := action + string(who.AccountID[:])
	if at, ok := s.refusals.noted.Get(name); ok && time.Since(at) < refusalEvery {
		return
	}
	select {
	case s.refusals.writing <- struct{}{}:
	default:
		return
	}
	s.refusals.noted.Add(name, time.Now())
	s.refusals.pending.Go(func() {
		defer func() { <-s.refusals.writing }()
		event := db.AccountEventCreateParams{AccountID: &who.AccountID, Action: action, RequestID: &who.RequestID, Address: &who.Address}
		if !who.TenantID.IsZero() {
			event.AboutTenant = &who.TenantID
		}
		if err := s.doors.Unscoped(who).AccountEventCreate(context.Background(), event); err != nil {
			s.log.Error("a refusal could not be noted", "error", err.Error())
		}
	})
}

// Noted waits until what Note has begun is written.
func (s *Server) Noted() { s.refusals.pending.Wait() }
