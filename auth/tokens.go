package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"rowhouse/ids"
)

const (
	// tokenType keeps a token of another kind from passing for an access token (RFC 9068).
	tokenType = "at+jwt"
	// maxToken is in bytes. Ours are about 500; the rest is room for long issuers and audiences.
	maxToken = 4 << 10
	// leeway is how far the clocks of two servers may be apart.
	leeway = 5 * time.Second
	// MaxTokenTime is the longest that an access token may be good for: what a leaked or forged one is worth at most.
	MaxTokenTime = time.Hour
	// cachedTokens bounds the memory of remembered tokens to about 4 MB, and is more than a server's callers of ten
	// minutes.
	cachedTokens = 16384
	// minDistinctBytes is what 32 random bytes have at the very least, and what is typed by hand, or a repeated word,
	// has not.
	minDistinctBytes = 16
)

// Claims is what an access token says: who is asking, in which session, and until when. It names no roles, which are
// read anew for each request.
type Claims struct {
	Account           ids.AccountID
	Session           ids.SessionID
	Tenant            ids.TenantID // zero: each request names its tenant
	IssuedAt, Expires time.Time
}

// SigningKey is a named Ed25519 key. However it is printed, logged or marshalled, only its name shows.
type SigningKey struct {
	kid string
	// private is a function because fmt calls no methods on unexported fields, and prints a function as an address.
	private func() ed25519.PrivateKey
}

func (k SigningKey) String() string               { return "SigningKey(" + k.kid + ")" }
func (k SigningKey) GoString() string             { return k.String() }
func (k SigningKey) Format(s fmt.State, _ rune)   { _, _ = io.WriteString(s, k.String()) }
func (k SigningKey) LogValue() slog.Value         { return slog.StringValue(k.String()) }
func (k SigningKey) MarshalJSON() ([]byte, error) { return json.Marshal(k.String()) }

func (k SigningKey) public() ed25519.PublicKey { return k.private().Public().(ed25519.PublicKey) }

var (
	kidPattern   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
	seedEncoding = base64.StdEncoding.Strict()
)

// ParseKeys reads `kid:base64` of a 32-byte seed, separated by commas: the first key signs, all of them verify. Its
// errors name the position and repeat nothing of the text.
func ParseKeys(text string) ([]SigningKey, error) {
	var keys []SigningKey
	kids, seeds := map[string]bool{}, map[string]bool{}
	for entry := range strings.SplitSeq(text, ",") {
		n := len(keys) + 1
		kid, encoded, ok := strings.Cut(strings.TrimSpace(entry), ":")
		if !ok || !kidPattern.MatchString(kid) {
			return nil, fmt.Errorf("signing key %d: write kid:base64, the kid of up to 32 letters, digits, _ and -", n)
		}
		seed, err := seedEncoding.DecodeString(encoded)
		if err != nil || len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("signing key %d: after the kid comes the base64 of %d bytes", n, ed25519.SeedSize)
		}
		if distinctBytes(seed) < minDistinctBytes {
			return nil, fmt.Errorf("signing key %d: its bytes are not random", n)
		}
		if kids[kid] || seeds[string(seed)] {
			return nil, fmt.Errorf("signing key %d: an earlier key has this kid or these bytes", n)
		}
		kids[kid], seeds[string(seed)] = true, true
		private := ed25519.NewKeyFromSeed(seed)
		keys = append(keys, SigningKey{kid, func() ed25519.PrivateKey { return private }})
	}
	return keys, nil
}

func distinctBytes(b []byte) int {
	seen := map[byte]bool{}
	for _, c := range b {
		seen[c] = true
	}
	return len(seen)
}

// GenerateKey makes a first key as ParseKeys reads it.
func GenerateKey() string { return generateKey(1) }

// generateKey makes a key whose kid begins with its number: that is how NextKeys knows which of several is the newest.
func generateKey(number int) string {
	var seed [ed25519.SeedSize]byte
	rand.Read(seed[:]) // never fails
	return strconv.Itoa(number) + "-" + strings.ToLower(rand.Text()[:8]) + ":" + seedEncoding.EncodeToString(seed[:])
}

// numberOf is a key's number; 0 for one that GenerateKey and NextKeys did not name.
func numberOf(entry string) int {
	digits, _, _ := strings.Cut(entry, "-")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 0 || number > 1_000_000 {
		return 0
	}
	return number
}

// KeyStep is a step in replacing the key that signs.
type KeyStep int

// The steps. After the last comes KeyAdded again.
const (
	KeyFirst   KeyStep = iota // there was no key
	KeyAdded                  // a new key verifies, and the old one signs
	KeySigns                  // the new key signs, and the old one verifies
	KeyDropped                // the old key is gone
)

// NextKeys is the value that follows text, which ParseKeys reads or is empty, and which step that is. Each step is for when all
// processes have taken the one before: then there is none whose tokens, cursors, Idempotency-Keys or counts another does not know.
func NextKeys(text string) (value string, step KeyStep, err error) {
	if text == "" {
		return GenerateKey(), KeyFirst, nil
	}
	if _, err := ParseKeys(text); err != nil {
		return "", 0, err
	}
	entries := strings.Split(text, ",")
	newest := 0
	for i := range entries {
		entries[i] = strings.TrimSpace(entries[i])
		if numberOf(entries[i]) > numberOf(entries[newest]) {
			newest = i
		}
	}
	switch key := entries[newest]; {
	case newest > 0:
		entries = append([]string{key}, slices.Delete(entries, newest, newest+1)...)
		return strings.Join(entries, ","), KeySigns, nil
	case len(entries) > 1:
		return key, KeyDropped, nil
	default:
		return key + "," + generateKey(numberOf(key)+1), KeyAdded, nil
	}
}

// ErrToken is what Verify returns for every token that it refuses; the reason that it wraps is for the log only.
var ErrToken = errors.New("not a valid access token")

// Tokens signs and verifies access tokens: JWTs signed with Ed25519.
type Tokens struct {
	keys             []SigningKey
	issuer, audience string

	// verifiers holds the public keys by the one header that a token of each key has, as it is written in the token. So
	// there is no algorithm, kind, critical extension or key reference to interpret: a header is one of these or refused.
	verifiers map[string]ed25519.PublicKey
	parser    *jwt.Parser
	// verified remembers what good tokens say, since checking a signature takes longer than most of a request. It is
	// keyed by hash so that an entry is small whatever the token's length.
	verified *lru.Cache[[sha256.Size]byte, Claims]
	now      func() time.Time
}

// NewTokens signs with the first key and verifies with all. It panics without a key, an issuer or an audience, since it
// would then accept what others signed.
func NewTokens(keys []SigningKey, issuer, audience string) *Tokens {
	if len(keys) == 0 || issuer == "" || audience == "" {
		panic("access tokens need a key, an issuer and an audience")
	}
	verified, err := lru.New[[sha256.Size]byte, Claims](cachedTokens)
	if err != nil {
		panic(err) // only for a size of zero
	}
	t := &Tokens{keys: keys, issuer: issuer, audience: audience, verified: verified, now: time.Now}
	t.verifiers = make(map[string]ed25519.PublicKey, len(keys))
	for _, key := range keys {
		t.verifiers[headerOf(key)] = key.public()
	}
	t.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(func() time.Time { return t.now() }),
	)
	return t
}

// Sign makes an access token. The times are cut to seconds.
func (t *Tokens) Sign(c Claims) (string, error) {
	claims := t.claims(c, rand.Text())
	if err := claims.Validate(); err != nil {
		return "", err
	}
	return newToken(t.keys[0], claims).SignedString(t.keys[0].private())
}

// claims is all that a token of ours says.
func (t *Tokens) claims(c Claims, id string) accessClaims {
	return accessClaims{
		Account: c.Account,
		Session: c.Session,
		Tenant:  c.Tenant,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    t.issuer,
			Audience:  jwt.ClaimStrings{t.audience},
			ID:        id,
			IssuedAt:  jwt.NewNumericDate(c.IssuedAt),
			ExpiresAt: jwt.NewNumericDate(c.Expires),
		},
	}
}

// Verify returns what an access token says, or ErrToken. It refuses whatever Sign would not have written, to the byte: a claim that is
// not ours, a number as text or with a fraction. So a claim that is added is first understood by one release and written by the next.
func (t *Tokens) Verify(token string) (Claims, error) {
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") { // base64 decoders skip line ends
		return Claims{}, fmt.Errorf("%w: too long, or more than one line", ErrToken)
	}
	hash := sha256.Sum256([]byte(token))
	if claims, ok := t.verified.Get(hash); ok {
		if !t.now().Before(claims.Expires.Add(leeway)) {
			return Claims{}, fmt.Errorf("%w: %w", ErrToken, jwt.ErrTokenExpired)
		}
		return claims, nil
	}
	header, _, _ := strings.Cut(token, ".")
	key, ok := t.verifiers[header]
	if !ok {
		return Claims{}, fmt.Errorf("%w: its header is that of no key of ours", ErrToken)
	}
	var parsed accessClaims
	_, err := t.parser.ParseWithClaims(token, &parsed, func(*jwt.Token) (any, error) { return key, nil })
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	claims := Claims{parsed.Account, parsed.Session, parsed.Tenant, parsed.IssuedAt.UTC(), parsed.ExpiresAt.UTC()}
	ours, err := newToken(t.keys[0], t.claims(claims, parsed.ID)).SigningString()
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if _, written, _ := strings.Cut(ours, "."); strings.Split(token, ".")[1] != written {
		return Claims{}, fmt.Errorf("%w: its claims are not written as ours are", ErrToken)
	}
	t.verified.Add(hash, claims)
	return claims, nil
}

// JWKS is the public keys as a JSON Web Key Set (RFC 7517, RFC 8037).
func (t *Tokens) JWKS() []byte {
	type jwk struct {
		Kty string `json:"kty"`
		Crv string `json:"crv"`
		Kid string `json:"kid"`
		Use string `json:"use"`
		Alg string `json:"alg"`
		X   string `json:"x"`
	}
	set := struct {
		Keys []jwk `json:"keys"`
	}{}
	for _, key := range t.keys {
		x := base64.RawURLEncoding.EncodeToString(key.public())
		set.Keys = append(set.Keys, jwk{"OKP", "Ed25519", key.kid, "sig", jwt.SigningMethodEdDSA.Alg(), x})
	}
	text, err := json.Marshal(set)
	if err != nil {
		panic(err) // strings only
	}
	return text
}

// Secrets are 32 bytes of each key, which only its holders know, different for each purpose. What is made with the first is known
// again by whichever made it, so that it outlives the rotation of keys.
func (t *Tokens) Secrets(purpose string) [][]byte {
	secrets := make([][]byte, len(t.keys))
	for i, key := range t.keys {
		secrets[i] = derive(key.private().Seed(), "secret "+purpose)
	}
	return secrets
}

// accessClaims is Claims as a token carries them.
type accessClaims struct {
	Account ids.AccountID `json:"sub"`
	Session ids.SessionID `json:"sid"`
	Tenant  ids.TenantID  `json:"active_tenant_id,omitzero"`
	jwt.RegisteredClaims
}

// Validate is called by the parser, after its own checks.
func (c accessClaims) Validate() error {
	if c.Account.IsZero() || c.Session.IsZero() || c.ID == "" || c.IssuedAt == nil || c.ExpiresAt == nil {
		return errors.New("an access token has sub, sid, jti, iat and exp")
	}
	if life := c.ExpiresAt.Sub(c.IssuedAt.Time); life <= 0 || life > MaxTokenTime {
		return fmt.Errorf("an access token is good for up to %v, and not for %v", MaxTokenTime, life)
	}
	return nil
}

func newToken(key SigningKey, claims jwt.Claims) *jwt.Token {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["typ"], token.Header["kid"] = tokenType, key.kid
	return token
}

// headerOf is the encoded header of each token that the key signs.
func headerOf(key SigningKey) string {
	text, err := newToken(key, jwt.MapClaims{}).SigningString()
	if err != nil {
		panic(err) // strings only
	}
	header, _, _ := strings.Cut(text, ".")
	return header
}
