package rest

import (
	"os"
	"slices"
	"testing"
)

// checkedLine is a line that finds itself wrong.
type checkedLine struct {
	Name string `json:"name" validate:"min=1"`
	Size int32  `json:"size"`
}

func (l *checkedLine) Problems() []FieldError { return []FieldError{{"name", "checked", "x"}} }

// What a line finds wrong with itself is told too, in either format.
func TestLineProblems(t *testing.T) {
	t.Parallel()
	for format, body := range map[string]string{"ndjson": `{"name":"x","size":"x"}` + "\n" + `{"name":"","size":1}`, "csv": "size,name\nx,x\n1,\n"} {
		spool, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer spool.Close()
		if _, err := spool.WriteString(body); err != nil {
			t.Fatal(err)
		}
		var got []string
		err = eachLine(spool, format == "csv", func(_ int, _ checkedLine, problems []FieldError) error {
			for _, p := range problems {
				got = append(got, p.Field+":"+p.Code)
			}
			return nil
		})
		if want := []string{"name:checked", "size:type", "name:min_length"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v %v, want %v", format, got, err, want)
		}
	}
}
