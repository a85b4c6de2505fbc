// Package webhooks sends events to the endpoints of tenants: it signs them, delivers them to public addresses alone, and knows when to try again.
package webhooks

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	secretPrefix = "whsec_"
	// secretSize is in bytes, of the 24 to 64 that Standard Webhooks asks for.
	secretSize = 32
	// Overlap is how long the secret before signs too, once another was made: receivers take the new one meanwhile.
	Overlap = 24 * time.Hour
)

// NewSecret makes the secret of an endpoint.
func NewSecret() string {
	random := make([]byte, secretSize)
	rand.Read(random) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(random)
}

// Sign makes the headers of a message by the Standard Webhooks specification, with a signature of each secret.
func Sign(id string, at time.Time, body []byte, secrets ...string) (http.Header, error) {
	var signatures []string
	for _, secret := range secrets {
		key, err := standard.NewWebhook(secret)
		if err != nil {
			return nil, errors.New("a secret is no base64") // what was wrong with it tells of it
		}
		signature, err := key.Sign(id, at, body)
		if err != nil {
			return nil, err
		}
		signatures = append(signatures, signature)
	}
	header := http.Header{}
	header.Set(standard.HeaderWebhookID, id)
	header.Set(standard.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(standard.HeaderWebhookSignature, strings.Join(signatures, " "))
	return header, nil
}
