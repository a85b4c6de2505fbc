package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowhouse/ids"
)

const (
	issuer   = "https://rowhouse.test"
	audience = "rowhouse"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newTokens(t testing.TB, keys string) *Tokens {
	t.Helper()
	parsed, err := ParseKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	tokens := NewTokens(parsed, issuer, audience)
	tokens.now = func() time.Time { return noon }
	return tokens
}

func newClaims() Claims {
	return Claims{
		Account:  ids.New[ids.AccountID](),
		Session:  ids.New[ids.SessionID](),
		IssuedAt: noon,
		Expires:  noon.Add(10 * time.Minute),
	}
}

func sign(t testing.TB, tokens *Tokens, claims Claims) string {
	t.Helper()
	token, err := tokens.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A token says what was signed, with a tenant and without, and a key that no longer signs still verifies.
func TestSignVerify(t *testing.T) {
	t.Parallel()
	older, newer := GenerateKey(), GenerateKey()
	before, after := newTokens(t, older), newTokens(t, newer+", "+older)
	bound := newClaims()
	bound.Tenant = ids.New[ids.TenantID]()
	for _, want := range []Claims{newClaims(), bound} {
		for _, signer := range []*Tokens{before, after} {
			got, err := after.Verify(sign(t, signer, want))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want, got: %s", diff)
			}
		}
	}
	if _, err := before.Verify(sign(t, after, bound)); !errors.Is(err, ErrToken) {
		t.Errorf("a key that is not ours: got %v, want ErrToken", err)
	}
}

// A token holds these members and no others: no roles, and no tenant unless it is bound to one.
func TestTokenMembers(t *testing.T) {
	t.Parallel()
	_, seed, _ := strings.Cut(GenerateKey(), ":")
	tokens := newTokens(t, "k1:"+seed)
	claims := newClaims()
	var header, payload map[string]any
	for i, part := range strings.Split(sign(t, tokens, claims), ".")[:2] {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, []any{&header, &payload}[i]); err != nil {
			t.Fatal(err)
		}
	}
	if jti, _ := payload["jti"].(string); len(jti) < 26 {
		t.Errorf("jti: got %q, want 26 random characters", jti)
	}
	delete(payload, "jti")
	want := []map[string]any{
		{"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"},
		{
			"iss": issuer, "aud": []any{audience}, "sub": claims.Account.String(), "sid": claims.Session.String(),
			"iat": float64(noon.Unix()), "exp": float64(noon.Unix() + 600),
		},
	}
	if diff := cmp.Diff(want, []map[string]any{header, payload}); diff != "" {
		t.Errorf("want, got: %s", diff)
	}
}

// Sign makes no token that Verify would refuse: one that names nobody, that is good for too long, or that was never good.
func TestSignRefuses(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, GenerateKey())
	nobody, nowhere, longest, never := newClaims(), newClaims(), newClaims(), newClaims()
	nobody.Account, nowhere.Session = ids.AccountID{}, ids.SessionID{}
	longest.Expires, never.Expires = noon.Add(MaxTokenTime+time.Second), noon
	for _, claims := range []Claims{nobody, nowhere, longest, never} {
		if token, err := tokens.Sign(claims); err == nil {
			t.Errorf("got %s, want an error", token)
		}
	}
}

// A forgery is what somebody would have to write to be let in: the text of a header and of claims, and a signature over
// both. Its zero value, completed, is a good token.
type forgery struct {
	header, claims string
	sign           func(text string) []byte
	finish         func(token string) string
}

// Every known way to forge a token is refused with ErrToken, and none is remembered as good.
func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	keys := GenerateKey()
	kid, _, _ := strings.Cut(keys, ":")
	tokens := newTokens(t, keys)
	private := tokens.keys[0].private()
	otherKeys, err := ParseKeys(GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	other := otherKeys[0].private()

	segment := base64.RawURLEncoding.EncodeToString
	goodHeader := `{"alg":"EdDSA","kid":"` + kid + `","typ":"at+jwt"}`
	account, session, tenant := ids.New[ids.AccountID](), ids.New[ids.SessionID](), ids.New[ids.TenantID]()
	goodClaims := fmt.Sprintf(`{"sub":%q,"sid":%q,"active_tenant_id":%q,"iss":%q,"aud":[%q],"exp":%d,"iat":%d,"jti":"one"}`,
		account, session, tenant, issuer, audience, noon.Add(time.Minute).Unix(), noon.Unix())
	header := func(from, to string) forgery {
		return forgery{header: replaceOnce(t, goodHeader, from, to)}
	}
	claims := func(from, to string) forgery {
		return forgery{claims: replaceOnce(t, goodClaims, from, to)}
	}
	finish := func(f func(string) string) forgery { return forgery{finish: f} }
	hs256 := func(key []byte) forgery {
		f := header("EdDSA", "HS256")
		f.sign = func(text string) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(text))
			return mac.Sum(nil)
		}
		return f
	}
	none := header("EdDSA", "none")
	none.sign = func(string) []byte { return nil }
	exp, iat := fmt.Sprintf(`"exp":%d`, noon.Add(time.Minute).Unix()), fmt.Sprintf(`"iat":%d`, noon.Unix())
	at := func(name string, d time.Duration) string { return fmt.Sprintf(`%q:%d`, name, noon.Add(d).Unix()) }

	build := func(f forgery) string {
		if f.header == "" {
			f.header = goodHeader
		}
		if f.claims == "" {
			f.claims = goodClaims
		}
		if f.sign == nil {
			f.sign = func(text string) []byte { return ed25519.Sign(private, []byte(text)) }
		}
		text := segment([]byte(f.header)) + "." + segment([]byte(f.claims))
		token := text + "." + segment(f.sign(text))
		if f.finish != nil {
			token = f.finish(token)
		}
		return token
	}
	for name, f := range map[string]forgery{
		"alg none":                  none,
		"alg NONE":                  header("EdDSA", "NONE"),
		"HS256 with the public key": hs256(private.Public().(ed25519.PublicKey)),
		"HS256 with its base64":     hs256([]byte(segment(private.Public().(ed25519.PublicKey)))),
		"HS256 with an empty key":   hs256(nil),
		"no alg":                    header(`"alg":"EdDSA",`, ``),
		"unknown kid":               header(kid, "nobody"),
		"kid as a path":             header(kid, "../../dev/null"),
		"no kid":                    header(`"kid":"`+kid+`",`, ``),
		"typ JWT":                   header("at+jwt", "JWT"),
		"no typ":                    header(`,"typ":"at+jwt"`, ``),
		"crit":                      header(`{`, `{"crit":["exp"],`),
		"empty crit":                header(`{`, `{"crit":[],`),
		"key in the header":         header(`{`, `{"jwk":{"kty":"OKP"},`),
		"duplicate header member":   header(`{`, `{"alg":"none",`),
		"header not canonical":      header(`,`, `, `),
		"other key":                 {sign: func(text string) []byte { return ed25519.Sign(other, []byte(text)) }},
		"no signature":              {sign: func(string) []byte { return nil }},
		"zero signature":            {sign: func(string) []byte { return make([]byte, ed25519.SignatureSize) }},
		"wrong aud":                 claims(`"aud":["`+audience, `"aud":["other`),
		"no aud":                    claims(`"aud":["`+audience+`"],`, ``),
		"another aud too":           claims(`"aud":["`+audience, `"aud":["other","`+audience),
		"aud not a list":            claims(`["`+audience+`"]`, `"`+audience+`"`),
		"wrong iss":                 claims(issuer, issuer+"/"),
		"no iss":                    claims(`"iss":"`+issuer+`",`, ``),
		"no exp":                    claims(exp+",", ``),
		"exp null":                  claims(exp, `"exp":null`),
		"exp past":                  claims(exp, at("exp", -leeway)),
		"exp in ten years":          claims(exp, at("exp", 10*365*24*time.Hour)),
		"exp a second too late":     claims(exp, at("exp", MaxTokenTime+time.Second)),
		"exp of an older iat":       claims(iat, at("iat", time.Minute-MaxTokenTime-time.Second)),
		"exp before iat":            claims(iat, at("iat", time.Minute)),
		"exp as text":               claims(exp, fmt.Sprintf(`"exp":"%d"`, noon.Add(time.Minute).Unix())),
		"exp with a fraction":       claims(exp, exp+".0"),
		"exp with an exponent":      claims(exp, exp+"e0"),
		"exp beyond all numbers":    claims(exp, `"exp":1e300`),
		"iat as text":               claims(iat, fmt.Sprintf(`"iat":"%d"`, noon.Unix())),
		"iat with a fraction":       claims(iat, iat+".5"),
		"no iat":                    claims(iat+",", ``),
		"nbf":                       claims(iat, at("nbf", -time.Minute)+","+iat),
		"no jti":                    claims(`,"jti":"one"`, ``),
		"jti null":                  claims(`"jti":"one"`, `"jti":null`),
		"a claim that is not ours":  claims(`{`, `{"role":"admin",`),
		"claims in another order":   claims(exp+","+iat, iat+","+exp),
		"a blank in the claims":     claims(`,`, `, `),
		"a blank after the claims":  {claims: goodClaims + " "},
		"an escape in the claims":   claims(`"one"`, `"\u006fne"`),
		"iat future":                claims(iat, at("iat", leeway+time.Second)),
		"nbf future":                claims(iat, iat+","+at("nbf", leeway+time.Second)),
		"duplicate claim":           claims(exp, exp+","+exp),
		"claim in another case":     claims(`"exp"`, `"Exp"`),
		"no sub":                    claims(`"sub":"`+account.String()+`",`, ``),
		"sub of another type":       claims(account.String(), "user-"+account.UUID()),
		"sub of nobody":             claims(account.String(), ids.AccountID{}.String()),
		"no sid":                    claims(`"sid":"`+session.String()+`",`, ``),
		"sid malformed":             claims(session.String(), "session-1"),
		"tenant malformed":          claims(tenant.String(), "1 OR 1=1"),
		"tenant of another type":    claims(tenant.String(), "item-"+tenant.UUID()),
		"tenant empty":              claims(tenant.String(), ""),
		"tenant null":               claims(`"`+tenant.String()+`"`, "null"),
		"sub without its type":      claims(account.String(), account.UUID()),
		"claims null":               {claims: `null`},
		"claims array":              {claims: `[` + goodClaims + `]`},
		"text after the claims":     {claims: goodClaims + `{}`},
		"claims not UTF-8":          claims(`{`, "{\"\xff\":1,"),
		"5 KB":                      claims(`{`, `{"pad":"`+strings.Repeat("x", 5<<10)+`",`),
		"garbage after":             finish(func(token string) string { return token + "A" }),
		"fourth part":               finish(func(token string) string { return token + ".e30" }),
		"padding":                   finish(func(token string) string { return token + "==" }),
		"line end":                  finish(func(token string) string { return token + "\n" }),
		"line end inside":           finish(func(token string) string { return token[:len(token)-9] + "\r\n" + token[len(token)-9:] }),
		"blank before":              finish(func(token string) string { return " " + token }),
		"base64 not canonical":      finish(func(token string) string { return token[:len(token)-1] + nextDigit(token[len(token)-1]) }),
		"other claims":              finish(func(token string) string { return swapClaims(token, segment([]byte(goodClaims+" "))) }),
		"two parts":                 finish(func(token string) string { return token[:strings.LastIndex(token, ".")] }),
		"nothing":                   finish(func(string) string { return "" }),
		"dots":                      finish(func(string) string { return ".." }),
	} {
		if got, err := tokens.Verify(build(f)); !errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v and %v, want ErrToken", name, got, err)
		}
	}
	if n := tokens.verified.Len(); n != 0 {
		t.Errorf("%d refused tokens are remembered as good", n)
	}
	if _, err := tokens.Verify(build(forgery{})); err != nil {
		t.Errorf("unaltered, so that the table proves nothing: %v", err)
	}
}

func replaceOnce(t *testing.T, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("%q does not occur in %s", from, text)
	}
	return strings.Replace(text, from, to, 1)
}

// nextDigit follows c, which ends 86 characters of base64: a decoder that is not strict reads both as the same 64 bytes.
func nextDigit(c byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return digits[strings.IndexByte(digits, c)+1:][:1]
}

func swapClaims(token, claims string) string {
	parts := strings.Split(token, ".")
	parts[1] = claims
	return strings.Join(parts, ".")
}

// A token is good from as long before its making until as long after its end as two clocks may differ.
func TestLeeway(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, GenerateKey())
	for _, now := range []time.Time{noon.Add(-leeway), noon.Add(10*time.Minute + leeway - time.Second)} {
		token := sign(t, tokens, newClaims())
		tokens.now = func() time.Time { return now }
		if _, err := tokens.Verify(token); err != nil {
			t.Errorf("at %v: %v", now, err)
		}
	}
}

// A token's signature is checked once; its expiry is checked each time.
func TestVerifiedIsRemembered(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, GenerateKey())
	claims := newClaims()
	token, unseen := sign(t, tokens, claims), sign(t, tokens, claims)
	if _, err := tokens.Verify(token); err != nil {
		t.Fatal(err)
	}
	clear(tokens.verifiers) // from here on no signature can be checked
	if _, err := tokens.Verify(unseen); !errors.Is(err, ErrToken) {
		t.Fatalf("an unseen token without a key: got %v, want ErrToken", err)
	}
	for _, step := range []struct {
		at   time.Time
		want error
	}{
		{noon, nil},
		{claims.Expires.Add(leeway - time.Second), nil},
		{claims.Expires.Add(leeway), ErrToken},
		{claims.Expires.Add(time.Hour), ErrToken},
	} {
		tokens.now = func() time.Time { return step.at }
		if _, err := tokens.Verify(token); !errors.Is(err, step.want) {
			t.Errorf("at %v: got %v, want %v", step.at, err, step.want)
		}
	}
}

// The key set holds every public key, and nothing of the private ones.
func TestJWKS(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, GenerateKey()+","+GenerateKey())
	var got struct{ Keys []map[string]string }
	if err := json.Unmarshal(tokens.JWKS(), &got); err != nil {
		t.Fatal(err)
	}
	var want []map[string]string
	for _, key := range tokens.keys {
		x := base64.RawURLEncoding.EncodeToString(key.private().Public().(ed25519.PublicKey))
		want = append(want, map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": key.kid, "use": "sig", "alg": "EdDSA", "x": x})
	}
	if diff := cmp.Diff(want, got.Keys); diff != "" {
		t.Errorf("want, got: %s", diff)
	}
}

// Derived secrets differ by purpose and by key, and are the same in every process, wherever the key stands there.
func TestSecrets(t *testing.T) {
	t.Parallel()
	key, another := GenerateKey(), GenerateKey()
	one, two := newTokens(t, key), newTokens(t, another+","+key)
	secret, both := one.Secrets("cursors")[0], two.Secrets("cursors")
	if len(secret) != 32 || len(both) != 2 || !bytes.Equal(secret, both[1]) {
		t.Errorf("got %d bytes and %d secrets, want 32 that depend on the key only, and one of each key", len(secret), len(both))
	}
	for _, different := range [][]byte{one.Secrets("exports")[0], both[0], one.keys[0].private().Seed()} {
		if bytes.Equal(secret, different) {
			t.Error("two purposes or two keys give one secret")
		}
	}
}

// From one key to the next it is three steps: the new one verifies, it signs, the old one goes. Keys that were named by hand are
// as old as can be, and who stopped half way goes on from there.
func TestNextKeys(t *testing.T) {
	t.Parallel()
	kids := func(text string) string {
		keys, err := ParseKeys(text)
		if err != nil {
			t.Fatal(err)
		}
		var kids []string
		for _, key := range keys {
			number, _, _ := strings.Cut(key.kid, "-")
			kids = append(kids, number)
		}
		return strings.Join(kids, " ")
	}
	seed := func() string {
		_, seed, _ := strings.Cut(GenerateKey(), ":")
		return ":" + seed
	}
	for _, c := range []struct {
		from string
		want []string
	}{
		{"", []string{"0 1", "1 1 2", "2 2 1", "3 2", "1 2 3", "2 3 2", "3 3"}},
		{"mine" + seed(), []string{"1 mine 1", "2 1 mine", "3 1", "1 1 2"}},
		{"new" + seed() + ", old" + seed(), []string{"3 new", "1 new 1"}},
		{"1-a" + seed() + ", 2-b" + seed() + " ,3-c" + seed(), []string{"2 3 1 2", "3 3", "1 3 4"}},
		{"-5" + seed(), []string{"1  1"}},
		{"99999999999999999999-a" + seed(), []string{"1 99999999999999999999 1"}},
	} {
		text := c.from
		for n, want := range c.want {
			value, step, err := NextKeys(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(int(step), " ", kids(value)); got != want {
				t.Errorf("%s, step %d: got %s, want %s", kids(c.from), n, got, want)
			}
			text = value
		}
	}
	if value, _, err := NextKeys("kid:x"); err == nil {
		t.Errorf("got %s, want an error", value)
	}
}

// Nothing that prints, logs or marshals a key, or what holds one, shows its bytes.
func TestSigningKeyIsSilent(t *testing.T) {
	t.Parallel()
	tokens := newTokens(t, GenerateKey())
	key := tokens.keys[0]
	seed := key.private().Seed()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{key, &key, []SigningKey{key}, tokens, *tokens, struct{ key SigningKey }{key}} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("key", "key", key, "keys", tokens.keys, "struct", struct{ Key SigningKey }{key}, "tokens", tokens)
	}
	for name, encoded := range map[string]string{
		"base64":  base64.StdEncoding.EncodeToString(seed)[:16],
		"hex":     fmt.Sprintf("%x", seed[:8]),
		"hex, %#": strings.Trim(fmt.Sprintf("%#v", seed[:8]), "[]byte{}"),
		"decimal": strings.Trim(fmt.Sprint(seed[:6]), "[]"),
		"bytes":   string(seed),
	} {
		if strings.Contains(out.String(), encoded) {
			t.Errorf("the key shows in %s", name)
		}
	}
	if got, want := fmt.Sprintf("%+v", key), "SigningKey("+key.kid+")"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A bad key is refused by its position, and the error repeats nothing of it.
func TestParseKeysRefuses(t *testing.T) {
	t.Parallel()
	good := GenerateKey()
	kid, seed, _ := strings.Cut(good, ":")
	_, otherSeed, _ := strings.Cut(GenerateKey(), ":")
	encode := base64.StdEncoding.EncodeToString
	for name, text := range map[string]string{
		"nothing":          "",
		"no kid":           seed,
		"empty kid":        ":" + seed,
		"odd kid":          "a b:" + seed,
		"no seed":          "secret:",
		"short":            "secret:" + encode([]byte("0123456789abcdefghijklmnopqrstu")),
		"long":             "secret:" + encode([]byte("0123456789abcdefghijklmnopqrstuvw")),
		"not base64":       "secret:" + strings.Repeat("*", 44),
		"all bytes equal":  "secret:" + encode(make([]byte, 32)),
		"repeated word":    "secret:" + encode([]byte("changemechangemechangemechangeme")),
		"same kid":         good + "," + kid + ":" + otherSeed,
		"same seed":        good + ",secret:" + seed,
		"comma at the end": good + ",",
	} {
		keys, err := ParseKeys(text)
		if err == nil {
			t.Errorf("%s: got %v, want an error", name, keys)
			continue
		}
		position := fmt.Sprintf("signing key %d:", strings.Count(text, ",")+1)
		if !strings.HasPrefix(err.Error(), position) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), seed) {
			t.Errorf("%s: got %q, want %q and nothing of the text", name, err, position)
		}
	}
}

// Of all texts of claims that our own key signs, those are accepted that Sign would have written.
func FuzzClaims(f *testing.F) {
	tokens := newTokens(f, GenerateKey())
	private := tokens.keys[0].private()
	header, rest, _ := strings.Cut(sign(f, tokens, newClaims()), ".")
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(rest, ".")[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(claims)
	f.Add(bytes.Replace(claims, []byte(`"exp":`), []byte(`"exp":1`), 1))
	f.Fuzz(func(t *testing.T, claims []byte) {
		text := header + "." + base64.RawURLEncoding.EncodeToString(claims)
		token := text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(text)))
		got, err := tokens.Verify(token)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Errorf("%s: got %v", claims, err)
			}
			return
		}
		var id struct {
			ID string `json:"jti"`
		}
		if err := json.Unmarshal(claims, &id); err != nil {
			t.Fatal(err)
		}
		written, err := json.Marshal(tokens.claims(got, id.ID))
		if err != nil || !bytes.Equal(written, claims) || got.Expires.Sub(got.IssuedAt) > MaxTokenTime {
			t.Errorf("%s is accepted: error %v, and ours would be %s", claims, err, written)
		}
	})
}

// No text makes Verify panic, or is accepted that Sign did not write.
func FuzzVerify(f *testing.F) {
	tokens := newTokens(f, GenerateKey())
	token := sign(f, tokens, newClaims())
	header, _, _ := strings.Cut(token, ".")
	f.Add(token)
	f.Add(header + ".e30.AAAA")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := tokens.Verify(text); (err == nil) != (text == token) || err != nil && !errors.Is(err, ErrToken) {
			t.Errorf("%q: got %v", text, err)
		}
	})
}
