package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"rowhouse/ids"
)

const away = "https://id.example.com/realms/a"

// abroad is an outside issuer: its keys as it tells them, and how often it was asked for them.
type abroad struct {
	t       testing.TB
	mu      sync.Mutex
	keys    []map[string]any
	down    error
	config  string // instead of its own
	private map[string]crypto.Signer
	fetched atomic.Int64
	wait    chan struct{} // until it is closed no question is answered; nil: at once
	now     time.Time
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newAbroad(t testing.TB) *abroad {
	a := &abroad{t: t, private: map[string]crypto.Signer{}, now: noon}
	a.add("rsa", rsaKey(), "RS256")
	return a
}

// encode64 is a number, or bytes, as a JSON Web Key has it.
func encode64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk is a public key as an issuer tells it.
func jwk(kid string, key crypto.Signer, algorithm string) map[string]any {
	told := map[string]any{"kid": kid, "use": "sig", "alg": algorithm}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		told["kty"], told["n"], told["e"] = "RSA", encode64(public.N.Bytes()), encode64(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			panic(err)
		}
		half := (len(point) - 1) / 2
		told["kty"], told["crv"] = "EC", public.Curve.Params().Name
		told["x"], told["y"] = encode64(point[1:1+half]), encode64(point[1+half:])
	case ed25519.PublicKey:
		told["kty"], told["crv"], told["x"] = "OKP", "Ed25519", encode64(public)
	}
	return told
}

func (a *abroad) add(kid string, key crypto.Signer, algorithm string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.private[kid] = key
	a.keys = append(a.keys, jwk(kid, key, algorithm))
}

// fetch answers as the issuer does over HTTP.
func (a *abroad) fetch(ctx context.Context, address string) ([]byte, error) {
	if a.wait != nil {
		select {
		case <-a.wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.down != nil {
		a.fetched.Add(1)
		return nil, a.down
	}
	switch address {
	case away + "/.well-known/openid-configuration":
		if a.config != "" {
			return []byte(a.config), nil
		}
		return json.Marshal(map[string]string{"issuer": away, "jwks_uri": away + "/keys"})
	case away + "/keys":
		a.fetched.Add(1)
		return json.Marshal(map[string]any{"keys": a.keys})
	}
	return nil, errors.New("404 " + address)
}

// issuers trusts it, as configured.
func (a *abroad) issuers(configure ...func(*Issuer)) *Issuers {
	a.t.Helper()
	i := Issuer{Name: away, URL: away, Audiences: []string{"rowhouse"}}
	for _, change := range configure {
		change(&i)
	}
	if wrong := i.Problems(); wrong != nil {
		a.t.Fatal(wrong)
	}
	all := NewIssuers([]Issuer{i}, a.fetch, slog.New(slog.DiscardHandler))
	all.byURL[i.URL].keys.now = func() time.Time {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.now
	}
	return all
}

func (a *abroad) pass(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.now.Add(d)
}

// claims are those of a good token, but for what is changed; nil takes one away.
func claimsBut(changed map[string]any) map[string]any {
	claims := map[string]any{
		"iss": away, "sub": "ada", "aud": "rowhouse", "azp": "app", "iat": noon.Unix(), "exp": noon.Add(5 * time.Minute).Unix(),
		"email": "Ada@Example.com", "email_verified": true,
	}
	maps.Copy(claims, changed)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// header is that of a good token, but for what is changed.
func headerBut(changed map[string]any) map[string]any {
	header := map[string]any{"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}
	maps.Copy(header, changed)
	maps.DeleteFunc(header, func(_ string, v any) bool { return v == nil })
	return header
}

// sign signs a token by the key that its header names, or by another.
func (a *abroad) sign(header, claims map[string]any, by ...crypto.Signer) string {
	a.t.Helper()
	key := a.private["rsa"]
	if kid, ok := header["kid"].(string); ok && a.private[kid] != nil {
		key = a.private[kid]
	}
	if len(by) > 0 {
		key = by[0]
	}
	h, err := json.Marshal(header)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.signText(string(h), string(c), key)
}

func (a *abroad) signText(header, claims string, key crypto.Signer) string {
	a.t.Helper()
	text := encode64([]byte(header)) + "." + encode64([]byte(claims))
	algorithm := "RS256"
	switch public := key.Public().(type) {
	case *ecdsa.PublicKey:
		algorithm = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[public.Curve.Params().Name]
	case ed25519.PublicKey:
		algorithm = "EdDSA"
	}
	signature, err := jwt.GetSigningMethod(algorithm).Sign(text, key)
	if err != nil {
		a.t.Fatal(err)
	}
	return text + "." + encode64(signature)
}

func (a *abroad) want(issuers *Issuers, token string, want error) Outside {
	a.t.Helper()
	got, err := issuers.Verify(a.t.Context(), token)
	if !errors.Is(err, want) || want == nil && err != nil {
		a.t.Errorf("got %v, %v, want %v", got, err, want)
	}
	return got
}

// A token of an outside issuer says whom it names, when it was issued, the e-mail that the issuer has verified, and the tenant that a claim of
// it names; the keys are found by discovery, and asked for once.
func TestOutside(t *testing.T) {
	t.Parallel()
	a := newAbroad(t)
	tenant := ids.New[ids.TenantID]()
	issuers := a.issuers(func(i *Issuer) { i.TenantClaim = "/o/tenant" })
	want := Outside{Issuer: away, Subject: "ada", Email: "ada@example.com", IssuedAt: noon, Expires: noon.Add(5 * time.Minute)}
	for _, c := range []struct {
		name    string
		changed map[string]any
		email   string
		tenant  ids.TenantID
	}{
		{"as it is", nil, "ada@example.com", ids.TenantID{}},
		{"another audience beside ours", map[string]any{"aud": []string{"other", "rowhouse"}}, "ada@example.com", ids.TenantID{}},
		{"an e-mail that is not verified", map[string]any{"email_verified": false}, "", ids.TenantID{}},
		{"an e-mail of which nothing is said", map[string]any{"email_verified": nil}, "", ids.TenantID{}},
		{"a word for true", map[string]any{"email_verified": "true"}, "", ids.TenantID{}},
		{"no e-mail", map[string]any{"email": nil}, "", ids.TenantID{}},
		{"no address", map[string]any{"email": "ada"}, "", ids.TenantID{}},
		{"a number", map[string]any{"email": 7}, "", ids.TenantID{}},
		{"a tenant", map[string]any{"o": map[string]any{"tenant": tenant.String()}}, "ada@example.com", tenant},
		{"a tenant by its bare id", map[string]any{"o": map[string]any{"tenant": tenant.UUID()}}, "ada@example.com", tenant},
		{"an organisation without a tenant", map[string]any{"o": map[string]any{"id": "org_1"}}, "ada@example.com", ids.TenantID{}},
		{"no tenant", map[string]any{"o": map[string]any{"tenant": nil}}, "ada@example.com", ids.TenantID{}},
		{"no organisation", map[string]any{"o": "org"}, "ada@example.com", ids.TenantID{}},
	} {
		want.Email, want.Tenant = c.email, c.tenant
		if diff := cmp.Diff(want, a.want(issuers, a.sign(headerBut(nil), claimsBut(c.changed)), nil)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", c.name, diff)
		}
	}
	if n := a.fetched.Load(); n != 1 {
		t.Errorf("it was asked %d times for its keys, want once", n)
	}
	for _, changed := range []map[string]any{
		{"o": map[string]any{"tenant": "acme"}}, {"o": map[string]any{"tenant": ""}}, {"o": map[string]any{"tenant": 7}},
		{"o": map[string]any{"tenant": ids.New[ids.UserID]().String()}}, {"o": map[string]any{"tenant": "00000000-0000-0000-0000-000000000000"}},
		{"o": map[string]any{"tenant": []string{tenant.String()}}},
	} {
		a.want(issuers, a.sign(headerBut(nil), claimsBut(changed)), ErrToken)
	}
	// A claim may be called as a JSON Pointer looks.
	slashed := a.issuers(func(i *Issuer) { i.TenantClaim = "https://example.com/~tenant" })
	if got := a.want(slashed, a.sign(headerBut(nil), claimsBut(map[string]any{"https://example.com/~tenant": tenant.String()})), nil); got.Tenant != tenant {
		t.Errorf("got %v, want %v", got.Tenant, tenant)
	}
}

// Each algorithm verifies with its own key, and with no other; a key that says which it is for is for no other.
func TestOutsideAlgorithms(t *testing.T) {
	t.Parallel()
	a := newAbroad(t)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	a.add("p256", p256, "")
	a.add("p384", p384, "ES384")
	a.add("ed", ed, "EdDSA")
	a.add("ed25519", ed, "Ed25519") // as RFC 9864 calls it
	a.add("any", rsaKey(), "")
	a.add("pss", rsaKey(), "PS256")
	all := a.issuers(func(i *Issuer) { i.Algorithms = Algorithms })
	algorithms := map[string]string{"rsa": "RS256", "p256": "ES256", "p384": "ES384", "ed": "EdDSA", "ed25519": "EdDSA", "any": "RS256"}
	for kid, algorithm := range algorithms {
		a.want(all, a.sign(headerBut(map[string]any{"alg": algorithm, "kid": kid}), claimsBut(nil)), nil)
		for _, other := range append([]string{"none", "HS256", "hs256", "RS1", "Ed25519", ""}, Algorithms...) {
			if other != algorithm {
				a.want(all, a.sign(headerBut(map[string]any{"alg": other, "kid": kid}), claimsBut(nil)), ErrToken)
			}
		}
		if kid != "rsa" && kid != "any" { // they are one key
			a.want(all, a.sign(headerBut(map[string]any{"alg": algorithm, "kid": kid}), claimsBut(nil), a.private["rsa"]), ErrToken)
		}
	}
	a.want(all, a.sign(headerBut(map[string]any{"kid": "pss"}), claimsBut(nil)), ErrToken)
	// By default there is RS256 alone.
	a.want(a.issuers(), a.sign(headerBut(map[string]any{"alg": "ES256", "kid": "p256"}), claimsBut(nil)), ErrToken)
	// The public key is no secret.
	for _, secret := range [][]byte{
		x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey), []byte(encode64(rsaKey().N.Bytes())), rsaKey().N.Bytes(), {},
	} {
		text := encode64([]byte(`{"alg":"HS256","kid":"rsa"}`)) + "." + strings.Split(a.sign(headerBut(nil), claimsBut(nil)), ".")[1]
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		a.want(all, text+"."+encode64(mac.Sum(nil)), ErrToken)
	}
	unsigned := encode64([]byte(`{"alg":"none","kid":"rsa"}`)) + "." + strings.Split(a.sign(headerBut(nil), claimsBut(nil)), ".")[1] + "."
	a.want(all, unsigned, ErrToken)
}

// A token that lacks what it must say, or says something else, is refused.
func TestOutsideRefused(t *testing.T) {
	t.Parallel()
	a := newAbroad(t)
	issuers := a.issuers(func(i *Issuer) { i.Parties = []string{"app", "console"} })
	good := a.sign(headerBut(nil), claimsBut(nil))
	a.want(issuers, good, nil)
	for name, changed := range map[string]map[string]any{
		"another audience": {"aud": "other"}, "no audience": {"aud": nil}, "our audience in another's": {"aud": "rowhouse2"},
		"another party": {"azp": "other"}, "no party": {"azp": nil}, "a list of parties": {"azp": []string{"app"}},
		"expired": {"exp": noon.Add(-leeway).Unix()}, "no end": {"exp": nil},
		"of the future": {"iat": noon.Add(leeway + time.Second).Unix()}, "of no time": {"iat": nil}, "over before it began": {"iat": noon.Add(3 * time.Second).Unix(), "exp": noon.Add(2 * time.Second).Unix()},
		"not yet": {"nbf": noon.Add(leeway + time.Second).Unix()},
		"nobody":  {"sub": nil}, "an empty subject": {"sub": ""}, "a number": {"sub": 7}, "a long subject": {"sub": strings.Repeat("ü", maxSubject+1)}, "a NUL": {"sub": "a\x00"},
	} {
		if got, err := issuers.Verify(t.Context(), a.sign(headerBut(nil), claimsBut(changed))); !errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for name, changed := range map[string]map[string]any{
		"no kid": {"kid": nil}, "an empty kid": {"kid": ""}, "a long kid": {"kid": strings.Repeat("k", maxKid+1)}, "an unknown kid": {"kid": "other"}, "a number": {"kid": 7},
		"another typ": {"typ": "id_token+jwt"}, "of a logout": {"typ": "logout+jwt"}, "of a request": {"typ": "dpop+jwt"},
		"critical": {"crit": []string{"exp"}}, "an empty list of extensions": {"crit": []string{}},
	} {
		if got, err := issuers.Verify(t.Context(), a.sign(headerBut(changed), claimsBut(nil))); !errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for _, typ := range []any{nil, "JWT", "at+jwt", "application/at+jwt", "AT+JWT"} {
		a.want(issuers, a.sign(headerBut(map[string]any{"typ": typ}), claimsBut(nil)), nil)
	}
	header, claims := `{"alg":"RS256","kid":"rsa"}`, `{"iss":"`+away+`","sub":"ada","aud":"rowhouse","azp":"app","iat":1772366400,"exp":1772366700}`
	a.want(issuers, a.signText(header, claims, rsaKey()), nil)
	for name, token := range map[string]string{
		"a claim twice":                a.signText(header, strings.Replace(claims, `"sub":"ada"`, `"sub":"eve","sub":"ada"`, 1), rsaKey()),
		"a header twice":               a.signText(strings.Replace(header, `"kid"`, `"kid":"x","kid"`, 1), claims, rsaKey()),
		"in other letters":             a.signText(header, strings.Replace(claims, `"sub"`, `"Sub"`, 1), rsaKey()),
		"no object":                    a.signText(header, `"`+away+`"`, rsaKey()),
		"more than an object":          a.signText(header, claims+`{}`, rsaKey()),
		"bytes that are no text":       a.signText(header, strings.Replace(claims, "ada", "\xff", 1), rsaKey()),
		"too long":                     a.signText(header, strings.Replace(claims, `"azp"`, `"x":"`+strings.Repeat("x", maxToken)+`","azp"`, 1), rsaKey()),
		"a signature in other letters": good[:len(good)-1] + string(good[len(good)-1]+1), // of whose last letter four bits count for nothing
		"another signature":            good[:len(good)-8] + "AAAAAAAA",
		"no signature":                 good[:strings.LastIndex(good, ".")+1],
		"two parts":                    good[:strings.LastIndex(good, ".")],
		"four parts":                   good + ".x",
		"a line end":                   strings.Replace(good, ".", ".\n", 1),
		"padding":                      good + "=",
		"of another issuer":            a.signText(header, strings.Replace(claims, away, away+"/", 1), rsaKey()),
		"of none":                      a.signText(header, strings.Replace(claims, `"iss"`, `"iSS"`, 1), rsaKey()),
		"nothing":                      "",
	} {
		if got, err := issuers.Verify(t.Context(), token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if issuers.Issued(a.signText(header, strings.Replace(claims, away, "https://rowhouse.test", 1), rsaKey())) || !issuers.Issued(good) || (*Issuers)(nil).Issued(good) {
		t.Error("it is not told by its iss whose a token is")
	}
}

// Keys that are not for signatures, that are weak, or of whose name there are two, verify nothing.
func TestOutsideKeys(t *testing.T) {
	t.Parallel()
	a := newAbroad(t)
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	but := func(kid string, changed map[string]any) map[string]any {
		told := jwk(kid, rsaKey(), "RS256")
		maps.Copy(told, changed)
		maps.DeleteFunc(told, func(_ string, v any) bool { return v == nil })
		return told
	}
	a.keys = append(a.keys,
		but("enc", map[string]any{"use": "enc"}), but("none", map[string]any{"use": nil}), but("twice", nil), but("twice", nil), but("", nil),
		but("oct", map[string]any{"kty": "oct", "k": encode64([]byte("a secret that everybody may read"))}), but("odd", map[string]any{"n": "?"}),
		but("later", nil), but("later", map[string]any{"use": "enc"}),
		but("certified", map[string]any{"x5c": []string{"?"}, "x5u": "http://id.example.com"}),
		jwk("weak", weak, "RS256"),
	)
	issuers := a.issuers()
	for _, kid := range []string{"enc", "none", "twice", "oct", "odd", "later"} {
		a.want(issuers, a.sign(headerBut(map[string]any{"kid": kid}), claimsBut(nil)), ErrToken)
	}
	a.want(issuers, a.sign(headerBut(map[string]any{"kid": "weak"}), claimsBut(nil), weak), ErrToken)
	a.want(issuers, a.sign(headerBut(map[string]any{"kid": "certified"}), claimsBut(nil)), nil)
	a.want(issuers, a.sign(headerBut(nil), claimsBut(nil)), nil)
}

// A key that the issuer adds is taken at its first token, also the second within a minute; one that it withdraws is good for minutes at most.
func TestOutsideRotation(t *testing.T) {
	t.Parallel()
	a := newAbroad(t)
	issuers := a.issuers(func(i *Issuer) { i.Algorithms = []string{"RS256", "EdDSA"} })
	old := a.sign(headerBut(nil), claimsBut(map[string]any{"exp": noon.Add(time.Hour).Unix()}))
	a.want(issuers, old, nil)
	for _, kid := range []string{"second", "third"} {
		_, key, _ := ed25519.GenerateKey(rand.Reader)
		a.add(kid, key, "EdDSA")
		a.want(issuers, a.sign(headerBut(map[string]any{"alg": "EdDSA", "kid": kid}), claimsBut(nil)), nil)
	}
	a.mu.Lock()
	a.keys = a.keys[1:]
	a.mu.Unlock()
	a.want(issuers, old, nil)
	a.pass(keysFresh)
	a.want(issuers, old, nil) // and asks in passing
	asked := issuers.byURL[away].keys
	asked.mu.Lock()
	asking := asked.asking
	asked.mu.Unlock()
	if asking != nil {
		<-asking
	}
	a.want(issuers, old, ErrToken)
}

// However many tokens name however many keys that are not known, and however many come at once, the issuer is asked a few times, and then
// once in a while.
func TestOutsideFlood(t *testing.T) {
	t.Parallel()
	a := newAbroad(t)
	issuers := a.issuers()
	a.wait = make(chan struct{})
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			kid := "rsa"
			if n%2 == 0 {
				kid = fmt.Sprint("none-", n)
			}
			_, err := issuers.Verify(t.Context(), a.sign(headerBut(map[string]any{"kid": kid}), claimsBut(nil)))
			if kid == "rsa" && err != nil || kid != "rsa" && !errors.Is(err, ErrToken) {
				t.Errorf("%s: got %v", kid, err)
			}
		})
	}
	close(a.wait)
	all.Wait()
	for n := range 1000 {
		a.want(issuers, a.sign(headerBut(map[string]any{"kid": fmt.Sprint("none-", n)}), claimsBut(nil)), ErrToken)
	}
	if got := a.fetched.Load(); got > keysAtOnce {
		t.Errorf("it was asked %d times, want %d at most", got, keysAtOnce)
	}
	before := a.fetched.Load()
	a.pass(keysEvery)
	for n := range 100 {
		a.want(issuers, a.sign(headerBut(map[string]any{"kid": fmt.Sprint("more-", n)}), claimsBut(nil)), ErrToken)
	}
	if got := a.fetched.Load() - before; got != 1 {
		t.Errorf("after %v it was asked %d times, want once", keysEvery, got)
	}
}

// While the issuer is away, tokens of known keys are good, for a day; of all others it is said that the issuer cannot be asked. When it is
// back, so are they.
func TestOutsideAway(t *testing.T) {
	t.Parallel()
	a := newAbroad(t)
	long := a.sign(headerBut(nil), claimsBut(map[string]any{"exp": noon.Add(48 * time.Hour).Unix()}))
	down := func(err error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.down = err
	}
	down(errors.New("connection refused"))
	issuers := a.issuers()
	for range 2 * keysAtOnce {
		a.want(issuers, long, ErrIssuer)
	}
	down(nil)
	a.pass(keysEvery)
	a.want(issuers, long, nil)
	down(errors.New("connection refused"))
	other := a.sign(headerBut(map[string]any{"kid": "new"}), claimsBut(map[string]any{"exp": noon.Add(48 * time.Hour).Unix()}))
	a.pass(keysBelieved / 2)
	for range 2 * keysAtOnce {
		a.want(issuers, long, nil)
		a.want(issuers, other, ErrIssuer)
	}
	a.pass(keysBelieved / 2)
	a.want(issuers, long, ErrIssuer)
	down(nil)
	a.pass(keysEvery)
	a.want(issuers, long, nil)
	a.want(issuers, other, ErrToken)

	for _, config := range []string{
		`{"issuer":"https://other.example.com","jwks_uri":"` + away + `/keys"}`, `{"issuer":"` + away + `","jwks_uri":"http://id.example.com/keys"}`,
		`{"issuer":"` + away + `"}`, `<html>`, `{}`,
	} {
		odd := newAbroad(t)
		odd.config = config
		odd.want(odd.issuers(), odd.sign(headerBut(nil), claimsBut(nil)), ErrIssuer)
	}
	// Whoever hangs up waits no longer.
	slow := newAbroad(t)
	slow.wait = make(chan struct{})
	defer close(slow.wait)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := slow.issuers().Verify(gone, long); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

// The message of Svix's manual is taken at its time, five minutes before and after, and with other signatures beside its own; any other id,
// timestamp, body or secret is refused.
func TestHookMessage(t *testing.T) {
	t.Parallel()
	parse := func(text string) HookSecret {
		secret, err := ParseHookSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	secret := parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	const id, at, body, signature = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", `{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	sent := time.Unix(1614265330, 0)
	good := HookMessage{id, at, signature}
	for _, away := range []time.Duration{0, 5 * time.Minute, -5 * time.Minute} {
		if got, err := secret.Verify(good, []byte(body), sent.Add(away)); err != nil || !got.Equal(sent) {
			t.Errorf("%v away: got %v, %v", away, got, err)
		}
	}
	for _, several := range []string{"v1,AAAA " + signature, signature + " v1a,AAAA", "v2,x  " + signature} {
		if _, err := secret.Verify(HookMessage{id, at, several}, []byte(body), sent); err != nil {
			t.Errorf("%q: got %v", several, err)
		}
	}
	for name, c := range map[string]struct {
		secret HookSecret
		m      HookMessage
		body   string
		away   time.Duration
	}{
		"too old":                  {secret, good, body, 5*time.Minute + time.Second},
		"too early":                {secret, good, body, -5*time.Minute - time.Second},
		"another id":               {secret, HookMessage{"msg_other", at, signature}, body, 0},
		"no id":                    {secret, HookMessage{"", at, signature}, body, 0},
		"an id of two parts":       {secret, HookMessage{id + "." + at, "2432232314", signature}, body, 0},
		"another timestamp":        {secret, HookMessage{id, "1614265331", signature}, body, 0},
		"a timestamp in other ink": {secret, HookMessage{id, "+1614265330", signature}, body, 0},
		"zeros before it":          {secret, HookMessage{id, "01614265330", signature}, body, 0},
		"no timestamp":             {secret, HookMessage{id, "", signature}, body, 0},
		"a timestamp of no time":   {secret, HookMessage{id, "9223372036854775807", signature}, body, 0},
		"another body":             {secret, good, body + " ", 0},
		"no body":                  {secret, good, "", 0},
		"no signature":             {secret, HookMessage{id, at, ""}, body, 0},
		"another version":          {secret, HookMessage{id, at, "v2" + signature[2:]}, body, 0},
		"a version alone":          {secret, HookMessage{id, at, "v1,"}, body, 0},
		"too many signatures":      {secret, HookMessage{id, at, strings.Repeat("v1,AAAA ", maxSignatures) + signature}, body, 0},
		"another secret":           {parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"), good, body, 0},
		"no secret":                {HookSecret{}, good, body, 0},
	} {
		if _, err := c.secret.Verify(c.m, []byte(c.body), sent.Add(c.away)); !errors.Is(err, ErrHook) {
			t.Errorf("%s: got %v, want ErrHook", name, err)
		}
	}
	if printed := fmt.Sprintf("%v %+v %#v", secret, secret, secret); strings.Contains(printed, "MfKQ") || strings.Contains(printed, "49") && strings.Contains(printed, "242") {
		t.Errorf("it prints its key: %s", printed)
	}
}
