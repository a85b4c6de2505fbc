package prove

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"text/template"
)

//go:embed *.md.tmpl
var templates embed.FS

// A Report is a page of docs/: a template, and the runs of tests that tell its numbers.
type Report struct {
	layout string
	runs   []run
}

// A run is one call of go test, whose tests tell their counts by testing.T.Attr.
type run struct {
	directory, tags string
	whole           bool     // every mutant, cell and kill, not a sample
	tests           []string // by name; none: all
}

// Isolation is what docs/isolation.md tells beside the static proof: each test breaks something on purpose, or tries to.
var Isolation = Report{"isolation.md.tmpl", []run{
	{"./prove", "", false, nil},
	{"./handlers", "", true, []string{
		"TestMutants", "TestFunctionMutants", "TestPolicyMutants", "TestPermissionMutants", "TestEveryAccessorIsBound", "TestRowLevelSecurityAlone",
		"TestForeignEverywhere", "TestForeignTenant", "TestForeignIdempotencyKey", "TestForeignTiming", "TestIsolation",
		"TestReachGolden", "TestPermissionGridGolden", "TestPermissionAlone", "TestScopeAlone", "TestOneTenantAlone", "TestConferring",
		"TestCatalogueFaults", "TestNextRequest", "TestPassRace",
		"TestAlternatingTenants", "TestAlternationNotices", "TestOracles", "TestOraclesOverHTTP",
	}},
}}

// Faults is what docs/faults.md tells: tests under load, and of a program that is broken on purpose.
var Faults = Report{"faults.md.tmpl", []run{
	{"./handlers", "", true, []string{"TestInterleaving"}},
	{"./tenancy", "", true, []string{"TestPlans"}},
	{"./faults", "faults", true, nil},
}}

// A page is what the template of a report is given.
type page struct {
	Static Counts
	Passed int // tests, those within tests among them

	progress io.Writer
	told     map[[2]string]int // by test and key
	failed   []string          // the output of each test that did
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

// Write runs the tests of a report and returns its page; meanwhile it names each test that passes. When one fails there is no page, and
// its output is in the error.
func (r Report) Write(static Counts, progress io.Writer) ([]byte, error) {
	p := &page{Static: static, progress: progress, told: map[[2]string]int{}}
	for _, run := range r.runs {
		if err := p.run(run); err != nil {
			return nil, err
		}
	}
	if len(p.failed) > 0 {
		return nil, fmt.Errorf("%s\n%d tests failed; above stands where and why", strings.Join(p.failed, "\n"), len(p.failed))
	}
	layouts, err := template.ParseFS(templates, r.layout)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := layouts.Execute(&text, p); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// run runs the tests of one package and adds what they tell.
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
				fmt.Fprintf(p.progress, "ok %s, after %.0f s\n", name, event.Elapsed)
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
