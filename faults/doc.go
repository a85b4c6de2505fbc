// Package faults injects faults into the built program and its surroundings, and counts what its clients lose: it kills the server and
// the database, cuts the connection between them at each message, fills the disk, takes the processor away, and restarts and migrates
// under load. It holds tests alone, under the build tag faults:
//
//	go test -tags faults -count=1 ./faults                            # a sample, about a minute
//	go test -tags faults -count=1 -timeout 60m -v ./faults -whole     # the whole counts
//	go test -tags faults -count=1 -timeout 60m ./faults -quota 10     # a sample, with a tenth of a processor for each server
//
// Each test has a PostgreSQL of its own whose durability is on, and says what it counted as attributes (go test -v). They read
// /proc and so run on Linux; the full disk needs to mount a tmpfs, and so root.
package faults
