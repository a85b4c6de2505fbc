package rest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"rowhouse/tenancy"
)

// maxKey is the longest Idempotency-Key, in characters.
const maxKey = 255

// readKey takes the Idempotency-Key of a POST.
func (x *exchange) readKey() error {
	if !x.route.Idempotent() {
		return x.noIdempotency()
	}
	given := x.request.Header.Values("Idempotency-Key")
	if len(given) == 0 {
		return nil
	}
	x.key = given[0]
	printable := !strings.ContainsFunc(x.key, func(c rune) bool { return c < ' ' || c > '~' })
	if len(given) > 1 || x.key == "" || len(x.key) > maxKey || !printable {
		return BadRequest("invalid_idempotency_key", fmt.Sprintf("Idempotency-Key is sent once: 1 to %d printable ASCII characters.", maxKey))
	}
	return nil
}

func (x *exchange) noIdempotency() error {
	if x.request.Method == http.MethodPost && len(x.request.Header.Values("Idempotency-Key")) > 0 {
		return BadRequest("unwanted_idempotency_key", "This address does not take an Idempotency-Key.")
	}
	return nil
}

// fingerprint is of the whole request, and keyed, for a password may stand in its body.
func (x *exchange) fingerprint(secret []byte) []byte {
	sum := hmac.New(sha256.New, secret)
	for _, part := range []string{x.request.URL.Path, "\x00", x.request.URL.RawQuery, "\x00", string(x.body)} {
		sum.Write([]byte(part))
	}
	return sum.Sum(nil)
}

// once runs a POST under its Idempotency-Key: the effect and its answer are committed together, and the same request again
// gets the same answer. A refusal is not kept.
func (x *exchange) once(work func(context.Context, *tenancy.Tx) (any, error)) (answer, error) {
	claim := tenancy.Claim{Permission: x.route.Permission, Key: x.key, Fingerprint: x.fingerprint(x.server.fingerprints[0])}
	var given answer
	var out any
	err := tenancy.Retry(x.ctx, false, func() error {
		return x.server.doors.Idempotent(x.ctx, x.who, claim, func(tx *tenancy.Tx) (stored []byte, err error) {
			if out, err = work(x.ctx, tx); err != nil {
				return nil, err
			}
			if given, err = x.render(out); err != nil {
				return nil, err
			}
			kept := given
			if s, ok := out.(interface{ WithoutSecrets() any }); ok {
				if kept, err = x.render(s.WithoutSecrets()); err != nil {
					return nil, err
				}
			}
			return json.Marshal(kept)
		})
	})
	if !private(err, answered) {
		return given, err
	}
	fingerprint, stored, err := x.server.doors.Recall(x.ctx, x.who, x.route.Permission, x.key)
	if err != nil {
		return answer{}, err
	}
	same := func(secret []byte) bool { return hmac.Equal(fingerprint, x.fingerprint(secret)) }
	if !slices.ContainsFunc(x.server.fingerprints, same) {
		return answer{}, errKeyReused
	}
	if err := json.Unmarshal(stored, &given); err != nil {
		return answer{}, err
	}
	if given.Header == nil {
		given.Header = http.Header{}
	}
	given.Header.Set("Idempotent-Replayed", "true")
	return given, nil
}
