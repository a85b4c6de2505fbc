package rest

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

// rfc3339 is the form of a time. The standard library reads more than that: offsets of a day, a comma before the fraction.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// parseTime reads a time of RFC 3339, whose T and Z may be small letters too, and nothing else; leap seconds are not known. It is of the years 0 to
// 9999 in UTC, in which it is returned, to the microsecond, which is as much as PostgreSQL keeps.
func parseTime(text string) (time.Time, bool) {
	if !rfc3339.MatchString(text) {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	at = at.UTC().Truncate(time.Microsecond)
	return at, err == nil && at.Year() >= 0 && at.Year() <= 9999
}

// Date is a day of the years 1 to 9999, written YYYY-MM-DD; as a time it is midnight in UTC.
type Date time.Time

var errDate = errors.New("must be a date such as 2006-01-31")

// MarshalText writes the date; it fails for a year that has not four digits.
func (d Date) MarshalText() ([]byte, error) {
	if year := time.Time(d).Year(); year < 1 || year > 9999 {
		return nil, errDate
	}
	return time.Time(d).AppendFormat(nil, time.DateOnly), nil
}

// UnmarshalText reads what MarshalText writes and nothing else.
func (d *Date) UnmarshalText(text []byte) error {
	day, err := time.Parse(time.DateOnly, string(text))
	if err != nil || day.Year() < 1 {
		return errDate
	}
	*d = Date(day)
	return nil
}

// DateOf makes a Date of a column's value; nil is NULL.
func DateOf(column *time.Time) *Date {
	if column == nil {
		return nil
	}
	year, month, day := column.Date()
	return new(Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)))
}

// Time makes a column's value of a Date; nil is NULL.
func (d *Date) Time() *time.Time { return (*time.Time)(d) }
