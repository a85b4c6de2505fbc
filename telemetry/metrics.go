package telemetry

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// counts are the metrics of a process. Each label has few values, all of which the program knows: the bounds of their number are its routes,
// its codes, its kinds of jobs.
type counts struct {
	registry *prometheus.Registry

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	refusals       *prometheus.CounterVec
	limited        *prometheus.CounterVec
	hooks          *prometheus.CounterVec
	tenants        *tenants

	trips       *prometheus.CounterVec
	tripSeconds prometheus.Histogram
	tripErrors  *prometheus.CounterVec
	unreached   prometheus.Counter

	passes                  *prometheus.CounterVec
	passesHit, passesMissed prometheus.Counter // of these

	jobs            *prometheus.CounterVec
	jobSeconds      *prometheus.HistogramVec
	deliveries      *prometheus.CounterVec
	deliverySeconds prometheus.Histogram
}

const (
	// bucketGrowth is by how much each bucket of a histogram is wider than the one before: what is read from it is off by a twentieth at most.
	bucketGrowth = 1.1
	// maxBuckets of one histogram; with more, they are made wider. From a tenth of a millisecond to a minute there are 140.
	maxBuckets = 160
	// bucketsAnew is how often buckets that were made wider may be made anew.
	bucketsAnew = time.Hour
)

// native is a histogram whose buckets are made where they are needed. Whoever scrapes in a format that has no such buckets gets its sum and
// count.
func native(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help,
		NativeHistogramBucketFactor: bucketGrowth, NativeHistogramMaxBucketNumber: maxBuckets, NativeHistogramMinResetDuration: bucketsAnew,
	}
}

func newCounts(version string) *counts {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	c := &counts{
		registry: prometheus.NewRegistry(),

		requests:       counter("rowhouse_requests_total", "Requests answered.", "route", "status"),
		requestSeconds: prometheus.NewHistogramVec(native("rowhouse_request_seconds", "How long requests took to be answered."), []string{"route", "status"}),
		refusals:       counter("rowhouse_refusals_total", "Requests refused, by the code of the refusal.", "code"),
		limited:        counter("rowhouse_limited_total", "What rate limits refused, by what was attempted.", "limit"),
		hooks:          counter("rowhouse_hook_messages_total", "Messages of outside services to our hooks.", "hook", "outcome"),
		tenants:        newTenants(),

		trips:       counter("rowhouse_database_trips_total", "Round trips to the database through the doors.", "outcome"),
		tripSeconds: prometheus.NewHistogram(native("rowhouse_database_trip_seconds", "How long round trips to the database took.")),
		tripErrors:  counter("rowhouse_database_errors_total", "Errors of PostgreSQL, by SQLSTATE; those that begin with RH are refusals of ours.", "sqlstate"),
		unreached:   prometheus.NewCounter(prometheus.CounterOpts{Name: "rowhouse_database_unreached_total", Help: "Whoever wanted a connection to the database and got none in time."}),

		passes: counter("rowhouse_passes_total", "Who entered a tenant with a session: by a pass that was there (hit), or by a look at all that it rests on (missed).", "outcome"),

		jobs:            counter("rowhouse_jobs_total", "Work on jobs.", "kind", "outcome"),
		jobSeconds:      prometheus.NewHistogramVec(native("rowhouse_job_seconds", "How long work on a job took."), []string{"kind"}),
		deliveries:      counter("rowhouse_deliveries_total", "Attempts to deliver the message of a webhook.", "outcome"),
		deliverySeconds: prometheus.NewHistogram(native("rowhouse_delivery_seconds", "How long attempts to deliver took.")),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "rowhouse_build_info", Help: "1, for the version of the program."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	c.passesHit, c.passesMissed = c.passes.WithLabelValues("hit"), c.passes.WithLabelValues("missed")
	// An alert sees a count grow only from what it was before; so those whose first one matters begin with zero.
	for _, outcome := range []string{TripAnswered, TripRefused, TripLost} {
		c.trips.WithLabelValues(outcome)
	}
	for _, state := range []string{"42501", "23502", "23514", "54000"} {
		c.tripErrors.WithLabelValues(state)
	}
	c.registry.MustRegister(
		c.requests, c.requestSeconds, c.refusals, c.limited, c.hooks, c.tenants, c.trips, c.tripSeconds, c.tripErrors, c.unreached, c.passes,
		c.jobs, c.jobSeconds, c.deliveries, c.deliverySeconds, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return c
}

func (c *counts) request(route string, a Answer) {
	status := strconv.Itoa(a.Status)
	c.requests.WithLabelValues(route, status).Inc()
	c.requestSeconds.WithLabelValues(route, status).Observe(a.Took.Seconds())
	if a.Code != "" {
		c.refusals.WithLabelValues(a.Code).Inc()
	}
	if a.Status < 400 && !a.Tenant.IsZero() { // or else it is a name that anybody may choose
		c.tenants.count(a.Tenant, a.At)
	}
}

func (c *counts) trip(outcome, state string, took time.Duration) {
	c.trips.WithLabelValues(outcome).Inc()
	c.tripSeconds.Observe(took.Seconds())
	if state != "" {
		c.tripErrors.WithLabelValues(state).Inc()
	}
}

// Pool is the state of a pool of connections to the database.
type Pool struct {
	Acquired, Idle, Max int32
	Waits               int64         // of whoever found none idle
	Waited              time.Duration // by all of them
}

// Passwords is how busy the hashing of passwords is.
type Passwords struct {
	Hashing, Waiting int
	Most             int // that are hashed at once
}

// A source is asked when somebody looks.
type source[T any] struct {
	ask     func() T
	metrics []sourced[T]
}

type sourced[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(T) float64
}

// Describe makes a source a prometheus.Collector.
func (s *source[T]) Describe(out chan<- *prometheus.Desc) {
	for _, m := range s.metrics {
		out <- m.desc
	}
}

// Collect makes a source a prometheus.Collector.
func (s *source[T]) Collect(out chan<- prometheus.Metric) {
	now := s.ask()
	for _, m := range s.metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(now))
	}
}

// Pool shows a pool of this name.
func (t *Telemetry) Pool(name string, ask func() Pool) {
	if t == nil || t.counts == nil {
		return
	}
	desc := func(metric, help string) *prometheus.Desc {
		return prometheus.NewDesc("rowhouse_pool_"+metric, help, nil, prometheus.Labels{"pool": name})
	}
	t.counts.registry.MustRegister(&source[Pool]{ask, []sourced[Pool]{
		{desc("acquired", "Connections that somebody has."), prometheus.GaugeValue, func(p Pool) float64 { return float64(p.Acquired) }},
		{desc("idle", "Connections that nobody has."), prometheus.GaugeValue, func(p Pool) float64 { return float64(p.Idle) }},
		{desc("max", "Connections that there are at most."), prometheus.GaugeValue, func(p Pool) float64 { return float64(p.Max) }},
		{desc("waits_total", "Whoever waited for a connection, as none was idle."), prometheus.CounterValue, func(p Pool) float64 { return float64(p.Waits) }},
		{desc("wait_seconds_total", "How long they waited, together."), prometheus.CounterValue, func(p Pool) float64 { return p.Waited.Seconds() }},
	}})
}

// Passwords shows how busy the hashing of passwords is.
func (t *Telemetry) Passwords(ask func() Passwords) {
	if t == nil || t.counts == nil {
		return
	}
	desc := func(metric, help string) *prometheus.Desc {
		return prometheus.NewDesc("rowhouse_passwords_"+metric, help, nil, nil)
	}
	t.counts.registry.MustRegister(&source[Passwords]{ask, []sourced[Passwords]{
		{desc("hashing", "Passwords that are being hashed."), prometheus.GaugeValue, func(p Passwords) float64 { return float64(p.Hashing) }},
		{desc("waiting", "Whoever waits for a password to be hashed."), prometheus.GaugeValue, func(p Passwords) float64 { return float64(p.Waiting) }},
		{desc("hashing_max", "Passwords that are hashed at once at most."), prometheus.GaugeValue, func(p Passwords) float64 { return float64(p.Most) }},
	}})
}
