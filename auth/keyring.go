package auth

import "errors"

// A Keyring seals what has to be read again later, by whoever has one of the signing keys that there were when it was sealed. The first key of them
// seals; what another has sealed is to be sealed anew before that key is dropped.
type Keyring [][]byte

// Keyring is that of a purpose.
func (t *Tokens) Keyring(purpose string) Keyring { return t.Secrets(purpose) }

// Seal encrypts a text.
func (k Keyring) Seal(plain string) ([]byte, error) {
	if len(k) == 0 {
		return nil, errors.New("sealing without a key")
	}
	return Seal(string(k[0]), plain)
}

// Open returns what Seal was given, and whether the key that sealed it is the first. An error: no key here did.
func (k Keyring) Open(sealed []byte) (plain string, first bool, err error) {
	for i, key := range k {
		if plain, err := Open(string(key), sealed); err == nil {
			return plain, i == 0, nil
		}
	}
	return "", false, errors.New("no key opens this")
}
