package handlers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"rowhouse/auth"
	"rowhouse/ids"
	"rowhouse/rest"
)

// provider is an OpenID provider of a library's, with its endpoints, its discovery and its signatures; only who its people are, and which
// keys it has, is said here.
type provider struct {
	t   testing.TB
	URL string
	*storage.Storage

	mu     sync.Mutex
	keys   []*providerKey // the first signs
	claims map[string]map[string]any
}

// providerKey is what the library asks for, of a key that signs and of one that is told.
type providerKey struct {
	id        string
	algorithm jose.SignatureAlgorithm
	key       crypto.Signer
}

func (k *providerKey) ID() string                                  { return k.id }
func (k *providerKey) SignatureAlgorithm() jose.SignatureAlgorithm { return k.algorithm }
func (k *providerKey) Key() any                                    { return k.key }

type providerPublicKey struct{ *providerKey }

func (k providerPublicKey) Algorithm() jose.SignatureAlgorithm { return k.algorithm }
func (k providerPublicKey) Use() string                        { return "sig" }
func (k providerPublicKey) Key() any                           { return k.key.Public() }

// providerClient gets access tokens that are JWTs, by its own name.
type providerClient struct {
	op.Client
	id string
}

func (c providerClient) GetID() string                       { return c.id }
func (c providerClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c providerClient) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	p := &provider{t: t, claims: map[string]map[string]any{}}
	p.rotate(0)
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	p.URL = server.URL
	p.Storage = storage.NewStorage(storage.NewUserStore(p.URL))
	made, err := op.NewProvider(&op.Config{CryptoKey: [32]byte{1}}, p, op.StaticIssuer(p.URL), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	handler = made
	return p
}

// rotate makes the key that signs from now on, and tells some of those before beside it.
func (p *provider) rotate(kept int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := ids.New[ids.ItemID]().UUID()
	key := &providerKey{id: id, algorithm: jose.RS256}
	if len(p.keys)%2 == 0 {
		made, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			p.t.Fatal(err)
		}
		key.key = made
	} else {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			p.t.Fatal(err)
		}
		key.algorithm, key.key = jose.ES256, made
	}
	p.keys = append([]*providerKey{key}, p.keys[:kept]...)
}

func (p *provider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[0], nil
}

func (p *provider) KeySet(context.Context) (told []op.Key, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range p.keys {
		told = append(told, providerPublicKey{key})
	}
	return told, nil
}

func (p *provider) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256}, nil
}

func (p *provider) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	if secret != "secret" {
		return nil, errors.New("wrong secret")
	}
	return providerClient{storage.WebClient(id, secret), id}, nil
}

func (p *provider) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return &oidc.JWTTokenRequest{Subject: id, Audience: []string{"rowhouse"}, Scopes: scopes}, nil
}

func (p *provider) GetPrivateClaimsFromScopes(_ context.Context, subject, _ string, _ []string) (map[string]any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claims[subject], nil
}

// token is an access token of a subject, with more claims, from the provider's token endpoint.
func (p *provider) token(subject string, claims map[string]any) string {
	p.t.Helper()
	p.mu.Lock()
	p.claims[subject] = claims
	p.mu.Unlock()
	got, err := client.PostForm(p.URL+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {subject}, "client_secret": {"secret"}, "scope": {"openid"}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer got.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(got.Body).Decode(&answer); err != nil || strings.Count(answer.AccessToken, ".") != 2 {
		p.t.Fatalf("the provider answered %s: %v, %q", got.Status, err, answer.AccessToken)
	}
	return answer.AccessToken
}

// The access tokens of a real provider, configured as its operator would, are good in both modes, and through two rotations of its keys: what
// was issued under a key that is told still, and what is issued under a new one, at once.
func TestProvider(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	issuers, err := auth.ParseIssuers(p.URL + "?audience=rowhouse&algorithms=RS256,ES256&tenant_claim=/org/tenant")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldAs(t, "rowhouse_server", func(c *Config) {
		c.Issuers = auth.NewIssuers(issuers, rest.Fetch, slog.New(slog.DiscardHandler))
	})
	admin := w.A.people["admin"]
	w.prove(admin)
	claims := func(more map[string]any) map[string]any {
		all := map[string]any{"email": "admin-a@example.com", "email_verified": true}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	token := func() string { return p.token("admin", claims(nil)) }
	bound := func() string {
		return p.token("admin", claims(map[string]any{"org": map[string]any{"id": "org_1", "tenant": w.A.id.String()}}))
	}
	first, firstBound := token(), bound()
	for round := range 3 {
		if round > 0 {
			p.rotate(len(p.keys))
		}
		for _, good := range []string{first, token()} {
			w.want(in(w.A, good, call("GET", "/items")), 200)
			w.want(bearer(good, call("GET", "/items")), 400, "missing_tenant")
		}
		for _, good := range []string{firstBound, bound()} {
			w.want(bearer(good, call("GET", "/items")), 200)
			w.want(in(w.A, good, call("GET", "/items")), 400, "unwanted_tenant")
		}
	}
	w.want(bearer(p.token("stranger", nil), call("GET", "/me")), 401, "identity_unlinked")
	// To who has not seen it yet, a key that is told no more never was.
	p.rotate(0)
	config := w.server.config
	config.Issuers = auth.NewIssuers(issuers, rest.Fetch, slog.New(slog.DiscardHandler))
	_, fresh := w.serve(w.db.Server(), config)
	for status, token := range map[int]string{200: token(), 401: first} {
		if got, err := w.try(bearer(token, call("GET", "/me")), fresh); err != nil || got.status != status {
			t.Errorf("got %v, %v, want %d", got, err, status)
		}
	}
}
