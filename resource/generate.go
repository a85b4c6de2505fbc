package resource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing/fstest"
)

const (
	routesFile     = "handlers/routes.go"
	migrationsPath = "sql/migrations"
)

// generated are the files that make generate and make golden write, which a resource that could not be made leaves as they were.
var generated = []string{"db", identifiersFile, overridesFile, "sql/catalogue.txt", "docs", "handlers/testdata"}

// Make writes a resource into the repository whose root is named: all files of it that are not there yet, and then what follows from them. A file
// that is there and is another than would be written is an error, and then, as after every error, nothing has been written. It returns what it
// did, for people.
func Make(ctx context.Context, root string, o Order) (report string, err error) {
	files, table, err := Plan(ctx, root, o)
	if err != nil {
		return "", err
	}
	before, err := keep(root, slices.Collect(maps.Keys(files)))
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, before.restore())
		}
	}()
	var written []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if before.files[name] == files[name] {
			continue
		}
		written = append(written, name)
		if err := os.WriteFile(filepath.Join(root, name), []byte(files[name]), 0o644); err != nil {
			return "", err
		}
	}
	if len(written) == 0 {
		return o.Name + " is written already, and nothing is otherwise.\n", nil
	}
	for _, target := range []string{"generate", "golden-api"} {
		command := exec.CommandContext(ctx, "make", "--no-print-directory", target)
		command.Dir = root
		if said, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("make %s: %w\n%s", target, err, gist(string(said)))
		}
	}
	return table.report(o, written), nil
}

// gist is what people read of a command that failed: its first lines, without those that a server logs.
func gist(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		if line = strings.TrimRight(line, "\n"); strings.HasPrefix(strings.TrimSpace(line), `{"time":`) {
			continue
		}
		if len(lines) == 40 {
			return strings.Join(append(lines, "…"), "\n")
		}
		lines = append(lines, line[:min(len(line), 400)])
	}
	return strings.Join(lines, "\n")
}

// atWord is where PostgreSQL stops reading.
var atWord = regexp.MustCompile(`syntax error at or near "([a-z_]+)"`)

// Plan is the text of each file of the resource, by its path in the repository, and the table as it will be.
func Plan(ctx context.Context, root string, o Order) (files map[string]string, t Table, err error) {
	if err := o.check(); err != nil {
		return nil, t, err
	}
	read := func(name string) (text string) {
		var content []byte
		if content, err = os.ReadFile(filepath.Join(root, name)); err != nil {
			return ""
		}
		return string(content)
	}
	markers := read(markersFile)
	if err != nil {
		return nil, t, err
	}
	entities, err := entitiesOf(filepath.Join(root, markersFile))
	if err != nil {
		return nil, t, err
	}
	files = map[string]string{}
	i := slices.IndexFunc(entities, func(e entity) bool { return e.table == o.Name })
	if i < 0 {
		i = len(entities)
		entities = append(entities, newEntity(markerOf(o.Name)))
		files[markersFile] = marked(markers, entities[i].marker)
	}
	e := entities[i]
	migrations, err := o.plannedMigration(root, e)
	if err != nil {
		return nil, t, err
	}
	maps.Copy(files, migrations.made)
	if t, err = readTable(ctx, migrations.all, e, entities); err != nil {
		if word := atWord.FindStringSubmatch(err.Error()); word != nil && migrations.made != nil {
			err = fmt.Errorf("COLUMNS: %s: the word means something in SQL: take another, such as %s_%s (%w)", word[1], e.snake, word[1], err)
		}
		return nil, t, err
	}
	t.permission = e.table
	if found := regexp.MustCompile(`'(\w+):read'`).FindStringSubmatch(migrations.text); found != nil {
		t.permission = found[1]
	}
	t.imported, t.exported = slices.Contains(o.With, "import"), slices.Contains(o.With, "export")
	if len(t.fields) == 0 || len(t.writable()) == 0 {
		return nil, t, fmt.Errorf("%s has no column that a client says", e.table)
	}
	routes := read(routesFile)
	if err != nil {
		return nil, t, err
	}
	files["sql/queries/"+e.table+".sql"] = t.queries()
	if files["handlers/"+e.table+".go"], err = t.goFile(handlerShape); err != nil {
		return nil, t, err
	}
	if files["handlers/"+e.table+"_test.go"], err = t.goFile(testShape); err != nil {
		return nil, t, err
	}
	if !strings.Contains(routes, t.routes()) {
		if strings.Contains(routes, `"GET /`+file{&t}.Path()+`"`) {
			return nil, t, fmt.Errorf("%s has other rows for /%s than would be written: take them out, or write the rest by hand", routesFile, file{&t}.Path())
		}
		before, after, found := strings.Cut(routes, "\n})\n")
		if !found {
			return nil, t, fmt.Errorf("%s has no end of the table, a line })", routesFile)
		}
		files[routesFile] = before + "\n\n" + t.routes() + "})\n" + after
	}
	return files, t, unchanged(root, files)
}

// unchanged makes sure that nothing is written over that somebody wrote: but for the lists of all resources, a file is new, or as it would be.
func unchanged(root string, files map[string]string) error {
	var others []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content, err := os.ReadFile(filepath.Join(root, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case string(content) != files[name] && name != markersFile && name != routesFile:
			others = append(others, name)
		}
	}
	if others != nil {
		return fmt.Errorf("%s is there, and otherwise than would be written; what is yours is not written over: move it away to have it written again", strings.Join(others, ", "))
	}
	return nil
}

// Globals are names that programs have for something else, in the languages in which clients are generated: no schema of the API is called so.
var Globals = strings.Fields(`Array ArrayBuffer Blob Boolean Buffer Client Context Date Document Error Event File FormData Function Headers Map
	Number Object Option Partial Pick Promise Proxy Readonly Record RegExp Request Response Set Server String Symbol Type URL`)

func (o *Order) check() error {
	if !wordPattern.MatchString(o.Name) || !strings.HasSuffix(o.Name, "s") {
		return fmt.Errorf("NAME: %q is not the name of a table: the plural of what a row is, in small letters, such as coupons or gift_cards", o.Name)
	}
	if name := (file{&Table{entity: newEntity(markerOf(o.Name))}}).Type(); slices.Contains(Globals, name) {
		return fmt.Errorf("NAME: programs that call the API have something called %s of their own, so no row is called so: take two words, such as house_%s", name, o.Name)
	}
	for _, with := range o.With {
		if !slices.Contains([]string{"import", "export", "archive"}, with) {
			return fmt.Errorf("WITH: there is no %s; there are archive, export and import", with)
		}
	}
	switch {
	case o.Own != "" && !slices.Contains(primaryRoles[1:], o.Own):
		return fmt.Errorf("OWN: %q is no role that has rows of its own; there are %s", o.Own, strings.Join(primaryRoles[1:], ", "))
	case o.Columns == "" && (o.Own != "" || o.About != "" || slices.Contains(o.With, "archive")):
		return fmt.Errorf("OWN, ABOUT and WITH=archive say how a migration is written, and without COLUMNS none is: they stand in the one that there is")
	}
	return nil
}

// markerOf is the name of an entity of the table, such as giftCard of gift_cards.
func markerOf(table string) string {
	one := strings.TrimSuffix(table, "s")
	for _, end := range [][2]string{{"ies", "y"}, {"xes", "x"}, {"ches", "ch"}, {"shes", "sh"}, {"sses", "ss"}} {
		if stem, ok := strings.CutSuffix(table, end[0]); ok {
			one = stem + end[1]
			break
		}
	}
	name := camel(one, nil)
	return strings.ToLower(name[:1]) + name[1:]
}

var lastMarker = regexp.MustCompile(`(?s)\ntype \(\n(?:\t\w+\s+struct\{\}\n)+`)

// marked is ids/ids.go with one more marker.
func marked(markers, marker string) string {
	at := lastMarker.FindStringIndex(markers)
	block := strings.Split(strings.TrimSuffix(markers[at[0]:at[1]], "\n"), "\n")
	var rows [][]string
	for _, line := range block[2:] {
		rows = append(rows, strings.Fields(line))
	}
	lines := aligned(append(rows, []string{marker, "struct{}"}))
	return markers[:at[0]] + "\ntype (\n\t" + strings.Join(lines, "\n\t") + "\n" + markers[at[1]:]
}

// A plannedMigration is the folder of migrations as it will be, the text of the table's own, and it again if it is new.
type plannedMigration struct {
	all  fs.FS
	text string
	made map[string]string
}

var creates = regexp.MustCompile(`(?m)^CREATE TABLE (\w+) `)

func (o *Order) plannedMigration(root string, e entity) (p plannedMigration, err error) {
	names, err := filepath.Glob(filepath.Join(root, migrationsPath, "*.sql"))
	if err != nil {
		return p, err
	}
	all, last, there := fstest.MapFS{}, 0, ""
	var made []string // tables
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return p, err
		}
		base := filepath.Base(name)
		all[base] = &fstest.MapFile{Data: content}
		if _, err := fmt.Sscanf(base, "%d_", &last); err != nil {
			return p, fmt.Errorf("%s has no number", name)
		}
		for _, table := range creates.FindAllStringSubmatch(string(content), -1) {
			made = append(made, table[1])
			if table[1] == o.Name {
				there, p.text = base, string(content)
			}
		}
	}
	p.all = all
	switch {
	case o.Columns == "":
		return p, nil
	case there == "":
		there = fmt.Sprintf("%05d_%s.sql", last+1, o.Name)
	}
	specs, err := columnSpecs(o.Columns)
	if err != nil {
		return p, err
	}
	before := p.text
	if p.text = o.migration(e, specs); before != "" && before != p.text {
		return p, fmt.Errorf("NAME: %s is made by %s/%s, otherwise than COLUMNS say; without COLUMNS it is read as it is", o.Name, migrationsPath, there)
	}
	for _, w := range specs {
		if w.kind == "ref" && !slices.Contains(made, w.limits[0]) && w.limits[0] != o.Name {
			return p, fmt.Errorf("COLUMNS: %s: no migration makes a table %s: make that first", w.name, w.limits[0])
		}
	}
	p.made = map[string]string{migrationsPath + "/" + there: p.text}
	all[there] = &fstest.MapFile{Data: []byte(p.text)}
	return p, nil
}

// A snapshot is what the files of a repository were.
type snapshot struct {
	root  string
	names []string // of files and folders
	files map[string]string
}

func keep(root string, names []string) (k snapshot, err error) {
	k = snapshot{root, append(names, generated...), map[string]string{}}
	err = k.walk(func(name string) error {
		content, err := os.ReadFile(filepath.Join(root, name))
		k.files[name] = string(content)
		return err
	})
	return k, err
}

// walk visits the files there are now.
func (k snapshot) walk(visit func(name string) error) error {
	for _, name := range k.names {
		err := filepath.WalkDir(filepath.Join(k.root, name), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
				return nil
			}
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(k.root, path)
			if err != nil {
				return err
			}
			return visit(relative)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// restore makes the files again what they were, and takes away those that were not there.
func (k snapshot) restore() error {
	err := k.walk(func(name string) error {
		if _, ok := k.files[name]; !ok {
			return os.Remove(filepath.Join(k.root, name))
		}
		return nil
	})
	for name, content := range k.files {
		err = errors.Join(err, os.WriteFile(filepath.Join(k.root, name), []byte(content), 0o644))
	}
	return err
}

// report says in ten lines what was written, what to look at and what to decide.
func (t *Table) report(o Order, written []string) string {
	var b strings.Builder
	say := func(format string, args ...any) { b.WriteString(wrapped("", fmt.Sprintf(format, args...))) }
	say("%s is served: %s.", o.Name, routeList(t.routes()))
	say("Written, and yours from now on: %s, docs/%s.md, and what else make generate and make golden write: git diff shows it.", strings.Join(written, ", "), file{t}.Path())
	say("Look at: the words and examples in the migration's comments; the indexes, each a sort or a filter of the list.")
	say("Decide: who may do what, in the last rows of the migration; what a client may not say of %s %s, and goes from %sFields.", t.article(), t.noun(), t.marker)
	say("Then: go test ./handlers -run %sConversation, and make test prove.", file{t}.Type())
	return b.String()
}

var routePattern = regexp.MustCompile(`"([A-Z]+) (/[^"]*)"`)

func routeList(rows string) string {
	var all []string
	for _, found := range routePattern.FindAllStringSubmatch(rows, -1) {
		all = append(all, found[1]+" "+found[2])
	}
	return strings.Join(all, ", ")
}
