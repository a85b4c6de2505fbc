package rest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxCursor is in characters. A cursor holds one sorted value, of which the longest is a name.
const maxCursor = 2048

// cursors make a position in a list into a text that shows nothing, and is good for that list alone, and read it again. There is one for
// each signing key: the first makes new texts, and those of all are read.
type cursors []seal

type seal struct {
	aead cipher.AEAD
	mac  []byte
}

func newCursors(secrets [][]byte) cursors {
	all := make(cursors, len(secrets))
	for i, secret := range secrets {
		block, err := aes.NewCipher(secret)
		if err != nil {
			panic(err) // the secret is 32 bytes
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			panic(err)
		}
		mac := sha256.Sum256(append([]byte("cursor nonce "), secret...))
		all[i] = seal{aead, mac[:]}
	}
	return all
}

// seal is deterministic, so that the same page has the same bytes: the nonce is a MAC of all that is sealed.
func (c cursors) seal(listed string, at Position) string {
	plain, err := json.Marshal(at)
	if err != nil {
		panic(err) // a position always marshals
	}
	first := c[0]
	mac := hmac.New(sha256.New, first.mac)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(listed))))
	mac.Write([]byte(listed))
	mac.Write(plain)
	nonce := mac.Sum(nil)[:first.aead.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(first.aead.Seal(nonce, nonce, plain, []byte(listed)))
}

func (c cursors) open(listed, text string) (*Position, bool) {
	if len(text) > maxCursor {
		return nil, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder skips
		return nil, false
	}
	for _, s := range c {
		if len(sealed) < s.aead.NonceSize() {
			return nil, false
		}
		nonce, box := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
		if plain, err := s.aead.Open(nil, nonce, box, []byte(listed)); err == nil {
			at := &Position{}
			return at, json.Unmarshal(plain, at) == nil
		}
	}
	return nil, false
}
