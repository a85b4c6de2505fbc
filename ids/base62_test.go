package ids

import (
	"bytes"
	"math/big"
	"strings"
	"testing"
)

// Numbers of any size have their digits; the largest of a size needs them all.
func TestBase62(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		number []byte
		text   string
	}{
		{nil, "00"},
		{[]byte{61}, "0z"},
		{[]byte{62}, "10"},
		{[]byte{0, 36}, "00a"},
		{[]byte{0xcb, 0xf4, 0x39, 0x26}, "3jZRME"},
		{bytes.Repeat([]byte{0xff}, 4), "4gfFC3"},
		{bytes.Repeat([]byte{0xff}, 16), "7n42DGM5Tflk9n8mt7Fhc7"},
		{bytes.Repeat([]byte{0xff}, 32), "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"},
		{make([]byte, 32), strings.Repeat("0", 43)},
	} {
		given := bytes.Clone(v.number)
		if got := string(AppendBase62([]byte("x"), v.number, len(v.text))); got != "x"+v.text || !bytes.Equal(given, v.number) {
			t.Errorf("%x: got %s, want x%s", given, got, v.text)
		}
		number := bytes.Repeat([]byte{1}, len(v.number))
		if !ParseBase62(number, v.text) || !bytes.Equal(number, v.number) {
			t.Errorf("%s: got %x, want %x", v.text, number, v.number)
		}
	}
	for _, text := range []string{"4gfFC4", "zzzzzz", "00004gfFC4", "-1", "0 1", "é", "1\x00", "{", "@", "/", ":", "[", "`"} {
		if number := make([]byte, 4); ParseBase62(number, text) {
			t.Errorf("%q: got %x", text, number)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a number lost its first digits")
		}
	}()
	AppendBase62(nil, []byte{62}, 1)
}

// The digits of a number are those of math/big, which has the letters the other way around.
func FuzzBase62(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, number []byte) {
		number = number[:min(len(number), 32)]
		text := string(AppendBase62(nil, number, 43))
		want := strings.Map(func(c rune) rune {
			if c >= 'A' {
				c ^= 'a' - 'A'
			}
			return c
		}, new(big.Int).SetBytes(number).Text(62))
		if got := strings.TrimLeft(text, "0"); got != strings.TrimLeft(want, "0") {
			t.Errorf("%x: got %s, want %s", number, got, want)
		}
		again := make([]byte, len(number))
		if !ParseBase62(again, text) || !bytes.Equal(again, number) {
			t.Errorf("%x: %s gives %x", number, text, again)
		}
	})
}
