package main

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/template"
)

//go:embed *.md.tmpl
var templates embed.FS

// A run is one call of go test, whose tests tell their counts by testing.T.Attr.
type run struct {
	directory, tags string
	whole           bool     // every mutant, cell and kill, not a sample
	tests           []string // by name; none: all
}

// isolation is what docs/isolation.md tells beside the static proof: each test breaks something on purpose, or tries to.
var isolation = []run{
	{"./cmd/prove", "", false, nil},
	{"./handlers", "", true, []string{
		"TestMutants", "TestFunctionMutants", "TestPolicyMutants", "TestPermissionMutants", "TestEveryAccessorIsBound", "TestRowLevelSecurityAlone",
		"TestForeignEverywhere", "TestForeignTenant", "TestForeignIdempotencyKey", "TestForeignTiming", "TestIsolation",
		"TestReachGolden", "TestPermissionGridGolden", "TestPermissionAlone", "TestScopeAlone", "TestOneTenantAlone", "TestConferring",
		"TestCatalogueFaults", "TestNextRequest", "TestPassRace",
		"TestAlternatingTenants", "TestAlternationNotices", "TestOracles", "TestOraclesOverHTTP",
	}},
}

// faults are what docs/faults.md tells.
var faults = []run{
	{"./handlers", "", true, []string{"TestInterleaving"}},
	{"./tenancy", "", true, []string{"TestPlans"}},
	{"./faults", "faults", true, nil},
}

// A page is what the template of a report is given.
type page struct {
	Static Counts
	Passed int // tests, those within tests among them

	told   map[[2]string]int // by test and key
	failed []string          // the output of each test that did
}

// Count is what a test and those within it told under a key: the sum, or of times, which have _ms_ in their keys, the longest. What
// nobody told is an error: the test did not run, or tells it no more.
func (p *page) Count(test, key string) (int, error) {
	n, told := p.told[[2]string{test, key}]
	if !told {
		return 0, fmt.Errorf("%s told no %s", test, key)
	}
	return n, nil
}

// report runs tests and writes what they told, by a template, to a file. When one fails nothing is written, and its output is printed.
func report(static Counts, runs []run, layout, file string) error {
	p := &page{Static: static, told: map[[2]string]int{}}
	for _, r := range runs {
		if err := p.run(r); err != nil {
			return err
		}
	}
	if len(p.failed) > 0 {
		return fmt.Errorf("%s\n%d tests failed; above stands where and why", strings.Join(p.failed, "\n"), len(p.failed))
	}
	layouts, err := template.ParseFS(templates, layout)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := layouts.Execute(&text, p); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}

// run runs the tests of one package and adds what they tell. It prints each that passes.
func (p *page) run(r run) error {
	arguments := []string{"test", "-json", "-count=1", "-timeout=90m", "-tags=" + r.tags, "-run=^(" + strings.Join(r.tests, "|") + ")", r.directory}
	if r.whole {
		arguments = append(arguments, "-whole")
	}
	command := exec.Command("go", arguments...)
	stdout, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Start(); err != nil {
		return err
	}
	ran, outputs := map[string]bool{}, map[string]*strings.Builder{}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event struct {
			Action, Package, ImportPath, Test, Output, Key, Value string
			Elapsed                                               float64 // seconds
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return fmt.Errorf("go test -json: %q: %w", lines.Text(), err)
		}
		name := event.Package + event.ImportPath + " " + event.Test
		switch event.Action {
		case "output", "build-output":
			if outputs[name] == nil {
				outputs[name] = &strings.Builder{}
			}
			outputs[name].WriteString(event.Output)
		case "attr":
			top, _, _ := strings.Cut(event.Test, "/")
			n, err := strconv.Atoi(event.Value)
			switch key := [2]string{top, event.Key}; {
			case err != nil: // it is no number
			case strings.Contains(event.Key, "_ms_"):
				p.told[key] = max(p.told[key], n)
			default:
				p.told[key] += n
			}
		case "pass":
			delete(outputs, name)
			if event.Test == "" { // the package
				continue
			}
			ran[event.Test] = true
			if !strings.Contains(event.Test, "/") {
				fmt.Printf("ok %s, after %.0f s\n", name, event.Elapsed)
			}
		case "skip":
			p.failed = append(p.failed, name+": skipped, which proves nothing")
		case "fail", "build-fail":
			if outputs[name] != nil {
				p.failed = append(p.failed, outputs[name].String())
			}
		}
	}
	failure := command.Wait()
	p.Passed += len(ran)
	for _, test := range r.tests {
		if !ran[test] && len(p.failed) == 0 {
			p.failed = append(p.failed, r.directory+" "+test+" did not run")
		}
	}
	if lines.Err() != nil {
		return lines.Err()
	}
	if failure != nil && len(p.failed) == 0 {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), failure, stderr.String())
	}
	return nil
}
