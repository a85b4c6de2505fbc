package handlers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A clock is a time of day as a clock on the wall shows it: so many minutes from midnight, up to 24:00, the midnight at its end.
type clock int

const endOfDay clock = 24 * 60

// clockOf reads a time such as 09:30.
func clockOf(text string) (clock, error) {
	hours, minutes, ok := strings.Cut(text, ":")
	h, hoursErr := strconv.ParseUint(hours, 10, 8)
	m, minutesErr := strconv.ParseUint(minutes, 10, 8)
	c := clock(60*h + m)
	if !ok || len(hours) != 2 || len(minutes) != 2 || hoursErr != nil || minutesErr != nil || m > 59 || c > endOfDay {
		return 0, fmt.Errorf("%.10q is no time of day from 00:00 to 24:00", text)
	}
	return c, nil
}

func (c *clock) UnmarshalText(text []byte) (err error) {
	*c, err = clockOf(string(text))
	return err
}

// MarshalText is the form that is read.
func (c clock) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%02d:%02d", c/60, c%60), nil }

// An opening is a part of a day in which a studio is open.
type opening struct {
	From clock `json:"from" example:"10:00"`
	To   clock `json:"to" example:"19:00"`
}

// openingHours are those of a week. On a day without an opening it is closed.
type openingHours struct {
	Monday    []opening `json:"monday"`
	Tuesday   []opening `json:"tuesday"`
	Wednesday []opening `json:"wednesday"`
	Thursday  []opening `json:"thursday"`
	Friday    []opening `json:"friday"`
	Saturday  []opening `json:"saturday"`
	Sunday    []opening `json:"sunday"`
}

func (h *openingHours) on(day time.Weekday) []opening {
	return [...][]opening{h.Sunday, h.Monday, h.Tuesday, h.Wednesday, h.Thursday, h.Friday, h.Saturday}[day]
}

// fault says what is wrong with opening hours; nothing where a studio can have them: each day's openings end after they begin, and follow each
// other.
func (h *openingHours) fault() string {
	for day := time.Sunday; day <= time.Saturday; day++ {
		var closed clock // since when, on this day
		for _, o := range h.on(day) {
			switch {
			case o.To <= o.From:
				return day.String() + ": an opening ends after it begins."
			case o.From < closed:
				return day.String() + ": an opening begins when the one before it has ended."
			}
			closed = o.To
		}
	}
	return ""
}

// A span is the time from one moment up to another.
type span struct {
	From, To time.Time
}

func (s span) overlaps(other span) bool { return s.From.Before(other.To) && other.From.Before(s.To) }

// freeSlots are the times of one length, within a span, at which an artist could be booked, in their order and in UTC. The first of an opening
// begins with it, and each other where the one before it ends, as clocks run: so an hour that a change of the clocks takes away or brings twice
// is left out or counted twice. Hours must be without fault, and length above zero.
func freeSlots(within span, hours openingHours, length time.Duration, zone *time.Location, booked []span) (free []span) {
	from, to := within.From.In(zone), within.To.In(zone)
	day := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
	last := time.Date(to.Year(), to.Month(), to.Day(), 0, 0, 0, 0, time.UTC)
	for ; !day.After(last); day = day.AddDate(0, 0, 1) {
		for _, o := range hours.on(day.Weekday()) {
			closes := moment(day, o.To, zone)
			slot := span{From: moment(day, o.From, zone)}
			for ; !slot.From.Add(length).After(closes); slot.From = slot.To {
				slot.To = slot.From.Add(length)
				if !slot.From.Before(within.From) && !slot.To.After(within.To) && !slices.ContainsFunc(booked, slot.overlaps) {
					free = append(free, span{slot.From.UTC(), slot.To.UTC()})
				}
			}
		}
	}
	return free
}

// moment is the first at which the clocks of a zone show a time of a day, or a later one: of a time that they jump over, the moment of the jump,
// and of one that they show twice, the first. The day is given by its midnight in UTC.
func moment(day time.Time, at clock, zone *time.Location) time.Time {
	wall := day.Add(time.Duration(at) * time.Minute)
	guess := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	began, ends := guess.ZoneBounds()
	switch shown(guess).Compare(wall) {
	case -1: // before the jump, and what comes next is behind it
		return ends
	case 1:
		return began
	}
	if !began.IsZero() {
		_, before := began.Add(-1).Zone()
		_, now := guess.Zone()
		if first := guess.Add(time.Duration(now-before) * time.Second); first.Before(began) {
			return first
		}
	}
	return guess
}

// shown is what the clocks of a time's zone show, as if it were UTC.
func shown(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second)
}
