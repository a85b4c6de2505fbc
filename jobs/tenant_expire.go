package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"rowhouse/db"
	"rowhouse/ids"
)

const tenantExpireKind = "tenant.expire"

// tenantExpire deletes what a tenant keeps for a time, when that is over. It is one job for as long as the tenant is there, which comes again each day: so no
// worker needs a list of all tenants.
type tenantExpire struct {
	task
	Subject ids.TenantID `json:"subject_id"`
}

// Kind is its name in the queue.
func (tenantExpire) Kind() string { return tenantExpireKind }

type tenantExpirer struct {
	river.WorkerDefaults[tenantExpire]
	*Worker
}

func addTenantExpire(kinds *river.Workers, w *Worker) {
	river.AddWorker(kinds, &tenantExpirer{Worker: w})
}

const (
	// expireMost is how many rows of a kind go in one statement, which takes well under the statement_timeout of a server.
	expireMost  = 2000
	expireEvery = 24 * time.Hour
)

// Work deletes until nothing is left, seals anew what an older key has sealed, and comes again tomorrow.
func (m *tenantExpirer) Work(ctx context.Context, job *river.Job[tenantExpire]) error {
	in := job.Args
	if err := m.here(ctx, in.task, tenantExpireKind); err != nil {
		return err
	}
	for {
		more, err := m.doors.System(in.TenantID, tenantExpireKind).TenantExpire(ctx, db.TenantExpireParams{TenantID: in.TenantID, Most: expireMost})
		if err != nil {
			return found(err, "the tenant is gone")
		}
		if !more {
			break
		}
	}
	if err := m.hooks.Seal(ctx, in.TenantID); err != nil {
		return err
	}
	return river.JobSnooze(expireEvery)
}
