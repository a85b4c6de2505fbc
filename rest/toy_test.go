package rest_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
	"rowhouse/testdb"
)

// A note is an item of which only the name is told.
type note struct {
	ID   ids.ItemID `json:"id"`
	Name string     `json:"name"`
}

func (n *note) Resource() (name, path string, version int64) {
	return "note", "/notes/" + n.ID.String(), 0
}

type noteCreateInput struct {
	Name string `json:"name" validate:"min=1,max=100"`
}

func noteCreate(ctx context.Context, q *db.Queries, who rest.Caller, in noteCreateInput) (note, error) {
	row, err := q.ItemCreate(ctx, db.ItemCreateParams{TenantID: who.TenantID, Name: in.Name, PriceCents: 1})
	return note{row.ID, row.Name}, err
}

type noteGetInput struct {
	ID ids.ItemID `path:"id"`
}

func noteGet(ctx context.Context, q *db.Queries, who rest.Caller, in noteGetInput) (note, error) {
	row, err := q.ItemGet(ctx, db.ItemGetParams{TenantID: who.TenantID, ID: in.ID})
	return note{row.ID, row.Name}, err
}

var toy = rest.API{Routes: []rest.Route{
	{Pattern: "POST /notes", Status: 201, Title: "Noted", Endpoint: rest.Need("items:write", noteCreate)},
	{Pattern: "GET /notes/:id", Status: 200, Title: "Here it is", Endpoint: rest.Need("items:read", noteGet)},
}, Hints: map[string]string{"validation_failed": "Notes are numbered otherwise."}}

// The package serves any API: these two routes are all that this one has, and the rest is the contract's.
func TestToy(t *testing.T) {
	t.Parallel()
	url, token := serve(t, &toy)
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", "/notes", `{"name":" Milk "}`, `"content":{"note":{"id":"item-`},
		{"POST", "/notes", `{"nane":""}`, `{"field":"name","code":"required","detail":"Must be given."},{"field":"nane","code":"unknown_field"`},
		{"GET", "/notes/" + ids.New[ids.ItemID]().String(), ``, `"code":"not_found"`},
		{"GET", "/notes", ``, `"code":"method_not_allowed"`},
		{"GET", "/notes/1", ``, `"code":"validation_failed","detail":"Some values are not acceptable; each is listed under fields. Notes are numbered otherwise.","fields"`},
	} {
		if text := ask(t, url, token, c.method, c.path, "application/json", c.body); !strings.Contains(text, c.want) {
			t.Errorf("%s %s %s: got %s, want %s in it", c.method, c.path, c.body, text, c.want)
		}
	}
}

// ask sends a request to the API that is served there, and returns the body of the answer.
func ask(t *testing.T, url, token, method, path, media, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url+rest.Base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {media}}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// serve serves an API to the one user of a new tenant, whose access token it returns.
func serve(t *testing.T, api *rest.API) (url, token string) {
	t.Helper()
	base := testdb.New(t)
	tenant, account, session := ids.New[ids.TenantID](), ids.New[ids.AccountID](), ids.New[ids.SessionID]()
	base.Exec(`INSERT INTO tenants (id, name, slug) VALUES ($1, 'Kitchen', 'kitchen')`, tenant)
	base.Exec(`INSERT INTO accounts (id, username, email, email_verified_at) VALUES ($1, 'ada', 'ada@example.com', now())`, account)
	base.Exec(`INSERT INTO sessions (id, account_id, expires_at) VALUES ($1, $2, now() + interval '1 day')`, session, account)
	base.Exec(`INSERT INTO users (tenant_id, account_id, username, email, role) VALUES ($1, $2, 'ada', 'ada@example.com', 'admin')`, tenant, account)
	doors, err := tenancy.Open(t.Context(), base.Server())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(doors.Close)
	keys, err := auth.ParseKeys(auth.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	tokens := auth.NewTokens(keys, "rowhouse", "rowhouse-api")
	if token, err = tokens.Sign(auth.Claims{Account: account, Session: session, Tenant: tenant, IssuedAt: time.Now(), Expires: time.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	server, err := rest.New(rest.Config{BodyLimit: 1 << 20, ImportLimit: 1 << 20}, api, doors, tokens, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	return listening.URL, token
}
