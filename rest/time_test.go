package rest

import (
	"io"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A time is one of RFC 3339, whose T and Z may be small.
func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-01-31T09:30:00Z": "2026-01-31T09:30:00Z", "2026-01-31t09:30:00z": "2026-01-31T09:30:00Z", "2026-01-31T09:30:00.5Z": "2026-01-31T09:30:00.5Z",
		"2026-01-31T09:30:00.123456789123Z": "2026-01-31T09:30:00.123456Z", "2026-01-31T09:30:00+23:59": "2026-01-30T09:31:00Z",
		"2026-01-31T09:30:00-00:00": "2026-01-31T09:30:00Z", "2024-02-29T00:00:00-12:00": "2024-02-29T12:00:00Z",
	} {
		if at, ok := parseTime(text); !ok || at.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: got %v %v, want %s", text, at, ok, want)
		}
	}
}

// A time whose year has not four digits in UTC could not be shown.
func TestParseTimeYears(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"9999-12-31T23:59:59Z": true, "9999-12-31T23:59:59-00:01": false, "0000-01-01T00:00:00Z": true, "0000-01-01T00:00:00+00:01": false,
	} {
		if at, ok := parseTime(text); ok != want {
			t.Errorf("%s: got %v %v, want %v", text, at, ok, want)
		}
	}
}

// atInput has a time in the body.
type atInput struct {
	At time.Time `json:"at"`
}

// A time in a body is read as one in an address.
func TestTimeInBody(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`"2026-01-31T09:30:00Z"`: true, `"2026-01-31t09:30:00.5\u002b01:00"`: true,
		`"2026-01-31T09:30:00+24:00"`: false, `"2026-01-31T09:30:00,5Z"`: false, `"2026-01-31"`: false, `5`: false, `{}`: false, `"\ud800"`: false,
	} {
		var in atInput
		err := decodeText(&in, `{"at":`+text+`}`)
		if (err == nil) != ok || ok == in.At.IsZero() {
			t.Errorf("%s: got %v, %v", text, in.At, err)
		}
	}
}

// A text that is too long for a time is refused without being read: a body may be as long as its longest field.
func TestLongTimeIsNotRead(t *testing.T) { // not parallel: it looks at the memory of the process
	raw := jsontext.Value(`"` + strings.Repeat("\xff", 1<<20) + `"`)
	field, in := FieldsOf(reflect.TypeFor[atInput]())[0], reflect.New(reflect.TypeFor[atInput]()).Elem()
	var before, after runtime.MemStats
	least := uint64(math.MaxUint64)
	for range 5 { // the process has other work too
		runtime.ReadMemStats(&before)
		problem := field.decode(raw, in)
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
		if problem == nil || problem.Code != "format" {
			t.Fatalf("got %v", problem)
		}
	}
	if least > 1<<16 {
		t.Errorf("it took %d bytes", least)
	}
}

// decodeText reads a body into an input.
func decodeText(in any, body string) error {
	return decode(&exchange{server: &Server{}, route: &Route{}, request: &http.Request{
		Method: http.MethodPost, URL: &url.URL{}, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}}, in)
}
