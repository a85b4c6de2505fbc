// Package argon2 derives keys from passwords with argon2id (RFC 9106, version 1.3): the same keys as golang.org/x/crypto/argon2 gives,
// in half the time where it can.
//
// It can on amd64 with AVX2 and for one lane. Elsewhere it is golang.org/x/crypto/argon2, which is also what its tests compare it with,
// and which takes its place the day it learns AVX2 (https://go.dev/issue/24519).
package argon2

import "golang.org/x/crypto/argon2"

// In KiB: the least that argon2id is defined for, and the most that is indexed in 32 bits here.
const (
	minMemory = 8
	maxMemory = 1 << 30
)

// A Memory is what keys are made in, one at a time. It stays as large as the largest of them: a new one would cost a key a quarter more
// time, to clear it and in page faults. The zero Memory is ready.
type Memory struct{ blocks []block }

// A block is 1 KiB.
type block [128]uint64

// IDKey returns a key of keyLen bytes. It makes time passes over memory KiB, divided into as many lanes as there are threads.
// Like that of golang.org/x/crypto/argon2 it panics where time, threads or keyLen is 0.
func (m *Memory) IDKey(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
	if !fast || threads != 1 || time < 1 || memory < minMemory || memory > maxMemory {
		return argon2.IDKey(password, salt, time, memory, threads, keyLen)
	}
	return m.oneLane(password, salt, time, memory, keyLen)
}
