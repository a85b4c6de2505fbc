package schema

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// releasedFile lists the released migrations in order, as sha256sum does; comments begin with #.
const releasedFile = "migrations.sum"

// A migration that is listed as released is never changed again: databases have it as it was. With -update the others are listed too, which
// a release does; nothing takes a line away.
func TestReleased(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile(releasedFile)
	if err != nil {
		t.Fatal(err)
	}
	faults, more := released(t, string(list), Migrations())
	for _, fault := range faults {
		t.Error(fault)
	}
	if *update && len(faults) == 0 {
		if err := os.WriteFile(releasedFile, append(list, more...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// released compares a list with the files: what is no longer as it was released, and the lines of those that are not listed.
func released(t *testing.T, list string, files fs.FS) (faults []string, more string) {
	t.Helper()
	listed := map[string]string{}
	for line := range strings.Lines(list) {
		if sum, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok && !strings.HasPrefix(line, "#") {
			listed[name] = sum
		}
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(text))
		was, ok := listed[name]
		delete(listed, name)
		switch {
		case !ok:
			more += sum + "  " + name + "\n"
		case was != sum:
			faults = append(faults, name+" was released and is changed: databases have it as it was, so undo that and write a new migration")
		case more != "":
			faults = append(faults, name+" was released, and stands behind one that was not: give that one a higher number")
		}
	}
	for name := range listed {
		faults = append(faults, name+" was released and is gone")
	}
	return faults, more
}

// A released migration may not be changed, renamed, taken away or preceded; one that is not released may.
func TestReleasedFaults(t *testing.T) {
	t.Parallel()
	folder := func(files ...string) fstest.MapFS {
		of := fstest.MapFS{}
		for i := 0; i < len(files); i += 2 {
			of[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
		}
		return of
	}
	_, list := released(t, "# none yet\n", folder("1_a.sql", "a", "2_b.sql", "b"))
	for _, c := range []struct {
		files fstest.MapFS
		want  string
	}{
		{folder("1_a.sql", "a", "2_b.sql", "b"), ""},
		{folder("1_a.sql", "a", "2_b.sql", "b", "3_c.sql", "whatever"), ""},
		{folder("1_a.sql", "a", "2_b.sql", "b "), "2_b.sql was released and is changed"},
		{folder("1_a.sql", "a"), "2_b.sql was released and is gone"},
		{folder("1_a.sql", "a", "2_c.sql", "b"), "2_b.sql was released and is gone"},
		{folder("0_c.sql", "c", "1_a.sql", "a", "2_b.sql", "b"), "1_a.sql was released, and stands behind one that was not"},
	} {
		faults, _ := released(t, list, c.files)
		if got := strings.Join(faults, "\n"); (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: got %q, want %q", c.files, got, c.want)
		}
	}
}
