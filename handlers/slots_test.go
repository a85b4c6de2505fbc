package handlers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// daily are openings of every day.
func daily(openings ...string) (h openingHours) {
	var all []opening
	for _, o := range openings {
		from, to, _ := strings.Cut(o, "-")
		begins, err := clockOf(from)
		ends, endErr := clockOf(to)
		if err != nil || endErr != nil {
			panic(o)
		}
		all = append(all, opening{begins, ends})
	}
	return openingHours{all, all, all, all, all, all, all}
}

// during is a span of RFC 3339 times, such as 2026-03-02T09:00:00Z/2026-03-02T10:00:00Z.
func during(text string) span {
	from, to, _ := strings.Cut(text, "/")
	begins, err := time.Parse(time.RFC3339, from)
	ends, endErr := time.Parse(time.RFC3339, to)
	if err != nil || endErr != nil {
		panic(text)
	}
	return span{begins, ends}
}

// Free are the slots of the opening hours that lie within what is asked for, and in which nothing is booked.
func TestFreeSlots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, zone, within, hours string
		minutes                   int
		booked                    []string
		want                      string // when they begin, in UTC
	}{
		{"a morning", "Europe/Madrid", "2026-01-12T00:00:00+01:00/2026-01-13T00:00:00+01:00", "10:00-12:00", 30, nil, "12T09:00 12T09:30 12T10:00 12T10:30"},
		{"in summer, an hour earlier", "Europe/Madrid", "2026-07-13T00:00:00+02:00/2026-07-14T00:00:00+02:00", "10:00-12:00", 60, nil, "13T08:00 13T09:00"},
		{"two days", "UTC", "2026-01-12T11:00:00Z/2026-01-13T10:30:00Z", "10:00-12:00", 60, nil, "12T11:00"},
		{"what does not fit is none", "UTC", "2026-01-12T00:00:00Z/2026-01-13T00:00:00Z", "10:00-11:20,12:00-12:30", 40, nil, "12T10:00 12T10:40"},
		{"a range that begins within a slot", "UTC", "2026-01-12T10:01:00Z/2026-01-13T00:00:00Z", "10:00-12:00", 60, nil, "12T11:00"},
		{"a range that ends within one", "UTC", "2026-01-12T00:00:00Z/2026-01-12T11:59:59Z", "10:00-12:00", 60, nil, "12T10:00"},
		{"a range of nothing", "UTC", "2026-01-12T10:00:00Z/2026-01-12T10:00:00Z", "00:00-24:00", 60, nil, ""},
		{"a range that ends before it begins", "UTC", "2026-01-14T10:00:00Z/2026-01-12T10:00:00Z", "00:00-24:00", 60, nil, ""},

		{"booked in the middle", "UTC", "2026-01-12T00:00:00Z/2026-01-13T00:00:00Z", "10:00-14:00", 60, []string{"2026-01-12T11:30:00Z/2026-01-12T12:15:00Z"}, "12T10:00 12T13:00"},
		{"what ends where a slot begins is not in its way", "UTC", "2026-01-12T00:00:00Z/2026-01-13T00:00:00Z", "10:00-13:00", 60, []string{"2026-01-12T09:00:00Z/2026-01-12T10:00:00Z", "2026-01-12T11:00:00Z/2026-01-12T12:00:00Z"}, "12T10:00 12T12:00"},
		{"booked in any order, one within another", "UTC", "2026-01-12T00:00:00Z/2026-01-13T00:00:00Z", "10:00-15:00", 60,
			[]string{"2026-01-12T13:00:00Z/2026-01-12T13:01:00Z", "2026-01-12T09:00:00Z/2026-01-12T12:00:00Z", "2026-01-12T10:00:00Z/2026-01-12T10:10:00Z"}, "12T12:00 12T14:00"},
		{"a session over midnight", "UTC", "2026-01-12T22:00:00Z/2026-01-13T02:00:00Z", "00:00-24:00", 60, []string{"2026-01-12T23:30:00Z/2026-01-13T00:30:00Z"}, "12T22:00 13T01:00"},

		{"half an hour from UTC", "Asia/Kolkata", "2026-01-12T00:00:00+05:30/2026-01-13T00:00:00+05:30", "10:00-12:00", 60, nil, "12T04:30 12T05:30"},
		{"three quarters", "Asia/Kathmandu", "2026-01-12T00:00:00+05:45/2026-01-13T00:00:00+05:45", "10:00-12:00", 60, nil, "12T04:15 12T05:15"},
		{"clocks that change by half an hour", "Australia/Lord_Howe", "2026-10-04T00:00:00+10:30/2026-10-04T06:00:00+11:00", "01:00-04:00", 30, nil,
			"03T14:30 03T15:00 03T15:30 03T16:00 03T16:30"}, // 02:00 to 02:30 is not there
		{"yesterday in UTC", "Pacific/Kiritimati", "2026-01-12T00:00:00+14:00/2026-01-13T00:00:00+14:00", "00:00-02:00", 60, nil, "11T10:00 11T11:00"},

		{"an hour that is left out", "Europe/Madrid", "2026-03-29T00:00:00+01:00/2026-03-30T00:00:00+02:00", "01:00-05:00", 60, nil, "29T00:00 29T01:00 29T02:00"},
		{"opening in that hour", "Europe/Madrid", "2026-03-29T00:00:00+01:00/2026-03-30T00:00:00+02:00", "02:30-05:00", 60, nil, "29T01:00 29T02:00"},
		{"closing in that hour", "Europe/Madrid", "2026-03-29T00:00:00+01:00/2026-03-30T00:00:00+02:00", "01:00-02:30", 60, nil, "29T00:00"},
		{"open in that hour alone", "Europe/Madrid", "2026-03-29T00:00:00+01:00/2026-03-30T00:00:00+02:00", "02:10-02:50", 10, nil, ""},
		{"an hour that comes twice", "Europe/Madrid", "2026-10-25T00:00:00+02:00/2026-10-26T00:00:00+01:00", "01:00-04:00", 60, nil, "24T23:00 25T00:00 25T01:00 25T02:00"},
		{"opening in that hour", "Europe/Madrid", "2026-10-25T00:00:00+02:00/2026-10-26T00:00:00+01:00", "02:30-03:30", 30, nil, "25T00:30 25T01:00 25T01:30 25T02:00"},
		{"closing in that hour", "Europe/Madrid", "2026-10-25T00:00:00+02:00/2026-10-26T00:00:00+01:00", "01:30-02:30", 60, nil, "24T23:30"},
		{"a range that begins in its second half", "Europe/Madrid", "2026-10-25T02:30:00+01:00/2026-10-25T04:00:00+01:00", "00:00-24:00", 30, nil, "25T01:30 25T02:00 25T02:30"},

		{"no midnight: it opens when the day begins", "America/Santiago", "2026-09-06T00:00:00-03:00/2026-09-07T00:00:00-03:00", "00:00-03:00", 60, nil, "06T04:00 06T05:00"},
		{"a midnight that comes twice", "America/Havana", "2026-11-01T00:00:00-04:00/2026-11-02T00:00:00-05:00", "00:00-02:00", 60, nil, "01T04:00 01T05:00 01T06:00"},
		{"the day before it ends with the first", "America/Havana", "2026-10-31T22:00:00-04:00/2026-11-01T00:00:00-05:00", "22:00-24:00", 60, nil, "01T02:00 01T03:00"},
		{"a day that was left out", "Pacific/Apia", "2011-12-29T20:00:00-10:00/2011-12-31T02:00:00+14:00", "00:00-01:00,22:00-24:00", 60, nil, "30T08:00 30T09:00 30T10:00"},
	} {
		var booked []span
		for _, b := range c.booked {
			booked = append(booked, during(b))
		}
		var got []string
		for _, s := range freeSlots(during(c.within), daily(strings.Split(c.hours, ",")...), time.Duration(c.minutes)*time.Minute, zoneOf(t, c.zone), booked) {
			if s.To.Sub(s.From) != time.Duration(c.minutes)*time.Minute || s.From.Location() != time.UTC {
				t.Errorf("%s: a slot from %v to %v", c.what, s.From, s.To)
			}
			got = append(got, s.From.Format("02T15:04"))
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%s (%s %s in %s):\n got %s\nwant %s", c.what, c.zone, c.hours, c.within, got, c.want)
		}
	}
}

// A studio that never closes has a slot for each hour that a day has, and no two of them overlap, in whatever zone.
func TestFreeSlotsOfWholeDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, day string
		hours     int
	}{
		{"Europe/Madrid", "2026-01-12", 24}, {"Europe/Madrid", "2026-03-29", 23}, {"Europe/Madrid", "2026-10-25", 25},
		{"America/Santiago", "2026-09-06", 23}, {"America/Santiago", "2026-04-04", 25}, {"America/Havana", "2026-03-08", 23}, {"America/Havana", "2026-11-01", 25},
		{"Asia/Kolkata", "2026-03-29", 24}, {"Africa/Cairo", "2026-04-24", 23}, {"Atlantic/Azores", "2026-10-25", 25},
	} {
		zone := zoneOf(t, c.zone)
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		week := span{day.AddDate(0, 0, -3), day.AddDate(0, 0, 4)}
		var ended time.Time
		hours := 0
		for _, s := range freeSlots(week, daily("00:00-24:00"), time.Hour, zone, nil) {
			if s.From.Before(ended) {
				t.Errorf("%s: a slot at %v, when the one before it has not ended", c.zone, s.From)
			}
			if ended = s.To; s.From.In(zone).Format(time.DateOnly) == c.day {
				hours++
			}
		}
		if hours != c.hours {
			t.Errorf("%s in %s: %d hours, want %d", c.day, c.zone, hours, c.hours)
		}
	}
}

// A moment is the first at which the clocks show a time or a later one: what going through the day by the minute finds.
func TestMoment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, day string }{
		{"Europe/Madrid", "2026-03-29"}, {"Europe/Madrid", "2026-10-25"}, {"Australia/Lord_Howe", "2026-10-04"}, {"Australia/Lord_Howe", "2026-04-05"},
		{"America/Santiago", "2026-09-06"}, {"America/Havana", "2026-11-01"}, {"Pacific/Apia", "2011-12-30"}, {"Antarctica/Troll", "2026-03-29"}, {"UTC", "2026-01-01"},
	} {
		zone := zoneOf(t, c.zone)
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		for at := clock(0); at <= endOfDay; at += 10 {
			want := day.Add(-36 * time.Hour)
			for wall := day.Add(time.Duration(at) * time.Minute).Format("2006-01-02T15:04"); want.In(zone).Format("2006-01-02T15:04") < wall; {
				want = want.Add(time.Minute)
			}
			if got := moment(day, at, zone); !got.Equal(want) {
				t.Errorf("%s %02d:%02d in %s: got %v, want %v", c.day, at/60, at%60, c.zone, got.UTC(), want)
			}
		}
	}
}

// Opening hours are read and written in one form; what no clock shows is none.
func TestOpeningHours(t *testing.T) {
	t.Parallel()
	const form = `{"monday":[{"from":"09:30","to":"13:00"},{"from":"15:00","to":"24:00"}],"tuesday":null,"wednesday":null,"thursday":null,"friday":null,"saturday":null,"sunday":[{"from":"00:00","to":"00:05"}]}`
	var h openingHours
	if err := json.Unmarshal([]byte(form), &h); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(h); err != nil || string(again) != form {
		t.Errorf("got %s, %v", again, err)
	}
	if got := fmt.Sprint(h.on(time.Sunday), h.on(time.Monday), h.on(time.Saturday)); got != "[{0 5}] [{570 780} {900 1440}] []" {
		t.Errorf("got %s", got)
	}
	for _, text := range []string{"", "9:30", "09:3", "24:01", "12:60", "-1:00", "+9:00", "09.30", "09:30:00", "٠٩:٣٠", "ab:cd", "99:99"} {
		if got, err := clockOf(text); err == nil {
			t.Errorf("%q is %d minutes", text, got)
		}
	}
}

// What is wrong with opening hours is said.
func TestOpeningHoursFault(t *testing.T) {
	t.Parallel()
	for hours, want := range map[string]string{
		"09:00-13:00,13:00-24:00": "",
		"09:00-09:00":             "Sunday: an opening ends after it begins.",
		"10:00-09:00":             "Sunday: an opening ends after it begins.",
		"09:00-13:00,12:59-14:00": "Sunday: an opening begins when the one before it has ended.",
		"15:00-16:00,09:00-10:00": "Sunday: an opening begins when the one before it has ended.",
	} {
		h := daily(strings.Split(hours, ",")...)
		if got := h.fault(); got != want {
			t.Errorf("%s: got %q, want %q", hours, got, want)
		}
	}
	saturday := openingHours{Saturday: []opening{{600, 540}}}
	if got := saturday.fault(); !strings.HasPrefix(got, "Saturday: ") {
		t.Errorf("got %q", got)
	}
	if fault := new(openingHours).fault(); fault != "" {
		t.Errorf("closed all week: %s", fault)
	}
}
