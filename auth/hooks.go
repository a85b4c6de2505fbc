package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

const (
	hookPrefix = "whsec_"
	// hookTolerance is how far the time of a message may be from ours, either way.
	hookTolerance = 5 * time.Minute
	// minHookKey is in bytes: Svix makes 24.
	minHookKey = 16
	// maxHookID and maxSignatures bound what a message may say beside its body: characters, and signatures of as many secrets at once.
	maxHookID     = 255
	maxSignatures = 16
)

// A HookSecret is what an outside service signs its messages with, as Svix does.
type HookSecret struct{ key func() []byte } // a function, so that no printing shows it

// IsZero says that there is no secret, and so no message to be believed.
func (s HookSecret) IsZero() bool { return s.key == nil }

// ParseHookSecret reads whsec_ and the base64 of the key; the error repeats nothing of it.
func ParseHookSecret(text string) (HookSecret, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, hookPrefix))
	if err != nil || !strings.HasPrefix(text, hookPrefix) || len(key) < minHookKey {
		return HookSecret{}, errors.New("write the signing secret as the service shows it: whsec_ and base64")
	}
	return HookSecret{func() []byte { return key }}, nil
}

// HookMessage is what a service says of itself in the headers of a message.
type HookMessage struct {
	ID        string // the same, however often it is sent
	Timestamp string // seconds since 1970, of this attempt to send it
	Signature string // a list of versions and signatures, separated by blanks
}

// ErrHook is what Verify returns for a message that is not to be believed.
var ErrHook = errors.New("not a message that was signed with the secret, within five minutes")

// Verify returns when the message was sent. It is good when one of its signatures is, over its id, its timestamp and its body as it came.
func (s HookSecret) Verify(m HookMessage, body []byte, now time.Time) (time.Time, error) {
	seconds, err := strconv.ParseInt(m.Timestamp, 10, 64)
	if s.IsZero() || err != nil || strconv.FormatInt(seconds, 10) != m.Timestamp || m.ID == "" || len(m.ID) > maxHookID ||
		strings.ContainsFunc(m.ID, func(c rune) bool { return c <= ' ' || c > '~' || c == '.' }) { // a dot ends what is signed as the id
		return time.Time{}, ErrHook
	}
	sent := time.Unix(seconds, 0)
	if away := now.Sub(sent); away > hookTolerance || away < -hookTolerance {
		return time.Time{}, ErrHook
	}
	mac := hmac.New(sha256.New, s.key())
	mac.Write([]byte(m.ID + "." + m.Timestamp + "."))
	mac.Write(body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	signatures := strings.SplitN(m.Signature, " ", maxSignatures+1)
	for _, signature := range signatures[:min(len(signatures), maxSignatures)] {
		if hmac.Equal([]byte(signature), []byte(want)) {
			return sent, nil
		}
	}
	return time.Time{}, ErrHook
}
