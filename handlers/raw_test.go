package handlers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"rowhouse/db"
	"rowhouse/rest"
)

// listen serves with the timeouts and limits of the real server, and gives its address.
func (w *world) listen() string {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	web := w.server.HTTP()
	go func() { _ = web.Serve(listener) }() // until it is closed
	w.t.Cleanup(func() { _ = web.Close() })
	return listener.Addr().String()
}

// raw sends bytes as they are, and gives all that comes back until the server closes the connection.
func raw(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got, _ := io.ReadAll(conn) // a connection that is reset has said what it has
	return string(got)
}

// What is no request at all is refused by the library, in plain text and without a request id: these and no others. Whatever is a
// request is answered in the envelope. docs/operations.md has the same list.
func TestNoRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := w.listen()
	const host, end = "Host: a\r\n", "Connection: close\r\n\r\n"
	for _, c := range []struct {
		sent   string
		status string
		ours   bool
	}{
		{"GET /api/v1/items/%zz HTTP/1.1\r\n" + host + end, "400", false},
		{"GET /api/v1/items HTTP/1.1\r\n" + end, "400", false},
		{"GET /api/v1/items HTTP/1.1\r\n" + host + host + end, "400", false},
		{"GET /api/v1/items HTTP/1.1\r\nHost: a b\r\n" + end, "400", false},
		{"GET /api/v1/items\r\n" + end, "400", false},
		{"GET /api/v1/items HTTP/1.1\r\n" + host + "X Y: z\r\n" + end, "400", false},
		{"GET /api/v1/items HTTP/1.1\r\n" + host + "X: \x01\r\n" + end, "400", false},
		{"GÄT /api/v1/items HTTP/1.1\r\n" + host + end, "400", false},
		{"POST /api/v1/items HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n" + end + "x", "400", false},
		{"POST /api/v1/items HTTP/1.1\r\n" + host + "Content-Length: -1\r\n" + end, "400", false},
		{"POST /api/v1/items HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n" + end, "501", false},
		{"GET /api/v1/items HTTP/1.1\r\n" + host + "Expect: more\r\n" + end, "417", false},
		{"GET /api/v1/items HTTP/3.7\r\n" + host + end, "505", false},
		{"GET /api/v1/items HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 2*(16<<10)) + "\r\n" + end, "431", false},

		{"GET /api/v1/items/%2Fa%00%ff HTTP/1.1\r\n" + host + end, "404", true},
		{"GET /api/v1/items?%zz HTTP/1.1\r\n" + host + end, "401", true},
		{"POST /api/v1/auth/login?%zz HTTP/1.1\r\n" + host + end, "415", true},
		{"OPTIONS * HTTP/1.1\r\n" + host + end, "404", true},
		{"CONNECT a:80 HTTP/1.1\r\n" + host + end, "404", true},
		{"GET http://b/api/v1/items HTTP/1.1\r\n" + host + end, "401", true},
		{"FOO /api/v1/items HTTP/1.1\r\n" + host + end, "405", true},
		{"POST /api/v1/auth/login HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n" + end + "zz\r\n", "400", true},
		{"GET /api/v1/items HTTP/1.0\r\n\r\n", "401", true},
	} {
		got := raw(t, address, c.sent)
		_, status, _ := strings.Cut(got, " ")
		enveloped := strings.Contains(got, `{"success":false,`) && strings.Contains(got, "X-Request-Id: ")
		if !strings.HasPrefix(status, c.status+" ") || enveloped != c.ours {
			t.Errorf("%.120q: got %.200q, want %s, in the envelope: %v", c.sent, got, c.status, c.ours)
		}
	}
}

// broken adds an export to the world that at its third page takes away the right to read, and says what is on the disk by then.
func (w *world) broken(then func()) {
	pages := 0
	route := rest.Route(row{"GET /broken", 200, "Items exported", rest.Download(itemsRead, "items", func(ctx context.Context, q *db.Queries, who rest.Caller, in itemExportInput, list rest.List) (rest.Page[Item], error) {
		if !list.AfterID().Valid {
			pages = 0
		}
		if pages++; pages == 3 {
			then()
		}
		return itemExport(ctx, q, who, in, list)
	})})
	w.server.Serve(&route)
}

// An export that breaks off looks whole to nobody: to HTTP/1.1 its end is missing; to HTTP/1.0, where the end is that of the connection, it is
// not begun. Nothing of it stays on the disk.
func TestBrokenExport(t *testing.T) {
	w := newWorld(t) // not parallel: it looks at the folder for temporary files
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	w.db.Exec(`INSERT INTO items (tenant_id, name, price_cents) SELECT $1, 'x', 1 FROM generate_series(1, 3500)`, w.A.id)
	member := w.A.people["member"]
	active := func(yes bool) {
		w.db.Exec(`UPDATE users SET is_active = $1 WHERE account_id = $2`, yes, member.account)
	}
	left := func() {
		t.Helper()
		if names, err := os.ReadDir(folder); err != nil || len(names) > 0 {
			t.Errorf("on the disk are %v, %v", names, err)
		}
	}
	w.broken(func() { left(); active(false) })
	address := w.listen()
	type answered struct {
		StatusCode       int
		ContentLength    int64
		TransferEncoding []string
	}
	ask := func(method, path, version string) (answered, []byte, error) {
		text := raw(t, address, fmt.Sprintf("%s %s%s HTTP/%s\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer %s\r\nX-Tenant-Id: %s\r\n\r\n", method, rest.Base, path, version, w.token(member), w.A.id))
		got, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%.200q: %v", text, err)
		}
		defer got.Body.Close()
		body, err := io.ReadAll(got.Body)
		left()
		return answered{got.StatusCode, got.ContentLength, got.TransferEncoding}, body, err
	}
	whole, want, err := ask("GET", "/items/export", "1.1")
	if err != nil || whole.StatusCode != http.StatusOK || bytes.Count(want, []byte("\n")) != 3502 || whole.ContentLength != -1 {
		t.Fatalf("HTTP/1.1: got %d, %d bytes, %v", whole.StatusCode, len(want), err)
	}
	for _, format := range []string{"", "?format=csv"} {
		_, want, _ := ask("GET", "/items/export"+format, "1.1")
		got, body, err := ask("GET", "/items/export"+format, "1.0")
		if err != nil || got.StatusCode != http.StatusOK || got.ContentLength != int64(len(want)) || !bytes.Equal(body, want) || got.TransferEncoding != nil {
			t.Errorf("HTTP/1.0: got %d, %d of %d bytes, length %d, %v", got.StatusCode, len(body), len(want), got.ContentLength, err)
		}
	}
	if got, body, err := ask("HEAD", "/items/export", "1.0"); err != nil || got.StatusCode != http.StatusOK || len(body) > 0 {
		t.Errorf("HEAD: got %d %q, %v", got.StatusCode, body, err)
	}
	if got, body, err := ask("GET", "/broken", "1.1"); err == nil || got.StatusCode != http.StatusOK || len(body) == 0 {
		t.Errorf("HTTP/1.1, broken off: got %d, %d bytes, %v; want an error", got.StatusCode, len(body), err)
	}
	active(true)
	if got, body, err := ask("GET", "/broken", "1.0"); err != nil || got.StatusCode != http.StatusForbidden || !strings.Contains(string(body), `"tenant_forbidden"`) {
		t.Errorf("HTTP/1.0, broken off: got %d %.200s, %v; want 403", got.StatusCode, body, err)
	}
}
