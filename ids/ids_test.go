package ids

import (
	"encoding/json"
	"strings"
	"testing"
)

var vectors = []struct{ uuid, base62 string }{
	{"550e8400-e29b-41d4-a716-446655440000", "2aUyqjCzEIiEcYMKj7TZtw"},
	{"ffffffff-ffff-ffff-ffff-ffffffffffff", "7n42DGM5Tflk9n8mt7Fhc7"},
	{"00000000-0000-0000-0000-000000000000", "0"},
	{"00000000-0000-4000-8000-000000000001", "1VgEh72lXvTXkH"},
}

// The standard form, the short form and the bare UUID are three spellings of one identifier.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		for _, text := range []string{"item-" + v.uuid, "item_" + v.base62, v.uuid} {
			var id ItemID
			if err := id.Parse(text); err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			if got, want := id.String(), "item-"+v.uuid; got != want {
				t.Errorf("%s: String: got %s, want %s", text, got, want)
			}
			if got, want := id.Short(), "item_"+v.base62; got != want {
				t.Errorf("%s: Short: got %s, want %s", text, got, want)
			}
		}
	}
}

// Another type's prefix, and text that is not canonical, is no identifier.
func TestRefused(t *testing.T) {
	t.Parallel()
	const u = "550e8400-e29b-41d4-a716-446655440000"
	for _, text := range []string{
		"", "item-", "item_", "-" + u, "user-" + u, "items-" + u, "ITEM-" + u, "tenant_0",
		strings.ToUpper(u), "{" + u + "}", "urn:uuid:" + u, strings.ReplaceAll(u, "-", ""), u + " ", " " + u, u + "0",
		"item-item-" + u, "item-2aUyqjCzEIiEcYMKj7TZtw", "item_" + u,
		"item_00", "item_02aUyqjCzEIiEcYMKj7TZt", "item_7n42DGM5Tflk9n8mt7Fhc8", "item_zzzzzzzzzzzzzzzzzzzzzz",
		"item_2aUyqjCzEIiEcYMKj7TZtw0", "item_2aUy-jCz", "item_é", "item_1\x00",
	} {
		var id ItemID
		if err := id.Parse(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, id)
		}
	}
}

// An id is text in JSON, as a value and as a key.
func TestJSON(t *testing.T) {
	t.Parallel()
	id := New[UserID]()
	text, err := json.Marshal(map[UserID]UserID{id: id})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(text), `{"`+id.String()+`":"`+id.String()+`"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whatever Parse accepts is written back as one of the three forms, and every id survives each form.
func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add("item-" + v.uuid)
		f.Add("item_" + v.base62)
		f.Add(v.uuid)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var id ItemID
		if id.Parse(text) != nil {
			return
		}
		if text != id.String() && text != id.Short() && text != id.UUID() {
			t.Errorf("%q reads as %v, which has no such form", text, id)
		}
	})
}
