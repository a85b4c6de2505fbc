package auth

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"rowhouse/ids"
)

// Keys written by another program. The tenant is the same in all; their secrets are zero, 2²⁵⁶-1, and the bytes from 0
// to 31.
var apiKeys = []struct{ key, prefix, hash string }{
	{"rh_012345ABC_02x65RP3bbGBxFAJB9gAz100000000000000000000000000000000000000000003IJTzQ", "rh_012345ABC", "bc977b9b8892442547ae386de98fe2e575bcf45c40e681ecfb1ed08cddd4763e"},
	{"rh_zzzzzzzzz_02x65RP3bbGBxFAJB9gAz1yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp11Xce8a", "rh_zzzzzzzzz", "a07701c0f071393327793a6c63d35b34c9489283154f5bd9e016e3cf55addb3a"},
	{"rh_000000000_02x65RP3bbGBxFAJB9gAz1003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf4SJ5XZ", "rh_000000000", "11cd9ce90010df2590c1315b721deaea1bed446eace88e0737d470d5129e4910"},
}

const apiKeyTenant = "0190a6c0-7b1e-7cc3-98c4-dc0c0c07398f"

// A key says what it was made of, and keys differ in prefix and secret.
func TestNewAPIKey(t *testing.T) {
	t.Parallel()
	tenant := ids.New[ids.TenantID]()
	key, made := NewAPIKey(tenant)
	parts, ok := ParseAPIKey(key)
	if !ok || parts.Tenant != tenant || parts.Prefix != made.Prefix || !bytes.Equal(parts.Hash, made.Hash) {
		t.Errorf("%s: got %+v and %v, want %+v", key, parts, ok, made)
	}
	if made.Tenant != tenant || made.Prefix != key[:12] || !bytes.Equal(made.Hash, HashSecret(key)) || len(made.Hash) != 32 {
		t.Errorf("%s: made as %+v", key, made)
	}
	other, _ := NewAPIKey(tenant)
	if other[:12] == key[:12] || other[12:35] != key[12:35] || other[35:78] == key[35:78] {
		t.Errorf("%s and %s of one tenant", key, other)
	}
	if len(key) != 84 || !LooksLikeAPIKey(key) || LooksLikeAPIKey("RH_") || LooksLikeAPIKey("ey") || LooksLikeAPIKey("") {
		t.Errorf("%s: %d characters", key, len(key))
	}
}

// The format is the one that was published: keys of years ago are read.
func TestParseAPIKey(t *testing.T) {
	t.Parallel()
	for _, want := range apiKeys {
		parts, ok := ParseAPIKey(want.key)
		if !ok || parts.Tenant.UUID() != apiKeyTenant || parts.Prefix != want.prefix || hex.EncodeToString(parts.Hash) != want.hash {
			t.Errorf("%s: got %+v and %v", want.key, parts, ok)
		}
	}
}

// The check value of CRC-32/ISO-HDLC is 0xcbf43926, which is 3·62⁵+45·62⁴+35·62³+27·62²+22·62+14; of nothing it is 0.
func TestAPIKeyChecksum(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"123456789": "3jZRME", "": "000000", "a": "4GEHKN"} {
		if got := string(checksum(nil, text)); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// Every wrong character and every two exchanged ones are noticed offline.
func TestParseAPIKeyTypos(t *testing.T) {
	t.Parallel()
	refused := func(name, text string) {
		t.Helper()
		if parts, ok := ParseAPIKey(text); ok {
			t.Errorf("%s: %q is read as %+v", name, text, parts)
		}
	}
	for _, good := range apiKeys {
		key := good.key
		for i := range key {
			for c := range 256 {
				if byte(c) != key[i] {
					refused("a character", key[:i]+string([]byte{byte(c)})+key[i+1:])
				}
			}
			if i > 0 && key[i-1] != key[i] {
				refused("exchanged", key[:i-1]+key[i:i+1]+key[i-1:i]+key[i+1:])
			}
			refused("truncated", key[:i])
			refused("a character less", key[:i]+key[i+1:])
			refused("a character twice", key[:i+1]+key[i:])
		}
		refused("upper case", strings.ToUpper(key))
		refused("longer", key+"0")
		refused("a line", key+"\n")
	}
}

// What the checksum does not notice is refused too: it is no secret, and anybody can append it.
func TestParseAPIKeyForged(t *testing.T) {
	t.Parallel()
	const (
		prefix = "rh_012345ABC"
		tenant = "02x65RP3bbGBxFAJB9gAz1"
		zero   = "0000000000000000000000"
	)
	secret := strings.Repeat("0", 43)
	sum := func(body string) string { return body + string(checksum(nil, body)) }
	if _, ok := ParseAPIKey(sum(prefix + "_" + tenant + secret)); !ok {
		t.Fatal("the good one is refused")
	}
	for name, body := range map[string]string{
		"another mark":           "RH_012345ABC_" + tenant + secret,
		"a sign in the prefix":   "rh_01234_ABC_" + tenant + secret,
		"a letter in the prefix": "rh_01234\xc3\xa9BC_" + tenant + secret,
		"another separator":      prefix + "-" + tenant + secret,
		"a sign in the tenant":   prefix + "_" + "-2x65RP3bbGBxFAJB9gAz1" + secret,
		"too large a tenant":     prefix + "_" + "7n42DGM5Tflk9n8mt7Fhc8" + secret,
		"the largest digits":     prefix + "_" + strings.Repeat("z", 22) + secret,
		"the zero tenant":        prefix + "_" + zero + secret,
		"a sign in the secret":   prefix + "_" + tenant + "+" + secret[1:],
		"too large a secret":     prefix + "_" + tenant + "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp2",
		"the largest secret":     prefix + "_" + tenant + strings.Repeat("z", 43),
		"a longer tenant":        prefix + "_" + "0" + tenant + secret,
		"a shorter secret":       prefix + "_" + tenant + secret[1:],
	} {
		if parts, ok := ParseAPIKey(sum(body)); ok {
			t.Errorf("%s: %s is read as %+v", name, sum(body), parts)
		}
	}
}

// A secret that is mailed says which tenant's it is, and nothing else is one.
func TestTenantSecret(t *testing.T) {
	t.Parallel()
	want := ids.New[ids.TenantID]()
	secret, hash := NewTenantSecret("inv_", want)
	tenant, found, ok := ParseTenantSecret(secret, "inv_")
	if !ok || tenant != want || !bytes.Equal(hash, found) || !bytes.Equal(hash, HashSecret(secret)) || len(secret) != 4+22+43 {
		t.Errorf("%s: got %v, %x and %v, want %v and %x", secret, tenant, found, ok, want, hash)
	}
	if other, _ := NewTenantSecret("inv_", want); other[:26] != secret[:26] || other[26:] == secret[26:] {
		t.Errorf("%s and %s of one tenant", secret, other)
	}
	digits := strings.Repeat("0", 43)
	for name, text := range map[string]string{
		"nothing":            "",
		"prefix only":        "inv_",
		"no prefix":          secret[4:],
		"other prefix":       "rst_" + secret[4:],
		"short":              secret[:len(secret)-1],
		"long":               secret + "0",
		"a digit more":       "inv_02x65RP3bbGBxFAJB9gAz1" + digits + "0",
		"blank":              secret + " ",
		"a sign":             secret[:40] + "-" + secret[41:],
		"zero tenant":        "inv_" + strings.Repeat("0", 22) + digits,
		"too large a tenant": "inv_7n42DGM5Tflk9n8mt7Fhc8" + digits,
		"too large a secret": "inv_02x65RP3bbGBxFAJB9gAz1yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp2",
	} {
		if tenant, hash, ok := ParseTenantSecret(text, "inv_"); ok || !tenant.IsZero() || hash != nil {
			t.Errorf("%s: %q is read as %v, %x", name, text, tenant, hash)
		}
	}
}

// Every digit is as likely. 200 000 draws show one as the 1/62 that it is to within 0.0003; a byte modulo
// 62 would favour eight digits by 0.0034. The bounds are 7 standard deviations: wrong once in 10⁹ runs.
func TestRandomBase62(t *testing.T) {
	t.Parallel()
	const texts, digits, low, high = 20_000, 10, 2832, 3620
	var total [256]int
	for range texts {
		text := randomBase62(digits)
		if len(text) != digits {
			t.Fatalf("%q: want %d digits", text, digits)
		}
		for i := range digits {
			total[text[i]]++
		}
	}
	for _, c := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		if n := total[c]; n < low || n > high {
			t.Errorf("%c: %d times, want %d to %d", c, n, low, high)
		}
	}
}

// A key is read on every request, before anything is known of who sends it: a long text costs nothing.
func TestParseAPIKeyAllocations(t *testing.T) {
	for text, most := range map[string]float64{apiKeys[0].key: 3, apiKeys[0].key[:83] + "0": 1, strings.Repeat("rh_", 1<<20): 0} {
		if got := testing.AllocsPerRun(100, func() { ParseAPIKey(text) }); got > most {
			t.Errorf("%.84s: %v allocations, want at most %v", text, got, most)
		}
	}
}

// What is read as a key is the only text of what was read in it.
func FuzzParseAPIKey(f *testing.F) {
	for _, good := range apiKeys {
		f.Add(good.key)
		f.Add(good.key[:78])
	}
	f.Add("rh_")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		for _, text := range []string{text, string(checksum([]byte(text), text))} {
			parts, ok := ParseAPIKey(text)
			if !ok {
				if parts.Hash != nil || parts.Prefix != "" || !parts.Tenant.IsZero() {
					t.Errorf("%q is refused, and read as %+v", text, parts)
				}
				continue
			}
			again := string(ids.AppendBase62([]byte(parts.Prefix+"_"), parts.Tenant[:], 22))
			tenant, _, ok := ParseTenantSecret(text[:len(text)-6], parts.Prefix+"_")
			if !ok || tenant != parts.Tenant || !strings.HasPrefix(text, again) || !bytes.Equal(parts.Hash, HashSecret(text)) || len(text) != 84 {
				t.Errorf("%q is read as %+v", text, parts)
			}
		}
	})
}

func BenchmarkParseAPIKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ParseAPIKey(apiKeys[2].key)
	}
}
