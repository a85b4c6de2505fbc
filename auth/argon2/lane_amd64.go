package argon2

import (
	"encoding/binary"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/sys/cpu"
)

var fast = cpu.X86.HasAVX2

// The numbers of RFC 9106.
const (
	version = 0x13
	typeID  = 2 // argon2id
	slices  = 4 // in which a pass fills the memory
)

// zero is never written.
var zero block

// compress sets out to old ⊕ G(x, y), G being the compression function of RFC 9106, section 3.5. Out may be y or old.
//
//go:noescape
func compress(out, x, y, old *block)

// oneLane is argon2id for one lane. Memory is in KiB, of which argon2id uses a multiple of 4.
func (m *Memory) oneLane(password, salt []byte, passes, memory, keyLen uint32) []byte {
	segment := memory / slices // the blocks of a slice
	size := slices * segment
	if len(m.blocks) < int(size) {
		m.blocks = nil // so that the collector may have it meanwhile
		m.blocks = make([]block, size)
	}
	blocks := m.blocks[:size]

	seed := seed(password, salt, passes, memory, keyLen)
	for i := range uint32(2) {
		start := binary.LittleEndian.AppendUint32(seed[:], i)
		start = binary.LittleEndian.AppendUint32(start, 0) // the lane
		blocks[i].set(hash(start, 1024))
	}
	var numbers block // pseudo-random, for as many blocks
	for pass := range passes {
		for slice := range uint32(slices) {
			// In the first half of the first pass the order of reading tells nothing of the password.
			blind := pass == 0 && slice < slices/2
			input := block{2: uint64(slice), uint64(size), uint64(passes), typeID} // before them the pass and the lane, which are 0
			for i := range segment {
				if blind && i%128 == 0 {
					input[6]++
					compress(&numbers, &zero, &input, &zero)
					compress(&numbers, &zero, &numbers, &zero)
				}
				at := slice*segment + i
				if pass == 0 && at < 2 {
					continue // made of the seed
				}
				out, before := &blocks[at], &blocks[(at+size-1)%size]
				old, number := out, before[0]
				if pass == 0 {
					old = &zero
				}
				if blind {
					number = numbers[i%128]
				}
				compress(out, before, &blocks[reference(number, pass, slice, i, segment)], old)
			}
		}
	}
	return hash(blocks[size-1].bytes(), keyLen)
}

// reference is the block that the number stands for when block i of the slice is made (RFC 9106, section 3.4): one of those that are
// there but for the one before i, and later ones likelier. There are in the first pass all so far, and after it those of the other
// three slices and of this one so far.
func reference(number uint64, pass, slice, i, segment uint32) uint32 {
	first, count := uint32(0), slice*segment+i-1
	if pass > 0 {
		first, count = (slice+1)*segment, (slices-1)*segment+i-1
	}
	x := number & 0xffff_ffff
	x = x * x >> 32
	x = x * uint64(count) >> 32
	return (first + count - 1 - uint32(x)) % (slices * segment)
}

// seed is H₀ of RFC 9106, section 3.2, without a secret or associated data.
func seed(password, salt []byte, passes, memory, keyLen uint32) [blake2b.Size]byte {
	var b []byte
	for _, n := range []uint32{1, keyLen, memory, passes, version, typeID} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	for _, s := range [][]byte{password, salt, nil, nil} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return blake2b.Sum512(b)
}

// hash is H′ of RFC 9106, section 3.3: BLAKE2b of any length.
func hash(b []byte, length uint32) []byte {
	b = append(binary.LittleEndian.AppendUint32(nil, length), b...)
	var out []byte
	for length > blake2b.Size {
		v := blake2b.Sum512(b)
		out = append(out, v[:blake2b.Size/2]...)
		b = v[:]
		length -= blake2b.Size / 2
	}
	h, err := blake2b.New(int(length), nil)
	if err != nil {
		panic(err) // a key of no length
	}
	h.Write(b)
	return h.Sum(out)
}

func (b *block) set(from []byte) {
	for i := range b {
		b[i] = binary.LittleEndian.Uint64(from[8*i:])
	}
}

func (b *block) bytes() []byte {
	var to []byte
	for _, n := range b {
		to = binary.LittleEndian.AppendUint64(to, n)
	}
	return to
}
