package rest

import (
	"testing"

	"rowhouse/telemetry"
)

// A sample is of requests that succeeded soon; of the others the log tells of each, and without a sample of all.
func TestUnsampled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		part float64
		told telemetry.Answer
		want bool
	}{
		{1e-12, telemetry.Answer{Status: 200}, true},
		{1e-12, telemetry.Answer{Status: 304, Took: slow - 1}, true},
		{1e-12, telemetry.Answer{Status: 200, Took: slow}, false},
		{1e-12, telemetry.Answer{Status: 400}, false},
		{1e-12, telemetry.Answer{Status: 503}, false},
		{1, telemetry.Answer{Status: 200}, false},
		{0, telemetry.Answer{Status: 200}, false},
	} {
		if got := unsampled(c.part, c.told); got != c.want {
			t.Errorf("of %v, %+v: got %t", c.part, c.told, got)
		}
	}
}
