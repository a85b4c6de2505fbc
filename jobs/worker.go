// Package jobs does what is done in the background: it sends mails and the messages of webhooks, reminds, and deletes what is over. What is to be done was put into the queue by the
// transaction of its cause (see sql/migrations), with ids alone; each kind of job is one file here, with its own retry rule and timeout.
//
// A job may run twice: a worker that dies has it done again by another. It goes through the doors of package tenancy, as System of its tenant, and finds
// out there whether there is still a reason to do it; if not, it ends as cancelled.
package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"rowhouse/archive"
	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/mail"
	"rowhouse/rest"
	"rowhouse/telemetry"
	"rowhouse/tenancy"
	"rowhouse/webhooks"
)

// Config is what a worker needs to know of its surroundings.
type Config struct {
	DatabaseURL string
	AppURL      string        // of the application that mails lead to, without a slash at the end; empty: they show bare tokens
	Mail        rest.Limit    // mails to one address
	MailTenant  rest.Limit    // mails to new users and to the invited, of one tenant
	Poll        time.Duration // how often an idle worker looks for jobs; zero: pollEvery
	RescueAfter time.Duration // after which a job that a dead worker had is done by another; zero: rescueAfter
}

const (
	// pollEvery is how long a mail waits for an idle worker at most. To be told of each new job instead would cost a session of its own, which no pooler may
	// share, and a lock that all committing transactions wait for.
	pollEvery = 500 * time.Millisecond
	// timeout of a job whose file names no other.
	timeout = time.Minute
	// rescueAfter is longer than any job's timeout.
	rescueAfter = 3 * time.Minute
)

// AtOnce is how many jobs one process does at once: most of them wait for somebody else's server.
const AtOnce = 32

// Worker works what is in the queue.
type Worker struct {
	config    Config
	doors     *tenancy.Database
	sender    mail.Sender
	counter   rest.Counter
	hooks     *webhooks.Deliverer
	archivist *archive.Archivist
	log       *slog.Logger
	queue     *pgxpool.Pool
	client    *river.Client[pgx.Tx]
}

// Open makes a worker over the doors. Start has it begin, Close gives its connections back.
func Open(ctx context.Context, config Config, doors *tenancy.Database, tokens *auth.Tokens, sender mail.Sender, deliverer *webhooks.Deliverer, log *slog.Logger) (*Worker, error) {
	queue, err := tenancy.OpenQueue(ctx, config.DatabaseURL, doors.Telemetry)
	if err != nil {
		return nil, err
	}
	w := &Worker{config: config, doors: doors, sender: sender, counter: rest.NewCounter(doors, tokens), hooks: deliverer, archivist: archive.New(tokens), log: log, queue: queue}
	kinds := river.NewWorkers()
	for _, add := range []func(*river.Workers, *Worker){
		addAppointmentRemind, addInvitationMail, addLetterMail, addLoginsExpire, addTenantErase, addTenantExpire, addUserWelcome,
		addWebhookDeliver, addWebhookMail,
	} {
		add(kinds, w)
	}
	w.client, err = river.NewClient(riverpgxv5.New(queue), &river.Config{
		Schema:               "river",
		Workers:              kinds,
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: AtOnce}},
		Middleware:           []rivertype.Middleware{&watched{worker: w}},
		PeriodicJobs:         []*river.PeriodicJob{loginsExpireDaily()},
		PollOnly:             true,
		FetchPollInterval:    cmp.Or(config.Poll, pollEvery),
		FetchCooldown:        min(cmp.Or(config.Poll, pollEvery), 100*time.Millisecond),
		JobTimeout:           timeout,
		RescueStuckJobsAfter: cmp.Or(config.RescueAfter, rescueAfter),
		ReindexerIndexNames:  []string{}, // for which the tables would have to be its own
		Logger:               slog.New(levelled{log.Handler()}),
	})
	if err != nil {
		queue.Close()
		return nil, err
	}
	return w, nil
}

// Start begins to work, until Stop.
func (w *Worker) Start(ctx context.Context) error { return w.client.Start(context.WithoutCancel(ctx)) }

// Stop takes no further jobs and waits for those under way; when ctx ends, they are cut off, and done again later.
func (w *Worker) Stop(ctx context.Context) error {
	err := w.client.Stop(ctx)
	if err != nil && ctx.Err() != nil {
		cut, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = w.client.StopAndCancel(cut)
	}
	return err
}

// Close gives the connections of the queue back.
func (w *Worker) Close() { w.queue.Close() }

// task is whose a job is.
type task struct {
	TenantID ids.TenantID `json:"tenant_id"`
}

// as is the caller that a job is, for the doors of accounts.
func as(operation string) rest.Caller { return rest.Caller{Operation: operation} }

// void ends a job for which there is no reason left.
func void(reason string) error { return river.JobCancel(errors.New(reason)) }

// found turns the error of a read, by which a job finds what it is about.
func found(err error, otherwise string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return void(otherwise)
	}
	return err
}

// here says that the tenant of a job is there: a job of one that is suspended waits, and of one that is given up is void.
func (w *Worker) here(ctx context.Context, t task, reason string) error {
	tenant, err := w.doors.System(t.TenantID, reason).TenantGet(ctx, t.TenantID)
	switch {
	case errors.Is(err, pgx.ErrNoRows) || err == nil && tenant.Status == "deleting":
		return void("the tenant is gone")
	case err == nil && tenant.Status != "active":
		return river.JobSnooze(suspendedPause)
	}
	return err
}

// suspendedPause is between two looks at whether a tenant is still suspended.
const suspendedPause = time.Hour

// watched stands around each job. What a job's error says is kept in the queue and shown to the tenant's admins, so that it is in words of ours; the log has
// the whole of it.
type watched struct {
	river.MiddlewareDefaults
	worker *Worker
}

func (m *watched) Work(ctx context.Context, job *rivertype.JobRow, inner func(context.Context) error) (err error) {
	var from struct {
		Traceparent string `json:"traceparent"`
	}
	if err := json.Unmarshal(job.Metadata, &from); err != nil {
		m.worker.log.Warn("the metadata of a job cannot be read", "kind", job.Kind, "job", job.ID)
	}
	ctx, seen := m.worker.doors.Telemetry.Job(ctx, job.Kind, job.Attempt, from.Traceparent)
	outcome := telemetry.JobPanicked
	defer func() { seen.End(outcome) }()
	defer func() {
		if p := recover(); p != nil {
			m.worker.log.Error("a job panicked", "kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "panic", fmt.Sprintf("a %T", p), "stack", string(debug.Stack()))
			err = errInternal
		}
	}()
	err = inner(ctx)
	var cancelled *river.JobCancelError
	var snoozed *river.JobSnoozeError
	switch {
	case err == nil:
		outcome = telemetry.JobDone
	case errors.As(err, &cancelled):
		outcome = telemetry.JobCancelled
	case errors.As(err, &snoozed):
		outcome = telemetry.JobSnoozed
	default:
		outcome = telemetry.JobFailed
	}
	if outcome != telemetry.JobFailed {
		return err
	}
	m.worker.log.Warn("a job failed", "kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "error", err.Error())
	return said(err)
}

var errInternal = errors.New("a fault of the server; its log has more")

// unsent is the error of a sender, which names neither the address nor the text.
type unsent struct{ error }

func said(err error) error {
	var u unsent
	switch {
	case errors.As(err, &u):
		return u.error
	case errors.Is(err, tenancy.ErrUnavailable) || errors.Is(err, tenancy.ErrLost):
		return errors.New("the database was away")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("it took too long")
	case errors.Is(err, context.Canceled):
		return errors.New("the worker was stopped")
	}
	return errInternal
}

// levelled tells of the queue's own work only what goes wrong: each job that fails is told of by watched.
type levelled struct{ slog.Handler }

func (h levelled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.Handler.Enabled(ctx, level)
}
func (h levelled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelled{h.Handler.WithAttrs(attrs)}
}
func (h levelled) WithGroup(name string) slog.Handler { return levelled{h.Handler.WithGroup(name)} }
