// Package telemetry is what an operator sees of a running process: what it counts, for Prometheus, and the traces of what it does, for
// OpenTelemetry. Neither holds a secret or a person's data: what is told to this package are names out of the program (routes, statements,
// kinds of jobs, codes), numbers, and the ids of a few tenants. No argument of a statement, no text of an error and nothing that a client has
// sent comes here, but for the trace that a request belongs to.
package telemetry

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"rowhouse/ids"
)

// Telemetry sees what a process does. To a nil one everything may be told too; it sees nothing, and costs nothing.
type Telemetry struct {
	counts   *counts             // nil: nothing is counted
	tracer   trace.Tracer        // nil: nothing is traced
	provider *sdk.TracerProvider // of the tracer
}

// Options say what is to be seen.
type Options struct {
	Metrics bool
	Traces  sdk.SpanExporter // nil: no traces. See OTLP
	Version string           // of the program
	Log     *slog.Logger     // hears of traces that cannot be exported
}

// New makes a Telemetry; a nil one where there is nothing to see.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	if !o.Metrics && o.Traces == nil {
		return nil, nil
	}
	t := &Telemetry{}
	if o.Metrics {
		t.counts = newCounts(o.Version)
	}
	if o.Traces != nil {
		provider, err := newProvider(ctx, o)
		if err != nil {
			return nil, err
		}
		t.provider, t.tracer = provider, provider.Tracer("rowhouse")
	}
	return t, nil
}

// Close exports what has been traced so far, for as long as the context lets it.
func (t *Telemetry) Close(ctx context.Context) error {
	if t == nil || t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// A Request is one that is being answered.
type Request struct {
	of   *Telemetry
	span trace.Span // nil: it is not traced
}

// An Answer is what a request came to.
type Answer struct {
	Status int
	Code   string       // of a refusal
	Tenant ids.TenantID // that the request named, whether or not it was let in
	At     time.Time
	Took   time.Duration
}

// noRoute is the route of requests that have none: what they named is theirs to choose.
const noRoute = "none"

// Request begins one by a client, in the trace of its traceparent headers. The context is for all that is done for it.
func (t *Telemetry) Request(ctx context.Context, route string, traceparent []string) (context.Context, Request) {
	if t == nil || t.tracer == nil {
		return ctx, Request{of: t}
	}
	if route == "" {
		route = noRoute
	}
	ctx, span := t.tracer.Start(belonging(ctx, traceparent), route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("http.route", route)))
	return ctx, Request{t, span}
}

// Trace is the id of the trace that the request is in, until its End, for the log; empty: it is in none that is kept.
func (r Request) Trace() string {
	if r.span == nil || !r.span.IsRecording() {
		return ""
	}
	return r.span.SpanContext().TraceID().String()
}

// End says what the request of a route came to.
func (r Request) End(route string, a Answer) {
	if r.of == nil {
		return
	}
	if route == "" {
		route = noRoute
	}
	if r.of.counts != nil {
		r.of.counts.request(route, a)
	}
	if r.span == nil {
		return
	}
	if r.span.IsRecording() {
		r.span.SetAttributes(attribute.Int("http.response.status_code", a.Status))
		if !a.Tenant.IsZero() {
			r.span.SetAttributes(attribute.String("rowhouse.tenant", a.Tenant.String()))
		}
		if a.Code != "" {
			r.span.SetAttributes(attribute.String("error.type", a.Code))
		}
		if a.Status >= 500 {
			r.span.SetStatus(codes.Error, "")
		}
	}
	r.span.End()
}

// What becomes of a round trip to the database.
const (
	TripAnswered = "answered"
	TripRefused  = "refused" // by PostgreSQL, with an error: also by a door, and by a constraint
	TripLost     = "lost"    // the connection broke
)

// A Trip is one round trip to the database.
type Trip struct {
	of    *Telemetry
	span  trace.Span
	began time.Time
}

// Trip begins one whose last statement is this, of which the name is told that it has in sql/queries.
func (t *Telemetry) Trip(ctx context.Context, statement string) (context.Context, Trip) {
	if t == nil {
		return ctx, Trip{}
	}
	trip := Trip{of: t, began: time.Now()}
	if t.tracer != nil {
		name := named(statement)
		ctx, trip.span = t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("db.system.name", "postgresql"), attribute.String("db.operation.name", name)))
	}
	return ctx, trip
}

// Traceparent names the trip, for a job that it makes; empty: its trace is not kept.
func (p Trip) Traceparent() string { return kept(p.span) }

// End says what the trip came to, and in which state PostgreSQL refused it: the SQLSTATE, of which the message may hold values.
func (p Trip) End(outcome, state string) {
	if p.of == nil {
		return
	}
	if p.of.counts != nil {
		p.of.counts.trip(outcome, state, time.Since(p.began))
	}
	if p.span != nil {
		if outcome != TripAnswered && p.span.IsRecording() {
			p.span.SetAttributes(attribute.String("error.type", outcome))
			if state != "" {
				p.span.SetAttributes(attribute.String("db.response.status_code", state))
			}
			p.span.SetStatus(codes.Error, "")
		}
		p.span.End()
	}
}

// Pass says whether there was a pass for who entered a tenant, or all that it rests on was looked at.
func (t *Telemetry) Pass(hit bool) {
	if t == nil || t.counts == nil {
		return
	}
	if hit {
		t.counts.passesHit.Inc()
	} else {
		t.counts.passesMissed.Inc()
	}
}

// Unreached says that somebody who wanted a connection to the database got none in time.
func (t *Telemetry) Unreached() {
	if t != nil && t.counts != nil {
		t.counts.unreached.Inc()
	}
}

// Limited says that a limit on something refused it.
func (t *Telemetry) Limited(what string) {
	if t != nil && t.counts != nil {
		t.counts.limited.WithLabelValues(what).Inc()
	}
}

// Hook says what became of a message to an incoming hook.
func (t *Telemetry) Hook(path, outcome string) {
	if t != nil && t.counts != nil {
		t.counts.hooks.WithLabelValues(path, outcome).Inc()
	}
}

// What becomes of the work on a job.
const (
	JobDone      = "done"
	JobCancelled = "cancelled" // there was no reason left to do it
	JobSnoozed   = "snoozed"   // it comes again later, as planned
	JobFailed    = "failed"    // and is tried again, if it has attempts left
	JobPanicked  = "panicked"
)

// A Job is one that is being worked.
type Job struct {
	of    *Telemetry
	span  trace.Span
	kind  string
	began time.Time
}

// Job begins work on one of a kind, in a trace of its own, which is linked to whatever made it, as a traceparent names that; empty: nothing that is kept.
func (t *Telemetry) Job(ctx context.Context, kind string, attempt int, from string) (context.Context, Job) {
	if t == nil {
		return ctx, Job{}
	}
	job := Job{of: t, kind: kind, began: time.Now()}
	if t.tracer != nil {
		ctx, job.span = t.tracer.Start(ctx, "job "+kind, trace.WithNewRoot(), trace.WithLinks(links(from)...), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
			attribute.String("rowhouse.job", kind), attribute.Int("rowhouse.attempt", attempt)))
	}
	return ctx, job
}

// End says what the work came to.
func (j Job) End(outcome string) {
	if j.of == nil {
		return
	}
	finish(j.span, outcome, outcome == JobFailed || outcome == JobPanicked)
	if c := j.of.counts; c != nil {
		for _, rare := range []string{JobFailed, JobPanicked} { // begin with zero; see newCounts
			c.jobs.WithLabelValues(j.kind, rare)
		}
		c.jobs.WithLabelValues(j.kind, outcome).Inc()
		c.jobSeconds.WithLabelValues(j.kind).Observe(time.Since(j.began).Seconds())
	}
}

// What becomes of an attempt to deliver the message of a webhook.
const (
	Delivered          = "delivered"
	DeliveryRefused    = "refused" // the answer was no success
	DeliveryGone       = "gone"    // 410: the endpoint wants no further message
	DeliveryUnanswered = "unanswered"
)

// A Delivery is one attempt to deliver a message.
type Delivery struct {
	of    *Telemetry
	span  trace.Span
	began time.Time
}

// Delivery begins an attempt.
func (t *Telemetry) Delivery(ctx context.Context) (context.Context, Delivery) {
	if t == nil {
		return ctx, Delivery{}
	}
	d := Delivery{of: t, began: time.Now()}
	if t.tracer != nil {
		ctx, d.span = t.tracer.Start(ctx, "deliver", trace.WithSpanKind(trace.SpanKindClient))
	}
	return ctx, d
}

// Traceparent is the header by which the receiver may go on with the trace; empty: there is none that is kept.
func (d Delivery) Traceparent() string {
	return kept(d.span)
}

// End says what the attempt came to.
func (d Delivery) End(outcome string) {
	if d.of == nil {
		return
	}
	if c := d.of.counts; c != nil {
		c.deliveries.WithLabelValues(outcome).Inc()
		c.deliverySeconds.Observe(time.Since(d.began).Seconds())
	}
	finish(d.span, outcome, outcome != Delivered)
}

func finish(span trace.Span, outcome string, failed bool) {
	if span == nil {
		return
	}
	if span.IsRecording() {
		span.SetAttributes(attribute.String("rowhouse.outcome", outcome))
		if failed {
			span.SetAttributes(attribute.String("error.type", outcome))
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}
