package bench

import (
	"cmp"
	"encoding/xml"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A page of few measurements leaves out the goals that they say nothing of, and says of the rest whether they are met.
func TestReport(t *testing.T) {
	t.Parallel()
	b := &bench{size: sample, version: "17.6", ready: 98.76, measured: []measurement{
		{load: "create", conns: 16, server: rowhouseName, requests: 3000, rate: 1000, p50: 9, p99: 30, serverCPU: 0.6, postgresCPU: 1.2, memory: 20},
		{load: "create", conns: 16, server: floorName, requests: 3000, rate: 1250, p50: 8, p99: 10},
		{load: "create", conns: 16, server: auditedName, requests: 3000, rate: 1200, p50: 8, p99: 10},
		{load: "create", conns: 16, server: pgbenchName, requests: 6000, rate: 2000},
		{load: "create", conns: 16, server: rowhouseName, requests: 3000, rate: 1100, p50: 8, p99: 20, serverCPU: 0.8, postgresCPU: 1.2, memory: 24, failed: 2},
		{load: "create", conns: 16, server: floorName, requests: 3000, rate: 1350, p50: 8, p99: 20},
		{load: "login", conns: 16, server: rowhouseName, requests: 300, rate: 84},
		{load: "login", conns: 200, server: rowhouseName, requests: 300, rate: 84, memory: 190.7},
	}}
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := b.report(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, want := range []string{
		"| create: rate, to the floor's | ≥ 0.75 | 0.81 | yes |\n",
		"| create: rate, to that of the floor with audit | ≥ 0.90 | 0.88 | **no** |\n",
		"| create: p99, to the floor's | ≤ 1.50 | 1.67 | **no** |\n",
		"| login: rate | ≥ 85/s | 84/s | **no** |\n",
		"| login, 200 connections: memory of rowhouse at its peak | ≤ 190.7 MiB | 190.7 MiB | yes |\n",
		"| from its start until rowhouse is ready, median of 7 | ≤ 100.0 ms | 98.8 ms | yes |\n",
		"| answers other than 2xx, of all servers | ≤ 0 | 2 | **no** |\n",
		"| create: 2.5 × PocketBase's 0.27 | ≥ 0.68 | 0.81 | yes |\n",
		"\n### create\n",
		"| 16 | rowhouse | 1050 | 1000–1100 | 0.81 | 8.50 | 25.0 | 0.233 | 0.400 | 24.0 | 2 |\n",
		"| 16 | pgbench | 2000 | 2000–2000 | 1.54 | – | – | – | – | – | 0 |\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("nothing says %q", want)
		}
	}
	for _, absent := range []string{"list: rate", "NaN", "at 4 ms"} {
		if strings.Contains(page, absent) {
			t.Errorf("something says %q", absent)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

// A curve is drawn of what a load costs in each stage, to the first, and not higher than the drawing.
func TestGrowth(t *testing.T) {
	t.Parallel()
	b := &bench{trees: stages(1_000_000)}
	for stage, cpu := range map[string]float64{"small": 0.4, "medium": 0.5, "large": 1.2} {
		b.measured = append(b.measured, measurement{load: "get", conns: 16, server: stage, requests: 1000, rate: 1000, serverCPU: cpu / 4, postgresCPU: cpu * 3 / 4})
	}
	slices.SortFunc(b.measured, func(x, y measurement) int { return cmp.Compare(x.serverCPU, y.serverCPU) })
	want := []curve{{"get", []point{{"small", 0.4, 1, 0, -80}, {"medium", 0.5, 1.25, 70, -100}, {"large", 1.2, 3, 140, -160}}}}
	if diff := gocmp.Diff(want, b.curves(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
	file := filepath.Join(t.TempDir(), "growth.svg")
	if err := b.drawn(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(text, new(struct{ XMLName xml.Name })); err != nil {
		t.Error(err)
	}
	for _, want := range []string{`points="0,-80 70,-100 140,-160 "`, ">1.25</text>", ">0.400 ms</text>", "large: 100000 tenants, 9989990 items, of which one tenant has 8000000 and all 1000000 events"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("nothing says %q in %s", want, text)
		}
	}
}

func TestFigure(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{0.0123: "0.012", 0.5: "0.500", 1: "1.00", 12.34: "12.3", 123.4: "123", 12345: "12345", math.NaN(): "–"} {
		if got := figure(n); got != want {
			t.Errorf("%v is %q, want %q", n, got, want)
		}
	}
}
