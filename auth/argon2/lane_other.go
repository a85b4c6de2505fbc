//go:build !amd64

package argon2

const fast = false

func (*Memory) oneLane([]byte, []byte, uint32, uint32, uint32) []byte { panic("not fast") }
