package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A fence is a block of code of a document: what stands between its marks, and the line of the document with which it begins.
type fence struct {
	file, language, text string
	line                 int
}

// fencesOf returns the blocks of a document.
func fencesOf(t *testing.T, file, text string) (fences []fence) {
	t.Helper()
	inside := false
	for i, line := range strings.Split(text, "\n") {
		mark := regexp.MustCompile("^\\s*(?:```|~~~)(.*)$").FindStringSubmatch(line)
		switch {
		case mark != nil && inside:
			inside = false
		case mark != nil:
			inside = true
			fences = append(fences, fence{file: file, language: mark[1], line: i + 2})
		case inside:
			fences[len(fences)-1].text += line + "\n"
		}
	}
	if inside || fences == nil {
		t.Errorf("%s: it has no block, or the last does not end", file)
	}
	return fences
}

// A step is some commands of a document and what it shows them to print, a line each.
type step struct {
	where    string
	commands string
	shown    []string
}

// steps are those of a block for the shell: lines that begin with # are what the commands before them print.
func (f fence) steps() (steps []step) {
	for i, line := range strings.Split(f.text, "\n") {
		shown, isShown := strings.CutPrefix(line, "# ")
		if line == "" {
			continue
		}
		if len(steps) == 0 || !isShown && steps[len(steps)-1].shown != nil {
			steps = append(steps, step{where: fmt.Sprintf("%s:%d", f.file, f.line+i)})
		}
		last := &steps[len(steps)-1]
		if isShown {
			last.shown = append(last.shown, shown)
		} else {
			last.commands += line + "\n"
		}
	}
	return steps
}

// prints compares what was printed with what a document shows of it.
func prints(t *testing.T, where, printed string, shown []string) {
	t.Helper()
	var lines []string
	if printed = strings.TrimSuffix(printed, "\n"); printed != "" {
		lines = strings.Split(printed, "\n")
	}
	for i := range max(len(lines), len(shown)) {
		switch {
		case i >= len(shown):
			t.Errorf("%s: printed, and not shown:\n%s", where, lines[i])
		case i >= len(lines):
			t.Errorf("%s: shown, and not printed:\n%s", where, shown[i])
		case !abridged(shown[i]).MatchString(lines[i]):
			t.Errorf("%s:\nshown   %s\nprinted %s", where, shown[i], lines[i])
		}
	}
}

// abridged is what a shown line stands for: … is the rest of a value, or after a comma or an opening bracket whatever is left out.
func abridged(line string) *regexp.Regexp {
	parts := strings.Split(line, "…")
	pattern := regexp.QuoteMeta(parts[0])
	for i, part := range parts[1:] {
		rest := `[^"]*`
		if before := parts[i]; before != "" && strings.Contains(",{[", before[len(before)-1:]) {
			rest = `.*`
		}
		pattern += rest + regexp.QuoteMeta(part)
	}
	return regexp.MustCompile("^" + pattern + "$")
}

// Who makes run and then types the first conversation of the README and the tutorial into one shell is told what they show, line by line,
// and nothing else. There is no block in them that is neither typed nor told.
func TestTutorial(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(dir, "rowhouse")); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "dev.out"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p := startAs(t, func(cmd *exec.Cmd) { cmd.Stderr = log }, vars{"HTTP_ADDR": "127.0.0.1:0"}, "dev", "--data", filepath.Join(devDir(t), "rowhouse"))
	address := p.await(`^  API +http://(.*)/api/v1$`)[1]
	database := p.await(`^  Database +psql '(.*)'$`)[1]
	p.await(`^curl .* -d `)
	_, welcome, _ := strings.Cut(p.said(), "\n\n")
	welcome, _, _ = strings.Cut(welcome, "\n\n  Everybody")
	// What the reader types otherwise: the address, where another has 8080, and the login, which make run prints.
	own := strings.NewReplacer("127.0.0.1:8080", address, "postgres://rowhouse_server@/rowhouse?host=…", database)

	readme, _, another := strings.Cut(read(t, "README.md"), "\n## Adding a resource")
	if !another {
		t.Error("README.md does not say where its conversation ends")
	}
	var steps []step
	for _, f := range append(fencesOf(t, "README.md", readme), fencesOf(t, "docs/tutorial.md", read(t, "docs/tutorial.md"))...) {
		where := fmt.Sprintf("%s:%d", f.file, f.line)
		switch {
		case f.language == "sh":
			steps = append(steps, f.steps()...)
		case f.text == "make run\n", f.text == "make test\n": // what p is, and what this is
		case strings.HasPrefix(f.text, "  API "):
			prints(t, where, welcome, strings.Split(strings.TrimSuffix(own.Replace(f.text), "\n"), "\n"))
		default:
			t.Errorf("%s: a block that is neither typed nor told:\n%s", where, f.text)
		}
	}
	const end = "-- the end of this step\n"
	var session strings.Builder
	for _, s := range steps {
		typed := own.Replace(s.commands)
		if strings.Contains(typed, "…") {
			t.Errorf("%s: nobody can type this:\n%s", s.where, typed)
		}
		fmt.Fprintf(&session, "%secho '%s'\n", typed, strings.TrimSpace(end))
	}
	if err := os.WriteFile(filepath.Join(dir, "session"), []byte(session.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), hung)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "session")
	shell.Dir, shell.Env = dir, []string{asRowhouse + "=1", "HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	said, err := shell.CombinedOutput()
	if err != nil {
		t.Errorf("the shell: %v", err)
	}
	told := strings.Split(string(said), end)
	if len(told) != len(steps)+1 {
		t.Fatalf("it took %d steps of %d, and last said\n%s", len(told)-1, len(steps), told[len(told)-1])
	}
	for i, s := range steps {
		prints(t, s.where, told[i], s.shown)
	}
	if t.Failed() {
		logged, _ := os.ReadFile(log.Name())
		t.Logf("dev.out:\n%s", logged)
	}
}
