// Command resource writes resources. Run it from the root of the repository.
//
// Without arguments it writes what follows from the migrations and from the markers in ids/ids.go: ids/names.go, and the types of ids in
// sqlc.yaml. It reads sql/catalogue.txt, which a test writes from the migrations; make generate runs both, and then sqlc.
//
// With -name it writes a resource; make resource runs it so.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"rowhouse/resource"
)

func main() {
	var o resource.Order
	flag.StringVar(&o.Name, "name", "", "the table: the plural of what a row is, such as coupons")
	flag.StringVar(&o.Columns, "columns", "", "its columns; without them, those of the migration that makes it")
	flag.StringVar(&o.About, "about", "", "what its rows are, in a sentence")
	flag.StringVar(&o.Own, "own", "", "the role that has its own rows alone")
	with := flag.String("with", "", "any of archive, export and import")
	flag.Parse()
	o.With = strings.Fields(*with)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "resource:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, o resource.Order) error {
	if o.Name == "" {
		return resource.WriteIdentifiers(".")
	}
	report, err := resource.Make(ctx, ".", o)
	fmt.Print(report)
	return err
}
