package resource

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// items is how the model of all resources is ordered.
var items = Order{
	Name:    "items",
	Columns: `name:text(1..100):sort="Oak table" description:text(..500)?="Seats six" price_cents:cents(1..10000000):sort=24900`,
	About:   "What a tenant sells.",
	With:    []string{"import", "export"},
}

// Items, which people read to see what a resource is, are what is written from these words, to the byte.
func TestItems(t *testing.T) {
	t.Parallel()
	root := without(t, "items", "item")
	files, table, err := Plan(t.Context(), root, items)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if name == routesFile || name == markersFile {
			continue
		}
		if strings.HasPrefix(name, migrationsPath) { // whose number was the next one when it was written
			name = migrationOf(t, "items")
			want = strings.Replace(want, "\n"+Held("items"), "", 1) // of a table that is older than quotas theirs says it
		}
		if diff := cmp.Diff(strings.Split(repository(t, name), "\n"), strings.Split(want, "\n")); diff != "" {
			t.Errorf("%s (-there +written):\n%s", name, diff)
		}
	}
	if rows := table.routes(); !strings.Contains(repository(t, routesFile), rows) {
		t.Errorf("%s has other rows than\n%s", routesFile, rows)
	}
}

// migrationOf is the file that makes the table.
func migrationOf(t *testing.T, table string) string {
	t.Helper()
	names, err := filepath.Glob("../" + migrationsPath + "/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range names {
		if name := migrationsPath + "/" + filepath.Base(path); strings.Contains(repository(t, name), "CREATE TABLE "+table+" ") {
			return name
		}
	}
	t.Fatalf("no migration makes %s", table)
	return ""
}

func repository(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// without is a repository as far as Plan reads it, in which there is no such table.
func without(t *testing.T, table, marker string) (root string) {
	t.Helper()
	root = t.TempDir()
	if err := withoutIn(root, table, marker); err != nil {
		t.Fatal(err)
	}
	return root
}

func withoutIn(root, table, marker string) error {
	names, err := filepath.Glob("../" + migrationsPath + "/*.sql")
	if err != nil {
		return err
	}
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], "../")
	}
	for _, name := range append(names, markersFile, routesFile) {
		content, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			return err
		}
		if strings.Contains(string(content), "CREATE TABLE "+table+" ") {
			continue
		}
		var kept strings.Builder
		for line := range strings.Lines(string(content)) {
			held := strings.Contains(line, "quota") && (strings.Contains(line, " ON "+table+" ") || strings.Contains(line, " ON "+table+";") || strings.Contains(line, "('"+table+"')"))
			if !strings.HasPrefix(line, "\t"+marker+" ") && !strings.Contains(line, ` /`+table) && !held {
				kept.WriteString(line)
			}
		}
		path := filepath.Join(root, name)
		err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.MkdirAll(filepath.Join(root, "sql/queries"), 0o755),
			os.WriteFile(path, []byte(kept.String()), 0o644))
		if err != nil {
			return err
		}
	}
	return nil
}
