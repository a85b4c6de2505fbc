package argon2

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/crypto/argon2"
)

// The key that the authors' own implementation gives, in its tests.
func TestKnownKey(t *testing.T) {
	t.Parallel()
	const want = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
	if got := hex.EncodeToString(new(Memory).IDKey([]byte("password"), []byte("somesalt"), 2, 64*1024, 1, 32)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// same fails if the key is not the library's.
func same(t *testing.T, password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) {
	t.Helper()
	got := new(Memory).IDKey(password, salt, time, memory, threads, keyLen)
	want := argon2.IDKey(password, salt, time, memory, threads, keyLen)
	if !bytes.Equal(got, want) {
		t.Errorf("%d passes of %d KiB in %d lanes over %x with %x: got %x, want %x", time, memory, threads, password, salt, got, want)
	}
}

// Whatever is asked for, the key is the library's: memories that end anywhere in a slice, and slices that end anywhere in 128 numbers.
func TestKeyIsTheLibrarys(t *testing.T) {
	t.Parallel()
	password, salt := []byte("correct horse"), []byte("battery staple")
	for memory := range uint32(40) {
		same(t, password, salt, 1, memory, 1, 32)
		same(t, password, salt, 3, memory, 1, 32)
		same(t, password, salt, 2, memory, 2, 32)
	}
	for _, blocks := range []uint32{126, 127, 128, 129, 255, 256, 257, 1000} {
		same(t, password, salt, 1, 4*blocks, 1, 32)
		same(t, password, salt, 4, 4*blocks+3, 1, 32)
	}
	for keyLen := uint32(1); keyLen < 300; keyLen++ {
		same(t, password, salt, 1, 8, 1, keyLen)
	}
	both := bytes.Repeat([]byte("a word \x00\xff"), 33)
	for length := range both {
		same(t, both[:length], both[length:], 1, 64, 1, 32)
	}
	same(t, nil, nil, 1, 8, 1, 32)
}

// A memory in which a key was made, larger or smaller, leaves nothing in the next one; and it is not made anew.
func TestMemoryIsUsedAgain(t *testing.T) {
	const keys, most = 50, 1024
	key := func(m *Memory, i uint32) []byte {
		return m.IDKey(fmt.Append(nil, "password ", i), []byte("somesalt"), 1+i%3, most-(6-i%7)*101, 1, 32)
	}
	var want [keys][]byte
	for i := range want {
		want[i] = key(new(Memory), uint32(i))
	}
	var m Memory
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range want {
		if got := key(&m, uint32(i)); !bytes.Equal(got, want[i]) {
			t.Errorf("password %d: got %x, want %x", i, got, want[i])
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / 1024; fast && got > keys*most/4 {
		t.Errorf("%d keys of up to %d KiB in one memory took %d KiB", keys, most, got)
	}
}

// No pass or no lane is a mistake of the caller, as it is to the library.
func TestNothingToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		time    uint32
		threads uint8
	}{{0, 1}, {1, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d passes and %d threads: want a panic", c.time, c.threads)
				}
			}()
			new(Memory).IDKey([]byte("password"), []byte("somesalt"), c.time, 64, c.threads, 32)
		}()
	}
}

func FuzzIDKey(f *testing.F) {
	f.Add([]byte("password"), []byte("somesalt"), uint32(2), uint32(515), uint32(32))
	f.Fuzz(func(t *testing.T, password, salt []byte, time, memory, keyLen uint32) {
		same(t, password, salt, 1+time%4, memory%2048, 1, 1+keyLen%1024)
	})
}

// What an account's password costs, and what it would cost by the library.
func BenchmarkIDKey(b *testing.B) {
	for _, c := range []struct {
		name string
		key  func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
	}{{"ours", new(Memory).IDKey}, {"library", argon2.IDKey}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.key([]byte("password"), []byte("sixteen of these"), 2, 19*1024, 1, 32)
			}
		})
	}
}
