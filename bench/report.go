package bench

import (
	"bytes"
	"embed"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"text/template"
)

//go:embed *.tmpl
var templates embed.FS

// report prints what became of the goals, and writes the whole page to a file, when one is named.
func (b *bench) report(file string) error {
	all := linesOf(b.measured)
	p := page{
		Cores: runtime.NumCPU(), Go: runtime.Version(), Postgres: b.version,
		Tenants: b.tenants, Items: b.items, Giant: b.giant, Small: b.all - b.tenants - 1, Rounds: b.rounds, Seconds: b.seconds,
		Goals: b.goals(all), Others: others(all), Loads: all.byLoad(),
	}
	layouts, err := template.New("").Funcs(template.FuncMap{"figure": figure, "hundredths": hundredths}).ParseFS(templates, "performance.md.tmpl")
	if err != nil {
		return err
	}
	for _, of := range []goals{p.Goals, p.Others} {
		if err := layouts.ExecuteTemplate(os.Stdout, "goals", of); err != nil {
			return err
		}
		fmt.Println()
	}
	if file == "" {
		return nil
	}
	var text bytes.Buffer
	if err := layouts.ExecuteTemplate(&text, "performance.md.tmpl", p); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}

// A page is what the template is given.
type page struct {
	Cores        int
	Go, Postgres string

	Tenants, Items, Giant, Small int
	Rounds, Seconds              int

	Goals, Others goals
	Loads         []lines
}

// figure has three digits, or what there are before the point.
func figure(n float64) string {
	if math.IsNaN(n) {
		return "–"
	}
	return strconv.FormatFloat(n, 'f', int(min(3, max(0, 2-math.Floor(math.Log10(n))))), 64)
}

func hundredths(n float64) string {
	if math.IsNaN(n) {
		return "–"
	}
	return strconv.FormatFloat(n, 'f', 2, 64)
}

// A line is the rounds of one server under one load. What is not known of it is NaN.
type line struct {
	Load, Server string
	Conns        int

	rounds []measurement
	base   *line // what it is compared with
}

type lines []*line

func linesOf(measured []measurement) (all lines) {
	for _, m := range measured {
		l := all.find(m.load, m.conns, m.server)
		if l.rounds == nil {
			all = append(all, l)
		}
		l.rounds = append(l.rounds, m)
	}
	for _, l := range all {
		l.base = all.find(l.Load, l.Conns, floorName)
		if l.base.rounds == nil {
			l.base = all.find(l.Load, l.Conns, hashesName)
		}
	}
	return all
}

// find returns a line of which nothing is known when there is none.
func (all lines) find(load string, conns int, server string) *line {
	for _, l := range all {
		if l.Load == load && l.Conns == conns && l.Server == server {
			return l
		}
	}
	return &line{Load: load, Conns: conns, Server: server}
}

// byLoad keeps the order.
func (all lines) byLoad() (loads []lines) {
	for i, l := range all {
		if i == 0 || all[i-1].Load != l.Load {
			loads = append(loads, nil)
		}
		loads[len(loads)-1] = append(loads[len(loads)-1], l)
	}
	return loads
}

// sorted is one figure of all rounds in which it is known, or NaN.
func (l *line) sorted(figure func(measurement) float64) (known []float64) {
	for _, m := range l.rounds {
		if n := figure(m); n > 0 {
			known = append(known, n)
		}
	}
	if known == nil {
		return []float64{math.NaN()}
	}
	slices.Sort(known)
	return known
}

func (l *line) median(figure func(measurement) float64) float64 { return median(l.sorted(figure)) }

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (m measurement) perSecond() float64 { return m.rate }

// What the template says of a line. CPU is in seconds for 1000 requests.

func (l *line) Rate() float64    { return l.median(measurement.perSecond) }
func (l *line) Slowest() float64 { return l.sorted(measurement.perSecond)[0] }
func (l *line) Fastest() float64 { return slices.Max(l.sorted(measurement.perSecond)) }
func (l *line) Ratio() float64   { return l.Rate() / l.base.Rate() }
func (l *line) P50() float64     { return l.median(func(m measurement) float64 { return m.p50 }) }
func (l *line) P99() float64     { return l.median(func(m measurement) float64 { return m.p99 }) }
func (l *line) Memory() float64 {
	return slices.Max(l.sorted(func(m measurement) float64 { return m.memory }))
}
func (l *line) ServerCPU() float64 {
	return l.median(func(m measurement) float64 { return m.serverCPU / m.requests * 1000 })
}
func (l *line) PostgresCPU() float64 {
	return l.median(func(m measurement) float64 { return m.postgresCPU / m.requests * 1000 })
}
func (l *line) Failed() (sum int) {
	for _, m := range l.rounds {
		sum += m.failed
	}
	return sum
}

// A goal is what is wanted of a figure, and what it is.
type goal struct {
	What, Wanted, Measured string
	Met                    bool
}

type goals []goal

// The formats of figures in goals.
const (
	ratio = "%.2f"
	count = "%.0f"
	mib   = "%.1f MiB"
	ms    = "%.1f ms"
	each  = "%.0f/s"
)

func (g *goals) atLeast(bound, measured float64, format, what string, args ...any) {
	g.add("≥ ", bound, measured, format, fmt.Sprintf(what, args...), func(bound, measured float64) bool { return measured >= bound })
}

func (g *goals) atMost(bound, measured float64, format, what string, args ...any) {
	g.add("≤ ", bound, measured, format, fmt.Sprintf(what, args...), func(bound, measured float64) bool { return measured <= bound })
}

// add leaves out what was not measured. Hundredths are judged, as they are printed.
func (g *goals) add(relation string, bound, measured float64, format, what string, met func(bound, measured float64) bool) {
	if math.IsNaN(measured) {
		return
	}
	bound, measured = math.Round(100*bound)/100, math.Round(100*measured)/100
	*g = append(*g, goal{what, relation + fmt.Sprintf(format, bound), fmt.Sprintf(format, measured), met(bound, measured)})
}

// wanted is the least rate at 16 connections as a ratio: to the floor's, and to that of the floor with audit. What pREST and PocketBase
// make of the same floor was measured beforehand, on another machine of the same class.
var wanted = []struct {
	load                              string
	floor, audited, prest, pocketbase float64
}{
	{"get", 0.85, 0, 0.43, 0.30},
	{"list", 1.10, 0, 0.59, 0.32},
	{"create", 0.75, 0.90, 0.59, 0.27},
	{"update", 0.75, 0.90, 0.59, 0.26},
	{"mix", 0.85, 0, 0.55, 0.32},
}

func (b *bench) goals(all lines) (g goals) {
	ours := func(load string, conns int) *line { return all.find(load, conns, rowhouseName) }
	floors := func(load string, conns int) *line { return all.find(load, conns, floorName) }
	for _, w := range wanted {
		g.atLeast(w.floor, ours(w.load, 16).Rate()/floors(w.load, 16).Rate(), ratio, "%s: rate, to the floor's", w.load)
		if w.audited > 0 {
			g.atLeast(w.audited, ours(w.load, 16).Rate()/all.find(w.load, 16, auditedName).Rate(), ratio, "%s: rate, to that of the floor with audit", w.load)
		}
	}
	for _, w := range wanted {
		g.atMost(1.5, ours(w.load, 16).P99()/floors(w.load, 16).P99(), ratio, "%s: p99, to the floor's", w.load)
	}
	g.atMost(0.30/0.18, ours("get", 1).P50()/floors("get", 1).P50(), ratio, "get, 1 connection: p50, to the floor's")
	for _, request := range farRequests {
		load := farName(request)
		g.atMost(1.3, ours(load, 1).P50()/milliseconds(distance), ratio, "%s, 1 connection: p50, to that delay", load)
	}
	g.atLeast(0.90, ours(byCursor, 16).Rate()/ours(firstPage, 16).Rate(), ratio, "%s: rate, to that of %s", byCursor, firstPage)
	g.atLeast(0.90, ours(getOfMany, 16).Rate()/ours(getOfTen, 16).Rate(), ratio, "%s: rate, to that of %s", getOfMany, getOfTen)
	g.atMost(40, ours("list", 64).Memory(), mib, "list, 64 connections: memory of rowhouse at its peak")
	g.atLeast(85, ours("login", 16).Rate(), each, "login: rate")
	g.atMost(200e6/(1<<20), ours("login", 200).Memory(), mib, "login, 200 connections: memory of rowhouse at its peak")
	g.atMost(100, b.ready, ms, "from its start until rowhouse is ready, median of %d", starts)
	failed := 0
	for _, l := range all {
		failed += l.Failed()
	}
	g.atMost(0, float64(failed), count, "answers other than 2xx, of all servers")
	return g
}

func others(all lines) (g goals) {
	for _, w := range wanted {
		rate := all.find(w.load, 16, rowhouseName).Rate() / all.find(w.load, 16, floorName).Rate()
		g.atLeast(1.5*w.prest, rate, ratio, "%s: 1.5 × pREST's %.2f", w.load, w.prest)
		g.atLeast(2.5*w.pocketbase, rate, ratio, "%s: 2.5 × PocketBase's %.2f", w.load, w.pocketbase)
	}
	return g
}
