package rest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/swaggest/jsonschema-go"
)

// A date is written as it is read.
func TestDate(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0001-01-01", "1969-07-20", "2000-02-29", "2024-02-29", "9999-12-31"} {
		var date Date
		if err := date.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if at := time.Time(date); at.Location() != time.UTC || !at.Equal(at.Truncate(24*time.Hour)) {
			t.Errorf("%s: got %v, want midnight in UTC", text, at)
		}
		if got, err := date.MarshalText(); string(got) != text || err != nil {
			t.Errorf("%s: got %s and %v", text, got, err)
		}
	}
	if got, err := (Date{}).MarshalText(); string(got) != "0001-01-01" || err != nil {
		t.Errorf("the zero date: got %s and %v", got, err)
	}
}

// Another spelling, a time, and a day that never was are no dates; what stood there before stays.
func TestDateRefused(t *testing.T) {
	t.Parallel()
	before := Date(time.Date(2006, 1, 31, 0, 0, 0, 0, time.UTC))
	for _, text := range []string{
		"", "2006", "2006-01", "2006-1-31", "2006-01-1", "2006-01-031", "06-01-31", "02006-01-31", "20060131", "2006/01/31", "31-01-2006",
		"2006-00-10", "2006-13-01", "2006-01-00", "2006-01-32", "2006-04-31", "2006-02-29", "1900-02-29", "0000-01-01", "0000-12-31",
		"-001-01-01", "-2006-01-31", "+2006-01-31", "10000-01-01", " 2006-01-31", "2006-01-31 ", "2006-01-31\n", "2006-01-31\x00",
		"2006-01-31T00:00:00Z", "2006-01-31Z", "2006-01-31.5", "2006-01- 1", "2006- 1-31", "2006-Jan-31", "２００６-01-31", "null",
	} {
		date := before
		if err := date.UnmarshalText([]byte(text)); err == nil || err.Error() != "must be a date such as 2006-01-31" || date != before {
			t.Errorf("%q: got %v and %v", text, time.Time(date), err)
		}
	}
	for _, year := range []int{-1, 0, 10000} {
		if text, err := Date(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)).MarshalText(); err == nil {
			t.Errorf("the year %d is written as %s", year, text)
		}
	}
}

// A column's date is the same day, whatever its time and zone, and NULL is null.
func TestDateOfColumn(t *testing.T) {
	t.Parallel()
	midnight := time.Date(2006, 1, 31, 0, 0, 0, 0, time.UTC)
	for _, column := range []time.Time{midnight, time.Date(2006, 1, 31, 23, 59, 0, 1, time.FixedZone("", -7*3600))} {
		date := DateOf(&column)
		if *date.Time() != midnight {
			t.Errorf("%v: got %v, want %v", column, *date.Time(), midnight)
		}
	}
	if DateOf(nil) != nil || (*Date)(nil).Time() != nil {
		t.Error("NULL is some date")
	}
}

// Whatever is read as a date is written the same.
func FuzzDate(f *testing.F) {
	f.Add("2006-01-31")
	f.Add("0000-02-29")
	f.Fuzz(func(t *testing.T, text string) {
		var date Date
		if date.UnmarshalText([]byte(text)) != nil {
			return
		}
		if again, err := date.MarshalText(); string(again) != text || err != nil {
			t.Errorf("%q: got %q and %v", text, again, err)
		}
	})
}

type dateInput struct {
	Since Date           `query:"since"`
	Until *Date          `query:"until"`
	Born  Date           `json:"born" doc:"The first day." example:"1815-12-10"`
	Died  Nullable[Date] `json:"died"`
	Wed   *Date          `json:"wed"`
}

type dateOutput struct {
	Born Date  `json:"born" example:"1815-12-10"`
	Died *Date `json:"died"`
	Wed  *Date `json:"wed,omitzero"`
}

// Dates come in bodies and in queries, and what is wrong with them is told.
func TestDateInput(t *testing.T) {
	t.Parallel()
	read := func(query, body string) (in dateInput, err error) {
		err = decode(&exchange{server: &Server{}, route: &Route{}, request: &http.Request{
			Method: http.MethodPost, URL: &url.URL{RawQuery: query}, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}}, &in)
		return in, err
	}
	day := func(year int, month time.Month, day int) *Date {
		return new(Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)))
	}
	same := cmp.Transformer("time", func(d Date) time.Time { return time.Time(d) })
	for _, c := range []struct {
		query, body string
		want        dateInput
	}{
		{"", `{"born":"1815-12-10"}`, dateInput{Born: *day(1815, 12, 10)}},
		{"", `{"born":"1815-12-10","died":null}`, dateInput{Born: *day(1815, 12, 10), Died: Nullable[Date]{Set: true}}},
		{"since=2024-02-29&until=9999-12-31", `{"born":"0001-01-01","died":"1852-11-27","wed":"1835-07-08"}`, dateInput{
			*day(2024, 2, 29), day(9999, 12, 31), *day(1, 1, 1), Nullable[Date]{true, day(1852, 11, 27)}, day(1835, 7, 8),
		}},
	} {
		in, err := read(c.query, c.body)
		if diff := cmp.Diff(c.want, in, same); err != nil || diff != "" {
			t.Errorf("%s %s: %v (-want +got):\n%s", c.query, c.body, err, diff)
		}
	}
	_, err := read("since=2024-02-30&until=now", `{"born":"1815-12-10T00:00:00Z","died":18521127,"wed":null}`)
	want := []FieldError{
		{"since", "format", "Must be a date such as 2006-01-31."},
		{"until", "format", "Must be a date such as 2006-01-31."},
		{"born", "format", "Must be a date such as 2006-01-31."},
		{"died", "type", "Not of the right type."},
		{"wed", "not_null", "Must not be null."},
	}
	if diff := cmp.Diff(want, (&API{}).Refuse(err, false).Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Dates are answered as text, and those that are not there as null.
func TestDateOutput(t *testing.T) {
	t.Parallel()
	born := time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC)
	for want, out := range map[string]dateOutput{
		`{"born":"0001-01-01","died":null}`:                            {},
		`{"born":"1815-12-10","died":"1815-12-10","wed":"1815-12-10"}`: {Date(born), DateOf(&born), DateOf(&born)},
	} {
		if got, err := jsonv2.Marshal(out); string(got) != want || err != nil {
			t.Errorf("got %s and %v, want %s", got, err, want)
		}
	}
	if got, err := jsonv2.Marshal(dateOutput{Born: Date(born.AddDate(10000, 0, 0))}); err == nil {
		t.Errorf("got %s, want an error", got)
	}
}

// schemasOf are the properties of types as OpenAPI describes them.
func schemasOf(t *testing.T, input, output reflect.Type) (in, out map[string]any) {
	t.Helper()
	d := &document{schemas: map[string]map[string]any{}}
	d.reflector.DefaultOptions = append(d.reflector.DefaultOptions, jsonschema.InlineRefs,
		jsonschema.InterceptSchema(valueSchema), jsonschema.InterceptProp(d.propertySchema), jsonschema.InterceptNullability(nullability))
	d.input(input)
	text, err := json.Marshal([]any{d.schemas[schemaName(input)]["properties"], d.reflect(output)["properties"]})
	if err != nil || d.err != nil {
		t.Fatal(err, d.err)
	}
	var both []map[string]any
	if err := json.Unmarshal(text, &both); err != nil {
		t.Fatal(err)
	}
	return both[0], both[1]
}

// In the description a date is text of the format date, with an example.
func TestOpenAPIDate(t *testing.T) {
	t.Parallel()
	in, out := schemasOf(t, reflect.TypeFor[dateInput](), reflect.TypeFor[dateOutput]())
	date := func(kind any, example string) map[string]any {
		return map[string]any{"type": kind, "format": "date", "examples": []any{example}}
	}
	born := date("string", "1815-12-10")
	born["description"] = "The first day."
	if diff := cmp.Diff(map[string]any{
		"born": born, "died": date([]any{"string", "null"}, "2026-01-31"), "wed": date("string", "2026-01-31"),
	}, in); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{
		"born": date("string", "1815-12-10"), "died": date([]any{"string", "null"}, "2026-01-31"), "wed": date("string", "2026-01-31"),
	}, out); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}
