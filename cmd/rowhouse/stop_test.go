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
	if !(2*drainTime < requestsUntil && requestsUntil < mailUntil && mailUntil < stopTime) {
		t.Errorf("a wait begins after its end: %v, %v, %v, %v", 2*drainTime, requestsUntil, mailUntil, stopTime)
	}
	guide := strings.Join(strings.Fields(read(t, "docs/operations.md")), " ")
	for _, c := range []struct {
		where, text, pattern string
		want                 time.Duration
	}{
		{"docker-compose.yml", read(t, "docker-compose.yml"), `stop_grace_period: (\S+)`, stopTime},
		{"docs/operations.md", guide, `TimeoutStopSec=(\d+)`, stopTime},
		{"docs/operations.md", guide, `may be killed (\d+) s after`, stopTime},
		{"docs/operations.md", guide, `requests under way until (\d+) s after`, requestsUntil},
		{"docs/operations.md", guide, `mail that is to be sent until (\d+) s after`, mailUntil},
		{"docs/operations.md", guide, `takes new ones, for (\S+) s;`, drainTime},
		{"docs/operations.md", guide, `who is connected, for (\S+) s;`, drainTime},
	} {
		said := regexp.MustCompile(c.pattern).FindAllStringSubmatch(c.text, -1)
		if len(said) != 1 {
			t.Errorf("%s says %q %d times, want once", c.where, c.pattern, len(said))
			continue
		}
		if got, err := time.ParseDuration(strings.TrimSuffix(said[0][1], "s") + "s"); err != nil || got != c.want {
			t.Errorf("%s: got %q, want %v", c.where, said[0], c.want)
		}
	}
}
