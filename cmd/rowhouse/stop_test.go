package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// Whoever stops a server waits for it as long as it may take: the waits of the server end one after the other within that time, and
// compose, systemd and the guide say the same.
func TestStopTimeIsSaidOnce(t *testing.T) {
	t.Parallel()
	if !(2*drainTime < requestsUntil && requestsUntil < stopTime) {
		t.Errorf("a wait begins after its end: %v, %v, %v", 2*drainTime, requestsUntil, stopTime)
	}
	guide := strings.Join(strings.Fields(read(t, "docs/operations.md")), " ")
	for _, c := range []struct {
		where, text, pattern string
		want                 time.Duration
		times                int
	}{
		{"docker-compose.yml", read(t, "docker-compose.yml"), `stop_grace_period: (\S+)`, stopTime, 2},
		{"docs/operations.md", guide, `TimeoutStopSec=(\d+)`, stopTime, 1},
		{"docs/operations.md", guide, `may be killed (\d+) s after`, stopTime, 1},
		{"docs/operations.md", guide, `requests under way until (\d+) s after`, requestsUntil, 1},
		{"docs/operations.md", guide, `takes new ones, for (\S+) s;`, drainTime, 1},
		{"docs/operations.md", guide, `who is connected, for (\S+) s;`, drainTime, 1},
	} {
		said := regexp.MustCompile(c.pattern).FindAllStringSubmatch(c.text, -1)
		if len(said) != c.times {
			t.Errorf("%s says %q %d times, want %d", c.where, c.pattern, len(said), c.times)
		}
		for _, one := range said {
			if got, err := time.ParseDuration(strings.TrimSuffix(one[1], "s") + "s"); err != nil || got != c.want {
				t.Errorf("%s: got %q, want %v", c.where, one, c.want)
			}
		}
	}
}
