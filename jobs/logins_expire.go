package jobs

import (
	"context"

	"github.com/riverqueue/river"
)

const loginsExpireKind = "logins.expire"

// loginsExpire deletes what is over of accounts: sessions, tokens, old events.
type loginsExpire struct{}

// Kind is its name in the queue.
func (loginsExpire) Kind() string { return loginsExpireKind }

type loginsExpirer struct {
	river.WorkerDefaults[loginsExpire]
	*Worker
}

func addLoginsExpire(kinds *river.Workers, w *Worker) {
	river.AddWorker(kinds, &loginsExpirer{Worker: w})
}

// loginsExpireDaily puts it into the queue: one worker of all does so each day; a worker that starts does so too, and it does no harm.
func loginsExpireDaily() *river.PeriodicJob {
	return river.NewPeriodicJob(
		river.PeriodicInterval(expireEvery),
		func() (river.JobArgs, *river.InsertOpts) { return loginsExpire{}, nil },
		&river.PeriodicJobOpts{ID: loginsExpireKind, RunOnStart: true},
	)
}

// Work deletes until nothing is left.
func (m *loginsExpirer) Work(ctx context.Context, _ *river.Job[loginsExpire]) error {
	for {
		more, err := m.doors.Unscoped(as(loginsExpireKind)).LoginsExpire(ctx, expireMost)
		if err != nil || !more {
			return err
		}
	}
}
