package handlers

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-ical"
	"github.com/google/go-cmp/cmp"

	"rowhouse/ids"
)

func entryOf(t *testing.T, title, notes, status string) calendarEntry {
	t.Helper()
	from := time.Date(2027, 3, 1, 10, 0, 0, 0, zoneOf(t, "Europe/Madrid"))
	return calendarEntry{
		ID: ids.New[ids.AppointmentID](), From: from, To: from.Add(150 * time.Minute), Title: title, Notes: notes, Status: status,
		Version: 7, CreatedAt: from.Add(-72 * time.Hour), UpdatedAt: from.Add(-time.Hour),
	}
}

func calendarText(t *testing.T, name string, entries ...calendarEntry) string {
	t.Helper()
	var b strings.Builder
	if err := writeCalendar(&b, name, entries); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// texts are what is hard to write on lines of 75 octets, with commas and semicolons between values.
var texts = []string{
	"Fern", `a, b; c: "d" \ e \n f \\`, "line\nline\n\nline", "tab\there", " blanks ", ",", `\`, `\,`, "END:VEVENT", "a\nEND:VEVENT\nBEGIN:VEVENT",
	strings.Repeat("x", 74), strings.Repeat("x", 300), strings.Repeat("é", 100), strings.Repeat("🎨", 77), "x" + strings.Repeat("日", 99),
	strings.Repeat(`\`, 200), strings.Repeat("\n", 200), strings.Repeat(" ", 200), strings.Repeat(",é", 120),
}

// A calendar says to somebody else's parser what it was made of.
func TestCalendarIsReadBack(t *testing.T) {
	t.Parallel()
	var entries []calendarEntry
	statuses := []string{"scheduled", "on_hold", "completed", "cancelled"}
	for i, text := range texts {
		entries = append(entries, entryOf(t, text, texts[len(texts)-1-i], statuses[i%4]))
	}
	entries = append(entries, entryOf(t, "without notes", "", "scheduled"))
	for _, name := range texts {
		decoder := ical.NewDecoder(strings.NewReader(calendarText(t, name, entries...)))
		calendar, err := decoder.Decode()
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if _, err := decoder.Decode(); !errors.Is(err, io.EOF) {
			t.Errorf("%q: behind the calendar: %v", name, err)
		}
		for property, want := range map[string]string{"VERSION": "2.0", "PRODID": "-//rowhouse//rowhouse//EN", "NAME": name, "X-WR-CALNAME": name} {
			if got, err := calendar.Props.Text(property); err != nil || got != want {
				t.Errorf("%s is %q, %v, want %q", property, got, err, want)
			}
		}
		var got []map[string]string
		for _, event := range calendar.Events() {
			said := map[string]string{}
			for property, values := range event.Props {
				if len(values) != 1 || len(values[0].Params) > 0 {
					t.Errorf("%s: %v", property, values)
				}
				said[property] = values[0].Value
				if values[0].ValueType() == ical.ValueText {
					if said[property], err = values[0].Text(); err != nil {
						t.Errorf("%s: %v", property, err)
					}
				}
			}
			got = append(got, said)
		}
		var want []map[string]string
		for _, e := range entries {
			said := map[string]string{
				"UID": e.ID.String(), "DTSTAMP": "20270301T080000Z", "DTSTART": "20270301T090000Z", "DTEND": "20270301T113000Z",
				"CREATED": "20270226T090000Z", "LAST-MODIFIED": "20270301T080000Z", "SUMMARY": e.Title, "SEQUENCE": "7",
				"STATUS": map[string]string{"scheduled": "CONFIRMED", "on_hold": "TENTATIVE", "completed": "CONFIRMED", "cancelled": "CANCELLED"}[e.Status],
			}
			if e.Notes != "" {
				said["DESCRIPTION"] = e.Notes
			}
			want = append(want, said)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
	}
}

// Lines end with CR and LF, are of up to 75 octets, break no character, and none is empty.
func TestCalendarLines(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		whole := calendarText(t, text, entryOf(t, text, text, "scheduled"))
		rest, ends := strings.CutSuffix(whole, "\r\n")
		if !ends {
			t.Errorf("%q: it ends with %q", text, whole[len(whole)-5:])
		}
		for line := range strings.SplitSeq(rest, "\r\n") {
			if len(line) > 75 || len(line) == 0 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%q: the line %q of %d octets", text, line, len(line))
			}
		}
	}
}

// What is written follows from the appointments alone, and of none there is an empty calendar.
func TestCalendarIsTheSameAgain(t *testing.T) {
	t.Parallel()
	e := entryOf(t, "Fern", "", "scheduled")
	if once, again := calendarText(t, "Mara", e), calendarText(t, "Mara", e); once != again {
		t.Errorf("once %s, again %s", once, again)
	}
	want := "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//rowhouse//rowhouse//EN\r\nNAME:Mara\r\nX-WR-CALNAME:Mara\r\nEND:VCALENDAR\r\n"
	if got := calendarText(t, "Mara"); got != want {
		t.Errorf("got %q", got)
	}
}
