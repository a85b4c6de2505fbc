// Package prove shows, from the text of sql/ and of the Go code alone, that no query, no table, no function and no line of Go lets one
// tenant reach another's rows. Whatever it does not understand it reports, since a form that was never considered is not known to be safe;
// exceptions are listed with their reasons, in known.go and beside it. Its reports add what tests count that attack a running server.
package prove

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Read returns what is wrong with a project, in the order of its files and lines, and what it has read. The project is the root of the
// repository.
func Read(project fs.FS) (findings []string, counts Counts) {
	var found []finding
	report := func(at place, subject, fault string) { found = append(found, finding{at, subject, fault}) }
	exceptions := map[string]string{}
	excuse := func(what, why string) bool {
		if why != "" {
			exceptions[what] = why
		}
		return why != ""
	}

	s := readSchema(project, report, excuse)
	s.check()

	counts = s.counts()
	counts.Queries, counts.Reasons, counts.Exceptions = map[string]int{}, map[string]string{}, exceptions
	used := usage{}
	each(project, report, "sql/queries/*.sql", func(file, text string) { proveQueries(s, file, text, used, &counts) })
	each(project, report, "sqlc.yaml", func(file, text string) { proveGeneration(report, file, text) })
	counts.GoFiles = proveGo(project, report, used, excuse)
	if !slices.ContainsFunc(found, func(f finding) bool { return path.Dir(f.file) == "sql/queries" }) {
		s.checkGrants(used) // else nobody knows all that is used
	}

	slices.SortFunc(found, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.file, b.file), cmp.Compare(a.line, b.line), strings.Compare(a.subject, b.subject), strings.Compare(a.fault, b.fault))
	})
	for _, f := range slices.Compact(found) {
		findings = append(findings, f.String())
	}
	return findings, counts
}

// each takes the text of every file of a pattern.
func each(project fs.FS, report reporter, pattern string, take func(file, text string)) {
	files, err := fs.Glob(project, pattern)
	if err == nil && len(files) == 0 {
		err = errors.New("there are no such files here, so nothing is proven; run prove from the root of the repository")
	}
	if err != nil {
		report(place{pattern, 0}, "files", err.Error())
	}
	for _, file := range files {
		text, err := fs.ReadFile(project, file)
		if err != nil {
			report(place{file, 0}, "file", err.Error())
			continue
		}
		take(file, string(text))
	}
}

// A place is a line of a file, counted from 1.
type place struct {
	file string
	line int
}

// A finding says where something is wrong, and why.
type finding struct {
	place
	subject, fault string
}

func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.file, f.line, f.subject, strings.ReplaceAll(f.fault, "\n", " "))
}

// A reporter takes the findings.
type reporter func(at place, subject, fault string)

// An excuse takes an exception that was made, and reports whether there is a reason for it.
type excuse func(what, why string) bool

// anyReason excuses what has a reason, and keeps no list of it.
func anyReason(_, why string) bool { return why != "" }

// Counts is what has been read.
type Counts struct {
	Queries     map[string]int    // by scope
	Reasons     map[string]string // of each unscoped query, the comment that says why it is
	Tables      map[string]int    // by kind
	Functions   int
	Policies    int
	Triggers    int
	ForeignKeys int
	Grants      int // privileges of roles, each on one table, function or schema
	GoFiles     int
	Exceptions  map[string]string // what is listed in known.go and was met, with its reason
}

func (c Counts) String() string {
	return fmt.Sprintf("%d queries in %d scopes over %d tables, %d functions, %d triggers, %d policies, %d foreign keys, %d grants, %d Go files: proven",
		sum(c.Queries), len(c.Queries), sum(c.Tables), c.Functions, c.Triggers, c.Policies, c.ForeignKeys, c.Grants, c.GoFiles)
}

func sum(of map[string]int) (all int) {
	for _, n := range of {
		all += n
	}
	return all
}
