package resource

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copied is a folder with the two files that are read, the markers changed.
func copied(t *testing.T, change func(markers string) string) string {
	t.Helper()
	root := t.TempDir()
	for _, file := range []string{markersFile, overridesFile} {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if file == markersFile {
			text = []byte(change(string(text)))
		}
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// What stands in the repository is what would be written.
func TestWritten(t *testing.T) {
	t.Parallel()
	root := copied(t, func(markers string) string { return markers })
	if err := WriteIdentifiers(root); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{identifiersFile, overridesFile} {
		want, err := os.ReadFile(filepath.Join(root, file))
		got, readErr := os.ReadFile(filepath.Join("..", file))
		if err != nil || readErr != nil || string(got) != string(want) {
			t.Errorf("%s is not what cmd/resource writes: make generate (%v, %v)", file, err, readErr)
		}
	}
}

// One more marker is one more identifier; without one that a table needs, the column that nobody knows is named.
func TestMarkers(t *testing.T) {
	t.Parallel()
	root := copied(t, func(markers string) string {
		return strings.Replace(markers, "\titem ", "\tgiftCategory struct{}\n\titem ", 1)
	})
	if err := WriteIdentifiers(root); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(root, identifiersFile))
	names := strings.Join(strings.Fields(string(written)), " ") // gofmt aligns them by the longest
	if err != nil || !strings.Contains(names, `func (giftCategory) prefix() string { return "giftcategory" }`) || !strings.Contains(names, "GiftCategoryID = ID[giftCategory]") {
		t.Errorf("got %s, %v", written, err)
	}
	if got := newEntity("giftCategory").table; got != "gift_categories" {
		t.Errorf("got the table %s", got)
	}
	root = copied(t, func(markers string) string { return strings.Replace(markers, "\titem       struct{}\n", "", 1) })
	if err := WriteIdentifiers(root); err == nil || !strings.Contains(err.Error(), "items.id: nothing says whose ids it holds") {
		t.Errorf("without its marker: got %v", err)
	}
}
