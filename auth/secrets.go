package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// keySize is the length in bytes of a random secret and of a derived key.
const keySize = 32

var secretEncoding = base64.RawURLEncoding.Strict() // one text per secret

// NewSecret makes an opaque secret, and the hash under which to store it. The prefix says what it is for, to people and
// to scanners for leaked secrets.
func NewSecret(prefix string) (secret string, hash []byte) {
	random := make([]byte, keySize)
	rand.Read(random) // never fails
	secret = prefix + secretEncoding.EncodeToString(random)
	return secret, HashSecret(secret)
}

// HashSecret is how a secret is stored and found. A plain hash does: nobody guesses 256 random bits.
func HashSecret(secret string) []byte {
	hash := sha256.Sum256([]byte(secret))
	return hash[:]
}

// SecretShape says whether NewSecret could have made the text with this prefix, so that garbage costs no query.
func SecretShape(secret, prefix string) bool {
	text, ok := strings.CutPrefix(secret, prefix)
	if !ok || len(text) != secretEncoding.EncodedLen(keySize) {
		return false
	}
	random, err := secretEncoding.DecodeString(text)
	return err == nil && len(random) == keySize // the decoder skips line ends
}

// Seal encrypts a text for whoever holds the key, a secret of NewSecret's strength: of the key's hash and the sealed
// text together, a reader of the database learns neither.
func Seal(key, plain string) ([]byte, error) {
	aead, err := sealing(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, []byte(plain), nil), nil
}

// Open returns what Seal was given, or an error when the key is another or the sealed bytes were changed.
func Open(key string, sealed []byte) (string, error) {
	aead, err := sealing(key)
	if err != nil {
		return "", err
	}
	plain, err := aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return "", errors.New("a sealed text does not open with this key")
	}
	return string(plain), nil
}

func sealing(key string) (cipher.AEAD, error) {
	if key == "" {
		return nil, errors.New("sealing without a key")
	}
	block, err := aes.NewCipher(derive([]byte(key), "seal"))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// derive makes one key from another, a different one for each purpose.
func derive(key []byte, purpose string) []byte {
	derived, err := hkdf.Key(sha256.New, key, nil, "rowhouse "+purpose, keySize)
	if err != nil {
		panic(fmt.Sprintf("deriving a key: %v", err)) // only for lengths beyond 255 hashes, or short keys under FIPS 140-only
	}
	return derived
}
