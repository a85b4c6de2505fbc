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

const (
	// eraseFor is how long it erases at a time, less than timeout: whoever has much comes again for the rest.
	eraseFor = timeout / 2
	// headStart is for how long it leaves a tenant whose time has come to the operator, whose command then has a certificate of all that it was; what
	// that has not done by then was cut off.
	headStart = 10 * time.Minute
)

// Work erases, some rows after the others. The tenant's own row of this job goes too, and of the queue's the tenant's name.
func (m *tenantEraser) Work(ctx context.Context, job *river.Job[tenantErase]) error {
	tenant, err := m.doors.System(job.Args.TenantID, tenantEraseKind).TenantGet(ctx, job.Args.TenantID)
	if err != nil {
		return found(err, "the tenant is gone")
	}
	if tenant.EraseAt != nil {
		if since := time.Since(*tenant.EraseAt); 0 <= since && since < headStart {
			return river.JobSnooze(headStart - since)
		}
	}
	some, cancel := context.WithTimeout(ctx, eraseFor)
	defer cancel()
	signature, certificate, err := m.archivist.Erase(some, m.doors, job.Args.TenantID, tenantEraseKind, func(string, int64) {})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return void("the tenant was taken back, or is gone")
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		m.log.Info("a part of a tenant was erased", "tenant", job.Args.TenantID, "rows", certificate.Rows)
		return river.JobSnooze(time.Second)
	case err != nil:
		return err
	}
	m.log.Info("a tenant was erased", "certificate", certificate, "signature", signature)
	return nil
}
