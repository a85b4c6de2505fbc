package rest

import (
	"math/rand/v2"
	"time"

	"rowhouse/telemetry"
)

// slow is how long a request takes that the log always tells of.
const slow = time.Second

// unsampled says that the log leaves a request out, since it tells of a part of those like it, and not of this one. Of what was refused, took long
// or failed it tells whatever the part is.
func unsampled(part float64, told telemetry.Answer) bool {
	return part > 0 && part < 1 && told.Status < 400 && told.Took < slow && rand.Float64() >= part
}
