package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"rowhouse/ids"
)

// seeing is a Telemetry that has seen one of everything, with what it has traced.
func seeing(t *testing.T) (*Telemetry, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	seen, err := New(t.Context(), Options{Metrics: true, Traces: spans, Version: "1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	everything(seen, ids.New[ids.TenantID]())
	return seen, spans
}

func everything(t *Telemetry, tenant ids.TenantID) {
	ctx, request := t.Request(context.Background(), "GET /items", nil)
	_, trip := t.Trip(ctx, "-- name: ItemList :many\nSELECT 'secret'")
	trip.End(TripRefused, "42501")
	request.End("GET /items", Answer{Status: 500, Code: "internal", Took: time.Millisecond})
	_, request = t.Request(context.Background(), "", []string{"nonsense"})
	request.End("", Answer{Status: 200, Tenant: tenant, At: time.Now(), Took: time.Millisecond})
	t.Pass(true)
	t.Unreached()
	t.Limited("requests")
	t.Hook("/hooks/clerk", "applied")
	ctx, job := t.Job(context.Background(), "webhook.deliver", 1, "")
	_, delivery := t.Delivery(ctx)
	delivery.End(DeliveryUnanswered)
	job.End(JobDone)
	t.Pool("requests", func() Pool { return Pool{1, 2, 3, 4, time.Second} })
	t.Passwords(func() Passwords { return Passwords{1, 2, 3} })
}

// Who has no Telemetry may tell it everything all the same, and it costs nothing.
func TestNilSeesNothing(t *testing.T) { // alone: it counts allocations
	none, err := New(t.Context(), Options{})
	if none != nil || err != nil {
		t.Errorf("got %v, %v", none, err)
	}
	everything(none, ids.New[ids.TenantID]())
	if err := none.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		ctx, request := none.Request(t.Context(), "GET /items", nil)
		_, trip := none.Trip(ctx, "SELECT 1")
		trip.End(TripAnswered, "")
		request.End("GET /items", Answer{Status: 200})
	}); n > 0 {
		t.Errorf("it allocates %.0f times", n)
	}
}

// A request, the trip that it makes, and the delivery that a job makes are spans of one trace each, which show names, numbers and codes.
func TestSpans(t *testing.T) {
	t.Parallel()
	seen, exporter := seeing(t)
	if err := seen.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	spans := exporter.GetSpans()
	for _, s := range spans {
		line := s.Name
		for _, parent := range spans {
			if parent.SpanContext.SpanID() == s.Parent.SpanID() && parent.SpanContext.TraceID() == s.SpanContext.TraceID() {
				line += " in " + parent.Name
			}
		}
		for _, a := range s.Attributes {
			if a.Key != "rowhouse.tenant" {
				line += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
			}
		}
		got = append(got, line)
	}
	want := []string{
		"ItemList in GET /items db.system.name=postgresql db.operation.name=ItemList error.type=refused db.response.status_code=42501",
		"GET /items http.route=GET /items http.response.status_code=500 error.type=internal",
		"none http.route=none http.response.status_code=200",
		"deliver in job webhook.deliver rowhouse.outcome=unanswered error.type=unanswered",
		"job webhook.deliver rowhouse.job=webhook.deliver rowhouse.attempt=1 rowhouse.outcome=done",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A trace goes on that one well-formed traceparent names; of tracestate and of several nothing is taken.
func TestTraceparent(t *testing.T) {
	t.Parallel()
	seen, _ := seeing(t)
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	const good = "00-" + id + "-00f067aa0ba902b7-01"
	for _, c := range []struct {
		given []string
		goes  bool
	}{
		{[]string{good}, true}, {[]string{good, good}, false}, {[]string{good + "x"}, false}, {[]string{"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"}, false}, {nil, false},
	} {
		ctx, request := seen.Request(t.Context(), "GET /items", c.given)
		if got := request.Trace(); len(got) != 32 || (got == id) != c.goes {
			t.Errorf("%v: got %s", c.given, got)
		}
		_, delivery := seen.Delivery(ctx)
		if out := delivery.Traceparent(); strings.Contains(out, id) != c.goes || !strings.HasSuffix(out, "-01") {
			t.Errorf("%v: %q goes out", c.given, out)
		}
	}
	_, unsampled := seen.Request(t.Context(), "GET /items", []string{strings.TrimSuffix(good, "1") + "0"})
	if got := unsampled.Trace(); got != "" {
		t.Errorf("the log would name the trace %s, which is not kept", got)
	}
}

// shows is the metric of a name and labels in what is shown; -1: there is none.
func shows(t *testing.T, seen *Telemetry, series string) float64 {
	t.Helper()
	answer := httptest.NewRecorder()
	seen.HTTP(slog.New(slog.DiscardHandler)).Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			var n float64
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return -1
}

// The busiest twenty tenants are shown, whoever else there is as other; whoever becomes busy takes a place within two terms; and no count goes
// back but that of a tenant which lost its place.
func TestTenants(t *testing.T) {
	t.Parallel()
	counts := newTenants()
	registry := prometheus.NewRegistry()
	registry.MustRegister(counts)
	shown := func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]float64{}
		for _, m := range families[0].GetMetric() {
			all[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
		return all
	}
	now := time.Unix(0, 0)
	var all []ids.TenantID
	for range 3 * maxCandidates {
		all = append(all, ids.New[ids.TenantID]())
		counts.count(all[len(all)-1], now)
	}
	first := shown()
	if len(first) != maxTenants+1 || first[all[0].String()] != 1 || first["other"] != float64(len(all)-maxTenants) {
		t.Errorf("got %d, of the first %v, of others %v", len(first), first[all[0].String()], first["other"])
	}
	busy, steady := all[maxTenants], all[0]
	for range 5 {
		now = now.Add(term + 1)
		for range 10 {
			counts.count(busy, now)
			counts.count(steady, now)
		}
		for _, tenant := range all {
			counts.count(tenant, now)
		}
		if n := len(counts.candidates); n > maxCandidates {
			t.Errorf("%d candidates", n)
		}
		next := shown()
		if len(next) != maxTenants+1 {
			t.Errorf("%d are shown", len(next))
		}
		for tenant, n := range first {
			if now, still := next[tenant]; still && now < n {
				t.Errorf("%s goes back from %v to %v", tenant, n, now)
			}
		}
		first = next
	}
	if first[busy.String()] < 30 || first[steady.String()] < 50 {
		t.Errorf("got %v of the busy one and %v of the steady one", first[busy.String()], first[steady.String()])
	}
}

// A tenant that a refused request has named is nobody's to show: whoever asks may name any.
func TestRefusedTenants(t *testing.T) {
	t.Parallel()
	seen, _ := seeing(t)
	tenant := ids.New[ids.TenantID]()
	for status, want := range map[int]float64{403: -1, 500: -1} {
		_, request := seen.Request(t.Context(), "GET /items", nil)
		request.End("GET /items", Answer{Status: status, Tenant: tenant, At: time.Now()})
		if got := shows(t, seen, `rowhouse_tenant_requests_total{tenant="`+tenant.String()+`"}`); got != want {
			t.Errorf("%d: got %v", status, got)
		}
	}
}

// describe are the metrics by name, each with its labels and what it says of itself.
func describe(t *testing.T, seen *Telemetry) (names []string, labels map[string][]string, help map[string]string) {
	t.Helper()
	families, err := seen.counts.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	labels, help = map[string][]string{}, map[string]string{}
	for _, f := range families {
		names = append(names, f.GetName())
		help[f.GetName()] = f.GetHelp()
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[f.GetName()] = append(labels[f.GetName()], l.GetName())
		}
	}
	return names, labels, help
}

// Histograms are native: of what took a millisecond, a bucket says so to within a tenth.
func TestHistogramsAreNative(t *testing.T) {
	t.Parallel()
	seen, _ := seeing(t)
	families, err := seen.counts.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if h := f.GetMetric()[0].GetHistogram(); h != nil && strings.HasPrefix(f.GetName(), "rowhouse_") {
			n++
			if h.GetSchema() < 3 || len(h.GetPositiveSpan()) == 0 || len(h.GetBucket()) > 0 {
				t.Errorf("%s: schema %d, %d spans, %d buckets of its own", f.GetName(), h.GetSchema(), len(h.GetPositiveSpan()), len(h.GetBucket()))
			}
		}
	}
	if n != 4 {
		t.Errorf("got %d", n)
	}
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The manual lists each metric of ours, with its labels, as it describes itself, and no other.
func TestManual(t *testing.T) {
	t.Parallel()
	seen, _ := seeing(t)
	names, labels, help := describe(t, seen)
	var want []string
	for _, name := range names {
		if strings.HasPrefix(name, "rowhouse_") {
			want = append(want, fmt.Sprintf("| `%s` | %s | %s |", name, strings.Join(labels[name], ", "), help[name]))
		}
	}
	got := regexp.MustCompile("(?m)^\\| `rowhouse_.*$").FindAllString(text(t, "../docs/operations.md"), -1)
	if !slices.Equal(got, want) {
		t.Errorf("docs/operations.md should have\n%s\nand has\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

// The parts of an expression of PromQL that name metrics and labels.
var (
	quoted    = regexp.MustCompile(`"[^"]*"`)
	selector  = regexp.MustCompile(`\b((?:rowhouse|go|process)_\w+)\s*(?:\{([^}]*)\})?`)
	matcher   = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	grouping  = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	scraped   = []string{"job", "instance"} // labels that Prometheus gives
	suffixed  = regexp.MustCompile(`_(count|sum|bucket)$`)
	templated = regexp.MustCompile(`\$labels\.(\w+)`)
)

// Each metric and label that the dashboard and the alerts name is one that is shown, and each metric of ours is on the dashboard.
func TestDashboards(t *testing.T) {
	t.Parallel()
	seen, _ := seeing(t)
	names, labels, _ := describe(t, seen)
	var dashboard struct {
		Panels []struct {
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal([]byte(text(t, "../dashboards/rowhouse.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	shown, charted := map[string]bool{}, 0
	check := func(where, expression, legend string) {
		var known []string
		found := selector.FindAllStringSubmatch(quoted.ReplaceAllString(expression, `""`), -1)
		if len(found) == 0 {
			t.Errorf("%s: no metric in %s", where, expression)
		}
		for _, m := range found {
			name := m[1]
			if !slices.Contains(names, name) {
				name = suffixed.ReplaceAllString(name, "")
			}
			if !slices.Contains(names, name) {
				t.Errorf("%s: there is no metric %s", where, m[1])
			}
			shown[name] = true
			of := append(slices.Clone(labels[name]), scraped...)
			known = append(known, of...)
			for _, label := range matcher.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(of, label[1]) {
					t.Errorf("%s: %s has no label %s", where, name, label[1])
				}
			}
		}
		for _, group := range grouping.FindAllStringSubmatch(expression, -1) {
			for label := range strings.SplitSeq(group[1], ",") {
				if !slices.Contains(known, strings.TrimSpace(label)) {
					t.Errorf("%s: no metric in %s has the label %s", where, expression, label)
				}
			}
		}
		for _, label := range regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`).FindAllStringSubmatch(legend, -1) {
			if !slices.Contains(known, label[1]) {
				t.Errorf("%s: no metric in %s has the label %s", where, expression, label[1])
			}
		}
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			check("rowhouse.json", target.Expr, target.LegendFormat)
			charted++
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, "rowhouse_") && !shown[name] {
			t.Errorf("%s is not on the dashboard", name)
		}
	}
	alerts := regexp.MustCompile(`(?s)- alert: (\w+)[^\n]*\n\s+expr: ([^\n]+)\n(.*?)(?:\n\n|$)`).FindAllStringSubmatch(text(t, "../dashboards/alerts.yaml"), -1)
	if rules := strings.Count(text(t, "../dashboards/alerts.yaml"), "- alert: "); len(alerts) != rules || rules == 0 || charted == 0 {
		t.Errorf("read %d of %d alerts, and %d expressions of the dashboard", len(alerts), rules, charted)
	}
	for _, a := range alerts {
		check(a[1], a[2], templated.ReplaceAllString(strings.NewReplacer("{{", "", "}}", "").Replace(a[3]), "{{$1}}"))
	}
}
