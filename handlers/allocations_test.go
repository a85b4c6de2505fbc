//go:build !race

package handlers

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rowhouse/rest"
)

// hot are the requests that a server mostly answers, and how many allocations one may cost, the driver's and the standard library's
// among them: a tenth more than it did when this was written. The race detector allocates too, so that it has no say here.
var hot = []struct {
	name, method, path, body string
	budget                   float64
}{
	{"get", http.MethodGet, "/items/%s", ``, 107},
	{"list", http.MethodGet, "/items", ``, 366},
	{"create", http.MethodPost, "/items", `{"name":"Ash stool","price_cents":4900}`, 131},
	{"update", http.MethodPatch, "/items/%s", `{"price_cents":4900}`, 125},
}

// hotWorld has a page of items.
func hotWorld(t testing.TB) *world {
	w := newWorld(t)
	w.db.Exec(`INSERT INTO items (tenant_id, name, price_cents) SELECT $1, 'Ash stool ' || n, n FROM generate_series(1, 60) AS n`, w.A.id)
	return w
}

// ask answers one of the hot requests, without a network.
func (w *world) ask(t testing.TB, method, path, body string) func() {
	r := httptest.NewRequest(method, rest.Base+strings.ReplaceAll(path, "%s", w.A.own.String()), nil)
	r.Header.Set("Authorization", "Bearer "+w.token(w.A.people["admin"]))
	r.Header.Set("X-Tenant-Id", w.A.id.String())
	r.Header.Set("Content-Type", "application/json")
	answer := &discarded{header: http.Header{}}
	text := bytes.NewReader([]byte(body))
	return func() {
		clear(answer.header)
		text.Reset([]byte(body))
		r.Body, r.ContentLength = io.NopCloser(text), int64(len(body))
		w.server.ServeHTTP(answer, r)
		if answer.status >= 300 {
			t.Fatalf("%s %s: got %d", method, path, answer.status)
		}
	}
}

// discarded is an answer that nobody reads.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(p []byte) (int, error) { return len(p), nil }

// SetWriteDeadline is what a connection has; without it http.ResponseController would make an error.
func (d *discarded) SetWriteDeadline(time.Time) error { return nil }

// No request allocates more than its budget.
func TestAllocations(t *testing.T) {
	w := hotWorld(t)
	for _, r := range hot {
		one := w.ask(t, r.method, r.path, r.body)
		for range 20 { // statements are prepared, pools are filled
			one()
		}
		if got := testing.AllocsPerRun(200, one); got > r.budget {
			t.Errorf("%s: %.0f allocations, and the budget is %.0f", r.name, got, r.budget)
		}
	}
}

// A page is encoded by its plan, in room that there is: the library would make some of each row.
func TestEncodingAllocatesNothing(t *testing.T) {
	rows := make([]Item, 50)
	room := make([]byte, 0, (64 << 10))
	if got := testing.AllocsPerRun(100, func() { _, _ = rest.AppendJSON(room, &rows) }); got > 0 {
		t.Errorf("%.0f allocations", got)
	}
}

// BenchmarkHot is what a request costs the server, and the database with it, without the network to the client.
func BenchmarkHot(b *testing.B) {
	w := hotWorld(b)
	for _, r := range hot {
		b.Run(r.name, func(b *testing.B) { measure(b, w.ask(b, r.method, r.path, r.body)) })
	}
}

// BenchmarkParts is what the parts of a request cost: the token, and the database behind the door.
func BenchmarkParts(b *testing.B) {
	w := hotWorld(b)
	ctx := context.Background()
	admin := w.A.people["admin"]
	token := w.token(admin)
	who := rest.Caller{AccountID: admin.account, SessionID: admin.session, TenantID: w.A.id, Address: "127.0.0.1", Operation: "item.get", RequestID: "req-1"}
	if _, err := itemGet(ctx, w.server.doors.Enter(who, itemsRead), who, itemGetInput{w.A.own}); err != nil { // connects
		b.Fatal(err)
	}
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"token", func() error {
			_, err := w.server.tokens.Verify(token)
			return err
		}},
		{"door", func() error {
			_, err := itemGet(ctx, w.server.doors.Enter(who, itemsRead), who, itemGetInput{w.A.own})
			return err
		}},
	} {
		b.Run(part.name, func(b *testing.B) {
			measure(b, func() {
				if err := part.do(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func measure(b *testing.B, one func()) {
	b.ReportAllocs()
	for b.Loop() {
		one()
	}
}
