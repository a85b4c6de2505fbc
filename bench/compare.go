package bench

import (
	"context"
	"fmt"
	"strconv"
)

// beforeName is the server of the release that this one is compared with.
const beforeName = "before"

// Compare measures the release in the working directory beside that whose source is in the directory before: two servers over two databases of the same
// rows, and the floor, in turns; and pREST, when its program is named. It prints what each figure of the one is to that of the other.
func Compare(ctx context.Context, before, prest, only string) error {
	trees := []tree{{".", database, rowhouseName, duel.rows}, {before, "before", beforeName, duel.rows}}
	return run(ctx, duel, trees, func(b *bench) error {
		servers, stop, err := b.served(ctx)
		defer stop()
		if err != nil {
			return err
		}
		floor, err := b.floor(ctx, b.postgres.URL("postgres", database), false)
		if err != nil {
			return err
		}
		servers[floorName] = floor
		all := []string{rowhouseName, beforeName, floorName}
		if prest != "" {
			peer, err := b.prest(ctx, prest)
			if err != nil {
				return err
			}
			servers[prestName] = peer
			all = append(all, prestName)
		}
		contests := b.contests("")
		for i := range contests {
			contests[i].servers, contests[i].ceiling = all, false
			if contests[i].name == "list" {
				contests[i].conns = []int{16, 64} // many lists at once are what takes most memory
			}
		}
		contests = append(contests,
			contest{load: load{name: "import of 100 000", request: importName, rows: "thousand"}, servers: []string{rowhouseName, beforeName}, conns: []int{1}},
		)
		if err := b.hold(ctx, contests, servers, only); err != nil {
			return err
		}
		b.compared()
		return nil
	})
}

// compared prints the figures of this release, each with what it is to that of the one before.
func (b *bench) compared() {
	all := linesOf(b.measured)
	fmt.Println("| | connections | requests/s | to before | to the floor | to pREST | p99 ms | to before | to the floor | CPU of server, s/1000 | to before | of PostgreSQL | to before | MiB | failed |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, now := range all {
		if now.Server != rowhouseName {
			continue
		}
		before, floor, prest := all.find(now.Load, now.Conns, beforeName), all.find(now.Load, now.Conns, floorName), all.find(now.Load, now.Conns, prestName)
		fmt.Printf("| %s | %d |", now.Load, now.Conns)
		for _, n := range []string{
			figure(now.Rate()), hundredths(now.Rate() / before.Rate()), hundredths(now.Rate() / floor.Rate()), hundredths(now.Rate() / prest.Rate()),
			figure(now.P99()), hundredths(now.P99() / before.P99()), hundredths(now.P99() / floor.P99()),
			figure(now.ServerCPU()), hundredths(now.ServerCPU() / before.ServerCPU()), figure(now.PostgresCPU()), hundredths(now.PostgresCPU() / before.PostgresCPU()),
			figure(now.Memory()), strconv.Itoa(now.Failed() + before.Failed() + floor.Failed() + prest.Failed()),
		} {
			fmt.Printf(" %s |", n)
		}
		fmt.Println()
	}
}
