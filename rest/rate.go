package rest

import (
	"errors"
	"math"
	"strconv"
)

// Rate is a share of something, from 0 to 1 in steps of a ten-thousandth: a numeric(5,4) of the database, a number of JSON.
type Rate float64

const rateSteps = 10_000

var errRate = errors.New("must be a number from 0 to 1, with up to four decimals")

// UnmarshalText reads a decimal number; it fails for one that no Rate is.
func (r *Rate) UnmarshalText(text []byte) error {
	n, err := strconv.ParseFloat(string(text), 64)
	steps := math.Round(n * rateSteps)
	if err != nil || !(n >= 0 && n <= 1) || steps/rateSteps != n {
		return errRate
	}
	*r = Rate(n)
	return nil
}

// UnmarshalJSON reads a JSON number.
func (r *Rate) UnmarshalJSON(text []byte) error { return r.UnmarshalText(text) }
