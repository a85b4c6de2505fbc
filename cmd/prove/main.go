// Command prove shows, from the text of sql/ alone, that no query and no table lets one tenant near another's rows. What it
// does not understand it reports: a shape that nobody has thought about is not a shape that is safe. Run it from the root
// of the repository; it prints one line a finding, and exits 1 when there is one.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

func main() {
	findings, proven := prove(os.DirFS("."))
	for _, finding := range findings {
		fmt.Println(finding)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
	fmt.Println(proven)
}

// prove returns what is wrong with a project, in the order of its files, and what was proven where nothing is.
func prove(project fs.FS) (findings []string, proven string) {
	report := func(file, subject, fault string) {
		if line := file + ": " + subject + ": " + fault; !slices.Contains(findings, line) {
			findings = append(findings, line)
		}
	}
	each := func(pattern string, take func(file, text string)) {
		files, err := fs.Glob(project, pattern)
		if err == nil && len(files) == 0 {
			err = errors.New("there are no such files here, so nothing is proven; run prove from the root of the repository")
		}
		if err != nil {
			report(pattern, "files", err.Error())
		}
		for _, file := range files {
			text, err := fs.ReadFile(project, file)
			if err != nil {
				report(file, "file", err.Error())
				continue
			}
			take(file, string(text))
		}
	}

	tables := &schema{tables: map[string]*table{}, report: report}
	each("sql/migrations/*.sql", tables.migrate)
	tables.check()

	queries, scopes := 0, map[string]bool{}
	each("sql/queries/*.sql", func(file, text string) {
		scope, count := proveQueries(tables, file, text)
		queries += count
		scopes[scope] = true
	})
	if len(findings) > 0 {
		return findings, ""
	}
	return nil, fmt.Sprintf("%d queries in %d scopes over %d tables proven", queries, len(scopes), len(tables.tables))
}
