package tenancy

import (
	"bytes"
	"os"
	"strconv"
)

// crowd knows how many want the machine's processors, where the system tells (/proc).
type crowd struct {
	running    *os.File // proc_loadavg(5), whose fourth field begins with how many run or want to
	processors int
}

// maxShare bounds how much slower own time may pass.
const maxShare = 40

func newCrowd() *crowd {
	stat, _ := os.ReadFile("/proc/stat") // has a line for all processors, and one for each
	running, err := os.Open("/proc/loadavg")
	if err != nil {
		running = nil
	}
	return &crowd{running, max(1, bytes.Count(stat, []byte("\ncpu")))}
}

// roomy is how many may want each processor before own time slows down: whoever wants it next need not wait long.
const roomy = 2

// share is how many times more than that want each processor; at least one.
func (c *crowd) share() float64 {
	if c.running == nil {
		return 1
	}
	var text [64]byte
	n, _ := c.running.ReadAt(text[:], 0)
	fields := bytes.Fields(text[:n])
	if len(fields) < 4 {
		return 1
	}
	running, _, _ := bytes.Cut(fields[3], []byte("/"))
	wanting, err := strconv.Atoi(string(running))
	if err != nil {
		return 1
	}
	return min(max(1, float64(wanting-1)/float64(roomy*c.processors)), maxShare) // all but who asks
}

func (c *crowd) close() {
	if c.running != nil {
		_ = c.running.Close()
	}
}
