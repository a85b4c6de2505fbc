package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
)

// A Signer signs what is kept outside, such as an archive, with keys that follow from the signing keys and are good for one purpose alone.
type Signer []ed25519.PrivateKey

// Signer is that of a purpose.
func (t *Tokens) Signer(purpose string) (s Signer) {
	for _, seed := range t.Secrets(purpose) {
		s = append(s, ed25519.NewKeyFromSeed(seed))
	}
	return s
}

// Key is the public key of what Sign signs, in base64.
func (s Signer) Key() string { return publicKey(s[0]) }

func publicKey(key ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

// Sign is the signature of a text with the first of the keys, in base64.
func (s Signer) Sign(text []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(s[0], text))
}

// ErrSignature is that of a text that is not as it was signed.
var ErrSignature = errors.New("the signature is wrong")

// Verify fails unless the signature of the text is one by the public key. Own says that the key is one of the signer's own.
func (s Signer) Verify(text []byte, signature, key string) (own bool, err error) {
	bare, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || CheckPublicKey(key) != nil {
		return false, ErrSignature
	}
	public, _ := base64.StdEncoding.DecodeString(key)
	if !ed25519.Verify(public, text, bare) {
		return false, ErrSignature
	}
	return slices.ContainsFunc(s, func(k ed25519.PrivateKey) bool { return publicKey(k) == key }), nil
}

// CheckPublicKey fails unless the text is a public key, in base64.
func CheckPublicKey(text string) error {
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return errors.New("not a public key, which has 44 characters")
	}
	return nil
}
