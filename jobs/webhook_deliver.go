package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"rowhouse/ids"
	"rowhouse/webhooks"
)

// webhookDeliver sends a message to an endpoint, as often as it takes.
type webhookDeliver struct {
	task
	DeliveryID ids.DeliveryID `json:"subject_id"`
}

// Kind is its name in the queue.
func (webhookDeliver) Kind() string { return "webhook.deliver" }

type webhookDeliverer struct {
	river.WorkerDefaults[webhookDeliver]
	*Worker
}

func addWebhookDeliver(kinds *river.Workers, w *Worker) {
	river.AddWorker(kinds, &webhookDeliverer{Worker: w})
}

// deliverTimeout is more than an attempt takes.
const deliverTimeout = 30 * time.Second

// Timeout is that of one attempt.
func (*webhookDeliverer) Timeout(*river.Job[webhookDeliver]) time.Duration { return deliverTimeout }

// NextRetry is when an attempt is made again of which nothing could be noted: the database was away. That an endpoint did not take the message is no
// failure of the job, which then waits for the next attempt.
func (*webhookDeliverer) NextRetry(*river.Job[webhookDeliver]) time.Time {
	return time.Now().Add(deliverTimeout)
}

// Work makes one attempt, and comes again when it is time for the next.
func (m *webhookDeliverer) Work(ctx context.Context, job *river.Job[webhookDeliver]) error {
	wait, err := m.hooks.Attempt(ctx, job.Args.TenantID, job.Args.DeliveryID)
	switch {
	case errors.Is(err, webhooks.ErrGone):
		return void(err.Error())
	case err == nil && wait > 0:
		return river.JobSnooze(wait)
	}
	return err
}
