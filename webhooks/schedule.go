package webhooks

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Pauses are those before each attempt but the first, about three days in all: long enough for a weekend, and the first few short enough for a
// receiver that is started anew.
var Pauses = []time.Duration{
	5 * time.Second,
	5 * time.Minute,
	30 * time.Minute,
	2 * time.Hour,
	5 * time.Hour,
	10 * time.Hour,
	14 * time.Hour,
	20 * time.Hour,
	24 * time.Hour,
}

const (
	// jitter is the part by which a pause is longer at most, so that what failed at once is not tried again at once.
	jitter = 0.1
	// maxRetryAfter bounds what a receiver may ask for.
	maxRetryAfter = 24 * time.Hour
	// Patience is how long an endpoint may fail, without one success, until it is disabled.
	Patience = 7 * 24 * time.Hour
)

// Pause is how long to wait after so many attempts, and at least as long as the receiver asked for; false when there is no further attempt.
func Pause(attempts int, asked time.Duration) (time.Duration, bool) {
	if attempts < 1 || attempts > len(Pauses) {
		return 0, false
	}
	pause := Pauses[attempts-1]
	return max(pause+rand.N(time.Duration(float64(pause)*jitter)), asked), true
}

// retryAfter is how long the header of an answer asks to wait, in seconds or until a time; 0 where it asks for nothing that makes sense.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return min(max(0, time.Duration(seconds)*time.Second), maxRetryAfter)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxRetryAfter)
}
