package ids

import "math/bits"

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// maxBase62 is the length of the largest 128-bit number in base 62.
const maxBase62 = 22

// encodeBase62 writes the bytes as one big-endian number, without leading zeros; zero is "0".
func encodeBase62(bytes [16]byte) string {
	hi, lo := split(bytes)
	var digits [maxBase62]byte
	i := len(digits)
	for {
		var digit uint64
		hi, digit = hi/62, hi%62
		lo, digit = bits.Div64(digit, lo, 62)
		i--
		digits[i] = alphabet[digit]
		if hi == 0 && lo == 0 {
			return string(digits[i:])
		}
	}
}

// decodeBase62 reads what encodeBase62 writes and nothing else: one text per number.
func decodeBase62(text string) (bytes [16]byte, ok bool) {
	if text == "" || len(text) > maxBase62 || (text[0] == '0' && text != "0") {
		return bytes, false
	}
	var hi, lo uint64
	for _, c := range []byte(text) {
		digit, ok := digit(c)
		if !ok {
			return bytes, false
		}
		overflow, top := bits.Mul64(hi, 62)
		carry, low := bits.Mul64(lo, 62)
		low, c1 := bits.Add64(low, digit, 0)
		top, c2 := bits.Add64(top, carry, c1)
		if overflow != 0 || c2 != 0 {
			return bytes, false
		}
		hi, lo = top, low
	}
	for i := range 8 {
		bytes[i] = byte(hi >> (56 - 8*i))
		bytes[8+i] = byte(lo >> (56 - 8*i))
	}
	return bytes, true
}

func digit(c byte) (uint64, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c - '0'), true
	case 'A' <= c && c <= 'Z':
		return uint64(c-'A') + 10, true
	case 'a' <= c && c <= 'z':
		return uint64(c-'a') + 36, true
	}
	return 0, false
}

func split(bytes [16]byte) (hi, lo uint64) {
	for i := range 8 {
		hi = hi<<8 | uint64(bytes[i])
		lo = lo<<8 | uint64(bytes[8+i])
	}
	return hi, lo
}
