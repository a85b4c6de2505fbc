// Command prove shows that tenants are kept apart, and that the SQL is portable, as package prove does: it prints one line a finding, and exits 1
// when there is one. With -isolation or -faults it goes on to run the tests that try it, and writes a report. Run it from the root of the repository.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"rowhouse/prove"
)

func main() {
	isolation := flag.String("isolation", "", "run the tests that break the isolation on purpose too, and write a report to this `file`")
	faults := flag.String("faults", "", "run the tests under load and faults too, and write a report to this `file`")
	mutants := flag.Bool("mutants", false, "print the mutants of the schema's functions as JSON, and prove nothing")
	flag.Parse()
	if *mutants {
		all, err := prove.Mutants(os.DirFS("."))
		exitOn(err)
		exitOn(json.NewEncoder(os.Stdout).Encode(all))
		return
	}
	findings, counts := prove.Read(os.DirFS("."))
	findings = append(findings, prove.Portable(os.DirFS("."))...)
	for _, finding := range findings {
		fmt.Println(finding)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
	fmt.Println(counts)
	write(prove.Isolation, counts, *isolation)
	write(prove.Faults, counts, *faults)
}

// write writes a report to a file, when one is named.
func write(report prove.Report, counts prove.Counts, file string) {
	if file == "" {
		return
	}
	page, err := report.Write(counts, os.Stdout)
	exitOn(err)
	exitOn(os.WriteFile(file, page, 0o644))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
