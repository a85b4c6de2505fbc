package auth

import (
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"math/big"
	"strings"

	"rowhouse/ids"
)

// An API key is `rh_`, random digits, `_`, the tenant, a secret, and a checksum of all that; the digits are base 62.
const (
	apiKeyMark     = "rh_"
	prefixDigits   = 9
	tenantDigits   = 22 // of 128 bits
	secretDigits   = 43 // of 256 bits
	checksumDigits = 6  // of 32 bits

	prefixLength = len(apiKeyMark) + prefixDigits
	bodyLength   = prefixLength + len("_") + tenantDigits + secretDigits
	apiKeyLength = bodyLength + checksumDigits
)

// APIKey is what an API key says offline, and how it is found.
type APIKey struct {
	Tenant ids.TenantID
	Prefix string // the first 12 characters, which are no secret
	Hash   []byte // of the whole key
}

// NewAPIKey makes an API key of a tenant, to be shown once, and what is stored of it.
func NewAPIKey(tenant ids.TenantID) (key string, parts APIKey) {
	prefix := apiKeyMark + randomBase62(prefixDigits)
	body, _ := NewTenantSecret(prefix+"_", tenant)
	key = body + string(checksum(nil, body))
	return key, APIKey{tenant, prefix, HashSecret(key)}
}

// LooksLikeAPIKey says that a bearer credential means to be an API key, so that it is never tried as another credential.
func LooksLikeAPIKey(text string) bool { return strings.HasPrefix(text, apiKeyMark) }

// ParseAPIKey is false for any text that NewAPIKey could not have made, so that a typo costs no query; and for a key of
// the zero tenant, which identifies nothing.
func ParseAPIKey(text string) (APIKey, bool) {
	if len(text) != apiKeyLength || !LooksLikeAPIKey(text) || text[prefixLength] != '_' {
		return APIKey{}, false
	}
	prefix, body := text[:prefixLength], text[:bodyLength]
	var random [7]byte // 62⁹ is less than 2⁵⁶
	tenant, ok := tenantOf(body[prefixLength+len("_"):])
	if !ok || !ids.ParseBase62(random[:], prefix[len(apiKeyMark):]) {
		return APIKey{}, false
	}
	var sum [checksumDigits]byte
	if string(checksum(sum[:0], body)) != text[bodyLength:] {
		return APIKey{}, false
	}
	return APIKey{tenant, prefix, HashSecret(text)}, true
}

// NewTenantSecret is NewSecret for a secret that says which tenant's rows it is to be looked for in.
func NewTenantSecret(prefix string, tenant ids.TenantID) (secret string, hash []byte) {
	var random [keySize]byte
	rand.Read(random[:]) // never fails
	text := ids.AppendBase62([]byte(prefix), tenant[:], tenantDigits)
	secret = string(ids.AppendBase62(text, random[:], secretDigits))
	return secret, HashSecret(secret)
}

// ParseTenantSecret is false for any text that NewTenantSecret could not have made with this prefix, and for a secret of
// the zero tenant.
func ParseTenantSecret(secret, prefix string) (tenant ids.TenantID, hash []byte, ok bool) {
	text, ok := strings.CutPrefix(secret, prefix)
	if !ok {
		return tenant, nil, false
	}
	if tenant, ok = tenantOf(text); !ok {
		return tenant, nil, false
	}
	return tenant, HashSecret(secret), true
}

// tenantOf reads the tenant of the digits of a tenant and a secret.
func tenantOf(text string) (tenant ids.TenantID, ok bool) {
	if len(text) != tenantDigits+secretDigits {
		return ids.TenantID{}, false
	}
	var random [keySize]byte
	if !ids.ParseBase62(tenant[:], text[:tenantDigits]) || tenant.IsZero() || !ids.ParseBase62(random[:], text[tenantDigits:]) {
		return ids.TenantID{}, false
	}
	return tenant, true
}

// checksum appends the digits of the text's CRC-32 (IEEE).
func checksum(digits []byte, text string) []byte {
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE([]byte(text)))
	return ids.AppendBase62(digits, sum[:], checksumDigits)
}

// randomBase62 is one of all texts of so many digits, each as likely.
func randomBase62(digits int) string {
	texts := new(big.Int).Exp(big.NewInt(62), big.NewInt(int64(digits)), nil)
	number, err := rand.Int(rand.Reader, texts)
	if err != nil {
		panic(err) // rand.Reader never fails
	}
	return string(ids.AppendBase62(nil, number.Bytes(), digits))
}
