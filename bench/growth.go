package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/template"
)

// stages are databases of the same kind, from small to large. Each is a tree whose program and database have its name.
func stages(events int) []tree {
	return []tree{
		{".", "small", "small", rows{tenants: 5, items: 1000, giant: 10_000, all: 10, events: 10_000}},
		{".", "medium", "medium", rows{tenants: 500, items: 1000, giant: 500_000, all: 10_000, events: events / 10}},
		{".", "large", "large", rows{tenants: 1000, items: 1000, giant: 8_000_000, all: 100_000, events: events}},
	}
}

// steady is how long the stages are measured.
var steady = pace{rounds: 5, seconds: 3}

// warmUp is for how many seconds a stage is asked before it is measured: until each caller has been.
const warmUp = 10

// Grow measures how what a request costs grows with what there is: the same requests to each of the stages in turns, the largest with so many events. It
// prints them, and draws them into a file when one is named. In the large stage there are ten million items, which takes some twenty gigabytes of disk.
func Grow(ctx context.Context, events int, file string) error {
	trees := stages(events)
	return run(ctx, size{pace: steady}, trees, func(b *bench) error {
		servers, stop, err := b.served(ctx)
		defer stop()
		if err != nil {
			return err
		}
		const page = "/api/v1/items?page_size=50"
		for _, l := range []load{
			{name: "get", request: "get", rows: "thousand"},
			{name: "first page", address: page, rows: "giant"},
			{name: "page in the middle", address: page + "&cursor=", rows: "giant"},
			{name: "audit events", address: "/api/v1/audit-events?page_size=50", rows: "giant"},
			{name: "login", request: "login", rows: "thousand"},
		} {
			l.conns = 16
			if err := b.growth(ctx, l, servers); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
		}
		return b.drawn(file)
	})
}

// growth puts a load on each stage in turns. An address that lacks its cursor gets that of the page in the middle of the giant's items.
func (b *bench) growth(ctx context.Context, l load, servers map[string]*server) error {
	if err := b.tidy(ctx); err != nil {
		return err
	}
	loads := map[string]load{}
	for _, t := range b.trees {
		of := l
		if strings.HasSuffix(l.address, "cursor=") {
			cursor, err := b.cursor(ctx, servers[t.program], t.rows.giant/50/2)
			if err != nil {
				return err
			}
			of.address += url.QueryEscape(cursor)
		}
		loads[t.program] = of
	}
	for _, t := range b.trees {
		if _, err := b.wrk(ctx, servers[t.program], loads[t.program], warmUp); err != nil {
			return err
		}
	}
	for range b.rounds {
		for _, t := range b.trees {
			m, err := b.wrk(ctx, servers[t.program], loads[t.program], b.seconds)
			if err != nil {
				return err
			}
			say("%-22s %-8s %7.0f/s", m.load, m.server, m.rate)
			b.measured = append(b.measured, m)
		}
	}
	return nil
}

// A curve is what a load costs in each stage.
type curve struct {
	Load   string
	Points []point
}

// A point is a stage, and what a request costs there: milliseconds of CPU of server and PostgreSQL, and what that is to the first stage.
type point struct {
	Stage string
	MS    float64
	Ratio float64
	X, Y  float64 // in the drawing of its curve
}

// The drawing of a curve: a stage is so wide, and a ratio of 1 so high. What costs more than highest is drawn there; below flat is no growth.
const (
	stageWidth  = 70
	ratioHeight = 80
	highest     = 2
	flat        = 1.15
)

func (b *bench) curves() (all []curve) {
	for _, load := range linesOf(b.measured).byLoad() {
		c := curve{Load: load[0].Load}
		for i, stage := range load {
			p := point{Stage: stage.Server, MS: stage.ServerCPU() + stage.PostgresCPU()} // seconds for 1000 requests are milliseconds for one
			p.Ratio = p.MS / (load[0].ServerCPU() + load[0].PostgresCPU())
			p.X, p.Y = float64(i)*stageWidth, -min(highest, p.Ratio)*ratioHeight
			c.Points = append(c.Points, p)
		}
		all = append(all, c)
	}
	return all
}

// drawn prints the curves, and writes them as a drawing.
func (b *bench) drawn(file string) error {
	curves := b.curves()
	for _, c := range curves {
		for _, p := range c.Points {
			fmt.Printf("%-22s %-8s %s ms  %s\n", c.Load, p.Stage, figure(p.MS), hundredths(p.Ratio))
		}
	}
	if file == "" {
		return nil
	}
	layout, err := template.New("").Funcs(template.FuncMap{
		"figure": figure, "hundredths": hundredths,
		"column": func(i int) int { return 20 + 216*i }, "row": func(i int) int { return 282 + 16*i },
	}).ParseFS(templates, "growth.svg.tmpl")
	if err != nil {
		return err
	}
	var sizes []string
	for _, t := range b.trees {
		r := t.rows
		sizes = append(sizes, fmt.Sprintf("%s: %d tenants, %d items, of which one tenant has %d and all %d events",
			t.program, r.all, r.tenants*r.items+r.giant+10*(r.all-r.tenants-1), r.giant, r.events))
	}
	var text bytes.Buffer
	err = layout.ExecuteTemplate(&text, "growth.svg.tmpl", map[string]any{
		"Curves": curves, "Sizes": sizes, "Width": 2 * stageWidth, "One": -ratioHeight, "Flat": -flat * ratioHeight,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}
