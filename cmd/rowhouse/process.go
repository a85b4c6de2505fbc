package main

import (
	"context"
	"errors"
	"time"

	schema "rowhouse/sql"
	"rowhouse/tenancy"
)

// What a server and a worker have in common.

const (
	// stopTime is how long a server or a worker takes to stop at most, from the signal on; whoever stops it may kill it then. For requests, or jobs,
	// under way it waits until requestsUntil, and what is left is for closing.
	stopTime      = 30 * time.Second
	requestsUntil = 20 * time.Second

	issuer   = "rowhouse"
	audience = "rowhouse-api"
)

// patiently repeats a check that got no answer, as on a machine where much else starts: a server that has yet to begin refuses nobody by
// waiting. What was answered is final.
func patiently(ctx context.Context, check func(context.Context) error) error {
	for began := time.Now(); ; {
		err := check(ctx)
		if !errors.Is(err, tenancy.ErrUnavailable) && !errors.Is(err, tenancy.ErrLost) || ctx.Err() != nil || time.Since(began) > schema.Patience {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(patiencePause):
		}
	}
}

// patiencePause is between two checks of a start.
const patiencePause = 100 * time.Millisecond
