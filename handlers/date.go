package handlers

import (
	"errors"
	"time"
)

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

// dateOf and time are how a date comes from the database and goes there; nil is NULL.
func dateOf(column *time.Time) *Date {
	if column == nil {
		return nil
	}
	year, month, day := column.Date()
	return new(Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)))
}

func (d *Date) time() *time.Time { return (*time.Time)(d) }
