package bench

import (
	"context"
	"fmt"

	schema "rowhouse/sql"
)

// beforeName is the server of the release that this one is compared with.
const beforeName = "before"

// Compare measures the release in the working directory beside that whose source is in the directory before: two servers over two databases of the same
// rows, and the floor, in turns. It prints what each figure of the one is to that of the other.
func Compare(ctx context.Context, before string) error {
	trees := []tree{{".", database, rowhouseName}, {before, "before", beforeName}}
	return run(ctx, duel, trees, func(b *bench) error {
		servers := map[string]*server{}
		for _, t := range trees {
			s, err := b.rowhouse(ctx, t.program, b.postgres.URL(schema.Server, t.database))
			if err != nil {
				return err
			}
			defer s.stop()
			servers[t.program] = s
		}
		floor, err := b.floor(ctx, b.postgres.URL("postgres", database), false)
		if err != nil {
			return err
		}
		defer floor.stop()
		servers[floorName] = floor
		contests := b.contests("")
		for i := range contests {
			contests[i].servers = []string{rowhouseName, beforeName, floorName}
		}
		if err := b.hold(ctx, contests, servers, ""); err != nil {
			return err
		}
		b.compared()
		return nil
	})
}

// compared prints the figures of this release, each with what it is to that of the one before.
func (b *bench) compared() {
	all := linesOf(b.measured)
	fmt.Println("| | requests/s | to before | to the floor | p99 ms | to before | CPU of server, s/1000 | to before | of PostgreSQL | to before | MiB | failed |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, load := range all.byLoad() {
		now := load.find(load[0].Load, load[0].Conns, rowhouseName)
		before := load.find(load[0].Load, load[0].Conns, beforeName)
		floor := load.find(load[0].Load, load[0].Conns, floorName)
		fmt.Printf("| %s | %.0f | %.2f | %.2f | %.1f | %.2f | %.3f | %.2f | %.3f | %.2f | %.1f | %d |\n", now.Load,
			now.Rate(), now.Rate()/before.Rate(), now.Rate()/floor.Rate(), now.P99(), now.P99()/before.P99(),
			now.ServerCPU(), now.ServerCPU()/before.ServerCPU(), now.PostgresCPU(), now.PostgresCPU()/before.PostgresCPU(), now.Memory(), now.Failed()+before.Failed())
	}
}
