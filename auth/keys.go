package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"golang.org/x/time/rate"
)

const (
	// keysFresh is how long an issuer's keys are used without a look whether they are still its keys: how long one that it has withdrawn is
	// good for, if any of its tokens come.
	keysFresh = 5 * time.Minute
	// keysBelieved is how long they are used while the issuer cannot be asked. Who has been away for longer has issued no token that is
	// still good, so that whoever comes with one has the key from elsewhere.
	keysBelieved = 24 * time.Hour
	// keysEvery and keysAtOnce bound how often an issuer is asked, whatever tokens name: so many times at once, and then once in that time.
	keysEvery  = 10 * time.Second
	keysAtOnce = 4
	// keysWait is how long one asks, and so how long a request waits at most.
	keysWait = 3 * time.Second
	// maxKeys bounds how many keys of an issuer are known.
	maxKeys = 100
	// minRSA and maxRSA are in bits: less can be broken, and more takes long to verify.
	minRSA, maxRSA = 2048, 8192
)

// verifyKey is a public key of an issuer that verifies signatures.
type verifyKey struct {
	public    crypto.PublicKey
	algorithm string // the one that it is for; empty: any that it can be
}

// fits says that the key is for an algorithm, so that it is never taken for a key of another kind.
func (k verifyKey) fits(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")
	case *ecdsa.PublicKey:
		return algorithm == map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[public.Curve.Params().Name]
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

// keySet is the keys of an issuer, which are asked for when a token names one that is not known, and now and then. Tokens whose key is known
// do not wait for that.
type keySet struct {
	issuer  Issuer
	fetch   Fetch
	log     *slog.Logger
	limiter *rate.Limiter
	now     func() time.Time

	mu     sync.Mutex
	known  map[string]verifyKey
	at     time.Time     // when the issuer said so
	failed string        // why it did not, when it was last asked; empty: it did
	asking chan struct{} // closed when it has answered; nil: it is not being asked
}

func newKeySet(issuer Issuer, fetch Fetch, log *slog.Logger) *keySet {
	return &keySet{issuer: issuer, fetch: fetch, log: log, limiter: rate.NewLimiter(rate.Every(keysEvery), keysAtOnce), now: time.Now}
}

var errUnknownKey = errors.New("its key is none of the issuer's")

// find is the key of a name. It asks the issuer where the key is not known, and otherwise in passing. ErrIssuer: it could not be asked.
func (s *keySet) find(ctx context.Context, kid string) (verifyKey, error) {
	s.mu.Lock()
	key, ok, age := s.look(kid)
	if ok && age < keysFresh {
		s.mu.Unlock()
		return key, nil
	}
	answer := s.ask()
	failed := s.failed
	s.mu.Unlock()
	if ok && age < keysBelieved {
		return key, nil
	}
	if answer != nil {
		select {
		case <-answer:
		case <-ctx.Done():
			return verifyKey{}, ctx.Err()
		}
		s.mu.Lock()
		key, ok, age = s.look(kid)
		failed = s.failed
		s.mu.Unlock()
	}
	switch {
	case ok && age < keysFresh:
		return key, nil
	case failed != "":
		return verifyKey{}, fmt.Errorf("%w: %s", ErrIssuer, failed)
	case ok:
		return verifyKey{}, ErrIssuer // too old, and too early to ask again
	}
	return verifyKey{}, errUnknownKey
}

// look is called with the lock held.
func (s *keySet) look(kid string) (key verifyKey, ok bool, age time.Duration) {
	key, ok = s.known[kid]
	return key, ok, s.now().Sub(s.at)
}

// ask begins to ask the issuer, unless it is being asked, and returns what is closed when it has answered; nil: it is too early to ask
// again. It is called with the lock held.
func (s *keySet) ask() <-chan struct{} {
	if s.asking == nil && s.limiter.AllowN(s.now(), 1) {
		answer := make(chan struct{})
		s.asking = answer
		go func() {
			// Not the context of the request that happens to be first: others wait for it too.
			ctx, cancel := context.WithTimeout(context.Background(), keysWait)
			defer cancel()
			known, err := s.read(ctx)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asking = nil
			if err == nil {
				s.known, s.at, s.failed = known, s.now(), ""
			} else {
				s.failed = err.Error()
				s.log.Warn("the keys of an issuer could not be read", "issuer", s.issuer.URL, "error", err.Error())
			}
			close(answer)
		}()
	}
	return s.asking
}

// read reads the issuer's keys. A panic of what reads them is an error: it would end the process.
func (s *keySet) read(ctx context.Context) (known map[string]verifyKey, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	address := s.issuer.KeysURL
	if address == "" {
		if address, err = s.discover(ctx); err != nil {
			return nil, err
		}
	}
	text, err := s.fetch(ctx, address)
	if err != nil {
		return nil, err
	}
	return parseKeySet(text)
}

// discover finds where the keys are (OpenID Connect Discovery 1.0, §4).
func (s *keySet) discover(ctx context.Context) (string, error) {
	text, err := s.fetch(ctx, strings.TrimSuffix(s.issuer.URL, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var found struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return "", fmt.Errorf("its configuration: %w", err)
	}
	if found.Issuer != s.issuer.URL || !secureURL(found.KeysURL) {
		return "", errors.New("its configuration is that of another issuer, or names no https:// address of keys")
	}
	return found.KeysURL, nil
}

// parseKeySet reads a JSON Web Key Set (RFC 7517). A key that is for something else than signatures, or that this program cannot use, is
// left out; so are keys of the same name, of which nobody could tell which is meant.
func parseKeySet(text []byte) (map[string]verifyKey, error) {
	var set struct {
		Keys []jsonKey `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("its keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has more than %d keys", maxKeys)
	}
	named := map[string]int{}
	known := map[string]verifyKey{}
	for _, k := range set.Keys {
		named[k.KID]++
		key, err := k.verifyKey()
		if err != nil || named[k.KID] > 1 {
			delete(known, k.KID)
			continue
		}
		known[k.KID] = key
	}
	return known, nil
}

// jsonKey is what of a JSON Web Key says what it verifies; certificates and the private part are not even looked at.
type jsonKey struct {
	KTY string `json:"kty"`
	USE string `json:"use"`
	ALG string `json:"alg"`
	KID string `json:"kid"`
	CRV string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	N   string `json:"n"`
	E   string `json:"e"`
}

func (k jsonKey) verifyKey() (verifyKey, error) {
	if k.KID == "" || k.USE != string(jwkset.UseSig) || k.KTY == string(jwkset.KtyOct) {
		return verifyKey{}, errors.New("it has no name, or is not for signatures")
	}
	read, err := jwkset.NewJWKFromMarshal(jwkset.JWKMarshal{
		KTY: jwkset.KTY(k.KTY), CRV: jwkset.CRV(k.CRV), X: k.X, Y: k.Y, N: k.N, E: k.E,
	}, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return verifyKey{}, err
	}
	key := verifyKey{read.Key(), k.ALG}
	if key.algorithm == jwt25519 {
		key.algorithm = "EdDSA"
	}
	if public, ok := key.public.(*rsa.PublicKey); ok && (public.N.BitLen() < minRSA || public.N.BitLen() > maxRSA) {
		return verifyKey{}, errors.New("it is too short, or too long")
	}
	return key, nil
}

// jwt25519 is how RFC 9864 names the one curve of EdDSA that is used here: a key for it is one for what tokens call EdDSA.
const jwt25519 = "Ed25519"
