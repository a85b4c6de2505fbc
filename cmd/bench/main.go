// Command bench measures rowhouse as package bench does, prints which goals are met, and writes docs/performance.md. Run it from the
// root of the repository.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"rowhouse/bench"
)

func main() {
	quick := flag.Bool("quick", false, "one short round of the main requests, at 16 connections, of fewer rows")
	file := flag.String("write", "", "write the report to `FILE`")
	before := flag.String("compare", "", "measure this release beside the one whose source is in `DIR`, and nothing else")
	prest := flag.String("prest", "", "with -compare: measure `PROGRAM`, which is prestd, too")
	growth := flag.String("growth", "", "measure how costs grow with what there is, and nothing else, and draw it into `FILE`")
	events := flag.Int("events", 10_000_000, "the events of the largest database of -growth")
	only := flag.String("only", "", "measure only these `loads`, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *before != "":
		err = bench.Compare(ctx, *before, *prest, *only)
	case *growth != "":
		err = bench.Grow(ctx, *events, *growth)
	default:
		err = bench.Run(ctx, *quick, *only, *file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
