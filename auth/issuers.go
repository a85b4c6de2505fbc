package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"rowhouse/ids"
)

const (
	// maxSubject is in characters, as OpenID Connect bounds a sub.
	maxSubject = 255
	// maxKid bounds what is looked for among an issuer's keys, in bytes.
	maxKid = 256
)

// Algorithms are those that a token of an outside issuer may be signed with: a key that verifies signs nothing.
var Algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// usualAlgorithm is what OpenID Connect has an issuer use that says nothing else.
const usualAlgorithm = "RS256"

// tokenTypes are what the header typ of an access token says, in small letters: RFC 9068, what issuers wrote before it, or nothing. A token
// that is for something else, such as logging somebody out, says so.
var tokenTypes = []string{"", "jwt", tokenType, "application/" + tokenType}

// Issuer is an outside issuer of access tokens, and what a token of it must say.
type Issuer struct {
	Name        string   // under which its subjects are known for ever: its URL, or a word
	URL         string   // the iss of its tokens
	Audiences   []string // a token's aud has one of them; none: whatever it says, if there are Parties
	Parties     []string // a token's azp is one of them; none: whatever it says, if there are Audiences
	Algorithms  []string // none: RS256
	KeysURL     string   // of its JSON Web Key Set; empty: OpenID Connect Discovery finds it
	TenantClaim string   // the member of a token that names a tenant, or a JSON Pointer (RFC 6901) to it; empty: none does
}

// IssuerProblem is what is wrong with a setting of an issuer: issuer, or one of those that ParseIssuers reads.
type IssuerProblem struct{ Setting, Text string }

// Problems lists what is wrong with it, in words for whoever configures it.
func (i *Issuer) Problems() (wrong []IssuerProblem) {
	add := func(setting, text string) { wrong = append(wrong, IssuerProblem{setting, text}) }
	if !secureURL(i.URL) || strings.ContainsAny(i.URL, "?#") {
		add("issuer", "write the iss of its tokens, an https:// address without a query; http:// for this machine alone")
	}
	if len(i.Audiences)+len(i.Parties) == 0 {
		add("issuer", "name an audience or an authorised party: without either, what it issues for any other application would do here")
	}
	if slices.Contains(i.Audiences, "") {
		add("audience", "one of them is empty")
	}
	if slices.Contains(i.Parties, "") {
		add("azp", "one of them is empty")
	}
	for _, algorithm := range i.Algorithms {
		if !slices.Contains(Algorithms, algorithm) {
			add("algorithms", fmt.Sprintf("%.20q is none of %s", algorithm, strings.Join(Algorithms, " ")))
		}
	}
	if i.KeysURL != "" && !secureURL(i.KeysURL) {
		add("jwks_url", "write the https:// address of its keys; http:// for this machine alone")
	}
	if !jsontext.Pointer(i.pointer()).IsValid() {
		add("tenant_claim", "write a name such as tenant, or a JSON Pointer such as /org/tenant")
	}
	return wrong
}

// pointer leads to the claim that names a tenant; empty: there is none.
func (i *Issuer) pointer() string {
	if i.TenantClaim == "" || strings.HasPrefix(i.TenantClaim, "/") {
		return i.TenantClaim
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(i.TenantClaim)
}

// secureURL says that what is read at an address is from whom the address names: it is https, or on this machine.
func secureURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.String() != text {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && address.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

// ParseIssuers reads issuers that are separated by blanks, each its URL with a query of what its tokens must say:
// https://id.example.com?audience=rowhouse&azp=app&algorithms=ES256,EdDSA&jwks_url=https://…&tenant_claim=org. It lists all that is wrong.
func ParseIssuers(text string) ([]Issuer, error) {
	var issuers []Issuer
	var errs []error
	for n, entry := range strings.Fields(text) {
		wrong := func(problem string) { errs = append(errs, fmt.Errorf("issuer %d: %s", n+1, problem)) }
		at, query, _ := strings.Cut(entry, "?")
		settings, err := url.ParseQuery(query)
		if err != nil {
			wrong("what follows ? is a query such as audience=rowhouse&azp=app")
			continue
		}
		issuer := Issuer{Name: at, URL: at}
		for name, values := range settings {
			list := strings.Split(strings.Join(values, ","), ",")
			switch {
			case name == "audience":
				issuer.Audiences = list
			case name == "azp":
				issuer.Parties = list
			case name == "algorithms":
				issuer.Algorithms = list
			case len(values) > 1:
				wrong(fmt.Sprintf("%.20q is said twice", name))
			case name == "jwks_url":
				issuer.KeysURL = values[0]
			case name == "tenant_claim":
				issuer.TenantClaim = values[0]
			default:
				wrong(fmt.Sprintf("there is no setting %.20q; there are audience, azp, algorithms, jwks_url and tenant_claim", name))
			}
		}
		for _, problem := range issuer.Problems() {
			wrong(problem.Setting + ": " + problem.Text)
		}
		if slices.ContainsFunc(issuers, func(other Issuer) bool { return other.URL == issuer.URL }) {
			wrong("an earlier one has this address")
		}
		issuers = append(issuers, issuer)
	}
	return issuers, errors.Join(errs...)
}

// Outside is what an access token of an outside issuer says.
type Outside struct {
	Issuer            string // its Name
	Subject           string // whom it names, among those of the issuer
	Email             string // in canonical form, if the issuer has verified it; otherwise empty
	Tenant            ids.TenantID
	IssuedAt, Expires time.Time
}

// ErrIssuer is what Verify returns when a token may well be good, and its issuer cannot be asked for the key.
var ErrIssuer = errors.New("the issuer of the token cannot be asked for its keys")

// Issuers verifies access tokens of outside issuers. Each is told by its iss, and then held to the rules of that issuer alone.
type Issuers struct{ byURL map[string]*outside }

// outside is an issuer with its keys.
type outside struct {
	Issuer
	keys   *keySet
	parser *jwt.Parser
}

// A Fetch reads what stands at an address, within a few seconds and up to some size.
type Fetch func(ctx context.Context, address string) ([]byte, error)

// NewIssuers verifies the tokens of issuers that have no Problems. It asks none of them before a token of it comes.
func NewIssuers(issuers []Issuer, fetch Fetch, log *slog.Logger) *Issuers {
	all := &Issuers{byURL: make(map[string]*outside, len(issuers))}
	for _, issuer := range issuers {
		if len(issuer.Algorithms) == 0 {
			issuer.Algorithms = []string{usualAlgorithm}
		}
		keys := newKeySet(issuer, fetch, log)
		all.byURL[issuer.URL] = &outside{issuer, keys, jwt.NewParser(
			jwt.WithValidMethods(issuer.Algorithms),
			jwt.WithStrictDecoding(),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithIssuer(issuer.URL),
			jwt.WithLeeway(leeway),
			jwt.WithTimeFunc(func() time.Time { return keys.now() }),
		)}
	}
	return all
}

// Issued says that a token names one of these issuers; whether it is that issuer's, Verify says.
func (all *Issuers) Issued(token string) bool { return all.of(token) != nil }

func (all *Issuers) of(token string) *outside {
	if all == nil || len(all.byURL) == 0 || len(token) > maxToken {
		return nil
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	var said struct {
		Issuer string `json:"iss"`
	}
	if readPart(parts[1], &said) != nil {
		return nil
	}
	return all.byURL[said.Issuer]
}

// partEncoding refuses what encodes the same bytes in another way.
var partEncoding = base64.RawURLEncoding.Strict()

// readPart reads a part of a token. No name stands twice in it, so that nobody else reads it as something else.
func readPart(part string, into any) error {
	text, err := partEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// Verify returns what an access token of one of the issuers says; ErrToken for one that is refused, and ErrIssuer for one that may be good.
// The reasons that they wrap are for the log only. It waits for the issuer where the token's key is not known yet, for a few seconds at most.
func (all *Issuers) Verify(ctx context.Context, token string) (Outside, error) {
	issuer := all.of(token)
	if issuer == nil || strings.ContainsAny(token, "\r\n") { // base64 decoders skip line ends
		return Outside{}, fmt.Errorf("%w: of no issuer that is configured", ErrToken)
	}
	said, err := issuer.verify(ctx, token)
	if err != nil && !errors.Is(err, ErrIssuer) {
		err = fmt.Errorf("%w: %w", ErrToken, err)
	}
	return said, err
}

func (o *outside) verify(ctx context.Context, token string) (Outside, error) {
	var header struct {
		Algorithm string         `json:"alg"`
		Key       string         `json:"kid"`
		Type      string         `json:"typ"`
		Critical  jsontext.Value `json:"crit"`
	}
	first, _, _ := strings.Cut(token, ".")
	if err := readPart(first, &header); err != nil {
		return Outside{}, fmt.Errorf("its header: %w", err)
	}
	switch {
	case !slices.Contains(o.Algorithms, header.Algorithm):
		return Outside{}, errors.New("it is signed by another algorithm than those of the issuer")
	case !slices.Contains(tokenTypes, strings.ToLower(header.Type)):
		return Outside{}, errors.New("its typ is not that of an access token")
	case header.Critical != nil:
		return Outside{}, errors.New("it has extensions that are critical")
	case header.Key == "" || len(header.Key) > maxKid:
		return Outside{}, errors.New("it names no key")
	}
	key, err := o.keys.find(ctx, header.Key)
	if err != nil {
		return Outside{}, err
	}
	if !key.fits(header.Algorithm) {
		return Outside{}, errors.New("its key is not for its algorithm")
	}
	claims := outsideClaims{of: &o.Issuer}
	if _, err = o.parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return key.public, nil }); err != nil {
		return Outside{}, err
	}
	return claims.outside()
}

// outsideClaims are those of a token of an outside issuer, as far as anything is made of them.
type outsideClaims struct {
	of  *Issuer
	all jsontext.Value
	jwt.RegisteredClaims
	Party    string         `json:"azp"`
	Email    jsontext.Value `json:"email"`
	Verified jsontext.Value `json:"email_verified"`
}

// UnmarshalJSON is called by the parser. Other than the parser's own decoder it refuses a name that stands twice.
func (c *outsideClaims) UnmarshalJSON(text []byte) error {
	type plain outsideClaims
	c.all = slices.Clone(text)
	return json.Unmarshal(text, (*plain)(c))
}

// Validate is called by the parser, after its own checks.
func (c *outsideClaims) Validate() error {
	shown := func(r rune) bool { return !unicode.IsControl(r) }
	switch {
	case c.IssuedAt == nil || c.ExpiresAt == nil || !c.ExpiresAt.After(c.IssuedAt.Time):
		return errors.New("it was issued at no time, or expires before that")
	case c.Subject == "" || utf8.RuneCountInString(c.Subject) > maxSubject || strings.ContainsFunc(c.Subject, func(r rune) bool { return !shown(r) }):
		return errors.New("it names nobody")
	case len(c.of.Audiences) > 0 && !slices.ContainsFunc(c.Audience, func(aud string) bool { return slices.Contains(c.of.Audiences, aud) }):
		return errors.New("it is for another audience")
	case len(c.of.Parties) > 0 && !slices.Contains(c.of.Parties, c.Party):
		return errors.New("it was given to another party")
	}
	return nil
}

func (c *outsideClaims) outside() (Outside, error) {
	said := Outside{Issuer: c.of.Name, Subject: c.Subject, IssuedAt: c.IssuedAt.UTC(), Expires: c.ExpiresAt.UTC()}
	var email string
	if string(c.Verified) == "true" && json.Unmarshal(c.Email, &email) == nil {
		said.Email, _ = NormalizeEmail(email)
	}
	named, err := at(c.all, jsontext.Pointer(c.of.pointer()))
	if err != nil {
		return Outside{}, err
	}
	var text string
	switch {
	case named == nil || named.Kind() == 'n':
	case json.Unmarshal(named, &text) != nil || said.Tenant.Parse(text) != nil || said.Tenant.IsZero():
		return Outside{}, errors.New("what names its tenant is not the id of one")
	}
	return said, nil
}

// at is the value at a place of a JSON value; nil where there is none, or for an empty pointer.
func at(value jsontext.Value, place jsontext.Pointer) (jsontext.Value, error) {
	for token := range place.Tokens() {
		if value.Kind() != '{' {
			return nil, nil
		}
		var members map[string]jsontext.Value
		if err := json.Unmarshal(value, &members); err != nil {
			return nil, err
		}
		var ok bool
		if value, ok = members[token]; !ok {
			return nil, nil
		}
	}
	if place == "" {
		return nil, nil
	}
	return value, nil
}
