//go:build !race

package handlers

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"rowhouse/rest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// timesAccepted is how many accepted requests a refused one may cost: as many allocations, and as many bytes of them.
	timesAccepted = 10
	// timesRead is how many bytes may be allocated beside these for each byte that was sent: to read a body of unknown size, and to
	// look at a text of it.
	timesRead = 8
)

// accepted is a request that the route answers, or one that costs less: for an import a file of the size, otherwise a read or a
// write of one row.
func (w *world) accepted(r *rest.Route, size sized) func() *answeredRequest {
	admin, path := w.A.people["admin"], "/items/"+w.A.own.String()
	one := w.as(admin, call("PATCH", path).json(`{"price_cents":5}`), w.A)
	switch {
	case r.Accepts != nil:
		one = w.importAs(admin, w.A, rest.NDJSON, size.repeated("", `{"name":"a","price_cents":1}`+"\n", ""))
	case strings.HasPrefix(r.Pattern, http.MethodGet+" "):
		one = w.as(admin, call("GET", path), w.A)
	}
	do := w.served(one)
	for range 5 { // statements are prepared, pools are filled
		if got := do(); got.status != http.StatusOK {
			w.t.Fatalf("%s: got %d %s", r.Pattern, got.status, got.text)
		}
	}
	return do
}

// allocated counts what one call allocates.
func allocated(one func() *answeredRequest) (times, size float64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	one()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc)
}

// No refused request allocates more than ten accepted ones of its route, whatever is in it.
func TestRefusalAllocations(t *testing.T) {
	w := hostileWorld(t, hostileBody) // not parallel: it looks at the memory of the process
	for i := range routes {
		r := &routes[i]
		times, size := allocated(w.accepted(r, hostileBody))
		for _, h := range w.hostiles(r, hostileBody) {
			sent := len(h.path) + len(h.body)
			for _, values := range h.header {
				sent += len(strings.Join(values, ""))
			}
			mostTimes, mostSize := timesAccepted*times, timesAccepted*size+timesRead*float64(sent)
			gotTimes, gotSize := math.Inf(1), math.Inf(1)
			for try := 0; try < 5 && (gotTimes > mostTimes || gotSize > mostSize); try++ { // the process has other work too
				gotTimes, gotSize = allocated(w.served(h.request))
			}
			if gotTimes > mostTimes || gotSize > mostSize {
				t.Errorf("%s, %s: %.0f allocations of %.0f bytes, and at most are %.0f of %.0f", r.Pattern, h.name, gotTimes, gotSize, mostTimes, mostSize)
			}
		}
	}
}

// cpu is how long this process and PostgreSQL's have worked.
func cpu() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // it fails for no process that is there
	worked := used.Utime.Nano() + used.Stime.Nano()
	names, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, name := range names { // a process may end while it is looked at
		if comm, _ := os.ReadFile(name); string(comm) != "postgres\n" {
			continue
		}
		var ran int64
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "schedstat"))
		_, _ = fmt.Sscan(string(stat), &ran)
		worked += ran
	}
	return time.Duration(worked)
}

// each is the work of one call, of some.
func each(one func() *answeredRequest, calls int) float64 {
	began := cpu()
	for range calls {
		one()
	}
	return float64(cpu()-began) / float64(calls)
}

// BenchmarkRefusals says of each route how much work its most expensive refusal is for the server, beside a request that is accepted, a small one and
// one as large, in nanoseconds of CPU, PostgreSQL's included.
func BenchmarkRefusals(b *testing.B) {
	const most = 1 << 20
	w := hostileWorld(b, most)
	for i := range routes {
		r := &routes[i]
		size := min(most, sized(w.server.BodyLimit(r)))
		b.Run(r.Name, func(b *testing.B) {
			calls := 200
			if r.Accepts != nil {
				calls = 2
			}
			accepted := each(w.accepted(r, size), calls)
			asLarge := accepted // with a body as large as it may be, of blanks
			if r.Accepts == nil && !strings.HasPrefix(r.Pattern, http.MethodGet+" ") {
				patch := call("PATCH", "/items/"+w.A.own.String()).json(size.repeated(`{"price_cents":5`, " ", `}`))
				asLarge = each(w.served(w.as(w.A.people["admin"], patch, w.A)), 20)
			}
			worst, name := 0.0, ""
			for b.Loop() {
				for _, h := range w.hostiles(r, size) {
					one := w.served(h.request)
					one()
					calls := max(5, 50-len(h.body)>>12)
					cost := each(one, calls)
					for again := 0; again < 2 && cost > worst; again++ { // PostgreSQL has other work at times
						cost = min(cost, each(one, calls))
					}
					if cost > worst {
						worst, name = cost, h.name
					}
				}
			}
			b.ReportMetric(0, "ns/op") // of all of them together: it says nothing
			b.ReportMetric(worst, "refused-ns")
			b.ReportMetric(accepted, "accepted-ns")
			b.ReportMetric(asLarge, "accepted-as-large-ns")
			b.ReportMetric(worst/accepted, "times")
			b.ReportMetric(worst/asLarge, "times-as-large")
			b.Logf("the most expensive: %s", name)
		})
	}
}
