package prove

import (
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// proveModule reports what else than the project's own files and what go.sum names Go would build, and returns the module's name.
func proveModule(project fs.FS, report reporter) (module string) {
	text, err := fs.ReadFile(project, "go.mod")
	if err != nil {
		report(place{"go.mod", 1}, "module", "there is none here, so nothing is proven; run prove from the root of the repository")
		return ""
	}
	block := ""
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			continue
		case block != "":
			if words[0] == ")" {
				block = ""
			}
			continue
		case words[0] == "module" && len(words) == 2:
			module = words[1]
		case words[0] != "go" && words[0] != "require":
			report(place{"go.mod", i + 1}, words[0], "it changes what Go builds: a package put in another's place sees the rows of every tenant that pass through it, "+
				"and is read by nobody; go.mod says module, go and require alone")
		}
		if words[len(words)-1] == "(" {
			block = words[0]
		}
	}
	if module == "" {
		report(place{"go.mod", 1}, "module", "it has no name, so nothing is proven")
	}
	if _, err := fs.Stat(project, "go.work"); err == nil {
		report(place{"go.work", 1}, "workspace", "it puts modules in the place of others, which are read by nobody; take it out")
	}
	return module
}

// unread says that prove goes by a folder, and so does `./...`; yet what imports it by its name, Go builds.
func unread(folder string) bool {
	return folder == "testdata" || folder == "vendor" || folder == "node_modules" || len(folder) > 1 && strings.ContainsAny(folder[:1], "._")
}

// other reports a file that is not Go and that Go builds, or that hands SQL to whoever runs it.
func (p *program) other(project fs.FS, file string) error {
	fault := ""
	switch extension := path.Ext(file); {
	case path.Base(file) == "go.mod" && file != "go.mod":
		p.report(place{file, 1}, "module", "a module within the module: Go builds it as another, and prove does not know which; take it out")
	case slices.Contains(strings.Fields(".s .S .sx .c .cc .cpp .cxx .m .h .hh .hpp .hxx .f .F .for .f90 .syso .swig .swigcxx"), extension):
		fault = "Go builds it into the server, where it may read any tenant's rows out of memory, and prove reads only Go"
	case extension == ".sql" && path.Dir(file) != "sql/migrations" && path.Dir(file) != "sql/queries":
		fault = "SQL that is neither a migration nor a query, so nobody reads whose rows it names"
	}
	if fault == "" {
		return nil
	}
	text, err := fs.ReadFile(project, file)
	if listed := unreadable[file]; err == nil && !p.ledger.covers("the file "+file, listed, string(text)) {
		p.report(place{file, 1}, "file", fault+unlisted(listed, string(text)))
	}
	return err
}

// proveImport reports an import that is not listed with what it is for, and where.
func (p *program) proveImport(spec *ast.ImportSpec, folder, file string) {
	name, _ := strconv.Unquote(spec.Path.Value)
	fault := func(format string, args ...any) { p.report(p.at(spec), file, fmt.Sprintf(format, args...)) }
	within, own := strings.CutPrefix(name, p.module+"/")
	key := name
	if own {
		key = "./" + within
	}
	listed, ok := importable[key]
	switch {
	case imported(spec) == "." || name == "C" || name == "unsafe":
		fault("the import of %s as %s takes away what the compiler, and prove, would see", spec.Path.Value, imported(spec))
	case own && (p.skipped(within) || slices.ContainsFunc(strings.Split(within, "/"), unread)):
		fault("it imports %s, which prove does not read: whatever is there may reach every tenant's rows", name)
	case !ok:
		fault("it imports %s, and nobody has said what for: by it a request could be served past the doors with the rows of any tenant; "+
			"list it in importable, in prove, if it neither reaches a database, nor runs programs, nor keeps what it is given", name)
	case !listed.allows(folder, file):
		fault("it imports %s, which is for %s, and for %s alone: by it a request could be served past the doors with the rows of any tenant", name, listed.what, listed.by)
	}
}

// allows says that a file may import what the use is of.
func (u use) allows(folder, file string) bool {
	return u.what != "" && (u.by == "" || set(u.by)[folder] || set(u.by)[file])
}

// skipped reports whether a package is in a folder of unproven.
func (p *program) skipped(folder string) bool {
	for skipped := range unproven {
		if strings.HasPrefix(folder+"/", skipped+"/") {
			return true
		}
	}
	return false
}

// directive reports what a comment tells the compiler that the code does not.
func (p *program) directive(project fs.FS, folder, file string, comment *ast.Comment) {
	fault := func(text string) { p.report(p.at(comment), file, text) }
	words := strings.Fields(comment.Text)
	switch {
	case strings.HasPrefix(comment.Text, "//line ") || strings.HasPrefix(comment.Text, "/*line "):
		fault("//line makes findings point elsewhere; take it out")
	case strings.HasPrefix(comment.Text, "//export ") || words[0] == "//go:linkname":
		fault(strings.TrimPrefix(words[0], "//") + " reaches past what a package exports, also past the doors")
	case words[0] == "//go:build": // every file is read, whatever it is built for
	case words[0] == "//go:embed":
		for _, pattern := range words[1:] {
			if what := folder + "/" + pattern; !p.excuse("what "+file+" embeds: "+what, embedded[what]) {
				fault(fmt.Sprintf("it embeds %s, which nobody has said what it is: if the database is given it, nobody reads whose rows it names; list it in embedded, in prove", what))
			}
			p.embeds(project, folder, pattern, fault)
		}
	case strings.HasPrefix(words[0], "//go:") && !p.excuse(words[0]+" in "+file, directives[words[0]+" "+file]):
		fault(words[0] + " tells the compiler what prove has no meaning for; take it out, or list it in directives, in prove, with the reason")
	}
}

// embeds reports an embedded file of SQL in a folder that prove goes by.
func (p *program) embeds(project fs.FS, folder, pattern string, fault func(string)) {
	files, err := fs.Glob(project, path.Join(folder, strings.TrimPrefix(pattern, "all:")))
	if err != nil {
		fault(err.Error())
	}
	for _, file := range files {
		if slices.ContainsFunc(strings.Split(path.Dir(file), "/"), unread) && path.Ext(file) == ".sql" {
			fault("it embeds " + file + ", SQL in a folder that prove goes by, so nobody reads whose rows it names")
		}
	}
}

// reachesNothing says that a package's SQL is run by nobody: neither it nor a package that is joined to it by imports, whichever way
// they go, speaks to a database.
func (p *program) reachesNothing(folder string) bool {
	joined := map[string]bool{folder: true}
	for before := 0; before != len(joined); {
		before = len(joined)
		for other, files := range p.syntax {
			for _, parsed := range files {
				for _, spec := range parsed.Imports {
					name, _ := strconv.Unquote(spec.Path.Value)
					within, own := strings.CutPrefix(name, p.module+"/")
					switch {
					case joined[other] && drivers.MatchString(name):
						return false
					case own && (joined[other] || joined[within]):
						joined[other], joined[within] = true, true
					}
				}
			}
		}
	}
	return true
}

// starts says that a function, or a type of os/exec that is not pointed to, is for starting programs.
func starts(from, name string) bool {
	switch from {
	case "os/exec":
		return name != "LookPath" && name != "ErrNotFound" && name != "Error" && name != "ExitError"
	case "os", "syscall":
		return name == "StartProcess" || name == "ForkExec" || name == "Exec"
	}
	return false
}
