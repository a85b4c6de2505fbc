// Command resource writes what follows from the migrations and from the markers in ids/ids.go: ids/names.go, and the types of ids in
// sqlc.yaml. It reads sql/catalogue.txt, which a test writes from the migrations; make generate runs both, and then sqlc. Run it from the root
// of the repository.
package main

import (
	"fmt"
	"os"

	"rowhouse/resource"
)

func main() {
	if err := resource.WriteIdentifiers("."); err != nil {
		fmt.Fprintln(os.Stderr, "resource:", err)
		os.Exit(1)
	}
}
