package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"rowhouse/ids"
)

const tenantEraseKind = "tenant.erase"

// tenantErase erases a tenant that was given up, when its grace is over.
type tenantErase struct {
	task
	Subject ids.TenantID `json:"subject_id"`
}

// Kind is its name in the queue.
func (tenantErase) Kind() string { return tenantEraseKind }

type tenantEraser struct {
	river.WorkerDefaults[tenantErase]
	*Worker
}

func addTenantErase(kinds *river.Workers, w *Worker) {
	river.AddWorker(kinds, &tenantEraser{Worker: w})
}

// eraseFor is how long it erases at a time, less than timeout: whoever has much comes again for the rest.
const eraseFor = timeout / 2

// Work erases, some rows after the others. The tenant's own row of this job goes too, and of the queue's the tenant's name.
func (m *tenantEraser) Work(ctx context.Context, job *river.Job[tenantErase]) error {
	some, cancel := context.WithTimeout(ctx, eraseFor)
	defer cancel()
	signature, certificate, err := m.archivist.Erase(some, m.doors, job.Args.TenantID, tenantEraseKind, func(string, int64) {})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return void("the tenant was taken back, or is gone")
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return river.JobSnooze(time.Second)
	case err != nil:
		return err
	}
	m.log.Info("a tenant was erased", "certificate", certificate, "signature", signature)
	return nil
}
