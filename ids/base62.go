package ids

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// maxBase62 is the length of the largest 128-bit number in base 62.
const maxBase62 = 22

// AppendBase62 appends the bytes as one big-endian number, in so many digits, zeros first. It panics when the number
// needs more.
func AppendBase62(text, number []byte, digits int) []byte {
	number = append(make([]byte, 0, 32), number...)
	from := len(text)
	text = append(text, make([]byte, digits)...)
	for i := len(text) - 1; i >= from; i-- {
		digit := 0
		for j, b := range number {
			digit = digit<<8 | int(b)
			number[j], digit = byte(digit/62), digit%62
		}
		text[i] = alphabet[digit]
	}
	for _, b := range number {
		if b != 0 {
			panic("a number too large for its digits")
		}
	}
	return text
}

// ParseBase62 reads digits, zeros first or not, into the bytes of a big-endian number. It is false for any other
// character and for a number that the bytes do not hold, and the bytes are then of no use.
func ParseBase62(number []byte, text string) bool {
	clear(number)
	for _, c := range []byte(text) {
		carry, ok := digit(c)
		if !ok {
			return false
		}
		for j := len(number) - 1; j >= 0; j-- {
			carry += uint(number[j]) * 62
			number[j], carry = byte(carry), carry>>8
		}
		if carry != 0 {
			return false
		}
	}
	return true
}

// encodeBase62 writes the bytes as one big-endian number, without leading zeros; zero is "0".
func encodeBase62(bytes [16]byte) string {
	var digits [maxBase62]byte
	text := AppendBase62(digits[:0], bytes[:], maxBase62)
	for len(text) > 1 && text[0] == '0' {
		text = text[1:]
	}
	return string(text)
}

// decodeBase62 reads what encodeBase62 writes and nothing else: one text per number.
func decodeBase62(text string) (bytes [16]byte, ok bool) {
	if text == "" || len(text) > maxBase62 || (text[0] == '0' && text != "0") {
		return bytes, false
	}
	ok = ParseBase62(bytes[:], text)
	return bytes, ok
}

func digit(c byte) (uint, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint(c - '0'), true
	case 'A' <= c && c <= 'Z':
		return uint(c-'A') + 10, true
	case 'a' <= c && c <= 'z':
		return uint(c-'a') + 36, true
	}
	return 0, false
}
