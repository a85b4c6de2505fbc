package telemetry

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rowhouse/ids"
)

const (
	// maxTenants are shown each by itself.
	maxTenants = 20
	// maxCandidates are looked at within a term, of those that are not shown; whoever is busy is soon among them.
	maxCandidates = 1000
	// term is how long a tenant that is shown stays so at least: each that comes and goes is another series to whoever keeps them.
	term = 10 * time.Minute
)

// tenants counts the requests of the busiest tenants, each by itself, and of all others together. No count ever goes back: a tenant that is
// shown begins at its first request from then on, and what the others have done stays with them.
type tenants struct {
	desc *prometheus.Desc

	mu         sync.Mutex
	shown      map[ids.TenantID]*shown
	candidates map[ids.TenantID]int // requests within this term
	others     int
	until      time.Time // the end of the term
}

type shown struct {
	all, recent int // requests, and those within this term
}

func newTenants() *tenants {
	return &tenants{
		desc:  prometheus.NewDesc("rowhouse_tenant_requests_total", "Requests that were let in, of the busiest tenants; of all the rest as other.", []string{"tenant"}, nil),
		shown: map[ids.TenantID]*shown{}, candidates: map[ids.TenantID]int{},
	}
}

// count counts a request of a tenant at a time.
func (t *tenants) count(tenant ids.TenantID, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.After(t.until) {
		t.choose()
		t.until = at.Add(term)
	}
	of := t.shown[tenant]
	if of == nil && len(t.shown) < maxTenants {
		of = &shown{}
		t.shown[tenant] = of
	}
	if of != nil {
		of.all++
		of.recent++
		return
	}
	t.others++
	if n, known := t.candidates[tenant]; known || len(t.candidates) < maxCandidates {
		t.candidates[tenant] = n + 1
	}
}

// choose ends a term: who was more than twice as busy as one that is shown takes its place.
func (t *tenants) choose() {
	least := slices.SortedFunc(maps.Keys(t.shown), func(a, b ids.TenantID) int { return cmp.Compare(t.shown[a].recent, t.shown[b].recent) })
	most := slices.SortedFunc(maps.Keys(t.candidates), func(a, b ids.TenantID) int { return cmp.Compare(t.candidates[b], t.candidates[a]) })
	for i := range min(len(least), len(most)) {
		if t.candidates[most[i]] <= 2*t.shown[least[i]].recent {
			break
		}
		delete(t.shown, least[i])
		t.shown[most[i]] = &shown{}
	}
	for _, of := range t.shown {
		of.recent = 0
	}
	clear(t.candidates)
}

// Describe makes tenants a prometheus.Collector.
func (t *tenants) Describe(out chan<- *prometheus.Desc) { out <- t.desc }

// Collect makes tenants a prometheus.Collector.
func (t *tenants) Collect(out chan<- prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for tenant, of := range t.shown {
		out <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue, float64(of.all), tenant.String())
	}
	out <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue, float64(t.others), "other")
}
