package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"rowhouse/tenancy"
)

// root is an address outside the API, in its own format.
type root struct {
	path string
	run  func(*exchange) (answer, error)
}

func (s *Server) roots() []root {
	return append([]root{
		{"/healthz", func(*exchange) (answer, error) { return jsonAnswer([]byte(`{"status":"ok"}`)), nil }},
		{"/readyz", s.readyz},
		{"/.well-known/jwks.json", func(*exchange) (answer, error) {
			a := jsonAnswer(s.tokens.JWKS())
			a.Header.Set("Cache-Control", "public, max-age=300")
			return a, nil
		}},
		{"/openapi.json", func(x *exchange) (answer, error) {
			document, err := s.document()
			if err != nil {
				return answer{}, err
			}
			return document.of(x), nil
		}},
	}, docs()...)
}

func jsonAnswer(body []byte) answer {
	return answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
}

// readiness remembers the last check for a second, so that asking does not become the load.
type readiness struct {
	sync.Mutex
	at  time.Time
	err error
}

const readinessAge = time.Second

func (s *Server) readyz(x *exchange) (answer, error) {
	if s.draining.Load() {
		return answer{}, Unavailable("draining", "This process is shutting down.")
	}
	s.readiness.Lock()
	defer s.readiness.Unlock()
	if time.Since(s.readiness.at) > readinessAge {
		s.readiness.err = s.Check(x.ctx)
		s.readiness.at = time.Now()
	}
	if s.readiness.err != nil {
		s.log.Error("not ready", "error", s.readiness.err.Error())
		return answer{}, Unavailable("not_ready", "The database cannot be reached or is not as this program needs it; the log says why.")
	}
	return jsonAnswer([]byte(`{"status":"ready"}`)), nil
}

// Check says why this server must not serve; see the function Check.
func (s *Server) Check(ctx context.Context) error { return Check(ctx, s.doors, s.config.Migration) }

// Check says why a program of this migration must neither serve nor work: the database is away or its surroundings are unfit, its login could bypass row-level security, the
// catalogue keeps tenants apart less than it should, or is not what the migrations of this program have left. All that is wrong is listed.
func Check(ctx context.Context, doors *tenancy.Database, migration int64) error {
	return tenancy.Retry(ctx, true, func() error { return check(ctx, doors, migration) })
}

func check(ctx context.Context, doors *tenancy.Database, migration int64) error {
	faults, err := doors.LoginFaults(ctx)
	if err != nil || len(faults) > 0 {
		return errors.Join(err, join(faults))
	}
	q := doors.Unscoped(Caller{Operation: "server.check"})
	version, err := q.MigrationVersion(ctx)
	switch {
	case err != nil:
		return err
	case version < migration:
		return fmt.Errorf("the database is at migration %d and this program needs %d: run rowhouse migrate up", version, migration)
	}
	if faults, err = q.CatalogueFaults(ctx); err != nil {
		return err
	}
	if len(faults) == 0 { // a table without its policy is told as that, and not also as a difference from the catalogue
		if faults, err = doors.SchemaFaults(ctx); err != nil {
			return err
		}
	}
	return join(faults)
}

// join makes one error of sentences; nil of none.
func join(faults []string) error {
	var errs []error
	for _, fault := range faults {
		errs = append(errs, errors.New(fault))
	}
	return errors.Join(errs...)
}
