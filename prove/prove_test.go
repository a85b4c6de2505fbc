package prove

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// project is the project's own files, as far as prove reads them, to be planted in.
var project = sync.OnceValue(func() fstest.MapFS {
	read := fstest.MapFS{}
	if err := fs.WalkDir(os.DirFS(".."), ".", func(file string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != "." && (strings.HasPrefix(name, ".") || name == "testdata"):
			return fs.SkipDir
		case entry.IsDir(), strings.HasSuffix(name, "_test.go"):
			return nil
		case strings.HasSuffix(name, ".go"), strings.HasSuffix(name, ".s"), strings.HasPrefix(file, "sql/"), file == "sqlc.yaml", file == "go.mod":
			text, err := os.ReadFile("../" + file)
			read[file] = &fstest.MapFile{Data: text}
			return err
		}
		return nil
	}); err != nil {
		panic(err)
	}
	return read
})

// ground is the project without the Go code that no statement of SQL depends on: what prove says of SQL is the same, sooner.
var ground = sync.OnceValue(func() fstest.MapFS {
	all := maps.Clone(project())
	maps.DeleteFunc(all, func(file string, _ *fstest.MapFile) bool {
		return strings.HasSuffix(file, ".go") && !strings.HasPrefix(file, "tenancy/") && !strings.HasPrefix(file, "telemetry/") // which the doors tell
	})
	return all
})

// plant returns a copy of a project with a text at the end of one of its files, or in a file of its own, and the line of that
// file with which the text begins.
func plant(project fstest.MapFS, file, text string) (planted fstest.MapFS, line int) {
	planted = maps.Clone(project)
	before := ""
	if old := project[file]; old != nil {
		before = string(old.Data)
	}
	planted[file] = &fstest.MapFile{Data: []byte(before + text)}
	return planted, 1 + strings.Count(before, "\n")
}

// mark stands on the line that a finding is to name.
const mark = "/*!*/"

// marked is how many lines below the first the mark stands; less than none when there is none.
func marked(text string) int {
	before, _, ok := strings.Cut(text, mark)
	if !ok {
		return -1
	}
	return strings.Count(before, "\n")
}

// The project is proven, and every exception that is listed is one that it makes.
func TestProject(t *testing.T) {
	t.Parallel()
	findings, counts := Read(project())
	for _, finding := range findings {
		t.Error(finding)
	}
	listed := len(spare) + len(unproven) + len(embedded) + len(directives) + len(servesNobody) + len(lasting) + len(deciding) + len(undeleted)
	for _, power := range powers {
		listed += len(set(power.may)) + 1
	}
	for _, file := range reachesDatabase {
		listed += len(set(file.uses))
	}
	for _, of := range append(slices.Collect(maps.Values(places)), exempt, unreadable, unreadMigrations) {
		for _, pardon := range of {
			listed += len(set(pardon.hashes))
		}
	}
	for _, of := range leaving {
		listed += len(of)
	}
	if len(counts.Exceptions) != listed {
		t.Errorf("%d exceptions are listed and %d are met; take out those that are not:\n%s", listed, len(counts.Exceptions),
			strings.Join(slices.Sorted(maps.Keys(counts.Exceptions)), "\n"))
	}
	if len(counts.Reasons) != counts.Queries["unscoped"] || len(counts.Reasons) == 0 {
		t.Errorf("%d reasons of %d unscoped queries", len(counts.Reasons), counts.Queries["unscoped"])
	}
	t.Attr("project_queries", fmt.Sprint(sum(counts.Queries)))
	t.Attr("unscoped_queries", fmt.Sprint(counts.Queries["unscoped"]))
	t.Attr("exceptions", fmt.Sprint(len(counts.Exceptions)))
	t.Log(counts)
}

// Each predicate that binds a query of the project is needed: without it, or against another parameter, prove objects.
func TestMutants(t *testing.T) {
	t.Parallel()
	binding := regexp.MustCompile(`(\w+\.)?\w*id\s+= @(tenant|account)_id\b|\bON \w+\.id = \w+\.(tenant|account)_id\b|@tenant_id,`)
	s := migrated(t, project())
	mutants := 0
	for _, file := range glob(t, project(), "sql/queries/*.sql") {
		head, queries, _ := strings.Cut(string(project()[file].Data), "-- name: ")
		scope := scopeLine.FindStringSubmatch(head)[1]
		if scope == "unscoped" {
			continue
		}
		for _, text := range strings.Split(queries, "-- name: ") {
			name, _, _ := strings.Cut(text, " ")
			for _, at := range binding.FindAllStringIndex(text, -1) {
				found := text[at[0]:at[1]]
				if scope == "tenant" && strings.Contains(found, "@account_id") {
					continue // the tenant scope asks nothing of it
				}
				with := []string{strings.NewReplacer("@tenant_id", "@other_id", "@account_id", "@other_id", ".tenant_id", ".id").Replace(found)}
				switch {
				case strings.HasPrefix(found, "ON "):
					with = append(with, "ON true")
				case !strings.HasSuffix(found, ","):
					with = append(with, "true", "("+found+" OR @all::bool)", "NOT "+found)
				}
				for _, instead := range with {
					objected := false
					s.report = func(_ place, _, fault string) {
						objected = objected || strings.Contains(fault, "held to") || strings.Contains(fault, "INSERT")
					}
					proveQueries(s, file, "-- Scope: "+scope+".\n-- name: "+text[:at[0]]+instead+text[at[1]:], usage{}, &Counts{Queries: map[string]int{}})
					if mutants++; !objected {
						t.Errorf("%s: %s: %q instead of %q, and nothing is said", file, name, instead, found)
					}
				}
			}
		}
	}
	if mutants < 40 {
		t.Errorf("only %d mutants: the pattern no longer finds the predicates", mutants)
	}
	t.Attr("static_mutants", fmt.Sprint(mutants))
}

// migrated reads the migrations of a project.
func migrated(t *testing.T, project fs.FS) *schema {
	return readSchema(project, func(at place, subject, fault string) { t.Errorf("%s:%d: %s: %s", at.file, at.line, subject, fault) }, anyReason)
}

func glob(t *testing.T, project fs.FS, pattern string) []string {
	files, err := fs.Glob(project, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// samples are two columns of kinds that no migration uses, for the leaks that are about them.
const samples = "-- +goose Up\nALTER TABLE items ADD COLUMN weight numeric, ADD COLUMN mood mood;\n"

// The file that has a scope's queries.
var fileOf = map[string]string{"tenant": "sql/queries/items.sql", "account": "sql/queries/accounts.sql", "unscoped": unscopedFile}

// Among the project's own queries, every leak is one finding, the right one, at its line; and what was meant is none.
func TestLeaks(t *testing.T) {
	t.Parallel()
	planted, _ := plant(ground(), "sql/migrations/99998_samples.sql", samples)
	add := func(scope, name, query string) (line int) {
		planted, line = plant(planted, fileOf[scope], fmt.Sprintf("\n-- %s does what it does, for login.\n-- name: %[1]s :many\n%s\n;\n", name, query))
		return line + 3
	}
	lines, kinds := map[string]int{}, map[string]bool{}
	for i, leak := range slices.Concat(leaks, sound) {
		if name := fmt.Sprintf("Leak%d", i); leak.query != "" {
			lines[name] = add(leak.scope, name, leak.query) + max(0, marked(leak.query))
			kinds[leak.kind] = true
		}
		if leak.meant != "" {
			add(leak.scope, fmt.Sprintf("Meant%d", i), leak.meant)
		}
	}
	findings, counts := Read(planted)
	said := map[string][]string{}
	for _, finding := range findings {
		name := strings.Split(finding, ": ")[1]
		said[name] = append(said[name], finding)
	}
	for i, leak := range leaks {
		name := fmt.Sprintf("Leak%d", i)
		line := lines[name]
		if leak.ofName() {
			line--
		}
		at := fmt.Sprintf("%s:%d: ", fileOf[leak.scope], line)
		if got := said[name]; len(got) != 1 || !strings.HasPrefix(got[0], at) || !strings.Contains(got[0], leak.want) {
			t.Errorf("%s: %s\n got %s\nwant %s … %s", leak.kind, leak.query, strings.Join(got, "\n    "), at, leak.want)
		}
		delete(said, name)
	}
	for _, findings := range said {
		t.Errorf("a query that is sound:\n%s", strings.Join(findings, "\n"))
	}
	if len(kinds) != len(leaks) {
		t.Errorf("%d leaks of %d kinds: two are called the same", len(leaks), len(kinds))
	}
	honest := sum(counts.Queries) - len(leaks)
	if honest < len(leaks) {
		t.Errorf("%d leaks are found and only %d honest queries pass", len(leaks), honest)
	}
	t.Attr("planted_faults", fmt.Sprint(len(leaks)))
	t.Attr("honest_queries", fmt.Sprint(honest))
}
